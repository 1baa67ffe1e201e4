//! `resources`: what is accepted, and what is said of the rest.

use agendum_types::Need;
use agendum_types::pool::{POOLS_PER_TASK_MAX, UNITS_MAX};
use insta::assert_snapshot;

use super::{checked, said};

#[test]
fn what_an_attempt_holds() {
    let text = r#"
        tasks:
          a: { uses: chat, with: { prompt: hi }, resources: { sandbox: 2, gpu: 1 } }
          b: { uses: exec, effect: idempotent, with: { argv: [b] }, resources: { gpu: 1000000 }, compensate: { uses: exec, with: { argv: [undo] }, resources: { seat: 1 } } }
          c: { uses: agent, with: { prompt: hi }, max_turns: 2, on_exhausted: fail, tools: { look: { description: looks, parameters: { type: object }, uses: exec, effect: none, with: { argv: [look] }, resources: { sandbox: 1 } } } }
    "#;
    assert_snapshot!(said(text), @"");
    let graph = checked(text).runnable().unwrap().graph.clone();
    let held = graph.tasks.iter().filter(|task| !task.resources.is_empty());
    let text = |need: &Need| format!("{}={}", need.pool, need.units);
    let held: Vec<_> = held
        .map(|task| format!("{}: {}", task.name, task.resources.iter().map(text).collect::<Vec<_>>().join(" ")))
        .collect();
    assert_snapshot!(held.join("\n"), @"
    a: gpu=1 sandbox=2
    b: gpu=1000000
    compensate: seat=1
    look: sandbox=1
    ");
}

#[test]
fn what_it_holds_is_part_of_what_a_graph_is() {
    let with = |resources: &str| {
        let text = format!("tasks: {{ a: {{ uses: chat, with: {{ prompt: hi }}{resources} }} }}");
        checked(&text).runnable().unwrap().graph.hash
    };
    assert_ne!(with(", resources: { gpu: 1 }"), with(""));
    assert_ne!(with(", resources: { gpu: 1 }"), with(", resources: { gpu: 2 }"));
}

#[test]
fn what_cannot_be_held_says_why() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: hi }, resources: {} }
          b: { uses: chat, with: { prompt: hi }, resources: { gpu: 0, sandbox: 1000001, seat: -1, disk: 1.5, key: "1" } }
          c: { uses: chat, with: { prompt: hi }, resources: { "a b": 1, 2x: 1, gpu-a: 1 } }
          d: { uses: chat, with: { prompt: hi }, resources: { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1 } }
          e: { uses: chat, with: { prompt: hi }, resources: gpu }
          f: { uses: wait, with: { for: time, after: 1s }, resources: { gpu: 1 } }
          g: { tasks: { h: { uses: chat, with: { prompt: hi } } }, resources: { gpu: 1 } }
          i: { uses: chat, with: { prompt: hi }, resource: { gpu: 1 } }
          j: { uses: agent, with: { prompt: hi }, tools: {}, max_turns: 2, on_exhausted: fail, resources: { gpu: 1 } }
    "#), @r#"
    4:53 empty: `resources` is empty
        help: write at least one pool
    5:60 out_of_range: `gpu` is 0; it must be between 1 and 1000000
        help: how many units of this pool an attempt holds
    5:72 out_of_range: `sandbox` is 1000001; it must be between 1 and 1000000
        help: how many units of this pool an attempt holds
    5:87 wrong_type: `seat` is -1; it must be a whole number between 1 and 1000000
        help: how many units of this pool an attempt holds
    5:97 wrong_type: `disk` is 1.5; it must be a whole number between 1 and 1000000
        help: how many units of this pool an attempt holds
    5:107 wrong_type: `key` is a text; it must be a whole number between 1 and 1000000
        help: write a number: how many units of this pool an attempt holds
    6:55 bad_name: "a b" is no name for a pool
        help: letters, digits and `_`, at most 64, not beginning with a digit
    6:65 bad_name: "2x" is no name for a pool
        help: letters, digits and `_`, at most 64, not beginning with a digit
    6:72 bad_name: "gpu-a" is no name for a pool
        help: letters, digits and `_`, at most 64, not beginning with a digit
    7:53 out_of_range: `resources` has 9 entries; it may have 8
        help: units of pools that each attempt holds beside its target, by pool: at most 8 of them
    8:53 wrong_type: `resources` is a text; it must be a map
        help: write `resources: { POOL: 1 }`
    9:63 call_only: a `wait` holds no `resources`: no attempt of it is sent
        help: give them to the task that works
    10:71 call_only: `resources` belongs to a task with `uses`
        help: give it to the tasks inside
    11:42 unknown_key: unknown key `resource` in `i`
        help: did you mean `resources`?
    12:50 empty: `tools` is empty
        help: write at least one task
    12:88 unknown_key: unknown key `resources` in `j`
        help: known keys: uses, with, tools, max_turns, on_exhausted, max_parallel, stop_if_stuck, result_max, budget, needs, if, timeout, retry, catch, judges, fail_if, as, optional, value, no_fallback, risk, model, live, not_before, delay, within, deadline, description
    "#);
}

#[test]
fn the_schema_has_the_bounds_of_the_types() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../schema/graph.schema.json")).unwrap();
    let resources = &schema["$defs"]["resources"];
    assert_eq!(resources["maxProperties"], POOLS_PER_TASK_MAX);
    assert_eq!(resources["additionalProperties"]["maximum"], UNITS_MAX);
}
