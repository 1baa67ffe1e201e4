//! What providers say of their limits.

use std::fmt::Write as _;
use std::sync::Arc;

use agendum_types::Target;
use agendum_types::snapshot::TargetLoad;
use agendum_types::target::Rate;
use serde_json::{Value as Json, json};

use super::fixture::{World, request};
use crate::Engine;

const DOCUMENT: &str = "
version: 1
name: stating
inputs: { properties: { requests: {}, tokens: {} } }
tasks:
  a: { uses: chat, with: { prompt: x, requests: '${{ inputs.requests }}', tokens: '${{ inputs.tokens }}', give: 1 } }
";

/// Plays calls whose provider says this with its answers; what is in force after each.
async fn played(engine: &Engine, said: &[Json]) -> String {
    let mut seen = String::new();
    for said in said {
        engine.run(request(DOCUMENT, said)).await.unwrap();
        let loads = engine.loads().await.unwrap().targets;
        let line = |load: &TargetLoad| {
            let rate = |Rate { requests, tokens }| format!("{requests:?} {tokens:?}");
            format!("{}: {}, stated {}", load.name, rate(load.rate), rate(load.stated))
        };
        let lines: Vec<String> = loads.iter().filter(|load| *load.name != *Target::CHILD).map(line).collect();
        writeln!(seen, "{}", lines.join("; ")).unwrap();
    }
    seen
}

#[tokio::test]
async fn what_a_provider_says_is_in_force_where_the_configuration_says_nothing() {
    let said = [
        json!({ "requests": null, "tokens": null }),
        json!({ "requests": 6_000_000, "tokens": null }),
        // Another number so soon is not believed; what was not known is.
        json!({ "requests": 5_000_000, "tokens": null }),
        json!({ "requests": 6_000_000, "tokens": 9_000_000 }),
        json!({ "requests": 5_000_000, "tokens": 1 }),
    ];
    let world = World::new();
    let engine = world.engine().await;
    insta::assert_snapshot!(played(&engine, &said).await, @"
    tool: None None, stated None None
    tool: Some(6000000) None, stated Some(6000000) None
    tool: Some(6000000) None, stated Some(6000000) None
    tool: Some(6000000) Some(9000000), stated Some(6000000) Some(9000000)
    tool: Some(6000000) Some(9000000), stated Some(6000000) Some(9000000)
    ");
    engine.stop().await;
    // What was stated lately is in force in the next life too, until another number is said.
    let engine = world.engine().await;
    insta::assert_snapshot!(played(&engine, &[said[0].clone(), said[2].clone()]).await, @"
    tool: Some(6000000) Some(9000000), stated Some(6000000) Some(9000000)
    tool: Some(5000000) Some(9000000), stated Some(5000000) Some(9000000)
    ");
    engine.stop().await;

    let mut parts = world.parts(Arc::clone(&world.blobs) as _);
    let (target, adapter) = parts.targets.pop().unwrap();
    let of = |name: &str, rate: Rate| {
        let group = Some("shared".into());
        let target = Target { name: name.into(), rate, quota_group: group, ..target.clone() };
        (target, Arc::clone(&adapter))
    };
    let configured = Rate { requests: Some(7_000_000), tokens: None };
    // The first is taken; the other shares its limit.
    parts.targets = vec![of("first", configured), of("other", Rate::default())];
    let engine = Engine::start(parts).await.unwrap();
    insta::assert_snapshot!(played(&engine, &said).await, @"
    first: Some(7000000) None, stated None None; other: None None, stated None None
    first: Some(7000000) None, stated None None; other: Some(6000000) None, stated Some(6000000) None
    first: Some(7000000) None, stated None None; other: Some(6000000) None, stated Some(6000000) None
    first: Some(7000000) Some(9000000), stated None Some(9000000); other: Some(6000000) Some(9000000), stated Some(6000000) Some(9000000)
    first: Some(7000000) Some(9000000), stated None Some(9000000); other: Some(6000000) Some(9000000), stated Some(6000000) Some(9000000)
    ");
    engine.stop().await;
}
