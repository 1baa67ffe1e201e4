//! The group of a run: what the key of its graph gives for its inputs.

use std::sync::Arc;

use agendum_types::graph::DataRef;
use agendum_types::{Concurrency, Graph};
use serde_json::Value as Json;

use crate::eval::{EvalError, Evaluator};

/// Why the key of a run's group is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// It could not be evaluated.
    #[error("`concurrency.key` cannot be evaluated: {0}")]
    Failed(#[from] EvalError),
    /// It is no text and no number.
    #[error("`concurrency.key` gives {0}: a text or a number was expected")]
    Type(&'static str),
    /// It is too long, or empty.
    #[error("`concurrency.key` gives a text of {0} characters: 1 to {max} were expected", max = Concurrency::KEY_CHARS_MAX)]
    Length(usize),
}

/// The group of a run with these checked inputs; `None` if the graph has no `concurrency`.
///
/// # Errors
///
/// If the key is none.
pub fn of(evaluator: &Evaluator, graph: &Graph, inputs: &Arc<Json>) -> Result<Option<Concurrency>, NoKey> {
    let Some((expr, turns)) = graph.concurrency else { return Ok(None) };
    let bindings = [(DataRef::Inputs, Some(Arc::clone(inputs)))];
    let key = match evaluator.evaluate(graph, graph.expr(expr), &bindings)? {
        Json::String(text) => text,
        Json::Number(number) => number.to_string(),
        Json::Null => return Err(NoKey::Type("nothing")),
        Json::Bool(_) => return Err(NoKey::Type("a truth value")),
        Json::Array(_) => return Err(NoKey::Type("a list")),
        Json::Object(_) => return Err(NoKey::Type("an object")),
    };
    let length = key.chars().count();
    if !(1..=Concurrency::KEY_CHARS_MAX).contains(&length) {
        return Err(NoKey::Length(length));
    }
    Ok(Some(Concurrency { key: key.into(), turns }))
}
