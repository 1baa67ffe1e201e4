//! From the journal back to a scheduler.
//!
//! Nothing of a run is read with another: one whose rows or document are damaged is left out, told of, and stays as it is in the
//! journal, so that a mended file brings it back.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::{Arc, PoisonError};

use agendum_core::{DOWNTIMES_MAX, Entry, Scheduler};
use agendum_ports::{BlobError, Opened, StoreError, chain};
use agendum_spec::Unloadable;
use agendum_types::{Graph, Hash, Money, PayloadRef, RunId, Seq, Tenant, Timestamp, Window};
use agendum_wire::checkpoint::{Learned, Stated};
use agendum_wire::journal::{DecodeError, Kind};
use rustc_hash::FxHashMap;

use super::Surroundings;
use crate::payloads::PayloadError;
use crate::plans::{self, Counts};
use crate::rows;

/// Rows read at once. Each page costs the store a look at every open run.
const PAGE: u32 = 16_384;
/// Runs that may break the core before it is taken for the core's fault and not for theirs.
const BROKEN_MAX: usize = 16;

/// Why a journal could not be taken up.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The store could not be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A graph's document cannot be read.
    #[error("the document of graph {graph}, which run {run} needs: {message}")]
    Document {
        /// The graph's hash.
        graph: Hash,
        /// The first run that names it.
        run: RunId,
        /// What is wrong.
        message: String,
    },
    /// The core does not take what it once decided itself: of the whole shard, or of more runs than can be left out.
    #[error("{0}: this is a bug in Agendum")]
    Broken(String),
}

/// A scheduler where the journal left it.
pub(super) struct Restored {
    pub(super) scheduler: Scheduler,
    pub(super) opened: Opened,
    pub(super) tenants: FxHashMap<RunId, Tenant>,
    /// What providers had stated of their limits.
    pub(super) stated: Vec<Stated>,
    /// The number of the latest plan, and the plan if it counts besides the policy.
    pub(super) plan: (u64, Option<Counts>),
}

impl Restored {
    /// True if the process that had the journal before did not end in good order. Where nothing was live it had nothing to say.
    pub(super) fn crashed(&self) -> bool {
        self.opened.last_kind.is_some_and(|kind| kind != Kind::Closed as u16)
    }
}

/// Opens the journal and applies the records of all open runs.
pub(super) async fn open(surroundings: &Surroundings) -> Result<Restored, RestoreError> {
    let opened = surroundings.store.open(surroundings.shard).await?;
    let (mut lost, mut known) = (Lost::default(), FxHashMap::default());
    let lives = lives(surroundings).await?;
    let (learned, stated) = learned(surroundings).await.map(|Learned { core, stated }| (core, stated)).unzip();
    loop {
        let mut scheduler = Scheduler::new(surroundings.limits.clone());
        learned.iter().for_each(|learned| scheduler.remember(learned.clone()));
        let mut pass = Pass {
            surroundings,
            scheduler,
            tenants: FxHashMap::default(),
            known: &mut known,
            lives: lives.iter().peekable(),
            again: false,
        };
        pass.read(&mut lost).await?;
        if !pass.again {
            learn_spending(surroundings, &mut pass.scheduler, opened.high_water).await?;
            let plan = plans::in_force(surroundings).await;
            let mut left_out = surroundings.left_out.lock().unwrap_or_else(PoisonError::into_inner);
            *left_out = lost.runs;
            // Who follows one since the last life would wait for ever.
            left_out.keys().for_each(|run| surroundings.feed.close(*run));
            return Ok(Restored {
                scheduler: pass.scheduler,
                opened,
                tenants: pass.tenants,
                stated: stated.unwrap_or_default(),
                plan,
            });
        }
    }
}

/// When the latest lives of the shard began, and since when nothing had run. Nothing else follows from these records: one that cannot
/// be read costs an explanation.
async fn lives(surroundings: &Surroundings) -> Result<Vec<Entry>, RestoreError> {
    let rows = surroundings.store.read_own(surroundings.shard, Kind::Opened as u16, DOWNTIMES_MAX as u32).await?;
    let told = |row| rows::entry(row).inspect_err(|error| tracing::warn!(%error, "a downtime is not known"));
    Ok(rows.iter().filter_map(|row| told(row).ok()).collect())
}

/// What the last life had learned. Without it this one learns anew: that it cannot be read keeps nobody from beginning.
async fn learned(surroundings: &Surroundings) -> Option<Learned> {
    let lost = |error: &(dyn std::error::Error + 'static)| {
        tracing::warn!(error = chain(error), "what was learned before the restart cannot be read: it is learned anew");
    };
    let bytes = surroundings.store.learned(surroundings.shard).await.inspect_err(|error| lost(error)).ok()??;
    agendum_wire::checkpoint::decode(&bytes).inspect_err(|error| lost(error)).ok()
}

/// What was spent in the windows of the present: the clock's, or that of the journal where it is ahead.
async fn learn_spending(
    surroundings: &Surroundings,
    scheduler: &mut Scheduler,
    high_water: Timestamp,
) -> Result<(), RestoreError> {
    let now = surroundings.clock.now().max(high_water);
    // Every window lies in the month.
    let hours = surroundings.store.spent_since(Window::Month.start(now)).await?;
    for window in Window::ALL {
        let start = window.start(now);
        let mut sums = BTreeMap::<&Tenant, (Money, u64)>::new();
        for (tenant, _, money, tokens) in hours.iter().filter(|(_, hour, ..)| *hour >= start) {
            let sum = sums.entry(tenant).or_default();
            *sum = (sum.0.plus(*money), sum.1.saturating_add(*tokens));
        }
        for (tenant, (money, tokens)) in sums {
            scheduler.learn_spending(tenant, window, start, money, tokens);
        }
    }
    Ok(())
}

