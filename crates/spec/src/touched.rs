//! Which tasks read something that is another in a run with other inputs.

use std::collections::BTreeSet;

use agendum_types::graph::{DataRef, Expr, Form, NodeId};
use agendum_types::{Graph, Limits};
use serde_json::Value as Json;

use crate::expr::{self, Text};
use crate::names::{self, Part};

/// The root of a path that reads inputs.
const INPUTS: &str = "inputs";

/// The tasks at the top in which an expression reads an input that is another now, or what each run has of its own, its id and its keys;
/// also where it cannot be told what is read. Of a call that stands at the top only what makes its output of its result counts: its
/// input is compared as it comes out.
#[must_use]
pub fn touched(graph: &Graph, before: &Json, now: &Json, limits: &Limits) -> BTreeSet<NodeId> {
    let of = |inputs: &Json| inputs.as_object().cloned().unwrap_or_default();
    let (before, now) = (of(before), of(now));
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let other: BTreeSet<&str> =
        names.into_iter().filter(|name| before.get(*name) != now.get(*name)).map(String::as_str).collect();
    let reads = |expr: &Expr| {
        let is_anew = expr.reads.iter().any(|read| matches!(read, DataRef::RunId | DataRef::Key));
        is_anew || expr.reads.contains(&DataRef::Inputs) && reads_any(expr, &other, limits)
    };
    let tasks = (0_u32..).map(NodeId).zip(&graph.tasks);
    let touched = tasks.filter(|(node, task)| match graph.top_of(*node) {
        // A fork asks again what it is asked and when; what takes it back does not decide what it gives.
        top if !graph.holds_others(top) => top == *node && task.verdicts().any(|expr| reads(graph.expr(expr))),
        _ => task.exprs().any(|expr| reads(graph.expr(expr))),
    });
    touched.map(|(node, _)| graph.top_of(node)).collect()
}

fn reads_any(expr: &Expr, other: &BTreeSet<&str>, limits: &Limits) -> bool {
    match expr.form {
        Form::Constant => false,
        Form::Expression => source_reads_any(Form::Expression, &expr.source, other, limits),
        // A JSON text whose strings are read one by one.
        Form::Tree => match serde_json::from_str::<Json>(&expr.source) {
            Ok(tree) => texts(&tree).any(|text| match expr::classify(text) {
                Text::Plain => false,
                Text::Expression(source) => source_reads_any(Form::Expression, source, other, limits),
                Text::Template => source_reads_any(Form::Tree, text, other, limits),
            }),
            Err(_) => true,
        },
    }
}

fn source_reads_any(form: Form, source: &str, other: &BTreeSet<&str>, limits: &Limits) -> bool {
    let Ok(names) = names::all(limits, form, source) else { return true };
    names.reads.iter().any(|read| match read.parts.as_slice() {
        [Part::Field((root, _)), rest @ ..] if *root == INPUTS => match rest.first() {
            Some(Part::Field((name, _))) => other.contains(name),
            // All of them, or one whose name is computed.
            Some(Part::Item) | None => true,
        },
        _ => false,
    })
}

/// Every text of a tree; names of members are none that is evaluated.
fn texts(tree: &Json) -> impl Iterator<Item = &str> {
    let mut open = vec![tree];
    let mut found = Vec::new();
    while let Some(value) = open.pop() {
        match value {
            Json::String(text) => found.push(text.as_str()),
            Json::Array(list) => open.extend(list),
            Json::Object(members) => open.extend(members.values()),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
    found.into_iter()
}
