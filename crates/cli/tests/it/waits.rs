//! A run that waits for a person, on the real binary: over a `kill -9`, with the commands that answer it.

use serde_json::{Value as Json, json};

use crate::place::{Place, Server, said, signal};

/// A draft, a decision on it, and what follows; then a signal.
const GRAPH: &str = r#"
version: 1
name: release
tasks:
  draft: { uses: exec, effect: none, with: { argv: [sh, -c, "echo draft >> drafts; echo a draft"] } }
  ask:
    uses: wait
    with: { for: approval, queue: press, show: "${{ tasks.draft.output.stdout }}" }
    fail_if: ${{ not output.approved }}
  paid: { uses: wait, needs: [ask], with: { for: signal, name: paid } }
output: { by: "${{ tasks.ask.output.by }}", why: "${{ tasks.ask.output.comment }}", sum: "${{ tasks.paid.output.sum }}" }
"#;

impl Place {
    /// What waits, once so many do.
    pub(crate) fn waiting(&self, count: usize) -> Vec<Json> {
        loop {
            let waits = self.json(&["waits"])["waits"].as_array().unwrap().clone();
            if waits.len() == count {
                return waits;
            }
        }
    }
}

#[test]
fn a_wait_survives_a_kill_and_is_answered_once() {
    let place = Place::with_shell();
    place.write("release.yaml", GRAPH);
    let mut host = Server::start(&place, &[]);
    let (code, out, err) = place.run(&["run", "--detach", "release.yaml"]);
    assert_eq!(code, 0, "{err}");
    let id = out.trim();
    let waits = place.waiting(1);
    let told = (&waits[0]["run"], &waits[0]["task"], &waits[0]["for"], &waits[0]["queue"], &waits[0]["show"]);
    assert_eq!(told, (&json!(id), &json!("ask"), &json!("approval"), &json!("press"), &json!("a draft\n")));
    host.kill();
    // Nobody hosts it: what waits is read from its records.
    let (code, out, _) = place.run(&["waits", "--queue", "press"]);
    assert!(code == 0 && out.contains("approve") && out.contains("a draft"), "{out}");
    let (_, out, _) = place.run(&["waits", "--queue", "other"]);
    assert_eq!(out, "");
    let mut host = Server::start(&place, &[]);
    let (code, _, err) = place.run(&["approve", "last", "--comment", "good"]);
    assert!(code == 0 && err.contains(&format!("approved {id}")), "{code} {err}");
    let (code, _, err) = place.run(&["reject", id, "ask"]);
    assert!(code == 2 && err.contains("local approved task \"ask\" at") && err.contains("hint: "), "{code} {err}");
    assert_eq!(place.waiting(1)[0]["task"], json!("paid"));
    for (typed, meant) in [("payd", "did you mean paid?"), ("other", "what is waited for: paid")] {
        let (code, _, err) = place.run(&["signal", id, typed]);
        assert!(code == 0 && err.contains(&format!("no task waits for the signal {typed} now")), "{code} {err}");
        assert!(err.contains(meant), "{err}");
    }
    host.kill();
    // Whoever brings the signal hosts the run to its end.
    let (code, _, err) = place.run(&["signal", id, "paid", r#"{"sum": 3}"#]);
    assert!(code == 0 && err.contains("took up 1 open run"), "{code} {err}");
    let shown = place.json(&["runs", "show", id]);
    assert_eq!(shown["output"], json!({ "by": "local", "why": "good", "sum": 3 }), "{shown}");
    assert_eq!(std::fs::read_to_string(place.path("drafts")).unwrap(), "draft\n", "what was done was not done again");
    let (_, out, _) = place.run(&["why", id]);
    assert!(out.contains("% person") && out.contains("approved by local after"), "{out}");
    let (code, _, err) = place.run(&["approve", id]);
    assert!(code == 2 && err.contains("decided already"), "{code} {err}");
}

#[test]
fn an_attended_run_says_how_it_is_answered_and_a_refusal_may_fail_it() {
    let place = Place::with_shell();
    place.write("release.yaml", GRAPH);
    let run = place.agendum(&["run", "release.yaml"]).spawn().unwrap();
    while !place.path("data/owner.json").exists() {}
    let id = place.waiting(1)[0]["run"].as_str().unwrap().to_owned();
    let (code, _, err) = place.run(&["reject", &id, "--comment", "no"]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = said(&run.wait_with_output().unwrap());
    assert!(
        code == 1 && err.contains(&format!("agendum approve {id} ask, or agendum reject {id} ask")),
        "{code} {err}"
    );
    assert!(err.contains("refused by local") && err.contains("invalid_output"), "{err}");
    assert_eq!(place.json(&["waits"])["waits"], json!([]));
}

#[test]
fn a_client_that_is_stopped_leaves_its_run_to_the_server() {
    let place = Place::with_shell();
    place.write("release.yaml", GRAPH);
    let _server = Server::start(&place, &[]);
    let run = place.agendum(&["run", "release.yaml"]).spawn().unwrap();
    let id = place.waiting(1)[0]["run"].as_str().unwrap().to_owned();
    signal(&run, "-TERM");
    let (_, _, err) = said(&run.wait_with_output().unwrap());
    assert!(err.contains(&format!("stopped: run {id} goes on with its server")), "{err}");
    assert_eq!(place.run(&["approve", &id]).0, 0);
}
