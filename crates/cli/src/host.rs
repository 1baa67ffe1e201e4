//! This process as the owner of a data directory: store, engine, server on loopback.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agendum_engine::{Engine, Parts, Reader};
use agendum_ports::{RunFilter, RunRow, Store, Wall};
use agendum_retrieve_fts::{Index, IndexName};
use agendum_server::{CancellationToken, Documents, Server, Service};
use agendum_store_sqlite::{Copier, Directory, FileBlobs, SqliteStore, private_file, private_folder};
use agendum_types::{ShardId, Tenant};

use crate::client::Client;
use crate::config::Config;
use crate::failure::{FAILED, Failure};
use crate::hosting::{signalled, tell};
use crate::in_force::InForce;
use crate::targets;

/// Runs that are counted when they are taken up.
const LEFT_MAX: u32 = 1_000;
/// A stop that takes no longer than this is not told.
const UNTOLD: Duration = Duration::from_millis(300);

/// A server in this process, and the client that speaks to it.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    engine: Option<Arc<Engine>>,
    served: tokio::task::JoinHandle<()>,
    /// Locked until this goes.
    _directory: Directory,
}

/// A host that has just started.
pub(crate) struct Started {
    pub(crate) host: Host,
    pub(crate) client: Client,
    /// Runs that an earlier owner left open, and that go on here.
    pub(crate) left: Vec<RunRow>,
}

impl Host {
    /// Takes up the open runs of a data directory and listens. The configuration is [sound](Config::sound): whoever owns the
    /// directory has asked before that was made.
    pub(crate) async fn start(
        config: &Config,
        directory: Directory,
        data: &Path,
        listen: SocketAddr,
    ) -> Result<Started, Failure> {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory)?);
        let blobs = Arc::new(FileBlobs::new(directory.blobs(), directory.secret()?));
        let targets = targets::table(config, data, indexes(config, data)?)?;
        let filter = RunFilter { open: true, count_max: LEFT_MAX, ..RunFilter::default() };
        let mut left = store.runs(&Tenant::default(), filter).await?;
        let engine = Engine::start(Parts {
            store,
            blobs,
            clock: Arc::new(Wall),
            targets,
            windows: config.budgets.windows(),
            pools: config.pools.all(),
            policy: config.sound_policy()?.accepted.policy,
            limits: config.limits.stored(),
            retention: config.retention.runs.map(|age| age.0),
            feedback_kept: config.retention.feedback(),
            notices: config.endpoints()?,
            cache: config.cache.limits(),
            shard: ShardId(0),
            seed: None,
        })
        .await?;
        let engine = Arc::new(engine);
        left.retain(|row| !engine.left_out(&row.tenant, row.run));
        let token = token()?;
        let service = Service {
            engine: Some(Arc::clone(&engine)),
            backup: Some(Arc::new(Copier::new(&directory))),
            webhooks: config.webhooks.secrets(&config.folder)?,
            ..service(config, engine.reader(), Tenant::default(), &token)
        };
        let about = InForce::of(config).json();
        let started = Self::listen(directory, service, Some((engine, about)), listen, token).await?;
        Ok(Started { left, ..started })
    }

    pub(crate) async fn read(config: &Config, directory: Directory) -> Result<Started, Failure> {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory)?);
        let blobs = Arc::new(FileBlobs::new(directory.blobs(), directory.secret()?));
        let token = token()?;
        let reader = Reader::new(store, blobs, config.limits.stored());
        let service = service(config, reader, Tenant::default(), &token);
        Self::listen(directory, service, None, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), token).await
    }

    async fn listen(
        directory: Directory,
        service: Service,
        engine: Option<(Arc<Engine>, serde_json::Value)>,
        listen: SocketAddr,
        token: String,
    ) -> Result<Started, Failure> {
        let server = bind(listen).await?;
        let address = server.address();
        let engine = match engine {
            None => None,
            Some((engine, about)) => {
                directory.introduce(&address.to_string(), &token, about)?;
                Some(engine)
            }
        };
        let stop = CancellationToken::new();
        let served = tokio::spawn(server.serve(Arc::new(service), stop.clone()));
        let client = Client::new(&address.to_string(), &token)?;
        let host = Self { address, stop, engine, served, _directory: directory };
        Ok(Started { host, client, left: Vec::new() })
    }

    /// A client for the runs of another tenant, by a door of its own that closes with the others. No command opens one: the border does not
    /// tell tenants apart yet, the engine does.
    pub(crate) async fn door(&self, config: &Config, tenant: Tenant) -> Result<Client, Failure> {
        let engine = self.engine.as_ref().ok_or_else(|| Failure::new(FAILED, "nothing runs here"))?;
        let token = token()?;
        let service = Service { engine: Some(Arc::clone(engine)), ..service(config, engine.reader(), tenant, &token) };
        let server = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let client = Client::new(&server.address().to_string(), &token)?;
        tokio::spawn(server.serve(Arc::new(service), self.stop.clone()));
        Ok(client)
    }

    /// True if runs go on here; else this only reads.
    pub(crate) const fn runs(&self) -> bool {
        self.engine.is_some()
    }

    /// Takes no more requests, finishes those under way, stops the engine. Open runs go on with the next owner.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Some(engine) = &self.engine {
            wind_down(engine).await;
        }
        // Requests that do not end by themselves are not waited for.
        let _late = tokio::time::timeout(Duration::from_secs(2), self.served).await;
    }
}

