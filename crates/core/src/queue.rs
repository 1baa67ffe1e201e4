//! Ready tasks, by eligibility class.
//!
//! Tasks with the same candidate targets share a class. A class that finds no free target sleeps on its candidates and is woken when
//! one of them frees a unit or reopens, so that a freed target touches only the classes that can use it. The same tasks ask for the same units
//! of pools; a class that lacks some sleeps on those ([`units`]).
//!
//! Inside a class tasks stand in bands by priority, in a band by tenant. A band is chosen by weighted shares, the more urgent first; in a band
//! the tenant that has had least, by its weight; of a tenant the run that its index puts first; of a run the task with the longest
//! way to the end, or the greatest rank where its tasks ask for units of pools. Ties go by age, then id.

mod alone;
mod class;
mod lane;
mod pockets;
mod shares;
mod units;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_types::Policy;
use agendum_types::graph::Priority;
use agendum_types::{Cause, Duration, Need, RunId, TargetId, Tenant, Timestamp};

use crate::preempt::Stopped;
use crate::record::Waits;
use crate::run::{InstId, Slot};
use class::{Class, LIMIT, SLEEPS};
use lane::Lane;
pub(crate) use lane::Place;
pub(crate) use pockets::{Pocket, Pockets};
use shares::Shares;
pub(crate) use shares::TenantNo;
pub(crate) use units::Units;

/// The place of a class in the queue's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClassId(pub(crate) u32);

/// Where a task stands among those of its tenant; smaller is sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// Its run may not be answered in time: it stands behind all that may.
    pub(crate) risky: bool,
    /// What the policy's index says.
    pub(crate) index: u64,
    /// When the run was accepted.
    pub(crate) submitted: Timestamp,
    pub(crate) run: RunId,
    /// The longest way to the end of the run, or its rank where its tasks ask for units of pools.
    pub(crate) tail: Reverse<Duration>,
    /// When its task was ready.
    pub(crate) ready: Timestamp,
    pub(crate) slot: Slot,
    pub(crate) inst: InstId,
    /// How long it takes on average with its part of what follows for the same targets, and when it has to be sent at the latest to be in time though it is
    /// slow: as it seemed when it was queued. Nothing and never where it has no deadline, or not enough was seen.
    pub(crate) takes: Duration,
    pub(crate) latest: Timestamp,
}

impl Rank {
    /// Before all others.
    const FIRST: Self = Self {
        risky: false,
        index: 0,
        submitted: Timestamp(0),
        run: RunId(0),
        tail: Reverse(Duration(u64::MAX)),
        ready: Timestamp(0),
        slot: Slot(0),
        inst: InstId(0),
        takes: Duration::ZERO,
        latest: Timestamp(0),
    };
}

/// What a queued task remembers: where it stands, and the clocks of its class when it came.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) class: ClassId,
    pub(crate) band: Priority,
    pub(crate) tenant: TenantNo,
    pub(crate) rank: Rank,
    /// True if the class holds only what the budget covers of the task's targets.
    pub(crate) lowered: bool,
    /// Until then the class holds only the target that is worth waiting for.
    pub(crate) held: Option<Timestamp>,
    /// When it has to be sent to be in time.
    pub(crate) urgent: Option<Timestamp>,
    /// How often that was looked at.
    pub(crate) looks: u8,
    /// How often another went in its place, since a target had read more of that.
    pub(crate) passed: u32,
    /// The attempt that was stopped for it.
    pub(crate) stopped: Option<Box<Stopped>>,
    since: Timestamp,
    clocks: [u64; SLEEPS.len()],
    /// How many tasks the class had sent.
    sent: u64,
}

/// A band of share 1 advances by this much for each task it sends, others by as much less as their share is greater.
const STRIDE: u64 = 1 << 20;

/// Classes without tasks are not looked for below this many.
const IDLE_CLASSES: usize = 1_024;

