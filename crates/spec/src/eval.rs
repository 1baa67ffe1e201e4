//! Evaluates what a graph holds as source. Pure: what an expression reads comes in as bindings, and a bound is set to what it may cost.

mod paths;

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::{DataRef, Expr, Form};
use agendum_types::{Graph, Limits};
use minijinja::Environment;
use serde_json::{Map, Value as Json};

use crate::expr::{self, Text};

/// What an expression reads, by reference; `None` is undefined.
pub type Bindings = [(DataRef, Option<Arc<Json>>)];

/// Evaluates expressions and templates.
#[derive(Debug)]
pub struct Evaluator {
    environment: Environment<'static>,
    bytes_max: usize,
}

/// Why an evaluation gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The expression itself failed.
    #[error("{0}")]
    Failed(String),
    /// It took more steps than it may.
    #[error("the expression took more steps than the limit allows")]
    OutOfFuel,
    /// It gave more than it may, which is this many bytes.
    #[error("the expression gave more than the {0} bytes that the limit allows")]
    TooLarge(usize),
}

impl Evaluator {
    /// An evaluator within these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let mut environment = expr::environment();
        environment.set_fuel(Some(limits.evaluation_fuel));
        Self { environment, bytes_max: limits.evaluation_bytes_max }
    }

    /// The value of an expression that is one dotted path, where it lies; `None` if [`Evaluator::evaluate`] has to be asked.
    ///
    /// # Errors
    ///
    /// If the value is larger than an evaluation may give.
    pub fn look_up<'a>(
        &self,
        graph: &Graph,
        expr: &Expr,
        bindings: &'a Bindings,
    ) -> Result<Option<&'a Json>, EvalError> {
        if expr.form != Form::Expression {
            return Ok(None);
        }
        paths::find(graph, &expr.source, bindings).map(|value| self.within_size(value)).transpose()
    }

    /// The value of an expression of a graph.
    ///
    /// # Errors
    ///
    /// If the expression fails, costs too much, or gives too much.
    pub fn evaluate(&self, graph: &Graph, expr: &Expr, bindings: &Bindings) -> Result<Json, EvalError> {
        if let Some(value) = self.look_up(graph, expr, bindings)? {
            return Ok(value.clone());
        }
        let value = match expr.form {
            Form::Constant => {
                serde_json::from_str(&expr.source).map_err(|error| EvalError::Failed(error.to_string()))?
            }
            Form::Expression => self.expression(&expr.source, &context(graph, &expr.source, bindings))?,
            Form::Tree => self.tree(&expr.source, context(graph, &expr.source, bindings))?,
        };
        self.within_size(&value)?;
        Ok(value)
    }

    fn within_size<'a>(&self, value: &'a Json) -> Result<&'a Json, EvalError> {
        let bytes = size(value);
        if bytes > self.bytes_max { Err(EvalError::TooLarge(self.bytes_max)) } else { Ok(value) }
    }

    fn expression(&self, source: &str, context: &Map<String, Json>) -> Result<Json, EvalError> {
        let compiled = self.environment.compile_expression(source).map_err(|error| failed(&error))?;
        let value =
            compiled.eval(minijinja::Value::from(minijinja::value::Serde(context))).map_err(|error| failed(&error))?;
        if value.is_undefined() {
            return Ok(Json::Null);
        }
        // Fuel counts steps, and one step can make a list of millions or one that holds itself many times over.
        let mut left = self.bytes_max;
        if !fits(&value, &mut left, VALUES_DEPTH_MAX) {
            return Err(EvalError::TooLarge(self.bytes_max));
        }
        serde_json::to_value(&value).map_err(|error| EvalError::Failed(error.to_string()))
    }

    fn template(&self, source: &str, context: &Map<String, Json>) -> Result<Json, EvalError> {
        let template = self.environment.template_from_str(source).map_err(|error| failed(&error))?;
        let mut text = Bounded { bytes: Vec::new(), bytes_max: self.bytes_max };
        match template.render_captured_to(minijinja::Value::from(minijinja::value::Serde(context)), &mut text) {
            Err(error) if error.kind() == minijinja::ErrorKind::WriteFailure => {
                Err(EvalError::TooLarge(self.bytes_max))
            }
            Err(error) => Err(failed(&error)),
            Ok(_) => Ok(Json::String(String::from_utf8_lossy(&text.bytes).into_owned())),
        }
    }

    /// A tree: every text with something to evaluate is replaced. `prompt` and `system` come last and see the other arguments.
    fn tree(&self, source: &str, mut context: Map<String, Json>) -> Result<Json, EvalError> {
        let parsed: Json = serde_json::from_str(source).map_err(|error| EvalError::Failed(error.to_string()))?;
        let Json::Object(entries) = parsed else { return self.node(&parsed, &context) };
        let is_late = |key: &str| matches!(key, "prompt" | "system");
        let mut made = BTreeMap::new();
        for (key, value) in entries.iter().filter(|(key, _)| !is_late(key)) {
            made.insert(key.as_str(), self.node(value, &context)?);
        }
        for (key, value) in &made {
            if !context.contains_key(*key) {
                context.insert((*key).to_owned(), value.clone());
            }
        }
        for (key, value) in entries.iter().filter(|(key, _)| is_late(key)) {
            made.insert(key.as_str(), self.node(value, &context)?);
        }
        Ok(entries.keys().map(|key| (key.clone(), made.remove(key.as_str()).unwrap_or(Json::Null))).collect())
    }

    fn node(&self, node: &Json, context: &Map<String, Json>) -> Result<Json, EvalError> {
        match node {
            Json::String(text) => match expr::classify(text) {
                Text::Plain => Ok(node.clone()),
                Text::Expression(source) => self.expression(source, context),
                Text::Template => self.template(text, context),
            },
            Json::Array(items) => items.iter().map(|item| self.node(item, context)).collect(),
            Json::Object(entries) => {
                entries.iter().map(|(key, value)| Ok((key.clone(), self.node(value, context)?))).collect()
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => Ok(node.clone()),
        }
    }
}

