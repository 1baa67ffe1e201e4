//! Plans that agents emit.

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
    insta::assert_snapshot!(shown(r#"{"nodes":["a","b","c"],"links":[["a","b"],["b","c"],["c","b"],["x","a"],["a","y"]]}"#), @r#"a link leads to "y", which is not among the nodes: add the node, or drop the link"#);
    insta::assert_snapshot!(shown(r#"{"nodes":["a","b","c"],"links":[["a","b"],["b","c"],["c","a"],["x","a"]]}"#), @r#"
    step "a" depends on "x", which is no step: add it, or drop the dependency
    the plan is a cycle: a → b → c → a: drop one of these dependencies, or write a loop
    "#);
    insta::assert_snapshot!(shown(r#"{"nodes":["a","a"],"links":[]}"#), @r#"two steps have the id "a": give each its own"#);
    insta::assert_snapshot!(shown("[]"), @"the plan has no steps: name at least one tool");
}
