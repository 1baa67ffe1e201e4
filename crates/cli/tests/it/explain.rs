//! `agendum explain`, before and after a run.

use crate::place::Place;

const GRAPH: &str = "
version: 1
name: learning
tasks:
  mood: { uses: moderate, with: { text: fine } }
  each: { foreach: \"${{ inputs.list }}\", uses: moderate, with: { text: \"${{ item }}\" } }
inputs: { type: object, properties: { list: { type: array, default: [a, b, c] } } }
output: done
";

#[test]
fn a_forecast_learns_from_the_runs_before() {
    let place = Place::new(&[("graph.yaml", GRAPH)]);
    let explain = || place.json(&["explain", "graph.yaml"]);
    let before = explain();
    assert_eq!(
        (&before["learned_from_runs"], &before["per_item"]),
        (&0.into(), &serde_json::json!(["each"])),
        "{before}"
    );
    for _ in 0..2 {
        assert_eq!(place.run(&["run", "graph.yaml"]).0, 0);
    }
    let after = explain();
    assert_eq!((&after["learned_from_runs"], &after["per_item"]), (&2.into(), &serde_json::json!([])), "{after}");
    let each = &after["tasks"][1];
    assert_eq!((&each["task"], &each["items"], &each["learned_from_runs"]), (&"each".into(), &3.into(), &2.into()));
}
