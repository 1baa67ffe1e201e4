//! Tasks whose output adds tasks, on the real binary: a plan over a crash, one that is refused and mended, one that takes the place of
//! what has not started.

mod ahead;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value as Json, json};

use crate::place::{Place, Server};

/// A shell line as a task without effect.
fn shell(line: &str, needs: &[&str]) -> Json {
    json!({ "uses": "exec", "effect": "none", "needs": needs, "with": { "argv": ["sh", "-c", line] } })
}

/// The tasks of a run: name, how it stands, and why.
fn tasks(place: &Place, run: &str) -> String {
    let shown = place.json(&["runs", "show", run]);
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let line = |task: &Json| format!("{} {} {}", text(&task["task"]), text(&task["status"]), text(&task["reason"]));
    let lines = shown["tasks"].as_array().unwrap().iter().map(line);
    lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Two tasks side by side, each of which waits for the other, and one that joins them. The process dies while they run.
#[test]
fn a_plan_is_made_once_and_outlives_its_process() {
    let place = Place::with_shell();
    let wait = |own: &str, other: &str| {
        format!("touch {own}; until test -e {other} && test -e calm; do sleep 0.02; done; echo {own}")
    };
    let join = json!({ "uses": "exec", "effect": "none",
        "with": { "argv": ["sh", "-c", "echo $0", "${{ tasks.left.output.stdout | trim }} and ${{ tasks.right.output.stdout | trim }}"] } });
    let sent = json!({ "uses": "exec", "effect": "idempotent", "needs": ["plan"],
        "with": { "argv": ["sh", "-c", "touch sent; until test -e calm; do sleep 0.02; done"] } });
    let plan = json!({ "tasks": { "sent": sent,
        "left": shell(&wait("l", "r"), &["plan"]), "right": shell(&wait("r", "l"), &["plan"]), "join": join } });
    place.write("plan.json", &plan.to_string());
    place.write(
        "graph.yaml",
        "version: 1\nname: g\ntasks:\n  plan:\n    uses: exec\n    effect: none\n    adds: { uses: [exec] }\n    \
         with: { argv: [sh, -c, 'echo once >> plans; cat plan.json'] }\n",
    );
    let mut server = Server::start(&place, &[]);
    let run = place.json(&["run", "graph.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.wait_for("l");
    place.wait_for("r");
    // An attempt with an effect waits for its record, and so for those before it: what was added is in the journal.
    place.wait_for("sent");
    server.kill();
    place.write("calm", "");
    let server = Server::start(&place, &[]);
    let (code, out, err) = place.run(&["runs", "watch", &run]);
    assert!(code == 0 && out.contains("l and r"), "{code} {out} {err}");
    // Which of those that run side by side stands first in the journal is chance.
    let told = tasks(&place, &run);
    let mut lines: Vec<&str> = told.lines().collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @"
    join succeeded
    left succeeded
    plan succeeded
    right succeeded
    sent succeeded
    ");
    server.stop();
    let (_, told, _) = place.run(&["export", &run]);
    let planned = std::fs::read_to_string(place.path("plans")).unwrap().lines().count();
    assert_eq!((told.matches("run.tasks_added").count(), planned), (1, 1), "{told}");
}

/// A provider that gives these answers in turn, and tells what it was asked.
fn provider(answers: Vec<String>) -> (String, Receiver<Json>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let (tell, asked) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
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
            let _gone = tell.send(serde_json::from_slice(&body).unwrap());
            let chunk = json!({ "choices": [{ "index": 0, "delta": { "content": answer }, "finish_reason": "stop" }],
                "usage": { "prompt_tokens": 1, "completion_tokens": 1 } });
            let events = format!("data: {chunk}\n\ndata: [DONE]\n\n");
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
            write!(stream, "{head}content-length: {}\r\n\r\n{events}", events.len()).unwrap();
        }
    });
    (base, asked)
}

