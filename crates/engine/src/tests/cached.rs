//! Kept results: what is found again, by whom, and what becomes of it and of its blobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agendum_ports::{Clock, KeptResult, Results as _, Wall, WhichKept};
use agendum_types::graph::Requirement;
use agendum_types::{
    CacheInput, CacheKey, Capability, Duration, Hash, Limits, Principal, RunId, Tenant, Timestamp, Within,
};
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use super::fixture::{World, line, request};
use crate::cache::{address, in_turn};
use crate::payloads::Payloads;
use crate::{CacheLimits, Engine, Parts, Request};

const DOCUMENT: &str = "
version: 1
name: NAME
inputs: { properties: { pad: {}, give: {}, sleep_ms: {} } }
tasks:
  a: { uses: chat, with: { prompt: x, pad: '${{ inputs.pad }}', give: '${{ inputs.give }}', sleep_ms: '${{ inputs.sleep_ms }}' }, cache: { ttl: 1h, tags: [t] } }
output: '${{ tasks.a.output }}'
";

fn wanted(name: &str, inputs: &Json) -> Request {
    request(&DOCUMENT.replace("NAME", name), inputs)
}

/// Runs it until nothing more will happen to it; its answer.
async fn done(engine: &Engine, request: Request) -> (RunId, String) {
    let tenant = request.tenant.clone();
    let answer = engine.run(request).await.unwrap();
    while engine.reader().run(&tenant, answer.run).await.unwrap().unwrap().done.is_none() {
        tokio::task::yield_now().await;
    }
    (answer.run, line(engine, &answer).await)
}

fn calls(world: &World) -> usize {
    world.tool.calls.lock().unwrap().len()
}

/// Until so much is kept for the tenant.
async fn kept(engine: &Engine, tenant: &Tenant, count: u64) {
    while engine.reader().kept(tenant, WhichKept::All).await.unwrap().1.count != count {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_result_outlasts_its_run_and_its_process() {
    let (world, tenant) = (World::new(), Tenant::default());
    let engine = world.engine().await;
    // One that fits into a row, and one that is a blob.
    for inputs in [json!({ "give": { "x": 1 } }), json!({ "pad": 20_000 })] {
        let (first, answer) = done(&engine, wanted("first", &inputs)).await;
        kept(&engine, &tenant, if calls(&world) == 1 { 1 } else { 2 }).await;
        engine.forget(&tenant, first).await.unwrap();
        let before = calls(&world);
        assert_eq!(done(&engine, wanted("second", &inputs)).await.1, answer);
        assert_eq!(calls(&world), before, "nobody was asked");
    }
    engine.stop().await;
    let engine = world.engine().await;
    let (third, answer) = done(&engine, wanted("third", &json!({ "pad": 20_000 }))).await;
    assert_eq!((calls(&world), answer.len()), (2, "succeeded ".len() + 20_002));
    // The run has it for good, whatever becomes of what was kept.
    let dropped = engine.drop_kept(&tenant, WhichKept::Tagged("t".into())).await.unwrap();
    assert_eq!(dropped.count, 2);
    let output = engine.reader().scan(&tenant, third, crate::Wanted::Tasks).await.unwrap().unwrap();
    let output = output.told.ended.unwrap().output.unwrap();
    assert!(engine.reader().payload(&tenant, third, &output).await.is_ok());
    done(&engine, wanted("fourth", &json!({ "pad": 20_000 }))).await;
    assert_eq!(calls(&world), 3, "what is forgotten is paid for again");
    engine.stop().await;
}

#[tokio::test]
async fn of_many_that_ask_for_the_same_one_is_asked_and_no_other_tenant_is_told() {
    let world = World::new();
    let engine = Arc::new(world.engine().await);
    let inputs = json!({ "give": 7, "sleep_ms": 50 });
    let all = (0..20).map(|number| {
        let (engine, tenant) = (Arc::clone(&engine), if number % 2 == 0 { "one" } else { "other" });
        let request = Request { tenant: Tenant::new(tenant), ..wanted(&format!("g{number}"), &inputs) };
        tokio::spawn(async move { done(&engine, request).await.1 })
    });
    for answer in all.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), "succeeded 7");
    }
    assert_eq!(calls(&world), 2, "once for each tenant");
    engine.stop().await;
}

