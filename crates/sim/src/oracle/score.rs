//! What an attempt is thought to cost on each of the targets that are free.

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_types::graph::Work;
use agendum_types::{Duration, Outcome, Prefix, RunId, TaskPath, Timestamp, Usage};

use super::{Flight, Reference};

/// What a target has read: what came lately, what came before that, and since when it counts as lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    young: BTreeSet<u64>,
    old: BTreeSet<u64>,
    since: Timestamp,
}

const QUARTER_HOUR: Duration = Duration::secs(900);

impl Read {
    fn knows(&self, prefix: &Prefix, now: Timestamp) -> u64 {
        let is_fresh = now.since(self.since) < Duration::secs(1_800);
        let known = |block: &&u64| is_fresh && (self.young.contains(block) || self.old.contains(block));
        prefix.0.iter().take_while(known).count() as u64
    }

    fn reads(&mut self, prefix: &Prefix, tokens: u64, now: Timestamp) {
        let half = (tokens / 512 / 2) as usize;
        let blocks: Vec<u64> = prefix.0.iter().take(half).copied().collect();
        let age = now.since(self.since);
        if self.young.len() + blocks.len() > half || age >= QUARTER_HOUR {
            self.old = std::mem::take(&mut self.young);
            if age >= Duration::secs(1_800) {
                self.old.clear();
            }
            self.since = now;
        }
        self.young.extend(blocks);
    }
}

impl Reference {
    /// The free ones of these, with what the attempt would cost there in time; none where there is nothing to weigh.
    pub(super) fn weighed(&self, id: RunId, path: &TaskPath, targets: &[usize]) -> Vec<(usize, Duration)> {
        let Work::Call(call) = &self.runs[&id].task(path).work else { return Vec::new() };
        let free: Vec<usize> = targets.iter().copied().filter(|target| self.is_free(*target)).collect();
        if free.len() < 2 || !call.requirement.allow.is_empty() {
            return Vec::new();
        }
        free.into_iter().map(|target| (target, self.score(id, path, target))).collect()
    }

    /// The one with the least, of those that are not the last resort if there are others.
    pub(super) fn lightest(&self, scores: &[(usize, Duration)]) -> Option<usize> {
        let first = |is_last: bool| {
            let of = scores.iter().filter(move |(target, _)| self.targets[*target].last_resort == is_last);
            let least = of.clone().map(|(_, score)| *score).min()?;
            of.clone().find(|(_, score)| *score == least).map(|(target, _)| *target)
        };
        first(false).or_else(|| first(true))
    }

    fn score(&self, id: RunId, path: &TaskPath, target: usize) -> Duration {
        let (run, row, rules) = (&self.runs[&id], &self.targets[target], self.policy.placement);
        let inst = &run.tasks[path];
        let estimate = &self.estimates[&run.graph.hash];
        let usual = estimate.usual(inst.node, self.bytes(id, path), self.policy.admission).filter(|_| inst.rung == 0);
        let speed = self.accounts.speeds.get(&row.name).copied().unwrap_or(1 << 20);
        let is_chance = (786_432..=1_310_720).contains(&speed);
        let speed = if is_chance { 1 << 20 } else { speed };
        let alone = u128::from(usual.unwrap_or(row.expected).0) * u128::from(speed) / (1 << 20);
        let running = self.flights.iter().filter(|flight| flight.target == target).count() as u128;
        let crowded = alone * (u128::from(rules.crowd) * running) / (100 * u128::from(row.concurrency_max));
        let tokens_in = self.bytes(id, path) / 4;
        let read = self.accounts.read.get(&row.name);
        let known = inst.prefix.as_deref().zip(read).map_or(0, |(prefix, read)| read.knows(prefix, self.now));
        let tokens_cached = tokens_in.min(512 * known);
        let unread = if inst.prefix.is_some() { tokens_in - tokens_cached } else { 0 };
        let made = estimate.made(inst.node, self.policy.admission).unwrap_or(256);
        let cap = match &run.task(path).work {
            Work::Call(call) => call.output_cap,
            Work::Group(_) => None,
        };
        let tokens_out = cap.map_or(made, |cap| made.min(cap.into()));
        let usage =
            Usage { tokens_in: tokens_in - tokens_cached, tokens_cached, tokens_out, calls: 1, ..Usage::default() };
        let dollar = self.policy.bands[self.band(id, path)].dollar;
        let cost = u128::from(row.price.cost(&usage).0) * u128::from(dollar.0) / 1_000_000_000_000;
        Duration((alone + crowded + u128::from(unread) * 1_000_000 / u128::from(rules.tokens_per_s) + cost) as u64)
    }

    /// It is sent there.
    pub(super) fn is_read(&mut self, id: RunId, path: &TaskPath, target: usize) {
        let Some(prefix) = self.runs[&id].tasks[path].prefix.clone() else { return };
        let (row, now) = (&self.targets[target], self.now);
        self.accounts.read.entry(Arc::clone(&row.name)).or_default().reads(&prefix, row.remembers, now);
    }

    /// It has ended.
    pub(super) fn shows_speed(&mut self, flight: &Flight, outcome: &Outcome) {
        let (Outcome::Succeeded(_), Some(expected)) = (outcome, flight.expected) else { return };
        let ratio = (self.now.since(flight.sent).0 * (1 << 20) / expected.0.max(1)).clamp(1 << 16, 1 << 24);
        let name = Arc::clone(&self.targets[flight.target].name);
        let speed = self.accounts.speeds.entry(name).or_insert(1 << 20);
        *speed = (*speed * 255 + ratio) / 256;
    }
}
