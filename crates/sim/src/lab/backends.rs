//! Backends that are alike, each with slots of its own and a memory of what it has read: what it remembers of an input it need not read again.

use std::collections::BTreeMap;

use agendum_types::{Duration, Prefix};
use serde::Deserialize;

use super::workload::Round;
use super::workload::quantiles::Quantiles;
use crate::chance::Chance;

/// The constants of such a fleet.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backends {
    /// How many.
    pub count: u32,
    /// Calls that each takes at once.
    pub slots: u32,
    /// Tokens that each remembers; what was not read for longest is forgotten first.
    pub remembers: u64,
    /// A call takes what its record says, less what it would take to read what is remembered, at so many tokens a second.
    pub tokens_in_per_s: u64,
    /// Attempts that take longer by chance.
    #[serde(default)]
    pub stalls: Stalls,
    /// How many times as long as its record says an attempt takes, by chance; without it always once.
    #[serde(default)]
    pub luck: Option<Quantiles>,
}

/// Attempts that take longer by chance: another attempt of the same call has a chance of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stalls {
    /// So many of a thousand,
    pub per_mille: u32,
    /// by so many milliseconds.
    pub ms: u64,
}

/// Backends at work.
#[derive(Clone, Debug)]
pub struct Memory {
    spec: Backends,
    read: Vec<Blocks>,
    /// All that was ever read anywhere: nobody can remember more.
    ever: Blocks,
    /// Blocks that came, those that were remembered, and those that could have been.
    blocks: [u64; 3],
    busy: Vec<Duration>,
    chance: Chance,
}

/// What is remembered, the longest unread first.
#[derive(Clone, Debug, Default)]
struct Blocks {
    at: BTreeMap<u64, u64>,
    by_age: BTreeMap<u64, u64>,
    ticks: u64,
}

impl Blocks {
    fn known(&self, prefix: &Prefix) -> u64 {
        prefix.0.iter().take_while(|block| self.at.contains_key(block)).count() as u64
    }

    fn read(&mut self, prefix: &Prefix, most: u64) {
        // The beginning is forgotten last.
        for block in prefix.0.iter().rev() {
            self.ticks += 1;
            if let Some(before) = self.at.insert(*block, self.ticks) {
                self.by_age.remove(&before);
            }
            self.by_age.insert(self.ticks, *block);
        }
        while self.at.len() as u64 > most {
            let Some((_, oldest)) = self.by_age.pop_first() else { return };
            self.at.remove(&oldest);
        }
    }
}

impl Memory {
    /// Idle ones that have read nothing.
    #[must_use]
    pub fn new(spec: Backends, seed: u64) -> Self {
        let count = spec.count as usize;
        let read = vec![Blocks::default(); count];
        Self {
            spec,
            read,
            ever: Blocks::default(),
            blocks: [0; 3],
            busy: vec![Duration::ZERO; count],
            chance: Chance::new(seed),
        }
    }

    /// How many blocks of this beginning a backend remembers.
    #[must_use]
    pub fn known(&self, backend: usize, prefix: &Prefix) -> u64 {
        self.read[backend].known(prefix)
    }

    /// A call is taken up there: how long it takes.
    pub fn takes(&mut self, backend: usize, round: &Round) -> Duration {
        let stalls = self.chance.below(1_000) < u64::from(self.spec.stalls.per_mille);
        let stall = if stalls { Duration::millis(self.spec.stalls.ms) } else { Duration::ZERO };
        let luck = self.spec.luck.as_ref().map_or(1.0, |luck| luck.draw(&mut self.chance));
        let reads = self.reads(backend, round);
        let took = Duration((reads.as_micros() as f64 * luck) as u64).plus(stall);
        self.busy[backend] = self.busy[backend].plus(took);
        took
    }

    /// How long it takes if nothing comes between.
    fn reads(&mut self, backend: usize, round: &Round) -> Duration {
        let Some(prefix) = round.prefix.as_deref() else { return round.call.service };
        let known = self.read[backend].known(prefix);
        let tokens = (known * Prefix::BLOCK_TOKENS).min(round.call.tokens_in.into());
        let took = round.call.service.minus(Duration(tokens * 1_000_000 / self.spec.tokens_in_per_s.max(1)));
        for (sum, more) in self.blocks.iter_mut().zip([prefix.0.len() as u64, known, self.ever.known(prefix)]) {
            *sum += more;
        }
        self.read[backend].read(prefix, self.spec.remembers / Prefix::BLOCK_TOKENS);
        self.ever.read(prefix, u64::MAX);
        took
    }

    /// The share of blocks that were remembered, that share of what could have been, and how much more than the mean the busiest had to do.
    #[must_use]
    pub fn used(&self) -> [f64; 3] {
        let [all, known, could] = self.blocks.map(|count| count as f64);
        let busy: Vec<f64> = self.busy.iter().map(|span| span.as_micros() as f64).collect();
        let mean = busy.iter().sum::<f64>() / busy.len().max(1) as f64;
        let most = busy.iter().copied().fold(0.0, f64::max);
        [known / all.max(1.0), known / could.max(1.0), most / mean.max(1.0)]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agendum_types::{Duration, Prefix};

    use super::{Backends, Memory, Stalls};
    use crate::lab::workload::{Call, Round};

    #[test]
    fn what_is_remembered_is_not_read_again() {
        let spec = Backends {
            count: 2,
            slots: 1,
            remembers: 4 * 512,
            tokens_in_per_s: 1_024,
            stalls: Stalls::default(),
            luck: None,
        };
        let mut memory = Memory::new(spec, 1);
        let call = Call { service: Duration::secs(3), tokens_in: 1_500, tokens_out: 1, said: None };
        let round =
            |blocks: [u64; 3]| Round { call, prefix: Some(Arc::new(Prefix(blocks.to_vec()))), ..Round::default() };
        let mut takes = |backend, blocks| memory.takes(backend, &round(blocks)).as_micros();
        assert_eq!(takes(0, [1, 2, 3]), 3_000_000);
        assert_eq!(takes(0, [1, 2, 4]), 2_000_000);
        assert_eq!(takes(1, [1, 2, 4]), 3_000_000);
        assert_eq!(takes(0, [5, 6, 7]), 3_000_000);
        assert_eq!(takes(0, [1, 2, 3]), 2_500_000, "the end of what is old is forgotten first");
        let [share, of_bound, balance] = memory.used();
        assert_eq!((share, of_bound), (3.0 / 15.0, 3.0 / 8.0));
        assert!((balance - 10.5 / 6.75).abs() < 1e-9, "{balance}");
    }
}
