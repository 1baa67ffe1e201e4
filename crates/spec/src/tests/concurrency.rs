//! Groups of runs: what is accepted, and what the key of a run may be.

use std::sync::Arc;

use agendum_types::Limits;
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::{checked, said};
use crate::eval::Evaluator;
use crate::group;

#[test]
fn what_a_group_cannot_be_is_said() {
    assert_snapshot!(said(r#"
        concurrency: { limit: 0, on_new: wait, settle: 0s }
        tasks: { a: { uses: chat, with: { prompt: hi } } }
    "#), @"
    3:14 missing_key: `concurrency` lacks `key`
        help: a text or a number; it reads `inputs` and nothing else
    3:23 out_of_range: `limit` is 0; it must be between 1 and 10000
        help: runs of the group that go on at once
    3:34 unknown_value: `on_new` knows no `wait`
        help: one of: queue, replace, join
    3:48 out_of_range: `settle` is 0s: it would be over before it begins
        help: write more, or leave it out
    ");
    assert_snapshot!(said(r#"
        concurrency: { key: "${{ tasks.a.output.text }} of ${{ run.id }}", settle: 25h, limits: 2 }
        tasks: { a: { uses: chat, with: { prompt: hi } } }
    "#), @"
    3:21 not_yet_known: the key is needed before the run begins: it reads `inputs` and nothing else
        help: such as ${{ inputs.repository }}
    3:76 out_of_range: a run settles for 24h 00m at most
        help: use `delay` or `not_before` of a task for more
    3:81 unknown_key: unknown key `limits` in `concurrency`
        help: did you mean `limit`?
    ");
    assert_snapshot!(said(r#"
        concurrency: { key: "" }
        tasks: { a: { uses: chat, with: { prompt: hi } } }
    "#), @"
    3:21 out_of_range: a key has 1 to 256 characters
        help: such as ${{ inputs.repository }}
    ");
}

/// The group of a run with these inputs.
fn group_of(key: &str, inputs: &Json) -> String {
    let rules = "limit: 2, on_new: join, settle: 200ms";
    let checked = checked(&format!(
        "concurrency: {{ key: {key}, {rules} }}\ntasks: {{ a: {{ uses: chat, with: {{ prompt: hi }} }} }}\n"
    ));
    let accepted = checked.runnable().unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let limits = Limits { evaluation_fuel: 5_000, ..Limits::STANDARD };
    match group::of(&Evaluator::new(&limits), &accepted.graph, &Arc::new(inputs.clone())) {
        Ok(group) => format!("{group:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_key_is_a_text_or_a_number_of_the_inputs() {
    let inputs = json!({ "repository": "x/y", "number": 7, "half": 0.5, "long": "é".repeat(257), "list": [1] });
    let keys = [
        "main",
        "7",
        "'${{ inputs.repository }}'",
        "'${{ inputs.repository }}#${{ inputs.number }}'",
        "'${{ inputs.number }}'",
        "'${{ inputs.half }}'",
        "'${{ inputs.long[:256] | length }}'",
        "'${{ inputs.long }}'",
        "'${{ inputs.missing }}'",
        "'${{ inputs.repository[:0] }}'",
        "'${{ inputs.list }}'",
        "'${{ inputs }}'",
        "'${{ inputs.number > 3 }}'",
        "'${{ inputs.missing.deeper }}'",
        "'${{ range(100000) | join }}'",
    ];
    let lines: Vec<String> = keys.iter().map(|key| format!("{key}: {}", group_of(key, &inputs))).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    main: Some(Concurrency { key: "main", turns: Turns { limit: 2, on_new: Join, settle: Duration(200000) } })
    7: Some(Concurrency { key: "7", turns: Turns { limit: 2, on_new: Join, settle: Duration(200000) } })
    '${{ inputs.repository }}': Some(Concurrency { key: "x/y", turns: Turns { limit: 2, on_new: Join, settle: Duration(200000) } })
    '${{ inputs.repository }}#${{ inputs.number }}': Some(Concurrency { key: "x/y#7", turns: Turns { limit: 2, on_new: Join, settle: Duration(200000) } })
    '${{ inputs.number }}': Some(Concurrency { key: "7", turns: Turns { limit: 2, on_new: Join, settle: Duration(200000) } })
    '${{ inputs.half }}': Some(Concurrency { key: "0.5", turns: Turns { limit: 2, on_new: Join, settle: Duration(200000) } })
    '${{ inputs.long[:256] | length }}': Some(Concurrency { key: "256", turns: Turns { limit: 2, on_new: Join, settle: Duration(200000) } })
    '${{ inputs.long }}': `concurrency.key` gives a text of 257 characters: 1 to 256 were expected
    '${{ inputs.missing }}': `concurrency.key` gives nothing: a text or a number was expected
    '${{ inputs.repository[:0] }}': `concurrency.key` gives a text of 0 characters: 1 to 256 were expected
    '${{ inputs.list }}': `concurrency.key` gives a list: a text or a number was expected
    '${{ inputs }}': `concurrency.key` gives an object: a text or a number was expected
    '${{ inputs.number > 3 }}': `concurrency.key` gives a truth value: a text or a number was expected
    '${{ inputs.missing.deeper }}': `concurrency.key` gives nothing: a text or a number was expected
    '${{ range(100000) | join }}': `concurrency.key` cannot be evaluated: the expression took more steps than the limit allows
    "#);
}