/// A model plans what it may not, is told so, and plans better.
#[test]
fn a_plan_that_is_refused_is_mended_by_its_model() {
    let bad = json!({ "tasks": { "wipe": shell("rm -r /", &[]), "ask": { "uses": "chta" } } }).to_string();
    let good = json!({ "tasks": { "ask": { "uses": "chat", "with": { "prompt": "after ${{ tasks.plan.output.finish_reason }}" } } } });
    let good = format!("Sorry!\n```json\n{good}\n```");
    let (base, asked) = provider(vec![bad, good, "done".to_owned()]);
    let target = format!("offline = false\n[targets.model]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"m\"\n");
    let graph = "version: 1\nname: g\ntasks:\n  plan: { uses: chat, adds: tasks, retry: { max_attempts: 2, initial_delay: 1ms }, \
                 with: { prompt: plan } }\n";
    let place = Place::new(&[("agendum.toml", &target), ("graph.yaml", graph)]);
    let events = place.lines(&["run", "graph.yaml"]);
    let run = &events.last().unwrap()["run"];
    assert_eq!(run["output"]["ask"]["text"], "done", "{run}");
    let asked: Vec<Json> = asked.iter().collect();
    let last = |place: usize| asked[place]["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
    assert_eq!((last(0), last(2)), ("plan", "after stop"));
    insta::assert_snapshot!(last(1), @"
    Your last answer was refused:
    1:11 at `wipe`: task `wipe` uses `exec`, which `plan` may not add (use one of chat, retrieve, translate, moderate)
    1:113 at `chta`: `uses` knows no `chta` (did you mean `chat`?)
    Give the whole answer anew, without that fault.
    ");
    let retrying = events.iter().find(|event| event["type"] == "task.retrying").unwrap();
    insta::assert_snapshot!(retrying["error"], @r#"
    {"class":"invalid_output","message":"1:11 at `wipe`: task `wipe` uses `exec`, which `plan` may not add (use one of chat, retrieve, translate, moderate)\n1:113 at `chta`: `uses` knows no `chta` (did you mean `chat`?)"}
    "#);
}

/// A caller replans: what has not started is skipped, what has started is refused by name.
#[test]
fn what_has_not_started_is_replaced() {
    let place = Place::with_shell();
    let slow = shell("touch begun; until test -e go; do sleep 0.02; done", &[]);
    let graph = json!({ "version": 1, "name": "g", "tasks": { "first": slow, "second": shell("echo old", &["first"]),
        "third": shell("echo old", &["second"]) } });
    place.write("graph.yaml", &graph.to_string());
    let add = |name: &str, needs: &[&str], replaces: &[&str]| {
        let more = json!({ "tasks": { name: shell("echo new", needs) }, "replaces": replaces });
        place.write("more.yaml", &more.to_string());
        let (code, _, err) = place.run(&["runs", "add", "last", "more.yaml"]);
        let lines = err.lines().filter(|line| !line.contains("─") && !line.contains("│") && !line.trim().is_empty());
        format!("{code} {}", lines.map(|line| line.split("; next").next().unwrap()).collect::<Vec<_>>().join("\n"))
    };
    let server = Server::start(&place, &[]);
    let run = place.json(&["run", "graph.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.wait_for("begun");
    let told = [
        add("a", &[], &["first", "second", "third"]),
        add("a", &["first"], &["second"]),
        add("a", &["first"], &["second", "third"]),
        add("b", &[], &["third"]),
    ];
    insta::assert_snapshot!(told.join("\n--\n").replace(&run, "RUN"), @r#"
    2 error: no tasks were added: task "first" has started or ended: only tasks that have not started can be replaced
    --
    2 needs_replaced
      × task `third` needs `second`, which is replaced
      help: replace `third` too, or leave `second` in if that has started
    error: no tasks were added
    --
    0 added to RUN
    --
    2 duplicate_task
      × task `third` was replaced before
      help: leave it out
    error: no tasks were added
    "#);
    place.write("go", "");
    let (code, out, err) = place.run(&["runs", "watch", &run]);
    assert!(code == 0 && out.contains("new") && !out.contains("old"), "{code} {out} {err}");
    insta::assert_snapshot!(tasks(&place, &run), @"
    first succeeded
    second skipped replaced by an addition
    third skipped replaced by an addition
    a succeeded
    ");
    server.stop();
    insta::assert_snapshot!(tasks(&place, &run), @"
    first succeeded
    second skipped replaced by an addition
    third skipped replaced by an addition
    a succeeded
    ");
}

/// The example: a summary of each note, side by side, and one of all.
#[test]
fn the_example_plans_a_task_for_each_note() {
    let place = Place::new(&[]);
    let from = crate::place::root().join("examples/planner");
    let notes = ["journal.md", "money.md", "people.md"].map(|name| format!("notes/{name}"));
    for name in ["agendum.toml", "graph.yaml", "plan.sh"].map(str::to_owned).iter().chain(&notes) {
        place.write(name, &std::fs::read_to_string(from.join(name)).unwrap());
    }
    let (code, _, err) = place.run(&["explain", "graph.yaml"]);
    assert!(code == 0 && err.contains("note: the forecast is without what `plan` will add"), "{code} {err}");
    let (code, out, err) = place.run(&["run", "graph.yaml"]);
    assert_eq!(code, 0, "{out} {err}");
    // Tasks that began while it printed do not hide how long it took.
    let planned = err.lines().find(|line| line.contains("✓ plan ")).unwrap_or_default();
    assert!(planned.trim_end().ends_with('s'), "{err}");
    assert_eq!(tasks(&place, "last").lines().count(), 8, "{out}");
    // What is planned already is not planned beside it once more.
    let (code, _, err) = place.run(&["runs", "retry", "last", "--from", "plan"]);
    assert!(code == 2 && err.contains("task \"plan\" would run again"), "{code} {err}");
    let (code, _, err) = place.run(&["runs", "retry", "last", "--from", "all"]);
    assert_eq!(code, 0, "{err}");
    assert!(tasks(&place, "last").contains("note1 succeeded reused from"), "{}", tasks(&place, "last"));
}
