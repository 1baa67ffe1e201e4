//! Which of the targets that are free an attempt goes to: where it is thought to cost least, in time and in money.
//!
//! ```text
//! score = usual time x speed of the target x (tries + crowd x running / concurrency) + start + unread tokens / tokens_per_s + cost x dollar
//! ```
//!
//! `tries`: where a part of its latest attempts failed, it has to be done so much more often; `start`: what it loads first, and until it has its input
//! ([`warm`](crate::warm)).
//!
//! What a target has not shown yet counts as usual, and that it is slow does not count for ever ([`speed`](crate::speed)); of targets that are alike the first
//! of the table is taken. A target of last resort is taken where no other is free; one that the budget does not cover is passed over for the next, which
//! counts as a lower one. Where a graph allows certain targets, their order counts and nothing is weighed. Where a deadline is near, a target on which it
//! would not be kept is taken only if it would be kept on none. Where an attempt has failed through the fault of its target, that counts as if
//! it took twice as long, the last attempt goes elsewhere if it can, and the graph's order begins behind it.

use agendum_types::graph::{Section, Work};
use agendum_types::{Class, Duration, Outcome, Prefix, TargetId, Timestamp, Usage};
use smallvec::SmallVec;

use crate::board::Board;
use crate::inst::{Flight, State};
use crate::plan::Observed;
use crate::queue::{ClassId, Ticket};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;
use crate::speed::{self, USUAL};
use crate::targets::TargetRow;
use crate::timers::Timer;

/// A second attempt goes where what it reads anew takes no more than the so many-th part of its time. Where conversations are long it would else read for
/// longer than the first one was slow.
const NEAR: u128 = 10;
/// Output tokens of a task of which not enough was seen.
const TOKENS_OUT: u64 = 256;

/// The targets that were weighed, with what an attempt was thought to cost there.
pub(crate) type Scores = SmallVec<[(TargetId, Duration); 2]>;

/// What a task asks of a target, whichever that is.
struct Asked {
    usual: Option<Duration>,
    bytes: u64,
    tokens_in: u64,
    tokens_out: u64,
    /// How much time a dollar is worth.
    dollar: Duration,
    /// Where an attempt of it failed, through the target's fault.
    failed_on: SmallVec<[TargetId; 2]>,
    /// There is one more attempt.
    is_last: bool,
}

