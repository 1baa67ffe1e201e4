//! Tasks that run while their planner still writes. Each test has the planner wait for them, so that nothing hangs on time.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value as Json, json};

use super::{shell, tasks};
use crate::place::{Place, Server};

/// The places of these events of a run, in order: kind, and task.
fn order(events: &[Json], wanted: &[(&str, &str)]) -> Vec<usize> {
    let place = |(kind, task): &(&str, &str)| {
        let is_it = |event: &Json| event["type"] == *kind && (task.is_empty() || event["task"] == *task);
        events.iter().position(is_it).unwrap_or_else(|| panic!("no {kind} of {task}: {events:?}"))
    };
    wanted.iter().map(place).collect()
}

/// The program that plans does not end before the first task of its plan has run.
#[test]
fn the_first_task_of_a_plan_runs_before_its_planner_ends() {
    let place = Place::with_shell();
    place.write("first.json", &shell("touch begun; echo one >> first", &[]).to_string());
    place.write("second.json", &shell("echo two", &["first"]).to_string());
    place.write(
        "plan.sh",
        "printf '{\"tasks\": {\"first\": %s,' \"$(cat first.json)\"\nuntil test -e begun; do sleep 0.02; done\n\
         printf '\"second\": %s}}' \"$(cat second.json)\"\n",
    );
    let plan = |more: &str| {
        format!(
            "version: 1\nname: g\ntasks:\n  plan: {{ uses: exec, effect: none, with: {{ argv: [sh, plan.sh] }}, timeout: 60s, \
             adds: {{ uses: [exec]{more} }} }}\n"
        )
    };
    place.write("graph.yaml", &plan(""));
    let events = place.lines(&["run", "graph.yaml"]);
    let wanted = [
        ("run.tasks_ahead", "plan"),
        ("task.started", "first"),
        ("run.tasks_added", ""),
        ("task.succeeded", "plan"),
        ("run.answered", ""),
    ];
    let places = order(&events, &wanted);
    // The second may run ahead as well: its planner takes a while to end.
    let after_first = order(&events, &[("task.succeeded", "first"), ("task.started", "second")]);
    assert!(after_first.is_sorted(), "{events:?}");
    assert!(places.is_sorted(), "{places:?} {events:?}");
    assert_eq!(tasks(&place, "last"), "plan succeeded\nfirst succeeded\nsecond succeeded");
    assert_eq!(std::fs::read_to_string(place.path("first")).unwrap(), "one\n", "it ran once");
    // Where nothing shall run ahead, nothing does: the program would wait for ever.
    std::fs::remove_file(place.path("begun")).unwrap();
    place.write("graph.yaml", &plan(", while_streaming: false").replace("60s", "300ms"));
    let (code, out, _) = place.run(&["run", "graph.yaml"]);
    assert!(code != 0 && !out.contains("tasks_ahead") && !place.path("begun").exists(), "{out}");
}

/// The process dies while the program still plans: it plans again, and what has run ahead runs with the new plan.
#[test]
fn a_plan_that_a_crash_cut_off_is_made_anew() {
    let place = Place::with_shell();
    place.write("first.json", &shell("touch begun; echo one", &[]).to_string());
    place.write("second.json", &shell("echo two", &["first"]).to_string());
    place.write(
        "plan.sh",
        "echo once >> plans\nprintf '{\"tasks\": {\"first\": %s,' \"$(cat first.json)\"\nuntil test -e calm; do sleep 0.02; done\n\
         printf '\"second\": %s}}' \"$(cat second.json)\"\n",
    );
    let graph = "version: 1\nname: g\ntasks:\n  plan: { uses: exec, effect: none, with: { argv: [sh, plan.sh] }, timeout: 60s, \
                 adds: { uses: [exec] } }\n";
    place.write("graph.yaml", graph);
    let mut server = Server::start(&place, &[]);
    let run = place.json(&["run", "graph.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.wait_for("begun");
    server.kill();
    place.write("calm", "");
    let server = Server::start(&place, &[]);
    let (code, out, err) = place.run(&["runs", "watch", &run]);
    assert!(code == 0 && out.contains("one") && out.contains("two"), "{code} {out} {err}");
    let shown = tasks(&place, &run);
    assert!(shown.starts_with("plan succeeded\n") && shown.ends_with("first succeeded\nsecond succeeded"), "{shown}");
    server.stop();
    assert_eq!(std::fs::read_to_string(place.path("plans")).unwrap().lines().count(), 2);
}

/// What one connection asks for.
fn asked(stream: &TcpStream) -> Json {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn says(mut stream: &TcpStream, text: &str, finish: Option<&str>) {
    let delta = json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": finish }] });
    write!(stream, "data: {delta}\n\n").unwrap();
    if finish.is_some() {
        write!(stream, "data: [DONE]\n\n").unwrap();
    }
    stream.flush().unwrap();
}

/// A model writes the first task of its plan, waits until that is asked for, and breaks off. It is asked again, and writes another plan.
#[test]
fn what_a_model_planned_before_it_broke_off_is_withdrawn() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let provider = std::thread::spawn(move || {
        let task = |prompt: &str| json!({ "uses": "chat", "with": { "prompt": prompt } });
        let accept = || {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = asked(&stream);
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n").unwrap();
            (stream, asked["messages"][0]["content"].as_str().unwrap().to_owned())
        };
        let (planner, first) = accept();
        says(&planner, &format!("{{\"tasks\": {{\"ask\": {},", task("early")), None);
        let (ask, second) = accept();
        says(&ask, "too early", Some("stop"));
        drop((planner, ask));
        let (planner, third) = accept();
        says(&planner, &json!({ "tasks": { "ask": task("late") } }).to_string(), Some("stop"));
        drop(planner);
        let (ask, fourth) = accept();
        says(&ask, "in time", Some("stop"));
        [first, second, third, fourth]
    });
    let target = format!("offline = false\n[targets.model]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"m\"\n");
    let graph = "version: 1\nname: g\ntasks:\n  plan: { uses: chat, adds: tasks, with: { prompt: plan }, \
                 retry: { max_attempts: 2, initial_delay: 1ms } }\noutput: ${{ tasks.plan.output }}\n";
    let place = Place::new(&[("agendum.toml", &target), ("graph.yaml", graph)]);
    let (code, out, err) = place.run(&["run", "graph.yaml"]);
    assert_eq!(code, 0, "{out} {err}");
    assert_eq!(provider.join().unwrap(), ["plan", "early", "plan", "late"]);
    insta::assert_snapshot!(tasks(&place, "last"), @"
    plan succeeded
    ask~plan cancelled withdrawn: it ran ahead of the plan of `plan`, which came to nothing or differs
    ask succeeded
    ");
}
