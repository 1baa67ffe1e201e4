//! What reads an input that is another in a fork.

use agendum_types::Limits;
use serde_json::json;

use super::checked;
use crate::touched;

#[test]
fn only_what_reads_an_input_that_is_another_is_touched() {
    let text = r#"
        inputs: { type: object, properties: { a: {}, b: {}, list: {} } }
        tasks:
          plain: { tasks: { x: { uses: chat, with: { prompt: hi } } } }
          deep: { tasks: { in: { tasks: { x: { uses: chat, with: { prompt: "say ${{ inputs.a.name }}" } } } } } }
          items: { foreach: "${{ inputs.list }}", uses: chat, with: { prompt: "${{ item }} ${{ inputs.b }}" } }
          rounds: { loop: { until: "${{ inputs.b > 1 }}", max_iterations: 2, on_exhausted: { use: last } }, uses: chat, with: { prompt: hi } }
          all: { tasks: { x: { uses: http, with: { url: "https://x.example", body: "${{ inputs }}" } } } }
          named: { tasks: { x: { uses: chat, with: { prompt: "{% for k in ['a'] %}${{ inputs[k] }}{% endfor %}" } } } }
          caught: { tasks: { x: { uses: chat, with: { prompt: hi }, catch: [{ on: [any], output: "${{ inputs.a }}" }] } } }
          judged: { tasks: { x: { uses: chat, with: { prompt: hi }, fail_if: "${{ inputs.a }}" } } }
          call: { uses: chat, if: "${{ inputs.b > 0 }}", with: { prompt: "${{ inputs.a }}" }, catch: [{ on: [any], output: "${{ inputs.b }}" }] }
          call_judged: { uses: chat, with: { prompt: "${{ inputs.b }}" }, fail_if: "${{ inputs.a }}" }
          key: { tasks: { x: { uses: chat, with: { prompt: "${{ task.key }}" } } } }
          id: { tasks: { x: { uses: chat, with: { prompt: "${{ run.id }}" } } } }
    "#;
    let graph = checked(text).runnable().unwrap_or_else(|| panic!("{}", super::said(text))).graph.clone();
    let before = json!({ "a": { "name": "x" }, "b": 1, "list": [1] });
    let of = |other: serde_json::Value| {
        let mut now = before.clone();
        now.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let nodes = touched(&graph, &before, &now, &Limits::STANDARD);
        nodes.into_iter().map(|node| graph.task(node).name.to_string()).collect::<Vec<_>>().join(" ")
    };
    let told = [json!({}), json!({ "a": 1 }), json!({ "b": 2 }), json!({ "list": [1, 2] }), json!({ "c": 1 })].map(of);
    insta::assert_snapshot!(told.join("\n"), @"
    all named key id
    deep all named caught judged call_judged key id
    items rounds all named call key id
    items all named key id
    all named key id
    ");
}
