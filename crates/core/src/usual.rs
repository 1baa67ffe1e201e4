//! What attempts on a target come to, by how much they are given: what one counts for when it is sent, and what is set aside for it of what its provider lets
//! through in a minute.

use std::collections::BTreeMap;

use crate::checkpoint::UsualKept;
use crate::share::{mean_of, take_into};
use crate::sketch::quarter;

/// Attempts of a size after which those count alone; before, all of the target do.
const ALIKE_MIN: u32 = 4;

/// Means of the latest attempts on a target: of all, and of those that were given about as much.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usual {
    all: (u32, u64),
    /// By the quarter of a doubling of the bytes that they were given.
    by_size: BTreeMap<u8, (u32, u64)>,
}

impl Usual {
    pub(crate) fn kept(&self) -> UsualKept {
        UsualKept { all: self.all, by_size: self.by_size.iter().map(|(size, mean)| (*size, *mean)).collect() }
    }

    /// That of an earlier life: no mean is more than so much.
    pub(crate) fn remembered(kept: &UsualKept, most: u64) -> Self {
        let mean = |mean| {
            let (count, mean) = mean_of(mean);
            (count, mean.min(most))
        };
        Self { all: mean(kept.all), by_size: kept.by_size.iter().map(|(size, of)| (*size, mean(*of))).collect() }
    }

    /// What one comes to of which nobody knows how much it was given; `None` before any was seen.
    pub(crate) fn of_all(&self) -> Option<u64> {
        (self.all.0 > 0).then_some(self.all.1)
    }

    /// An attempt that was given so many bytes came to this.
    pub(crate) fn take(&mut self, bytes: u64, number: u64) {
        take_into(&mut self.all, number);
        take_into(self.by_size.entry(quarter(bytes)).or_default(), number);
    }

    /// What one comes to that is given so many bytes; `None` before so many were seen of any size.
    pub(crate) fn of(&self, bytes: u64, seen_min: u32) -> Option<u64> {
        let alike = self.by_size.get(&quarter(bytes)).filter(|(seen, _)| *seen >= ALIKE_MIN);
        (self.all.0 >= seen_min).then_some(alike.unwrap_or(&self.all).1)
    }
}

#[cfg(test)]
mod tests {
    use super::Usual;

    #[test]
    fn those_of_a_size_count_alone_once_there_are_some() {
        let mut usual = Usual::default();
        assert_eq!(usual.of(100, 1), None);
        for _ in 0..3 {
            usual.take(100, 10);
        }
        usual.take(9_000, 50);
        // As many as there are of 100 bytes are too few yet.
        assert_eq!([100, 9_000, 7].map(|bytes| usual.of(bytes, 4)), [Some(20); 3]);
        usual.take(101, 10);
        assert_eq!([100, 9_000, 7].map(|bytes| usual.of(bytes, 5)), [Some(10), Some(18), Some(18)]);
        assert_eq!(usual.of(100, 6), None);
    }
}
