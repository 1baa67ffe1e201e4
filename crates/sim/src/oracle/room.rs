//! Targets that had no room for an attempt while they worked on others.

use std::collections::BTreeMap;

use agendum_types::graph::Section;
use agendum_types::{AttemptId, Class, Duration, Failure, Outcome, RunId, TaskPath, Timestamp};

use super::state::State;
use super::{Flight, Reference};

/// By the place of a target.
pub(super) type Rooms = BTreeMap<usize, Room>;

/// What such a target gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) at_once: usize,
    /// So many have to end before another is tried, unless it comes to this instant.
    ends: u64,
    pub(super) next: Timestamp,
    patience: u64,
    /// One was tried since, for that instant had come.
    is_more: bool,
    since: Timestamp,
    /// It refused for a limit: how long after one another is sent that is not known to have been answered; and whether one was.
    apart: Option<u64>,
    is_answered: bool,
}

impl Reference {
    /// How often this attempt's task was tried, if the attempt is awaited.
    fn tries_of(&self, attempt: &AttemptId) -> u64 {
        let inst = self.runs.get(&attempt.run).and_then(|run| run.tasks.get(&attempt.path));
        let is_it = |number, incarnation| (number, incarnation) == (attempt.attempt, attempt.incarnation);
        let awaits = inst.filter(|inst| {
            let first = matches!(&inst.state, State::Running(of) if is_it(of.attempt, of.incarnation));
            first || inst.rival.as_ref().is_some_and(|of| is_it(of.attempt, of.incarnation))
        });
        awaits.map_or(0, |inst| inst.attempts.into())
    }

    /// An attempt has ended; true if it was turned away for want of room and for nothing else.
    pub(super) fn shows_room(&mut self, flight: &Flight, outcome: &Outcome, turned_away: bool) -> bool {
        let (now, target) = (self.now, flight.target);
        let running = self.flights.iter().filter(|flight| flight.target == target).count();
        let is_full = |failure: &Failure| failure.class == Class::Overloaded && failure.retry_after.is_none();
        let is_full = matches!(outcome, Outcome::Failed(failure) if is_full(failure));
        let is_full = is_full && turned_away && self.policy.limits.turned_away > 0;
        let tries = self.tries_of(&flight.attempt);
        let answers = self.accounts.learned.answers_of(target).unwrap_or(self.targets[target].expected.0);
        let half = answers / running.max(1) as u64 / 2;
        let rooms = &mut self.accounts.learned.rooms;
        let no_room = is_full && running > 0;
        let Some(before) = rooms.remove(&target).or_else(|| no_room.then(|| Room::first(now))) else { return false };
        if is_full {
            let ends = 1 + tries / 24;
            let most = half.clamp(20_000, 10_000_000) * ends;
            let patience = if before.is_more { 2 * before.patience } else { before.patience }.min(most);
            let next = now.after(Duration(patience));
            let full = Room { at_once: running.max(1), ends, next, patience, ..Room::first(now) };
            rooms.insert(target, full);
        } else if !turned_away {
            let ends = before.ends.saturating_sub(1);
            let is_answered = before.is_answered || now >= before.since;
            let at_once = (running + usize::from(ends == 0)).max(1);
            rooms.insert(target, Room { at_once, ends, is_answered, ..before });
        }
        no_room
    }

    /// Where such a target refuses for its limit it gets one by one.
    pub(super) fn goes_one_by_one(&self, target: usize) -> bool {
        let is_model = self.targets[target].capabilities.iter().any(|can| can.is_served_by_models());
        is_model && self.policy.limits.turned_away > 0
    }

    pub(super) fn answers_of_late(&self, target: usize) -> bool {
        self.accounts.answered.get(&target).is_some_and(|at| self.now.since(*at) < Duration::secs(60))
    }

    /// It refuses for its limit, and has answered nobody of late.
    pub(super) fn refuses_all(&self, target: usize) -> bool {
        let is_limited = self.accounts.learned.rooms.get(&target).is_some_and(|room| room.apart.is_some());
        is_limited && !self.answers_of_late(target)
    }

    /// A provider has refused an attempt for its limit, and is closed by now: it gets one by one from then on.
    pub(super) fn gets_one_by_one(&mut self, flight: &Flight) {
        let target = flight.target;
        if !self.goes_one_by_one(target) {
            return;
        }
        let most = if self.is_over_limit { 1_000_000 } else { self.policy.limits.pause_max.0.max(20_000) };
        let twice = |room: &Room| if flight.sent >= room.since { 2 * room.patience } else { room.patience };
        let patience = self.accounts.learned.rooms.get(&target).map_or(20_000, twice).clamp(20_000, most);
        self.closes(target, self.now.after(Duration(patience)));
        let running = self.flights.iter().filter(|flight| flight.target == target).count();
        let answers = self.accounts.learned.answers_of(target).unwrap_or(self.targets[target].expected.0);
        let half = (answers / running.max(1) as u64 / 2).clamp(20_000, 10_000_000);
        let since = self.closed[target];
        let apart = half.max(patience);
        let next = since.after(Duration(apart));
        let room = Room { at_once: 1, ends: 1, next, patience, apart: Some(apart), ..Room::first(since) };
        self.accounts.learned.rooms.insert(target, room);
    }

    /// One more is tried where it is time for that.
    pub(super) fn tries_rooms(&mut self) {
        let now = self.now;
        let flights = &self.flights;
        self.accounts.learned.rooms.retain(|target, room| {
            if room.next > now {
                return true;
            }
            let running = flights.iter().filter(|flight| flight.target == *target).count();
            let is_known = room.apart.is_none() || room.is_answered;
            let (is_unused, was_more) = (running < room.at_once, room.is_more && is_known);
            if is_unused {
                room.next = now.after(Duration::secs(1));
            } else {
                let apart = room.apart.filter(|_| !room.is_answered);
                room.patience = if room.is_more && apart.is_none() { 20_000 } else { room.patience };
                room.next = now.after(Duration(apart.unwrap_or(room.patience)));
                (room.at_once, room.ends, room.is_more, room.is_answered) = (running + 1, 0, true, false);
            }
            now < room.since.after(Duration::secs(20)) || !is_unused && !was_more
        });
    }

    /// True if this task, whose attempt was turned away so, is queued anew at once.
    pub(super) fn may_go_back(&self, id: RunId, path: &TaskPath, failure: &Failure) -> bool {
        let run = &self.runs[&id];
        let (retry, inst) = (&run.task(path).retry, &run.tasks[path]);
        let deadline = run.submitted.deadline.filter(|_| run.task(path).section == Section::Main);
        let ends = deadline.into_iter().chain(inst.expires).min();
        let is_late = ends.is_some_and(|at| at <= self.now);
        retry.on.contains(failure.class) && !is_late && inst.attempts + retry.attempts_max < self.limits.attempts_max
    }
}

impl Room {
    const fn first(now: Timestamp) -> Self {
        Self {
            at_once: 0,
            ends: 0,
            next: now,
            patience: 20_000,
            is_more: false,
            since: now,
            apart: None,
            is_answered: false,
        }
    }
}
