//! `agendum explain`, before and after a run.

use std::process::Command;

use serde_json::Value as Json;

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
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("graph.yaml"), GRAPH).unwrap();
    let agendum = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agendum"));
        command
            .env_remove("AGENDUM_CONFIG")
            .env_remove("OPENAI_API_KEY")
            .current_dir(folder.path())
            .args(["--json", "--data", "data"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let explain = || serde_json::from_str::<Json>(&agendum(&["explain", "graph.yaml"])).unwrap();
    let before = explain();
    assert_eq!(
        (&before["learned_from_runs"], &before["per_item"]),
        (&0.into(), &serde_json::json!(["each"])),
        "{before}"
    );
    agendum(&["run", "graph.yaml"]);
    agendum(&["run", "graph.yaml"]);
    let after = explain();
    assert_eq!((&after["learned_from_runs"], &after["per_item"]), (&2.into(), &serde_json::json!([])), "{after}");
    let each = &after["tasks"][1];
    assert_eq!((&each["task"], &each["items"], &each["learned_from_runs"]), (&"each".into(), &3.into(), &2.into()));
}
