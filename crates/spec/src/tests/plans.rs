//! Plans that agents emit.

use agendum_types::Limits;
use serde_json::{Value as Json, json};

use crate::plans::{document, read};

fn shown(text: &str) -> String {
    match read(text) {
        None => "no plan".to_owned(),
        Some(Ok(document)) => document["tasks"].to_string(),
        Some(Err(wrong)) => wrong.join("\n"),
    }
}

#[test]
fn both_shapes_are_read() {
    insta::assert_snapshot!(shown(r#"[{"id":1,"tool":"search","args":{"q":"x"},"dependencies":[]},{"id":2,"tool":"sum","args":{},"dependencies":[1]}]"#), @r#"{"s0":{"description":"search","uses":"exec","effect":"none","needs":[],"with":{"argv":["search","{\"q\":\"x\"}"]}},"s1":{"description":"sum","uses":"exec","effect":"none","needs":["s0"],"with":{"argv":["sum","{}"]}}}"#);
    insta::assert_snapshot!(shown(r#"{"nodes":["a","b"],"links":[["a","b"]]}"#), @r#"{"s0":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}},"s1":{"description":"b","uses":"exec","effect":"none","needs":["s0"],"with":{"argv":["b","{}"]}}}"#);
    insta::assert_snapshot!(shown(r#"{"nodes":[{"task":"a"},{"task":"b"}],"links":[{"source":"a","target":"b"}]}"#), @r#"{"s0":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}},"s1":{"description":"b","uses":"exec","effect":"none","needs":["s0"],"with":{"argv":["b","{}"]}}}"#);
    insta::assert_snapshot!(shown(r#"[{"task":"a","id":0,"dep":[-1],"args":{}}]"#), @r#"{"s0":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}}}"#);
    insta::assert_snapshot!(shown("version: 1"), @"no plan");
}

#[test]
fn refusals_say_what_would_mend_them() {
    insta::assert_snapshot!(shown(r#"{"nodes":["a","b","c"],"links":[["a","b"],["b","c"],["c","b"],["x","a"],["a","y"]]}"#), @r#"
    a link leads to "y", which is not among the nodes: add the node, or drop the link
    step "a" depends on "x", which is no step: add it, or drop the dependency
    the plan is a cycle: b → c → b: drop one of these dependencies, or write a loop
    "#);
    insta::assert_snapshot!(shown(r#"{"nodes":["a","b","c"],"links":[["a","b"],["b","c"],["c","a"],["x","a"]]}"#), @r#"
    step "a" depends on "x", which is no step: add it, or drop the dependency
    the plan is a cycle: a → b → c → a: drop one of these dependencies, or write a loop
    "#);
    insta::assert_snapshot!(shown(r#"{"nodes":["a"],"links":[["x","y"]]}"#), @r#"
    a link comes from "x", which is not among the nodes: add the node, or drop the link
    a link leads to "y", which is not among the nodes: add the node, or drop the link
    "#);
    insta::assert_snapshot!(shown(r#"{"nodes":["a","a"],"links":[]}"#), @r#"{"s0":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}},"s1":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}}}"#);
    insta::assert_snapshot!(shown("[]"), @"the plan has no steps: name at least one tool");
}

#[test]
fn a_text_larger_than_a_document_may_be_is_no_plan() {
    let plan = r#"{"nodes":["a"],"links":[]}"#;
    for (bytes_max, is_one) in [(plan.len(), true), (plan.len() - 1, false)] {
        let limits = Limits { document_bytes_max: bytes_max, ..Limits::STANDARD };
        assert_eq!(document(plan, &limits).unwrap().is_some(), is_one, "{bytes_max}");
    }
}

#[test]
fn plans_of_the_same_tools_have_one_name() {
    let named = |text: &str| read(text).unwrap().unwrap()["name"].as_str().unwrap().to_owned();
    let first = named(r#"[{"id": 1, "tool": "ocr", "args": ["a"]}, {"id": 2, "tool": "sum", "args": ["$1"]}]"#);
    let other_words = named(r#"[{"id": 7, "tool": "ocr", "args": ["b"]}, {"id": 8, "tool": "sum", "args": ["$7"]}]"#);
    let other_tools = named(r#"[{"id": 1, "tool": "ocr sum"}]"#);
    assert!(first == other_words && first != other_tools, "{first} {other_words} {other_tools}");
    insta::assert_snapshot!(other_tools, @"plan-dd9aa0a1");
}

#[test]
fn taskbench_planners_are_read() {
    insta::assert_snapshot!(shown(r#"{
        "task_steps": ["Step 1: read the picture", "Step 2: say it"],
        "task_nodes": [{"task": "OCR", "arguments": ["a.png"]}, {"task": "TTS", "arguments": ["<node-0>"]}],
        "task_links": [{"source": "OCR", "target": "TTS"}]}"#), @r#"{"s0":{"description":"Step 1: read the picture","uses":"exec","effect":"none","needs":[],"with":{"argv":["OCR","[\"a.png\"]"]}},"s1":{"description":"Step 2: say it","uses":"exec","effect":"none","needs":["s0"],"with":{"argv":["TTS","[\"${{ (tasks.s0.output.stdout | trim('\\n') | tojson)[1:-1] }}\"]"]}}}"#);
    insta::assert_snapshot!(shown(r#"{"task_nodes": [{"task": "OCR"}], "user_request": "read it"}"#), @r#"{"s0":{"description":"OCR","uses":"exec","effect":"none","needs":[],"with":{"argv":["OCR","{}"]}}}"#);
    insta::assert_snapshot!(shown(r#"{"nodes": [{"id": 1, "task": "a"}, {"id": 2, "task": "a"}], "links": [{"source": 1, "target": 2}]}"#), @r#"{"s0":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}},"s1":{"description":"a","uses":"exec","effect":"none","needs":["s0"],"with":{"argv":["a","{}"]}}}"#);
}

/// The arguments of each step and what it needs, one a line; or what is wrong.
fn arguments(text: &str) -> String {
    match read(text).unwrap() {
        Ok(document) => {
            let lines = document["tasks"].as_object().unwrap().iter();
            lines.map(|(name, task)| format!("{name} {} {}\n", task["needs"], task["with"]["argv"][1])).collect()
        }
        Err(wrong) => wrong.join("\n"),
    }
}

#[test]
fn what_a_step_printed_is_read_by_another() {
    insta::assert_snapshot!(arguments(r#"[
        {"id": 1, "tool": "a", "args": ["$$1, $1.50, $1,000, $5k, $x, $, a < b, ${{ x }}"]},
        {"id": 2, "tool": "b", "args": {"deep": [{"q": "$1"}], "${1}": "of $1 and ${1}, not $$1"}, "dependencies": [1]},
        {"id": 3, "tool": "c", "args": "{$2{% if %}, $1.", "dependencies": []}]"#), @r#"
    s0 [] "[\"$1, $1.50, $1,000, $5k, $x, $, a < b, $\\u007b{ x }}\"]"
    s1 ["s0"] "{\"deep\":[{\"q\":\"${{ (tasks.s0.output.stdout | trim('\\n') | tojson)[1:-1] }}\"}],\"${{ (tasks.s0.output.stdout | trim('\\n') | tojson)[1:-1] }}\":\"of ${{ (tasks.s0.output.stdout | trim('\\n') | tojson)[1:-1] }} and ${{ (tasks.s0.output.stdout | trim('\\n') | tojson)[1:-1] }}, not $1\"}"
    s2 ["s0","s1"] "\"{${{ (tasks.s1.output.stdout | trim('\\n') | tojson)[1:-1] }}\\u007b% if %}, ${{ (tasks.s0.output.stdout | trim('\\n') | tojson)[1:-1] }}.\""
    "#);
    insta::assert_snapshot!(arguments(r#"[
        {"id": 0, "task": "ocr", "dep": [-1], "args": {"image": "a.png"}},
        {"id": 1, "task": "sum", "dep": [0], "args": {"text": "<GENERATED>-0"}}]"#), @r#"
    s0 [] "{\"image\":\"a.png\"}"
    s1 ["s0"] "{\"text\":\"${{ (tasks.s0.output.stdout | trim('\\n') | tojson)[1:-1] }}\"}"
    "#);
    insta::assert_snapshot!(arguments(r#"{
        "task_nodes": [{"task": "OCR", "arguments": ["$5"]}, {"task": "TTS", "arguments": ["<node-0>", "<node-x>"]}],
        "task_links": []}"#), @r#"
    s0 [] "[\"$5\"]"
    s1 ["s0"] "[\"${{ (tasks.s0.output.stdout | trim('\\n') | tojson)[1:-1] }}\",\"<node-x>\"]"
    "#);
}

#[test]
fn what_is_read_must_be_there() {
    insta::assert_snapshot!(arguments(r#"[
        {"id": 1, "tool": "awk", "args": "{ print $1, $1 }"},
        {"id": 2, "tool": "pay", "args": ["$5", "${7}", "<GENERATED>-9"]},
        {"id": 3, "tool": "c", "args": "$4"},
        {"id": 4, "tool": "d", "args": "$3"}]"#), @r#"
    step "1" reads $1, which is itself: name another step, or write $$1 for the text
    step "2" reads $5, and there is no such step: name another step, or write $$5 for the text
    step "2" reads ${7}, and there is no such step: name another step, or write $${7} for the text
    step "2" reads <GENERATED>-9, and there is no such step: name another step
    the plan is a cycle: 3 → 4 → 3: drop one of these dependencies, or write a loop
    "#);
    insta::assert_snapshot!(arguments(r#"{"nodes": [{"task": "a", "arguments": ["<node-1>"]}], "links": []}"#), @r#"step "a" reads <node-1>, and there is no such step: name another step"#);
}

#[test]
fn a_tool_may_come_twice_unless_a_link_has_to_choose() {
    insta::assert_snapshot!(shown(r#"{"nodes": ["a", "b", "a"], "links": []}"#), @r#"{"s0":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}},"s1":{"description":"b","uses":"exec","effect":"none","needs":[],"with":{"argv":["b","{}"]}},"s2":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}}}"#);
    insta::assert_snapshot!(shown(r#"{"nodes": ["a", "b", "a"], "links": [["a", "b"]]}"#), @r#"several nodes are called "a" and a link names it: give each an "id" of its own, and link the ids"#);
}

#[test]
fn what_is_meant_as_a_plan_is_refused_as_one() {
    insta::assert_snapshot!(shown(r#"{"task_steps": ["Step 1: think"]}"#), @r#"the plan has no list of nodes: name its tools under "task_nodes", as {"task": NAME, "arguments": …}"#);
    insta::assert_snapshot!(shown(r#"{"nodes": ["a", "b"]}"#), @r#"the plan has no list of links: write "task_links": [{"source": …, "target": …}], or [] if no step needs another"#);
    insta::assert_snapshot!(shown(r#"{"links": [["a", "b"]]}"#), @r#"the plan has no list of nodes: name its tools under "task_nodes", as {"task": NAME, "arguments": …}"#);
    insta::assert_snapshot!(shown(r#"[{"id": 1, "tool": "a"}, {"id": 2, "dependencies": [1]}, {"id": 3, "tool": "c", "dependencies": 2}]"#), @r#"
    the dependencies of step "3" are no list: write them as [id, …]
    step "2" names no tool: add "tool"
    "#);
    insta::assert_snapshot!(shown(r#"[{"id": 1, "tool": "a"}, {"id": 2, "dependencies": [1]}]"#), @r#"step "2" names no tool: add "tool""#);
    insta::assert_snapshot!(shown(r#"{"version": 1, "name": "x", "tasks": {}, "nodes": []}"#), @"no plan");
}

#[test]
fn a_plan_costs_what_its_length_is() {
    let chain = |count: usize| {
        let step = |id: usize| json!({ "id": id, "tool": "a", "dependencies": [(id + 1) % count] });
        shown(&Json::Array((0..count).map(step).collect()).to_string())
    };
    let around = chain(10_000);
    assert!(around.starts_with("the plan is a cycle: 0 → 9999 → 9998 → "), "{around:.60}");
    insta::assert_snapshot!(chain(10_001), @"the plan has 10001 steps, 10000 at most: plan in parts");
    let line: Vec<Json> = (0..10_000).map(|id| json!({ "id": id, "tool": "a", "dependencies": [id + 1] })).collect();
    insta::assert_snapshot!(shown(&Json::Array(line).to_string()), @r#"step "9999" depends on "10000", which is no step: add it, or drop the dependency"#);
}
