//! Tasks that run ahead of their plan: they join the run, stay in it with the plan, or are withdrawn.

use agendum_types::graph::{NodeId, Section};
use agendum_types::{AttemptNo, Booked, Hash, TaskPath, Waste};

use crate::action::Step;
use crate::ahead::Ahead;
use crate::board::{Board, Todo};
use crate::inst::{Layer, Settled, State};
use crate::run::{InstId, Phase, Slot};

impl Board {
    /// The graph has grown by what the running attempt of this task has written so far.
    pub(super) fn grow_ahead(&mut self, slot: Slot, path: &TaskPath, attempt: AttemptNo, graph: Hash) {
        let planner = self.find(slot, path).expect("a record names a live task");
        let known = self.run(slot).scope(Section::Main).len();
        let fresh = Ahead { attempt, tasks: Vec::new(), spent: Vec::new(), failed: false };
        self.run_mut(slot).ahead.entry(planner).or_insert(fresh);
        self.grow(slot, graph);
        let fresh: Vec<InstId> = self.run(slot).scope(Section::Main).iter().skip(known).collect();
        let ahead = self.run_mut(slot).ahead.get_mut(&planner).expect("it was put there");
        ahead.tasks.extend(fresh);
    }

    /// True if the instance runs ahead of its plan, which is not read yet.
    pub(crate) fn is_ahead(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.run(slot).inst(id);
        inst.layer == Layer::Node && self.plan(slot).task(inst.node).ahead.is_some()
    }

    /// True if the task ran ahead of a plan that has not taken it up, in this run or in one that this run takes over.
    pub(super) fn was_ahead(&self, slot: Slot, node: NodeId) -> bool {
        let ahead = self.plan(slot).task(node).ahead;
        let stands = |planner| self.run(slot).ahead.contains_key(&self.top(slot, planner));
        ahead.is_some_and(|ahead| ahead.withdrawn || !stands(ahead.planner))
    }

    /// True if what this task has given ahead of its plan counts as soon as the plan does.
    pub(crate) fn stands_ahead(&self, slot: Slot, path: &TaskPath) -> bool {
        self.find(slot, path).is_some_and(|id| self.run(slot).ahead.contains_key(&id))
    }

    /// One that runs ahead of its plan has failed: that decides nothing, but nothing of what was given ahead stays. True if it was one.
    pub(super) fn fails_ahead(&mut self, slot: Slot, id: InstId) -> bool {
        if !self.is_ahead(slot, id) {
            return false;
        }
        let mut all = self.run_mut(slot).ahead.values_mut();
        all.find(|ahead| ahead.tasks.contains(&id)).is_some_and(|ahead| {
            ahead.failed = true;
            true
        })
    }

    /// Plans that the graph holds now are whole: what was given ahead of them is theirs from now on, or nobody's.
    pub(super) fn take_up_ahead(&mut self, slot: Slot) {
        if self.run(slot).ahead.is_empty() {
            return;
        }
        let plan = self.plan(slot);
        let run = self.run(slot);
        let is_whole = |id: &&InstId| plan.task(run.inst(**id).node).adds.as_ref().is_some_and(|adds| adds.made);
        let whole: Vec<InstId> = run.ahead.keys().filter(is_whole).copied().collect();
        for planner in whole {
            let Some(ahead) = self.run_mut(slot).ahead.remove(&planner) else { continue };
            for id in ahead.tasks {
                if self.is_ahead(slot, id) {
                    self.waste(&ahead.spent, id);
                    self.withdraw(slot, id);
                    continue;
                }
                let run = self.run_mut(slot);
                run.degraded |= run.inst(id).degraded;
                self.todo.push_back(Todo::Requeue(slot, id));
            }
        }
    }

    /// What was given ahead by attempts that have come to nothing, or of which one has failed, is withdrawn.
    pub(super) fn withdraw_vain(&mut self, slot: Slot) {
        let Some(run) = self.run_if_live(slot).filter(|run| !run.ahead.is_empty()) else { return };
        let is_vain = |(planner, ahead): &(&InstId, &Ahead)| {
            let inst = run.inst(**planner);
            let goes_on = match &inst.state {
                State::Running(running) => running.attempt == ahead.attempt,
                State::Asking(step) => *step == Step::Judge,
                State::Waiting
                | State::Ready
                | State::Parked(_)
                | State::LookingUp(_)
                | State::InLine { .. }
                | State::Queued(_)
                | State::Paused(_)
                | State::Broke { .. }
                | State::Pleading(_)
                | State::BackingOff(_)
                | State::Checked(_)
                | State::Awaiting(_)
                | State::Open
                | State::Settled(_) => false,
            };
            ahead.failed || !goes_on
        };
        let vain: Vec<InstId> = run.ahead.iter().filter(is_vain).map(|(planner, _)| *planner).collect();
        for planner in vain {
            let Some(ahead) = self.run_mut(slot).ahead.remove(&planner) else { continue };
            for id in ahead.tasks {
                self.waste(&ahead.spent, id);
                self.withdraw(slot, id);
            }
        }
    }

    /// What an attempt has cost that runs ahead of its plan may yet be waste.
    pub(super) fn note_spent_ahead(&mut self, slot: Slot, id: InstId) {
        let of_use = self.booked.as_ref().filter(|booked| booked.waste.is_none() && self.is_ahead(slot, id));
        let Some(booked) = of_use.cloned() else { return };
        let mut all = self.run_mut(slot).ahead.values_mut();
        if let Some(ahead) = all.find(|ahead| ahead.tasks.contains(&id)) {
            ahead.spent.push((id, booked));
        }
    }

    /// Nothing that it has cost was of use.
    fn waste(&mut self, spent: &[(InstId, Booked)], id: InstId) {
        let of_it = spent.iter().filter(|(of, _)| *of == id);
        self.wasted.extend(of_it.map(|(_, booked)| Booked { waste: Some(Waste::Superseded), ..booked.clone() }));
    }

    /// It counts no more, whatever it has given. Only what is withdrawn with it waits for it.
    fn withdraw(&mut self, slot: Slot, id: InstId) {
        let was_open = self.run(slot).inst(id).settled().is_none();
        self.drop_instance(slot, id, Settled::Cancelled);
        let run = self.run_mut(slot);
        let inst = run.inst_mut(id);
        inst.state = State::Settled(Settled::Cancelled);
        (inst.output, inst.failure, inst.degraded) = (None, None, false);
        if was_open && run.phase == Phase::Main {
            // The planner, or its end, has yet to come: the section does not end with this.
            run.scope_mut(Section::Main).unsettled -= 1;
            self.scope_done(slot, InstId::TOP, Section::Main);
        }
    }
}