impl Asked {
    /// How long it takes on a target that has read all of it.
    fn takes(&self, row: &TargetRow, now: Timestamp) -> Duration {
        let usual = self.usual.unwrap_or(row.target.expected).as_micros();
        let micros = u128::from(usual) * u128::from(row.speed.of_next(row.running == 0, now)) / u128::from(USUAL);
        Duration(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The same with what it takes until the target works on it.
    fn takes_in_all(&self, row: &TargetRow, now: Timestamp) -> Duration {
        self.takes(row, now).plus(row.start(self.bytes, now))
    }
}

impl Board {
    /// Whoever leaves the queue waits for no target.
    pub(crate) fn forget_hold(&mut self, slot: Slot, id: InstId, ticket: &Ticket) {
        if let Some(until) = ticket.held {
            self.timers.clear(until, Timer::Spill(slot, id));
            self.queue.candidates(ticket.class).iter().for_each(|target| _ = self.held.remove(&(*target, slot, id)));
        }
    }
}

impl Scheduler {
    /// The free targets of a class, weighed for this task, the best first; none where there is nothing to weigh.
    pub(crate) fn weighed(&self, class: ClassId, slot: Slot, id: InstId) -> Scores {
        let candidates = self.board.queue.candidates(class);
        if candidates.len() < 2 || self.is_ordered(slot, id) {
            return Scores::new();
        }
        let free = candidates.iter().copied().filter(|target| self.targets.is_free(*target, self.now));
        let free: SmallVec<[TargetId; 4]> = free.collect();
        if free.len() < 2 { Scores::new() } else { self.scores(slot, id, &free) }
    }

    /// What an attempt of this task would cost on each of these targets, the best first.
    pub(crate) fn scores(&self, slot: Slot, id: InstId, targets: &[TargetId]) -> Scores {
        let (asked, ends) = (self.asked(slot, id), self.latest_end(slot, id));
        let prefix = self.board.run(slot).inst(id).prefix.as_deref();
        let mut scores: Scores = targets.iter().map(|target| (*target, self.score(*target, &asked, prefix))).collect();
        scores.sort_by_cached_key(|(target, score)| {
            let row = self.targets.row(*target);
            let is_late = self.now.after(asked.takes_in_all(row, self.now)) > ends;
            (row.target.last_resort, is_late, asked.is_last && asked.failed_on.contains(target), *score)
        });
        scores
    }

    /// True if an attempt that is sent there now would not have ended in time.
    pub(crate) fn is_late_on(&self, slot: Slot, id: InstId, target: TargetId) -> bool {
        let takes = self.asked(slot, id).takes_in_all(self.targets.row(target), self.now);
        self.now.after(takes) > self.latest_end(slot, id)
    }

    /// The target that is worth waiting for though it is full, and until when: for no longer than the next best would cost more, nor until that could not
    /// end in time any more. Asked when the task is queued. Nobody waits for what is closed, for what will not be free by then, or for what cannot be paid
    /// for.
    pub(crate) fn worth_waiting(&self, class: ClassId, slot: Slot, id: InstId) -> Option<(TargetId, Timestamp)> {
        let candidates = self.board.queue.candidates(class);
        let takes = |target: &TargetId| self.targets.is_open(*target, self.now);
        // What is left of an earlier life goes where there is room.
        let may = !self.taking_up
            && candidates.len() > 1
            && candidates.iter().any(|target| self.targets.is_full(*target) && takes(target));
        if !may || self.is_ordered(slot, id) {
            return None;
        }
        let asked = self.asked(slot, id);
        let prefix = self.board.run(slot).inst(id).prefix.as_deref();
        let may_be = |target: &TargetId| {
            let is_given_up = asked.is_last && asked.failed_on.contains(target);
            takes(target) && !is_given_up && !self.targets.row(*target).target.last_resort
        };
        let open = candidates.iter().copied().filter(may_be);
        let mut costs: Scores = open.map(|target| (target, self.cost(target, &asked, prefix))).collect();
        costs.sort_by_key(|(_, cost)| *cost);
        let [(best, least), (second, next), ..] = *costs.as_slice() else { return None };
        let row = self.targets.row(best);
        let before = self.board.queue.before_at(best, self.now);
        let turns = u128::from(asked.takes(row, self.now).as_micros()) * u128::from(before + 1);
        let turn = Duration(u64::try_from(turns / u128::from(row.limit())).unwrap_or(u64::MAX));
        let saves = next.minus(least);
        let ends = self.latest_end(slot, id);
        let then = asked.takes_in_all(self.targets.row(second), self.now);
        let latest = if ends == Timestamp::MAX { ends } else { ends.before(then) };
        let until = self.board.run(slot).inst(id).ready_at.after(saves).min(latest);
        let is_worth = self.targets.is_full(best) && turn < saves && until > self.now;
        (is_worth && self.afford_on(slot, id, best).is_ok()).then_some((best, until))
    }

    /// When the task has to have ended, so that what follows can be in time; [`Timestamp::MAX`] without a deadline.
    pub(crate) fn latest_end(&self, slot: Slot, id: InstId) -> Timestamp {
        let (run, plan) = (self.board.run(slot), self.board.plan(slot));
        let inst = run.inst(id);
        let of_run = run.deadline.filter(|_| plan.task(inst.node).section == Section::Main);
        let of_run = of_run.map(|deadline| deadline.before(plan.following(inst.node)));
        of_run.unwrap_or(Timestamp::MAX).min(inst.expires)
    }

    pub(crate) fn waits_for_best(&self, slot: Slot, id: InstId) -> bool {
        matches!(&self.board.run(slot).inst(id).state, State::Queued(ticket) if ticket.held.is_some())
    }

    /// It has waited for its best target for as long as that was worth, or cannot pay for that: the best that is free will do.
    pub(crate) fn spill(&mut self, slot: Slot, id: InstId) {
        if !self.waits_for_best(slot, id) {
            return;
        }
        match self.class_of(slot, id) {
            Some(class) => self.requeue(slot, id, class, false),
            // No target may see its input any more: that is told where it is taken up.
            None => {
                self.unqueue(slot, id);
                self.take(slot, id);
            }
        }
    }

    /// A target takes nothing for a while: whoever waits for it though another would do, does so no longer.
    pub(crate) fn let_go_of(&mut self, target: TargetId) {
        let of = (target, Slot(0), InstId(0))..(TargetId(target.0 + 1), Slot(0), InstId(0));
        let held: Vec<_> = self.board.held.range(of).map(|(_, slot, id)| (*slot, *id)).collect();
        held.into_iter().for_each(|(slot, id)| self.spill(slot, id));
    }

    /// True if the graph says in which order targets are to be taken.
    pub(crate) fn is_ordered(&self, slot: Slot, id: InstId) -> bool {
        let task = self.board.plan(slot).task(self.board.run(slot).inst(id).node);
        matches!(&task.work, Work::Call(call) if !call.requirement.allow.is_empty())
    }

    fn asked(&self, slot: Slot, id: InstId) -> Asked {
        let (ask, bytes) = self.ask_of(slot, id);
        let inst = self.board.run(slot).inst(id);
        let samples = self.policy.admission.samples;
        let made = self.board.plan(slot).made(inst.node, samples).unwrap_or(TOKENS_OUT);
        let failed_on = inst.failed_on().iter().filter_map(|name| self.targets.find_id(name)).collect();
        Asked {
            usual: self.usual(slot, id),
            bytes,
            tokens_in: bytes / Prefix::TOKEN_BYTES,
            tokens_out: ask.cap.map_or(made, |cap| made.min(u64::from(cap))),
            dollar: self.policy.band(self.band_of(slot, id)).dollar,
            failed_on,
            is_last: self.is_last_try(slot, id),
        }
    }

    /// What it costs there, for what else is out there.
    fn score(&self, target: TargetId, asked: &Asked, prefix: Option<&Prefix>) -> Duration {
        let row = self.targets.row(target);
        let crowd = u128::from(self.policy.placement.crowd) * u128::from(row.running);
        let crowded = u128::from(asked.takes(row, self.now).as_micros()) * crowd / (100 * u128::from(row.limit()));
        self.cost(target, asked, prefix).plus(Duration(u64::try_from(crowded).unwrap_or(u64::MAX)))
    }

    /// False if a second attempt there would read anew for more than a small part of the time that it takes: what the first had not to read, it is behind.
    pub(crate) fn is_near(&self, slot: Slot, id: InstId, target: TargetId) -> bool {
        let Some(prefix) = self.board.run(slot).inst(id).prefix.as_deref() else { return true };
        let asked = self.asked(slot, id);
        let (_, unread) = self.cached(target, &asked, Some(prefix));
        self.reading(unread) * NEAR <= u128::from(asked.takes(self.targets.row(target), self.now).as_micros())
    }

    /// Of the tokens that it is given those that the target has read, and those that it would read anew.
    fn cached(&self, target: TargetId, asked: &Asked, prefix: Option<&Prefix>) -> (u64, u64) {
        let Some(prefix) = prefix else { return (0, 0) };
        let cached =
            (self.targets.row(target).read.shared(prefix, self.now) * Prefix::BLOCK_TOKENS).min(asked.tokens_in);
        (cached, asked.tokens_in - cached)
    }

    /// How long it takes to read so many tokens, in microseconds.
    fn reading(&self, tokens: u64) -> u128 {
        u128::from(tokens) * 1_000_000 / u128::from(self.policy.placement.tokens_per_s.max(1))
    }

    /// What it costs there alone.
    fn cost(&self, target: TargetId, asked: &Asked, prefix: Option<&Prefix>) -> Duration {
        let row = self.targets.row(target);
        let (cached, unread) = self.cached(target, asked, prefix);
        let (tokens_in, tokens_out) = (asked.tokens_in - cached, asked.tokens_out);
        let usage = Usage { tokens_in, tokens_cached: cached, tokens_out, calls: 1, ..Usage::default() };
        let price = row.target.price;
        let money = if price.is_free() { row.target.max_cost.unwrap_or_default() } else { price.cost(&usage) };
        let cost = u128::from(money.0) * u128::from(asked.dollar.as_micros());
        let takes = row.breaker.tries(asked.takes(row, self.now).as_micros().into(), &self.policy.limits, self.now);
        let takes = if asked.failed_on.contains(&target) { 2 * takes } else { takes };
        let start = row.start(asked.bytes, self.now).as_micros();
        let sum = takes + u128::from(start) + self.reading(unread) + cost / PICO;
        Duration(u64::try_from(sum).unwrap_or(u64::MAX))
    }

    /// What an attempt that is sent now is expected to take, as far as enough was seen: to learn from how long it takes.
    pub(crate) fn foretold(&self, slot: Slot, id: InstId) -> Option<Foretold> {
        let node = self.board.run(slot).inst(id).node;
        let made = self.board.plan(slot).made(node, self.policy.admission.samples);
        self.usual(slot, id).map(|took| Foretold { took, made: made.unwrap_or_default() })
    }

    /// An attempt has ended: how long its target took for it, beside how long it would usually have taken for as much output. One that was cut off after that
    /// would have taken longer still.
    pub(crate) fn learn_speed(&mut self, flight: Flight, took: Duration, outcome: &Outcome) {
        let Some(foretold) = flight.foretold else { return };
        match outcome {
            Outcome::Succeeded(success) => {
                self.shows_speed(flight, took, foretold.for_output(success.usage.tokens_out));
            }
            Outcome::Failed(failure) if is_cut_off(failure.class) && took.minus(flight.start) > foretold.took => {
                self.shows_speed(flight, took, foretold.took);
            }
            Outcome::Failed(_) => {}
        }
    }

    fn shows_speed(&mut self, flight: Flight, took: Duration, usual: Duration) {
        // How long it really loaded is not known.
        if flight.is_cold {
            return;
        }
        let usual = usual.as_micros().max(1);
        let took = took.minus(flight.start).as_micros().clamp(usual / speed::MAX, usual.saturating_mul(speed::MAX));
        let now = self.now;
        self.targets.row_mut(flight.target).speed.takes(took, usual, now);
    }

    /// The attempt that was slow is still out when the one beside it has succeeded: it would have taken longer than that, which is learned of its task
    /// and its target. Were it left out, what is slow would look ever quicker.
    pub(crate) fn learn_from_slow(&mut self, slot: Slot, id: InstId) {
        let inst = self.board.run(slot).inst(id);
        let flight = inst.running().and_then(|running| running.rival.as_deref()).and_then(|rival| rival.flight);
        let (Some(flight), node) = (flight, inst.node) else { return };
        let took = self.now.since(flight.sent);
        self.learn(slot, Observed { node, bytes: self.ask_of(slot, id).1, took, tokens_out: None });
        if let Some(foretold) = flight.foretold {
            self.shows_speed(flight, took, foretold.took);
        }
    }
}

/// True of what was stopped before it could end by itself.
const fn is_cut_off(class: Class) -> bool {
    matches!(class, Class::Timeout | Class::DeadlineExceeded | Class::Cancelled)
}

/// What an attempt was expected to take when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foretold {
    took: Duration,
    /// The output tokens of such attempts; zero if they have none, or are not known.
    made: u64,
}

impl Foretold {
    /// The whole of it.
    pub(crate) const fn took(&self) -> Duration {
        self.took
    }

    /// The same now that it is known how much it gave: a fifth of the time is for what does not hang on that.
    fn for_output(self, tokens_out: u64) -> Duration {
        if self.made == 0 {
            return self.took;
        }
        let micros = u128::from(self.took.as_micros()) * (u128::from(self.made) + 4 * u128::from(tokens_out));
        Duration(u64::try_from(micros / (5 * u128::from(self.made))).unwrap_or(u64::MAX))
    }
}

/// Pico-dollars of a dollar.
const PICO: u128 = 1_000_000_000_000;
