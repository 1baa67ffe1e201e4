//! Waits for people, signals and time: what is accepted, and what is said of the rest.

use agendum_types::{Timestamp, Wait};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::said;
use crate::wait::read;

#[test]
fn waits_as_people_write_them_are_accepted() {
    assert_snapshot!(said(r#"
        tasks:
          draft: { uses: chat, with: { prompt: hi } }
          ask: { uses: wait, with: { for: approval, queue: support, who: [ann, local], reminder: 1h, show: "${{ tasks.draft.output.text }}" }, within: 3h, catch: [{ on: [deadline_exceeded], output: { approved: false } }], fail_if: "${{ not output.approved }}" }
          paid: { uses: wait, with: { for: signal, name: "paid-${{ inputs.order }}" }, timeout: { task: 2h } }
          hook: { uses: wait, with: { for: webhook, name: order.paid } }
          later: { uses: wait, with: { for: time, after: 2h } }
          day: { uses: wait, with: { for: time, until: "${{ inputs.day }}" } }
          who: { uses: wait, with: { for: approval, who: "${{ inputs.people }}", reminder: "${{ inputs.often }}" } }
    "#), @"");
}

#[test]
fn a_wait_that_cannot_work_says_why() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: wait }
          b: { uses: wait, with: { for: aproval } }
          c: { uses: wait, with: { for: signal } }
          d: { uses: wait, with: { for: webhook, nam: x } }
          e: { uses: wait, with: { for: time } }
          f: { uses: wait, with: { for: time, after: soon } }
          g: { uses: wait, with: { for: time, until: tomorrow } }
          h: { uses: wait, with: { for: time, until: 2026-12-01T09:00:00Z, after: 2h } }
          i: { uses: wait, with: { for: signal, name: x, queue: support } }
          j: { uses: wait, with: { for: approval, name: x, reminder: 5s } }
          k: { uses: wait, with: { for: signal, name: "" } }
          l: { uses: wait, with: { for: approval, who: [] } }
          m: { uses: wait, with: { for: "${{ inputs.what }}" } }
    "#), @r#"
    4:14 missing_key: `uses: wait` lacks `with`
        help: write `with: { for: … }`
    5:33 unknown_value: `for` knows no `aproval`
        help: did you mean `approval`?
    6:26 missing_key: `for: signal` lacks `name`
        help: write `name: …`: what it is sent to
    7:42 unknown_key: unknown key `nam` in `with` of `wait`
        help: did you mean `name`?
    8:26 missing_key: `for: time` lacks `until` or `after`
        help: write `until: 2026-12-01T09:00:00Z`, or `after: 2h`
    9:46 bad_wait: `after` is "soon", which is no span of time: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    10:46 bad_wait: `until` is "tomorrow", which is no instant: write it as 2026-12-01T09:00:00Z
    11:26 both: `until` and `after` say the same
        help: leave one of them out
    12:50 contradiction: `queue` belongs to `for: approval`
        help: `for: signal` takes name
    13:43 contradiction: `name` belongs to `for: signal`
        help: `for: approval` takes show, queue, who, reminder
    13:62 bad_wait: `reminder` is 5s: write at least 1m
    14:47 bad_wait: `name` is "": write 1 to 128 characters on one line
    15:48 empty: `who` is empty
    16:33 unknown_value: `for` knows no `${{ inputs.what }}`
        help: one of: approval, signal, webhook, time
    "#);
}

#[test]
fn a_wait_for_somebody_who_cannot_decide_is_said() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: wait, with: { for: approval, who: [ann, ben] } }
          b: { uses: wait, with: { for: approval, who: [ann, local] } }
          c: { uses: wait, with: { for: approval, who: [ann, "${{ inputs.who }}"] } }
    "#), @"
    4:48 nobody_decides (warning): `who` names nobody who can decide: in this release everybody who may is `local`
        help: write `who: [local]`, or leave it out
    ");
}

#[test]
fn what_speaks_of_attempts_is_no_word_for_a_wait() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: wait, with: { for: approval }, retry: { max_attempts: 2 }, effect: none, model: { class: small }, live: true }
          b: { uses: wait, with: { for: approval }, timeout: 5s }
          c: { uses: wait, with: { for: approval }, catch: [{ on: [any], target: tool }] }
    "#), @r"
    4:52 call_only: `retry` says nothing of a `wait`: it makes no attempt
        help: leave it out
    4:81 call_only: `effect` says nothing of a `wait`: it makes no attempt
        help: leave it out
    4:94 call_only: `model` says nothing of a `wait`: it makes no attempt
        help: leave it out
    4:118 call_only: `live` says nothing of a `wait`: it makes no attempt
        help: leave it out
    5:54 call_only: `timeout` says nothing of a `wait`: it makes no attempt
        help: write `timeout: {task: …}`, or `within`
    6:53 call_only: a `wait` has no target to change
        help: give an `output`
    ");
}

#[test]
fn what_a_wait_gives_is_known() {
    assert_snapshot!(said(r#"
        tasks:
          ask: { uses: wait, with: { for: approval } }
          time: { uses: wait, with: { for: time, after: 1s } }
          sent: { uses: wait, with: { for: signal, name: x } }
        output: { a: "${{ tasks.ask.output.aproved }}", b: "${{ tasks.time.output.when }}", c: "${{ tasks.sent.output.anything }}" }
    "#), @r"
    7:36 unknown_field (warning): the output of `ask` has no field `aproved`: this is always undefined
        help: did you mean `approved`?
    7:75 unknown_field (warning): the output of `time` has no field `when`: this is always undefined
        help: it has: at
    ");
}

#[test]
fn what_a_run_makes_of_it_is_read_with_the_same_eyes() {
    let now = Timestamp(1_000_000);
    let told = |with: &Json| match read(with, now) {
        Ok(Wait { of, name, queue, who, until, reminder }) => {
            let who: Vec<String> = who.iter().map(ToString::to_string).collect();
            format!("{of} {name:?} {queue:?} {who:?} {:?} {:?}", until.map(|at| at.0), reminder.map(|span| span.0))
        }
        Err(wrong) => wrong,
    };
    let cases = [
        json!({ "for": "approval", "queue": "q", "who": ["ann"], "reminder": "1h", "show": [1] }),
        json!({ "for": "approval", "queue": null }),
        json!({ "for": "signal", "name": "paid" }),
        json!({ "for": "signal", "name": 7 }),
        json!({ "for": "webhook" }),
        json!({ "for": "time", "after": "2s" }),
        json!({ "for": "time", "until": "1970-01-01T00:00:05Z" }),
        json!({ "for": "time", "until": "soon" }),
        json!({ "for": "time" }),
        json!({ "for": "approval", "reminder": "1s" }),
        json!({ "for": "approval", "who": "ann" }),
        json!({}),
    ];
    assert_snapshot!(cases.iter().map(told).collect::<Vec<_>>().join("\n"), @r#"
    approval None Some("q") ["ann"] None Some(3600000000)
    approval None None [] None None
    signal Some("paid") None [] None None
    `name` is 7, which is no text
    `for: webhook` needs a `name`
    time None None [] Some(3000000) None
    time None None [] Some(5000000) None
    `until` is "soon", which is no instant: write it as 2026-12-01T09:00:00Z
    `for: time` needs `until` or `after`
    `reminder` is 1s: write at least 1m
    `who` is "ann", which is no list
    `for` knows no ""
    "#);
}
