//! How many attempts a target gets at once that turns some away.

use std::collections::BTreeMap;

use agendum_core::Scheduler;
use agendum_types::{Duration, Outcome, Timestamp};

use super::breaker::fault;
use super::room::Rooms;
use super::{Flight, Reference, ensure};

/// An attempt that has ended, or is out yet.
#[derive(Clone, Copy, Debug)]
struct Out {
    target: usize,
    from: Timestamp,
    to: Timestamp,
    /// True if it was turned away; none if it says nothing of its target.
    turned_away: Option<bool>,
}

/// What is known of all targets.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    outs: Vec<Out>,
    /// How long an answer takes.
    answers: BTreeMap<usize, u64>,
    most: BTreeMap<usize, usize>,
    /// Until when that is so if nothing ends there.
    lifts: BTreeMap<usize, Timestamp>,
    /// Those that had no room for one more.
    pub(super) rooms: Rooms,
}

/// What is known of one, to be told to another life.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    outs: Vec<Out>,
    answers: Option<u64>,
    most: Option<usize>,
}

/// Two seconds are a part of time; ten of them are remembered.
fn part(at: Timestamp) -> u64 {
    at.0 / 2_000_000
}

impl Learned {
    /// So many at once, where it turns some away: what it has just shown is before what it showed of late.
    pub(super) fn at_once(&self, target: usize) -> usize {
        let room = self.rooms.get(&target).map(|room| room.at_once);
        room.or_else(|| self.most.get(&target).copied()).unwrap_or(usize::MAX)
    }

    /// How long an answer takes, in microseconds, once there was one.
    pub(super) fn answers_of(&self, target: usize) -> Option<u64> {
        self.answers.get(&target).copied()
    }
}

impl Out {
    /// How long it was out in a part of time.
    fn within(&self, part: u64) -> u64 {
        let ends = self.to.0.min((part + 1) * 2_000_000);
        ends - self.from.0.max(part * 2_000_000).min(ends)
    }
}

impl Reference {
    /// So many attempts at once.
    pub(super) fn at_once(&self, target: usize) -> usize {
        let most = self.targets[target].concurrency_max as usize;
        let learned = Some(self.accounts.learned.at_once(target));
        [learned, self.knee(target)].into_iter().flatten().fold(most, usize::min)
    }

    /// True if it turns some away.
    pub(super) fn turns_away(&self, target: usize) -> bool {
        self.accounts.learned.most.contains_key(&target)
    }

    /// An attempt has ended; true if it was turned away.
    pub(super) fn shows_limit(&mut self, flight: &Flight, outcome: &Outcome) -> bool {
        let (now, rules, target) = (self.now, self.policy.limits, flight.target);
        let row = &self.targets[target];
        let known = &mut self.accounts.learned;
        let is_model = row.capabilities.iter().any(|can| can.is_served_by_models());
        let took = now.since(flight.sent).0;
        let answers = known.answers.get(&target).copied();
        let turned_away =
            fault(outcome).filter(|_| is_model).map(|fault| fault && took < answers.unwrap_or(row.expected.0) / 4);
        if turned_away.is_some() && fault(outcome) == Some(false) {
            known.answers.insert(target, answers.map_or_else(|| took.max(1), |mean| mean - mean / 16 + took / 16));
        }
        let first = part(now).saturating_sub(9);
        known.outs.retain(|out| part(out.to) >= first);
        known.outs.push(Out { target, from: flight.sent, to: now, turned_away });
        let Some(turned_away) = turned_away else { return false };
        let ended: Vec<Out> = known.outs.iter().copied().filter(|out| out.target == target).collect();
        let count = |away: bool| ended.iter().filter(|out| out.turned_away == Some(away)).count();
        let (away, taken) = (count(true), count(false));
        let is_much = away >= 5 && away * 100 >= usize::from(rules.turned_away) * (away + taken);
        let running = self.flights.iter().filter(|flight| flight.target == target);
        let running = running.map(|flight| Out { target, from: flight.sent, to: now, turned_away: None });
        let last = ended.iter().filter(|out| out.turned_away == Some(true)).map(|out| part(out.to)).max();
        let held: Vec<Out> = ended.into_iter().filter(|out| out.turned_away != Some(true)).chain(running).collect();
        let in_part = |part: u64| held.iter().map(|out| out.within(part)).sum::<u64>();
        // It does part of its work.
        let of_late: u64 = (part(now).saturating_sub(1)..=part(now)).map(in_part).sum();
        if rules.turned_away == 0 || !is_much || of_late < 500_000 {
            known.most.remove(&target);
            known.lifts.remove(&target);
            return turned_away;
        }
        known.lifts.insert(target, Timestamp((last.unwrap_or_default() + 10) * 2_000_000));
        let most = (first..=part(now)).map(in_part).max().unwrap_or_default();
        known.most.insert(target, (most + most / 20).div_ceil(2_000_000) as usize + 1);
        turned_away
    }

