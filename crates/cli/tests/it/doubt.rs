//! What nobody knows after a crash: whether an effect took place, and which run is to blame.

use std::time::Duration;

use crate::place::{Place, Server};

const GRAPH: &str = r#"
version: 1
name: payment
tasks:
  pay:
    uses: exec
    effect: once
    on_uncertain: { check: paid }
    timeout: 400ms
    retry: { initial_delay: 10ms }
    with: { argv: [sh, -c, LINE] }
  paid:
    if: ${{ false }}
    uses: exec
    effect: none
    with: { argv: [sh, -c, 'grep "$0" ledger', "${{ task.key }}"] }
    catch: [{ on: [permanent], output: false }]
output: "${{ tasks.pay.output.stdout }}"
"#;

/// The program books under the key that it is given, and never answers: the check finds the booking. Or it does not book at first: the
/// check finds nothing, and it runs again.
#[test]
fn what_is_in_doubt_is_booked_once() {
    let books_silently = r#"'echo $AGENDUM_IDEMPOTENCY_KEY >> ledger; exec sleep 60'"#;
    let books_later = r#"'if mkdir tried; then touch ledger; exec sleep 60; fi; echo $AGENDUM_IDEMPOTENCY_KEY >> ledger; cat ledger'"#;
    for (line, attempts) in [(books_silently, 1), (books_later, 2)] {
        let place = Place::with_shell();
        place.write("graph.yaml", &GRAPH.replace("LINE", line));
        let (code, out, err) = place.run(&["run", "graph.yaml"]);
        assert_eq!(code, 0, "{err}");
        let ledger = std::fs::read_to_string(place.path("ledger")).unwrap();
        assert_eq!((ledger.lines().count(), out.trim()), (1, ledger.trim()), "{line}");
        let why = place.json(&["why", "last"]);
        let pay = why["tasks"].as_array().unwrap().iter().find(|task| task["task"] == "pay").unwrap();
        assert_eq!(pay["attempts"].as_array().unwrap().len(), attempts, "{why}");
    }
}

/// The first attempt never answers; whoever looked says that it did nothing, then that the second did.
#[test]
fn a_person_is_asked_whether_it_happened() {
    let place = Place::with_shell();
    place.shells(&[(
        "pay",
        "exec sleep 60",
        "effect: once, on_uncertain: ask, timeout: 300ms, retry: { initial_delay: 1ms }",
    )]);
    let _host = Server::start(&place, &[]);
    let run = place.json(&["run", "graph.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    let asked = || loop {
        let waits = place.json(&["waits"])["waits"].clone();
        if waits[0]["for"] == "effect" {
            return waits;
        }
    };
    assert_eq!((&asked()[0]["task"], &asked()[0]["run"]), (&"pay".into(), &run.clone().into()));
    assert!(place.run(&["waits"]).1.contains(&format!("resolve {run} pay --attempt 1 --happened [--output JSON]")));
    assert_eq!(place.run(&["resolve", &run, "other", "--nothing"]).0, 2);
    assert_eq!(place.run(&["resolve", &run]).0, 2, "it must say what happened");
    assert_eq!(place.run(&["resolve", &run, "--nothing"]).0, 0);
    while place.json(&["runs", "show", &run])["tasks"][0]["attempts"] != 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    asked();
    assert_eq!(place.run(&["resolve", &run, "pay", "--happened", "--output", r#"{"receipt": 7}"#]).0, 0);
    let (code, out, _) = place.run(&["runs", "watch", &run]);
    assert!(code == 0 && out.contains("\"receipt\": 7"), "{out}");
    let why = place.json(&["why", &run]);
    assert!(why["parts"].as_array().unwrap().iter().any(|part| part["cause"] == "person"), "{why}");
}

/// Whatever a host was doing when it died may be why: what was at work in three such ends in a row is held until somebody lets it go on.
#[test]
fn a_run_that_is_at_work_in_three_crashes_is_held() {
    let place = Place::with_shell();
    let line = "echo >> begun; test -e calm || exec sleep 60";
    let graph = format!(
        "version: 1\nname: g\ntasks:\n  a: {{ uses: exec, effect: none, with: {{ argv: [sh, -c, {line:?}] }} }}\n"
    );
    place.write("graph.yaml", &graph);
    let begun = || std::fs::read_to_string(place.path("begun")).map_or(0, |text| text.lines().count());
    let mut server = Server::start(&place, &[]);
    let run = place.json(&["run", "graph.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    for life in 1..=3 {
        while begun() < life {
            std::thread::sleep(Duration::from_millis(10));
        }
        server.kill();
        server = Server::start(&place, &[]);
    }
    let shown = place.json(&["runs", "show", &run]);
    assert_eq!((&shown["status"], &shown["quarantined"]), (&"paused".into(), &true.into()), "{shown}");
    assert!(place.run(&["runs", "show", &run]).1.contains(&format!("runs resume {run}")));
    place.write("calm", "");
    assert_eq!(place.run(&["runs", "resume", &run]).0, 0);
    assert_eq!(place.run(&["runs", "watch", &run]).0, 0);
    assert_eq!(begun(), 4, "it was begun once for each life that let it, and once more");
    server.stop();
}
