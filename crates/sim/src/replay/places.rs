//! The places that runs had which are left out: a replay has them free.

use agendum_types::Timestamp;
use serde::Serialize;

use super::Past;
use crate::lab::chart::Bar;

/// What runs that are left out had of the targets, in the time that is run again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Places {
    /// Their attempts.
    pub attempts: usize,
    /// How many of those were out at once at most.
    pub at_once: usize,
    /// Their part of the time of all attempts, from 0 to 1.
    pub share: f64,
    /// Runs of which not even that is known.
    pub unknown: usize,
}

impl Places {
    /// Of what is left out, between two instants.
    pub(super) fn of(past: &Past, from: Timestamp, to: Timestamp) -> Self {
        let inside = |bar: &&Bar| bar.target.is_some() && bar.began < to && bar.ended > from;
        let left: Vec<&Bar> = past.left_bars.iter().filter(inside).collect();
        let sum = |bars: &mut dyn Iterator<Item = &Bar>| -> f64 {
            bars.map(|bar| bar.ended.min(to).since(bar.began.max(from)).as_micros() as f64).sum()
        };
        let (theirs, others) = (sum(&mut left.iter().copied()), sum(&mut past.bars.iter().filter(inside)));
        let mut steps: Vec<(Timestamp, bool)> =
            left.iter().flat_map(|bar| [(bar.began, true), (bar.ended.max(bar.began), false)]).collect();
        // What ends at an instant is over when the next begins.
        steps.sort_unstable();
        let (mut out, mut at_once) = (0_usize, 0);
        for (_, begins) in steps {
            out = if begins { out + 1 } else { out.saturating_sub(1) };
            at_once = at_once.max(out);
        }
        let share = if theirs > 0.0 { theirs / (theirs + others) } else { 0.0 };
        Self { attempts: left.len(), at_once, share, unknown: past.left_unknown }
    }

    /// In a sentence; nothing where nothing was left out that had a place.
    pub(super) fn sentence(&self) -> Option<String> {
        let mut said = Vec::new();
        if self.attempts > 0 {
            said.push(format!(
                "what is left out had {} out, {} at once at most, {:.1} % of the time of all attempts: places that are free in each replay",
                if self.attempts == 1 { "1 attempt".to_owned() } else { format!("{} attempts", self.attempts) },
                self.at_once,
                100.0 * self.share
            ));
        }
        if self.unknown > 0 {
            let runs = if self.unknown == 1 { "of 1 run".to_owned() } else { format!("of {} runs", self.unknown) };
            said.push(format!("{runs} that cannot be read nobody knows what places they had"));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}
