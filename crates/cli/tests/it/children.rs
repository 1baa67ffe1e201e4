//! Runs inside runs, against the binary: killed in the middle, and gone on with.

use std::io::{BufRead as _, BufReader};

use serde_json::Value as Json;

use crate::place::{Place, Server};

const PARENT: &str = r#"
version: 1
name: parent
tasks:
  review:
    uses: graph
    with: { file: parts/review.yaml, inputs: { word: hello } }
output: "${{ tasks.review.output }}"
"#;

const REVIEW: &str = r#"
version: 1
name: review
inputs: { properties: { word: { type: string } }, required: [word] }
tasks:
  pay: { uses: exec, effect: once, on_uncertain: fail, with: { argv: [sh, -c, "echo paid >> log; touch began; echo ${{ inputs.word }}"] } }
  rest: { uses: exec, effect: idempotent, needs: [pay], with: { argv: [sh, -c, "touch waits; while ! test -f go; do sleep 0.05; done; echo rested"] } }
output: "${{ tasks.pay.output.stdout }}"
"#;

fn children(place: &Place, parent: &str) -> Vec<Json> {
    let runs = place.json(&["runs", "ls"]);
    let of = |run: &&Json| run["parent"]["run"] == parent;
    runs.as_array().unwrap().iter().filter(of).cloned().collect()
}

