//! What an attempt is thought to cost on each of the targets that are free.

use std::collections::BTreeSet;
use std::sync::Arc;

use agendum_types::graph::{Section, Work};
use agendum_types::{Class, Duration, Outcome, Prefix, RunId, TaskPath, Timestamp, Usage};

use super::{Flight, Reference};

/// What a target has read: the blocks of each time, the oldest first, each where it was read last.
#[derive(Clone, Debug, Default)]
pub(super) struct Read(Vec<Time>);

#[derive(Clone, Debug)]
struct Time {
    blocks: BTreeSet<u64>,
    from: Timestamp,
    to: Timestamp,
}

const TWENTY_MINUTES: Duration = Duration::secs(1_200);

impl Read {
    pub(super) fn knows(&self, prefix: &Prefix, now: Timestamp) -> u64 {
        let fresh = |time: &&Time| now.since(time.to) < TWENTY_MINUTES;
        let known = |block: &&u64| self.0.iter().filter(fresh).any(|time| time.blocks.contains(block));
        prefix.0.iter().take_while(known).count() as u64
    }

    fn reads(&mut self, prefix: &Prefix, tokens: u64, now: Timestamp) {
        let most = (tokens / 512) as usize;
        let blocks: Vec<u64> = prefix.0.iter().take(most).copied().collect();
        if blocks.is_empty() {
            return;
        }
        self.0.retain(|time| now.since(time.to) < TWENTY_MINUTES);
        let eighth = Duration(TWENTY_MINUTES.0 / 8);
        if self.0.last().is_none_or(|time| time.blocks.len() * 8 >= most || now.since(time.from) >= eighth) {
            self.0.push(Time { blocks: BTreeSet::new(), from: now, to: now });
        }
        self.0.iter_mut().for_each(|time| time.blocks.retain(|block| !blocks.contains(block)));
        let last = self.0.last_mut().expect("there is one");
        last.blocks.extend(blocks);
        last.to = now;
        while self.0.len() > 1 && self.0.iter().map(|time| time.blocks.len()).sum::<usize>() > most {
            self.0.remove(0);
        }
    }
}

/// How quick a target has shown itself to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// How long attempts took, and would usually have taken.
    pub(super) took: u64,
    pub(super) usual: u64,
    /// When the last of them ended.
    pub(super) at: Timestamp,
    /// How many microseconds later it is asked anew, if it is slow.
    pub(super) waits: u64,
    /// That was done, and it has not answered.
    pub(super) asked: bool,
}

impl Shown {
    /// In parts of 2^20: greater is slower, and a quarter is chance.
    fn ratio(&self) -> u128 {
        let ratio = u128::from(self.took) * (1 << 20) / u128::from(self.usual);
        if (786_432..=1_310_720).contains(&ratio) { 1 << 20 } else { ratio }
    }

    fn is_old(&self, now: Timestamp) -> bool {
        now.since(self.at).0 >= self.waits
    }
}

impl Reference {
    /// The free ones of these, with what the attempt would cost there in time, the best first; none where there is nothing to weigh.
    pub(super) fn weighed(&self, id: RunId, path: &TaskPath, targets: &[usize]) -> Vec<(usize, Duration)> {
        let Work::Call(call) = &self.runs[&id].task(path).work else { return Vec::new() };
        let free: Vec<usize> = targets.iter().copied().filter(|target| self.goes_to(id, path, *target)).collect();
        if free.len() < 2 || !call.requirement.allow.is_empty() {
            return Vec::new();
        }
        self.ranked(id, path, &free)
    }

