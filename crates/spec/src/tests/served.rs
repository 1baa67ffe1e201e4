//! A document against the targets of a configuration.

use agendum_types::{Capability, Labels, Limits, Pool, Target};
use insta::assert_snapshot;
use serde_json::json;

use super::{shown, with_head};
use crate::served::{Serving, lacks};
use crate::{NoFiles, Resolver, Source, check_for};

fn target(name: &str, capability: Capability, class: &str) -> Target {
    Target { classes: vec![class.into()], ..Target::free(name, capability, 1) }
}

#[test]
fn what_no_target_serves() {
    let text = with_head(
        r#"
        tasks:
          a: { uses: chat, with: { prompt: hi }, model: { class: lrge } }
          b: { uses: chat, with: { prompt: hi }, model: { class: openai/mini, allow: [openai/minni, other] } }
          c: { uses: chat, with: { prompt: hi }, model: { class: large }, catch: [{ on: [any], target: openai/min }] }
          g: { tasks: { d: { uses: exec, with: { argv: [x] } }, e: { uses: chat, model: { class: openai/mini }, with: { prompt: hi } } } }
          h: { uses: retrieve, with: { index: dosc, query: x } }
          i: { uses: retrieve, with: { index: faq, query: x } }
          j: { uses: retrieve, with: { index: "${{ inputs.where }}", query: x } }
          k: { uses: retrieve, with: { index: docs, query: x } }
        after: { f: { uses: http, with: { url: "https://x" }, model: { class: quick } } }
    "#,
    );
    let targets = [
        target("openai/mini", Capability::Chat, "large"),
        target("web", Capability::Http, "slow"),
        target("index", Capability::Retrieve, "own"),
    ];
    let indexes = ["docs".to_owned()].into();
    let serving = Serving { targets: &targets, indexes: &indexes, pools: None, inputs: None };
    let source = Source { name: "graph.yaml", text: &text };
    let checked = check_for(source, &NoFiles, &Limits::STANDARD, Some(serving));
    let inputs = json!({ "where": "nowhere" });
    let of_run = Serving { inputs: Some(&inputs), ..serving };
    let lacks = lacks(&checked.accepted.as_ref().unwrap().document, of_run, &Limits::STANDARD);
    assert_snapshot!(lacks.into_iter().collect::<Vec<_>>().join("\n"), @r#"
    `catch` names target "openai/min", and no such target can chat
    no target can exec
    no target of class "lrge" can chat
    no target of class "quick" can http
    none of the targets openai/minni, other can chat
    there is no index "dosc"
    there is no index "faq"
    there is no index "nowhere"
    "#);
    assert_snapshot!(shown(checked), @r#"
    4:58 no_target (warning): no target of class "lrge" can chat: a run would be refused with this configuration
        help: did you mean `large`?
    5:79 no_target (warning): none of the targets openai/minni, other can chat: a run would be refused with this configuration
        help: did you mean `openai/mini`?
    6:96 no_target (warning): `catch` names target "openai/min", and no such target can chat: a run would be refused with this configuration
        help: did you mean `openai/mini`?
    7:28 no_target (warning): no target can exec: a run would be refused with this configuration
        help: add a target with `kind = "exec"` to agendum.toml
    8:39 no_index (warning): there is no index "dosc": the task would fail
        help: did you mean `docs`?
    9:39 no_index (warning): there is no index "faq": the task would fail
        help: make it with `agendum index add faq PATH`, or under `[indexes]` in agendum.toml
    12:71 no_target (warning): no target of class "quick" can http: a run would be refused with this configuration
        help: classes and targets: slow, web
    "#);
}

#[test]
fn everything_stands_in_the_order_of_the_text() {
    struct Prompt;
    impl Resolver for Prompt {
        fn read(&self, _path: &str) -> Result<String, String> {
            Ok("A line.\n\n\n\n\n\nAnd ${{ tasks.nothing.output }}".to_owned())
        }
    }
    let text = with_head(
        r#"
        tasks:
          a: { uses: chat, with: { prompt: a.md } }
          b: { uses: chat, with: { prompt: "${{ tasks.nobody.output }}" } }
          c: { uses: chat, with: { prompt: b.md } }
    "#,
    );
    let indexes = [].into();
    let serving = Serving { targets: &[], indexes: &indexes, pools: None, inputs: None };
    let source = Source { name: "graph.yaml", text: &text };
    assert_snapshot!(shown(check_for(source, &Prompt, &Limits::STANDARD, Some(serving))), @r#"
    4:14 no_target (warning): no target can chat: a run would be refused with this configuration
        help: add a target with `kind = "chat"` to agendum.toml
    a.md:7:15 unknown_task: there is no task `nothing`
        help: tasks here: b, c
    5:14 no_target (warning): no target can chat: a run would be refused with this configuration
        help: add a target with `kind = "chat"` to agendum.toml
    5:47 unknown_task: there is no task `nobody`
        help: tasks here: a, c
    6:14 no_target (warning): no target can chat: a run would be refused with this configuration
        help: add a target with `kind = "chat"` to agendum.toml
    b.md:7:15 unknown_task: there is no task `nothing`
        help: tasks here: a, b
    "#);
}

#[test]
fn what_no_target_may_see() {
    let text = with_head(
        r#"
        labels: { region: eu, kind: secret }
        tasks:
          a: { uses: chat, with: { prompt: hi } }
          b: { uses: retrieve, with: { index: docs, query: x } }
          c: { uses: moderate, with: { text: hi } }
    "#,
    );
    let cleared = |name: &str, capability, words: &[&str]| Target {
        clearance: Labels::new(words.iter().copied()),
        ..target(name, capability, "any")
    };
    let targets = [
        cleared("model", Capability::Chat, &["region=eu"]),
        cleared("index", Capability::Retrieve, &["*"]),
        cleared("check", Capability::Moderate, &["kind=secret", "region=eu", "region=us"]),
    ];
    let indexes = ["docs".to_owned()].into();
    let serving = Serving { targets: &targets, indexes: &indexes, pools: None, inputs: None };
    let checked = check_for(Source { name: "graph.yaml", text: &text }, &NoFiles, &Limits::STANDARD, Some(serving));
    assert_snapshot!(shown(checked), @r#"
    5:14 no_clearance (warning): no target that could chat here has clearance for data labelled kind=secret, region=eu: the task would fail
        help: add `clearance = ["kind=secret", "region=eu"]` to a target that may see it
    "#);
}

#[test]
fn what_no_pool_has() {
    let text = with_head(
        r#"
        tasks:
          a: { uses: chat, with: { prompt: hi }, resources: { gpu: 2, sandbox: 3 } }
          b: { uses: exec, effect: idempotent, with: { argv: [b] }, resources: { gpu: 3 }, compensate: { uses: exec, with: { argv: [c] }, resources: { seat: 1 } } }
          g: { tasks: { d: { uses: chat, with: { prompt: hi }, resources: { sandbx: 1 } } } }
    "#,
    );
    let targets = [target("model", Capability::Chat, "any"), target("tool", Capability::Exec, "any")];
    let indexes = [].into();
    let pools = [Pool { name: "gpu".into(), units: 2 }, Pool { name: "sandbox".into(), units: 8 }];
    let serving = Serving { targets: &targets, indexes: &indexes, pools: Some(&pools), inputs: None };
    let check =
        |serving| check_for(Source { name: "graph.yaml", text: &text }, &NoFiles, &Limits::STANDARD, Some(serving));
    assert_snapshot!(shown(check(serving)), @"
    5:74 no_pool (warning): pool `gpu` has 2 of the 3 units that are asked for: the task would wait for more
        help: ask for fewer, or write `gpu = 3` under `[pools]` in agendum.toml
    5:144 no_pool (warning): there is no pool `seat`: the task would wait for one
        help: write `seat = 1` under `[pools]` in agendum.toml
    6:69 no_pool (warning): there is no pool `sandbx`: the task would wait for one
        help: did you mean `sandbox`?
    ");
    assert_snapshot!(shown(check(Serving { pools: None, ..serving })), @"");
}
