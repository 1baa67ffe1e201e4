//! What a target has read lately: a conversation that goes on is cheaper and sooner answered by who remembers how it began.
//!
//! It is a guess: providers and engines forget by rules of their own. So what is remembered here is kept in two halves. What is read comes into the
//! younger; once that is full, or old, it becomes the older one, and what was that is forgotten. The beginnings of an input are
//! at least as young as what follows, so that what is remembered of an input is always its beginning.

use agendum_types::{Duration, Prefix, Timestamp};

use crate::lookup::Lookup;

/// What was not read for so long, or for up to twice of it, is thought to be forgotten.
const KEEPS: Duration = Duration::secs(900);

/// Blocks of inputs, by the hash of all up to their end.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    young: Lookup<u64, ()>,
    old: Lookup<u64, ()>,
    /// When the younger half began.
    since: Timestamp,
}

impl Remembered {
    /// How many of the first blocks of an input it remembers.
    pub(crate) fn shared(&self, prefix: &Prefix, now: Timestamp) -> u64 {
        if now.since(self.since) >= KEEPS.plus(KEEPS) {
            return 0;
        }
        let is_known = |block: &u64| self.young.get(block).is_some() || self.old.get(block).is_some();
        prefix.0.partition_point(is_known) as u64
    }

    /// It reads an input, and remembers so many tokens in all.
    pub(crate) fn takes(&mut self, prefix: &Prefix, tokens: u64, now: Timestamp) {
        let half = usize::try_from(tokens / Prefix::BLOCK_TOKENS / 2).unwrap_or(usize::MAX);
        let blocks = &prefix.0[..prefix.0.len().min(half)];
        let age = now.since(self.since);
        let known = blocks.partition_point(|block| self.young.get(block).is_some());
        if self.young.len() + blocks.len() - known > half || age >= KEEPS {
            self.old = std::mem::take(&mut self.young);
            if age >= KEEPS.plus(KEEPS) {
                self.old = Lookup::default();
            }
            self.since = now;
        }
        for block in blocks {
            self.young.insert(*block, ());
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
        // Half of what it remembers is four blocks: the next three make them the older half.
        read.takes(&prefix(11..14), tokens, at(2));
        assert_eq!((read.shared(&prefix(1..6), at(3)), read.shared(&prefix(11..14), at(3))), (3, 3));
        read.takes(&prefix(21..24), tokens, at(4));
        assert_eq!((read.shared(&prefix(1..6), at(5)), read.shared(&prefix(11..14), at(5))), (0, 3));
        assert_eq!(read.shared(&prefix(21..24), at(4 + 1_800)), 0, "it was too long ago");
        read.takes(&prefix(31..60), tokens, at(6));
        assert_eq!(read.shared(&prefix(31..60), at(7)), 4, "of a long one it remembers the beginning");
        let mut none = Remembered::default();
        none.takes(&prefix(1..4), 0, at(0));
        assert_eq!(none.shared(&prefix(1..4), at(0)), 0);
    }
}
