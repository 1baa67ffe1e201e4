//! Money, on the real binary and a provider that sends bills.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::place::{Place, Server};

const GRAPH: &str = "
version: 1
name: ask
tasks: { a: { uses: chat, with: { prompt: \"<text>a b</text>\" } } }
";

fn configured(place: &Place, base: &str, more: &str) {
    let target = format!("[targets.paid]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"offline/extractive\"\n");
    place.write("agendum.toml", &format!("offline = false\n{target}price = {{ call = 0.01 }}\n{more}"));
}

/// Name, cost and waste of each line, in millionths.
fn lines(place: &Place, by: &str) -> Vec<(String, u64, u64)> {
    let spend = place.json(&["spend", "--by", by]);
    let millionths = |of: &Json| (of.as_f64().unwrap() * 1e6).round() as u64;
    let line = |line: &Json| {
        let name = line["name"].as_str().unwrap().to_owned();
        (name, millionths(&line["cost_usd"]), millionths(&line["wasted_usd"]))
    };
    spend["lines"].as_array().unwrap().iter().chain([&spend["total"]]).map(line).collect()
}

/// What can do nothing before next month holds nobody's command.
#[test]
fn a_run_that_waits_for_the_next_window_is_left_open() {
    let place = Place::new(&[
        ("graph.yaml", GRAPH),
        ("free.yaml", "version: 1\nname: free\ntasks: {a: {uses: wait, with: {for: time, after: 10ms}}}\n"),
    ]);
    let (_provider, base) = Server::provider(&place, &[]);
    configured(&place, &base, "[budgets]\nmonth_usd = 0.01\n");
    assert_eq!(place.run(&["run", "graph.yaml"]).0, 0);
    let server = Server::start(&place, &[]);
    let (code, out, err) = place.run(&["run", "graph.yaml", "--detach"]);
    assert_eq!(code, 0, "{err}");
    let shown = place.run(&["runs", "show", out.trim()]).1;
    assert!(shown.contains("[budgets] is used up: it may go on from "), "{shown}");
    let listed = place.run(&["runs", "ls"]).1;
    assert!(listed.contains("  waiting "), "{listed}");
    let why = place.run(&["why", out.trim(), "a"]).1;
    assert!(why.contains("the month's budget of `[budgets]` is used up: it may go on from "), "{why}");
    let mut watch = place.agendum(&["runs", "watch", "last"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(watch.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("[budgets] is used up: it may go on from ") {
        assert!(err.read_line(&mut told).unwrap() > 0, "{told}");
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    let windows = |place: &Place| place.json(&["spend", "--by", "tenant"])["windows"].clone();
    let window = windows(&place)[0].clone();
    let told = ["window", "limit_usd", "spent_usd", "held_usd", "left_usd"].map(|name| window[name].clone());
    assert_eq!(told, [json!("month"), json!(0.01), json!(0.01), json!(0.0), json!(0.0)]);
    assert!(shown.contains(window["ends"].as_str().unwrap()), "{window} {shown}");
    drop(server);
    let window = windows(&place)[0].clone();
    assert_eq!((&window["spent_usd"], &window["held_usd"]), (&json!(0.01), &Json::Null), "nobody knows what is out");
    let (_, table, err) = place.run(&["spend"]);
    assert!(table.contains("[budgets]") && err.contains("is not known"), "{table} {err}");
    let (code, _, err) = place.run(&["run", "free.yaml"]);
    assert!(code == 0 && err.contains("[budgets] is used up; it may go on from "), "{code} {err}");
}

/// Each run has a process of its own: what those before it have spent the window still knows, also once they are forgotten.
#[test]
fn a_window_outlasts_processes_and_runs() {
    let place = Place::new(&[("graph.yaml", GRAPH)]);
    let (_provider, base) = Server::provider(&place, &["--fail-every", "3"]);
    configured(&place, &base, "[budgets]\nmonth_usd = 0.05\non_exceeded = \"fail\"\n");
    let codes: Vec<i32> = (0..5).map(|_| place.run(&["run", "graph.yaml"]).0).collect();
    // The third was tried twice, and nothing was left for the fifth.
    assert_eq!(codes, [0, 0, 0, 0, 4]);
    (0..2).for_each(|_| assert_eq!(place.run(&["runs", "delete", "last"]).0, 0));
    let (code, _, err) = place.run(&["run", "graph.yaml"]);
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("$0 of the month's budget is left ($0.0500 spent, $0 held)"), "{err}");
    let all = |name: &str| (name.to_owned(), 50_000, 10_000);
    assert_eq!(lines(&place, "graph"), [all("ask"), all("total")]);
    assert_eq!(lines(&place, "tenant"), [all("default"), all("total")]);
    assert_eq!(lines(&place, "target"), [all("paid"), all("total")]);
    let waste = [("used".to_owned(), 40_000, 0), ("failed".to_owned(), 10_000, 10_000), all("total")];
    assert_eq!(lines(&place, "waste"), waste);
    let (code, table, _) = place.run(&["spend", "--since", "1d"]);
    assert!(code == 0 && table.contains("$0.0500") && table.contains("total"), "{table}");
}

/// A tenth of a cent for each byte.
#[test]
fn what_leaves_has_a_price() {
    let place = Place::new(&[("graph.yaml", GRAPH)]);
    let (_provider, base) = Server::provider(&place, &[]);
    let target = format!("[targets.paid]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"offline/extractive\"\n");
    place.write("agendum.toml", &format!("offline = false\n{target}price = {{ egress_gib = 107374.1824 }}\n"));
    let events = place.lines(&["run", "graph.yaml", "--budget", "9"]);
    let succeeded = events.iter().find(|event| event["type"] == "task.succeeded").unwrap();
    let bytes = succeeded["cost_usd"].as_f64().unwrap() * 10_000.0;
    assert!(bytes > 100.0 && bytes < 1_000.0 && (bytes - bytes.round()).abs() < 1e-6, "{succeeded}");
    let (code, _, err) = place.run(&["run", "graph.yaml", "--budget", "0.4"]);
    assert!(code == 4 && err.contains("may cost up to $0.4"), "{code} {err}");
}

#[test]
fn what_is_billed_above_the_hold_is_told() {
    let place = Place::new(&[("graph.yaml", GRAPH)]);
    let (_provider, base) = Server::provider(&place, &[]);
    configured(&place, &base, "max_cost = 0.004\n");
    let events = place.lines(&["run", "graph.yaml", "--budget", "0.1"]);
    let succeeded = events.iter().find(|event| event["type"] == "task.succeeded").unwrap();
    assert_eq!(succeeded["note"], "$0.0060 billed above the hold", "{succeeded}");
    let detail = place.json(&["runs", "show", "last"]);
    let told = (&detail["spent_usd"], &detail["over_usd"], &detail["bound"]);
    assert_eq!(told, (&json!(0.01), &json!(0.006), &json!("hard")), "{detail}");
    let why = place.run(&["why", "last", "a"]).1;
    assert!(why.contains("billed above the hold"), "{why}");
}

/// Two calls at once in each round, a cent each: the sixth does not fit, so the second round was the last.
#[test]
fn a_loop_does_not_go_beyond_its_budget() {
    let call = |text: &str| format!("{{ uses: chat, with: {{ prompt: \"<text>{text}</text>\" }} }}");
    let repeat =
        "{ until: \"${{ loop.round > 8 }}\", max_iterations: 9, on_exhausted: { use: last }, budget: { usd: 0.05 } }";
    let tasks = format!("  l:\n    loop: {repeat}\n    tasks:\n      x: {}\n      y: {}\n", call("a b"), call("c d"));
    let place = Place::new(&[("graph.yaml", &format!("version: 1\nname: rounds\ntasks:\n{tasks}"))]);
    let (_provider, base) = Server::provider(&place, &[]);
    configured(&place, &base, "");
    let events = place.lines(&["run", "graph.yaml"]);
    let exhausted = events.iter().find(|event| event["type"] == "loop.exhausted").unwrap();
    assert_eq!(exhausted["note"], "its budget did not cover the next round", "{exhausted}");
    let short = events.iter().find(|event| event["type"] == "task.failed").unwrap();
    let told = short["error"]["message"].as_str().unwrap();
    assert!(told.contains("$0 of the budget of loop l is left ($0.0500 spent, $0 held)"), "{short}");
    let detail = place.json(&["runs", "show", "last"]);
    assert_eq!((&detail["spent_usd"], &detail["degraded"]), (&json!(0.05), &json!(true)), "{detail}");
    let why = place.run(&["why", "last"]).1;
    assert!(why.contains("its loop had spent its budget after 2 rounds"), "{why}");
}
