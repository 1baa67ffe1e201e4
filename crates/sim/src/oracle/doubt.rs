//! Attempts that may have taken effect: what is made of the doubt, and what follows once it is settled.

use agendum_core::Resolved;
use agendum_types::graph::OnUncertain;
use agendum_types::{Class, Effect, Failure, Fate, Outcome, RunId, Segment, TaskPath, Wait, WaitFor};

use super::labels::quoted;
use super::ladder::May;
use super::records::Checked;
use super::state::{How, Inst, State};
use super::{Heard, Reference, ensure};

/// What an attempt that nobody awaited has done to the outside, as far as its outcome tells.
pub(super) fn fate(effect: Effect, outcome: &Outcome) -> Fate {
    match outcome {
        _ if effect == Effect::None => Fate::None,
        Outcome::Succeeded(_) => Fate::Taken,
        Outcome::Failed(failure) if failure.no_effect => Fate::None,
        Outcome::Failed(failure) => match failure.class {
            Class::InvalidOutput => Fate::Taken,
            Class::Timeout | Class::Unavailable | Class::Overloaded | Class::Cancelled | Class::Uncertain => {
                Fate::Uncertain
            }
            _ => Fate::None,
        },
    }
}

impl Reference {
    /// What may follow on an attempt that may have taken effect.
    pub(super) fn in_doubt(&self, id: RunId, path: &TaskPath) -> Vec<May> {
        match self.runs[&id].task(path).on_uncertain {
            OnUncertain::Fail => self.caught_or(id, path, Class::Uncertain, true),
            OnUncertain::Ask | OnUncertain::Check { .. } => vec![May::Doubt],
        }
    }

    pub(super) fn doubt(&mut self, id: RunId, path: &TaskPath, failure: &Failure) {
        let on_uncertain = self.runs[&id].task(path).on_uncertain;
        let now = self.now;
        let inst = self.run(id).inst(path);
        (inst.failure, inst.free_at, inst.woken_at, inst.gives_way) = (Some(failure.clone()), now, None, false);
        inst.avoids.clear();
        let OnUncertain::Check { task, .. } = on_uncertain else {
            inst.wait = Some(Wait::new(WaitFor::Effect));
            return self.begins_to_wait(id, path);
        };
        let run = self.run(id);
        run.inst(path).state = State::Open;
        let check = path.child(Segment::Task(task));
        let attempts = run.tasks[path].checks;
        run.tasks.insert(check.clone(), Inst { attempts, ..Inst::new(task) });
        self.readies(id, &check);
    }

    /// A check has ended: it found the effect, found that there is none, or did not find out.
    pub(super) fn check_rule(&mut self, id: RunId, path: &TaskPath) -> bool {
        let inside = self.runs[&id].inside(path);
        let Some((check, how, ended)) =
            inside.into_iter().find_map(|(path, inst)| Some((path.clone(), inst.how()?, inst.clone())))
        else {
            return false;
        };
        let run = self.run(id);
        run.tasks.remove(&check);
        let happened = match how {
            How::Succeeded => Some(true),
            How::Skipped => Some(false),
            How::Failed | How::Pruned | How::Cancelled => None,
        };
        let inst = run.inst(path);
        inst.checks = ended.attempts;
        inst.output = ended.output.filter(|_| happened == Some(true));
        inst.state = State::Checked(happened);
        true
    }

    pub(super) fn resolved(&mut self, id: RunId, path: &TaskPath, said: &Resolved) -> Checked {
        let inst = self.runs[&id].tasks[path].clone();
        let happened = match (inst.state, &said.by) {
            (State::Checked(happened), None) => {
                ensure(said.output == inst.output, "the check gave another output")?;
                happened
            }
            (State::Awaiting(_), Some(by)) => match self.heard.take() {
                Some(Heard::Signalled(signal)) if signal.run == id && self.meant(&signal) == [path.clone()] => {
                    ensure(signal.by == *by, "somebody else told")?;
                    signal.approved
                }
                other => return Err(format!("nobody told, but {other:?}")),
            },
            (state, by) => return Err(format!("{by:?} resolves what is {state:?}")),
        };
        ensure(said.happened == happened, "it was told otherwise")?;
        // Whatever follows, it quotes what made it doubtful.
        self.quoted = quoted(inst.failure.as_ref());
        let may = match happened {
            Some(true) if self.wants_judgement(id, path) => vec![May::Judge],
            Some(true) => vec![May::Succeed],
            Some(false) => {
                let failure = Failure::new(Class::Unavailable, "nothing happened").without_effect();
                self.after_failure(id, path, &failure, true)
            }
            None => self.caught_or(id, path, Class::Uncertain, true),
        };
        let inst = self.run(id).inst(path);
        (inst.state, inst.failure, inst.wait) = (State::Ready, None, None);
        inst.output.clone_from(&said.output);
        match happened {
            Some(true) => self.took(id, path, Fate::Taken, said.output.clone()),
            Some(false) => self.did_nothing(id, path),
            None => {}
        }
        self.follow(id, path, &may, &said.next)
    }
}