/// Runs that are left out.
#[derive(Default)]
struct Lost {
    runs: FxHashMap<RunId, Tenant>,
    broken: usize,
}

/// One pass over the rows of open runs.
struct Pass<'a> {
    surroundings: &'a Surroundings,
    scheduler: Scheduler,
    tenants: FxHashMap<RunId, Tenant>,
    /// The graphs that were read, be it by an earlier pass.
    known: &'a mut FxHashMap<Hash, Arc<Graph>>,
    /// The records of the shard itself that are not applied yet.
    lives: Peekable<slice::Iter<'a, Entry>>,
    /// Damage was found in a run that the scheduler has taken in part: the next pass leaves it out.
    again: bool,
}

impl Pass<'_> {
    async fn read(&mut self, lost: &mut Lost) -> Result<(), RestoreError> {
        let Surroundings { store, shard, .. } = self.surroundings;
        let mut reading = store.read_open(*shard, Seq(0), PAGE);
        loop {
            let page = reading.await?;
            let Some(last) = page.last() else {
                self.apply_lives(Seq(u64::MAX));
                return Ok(());
            };
            // The store reads on while this page is applied.
            reading = store.read_open(*shard, last.seq, PAGE);
            for row in &page {
                if row.run.is_some_and(|run| lost.runs.contains_key(&run)) {
                    continue;
                }
                self.apply_lives(row.seq);
                let damage = match rows::entry(row) {
                    Ok(entry) => self.take(&entry).await?.err(),
                    Err(error) => Some(Damage::row(error)?),
                };
                let Some(damage) = damage else { continue };
                // What is damaged and belongs to no run cannot be left out.
                let (Some(run), Some(tenant)) = (row.run, &row.tenant) else { return Err(damage.into()) };
                self.lose(tenant, run, &damage, lost)?;
                if damage.breaks() {
                    return Ok(());
                }
            }
        }
    }

    /// Those before this row: the scheduler takes records in their order.
    fn apply_lives(&mut self, before: Seq) {
        while let Some(entry) = self.lives.next_if(|entry| entry.seq < before) {
            self.scheduler.apply(entry);
        }
    }

    fn lose(&mut self, tenant: &Tenant, run: RunId, damage: &Damage, lost: &mut Lost) -> Result<(), RestoreError> {
        tracing::error!(%run, error = chain(damage), "a run is damaged and left out: it goes on once its files are restored");
        lost.runs.insert(run, tenant.clone());
        lost.broken += usize::from(damage.breaks());
        if lost.broken > BROKEN_MAX {
            return Err(RestoreError::Broken(format!("the records of {} runs broke off", lost.broken)));
        }
        self.again |= damage.breaks() || self.tenants.contains_key(&run);
        Ok(())
    }

    async fn take(&mut self, entry: &Entry) -> Result<Result<(), Damage>, RestoreError> {
        if let (Some((run, graph, document)), Some(tenant)) = (entry.record.names_graph(), &entry.tenant) {
            if !self.known.contains_key(&graph) {
                match self.load(tenant, document).await {
                    Ok(loaded) => drop(self.known.insert(graph, loaded)),
                    Err(error) => {
                        let is_damage = error.is_damage();
                        let damage = Damage::Document { graph, run, source: error };
                        return if is_damage { Ok(Err(damage)) } else { Err(damage.into()) };
                    }
                }
            }
            // Each time: the scheduler forgets graphs that no run has just now.
            self.scheduler.learn_graph(&self.known[&graph]);
            self.tenants.insert(run, tenant.clone());
        }
        let applied = catch_unwind(AssertUnwindSafe(|| self.scheduler.apply(entry)));
        Ok(applied.map_err(|_said| Damage::Broken(entry.seq)))
    }

    async fn load(&self, tenant: &Tenant, document: &PayloadRef) -> Result<Arc<Graph>, LoadError> {
        let document = self.surroundings.payloads.document(tenant, document).await?;
        Ok(agendum_spec::load(&document, &self.surroundings.limits)?)
    }
}

/// What is wrong with a run, and with nothing else.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error(transparent)]
    Row(DecodeError),
    #[error("the document of graph {graph} cannot be used")]
    Document { graph: Hash, run: RunId, source: LoadError },
    #[error("journal row {0} does not follow from those before it")]
    Broken(Seq),
}

impl Damage {
    /// What a later release wrote is not damaged.
    fn row(error: DecodeError) -> Result<Self, RestoreError> {
        match error {
            DecodeError::Damaged { .. } => Ok(Self::Row(error)),
            DecodeError::Unknown { .. } => Err(error.into()),
        }
    }

    /// True if the scheduler was left in the middle of something.
    const fn breaks(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

impl From<Damage> for RestoreError {
    fn from(damage: Damage) -> Self {
        match damage {
            Damage::Row(error) => error.into(),
            Damage::Document { graph, run, source } => Self::Document { graph, run, message: chain(&source) },
            Damage::Broken(_) => Self::Broken(damage.to_string()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Unloadable(#[from] Unloadable),
}

impl LoadError {
    /// True if it says so of what is kept, and not of the store: that may be there again in a moment.
    const fn is_damage(&self) -> bool {
        match self {
            Self::Unloadable(_) => true,
            Self::Payload(error) => match error {
                PayloadError::Missing(_)
                | PayloadError::NotJson { .. }
                | PayloadError::NoText(_)
                | PayloadError::Blob(BlobError::Corrupt(_)) => true,
                PayloadError::TooLarge { .. } | PayloadError::Blob(_) | PayloadError::Store(_) => false,
            },
        }
    }
}
