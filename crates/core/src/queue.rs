//! Ready tasks, by eligibility class.
//!
//! Tasks with the same candidate targets share a class. A class that finds no free target sleeps on its candidates and is woken when
//! one of them frees a unit or reopens, so that a freed target touches only the classes that can use it.
//!
//! Inside a class tasks stand in bands by priority; a band is chosen by weighted shares (16 : 4 : 1, the more urgent first), and in a
//! band the task that must start earliest, by deadline and remaining critical path, comes first. Ties go by age, then id.

mod pockets;

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::graph::Priority;
use agendum_types::{Cause, Duration, RunId, TargetId, Timestamp};

use crate::record::Waits;
use crate::run::{InstId, Slot};
pub(crate) use pockets::{Pocket, Pockets};

/// The place of a class in the queue's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClassId(pub(crate) u32);

/// Where a task stands in its class; smaller is sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// The latest start that still makes the deadline.
    pub(crate) latest_start: Timestamp,
    /// When the run was accepted.
    pub(crate) submitted: Timestamp,
    pub(crate) run: RunId,
    /// When its task was ready.
    pub(crate) ready: Timestamp,
    pub(crate) slot: Slot,
    pub(crate) inst: InstId,
}

/// What a queued task remembers: where it stands, and the clocks of its class when it came.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) class: ClassId,
    pub(crate) band: Priority,
    pub(crate) rank: Rank,
    /// True if the class holds only what the budget covers of the task's targets.
    pub(crate) lowered: bool,
    since: Timestamp,
    clocks: [u64; SLEEPS.len()],
}

/// The causes for which a class sleeps.
const SLEEPS: [Cause; 3] = [Cause::Limit, Cause::Backoff, Cause::Capacity];
/// The place of [`Cause::Limit`] among them.
const LIMIT: usize = 0;

/// Shares of the bands, inverted: a band advances by this much for each task it sends.
const STRIDES: [u64; 3] = [1, 4, 16];

/// Classes without tasks are not looked for below this many.
const IDLE_CLASSES: usize = 1_024;

#[derive(Debug, Default)]
struct Class {
    candidates: Vec<TargetId>,
    bands: [BTreeSet<Rank>; 3],
    asleep: Option<(usize, Timestamp)>,
    /// How long it has slept for each cause, in microseconds.
    clocks: [u64; SLEEPS.len()],
    /// When it last sent a task, and how long it had slept then.
    sent: (Timestamp, [u64; SLEEPS.len()]),
}

/// All ready tasks of a shard.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    classes: Vec<Class>,
    by_candidates: BTreeMap<Vec<TargetId>, ClassId>,
    by_target: BTreeMap<TargetId, Vec<ClassId>>,
    /// In each band the first task of every class that may find a free target.
    heads: [BTreeSet<(Rank, ClassId)>; 3],
    /// How far each band has advanced.
    passes: [u64; 3],
    /// How far the band had advanced that sent last.
    reached: u64,
    /// Ready tasks in each band.
    lens: [u64; 3],
    /// Those that wait for money of the windows: they do not stand in their classes.
    pub(crate) pockets: Pockets,
    /// Classes that were given back.
    free: Vec<ClassId>,
    /// With how many classes in use those without tasks are given back.
    sweep_at: usize,
    /// Counted up whenever classes are given back: nobody remembers a class of an earlier one.
    generation: u32,
}

