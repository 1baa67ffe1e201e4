//! Documents that are wrong, and what is said of them.

use insta::assert_snapshot;

use super::said;

#[test]
fn an_unknown_key_has_a_suggestion() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, retires: { max_attempts: 2 }, with: { prompt: hi } }
    "#), @"
    4:20 unknown_key: unknown key `retires` in `a`
        help: did you mean `retry`?
    ");
}

#[test]
fn a_task_does_something() {
    assert_snapshot!(said(r#"
        tasks:
          a: { optional: true }
    "#), @"
    4:3 missing_key: the task does nothing: it has neither `uses` nor `tasks`
        help: write `uses: chat` (or retrieve, http, exec, …), or `tasks:` for a group
    ");
}

#[test]
fn a_reference_names_a_task() {
    assert_snapshot!(said(r#"
        tasks:
          passages: { uses: retrieve, with: { index: x, query: y } }
          a: { uses: chat, with: { prompt: "${{ tasks.pasages.output }}" } }
    "#), @"
    5:47 unknown_task: there is no task `pasages`
        help: did you mean `passages`?
    ");
}

#[test]
fn a_reference_out_of_a_group_says_so() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: hi } }
          g: { tasks: { x: { uses: chat, with: { prompt: "${{ tasks.a.output }}" } } } }
    "#), @"
    5:61 unknown_task: there is no task `a` in this group
        help: it stands outside this group: write outer.tasks.a
    ");
}

#[test]
fn a_cycle_names_its_path() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, needs: [c], with: { prompt: hi } }
          b: { uses: chat, needs: [a], with: { prompt: hi } }
          c: { uses: chat, with: { prompt: "${{ tasks.b.output.text }}" } }
    "#), @"
    4:3 cycle: the tasks need each other: a → c → b → a
        help: a cycle can only be written as a `loop`: {until, max_iterations, on_exhausted}, with these tasks inside; `agendum check --fix` writes this
    ");
}

#[test]
fn a_task_cannot_need_itself() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, if: "${{ tasks.a.output }}", with: { prompt: hi } }
    "#), @"
    4:35 cycle: task `a` needs itself: a → a
        help: read the last round in a `loop`: loop.previous.tasks.NAME.output; `agendum check --fix` writes this
    ");
}

#[test]
fn a_condition_is_an_expression() {
    assert_snapshot!(said("tasks: { a: { uses: chat, with: { prompt: hi }, if: '${{ inputs.a }} and ${{ inputs.b }}' } }"), @"
    3:53 no_expression: this is a text and not an expression: it would always be true
        help: write one expression, with nothing around it: ${{ … }}
    ");
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, if: tasks.b.output, with: { prompt: hi } }
    "#), @"
    4:24 no_expression: this is a text and not an expression: it would always be true
        help: write ${{ tasks.b.output }}
    ");
}

#[test]
fn a_condition_may_not_read_the_clock() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, if: "${{ deadline > 3 }}", with: { prompt: hi } }
    "#), @"
    4:29 no_clock: a condition may not read `deadline`: clocks and purses are the policy's
        help: write `optional: true` with a `value`: the task is dropped when time or money run short
    ");
}

#[test]
fn an_expression_must_parse() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, if: "${{ 1 + }}", with: { prompt: hi } }
    "#), @"
    4:31 bad_expression: this expression cannot be read: unexpected end of input, expected expression
        help: expressions are MiniJinja between ${{ and }}
    ");
}

#[test]
fn names_cannot_be_computed() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: "${{ tasks[inputs.x].output }}" } }
    "#), @"
    4:41 unknown_name: unknown name `tasks`
        help: name the task: tasks.NAME.output (a name cannot be computed)
    ");
}