/// Values inside values that an expression gives.
const VALUES_DEPTH_MAX: usize = 128;

/// True if a value is small enough to be written out.
fn fits(value: &minijinja::Value, left: &mut usize, depth: usize) -> bool {
    use minijinja::value::ValueKind;
    let cost = 1 + value.as_str().map_or(0, str::len);
    let Some(rest) = left.checked_sub(cost) else { return false };
    *left = rest;
    let is_list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    if !is_list && value.kind() != ValueKind::Map {
        return true;
    }
    if depth == 0 || value.len().is_some_and(|count| count > *left) {
        return false;
    }
    // A map gives its keys.
    let of_map =
        |key: &minijinja::Value, left: &mut usize| value.get_item(key).is_ok_and(|item| fits(&item, left, depth - 1));
    let Ok(mut inside) = value.try_iter() else { return true };
    inside.all(|one| fits(&one, left, depth - 1) && (is_list || of_map(&one, left)))
}

/// Takes what a template writes, up to a size.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The truth of a value, as in conditions: empty texts, lists and maps, zero and nothing are false.
#[must_use]
pub fn truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(truth) => *truth,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(entries) => !entries.is_empty(),
    }
}

/// Groups lie inside groups to the depth of [`Limits::depth_max`]; what is further out than this cannot be named.
const OUTER_DEPTH_MAX: usize = 8;

/// The names that expressions see. Names of tasks do not shadow each other, so `tasks` and every `outer.tasks` can be one map.
fn context(graph: &Graph, source: &str, bindings: &Bindings) -> Map<String, Json> {
    let outer_depth = source.matches("outer").count().min(OUTER_DEPTH_MAX);
    let mut context = Map::new();
    let mut tasks = Map::new();
    let mut previous = Map::new();
    let mut of_loop = Map::new();
    let mut run = Map::new();
    for (read, value) in bindings {
        let Some(value) = value.as_deref() else { continue };
        if *read == DataRef::Inputs {
            // The list of a `foreach` lies in there, and each of its items is evaluated.
            context.insert("inputs".into(), paths::narrow(source, "inputs", value));
            continue;
        }
        let value = value.clone();
        let output = |value: Json| Json::Object([("output".to_owned(), value)].into_iter().collect());
        match read {
            DataRef::Inputs => {}
            DataRef::Output(node) => drop(tasks.insert(graph.task(*node).name.to_string(), output(value))),
            DataRef::Previous(node) => drop(previous.insert(graph.task(*node).name.to_string(), output(value))),
            DataRef::Round => drop(of_loop.insert("round".into(), value)),
            DataRef::Item => drop(context.insert("item".into(), value)),
            DataRef::ItemIndex => drop(context.insert("item_index".into(), value)),
            DataRef::Candidate => drop(context.insert("output".into(), value)),
            DataRef::Key => drop(context.insert("task".into(), serde_json::json!({ "key": value }))),
            DataRef::RunId => drop(run.insert("id".into(), value)),
            DataRef::RunError => drop(run.insert("error".into(), value)),
            DataRef::PartialOutput => drop(run.insert("partial_output".into(), value)),
        }
    }
    let mut outer = Map::new();
    for _ in 0..outer_depth {
        let further = std::mem::take(&mut outer);
        outer.insert("tasks".into(), Json::Object(tasks.clone()));
        outer.insert("outer".into(), Json::Object(further));
    }
    context.insert("outer".into(), Json::Object(outer));
    of_loop.insert("previous".into(), serde_json::json!({ "tasks": previous }));
    context.insert("tasks".into(), Json::Object(tasks));
    context.insert("loop".into(), Json::Object(of_loop));
    context.insert("run".into(), Json::Object(run));
    context
}

fn failed(error: &minijinja::Error) -> EvalError {
    if error.kind() == minijinja::ErrorKind::OutOfFuel {
        return EvalError::OutOfFuel;
    }
    let line = error.line().map_or(String::new(), |line| format!(" (line {line})"));
    EvalError::Failed(format!("{}{line}", error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)))
}

/// About how many bytes the value takes as JSON.
fn size(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) => 4,
        Json::Number(_) => 8,
        Json::String(text) => text.len() + 2,
        Json::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
        Json::Object(entries) => entries.iter().map(|(key, value)| key.len() + size(value) + 4).sum::<usize>() + 2,
    }
}