impl Queue {
    /// The class of tasks with these candidates. It is kept as long as it has tasks; others may be given back when the next is made.
    pub(crate) fn class(&mut self, candidates: Vec<TargetId>) -> ClassId {
        if let Some(id) = self.by_candidates.get(&candidates) {
            return *id;
        }
        if self.by_candidates.len() >= self.sweep_at.max(IDLE_CLASSES) {
            self.sweep();
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.classes.push(Class::default());
            ClassId(u32::try_from(self.classes.len() - 1).expect("not many more than queued tasks"))
        });
        for target in &candidates {
            self.by_target.entry(*target).or_default().push(id);
        }
        self.by_candidates.insert(candidates.clone(), id);
        self.classes[id.0 as usize] = Class { candidates, ..Class::default() };
        id
    }

    /// Gives back every class without tasks: callers choose orders of targets, and there are very many.
    pub(crate) fn sweep(&mut self) {
        let waiting = self.pockets.classes();
        let (classes, free) = (&self.classes, &mut self.free);
        let is_idle = |id: &ClassId| classes[id.0 as usize].is_empty() && !waiting.contains(id);
        self.by_target.values_mut().for_each(|ids| ids.retain(|id| !is_idle(id)));
        free.extend(self.by_candidates.values().copied().filter(is_idle));
        self.by_candidates.retain(|_, id| !is_idle(id));
        self.sweep_at = 2 * self.by_candidates.len();
        self.generation += 1;
    }

    /// Classes of this generation, and of no other, may be remembered.
    pub(crate) const fn generation(&self) -> u32 {
        self.generation
    }

    pub(crate) fn candidates(&self, class: ClassId) -> &[TargetId] {
        &self.classes[class.0 as usize].candidates
    }

    /// Ready tasks in all classes.
    pub(crate) const fn len(&self) -> u64 {
        self.lens[0] + self.lens[1] + self.lens[2]
    }

    pub(crate) fn insert(&mut self, class: ClassId, band: Priority, rank: Rank, now: Timestamp) -> Ticket {
        if self.lens[band as usize] + self.pockets.len(band) == 0 {
            // A band that comes back does not claim the share it left unused.
            let joins = self.reached + STRIDES[band as usize];
            self.passes[band as usize] = self.passes[band as usize].max(joins);
        }
        let entry = &mut self.classes[class.0 as usize];
        let first = entry.bands[band as usize].first().copied();
        let added = entry.bands[band as usize].insert(rank);
        assert!(added, "a task is queued once");
        self.lens[band as usize] += 1;
        if entry.asleep.is_none() && first.is_none_or(|first| rank < first) {
            let heads = &mut self.heads[band as usize];
            first.map(|first| heads.remove(&(first, class)));
            heads.insert((rank, class));
        }
        Ticket { class, band, rank, lowered: false, since: now, clocks: entry.clocks_at(now) }
    }

    pub(crate) fn remove(&mut self, ticket: &Ticket) {
        let class = &mut self.classes[ticket.class.0 as usize];
        let removed = class.bands[ticket.band as usize].remove(&ticket.rank);
        assert!(removed, "a ticket stands for a queued task");
        self.lens[ticket.band as usize] -= 1;
        let heads = &mut self.heads[ticket.band as usize];
        if class.asleep.is_none() && heads.remove(&(ticket.rank, ticket.class)) {
            heads.extend(class.bands[ticket.band as usize].first().map(|next| (*next, ticket.class)));
        }
    }

    /// The bands, the one first whose turn it is.
    pub(crate) fn bands(&self) -> [Priority; 3] {
        let mut bands = Priority::ALL;
        bands.sort_by_key(|band| (self.passes[*band as usize], *band));
        bands
    }

    /// The first task of a band that is queued in a class that is awake. It stays queued.
    pub(crate) fn first(&self, band: Priority) -> Option<(ClassId, Rank)> {
        self.heads[band as usize].first().map(|(rank, class)| (*class, *rank))
    }

    /// Takes a task out because it was sent to a target; says what it waited for.
    pub(crate) fn send(&mut self, ticket: &Ticket, now: Timestamp) -> Waits {
        let waits = self.leave(ticket, now);
        self.reached = self.passes[ticket.band as usize];
        self.passes[ticket.band as usize] += STRIDES[ticket.band as usize];
        // A band that is behind had nothing that could go: it does not claim the share it left unused.
        for (pass, stride) in self.passes.iter_mut().zip(STRIDES) {
            if *pass < self.reached {
                *pass = self.reached + stride;
            }
        }
        let class = &mut self.classes[ticket.class.0 as usize];
        class.sent = (now, class.clocks_at(now));
        waits
    }

    /// Takes a task out; says what it waited for.
    pub(crate) fn leave(&mut self, ticket: &Ticket, now: Timestamp) -> Waits {
        let waits = self.waited(ticket, now);
        self.remove(ticket);
        waits
    }

    /// What a task has waited for since it was queued: a target that is at its limit is waited for by who is next, and for the others
    /// it was not their turn; one that is closed or not there is waited for by all.
    pub(crate) fn waited(&self, ticket: &Ticket, now: Timestamp) -> Waits {
        let class = &self.classes[ticket.class.0 as usize];
        // Its turn has come when the last of the others was sent.
        let (turn, at_turn) = if class.is_next(ticket) { class.sent } else { (now, class.clocks_at(now)) };
        let slept = |clocks: [u64; SLEEPS.len()], index: usize| clocks[index].saturating_sub(ticket.clocks[index]);
        let clocks = class.clocks_at(now);
        let mut waits = Waits::new();
        let elsewhere: u64 = (0..SLEEPS.len()).filter(|index| *index != LIMIT).map(|index| slept(at_turn, index)).sum();
        push(&mut waits, Cause::Order, turn.since(ticket.since).as_micros().saturating_sub(elsewhere));
        for (index, cause) in SLEEPS.into_iter().enumerate() {
            let before = if index == LIMIT { slept(at_turn, index) } else { 0 };
            push(&mut waits, cause, slept(clocks, index) - before);
        }
        let known: u64 = waits.iter().map(|(_, span)| span.as_micros()).sum();
        push(&mut waits, Cause::Scheduler, now.since(ticket.since).as_micros().saturating_sub(known));
        waits
    }

    /// Puts a class to sleep until one of its targets can take something.
    pub(crate) fn sleep(&mut self, class: ClassId, cause: Cause, now: Timestamp) {
        let index = SLEEPS.iter().position(|sleep| *sleep == cause).expect("a class sleeps for one of these causes");
        let entry = &mut self.classes[class.0 as usize];
        assert!(entry.asleep.is_none(), "only an awake class is asked");
        entry.asleep = Some((index, now));
        for (heads, ranks) in self.heads.iter_mut().zip(&entry.bands) {
            ranks.first().map(|rank| heads.remove(&(*rank, class)));
        }
    }

    /// Wakes the classes that can use this target.
    pub(crate) fn wake(&mut self, target: TargetId, now: Timestamp) {
        self.pockets.stir();
        for id in self.by_target.get(&target).into_iter().flatten() {
            let class = &mut self.classes[id.0 as usize];
            class.clocks = class.clocks_at(now);
            if class.asleep.take().is_some() {
                for (heads, ranks) in self.heads.iter_mut().zip(&class.bands) {
                    heads.extend(ranks.first().map(|rank| (*rank, *id)));
                }
            }
        }
    }

    /// Why a queued task waits now.
    pub(crate) fn waiting_on(&self, ticket: &Ticket) -> Cause {
        let class = &self.classes[ticket.class.0 as usize];
        match class.asleep {
            Some((index, _)) if index != LIMIT || class.is_next(ticket) => SLEEPS[index],
            Some(_) => Cause::Order,
            None => Cause::Capacity,
        }
    }

    /// Every queued task, in the order of classes, bands and ranks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rank> {
        self.classes.iter().flat_map(|class| class.bands.iter().flatten())
    }
}

impl Class {
    fn is_empty(&self) -> bool {
        self.bands.iter().all(BTreeSet::is_empty)
    }

    /// True if no other of its band goes before it.
    fn is_next(&self, ticket: &Ticket) -> bool {
        self.bands[ticket.band as usize].first() == Some(&ticket.rank)
    }

    fn clocks_at(&self, now: Timestamp) -> [u64; SLEEPS.len()] {
        let mut clocks = self.clocks;
        if let Some((index, since)) = self.asleep {
            clocks[index] += now.since(since).as_micros();
        }
        clocks
    }
}

fn push(waits: &mut Waits, cause: Cause, micros: u64) {
    if micros > 0 {
        waits.push((cause, Duration(micros)));
    }
}

#[cfg(test)]
mod tests;
