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
    /// It is broken: until when it takes nothing, and for how long that is.
    broken: Option<(Timestamp, Duration)>,
}

impl Reference {
    /// What a target is called.
    pub(crate) fn name_of(&self, target: TargetId) -> &str {
        &self.targets[usize::from(target.0)].name
    }

    pub(super) fn turn_of_target(&self, target: usize) -> u32 {
        self.accounts.done.get(&target).map_or(0, |done| done.turn)
    }

    /// It is broken and not to be tried now.
    pub(super) fn is_shut(&self, target: usize) -> bool {
        let Some((until, _)) = self.broken(target) else { return false };
        let turn = self.turn_of_target(target);
        until > self.now || self.flights.iter().any(|flight| (flight.target, flight.turn) == (target, turn))
    }

    pub(super) fn broken(&self, target: usize) -> Option<(Timestamp, Duration)> {
        self.accounts.done.get(&target)?.broken
    }

    /// When those that are broken may be tried.
    pub(super) fn tries(&self) -> impl Iterator<Item = Timestamp> {
        self.accounts.done.values().filter_map(|done| done.broken).map(|(until, _)| until)
    }

    /// An attempt has ended.
    pub(super) fn shows_fault(&mut self, flight: &Flight, outcome: &Outcome) {
        let (now, rules) = (self.now, self.policy.limits);
        let is_model = self.targets[flight.target].capabilities.iter().any(|can| can.is_served_by_models());
        let done = self.accounts.done.entry(flight.target).or_default();
        let fault = match outcome {
            Outcome::Succeeded(_) => false,
            Outcome::Failed(failure) => match failure.class {
                Class::InvalidOutput | Class::ContentBlocked => false,
                Class::Overloaded | Class::Timeout | Class::Unavailable => true,
                _ => return,
            },
        };
        let is_left_alone = is_model && rules.failures > 0;
        if flight.turn != done.turn || done.broken.is_none() && !is_left_alone {
            return;
        }
        let next = match done.broken {
            Some((_, pause)) if fault => {
                let pause = Duration(2 * pause.0).min(rules.pause_max);
                done.broken = Some((now.after(pause), pause));
                return;
            }
            Some(_) => None,
            None => {
                done.faults.push(fault);
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
