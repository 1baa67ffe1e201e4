//! `judges`: which task may judge which, and what promises a score.

use agendum_types::graph::{Fields, NodeId};
use insta::assert_snapshot;
use serde_json::json;

use super::{checked, said, shown};
use crate::{NoFiles, NormalDocument, Source, check, extend, load};

#[test]
fn who_judges_whom() {
    let text = r#"
        tasks:
          a: { uses: chat, with: { prompt: hi } }
          j: { uses: chat, judges: a, with: { prompt: "${{ tasks.a.output.text }}", schema: { required: [score], properties: { score: { type: number, minimum: 0, maximum: 1 } } } } }
          m: { uses: moderate, judges: { task: a, score: allowed }, with: { text: "${{ tasks.a.output.text }}" } }
          p: { uses: wait, needs: a, judges: { task: a, score: approved }, with: { for: approval } }
          l:
            loop: { until: "${{ tasks.k.output.score > 0.5 }}", max_iterations: 2, on_exhausted: { use: last } }
            tasks:
              d: { uses: chat, with: { prompt: hi } }
              k: { uses: chat, judges: { task: d, label: says.word }, with: { prompt: "${{ tasks.d.output.text }}", schema: { required: [score], properties: { score: { enum: [0, 0.5, 1] }, says: { properties: { word: { type: string } } } } } } }
          g: { uses: agent, judges: a, max_turns: 2, on_exhausted: fail, with: { prompt: "${{ tasks.a.output.text }}", schema: { required: [score], properties: { score: { type: boolean } } } }, tools: { t: { uses: exec, effect: none, description: x, parameters: { type: object }, with: { argv: [t] } } } }
        after:
          late: { uses: chat, judges: a, with: { prompt: "${{ tasks.a.output.text }}", schema: { required: [score], properties: { score: { type: integer, minimum: 0, maximum: 1 } } } } }
    "#;
    assert_snapshot!(said(text), @"");
    let graph = checked(text).runnable().unwrap().graph.clone();
    let judges = |name: &str| {
        let task = graph.tasks.iter().find(|task| *task.name == *name).unwrap();
        assert!(task.output_used, "what it says is read");
        task.judges.as_deref().cloned().unwrap()
    };
    let named = |node: NodeId| &*graph.task(node).name;
    assert_eq!((named(judges("j").task), judges("j").fields), ("a", Fields::default()));
    assert_eq!((named(judges("m").task), &*judges("m").fields.score), ("a", "allowed"));
    assert_eq!((named(judges("k").task), &*judges("k").fields.label), ("d", "says.word"));
    assert_eq!((named(judges("late").task), named(judges("g").task)), ("a", "a"));
}

#[test]
fn what_cannot_judge_says_why() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: hi } }
          b: { uses: chat, judges: b, with: { prompt: hi, schema: { properties: { score: { type: number } } } } }
          c: { uses: chat, judges: aa, with: { prompt: "${{ tasks.a.output.text }}" } }
          d: { uses: chat, judges: a, with: { prompt: hi, schema: { properties: { score: { type: number } } } } }
          e: { uses: chat, judges: a, with: { prompt: "${{ tasks.a.output.text }}" } }
          f: { uses: chat, judges: a, with: { prompt: "${{ tasks.a.output.text }}", schema: { properties: { scor: { type: number } } } } }
          g: { uses: chat, judges: a, with: { prompt: "${{ tasks.a.output.text }}", schema: { required: [score], properties: { score: { type: string } } } } }
          h: { uses: chat, judges: { task: a, score: x..y, label: nothing }, with: { prompt: "${{ tasks.a.output.text }}", schema: { required: [x], properties: { x: { type: number } } } } }
          i: { tasks: { k: { uses: chat, judges: a, with: { prompt: "${{ outer.tasks.a.output.text }}" } } } }
          l: { uses: chat, judges: { score: x }, with: { prompt: "${{ tasks.a.output.text }}" } }
          m: { uses: chat, judges: { task: a, scores: x }, with: { prompt: "${{ tasks.a.output.text }}" } }
          n: { uses: chat, judges: o, with: { prompt: hi } }
        after:
          o: { uses: chat, with: { prompt: hi } }
    "#), @r#"
    5:28 contradiction: `b` judges itself
        help: name the task whose output it looks at
    6:28 unknown_task: there is no task `aa` beside `c` to be judged
        help: did you mean `a`?
    7:28 not_read: `d` does not wait for `a`: there would be nothing to judge yet
        help: read tasks.a.output in its `with`
    8:28 unknown_field: the output of `e` has no field `score`
        help: give it a `schema` that requires `score: { type: number, minimum: 0, maximum: 1 }`
    9:28 unknown_field: the output of `f` has no field `score`
        help: did you mean `scor`?
    10:28 wrong_type: `score` of the output of `g` is a string: a score is a number from 0 to 1
        help: name a number or a truth value: `judges: { task: …, score: FIELD }`
    11:46 out_of_range: a field is a name of 1 to 256 bytes, and this is "x..y"
        help: write a name, or names parted by dots
    11:59 unknown_field: the output of `h` has no field `nothing`
        help: it has: x
    12:42 unknown_task: there is no task `a` beside `k` to be judged
        help: `judges` names a task of the same group: let both stand in one
    13:28 missing_key: `judges` lacks `task`
        help: the task that is judged
    14:28 unknown_field: the output of `m` has no field `score`
        help: give it a `schema` that requires `score: { type: number, minimum: 0, maximum: 1 }`
    14:39 unknown_key: unknown key `scores` in `judges`
        help: did you mean `score`?
    15:28 wrong_section: task `o` runs in another section
        help: only the tasks of `tasks` can be judged from other sections
    "#);
}

