//! Hostile sources: each is refused or evaluated on a small stack and within its fuel, and none takes longer for what fuel does not see.

use std::sync::Arc;

use agendum_types::graph::{DataRef, Expr, Form, NodeId};
use agendum_types::{Graph, Limits};
use serde_json::{Value as Json, json};

use super::{checked, shown, with_head};
use crate::eval::{EvalError, Evaluator};
use crate::expr;
use crate::{NoFiles, Source, check};

/// A quarter of what a thread of the program has. Builds without optimisation take several times the stack of those with it.
const STACK: usize = 512 << 10;

#[expect(clippy::disallowed_types, reason = "a stack of a known size")]
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap()
}

fn graph() -> Arc<Graph> {
    checked("tasks: { a: { uses: chat, with: { prompt: x } } }").accepted.unwrap().graph
}

/// What a text gives, over `inputs` and `tasks.a.output`.
fn given(text: &str) -> Result<Json, EvalError> {
    given_with(text, &Limits { evaluation_fuel: 200_000, ..Limits::STANDARD })
}

fn given_with(text: &str, limits: &Limits) -> Result<Json, EvalError> {
    let (text, limits) = (text.to_owned(), limits.clone());
    on_a_small_stack(move || {
        let bindings = [
            (DataRef::Inputs, Some(Arc::new(json!({ "q": "why?", "n": 3, "list": [3, 1, 2] })))),
            (DataRef::Output(NodeId(0)), Some(Arc::new(json!({ "text": "x".repeat(100_000) })))),
        ];
        let reads = bindings.iter().map(|(read, _)| *read).collect();
        let expr = Expr { form: Form::Tree, source: json!(text).to_string().into(), reads };
        Evaluator::new(&limits).evaluate(&graph(), &expr, &bindings)
    })
}

fn said(text: &str) -> String {
    match given(text) {
        Ok(value) => {
            let text = value.to_string();
            if text.len() > 60 { format!("{} bytes", text.len()) } else { text }
        }
        Err(error) => error.to_string(),
    }
}

