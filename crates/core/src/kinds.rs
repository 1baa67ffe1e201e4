//! What calls of a kind took, in whatever graph they stood: what is expected of a task that was never seen itself. A graph that runs once learns from its
//! own tasks, and a new graph from those before it.

use std::collections::VecDeque;

use agendum_types::Duration;
use agendum_types::graph::Kind;

use crate::checkpoint::Mean;
use crate::lookup::Lookup;
use crate::share::{mean_of, take_into};

/// Kinds that are kept; the one that was first seen longest ago goes, and is learned anew if it comes again.
pub const KINDS_MAX: usize = 4_096;

/// By kind, the mean of what succeeded: over about the last 32, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    seen: Lookup<Kind, (u32, u64)>,
    /// From the one first seen on.
    kept: VecDeque<Kind>,
}

impl Kinds {
    /// An attempt has succeeded that took so long.
    pub(crate) fn observe(&mut self, kind: Kind, took: Duration) {
        if let Some(seen) = self.seen.get_mut(&kind) {
            return take_into(seen, took.as_micros());
        }
        if self.kept.len() == KINDS_MAX
            && let Some(oldest) = self.kept.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.kept.push_back(kind);
        self.seen.insert(kind, (1, took.as_micros()));
    }

    /// All of them, from the one first seen on.
    pub(crate) fn kept(&self) -> Vec<(Kind, Mean)> {
        self.kept.iter().filter_map(|kind| Some((*kind, *self.seen.get(kind)?))).collect()
    }

    /// What an earlier life had seen.
    pub(crate) fn remember(&mut self, kept: Vec<(Kind, Mean)>) {
        for (kind, mean) in kept.into_iter().take(KINDS_MAX) {
            if self.seen.insert(kind, mean_of(mean)).is_none() {
                self.kept.push_back(kind);
            }
        }
    }

    /// What one of this kind takes on average; `None` while none was seen.
    pub(crate) fn mean(&self, kind: Kind) -> Option<Duration> {
        self.seen.get(&kind).map(|(_, mean)| Duration(*mean))
    }
}

#[cfg(test)]
mod tests {
    use agendum_types::Duration;
    use agendum_types::graph::Kind;

    use super::{KINDS_MAX, Kinds};

    #[test]
    fn so_many_kinds_are_kept() {
        let mut kinds = Kinds::default();
        for number in 0..=KINDS_MAX as u64 {
            kinds.observe(Kind(number), Duration(number));
            kinds.observe(Kind(number), Duration(number + 2));
        }
        assert_eq!([0, 1].map(|kind| kinds.mean(Kind(kind))), [None, Some(Duration(2))]);
        kinds.observe(Kind(0), Duration(9));
        assert_eq!([0, 1].map(|kind| kinds.mean(Kind(kind))), [Some(Duration(9)), None]);
    }
}