/// What reads the runs of a tenant, and does no more.
fn service(config: &Config, reader: Reader, tenant: Tenant, token: &str) -> Service {
    Service {
        engine: None,
        backup: None,
        reader,
        token: token.to_owned(),
        limits: config.limits.0.clone(),
        tenant,
        windows: config.budgets.windows(),
        policy: config.policy().map_or_else(|_| String::new(), |found| found.accepted.policy.version()),
        documents: Documents::default(),
        webhooks: None,
    }
}

/// Makes the data directory, for its user alone, if it is missing.
pub(crate) fn data_folder(data: &Path) -> Result<(), Failure> {
    private_folder(data).map_err(|error| no_data_folder(data, &error))
}

/// Why there is no data directory to write in.
pub(crate) fn no_data_folder(data: &Path, error: &std::io::Error) -> Failure {
    let doing = if data.is_dir() { "write in" } else { "make" };
    Failure::usage(format!("cannot {doing} the data directory {}: {error}", data.display()))
        .hint("name another with --data DIR")
}

/// Binds an address; a port that is taken is replaced, and that is said.
pub(crate) async fn bind(listen: SocketAddr) -> Result<Server, Failure> {
    let server = agendum_server::bind(listen, false).await.map_err(|error| {
        Failure::usage(format!("cannot listen on {listen}: {error}")).hint("name another with --listen")
    })?;
    if listen.port() != 0 && listen != server.address() {
        tell(&format!("port {} is taken", listen.port()));
    }
    Ok(server)
}

/// Stops the engine; says so if calls with an effect keep it, and waits no longer for them at a second signal.
async fn wind_down(engine: &Engine) {
    let mut stop = std::pin::pin!(engine.stop());
    if tokio::time::timeout(UNTOLD, &mut stop).await.is_ok() {
        return;
    }
    tell(&format!(
        "waiting up to {} s for calls with an effect to end: one that is left is uncertain, and is not made again. Ctrl-C goes at once",
        agendum_engine::STOP_GRACE.as_secs()
    ));
    tokio::select! {
        () = &mut stop => {}
        _ = signalled() => tell("went at once: tasks whose calls were left fail as uncertain when the data directory is opened again"),
    }
}

fn token() -> Result<String, Failure> {
    let mut chance = [0_u8; 24];
    getrandom::fill(&mut chance).map_err(|error| Failure::new(FAILED, format!("no source of chance: {error}")))?;
    Ok(chance.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where indexes are.
pub(crate) fn index_folder(data: &Path) -> PathBuf {
    data.join("indexes")
}

/// The names of the indexes that were made.
pub(crate) fn made_indexes(data: &Path) -> Vec<String> {
    IndexName::all(&index_folder(data)).iter().map(ToString::to_string).collect()
}

/// Opens an index, making it, and the folders it lies in, if it is missing; nobody else can read them.
pub(crate) fn open_index(data: &Path, name: &IndexName) -> Result<Index, Failure> {
    let (folder, file) = (index_folder(data), name.file(&index_folder(data)));
    data_folder(data)?;
    private_folder(&folder)?;
    private_file(&file)?;
    Ok(Index::open(&file)?)
}

/// All indexes, those of the configuration brought up to date.
fn indexes(config: &Config, data: &Path) -> Result<BTreeMap<String, Arc<Index>>, Failure> {
    let mut indexes = BTreeMap::new();
    for name in IndexName::all(&index_folder(data)) {
        indexes.insert(name.to_string(), Arc::new(open_index(data, &name)?));
    }
    for (name, given) in &config.indexes {
        let index = match indexes.get(name) {
            Some(index) => Arc::clone(index),
            None => Arc::new(open_index(data, &name.parse()?)?),
        };
        let paths: Vec<_> = given.paths.iter().map(|path| config.folder.join(path)).collect();
        let update = index.follow(&paths)?;
        tracing::info!(index = %name, ?update, "index up to date");
        indexes.insert(name.clone(), index);
    }
    Ok(indexes)
}
