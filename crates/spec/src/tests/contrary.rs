//! Words of a task that work against each other.

use agendum_types::Limits;
use insta::assert_snapshot;
use serde_json::json;

use super::{said, shown, with_head};
use crate::{NoFiles, NormalDocument, Source, check, extend, load};

#[test]
fn no_fallback_and_catch_contradict() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, no_fallback: true, catch: [{ on: [any], output: x }], with: { prompt: hi } }
          b: { uses: chat, risk: high, catch: [{ on: [any], output: x }], with: { prompt: hi } }
    "#), @"
    4:46 contradiction: `no_fallback: true` forbids `catch`
        help: leave one of them out
    5:39 contradiction: `risk: high` forbids `catch`
        help: leave one of them out
    ");
}

#[test]
fn a_text_is_held_back_by_what_can_hold_it_back() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, live: true, publish_after: [a], with: { prompt: hi } }
          b: { uses: chat, live: true, publish_after: [open, closed], with: { prompt: hi } }
          c: { uses: chat, publish_after: [closed], with: { prompt: hi } }
          open: { uses: moderate, with: { text: "${{ tasks.b.output.text }}" } }
          closed: { uses: moderate, fail_if: "${{ not output.allowed }}", with: { text: "${{ tasks.b.output.text }}" } }
          g: { tasks: { d: { uses: chat, live: true, publish_after: [e], with: { prompt: hi } }, e: { uses: chat, with: { prompt: hi } } } }
          h: { publish_after: [closed], tasks: { f: { uses: chat, with: { prompt: hi } } } }
    "#), @"
    4:48 contradiction: `publish_after` of task `a` names itself
        help: name the task that checks its text, or leave `publish_after` out
    5:48 unguarded (warning): `open` succeeds and releases the text even when it says `allowed: false`
        help: write `fail_if: ${{ not output.allowed }}` at `open`
    6:35 not_live (warning): nothing is held back: only a task with `live: true` shows its text while it runs
        help: write `live: true` beside it, or leave `publish_after` out
    9:61 top_only: `publish_after` belongs to a task at the top
        help: move the task out of its group, or leave `publish_after` out
    10:23 not_live (warning): nothing is held back: only a task with `live: true` shows its text while it runs
        help: leave `publish_after` out: a group shows no text
    ");
}

#[test]
fn what_may_have_taken_effect_is_not_run_again() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: exec, effect: once, on_uncertain: fail, retry: { on: [timeout, uncertain] }, with: { argv: [x] } }
          b: { uses: exec, retry: { on: [uncertain] }, with: { argv: [x] } }
          c: { uses: exec, effect: idempotent, retry: { on: [uncertain] }, with: { argv: [x] } }
          d: { uses: exec, retry: { on: [any] }, with: { argv: [x] } }
          e: { uses: http, retry: { on: [uncertain] }, with: { url: "https://example.com", method: POST } }
    "#), @"
    4:77 contradiction: a task whose effect is `once` is never run again when nobody knows whether it took effect
        help: leave `uncertain` out, or write `effect: idempotent` if what it calls keeps the key that it is sent
    5:34 contradiction: a task whose effect is `once` (by default) is never run again when nobody knows whether it took effect
        help: leave `uncertain` out, or write `effect: idempotent` if what it calls keeps the key that it is sent
    8:34 contradiction: a task whose effect is `once` (by default) is never run again when nobody knows whether it took effect
        help: leave `uncertain` out, or write `effect: idempotent` if what it calls keeps the key that it is sent
    ");
}

#[test]
fn a_url_leads_over_http() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: http, with: { url: example.com/page } }
          b: { uses: http, with: { url: "ftp://example.com" } }
          c: { uses: http, with: { url: "https:///path" } }
          d: { uses: http, with: { url: "" } }
          g: { uses: http, with: { url: "https://exa mple.com" } }
          e: { uses: http, with: { url: "HTTP://example.com" } }
          f: { uses: http, with: { url: "${{ inputs.host }}/page" } }
          h: { uses: http, with: { url: /api/x } }
          i: { uses: http, with: { url: ./api/x } }
          j: { uses: http, with: { url: //example.com/api/x } }
    "#), @r#"
    4:33 no_url: `url` is "example.com/page", which is no http or https URL
        help: write https://example.com/page
    5:33 no_url: `url` is "ftp://example.com", which is no http or https URL
        help: write https://HOST/PATH
    7:33 no_url: `url` is "", which is no http or https URL
        help: write https://HOST/PATH
    8:33 no_url: `url` is "https://exa mple.com", which is no http or https URL
        help: write https://HOST/PATH
    11:33 no_url: `url` is "/api/x", which is no http or https URL
        help: write https://HOST/PATH
    12:33 no_url: `url` is "./api/x", which is no http or https URL
        help: write https://HOST/PATH
    13:33 no_url: `url` is "//example.com/api/x", which is no http or https URL
        help: write https://example.com/api/x
    "#);
}

/// A run that was accepted before there was such a rule goes on; what is added to it is judged.
#[test]
fn what_was_accepted_is_not_judged_again() {
    let tasks = json!({
        "a": { "uses": "chat", "risk": "high", "catch": [{ "on": ["any"], "output": 1 }], "with": { "prompt": "hi" } },
        "b": { "uses": "exec", "retry": { "on": ["uncertain"] }, "with": { "argv": ["x"] } },
        "c": { "uses": "http", "with": { "url": "/api" } },
        "d": { "uses": "chat", "publish_after": ["d"], "with": { "prompt": "hi" } },
    });
    let document = json!({ "version": 1, "name": "t", "tasks": tasks });
    let document = NormalDocument(document.to_string().into());
    load(&document, &Limits::STANDARD).unwrap();
    let addition = json!({ "tasks": { "e": tasks["a"], "f": { "uses": "http", "with": { "url": "/api" } } } });
    assert_snapshot!(shown(extend(&document, &addition.to_string(), &Limits::STANDARD).unwrap()), @r#"
    1:52 contradiction: `risk: high` forbids `catch`
        help: leave one of them out
    1:137 no_url: `url` is "/api", which is no http or https URL
        help: write https://HOST/PATH
    "#);
}

#[test]
fn more_attempts_than_are_allowed_here() {
    let text = with_head(
        r#"
        tasks:
          a: { uses: chat, retry: { max_attempts: 3 }, with: { prompt: hi } }
          b: { uses: chat, with: { prompt: hi } }
    "#,
    );
    let limits = Limits { attempts_max: 2, ..Limits::STANDARD };
    assert_snapshot!(shown(check(Source { name: "test", text: &text }, &NoFiles, &limits)), @"
    4:43 too_many: a task is tried 2 times at most here, on all rungs together
        help: lower it, or raise `limits.attempts_max`
    ");
}
