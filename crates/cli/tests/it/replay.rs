//! A journal is run again in virtual time, and another policy beside it.

use serde_json::Value as Json;

use crate::place::{Place, Server};

const CONFIG: &str = "[targets.tools]\nkind = \"exec\"\nallow = [\"sh\"]\nconcurrency = 1\n";
const GRAPH: &str = r#"
version: 1
name: mixed
inputs: { type: object, properties: { n: { type: integer } } }
tasks:
  plan: { uses: chat, with: { prompt: "plan ${{ inputs.n }}" } }
  parts:
    needs: [plan]
    foreach: "${{ [1, 2] }}"
    tasks:
      act: { uses: exec, effect: none, with: { argv: [sh, -c, "exit 0"] } }
  sum: { needs: [parts], uses: chat, with: { prompt: "sum up" }, retry: { max_attempts: 2 } }
"#;

fn figure<'r>(row: &'r Json, name: &str) -> &'r Json {
    row["figures"].as_array().unwrap().iter().find(|figure| figure["name"] == name).unwrap()
}

#[test]
fn a_journal_is_replayed_with_its_error_bar_first() {
    let place = Place::new(&[("agendum.toml", CONFIG), ("graph.yaml", GRAPH)]);
    let (code, _, err) = place.run(&["replay"]);
    assert!(code == 2 && err.contains("there are no runs in") && err.contains("hint:"), "{err}");
    for run in 0..4 {
        let (code, _, err) = place.run(&["run", "graph.yaml", "-i", &format!("n={run}")]);
        assert_eq!(code, 0, "{err}");
    }
    place.write("rules.yaml", "version: 1\npolicy: rules\norder: { standard: { index: attained-service } }\n");
    let before = std::fs::metadata(place.path("data/agendum.db")).unwrap().modified().unwrap();
    let asked = ["replay", "--policy", "fifo", "--policy", "rules.yaml", "--since", "1h", "--report", "out.html"];
    let report = place.json(&asked);
    assert_eq!(
        std::fs::metadata(place.path("data/agendum.db")).unwrap().modified().unwrap(),
        before,
        "it writes nothing"
    );
    assert_eq!(
        (&report["runs"], &report["attempts"], &report["left_out"]),
        (&4.into(), &16.into(), &Json::Object(Default::default()))
    );
    let accuracy = &report["accuracy"];
    assert_eq!((&accuracy["compared"], &accuracy["same_answer"]), (&4.into(), &4.into()), "{accuracy}");
    let names: Vec<&Json> = report["policies"].as_array().unwrap().iter().map(|row| &row["policy"]).collect();
    assert_eq!(names, ["balanced", "fifo", "rules"]);
    for row in report["policies"].as_array().unwrap() {
        assert_eq!(figure(row, "succeeded")["value"], 4.0, "{row}");
        assert_eq!((&row["attempts"], &row["made_up"]["attempts"]), (&16.into(), &0.into()), "{row}");
        assert!(row["ns_per_event"].as_f64().unwrap() > 0.0, "what a decision costs is measured");
    }
    // Whether runs that came one after the other take as long as they did hangs on no policy.
    let (real, again) = (&report["happened"], &report["policies"][0]);
    let [real, again] = [real, again].map(|row| figure(row, "mean")["value"].as_f64().unwrap());
    assert!((again / real - 1.0).abs() < 0.2, "{again} {real}");
    assert!(report["assumptions"].as_array().unwrap().iter().any(|line| line.as_str().unwrap().contains("in force")));
    let page = std::fs::read_to_string(place.path("out.html")).unwrap();
    assert!(page.contains("How well the past is reproduced") && page.contains("<svg"));
}

#[test]
fn a_replay_reads_beside_a_server_and_says_what_is_wrong() {
    let place = Place::new(&[("agendum.toml", CONFIG), ("graph.yaml", GRAPH)]);
    let _server = Server::start(&place, &[]);
    assert_eq!(place.run(&["run", "graph.yaml", "-i", "n=1"]).0, 0);
    let (code, out, err) = place.run(&["replay", "--was", "fifo"]);
    assert!(
        code == 0 && out.starts_with("1 run (") && out.contains("fifo, ") && out.contains("as --was says"),
        "{out} {err}"
    );
    place.write("bad.yaml", "version: 1\npolicy: bad\norder: { standard: { index: best } }\n");
    for (asked, code, said) in [
        (&["--since", "2100-01-01"][..], 2, "no run was submitted since 2100-01-01"),
        (&["--since", "yesterday"], 2, "neither an age nor a date"),
        (&["--policy", "bad.yaml"], 2, "best"),
        (&["--policy", "none.yaml"], 2, "there is no file none.yaml"),
        (&["--report", "none/out.html"], 2, "cannot write none/out.html"),
    ] {
        let (ended, _, err) = place.run(&[&["replay"], asked].concat());
        assert!(ended == code && err.contains(said), "{asked:?}: {ended} {err}");
    }
    let (code, _, err) = place.run(&["simulate", "e3", "--seeds", "1", "--compare", "bad.yaml"]);
    assert!(code == 2 && err.contains("best"), "{err}");
}
