//! Calls on slots and backends, and what goes wrong there.

use agendum_core::{Change, Event, Record, Rejected};
use agendum_types::{AttemptId, Class, Duration, Failure, Outcome, RunId};

use super::{Coming, START, World, graphs, number};
use crate::lab::workload::Call;

impl World<'_> {
    /// The scheduler is told what there is: so many slots, less what it is told to be gone.
    pub(super) fn publish(&mut self, slots: u32) {
        let mut targets = graphs::targets(self.fleet, slots, self.view);
        if let Some(harm) = &self.harm {
            harm.tells(&mut targets, self.now.since(START));
        }
        if self.view.unwarned {
            targets.iter_mut().for_each(|target| (target.cold, target.bytes_per_s) = (None, None));
        }
        self.tell(Event::TargetsPublished(targets));
    }

    /// A slot takes up a call of this round.
    pub(super) fn takes_up(&mut self, attempt: AttemptId, (backend, round): (usize, usize), call: Call) {
        let (number, now) = (number(attempt.run), self.now.since(START));
        let job = &self.jobs[number];
        let fails = self.harm.as_mut().and_then(|harm| harm.meets(&attempt, backend, now));
        if let Some((class, after)) = fails {
            return self.at(self.now.after(after), Coming::Breaks(attempt, class));
        }
        let mut took = match &mut self.memory {
            Some(memory) => memory.takes(backend, &job.rounds[round - 1]),
            None => call.service,
        };
        if let Some(regions) = self.fleet.regions().filter(|_| backend > 0) {
            took = took.plus(regions.moves(call.bytes()));
            self.moved = self.moved.saturating_add(call.bytes());
        }
        if let Some(harm) = &mut self.harm {
            took = took.plus(harm.loads(backend, job.class, now));
            harm.goes_on(&attempt, now.plus(took));
        }
        self.ended[number].spends(now, took);
        self.at(self.now.after(took), Coming::Ends(attempt, Some(call)));
    }

    /// An attempt was stopped for a more urgent one: its slot does something else from now on.
    pub(super) fn gives_way(&mut self, record: &Record) {
        if let Record::Task { run, change: Change::Ended(ended), .. } = record
            && let Some(preempted) = &ended.preempted
        {
            let now = self.now.since(START);
            self.ended[number(*run)].gives_way(now, preempted.lost);
        }
    }

    pub(super) fn breaks(&mut self, attempt: AttemptId, class: Class) {
        let now = self.now.since(START);
        if self.harm.as_mut().is_some_and(|harm| harm.leaves(&attempt, now)) {
            let outcome = Outcome::Failed(Failure::new(class, "a fault of the scenario"));
            self.tell(Event::AttemptFinished { attempt, outcome });
        }
    }

    /// A fault begins or ends: what it takes away fails, and who has to know is told.
    pub(super) fn turns(&mut self) {
        let now = self.now.since(START);
        let broken = self.harm.as_mut().map(|harm| harm.turns(now)).unwrap_or_default();
        for (attempt, class, after, spared) in broken {
            self.ended[number(attempt.run)].spares(spared);
            self.at(self.now.after(after), Coming::Breaks(attempt, class));
        }
        if self.faults.is_told_at(now) {
            self.publish(self.slots);
        }
    }

    /// A submission was refused: nothing of it is in the core. Its client comes again as if the run were given up, or has no answer.
    pub(super) fn refused(&mut self, run: RunId, why: &Rejected) {
        let number = number(run);
        self.ended[number].is_refused();
        if self.engine.is_some() {
            self.line.meter.goes(self.accounts[number]);
        }
        if !self.comes_again(number, why.retry_after()) {
            self.is_over(number, false);
        }
    }

    /// True if the client of a run that was given up comes again: after so long, where it was told.
    pub(super) fn comes_again(&mut self, number: usize, after: Option<Duration>) -> bool {
        let Some(again) = self.faults.again else { return false };
        let way = &mut self.ways[number];
        if way.again >= again.times {
            return false;
        }
        let after = after.unwrap_or_else(|| Duration::millis(again.after_ms));
        (way.again, way.round, way.side) = (way.again + 1, 0, 0);
        self.at(self.now.after(after), Coming::Again(number));
        true
    }
}
