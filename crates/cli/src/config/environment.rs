//! Overrides from the environment: `AGENDUM_LIMITS__NEEDS_MAX=5` is `needs_max = 5` in `[limits]`.
//!
//! Segments are parted by `__`. A segment is the key that it spells, whatever the case, with `_` for everything that is neither letter
//! nor digit: `AGENDUM_TARGETS__OPENAI_MINI__MODEL` reaches `[targets."openai/mini"]`. A value is TOML where it reads as TOML, else text.

use std::ffi::OsString;

use toml::{Table, Value};

use crate::failure::Failure;

const PREFIX: &str = "AGENDUM_";
/// Keys at the top of the file that are no tables, and no flags of the command line either.
const TOP: [&str; 2] = ["OFFLINE", "POLICY"];

/// One variable.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Override {
    pub(super) variable: String,
    path: Vec<String>,
    text: String,
}

/// The overrides among the variables, by name.
pub(super) fn overrides(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<Override>, Failure> {
    let mut found = Vec::new();
    for (variable, value) in variables {
        let Some(variable) = variable.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let rest = &variable[PREFIX.len()..];
        if !rest.contains("__") && !TOP.contains(&rest) {
            continue;
        }
        let text = value.into_string().map_err(|_| Failure::usage(format!("{variable} is not UTF-8")))?;
        let path: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
        if path.iter().any(String::is_empty) {
            return Err(Failure::usage(format!("{variable} names nothing: a segment is empty"))
                .hint("segments are parted by two underscores: AGENDUM_LIMITS__NEEDS_MAX"));
        }
        found.push(Override { variable: variable.to_owned(), path, text });
    }
    found.sort_by(|one, other| one.variable.cmp(&other.variable));
    Ok(found)
}

impl Override {
    /// Sets the value in the tree of the file.
    pub(super) fn apply(&self, tree: &mut Table) -> Result<(), Failure> {
        let mut table = tree;
        let (last, groups) = self.path.split_last().expect("a path has a segment");
        for group in groups {
            let key = self.key(table, group)?;
            let inner = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = inner else {
                return Err(Failure::usage(format!("{}: `{key}` of the configuration is no table", self.variable)));
            };
            table = inner;
        }
        let key = self.key(table, last)?;
        let is_text = matches!(table.get(&key), Some(Value::String(_)));
        table.insert(key, if is_text { Value::String(self.text.clone()) } else { value(&self.text) });
        Ok(())
    }

    /// The key of the table that a segment spells; the segment itself if there is none.
    fn key(&self, table: &Table, segment: &str) -> Result<String, Failure> {
        let spelled = |key: &str| {
            key.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).eq(segment.chars())
        };
        let mut fitting = table.keys().filter(|key| spelled(key));
        match (fitting.next(), fitting.next()) {
            (Some(one), Some(other)) => Err(Failure::usage(format!(
                "{}: the segment {segment:?} may be {one:?} or {other:?}; rename one of them",
                self.variable
            ))),
            (Some(one), None) => Ok(one.clone()),
            (None, _) => Ok(segment.to_owned()),
        }
    }
}

/// A TOML value, or a text that is none.
fn value(text: &str) -> Value {
    let parsed: Result<Table, _> = toml::from_str(&format!("value = {text}"));
    let parsed = parsed.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}
