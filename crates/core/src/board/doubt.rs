//! Attempts that may have taken effect: a check that runs inside the task, or a person, finds out.

use agendum_types::graph::{ExprId, OnUncertain};
use agendum_types::{Failure, Fate, Timestamp, Wait, WaitFor};

use crate::board::{Board, Todo};
use crate::inst::{Body, Inst, Layer, Settled, State, Waiting};
use crate::record::Resolved;
use crate::run::{InstId, Slot};

impl Board {
    /// Opens what finds out whether the last attempt took effect. The failure is kept: it stands as long as nobody knows.
    pub(super) fn doubt(&mut self, slot: Slot, id: InstId, failure: &Failure) {
        let (at, node) = (self.at, self.run(slot).inst(id).node);
        let on_uncertain = self.plan(slot).task(node).on_uncertain;
        let run = self.run_mut(slot);
        let inst = run.inst_mut(id);
        inst.failure = Some(Box::new(failure.clone()));
        inst.free_from(at);
        match on_uncertain {
            OnUncertain::Fail => panic!("a task that fails when in doubt is never in doubt"),
            OnUncertain::Ask => {
                let waiting = Waiting { wait: Wait::new(WaitFor::Effect), wakes: Timestamp::MAX };
                inst.body = Some(Box::new(Body::Wait(waiting)));
                self.begin_wait(slot, id);
            }
            OnUncertain::Check { task, .. } => {
                let attempts = run.inst(id).checks;
                let check = run.add(Inst { attempts, ..Inst::new(id, task, Layer::Check) });
                let inst = run.inst_mut(id);
                inst.state = State::Open;
                inst.body = Some(Box::new(Body::Check(check)));
                self.live_tasks += 1;
                self.make_ready(slot, check);
            }
        }
    }

    /// What makes the result of a check a find.
    pub(super) fn found(&self, slot: Slot, id: InstId) -> Option<ExprId> {
        match self.plan(slot).task(self.run(slot).inst(id).node).on_uncertain {
            OnUncertain::Check { found, .. } => Some(found),
            OnUncertain::Fail | OnUncertain::Ask => None,
        }
    }

    /// True if the outcome of an attempt is not known yet: somebody finds out.
    pub(crate) fn is_in_doubt(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.run(slot).inst(id);
        matches!(inst.state, State::Checked(_))
            || matches!(inst.body.as_deref(), Some(Body::Check(_)))
            || inst.wait().is_some_and(|wait| wait.of == WaitFor::Effect)
    }

    /// A check that found nothing was settled as skipped, as what `good_if` refuses.
    pub(super) fn check_settled(&mut self, slot: Slot, id: InstId, check: InstId, how: Settled) {
        let ended = self.run_mut(slot).inst_mut(check);
        let (output, checks) = (ended.output.take(), ended.attempts);
        self.free_tree(slot, check);
        let happened = match how {
            Settled::Succeeded => Some(true),
            Settled::Skipped => Some(false),
            Settled::Failed | Settled::Pruned | Settled::Cancelled => None,
        };
        let inst = self.run_mut(slot).inst_mut(id);
        inst.body = None;
        inst.checks = checks;
        inst.output = output.filter(|_| happened == Some(true));
        inst.state = State::Checked(happened);
        self.todo.push_back(Todo::Checked(slot, id));
    }

    pub(super) fn resolved(&mut self, slot: Slot, id: InstId, resolved: &Resolved) {
        self.leave(slot, id);
        let inst = self.run_mut(slot).inst_mut(id);
        (inst.failure, inst.body) = (None, None);
        inst.output = resolved.output.clone().map(Box::new);
        inst.state = State::Ready;
        match resolved.happened {
            Some(true) => {
                let reads = self.undo_reads(slot, id);
                self.note_effect(slot, id, Fate::Taken, reads, resolved.output.as_ref());
            }
            Some(false) => {
                let run = self.run_mut(slot);
                let path = run.path(id);
                run.effects.clear(&path);
            }
            None => {}
        }
        self.follow(slot, id, &resolved.next);
    }
}
