//! What a life has learned that no record says: where tenants stand, what targets are left of, how long things take.
//!
//! The driver asks for it about each second ([`Scheduler::checkpoint`], a pure read), keeps the latest beside the journal, and hands that to the next life
//! before the first record ([`Scheduler::remember`]). It is soft: losing one costs what was learned, and never money, a run or an effect. Names stand for
//! targets and tenants and hashes for graphs, since the next life may number them otherwise.
//!
//! What it holds is bounded: [`TENANTS_MAX`] tenants, all targets of the life, [`KINDS_MAX`](crate::KINDS_MAX) kinds of calls, and of the graphs that were
//! used last as many as have [`HISTOGRAMS_MAX`] histograms and tasks together. Making one costs O(tenants log tenants + targets + kinds + histograms), whatever
//! runs are live: 0.7 ms for 1,000 tenants and 100 graphs of ten tasks, each seen with three sizes of input (`agendum-sim bench learned`).
//!
//! Left out, because the next life does as well without: what targets have read (a guess anyhow, and large), what is saved up for second attempts and for
//! attempts that give way (nothing is the careful guess), whose turn it is among the bands (a turn), how long tasks stood of late (32 of them say it anew).

use std::sync::Arc;

use agendum_types::graph::{Kind, NodeId};
use agendum_types::{Duration, Hash, Incarnation, Seq, Tenant, Timestamp};

use crate::scheduler::Scheduler;

/// Tenants of a checkpoint. Where there are more, those that have had least are left out: who comes back is lifted to where others stand.
pub const TENANTS_MAX: usize = 16_384;
/// Tasks and histograms of all graphs of a checkpoint.
pub const HISTOGRAMS_MAX: usize = 8_192;

/// Of how many of about the last 32, and their mean.
pub type Mean = (u32, u64);

/// What a life has learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last record that was decided then: what later ones say is not in it.
    pub seq: Seq,
    /// When it was taken.
    pub at: Timestamp,
    /// By which life.
    pub incarnation: Incarnation,
    /// That life was told to stop before, and has sent nothing since.
    pub is_last: bool,
    /// By priority.
    pub bands: [BandKept; 3],
    /// Tenants that are not lifted anyhow when they come back, by name.
    pub tenants: Vec<TenantKept>,
    /// Targets that were used, in the order of the table.
    pub targets: Vec<TargetKept>,
    /// Calls of models, and how long they took together.
    pub served: (u32, Duration),
    /// What calls took, by kind, in microseconds; from the one first seen on.
    pub kinds: Vec<(Kind, Mean)>,
    /// Graphs whose tasks were seen, those used last first.
    pub graphs: Vec<GraphKept>,
}

/// What tenants are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BandKept {
    /// The virtual time of who was sent last.
    pub reached: u64,
    /// What attempts counted for when they were sent, in pico-dollars.
    pub usual: Mean,
}

/// What a tenant has had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantKept {
    /// Which.
    pub tenant: Tenant,
    /// Its virtual time by priority, in pico-dollars at weight 1. What was out is in it by its estimate.
    pub times: [u64; 3],
}

/// How a target stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetKept {
    /// Which.
    pub name: Arc<str>,
    /// It takes nothing before.
    pub closed_until: Timestamp,
    /// What was sent of the requests of a minute, and of its tokens.
    pub paces: [PaceKept; 2],
    /// Whether it is left alone.
    pub breaker: BreakerKept,
    /// What was seen of how much it takes at once.
    pub limit: LimitKept,
    /// With how many at once it does most, if that was found, and until when that counts.
    pub does_most_with: Option<(u32, Timestamp)>,
    /// When it was used last.
    pub used: Option<Timestamp>,
    /// What first attempts have earned, and until when all else that was set aside for others has come in, in nanoseconds.
    pub retries: (u32, u64),
    /// Tokens of attempts.
    pub tokens: UsualKept,
    /// What attempts came to, in pico-dollars.
    pub counted: UsualKept,
    /// How long its latest attempts took, and how long they would usually have taken, in microseconds.
    pub speed: (u64, u64),
}

/// What attempts on a target come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsualKept {
    /// All of them.
    pub all: Mean,
    /// By what they were given: by the quarter of a doubling of its bytes.
    pub by_size: Vec<(u8, Mean)>,
}

/// What was sent, against a limit of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaceKept {
    /// When all of it has had its part of a minute, in nanoseconds.
    pub paid: u64,
    /// The most that one attempt took of late.
    pub largest: u64,
    /// What went before its time of late.
    pub lent: u64,
}

/// How a target has done lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakerKept {
    /// The latest attempts, the newest in the lowest bit: set for one that failed.
    pub latest: u32,
    /// How many there are.
    pub seen: u32,
    /// Since when none has succeeded.
    pub failing_since: Option<Timestamp>,
    /// If it is broken: until when it takes nothing, and for how long it is left alone after the next try.
    pub broken: Option<(Timestamp, Duration)>,
}

/// How much a target takes at once, as was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitKept {
    /// Until when all that was out is counted.
    pub until: Timestamp,
    /// By the last parts of time: how long attempts were out, how many were turned away, how many were not.
    pub parts: [[u64; 3]; 10],
    /// How long an answer takes, in microseconds.
    pub answers: u64,
    /// The limit.
    pub limit: Option<u32>,
}

/// What was seen of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphKept {
    /// Which.
    pub graph: Hash,
    /// Its tasks of which something was seen.
    pub tasks: Vec<TaskKept>,
    /// What its runs take.
    pub service: ServiceKept,
}

/// What was seen of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskKept {
    /// Which.
    pub node: NodeId,
    /// What attempts took, in microseconds; their output tokens; how long they stood in the queue.
    pub means: [Mean; 3],
    /// What all of them took.
    pub all: SketchKept,
    /// The same by what they were given: by the quarter of a doubling of its bytes.
    pub by_size: Vec<(u8, SketchKept)>,
}

/// A histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SketchKept {
    /// All of it, in microseconds.
    pub sum: u64,
    /// Its steps that hold something, and how many each.
    pub steps: Vec<(u8, u16)>,
}

/// What the runs of a graph take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceKept {
    /// Calls, and how long they took together.
    pub calls: (u32, Duration),
    /// Runs that were answered.
    pub ended: u64,
    /// By step: runs that came to it and ended there, calls in it, and what was worked out from that.
    pub steps: Vec<[u64; 5]>,
}

impl Scheduler {
    /// What was learned so far, to be handed to the next life. Changes nothing, and says the same until another record is decided or time passes.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let (bands, tenants) = self.board.queue.kept(TENANTS_MAX);
        let (graphs, kinds, served) = self.board.plans.kept(HISTOGRAMS_MAX);
        let targets = self.targets.ids().filter_map(|id| self.targets.row(id).kept(self.now)).collect();
        let served = (served.calls, served.time);
        let (incarnation, is_last) = (self.incarnation, self.is_stopping);
        Checkpoint {
            seq: self.last,
            at: self.now,
            incarnation,
            is_last,
            bands,
            tenants,
            targets,
            served,
            kinds,
            graphs,
        }
    }
}
