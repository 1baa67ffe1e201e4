//! Tasks that a task's output gives: what is read, what is permitted, what a model is told.

use agendum_types::{Labels, Limits};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::checked;
use crate::{Accepted, Checked, extend, load, planned};

const CHAT: &str = "uses: chat, with: { prompt: hi }";

fn accepted(text: &str) -> Accepted {
    checked(text).runnable().unwrap().clone()
}

fn said(checked: &Checked) -> String {
    let lines = checked.diagnostics.iter().map(|found| {
        let help = found.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
        format!("{}:{} {}: {}{help}", found.line, found.column, found.code, found.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn base(adds: &str) -> Accepted {
    accepted(&format!("tasks:\n  p: {{ {CHAT}, adds: {adds} }}\n  a: {{ {CHAT} }}\n  b: {{ {CHAT}, needs: [a] }}\n"))
}

/// The tasks that the run has then, and what each needs; or what the model is told.
fn read(base: &Accepted, output: &Json) -> Result<Accepted, String> {
    planned(&base.document, "p", output, (&Labels::NONE, true), &Limits::STANDARD).unwrap()
}

fn shown(base: &Accepted, output: &Json) -> String {
    let grown = match read(base, output) {
        Ok(grown) => grown,
        Err(told) => return told,
    };
    // What is restored after a restart is the same graph.
    assert_eq!(*load(&grown.document, &Limits::STANDARD).unwrap(), *grown.graph);
    let made = grown.graph.tasks.iter().filter_map(|task| task.adds.as_ref()).any(|adds| adds.made);
    assert!(made, "the graph knows that they were added");
    let line = |task: &agendum_types::graph::Task| {
        let needs: Vec<&str> = task.needs.iter().map(|need| &*grown.graph.task(*need).name).collect();
        let gone = task.replaced.as_ref().map_or(String::new(), |by| format!(" replaced by {by}"));
        format!("{} [{}]{gone}", task.name, needs.join(", "))
    };
    grown.graph.tasks.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn plans_are_read_in_every_shape_and_wrapping() {
    let tasks = json!({ "tasks": { "x": { "uses": "chat", "with": { "prompt": "${{ tasks.p.output.text }}" } } } });
    let fenced = format!("Here you are:\n```json\n{tasks}\n```\nGood luck!");
    let outputs = [
        tasks.clone(),
        json!({ "text": tasks.to_string(), "model": "m" }),
        json!({ "text": fenced }),
        json!({ "text": "tasks:\n  x: { uses: chat, with: { prompt: hi }, needs: [p] }" }),
        json!({ "code": 0, "stdout": tasks.to_string() }),
        json!({ "status": 200, "json": tasks }),
        json!(tasks.to_string()),
    ];
    for output in outputs {
        assert_eq!(shown(&base("tasks"), &output), "p []\na []\nb [a]\nx [p]", "{output}");
    }
}

#[test]
fn steps_of_plans_are_called_by_their_planner() {
    let steps =
        json!([{ "id": 1, "tool": "a", "args": {} }, { "id": 2, "tool": "b", "args": ["$1"], "dependencies": [1] }]);
    assert_snapshot!(shown(&base("{ uses: [exec] }"), &steps), @"
    p []
    a []
    b [a]
    p_s0 []
    p_s1 [p_s0]
    ");
    assert_snapshot!(shown(&base("{ uses: [exec] }"), &json!({ "nodes": ["a", "b"], "links": [["b", "a"]] })), @"
    p []
    a []
    b [a]
    p_s0 [p_s1]
    p_s1 []
    ");
    assert_snapshot!(shown(&base("{ uses: [exec] }"), &json!([{ "id": 1, "tool": "a", "args": ["$7"] }])), @r#"step "1" reads $7, and there is no such step: name another step, or write $$7 for the text"#);
}

#[test]
fn what_is_no_plan_is_told_so() {
    for output in [json!({ "text": 7 }), json!(7), json!({ "hits": [] }), Json::Null] {
        assert!(shown(&base("tasks"), &output).starts_with("it holds no tasks: give {\"tasks\""), "{output}");
    }
    assert_snapshot!(shown(&base("tasks"), &json!({ "text": "I am sorry, I cannot plan that." })), @"
    1:1: the addition is a text; it must be a map (write `tasks: { NAME: { uses: … } }`)
    ");
}

/// A plan with nothing in it is read, and done.
#[test]
fn an_empty_plan_says_that_nothing_is_left_to_do() {
    for output in [json!({ "tasks": {} }), json!([]), json!({ "text": "```json\n{\"tasks\": {}}\n```" })] {
        assert_eq!(shown(&base("tasks"), &output), "p []\na []\nb [a]", "{output}");
    }
    let replaces = json!({ "tasks": {}, "replaces": ["b"] });
    assert_eq!(shown(&base("tasks"), &replaces), "p []\na []\nb [a] replaced by the plan of `p`");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let plan = json!({ "tasks": {
        "x": { "uses": "chta", "with": { "prompt": "hi" } },
        "y": { "uses": "chat", "with": { "prompt": "${{ tasks.nowhere.output }}" } },
        "a": { "uses": "chat", "with": { "prompt": "p.md" } },
    }, "output": 7 });
    assert_snapshot!(shown(&base("tasks"), &plan), @r#"
    1:23 at `chta`: `uses` knows no `chta` (did you mean `chat`?)
    1:101 at `nowhere`: there is no task `nowhere` (tasks here: p, b, x, a)
    1:122 at `a`: there is another task `a` (give one of them another name)
    1:158: cannot read the file "p.md": this document came without files: put the text inline
    1:168 at `output`: `output` cannot be added to a live run (write `tasks` only)
    "#);
}

/// A name that is taken is no reason to judge what has it.
#[test]
fn what_was_there_is_not_judged_with_a_plan() {
    let base = accepted(&format!(
        "tasks:\n  p: {{ {CHAT}, adds: tasks }}\n  a: {{ uses: exec, with: {{ argv: [rm] }} }}\n  b: {{ {CHAT} }}\n"
    ));
    let plan = json!({ "tasks": { "a": { "uses": "chat", "with": { "prompt": "hi" } } } });
    assert_snapshot!(shown(&base, &plan), @"1:11 at `a`: there is another task `a` (give one of them another name)");
}

#[test]
fn what_a_model_is_told_has_an_end() {
    let tasks: serde_json::Map<String, Json> = (0..200).map(|n| (format!("t{n}"), json!({ "uses": "chta" }))).collect();
    let told = read(&base("tasks"), &json!({ "tasks": tasks })).unwrap_err();
    assert!(told.len() <= 2_048, "{}", told.len());
    assert!(told.ends_with(" more"), "{told}");
}

#[test]
fn a_plan_does_no_more_than_its_planner_permits() {
    let plan = |task: Json| json!({ "tasks": { "x": task } });
    let exec = json!({ "uses": "exec", "with": { "argv": ["rm"] } });
    let agent = json!({ "uses": "agent", "max_turns": 3, "on_exhausted": "fail", "with": { "prompt": "hi" },
        "tools": { "run": { "uses": "exec", "description": "Runs.", "parameters": { "type": "object" }, "with": { "argv": ["rm"] } } } });
    let inside = json!({ "tasks": { "y": exec } });
    let undo = json!({ "uses": "chat", "with": { "prompt": "hi" }, "effect": "once", "on_uncertain": "fail", "compensate": exec });
    let web = json!({ "uses": "http", "with": { "url": "http://example.com" } });
    let wider = json!({ "uses": "chat", "with": { "prompt": "hi" }, "adds": { "uses": ["chat", "exec"] } });
    let more = json!({ "uses": "chat", "with": { "prompt": "hi" }, "adds": { "uses": ["chat"], "tasks_max": 7 } });
    let told = |adds: &str, tasks: &[&Json]| {
        let all = tasks.iter().map(|task| shown(&base(adds), &plan((*task).clone()))).collect::<Vec<_>>();
        all.join("\n--\n")
    };
    assert_snapshot!(told("tasks", &[&exec, &agent, &inside, &undo, &web, &wider]), @r#"
    1:11 at `x`: task `x` uses `exec`, which `p` may not add (use one of chat, retrieve, translate, moderate)
    --
    1:11 at `x`: task `run` uses `exec`, which `p` may not add (use one of chat, retrieve, translate, moderate)
    --
    1:11 at `x`: task `y` uses `exec`, which `p` may not add (use one of chat, retrieve, translate, moderate)
    --
    1:11 at `x`: task `x` has an effect outside, which `p` may not add (leave `effect` out)
    1:11 at `x`: task `compensate` uses `exec`, which `p` may not add (use one of chat, retrieve, translate, moderate)
    --
    1:11 at `x`: task `x` uses `http`, which `p` may not add (use one of chat, retrieve, translate, moderate)
    --
    1:11 at `x`: task `x` may add more than `p` may (write `adds: { uses: [chat, retrieve, translate, moderate], tasks_max: 100 }`)
    "#);
    assert_snapshot!(told("{ uses: [chat], tasks_max: 3 }", &[&exec, &wider, &more]), @r#"
    1:11 at `x`: task `x` uses `exec`, which `p` may not add (use one of chat)
    --
    1:11 at `x`: task `x` may add more than `p` may (write `adds: { uses: [chat], tasks_max: 3 }`)
    --
    1:11 at `x`: task `x` may add more than `p` may (write `adds: { uses: [chat], tasks_max: 3 }`)
    "#);
    assert_snapshot!(told("{ uses: [chat, exec, http] }", &[&exec, &undo, &web, &wider]), @"
    p []
    a []
    b [a]
    x []
    --
    p []
    a []
    b [a]
    x []
    compensate []
    --
    p []
    a []
    b [a]
    x []
    --
    p []
    a []
    b [a]
    x []
    ");
    let four: serde_json::Map<String, Json> = (0..4).map(|n| (format!("t{n}"), inside["tasks"]["y"].clone())).collect();
    assert_snapshot!(shown(&base("{ uses: [exec], tasks_max: 3 }"), &json!({ "tasks": four })), @"1:10: the plan has 4 tasks; `p` may add 3 (plan fewer, or use `foreach` over a list)");
}

#[test]
fn a_plan_may_replace_what_was_there() {
    let x = json!({ "uses": "chat", "with": { "prompt": "hi" } });
    let plan = |replaces: Json| json!({ "tasks": { "x": x }, "replaces": replaces });
    assert_snapshot!(shown(&base("tasks"), &plan(json!(["a", "b"]))), @"
    p []
    a [] replaced by the plan of `p`
    b [a] replaced by the plan of `p`
    x []
    ");
    assert_snapshot!(shown(&base("tasks"), &plan(json!(["a"]))), @r#"
    1:67 at `a`: task `b` needs `a`, which is replaced (replace `b` too, or leave `a` in if that has started)
    "#);
    assert_snapshot!(shown(&base("tasks"), &plan(json!(["p", "nowhere", 7, "b", "b"]))), @r#"
    1:67 at `p`: `p` cannot replace itself (leave it out: it ends with this plan)
    1:71 at `nowhere`: the run has no task `nowhere` to replace (name a task at the top of `tasks`, or one that was added)
    1:81 at `7`: an entry of `replaces` is a number; it must be a text (write the name of a task)
    1:87 at `b`: task `b` was replaced before (leave it out)
    "#);
    assert_snapshot!(shown(&base("tasks"), &plan(json!("a"))), @r#"1:66 at `a`: `replaces` is a text; it must be a list (write [NAME, …])"#);
    let needs = json!({ "tasks": { "x": { "uses": "chat", "with": { "prompt": "${{ tasks.b.output }}" } } }, "replaces": ["b"] });
    assert_snapshot!(shown(&base("tasks"), &needs), @r#"
    1:11 at `x`: task `x` needs `b`, which is replaced (let it need a task that stays)
    "#);
    // A later addition neither needs it nor replaces it again.
    let grown = read(&base("tasks"), &plan(json!(["b"]))).unwrap();
    let later = |text: &str| said(&extend(&grown.document, text, &Limits::STANDARD).unwrap());
    assert_snapshot!(later(&format!("tasks: {{ y: {{ {CHAT}, needs: [b] }} }}")), @"
    1:10 needs_replaced: task `y` needs `b`, which is replaced (let it need a task that stays)
    ");
    assert_snapshot!(later(&format!("{{ tasks: {{ y: {{ {CHAT} }} }}, replaces: [b, x] }}")), @"1:66 duplicate_task: task `b` was replaced before (leave it out)");
    let output = accepted(&format!("tasks: {{ a: {{ {CHAT} }} }}\noutput: {{ of: '${{{{ tasks.a.output }}}}' }}\n"));
    let replaced =
        extend(&output.document, &format!("{{ tasks: {{ y: {{ {CHAT} }} }}, replaces: [a] }}"), &Limits::STANDARD);
    assert_snapshot!(said(&replaced.unwrap()), @"
    1:66 needs_replaced: the run's `output` reads `a`, which is replaced (leave it in: the run could give no output)
    ");
}

#[test]
fn a_run_has_the_labels_of_its_plans() {
    let base = base("tasks");
    let plan = json!({ "tasks": { "x": { "uses": "chat", "with": { "prompt": "what the eu said" } } } });
    let labels = Labels::new(["region=eu", "sensitivity=high"]);
    let grown = planned(&base.document, "p", &plan, (&labels, true), &Limits::STANDARD).unwrap().unwrap();
    assert_eq!((&base.graph.labels, &grown.graph.labels), (&Labels::NONE, &labels));
    assert_eq!(load(&grown.document, &Limits::STANDARD).unwrap().labels, labels);
}

#[test]
fn a_run_has_so_many_plans() {
    let mut all: String = (0..17).map(|n| format!("  p{n}: {{ {CHAT}, adds: tasks }}\n")).collect();
    all.insert_str(0, "tasks:\n");
    let mut grown = accepted(&all);
    let plan = |n: usize| json!({ "tasks": { format!("x{n}"): { "uses": "chat", "with": { "prompt": "hi" } } } });
    for n in 0..16 {
        grown = planned(&grown.document, &format!("p{n}"), &plan(n), (&Labels::NONE, true), &Limits::STANDARD)
            .unwrap()
            .unwrap();
    }
    assert_snapshot!(planned(&grown.document, "p16", &plan(16), (&Labels::NONE, true), &Limits::STANDARD).unwrap().unwrap_err(), @"1:10: 16 tasks of this run have added others, as many as may (add all tasks at once)");
}

#[test]
fn only_a_plain_call_at_the_top_adds_tasks() {
    let with = |task: &str| super::said(&format!("tasks:\n  a: {{ {task} }}\n"));
    assert_snapshot!(with("tasks: { b: { uses: chat, with: { prompt: hi } } }, adds: tasks"), @"
    4:66 call_only: `adds` belongs to a task whose call gives the tasks
        help: give it to that task
    ");
    assert_snapshot!(with("tasks: { b: { uses: chat, with: { prompt: hi }, adds: tasks } }"), @"
    4:62 top_only: only a task at the top of `tasks` adds others
        help: move the task there
    ");
    assert_snapshot!(with("uses: chat, with: { prompt: hi }, adds: tasks, foreach: [1]"), @"
    4:48 contradiction: a `foreach` or a `loop` adds no tasks: there would be a plan of each
        help: let a task behind it put the plan together, and write `adds` there
    ");
    assert_snapshot!(with("uses: chat, with: { prompt: hi }, adds: tasks, cache: { ttl: 1h }"), @"
    4:48 contradiction: a plan is of its run: none is kept for another
        help: leave `cache` out
    ");
    assert_snapshot!(with("uses: wait, with: { for: time, after: 1s }, adds: tasks"), @"
    4:58 call_only: `adds` belongs to a task whose call gives the tasks
        help: give it to that task
    ");
    assert_snapshot!(with("uses: chat, with: { prompt: hi }, adds: task"), @"
    4:48 unknown_value: `adds` knows no `task`
        help: did you mean `tasks`?
    ");
    assert_snapshot!(with("uses: chat, with: { prompt: hi }, adds: { uses: [], task_max: 3 }"), @"
    4:56 empty: `uses` is empty
    4:60 unknown_key: unknown key `task_max` in `adds`
        help: did you mean `tasks_max`?
    ");
    assert_snapshot!(super::said("tasks: { a: { uses: chat, with: { prompt: hi } } }\nplanned: [a]\nreplaced: { a: b }"), @"
    4:1 unknown_key: unknown key `planned` in the document
        help: known keys: $schema, version, name, description, inputs, priority, deadline, budget, labels, concurrency, tasks, output, after, on_failure, finally
    5:1 unknown_key: unknown key `replaced` in the document
        help: known keys: $schema, version, name, description, inputs, priority, deadline, budget, labels, concurrency, tasks, output, after, on_failure, finally
    ");
}
