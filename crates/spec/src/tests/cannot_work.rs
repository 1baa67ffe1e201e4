//! Documents of right words that cannot work all the same, and what is said of them.

use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::said;
use crate::inputs::Declared;
use crate::schema::arguments;

#[test]
fn every_capability_stands_in_the_table() {
    for capability in agendum_types::Capability::ALL {
        let takes = arguments(capability.word()).unwrap();
        assert!(takes["x-output"]["properties"].is_object(), "{capability}");
    }
}

#[test]
fn every_capability_has_its_arguments() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { promt: x } }
          b: { uses: chat, with: { prompt: hi } }
          c: { uses: chat, with: { system: x } }
          d: { uses: retrieve, with: { indx: docs } }
          e: { uses: http, with: { uri: x } }
          f: { uses: moderate, with: {} }
          g: { uses: translate, with: { text: x, too: de } }
          h: { uses: http, with: { url: [x], query: { page: 2, list: [x] } } }
          i: { uses: retrieve, with: { query: "${{ inputs.q }}", top_k: 0 } }
    "#), @"
    4:28 unknown_key: unknown key `promt` in `with` of `chat`
        help: did you mean `prompt`?
    6:26 missing_key: `with` of `chat` lacks `prompt` or `messages`
    7:30 missing_key: `with` of `retrieve` lacks `query`
        help: what to look for
    7:32 unknown_key: unknown key `indx` in `with` of `retrieve`
        help: did you mean `index`?
    8:28 unknown_key: unknown key `uri` in `with` of `http`
        help: did you mean `url`?
    9:30 missing_key: `with` of `moderate` lacks `text`
        help: what may be shown or not
    10:42 unknown_key: unknown key `too` in `with` of `translate`
        help: did you mean `to`?
    11:33 wrong_type: `url` is a list; it must be a text
    11:62 wrong_type: `list` is a list; it must be a text or a number or true or false
    12:65 out_of_range: `top_k` is 0; it must be between 1 and 100
        help: passages at most
    ");
}

#[test]
fn a_key_that_stands_elsewhere_is_told_where_it_belongs() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, allow: [big], with: { prompt: hi } }
          b: { uses: chat, with: { prompt: hi, model: { allow: [big] } } }
    "#), @"
    4:20 unknown_key: unknown key `allow` in `a`
        help: write `model: { allow: … }`
    5:40 unread (warning): nothing reads `model`: the prompt does not name it
        help: `model` stands beside `with`, and not in it
    ");
}

#[test]
fn a_variable_of_a_prompt_is_read() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: "Write about ${{ topic }}.", topic: trees, tempreature: 1, tone: dry } }
          b: { uses: chat, with: { prompt: hi, tools: [], tool_choice: auto } }
    "#), @r"
    4:79 unread (warning): nothing reads `tempreature`: the prompt does not name it
        help: did you mean `temperature`?
    4:95 unread (warning): nothing reads `tone`: the prompt does not name it
        help: arguments: prompt, system, messages, schema, max_tokens, temperature, stop, tools, tool_choice
    ");
}

#[test]
fn a_program_has_a_list_of_arguments() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: exec, with: { argv: "ls -l" } }
          b: { uses: exec, with: { argv: [] } }
          c: { uses: exec, with: { argv: [ls, [x]] } }
          d: { uses: exec, with: { argv: [sleep, 0, true], ok_codes: 0 } }
          e: { uses: exec, with: { argv: "${{ inputs.argv }}", env: { N: 1 } } }
    "#), @"
    4:34 wrong_type: `argv` is a text; it must be a list or an expression
        help: write [ls, -l]
    5:34 empty: `argv` is empty
    6:39 wrong_type: `argv` is a list; it must be a text or a number or true or false
    7:62 wrong_type: `ok_codes` is a number; it must be a list or an expression
    ");
}

