//! This process as the owner of a data directory: store, engine, server on loopback.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use agendum_engine::{Engine, Parts, Reader};
use agendum_ports::{Clock, Store};
use agendum_retrieve_fts::Index;
use agendum_server::{Hooks, Service};
use agendum_store_sqlite::{Directory, FileBlobs, SqliteStore};
use agendum_types::{ShardId, Tenant, Timestamp};

use crate::client::Client;
use crate::config::Config;
use crate::failure::{Failure, UNREACHABLE};
use crate::targets;

/// The time of day.
#[derive(Debug)]
pub(crate) struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// A server in this process, and the client that speaks to it.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) moved: bool,
    hooks: Hooks,
    engine: Option<Arc<Engine>>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    /// Locked until this goes.
    _directory: Directory,
}

/// A client, and the host it speaks to if that is this process.
pub(crate) struct Session {
    pub(crate) client: Client,
    host: Option<Host>,
}

/// What a command needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Runs graphs: becomes the owner if there is none.
    Engine,
    /// Only reads: opens the database beside whoever owns it.
    Reading,
}

impl Session {
    /// A client of the owner of the data directory; of this process if there is none.
    pub(crate) async fn open(config: &Config, data: &Path, need: Need) -> Result<Self, Failure> {
        let directory = Directory::look(data);
        if let Some(owner) = directory.owner() {
            if owner.address.is_empty() {
                return Err(Failure::new(
                    UNREACHABLE,
                    format!("process {} has the data directory {} and does not listen yet", owner.pid, data.display()),
                )
                .hint("try again in a moment, or use another --data DIR"));
            }
            let client = Client::new(&owner.address, &owner.token)?;
            client.ping().await.map_err(|_| {
                Failure::new(
                    UNREACHABLE,
                    format!("process {} owns {} but does not answer at {}", owner.pid, data.display(), owner.address),
                )
                .hint(format!("is it stopped? `kill {}` frees the data directory; nothing is lost", owner.pid))
            })?;
            return Ok(Self { client, host: None });
        }
        let host = match need {
            Need::Engine => Host::start(config, data, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?,
            Need::Reading if directory.exists() => Host::read(config, directory).await?,
            Need::Reading => {
                return Err(Failure::usage(format!("there are no runs in {} yet", data.display()))
                    .hint("start one: agendum demo"));
            }
        };
        let client = host.client.clone();
        Ok(Self { client, host: Some(host.host) })
    }

    /// True if the engine lives in this process.
    pub(crate) const fn is_host(&self) -> bool {
        self.host.is_some()
    }

    /// Ends what this process hosts.
    pub(crate) async fn close(self) {
        if let Some(host) = self.host {
            host.stop().await;
        }
    }
}

/// A host that has just started.
pub(crate) struct Started {
    pub(crate) host: Host,
    pub(crate) client: Client,
}

impl Host {
    /// Takes possession of the data directory, takes up its open runs and listens.
    pub(crate) async fn start(config: &Config, data: &Path, listen: SocketAddr) -> Result<Started, Failure> {
        let directory = Directory::own(data)?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory)?);
        let blobs = Arc::new(FileBlobs::new(directory.blobs(), directory.secret()?));
        let targets = targets::table(config, indexes(config, data)?)?;
        let engine = Engine::start(Parts {
            store: Arc::clone(&store),
            blobs,
            clock: Arc::new(Wall),
            targets,
            limits: config.limits.stored(),
            shard: ShardId(0),
            seed: None,
        })
        .await?;
        let engine = Arc::new(engine);
        let token = token()?;
        let service = Service {
            reader: engine.reader(),
            engine: Some(Arc::clone(&engine)),
            store,
            token: token.clone(),
            limits: config.limits.0.clone(),
            stored_limits: config.limits.stored(),
            tenant: Tenant::default(),
        };
        Self::listen(directory, service, Some(engine), listen, token).await
    }

    async fn read(config: &Config, directory: Directory) -> Result<Started, Failure> {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory)?);
        let blobs = Arc::new(FileBlobs::new(directory.blobs(), directory.secret()?));
        let token = token()?;
        let (limits, stored_limits) = (config.limits.0.clone(), config.limits.stored());
        let service = Service {
            engine: None,
            reader: Reader::new(Arc::clone(&store), blobs, stored_limits.clone()),
            store,
            token: token.clone(),
            limits,
            stored_limits,
            tenant: Tenant::default(),
        };
        Self::listen(directory, service, None, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), token).await
    }

    async fn listen(
        directory: Directory,
        service: Service,
        engine: Option<Arc<Engine>>,
        listen: SocketAddr,
        token: String,
    ) -> Result<Started, Failure> {
        let server = agendum_server::bind(listen, false).await?;
        let address = server.address();
        if engine.is_some() {
            directory.introduce(&address.to_string(), &token)?;
        }
        let hooks = Hooks::default();
        let served = tokio::spawn(server.serve(Arc::new(service), hooks.clone()));
        let client = Client::new(&address.to_string(), &token)?;
        let moved = listen.port() != 0 && listen != address;
        Ok(Started { host: Self { address, moved, hooks, engine, served, _directory: directory }, client })
    }

    /// Takes no more requests, finishes those under way, stops the engine. Open runs go on with the next owner.
    pub(crate) async fn stop(self) {
        self.hooks.stop.cancel();
        if let Some(engine) = &self.engine {
            engine.stop().await;
        }
        // Requests that do not end by themselves are not waited for.
        let _late = tokio::time::timeout(std::time::Duration::from_secs(2), self.served).await;
    }
}

fn token() -> Result<String, Failure> {
    let mut chance = [0_u8; 24];
    getrandom::fill(&mut chance)
        .map_err(|error| Failure::new(crate::failure::FAILED, format!("no source of chance: {error}")))?;
    Ok(chance.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where an index is.
pub(crate) fn index_path(data: &Path, name: &str) -> std::path::PathBuf {
    data.join("indexes").join(format!("{name}.db"))
}

/// The names of the indexes in a data directory.
pub(crate) fn index_names(data: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data.join("indexes")).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".db").map(str::to_owned)).collect();
    names.sort();
    names
}

/// All indexes, those of the configuration brought up to date.
fn indexes(config: &Config, data: &Path) -> Result<BTreeMap<String, Arc<Index>>, Failure> {
    let mut indexes = BTreeMap::new();
    for name in index_names(data) {
        indexes.insert(name.clone(), Arc::new(Index::open(&index_path(data, &name))?));
    }
    for (name, given) in &config.indexes {
        let index = match indexes.get(name) {
            Some(index) => Arc::clone(index),
            None => Arc::new(Index::open(&index_path(data, name))?),
        };
        let paths: Vec<_> = given.paths.iter().map(|path| config.folder.join(path)).collect();
        let update = index.follow(&paths)?;
        tracing::info!(index = %name, ?update, "index up to date");
        indexes.insert(name.clone(), index);
    }
    Ok(indexes)
}