#[tokio::test]
async fn items_take_what_was_kept_and_a_list_holds_it() {
    let world = World::new();
    let engine = world.engine().await;
    let document = "
version: 1
name: items
tasks:
  e: { uses: chat, foreach: '${{ [1, 2, 1, 2, 1] }}', with: { prompt: x, give: '${{ item }}' }, cache: { ttl: 1h } }
output: '${{ tasks.e.output }}'
";
    let answer = done(&engine, request(document, &json!({}))).await.1;
    assert_eq!((answer.as_str(), calls(&world)), ("succeeded [1,2,1,2,1]", 2));
    engine.stop().await;
}

/// The system's clock, put forward.
struct Later(AtomicU64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp(Wall.now().0 + self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn what_is_forgotten_while_it_is_computed_is_not_kept() {
    let (world, tenant) = (World::new(), Tenant::default());
    let engine = world.engine().await;
    for which in [WhichKept::Tagged("t".into()), WhichKept::All, WhichKept::Tagged("another".into())] {
        let before = calls(&world);
        let inputs = json!({ "give": before, "sleep_ms": 100 });
        let forget = async {
            while calls(&world) == before {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            engine.drop_kept(&tenant, which.clone()).await.unwrap()
        };
        let (_, dropped) = tokio::join!(done(&engine, wanted("first", &inputs)), forget);
        assert_eq!(dropped.count, 0, "it is not kept yet");
        done(&engine, wanted("second", &inputs)).await;
        let again = usize::from(which != WhichKept::Tagged("another".into()));
        assert_eq!(calls(&world), before + 1 + again, "{which:?}");
        engine.drop_kept(&tenant, WhichKept::All).await.unwrap();
    }
    engine.stop().await;
}

#[tokio::test]
async fn what_is_forgotten_after_the_clock_was_set_back_is_not_kept() {
    let (world, tenant) = (World::new(), Tenant::default());
    let clock = Arc::new(Later(AtomicU64::new(Duration::secs(120).0)));
    let parts = world.parts(Arc::clone(&world.blobs) as _);
    let engine = Engine::start(Parts { clock: Arc::clone(&clock) as _, ..parts }).await.unwrap();
    let inputs = json!({ "give": 1, "sleep_ms": 100 });
    let forget = async {
        while calls(&world) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        clock.0.store(0, Ordering::SeqCst);
        engine.drop_kept(&tenant, WhichKept::All).await.unwrap()
    };
    let (_, dropped) = tokio::join!(done(&engine, wanted("first", &inputs)), forget);
    assert_eq!(dropped.count, 0, "it is not kept yet");
    done(&engine, wanted("second", &inputs)).await;
    assert_eq!(calls(&world), 2, "it began before it was forgotten");
    engine.stop().await;
}

#[tokio::test]
async fn much_is_dropped_in_steps() {
    let (world, tenant) = (World::new(), Tenant::default());
    let engine = world.engine().await;
    done(&engine, wanted("first", &json!({ "give": 1 }))).await;
    kept(&engine, &tenant, 1).await;
    let key = engine.reader().kept(&tenant, WhichKept::All).await.unwrap().0[0].key;
    let one = world.store.look_up(&tenant, key).await.unwrap().unwrap();
    let key = |number: u16| Hash(std::array::from_fn(|place| number.to_be_bytes()[place % 2]));
    let many: Vec<_> = (0..600).map(|number| KeptResult { key: key(number), ..one.clone() }).collect();
    world.store.keep(many.clone()).await.unwrap();
    assert_eq!(engine.drop_kept(&tenant, WhichKept::Tagged("t".into())).await.unwrap().count, 601);
    world.store.keep(many).await.unwrap();
    assert_eq!(engine.drop_kept(&tenant, WhichKept::All).await.unwrap().count, 600);
    engine.stop().await;
}

#[tokio::test]
async fn a_look_up_is_not_late_while_it_waits_for_its_turn() {
    let (turns, soon) = (Semaphore::new(1), std::time::Duration::from_millis(1));
    let before = turns.acquire().await.unwrap();
    let mut waits = std::pin::pin!(in_turn(&turns, soon, async { Some(7) }));
    assert!(tokio::time::timeout(soon * 20, &mut waits).await.is_err(), "it goes on waiting");
    drop(before);
    assert_eq!(waits.await, Some(7));
    assert_eq!(
        in_turn(&turns, soon, std::future::pending::<Option<u8>>()).await,
        None,
        "what takes too long is in vain"
    );
}

#[tokio::test]
async fn what_is_old_or_too_much_goes_with_its_blobs() {
    let (world, tenant) = (World::new(), Tenant::default());
    let clock = Arc::new(Later(AtomicU64::new(0)));
    let start = async |cache| {
        let parts = world.parts(Arc::clone(&world.blobs) as _);
        Engine::start(Parts { clock: Arc::clone(&clock) as _, cache, ..parts }).await.unwrap()
    };
    let engine = start(CacheLimits::default()).await;
    let (first, _) = done(&engine, wanted("first", &json!({ "pad": 20_000 }))).await;
    let (second, _) = done(&engine, wanted("second", &json!({ "pad": 30_000 }))).await;
    kept(&engine, &tenant, 2).await;
    engine.stop().await;
    let engine = start(CacheLimits { bytes_max: 40_000, ..CacheLimits::default() }).await;
    kept(&engine, &tenant, 1).await;
    engine.forget(&tenant, first).await.unwrap();
    engine.forget(&tenant, second).await.unwrap();
    engine.stop().await;

    clock.0.store(Duration::secs(40 * 24 * 3_600).0, Ordering::SeqCst);
    let engine = start(CacheLimits::default()).await;
    kept(&engine, &tenant, 0).await;
    // The last row of a journal stays with what its run names: another run comes.
    done(&engine, wanted("third", &json!({ "give": 1 }))).await;
    engine.drop_kept(&tenant, WhichKept::All).await.unwrap();
    while world.blobs.count() > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    engine.stop().await;
}

/// Keys that differ in anything have different addresses, and of equal ones each tenant has its own.
#[test]
fn nothing_that_was_asked_for_otherwise_is_found() {
    let world = World::new();
    let payloads = Payloads::new(Arc::clone(&world.store) as _, Arc::clone(&world.blobs) as _, &Limits::STANDARD);
    let mut keys = Vec::new();
    let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect::<Vec<_>>();
    for tenant in ["a", "b", "a\",\"b"].map(Tenant::new) {
        let constants = ["{}", "{\"x\":1}"].map(|text| CacheInput::Constant(text.into()));
        let inputs = constants.into_iter().chain([CacheInput::Payload(Hash([1; 32]))]);
        for input in inputs {
            for within in [
                Within::Tenant,
                Within::Run(RunId(1)),
                Within::Run(RunId(2)),
                Within::User(Principal::new("a")),
                Within::User(Principal::new("b")),
            ] {
                for capability in [Capability::Chat, Capability::Http] {
                    for class in [None, Some("small"), Some("large")] {
                        for allow in [names(&[]), names(&["small"]), names(&["a", "b"]), names(&["b", "a"])] {
                            for output_cap in [None, Some(1), Some(2)] {
                                let requirement = Requirement { class: class.map(Into::into), allow: allow.clone() };
                                let (tenant, input, within) = (tenant.clone(), input.clone(), within.clone());
                                keys.push(CacheKey { tenant, within, capability, input, requirement, output_cap });
                            }
                        }
                    }
                }
            }
        }
    }
    let count = keys.len();
    let mut addresses: Vec<Hash> = keys.iter().map(|key| address(&payloads, key)).collect();
    assert_eq!(address(&payloads, &keys[7].clone()), addresses[7], "the same words are found again");
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), count);
}
