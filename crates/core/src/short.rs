//! Tasks that wait for the money of windows: who goes once what is left covers it.
//!
//! What an attempt has not used of what was set aside for it comes free with almost every settlement, and very many tasks may wait for that, of
//! all runs. None of them is taken up to see whether it can go: they stay where they are, in the order in which they would be sent, and the
//! first that the windows cover goes when its turn comes among those that are queued. What it costs to find it hangs on how many kinds of
//! tasks wait ([`crate::queue::Pocket`]), and not on how many tasks.

use std::sync::Arc;

use agendum_types::graph::{Priority, Work};
use agendum_types::{CacheKey, Cause, TargetId, Tenant, Timestamp, Window};
use smallvec::SmallVec;

use crate::afford::Ask;
use crate::board::Board;
use crate::inst::{Broke, State};
use crate::purse::{Payer, Purse};
use crate::queue::{ClassId, Place, Pocket, Rank};
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// Who goes next.
pub(crate) enum Next {
    /// The first of those that are queued, if its class finds a target.
    Queued(ClassId, Rank),
    /// One that has waited for money.
    Covered(Rank),
}

impl Scheduler {
    /// The task that goes next, of those that are queued and those that waited for money which is there.
    pub(crate) fn next(&mut self) -> Option<Next> {
        let bands = self.board.queue.bands();
        let quiet = self.board.queue.pockets.is_empty() || self.board.queue.pockets.is_quiet();
        for band in bands {
            let queued = self.board.queue.first(band);
            let covered = if quiet { None } else { self.first_covered(band) };
            if let Some((_, rank)) = covered.filter(|place| queued.is_none_or(|(_, other)| *place <= other)) {
                return Some(Next::Covered(rank));
            }
            if let Some((class, (_, rank))) = queued {
                let near = self.nearest(class, band);
                self.bends = near;
                return Some(Next::Queued(class, near.map_or(rank, |bend| bend.goes)));
            }
        }
        self.board.queue.pockets.quiet();
        None
    }

    /// The first task of a band that the windows cover on a target that is free.
    fn first_covered(&self, band: Priority) -> Option<Place> {
        let first = self.board.queue.pockets.of(band).filter_map(|(pocket, tasks)| {
            let row = &self.targets.row(self.first_free(pocket.class)?).target;
            let left = self.windows_of(&pocket.tenant);
            let rank = tasks.first(|bytes| left.iter().all(|purse| purse.covers(&pocket.ask.least_on(row, bytes))))?;
            Some(self.board.queue.place_of(pocket.no, band, rank))
        });
        first.min()
    }

    /// The best target of a class that takes an attempt now; none while the pools lack what that would hold.
    pub(crate) fn first_free(&self, class: ClassId) -> Option<TargetId> {
        if !self.board.queue.has_units(class) {
            return None;
        }
        self.board.queue.candidates(class).iter().copied().find(|target| self.targets.is_free(*target, self.now))
    }

    /// What the limited windows of a tenant have to give now.
    pub(crate) fn windows_of(&self, tenant: &Tenant) -> SmallVec<[Purse; 3]> {
        let ledger = &self.board.ledger;
        let limited = Window::ALL.into_iter().filter(|window| ledger.windows.cap(*window) != Default::default());
        let purse = |window: Window| {
            let (cap, sum) = (ledger.windows.cap(window), ledger.sum(tenant, window, self.now));
            Purse {
                payer: Payer::Window(window),
                money: cap.money,
                tokens: cap.tokens,
                spent: (sum.spent, sum.tokens),
                held: (sum.held, sum.held_tokens),
            }
        };
        limited.map(purse).collect()
    }

    /// It waits for money of the windows, in the place that it had in the queue.
    pub(crate) fn put_in_pocket(&mut self, slot: Slot, id: InstId, window: Window) {
        let State::Queued(ticket) = &self.board.run(slot).inst(id).state else { panic!("who waits was queued") };
        let (band, no, lowered, rank) = (ticket.band, ticket.tenant, ticket.class, ticket.rank);
        // With the money all of its targets will do.
        let class = self.class_of(slot, id).unwrap_or(lowered);
        let (ask, bytes) = self.ask_of(slot, id);
        let tenant = self.board.run(slot).tenant.clone();
        let pocket = Pocket { band, class, tenant, no, ask };
        // Before it leaves the queue: its band is not idle for a moment, and neither is its tenant.
        self.board.queue.pocket(pocket.clone(), rank, bytes, self.now);
        self.unqueue(slot, id);
        let looked = self.board.run(slot).inst(id).sharing.clone().filter(|key| self.board.flights.has_looked(key));
        // Others may have the money.
        self.board.let_go(slot, id, None);
        if let Some(key) = &looked {
            self.board.flights.watch(key, (slot, id));
        }
        let broke = Broke { since: self.now, of: Payer::Window(window), place: Some((pocket, rank)), looked };
        self.board.run_mut(slot).inst_mut(id).state = State::Broke(Box::new(broke));
    }

