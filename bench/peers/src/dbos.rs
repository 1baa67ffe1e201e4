//! DBOS: a library in this process, on PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dbos::sysdb::types::WorkflowStatus;
use dbos::{Config, DBOS, EngineOnly, Error, StartOptions, WorkflowRef, step};
use futures_util::future::try_join_all;

use crate::drive::{Flow, Peer, SLOW_STEPS, Steps, told};

type Flown = WorkflowRef<u64, u64, EngineOnly>;

#[derive(Clone)]
pub(crate) struct Dbos {
    dbos: DBOS,
    seq: Arc<Flown>,
    fan: Arc<Flown>,
    slow: Arc<Flown>,
}

async fn seq(number: u64) -> Result<u64, Error<EngineOnly>> {
    let mut value = number;
    for _ in 0..10 {
        value = step("add", move || async move { Ok::<_, Error<EngineOnly>>(value + 1) }).await?;
    }
    Ok(value)
}

async fn fan(number: u64) -> Result<u64, Error<EngineOnly>> {
    let steps = (0..100).map(|other| step("add", move || async move { Ok::<_, Error<EngineOnly>>(number + other) }));
    Ok(try_join_all(steps).await?.into_iter().sum())
}

async fn slow(steps: Arc<Steps>, number: u64) -> Result<u64, Error<EngineOnly>> {
    let mut value = number;
    for _ in 0..SLOW_STEPS {
        let steps = &steps;
        value = step("slow", move || async move { steps.slow(value).await.map_err(Error::Config) }).await?;
    }
    Ok(value)
}

impl Dbos {
    /// Launches it on this database; what an earlier process left open goes on at once.
    pub(crate) async fn launch(url: &str, connections: u32) -> Result<Self, String> {
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        let config = Config { app_version: version, max_connections: connections, ..Config::new("peers", url) };
        let dbos = DBOS::new(config);
        let steps = Arc::new(Steps::open());
        let made = Self {
            seq: Arc::new(dbos.register_workflow("seq", seq).map_err(told)?),
            fan: Arc::new(dbos.register_workflow("fan", fan).map_err(told)?),
            slow: Arc::new(
                dbos.register_workflow("slow", move |number| slow(Arc::clone(&steps), number)).map_err(told)?,
            ),
            dbos,
        };
        made.dbos.launch().await.map_err(told)?;
        Ok(made)
    }

    const fn flow(&self, flow: Flow) -> &Arc<Flown> {
        match flow {
            Flow::Seq => &self.seq,
            Flow::Fan => &self.fan,
            Flow::Slow => &self.slow,
        }
    }
}

impl Peer for Dbos {
    async fn run(&self, flow: Flow, number: u64) -> Result<u64, String> {
        self.flow(flow).run(number).await.map_err(told)
    }

    async fn start(&self, number: u64) -> Result<String, String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let id = format!("slow-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let options = StartOptions { workflow_id: Some(&id), ..StartOptions::default() };
        self.slow.start_with(number, options).await.map_err(told)?;
        Ok(id)
    }

    async fn attach(&self, id: &str) -> Result<u64, String> {
        let handle = self.dbos.retrieve_workflow::<u64, EngineOnly>(id).map_err(told)?;
        // `result` looks once a second; nobody here waits for that.
        match handle.status().await.map_err(told)? {
            WorkflowStatus::Success => handle.result().await.map_err(told),
            other => Err(format!("{other:?}")),
        }
    }
}
