//! Tasks of a plan that is still being written, and what becomes of them with the whole.

use agendum_types::graph::Task;
use agendum_types::{Labels, Limits};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::checked;
use crate::{Accepted, extend, load, planned, planned_ahead};

const CHAT: &str = "uses: chat, with: { prompt: hi }";

fn base() -> Accepted {
    let text = format!("tasks:\n  p: {{ {CHAT}, adds: {{ uses: [chat, exec], tasks_max: 4 }} }}\n  a: {{ {CHAT} }}\n");
    checked(&text).runnable().unwrap().clone()
}

fn chat(needs: &[&str]) -> Json {
    json!({ "uses": "chat", "with": { "prompt": "hi" }, "needs": needs })
}

fn ahead(base: &Accepted, tasks: &Json) -> Option<Accepted> {
    planned_ahead(&base.document, "p", &tasks.to_string(), &Limits::STANDARD).unwrap()
}

fn whole(base: &Accepted, tasks: &Json, counts: bool) -> Result<Accepted, String> {
    planned(&base.document, "p", &json!({ "tasks": tasks }), (&Labels::NONE, counts), &Limits::STANDARD).unwrap()
}

fn shown(grown: &Accepted) -> String {
    // What is restored after a restart is the same graph.
    assert_eq!(*load(&grown.document, &Limits::STANDARD).unwrap(), *grown.graph);
    let line = |task: &Task| {
        let needs: Vec<&str> = task.needs.iter().map(|need| &*grown.graph.task(*need).name).collect();
        let how = task.ahead.map_or("", |ahead| if ahead.withdrawn { " withdrawn" } else { " ahead" });
        format!("{} [{}]{how}", task.name, needs.join(", "))
    };
    grown.graph.tasks.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_plan_holds_as_it_was_stays() {
    let first = ahead(&base(), &json!({ "x": chat(&["a"]) })).unwrap();
    let read = json!({ "uses": "chat", "with": { "prompt": "${{ tasks.x.output.text }}" } });
    let second = ahead(&first, &json!({ "y": read, "z": chat(&[]) })).unwrap();
    assert_snapshot!(shown(&second), @"
    p []
    a []
    x [a] ahead
    y [x] ahead
    z [] ahead
    ");
    let tasks = json!({ "x": chat(&["a"]), "y": read, "z": chat(&["x"]), "more": chat(&["y", "p"]) });
    assert_snapshot!(shown(&whole(&second, &tasks, true).unwrap()), @"
    p []
    a []
    x [a]
    y [x]
    z~p [] withdrawn
    z [x]
    more [y, p]
    ");
    // What does not count any more is withdrawn, and its names are free.
    assert_snapshot!(shown(&whole(&second, &tasks, false).unwrap()), @"
    p []
    a []
    x~p [a] withdrawn
    y~p [x~p] withdrawn
    z~p [] withdrawn
    x [a]
    y [x]
    z [x]
    more [y, p]
    ");
    // A plan that was given ahead in full.
    let all = json!({ "x": chat(&["a"]), "y": read, "z": chat(&[]) });
    let done = whole(&second, &all, true).unwrap();
    assert_eq!(done.graph.tasks.len(), second.graph.tasks.len());
    assert!(done.graph.tasks[0].adds.as_ref().unwrap().made && !second.graph.tasks[0].adds.as_ref().unwrap().made);
}

/// It has read what the plan does not hold.
#[test]
fn what_needs_something_else_now_is_withdrawn_too() {
    let base = ahead(&base(), &json!({ "x": chat(&[]), "y": chat(&["x"]), "z": chat(&["y"]) })).unwrap();
    let plan = json!({ "x": chat(&["a"]), "y": chat(&["x"]), "z": chat(&["y"]) });
    assert_snapshot!(shown(&whole(&base, &plan, true).unwrap()), @"
    p []
    a []
    x~p [] withdrawn
    y~p [x~p] withdrawn
    z~p [y~p] withdrawn
    x [a]
    y [x]
    z [y]
    ");
}

#[test]
fn only_plain_calls_without_an_effect_run_ahead() {
    let with = |key: &str, value: Json| {
        let mut task = chat(&[]);
        task[key] = value;
        task
    };
    let refused = [
        json!({ "uses": "exec", "with": { "argv": ["rm"] } }),
        json!({ "uses": "http", "with": { "url": "http://localhost" } }),
        json!({ "tasks": { "inner": chat(&[]) } }),
        json!({ "uses": "agent", "with": { "prompt": "hi" } }),
        chat(&["later"]),
        with("foreach", json!([1, 2])),
        with("live", json!(true)),
        with("optional", json!(true)),
        with("adds", json!("tasks")),
        with("unknown", json!(1)),
        json!(7),
    ];
    for task in refused {
        assert!(ahead(&base(), &json!({ "x": task.clone() })).is_none(), "{task}");
    }
    let fine = [
        json!({ "uses": "exec", "effect": "none", "with": { "argv": ["ls"] } }),
        with("retry", json!({ "max_attempts": 2 })),
        with("if", json!("${{ tasks.a.output.x }}")),
        with("catch", json!([{ "on": ["any"], "output": 7 }])),
    ];
    for task in fine {
        assert!(ahead(&base(), &json!({ "x": task.clone() })).is_some(), "{task}");
    }
    assert!(ahead(&base(), &json!({ "a": chat(&[]) })).is_none(), "its name is taken");
}

/// In all, be they given ahead or with the whole.
#[test]
fn a_plan_has_no_more_tasks_than_it_may() {
    let three = json!({ "x": chat(&[]), "y": chat(&[]), "z": chat(&[]) });
    let base = ahead(&base(), &three).unwrap();
    assert!(ahead(&base, &json!({ "v": chat(&[]), "w": chat(&[]) })).is_none());
    let plan = |more: &[&str]| {
        let mut plan = three.clone();
        more.iter().for_each(|name| plan[*name] = chat(&[]));
        plan
    };
    assert!(whole(&base, &plan(&["v"]), true).is_ok());
    assert_snapshot!(whole(&base, &plan(&["v", "w"]), true).unwrap_err(), @"1:10: the plan has 5 tasks; `p` may add 4 (plan fewer, or use `foreach` over a list)");
    // What was withdrawn counts no more.
    assert!(whole(&base, &plan(&["v"]), false).is_ok());
}

#[test]
fn nobody_else_builds_on_what_may_yet_be_withdrawn() {
    let base = ahead(&base(), &json!({ "x": chat(&["a"]) })).unwrap();
    let more = json!({ "tasks": { "mine": chat(&["x"]) }, "replaces": ["x"] });
    let checked = extend(&base.document, &more.to_string(), &Limits::STANDARD).unwrap();
    let said: Vec<String> =
        checked.diagnostics.iter().map(|found| format!("{}: {}", found.code, found.message)).collect();
    assert_snapshot!(said.join("\n"), @"
    needs_ahead: task `mine` needs `x`, which is not yet sure to stay
    needs_ahead: `x` is not yet sure to stay: its planner still writes
    ");
    // Others may be added beside it, and even replace what it needs: then the plan is told so.
    let more = json!({ "tasks": { "mine": chat(&[]) }, "replaces": ["a"] });
    let grown = extend(&base.document, &more.to_string(), &Limits::STANDARD).unwrap().runnable().unwrap().clone();
    assert_snapshot!(whole(&grown, &json!({ "x": chat(&["a"]) }), true).unwrap_err(), @"1:11 at `x`: task `x` needs `a`, which is replaced (let it need a task that stays)");
}
