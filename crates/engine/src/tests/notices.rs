//! Endpoints outside hear of what is durable, each notice at least once and under one id, whatever becomes of them or of us.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration as Span;

use agendum_ports::{Courier, EndpointRow, Notices as _, Parcel, Receipt};
use agendum_types::{Duration, NoticeKind, Principal, RunId, Tenant, WaitFor};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending, ready};
use serde_json::{Value as Json, json};

use super::fixture::{World, request};
use crate::{Addressee, Endpoint, Engine, Handed, Parts, Patience};

const PLAIN: &str = "
version: 1
name: plain
tasks: { one: { uses: chat, with: { prompt: x, give: 1 } } }
output: '${{ tasks.one.output }}'
";

/// Answers as it is told to, then takes everything; never comes back if it is stuck. Keeps a list of what it was brought.
#[derive(Default)]
pub(super) struct Scripted {
    answers: Mutex<VecDeque<Receipt>>,
    stuck: bool,
    brought: Mutex<Vec<Parcel>>,
}

impl Scripted {
    pub(super) fn says(answers: impl IntoIterator<Item = Receipt>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() })
    }

    fn stuck() -> Arc<Self> {
        Arc::new(Self { stuck: true, ..Self::default() })
    }

    fn count(&self) -> usize {
        self.brought.lock().unwrap().len()
    }

    fn ids(&self) -> Vec<String> {
        self.brought.lock().unwrap().iter().map(|parcel| parcel.id.to_string()).collect()
    }

    /// The types and the graphs of what was brought.
    fn told(&self) -> Vec<String> {
        let told =
            |body: Json| format!("{} {}", body["type"].as_str().unwrap(), body["data"]["graph"].as_str().unwrap());
        self.bodies().into_iter().map(told).collect()
    }

    pub(super) fn bodies(&self) -> Vec<Json> {
        self.brought.lock().unwrap().iter().map(|parcel| serde_json::from_slice(&parcel.body).unwrap()).collect()
    }

    /// Until it has been brought so much.
    pub(super) async fn until(&self, count: usize) {
        while self.count() < count {
            tokio::time::sleep(Span::from_millis(1)).await;
        }
    }
}

impl Courier for Scripted {
    fn send(&self, parcel: Parcel) -> BoxFuture<'static, Receipt> {
        self.brought.lock().unwrap().push(parcel);
        if self.stuck {
            return pending().boxed();
        }
        ready(self.answers.lock().unwrap().pop_front().unwrap_or(Receipt::Delivered)).boxed()
    }
}

fn failed(message: &str, of_notice: bool) -> Receipt {
    Receipt::Failed { message: message.to_owned(), after: None, of_notice }
}

pub(super) fn to(name: &str, on: &[NoticeKind], courier: &Arc<Scripted>) -> Endpoint {
    let patience = Patience { first: Duration::millis(1), longest: Duration::millis(8), ..Patience::default() };
    let (name, courier) = (Arc::from(name), Arc::clone(courier) as _);
    Endpoint { name, mark: "1".to_owned(), on: on.to_vec(), graph: None, patience, courier }
}

pub(super) async fn engine(world: &World, notices: Vec<Endpoint>) -> Engine {
    Engine::start(Parts { notices, ..world.parts(Arc::clone(&world.blobs) as _) }).await.unwrap()
}

async fn done(engine: &Engine, document: &str) -> RunId {
    let run = engine.run(request(document, &json!({}))).await.unwrap().run;
    while engine.reader().run(&Tenant::default(), run).await.unwrap().unwrap().done.is_none() {
        tokio::task::yield_now().await;
    }
    run
}

async fn row(world: &World, endpoint: &str) -> EndpointRow {
    world.store.endpoints().await.unwrap().into_iter().find(|row| *row.name == *endpoint).unwrap()
}

/// Until the endpoint stands as wished.
async fn stands(world: &World, endpoint: &str, is_so: impl Fn(&EndpointRow) -> bool) -> EndpointRow {
    loop {
        let row = row(world, endpoint).await;
        if is_so(&row) {
            return row;
        }
        tokio::time::sleep(Span::from_millis(1)).await;
    }
}

fn handed(run: RunId, to: Addressee, approved: Option<bool>) -> Handed {
    let (value, by) = (json!({ "approved": approved }), Principal::new("local"));
    Handed { run, to, value, by, approved, attempt: None, webhook: None }
}