    /// The target that it waits for though it is full, if that costs so much less than the next: until then.
    pub(super) fn worth_waiting(&self, id: RunId, path: &TaskPath, targets: &[usize]) -> Option<(usize, Timestamp)> {
        let run = &self.runs[&id];
        let Work::Call(call) = &run.task(path).work else { return None };
        let is_full = |target: usize| {
            let running = self.flights.iter().filter(|flight| flight.target == target).count();
            running >= self.at_once(target)
        };
        let open =
            |target: &&usize| self.closed[**target] <= self.now && !self.is_shut(**target) && self.is_in_pace(**target);
        let may = !self.taking_up && targets.len() > 1 && targets.iter().filter(open).any(|target| is_full(*target));
        if !may || !call.requirement.allow.is_empty() {
            return None;
        }
        let is_last = run.tasks[path].tries + 1 >= run.task(path).retry.attempts_max;
        let is_given_up = |target: usize| is_last && self.has_failed_on(id, path, target);
        let usual = targets.iter().filter(open).filter(|target| !self.targets[**target].last_resort);
        let usual = usual.filter(|target| !is_given_up(**target));
        let mut costs: Vec<_> = usual.map(|target| (self.costs(id, path, *target), *target)).collect();
        costs.sort_by_key(|((_, sum), _)| *sum);
        let ((alone, least), best) = *costs.first()?;
        let ((then, next), second) = *costs.get(1)?;
        let then = Duration(then as u64).plus(self.start(second, self.bytes(id, path)));
        let saves = Duration((next - least) as u64);
        let waits = |(of, path, _, targets): &(RunId, &TaskPath, &super::state::Rank, &[usize])| {
            **targets == [best] && self.runs[of].tasks[*path].queued_at < self.now
        };
        let before = self.queued().iter().filter(|of| waits(of)).count() as u128;
        let turn = alone * (before + 1) / self.at_once(best) as u128;
        // What follows has to be done in time too, and nothing has to without an end.
        let latest = self.latest_end(id, path).map(|end| end.before(then));
        let until = latest.into_iter().chain([run.tasks[path].ready_at.after(saves)]).min()?;
        let is_worth = is_full(best) && turn < next - least && until > self.now;
        (is_worth && self.hold(id, path, best).is_some()).then_some((best, until))
    }

    /// A task that waits for a target cannot pay for it, which is free: any other will do from now on.
    pub(super) fn waits_no_more(&mut self, id: RunId, path: &TaskPath) -> bool {
        let Some((best, _)) = self.runs[&id].tasks[path].best else { return false };
        let gives_up = self.goes_to(id, path, best) && self.hold(id, path, best).is_none();
        if gives_up {
            self.run(id).inst(path).best = None;
        }
        gives_up
    }

    /// The one with the least first, those that are the last resort behind all others.
    pub(super) fn ranked(&self, id: RunId, path: &TaskPath, targets: &[usize]) -> Vec<(usize, Duration)> {
        let scored = |last: bool| {
            let of = targets.iter().filter(move |target| self.targets[**target].last_resort == last);
            let mut of: Vec<_> = of.map(|target| (*target, self.score(id, path, *target))).collect();
            of.sort_by_key(|(_, score)| *score);
            let (late, in_time): (Vec<_>, Vec<_>) =
                of.into_iter().partition(|(target, _)| self.is_late(id, path, *target));
            let run = &self.runs[&id];
            let is_last = run.tasks[path].tries + 1 >= run.task(path).retry.attempts_max;
            let has_failed = |(target, _): &(usize, Duration)| is_last && self.has_failed_on(id, path, *target);
            let anew_last = |of: Vec<(usize, Duration)>| {
                let (failed, others): (Vec<_>, Vec<_>) = of.into_iter().partition(has_failed);
                [others, failed].concat()
            };
            [anew_last(in_time), anew_last(late)].concat()
        };
        [scored(false), scored(true)].concat()
    }

    /// What follows, or the task itself, would not be done in time if it were sent there.
    pub(super) fn is_late(&self, id: RunId, path: &TaskPath, target: usize) -> bool {
        let takes = Duration(self.costs(id, path, target).0 as u64).plus(self.start(target, self.bytes(id, path)));
        self.latest_end(id, path).is_some_and(|end| self.now.after(takes) > end)
    }

    pub(super) fn latest_end(&self, id: RunId, path: &TaskPath) -> Option<Timestamp> {
        let (run, inst) = (&self.runs[&id], &self.runs[&id].tasks[path]);
        let follows = self.estimates[&run.graph.hash].following(inst.node);
        let of_run = run.submitted.deadline.filter(|_| run.task(path).section == Section::Main);
        of_run.map(|deadline| deadline.before(follows)).into_iter().chain(inst.expires).min()
    }

    pub(super) fn score(&self, id: RunId, path: &TaskPath, target: usize) -> Duration {
        let (alone, sum) = self.costs(id, path, target);
        let running = self.flights.iter().filter(|flight| flight.target == target).count() as u128;
        let of = 100 * self.at_once(target) as u128;
        Duration((sum + alone * (u128::from(self.policy.placement.crowd) * running) / of) as u64)
    }

