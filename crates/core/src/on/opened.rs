//! The first event of a life: decides what became of what was in flight in an earlier one, and takes up what was left. And the last.

use agendum_types::{Class, Effect, Failure, Fate, Incarnation, Seq, Timestamp};

use crate::board::Todo;
use crate::inst::State;
use crate::record::{Change, End, Next, Record};
use crate::rng::Rng;
use crate::run::{InstId, Phase, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn on_opened(
        &mut self,
        incarnation: Incarnation,
        (last, at): (Seq, Timestamp),
        crashed: bool,
        seed: u64,
    ) {
        assert!(last >= self.last, "the journal holds at least what was applied");
        // Before its first life a shard was not down.
        let down_since = (last > Seq(0)).then(|| self.board.at.max(at));
        self.last = last;
        self.durable = last;
        self.incarnation = incarnation;
        self.rng = Rng::seeded(seed);
        self.board.todo.clear();
        self.record(None, Record::Opened { incarnation, seed, down_since });
        (self.reopening, self.crashed) = (true, crashed);
    }

    /// The next life shall know until when what is out now ran. Without a live run nobody will ask.
    pub(crate) fn on_closed(&mut self) {
        if self.board.live_runs() > 0 {
            self.record(None, Record::Closed);
        }
    }

    /// Takes up every run that the journal left open, once the targets are known.
    pub(crate) fn reopen(&mut self) {
        if !self.reopening || self.targets.version() == 0 {
            return;
        }
        self.reopening = false;
        self.begin_with();
        if std::mem::take(&mut self.crashed) {
            self.count_crash();
        }
        for slot in self.board.live_slots() {
            let plan = self.board.run(slot).plan;
            self.board.plans.refresh(plan, &self.targets, &self.board.queue.units, self.policy.admission);
            self.all(slot).for_each(|id| self.board.prune_in_time(slot, id));
            // What is lost without an effect goes first: a lost effect may fail what stands beside it, which then could not say that it
            // was lost too.
            for once in [false, true] {
                self.all(slot).for_each(|id| self.decide_lost(slot, id, once));
            }
        }
        // What is open now is found in the states, once, whether it was left open or came of what was decided just now.
        self.board.todo.retain(|todo| matches!(todo, Todo::Stop(_) | Todo::Publish(..) | Todo::PassTurn(_)));
        for slot in self.board.live_slots() {
            self.take_up(slot);
            // Last: what was decided just now may have abandoned further attempts of the earlier life.
            self.book_orphans(slot);
        }
    }

    /// Nobody will tell what an attempt of an earlier life cost: all that it held counts as spent. One that was taken up again in this
    /// life will tell.
    fn book_orphans(&mut self, slot: Slot) {
        let run = self.board.run(slot).id;
        let mut orphans = self.board.run(slot).orphans.clone();
        orphans.retain(|orphan| orphan.incarnation < self.incarnation);
        for orphan in orphans {
            if self.recall(slot, &orphan) {
                continue;
            }
            let change = Change::Abandoned {
                attempt: orphan.attempt,
                incarnation: orphan.incarnation,
                cost: orphan.hold,
                tokens: orphan.hold_tokens,
                fate: Fate::of(orphan.effect, None),
                output: None,
                away: Some(self.board.downs.before_this_life(orphan.taken)),
            };
            self.record_of(slot, Record::Task { run, path: orphan.path, change });
        }
    }

    /// Finds in the states of a run what is open.
    pub(crate) fn take_up(&mut self, slot: Slot) {
        match self.board.run(slot).phase {
            Phase::Held => self.board.another_turn(slot),
            Phase::Composing => self.board.todo.push_back(Todo::Compose(slot)),
            Phase::Failing => self.board.todo.push_back(Todo::Fail(slot)),
            Phase::Compensating => self.board.todo.push_back(Todo::Compensated(slot)),
            Phase::Closing => self.board.todo.push_back(Todo::Close(slot)),
            Phase::Main | Phase::Section(_) => {}
        }
        for id in self.all(slot) {
            match &self.board.run(slot).inst(id).state {
                State::Ready => self.board.todo.push_back(Todo::Take(slot, id)),
                State::Asking(_) => self.board.todo.push_back(Todo::Ask(slot, id)),
                State::Checked(_) => self.board.todo.push_back(Todo::Checked(slot, id)),
                State::Awaiting(_) => self.board.todo.push_back(Todo::Hear(slot, id)),
                State::Open if self.board.has_run_out(slot, id) => self.board.todo.push_back(Todo::RanOut(slot, id)),
                State::Waiting
                | State::Running(_)
                | State::Parked(_)
                | State::LookingUp(_)
                | State::InLine { .. }
                | State::Queued(_)
                | State::Paused(_)
                | State::Broke { .. }
                | State::Pleading(_)
                | State::BackingOff(_)
                | State::Open
                | State::Settled(_) => {}
            }
        }
    }

    /// An attempt was out when the process ended: one that may have left an effect, or one that cannot have.
    fn decide_lost(&mut self, slot: Slot, id: InstId, once: bool) {
        let running = self.board.run(slot).inst(id).running();
        let Some(running) = running.filter(|running| (running.effect == Effect::Once) == once).cloned() else {
            return;
        };
        if self.reattach(slot, id, &running) {
            return;
        }
        let (end, next) = if once {
            let message = format!(
                "the process ended while attempt {} on {} was out: it may have taken effect",
                running.attempt, running.target
            );
            let failure = Failure::new(Class::Uncertain, &message);
            (End::Uncertain, self.next_in_doubt(slot, id, failure))
        } else if self.attempts_spent(slot, id) {
            // What ends the process each time it runs does not run in every life.
            let failure = Failure::new(Class::Unavailable, End::Lost.sentence());
            (End::Lost, self.rung_or_fail(slot, id, failure, true))
        } else {
            (End::Lost, Next::Retry { at: self.now })
        };
        self.end(slot, id, end, next);
    }
}
