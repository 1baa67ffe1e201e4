//! Evaluates what a graph holds as source. Pure: what an expression reads comes in as bindings, and a bound is set to what it may cost.

mod compiled;
mod cut;
mod data;
mod paths;
mod weigh;

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::{DataRef, Expr, Form};
use agendum_types::{Graph, Limits};
use minijinja::machinery;
use minijinja::{AutoEscape, Environment, Value};
use serde_json::Value as Json;

use crate::expr::{self, Text};
use compiled::{Code, Compilations};
use data::Data;

/// What an expression reads, by reference; `None` is undefined.
pub type Bindings = [(DataRef, Option<Arc<Json>>)];

/// Evaluates expressions and templates.
#[derive(Debug)]
pub struct Evaluator {
    environment: Environment<'static>,
    compiled: Compilations,
    limits: Limits,
}

/// What one evaluation reads by name, and what it has spent: all texts of a tree have one purse.
struct Work {
    names: BTreeMap<String, Value>,
    spent: u64,
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
    /// It gave more than it may.
    #[error("the expression gave {0} bytes, more than the limit allows")]
    TooLarge(usize),
}

impl Evaluator {
    /// An evaluator within these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let mut environment = expr::environment();
        environment.set_fuel(Some(limits.evaluation_fuel));
        weigh::install(&mut environment, limits.value_depth_max);
        cut::install(&mut environment);
        Self { environment, compiled: Compilations::new(), limits: limits.clone() }
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
        let work = || Work::new(graph, &expr.source, bindings, self.limits.depth_max);
        let value = match expr.form {
            Form::Constant => {
                serde_json::from_str(&expr.source).map_err(|error| EvalError::Failed(error.to_string()))?
            }
            Form::Expression => self.expression(&expr.source, &mut work())?,
            Form::Tree => self.tree(&expr.source, &mut work())?,
        };
        self.within_size(&value)?;
        Ok(value)
    }

    fn within_size<'a>(&self, value: &'a Json) -> Result<&'a Json, EvalError> {
        let bytes = size(value);
        if bytes > self.limits.evaluation_bytes_max { Err(EvalError::TooLarge(bytes)) } else { Ok(value) }
    }

    fn expression(&self, source: &str, work: &mut Work) -> Result<Json, EvalError> {
        let value = self.run(source, Form::Expression, work, &mut String::new())?.unwrap_or_default();
        if value.is_undefined() {
            return Ok(Json::Null);
        }
        if let Some(data) = value.downcast_object_ref::<Data>() {
            return self.within_size(data.json()).cloned();
        }
        serde_json::to_value(&value).map_err(|error| EvalError::Failed(error.to_string()))
    }

    fn template(&self, source: &str, work: &mut Work) -> Result<Json, EvalError> {
        let mut text = String::new();
        self.run(source, Form::Tree, work, &mut text)?;
        let bytes = text.len();
        if bytes > self.limits.evaluation_bytes_max { Err(EvalError::TooLarge(bytes)) } else { Ok(Json::String(text)) }
    }

    /// Evaluates a source: an expression gives its value, a template its text.
    fn run(&self, source: &str, form: Form, work: &mut Work, text: &mut String) -> Result<Option<Value>, EvalError> {
        let compiled = self.compiled.of(source, form, &self.limits).map_err(EvalError::Failed)?;
        let Code { instructions, blocks } = compiled.borrow_dependent();
        let root = Value::from_pairs(work.names.iter().map(|(name, value)| (name.as_str(), value.clone())));
        let mut out = machinery::make_string_output(text);
        let done = machinery::eval(&self.environment, instructions, root, blocks, &mut out, AutoEscape::None);
        let (value, state) = done.map_err(|error| failed(&error))?;
        work.spent += state.fuel_levels().map_or(0, |(spent, _)| spent);
        if work.spent > self.limits.evaluation_fuel { Err(EvalError::OutOfFuel) } else { Ok(value) }
    }

    /// A tree: every text with something to evaluate is replaced. `prompt` and `system` come last and see the other arguments.
    fn tree(&self, source: &str, work: &mut Work) -> Result<Json, EvalError> {
        let parsed: Json = serde_json::from_str(source).map_err(|error| EvalError::Failed(error.to_string()))?;
        let Json::Object(entries) = parsed else { return self.node(&parsed, work) };
        let mut made = BTreeMap::new();
        for (key, value) in entries.iter().filter(|(key, _)| !expr::is_late(key)) {
            made.insert(key.as_str(), Arc::new(self.node(value, work)?));
        }
        let seen: Vec<_> = made.iter().map(|(key, value)| ((*key).to_owned(), data::value(value))).collect();
        work.names.extend(seen);
        for (key, value) in entries.iter().filter(|(key, _)| expr::is_late(key)) {
            made.insert(key.as_str(), Arc::new(self.node(value, work)?));
        }
        work.names.clear();
        let whole = |value: Option<Arc<Json>>| value.map_or(Json::Null, Arc::unwrap_or_clone);
        Ok(entries.keys().map(|key| (key.clone(), whole(made.remove(key.as_str())))).collect())
    }

    fn node(&self, node: &Json, work: &mut Work) -> Result<Json, EvalError> {
        match node {
            Json::String(text) => match expr::classify(text) {
                Text::Plain => Ok(node.clone()),
                Text::Expression(source) => self.expression(source, work),
                Text::Template => self.template(text, work),
            },
            Json::Array(items) => items.iter().map(|item| self.node(item, work)).collect(),
            Json::Object(entries) => {
                entries.iter().map(|(key, value)| Ok((key.clone(), self.node(value, work)?))).collect()
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => Ok(node.clone()),
        }
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

impl Work {
    /// The names that expressions see. Names of tasks do not shadow each other, so `tasks` and every `outer.tasks` can be one map.
    ///
    /// Groups lie inside groups to this depth; what is further out cannot be named.
    fn new(graph: &Graph, source: &str, bindings: &Bindings, depth_max: u32) -> Self {
        let outer_depth = source.matches("outer").count().min(depth_max as usize);
        let mut names = BTreeMap::new();
        let (mut tasks, mut previous) = (Vec::new(), Vec::new());
        let (mut of_loop, mut run) = (Vec::new(), Vec::new());
        for (read, value) in bindings {
            let Some(value) = value.as_ref().map(data::value) else { continue };
            match read {
                DataRef::Output(node) => tasks.push((&*graph.task(*node).name, map([("output", value)]))),
                DataRef::Previous(node) => previous.push((&*graph.task(*node).name, map([("output", value)]))),
                DataRef::Round => of_loop.push(("round", value)),
                DataRef::Inputs => drop(names.insert("inputs".to_owned(), value)),
                DataRef::Item => drop(names.insert("item".to_owned(), value)),
                DataRef::ItemIndex => drop(names.insert("item_index".to_owned(), value)),
                DataRef::Candidate => drop(names.insert("output".to_owned(), value)),
                DataRef::Key => drop(names.insert("task".to_owned(), map([("key", value)]))),
                DataRef::RunId => run.push(("id", value)),
                DataRef::RunError => run.push(("error", value)),
                DataRef::PartialOutput => run.push(("partial_output", value)),
                DataRef::Caught => drop(names.insert("error".to_owned(), value)),
            }
        }
        let tasks = map(tasks);
        let mut outer = map([]);
        for _ in 0..outer_depth {
            outer = map([("tasks", tasks.clone()), ("outer", outer)]);
        }
        of_loop.push(("previous", map([("tasks", map(previous))])));
        for (name, value) in [("outer", outer), ("tasks", tasks), ("loop", map(of_loop)), ("run", map(run))] {
            names.insert(name.to_owned(), value);
        }
        Self { names, spent: 0 }
    }
}

fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::from_pairs(entries)
}

fn failed(error: &minijinja::Error) -> EvalError {
    if error.kind() == minijinja::ErrorKind::OutOfFuel {
        return EvalError::OutOfFuel;
    }
    let line = error.line().map_or(String::new(), |line| format!(" (line {line})"));
    EvalError::Failed(format!("{}{line}", expr::message(error)))
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
