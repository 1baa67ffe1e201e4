//! What is left alone because it fails: a target of which too many of the latest attempts failed through its own fault.
//!
//! It breaks where a share of its latest attempts failed, some at least, and none has succeeded for some time: one that does part of its work is better
//! than none. Then it takes nothing for a pause, and after that one attempt, which tries it, and begins a pause that is twice as long: one that hangs keeps
//! nobody from trying it again. One that succeeds makes it whole, one that fails has the pause begin anew. What says nothing of the target (a cancelled
//! attempt, a refused key, a 429, which closes it in its own way) lets another try it at once. What was sent before it broke, or before it was whole again,
//! counts no more.
//!
//! Only of targets that serve models: those are one service each. Where an attempt of the others goes, its input says.

use agendum_types::policy::Limits;
use agendum_types::{Class, Duration, Outcome, TargetId, Timestamp};

use crate::checkpoint::BreakerKept;
use crate::inst::Flight;
use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// So many of its latest attempts count.
const LATEST: u32 = 20;

/// How a target has done lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Breaker {
    /// The latest attempts, the newest in the lowest bit: set for one that failed.
    latest: u32,
    /// How many there are.
    seen: u32,
    /// Since when none of them has succeeded.
    failing_since: Option<Timestamp>,
    /// When the latest of them that failed has ended, in this life.
    failed_at: Option<Timestamp>,
    /// Counted up when it breaks and when it is whole again: attempts of another turn say nothing of this one.
    turn: u32,
    broken: Option<Broken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Broken {
    /// It takes nothing before.
    until: Timestamp,
    /// How long it is left alone after an attempt that tries it.
    pause: Duration,
}

impl Breaker {
    /// True if it takes an attempt now.
    pub(crate) fn takes(&self, now: Timestamp) -> bool {
        self.broken.is_none_or(|broken| broken.until <= now)
    }

    /// If it is broken: until when it takes nothing at all.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.broken.map(|broken| broken.until)
    }

    /// What takes so long, as often as it has to be done until it does not fail: as its latest attempts went, of which one that failed is chance. Where
    /// none has failed for as long as it would be left alone at most, it counts as well again: else nobody would find out.
    pub(crate) fn tries(&self, takes: u128, rules: &Limits, now: Timestamp) -> u128 {
        if self.failed_at.is_none_or(|at| now.since(at) >= rules.pause_max) {
            return takes;
        }
        let well = LATEST - self.latest.count_ones().saturating_sub(1);
        takes * u128::from(LATEST) / u128::from(well)
    }

    /// An attempt is sent; returns of which turn it is.
    fn sends(&mut self, rules: &Limits, now: Timestamp) -> u32 {
        if let Some(broken) = &mut self.broken {
            broken.pause = Duration(broken.pause.as_micros().saturating_mul(2)).min(rules.pause_max);
            broken.until = now.after(broken.pause);
        }
        self.turn
    }

    /// An attempt of this turn has ended, by a fault of the target or not.
    fn ends(&mut self, turn: u32, fault: Option<bool>, rules: &Limits, now: Timestamp) {
        if turn != self.turn {
            return;
        }
        if let Some(broken) = &mut self.broken {
            match fault {
                Some(true) => broken.until = broken.until.max(now.after(broken.pause)),
                Some(false) => self.begins(None),
                None => broken.until = now,
            }
            return;
        }
        let Some(fault) = fault else { return };
        self.latest = (self.latest << 1 | u32::from(fault)) & ((1 << LATEST) - 1);
        self.seen = (self.seen + 1).min(LATEST);
        if fault {
            self.failed_at = Some(now);
        }
        self.failing_since = fault.then(|| self.failing_since.unwrap_or(now));
        let failures = self.latest.count_ones();
        let too_many =
            failures >= u32::from(rules.failures_min) && failures * 100 >= u32::from(rules.failures) * self.seen;
        if !too_many || self.failing_since.is_none_or(|since| now.since(since) < rules.failing_for) {
            return;
        }
        self.begins(Some(Broken { until: now.after(rules.pause), pause: rules.pause }));
    }

    /// If it fails for all that come: until when it breaks if that goes on, or is left alone.
    pub(crate) fn fails_until(&self, rules: &Limits) -> Option<Timestamp> {
        let fails = rules.failures > 0 && self.latest.trailing_ones() >= u32::from(rules.failures_min);
        let breaks = self.failing_since.filter(|_| fails).map(|since| since.after(rules.failing_for));
        self.until().or(breaks)
    }

    pub(crate) fn kept(&self) -> BreakerKept {
        let Self { latest, seen, failing_since, broken, .. } = *self;
        BreakerKept { latest, seen, failing_since, broken: broken.map(|broken| (broken.until, broken.pause)) }
    }

    /// That of an earlier life, whose clock was so far ahead. One that was to be tried then may have been, and nobody knows how that went.
    fn remembered(kept: BreakerKept, rules: &Limits, (then, ahead): (Timestamp, Duration), now: Timestamp) -> Self {
        let seen = kept.seen.min(LATEST);
        let broken = kept.broken.map(|(until, pause)| {
            let (until, pause) = (until.before(ahead), pause.max(rules.pause).min(rules.pause_max));
            let until = if until <= then { now.after(pause) } else { until.min(now.after(rules.pause_max)) };
            Broken { until, pause }
        });
        let failing_since = kept.failing_since.map(|since| since.before(ahead).min(now));
        Self { latest: kept.latest & ((1 << seen) - 1), seen, failing_since, failed_at: None, turn: 0, broken }
    }

    fn begins(&mut self, broken: Option<Broken>) {
        *self = Self { turn: self.turn.wrapping_add(1), broken, ..Self::default() };
    }
}