/// All ready tasks of a shard.
#[derive(Debug)]
pub(crate) struct Queue {
    classes: Vec<Class>,
    by_candidates: BTreeMap<(Vec<TargetId>, Arc<[Need]>), ClassId>,
    by_target: BTreeMap<TargetId, Vec<ClassId>>,
    pub(crate) units: Units,
    /// In each band the first task of every class that may find a free target.
    heads: [BTreeSet<(Place, ClassId)>; 3],
    strides: [u64; 3],
    shares: Shares,
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
    /// An empty one, under this policy.
    pub(crate) fn new(policy: &Policy) -> Self {
        let mut queue = Self {
            classes: Vec::new(),
            by_candidates: BTreeMap::new(),
            by_target: BTreeMap::new(),
            units: Units::default(),
            heads: Default::default(),
            strides: [STRIDE; 3],
            shares: Shares::default(),
            passes: [0; 3],
            reached: 0,
            lens: [0; 3],
            pockets: Pockets::default(),
            free: Vec::new(),
            sweep_at: 0,
            generation: 0,
        };
        queue.govern(policy);
        queue
    }

    /// The class of tasks with these candidates that ask for this of pools. It is kept as long as it has tasks; others may be given back when the next is made.
    pub(crate) fn class(&mut self, candidates: Vec<TargetId>, needs: &Arc<[Need]>) -> ClassId {
        let key = (candidates, Arc::clone(needs));
        if let Some(id) = self.by_candidates.get(&key) {
            return *id;
        }
        if self.by_candidates.len() >= self.sweep_at.max(IDLE_CLASSES) {
            self.sweep();
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.classes.push(Class::default());
            ClassId(u32::try_from(self.classes.len() - 1).expect("not many more than queued tasks"))
        });
        for target in &key.0 {
            self.by_target.entry(*target).or_default().push(id);
        }
        let (candidates, needs) = key.clone();
        self.by_candidates.insert(key, id);
        self.classes[id.0 as usize] = Class { candidates, needs, ..Class::default() };
        id
    }

    /// Gives back every class without tasks: callers choose orders of targets, and there are very many.
    pub(crate) fn sweep(&mut self) {
        let waiting = self.pockets.classes();
        let (classes, free) = (&self.classes, &mut self.free);
        let is_idle = |id: &ClassId| classes[id.0 as usize].is_empty() && !waiting.contains(id);
        self.by_target.values_mut().for_each(|ids| ids.retain(|id| !is_idle(id)));
        for id in self.units.sleeping().into_iter().filter(is_idle) {
            classes[id.0 as usize].lacks.iter().for_each(|lacks| self.units.wake(lacks, id));
        }
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

    pub(crate) fn insert(
        &mut self,
        class: ClassId,
        (band, tenant): (Priority, TenantNo),
        rank: Rank,
        now: Timestamp,
    ) -> Ticket {
        if self.lens[band as usize] + self.pockets.len(band) == 0 {
            // A band that comes back does not claim the share it left unused.
            let joins = self.reached + self.strides[band as usize];
            self.passes[band as usize] = self.passes[band as usize].max(joins);
        }
        self.shares.comes(tenant, band, now);
        self.add(class, band, tenant, rank);
        let of = &mut self.classes[class.0 as usize];
        of.fresh = (now, 1 + if of.fresh.0 == now { of.fresh.1 } else { 0 });
        let (clocks, sent) = (of.clocks_at(now), of.count);
        Ticket {
            class,
            band,
            tenant,
            rank,
            lowered: false,
            held: None,
            urgent: None,
            looks: 0,
            passed: 0,
            stopped: None,
            since: now,
            clocks,
            sent,
        }
    }

    pub(crate) fn remove(&mut self, ticket: &Ticket, now: Timestamp) {
        self.drop(ticket.class, ticket.band, ticket.tenant, &ticket.rank);
        let (came, fresh) = &mut self.classes[ticket.class.0 as usize].fresh;
        *fresh -= u64::from(*came == ticket.since);
        self.shares.goes(ticket.tenant, ticket.band, now);
    }

    fn add(&mut self, class: ClassId, band: Priority, tenant: TenantNo, rank: Rank) {
        let time = self.shares.time(tenant, band);
        self.change(class, band, |lane| lane.insert(tenant, time, rank))
            .then(|| self.shares.stands(tenant, band, class, true));
        self.lens[band as usize] += 1;
    }

    fn drop(&mut self, class: ClassId, band: Priority, tenant: TenantNo, rank: &Rank) {
        let time = self.shares.time(tenant, band);
        self.change(class, band, |lane| lane.remove(tenant, time, rank))
            .then(|| self.shares.stands(tenant, band, class, false));
        self.lens[band as usize] -= 1;
    }

    /// Changes who stands in a class, and with it who is first of those that are awake.
    fn change<T>(&mut self, class: ClassId, band: Priority, change: impl FnOnce(&mut Lane) -> T) -> T {
        let entry = &mut self.classes[class.0 as usize];
        let lane = &mut entry.bands[band as usize];
        if entry.asleep.is_some() {
            return change(lane);
        }
        let (before, told) = (lane.first(), change(lane));
        let after = lane.first();
        if before != after {
            let heads = &mut self.heads[band as usize];
            before.map(|place| heads.remove(&(place, class)));
            heads.extend(after.map(|place| (place, class)));
        }
        told
    }

    /// How many ready tasks of a tenant wait to be sent in a band.
    pub(crate) fn waiting_of(&self, tenant: &Tenant, band: Priority) -> u64 {
        self.shares.waiting_of(tenant, band)
    }

    /// True if ready tasks of this band wait to be sent.
    pub(crate) fn has_waiting(&self, band: Priority) -> bool {
        self.lens[band as usize] + self.pockets.len(band) > 0
    }

    /// How many ready tasks of this band and the more urgent ones wait for a target.
    pub(crate) fn waiting_down_to(&self, band: Priority) -> u64 {
        self.lens[..=band as usize].iter().sum()
    }

    /// Another event comes.
    pub(crate) fn looks(&mut self) {
        self.shares.looks();
    }

    /// A task waits for money of the windows, in the place that it has in the queue.
    pub(crate) fn pocket(&mut self, pocket: Pocket, rank: Rank, bytes: u64, now: Timestamp) {
        self.shares.comes(pocket.no, pocket.band, now);
        self.pockets.insert(pocket, rank, bytes);
    }

    /// It waits for that no more.
    pub(crate) fn unpocket(&mut self, pocket: &Pocket, rank: &Rank, now: Timestamp) {
        self.pockets.remove(pocket, rank);
        self.shares.goes(pocket.no, pocket.band, now);
    }

    /// A queued task stands elsewhere from now on.
    pub(crate) fn moves(&mut self, ticket: &mut Ticket, rank: Rank) {
        self.drop(ticket.class, ticket.band, ticket.tenant, &ticket.rank);
        ticket.rank = rank;
        self.add(ticket.class, ticket.band, ticket.tenant, ticket.rank);
    }

    /// The tasks of a tenant in a class and band, whose run may not be late, in their order.
    pub(crate) fn in_time(&self, ticket: &Ticket) -> impl Iterator<Item = &Rank> {
        let lane = &self.classes[ticket.class.0 as usize].bands[ticket.band as usize];
        lane.of(ticket.tenant).take_while(|rank| !rank.risky)
    }

    /// Tasks that are queued in a class.
    pub(crate) fn len_of(&self, class: ClassId) -> u64 {
        self.classes[class.0 as usize].bands.iter().map(Lane::len).sum()
    }

    /// True if tasks are queued that this target could serve.
    pub(crate) fn is_wanted(&self, target: TargetId) -> bool {
        let classes = self.by_target.get(&target).into_iter().flatten();
        classes.into_iter().any(|class| !self.classes[class.0 as usize].is_empty())
    }

    /// Tasks of its class that were sent since this one was queued, and those that wait on when it goes; nobody has waited where all
    /// that come together go together.
    pub(crate) fn beside(&self, ticket: &Ticket, now: Timestamp) -> (u64, u64) {
        let class = &self.classes[ticket.class.0 as usize];
        if ticket.since == now && class.woken != Some(now) {
            return (0, 0);
        }
        self.around(ticket)
    }

    /// Tasks of its class that were sent since this one was queued, and those that wait too.
    pub(crate) fn around(&self, ticket: &Ticket) -> (u64, u64) {
        let sent = self.classes[ticket.class.0 as usize].count - ticket.sent;
        (sent, self.len_of(ticket.class).saturating_sub(1))
    }

    /// The number of a tenant.
    pub(crate) fn tenant(&mut self, tenant: &Tenant, policy: &Policy) -> TenantNo {
        self.shares.number(tenant, &policy.fairness)
    }

    /// Where a task of this tenant and rank stands in a band.
    pub(crate) fn place_of(&self, tenant: TenantNo, band: Priority, rank: Rank) -> Place {
        (self.shares.time(tenant, band), rank)
    }

    /// An attempt of a band was sent that counts for so much.
    pub(crate) fn sent(&mut self, band: Priority, cost: u64) {
        self.shares.sent(band, cost);
    }

    /// A tenant has had more in a band, or less than was counted; and so much more and less of that is a guess.
    pub(crate) fn charge(&mut self, tenant: TenantNo, band: Priority, cost: (u64, u64), guessed: (u64, u64)) {
        let before = self.shares.time(tenant, band);
        self.shares.charge(tenant, band, cost, guessed);
        let after = self.shares.time(tenant, band);
        if before == after {
            return;
        }
        for class in self.shares.classes(tenant, band) {
            self.change(class, band, |lane| lane.shift(tenant, before, after));
        }
    }

    /// Other shares and weights count from now on. What is queued is queued anew.
    pub(crate) fn govern(&mut self, policy: &Policy) {
        self.strides = policy.bands.each_ref().map(|band| STRIDE / u64::from(band.share.max(1)));
        self.shares.weigh(&policy.fairness);
    }

    /// The bands, the one first whose turn it is.
    pub(crate) fn bands(&self) -> [Priority; 3] {
        let mut bands = Priority::ALL;
        bands.sort_by_key(|band| (self.passes[*band as usize], *band));
        bands
    }

    /// The first task of a band that is queued in a class that is awake. It stays queued.
    pub(crate) fn first(&self, band: Priority) -> Option<(ClassId, Place)> {
        self.heads[band as usize].first().map(|(place, class)| (*class, *place))
    }

    /// The first tasks of the tenants of a class and band, who has had least first: of those that have had no more than so many usual attempts more.
    pub(crate) fn within(&self, class: ClassId, band: Priority, attempts: u32) -> impl Iterator<Item = Rank> {
        let lane = &self.classes[class.0 as usize].bands[band as usize];
        let most = lane.first().map(|(least, _)| self.shares.after(least, band, attempts));
        lane.firsts().take_while(move |(time, _)| Some(*time) <= most).map(|(_, rank)| *rank)
    }

    /// Takes a task out because it was sent to a target; says what it waited for.
    pub(crate) fn send(&mut self, ticket: &Ticket, now: Timestamp) -> Waits {
        let waits = self.leave(ticket, now);
        self.shares.sends(ticket.tenant, ticket.band);
        self.reached = self.passes[ticket.band as usize];
        self.passes[ticket.band as usize] += self.strides[ticket.band as usize];
        // A band that is behind had nothing that could go: it does not claim the share it left unused.
        for (pass, stride) in self.passes.iter_mut().zip(self.strides) {
            if *pass < self.reached {
                *pass = self.reached + stride;
            }
        }
        let class = &mut self.classes[ticket.class.0 as usize];
        class.sent = (now, class.clocks_at(now));
        class.count += 1;
        waits
    }

    /// Takes a task out; says what it waited for.
    pub(crate) fn leave(&mut self, ticket: &Ticket, now: Timestamp) -> Waits {
        let waits = self.waited(ticket, now);
        self.remove(ticket, now);
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

    /// Puts a class to sleep until it has the units that it lacks, or else until one of its targets can take something.
    pub(crate) fn sleep(&mut self, class: ClassId, cause: Cause, now: Timestamp) {
        let index = SLEEPS.iter().position(|sleep| *sleep == cause).expect("a class sleeps for one of these causes");
        let entry = &mut self.classes[class.0 as usize];
        assert!(entry.asleep.is_none(), "only an awake class is asked");
        entry.asleep = Some((index, now));
        entry.lacks = self.units.lacks(&entry.needs).cloned();
        entry.lacks.iter().for_each(|lacks| self.units.sleep(lacks, class));
        for (heads, lane) in self.heads.iter_mut().zip(&entry.bands) {
            lane.first().map(|place| heads.remove(&(place, class)));
        }
    }

    /// Wakes the classes that can use this target, but for those that lack units.
    pub(crate) fn wake(&mut self, target: TargetId, now: Timestamp) {
        self.pockets.stir();
        for id in self.by_target.get(&target).into_iter().flatten() {
            let class = &mut self.classes[id.0 as usize];
            if class.lacks.is_none() {
                class.wake(*id, &mut self.heads, now);
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
        self.classes.iter().flat_map(|class| class.bands.iter().flat_map(Lane::ranks))
    }
}

fn push(waits: &mut Waits, cause: Cause, micros: u64) {
    if micros > 0 {
        waits.push((cause, Duration(micros)));
    }
}

#[cfg(test)]
mod tests;
