//! Policies: their parameters, and where two differ.

use std::collections::BTreeSet;
use std::io::Write as _;

use agendum_spec::policy::{Difference, Parameter};
use serde_json::Value as Json;

use super::column::Column;
use super::out;
use crate::failure::Failure;

/// Rows that are shown; of more weights nobody reads each. Machines are told all.
const ROWS_MAX: usize = 60;

/// A value as documents have it; without quotes.
fn written(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Object(_) => "none".to_owned(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => value.to_string(),
    }
}

fn of_one(value: Option<&Json>) -> String {
    value.map_or_else(|| "–".to_owned(), written)
}

/// What a parameter is where something else counts, where that is another value; `None` inside where that has no such parameter.
#[derive(Default)]
pub(crate) struct Otherwise {
    /// By the policy, without the plan that is in force.
    pub(crate) policy: Option<Option<Json>>,
    /// In `balanced`.
    pub(crate) balanced: Option<Option<Json>>,
}

impl Otherwise {
    /// The mark of its line.
    const fn mark(&self) -> &'static str {
        match (&self.policy, &self.balanced) {
            (Some(_), _) => "+",
            (None, Some(_)) => "*",
            (None, None) => " ",
        }
    }

    fn told(&self) -> String {
        let told = |of: &Option<Option<Json>>, where_: &str| {
            of.as_ref().map(|value| format!("{where_}: {}", of_one(value.as_ref())))
        };
        let both = [told(&self.policy, "policy"), told(&self.balanced, "balanced")];
        both.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A line each: its path, its value, what it means the first time, and what it is otherwise.
pub(crate) fn parameters(all: &[Parameter], otherwise: impl Fn(&str) -> Otherwise) -> Result<(), Failure> {
    let mut out = out();
    let rows: Vec<([String; 3], &str)> = all
        .iter()
        .take(ROWS_MAX)
        .map(|one| {
            let of = otherwise(&one.path);
            ([out.harmless(&one.path).into_owned(), written(&one.value), of.told()], of.mark())
        })
        .collect();
    let [paths, values, changes] = [0, 1, 2].map(|place| Column::of(rows.iter().map(|(row, _)| row[place].as_str())));
    let mut meanings = Meanings::default();
    for (([path, value, change], mark), Parameter { meaning, .. }) in rows.iter().zip(all) {
        let (path, value, change) = (paths.fit(path), values.fit(value), changes.fit(change));
        let row = format!("{mark} {path}  {value}  {change}  {}", meanings.told(meaning));
        writeln!(out, "{}", row.trim_end())?;
    }
    rest(all.len())?;
    let has = |wanted: &str| rows.iter().any(|(_, mark)| *mark == wanted);
    let legend = [("*", "not as in balanced"), ("+", "by the plan, for as long as it is in force")];
    let told: Vec<String> =
        legend.iter().filter(|(mark, _)| has(mark)).map(|(mark, what)| format!("{mark} {what}")).collect();
    if !told.is_empty() {
        writeln!(out, "\n{}", told.join("; "))?;
    }
    Ok(())
}

/// A line each: its path, its value in the one and in the other, what it means the first time.
pub(crate) fn differences(all: &[Difference]) -> Result<(), Failure> {
    let mut out = out();
    let rows: Vec<[String; 3]> = all
        .iter()
        .take(ROWS_MAX)
        .map(|one| {
            let [here, there] = [0, 1].map(|place| of_one(one.values[place].as_ref()));
            [out.harmless(&one.path).into_owned(), here, there]
        })
        .collect();
    let widths =
        [0, 1, 2].map(|place| Column::of(rows.iter().map(|row| row[place].as_str()).chain([["", "a", "b"][place]])));
    let line = |row: [&str; 3]| [0, 1, 2].map(|place| widths[place].fit(row[place])).join("  ");
    writeln!(out, "{}", line(["", "a", "b"]).trim_end())?;
    let mut meanings = Meanings::default();
    for ([path, here, there], Difference { meaning, .. }) in rows.iter().zip(all) {
        writeln!(out, "{}", format!("{}  {}", line([path, here, there]), meanings.told(meaning)).trim_end())?;
    }
    rest(all.len())
}

fn rest(count: usize) -> Result<(), Failure> {
    if count > ROWS_MAX {
        writeln!(out(), "… and {} more: --json tells them", count - ROWS_MAX)?;
    }
    Ok(())
}

/// What was said already.
#[derive(Default)]
struct Meanings(BTreeSet<&'static str>);

impl Meanings {
    fn told(&mut self, meaning: &'static str) -> &'static str {
        if self.0.insert(meaning) { meaning } else { "" }
    }
}
