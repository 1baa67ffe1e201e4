//! What was lost in crashes, and bills, over HTTP.

use std::sync::Arc;

use agendum_ports::memory::MemoryStore;
use agendum_ports::{Append, Appended, Clock as _, Settled, Store as _, Wall};
use agendum_types::{Booked, Money, RunId, Seq, ShardId, Tenant, Timestamp, Waste, Window};
use serde_json::{Value as Json, json};

use super::World;

const DAY: u64 = 86_400_000_000;

/// Two calls of yesterday, one of them lost.
async fn lost(store: &MemoryStore) -> String {
    let yesterday = Window::Day.start(Timestamp(Wall.now().0 - DAY));
    let opened = store.open(ShardId(0)).await.unwrap();
    let settled = |waste| {
        let (taken, cost) = (Timestamp(yesterday.0 + 1), Money(Money::PER_DOLLAR / 2));
        let booked = Booked { target: "parrot".into(), taken, cost, tokens: 100, over: Money::ZERO, waste };
        Settled { tenant: Tenant::default(), run: RunId(1), booked, moved: false }
    };
    let append = Append {
        shard: ShardId(0),
        incarnation: opened.incarnation,
        expected: Seq(opened.last.0 + 1),
        rows: Vec::new(),
        runs: Vec::new(),
        settled: vec![settled(None), settled(Some(Waste::Lost))],
        noted: Vec::new(),
        judged: Vec::new(),
        learned: None,
    };
    assert_eq!(store.append(append).await, Appended::Durable);
    yesterday.to_string()[..10].to_owned()
}

#[tokio::test]
async fn a_bill_releases_what_was_lost_and_not_billed() {
    let store = Arc::new(MemoryStore::default());
    let yesterday = lost(&store).await;
    let world = World::over(store, Tenant::default()).await;
    let bill = |more: Json| {
        let mut bill = json!({ "target": "parrot", "day": yesterday, "usd": 0.6 });
        bill.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        bill
    };
    let say = async |bill| world.ask("POST", "/v1/spend/reconcile", Some(bill)).await;
    let (status, _, lost) = world.ask("GET", "/v1/spend/lost?since=2026-01-01T00:00:00Z", None).await;
    assert_eq!(status, 200);
    let day = json!({
        "day": yesterday, "target": "parrot", "attempts": 1, "lost_usd": 0.5, "lost_tokens": 100,
        "counted_usd": 1.0, "counted_tokens": 200, "released_usd": 0.0, "released_tokens": 0,
    });
    assert_eq!(lost, json!({ "days": [day] }));
    let refusals = [
        (json!({ "target": "else" }), "nothing_lost", format!("calls were lost to parrot on {yesterday}")),
        (json!({ "day": "2026-02-30" }), "day", "2026-02-30".to_owned()),
        (json!({ "day": "yesterday" }), "day", "write it as 2026-11-23".to_owned()),
        (json!({ "day": Wall.now().to_string()[..10] }), "day", "is not over".to_owned()),
        (json!({ "usd": -0.1 }), "amount", "from 0 to".to_owned()),
        (json!({ "dollars": 1 }), "body", "dollars".to_owned()),
    ];
    for (more, kind, detail) in refusals {
        let (status, _, refused) = say(bill(more)).await;
        let told = refused["detail"].as_str().unwrap_or_default();
        assert!(status >= 400 && refused["type"] == kind && told.contains(&detail), "{status} {refused}");
    }
    let (status, _, said) = say(bill(json!({ "tokens": 150 }))).await;
    assert_eq!((status, &said["released_usd"], &said["released_tokens"]), (200, &json!(0.4), &json!(50)), "{said}");
    let (_, _, again) = say(bill(json!({}))).await;
    assert_eq!((&again["released_usd"], &again["day"]["lost_usd"]), (&json!(0.0), &json!(0.1)), "{again}");
    let (_, _, higher) = say(bill(json!({ "usd": 0.75, "tokens": 140 }))).await;
    let told = ["released_usd", "released_tokens", "recharged_usd", "recharged_tokens"].map(|key| higher[key].clone());
    assert_eq!(json!(told), json!([0.0, 10, 0.15, 0]), "{higher}");
    assert_eq!((&higher["day"]["counted_usd"], &higher["day"]["released_usd"]), (&json!(0.75), &json!(0.25)));
    let (_, _, lower) = say(bill(json!({}))).await;
    assert_eq!((&lower["released_usd"], &lower["recharged_usd"]), (&json!(0.15), &json!(0.0)), "{lower}");
    let (_, _, spend) = world.ask("GET", "/v1/spend?since=2026-01-01T00:00:00Z&by=waste", None).await;
    // Without an instant it is what was spent of late.
    let (status, _, late) = world.ask("GET", "/v1/spend?by=waste", None).await;
    assert!(status == 200 && late["lines"].is_array(), "{status} {late}");
    assert_eq!(world.ask("GET", "/v1/spend/lost", None).await.0, 200);
    assert_eq!(spend["total"]["cost_usd"], 0.6, "{spend}");
}
