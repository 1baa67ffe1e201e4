//! What is told of the choice of an attempt: made when it is sent, of what was seen then.

use std::sync::Arc;

use agendum_types::graph::Work;
use agendum_types::{Duration, TargetId};

use crate::queue::Ticket;
use crate::record::{Choice, Passed};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;
use crate::score::Scores;

/// Targets of which the score is told at most, the best first.
const SCORES_MAX: usize = 4;

impl Scheduler {
    /// Why this task is sent to that target; `None` where nothing else could have been. Asked while it is still queued.
    pub(crate) fn choice(
        &self,
        slot: Slot,
        id: InstId,
        ticket: &Ticket,
        target: TargetId,
        scores: &Scores,
    ) -> Option<Box<Choice>> {
        let (ahead, behind) = self.board.queue.beside(ticket, self.now);
        let passed = self.passed_over(slot, id, ticket, target, scores);
        let near = self.bends.is_some_and(|bend| (bend.goes.slot, bend.goes.inst) == (slot, id));
        if !near && ahead + behind == 0 && passed.is_empty() && scores.is_empty() {
            return None;
        }
        let rules = self.policy.band(ticket.band);
        let is_due = self.board.run(slot).deadline.is_some();
        Some(Box::new(Choice {
            policy: Arc::clone(&self.policy_version),
            index: if is_due { rules.deadline_index } else { rules.index },
            rank: self.rule_says(slot, id, &ticket.rank),
            risky: ticket.rank.risky,
            near,
            ahead,
            behind,
            passed,
            scores: scores.iter().take(SCORES_MAX).map(|(target, score)| (self.target_name(*target), *score)).collect(),
        }))
    }

    fn target_name(&self, target: TargetId) -> Arc<str> {
        Arc::clone(&self.targets.row(target).target.name)
    }

    /// The targets that would have been taken first, and those whose clearance does not do: where targets were weighed, those that were not free and
    /// better ones that the budget does not cover or that would be too late; else those that come before.
    fn passed_over(
        &self,
        slot: Slot,
        id: InstId,
        ticket: &Ticket,
        target: TargetId,
        scores: &Scores,
    ) -> Vec<(Arc<str>, Passed)> {
        let candidates = self.board.queue.candidates(ticket.class).iter().copied();
        let before = candidates.take_while(|other| *other != target || !scores.is_empty());
        let before = before.filter(|other| *other != target);
        // Those before the one that was taken are better, and not covered; those behind it that cost less are not in time, or the last resort.
        let worse = scores.iter().skip_while(|(weighed, _)| *weighed != target);
        let is_last = |of: TargetId| self.targets.row(of).target.last_resort;
        let has_failed = |other: TargetId| self.has_failed_on(slot, id, other);
        let why = |other: TargetId| match worse.clone().find(|(weighed, _)| *weighed == other) {
            Some((_, score)) => {
                let is_less = worse.clone().next().is_some_and(|(_, least)| score < least);
                let is_late = |of| self.is_late_on(slot, id, of);
                let is_failed = has_failed(other) && is_late(other) <= is_late(target);
                let why = if is_failed { Passed::Failed } else { Passed::Late };
                (is_less && is_last(other) == is_last(target)).then_some(why)
            }
            None => Some(self.targets.shut(other, self.now)),
        };
        let told = before.clone().filter_map(|other| Some((self.target_name(other), why(other)?)));
        let mut passed: Vec<_> = told.collect();
        if self.has_turned(slot, id) {
            let named = self.able(slot, id).unwrap_or_default().into_iter().take_while(|other| *other != target);
            let tried = named.filter(|other| has_failed(*other) && before.clone().all(|of| of != *other));
            passed.extend(tried.map(|other| (self.target_name(other), Passed::Failed)));
        }
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let labels = self.board.joined(slot, inst.input.as_deref().map(|input| &input.labels));
        if let Work::Call(call) = &self.board.plan(slot).task(inst.node).work
            && !labels.words().is_empty()
            && inst.rung == 0
        {
            let all = self.targets.candidates(call.capability, &call.requirement);
            let uncleared = all.into_iter().filter(|other| !self.targets.cleared(*other, &labels));
            passed.extend(uncleared.map(|other| (self.target_name(other), Passed::Uncleared)));
        }
        passed
    }

    /// How long attempts of this task that were given as much have taken on average; `None` before enough was seen, and of rungs of `catch`.
    pub(crate) fn usual(&self, slot: Slot, id: InstId) -> Option<Duration> {
        let inst = self.board.run(slot).inst(id);
        let bytes = self.ask_of(slot, id).1;
        let samples = self.policy.admission.samples;
        self.board.plan(slot).usual(inst.node, bytes, samples).filter(|_| inst.rung == 0)
    }
}