impl Scheduler {
    /// An attempt is sent; returns of which turn of its target it is.
    pub(crate) fn tries_target(&mut self, target: TargetId) -> u32 {
        let (now, rules) = (self.now, self.policy.limits);
        self.change_breaker(target, |breaker| breaker.sends(&rules, now))
    }

    /// An attempt has ended: what it says of its target.
    pub(crate) fn judge_target(&mut self, flight: Flight, outcome: &Outcome) {
        let (now, rules, row) = (self.now, self.policy.limits, self.targets.row(flight.target));
        let counts = row.breaker.broken.is_some() || rules.failures > 0 && row.serves_models();
        let fault = fault(outcome).filter(|_| counts);
        self.change_breaker(flight.target, |breaker| breaker.ends(flight.turn, fault, &rules, now));
        if fault == Some(false)
            && !self.board.outlasting.is_empty()
            && self.targets.row(flight.target).breaker.fails_until(&rules).is_none()
        {
            self.is_well(flight.target);
        }
        // Some may have begun to wait for it since it could be tried.
        if self.targets.row(flight.target).breaker.broken.is_some() {
            self.let_go_of(flight.target);
        }
    }

    /// A target stands as in an earlier life, if there is still a rule for that.
    pub(crate) fn breaks_again(&mut self, target: TargetId, kept: BreakerKept, then: (Timestamp, Duration)) {
        let (now, rules) = (self.now, self.policy.limits);
        if rules.failures > 0 && self.targets.row(target).serves_models() {
            self.change_breaker(target, |breaker| *breaker = Breaker::remembered(kept, &rules, then, now));
        }
    }

    /// Comes back when the target may be tried.
    fn change_breaker<T>(&mut self, target: TargetId, change: impl FnOnce(&mut Breaker) -> T) -> T {
        let breaker = &mut self.targets.row_mut(target).breaker;
        let before = breaker.until();
        let told = change(breaker);
        let after = breaker.until();
        if before != after {
            let timer = Timer::Breaker(target);
            before.into_iter().for_each(|until| self.board.timers.clear(until, timer));
            after.into_iter().for_each(|until| self.board.timers.set(until, timer));
        }
        told
    }

    /// Other rules count: where they leave nothing alone, what is broken is called again.
    pub(crate) fn mend_all(&mut self) {
        if self.policy.limits.failures > 0 {
            return;
        }
        for target in self.targets.ids() {
            let was_broken = self.targets.row(target).breaker.broken.is_some();
            self.change_breaker(target, |breaker| breaker.begins(None));
            if was_broken {
                self.board.queue.wake(target, self.now);
            }
        }
    }
}

/// True if it failed through a fault of its target; `None` if it says nothing of that.
pub(crate) const fn fault(outcome: &Outcome) -> Option<bool> {
    let Outcome::Failed(failure) = outcome else { return Some(false) };
    fault_of(failure.class)
}

/// The same of an attempt that failed.
pub(crate) const fn fault_of(class: Class) -> Option<bool> {
    match class {
        Class::Overloaded | Class::Timeout | Class::Unavailable => Some(true),
        // It has answered.
        Class::InvalidOutput | Class::ContentBlocked => Some(false),
        Class::RateLimited
        | Class::Permanent
        | Class::PermissionDenied
        | Class::BudgetExceeded
        | Class::DeadlineExceeded
        | Class::Cancelled
        | Class::Uncertain => None,
    }
}
