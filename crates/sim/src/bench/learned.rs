//! What it costs to keep what was learned.

use std::sync::Arc;
use std::time::Instant;

use agendum_core::checkpoint::{Checkpoint, GraphKept, SketchKept, TaskKept, TenantKept};
use agendum_core::{Event, Scheduler};
use agendum_types::graph::{Kind, NodeId};
use agendum_types::{Duration, Graph, Hash, Incarnation, Limits, Seq, Tenant, Timestamp};
use agendum_wire::checkpoint;

use super::{graph, target};

const TENANTS: u64 = 1_000;
const GRAPHS: u64 = 100;
/// Tasks of a graph.
const TASKS: u32 = 10;
/// How often it is taken.
const TIMES: usize = 101;

/// What one checkpoint costs, in time and bytes, where so much was learned.
///
/// # Panics
///
/// If what was learned is not what was told.
#[must_use]
pub fn learned() -> String {
    let graphs: Vec<Arc<Graph>> = (0..GRAPHS).map(|number| graph(&document(number))).collect();
    let told = told(&graphs.iter().map(|graph| graph.hash).collect::<Vec<_>>());
    let began = Instant::now();
    let mut core = Scheduler::new(Limits::STANDARD);
    core.remember(told.clone());
    graphs.iter().for_each(|graph| core.learn_graph(graph));
    let now = Timestamp(1_000_000);
    let opened = Event::Opened { incarnation: Incarnation(1), last: Seq(0), at: Timestamp(0), crashed: false, seed: 1 };
    for event in [opened, Event::TargetsPublished(vec![target()])] {
        core.handle(now, event).expect("only submissions are refused");
    }
    let takes_in = began.elapsed();
    let learned = core.checkpoint();
    assert_eq!((&learned.graphs, &learned.tenants), (&told.graphs, &told.tenants), "it comes back as it was");
    let learned = checkpoint::Learned { core: learned, stated: Vec::new() };
    let bytes = checkpoint::encode(&learned);
    let [takes, makes, reads] = [
        median(|| drop(std::hint::black_box(core.checkpoint()))),
        median(|| drop(std::hint::black_box(checkpoint::encode(&learned)))),
        median(|| drop(std::hint::black_box(checkpoint::decode(&bytes)))),
    ];
    format!(
        "learned: {TENANTS} tenants, {GRAPHS} graphs of {TASKS} tasks: {takes} us to take, {makes} us to make {} bytes of it; {reads} us to read, \
         {} us to take in",
        bytes.len(),
        takes_in.as_micros()
    )
}

fn median(work: impl Fn()) -> u128 {
    let mut spans: Vec<u128> = (0..TIMES)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed().as_micros()
        })
        .collect();
    spans.sort_unstable();
    spans[TIMES / 2]
}

fn document(number: u64) -> String {
    let task = |index: u32| format!("  t{index}: {{ uses: chat, with: {{ prompt: a }} }}\n");
    format!("version: 1\nname: learned-{number}\ntasks:\n{}", (0..TASKS).map(task).collect::<String>())
}

/// Each task was seen with three sizes of input, of which times spread over twelve steps.
fn told(graphs: &[Hash]) -> Checkpoint {
    let sketch = || SketchKept { sum: 256_000_000, steps: (60..72).map(|step| (step, 20)).collect() };
    let task = |node| TaskKept {
        node: NodeId(node),
        means: [(32, 1_234_567), (32, 345), (32, 67_890)],
        all: sketch(),
        by_size: [40, 41, 44].map(|size| (size, sketch())).into(),
    };
    let graph = |graph: &Hash| GraphKept { graph: *graph, tasks: (0..TASKS).map(task).collect(), service: service() };
    let tenant = |number: u64| TenantKept {
        tenant: Tenant::new(&format!("tenant-{number:04}")),
        times: [0, 123_456_789_012 + number, 0],
    };
    Checkpoint {
        tenants: (0..TENANTS).map(tenant).collect(),
        served: (100_000, Duration::secs(100_000)),
        kinds: (0..200).map(|kind| (Kind(kind << 40), (32, 1_234_567))).collect(),
        graphs: graphs.iter().map(graph).collect(),
        ..Checkpoint::default()
    }
}

fn service() -> agendum_core::checkpoint::ServiceKept {
    let steps = (1..=16).map(|step| [1_000 / step, 100 / step, 1_000 / step, 12_345_678 * step, 23_456_789 * step]);
    agendum_core::checkpoint::ServiceKept { calls: (9_999, Duration::secs(12_345)), ended: 999, steps: steps.collect() }
}
