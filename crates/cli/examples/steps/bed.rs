//! An engine on SQLite in a scratch folder, with one target that does nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration as Span;

use agendum_engine::{Engine, Parts, Request};
use agendum_ports::{Adapter, Attempt, Failed, Finished, Payload, Wall};
use agendum_spec::{Accepted, NoFiles, Source};
use agendum_store_sqlite::{Directory, FileBlobs, SqliteStore};
use agendum_types::{Capability, Limits, MediaType, Principal, ShardId, Target, Tenant, Usage};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

struct Nothing;

impl Adapter for Nothing {
    fn start(&self, _attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let output = Payload { media: MediaType::Json, bytes: Bytes::from_static(b"{}") };
        std::future::ready(Ok(Finished { output, usage: Usage::default(), raw_usage: None })).boxed()
    }
}

/// The engine and where its data is.
pub(crate) struct Bed {
    pub(crate) engine: Arc<Engine>,
    folder: PathBuf,
}

impl Bed {
    pub(crate) async fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("agendum-bench-{}", std::process::id()));
        let directory = Directory::own(&folder).unwrap();
        let target = Target::free("nothing", Capability::Chat, 100_000);
        let parts = Parts {
            store: Arc::new(SqliteStore::open(&directory).unwrap()),
            blobs: Arc::new(FileBlobs::new(directory.blobs(), directory.secret().unwrap())),
            clock: Arc::new(Wall),
            targets: vec![(target, Arc::new(Nothing))],
            limits: Limits::STANDARD,
            windows: Default::default(),
            pools: Vec::new(),
            policy: Default::default(),
            retention: None,
            feedback_kept: agendum_types::Duration::secs(3_600),
            notices: Vec::new(),
            cache: Default::default(),
            shard: ShardId(0),
            seed: None,
        };
        Self { engine: Arc::new(Engine::start(parts).await.unwrap()), folder }
    }

    pub(crate) async fn clear(self) {
        self.engine.stop().await;
        drop(self.engine);
        // The store's threads close their files a moment later.
        while std::fs::remove_dir_all(&self.folder).is_err() && self.folder.exists() {
            tokio::time::sleep(Span::from_millis(10)).await;
        }
    }
}

/// A document that must be right.
pub(crate) fn accepted(text: &str) -> Accepted {
    agendum_spec::check(Source { name: "steps", text }, &NoFiles, &Limits::STANDARD).runnable().unwrap().clone()
}

/// A run of it.
pub(crate) fn request(accepted: &Accepted, inputs: Bytes, strict: bool) -> Request {
    Request {
        tenant: Tenant::default(),
        principal: Principal::new("bench"),
        accepted: accepted.clone(),
        inputs,
        priority: None,
        deadline: None,
        budget: None,
        strict,
    }
}
