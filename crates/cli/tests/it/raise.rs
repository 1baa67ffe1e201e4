//! `on_exceeded: ask`, on the real binary: what asks for money, over a `kill -9`, and the command that answers it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use serde_json::json;

use crate::place::{Place, Server};

const GRAPH: &str = "
version: 1
name: ask
budget: { usd: 0.015, on_exceeded: ask }
tasks:
  a: { uses: chat, with: { prompt: \"<text>a b</text>\" } }
  b: { uses: chat, needs: [a], with: { prompt: \"<text>c d</text>\" } }
";

/// A place whose one target costs a cent for each call.
fn paid() -> (Place, Server) {
    let place = Place::new(&[
        ("graph.yaml", GRAPH),
        ("free.yaml", "version: 1\nname: free\ntasks: {a: {uses: wait, with: {for: time, after: 10ms}}}\n"),
    ]);
    let (provider, base) = Server::provider(&place, &[]);
    let target = format!("[targets.paid]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"offline/extractive\"\n");
    place.write("agendum.toml", &format!("offline = false\n{target}price = {{ call = 0.01 }}\n"));
    (place, provider)
}

#[test]
fn a_run_asks_for_money_over_a_kill_and_goes_on_once_it_is_raised() {
    let (place, _provider) = paid();
    let mut host = Server::start(&place, &[]);
    let (code, out, err) = place.run(&["run", "--detach", "graph.yaml"]);
    assert_eq!(code, 0, "{err}");
    let id = out.trim();
    let wait = place.waiting(1).remove(0);
    let money = json!({ "needs_usd": 0.01, "left_usd": 0.005, "of_usd": 0.015 });
    assert_eq!(
        (&wait["run"], &wait["task"], &wait["for"], &wait["money"]),
        (&json!(id), &json!("b"), &json!("money"), &money)
    );
    let asks = "asks for money: needs $0.01 at least, $0.0050 left of $0.0150 of the run: --usd 0.005 would do";
    for shown in [["runs", "show", id], ["waits", "--run", id]] {
        let shown = place.run(&shown).1;
        assert!(
            shown.contains(asks) && shown.contains(&format!("runs raise {id} --usd 0.005, or --refuse")),
            "{shown}"
        );
    }
    host.kill();
    // Nobody hosts it: what asks is read from its records.
    let (code, shown, _) = place.run(&["waits"]);
    assert!(code == 0 && shown.contains(asks) && shown.contains(&format!("runs raise {id} --usd 0.005")), "{shown}");
    // What only asks holds nobody's command.
    let (code, _, err) = place.run(&["run", "free.yaml"]);
    assert!(code == 0 && err.contains(&format!("left open: {id} ask: it waits for a person")), "{code} {err}");
    for (flags, said) in [
        (vec!["--usd", "0"], "above 0"),
        (vec!["--usd", "nan"], "a number of US dollars"),
        (vec!["--tokens", "9"], "has no limit of tokens"),
        (vec!["--task", "b", "--usd", "1"], "has no budget now"),
        (vec![], "--usd"),
    ] {
        let (code, _, err) = place.run(&[&["runs", "raise", id], &flags[..]].concat());
        assert!(code == 2 && err.contains(said), "{flags:?}: {code} {err}");
    }
    let (code, _, err) = place.run(&["runs", "raise", id, "--usd", "0.005"]);
    assert!(code == 0 && err.contains(&format!("raised the budget of {id}")), "{code} {err}");
    let shown = place.json(&["runs", "show", id]);
    assert_eq!((&shown["status"], &shown["spent_usd"]), (&json!("succeeded"), &json!(0.02)), "{shown}");
    let why = place.run(&["why", id]).1;
    assert!(why.contains("person"), "{why}");
    let (code, _, err) = place.run(&["runs", "raise", id, "--usd", "1"]);
    assert!(code == 2 && err.contains("has ended"), "{code} {err}");
}

#[test]
fn who_attends_is_told_what_asks_and_a_refusal_fails_it() {
    let (place, _provider) = paid();
    let mut run = place.agendum(&["run", "graph.yaml"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(run.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("asks for money") {
        assert!(err.read_line(&mut told).unwrap() > 0, "{told}");
    }
    let (code, _, said) = place.run(&["runs", "raise", "last", "--refuse"]);
    assert!(code == 0 && said.contains("refused"), "{code} {said}");
    err.read_to_string(&mut told).unwrap();
    assert!(run.wait().unwrap().code() == Some(4) && told.contains("budget_exceeded"), "{told}");
    assert!(told.contains("runs raise") && told.contains("local refused"), "{told}");
}

#[test]
fn more_for_a_child_run_is_set_aside_by_its_parent() {
    let (place, _provider) = paid();
    let parent = "version: 1\nname: parent\nbudget: { usd: 0.02 }\ntasks: { inner: { uses: graph, with: { file: graph.yaml } } }\n";
    place.write("parent.yaml", parent);
    let _host = Server::start(&place, &[]);
    let (_, out, err) = place.run(&["run", "--detach", "parent.yaml"]);
    let (id, child) = (out.trim(), place.waiting(1).remove(0)["run"].as_str().unwrap().to_owned());
    assert_ne!(id, child, "{err}");
    let told = place.run(&["runs", "show", id]).1;
    assert!(told.contains(&format!("b of child run {child} asks for money")), "{told}");
    let (code, _, err) = place.run(&["runs", "raise", &child, "--usd", "0.01"]);
    assert!(code == 2 && err.contains(&format!("agendum runs raise {id} --usd 0.005` first")), "{code} {err}");
    for arguments in
        [&["runs", "raise", id, "--usd", "0.005"][..], &["runs", "raise", id, "--task", "inner", "--usd", "0.01"]]
    {
        let (code, _, err) = place.run(arguments);
        assert_eq!(code, 0, "{err}");
    }
    let shown = loop {
        let shown = place.json(&["runs", "show", id]);
        if shown["done"] == true {
            break shown;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let told = (&shown["status"], &shown["spent_usd"], &shown["over_usd"]);
    assert_eq!(told, (&json!("succeeded"), &json!(0.02), &serde_json::Value::Null), "{shown}");
}
