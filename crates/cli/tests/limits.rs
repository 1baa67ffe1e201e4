//! Limits as a user changes them, on the real binary.

use std::process::Command;

use serde_json::Value as Json;

const GRAPH: &str = "
version: 1
name: pair
tasks:
  one: { uses: moderate, with: { text: fine } }
  two: { uses: moderate, with: { text: \"${{ tasks.one.output.model }}\" } }
";

#[test]
fn narrower_limits_refuse_what_comes_and_not_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("graph.yaml"), GRAPH).unwrap();
    let agendum = |arguments: &[&str], narrow: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agendum"));
        command
            .env_remove("AGENDUM_CONFIG")
            .env_remove("OPENAI_API_KEY")
            .env("NO_COLOR", "1")
            .current_dir(folder.path());
        if narrow {
            command.env("AGENDUM_LIMITS__GRAPH_TASKS_MAX", "1");
        }
        let output = command.args(["--json", "--data", "data"]).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    assert_eq!(agendum(&["run", "graph.yaml"], false).0, 0);
    let (code, _, err) = agendum(&["run", "graph.yaml"], true);
    assert!(code == 2 && err.contains("more than 1 tasks"), "{code} {err}");
    let (code, out, err) = agendum(&["runs", "show", "last"], true);
    assert_eq!(code, 0, "{err}");
    let detail: Json = serde_json::from_str(&out).unwrap();
    assert_eq!((&detail["status"], detail["tasks"].as_array().unwrap().len()), (&"succeeded".into(), 2), "{out}");
    let (code, out, _) = agendum(&["config", "check"], true);
    let shown: Json = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["limits"]["graph_tasks_max"]), (0, &"1".into()));
    assert_eq!(shown["overrides"], serde_json::json!(["AGENDUM_LIMITS__GRAPH_TASKS_MAX"]));
}