/// What check says of a text in a prompt.
fn refusal(text: &str) -> String {
    let document = json!({ "version": 1, "name": "x", "inputs": { "type": "object" }, "tasks": { "a": { "uses": "chat", "with": { "prompt": "x" } }, "b": { "uses": "chat", "with": { "prompt": text } } } });
    on_a_small_stack(move || {
        let found = checked(&document.to_string()).diagnostics;
        found.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn deep_sources_are_refused() {
    for (piece, count) in [
        ("1 + ", 6_000),
        ("1 ** ", 60_000),
        ("1 ~ ", 60_000),
        ("1 and ", 60_000),
        ("not ", 6_000),
        ("-", 60_000),
        ("(", 6_000),
        ("[", 6_000),
        ("{'a': ", 6_000),
        ("1 if 1 else ", 6_000),
        ("1 < ", 6_000),
        ("1 in ", 6_000),
    ] {
        let text = format!("${{{{ {}1 }}}}", piece.repeat(count));
        assert!(
            refusal(&text).contains("this expression cannot be read: it has more than"),
            "{piece}: {}",
            refusal(&text)
        );
        assert!(matches!(given(&text), Err(EvalError::Failed(_))), "{piece}");
    }
    for piece in [".a", "|string", "[0]", "()", " is defined", "[1:]", "(1, 2)"] {
        let text = format!("${{{{ inputs{} }}}}", piece.repeat(60_000));
        assert!(refusal(&text).contains("it has more than"), "{piece}: {}", refusal(&text));
    }
    for block in ["{% if inputs %}", "{% if 1 %}a{% elif 1 %}", "{% for x in inputs %}", "{% set x %}{% if 1 %}"] {
        assert!(refusal(&block.repeat(20_000)).contains("blocks inside each other"), "{block}");
    }
}

#[test]
fn the_deepest_that_is_accepted_fits_the_stack() {
    let limits = Limits::STANDARD;
    let depth = limits.expression_depth_max as usize;
    let brackets = limits.expression_brackets_max as usize;
    let mut sources: Vec<String> = ["1 + ", "1 ~ ", "1 and ", "1 < ", "1 in "]
        .iter()
        .map(|piece| format!("{}1", piece.repeat(depth / 2 - 1)))
        .collect();
    sources.extend(["not ", "-"].iter().map(|piece| format!("{}1", piece.repeat(depth - 1))));
    sources.push(format!("{}1", "1 if 1 else ".repeat(depth / 4 - 1)));
    sources.extend([".a", "|string"].iter().map(|piece| format!("inputs{}", piece.repeat(depth / 2 - 1))));
    sources.extend(["[0]", "[:]"].iter().map(|piece| format!("inputs{}", piece.repeat(depth - 2))));
    // As deep as the brackets go, and as deep between them as tokens go.
    let between = "1 + ".repeat((depth / brackets - 1) / 2);
    sources.push(format!("{}1{}", format!("{between}(").repeat(brackets), ")".repeat(brackets)));
    sources.push(format!("{}1{}", "[".repeat(brackets), "]".repeat(brackets)));
    sources.push(format!("{}1{}", "{'a':".repeat(brackets), "}".repeat(brackets)));
    let blocks = limits.template_blocks_max as usize;
    for source in &sources {
        let text = format!("${{{{ {source} }}}}");
        assert_eq!(refusal(&text), "", "{source}");
        let inside = format!("{}{text}{}", "{% if inputs %}".repeat(blocks), "{% endif %}".repeat(blocks));
        assert_eq!(refusal(&inside), "", "{source}");
        for text in [text, inside] {
            let _any = given(&text);
        }
    }
}

#[test]
fn words_that_are_not_needed_are_refused() {
    let check = |text: &str| refusal(text).replace("this expression cannot be read: ", "");
    insta::assert_snapshot!(check("{% set n = namespace(x=1) %}"), @"there is no function `namespace`");
    insta::assert_snapshot!(check("${{ debug() }}"), @"there is no function `debug`");
    insta::assert_snapshot!(check("${{ inputs.items() }}"), @"`.items(…)` cannot be called: use a filter, as in `value | items`");
    insta::assert_snapshot!(check("${{ inputs | uper }}"), @"there is no filter `uper`");
    insta::assert_snapshot!(check("${{ inputs is escaped }}"), @"there is no test `escaped`");
    insta::assert_snapshot!(check("{% include 'x' %}"), @"unknown statement include");
    insta::assert_snapshot!(check("{% macro x() %}{% endmacro %}"), @"unknown statement macro");
    insta::assert_snapshot!(check("{% filter upper %}x{% endfilter %}"), @"`{% filter %}` is not known here: known are if, for and set");
    insta::assert_snapshot!(check("{% with x = 1 %}x{% endwith %}"), @"`{% with %}` is not known here: known are if, for and set");
    insta::assert_snapshot!(check("{% for x in inputs recursive %}${{ loop(x) }}{% endfor %}"), @"`for` cannot be recursive: write one `for` inside the other");
    insta::assert_snapshot!(check("{% for x in inputs %}${{ loop(x) }}{% endfor %}"), @"there is no function `loop`: known are range, dict");
    insta::assert_snapshot!(check("{% for x in inputs %}${{ loop.changed(loop) }}${{ loop.cycle(1, 2) }}{% endfor %}"), @"`.changed(…)` cannot be called: use a filter, as in `value | changed`");
    insta::assert_snapshot!(check("{% set inputs.x = 1 %}"), @"`set` and `for` give values to names only, not to parts of other values");
    insta::assert_snapshot!(check("${{ dict(*inputs) }}"), @"`*` before an argument is not known here: write the arguments one by one");
}

#[test]
fn what_a_source_reads_is_found() {
    let names = |source: &str| {
        let found = expr::names(&Limits::STANDARD, Form::Tree, source).unwrap();
        let paths: std::collections::BTreeSet<String> = found.reads.iter().map(crate::names::Read::path).collect();
        paths.into_iter().collect::<Vec<_>>().join(" ")
    };
    for (source, expected) in [
        ("${{ tasks.a.output.list[:3] }}", "tasks.a.output.list"),
        ("${{ tasks.a.output[1:] + outer.tasks.b.output[2:3] }}", "outer.tasks.b.output tasks.a.output"),
        ("${{ tasks.a.output.list[0].text[:5] }}", "tasks.a.output.list"),
        ("${{ 'tasks.a.output[:3]' }} tasks.b.output", ""),
        ("${{ loop.previous.tasks.a.output[:1] }}", "loop.previous.tasks.a.output"),
        ("${{ (tasks.a.output.text | lines)[1:] }}", "tasks.a.output.text"),
        ("${{ tasks.a.output[inputs.k][:2] }}", "inputs.k tasks.a.output"),
        ("{% for y in tasks.b.output[1:] %}${{ y.x }}${{ loop.index }}{% endfor %}${{ y }}", "tasks.b.output y"),
        ("{% set inputs = inputs.x %}${{ inputs.y }}", "inputs.x"),
        ("{% if inputs.a %}{% set b = 1 %}${{ b }}{% endif %}${{ b }}", "b inputs.a"),
        ("{% for k, v in range(3) | map('string', inputs.f) if k == item %}{% endfor %}", "inputs.f item"),
        ("{% set x | indent(inputs.n) %}${{ run.id }}{% endset %}${{ x }}", "inputs.n run.id"),
        ("${{ a if b is eq c else [d, {e: f}][g.h:i:j] }}", "a b c d e f g.h i j"),
    ] {
        assert_eq!(names(source), expected, "{source}");
    }
}

#[test]
fn values_cannot_get_deep() {
    let nest = "{% set x = [x] %}";
    assert_eq!(said(&format!("{}${{{{ x | length }}}}", nest.repeat(60))), "\"1\"");
    let refused = "it makes a value of more than 64 lists and maps inside each other (line 1)";
    assert_eq!(said(&format!("{}${{{{ x | length }}}}", nest.repeat(10_000))), refused);
    let blocks = |count: usize| {
        format!("{}${{{{ x }}}}{}", "{% for x in [[[[x]]]] %}".repeat(count), "{% endfor %}".repeat(count))
    };
    assert_eq!(said(&blocks(22)), refused);
    // What `set` gives in a loop ends with the round.
    assert_eq!(said("{% for i in range(1000) %}{% set x = [x] %}{% endfor %}${{ x }}"), "\"\"");
    let batches = "|batch(1)".repeat(35);
    assert_eq!(said(&format!("{{% set x = inputs.list{batches} %}}${{{{ x{batches} }}}}")), refused);
}

#[test]
fn what_multiplies_is_paid_for() {
    let out = "the expression took more steps than the limit allows";
    let double =
        |what: &str, times: usize| format!("{{% set x = [1] %}}{}", format!("{{% set x = {what} %}}").repeat(times));
    for text in [
        format!("{}${{{{ x | length }}}}", double("x + x", 40)),
        format!("{}${{{{ x | length }}}}", double("[x, x]", 40)),
        format!("{}${{{{ x }}}}", double("x * 99", 5)),
        format!("{}${{{{ x == x }}}}", double("{'a': x, 'b': x}", 40)),
        "${{ ([1] * 100000000) == ([1] * 100000000) }}".to_owned(),
        "${{ [[1] * 100000000] * 100000000 == [[1] * 100000000] * 100000000 }}".to_owned(),
        "${{ ([1] * 100000000) | length }}".to_owned(),
        "${{ ([1] * 100000000) ~ 'x' }}".to_owned(),
        "${{ ([1] * 100000000) | tojson }}".to_owned(),
        "${{ ([1] * 100000000) | join }}".to_owned(),
        "${{ ([tasks.a.output] * 100000) | tojson }}".to_owned(),
        "${{ ([tasks.a.output.text] * 100000) ~ '' }}".to_owned(),
        "${{ 'x' * 90000000 * 90000000 }}".to_owned(),
        "{% for i in range(100000) %}${{ tasks.a.output.text }}{% endfor %}".to_owned(),
        "{% for i in range(100000) %}{% if tasks.a.output.text == tasks.a.output.text ~ 'x' %}{% endif %}{% endfor %}"
            .to_owned(),
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}".to_owned(),
        "${{ tasks.a.output.text | replace('x', tasks.a.output.text) }}".to_owned(),
        "${{ '%999999999d' | format(1) }}".to_owned(),
        "${{ 'a\nb' | indent(999999999) }}".to_owned(),
        "{% for i in range(100000) %}${{ [tasks.a.output.text, tasks.a.output.text] | sort | length }}{% endfor %}"
            .to_owned(),
        "{% for i in range(500) %}{% set y = tasks.a.output.text[99999] %}{% endfor %}".to_owned(),
        "{% for i in range(500) %}{% set y = tasks.a.output.text[-i] %}{% endfor %}".to_owned(),
        "${{ [range(100000), range(100000)] | map('sort') | map('list') | list | tojson }}".repeat(10),
    ] {
        assert_eq!(said(&text), out, "{text:.120}");
    }
}

#[test]
fn all_texts_of_a_tree_have_one_purse() {
    let texts = json!(vec!["${{ range(1000) | sum }}"; 100]);
    let limits = Limits { evaluation_fuel: 20_000, ..Limits::STANDARD };
    let expr = Expr { form: Form::Tree, source: texts.to_string().into(), reads: Vec::new() };
    assert_eq!(Evaluator::new(&limits).evaluate(&graph(), &expr, &[]), Err(EvalError::OutOfFuel));
    assert!(Evaluator::new(&Limits::STANDARD).evaluate(&graph(), &expr, &[]).is_ok());
}

#[test]
fn data_is_the_same_shared_or_copied() {
    let data = json!({ "a": [1, -2, 2.5, null, true, "text", "a text that is longer than the short ones", { "k": { "l": [] } }], "": {}, "u": u64::MAX });
    let bindings = [(DataRef::Inputs, Some(Arc::new(data)))];
    let evaluator = Evaluator::new(&Limits::STANDARD);
    let given = |source: &str| {
        let expr = Expr { form: Form::Expression, source: source.into(), reads: vec![DataRef::Inputs] };
        evaluator.evaluate(&graph(), &expr, &bindings).map_or_else(|error| error.to_string(), |value| value.to_string())
    };
    insta::assert_snapshot!(given("inputs"), @r#"{"a":[1,-2,2.5,null,true,"text","a text that is longer than the short ones",{"k":{"l":[]}}],"":{},"u":18446744073709551615}"#);
    insta::assert_snapshot!(given("[inputs, inputs.a[1]]"), @r#"[{"a":[1,-2,2.5,null,true,"text","a text that is longer than the short ones",{"k":{"l":[]}}],"":{},"u":18446744073709551615},-2]"#);
    insta::assert_snapshot!(given("inputs ~ ''"), @r#""{'a': [1, -2, 2.5, None, True, 'text', 'a text that is longer than the short ones', {'k': {'l': []}}], '': {}, 'u': 18446744073709551615}""#);
    insta::assert_snapshot!(given("inputs | tojson"), @r#""{\"a\": [1, -2, 2.5, null, true, \"text\", \"a text that is longer than the short ones\", {\"k\": {\"l\": []}}], \"\": {}, \"u\": 18446744073709551615}""#);
    insta::assert_snapshot!(given("[inputs.a[-1].k.l, inputs.a[20], inputs['u'], inputs.a[1:3], inputs.a[::-1][0]]"), @r#"[[],null,18446744073709551615,[-2,2.5],{"k":{"l":[]}}]"#);
    insta::assert_snapshot!(given("[inputs.a | length, inputs | length, inputs is mapping, inputs.a is sequence, 1 in inputs.a, 'a' in inputs]"), @"[8,3,true,true,true,true]");
    insta::assert_snapshot!(given("[inputs.a == inputs.a + [], inputs.a + [1] == inputs.a, inputs.a[7].k.l or 'empty', inputs == dict(inputs)]"), @r#"[true,false,"empty",true]"#);
    insta::assert_snapshot!(given("[inputs.a[:3] | sort, inputs.a[:2] | sum, inputs | items | list | length, inputs.a | first, inputs.a | last]"), @r#"[[-2,1,2.5],-1,3,1,{"k":{"l":[]}}]"#);
    insta::assert_snapshot!(given("inputs.a | map('string') | join(',')"), @r#""1,-2,2.5,None,True,text,a text that is longer than the short ones,{'k': {'l': []}}""#);
}

#[test]
fn names_are_known_where_they_have_a_value() {
    let check = |text: &str| super::said(text);
    insta::assert_snapshot!(check("tasks: { a: { uses: chat, with: { prompt: x, x: '${{ loop.round }}' } } }"), @r"
    3:46 unread (warning): nothing reads `x`: the prompt does not name it
        help: arguments: prompt, system, messages, schema, max_tokens, temperature, stop, tools, tool_choice
    3:54 unknown_name: `loop.round` is known inside a `loop` only
    ");
    insta::assert_snapshot!(check("tasks: { g: { tasks: { a: { uses: chat, with: { prompt: x, x: '${{ outer.tasks.g.output }}' } } } } }"), @r"
    3:60 unread (warning): nothing reads `x`: the prompt does not name it
        help: arguments: prompt, system, messages, schema, max_tokens, temperature, stop, tools, tool_choice
    3:80 cycle: task `g` needs itself: g → g
        help: read the last round in a `loop`: loop.previous.tasks.NAME.output; `agendum check --fix` writes this
    ");
    insta::assert_snapshot!(check("tasks: { a: { uses: chat, with: { prompt: x, x: '${{ loop.round }}{% for x in [1] %}${{ loop.round }}{% endfor %}' }, loop: { until: '${{ loop.round > 1 }}', max_iterations: 3, on_exhausted: fail } } }"), @r"
    3:46 unread (warning): nothing reads `x`: the prompt does not name it
        help: arguments: prompt, system, messages, schema, max_tokens, temperature, stop, tools, tool_choice
    ");
}

#[test]
fn many_unknown_names_among_many_tasks() {
    let task = serde_json::json!({ "uses": "chat", "with": { "prompt": "x" } });
    let mut tasks: serde_json::Map<String, Json> =
        (0..5_000).map(|number| (format!("t{number}-x"), task.clone())).collect();
    let names: Vec<String> = (0..60_000).map(|number| format!("n{number}")).collect();
    tasks.insert(
        "r".into(),
        json!({ "uses": "chat", "with": { "prompt": format!("${{{{ [{}] }}}}", names.join(",")) } }),
    );
    let found = checked(&json!({ "version": 1, "name": "x", "tasks": tasks }).to_string()).diagnostics;
    assert_eq!(found.len(), 1_000, "more are of no use to anybody");
}

#[test]
fn all_schemas_of_a_document_share_their_patterns() {
    let schema = |patterns: usize| {
        let properties: serde_json::Map<String, Json> = (0..patterns)
            .map(|of| (format!("p{of}"), json!({ "type": "string", "pattern": format!("a{of}") })))
            .collect();
        json!({ "type": "object", "properties": properties })
    };
    let document = |tasks: usize| {
        let task = |_| json!({ "uses": "chat", "with": { "prompt": "x", "schema": schema(100) } });
        let tasks: serde_json::Map<String, Json> = (0..tasks).map(|of| (format!("t{of}"), task(of))).collect();
        json!({ "version": 1, "name": "x", "tasks": tasks }).to_string()
    };
    assert!(checked(&document(5)).diagnostics.is_empty());
    let said = checked(&document(6)).diagnostics.iter().map(|found| found.message.clone()).collect::<Vec<_>>();
    assert!(said.len() == 1 && said[0].contains("more than 500 patterns"), "{said:?}");
}

#[test]
fn a_fix_reads_what_is_evaluated_and_nothing_else() {
    let text = |description: &str| {
        format!(
            "version: 1\nname: x\ntasks:\n  a: {{ uses: chat, needs: [b], description: '{description}', with: {{ prompt: hi }} }}\n  b: {{ uses: chat, needs: [a], with: {{ prompt: hi }} }}\n"
        )
    };
    let deep = format!("${{{{ x{} }}}}", " or x".repeat(60_000));
    for description in [&deep, "${{ 1 + }}", "reads ${{ tasks.b.output }}"] {
        let text = text(description);
        let source = Source { name: "x", text: &text };
        let fixed = crate::fix::fix(source, &NoFiles, &Limits::STANDARD).unwrap().unwrap();
        assert!(fixed.text.contains(description), "{description:.80}");
    }
}

#[test]
fn a_document_that_is_too_large_is_told_so() {
    let limits = Limits { document_bytes_max: 20, ..Limits::STANDARD };
    let text = with_head("tasks: { a: { uses: chat, with: { prompt: hi } } }");
    let checked = check(Source { name: "graph.yaml", text: &text }, &NoFiles, &limits);
    insta::assert_snapshot!(shown(checked), @r"
    1:1 too_large: the document has more than 20 bytes
        help: move long prompts and data into files or inputs
    ");
}
