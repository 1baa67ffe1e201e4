//! Which of the targets that are free an attempt goes to: where it is thought to cost least, in time and in money.
//!
//! ```text
//! score = usual time x speed of the target x (1 + crowd x running / concurrency) + unread tokens / tokens_per_s + cost x dollar
//! ```
//!
//! What a target has not shown yet counts as usual; of targets that are alike the first of the table is taken. A target of last resort is taken where no
//! other is free. Where a graph allows certain targets, their order counts and nothing is weighed.

use agendum_types::graph::Work;
use agendum_types::{Duration, Outcome, Prefix, TargetId, Usage};
use smallvec::SmallVec;

use crate::inst::Flight;
use crate::queue::ClassId;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

/// The speed of a target that takes as long as others.
pub(crate) const USUAL: u64 = 1 << 20;
/// Each attempt moves the speed of its target by a part of the way to its own.
const SPEED_SAMPLES: u64 = 256;
/// So much more or less is chance: calls of one task differ by more than targets do.
const SPEED_NOISE: u64 = USUAL / 4;
/// No target counts as more than so many times slower or faster than others.
const SPEED_MAX: u64 = 16;
/// Output tokens of a task of which not enough was seen.
const TOKENS_OUT: u64 = 256;

/// The targets that were weighed, with what an attempt was thought to cost there.
pub(crate) type Scores = SmallVec<[(TargetId, Duration); 2]>;

/// What a task asks of a target, whichever that is.
struct Asked {
    usual: Option<Duration>,
    tokens_in: u64,
    tokens_out: u64,
    /// How much time a dollar is worth.
    dollar: Duration,
}

impl Scheduler {
    /// The free targets of a class, weighed for this task; none where there is nothing to weigh.
    pub(crate) fn weighed(&self, class: ClassId, slot: Slot, id: InstId) -> Scores {
        let candidates = self.board.queue.candidates(class);
        if candidates.len() < 2 || self.is_ordered(slot, id) {
            return Scores::new();
        }
        let asked = self.asked(slot, id);
        let prefix = self.board.run(slot).inst(id).prefix.as_deref();
        let free = candidates.iter().copied().filter(|target| self.targets.is_free(*target, self.now));
        let scores: Scores = free.map(|target| (target, self.score(target, &asked, prefix))).collect();
        if scores.len() < 2 { Scores::new() } else { scores }
    }

    /// True if the graph says in which order targets are to be taken.
    fn is_ordered(&self, slot: Slot, id: InstId) -> bool {
        let task = self.board.plan(slot).task(self.board.run(slot).inst(id).node);
        matches!(&task.work, Work::Call(call) if !call.requirement.allow.is_empty())
    }

    /// The best of those that were weighed.
    pub(crate) fn best(&self, scores: &Scores) -> Option<TargetId> {
        let rank = |(target, score): &(TargetId, Duration)| (self.targets.row(*target).target.last_resort, *score);
        scores.iter().min_by_key(|scored| rank(scored)).map(|(target, _)| *target)
    }

    fn asked(&self, slot: Slot, id: InstId) -> Asked {
        let (ask, bytes) = self.ask_of(slot, id);
        let node = self.board.run(slot).inst(id).node;
        let samples = self.policy.admission.samples;
        let made = self.board.plan(slot).made(node, samples).unwrap_or(TOKENS_OUT);
        Asked {
            usual: self.usual(slot, id),
            tokens_in: bytes / Prefix::TOKEN_BYTES,
            tokens_out: ask.cap.map_or(made, |cap| made.min(u64::from(cap))),
            dollar: self.policy.band(self.band_of(slot, id)).dollar,
        }
    }

    fn score(&self, target: TargetId, asked: &Asked, prefix: Option<&Prefix>) -> Duration {
        let (row, rules) = (self.targets.row(target), self.policy.placement);
        let speed = if row.speed.abs_diff(USUAL) <= SPEED_NOISE { USUAL } else { row.speed };
        let usual = asked.usual.unwrap_or(row.target.expected).as_micros();
        let alone = u128::from(usual) * u128::from(speed) / u128::from(USUAL);
        let crowd = u128::from(rules.crowd) * u128::from(row.running);
        let crowded = alone * crowd / (100 * u128::from(row.target.concurrency_max.max(1)));
        let shared = prefix.map_or(0, |prefix| row.read.shared(prefix, self.now) * Prefix::BLOCK_TOKENS);
        let cached = shared.min(asked.tokens_in);
        let unread = if prefix.is_some() { asked.tokens_in - cached } else { 0 };
        let reading = u128::from(unread) * 1_000_000 / u128::from(rules.tokens_per_s.max(1));
        let (tokens_in, tokens_out) = (asked.tokens_in - cached, asked.tokens_out);
        let usage = Usage { tokens_in, tokens_cached: cached, tokens_out, calls: 1, ..Usage::default() };
        let cost = u128::from(row.target.price.cost(&usage).0) * u128::from(asked.dollar.as_micros());
        let sum = alone + crowded + reading + cost / PICO;
        Duration(u64::try_from(sum).unwrap_or(u64::MAX))
    }

    /// An attempt has ended: how long its target took for it, beside how long that was expected to take.
    pub(crate) fn learn_speed(&mut self, flight: Flight, took: Duration, outcome: &Outcome) {
        if let (Outcome::Succeeded(_), Some(expected)) = (outcome, flight.expected) {
            let ratio = took.as_micros().saturating_mul(USUAL) / expected.as_micros().max(1);
            let ratio = ratio.clamp(USUAL / SPEED_MAX, USUAL * SPEED_MAX);
            let speed = &mut self.targets.row_mut(flight.target).speed;
            *speed = (*speed * (SPEED_SAMPLES - 1) + ratio) / SPEED_SAMPLES;
        }
    }
}

/// Pico-dollars of a dollar.
const PICO: u128 = 1_000_000_000_000;
