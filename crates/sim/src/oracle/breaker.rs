//! Targets that are left alone because they fail.

use agendum_types::{Class, Duration, Outcome, TargetId, Timestamp};

use super::{Flight, Reference};

/// How a target has done since it was last whole, or broke.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    /// As which that began.
    turn: u32,
    /// How attempts since then have ended: true for a fault of the target.
    faults: Vec<bool>,
    /// Since when they have all been faults.
    only_since: Option<Timestamp>,
    /// When the last of them was.
    failed_at: Option<Timestamp>,
    /// It is broken: until when it takes nothing, and for how long that is.
    broken: Option<(Timestamp, Duration)>,
}

/// True if it was the fault of the target; none if it says nothing of that.
pub(super) const fn fault(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Outcome::Succeeded(_) => Some(false),
        Outcome::Failed(failure) => match failure.class {
            Class::InvalidOutput | Class::ContentBlocked => Some(false),
            Class::Overloaded | Class::Timeout | Class::Unavailable => Some(true),
            _ => None,
        },
    }
}

impl Reference {
    /// What a target is called.
    pub(crate) fn name_of(&self, target: TargetId) -> &str {
        &self.targets[usize::from(target.0)].name
    }

    /// So many attempts are out there.
    pub(crate) fn out_at(&self, target: TargetId) -> usize {
        self.flights.iter().filter(|flight| flight.target == usize::from(target.0)).count()
    }

    /// It is broken and not to be tried now.
    pub(super) fn is_shut(&self, target: usize) -> bool {
        self.broken(target).is_some_and(|(until, _)| until > self.now)
    }

    /// How many of its latest 20 attempts failed, if one did lately.
    pub(super) fn failures(&self, target: usize) -> u128 {
        let is_recent = |at: Timestamp| self.now.since(at) < self.policy.limits.pause_max;
        let done = self.accounts.done.get(&target).filter(|done| done.failed_at.is_some_and(is_recent));
        done.map_or(0, |done| done.faults.iter().rev().take(20).filter(|fault| **fault).count() as u128)
    }

    /// An attempt is sent there; of which turn it is.
    pub(super) fn tries_it(&mut self, target: usize) -> u32 {
        let (now, rules) = (self.now, self.policy.limits);
        let done = self.accounts.done.entry(target).or_default();
        if let Some((until, pause)) = &mut done.broken {
            *pause = Duration(2 * pause.0).min(rules.pause_max);
            *until = now.after(*pause);
        }
        done.turn
    }

    pub(super) fn broken(&self, target: usize) -> Option<(Timestamp, Duration)> {
        self.accounts.done.get(&target)?.broken
    }

    /// If all its latest attempts were faults, five or what the rules say: until when it would break.
    pub(super) fn fails_until(&self, target: usize) -> Option<Timestamp> {
        let (done, rules) = (self.accounts.done.get(&target)?, self.policy.limits);
        if let Some((until, _)) = done.broken {
            return Some(until);
        }
        let least = usize::from(rules.failures_min);
        let all_fail = done.faults.len() >= least && done.faults.iter().rev().take(least).all(|fault| *fault);
        Some(done.only_since?.after(rules.failing_for)).filter(|_| all_fail && rules.failures > 0)
    }

    /// When those that are broken may be tried.
    pub(super) fn tries(&self) -> impl Iterator<Item = Timestamp> {
        self.accounts.done.values().filter_map(|done| done.broken).map(|(until, _)| until)
    }

    /// An attempt has ended.
    pub(super) fn shows_fault(&mut self, flight: &Flight, outcome: &Outcome) {
        let is_model = self.targets[flight.target].capabilities.iter().any(|can| can.is_served_by_models());
        let counts = self.broken(flight.target).is_some() || is_model && self.policy.limits.failures > 0;
        self.shows_how_it_does(flight, outcome);
        if counts && fault(outcome) == Some(false) && self.fails_until(flight.target).is_none() {
            self.accounts.well_again = self.put_off_for(flight.target);
        }
    }

    fn shows_how_it_does(&mut self, flight: &Flight, outcome: &Outcome) {
        let (now, rules) = (self.now, self.policy.limits);
        let is_model = self.targets[flight.target].capabilities.iter().any(|can| can.is_served_by_models());
        let (done, fault) = (self.accounts.done.entry(flight.target).or_default(), fault(outcome));
        let is_left_alone = is_model && rules.failures > 0;
        if flight.turn != done.turn || done.broken.is_none() && !is_left_alone {
            return;
        }
        let next = match (done.broken, fault) {
            (Some((until, pause)), Some(true)) => {
                done.broken = Some((until.max(now.after(pause)), pause));
                return;
            }
            (Some((_, pause)), None) => {
                done.broken = Some((now, pause));
                return;
            }
            (Some(_), Some(false)) => None,
            (None, None) => return,
            (None, Some(fault)) => {
                done.faults.push(fault);
                done.failed_at = if fault { Some(now) } else { done.failed_at };
                done.only_since = if fault { done.only_since.or(Some(now)) } else { None };
                let is_long = done.only_since.is_some_and(|since| now.since(since) >= rules.failing_for);
                let latest: Vec<_> = done.faults.iter().rev().take(20).collect();
                let failed = latest.iter().filter(|fault| ***fault).count();
                let too_many = failed >= usize::from(rules.failures_min)
                    && failed * 100 >= usize::from(rules.failures) * latest.len();
                if !too_many || !is_long {
                    return;
                }
                Some((now.after(rules.pause), rules.pause))
            }
        };
        *done = Done { turn: done.turn + 1, broken: next, ..Done::default() };
    }

    /// How it had done in an earlier life, by what was known then. Where it was to be tried, that may have been.
    pub(super) fn has_done(&mut self, target: usize, known: &Done, then: Timestamp) {
        let (now, rules) = (self.now, self.policy.limits);
        if rules.failures == 0 || !self.targets[target].capabilities.iter().any(|can| can.is_served_by_models()) {
            return;
        }
        let broken = known.broken.map(|(until, pause)| {
            let pause = pause.max(rules.pause).min(rules.pause_max);
            (if until > then { until.min(now.after(rules.pause_max)) } else { now.after(pause) }, pause)
        });
        self.accounts.done.insert(target, Done { turn: 0, broken, failed_at: None, ..known.clone() });
    }

    /// Other rules: where nothing is to be left alone, all that has been is forgotten.
    pub(super) fn may_mend(&mut self) {
        if self.policy.limits.failures == 0 {
            for target in 0..self.targets.len() {
                let done = self.accounts.done.entry(target).or_default();
                *done = Done { turn: done.turn + 1, ..Done::default() };
            }
        }
    }
}
