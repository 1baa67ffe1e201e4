//! What was lost in a crash counts until a bill says less.

use std::sync::Arc;

use agendum_ports::{Append, Appended, Clock, HourChange, Invoice, Settled, Store as _, Wall};
use agendum_types::{Booked, Money, RunId, Seq, ShardId, Tenant, Timestamp, Waste, Window};
use serde_json::json;

use super::fixture::{World, line, request};
use crate::{Engine, Parts};

const CENT: u64 = Money::PER_DOLLAR / 100;
/// In the middle of a month.
const NOON: u64 = 1_794_744_000_000_000;

/// It was noon when this began.
struct Since(Timestamp);

impl Clock for Since {
    fn now(&self) -> Timestamp {
        Timestamp(NOON + Wall.now().0 - self.0.0)
    }
}

#[tokio::test]
async fn what_was_lost_and_is_not_billed_is_there_for_those_that_wait() {
    let world = World::new();
    let yesterday = Window::Day.start(Timestamp(NOON - 86_400_000_000));
    let taken = Timestamp(yesterday.0 + 1);
    let opened = world.store.open(ShardId(0)).await.unwrap();
    let booked = Booked {
        target: "tool".into(),
        taken,
        cost: Money(90 * CENT),
        tokens: 9,
        over: Money::ZERO,
        waste: Some(Waste::Lost),
    };
    let settled = vec![Settled { tenant: Tenant::default(), run: RunId(1), booked, moved: false }];
    let append = Append {
        shard: ShardId(0),
        incarnation: opened.incarnation,
        expected: Seq(opened.last.0 + 1),
        rows: Vec::new(),
        runs: Vec::new(),
        settled,
        noted: Vec::new(),
        judged: Vec::new(),
        learned: None,
    };
    assert_eq!(world.store.append(append).await, Appended::Durable);
    let clock = Arc::new(Since(Wall.now()));
    let parts = || {
        let mut parts = Parts { clock: Arc::clone(&clock) as _, ..world.parts(Arc::clone(&world.blobs) as _) };
        parts.targets[0].0.price.call = Money(20 * CENT);
        parts.windows.caps[Window::Month as usize].money = Some(Money(100 * CENT));
        parts
    };
    let engine = Engine::start(parts()).await.unwrap();
    let tenant = Tenant::default();
    let document = "{ version: 1, name: one, tasks: { a: { uses: chat, with: { prompt: x, give: 1 } } } }";
    let run = engine.submit(request(document, &json!({}))).await.unwrap();
    let spent = async |engine: &Engine| engine.windows(&tenant).await.unwrap()[0].spent.0.0 / CENT;
    assert_eq!(spent(&engine).await, 90);
    let bill = |cost| Invoice { target: "tool".into(), day: yesterday, cost: Money(cost * CENT), tokens: None };
    let released = async |cents| engine.reconcile(&tenant, bill(cents)).await.unwrap().unwrap().released;
    let none: [HourChange; 0] = [];
    assert_eq!(released(95).await, none);
    let stranger = Tenant::new("stranger");
    assert_eq!(engine.reconcile(&stranger, bill(50)).await.unwrap(), None);
    assert_eq!(released(50).await, [(yesterday, Money(40 * CENT), 0)]);
    assert_eq!(released(50).await, none, "it says what is counted now");
    let answer = engine.answer(&tenant, run).await.unwrap();
    assert_eq!(line(&engine, &answer).await, r#"succeeded {"a":1}"#);
    assert_eq!(spent(&engine).await, 70);
    engine.stop().await;
    let engine = Engine::start(parts()).await.unwrap();
    assert_eq!(spent(&engine).await, 70, "another life counts the same");
    let recharged = async |cents| engine.reconcile(&tenant, bill(cents)).await.unwrap().unwrap().recharged;
    assert_eq!(recharged(60).await, [(yesterday, Money(10 * CENT), 0)], "a higher bill counts instead");
    assert_eq!(spent(&engine).await, 80);
    assert_eq!(recharged(60).await, none, "the same bill changes nothing");
    assert_eq!(recharged(400).await, [(yesterday, Money(30 * CENT), 0)], "no more than was released");
    assert_eq!(spent(&engine).await, 110, "be that above the limit");
    engine.stop().await;
    let engine = Engine::start(parts()).await.unwrap();
    assert_eq!(spent(&engine).await, 110);
    engine.stop().await;
}
