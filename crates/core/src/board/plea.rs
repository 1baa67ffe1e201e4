//! Tasks that ask for more than the budget of their run, as the records say.

use agendum_types::{Plea, Seq};

use crate::board::Board;
use crate::plea::Asked;
use crate::run::{InstId, Slot};

impl Board {
    /// It asks; for another amount than before it still asks since then.
    pub(super) fn pleaded(&mut self, slot: Slot, id: InstId, plea: &Plea, seq: Seq) {
        let (at, needs) = (self.at, (plea.needs, plea.needs_tokens));
        let pleas = &mut self.run_mut(slot).pleas;
        pleas.entry(id).or_insert(Asked { since: at, seq, needs }).needs = needs;
    }
}