#[test]
fn a_killed_server_goes_on_with_the_child_that_it_had_begun() {
    let place = Place::with_shell();
    place.write("parent.yaml", PARENT);
    place.write("parts/review.yaml", REVIEW);
    let mut host = Server::start(&place, &[]);
    let run = place.json(&["run", "parent.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.wait_for("waits");
    host.kill();
    place.write("go", "");
    let _host = Server::start(&place, &[]);
    let shown = loop {
        let shown = place.json(&["runs", "show", &run]);
        if shown["done"] == true {
            break shown;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!((&shown["status"], &shown["output"]), (&Json::from("succeeded"), &Json::from("hello\n")), "{shown}");
    let children = children(&place, &run);
    assert_eq!(children.len(), 1, "{children:?}");
    assert_eq!((&children[0]["graph"], &children[0]["parent"]["task"]), (&Json::from("review"), &Json::from("review")));
    assert_eq!(shown["tasks"][0]["child"], children[0]["id"], "{shown}");
    assert_eq!(std::fs::read_to_string(place.path("log")).unwrap(), "paid\n", "what was paid is paid once");
    let (_, said, _) = place.run(&["runs", "show", children[0]["id"].as_str().unwrap()]);
    assert!(said.contains(&format!("for review of {run}")), "{said}");
    let (code, _, refused) = place.run(&["runs", "retry", children[0]["id"].as_str().unwrap()]);
    assert!(code != 0 && refused.contains(&format!("is a child of run {run}")), "{refused}");
}

#[test]
fn a_child_that_failed_is_forked_on_its_own() {
    let place = Place::with_shell();
    place.write("parent.yaml", PARENT);
    place.write(
        "parts/review.yaml",
        &REVIEW.replace("touch waits; while ! test -f go; do sleep 0.05; done", "test -f go || exit 1"),
    );
    assert_eq!(place.run(&["run", "parent.yaml"]).0, 1);
    let run = place.json(&["runs", "show", "last"])["id"].as_str().unwrap().to_owned();
    let child = children(&place, &run)[0]["id"].as_str().unwrap().to_owned();
    place.write("go", "");
    let (code, out, err) = place.run(&["runs", "fork", &child]);
    assert!(code == 0 && out == "hello\n\n", "{code} {out} {err}");
    assert_eq!(std::fs::read_to_string(place.path("log")).unwrap(), "paid\n", "what was paid is paid once");
    assert_eq!(place.json(&["runs", "show", "last"])["parent"], Json::Null);
}

#[test]
fn a_cancelled_parent_cancels_its_child_and_check_names_the_file() {
    let place = Place::with_shell();
    place.write("parent.yaml", PARENT);
    place.write("parts/review.yaml", REVIEW);
    let _host = Server::start(&place, &[]);
    let run = place.json(&["run", "parent.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.wait_for("waits");
    place.run(&["runs", "cancel", &run]);
    loop {
        let all = [place.json(&["runs", "show", &run]), children(&place, &run)[0].clone()];
        if all.iter().all(|run| run["done"] == true) {
            assert!(all.iter().all(|run| run["status"] == "cancelled"), "{all:?}");
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    place.write("parts/review.yaml", &REVIEW.replace("uses: exec", "uses: exce"));
    let (code, _, said) = place.run(&["check", "parent.yaml"]);
    assert!(code != 0 && said.contains("parts/review.yaml"), "{said}");
}

const ASKS: &str = r#"
version: 1
name: asks
inputs: { properties: { word: { type: string } }, required: [word] }
tasks:
  ok: { uses: wait, with: { for: approval } }
  paid: { uses: wait, needs: [ok], with: { for: signal, name: paid } }
output: "${{ tasks.paid.output }}"
"#;

/// What a command says once it says this.
fn until_said(place: &Place, arguments: &[&str], what: &str) -> String {
    loop {
        let (_, out, err) = place.run(arguments);
        if out.contains(what) {
            return out;
        }
        assert!(!err.contains("error"), "{err}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn what_waits_inside_a_child_is_told_and_answered_at_its_parent() {
    let place = Place::with_shell();
    place.write("parent.yaml", PARENT);
    place.write("parts/review.yaml", ASKS);
    let _host = Server::start(&place, &[]);
    let mut attended = place.agendum(&["run", "parent.yaml"]).spawn().unwrap();
    until_said(&place, &["waits"], "approval");
    let run = place.json(&["runs", "show", "last"])["id"].as_str().unwrap().to_owned();
    let child = children(&place, &run)[0]["id"].as_str().unwrap().to_owned();
    let waits = until_said(&place, &["waits", "--run", &run], &format!("agendum approve {child} ok"));
    assert!(waits.contains(&format!("(for review of {run})")), "{waits}");
    let told = format!("ok of child run {child} waits for approval: agendum approve {child} ok");
    let mut progress = BufReader::new(attended.stderr.take().unwrap()).lines();
    assert!(progress.any(|line| line.unwrap().contains(&told)), "whoever attends the parent is told");
    let shown = place.run(&["runs", "show", &run]).1;
    assert!(shown.contains(&told), "{shown}");
    place.run(&["runs", "pause", &child]);
    let paused = format!("it waits for child run {child}, which is paused: agendum runs resume {child} lets it go on");
    for told in [&["runs", "show", &run], &["why", &run][..]] {
        assert!(until_said(&place, told, &paused).contains(&paused));
    }
    let (code, _, refused) = place.run(&["runs", "resume", &run]);
    assert!(
        code == 2 && refused.contains(&format!("child run {child} is paused: `agendum runs resume {child}`")),
        "{refused}"
    );
    assert_eq!(place.run(&["runs", "resume", &child]).0, 0);
    // Of the parent: what is open in it is meant.
    let (code, out, err) = place.run(&["approve", &run]);
    assert!(code == 0 && err.contains(&format!("approved child run {child}")), "{out}{err}");
    until_said(&place, &["waits"], "signal paid");
    let said = place.json(&["signal", &run, "paid", "7"]);
    assert_eq!((&said["kept"], &said["run"]), (&Json::from(false), &Json::from(child.as_str())), "{said}");
    progress.by_ref().for_each(drop);
    let (code, out, _) = crate::place::said(&attended.wait_with_output().unwrap());
    assert!(code == 0 && out.trim() == "7", "{code} {out}");
    let (_, why, next) = place.run(&["why", &run]);
    assert!(why.contains("% person") && next.contains(&format!("agendum why {child}")), "{why}{next}");
    let lines = place.lines(&["runs", "watch", &run]);
    assert_eq!(lines[0], serde_json::json!({ "type": "run", "id": run }));
}

#[test]
fn what_waits_inside_a_child_is_told_where_nobody_hosts_it() {
    let place = Place::with_shell();
    place.write("parent.yaml", PARENT);
    place.write("parts/review.yaml", ASKS);
    let host = Server::start(&place, &[]);
    let run = place.json(&["run", "parent.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    until_said(&place, &["waits"], "approval");
    host.stop();
    let child = children(&place, &run)[0]["id"].as_str().unwrap().to_owned();
    let (_, waits, err) = place.run(&["waits", "--run", &run]);
    assert!(waits.contains(&format!("agendum approve {child} ok")), "{waits}{err}");
    let (_, shown, _) = place.run(&["runs", "show", &run]);
    assert!(shown.contains(&format!("ok of child run {child} waits for approval")), "{shown}");
}
