//! How a task that waits to be sent stands now: what `why` says of it before there is an attempt to tell of.

use std::sync::Arc;

use agendum_types::snapshot::{Prospect, Queueing};
use agendum_types::{Duration, TargetId};

use crate::inst::State;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// `None` if it is not queued.
    pub(crate) fn queueing(&self, slot: Slot, id: InstId) -> Option<Box<Queueing>> {
        let run = self.board.run(slot);
        let State::Queued(ticket) = &run.inst(id).state else { return None };
        let rules = self.policy.band(ticket.band);
        let candidates = self.eligible(slot, id).unwrap_or_default();
        let name = |target: TargetId| Arc::clone(&self.targets.row(target).target.name);
        let ranked: Vec<(TargetId, Option<Duration>)> = if self.is_ordered(slot, id) {
            candidates.iter().map(|target| (*target, None)).collect()
        } else {
            self.scores(slot, id, &candidates).into_iter().map(|(target, score)| (target, Some(score))).collect()
        };
        let shut = |target: TargetId| {
            let is_there = self.targets.is_free(target, self.now) && self.afford_on(slot, id, target).is_ok();
            (!is_there).then(|| self.targets.shut(target, self.now).word())
        };
        let prospect = |(target, score): (TargetId, Option<Duration>)| Prospect {
            target: name(target),
            shut: shut(target),
            score,
        };
        let (ahead, beside) = self.board.queue.around(ticket);
        let first = self.board.queue.candidates(ticket.class).first().copied();
        Some(Box::new(Queueing {
            policy: Arc::clone(&self.policy_version),
            index: if run.deadline.is_some() { rules.deadline_index } else { rules.index },
            rank: self.rule_says(slot, id, &ticket.rank),
            risky: ticket.rank.risky,
            ahead,
            beside,
            targets: ranked.into_iter().map(prospect).collect(),
            held: first.zip(ticket.held).map(|(target, until)| (name(target), until)),
            lacks: self.board.queue.lacks(ticket.class),
            expected: self.usual(slot, id),
        }))
    }
}
