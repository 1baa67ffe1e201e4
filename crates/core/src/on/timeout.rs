//! Timers that have come due.

use agendum_types::{Class, Effect, Failure, TaskPath, Timestamp};

use crate::decide::time_of;
use crate::inst::{Body, State};
use crate::record::{Change, End, Ended, Next, NextRound, Record};
use crate::run::{InstId, Phase, Slot};
use crate::scheduler::Scheduler;
use crate::timers::Timer;

impl Scheduler {
    /// Does what the next timer that is due is about; false if none is.
    pub(crate) fn fire_timer(&mut self) -> bool {
        let Some(timer) = self.board.timers.pop_due(self.now) else {
            return false;
        };
        match timer {
            // Whatever came first at that instant has taken it back.
            Timer::Plan => {}
            Timer::Start(slot, id) => {
                self.board.outlasting.forget((slot, id));
                self.board.run_mut(slot).inst_mut(id).state = State::Ready;
                self.take(slot, id);
            }
            Timer::Wait(slot, id) => self.wake_wait(slot, id),
            Timer::Expiry(slot, id) => self.expire(slot, id),
            Timer::Loop(slot, id) => self.expire_loop(slot, id),
            Timer::Deadline(slot) => self.expire_run(slot),
            Timer::Target(target) | Timer::Pace(target) | Timer::Breaker(target) => {
                self.board.queue.wake(target, self.now)
            }
            Timer::Limit(target) => self.lift(target),
            Timer::Room(target) => self.tries_room(target),
            Timer::Money => {
                self.windows_turn = Timestamp::MAX;
                self.board.queue.pockets.stir();
                self.take_up_hopeless();
            }
            Timer::Turn(slot) => self.board.another_turn(slot),
            Timer::Spill(slot, id) => self.spill(slot, id),
            Timer::Hedge(slot, id) => self.hedge(slot, id),
            Timer::Urgent(slot, id) => self.is_urgent(slot, id),
        }
        true
    }

    /// A task's own time is over, or the time that is left belongs to others.
    fn expire(&mut self, slot: Slot, id: InstId) {
        let run = self.board.run(slot);
        let inst = run.inst(id);
        let task = self.board.plan(slot).task(inst.node);
        let (class, message) = match time_of(task, self.now.since(inst.ready_at)) {
            Some((class @ Class::Timeout, (_, span))) => (class, format!("no success within its timeout of {span}")),
            Some((class, (_, span))) => (class, format!("not settled within {span}")),
            None => {
                return self.end(
                    slot,
                    id,
                    End::Pruned,
                    Next::fail(Failure::new(Class::Cancelled, "dropped to make the deadline")),
                );
            }
        };
        let next = self.out_of_time(slot, id, class, &message);
        self.end(slot, id, End::Expired, next);
    }

    /// What follows when the time is over: an attempt of effect `once` that is out, here or inside, may have taken effect.
    fn out_of_time(&self, slot: Slot, id: InstId, class: Class, message: &str) -> Next {
        let run = self.board.run(slot);
        let mut inside = vec![id];
        while let Some(at) = inside.pop() {
            if run.inst(at).running().is_some_and(|running| running.effect == Effect::Once)
                || self.board.is_in_doubt(slot, at)
            {
                let message = format!("{message}: the attempt that was out may have taken effect");
                return self.rung_or_fail(slot, id, Failure::new(Class::Uncertain, &message), true);
            }
            inside.extend(run.children(at));
        }
        self.rung_or_fail(slot, id, Failure::new(class, message), true)
    }

    /// A loop's deadline: what it has is used, as `on_exhausted` says.
    fn expire_loop(&mut self, slot: Slot, id: InstId) {
        if !matches!(self.board.run(slot).inst(id).body.as_deref(), Some(Body::Loop(_))) {
            return;
        }
        let next = match self.given_so_far(slot, id) {
            Some(output) => NextRound::Use { output: Box::new(output), unpaid: false },
            None => {
                NextRound::Fail(self.out_of_time(slot, id, Class::DeadlineExceeded, "the loop's deadline has passed"))
            }
        };
        self.record_task(slot, id, Change::RoundJudged { evaluation: Box::default(), next });
    }

    fn expire_run(&mut self, slot: Slot) {
        let run = self.board.run(slot);
        if !matches!(run.phase, Phase::Held | Phase::Main | Phase::Composing) {
            return;
        }
        let span = run.deadline.unwrap_or(self.now).since(run.submitted);
        let failure = Failure::new(Class::DeadlineExceeded, &format!("no answer within the deadline of {span}"));
        let change = Change::Ended(Box::new(Ended::new(End::Expired, Next::fail(failure))));
        self.record_of(slot, Record::Task { run: self.board.run(slot).id, path: TaskPath::default(), change });
    }
}
