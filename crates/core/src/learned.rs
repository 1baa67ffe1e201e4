//! How many attempts a target gets at once that turns part of them away.
//!
//! What is too much for it, it turns away at once: overloaded, or not there. Where that is a share of what it is sent, it gets as many at once as it has
//! held of late (in those two seconds in which that were most), a twentieth more, and one, so that it is found when there is room again. The rest waits in
//! the queue, where order counts, and not one by one in pauses that grow: what follows on an attempt that was turned away comes after the first pause of
//! its task, however often that was tried, since the limit holds it back.
//!
//! That is looked at anew whenever an attempt there has ended, and is over when none is remembered any more that was turned away, be nothing else to end:
//! twenty seconds after the last at the latest.
//!
//! One that turns all away, and holds nothing, is not limited: it has no room that could be found, pauses grow, and [`breaker`] leaves it alone.
//!
//! An attempt that fails late has held its place, and lowers nothing: where nothing answers, fewer at once would be less that is done. Nor does one that
//! is slow: what takes longer the more there is (an engine with a batch) may do more in all, which [`knee`](crate::knee) looks at. It is no rule that takes a
//! part off with each failure and adds one with each success: where those that go elsewhere are turned away however few there are, that comes to almost
//! nothing.
//!
//! Only of targets that serve models, as [`breaker`] has it.

use agendum_types::{Duration, Outcome, TargetId, Timestamp};

use crate::breaker;
use crate::checkpoint::LimitKept;
use crate::inst::Flight;
use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// A part of time, in microseconds.
const PART: u64 = 2_000_000;
/// Seen is what was in so many of them, the present one included.
const PARTS: u64 = 10;
/// Fewer that were turned away say nothing.
const TURNED_AWAY_MIN: u64 = 5;
/// It is turned away if it fails in less than a part of what an answer takes, inverted.
const AT_ONCE: u64 = 4;
/// It does part of its work if it held this part of an attempt, inverted, in the present part of time and the one before.
const AT_WORK: u64 = 4;
/// So much more than it held is tried, inverted.
const MORE: u64 = 20;
/// No count of an earlier life is more.
const COUNT_MAX: u64 = 1 << 48;
/// An answer takes about as long as so many of the latest have.
const LATEST: u64 = 16;

/// What was seen in a part of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// How long attempts were out that were not turned away, all together, in microseconds.
    held: u64,
    /// How many were turned away.
    turned_away: u64,
    /// How many ended otherwise, in a way that says something of the target.
    taken: u64,
}

/// What was seen of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    /// Until when all that is out has been counted.
    until: Timestamp,
    /// The parts of time, by their number.
    parts: [Seen; PARTS as usize],
    /// How long an answer takes, in microseconds; zero before there was one.
    answers: u64,
    limit: Option<u32>,
    /// Until when that stands if nothing ends before.
    lifts: Option<Timestamp>,
}

/// Where the part with this number is kept.
const fn place(part: u64) -> usize {
    (part % PARTS) as usize
}

/// How much of this span lies in a part.
fn within(part: u64, from: u64, to: u64) -> u64 {
    to.min((part + 1) * PART).saturating_sub(from.max(part * PART))
}

impl Learned {
    /// As many as it gets at once, where it turns some away.
    pub(crate) const fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// How long an answer takes, in microseconds; zero before there was one.
    pub(crate) const fn answers(&self) -> u64 {
        self.answers
    }

    /// So many were out until now.
    pub(crate) fn passes(&mut self, running: u32, now: Timestamp) {
        let (since, part) = (self.until.0, now.0 / PART);
        for of in (since / PART).max((part + 1).saturating_sub(PARTS))..=part {
            if of > since / PART {
                self.parts[place(of)] = Seen::default();
            }
            self.parts[place(of)].held += u64::from(running) * within(of, since, now.0);
        }
        self.until = now;
    }

    /// An attempt that was sent then has ended, by a fault of its target or not; true if it was turned away.
    fn ends(&mut self, sent: Timestamp, fault: bool, expected: Duration) -> bool {
        let (now, took) = (self.until.0, self.until.since(sent).as_micros());
        let answers = if self.answers == 0 { expected.as_micros() } else { self.answers };
        if !fault {
            self.answers = if self.answers == 0 { took.max(1) } else { answers - answers / LATEST + took / LATEST };
        }
        let part = now / PART;
        if !fault || took >= answers / AT_ONCE {
            self.parts[place(part)].taken += 1;
            return false;
        }
        self.parts[place(part)].turned_away += 1;
        for of in (sent.0 / PART).max((part + 1).saturating_sub(PARTS))..=part {
            let held = &mut self.parts[place(of)].held;
            *held = held.saturating_sub(within(of, sent.0, now));
        }
        true
    }

