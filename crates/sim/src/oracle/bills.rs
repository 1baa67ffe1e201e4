//! What an attempt cost; what bills have said was never spent, or was after all.

use agendum_types::{Money, Outcome, Timestamp};

use super::{Flight, Reference};

impl Flight {
    /// What an attempt cost, in money and tokens; what is not told is the worst case.
    pub(super) fn bill(&self, outcome: &Outcome, hold: Money, hold_tokens: u64) -> (Money, u64) {
        if let Some((spent, _)) = self.child {
            return (spent, outcome.usage().tokens());
        }
        if outcome.is_unreported() && (hold > Money::ZERO || hold_tokens > 0) {
            return (hold, hold_tokens);
        }
        (self.price.cost(outcome.usage()), outcome.usage().tokens())
    }
}

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
