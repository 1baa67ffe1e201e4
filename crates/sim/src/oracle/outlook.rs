//! Whether a run can still be answered in time.

use agendum_types::graph::Section;
use agendum_types::{Duration, RunId, TaskPath};

use super::Reference;
use super::state::State;

pub(super) enum Outlook {
    Good,
    /// It may be late: what it takes on average.
    Risky(Duration),
    Hopeless,
}

impl Reference {
    pub(super) fn outlook(&self, id: RunId, path: &TaskPath) -> Outlook {
        let run = &self.runs[&id];
        let Some(deadline) = run.submitted.deadline else { return Outlook::Good };
        if run.tasks[path].rung > 0 || run.task(path).section != Section::Main || run.is_answered() {
            return Outlook::Good;
        }
        let expected =
            self.estimates[&run.graph.hash].expected(run.tasks[path].node, self.bytes(id, path), self.policy.admission);
        let Some([quick, mean, slow]) = expected else { return Outlook::Good };
        let left = deadline.since(self.now);
        if quick > left {
            Outlook::Hopeless
        } else if slow > left && !run.started {
            Outlook::Risky(mean)
        } else {
            Outlook::Good
        }
    }

    /// True if the task, which is next, stands behind the others from now on.
    pub(super) fn is_put_behind(&mut self, id: RunId, path: &TaskPath) -> bool {
        let Outlook::Risky(mean) = self.outlook(id, path) else { return false };
        if self.runs[&id].tasks[path].stopped.is_some() {
            return false;
        }
        let (rank, targets) = match &self.runs[&id].tasks[path].state {
            State::Queued(rank, targets) if !rank.0 => (*rank, targets.clone()),
            // What others compute it waits for.
            State::Short(rank) if !rank.0 && !self.is_computed(id, path) => {
                (*rank, self.eligible(id, path).unwrap_or_default())
            }
            _ => return false,
        };
        if matches!(self.runs[&id].tasks[path].state, State::Short(_)) {
            self.run(id).inst(path).turn = self.shares(id, path);
            let now = self.now;
            let inst = self.run(id).inst(path);
            inst.stands(State::Ready, now);
        }
        let (_, _, at, run, tail) = rank;
        self.run(id).inst(path).state = State::Queued((true, mean.0, at, run, tail), targets);
        true
    }
}