#[test]
fn filters_tests_and_functions_are_there() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: "${{ inputs.n | nofilter }} ${{ inputs.n | uper }}" } }
          b: { uses: chat, if: "${{ inputs.n is defned }}", with: { prompt: "${{ now() }} {% for i in range(3) %}${{ loop.index }}{% endfor %}" } }
    "#), @"
    4:52 unknown_filter: there is no filter `nofilter`
        help: filters: abs, attr, batch, bool, capitalize, count, cut, d, default, dictsort, first, float, format, groupby, indent, int, items, join, last, length, lines, list, lower, map, max, min, reject, rejectattr, replace, reverse, round, select, selectattr, slice, sort, split, string, sum, title, tojson, trim, unique, upper, zip
    4:79 unknown_filter: there is no filter `uper`
        help: did you mean `upper`?
    5:41 unknown_test: there is no test `defned`
        help: did you mean `defined`?
    5:74 unknown_function: there is no function `now`
        help: functions: range, dict
    ");
}

#[test]
fn inputs_are_declared() {
    assert_snapshot!(said(r#"
        inputs: { type: object, properties: { question: { type: string }, user: { type: object, properties: { name: { type: string } } } } }
        tasks:
          a: { uses: chat, with: { prompt: "${{ inputs.qestion }} ${{ inputs.user.nmae }} ${{ inputs.question.text }} ${{ inputs['q'] }}" } }
    "#), @"
    5:48 unknown_input: there is no input `qestion` among the `properties` of `inputs`
        help: did you mean `question`?
    5:75 unknown_field (warning): the input `user` has no field `nmae`: this is always undefined
        help: did you mean `name`?
    5:103 unknown_field (warning): the input `question` is a string, which has no field `text`
        help: leave `.text` out
    ");
    assert_snapshot!(said(r#"
        inputs: { type: object, properties: { question: {} }, additionalProperties: true }
        tasks: { a: { uses: chat, with: { prompt: "${{ inputs.anything }}" } } }
    "#), @"");
    assert_snapshot!(said(r#"
        version: 1
        name: none
        tasks: { a: { uses: chat, with: { prompt: "${{ inputs.typo }} of ${{ inputs }}" } } }
    "#), @r"
    3:55 unknown_input: there is no input `typo`: the document declares none
        help: add `inputs: { properties: { typo: { type: string } } }`
    ");
}

#[test]
fn a_run_takes_the_inputs_that_are_declared() {
    let taken = |schema: Json, inputs: Json| match Declared::new(schema).prepare(inputs) {
        Ok(inputs) => inputs.to_string(),
        Err(unfit) => unfit.to_string(),
    };
    let named = json!({ "properties": { "name": { "default": "you" }, "nick": {} } });
    assert_snapshot!(taken(json!({}), json!({})), @"{}");
    assert_snapshot!(taken(json!({}), json!({ "a": 1 })), @"the inputs do not fit the graph: unknown input `a` (the graph takes none: its document has no `inputs`)");
    assert_snapshot!(taken(named.clone(), json!({})), @r#"{"name":"you"}"#);
    assert_snapshot!(taken(named, json!({ "nmae": 1 })), @"the inputs do not fit the graph: unknown input `nmae` (did you mean `name`?)");
    assert_snapshot!(taken(json!({ "properties": { "a": {} }, "additionalProperties": false }), json!({ "b": 1 })), @"the inputs do not fit the graph: unknown input `b` (known: a)");
    assert_snapshot!(taken(json!({ "type": "object" }), json!({ "a": 1 })), @r#"{"a":1}"#);
    assert_snapshot!(taken(json!({ "patternProperties": { "^x": {} }, "properties": { "a": {} } }), json!({ "xb": 1 })), @r#"{"xb":1}"#);
}

#[test]
fn a_foreach_has_a_list() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, foreach: "abc", with: { prompt: "${{ item }}" } }
          b: { uses: chat, foreach: 3, with: { prompt: "${{ item }}" } }
          c: { uses: chat, foreach: "${{ inputs.x }} and more", with: { prompt: "${{ item }}" } }
          d: { uses: chat, foreach: [a, b], with: { prompt: "${{ item }}" } }
    "#), @"
    4:29 wrong_type: `foreach` is a text; it must be a list or an expression
        help: write [a, b], or ${{ … }} for a list that comes
    5:29 wrong_type: `foreach` is a number; it must be a list or an expression
        help: write [a, b], or ${{ … }} for a list that comes
    6:29 no_list: `foreach` is a text here; it must be a list
        help: write one expression, with nothing around it: ${{ … }}
    ");
}

#[test]
fn schemas_are_schemas() {
    assert_snapshot!(said(r#"
        inputs: { type: object, properties: { q: { type: text } } }
        tasks:
          a: { uses: chat, with: { prompt: hi, schema: { type: strin } } }
          b: { uses: chat, with: { prompt: hi, schema: { type: object, properties: { n: { minimum: "0" } } } } }
          c: { uses: chat, with: { prompt: hi, schema: { type: string, pattern: "[" } } }
          d: { uses: chat, with: { prompt: hi, schema: { enum: "${{ inputs.q }}" } } }
    "#), @r#"
    3:50 bad_schema: `inputs` is no JSON Schema at `properties/q/type`: "text" is no type
        help: types: string, number, integer, boolean, array, object, null
    5:56 bad_schema: `schema` is no JSON Schema at `type`: "strin" is no type
        help: did you mean `string`?
    6:92 bad_schema: `schema` is no JSON Schema at `properties/n/minimum`: "0" is not of type "number"
    7:73 bad_schema: `schema` is no JSON Schema at `pattern`: "[" is not a "regex"
    "#);
    assert_snapshot!(said(r#"
        inputs: { question: { type: string } }
        tasks: { a: { uses: chat, with: { prompt: "${{ inputs.question }}" } } }
    "#), @"
    3:11 no_properties (warning): `question` is no word of JSON Schema, and holds nothing
        help: put it under `properties`: { properties: { question: … } }
    ");
}

#[test]
fn a_dollar_is_missing() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: "Say {{ inputs.n }} and {{ name }} and ${{ inputs.m }}" } }
        output: { text: "{{ tasks.a.output.text }}" }
    "#), @"
    4:41 missing_dollar (warning): `{{ inputs.n }}` is sent as it stands: it lacks its `$`
        help: write ${{ inputs.n }}
    5:18 missing_dollar (warning): `{{ tasks.a.output.text }}` is sent as it stands: it lacks its `$`
        help: write ${{ tasks.a.output.text }}
    ");
}

#[test]
fn time_is_more_than_nothing() {
    assert_snapshot!(said(r#"
        deadline: 0s
        tasks:
          a: { uses: chat, within: 0s, timeout: 0ms, with: { prompt: hi } }
          b: { uses: chat, delay: 0s, timeout: { first_output: 0s }, with: { prompt: hi } }
          c: { uses: chat, delay: 5, timeout: "5", with: { prompt: hi } }
    "#), @r#"
    3:11 out_of_range: `deadline` is 0s: it would be over before it begins
        help: write more, or leave it out
    5:28 out_of_range: `within` is 0s: it would be over before it begins
        help: write more, or leave it out
    5:41 out_of_range: `timeout` is 0ms: it would be over before it begins
        help: write more, or leave it out
    6:56 out_of_range: `first_output` is 0s: it would be over before it begins
        help: write more, or leave it out
    7:27 wrong_type: `delay` is a number; it must be a text
        help: write `5s`
    7:39 no_duration: `timeout` is "5", which is no span of time
        help: write `5s`
    "#);
}

#[test]
fn outputs_have_known_fields() {
    assert_snapshot!(said(r#"
        tasks:
          b: { uses: chat, with: { prompt: hi } }
          c: { uses: chat, with: { prompt: hi, schema: { type: object, properties: { score: { type: number } } } } }
          p: { uses: retrieve, with: { query: x }, catch: [{ on: [any], output: { documents: [], reason: none } }] }
          e: { uses: exec, foreach: [1, 2], with: { argv: [x] } }
          m: { uses: moderate, with: { text: x }, fail_if: "${{ not output.alowed }}" }
          g: { tasks: { x: { uses: translate, with: { text: x } } }, output: { words: "${{ tasks.x.output.txet }}" } }
          h: { tasks: { x: { uses: translate, with: { text: x } }, y: { uses: exec, with: { argv: [x] } } } }
        output:
          b: ${{ tasks.b.output.txt or tasks.b.output.citations }}
          c: ${{ tasks.c.output.scor }} ${{ tasks.c.output.score.value }}
          p: ${{ tasks.p.output.reason }} ${{ tasks.p.output.documents[0].txt }} ${{ tasks.p.output.best }}
          e: ${{ tasks.e.output.stdout }} ${{ tasks.e.output[0].stdout }} ${{ tasks.e.output[0].out }}
          g: ${{ tasks.g.output.words }} ${{ tasks.g.output.word }}
          h: ${{ tasks.h.output.stdout }} ${{ tasks.h.output.stdut }}
    "#), @"
    8:68 unknown_field (warning): the output of `m` has no field `alowed`: this is always undefined
        help: did you mean `allowed`?
    9:99 unknown_field (warning): the output of `x` has no field `txet`: this is always undefined
        help: did you mean `text`?
    12:25 unknown_field (warning): the output of `b` has no field `txt`: this is always undefined
        help: did you mean `text`?
    13:25 unknown_field (warning): the output of `c` has no field `scor`: this is always undefined
        help: did you mean `score`?
    13:58 unknown_field (warning): `score` of the output of `c` is a number, which has no field `value`
        help: leave `.value` out
    14:67 unknown_field (warning): `documents` of the output of `p` has no field `txt`: this is always undefined
        help: did you mean `text`?
    14:93 unknown_field (warning): the output of `p` has no field `best`: this is always undefined
        help: it has: documents, best_score, reason
    15:25 unknown_field (warning): the output of `e` is a list, which has no field `stdout`
        help: write [0] for its first
    15:89 unknown_field (warning): the output of `e` has no field `out`: this is always undefined
        help: it has: code, stdout, stderr, truncated
    16:53 unknown_field (warning): the output of `g` has no field `word`: this is always undefined
        help: did you mean `words`?
    17:54 unknown_field (warning): the output of `h` has no field `stdut`: this is always undefined
        help: did you mean `stdout`?
    ");
}

#[test]
fn what_a_schema_costs_has_a_bound() {
    // Each definition names the next one twice.
    let doubling = |count: usize| {
        let next = |at: usize| serde_json::json!({ "$ref": format!("#/$defs/d{at}") });
        let mut schema = serde_json::json!({ "$defs": {}, "properties": { "x": next(0) } });
        for at in 0..count {
            schema["$defs"][format!("d{at}")] = serde_json::json!({ "anyOf": [next(at + 1), next(at + 1)] });
        }
        schema["$defs"][format!("d{count}")] = serde_json::json!({ "description": "${{ x }}" });
        schema
    };
    let document = |word: &str, schema: serde_json::Value, text: &str| {
        let mut document = serde_json::json!({ "version": 1, "name": "x", "tasks": { "a": { "uses": "chat", "with": { "prompt": "hi" } } } });
        let place = if word == "inputs" { &mut document } else { &mut document["tasks"]["a"]["with"] };
        place[word] = serde_json::from_str(&schema.to_string().replace("${{ x }}", text)).unwrap();
        said(&document.to_string())
    };
    assert_eq!(document("inputs", doubling(8), "x"), "");
    assert_eq!(document("schema", doubling(8), "x"), "");
    assert_snapshot!(document("inputs", doubling(30), "x"), @"1:87 bad_schema: `inputs` cannot be used: it has more than 20000 words with every `$ref` followed: let fewer of them lead on");
    // Nothing evaluates what a document's inputs are.
    assert_snapshot!(document("inputs", doubling(30), "${{ 1 }}"), @"1:87 bad_schema: `inputs` cannot be used: it has more than 20000 words with every `$ref` followed: let fewer of them lead on");
    assert_snapshot!(document("schema", doubling(30), "x"), @"1:84 bad_schema: `schema` cannot be used: it has more than 20000 words with every `$ref` followed: let fewer of them lead on");
    assert_snapshot!(document("schema", serde_json::json!({ "type": "string", "pattern": "(?=a)b" }), "x"), @r#"1:111 bad_schema: `schema` is no JSON Schema at `pattern`: "(?=a)b" is not a "regex""#);
    assert_snapshot!(document("schema", serde_json::json!({ "properties": { "next": { "$ref": "#" } } }), "x"), @"1:84 bad_schema: `schema` cannot be used: `$ref: #` leads back to itself, or through more than 32 others: write out how deep it may go");
}

#[test]
fn a_race_can_be_won() {
    assert_snapshot!(said(r#"
        tasks: { r: { race: { first: 3 }, tasks: { p: { uses: chat, with: { prompt: hi } }, q: { uses: chat, with: { prompt: hi } } } } }
    "#), @"
    3:21 out_of_range: the race wants 3 good results of 2 tasks
        help: write `first: 2` at most, or add tasks
    ");
}

#[test]
fn what_multiplies_beyond_a_run_is_refused() {
    let nested = |outer: u32, inner: u32| {
        said(&format!(
            "tasks:\n  o: {{ foreach: '${{{{ inputs.l }}}}', max_parallel: {outer}, tasks: {{\n    i: {{ foreach: '${{{{ item }}}}', max_parallel: {inner}, tasks: {{\n      c: {{ uses: chat, with: {{ prompt: hi }} }} }} }} }} }}"
        ))
    };
    // The task, its items, and in each of them the same once more: 1 + 1000 + 1000 + 1000 * 498 + 1000 * 498.
    assert_eq!(nested(1_000, 498), "");
    assert_snapshot!(nested(1_000, 499), @"
    6:7 too_many_tasks: with this task, more than 1000000 could be alive at once in one run
        help: lower `max_parallel` of it or of what it stands in: they multiply
    ");
    assert_snapshot!(nested(1_024, 1_024), @"
    5:5 too_many_tasks: with this task, more than 1000000 could be alive at once in one run
        help: lower `max_parallel` of it or of what it stands in: they multiply
    ");
}

#[test]
fn sections_do_not_read_each_other() {
    assert_snapshot!(said(r#"
        tasks: { a: { uses: chat, with: { prompt: "${{ tasks.s.output }}" } } }
        after: { s: { uses: chat, with: { prompt: hi } } }
    "#), @"
    3:54 wrong_section: task `s` runs in another section
        help: only the tasks of `tasks` can be read from other sections
    ");
}

#[test]
fn outer_reaches_tasks_only() {
    assert_snapshot!(said(r#"
        tasks:
          g:
            foreach: "${{ inputs.l }}"
            tasks:
              x: { uses: chat, foreach: [1, 2], with: { prompt: "${{ outer.item }} ${{ outer.run.id }}" } }
    "#), @"
    7:62 unknown_name: `outer.item` is not known here: `outer` reaches tasks only, outer.tasks.NAME.output
        help: hand the value in with the list of the `foreach`, or as the output of a task
    7:80 unknown_name: `outer.run.id` is not known here: `outer` reaches tasks only, outer.tasks.NAME.output
        help: hand the value in with the list of the `foreach`, or as the output of a task
    ");
}

#[test]
fn a_check_must_be_able_to_find_out() {
    assert_snapshot!(said(r#"
        version: 1
        name: t
        tasks:
          a: { uses: exec, effect: once, on_uncertain: { check: b }, with: { argv: [x] } }
          b: { uses: exec, effect: once, on_uncertain: { check: b }, with: { argv: [x] } }
          c: { uses: exec, effect: once, on_uncertain: { check: d }, with: { argv: [x] } }
          d: { foreach: [1], uses: exec, effect: none, with: { argv: [x] } }
          e: { uses: exec, effect: once, on_uncertain: { check: f }, needs: [g], with: { argv: [x] } }
          f: { uses: exec, effect: none, needs: [d, g, h], with: { argv: [x] } }
          g: { uses: exec, effect: once, on_uncertain: { check: nobody }, needs: [h], with: { argv: [x] } }
          h: { uses: exec, effect: once, on_uncertain: {}, with: { argv: [x] } }
    "#), @"
    4:57 no_check: `b` has the effect `once` itself: nobody would know whether it took that
        help: write `effect: none` at `b`, if it only looks
    5:57 no_check: `b` cannot find out what task `b` has done
        help: name another task with `uses`, without `foreach` and `loop`
    6:57 no_check: `d` cannot find out what task `c` has done
        help: name another task with `uses`, without `foreach` and `loop`
    8:57 no_check: `f` needs `d`, which may not have settled when it is to find out
        help: let `e` need `d` too, or leave it out
    10:57 unknown_task: there is no task `nobody`
        help: tasks here: a, b, c, d, e, f, h
    11:48 missing_key: `on_uncertain` lacks `check`
        help: the task beside it that finds out whether it took effect: its output is then the task's
    ");
}
