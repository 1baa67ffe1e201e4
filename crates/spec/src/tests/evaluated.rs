//! What expressions give.

use std::sync::Arc;

use agendum_types::Limits;
use agendum_types::graph::{DataRef, Work};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::checked;
use crate::eval::Evaluator;
use crate::{NoFiles, Source, check};

/// Evaluates the `with` of task `b`, where task `a` gave `output` and the inputs are `inputs`.
fn with(text: &str, output: Option<Json>, inputs: Json) -> String {
    let text =
        format!("tasks:\n  a: {{ uses: chat, with: {{ prompt: hi }} }}\n  b:\n    uses: chat\n    with: {text}\n");
    let checked = checked(&text);
    let accepted = checked.runnable().unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let graph = &accepted.graph;
    let Work::Call(call) = &graph.tasks[1].work else { unreachable!("b is a call") };
    let expr = graph.expr(call.input);
    let bindings: Vec<_> = expr
        .reads
        .iter()
        .map(|read| {
            (
                *read,
                match read {
                    DataRef::Inputs => Some(Arc::new(inputs.clone())),
                    DataRef::Output(_) => output.clone().map(Arc::new),
                    _ => None,
                },
            )
        })
        .collect();
    let limits = Limits { evaluation_fuel: 50_000, evaluation_bytes_max: 10_000, ..Limits::STANDARD };
    match Evaluator::new(&limits).evaluate(graph, expr, &bindings) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn a_single_expression_keeps_its_type() {
    assert_snapshot!(with(r#"{ prompt: hi, n: "${{ inputs.n + 1 }}", l: "${{ tasks.a.output.list }}", t: "n=${{ inputs.n }}" }"#, Some(json!({"list": [1, "x"]})), json!({"n": 2})), @r#"{"prompt":"hi","n":3,"l":[1,"x"],"t":"n=2"}"#);
}

#[test]
fn a_skipped_task_is_undefined_and_chains() {
    assert_snapshot!(with(r#"{ prompt: hi, t: "${{ tasks.a.output.text or 'none' }}", u: "${{ tasks.a.output.text }}" }"#, None, json!({})), @r#"{"prompt":"hi","t":"none","u":null}"#);
}

#[test]
fn prompts_are_rendered_last() {
    assert_snapshot!(with(r#"{ prompt: "{% for p in passages %}[${{ p }}] {% endfor %}${{ inputs.q }}", passages: "${{ tasks.a.output }}" }"#, Some(json!(["x", "y"])), json!({"q": "why?"})), @r#"{"prompt":"[x] [y] why?","passages":["x","y"]}"#);
}

#[test]
fn runaway_templates_stop() {
    assert_snapshot!(with(r#"{ prompt: "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}" }"#, None, json!({})), @"error: the expression took more steps than the limit allows");
}

#[test]
fn results_have_a_size() {
    assert_snapshot!(with(r#"{ prompt: "${{ 'x' * 20000 }}" }"#, None, json!({})), @"error: the expression gave 20014 bytes, more than the limit allows");
}

#[test]
fn a_step_that_makes_millions_is_stopped() {
    assert_snapshot!(with(r#"{ prompt: hi, x: "${{ [1] * 9000000 }}" }"#, None, json!({})), @"error: the expression took more steps than the limit allows");
    assert_snapshot!(with(r#"{ prompt: hi, x: "${{ [[1] * 9000] * 9000 }}" }"#, None, json!({})), @"error: the expression took more steps than the limit allows");
    assert_snapshot!(with(r#"{ prompt: hi, x: "so ${{ [1] * 9000 }}" }"#, None, json!({})), @"error: the expression gave 27003 bytes, more than the limit allows");
}

#[test]
fn a_text_around_a_value_prints_it_as_the_language_does() {
    let inputs = json!({ "yes": true, "list": ["a", 1, null] });
    assert_snapshot!(with(r#"{ prompt: "${{ inputs.yes }}, ${{ inputs.list }}, ${{ inputs.list | tojson }}" }"#, None, inputs), @r#"{"prompt":"True, ['a', 1, None], [\"a\", 1, null]"}"#);
}

#[test]
fn what_is_no_number_is_shown() {
    let as_number = |of: &str, filter: &str| {
        with(&format!(r#"{{ prompt: hi, n: "${{{{ inputs.n | {filter} }}}}" }}"#), None, json!({ "n": of }))
    };
    assert_snapshot!(as_number("7\n", "int"), @r#"error: "7\n" cannot be read as a number: take the white space away with `| trim` (line 1)"#);
    assert_snapshot!(as_number("seven\n", "int"), @r#"error: "seven\n" cannot be read as a number (line 1)"#);
    assert_snapshot!(as_number("7", "int(bse=16)"), @"error: unknown keyword argument 'bse' (line 1)");
    assert_snapshot!(as_number("seven", "int(base='x')"), @"error: cannot convert string to u32 (line 1)");
    assert_snapshot!(as_number("seven", "float"), @r#"error: "seven" cannot be read as a number (line 1)"#);
    assert_snapshot!(as_number(&"x".repeat(9_000), "int"), @r#"error: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"… cannot be read as a number (line 1)"#);
    assert_snapshot!(as_number("7", "int"), @r#"{"prompt":"hi","n":7}"#);
    assert_snapshot!(as_number("f", "int(base=16)"), @r#"{"prompt":"hi","n":15}"#);
    assert_snapshot!(as_number("seven", "int(default=7)"), @r#"{"prompt":"hi","n":7}"#);
}

#[test]
fn a_path_gives_what_the_language_gives() {
    let (output, inputs) =
        (json!({"list": [1, 2.0, null], "deep": {"n": 18446744073709551615_u64}}), json!({"a": {"b": []}}));
    for path in [
        "inputs",
        "inputs.a",
        "inputs.a.b",
        "inputs.none.b",
        "tasks.a.output",
        "tasks.a.output.deep.n",
        "tasks.a.output.list",
    ] {
        let given = |path: &str| {
            with(&format!(r#"{{ prompt: x, v: "${{{{ {path} }}}}" }}"#), Some(output.clone()), inputs.clone())
        };
        // Parentheses make it an expression; alone it is looked up.
        assert_eq!(given(path), given(&format!("({path})")), "{path}");
    }
}

#[test]
fn an_argument_is_seen_over_data_of_its_name() {
    assert_snapshot!(with(r#"{ prompt: "Plan ${{ run }} in ${{ task }}", system: "${{ item }}", run: "10 km", task: "${{ inputs.n }} days", item: all }"#, None, json!({"n": 2})), @r#"{"prompt":"Plan 10 km in 2 days","system":"all","run":"10 km","task":"2 days","item":"all"}"#);
}

#[test]
fn outer_reaches_the_top_from_the_deepest_group() {
    let limits = Limits { depth_max: 10, ..Limits::STANDARD };
    let open: String = (0..9).map(|at| format!("g{at}: {{ tasks: {{ ")).collect();
    let reads = format!("${{{{ '' ~ {}tasks.a.output }}}}", "outer.".repeat(9));
    let call = |prompt: &str| format!("{{ uses: chat, with: {{ prompt: \"{prompt}\" }} }}");
    let tasks = format!("a: {}, {open}x: {}{}", call("hi"), call(&reads), " } }".repeat(9));
    let text = format!("version: 1\nname: deep\ntasks: {{ {tasks} }}\n");
    let checked = check(Source { name: "graph.yaml", text: &text }, &NoFiles, &limits);
    let graph = &checked.runnable().unwrap_or_else(|| panic!("{:#?}", checked.diagnostics)).graph;
    let Work::Call(call) = &graph.tasks.last().unwrap().work else { unreachable!("x is a call") };
    let expr = graph.expr(call.input);
    let bindings = [(expr.reads[0], Some(Arc::new(json!("seen"))))];
    let value = Evaluator::new(&limits).evaluate(graph, expr, &bindings).unwrap();
    assert_eq!(value, json!({ "prompt": "seen" }));
}

#[test]
fn a_value_is_cut_to_so_many_bytes() {
    let given = |of: &str| {
        with(
            &format!(r#"{{ prompt: x, v: "${{{{ inputs.{of} | cut(4) }}}}" }}"#),
            None,
            json!({ "a": "four", "b": "ééé", "c": { "deep": 1 } }),
        )
    };
    assert_eq!(given("a"), r#"{"prompt":"x","v":"four"}"#);
    assert_eq!(given("b"), r#"{"prompt":"x","v":"éé\n[cut: the first 4 of 6 bytes]"}"#);
    assert_eq!(given("c"), r#"{"prompt":"x","v":"{\"de\n[cut: the first 4 of 10 bytes]"}"#);
    assert_eq!(given("none"), r#"{"prompt":"x","v":null}"#);
}