#[tokio::test]
async fn what_happens_to_a_run_is_told_in_its_order() {
    let asking = "
version: 1
name: asking
tasks:
  send: { uses: chat, effect: once, on_uncertain: fail, with: { prompt: x, give: 1 }, compensate: { uses: chat, effect: idempotent, with: { prompt: x, fail: permanent } } }
  ask: { uses: wait, needs: [send], with: { for: approval, queue: legal, who: [local], show: secret words } }
  heard: { uses: wait, needs: [ask], with: { for: signal, name: go } }
  nap: { uses: wait, needs: [heard], with: { for: time, after: 1ms } }
  bad: { uses: chat, needs: [nap], with: { prompt: x, fail: permanent } }
output: '${{ tasks.bad.output }}'
";
    let (world, courier) = (World::new(), Scripted::says([]));
    let some = Scripted::says([]);
    let engine =
        engine(&world, vec![to("all", &NoticeKind::ALL, &courier), to("some", &NoticeKind::DEFAULT, &some)]).await;
    let run = engine.submit(request(asking, &json!({}))).await.unwrap();
    courier.until(1).await;
    let tenant = Tenant::default();
    // What is kept for a wait that is to come is no wait.
    let go = Addressee::Named(WaitFor::Signal, "go".into());
    engine.hand(&tenant, handed(run, go, None)).await.unwrap();
    let ask = Addressee::Task(WaitFor::Approval, Some("ask".into()));
    engine.hand(&tenant, handed(run, ask, Some(true))).await.unwrap();
    courier.until(4).await;
    engine.stop().await;
    let mut bodies = courier.bodies();
    for body in &mut bodies {
        assert_eq!(body["data"]["run"], json!(run.to_string()));
        body["data"].as_object_mut().unwrap().remove("run");
        for time in ["/timestamp", "/data/since"] {
            if let Some(time) = body.pointer_mut(time) {
                *time = json!("T");
            }
        }
    }
    let bodies: Vec<String> = bodies.iter().map(Json::to_string).collect();
    insta::assert_snapshot!(bodies.join("\n"), @r#"
    {"type":"task.waiting","timestamp":"T","data":{"since":"T","graph":"asking","tenant":"default","task":"ask","for":"approval","queue":"legal","who":["local"]}}
    {"type":"run.answered","timestamp":"T","data":{"compensation":{"status":"compensating"},"graph":"asking","tenant":"default","status":"failed","degraded":false,"error":"permanent"}}
    {"type":"run.compensation_failed","timestamp":"T","data":{"compensation":{"status":"compensation_failed","left_count":1},"graph":"asking","tenant":"default","status":"failed","degraded":false}}
    {"type":"run.done","timestamp":"T","data":{"degraded":false,"graph":"asking","tenant":"default","status":"failed"}}
    "#);
    assert_eq!(some.told().join(", "), "task.waiting asking, run.answered asking, run.compensation_failed asking");
    let mut ids = courier.ids();
    ids.dedup();
    assert_eq!(ids.len(), 4, "{ids:?}");
    assert!(ids.iter().all(|id| id.starts_with(&run.to_string()) && !id.contains('.')), "{ids:?}");
    let other = some.ids();
    assert!(other.iter().all(|id| ids.contains(id)), "of one record the id is the same for all");
    let row = row(&world, "all").await;
    assert_eq!((row.delivered, row.due, row.error), (4, 0, None));
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_under_its_id() {
    let world = World::new();
    let after = Some(Duration::millis(1));
    let courier = Scripted::says([
        failed("HTTP 500", false),
        Receipt::Failed { message: "HTTP 429".to_owned(), after, of_notice: false },
        failed("HTTP 400", true),
    ]);
    let engine = engine(&world, vec![to("shaky", &[NoticeKind::Answered, NoticeKind::Done], &courier)]).await;
    done(&engine, PLAIN).await;
    courier.until(5).await;
    engine.stop().await;
    let ids = courier.ids();
    assert_eq!(courier.told()[3..], ["run.answered plain", "run.done plain"], "what comes behind waits for it");
    assert!(ids[..4].iter().all(|id| *id == ids[0]) && ids[4] != ids[0], "{ids:?}");
    let row = row(&world, "shaky").await;
    assert_eq!((row.delivered, row.given_up, row.due, row.error), (2, 0, 0, None));
}

#[tokio::test]
async fn what_one_run_holds_back_the_others_do_not_wait_for() {
    let world = World::new();
    let courier = Scripted::says([failed("HTTP 422", true), Receipt::Delivered]);
    let mut slow = to("picky", &[NoticeKind::Answered, NoticeKind::Done], &courier);
    slow.patience = Patience { first: Duration::millis(400), ..slow.patience };
    slow.patience.longest = slow.patience.first;
    let engine = engine(&world, vec![slow]).await;
    let first = done(&engine, PLAIN).await;
    courier.until(1).await;
    stands(&world, "picky", |row| row.error.is_some()).await;
    let other = done(&engine, &PLAIN.replace("plain", "other")).await;
    courier.until(5).await;
    engine.stop().await;
    let of = |run: RunId| {
        let is_of = |body: &&Json| body["data"]["run"] == json!(run.to_string());
        courier.bodies().iter().filter(is_of).map(|body| body["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(first), ["run.answered", "run.answered", "run.done"]);
    assert_eq!(of(other), ["run.answered", "run.done"]);
    let told = courier.told();
    assert_eq!(told[..3], ["run.answered plain", "run.answered other", "run.done other"], "{told:?}");
}

#[tokio::test]
async fn a_crash_in_between_loses_none() {
    let world = World::new();
    // It has it, and we do not know.
    let stuck = Scripted::stuck();
    let before = engine(&world, vec![to("hook", &[NoticeKind::Answered, NoticeKind::Done], &stuck)]).await;
    done(&before, PLAIN).await;
    stuck.until(1).await;
    drop(before);
    // It has not, and we know.
    let down = Scripted::says(std::iter::repeat_n(failed("no connection", false), 1_000));
    let middle = engine(&world, vec![to("hook", &[NoticeKind::Answered, NoticeKind::Done], &down)]).await;
    down.until(3).await;
    middle.stop().await;
    let error = row(&world, "hook").await.error;
    assert_eq!(error.as_deref(), Some("no connection"));
    let well = Scripted::says([]);
    let after = engine(&world, vec![to("hook", &[NoticeKind::Answered, NoticeKind::Done], &well)]).await;
    well.until(2).await;
    after.stop().await;
    assert_eq!(well.told(), ["run.answered plain", "run.done plain"]);
    assert!(stuck.ids()[0] == down.ids()[0] && down.ids()[0] == well.ids()[0], "one id for all tries");
    assert_eq!(row(&world, "hook").await.due, 0);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_hears_nothing_until_it_is_configured_anew() {
    let (world, gone) = (World::new(), Scripted::says([Receipt::Gone("HTTP 410 Gone".to_owned())]));
    let first = engine(&world, vec![to("hook", &NoticeKind::ALL, &gone)]).await;
    done(&first, PLAIN).await;
    stands(&world, "hook", |row| row.disabled).await;
    done(&first, PLAIN).await;
    first.stop().await;
    let again = engine(&world, vec![to("hook", &NoticeKind::ALL, &gone)]).await;
    done(&again, PLAIN).await;
    again.stop().await;
    let stood = row(&world, "hook").await;
    assert_eq!((gone.count(), stood.disabled, stood.error.as_deref()), (1, true, Some("HTTP 410 Gone")));
    let changed = Endpoint { mark: "2".to_owned(), ..to("hook", &NoticeKind::ALL, &gone) };
    let anew = engine(&world, vec![changed]).await;
    done(&anew, &PLAIN.replace("plain", "new")).await;
    anew.stop().await;
    assert_eq!(gone.told()[1..], ["run.answered new", "run.done new"], "and nothing of before");
    assert!(!row(&world, "hook").await.disabled);
}

#[tokio::test]
async fn of_too_many_the_oldest_are_given_up_though_the_endpoint_answers() {
    let world = World::new();
    let down = Scripted::says(std::iter::repeat_n(failed("no connection", false), 100));
    let mut away = to("hook", &[NoticeKind::Answered], &down);
    away.patience = Patience { first: Duration::secs(3_600), longest: Duration::secs(3_600), ..away.patience };
    let before = engine(&world, vec![away]).await;
    for _ in 0..80 {
        done(&before, PLAIN).await;
    }
    before.stop().await;
    assert_eq!(row(&world, "hook").await.due, 80);
    // It takes a round of 64, and is told the last three of the sixteen behind it.
    let well = Scripted::says([]);
    let mut endpoint = to("hook", &[NoticeKind::Answered], &well);
    endpoint.patience.kept_max = 3;
    let after = engine(&world, vec![endpoint]).await;
    let row = stands(&world, "hook", |row| row.due == 0).await;
    after.stop().await;
    assert_eq!((row.delivered, row.given_up, well.count()), (67, 13, 67));
}

#[tokio::test]
async fn a_slow_endpoint_holds_up_itself() {
    let (world, stuck, quick) = (World::new(), Scripted::stuck(), Scripted::says([]));
    let only = Scripted::says([]);
    let of_plain = Endpoint { graph: Some("plain".into()), ..to("only", &[NoticeKind::Done], &only) };
    let endpoints = vec![to("stuck", &NoticeKind::ALL, &stuck), to("quick", &[NoticeKind::Answered], &quick), of_plain];
    let engine = engine(&world, endpoints).await;
    for round in 0..20 {
        let name = if round % 2 == 0 { "plain" } else { "other" };
        done(&engine, &PLAIN.replace("plain", name)).await;
    }
    quick.until(20).await;
    only.until(10).await;
    assert!(stuck.count() <= 4, "few are on their way at once");
    assert!(only.told().iter().all(|told| told == "run.done plain"));
    // What is kept for an endpoint outlasts its run, and an engine that does not know it.
    let due = row(&world, "stuck").await.due;
    for run in engine
        .reader()
        .runs(&Tenant::default(), agendum_ports::RunFilter { count_max: 99, ..Default::default() })
        .await
        .unwrap()
    {
        engine.forget(&Tenant::default(), run.run).await.unwrap();
    }
    assert_eq!((due, row(&world, "stuck").await.due), (40, 40));
    drop(engine);
    self::engine(&world, Vec::new()).await.stop().await;
    let later = Scripted::says([]);
    let next =
        self::engine(&world, vec![to("stuck", &NoticeKind::ALL, &later), to("new", &NoticeKind::ALL, &quick)]).await;
    later.until(40).await;
    next.stop().await;
    assert_eq!((quick.count(), later.count()), (20, 40), "a new endpoint is told what happens from now on");
}

#[tokio::test]
async fn what_is_refused_for_too_long_is_given_up() {
    let (world, answered) = (World::new(), [NoticeKind::Answered, NoticeKind::Done]);
    // One notice that is never taken, and an endpoint that takes none.
    let picky = Scripted::says(std::iter::repeat_n(failed("HTTP 400", true), 5));
    let down = Scripted::says(std::iter::repeat_n(failed("no connection", false), 1_000));
    let mut endpoints = vec![to("picky", &answered, &picky), to("down", &answered, &down)];
    for endpoint in &mut endpoints {
        endpoint.patience.give_up = Duration::ZERO;
    }
    let engine = engine(&world, endpoints).await;
    done(&engine, PLAIN).await;
    let stood = stands(&world, "picky", |row| row.due == 0).await;
    assert_eq!((stood.given_up, stood.delivered), (1, 1));
    assert_eq!(picky.told().last().unwrap(), "run.done plain", "what waited for it is sent");
    let stood = stands(&world, "down", |row| row.due == 0).await;
    assert_eq!((stood.given_up, stood.delivered, stood.error.as_deref()), (2, 0, Some("no connection")));
    engine.stop().await;
}

#[tokio::test]
async fn a_doubt_that_a_person_settles_is_told() {
    let document = "
version: 1
name: doubtful
tasks:
  pay: { uses: chat, effect: once, on_uncertain: ask, timeout: 5ms, with: { prompt: secret, sleep_ms: 60000 } }
";
    let (world, courier) = (World::new(), Scripted::says([]));
    let engine = engine(&world, vec![to("hook", &NoticeKind::DEFAULT, &courier)]).await;
    let run = engine.submit(request(document, &json!({}))).await.unwrap();
    courier.until(1).await;
    let told = courier.bodies()[0]["data"].clone();
    assert_eq!((&told["task"], &told["for"], &told["attempt"]), (&json!("pay"), &json!("effect"), &json!(1)));
    let to = Addressee::Task(WaitFor::Effect, None);
    engine.hand(&Tenant::default(), Handed { attempt: Some(1), ..handed(run, to, Some(true)) }).await.unwrap();
    courier.until(2).await;
    assert_eq!(courier.told(), ["task.waiting doubtful", "run.answered doubtful"]);
    engine.stop().await;
}

/// Refuses whatever tells of a graph of this name, and takes the rest.
struct Refusing(Scripted);

impl Courier for Refusing {
    fn send(&self, parcel: Parcel) -> BoxFuture<'static, Receipt> {
        let body: Json = serde_json::from_slice(&parcel.body).unwrap();
        if body["data"]["graph"] == "poison" {
            return ready(failed("HTTP 422", true)).boxed();
        }
        self.0.send(parcel)
    }
}

#[tokio::test]
async fn what_is_refused_by_itself_silences_nobody() {
    let world = World::new();
    let courier = Arc::new(Refusing(Scripted::default()));
    let mut picky = to("picky", &[NoticeKind::Answered], &Scripted::says([]));
    picky.patience = Patience { first: Duration::secs(3_600), ..Patience::default() };
    picky.courier = Arc::clone(&courier) as _;
    let engine = engine(&world, vec![picky]).await;
    for _ in 0..1_030 {
        engine.run(request(&PLAIN.replace("plain", "poison"), &json!({}))).await.unwrap();
    }
    // The oldest are given up for the newest.
    stands(&world, "picky", |row| row.given_up == 6).await;
    done(&engine, PLAIN).await;
    courier.0.until(1).await;
    engine.stop().await;
    assert_eq!(courier.0.told(), ["run.answered plain"]);
    assert_eq!(row(&world, "picky").await.due, 1_024);
}