    /// What it takes on a target that has read all of it, and with what it costs to read it there, and in money.
    fn costs(&self, id: RunId, path: &TaskPath, target: usize) -> (u128, u128) {
        let (run, row, rules) = (&self.runs[&id], &self.targets[target], self.policy.placement);
        let inst = &run.tasks[path];
        let estimate = &self.estimates[&run.graph.hash];
        let usual = estimate.usual(inst.node, self.bytes(id, path), self.policy.admission).filter(|_| inst.rung == 0);
        let speed = self.accounts.speeds.get(&row.name).map_or(1 << 20, Shown::ratio);
        let is_idle = self.flights.iter().all(|flight| flight.target != target);
        let is_old = self.accounts.speeds.get(&row.name).is_some_and(|shown| shown.is_old(self.now));
        let speed = if is_idle && is_old { speed.min(1 << 20) } else { speed };
        let alone = u128::from(usual.unwrap_or(row.expected).0) * speed / (1 << 20);
        let (tokens_in, tokens_cached, unread) = self.tokens(id, path, target);
        let made = estimate.made(inst.node, self.policy.admission).unwrap_or(256);
        let cap = match &run.task(path).work {
            Work::Call(call) => call.output_cap,
            Work::Group(_) => None,
        };
        let tokens_out = cap.map_or(made, |cap| made.min(cap.into()));
        let usage =
            Usage { tokens_in: tokens_in - tokens_cached, tokens_cached, tokens_out, calls: 1, ..Usage::default() };
        let dollar = self.policy.bands[self.band(id, path)].dollar;
        let money = if row.price.is_free() { row.max_cost.unwrap_or_default() } else { row.price.cost(&usage) };
        let cost = u128::from(money.0) * u128::from(dollar.0) / 1_000_000_000_000;
        let tries = alone * 20 / (20 - self.failures(target).saturating_sub(1));
        let tries = if self.has_failed_on(id, path, target) { 2 * tries } else { tries };
        let start = u128::from(self.start(target, self.bytes(id, path)).0);
        (alone, tries + start + u128::from(unread) * 1_000_000 / u128::from(rules.tokens_per_s) + cost)
    }

    /// How long a target loads what has gone cold, and until it has so many bytes.
    pub(super) fn start(&self, target: usize, bytes: u64) -> Duration {
        let row = &self.targets[target];
        let moves = row.bytes_per_s.map_or(0, |rate| u128::from(bytes) * 1_000_000 / u128::from(rate));
        self.loads(target).plus(Duration(moves as u64))
    }

    pub(super) fn loads(&self, target: usize) -> Duration {
        let Some(cold) = self.targets[target].cold else { return Duration::ZERO };
        let is_idle = self.flights.iter().all(|flight| flight.target != target);
        let has_gone = self.accounts.knees.idle_since(target).is_none_or(|since| self.now.since(since) >= cold.after);
        let left = self.accounts.loads.get(&target).map_or(Duration::ZERO, |until| until.since(self.now));
        if is_idle && has_gone && left == Duration::ZERO { cold.start } else { left }
    }

    /// An attempt is about to be out there.
    pub(super) fn wakes(&mut self, target: usize) {
        if self.flights.iter().all(|flight| flight.target != target) {
            self.accounts.loads.insert(target, self.now.after(self.loads(target)));
        }
    }

    /// The tokens that it is given, those of them that the target has read, and those that it would read anew where that is known.
    fn tokens(&self, id: RunId, path: &TaskPath, target: usize) -> (u64, u64, u64) {
        let (inst, tokens_in) = (&self.runs[&id].tasks[path], self.bytes(id, path) / 4);
        let read = self.accounts.read.get(&self.targets[target].name);
        let known = inst.prefix.as_deref().zip(read).map_or(0, |(prefix, read)| read.knows(prefix, self.now));
        let cached = tokens_in.min(512 * known);
        (tokens_in, cached, if inst.prefix.is_some() { tokens_in - cached } else { 0 })
    }

    /// A second attempt there would read anew for a tenth of its time at most.
    pub(super) fn is_near(&self, id: RunId, path: &TaskPath, target: usize) -> bool {
        let unread = u128::from(self.tokens(id, path, target).2);
        let reading = unread * 1_000_000 / u128::from(self.policy.placement.tokens_per_s);
        reading * 10 <= self.costs(id, path, target).0
    }

