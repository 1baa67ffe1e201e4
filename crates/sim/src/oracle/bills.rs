//! What bills have said was never spent, or was after all.

use agendum_types::{Money, Timestamp};

use super::Reference;

impl Reference {
    /// What bills have said before this life: the store has taken it off, and put on again.
    pub fn has_billed(&mut self, released: Vec<(Timestamp, Money, u64)>, recharged: Vec<(Timestamp, Money, u64)>) {
        (self.released, self.recharged) = (released, recharged);
    }

    /// So much of what was lost was never spent: whoever is queued for a cheaper target may have another, if a window limits it.
    pub(super) fn hear_release(&mut self, hour: Timestamp, money: Money, tokens: u64) {
        self.released.push((hour, money, tokens));
        let caps = self.windows.caps;
        let frees = money > Money::ZERO && caps.iter().any(|cap| cap.money.is_some())
            || tokens > 0 && caps.iter().any(|cap| cap.tokens.is_some());
        if frees {
            self.runs.keys().copied().collect::<Vec<_>>().into_iter().for_each(|run| self.has_more_targets(run));
        }
    }
}
