//! A search for shorter schedules of a project: from a seed always the same, for as long as it is let go on, with a schedule at hand at any time.
//!
//! It begins with the schedules by rank. Each step moves the tasks of the best schedule by chance, about six places up or down in its order; schedules them
//! anew, one after the other where there is room first (serial generation), or all that find room whenever something ends (parallel generation); and then
//! pushes them to the end, those first that end last, and back to the beginning, those first that then start first (double justification, which makes
//! nothing longer). The next step begins with what is not longer than the best. These are well known ways of project scheduling; the numbers are ours.

mod room;

use std::cmp::Reverse;

use agendum_types::Duration;

use crate::project::Project;
use crate::rank::ranks;
use crate::rng::Rng;
use room::Room;

/// By how many places a task is moved at most, as a part of the schedule; sometimes three times as far.
const PLACES: u64 = 6;

/// In so many of a hundred steps tasks are moved farther.
const FAR_PERCENT: u64 = 20;

/// In so many of a hundred steps all are begun that find room.
const PARALLEL_PERCENT: u64 = 30;

/// A search that goes on for as long as it is asked.
#[derive(Debug)]
pub struct Thinking {
    project: Project,
    reversed: Project,
    /// Tasks behind all that they wait for, and before all.
    forward: Vec<usize>,
    backward: Vec<usize>,
    /// Where each stands in the first.
    place: Vec<usize>,
    chance: Rng,
    room: Room,
    best: Vec<u64>,
    end: u64,
    /// No schedule ends before.
    bound: u64,
    schedules: u64,
}

impl Thinking {
    /// Begins it. What stands on a cycle, and what waits for that, is no part of it.
    #[must_use]
    pub fn new(project: Project, seed: u64) -> Self {
        let forward = project.order();
        let mut place = vec![0; project.takes.len()];
        forward.iter().enumerate().for_each(|(at, task)| place[*task] = at);
        let ranks = ranks(&project);
        let mut new = Self {
            reversed: project.reversed(),
            backward: forward.iter().rev().copied().collect(),
            forward,
            place,
            chance: Rng::seeded(seed),
            room: Room::default(),
            best: vec![0; project.takes.len()],
            end: u64::MAX,
            bound: project.ways().into_iter().max().unwrap_or(0),
            schedules: 0,
            project,
        };
        let listed = new.project.listed(&ranks);
        new.hears(listed.clone());
        new.justify(&listed);
        let serial = new.one_by_one(ranks.iter().map(|rank| u64::MAX - rank).collect());
        new.justify(&serial);
        new
    }

    /// Until so many schedules were made in all, or none can be shorter.
    pub fn go_on(&mut self, schedules: u64) {
        while self.schedules < schedules && self.end > self.bound {
            self.step();
        }
    }

    /// True if none can be shorter: it is as long as the longest way.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.end <= self.bound
    }

    /// Makes three schedules more.
    pub fn step(&mut self) {
        let far = if self.chance.up_to(99) < FAR_PERCENT { 3 * PLACES } else { PLACES };
        let most = (self.end / (self.place.len() as u64).max(1)).saturating_mul(far).max(1);
        let keys: Vec<u64> = self.best.iter().map(|start| start.saturating_add(self.chance.up_to(most))).collect();
        let moved = if self.chance.up_to(99) < PARALLEL_PERCENT {
            self.schedules += 1;
            self.project.starts(|task, _| keys[task])
        } else {
            self.one_by_one(keys)
        };
        self.justify(&moved);
    }

    /// How many schedules were made.
    #[must_use]
    pub const fn schedules(&self) -> u64 {
        self.schedules
    }

    /// When each task starts in the best schedule so far, in microseconds.
    #[must_use]
    pub fn best(&self) -> &[u64] {
        &self.best
    }

    /// How long that is.
    #[must_use]
    pub const fn end(&self) -> Duration {
        Duration(self.end)
    }

    fn hears(&mut self, starts: Vec<u64>) {
        self.schedules += 1;
        let end = self.project.end(&starts).0;
        if end <= self.end {
            (self.best, self.end) = (starts, end);
        }
    }

    /// Each as soon as there is room, those first whose key is the least, and none before what it waits for.
    fn one_by_one(&mut self, mut keys: Vec<u64>) -> Vec<u64> {
        self.schedules += 1;
        for task in &self.forward {
            let before = self.project.before[*task].iter().map(|before| keys[*before]).max();
            keys[*task] = keys[*task].max(before.unwrap_or(0));
        }
        let mut order = self.forward.clone();
        order.sort_by_key(|task| (keys[*task], self.place[*task]));
        self.room.starts(&self.project, &order)
    }

    /// All to the end, and back to the beginning.
    fn justify(&mut self, starts: &[u64]) {
        let takes = &self.project.takes;
        let mut order = self.backward.clone();
        order.sort_by_key(|task| (Reverse(starts[*task].saturating_add(takes[*task])), Reverse(self.place[*task])));
        let late = self.room.starts(&self.reversed, &order);
        self.schedules += 1;
        let mut order = self.forward.clone();
        order.sort_by_key(|task| (Reverse(late[*task].saturating_add(takes[*task])), self.place[*task]));
        let early = self.room.starts(&self.project, &order);
        self.hears(early);
    }
}

#[cfg(test)]
mod tests;
