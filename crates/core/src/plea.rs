//! `on_exceeded: ask`: a task that its run's budget does not cover asks a person.
//!
//! It asks where nothing but a raise helps: while others hold money that would do if they cost nothing, it waits for them. What is optional
//! never asks: it fails, and the run goes on without it. That it asks is a record, of which notices are given, and so is what was answered.
//! A restart finds again that it must ask, as it finds what stands in a queue, and there is no second record then unless it needs
//! something else: whoever was asked knows.

use agendum_types::{Failure, Money, Plea, RunId, Seq, TaskPath, Timestamp};

use crate::afford::Uncovered;
use crate::board::Todo;
use crate::inst::{Inst, Layer, State};
use crate::purse::Payer;
use crate::queue::ClassId;
use crate::record::{Change, End};
use crate::run::{InstId, Run, Slot};
use crate::scheduler::Scheduler;

/// That a task asks, as the last record of that says.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Asked {
    /// Since when, and the first of those records.
    pub(crate) since: Timestamp,
    pub(crate) seq: Seq,
    /// Money and tokens that it needs at least.
    pub(crate) needs: (Money, u64),
}

/// What a task asks for.
#[derive(Debug)]
pub(crate) struct Pleading {
    pub(crate) since: Timestamp,
    /// What its attempt may cost at least.
    needs: (Money, u64),
    /// What it fails with if that is refused.
    failure: Failure,
}

impl Pleading {
    /// As the outside sees it.
    pub(crate) fn view(&self, run: &Run) -> Option<Plea> {
        run.plea(self.needs)
    }
}

impl Run {
    /// A plea for so much, as its budget stands.
    fn plea(&self, needs: (Money, u64)) -> Option<Plea> {
        let budget = **self.budget.as_ref()?;
        let (used, tokens) = (self.spent.plus(self.held), self.tokens.saturating_add(self.held_tokens));
        Some(Plea {
            needs: needs.0,
            needs_tokens: needs.1,
            budget,
            left: budget.money.map_or(Money::MAX, |money| money.minus(used)),
            left_tokens: budget.tokens.map_or(u64::MAX, |most| most.saturating_sub(tokens)),
        })
    }
}

impl Inst {
    /// What it asks a person for.
    pub(crate) fn plea(&self) -> Option<&Pleading> {
        if let State::Pleading(plea) = &self.state { Some(plea) } else { None }
    }
}

impl Scheduler {
    /// Its run's budget does not cover it: it waits for what others hold if that may do, else it asks; not twice where that was refused: then a cheaper target
    /// has to do.
    pub(crate) fn ask_for_money(&mut self, slot: Slot, id: InstId, class: ClassId, uncovered: &Uncovered) {
        if uncovered.would_do() {
            return self.wait_for_money(slot, id, Payer::Run);
        }
        let failure = self.unaffordable(slot, uncovered, None);
        if self.board.run(slot).refused || self.is_spared(slot, id) {
            if self.has_strict_order(slot, id) || !self.place_cheaper(slot, id, class) {
                self.unpaid(slot, id, failure);
            }
            return;
        }
        self.unqueue(slot, id);
        // Others may be able to pay for what it would share.
        self.board.let_go(slot, id, None);
        let since = self.now;
        let needs = uncovered.needs();
        let run = self.board.run(slot);
        let is_known = run.pleas.get(&id).is_some_and(|asked| asked.needs == needs);
        if let Some(plea) = run.plea(needs).filter(|_| !is_known) {
            self.record_task(slot, id, Change::Pleaded(Box::new(plea)));
        }
        let run = self.board.run_mut(slot);
        let path = run.path(id);
        run.awaiting.insert((since, path), id);
        run.inst_mut(id).state = State::Pleading(Box::new(Pleading { since, needs, failure }));
        let run = run.id;
        self.board.awaiting.insert(run, slot);
    }

    /// True if this task asks, and none of its run has asked for longer: whoever is told of the first may look for the others.
    #[must_use]
    pub fn asks_first(&self, run: RunId, path: &TaskPath) -> bool {
        let Some(slot) = self.board.slot(run) else { return false };
        let pleas = &self.board.run(slot).pleas;
        let own = self.board.find(slot, path).and_then(|id| pleas.get(&id));
        own.is_some_and(|own| !pleas.values().any(|other| other.seq < own.seq))
    }

    /// True if the run goes on without it: it is optional, or stands in what is. That is dropped, and nobody is asked for money for it. A
    /// check is never: it settles what has been done.
    fn is_spared(&self, slot: Slot, id: InstId) -> bool {
        let (run, plan) = (self.board.run(slot), self.board.plan(slot));
        let mut at = id;
        while at != InstId::TOP {
            let inst = run.inst(at);
            if inst.layer == Layer::Check || plan.task(inst.node).optional {
                return inst.layer != Layer::Check;
            }
            at = inst.parent;
        }
        false
    }

    fn unpaid(&mut self, slot: Slot, id: InstId, failure: Failure) {
        let next = self.rung_or_fail(slot, id, failure, false);
        self.end(slot, id, End::Unaffordable, next);
    }

    /// Somebody has answered, or there are other targets: those that ask try again, who has asked longest first, or fail.
    pub(crate) fn answer_pleas(&mut self, slot: Slot) {
        let Some(run) = self.board.run_if_live(slot) else { return };
        let asking: Vec<InstId> = run.awaiting.values().copied().filter(|id| run.inst(*id).plea().is_some()).collect();
        for id in asking {
            // What is taken up, or fails, may end others.
            let Some(run) = self.board.run_if_live(slot) else { return };
            let Some(plea) = run.inst(id).plea() else { continue };
            if run.refused {
                let failure = plea.failure.clone();
                self.unpaid(slot, id, failure);
            } else {
                self.plead_no_more(slot, id);
            }
        }
    }

    fn plead_no_more(&mut self, slot: Slot, id: InstId) {
        let inst = self.board.run_mut(slot).inst_mut(id);
        let State::Pleading(plea) = std::mem::replace(&mut inst.state, State::Ready) else { return };
        inst.note(agendum_types::Cause::Person, self.now.since(plea.since));
        self.board.forget_wait(slot, id, plea.since);
        self.board.todo.push_back(Todo::Take(slot, id));
    }
}