#[test]
fn what_may_have_no_score_is_told() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: hi } }
          b: { uses: chat, judges: a, with: { prompt: "${{ tasks.a.output.text }}", schema: { properties: { score: { type: number, minimum: 0, maximum: 1 } } } } }
          c: { uses: chat, judges: a, with: { prompt: "${{ tasks.a.output.text }}", schema: { required: [score], properties: { score: { type: number, maximum: 10 } } } } }
          d: { uses: http, judges: { task: a, score: json.score }, with: { url: "https://x.example/${{ tasks.a.output.text }}" } }
          e: { uses: chat, judges: a, with: { prompt: "${{ tasks.a.output.text }}", schema: "${{ tasks.a.output.text }}" } }
          f: { uses: moderate, judges: { task: a, score: scores.hate }, with: { text: "${{ tasks.a.output.text }}" } }
          g: { uses: exec, effect: none, judges: a, with: { argv: [t, "${{ tasks.a.output.text }}"] } }
          h: { uses: exec, effect: none, judges: { task: a, score: code }, with: { argv: [t, "${{ tasks.a.output.text }}"] } }
    "#), @"
    5:28 no_promise (warning): nothing promises that the output of `b` has a number from 0 to 1 in `score`: without one it is no verdict
        help: give it a `schema` that requires `score: { type: number, minimum: 0, maximum: 1 }`
    6:28 no_promise (warning): nothing promises that the output of `c` has a number from 0 to 1 in `score`: without one it is no verdict
        help: give it a `schema` that requires `score: { type: number, minimum: 0, maximum: 1 }`
    7:46 no_promise (warning): nothing promises that the output of `d` has a number from 0 to 1 in `json.score`: without one it is no verdict
        help: name a field that is a truth value or a number from 0 to 1, or let a `chat` judge, whose `schema` says so
    8:28 no_promise (warning): nothing promises that the output of `e` has a number from 0 to 1 in `score`: without one it is no verdict
        help: give it a `schema` that requires `score: { type: number, minimum: 0, maximum: 1 }`
    9:50 unknown_field: the output of `f` has no field `scores`
        help: it has: allowed, categories, note, model
    10:42 unknown_field: the output of `g` has no field `score`
        help: did you mean `code`?
    11:60 no_promise (warning): nothing promises that the output of `h` has a number from 0 to 1 in `code`: without one it is no verdict
        help: name a field that is a truth value or a number from 0 to 1, or let a `chat` judge, whose `schema` says so
    ");
}

#[test]
fn what_was_accepted_is_not_judged_again() {
    let bad = r#"{"version":1,"name":"t","tasks":{"a":{"uses":"chat","with":{"prompt":"hi"}},"b":{"uses":"chat","judges":"a","with":{"prompt":"hi"}}}}"#;
    let document = NormalDocument(bad.into());
    assert!(load(&document, &agendum_types::Limits::STANDARD).unwrap().tasks[1].judges.is_some());
    let more = json!({ "tasks": { "c": { "uses": "chat", "judges": "a", "with": { "prompt": "hi" } } } }).to_string();
    let extended = extend(&document, &more, &agendum_types::Limits::STANDARD).unwrap();
    assert_snapshot!(shown(extended), @"
    1:39 not_read: `c` does not wait for `a`: there would be nothing to judge yet
        help: read tasks.a.output in its `with`
    ");
    let source = Source { name: "graph.json", text: bad };
    assert!(!check(source, &NoFiles, &agendum_types::Limits::STANDARD).diagnostics.is_empty());
}
