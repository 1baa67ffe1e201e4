mod reconciled;
mod refused;
mod turns;
mod waits;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use agendum_engine::{Engine, Parts};
use agendum_ports::memory::{MemoryBlobs, MemoryStore};
use agendum_ports::{Adapter, Attempt, Chunk, Failed, Finished, Payload, Wall};
use agendum_types::{Capability, Class, Limits, MediaType, ShardId, Target, Tenant, Usage};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::{Documents, Service};

/// The secret of webhooks.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The id of no run.
const NEVER: &str = "01K9ZZK3V5Q0T6M1F8A2B3C4D5";

/// Says its prompt word by word; `sleep` waits until it is cancelled.
struct Parrot;

impl Adapter for Parrot {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        async move {
            let given: Json = serde_json::from_slice(&attempt.input.bytes).unwrap();
            let prompt = given["prompt"].as_str().unwrap_or_default().to_owned();
            if prompt == "sleep" {
                attempt.cancel.cancelled().await;
                return Err(Failed::new(Class::Cancelled, "told to stop").without_effect());
            }
            for word in prompt.split_inclusive(' ') {
                attempt.chunks.send(Chunk::Text(word.to_owned())).await;
            }
            let output =
                Payload { media: MediaType::Json, bytes: json!({ "text": prompt }).to_string().into_bytes().into() };
            Ok(Finished {
                output,
                usage: Usage { calls: 1, ..Usage::default() },
                raw_usage: Some(r#"{"words":2}"#.into()),
            })
        }
        .boxed()
    }
}

struct World {
    base: String,
    http: reqwest::Client,
    engine: Arc<Engine>,
    stop: CancellationToken,
}

impl World {
    async fn new() -> Self {
        Self::over(Arc::default(), Tenant::default()).await
    }

    /// Over a store and no blobs, for this tenant.
    async fn over(store: Arc<MemoryStore>, tenant: Tenant) -> Self {
        let target = Target::free("parrot", Capability::Chat, 8);
        let parts = Parts {
            store,
            blobs: Arc::new(MemoryBlobs::new([1; 32])),
            clock: Arc::new(Wall),
            targets: vec![(target, Arc::new(Parrot))],
            limits: Limits::STANDARD,
            windows: Default::default(),
            pools: Vec::new(),
            policy: Default::default(),
            retention: None,
            feedback_kept: agendum_types::Duration::secs(3_600),
            notices: Vec::new(),
            cache: Default::default(),
            shard: ShardId(0),
            seed: Some(1),
        };
        let engine = Arc::new(Engine::start(parts).await.unwrap());
        let service = Service {
            reader: engine.reader(),
            engine: Some(Arc::clone(&engine)),
            backup: None,
            token: "right".to_owned(),
            limits: Limits::STANDARD,
            tenant,
            windows: agendum_types::Windows::default(),
            policy: String::new(),
            documents: Documents::default(),
            webhooks: Some(crate::Secrets::read(SECRET).unwrap()),
        };
        let server = crate::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false).await.unwrap();
        let base = format!("http://{}", server.address());
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(Arc::new(service), stop.clone()));
        Self { base, http: reqwest::Client::new(), engine, stop }
    }

    /// Status, content type and body.
    async fn ask(&self, method: &str, path: &str, body: Option<Json>) -> (u16, String, Json) {
        let mut request =
            self.http.request(method.parse().unwrap(), format!("{}{path}", self.base)).bearer_auth("right");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let media = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), media, response.json().await.unwrap_or_default())
    }

    async fn submit(&self, tasks: Json) -> String {
        let document = json!({ "version": 1, "name": "g", "tasks": tasks });
        let (status, _, body) = self.ask("POST", "/v1/runs", Some(json!({ "document": document }))).await;
        assert_eq!(status, 202, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    async fn events(&self, id: &str, after: Option<u64>) -> String {
        let mut request = self.http.get(format!("{}/v1/runs/{id}/events", self.base)).bearer_auth("right");
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after.to_string());
        }
        request.send().await.unwrap().text().await.unwrap()
    }
}