    /// Anew, where so many of a hundred are too many to be turned away; 0: none are.
    fn learn(&mut self, too_many: u8) {
        let sum = |of: fn(&Seen) -> u64| self.parts.iter().map(of).sum::<u64>();
        let (turned_away, taken) = (sum(|seen| seen.turned_away), sum(|seen| seen.taken));
        let is_share = turned_away * 100 >= u64::from(too_many) * (turned_away + taken);
        let is_limited = too_many > 0 && turned_away >= TURNED_AWAY_MIN && is_share && self.is_at_work();
        let held = self.parts.iter().map(|seen| seen.held).max().unwrap_or_default();
        let more = (held + held / MORE).div_ceil(PART) + 1;
        self.limit = is_limited.then(|| u32::try_from(more).unwrap_or(u32::MAX));
        self.lifts = if is_limited { self.forgotten_at() } else { None };
    }

    /// When the last that was turned away is not remembered any more.
    fn forgotten_at(&self) -> Option<Timestamp> {
        let part = self.until.0 / PART;
        let latest = (part.saturating_sub(PARTS - 1)..=part).rfind(|of| self.parts[place(*of)].turned_away > 0);
        latest.map(|of| Timestamp((of + PARTS) * PART))
    }

    /// It gets as many as it is said to take.
    fn lift(&mut self) -> bool {
        self.lifts = None;
        self.limit.take().is_some()
    }

    /// What was seen until now, while so many are out.
    pub(crate) fn kept(&self, running: u32, now: Timestamp) -> LimitKept {
        let mut seen = *self;
        seen.passes(running, now);
        let parts = seen.parts.map(|Seen { held, turned_away, taken }| [held, turned_away, taken]);
        LimitKept { until: now, parts, answers: seen.answers, limit: seen.limit }
    }

    /// What an earlier life has seen: not what its clock says of the time to come.
    pub(crate) fn remembered(kept: &LimitKept, too_many: u8, now: Timestamp) -> Self {
        let parts = kept.parts.map(|part| {
            let [held, turned_away, taken] = part.map(|count| count.min(COUNT_MAX));
            Seen { held, turned_away, taken }
        });
        let (until, parts) = if kept.until > now { (now, Default::default()) } else { (kept.until, parts) };
        let mut learned = Self { until, parts, answers: kept.answers.min(COUNT_MAX), ..Self::default() };
        let lifts = learned.forgotten_at().unwrap_or_else(|| now.after(Duration(PARTS * PART)));
        if let Some(limit) = kept.limit.filter(|_| too_many > 0 && lifts > now) {
            (learned.limit, learned.lifts) = (Some(limit.max(1)), Some(lifts));
        }
        learned
    }

    /// Until when the limit stands if nothing ends before.
    pub(crate) const fn lifts(&self) -> Option<Timestamp> {
        self.lifts
    }

    /// True if it holds something: one that turns all away has no room, and fewer at once would not help it. There pauses grow, and the breaker sees it.
    fn is_at_work(&self) -> bool {
        let part = self.until.0 / PART;
        let held = self.parts[place(part)].held + self.parts[place(part + PARTS - 1)].held;
        held >= PART / AT_WORK
    }
}

impl Scheduler {
    /// An attempt has ended: what it says of how many its target takes at once. True if it was turned away.
    pub(crate) fn learn_limit(&mut self, flight: Flight, outcome: &Outcome) -> bool {
        let (too_many, row) = (self.policy.limits.turned_away, self.targets.row_mut(flight.target));
        let Some(fault) = breaker::fault(outcome).filter(|_| row.serves_models()) else { return false };
        let turned_away = row.learned.ends(flight.sent, fault, row.target.expected);
        let before = row.learned.lifts;
        row.learned.learn(too_many);
        let after = row.learned.lifts;
        if before != after {
            let timer = Timer::Limit(flight.target);
            before.into_iter().for_each(|at| self.board.timers.clear(at, timer));
            after.into_iter().for_each(|at| self.board.timers.set(at, timer));
        }
        turned_away
    }

    /// Nothing is remembered any more of what a target turned away.
    pub(crate) fn lift(&mut self, target: TargetId) {
        if self.targets.row_mut(target).learned.lift() {
            self.board.queue.wake(target, self.now);
        }
    }

    /// Other rules count: where they limit nothing, what was learned is forgotten.
    pub(crate) fn lift_all(&mut self) {
        if self.policy.limits.turned_away > 0 {
            return;
        }
        for target in self.targets.ids() {
            let lifts = self.targets.row(target).learned.lifts;
            lifts.into_iter().for_each(|at| self.board.timers.clear(at, Timer::Limit(target)));
            self.lift(target);
            self.forget_room(target);
        }
    }

    /// True if the target is known to turn some away.
    pub(crate) fn turns_away(&self, target: TargetId) -> bool {
        self.targets.row(target).learned.limit().is_some()
    }
}