    /// What is known of a target now: what is out there has been so until now.
    pub(super) fn seen_of(&self, target: usize) -> Seen {
        let (known, now) = (&self.accounts.learned, self.now);
        let running = self.flights.iter().filter(|flight| flight.target == target);
        let running = running.map(|flight| Out { target, from: flight.sent, to: now, turned_away: None });
        let outs = known.outs.iter().copied().filter(|out| out.target == target).chain(running).collect();
        Seen { outs, answers: known.answers.get(&target).copied(), most: known.most.get(&target).copied() }
    }

    /// What an earlier life knew of it.
    pub(super) fn has_seen(&mut self, target: usize, seen: &Seen) {
        let (now, limits) = (self.now, self.policy.limits.turned_away > 0);
        let known = &mut self.accounts.learned;
        let away = seen.outs.iter().filter(|out| out.turned_away == Some(true)).map(|out| part(out.to)).max();
        let lifts = away.map_or_else(|| now.after(Duration::secs(20)), |last| Timestamp((last + 10) * 2_000_000));
        known.outs.extend(seen.outs.iter().map(|out| Out { target, ..*out }));
        known.answers.extend(seen.answers.map(|answers| (target, answers)));
        if let Some(most) = seen.most.filter(|_| limits && lifts > now) {
            known.most.insert(target, most);
            known.lifts.insert(target, lifts);
        }
    }

    /// The core shows of every target what is out there, and what keeps more from going.
    pub(super) fn shows_targets(&self, core: &Scheduler) -> Result<(), String> {
        for load in core.snapshot(self.now).targets {
            let place = self.targets.iter().position(|target| target.name == load.name).ok_or("an unknown target")?;
            let most = self.targets[place].concurrency_max as usize;
            let running = self.flights.iter().filter(|flight| flight.target == place).count();
            let learned = Some(self.accounts.learned.at_once(place)).filter(|at_once| *at_once < most);
            let knee = self.knee(place).filter(|at_once| *at_once < most);
            let closed = Some(self.closed[place]).filter(|until| *until > self.now);
            let mine = (running, learned, knee, closed, self.broken(place).map(|(until, _)| until));
            let [learned, knee] = [load.learned, load.does_most_with].map(|of| of.map(|limit| limit as usize));
            let shown = (load.running as usize, learned, knee, load.closed_until, load.broken_until);
            ensure(mine == shown, &format!("of {} {mine:?}, and not {shown:?}", load.name))?;
        }
        Ok(())
    }

    /// Other rules: where nothing is to be limited, what was learned is forgotten.
    pub(super) fn may_lift(&mut self) {
        if self.policy.limits.turned_away == 0 {
            self.accounts.learned.most.clear();
            self.accounts.learned.lifts.clear();
            self.accounts.learned.rooms.clear();
        }
    }

    /// Where none is remembered any more that was turned away, nothing is limited.
    pub(super) fn lifts(&mut self) {
        let (now, known) = (self.now, &mut self.accounts.learned);
        known.most.retain(|target, _| known.lifts.get(target).is_some_and(|at| *at > now));
        known.lifts.retain(|_, at| *at > now);
        self.tries_rooms();
    }

    /// When that comes.
    pub(super) fn lifted_at(&self) -> impl Iterator<Item = Timestamp> {
        let known = &self.accounts.learned;
        known.lifts.values().copied().chain(known.rooms.values().map(|room| room.next))
    }
}