    /// The windows cover it: it is queued where it stood, or waits for another that computes the same.
    pub(crate) fn bring_up(&mut self, rank: Rank) {
        let (slot, id, now) = (rank.slot, rank.inst, self.now);
        let State::Broke(broke) = &self.board.run(slot).inst(id).state else {
            panic!("who is covered waits for money")
        };
        let Some((pocket, _)) = &broke.place else { panic!("who is covered stands in a pocket") };
        let (class, of, looked) = (pocket.class, (pocket.band, pocket.no), broke.looked.clone());
        let in_line = looked.as_ref().and_then(|key| self.board.flights.take(key, (slot, id)));
        let state = match (in_line, &looked) {
            (Some(ticket), _) => State::InLine { since: now, ticket },
            (None, looked) => {
                if let Some(key) = looked {
                    self.board.flights.looked(key);
                }
                // Before it leaves its pocket: its band is not idle for a moment.
                State::Queued(Box::new(self.board.queue.insert(class, of, rank, now)))
            }
        };
        let since = self.board.leave_broke(slot, id).map_or(now, |broke| broke.since);
        let inst = self.board.run_mut(slot).inst_mut(id);
        inst.note(Cause::Budget, now.since(since));
        (inst.sharing, inst.state) = (looked, state);
    }

    /// A result was kept: who has looked for it in vain, and waits for money since, looks again.
    pub(crate) fn look_again(&mut self, key: &Arc<CacheKey>) {
        for (slot, id) in self.board.flights.watching(key) {
            self.try_again(slot, id);
        }
    }

    /// All are taken up: what an attempt may cost, or who pays for it, is not what it was.
    pub(crate) fn empty_pockets(&mut self) {
        self.take_up_those(self.board.queue.pockets.ranks());
    }

    /// A window has turned. Whom no window can ever cover on the target that is free now is taken up: it would be passed over at each turn,
    /// and has to take a lower rung, or to fail.
    pub(crate) fn take_up_hopeless(&mut self) {
        let hopeless = self.board.queue.pockets.iter().flat_map(|(pocket, tasks)| {
            let row = self.first_free(pocket.class).map(|target| &self.targets.row(target).target);
            let left = self.windows_of(&pocket.tenant);
            let never =
                |bytes| row.is_some_and(|row| left.iter().any(|of| !of.could_cover(&pocket.ask.least_on(row, bytes))));
            tasks.all().into_iter().filter(|(_, bytes)| never(*bytes)).map(|(rank, _)| rank).collect::<Vec<_>>()
        });
        self.take_up_those(hopeless.collect());
    }

    fn take_up_those(&mut self, ranks: Vec<Rank>) {
        for rank in ranks {
            // One that is taken up may have ended others, and its place may hold another task.
            let is_it = self.board.run_if_live(rank.slot).is_some_and(|run| {
                matches!(&run.inst(rank.inst).state, State::Broke(broke) if broke.place.as_ref().is_some_and(|(_, of)| *of == rank))
            });
            if is_it {
                self.try_again(rank.slot, rank.inst);
            }
        }
    }

    /// Comes back when the turn of a window may help somebody: where a target is free, when the last of the windows is over that do not cover
    /// the least of a pocket.
    pub(crate) fn arm_windows(&mut self) {
        if self.board.queue.pockets.is_armed() {
            return;
        }
        self.board.queue.pockets.arm();
        let pockets = &self.board.queue.pockets;
        let turns = pockets.iter().filter_map(|(pocket, tasks)| {
            let row = &self.targets.row(self.first_free(pocket.class)?).target;
            let least = pocket.ask.least_on(row, tasks.least());
            let short = self.windows_of(&pocket.tenant).into_iter().filter(|purse| !purse.covers(&least));
            let ends = short.filter_map(|purse| match purse.payer {
                Payer::Window(window) => Some(window.end(self.now)),
                Payer::Run | Payer::Loop(_) => None,
            });
            ends.max()
        });
        let turn = turns.min().unwrap_or(Timestamp::MAX);
        let before = std::mem::replace(&mut self.windows_turn, turn);
        if before != turn {
            self.board.timers.clear(before, Timer::Money);
            self.board.timers.set(turn, Timer::Money);
        }
    }

    /// What an attempt of this task asks for, and how many bytes it sends.
    pub(crate) fn ask_of(&self, slot: Slot, id: InstId) -> (Ask, u64) {
        let inst = self.board.run(slot).inst(id);
        let plan = self.board.plan(slot);
        let Work::Call(call) = &plan.task(inst.node).work else { panic!("only calls are sent") };
        let constant = || plan.graph.expr(call.input).source.len() as u64;
        let bytes = inst.input.as_ref().map_or_else(constant, |input| input.size);
        (Ask { capability: call.capability, cap: call.output_cap }, bytes + self.board.told_bytes(slot, id))
    }
}

impl Board {
    /// It waits for money no more, if it did: how it stood. Its state is anew whoever asks for.
    pub(crate) fn leave_broke(&mut self, slot: Slot, id: InstId) -> Option<Broke> {
        let inst = self.run_mut(slot).inst_mut(id);
        if !matches!(inst.state, State::Broke(_)) {
            return None;
        }
        let State::Broke(broke) = std::mem::replace(&mut inst.state, State::Ready) else { return None };
        self.forget_short(slot, id, &broke);
        Some(*broke)
    }

    /// A task that waited for money has left that.
    pub(super) fn forget_short(&mut self, slot: Slot, id: InstId, broke: &Broke) {
        if let Some((pocket, rank)) = &broke.place {
            self.queue.unpocket(pocket, rank, self.at);
        }
        if let Some(key) = &broke.looked {
            self.flights.forget(key, (slot, id));
        }
    }
}
