//! `error`: what an output of `catch` takes the place of.

use insta::assert_snapshot;

use super::said;

#[test]
fn an_output_of_catch_knows_what_failed() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: hi }, catch: [{ on: [any], output: { why: "${{ error.class }}: ${{ error.message }}" } }] }
          b: { tasks: { c: { uses: chat, with: { prompt: hi } } }, catch: [{ on: [permanent], output: "${{ error.message }}" }] }
          d: { uses: chat, with: { prompt: "${{ error }}", error: mine } }
    "#), @"");
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: chat, with: { prompt: "${{ error.class }}" }, fail_if: "${{ error.message }}" }
        output: "${{ error.class }}"
    "#), @"
    4:41 unknown_name: `error` is known in an output of `catch` only
        help: in `on_failure` and `finally` write run.error
    4:74 unknown_name: `error` is known in an output of `catch` only
        help: in `on_failure` and `finally` write run.error
    5:14 unknown_name: `error` is known in an output of `catch` only
        help: in `on_failure` and `finally` write run.error
    ");
}
