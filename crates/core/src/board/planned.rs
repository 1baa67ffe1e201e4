//! Tasks that add others, and tasks whose place others have taken.

use std::sync::Arc;

use agendum_types::graph::{NodeId, Section};
use agendum_types::{Capability, Class, Failure, Outcome, PayloadRef};

use crate::board::Board;
use crate::event::Evaluation;
use crate::inst::{Layer, Settled};
use crate::record::{Finished, Next};
use crate::run::{InstId, Slot};

/// What a model is told besides why its result was refused, and each byte of that, are no more bytes of an input than this.
const FRAME: (u64, u64) = (160, 2);

impl Board {
    /// True if what the task gives is read as further tasks, which has not been done.
    pub(crate) fn adds_tasks(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.run(slot).inst(id);
        let adds = self.plan(slot).task(inst.node).adds.as_ref();
        inst.layer == Layer::Node && adds.is_some_and(|adds| !adds.made)
    }

    /// The output that is to be read so.
    pub(crate) fn plan_of(&self, slot: Slot, id: InstId) -> Option<PayloadRef> {
        self.run(slot).inst(id).output.as_deref().filter(|_| self.adds_tasks(slot, id)).cloned()
    }

    /// Tasks whose place others have taken are skipped, those that wait for others first: none becomes ready on the way.
    pub(super) fn skip_replaced(&mut self, slot: Slot) {
        let graph = Arc::clone(&self.plan(slot).graph);
        let is_gone = |node: &NodeId| {
            let task = graph.task(*node);
            let is_void = task.replaced.is_some() || self.was_ahead(slot, *node);
            is_void && task.parent.is_none() && task.section == Section::Main
        };
        if !graph.main.iter().any(is_gone) {
            return;
        }
        let gone: Vec<NodeId> = graph.backwards().into_iter().filter(is_gone).collect();
        for node in gone {
            let id = self.top(slot, node);
            if self.run(slot).inst(id).settled().is_none() {
                self.keep_unsent(slot, id);
                self.settle(slot, id, Settled::Skipped, None);
            }
        }
    }

    /// Keeps why a result of a `chat` was refused, for its next attempt.
    pub(super) fn tell_of_outcome(&mut self, slot: Slot, id: InstId, finished: &Finished) {
        if let Outcome::Failed(failure) = &finished.outcome
            && failure.class == Class::InvalidOutput
        {
            self.tell(slot, id, &finished.next, &failure.message);
        }
    }

    /// The same of a verdict.
    pub(super) fn tell_of_verdict(&mut self, slot: Slot, id: InstId, evaluation: &Evaluation, next: &Next) {
        let inst = self.run(slot).inst(id);
        // What it has not said itself it cannot say better.
        let fail_if = self.plan(slot).task(inst.node).fail_if.filter(|_| !inst.copied);
        if let Some(refused) = &evaluation.refused {
            self.tell(slot, id, next, refused);
        } else if evaluation.truth == Some(true) && fail_if.is_some_and(|(_, class)| class == Class::InvalidOutput) {
            self.tell(slot, id, next, crate::REFUSED);
        }
    }

    fn tell(&mut self, slot: Slot, id: InstId, next: &Next, why: &str) {
        let goes_on = match next {
            Next::Retry { .. } | Next::Back { .. } | Next::Rung { .. } => true,
            Next::Judge | Next::Succeed | Next::Doubt(_) | Next::Fail(_) => false,
        };
        let node = self.run(slot).inst(id).node;
        if goes_on && self.plan(slot).capability(node) == Some(Capability::Chat) {
            let end = why.floor_char_boundary(Failure::REFUSAL_BYTES_MAX);
            // What JSON would write in six bytes is nothing that a model has to read.
            let plain = |letter: char| if letter.is_control() && letter != '\n' { ' ' } else { letter };
            let told: String = why[..end].chars().map(plain).collect();
            self.run_mut(slot).inst_mut(id).refused = Some(told.into());
        }
    }

    /// By how many bytes what the next attempt is told makes its input longer, at most.
    pub(crate) fn told_bytes(&self, slot: Slot, id: InstId) -> u64 {
        let told = self.run(slot).inst(id).refused.as_ref();
        told.map_or(0, |told| FRAME.0 + FRAME.1 * told.len() as u64)
    }
}
