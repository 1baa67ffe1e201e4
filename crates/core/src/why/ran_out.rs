//! Why loops end before they are good.

use agendum_types::Hash;

/// Why a loop got no further round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RanOut {
    /// It had all the rounds that it may have.
    Rounds,
    /// `stop_if_same`: the round gave what the one before had given.
    Same,
    /// Its budget was spent.
    Budget,
    /// Its deadline passed.
    Deadline,
}

impl RanOut {
    /// Why a round that is not the end of its loop was the last, so far as its records say: money and time are no part of them.
    pub(crate) fn of_round(round: u32, rounds_max: u32, before: Option<Hash>, same: Option<Hash>) -> Option<Self> {
        if round >= rounds_max { Some(Self::Rounds) } else { same.filter(|_| before == same).map(|_| Self::Same) }
    }
}