#[test]
fn a_loop_is_complete() {
    assert_snapshot!(said(r#"
        tasks:
          l: { loop: { until: "${{ true }}" }, tasks: { x: { uses: chat, with: { prompt: hi } } } }
    "#), @"
    4:14 missing_key: `loop` lacks `max_iterations`
        help: rounds at most
    4:14 missing_key: `loop` lacks `on_exhausted`
        help: `fail`, {use: best, by: …}, {use: last}, or a task of on_failure
    ");
}

#[test]
fn use_best_needs_by() {
    assert_snapshot!(said(r#"
        tasks:
          l: { loop: { until: "${{ true }}", max_iterations: 2, on_exhausted: { use: best } }, tasks: { x: { uses: chat, with: { prompt: hi } } } }
    "#), @r#"
    4:71 missing_key: `use: best` needs `by`: what makes a round the best
        help: write {use: best, by: "${{ tasks.review.output.score }}"}
    "#);
}

#[test]
fn once_says_what_happens_when_nobody_knows() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: exec, effect: once, with: { argv: [x] } }
    "#), @"
    4:28 missing_key: `effect: once` needs `on_uncertain`
        help: write `on_uncertain: fail`, `ask` or `{check: TASK}`: what shall happen when nobody knows whether it took effect
    ");
}

#[test]
fn words_belong_to_their_place() {
    assert_snapshot!(said(r#"
        tasks:
          g: { retry: { max_attempts: 2 }, tasks: { x: { uses: chat, race: { first: 1 }, with: { prompt: hi } } } }
          a: { uses: chat, max_parallel: 3, deadline: 5s, as: timeout, with: { prompt: hi } }
    "#), @"
    4:15 call_only: `retry` belongs to a task with `uses`
        help: give it to the tasks inside
    4:68 group_only: `race` belongs to a group
        help: put the task into `tasks:` of a group
    5:34 foreach_only: `max_parallel` belongs to a `foreach`
    5:47 after_only: a `deadline` belongs to the run, to a loop, or to a task of `after`
        help: write `within`: how long after what it needs it must settle
    5:55 fail_if_only: `as` belongs to a `fail_if`
    ");
}

#[test]
fn a_span_is_a_span() {
    assert_snapshot!(said(r#"
        deadline: soon
        tasks: { a: { uses: chat, with: { prompt: hi } } }
    "#), @r#"
    3:11 no_duration: `deadline` is "soon", which is no span of time
        help: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    "#);
}

#[test]
fn a_value_of_the_wrong_type_or_size_has_a_help() {
    assert_snapshot!(said(r#"
        budget: { usd: -1 }
        tasks:
          a: { uses: chat, within: 5, timeout: 5, with: { prompt: hi, max_tokens: 0, temperature: -1 } }
          b: { uses: chat, within: [5s], timeout: [5s], with: { prompt: hi } }
          c: { uses: chat, within: -5, timeout: -5, delay: "-5", with: { prompt: 5 } }
          d: { uses: chat, within: true, delay: "1e9999", with: { prompt: hi } }
          e: { uses: chat, optional: true, value: 101, with: { prompt: hi } }
          f: { uses: retrieve, with: { query: hi, top_k: 200 } }
    "#), @r#"
    3:16 out_of_range: `usd` is -1; it must be at least 0
        help: US dollars at most
    5:28 wrong_type: `within` is a number; it must be a text
        help: write `5s`
    5:40 wrong_type: `timeout` is a number; it must be a text or a map
        help: write `5s`
    5:75 out_of_range: `max_tokens` is 0; it must be at least 1
        help: output tokens at most
    5:91 out_of_range: `temperature` is -1; it must be at least 0
        help: how far the model may stray
    6:28 wrong_type: `within` is a list; it must be a text
        help: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    6:43 wrong_type: `timeout` is a list; it must be a text or a map
    7:28 wrong_type: `within` is a number; it must be a text
        help: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    7:41 wrong_type: `timeout` is a number; it must be a text or a map
        help: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    7:52 no_duration: `delay` is "-5", which is no span of time
        help: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    7:74 wrong_type: `prompt` is a number; it must be a text
        help: put it in quotes
    8:28 wrong_type: `within` is a truth value; it must be a text
        help: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    8:41 no_duration: `delay` is "1e9999", which is no span of time
        help: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    9:43 out_of_range: `value` is 101; it must be between 0 and 100
        help: among optional tasks the least value is dropped first; the index `value-density` favours runs of greater value
    10:50 out_of_range: `top_k` is 200; it must be between 1 and 100
        help: passages at most
    "#);
}

#[test]
fn an_instant_is_an_instant() {
    assert_snapshot!(said(r#"
        tasks: { a: { uses: chat, not_before: tomorrow, with: { prompt: hi } } }
    "#), @r#"
    3:39 no_instant: "tomorrow" is no instant
        help: write it as 2026-12-01T09:00:00Z, or as an expression that gives such a text
    "#);
}

#[test]
fn names_are_given_once() {
    assert_snapshot!(said(r#"
        tasks: { a: { uses: chat, with: { prompt: hi } } }
        after: { a: { uses: chat, with: { prompt: hi } } }
    "#), @"
    4:10 duplicate_task: there is another task `a`
        help: give one of them another name
    ");
}

#[test]
fn a_name_inside_does_not_shadow() {
    assert_snapshot!(said(r#"
        tasks: { a: { uses: chat, with: { prompt: hi } }, g: { tasks: { a: { uses: chat, with: { prompt: hi } } } } }
    "#), @"
    3:65 duplicate_task: task `a` shadows the one outside its group
        help: give one of them another name
    ");
}

#[test]
fn keys_are_given_once() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: hi } }
          a: { uses: http, with: { url: "https://x" } }
    "#), @"
    5:3 syntax: the key `a` stands here a second time
        help: give it another name, or merge the two
    ");
}

#[test]
fn what_is_no_yaml_says_where() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat
    "#), @"
    4:6 syntax: not readable as YAML or JSON: unclosed bracket '{'
        help: close it: every `{` needs its `}` and every `[` its `]`
    ");
}

#[test]
fn slips_of_the_pen_have_a_help() {
    assert_snapshot!(said("tasks: {}\n---\nname: b\n"), @"
    5:1 syntax: a second document begins in this file
        help: write one in each file: take the `---` away
    ");
    assert_snapshot!(said("tasks:\n\ta: { uses: chat }\n"), @"
    4:2 syntax: not readable as YAML or JSON: tabs disallowed within this context (block indentation)
        help: indent with spaces
    ");
    assert_snapshot!(said("tasks:\n  a:\n\t  uses: chat\n"), @"
    5:4 syntax: not readable as YAML or JSON: tabs disallowed within this context (block indentation)
        help: indent with spaces
    ");
    assert_snapshot!(said("tasks:\n  a: { uses: chat, with: { prompt: hi }\n  b: { uses: chat }\n"), @"
    5:3 syntax: not readable as YAML or JSON: while parsing a flow mapping, did not find expected ',' or '}'
        help: put a `,` between entries, close the `}` of the line before, or put a text with `{` in quotes
    ");
    assert_snapshot!(said("tasks:\n  a: { uses: chat, needs: [b }\n"), @"
    4:27 syntax: not readable as YAML or JSON: mismatched bracket '[' closed by '}'
        help: close the inner bracket first
    ");
    assert_snapshot!(said("tasks:\n  a: { uses: chat, with: { prompt: \"hi } }\n"), @"
    4:36 syntax: not readable as YAML or JSON: unclosed quote
        help: close the quote
    ");
    assert_snapshot!(said("tasks:\n  a: { uses: chat }}\n"), @"
    4:20 syntax: not readable as YAML or JSON: misplaced bracket
        help: take it away, or open it first
    ");
    assert_snapshot!(said("tasks:\n  a:\n    uses: chat\n   with: { prompt: hi }\n"), @"
    6:4 syntax: not readable as YAML or JSON: while parsing a block mapping, did not find expected key
        help: indent it as far as the keys beside it
    ");
    assert_snapshot!(said("tasks:\n  a: { if: ${{ true }} }\n"), @"
    4:13 syntax: not readable as YAML or JSON: while parsing a flow mapping, did not find expected ',' or '}'
        help: put a `,` between entries, close the `}` of the line before, or put a text with `{` in quotes
    ");
    assert_snapshot!(said("tasks:\n  a:\n    if: x: y\n"), @"
    5:10 syntax: not readable as YAML or JSON: mapping values are not allowed in this context
        help: put a text that holds `: ` in quotes
    ");
}

#[test]
fn aliases_are_refused() {
    assert_snapshot!(said(r#"
        tasks:
          a: &x { uses: chat, with: { prompt: hi } }
          b: *x
    "#), @"
    4:9 syntax: anchors and aliases are not allowed
        help: write the value out, or use an input
    ");
}

#[test]
fn a_file_outside_is_refused() {
    assert_snapshot!(said(r#"
        tasks: { a: { uses: chat, with: { prompt: ../secret.md } } }
    "#), @r#"
    3:43 file_outside: the file "../secret.md" lies outside the document's folder
        help: name a file beside the document or below it
    "#);
}

#[test]
fn the_budget_of_a_loop_only_bounds_it() {
    assert_snapshot!(said(r#"
        tasks:
          a: { loop: { until: "${{ true }}", max_iterations: 2, on_exhausted: fail, budget: { usd: 1, on_exceeded: wait } }, uses: chat, with: { prompt: hi } }
          b: { loop: { until: "${{ true }}", max_iterations: 2, on_exhausted: fail, budget: {} }, uses: chat, with: { prompt: hi } }
    "#), @"
    4:95 unknown_key: unknown key `on_exceeded` in `budget`
        help: known keys: usd, tokens
    5:85 missing_key: `budget` lacks `usd` or `tokens`
    ");
}

#[test]
fn what_is_not_run_yet_says_so() {
    assert_snapshot!(said(r#"
        budget: { usd: 1, on_exceeded: ask }
        tasks:
          a: { uses: search }
          b: { uses: chat, cache: { ttl: 1h, match: similar }, concurrency: {}, model: { min_quality: {} }, with: { prompt: hi } }
          c: { uses: chat, with: { prompt: "${{ tasks.b.stream }}" } }
          d: { uses: agent, with: { prompt: hi }, max_turns: 1, on_exhausted: fail, tools: { t: { uses: graph, description: x, parameters: { type: object } } } }
    "#), @"
    5:14 not_yet (not yet): not yet: this release does not run `uses: search`
    6:45 not_yet (not yet): not yet: this release does not run `match: similar`
    6:69 not_yet (not yet): not yet: this release does not run `concurrency`
    6:95 not_yet (not yet): not yet: this release does not run `min_quality`
    7:41 not_yet (not yet): not yet: this release does not read a task while it streams
        help: write tasks.b.output, which waits for the end
    8:97 not_yet (not yet): not yet: this release does not run `uses: graph` as a tool
    ");
}

/// Each word that the schema marks, and what only lowering knows.
const NOT_YET: &str = r#"
    budget: { usd_per_minute: 0.1, on_exceeded: ask }
    tasks:
      b: { uses: embed, cache: { ttl: 1h, match: similar }, concurrency: {}, budget: { usd: 1 } }
      c: { uses: rerank }
      d: { uses: search }
      e: { uses: memory, model: { min_quality: {}, choose: cheapest } }
      f: { uses: image }
      g: { uses: transcribe }
      h: { uses: speak, with: { a: "${{ tasks.g.stream }}", b: "${{ tasks.g.first.language }}" } }
      i: { uses: mcp }
      j: { uses: worker }
      k: { uses: publish }
      l: { uses: agent, with: { prompt: hi }, max_turns: 1, on_exhausted: fail, tools: { t: { uses: graph, description: x, parameters: { type: object } } } }
      m: { uses: exec, effect: idempotent, with: { argv: [x] }, compensate: { uses: graph } }
      n: { uses: moderate, with: { text: x, image: y } }
"#;

#[test]
fn every_word_that_is_not_run_yet_is_refused_as_such() {
    fn marks(schema: &serde_json::Value, found: &mut Vec<String>) {
        let serde_json::Value::Object(entries) = schema else {
            return schema.as_array().into_iter().flatten().for_each(|one| marks(one, found));
        };
        for (key, value) in entries {
            match (key.as_str(), value) {
                ("x-not-yet", serde_json::Value::String(what)) => found.push(what.clone()),
                ("x-not-yet", serde_json::Value::Object(words)) => {
                    found.extend(words.values().map(|what| what.as_str().unwrap().to_owned()));
                }
                _ => marks(value, found),
            }
        }
    }
    let mut marked = Vec::new();
    marks(&serde_json::from_str(crate::schema()).unwrap(), &mut marked);
    let said = said(NOT_YET);
    for what in &marked {
        assert!(said.contains(&format!("does not run {what}")), "nothing refuses {what}: {said}");
    }
    assert!(
        marked.len() > 20 && said.lines().all(|line| line.contains("not yet") || line.contains("help: ")),
        "{said}"
    );
    assert_eq!(said.matches("does not read a task while it streams").count(), 2, "{said}");
    assert!(super::checked(NOT_YET).runnable().is_none(), "and nothing of it runs");
}

#[test]
fn a_catch_does_one_thing() {
    assert_snapshot!(said(r#"
        tasks: { a: { uses: chat, catch: [{ on: [any] }, { on: [sometimes], output: 1 }, { on: [any], use: flaky }], with: { prompt: hi } } }
    "#), @"
    3:35 missing_key: an entry of `catch` does exactly one thing
        help: write `output: …`, `target: NAME` or `use: cached`
    3:57 unknown_value: `on` knows no `sometimes`
        help: one of: rate_limited, overloaded, timeout, unavailable, invalid_output, content_blocked, permanent, permission_denied, budget_exceeded, deadline_exceeded, cancelled, uncertain, any
    3:100 unknown_value: `use` knows no `flaky`
        help: write `use: cached` for the last good result, `target: NAME` for another target, or `output: …` for a value
    ");
}

#[test]
fn item_lives_in_a_foreach() {
    assert_snapshot!(said(r#"
        tasks: { a: { uses: chat, with: { prompt: "${{ item }}" } } }
    "#), @"3:48 unknown_name: `item` is known inside a `foreach` only");
}

#[test]
fn a_document_has_a_head() {
    assert_snapshot!(said(r#"
        version: 2
        tasks: { a: { uses: chat, with: { prompt: hi } } }
    "#), @"
    1:1 missing_key: the document lacks `name`
        help: the name of the graph
    1:10 unknown_value: `version` is 2; this release knows 1
    ");
}

#[test]
fn an_instant_lies_in_the_era_of_our_clock() {
    assert_snapshot!(said("tasks: { a: { uses: chat, with: { prompt: hi }, not_before: 1969-12-31T23:59:59Z } }"), @r#"
    3:61 no_instant: "1969-12-31T23:59:59Z" is no instant
        help: write it as 2026-12-01T09:00:00Z, or as an expression that gives such a text
    "#);
}
