//! Callers' wishes for a run, and the table of targets.

use std::sync::Arc;

use agendum_types::Policy;
use agendum_types::{Money, RunId, RunStatus, Target, Tenant, Timestamp, Windows};

use crate::board::Todo;
use crate::queue::Rank;
use crate::record::Record;
use crate::run::{InstId, Phase, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn on_targets(&mut self, targets: Vec<Target>) {
        self.forget_paces();
        self.targets.publish(targets);
        // What was derived from the table before is of no use.
        self.board.queue.sweep();
        self.pace_anew();
        self.requeue_all();
    }

    /// They come before the targets of a life, and nothing waits for money yet.
    pub(crate) fn on_windows(&mut self, windows: Windows) {
        self.board.ledger.windows = windows;
    }

    /// From now on it chooses by these rules.
    pub(crate) fn go_by(&mut self, policy: Arc<Policy>, version: String) {
        self.policy_version = version.into();
        // The same rules under another name, as a plan that is published again.
        if policy.has_the_rules_of(&self.policy) {
            self.policy = policy;
            return;
        }
        let queued: Vec<_> = self.queued().into_iter().filter(|(slot, id)| self.unqueue(*slot, *id)).collect();
        self.policy = policy;
        self.board.queue.govern(&self.policy);
        self.mend_all();
        self.lift_all();
        self.forget_knees();
        queued.into_iter().for_each(|(slot, id)| self.take(slot, id));
        self.empty_pockets();
    }

    /// What is queued, in the order in which it ranks: whoever is taken up first counts first where a target is waited for.
    fn queued(&self) -> Vec<(Slot, InstId)> {
        let mut ranks: Vec<&Rank> = self.board.queue.iter().collect();
        ranks.sort_unstable();
        ranks.into_iter().map(|rank| (rank.slot, rank.inst)).collect()
    }

    pub(crate) fn on_released(&mut self, tenant: &Tenant, hour: Timestamp, released: (Money, u64)) {
        self.board.ledger.release(tenant, hour, released);
        if self.board.ledger.frees(released) {
            self.board.money_came_free();
        }
    }

    /// The candidates of every queued task may have changed: all are queued anew.
    fn requeue_all(&mut self) {
        for (slot, id) in self.queued() {
            // One that no target may see any more may have ended others.
            if self.unqueue(slot, id) {
                self.take(slot, id);
            }
        }
        self.empty_pockets();
        for target in self.targets.ids() {
            self.board.queue.wake(target, self.now);
        }
        // Another target may be cheaper.
        let slots = self.board.awaiting_in(..).map(Todo::Plea).collect::<Vec<_>>();
        self.board.todo.extend(slots);
    }

    pub(crate) fn on_cancel(&mut self, run: RunId) {
        // Said twice, as a caller does who did not hear the answer, it means the same of a run that it cancelled: `finally` is not
        // cancelled by it. Of one that was answered before, each cancels the section that runs.
        // What is taken back is taken back in any case: a cancel is what it may have begun with.
        let is_cancelled = |slot: &Slot| {
            let run = self.board.run(*slot);
            run.status == RunStatus::Cancelled || run.phase == Phase::Compensating
        };
        // What is held would stay for ever: said again, its last tasks are cancelled too.
        let is_held = |slot: &Slot| matches!(self.board.run(*slot).phase, Phase::Section(_)) && self.is_held(*slot);
        if let Some(slot) = self.stoppable(run).filter(|slot| !is_cancelled(slot) || is_held(slot)) {
            self.record_of(slot, Record::CancelRequested { run, replaced_by: None });
        }
    }

    pub(crate) fn on_pause(&mut self, run: RunId) {
        let Some(slot) = self.stoppable(run).filter(|slot| self.board.run(*slot).paused.is_none()) else {
            return;
        };
        self.record_of(slot, Record::Paused { run });
        // Those that it was before in its group may pass.
        self.board.another_turn(slot);
        for id in self.all(slot) {
            self.queue_anew(slot, id);
        }
    }

    /// If it waits for a target, or for the money of a window, it is taken up again.
    pub(crate) fn queue_anew(&mut self, slot: Slot, id: InstId) {
        if self.board.run_if_live(slot).is_none() {
            return;
        }
        if self.unqueue(slot, id) {
            self.take(slot, id);
        } else if self.board.run(slot).inst(id).waits_for_window(self.now).is_some() {
            self.try_again(slot, id);
        }
    }

    pub(crate) fn on_resume(&mut self, run: RunId) {
        if let Some(slot) = self.stoppable(run).filter(|slot| self.board.run(*slot).paused.is_some()) {
            let was_held = self.is_held(slot);
            self.record_of(slot, Record::Resumed { run });
            if was_held {
                self.take_up(slot);
            }
        }
    }

    /// The run, if it has tasks that could be stopped, be it after its answer.
    fn stoppable(&self, run: RunId) -> Option<Slot> {
        let phase = |slot: &Slot| self.board.run(*slot).phase;
        let is_stoppable = |phase| {
            matches!(phase, Phase::Held | Phase::Main | Phase::Composing | Phase::Compensating | Phase::Section(_))
        };
        self.board.slot(run).filter(|slot| is_stoppable(phase(slot)))
    }
}
