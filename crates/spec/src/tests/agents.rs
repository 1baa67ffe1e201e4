//! `uses: agent`: what it becomes, and what it may not say.

use insta::assert_snapshot;
use serde_json::Value as Json;

use super::{checked, said};

const DESK: &str = r#"
    tasks:
      first: { uses: chat, with: { prompt: hi } }
      desk:
        uses: agent
        if: "${{ tasks.first.output.text }}"
        with: { prompt: "Mend ${{ tasks.first.output.text }} for ${{ inputs.who }}.", system: Be brief. }
        model: { class: large }
        timeout: { attempt: 5s, task: 1m }
        max_turns: 6
        on_exhausted: { use: last }
        budget: { usd: 0.5 }
        fail_if: "${{ output.text == tasks.first.output.text }}"
        tools:
          order: { description: Looks an order up., parameters: { type: object, properties: { id: { type: string } } }, uses: http, with: { url: "https://shop.example/orders/${{ args.id }}?by=${{ inputs.who }}" } }
          refund:
            description: Pays an order back.
            parameters: { type: object, required: [id], properties: { id: { type: string } } }
            uses: http
            effect: once
            on_uncertain: ask
            with: { method: POST, url: "https://shop.example/refunds", json: { id: "${{ args.id }}", why: "${{ tasks.first.output.text }}" } }
            compensate: { uses: http, with: { method: DELETE, url: "https://shop.example/refunds/${{ tasks.refund.output.json.id }}/${{ args.id }}" } }
    output: "${{ tasks.desk.output.text }}"
"#;

/// What it becomes is a document of its own, in the words that every release knows.
#[test]
fn an_agent_is_written_out_as_a_loop() {
    assert_snapshot!(said(DESK), @"");
    let accepted = checked(DESK).accepted.unwrap();
    let normal: Json = serde_json::from_str(&accepted.document.0).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&normal["tasks"]["desk"]).unwrap(), @"");
    assert_eq!(*crate::load(&accepted.document, &agendum_types::Limits::STANDARD).unwrap(), *accepted.graph);
}
