//! Everything that is wrong, in the order of the text, and nothing that only follows from it.

use insta::assert_snapshot;

use super::said;
use crate::Severity;

#[test]
fn words_names_and_cycles_together() {
    assert_snapshot!(said(r#"
        priorty: high
        deadline: soon
        inputs: { type: object, properties: { question: { type: string } } }
        tasks:
          a: { uses: chta, value: 200 }
          b: { uses: chat, needs: [aa], with: { prompt: "${{ tasks.a.output.text }} ${{ inputs.qestion }}" } }
          c: { uses: chat, timeout: 5, if: "${{ 1 + }}", with: { prompt: "${{ tasks.a.outptu }}" } }
          d: { uses: chat, needs: [e], with: { promt: x } }
          e: { uses: chat, needs: [d], with: { prompt: "${{ tasks.nothing.output }}" } }
          e: { uses: http, with: { url: "https://x" } }
        output: ${{ tasks.x.output }}
    "#), @r#"
    3:1 unknown_key: unknown key `priorty` in the document
        help: did you mean `priority`?
    4:11 no_duration: `deadline` is "soon", which is no span of time
        help: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    7:14 unknown_value: `uses` knows no `chta`
        help: did you mean `chat`?
    7:27 out_of_range: `value` is 200; it must be between 0 and 100
        help: among optional tasks the least value is dropped first; the index `value-density` favours runs of greater value
    8:28 unknown_task: there is no task `aa`
        help: did you mean `a`?
    8:88 unknown_input: there is no input `qestion` among the `properties` of `inputs`
        help: did you mean `question`?
    9:29 wrong_type: `timeout` is a number; it must be a text or a map
        help: write `5s`
    9:43 bad_expression: this expression cannot be read: unexpected end of input, expected expression
        help: expressions are MiniJinja between ${{ and }}
    9:71 unknown_name: unknown name `tasks.a.outptu`
        help: of a task only its output can be read: tasks.NAME.output
    10:3 cycle: the tasks need each other: d → e → d
        help: a cycle can only be written as a `loop`: {until, max_iterations, on_exhausted}, with these tasks inside; `agendum check --fix` writes this
    10:40 unknown_key: unknown key `promt` in `with` of `chat`
        help: did you mean `prompt`?
    11:59 unknown_task: there is no task `nothing`
        help: tasks here: a, b, c, d
    12:3 syntax: the key `e` stands here a second time
        help: give it another name, or merge the two
    13:19 unknown_task: there is no task `x`
        help: tasks here: a, b, c, d, e
    "#);
}

#[test]
fn what_is_misspelt_is_not_missing_as_well() {
    assert_snapshot!(said(r#"
        tasks:
          a: { use: chat, with: { prompt: hi } }
          l: { loop: { untl: "${{ true }}", max_iterations: 2, on_exhausted: fail }, tasks: { x: { uses: chat, with: { prompt: hi } } } }
          c: { uses: chat, with: { prompt: hi }, catch: [{ on: [any], outptu: x }] }
          d: chat
          e: { uses: 5, with: { prompt: hi } }
          f-g: { uses: chat, with: { prompt: hi } }
          h: { uses: chat, with: { prompt: "${{ tasks.f-g.output }}", schema: 5 }, not_before: 5 }
        budget: { uds: 1 }
    "#), @r#"
    4:8 unknown_key: unknown key `use` in `a`
        help: did you mean `uses`?
    5:16 unknown_key: unknown key `untl` in `loop`
        help: did you mean `until`?
    6:63 unknown_key: unknown key `outptu` in `catch`
        help: did you mean `output`?
    7:6 wrong_type: `d` is a text; it must be a map
    8:14 wrong_type: `uses` is a number; it must be a text
        help: put it in quotes
    9:3 bad_name: "f-g" is no name for a task
        help: letters, digits and `_`, at most 64, not beginning with a digit
    10:71 wrong_type: `schema` is a number; it must be a map or an expression
    10:88 wrong_type: `not_before` is a number; it must be a text
        help: put it in quotes
    11:11 unknown_key: unknown key `uds` in `budget`
        help: did you mean `usd`?
    "#);
}

#[test]
fn without_tasks_no_name_is_unknown() {
    assert_snapshot!(said(r#"
        taks: { a: { uses: chat, with: { prompt: hi } } }
        output: ${{ tasks.a.output }}
    "#), @"
    3:1 unknown_key: unknown key `taks` in the document
        help: did you mean `tasks`?
    ");
}

#[test]
fn neither_warnings_nor_words_to_come_crowd_out_an_error() {
    let unread = |n| format!("  t{n}: {{ uses: chat, with: {{ prompt: hi, unread: 1 }} }}\n");
    let to_come = |n| format!("  t{n}: {{ uses: chat, with: {{ prompt: hi }}, concurrency: {{}} }}\n");
    let of = |count: usize, line: &dyn Fn(usize) -> String| {
        let lines: String = (0..count).map(line).collect();
        let checked = super::checked(&format!("tasks:\n{lines}  z: {{ uses: chat, needs: [nothing] }}\n"));
        let errors = checked.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        (errors, checked.diagnostics.len(), checked.more, checked.accepted.is_some())
    };
    assert_eq!(of(80, &unread), (2, 52, true, false));
    assert_eq!(of(120, &to_come), (2, 102, true, false));
}

#[test]
fn what_is_not_told_is_not_cut_in_silence() {
    let of = |count: usize, line: &dyn Fn(usize) -> String| {
        let checked = super::checked(&format!("tasks:\n{}", (0..count).map(line).collect::<String>()));
        (checked.diagnostics.len(), checked.more)
    };
    let wrong = |n| format!("  t{n}: {{ uses: chat, with: {{ prompt: hi }}, x: 1 }}\n");
    let unread = |n| format!("  t{n}: {{ uses: chat, with: {{ prompt: hi, unread: 1 }} }}\n");
    assert_eq!([of(999, &wrong), of(1_000, &wrong), of(1_001, &wrong)], [(999, false), (1_000, false), (1_000, true)]);
    assert_eq!([of(49, &unread), of(50, &unread), of(51, &unread)], [(49, false), (50, false), (50, true)]);
}
