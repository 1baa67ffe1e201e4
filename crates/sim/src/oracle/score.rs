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

    /// The target that it waits for though it is full, if that costs so much less than the next: until then.
    pub(super) fn worth_waiting(&self, id: RunId, path: &TaskPath, targets: &[usize]) -> Option<(usize, Timestamp)> {
        let run = &self.runs[&id];
        let Work::Call(call) = &run.task(path).work else { return None };
        let is_full = |target: usize| {
            let running = self.flights.iter().filter(|flight| flight.target == target).count();
            running >= self.targets[target].concurrency_max as usize
        };
        let open = |target: &&usize| self.closed[**target] <= self.now && self.is_in_pace(**target);
        let may = targets.len() > 1 && targets.iter().filter(open).any(|target| is_full(*target));
        if !may || !call.requirement.allow.is_empty() {
            return None;
        }
        let usual = targets.iter().filter(open).filter(|target| !self.targets[**target].last_resort);
        let mut costs: Vec<_> = usual.map(|target| (self.costs(id, path, *target), *target)).collect();
        costs.sort_by_key(|((_, sum), _)| *sum);
        let ((alone, least), best) = *costs.first()?;
        let ((_, next), _) = *costs.get(1)?;
        let saves = Duration((next - least) as u64);
        let before = self.queued().iter().filter(|(.., of)| **of == [best]).count() as u128;
        let turn = alone * (before + 1) / u128::from(self.targets[best].concurrency_max);
        let until = run.tasks[path].ready_at.after(saves);
        let is_worth = is_full(best) && turn < next - least && until > self.now;
        (is_worth && self.hold(id, path, best).is_some()).then_some((best, until))
    }

    /// A task that waits for a target cannot pay for it, which is free: any other will do from now on.
    pub(super) fn waits_no_more(&mut self, id: RunId, path: &TaskPath) -> bool {
        let Some((best, _)) = self.runs[&id].tasks[path].best else { return false };
        let gives_up = self.is_free(best) && self.hold(id, path, best).is_none();
        if gives_up {
            self.run(id).inst(path).best = None;
        }
        gives_up
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
        let (alone, sum) = self.costs(id, path, target);
        let running = self.flights.iter().filter(|flight| flight.target == target).count() as u128;
        let of = 100 * u128::from(self.targets[target].concurrency_max);
        Duration((sum + alone * (u128::from(self.policy.placement.crowd) * running) / of) as u64)
    }

    /// What it takes on a target that has read all of it, and with what it costs to read it there, and in money.
    fn costs(&self, id: RunId, path: &TaskPath, target: usize) -> (u128, u128) {
        let (run, row, rules) = (&self.runs[&id], &self.targets[target], self.policy.placement);
        let inst = &run.tasks[path];
        let estimate = &self.estimates[&run.graph.hash];
        let usual = estimate.usual(inst.node, self.bytes(id, path), self.policy.admission).filter(|_| inst.rung == 0);
        let shown = self.accounts.speeds.get(&row.name);
        let speed = shown.map_or(1 << 20, |(took, usual)| u128::from(*took) * (1 << 20) / u128::from(*usual));
        let is_chance = (786_432..=1_310_720).contains(&speed);
        let speed = if is_chance { 1 << 20 } else { speed };
        let alone = u128::from(usual.unwrap_or(row.expected).0) * speed / (1 << 20);
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
        (alone, alone + u128::from(unread) * 1_000_000 / u128::from(rules.tokens_per_s) + cost)
    }

    /// What an attempt that is sent now is expected to take, and how many tokens to give.
    pub(super) fn foretold(&self, id: RunId, path: &TaskPath) -> Option<(Duration, u64)> {
        let (run, rules) = (&self.runs[&id], self.policy.admission);
        let (inst, estimate) = (&run.tasks[path], &self.estimates[&run.graph.hash]);
        let usual = estimate.usual(inst.node, self.bytes(id, path), rules).filter(|_| inst.rung == 0);
        Some((usual?, estimate.made(inst.node, rules).unwrap_or_default()))
    }

    /// It is sent there.
    pub(super) fn is_read(&mut self, id: RunId, path: &TaskPath, target: usize) {
        let Some(prefix) = self.runs[&id].tasks[path].prefix.clone() else { return };
        let (row, now) = (&self.targets[target], self.now);
        self.accounts.read.entry(Arc::clone(&row.name)).or_default().reads(&prefix, row.remembers, now);
    }

    /// It has ended.
    pub(super) fn shows_speed(&mut self, flight: &Flight, outcome: &Outcome) {
        let (Outcome::Succeeded(success), Some((usual, made))) = (outcome, flight.expected) else { return };
        let usual = match u128::from(made) {
            0 => usual.0,
            made => (u128::from(usual.0) * (made + 4 * u128::from(success.usage.tokens_out)) / (5 * made)) as u64,
        };
        let usual = usual.max(1);
        let took = self.now.since(flight.sent).0.clamp(usual / 16, usual * 16);
        let name = Arc::clone(&self.targets[flight.target].name);
        let speed = self.accounts.speeds.entry(name).or_insert((16 * usual, 16 * usual));
        *speed = (speed.0 - speed.0 / 128 + took, speed.1 - speed.1 / 128 + usual);
    }
}
