//! What a life of a shard has learned, as bytes: JSON with its version. What cannot be read is of no use, and costs nothing but what was learned.

use std::borrow::Cow;
use std::sync::Arc;

use agendum_core::Checkpoint;
use agendum_core::checkpoint::{
    BandKept, BreakerKept, GraphKept, LimitKept, Mean, PaceKept, ServiceKept, SketchKept, TargetKept, TaskKept,
    TenantKept, UsualKept,
};
use agendum_types::graph::{Kind, NodeId};
use agendum_types::target::Rate;
use agendum_types::{Duration, Hash, Incarnation, Seq, Tenant, Timestamp};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// What a life has learned, the core and its driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// The core.
    pub core: Checkpoint,
    /// What providers have stated of their limits: the core is told it with the table of targets.
    pub stated: Vec<Stated>,
}

/// What a provider states that it lets through in a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The name of the target.
    pub target: Arc<str>,
    /// The limits.
    pub rate: Rate,
    /// When it was last stated.
    pub at: Timestamp,
}

/// The version that this release writes, and the only one that it reads.
const VERSION: u32 = 1;

/// What was learned cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableError {
    /// Another release wrote it.
    #[error("version {0} is not known to this release")]
    Version(u32),
    /// It is damaged.
    #[error(transparent)]
    Damaged(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Body<'a> {
    version: u32,
    seq: u64,
    at: u64,
    incarnation: u32,
    is_last: bool,
    bands: [Band; 3],
    #[serde(borrow)]
    tenants: Vec<(Cow<'a, str>, [u64; 3])>,
    #[serde(borrow)]
    targets: Vec<Target<'a>>,
    served: (u32, u64),
    kinds: Vec<(u64, Mean)>,
    #[serde(borrow)]
    graphs: Vec<Graph<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    stated: Vec<Limits<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Limits<'a> {
    #[serde(borrow)]
    target: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requests: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    at: u64,
}

#[derive(Serialize, Deserialize)]
struct Band {
    reached: u64,
    usual: Mean,
}

#[derive(Serialize, Deserialize)]
struct Target<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    closed_until: u64,
    /// Of requests and of tokens: paid until, in nanoseconds, and the largest.
    paces: [(u64, u64); 2],
    /// Of both what went before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lent: Option<[u64; 2]>,
    breaker: Breaker,
    limit: Limit,
    /// And until when that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    does_most_with: Option<(u32, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
    retries: (u32, u64),
    /// Of all, and by size.
    tokens: (Mean, Vec<(u8, Mean)>),
    counted: (Mean, Vec<(u8, Mean)>),
    speed: (u64, u64),
}

#[derive(Serialize, Deserialize)]
struct Breaker {
    latest: u32,
    seen: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing_since: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    broken: Option<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct Limit {
    until: u64,
    parts: [[u64; 3]; 10],
    answers: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Graph<'a> {
    /// Hexadecimal.
    #[serde(borrow)]
    graph: Cow<'a, str>,
    #[serde(borrow)]
    tasks: Vec<Task<'a>>,
    service: Service,
}

#[derive(Serialize, Deserialize)]
struct Service {
    calls: (u32, u64),
    ended: u64,
    steps: Vec<[u64; 5]>,
}

/// Which task; its means of time, tokens and standing; its histogram, and those by size.
#[derive(Serialize, Deserialize)]
struct Task<'a>(u32, [Mean; 3], #[serde(borrow)] Sketch<'a>, #[serde(borrow)] Vec<(u8, Sketch<'a>)>);

/// Its sum, and the steps that hold something: URL-safe base64 of the step and of how many it holds, in three bytes.
#[derive(Serialize, Deserialize)]
struct Sketch<'a>(u64, #[serde(borrow)] Cow<'a, str>);

/// What was learned as bytes.
#[must_use]
pub fn encode(Learned { core: checkpoint, stated }: &Learned) -> Vec<u8> {
    let body = Body {
        version: VERSION,
        seq: checkpoint.seq.0,
        at: checkpoint.at.0,
        incarnation: checkpoint.incarnation.0,
        is_last: checkpoint.is_last,
        bands: checkpoint.bands.map(|BandKept { reached, usual }| Band { reached, usual }),
        tenants: checkpoint.tenants.iter().map(|kept| (Cow::Borrowed(&*kept.tenant.0), kept.times)).collect(),
        targets: checkpoint.targets.iter().map(target).collect(),
        served: (checkpoint.served.0, checkpoint.served.1.0),
        kinds: checkpoint.kinds.iter().map(|(kind, mean)| (kind.0, *mean)).collect(),
        graphs: checkpoint.graphs.iter().map(graph).collect(),
        stated: stated.iter().map(limits).collect(),
    };
    serde_json::to_vec(&body).expect("what was learned is plain data: writing it to memory cannot fail")
}

