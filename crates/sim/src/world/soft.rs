//! What a life has learned, and whether the next is told. By dice of its own: what else a seed plays does not hang on it but for what follows from that.

use agendum_core::Checkpoint;
use agendum_types::{Duration, Seq, Timestamp};

use super::{Faults, World};
use crate::chance::Chance;
use crate::oracle::Memory;

/// How old a checkpoint may be when the process dies.
const AGE_MAX: Duration = Duration::secs(1);

/// Checkpoints of a world.
pub(super) struct Soft {
    dice: Chance,
    is_on: bool,
    taken: Vec<Taken>,
    /// The record after which it was looked at last whether one is taken.
    looked: Seq,
}

/// What the core had learned, and what the reference had.
#[derive(Clone)]
pub(super) struct Taken {
    at: Timestamp,
    checkpoint: Checkpoint,
    memory: Memory,
}

impl Soft {
    /// In some worlds that come to an end more than once lives tell each other what they have learned.
    pub(super) fn of(seed: u64, faults: Faults) -> Self {
        let mut dice = Chance::new(seed ^ 0x736F_6674);
        let is_on = faults.unrest && dice.hits(40);
        Self { dice, is_on, taken: Vec::new(), looked: Seq(0) }
    }

    /// Other dice, with the checkpoints up to this record.
    pub(super) fn cut(&self, seq: Seq) -> Self {
        let taken = self.taken.iter().filter(|taken| taken.checkpoint.seq <= seq).cloned().collect();
        Self { dice: Chance::new(seq.0 ^ 0x736F_6674), is_on: self.is_on, taken, looked: seq }
    }
}

impl World {
    /// An event is over; or the process is told to stop, and has said so.
    pub(super) fn takes_checkpoint(&mut self, surely: bool) {
        let soft = &mut self.soft;
        let is_new = std::mem::replace(&mut soft.looked, self.core.last_seq()) != self.core.last_seq();
        let may = soft.is_on && self.played.violations.is_empty();
        let often = if self.keeps_all { 20 } else { 10 };
        if !may || !(surely || is_new && soft.dice.hits(often)) {
            return;
        }
        let checkpoint = self.core.checkpoint();
        let taken = Taken { at: self.now, memory: self.reference.memory(checkpoint.is_last), checkpoint };
        if !self.keeps_all {
            let durable = self.durable;
            // The last that a crash may find is kept, whatever comes.
            let last = soft.taken.iter().rposition(|taken| taken.checkpoint.seq <= durable).unwrap_or(0);
            soft.taken.drain(..last.saturating_sub(4));
        }
        soft.taken.push(taken);
    }

    /// What the next life is told, if anything: of what was taken in the last second before this record was the last.
    pub(super) fn tells(&mut self, kept: Seq) -> Option<Taken> {
        if !self.played.violations.is_empty() {
            return None;
        }
        let soft = &mut self.soft;
        soft.looked = kept;
        soft.taken.retain(|taken| taken.checkpoint.seq <= kept);
        let died = self.journal.last().map_or(Timestamp(0), |entry| entry.at);
        let fresh: Vec<_> = soft.taken.iter().filter(|taken| died.since(taken.at) <= AGE_MAX).collect();
        let place = soft.dice.below(fresh.len() as u64) as usize;
        let told = fresh.get(place).map(|taken| Taken::clone(taken));
        if told.is_some() {
            self.played.kinds.insert("remembered");
        }
        told
    }
}

impl Taken {
    pub(super) fn into_parts(self) -> (Checkpoint, Memory) {
        (self.checkpoint, self.memory)
    }
}
