//! Crashes: whoever was at work is counted, and held after too many in a row.

use agendum_types::{Incarnation, RunId};

use super::records::Checked;
use super::state::{Phase, State};
use super::{Reference, ensure};

impl Reference {
    /// Something of it was out, or was evaluated, or was to be.
    pub(super) fn is_at_work(&self, id: RunId) -> bool {
        let run = &self.runs[&id];
        let works = run.tasks.iter().any(|(path, inst)| match inst.state {
            State::Running(_) => !run.is_child(path),
            State::Asking(_) => true,
            State::Ready => !inst.entered && inst.start_at <= self.now,
            _ => false,
        });
        !run.quarantined
            && (works
                || run.phase == Phase::Composing
                || run.orphans.iter().any(|orphan| !run.is_child(&orphan.id.path)))
    }

    pub(super) fn met_by_crash(&mut self, id: RunId, said: (Incarnation, u32), quarantined: bool) -> Checked {
        ensure(self.met.remove(&id), "it was not at work, or there was no crash")?;
        let most = self.limits.crashes_max;
        let life = self.incarnation;
        let run = self.run(id);
        let in_row = if run.crashed.0.0 + 1 == life.0 { run.crashed.1 + 1 } else { 1 };
        ensure(said == (life, in_row) && quarantined == (in_row >= most), "another count of crashes")?;
        run.crashed = said;
        if quarantined {
            (run.quarantined, run.paused) = (true, true);
        }
        Ok(())
    }
}
