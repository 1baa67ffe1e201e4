//! Plans that agents emit.

use serde_json::{Value as Json, json};

use crate::plans::read;

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
    insta::assert_snapshot!(shown(r#"{"nodes":["a","a"],"links":[]}"#), @r#"{"s0":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}},"s1":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}}}"#);
    insta::assert_snapshot!(shown("[]"), @"the plan has no steps: name at least one tool");
}

#[test]
fn taskbench_planners_are_read() {
    insta::assert_snapshot!(shown(r#"{
        "task_steps": ["Step 1: read the picture", "Step 2: say it"],
        "task_nodes": [{"task": "OCR", "arguments": ["a.png"]}, {"task": "TTS", "arguments": ["<node-0>"]}],
        "task_links": [{"source": "OCR", "target": "TTS"}]}"#), @r#"{"s0":{"description":"Step 1: read the picture","uses":"exec","effect":"none","needs":[],"with":{"argv":["OCR","[\"a.png\"]"]}},"s1":{"description":"Step 2: say it","uses":"exec","effect":"none","needs":["s0"],"with":{"argv":["TTS","[\"<node-0>\"]"]}}}"#);
    insta::assert_snapshot!(shown(r#"{"task_nodes": [{"task": "OCR"}], "user_request": "read it"}"#), @r#"{"s0":{"description":"OCR","uses":"exec","effect":"none","needs":[],"with":{"argv":["OCR","{}"]}}}"#);
    insta::assert_snapshot!(shown(r#"{"nodes": [{"id": 1, "task": "a"}, {"id": 2, "task": "a"}], "links": [{"source": 1, "target": 2}]}"#), @r#"{"s0":{"description":"a","uses":"exec","effect":"none","needs":[],"with":{"argv":["a","{}"]}},"s1":{"description":"a","uses":"exec","effect":"none","needs":["s0"],"with":{"argv":["a","{}"]}}}"#);
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
