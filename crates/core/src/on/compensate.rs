//! What a run has done was taken back, as far as that went: what is left is told.

use agendum_types::{Class, Failure};

use crate::effects::Stage;
use crate::record::{Compensated, LEFT_MAX, Record};
use crate::run::Slot;
use crate::scheduler::Scheduler;

/// Why an effect of which nobody knows was not taken back.
const UNKNOWN: &str = "it may have taken effect, and nobody knows";

impl Scheduler {
    /// Records what came of it, if nothing more is taken back.
    pub(crate) fn compensated(&mut self, slot: Slot) {
        if self.board.run_if_live(slot).is_none() || !self.board.is_taken_back(slot) {
            return;
        }
        let run = self.board.run(slot);
        let (mut count, mut left_count, mut left) = (0, 0, Vec::new());
        for (path, stage) in run.effects.stages() {
            let failure = match stage {
                Stage::Compensated => {
                    count += 1;
                    continue;
                }
                Stage::Left(failure) => Failure::clone(failure),
                Stage::Uncertain | Stage::Taken(_) | Stage::Out(_) => Failure::new(Class::Uncertain, UNKNOWN),
            };
            left_count += 1;
            if left.len() < LEFT_MAX {
                left.push((path.clone(), failure));
            }
        }
        let compensated = Compensated { run: run.id, count, left, left_count };
        self.record_of(slot, Record::Compensated(Box::new(compensated)));
    }
}
