//! A life begins with what an earlier one had learned, and takes it for the worse: nobody gains by a crash.
//!
//! Virtual times come back as they were, with what was out by its estimate. What the journal says of the time after the checkpoint comes on top: what was
//! spent since, and for what was sent since and is out, the estimate. A tenant of which the checkpoint says nothing stands where one does that comes back.
//! Whoever waited when the process ended has not been idle: nobody is lifted when open runs are taken up.
//!
//! A pace counts as if all had been sent that it lets through, until now. A breaker that was to be tried is open again for its pause; one that is open stays
//! so until its time. Not where the life before this one was told to stop, and has told what it knew then: after that it sent nothing.
//!
//! Nothing of it is trusted: numbers have bounds, an instant is no later than it could be, unknown names are passed over.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::Priority;
use agendum_types::{Booked, Duration, Money, Seq, TargetId, Tenant, Timestamp, Waste};

use crate::board::Board;
use crate::checkpoint::{Checkpoint, TargetKept};
use crate::child;
use crate::inst::{Inst, Running};
use crate::run::{Orphan, Run, Slot};
use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// Nothing that an earlier life was told keeps a target closed for longer.
const CLOSED_MAX: Duration = Duration::secs(3_600);

/// What records say of the time after the checkpoint, while a journal is applied.
#[derive(Debug)]
pub(crate) struct Since {
    /// The last record that the checkpoint knew.
    seq: Seq,
    /// The record that is applied is a later one.
    pub(crate) is_later: bool,
    /// What open runs have spent, and for how long: by tenant, priority and target.
    spent: BTreeMap<(Tenant, Priority, Arc<str>), (Money, Duration)>,
}

impl Board {
    /// A record is applied.
    pub(crate) fn looks_back(&mut self, seq: Seq) {
        if let Some(since) = &mut self.since {
            since.is_later = seq > since.seq;
        }
    }

    /// True of what a journal says of the time after the checkpoint.
    pub(crate) fn is_since(&self) -> bool {
        self.since.as_ref().is_some_and(|since| since.is_later)
    }

    /// An attempt of a run is booked.
    pub(crate) fn spent_since(&mut self, slot: Slot, booked: &Booked) {
        if !self.is_since() || child::is_target(&booked.target) {
            return;
        }
        let Run { tenant, priority, .. } = self.run(slot);
        // Of what was lost nobody knows how long it ran.
        let took = if booked.waste == Some(Waste::Lost) { Duration::ZERO } else { self.at.since(booked.taken) };
        let key = (tenant.clone(), *priority, Arc::clone(&booked.target));
        if let Some(since) = &mut self.since {
            let spent = since.spent.entry(key).or_default();
            *spent = (spent.0.plus(booked.cost), spent.1.plus(took));
        }
    }
}

impl Scheduler {
    /// Restores: what an earlier life had learned. Told before the first record; what of it names unknown targets, tenants and graphs is of no use until
    /// those come.
    ///
    /// # Panics
    ///
    /// If a record was applied before.
    pub fn remember(&mut self, checkpoint: Checkpoint) {
        assert!(self.last == Seq(0), "what was learned is told before the first record");
        let Checkpoint { seq, served, .. } = checkpoint;
        let mut checkpoint = checkpoint;
        let (graphs, kinds) = (std::mem::take(&mut checkpoint.graphs), std::mem::take(&mut checkpoint.kinds));
        self.board.plans.remember(graphs, kinds, served);
        self.board.since = Some(Since { seq, is_later: false, spent: BTreeMap::new() });
        self.remembered = Some(Box::new(checkpoint));
    }

    /// The targets are known, and open runs are taken up: what was learned counts, and what the journal says since.
    pub(crate) fn begin_with(&mut self) {
        self.board.queue.nobody_comes_back();
        let since = self.board.since.take();
        match (self.remembered.take(), since) {
            (Some(checkpoint), Some(since)) => {
                self.targets_again(&checkpoint);
                self.tenants_again(&checkpoint, since);
            }
            (Some(_) | None, _) => self.charge_again(),
        }
    }

    fn tenants_again(&mut self, checkpoint: &Checkpoint, since: Since) {
        self.board.queue.remember(&checkpoint.bands, &checkpoint.tenants, &self.policy.fairness);
        let slots = self.board.live_slots();
        for slot in &slots {
            let tenant = self.board.run(*slot).tenant.clone();
            self.board.queue.stands_in_line(&tenant, &self.policy);
        }
        for ((tenant, band, target), (cost, took)) in since.spent {
            let is_free = self.targets.find_id(&target).is_some_and(|id| self.targets.row(id).target.price.is_free());
            let cost = if is_free { self.time_cost(took) } else { cost.0 };
            let tenant = self.board.queue.tenant(&tenant, &self.policy);
            self.board.queue.charge(tenant, band, (cost, 0), (0, 0));
        }
        for slot in slots {
            let (tenant, band) = (self.tenant_of(slot), self.board.run(slot).priority);
            for (target, hold) in out_since(self.board.run(slot)) {
                let cost = self.estimate(self.targets.find_id(&target), hold, None);
                self.board.queue.charge(tenant, band, (cost, 0), (0, 0));
            }
        }
    }

    fn targets_again(&mut self, checkpoint: &Checkpoint) {
        let kept: BTreeMap<&str, &TargetKept> = checkpoint.targets.iter().map(|kept| (&*kept.name, kept)).collect();
        self.forget_paces();
        let now = self.now;
        // Nothing was sent after it.
        let is_whole = checkpoint.is_last && checkpoint.incarnation.0.checked_add(1) == Some(self.incarnation.0);
        for id in self.targets.ids() {
            let name = Arc::clone(&self.targets.row(id).target.name);
            if let Some(kept) = kept.get(&*name) {
                let ahead = checkpoint.at.since(now);
                self.target_again(id, kept, ahead);
                let then = if is_whole { Timestamp(0) } else { checkpoint.at.before(ahead) };
                self.breaks_again(id, kept.breaker, (then, ahead));
            }
            // One that was not used by then may have been since, or shares what others sent.
            if !is_whole {
                let row = self.targets.row_mut(id);
                row.pace.fill(row.target.rate, now);
            }
        }
        self.pace_anew();
    }

    /// `ahead`: by so much the clock of the checkpoint was ahead of this one.
    fn target_again(&mut self, id: TargetId, kept: &TargetKept, ahead: Duration) {
        let now = self.now;
        let row = self.targets.row_mut(id);
        row.remember(kept, &self.policy, (now, ahead));
        if let Some(at) = row.learned.lifts() {
            self.board.timers.set(at, Timer::Limit(id));
        }
        let until = kept.closed_until.before(ahead).min(now.after(CLOSED_MAX));
        if until > now {
            row.closed_until = until;
            self.board.timers.set(until, Timer::Target(id));
        }
    }
}

/// On which target each attempt is that was sent after the checkpoint and is out, with what it holds.
fn out_since(run: &Run) -> Vec<(Arc<str>, Money)> {
    let running = run.insts.iter().filter_map(Inst::running);
    let awaited = running.flat_map(|running| [Some(running), running.rival.as_deref()]).flatten();
    let awaited = awaited.filter(|of| of.is_since).map(|Running { target, hold, .. }| (Arc::clone(target), *hold));
    let others = run.orphans.iter().filter(|of| of.is_since);
    let others = others.map(|Orphan { target, hold, .. }| (Arc::clone(target), *hold));
    awaited.chain(others).filter(|(target, _)| !child::is_target(target)).collect()
}