    /// What an attempt that is sent now is expected to take, and how many tokens to give.
    pub(super) fn foretold(&self, id: RunId, path: &TaskPath) -> Option<(Duration, u64)> {
        let (run, rules) = (&self.runs[&id], self.policy.admission);
        let (inst, estimate) = (&run.tasks[path], &self.estimates[&run.graph.hash]);
        let usual = estimate.usual(inst.node, self.bytes(id, path), rules).filter(|_| inst.rung == 0);
        Some((usual?, estimate.made(inst.node, rules).unwrap_or_default()))
    }

    /// An attempt is about to be sent there: where what it showed is old, that asks it anew.
    pub(super) fn asks_anew(&mut self, target: usize) {
        let (now, is_idle) = (self.now, self.flights.iter().all(|flight| flight.target != target));
        let name = Arc::clone(&self.targets[target].name);
        let Some(shown) = self.accounts.speeds.get_mut(&name).filter(|_| is_idle) else { return };
        if shown.is_old(now) && shown.ratio() > 1 << 20 {
            (shown.at, shown.asked, shown.waits) = (now, true, (2 * shown.waits).min(3_600_000_000));
        }
    }

    /// It is sent there.
    pub(super) fn is_read(&mut self, id: RunId, path: &TaskPath, target: usize) {
        let Some(prefix) = self.runs[&id].tasks[path].prefix.clone() else { return };
        let (row, now) = (&self.targets[target], self.now);
        self.accounts.read.entry(Arc::clone(&row.name)).or_default().reads(&prefix, row.remembers, now);
    }

    /// It has ended.
    pub(super) fn shows_speed(&mut self, flight: &Flight, outcome: &Outcome) {
        let Some((usual, made)) = flight.expected else { return };
        let is_late = self.now.since(flight.sent).minus(flight.start) > usual;
        match outcome {
            Outcome::Succeeded(success) => {
                let usual = match u128::from(made) {
                    0 => usual.0,
                    made => {
                        (u128::from(usual.0) * (made + 4 * u128::from(success.usage.tokens_out)) / (5 * made)) as u64
                    }
                };
                self.takes_so_long(flight, usual);
            }
            // Who was stopped when it should long have ended is slow.
            Outcome::Failed(failure) if is_late => {
                if matches!(failure.class, Class::Timeout | Class::DeadlineExceeded | Class::Cancelled) {
                    self.takes_so_long(flight, usual.0);
                }
            }
            Outcome::Failed(_) => {}
        }
    }

    fn takes_so_long(&mut self, flight: &Flight, usual: u64) {
        if flight.is_cold {
            return;
        }
        let usual = usual.max(1);
        let took = self.now.since(flight.sent).minus(flight.start).0.clamp(usual / 16, usual * 16);
        let name = Arc::clone(&self.targets[flight.target].name);
        let of_none = Shown { took: 16 * usual, usual: 16 * usual, at: Timestamp(0), waits: 60_000_000, asked: false };
        let shown = self.accounts.speeds.entry(name).or_insert(of_none);
        if shown.asked {
            // What was before counts once.
            shown.took = (u128::from(shown.took) * u128::from(usual) / u128::from(shown.usual)) as u64;
            (shown.usual, shown.asked) = (usual, false);
        }
        shown.took = shown.took - shown.took / 128 + took;
        shown.usual = shown.usual - shown.usual / 128 + usual;
        shown.waits = if shown.ratio() > 1 << 20 { shown.waits } else { 60_000_000 };
        shown.at = self.now;
    }

    /// The first of two attempts has not ended when the second has: it would have taken longer.
    pub(super) fn is_slow(&mut self, id: RunId, path: &TaskPath) {
        let Some(first) = self.runs[&id].tasks[path].rival.clone() else { return };
        let is_first = |flight: &&Flight| {
            let of = &flight.attempt;
            (of.run, &of.path, of.attempt, of.incarnation) == (id, path, first.attempt, first.incarnation)
        };
        let Some(flight) = self.flights.iter().find(is_first).cloned() else { return };
        let (graph, node) = (Arc::clone(&self.runs[&id].graph), self.runs[&id].tasks[path].node);
        let (bytes, took) = (self.bytes(id, path), self.now.since(flight.sent));
        self.learns(&graph, node, bytes, (took, None));
        if let Some((usual, _)) = flight.expected {
            self.takes_so_long(&flight, usual.0);
        }
    }
}
