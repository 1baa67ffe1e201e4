//! A hash of everything that records say of the live runs: equal after a restart to what live handling had.
//!
//! What is only in flight (timers armed, evaluations out, places in queues) is left out: the next life finds it again.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use crate::effects::Stage;
use crate::inst::{Body, Inst, State};
use crate::run::{InstId, Orphan, Run, Scope};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// The hash over all live runs, and over what is held in the windows.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let runs = self
            .board
            .live_slots()
            .into_iter()
            .map(|slot| digest(self.board.run(slot), self.board.plan(slot).graph.hash));
        // Slots are given out anew after a restart: the order of runs does not count.
        runs.fold(self.spending_digest(), u64::wrapping_add)
    }

    fn spending_digest(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.board.ledger.held().hash(&mut hasher);
        hasher.finish()
    }
}

fn digest(run: &Run, graph: agendum_types::Hash) -> u64 {
    let mut hasher = FxHasher::default();
    (
        run.id,
        &run.tenant,
        &run.principal,
        &run.inputs,
        run.priority,
        run.strict,
        run.paused,
        run.quarantined,
        run.crashed,
    )
        .hash(&mut hasher);
    (graph, &run.labels, &run.budget, run.refused).hash(&mut hasher);
    run.scopes.iter().for_each(|scope| (scope.len(), scope.unsettled).hash(&mut hasher));
    (run.degraded, run.phase, run.status, run.submitted, run.deadline).hash(&mut hasher);
    (
        run.spent,
        run.service,
        run.held,
        run.tokens,
        run.held_tokens,
        run.over,
        run.estimated,
        run.last,
        run.floor,
        run.escalation,
    )
        .hash(&mut hasher);
    run.failure.as_ref().map(|failure| (&failure.task, &failure.failure)).hash(&mut hasher);
    run.kept.iter().for_each(|kept| {
        (kept.of, &kept.name, &kept.payload, &kept.by, &kept.webhook).hash(&mut hasher);
    });
    (&run.webhooks, &run.origin, &run.parent).hash(&mut hasher);
    run.ahead.iter().for_each(|(planner, ahead)| {
        (run.inst(*planner).node, ahead.attempt, ahead.tasks.len()).hash(&mut hasher);
    });
    run.turn.as_ref().map(|turn| (&turn.group, turn.rules, turn.seq, turn.has_begun)).hash(&mut hasher);
    let orphan = |orphan: &Orphan| {
        (
            orphan.path.clone(),
            orphan.attempt,
            orphan.incarnation,
            orphan.hold,
            orphan.hold_tokens,
            orphan.taken,
            orphan.number,
            orphan.gave_way,
        )
    };
    let mut orphans: Vec<_> = run.orphans.iter().map(orphan).collect();
    orphans.sort();
    orphans.hash(&mut hasher);
    for (path, stage) in run.effects.stages() {
        match stage {
            Stage::Uncertain => (path, 0_u8).hash(&mut hasher),
            Stage::Taken(reads) => (path, format!("{reads:?}")).hash(&mut hasher),
            Stage::Out(id) => (path, 2_u8, format!("{:?}", run.effects.reads(*id))).hash(&mut hasher),
            Stage::Compensated => (path, 3_u8).hash(&mut hasher),
            Stage::Left(failure) => (path, failure).hash(&mut hasher),
        }
    }
    let mut stack: Vec<InstId> = run.scopes.iter().flat_map(Scope::iter).chain(run.effects.out()).collect();
    while let Some(id) = stack.pop() {
        inst(run.inst(id), &mut hasher);
        (run.served.get(&id), run.pleas.get(&id)).hash(&mut hasher);
        stack.extend(run.children(id));
    }
    hasher.finish()
}

fn inst(inst: &Inst, hasher: &mut FxHasher) {
    (inst.node, inst.layer, inst.pending, inst.attempts, inst.rung_attempts, inst.checks, inst.rung).hash(hasher);
    (inst.ready_at, inst.free_at, inst.start_at, inst.gave_way, inst.gives_way).hash(hasher);
    (inst.entered, inst.degraded, inst.once, inst.reused, inst.cached, inst.copied, inst.poisoned).hash(hasher);
    (&inst.input, inst.count, &inst.output, &inst.failure, &inst.refused).hash(hasher);
    match &inst.state {
        State::Waiting => 0_u8.hash(hasher),
        // All of these are "ready, and not out": where exactly is found again.
        State::Ready
        | State::Parked(_)
        | State::LookingUp(_)
        | State::InLine { .. }
        | State::Queued(_)
        | State::Paused(_)
        | State::Broke { .. }
        | State::Pleading(_)
        | State::BackingOff(_) => 1_u8.hash(hasher),
        State::Asking(crate::action::Step::Enter) => 1_u8.hash(hasher),
        State::Asking(step) => (2_u8, step).hash(hasher),
        State::Running(running) => {
            (3_u8, running.attempt, running.incarnation, &running.target, running.effect).hash(hasher);
            (running.hold, running.hold_tokens, running.taken, running.lower, running.since, &running.reference)
                .hash(hasher);
            let rival = running.rival.as_deref();
            rival.map(|rival| (rival.attempt, rival.incarnation, rival.taken)).hash(hasher);
        }
        State::Open => 4_u8.hash(hasher),
        State::Checked(happened) => (7_u8, happened).hash(hasher),
        State::Awaiting(since) => (8_u8, since).hash(hasher),
        State::Settled(how) => (5_u8, how).hash(hasher),
    }
    match inst.body.as_deref() {
        None | Some(Body::Check(_)) => {}
        Some(Body::Wait(waiting)) => (&waiting.wait, waiting.wakes).hash(hasher),
        Some(Body::Group(group)) => (group.unsettled, &group.winners).hash(hasher),
        Some(Body::Each(each)) => {
            (&each.items, each.count, each.next, each.succeeded, each.failed, each.settled, &each.labels).hash(hasher);
        }
        Some(Body::Loop(repeat)) => {
            (repeat.round, &repeat.previous, &repeat.ended, &repeat.last, &repeat.best, repeat.same).hash(hasher);
            (repeat.deadline, repeat.spent, repeat.tokens, repeat.held, repeat.raised, &repeat.unpaid).hash(hasher);
        }
    }
}
