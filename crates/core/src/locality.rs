//! What a target has read lately: a conversation that goes on is cheaper and sooner answered by who remembers how it began.
//!
//! It is a guess: providers and engines forget by rules of their own. Here it is what was not read for longest that is forgotten, in rounds of an eighth of
//! what is remembered in all: what is read belongs to the round of now, and the oldest round goes where there is too much. The beginnings of an input were
//! read as lately as what follows, so that what is remembered of an input is always its beginning.

use std::collections::VecDeque;

use agendum_types::{Duration, Prefix, Timestamp};

use crate::lookup::Lookup;

/// What was not read for so long is thought to be forgotten.
const KEEPS: Duration = Duration::secs(1_200);
/// A round is so many-th of what is remembered, and of [`KEEPS`], at most.
const ROUNDS: u64 = 8;

/// Blocks of inputs, by the hash of all up to their end.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// In which round a block was read last: of one that has gone, it is forgotten.
    read: Lookup<u64, u64>,
    rounds: VecDeque<Round>,
    /// The number of the oldest round.
    first: u64,
    /// Blocks of all rounds.
    blocks: u64,
}

/// What was read last at about the same time.
#[derive(Debug)]
struct Round {
    blocks: u64,
    since: Timestamp,
    until: Timestamp,
}

impl Remembered {
    /// How many of the first blocks of an input it remembers.
    pub(crate) fn shared(&self, prefix: &Prefix, now: Timestamp) -> u64 {
        let gone = self.rounds.iter().take_while(|round| now.since(round.until) >= KEEPS).count() as u64;
        let known = |block: &u64| self.read.get(block).is_some_and(|round| *round >= self.first + gone);
        prefix.0.partition_point(known) as u64
    }

    /// It reads an input, and remembers so many tokens in all.
    pub(crate) fn takes(&mut self, prefix: &Prefix, tokens: u64, now: Timestamp) {
        let most = tokens / Prefix::BLOCK_TOKENS;
        let blocks = &prefix.0[..prefix.0.len().min(usize::try_from(most).unwrap_or(usize::MAX))];
        if blocks.is_empty() {
            return;
        }
        let number = self.round_of(most, now);
        for block in blocks {
            let before = self.read.insert(*block, number);
            match before.and_then(|before| self.rounds.get_mut(usize::try_from(before.checked_sub(self.first)?).ok()?))
            {
                Some(round) => round.blocks -= 1,
                None => self.blocks += 1,
            }
            if let Some(round) = self.rounds.back_mut() {
                round.blocks += 1;
            }
        }
        while self.blocks > most && self.rounds.len() > 1 {
            self.forget_oldest();
        }
        if self.read.len() as u64 > 2 * most + ROUNDS {
            let first = self.first;
            self.read.retain(|_, round| *round >= first);
        }
    }

    /// The number of the round in which something is read now.
    fn round_of(&mut self, most: u64, now: Timestamp) -> u64 {
        while self.rounds.front().is_some_and(|round| now.since(round.until) >= KEEPS) {
            self.forget_oldest();
        }
        let is_over = |round: &Round| {
            round.blocks >= most.div_ceil(ROUNDS) || now.since(round.since).as_micros() >= KEEPS.as_micros() / ROUNDS
        };
        if self.rounds.back().is_none_or(is_over) {
            self.rounds.push_back(Round { blocks: 0, since: now, until: now });
        }
        if let Some(round) = self.rounds.back_mut() {
            round.until = now;
        }
        self.first + self.rounds.len() as u64 - 1
    }

    fn forget_oldest(&mut self) {
        if let Some(round) = self.rounds.pop_front() {
            self.blocks -= round.blocks;
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use agendum_types::{Duration, Prefix, Timestamp};

    use super::Remembered;

    #[test]
    fn the_beginning_of_what_was_read_is_remembered_for_a_while() {
        let at = |secs| Timestamp(0).after(Duration::secs(secs));
        let prefix = |blocks: std::ops::Range<u64>| Prefix(blocks.collect());
        let mut read = Remembered::default();
        let tokens = 8 * Prefix::BLOCK_TOKENS;
        read.takes(&prefix(1..4), tokens, at(0));
        assert_eq!(read.shared(&prefix(1..6), at(1)), 3);
        assert_eq!(read.shared(&prefix(2..6), at(1)), 2, "a hash says all that is before it");
        // There is room for eight blocks: those that were read first go.
        read.takes(&prefix(11..14), tokens, at(2));
        assert_eq!((read.shared(&prefix(1..6), at(3)), read.shared(&prefix(11..14), at(3))), (3, 3));
        read.takes(&prefix(21..24), tokens, at(4));
        assert_eq!((read.shared(&prefix(1..6), at(5)), read.shared(&prefix(11..14), at(5))), (0, 3));
        assert_eq!(read.shared(&prefix(21..24), at(4 + 1_800)), 0, "it was too long ago");
        read.takes(&prefix(31..60), tokens, at(6));
        assert_eq!(read.shared(&prefix(31..60), at(7)), 8, "of a long one it remembers the beginning");
        // What is read again stays.
        let mut read = Remembered::default();
        for second in 0..9 {
            read.takes(&prefix(1..3), tokens, at(second));
            read.takes(&prefix(10 * (second + 1)..10 * (second + 1) + 2), tokens, at(second));
        }
        let known = |block: u64| read.shared(&prefix(block..block + 2), at(9));
        assert_eq!([1, 70, 80, 90].map(known), [2, 2, 2, 2]);
        assert_eq!(known(50), 0);
        let mut none = Remembered::default();
        none.takes(&prefix(1..4), 0, at(0));
        assert_eq!(none.shared(&prefix(1..4), at(0)), 0);
    }
}
