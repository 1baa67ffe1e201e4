//! The process dies, and what the next life is told of what this one had learned.

use std::sync::Arc;

use agendum_types::graph::{Kind, NodeId};
use agendum_types::{Duration, Hash, Incarnation, RunId, Seq, Tenant, Timestamp};

use super::World;
use crate::checkpoint::{Checkpoint, GraphKept, SketchKept, TaskKept, TenantKept, UsualKept};
use crate::{Record, Scheduler};

impl World {
    pub(in crate::tests) fn core(&self) -> &Scheduler {
        &self.core
    }

    pub(super) fn take_checkpoint(&mut self, rest: &str) {
        let taken = self.core.checkpoint();
        self.checkpoint =
            Some(if rest == "nonsense" { nonsense(taken, &self.learned.last().unwrap().hash) } else { taken });
    }

    pub(super) fn restart(&mut self) {
        self.journal.retain(|entry| entry.seq <= self.durable);
        self.waiting.clear();
        self.flying.clear();
        self.nobody_asks();
        self.core = Scheduler::new(self.limits.clone());
        self.core.remember_if(self.checkpoint.clone());
        for graph in &self.learned {
            self.core.learn_graph(graph);
        }
        let done: Vec<RunId> = self
            .journal
            .iter()
            .filter_map(|entry| match entry.record {
                Record::Done { run } => Some(run),
                _ => None,
            })
            .collect();
        for entry in &self.journal {
            if entry.record.run().is_none_or(|run| !done.contains(&run)) {
                self.core.apply(entry);
            }
        }
        self.tell_spending();
        self.line("restart".into());
        self.open();
    }
}

impl Scheduler {
    fn remember_if(&mut self, checkpoint: Option<Checkpoint>) {
        checkpoint.into_iter().for_each(|checkpoint| self.remember(checkpoint));
    }
}

/// Every number as great as it can be, every instant in the far future, names that nobody has, and what there is of this graph and more.
fn nonsense(taken: Checkpoint, graph: &Hash) -> Checkpoint {
    const MOST: u64 = u64::MAX;
    let (mean, most) = ((u32::MAX, MOST), Timestamp::MAX);
    let mut bad = Checkpoint {
        seq: Seq(MOST),
        at: most,
        incarnation: Incarnation(u32::MAX),
        served: (u32::MAX, Duration::MAX),
        ..taken
    };
    bad.bands.iter_mut().for_each(|band| (band.reached, band.usual) = (MOST, mean));
    bad.tenants.push(TenantKept { tenant: Tenant::new("nobody"), times: [MOST; 3] });
    bad.tenants.iter_mut().for_each(|tenant| tenant.times = [MOST; 3]);
    for target in &mut bad.targets {
        target.closed_until = most;
        target.paces.iter_mut().for_each(|pace| (pace.paid, pace.largest, pace.lent) = (MOST, MOST, MOST));
        (target.breaker.latest, target.breaker.seen, target.breaker.failing_since) = (u32::MAX, u32::MAX, Some(most));
        target.breaker.broken = Some((most, Duration::MAX));
        (target.limit.until, target.limit.parts, target.limit.answers) = (most, [[MOST; 3]; 10], MOST);
        (target.does_most_with, target.used) = (Some((0, most)), Some(most));
        (target.limit.limit, target.retries, target.speed) = (Some(0), (u32::MAX, MOST), (MOST, 0));
        let usual = UsualKept { all: mean, by_size: (0..=u8::MAX).map(|size| (size, mean)).collect() };
        (target.tokens, target.counted) = (usual.clone(), usual);
    }
    if let Some(target) = bad.targets.first().cloned() {
        bad.targets.push(crate::checkpoint::TargetKept { name: Arc::from("nowhere"), ..target });
    }
    bad.kinds = (0..5_000).map(|kind| (Kind(kind / 2), mean)).collect();
    let sketch = SketchKept { sum: MOST, steps: (0..=u8::MAX).map(|step| (step, u16::MAX)).collect() };
    let by_size: Vec<_> = (0..=u8::MAX).map(|size| (size, sketch.clone())).collect();
    let nodes = [0, 1, 0, 2, 999, u32::MAX].map(NodeId);
    let task = |node| TaskKept { node, means: [mean; 3], all: sketch.clone(), by_size: by_size.clone() };
    let service =
        crate::checkpoint::ServiceKept { calls: (u32::MAX, Duration::MAX), ended: MOST, steps: vec![[MOST; 5]; 16] };
    let graphs = [*graph, Hash([7; 32])].map(|graph| GraphKept {
        graph,
        tasks: nodes.map(task).into(),
        service: service.clone(),
    });
    bad.graphs = graphs.into();
    bad
}