/// What was learned.
///
/// # Errors
///
/// If another release wrote it, or it is damaged. The numbers are checked by who takes them in.
pub fn decode(bytes: &[u8]) -> Result<Learned, UnreadableError> {
    let Version { version } = serde_json::from_slice(bytes)?;
    if version != VERSION {
        return Err(UnreadableError::Version(version));
    }
    let body: Body<'_> = serde_json::from_slice(bytes)?;
    let tenant = |(name, times): (Cow<'_, str>, _)| TenantKept { tenant: Tenant::new(&name), times };
    let stated = |Limits { target, requests, tokens, at }: Limits<'_>| Stated {
        target: Arc::from(&*target),
        rate: Rate { requests, tokens },
        at: Timestamp(at),
    };
    let core = Checkpoint {
        seq: Seq(body.seq),
        at: Timestamp(body.at),
        incarnation: Incarnation(body.incarnation),
        is_last: body.is_last,
        bands: body.bands.map(|Band { reached, usual }| BandKept { reached, usual }),
        tenants: body.tenants.into_iter().map(tenant).collect(),
        targets: body.targets.into_iter().map(target_kept).collect(),
        served: (body.served.0, Duration(body.served.1)),
        kinds: body.kinds.into_iter().map(|(kind, mean)| (Kind(kind), mean)).collect(),
        graphs: body.graphs.into_iter().filter_map(graph_kept).collect(),
    };
    Ok(Learned { core, stated: body.stated.into_iter().map(stated).collect() })
}

fn limits(Stated { target, rate: Rate { requests, tokens }, at }: &Stated) -> Limits<'_> {
    Limits { target: Cow::Borrowed(target), requests: *requests, tokens: *tokens, at: at.0 }
}

fn target(kept: &TargetKept) -> Target<'_> {
    let BreakerKept { latest, seen, failing_since, broken } = kept.breaker;
    let LimitKept { until, parts, answers, limit } = kept.limit;
    Target {
        name: Cow::Borrowed(&kept.name),
        closed_until: kept.closed_until.0,
        paces: kept.paces.map(|PaceKept { paid, largest, .. }| (paid, largest)),
        lent: Some(kept.paces.map(|pace| pace.lent)).filter(|lent| *lent != [0, 0]),
        breaker: Breaker {
            latest,
            seen,
            failing_since: failing_since.map(|since| since.0),
            broken: broken.map(|(until, pause)| (until.0, pause.0)),
        },
        limit: Limit { until: until.0, parts, answers, limit },
        does_most_with: kept.does_most_with.map(|(limit, until)| (limit, until.0)),
        used: kept.used.map(|at| at.0),
        retries: kept.retries,
        tokens: (kept.tokens.all, kept.tokens.by_size.clone()),
        counted: (kept.counted.all, kept.counted.by_size.clone()),
        speed: kept.speed,
    }
}

fn target_kept(read: Target<'_>) -> TargetKept {
    let Breaker { latest, seen, failing_since, broken } = read.breaker;
    let Limit { until, parts, answers, limit } = read.limit;
    let (paces, lent) = (read.paces, read.lent.unwrap_or_default());
    let pace = |of: usize| PaceKept { paid: paces[of].0, largest: paces[of].1, lent: lent[of] };
    TargetKept {
        name: Arc::from(&*read.name),
        closed_until: Timestamp(read.closed_until),
        paces: [pace(0), pace(1)],
        breaker: BreakerKept {
            latest,
            seen,
            failing_since: failing_since.map(Timestamp),
            broken: broken.map(|(until, pause)| (Timestamp(until), Duration(pause))),
        },
        limit: LimitKept { until: Timestamp(until), parts, answers, limit },
        does_most_with: read.does_most_with.map(|(limit, until)| (limit, Timestamp(until))),
        used: read.used.map(Timestamp),
        retries: read.retries,
        tokens: UsualKept { all: read.tokens.0, by_size: read.tokens.1 },
        counted: UsualKept { all: read.counted.0, by_size: read.counted.1 },
        speed: read.speed,
    }
}

fn graph(kept: &GraphKept) -> Graph<'_> {
    let ServiceKept { calls, ended, steps } = &kept.service;
    let task = |task: &TaskKept| {
        let by_size = task.by_size.iter().map(|(size, of)| (*size, sketch(of))).collect();
        Task(task.node.0, task.means, sketch(&task.all), by_size)
    };
    Graph {
        graph: Cow::Owned(kept.graph.to_string()),
        tasks: kept.tasks.iter().map(task).collect(),
        service: Service { calls: (calls.0, calls.1.0), ended: *ended, steps: steps.clone() },
    }
}

/// Nothing where the hash is none.
fn graph_kept(read: Graph<'_>) -> Option<GraphKept> {
    let Service { calls, ended, steps } = read.service;
    let task = |Task(node, means, all, by_size): Task<'_>| {
        let by_size = by_size.into_iter().map(|(size, of)| (size, sketch_kept(&of))).collect();
        TaskKept { node: NodeId(node), means, all: sketch_kept(&all), by_size }
    };
    Some(GraphKept {
        graph: Hash::from_hex(&read.graph)?,
        tasks: read.tasks.into_iter().map(task).collect(),
        service: ServiceKept { calls: (calls.0, Duration(calls.1)), ended, steps },
    })
}

fn sketch(kept: &SketchKept) -> Sketch<'static> {
    let bytes = kept.steps.iter().flat_map(|(step, count)| {
        let [low, high] = count.to_le_bytes();
        [*step, low, high]
    });
    Sketch(kept.sum, Cow::Owned(BASE64_URL_SAFE_NO_PAD.encode(bytes.collect::<Vec<u8>>())))
}

/// Empty where that is no base64.
fn sketch_kept(Sketch(sum, steps): &Sketch<'_>) -> SketchKept {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(steps.as_bytes()).unwrap_or_default();
    let steps = bytes.chunks_exact(3).map(|of| (of[0], u16::from_le_bytes([of[1], of[2]])));
    SketchKept { sum: *sum, steps: steps.collect() }
}

#[cfg(test)]
mod tests;