#[tokio::test]
async fn a_run_is_submitted_followed_and_explained() {
    let world = World::new().await;
    let id = world.submit(json!({ "say": { "uses": "chat", "with": { "prompt": "one two" }, "live": true } })).await;
    let (status, _, detail) = world.ask("GET", &format!("/v1/runs/{id}/answer"), None).await;
    assert_eq!(
        (status, &detail["status"], &detail["output"]["say"]["text"]),
        (200, &json!("succeeded"), &json!("one two"))
    );
    let events = world.events(&id, None).await;
    let kinds: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(kinds, ["run.submitted", "task.started", "text", "task.succeeded", "run.answered", "run.done"]);
    assert!(events.contains(r#""raw_usage":{"words":2}"#), "{events}");
    let last: u64 = events.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().parse().unwrap();
    let rest = world.events(&id, Some(last - 1)).await;
    assert_eq!(rest.lines().filter(|line| line.starts_with("event: ")).collect::<Vec<_>>(), ["event: run.done"]);
    let (_, _, why) = world.ask("GET", &format!("/v1/runs/{id}/why"), None).await;
    assert!(why["sentence"].as_str().unwrap().contains("the run took"), "{why}");
    let (_, _, runs) = world.ask("GET", "/v1/runs?status=succeeded", None).await;
    assert_eq!(runs[0]["id"], json!(id));
    world.stop.cancel();
}

#[tokio::test]
async fn what_is_sent_twice_under_a_key_is_run_once() {
    let world = World::new().await;
    let body = |prompt: &str| json!({ "document": { "version": 1, "name": "g", "tasks": { "say": { "uses": "chat", "with": { "prompt": prompt } } } }, "inputs": {} });
    let send = async |key: &str, body: Json| {
        let request = world.http.post(format!("{}/v1/runs", world.base)).bearer_auth("right");
        let response = request.header("Idempotency-Key", key).json(&body).send().await.unwrap();
        let replayed = response.headers().get("Idempotency-Replayed").is_some_and(|value| value == "true");
        (response.status().as_u16(), replayed, response.json::<Json>().await.unwrap())
    };
    let first = send("k", body("a")).await;
    assert_eq!((first.0, first.1), (202, false), "{first:?}");
    for key in ["k", "\"k\""] {
        assert_eq!(send(key, body("a")).await, (202, true, first.2.clone()), "{key}");
    }
    let (status, _, problem) = send("k", body("b")).await;
    assert_eq!((status, &problem["type"]), (422, &json!("key_in_use")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("differs in `document`"), "{problem}");
    let wrong = send(&"x".repeat(256), body("a")).await;
    assert_eq!((wrong.0, &wrong.2["type"]), (400, &json!("idempotency_key")), "{wrong:?}");
}

#[tokio::test]
async fn a_disk_that_is_about_to_be_full_is_told_with_what_to_do() {
    let store = Arc::new(MemoryStore::default());
    let world = World::over(Arc::clone(&store), Tenant::default()).await;
    let id = world.submit(json!({ "nap": { "uses": "chat", "with": { "prompt": "sleep" } } })).await;
    store.set_room(Some(1 << 20));
    let ready = async || world.ask("GET", "/readyz", None).await;
    while ready().await.0 == 200 {}
    let (status, _, said) = ready().await;
    assert!(
        status == 503 && said["status"].as_str().unwrap().starts_with("1 MiB left on the disk; below 64 MiB"),
        "{said}"
    );
    let graph = json!({ "version": 1, "name": "g", "tasks": { "a": { "uses": "chat", "with": { "prompt": "a" } } } });
    for (path, body) in [("/v1/runs".to_owned(), json!({ "document": graph })), (format!("/v1/runs/{id}/tasks"), graph)]
    {
        let request = world.http.post(format!("{}{path}", world.base)).bearer_auth("right").json(&body);
        let refused = request.send().await.unwrap();
        assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (507, &"10".parse().unwrap()));
        let problem: Json = refused.json().await.unwrap();
        assert_eq!(problem["type"], "disk_full", "{problem}");
    }
    assert_eq!(world.ask("POST", &format!("/v1/runs/{id}/cancel"), None).await.0, 200, "what is there can be steered");
    store.set_room(None);
    while ready().await.0 != 200 {}
    world.submit(json!({ "a": { "uses": "chat", "with": { "prompt": "a" } } })).await;
}

#[tokio::test]
async fn a_run_that_is_done_is_deleted() {
    let world = World::new().await;
    let ask = async |method: &str, path: &str| {
        let (status, _, body) = world.ask(method, path, None).await;
        (status, body["type"].as_str().unwrap_or_default().to_owned())
    };
    let id = world.submit(json!({ "nap": { "uses": "chat", "with": { "prompt": "sleep" } } })).await;
    let path = format!("/v1/runs/{id}");
    assert_eq!(ask("DELETE", &path).await, (409, "not_done".to_owned()));
    world.ask("POST", &format!("{path}/cancel"), None).await;
    while ask("DELETE", &path).await.0 != 200 {}
    for (method, path) in [("GET", path.clone()), ("DELETE", path.clone()), ("GET", format!("{path}/events"))] {
        assert_eq!(ask(method, &path).await, (404, "no_run".to_owned()), "{method} {path}");
    }
    assert_eq!(world.ask("GET", "/v1/runs?done_before=2999-01-01T00:00:00Z", None).await.2, json!([]));
    assert_eq!(ask("GET", "/v1/runs?done_before=yesterday").await, (400, "done_before".to_owned()));
}

#[tokio::test]
async fn many_items_are_told_together_and_page_by_page() {
    let world = World::new().await;
    let items: Vec<u32> = (0..30).collect();
    // What may be done once has no second attempt beside a slow one.
    let each = json!({ "uses": "chat", "effect": "once", "on_uncertain": "fail", "foreach": items, "with": { "prompt": "say ${{ item }}" } });
    let id = world.submit(json!({ "each": each })).await;
    let get = async |path: &str| world.ask("GET", &format!("/v1/runs/{id}{path}"), None).await.2;
    let detail = get("/answer?limit=0").await;
    assert_eq!((detail["output"]["each"].as_array().unwrap().len(), &detail["tasks"]), (30, &json!([])), "{detail}");
    let (mut paths, mut from, mut pages) = (Vec::new(), 0, 0);
    loop {
        let page = get(&format!("?limit=8&from={from}")).await;
        paths.extend(page["tasks"].as_array().unwrap().iter().map(|task| task["task"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["next"].as_u64() else { break };
        from = next;
    }
    paths.sort();
    paths.dedup();
    assert_eq!((paths.len(), pages), (30, 4));
    let why = get("/why?limit=5").await;
    assert_eq!((why["tasks"].as_array().unwrap().len(), &why["next"]), (5, &json!(5)));
    let node = &why["nodes"][0];
    assert_eq!(
        (&node["task"], &node["count"], &node["statuses"], &node["attempts"]),
        (&json!("each"), &json!(30), &json!({ "succeeded": 30 }), &json!(30))
    );
    let ran = node["parts"].as_array().unwrap().iter().find(|part| part["cause"] == "running").unwrap();
    assert_eq!(ran["ms"], node["ran_ms"], "an attempt's time is its task's running time: {node}");
    let one = get("/why?task=each[7]").await;
    assert_eq!((&one["tasks"][0]["task"], one["tasks"].as_array().unwrap().len()), (&json!("each[7]"), 1));
    let none = get("/why?task=eech").await;
    assert!(none["detail"].as_str().unwrap().contains("its tasks: each"), "{none}");
    assert_eq!(get("/status").await["status"], "succeeded");
}

#[tokio::test]
async fn who_never_began_is_told_and_for_whom() {
    let world = World::new().await;
    let chat = |needs: Json, prompt: &str| json!({ "uses": "chat", "needs": needs, "with": { "prompt": prompt } });
    let mut draft = chat(json!([]), "no");
    (draft["fail_if"], draft["as"]) = (json!("${{ output.text == 'no' }}"), json!("permanent"));
    let id = world
        .submit(json!({ "draft": draft, "beside": chat(json!([]), "sleep"), "last": chat(json!(["draft"]), "x") }))
        .await;
    world.ask("GET", &format!("/v1/runs/{id}/answer"), None).await;
    let (_, _, why) = world.ask("GET", &format!("/v1/runs/{id}/why"), None).await;
    for name in ["beside", "last"] {
        let task = why["tasks"].as_array().unwrap().iter().find(|task| task["task"] == name).unwrap();
        let told = (&task["status"], &task["reason"], &task["culprit"]);
        assert_eq!(told, (&json!("cancelled"), &json!("`draft` failed"), &json!("draft")), "{why}");
    }
    let last = why["nodes"].as_array().unwrap().iter().find(|node| node["task"] == "last").unwrap();
    let told = (&last["count"], &last["statuses"], &last["attempts"]);
    assert_eq!(told, (&json!(1), &json!({ "cancelled": 1 }), &json!(0)), "{why}");
}

#[tokio::test]
async fn only_what_may_fail_itself_is_called_optional() {
    let world = World::new().await;
    let may_fail = |prompt: &str| {
        let fail_if = "${{ output.text == 'no' }}";
        json!({ "uses": "chat", "with": { "prompt": prompt }, "fail_if": fail_if, "as": "permanent" })
    };
    let (mut some, mut may) = (may_fail("${{ item }}"), may_fail("no"));
    (some["foreach"], some["tolerate_failures"], may["optional"]) = (json!(["no", "yes"]), json!(1), json!(true));
    let id = world.submit(json!({ "some": some, "may": may })).await;
    world.ask("GET", &format!("/v1/runs/{id}/answer"), None).await;
    let (_, _, why) = world.ask("GET", &format!("/v1/runs/{id}/why"), None).await;
    let sentence = why["sentence"].as_str().unwrap();
    for said in ["some[0]: failed (permanent)", "may: optional, failed (permanent)"] {
        assert!(sentence.contains(said), "{sentence}");
    }
}

#[tokio::test]
async fn a_live_run_is_steered() {
    let world = World::new().await;
    let id = world.submit(json!({ "nap": { "uses": "chat", "with": { "prompt": "sleep" } } })).await;
    assert_eq!(world.ask("POST", &format!("/v1/runs/{id}/pause"), None).await.0, 200);
    assert_eq!(world.ask("GET", "/v1/runs", None).await.2[0]["status"], "paused");
    assert_eq!(world.ask("POST", &format!("/v1/runs/{id}/resume"), None).await.0, 200);
    assert_eq!(world.ask("GET", "/v1/runs", None).await.2[0]["status"], "running");
    assert_eq!(world.ask("POST", &format!("/v1/runs/{id}/dance"), None).await.0, 400);
    assert_eq!(world.ask("POST", &format!("/v1/runs/{id}/cancel"), None).await.0, 200);
    let (_, _, detail) = world.ask("GET", &format!("/v1/runs/{id}/answer"), None).await;
    assert_eq!((&detail["status"], &detail["error"]["class"]), (&json!("cancelled"), &json!("cancelled")));
    for command in ["cancel", "pause", "resume"] {
        let (status, _, never) = world.ask("POST", &format!("/v1/runs/{NEVER}/{command}"), None).await;
        assert_eq!((status, &never["type"]), (404, &json!("no_run")), "{never}");
        let (status, _, ended) = world.ask("POST", &format!("/v1/runs/{id}/{command}"), None).await;
        assert_eq!((status, &ended["type"]), (409, &json!("not_live")), "{ended}");
        assert_eq!(ended["detail"], format!("run {id} has ended: cancelled"));
    }
}

#[tokio::test]
async fn a_live_run_grows() {
    let world = World::new().await;
    let id = world.submit(json!({ "nap": { "uses": "chat", "with": { "prompt": "sleep" }, "timeout": "300ms", "catch": [{ "on": ["any"], "output": 1 }] } })).await;
    let path = format!("/v1/runs/{id}/tasks");
    let more =
        json!({ "tasks": { "more": { "uses": "chat", "with": { "prompt": "after ${{ tasks.nap.output }}" } } } });
    assert_eq!(world.ask("POST", &path, Some(more.clone())).await.0, 200);
    let (status, _, again) = world.ask("POST", &path, Some(more)).await;
    let first = &again["diagnostics"][0];
    assert_eq!((status, &first["line"], &first["column"], &first["offset"]), (422, &json!(1), &json!(11), &json!(10)));
    assert_eq!(first["message"], "there is another task `more`", "{again}");
    let (_, _, detail) = world.ask("GET", &format!("/v1/runs/{id}/answer"), None).await;
    assert_eq!(detail["output"]["more"]["text"], "after 1", "{detail}");
    // An ended run takes nothing, whatever it is: that comes first.
    let (status, _, ended) = world.ask("POST", &path, Some(json!({ "tasks": { "more": 1 } }))).await;
    assert_eq!((status, &ended["type"]), (409, &json!("not_live")), "{ended}");
}

#[tokio::test]
async fn open_runs_are_listed_by_how_they_stand() {
    let world = World::new().await;
    let sleep = json!({ "wait": { "uses": "chat", "with": { "prompt": "sleep" } } });
    let (paused, running) = (world.submit(sleep.clone()).await, world.submit(sleep.clone()).await);
    world.ask("POST", &format!("/v1/runs/{paused}/pause"), None).await;
    // The parrot serves eight at once: the others queue, more of them than are looked at together.
    for _ in 0..306 {
        world.submit(sleep.clone()).await;
    }
    let listed = async |query: &str| world.ask("GET", &format!("/v1/runs?{query}"), None).await.2;
    let (mut counts, mut oldest) = (Vec::new(), Vec::new());
    for status in ["queued", "running", "paused", "succeeded"] {
        let all = listed(&format!("status={status}&limit=1000")).await;
        let all = all.as_array().unwrap();
        assert!(all.iter().all(|run| run["status"] == status), "{all:?}");
        counts.push((status, all.len()));
        oldest.extend(all.last().map(|run| (run["id"].clone(), run["under_way"].clone())));
    }
    assert_eq!(counts, [("queued", 300), ("running", 7), ("paused", 1), ("succeeded", 0)]);
    assert_eq!(oldest[1..], [(json!(running), json!(true)), (json!(paused), json!(true))]);
    let page = listed("status=running&limit=2").await;
    let next = listed(&format!("status=running&limit=9&before={}", page[1]["id"].as_str().unwrap())).await;
    assert_eq!((page.as_array().unwrap().len(), next.as_array().unwrap().len()), (2, 5));
    let (_, _, shown) = world.ask("GET", &format!("/v1/runs/{paused}"), None).await;
    assert_eq!(shown["status"], "paused");
}

#[tokio::test]
async fn a_page_is_no_longer_than_asked_whatever_has_no_record() {
    let world = World::new().await;
    let mut tasks = json!({ "first": { "uses": "chat", "with": { "prompt": "sleep" } } });
    for number in 0..20 {
        tasks[format!("t{number}")] = json!({ "uses": "chat", "needs": ["first"], "with": { "prompt": "x" } });
    }
    let id = world.submit(tasks).await;
    let (mut paths, mut sizes, mut from) = (Vec::new(), Vec::new(), json!(0));
    while from.is_u64() {
        let (_, _, page) = world.ask("GET", &format!("/v1/runs/{id}?limit=8&from={from}"), None).await;
        let tasks = page["tasks"].as_array().unwrap();
        paths.extend(tasks.iter().map(|task| task["task"].as_str().unwrap().to_owned()));
        sizes.push(tasks.len());
        from = page["next"].clone();
    }
    paths.sort();
    paths.dedup();
    assert_eq!((paths.len(), sizes), (21, vec![8, 8, 5]));
    let (_, _, one) = world.ask("GET", &format!("/v1/runs/{id}?task=t7"), None).await;
    assert_eq!((&one["tasks"][0]["task"], one["tasks"].as_array().unwrap().len()), (&json!("t7"), 1));
}

#[tokio::test]
async fn a_wait_that_ends_without_an_answer_is_no_answer() {
    let world = World::new().await;
    let id = world.submit(json!({ "wait": { "uses": "chat", "with": { "prompt": "sleep" } } })).await;
    let path = format!("/v1/runs/{id}/answer");
    let (told, ()) = tokio::join!(world.ask("GET", &path, None), async {
        // Wherever the stop meets the wait: there is no answer.
        world.ask("GET", &format!("/v1/runs/{id}/status"), None).await;
        world.engine.stop().await;
    });
    assert_eq!((told.0, &told.2["type"]), (503, &json!("unavailable")), "{told:?}");
}

#[tokio::test]
async fn a_run_that_was_left_out_is_refused_to_its_tenant_and_unknown_to_others() {
    let store: Arc<MemoryStore> = Arc::default();
    let world = World::over(Arc::clone(&store), Tenant::default()).await;
    let id = world.submit(json!({ "wait": { "uses": "chat", "with": { "prompt": "sleep" } } })).await;
    world.engine.stop().await;
    // Its document is gone with the blobs.
    for (tenant, told) in [(Tenant::default(), (409, "left_out")), (Tenant::new("stranger"), (404, "no_run"))] {
        let world = World::over(Arc::clone(&store), tenant).await;
        for (method, path) in [
            ("GET", "answer"),
            ("GET", "events"),
            ("POST", "tasks"),
            ("POST", "cancel"),
            ("POST", "pause"),
            ("POST", "resume"),
        ] {
            let (status, _, problem) = world.ask(method, &format!("/v1/runs/{id}/{path}"), None).await;
            assert_eq!((status, problem["type"].as_str().unwrap_or_default()), told, "{path}: {problem}");
        }
        world.engine.stop().await;
    }
}

#[tokio::test]
async fn strangers_give_way_and_callers_do_not() {
    let world = World::new().await;
    let id = world.submit(json!({ "wait": { "uses": "chat", "with": { "prompt": "sleep" } } })).await;
    let address = world.base.strip_prefix("http://").unwrap().to_owned();
    let path = format!("/v1/runs/{id}/answer");
    let waits = world.ask("GET", &path, None);
    let strangers = async {
        let mut strangers = Vec::new();
        // More than there are places.
        for _ in 0..600 {
            strangers.push(tokio::net::TcpStream::connect(&address).await.unwrap());
        }
        let (status, _, _) = world.ask("GET", "/v1/runs", None).await;
        // The oldest have gone, and no more of them than it took.
        let is_open = |stranger: &tokio::net::TcpStream| stranger.try_read(&mut [0]).is_err();
        assert!(is_open(&strangers[500]), "the request did not wait until strangers run out of time");
        world.ask("POST", &format!("/v1/runs/{id}/cancel"), None).await;
        status
    };
    let (told, status) = tokio::join!(waits, strangers);
    assert_eq!((told.0, &told.2["status"], status), (200, &json!("cancelled"), 200));
}

#[tokio::test]
async fn a_task_that_is_not_there_leads_to_those_that_are() {
    let world = World::new().await;
    let chat = json!({ "uses": "chat", "with": { "prompt": "x" } });
    let inner = json!({ "review": chat, "revise": chat });
    let loops = json!({ "until": true, "max_iterations": 2, "on_exhausted": { "use": "last" } });
    let id = world.submit(json!({ "draft": chat, "polish": { "loop": loops, "tasks": inner } })).await;
    world.ask("GET", &format!("/v1/runs/{id}/answer"), None).await;
    let mut said = String::new();
    for asked in ["drat", "polish/reviw", "revise", "polish[3]/revisee", "nothing"] {
        let (status, _, problem) = world.ask("GET", &format!("/v1/runs/{id}/why?task={asked}"), None).await;
        let detail = problem["detail"].as_str().unwrap_or_default().replace(&id, "RUN");
        said.push_str(&format!("{status} {detail}\n"));
    }
    insta::assert_snapshot!(said, @r#"
    404 run RUN has no task "drat"; did you mean draft? its tasks: draft, polish, polish/review, polish/revise
    404 run RUN has no task "polish/reviw"; did you mean polish/review? its tasks: polish/review, draft, polish, polish/revise
    404 run RUN has no task "revise"; did you mean polish/revise? its tasks: polish/revise, draft, polish, polish/review
    404 run RUN has no task "polish[3]/revisee"; did you mean polish/revise? its tasks: polish/revise, draft, polish, polish/review
    404 run RUN has no task "nothing"; its tasks: draft, polish, polish/review, polish/revise
    "#);
}
