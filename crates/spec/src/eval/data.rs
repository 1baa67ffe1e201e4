//! JSON as expressions see it: shared, and turned into their values only as far as they look.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use serde_json::Value as Json;

/// Texts up to this length are as cheap to copy as to remember.
const SHORT: usize = 32;

/// A list or a map somewhere in a JSON value.
pub(super) struct Data {
    root: Arc<Json>,
    path: Vec<Step>,
    /// What was asked for before: it is copied once, however often a loop asks.
    seen: Mutex<BTreeMap<Step, Value>>,
    weight: OnceLock<usize>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(usize),
    Key(Arc<str>),
}

/// The value of an expression that reads this.
pub(super) fn value(root: &Arc<Json>) -> Value {
    part(root, root, Vec::new)
}

fn part(root: &Arc<Json>, json: &Json, path: impl FnOnce() -> Vec<Step>) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => Value::from(number),
            (None, Some(number), _) => Value::from(number),
            (None, None, number) => number.map_or_else(|| Value::from(()), Value::from),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(_) | Json::Object(_) => Value::from_object(Data {
            root: Arc::clone(root),
            path: path(),
            seen: Mutex::default(),
            weight: OnceLock::new(),
        }),
    }
}

impl Data {
    pub(super) fn json(&self) -> &Json {
        let found = self.path.iter().try_fold(&*self.root, |json, step| step.of(json));
        found.unwrap_or(&Json::Null)
    }

    /// About how many bytes it takes as JSON; asked for the first time, it is walked.
    pub(super) fn weight(&self) -> usize {
        *self.weight.get_or_init(|| super::size(self.json()))
    }

    fn len(&self) -> usize {
        match self.json() {
            Json::Array(items) => items.len(),
            Json::Object(entries) => entries.len(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 0,
        }
    }

    fn get(&self, step: Step) -> Option<Value> {
        let json = step.of(self.json())?;
        let is_cheap = match json {
            Json::Null | Json::Bool(_) | Json::Number(_) => true,
            Json::String(text) => text.len() <= SHORT,
            Json::Array(_) | Json::Object(_) => false,
        };
        if is_cheap {
            return Some(part(&self.root, json, Vec::new));
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let value = seen
            .entry(step.clone())
            .or_insert_with(|| part(&self.root, json, || self.path.iter().cloned().chain([step]).collect()));
        Some(value.clone())
    }
}

impl Step {
    fn of<'j>(&self, json: &'j Json) -> Option<&'j Json> {
        match self {
            Self::Index(index) => json.as_array()?.get(*index),
            Self::Key(key) => json.as_object()?.get(&**key),
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.json(), f)
    }
}

impl Object for Data {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(key) => self.get(Step::Key(key.into())),
            None => self.get(Step::Index(key.as_usize()?)),
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.get(Step::Key(key.into()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            Json::Object(entries) => Enumerator::Values(entries.keys().map(|key| Value::from(key.as_str())).collect()),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                Enumerator::Seq(self.len())
            }
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.len())
    }
}
