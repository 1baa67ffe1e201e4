//! What must hold of any text whatever. The fuzz targets (`fuzz/` at the root) call these functions, and a test runs their corpus
//! through the same ones. Each panics where a promise is broken; what a text may cost is bounded by limits.

use std::sync::{Arc, LazyLock};

use agendum_types::graph::{DataRef, Expr, Form, NodeId};
use agendum_types::{Graph, Limits};
use serde_json::json;

use crate::eval::Evaluator;
use crate::{Accepted, NoFiles, Source, check, extend, load, plans};
use crate::{expr, fix};

/// The standard limits, with documents and evaluations that a fuzzer can afford.
const LIMITS: Limits =
    Limits { graph_tasks_max: 2_000, evaluation_fuel: 20_000, evaluation_bytes_max: 64 << 10, ..Limits::STANDARD };

/// A document is refused with places inside it, or accepted: then its normal text gives the same graph again, and it can be extended.
pub fn document(text: &str) {
    let checked = check(Source { name: "fuzz", text }, &NoFiles, &LIMITS);
    for found in &checked.diagnostics {
        assert!(found.span.start <= text.len() && found.line >= 1 && found.column >= 1, "{found:?} lies outside");
        assert!(!found.message.is_empty(), "{found:?} says nothing");
    }
    if checked.diagnostics.iter().any(|found| found.code == "cycle")
        && let Ok(fixed) = fix::fix(Source { name: "fuzz", text }, &NoFiles, &LIMITS)
    {
        let fixed = fixed.expect("a cycle is something to fix");
        let again = check(Source { name: "fuzz", text: &fixed.text }, &NoFiles, &LIMITS);
        assert!(again.accepted.is_some(), "what a fix writes is right: {:#?}", again.diagnostics);
    }
    if let Some(accepted) = &checked.accepted {
        loads(accepted);
        grows(accepted);
    } else {
        assert!(!checked.diagnostics.is_empty(), "refused without a reason");
    }
}

fn loads(accepted: &Accepted) {
    let loaded = load(&accepted.document, &LIMITS).expect("an accepted document loads");
    assert_eq!(loaded.hash, accepted.graph.hash);
    assert_eq!(loaded, accepted.graph, "a stored document gives the same graph");
}

fn grows(accepted: &Accepted) {
    let addition = "tasks: { added_by_the_fuzzer: { uses: chat, with: { prompt: hi } } }";
    let extended = extend(&accepted.document, addition, &LIMITS).expect("an accepted document can be read");
    let Some(more) = &extended.accepted else {
        // A document that has all the tasks it may have, or this very one.
        assert!(!extended.diagnostics.is_empty(), "refused without a reason");
        return;
    };
    loads(more);
    assert_eq!(more.graph.tasks.len(), accepted.graph.tasks.len() + 1);
    assert!(more.graph.exprs.starts_with(&accepted.graph.exprs), "expressions keep their places");
}

/// A graph whose task `a` gave something.
static GRAPH: LazyLock<Arc<Graph>> = LazyLock::new(|| {
    let text = "version: 1\nname: fuzz\ntasks: { a: { uses: chat, with: { prompt: hi } } }";
    let checked = check(Source { name: "fuzz", text }, &NoFiles, &Limits::STANDARD);
    checked.accepted.expect("a document of one task is accepted").graph
});

/// A text is evaluated as an expression and as a template, within fuel and size, and as a part of a document it is refused or accepted.
pub fn expression(text: &str) {
    let evaluator = Evaluator::new(&LIMITS);
    let value = json!({ "text": "words of a text", "list": [1, 2.5, "x", null, { "y": true }], "score": 0.5 });
    let bindings = [
        (DataRef::Inputs, Some(Arc::new(json!({ "q": "why?", "n": 3 })))),
        (DataRef::Output(NodeId(0)), Some(Arc::new(value))),
        (DataRef::Item, None),
    ];
    let reads: Vec<DataRef> = bindings.iter().map(|(read, _)| *read).collect();
    let tree = json!({ "prompt": text, "data": [text] }).to_string();
    let environment = expr::environment();
    for (form, source) in [(Form::Expression, text), (Form::Tree, &tree)] {
        if expr::names(&environment, form, text).is_err() {
            continue; // Such a source comes into no graph.
        }
        let expr = Expr { form, source: source.into(), reads: reads.clone() };
        if let Ok(value) = evaluator.evaluate(&GRAPH, &expr, &bindings) {
            // Sizes are counted before escaping, which multiplies by six at most.
            assert!(value.to_string().len() <= LIMITS.evaluation_bytes_max * 6, "larger than the limit allows");
        }
    }
    let tasks = json!({ "a": { "uses": "chat", "with": { "prompt": "hi" } }, "b": { "uses": "chat", "if": text, "with": { "prompt": text } } });
    document(&json!({ "version": 1, "name": "fuzz", "tasks": tasks }).to_string());
}

/// An agent's plan is refused with reasons, or becomes a document that can be run.
pub fn plan(text: &str) {
    match plans::read(text) {
        None => {}
        Some(Err(reasons)) => assert!(!reasons.is_empty(), "refused without a reason"),
        Some(Ok(read)) => {
            let text = read.to_string();
            let checked = check(Source { name: "fuzz", text: &text }, &NoFiles, &LIMITS);
            // A plan of many tools is small, and its document need not be.
            let too_large = checked.diagnostics.iter().any(|found| found.code.starts_with("too_"));
            assert!(too_large || checked.runnable().is_some(), "{:#?}", checked.diagnostics);
        }
    }
}
