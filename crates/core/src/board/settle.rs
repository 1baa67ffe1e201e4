//! How settling one instance settles others: joins, groups, windows, loops, sections.
//!
//! An instance that settles tells its parent, and so does the parent: that recurses along the nesting, which `depth_max` bounds, and never
//! over siblings, of which there may be very many. What is skipped in a row is a worklist.
//!
//! What is chosen here is chosen again when the journal is applied: no record says which rung of `catch` a group, loop or `foreach` took,
//! nor which sections, groups and windows ended. So these rules ([`Board::next_rung`], `body_settled`, `scope_done`, `item_settled`) are
//! part of the journal's format: for graphs that are in use they do not change.

use std::sync::Arc;

use agendum_types::graph::{Catch, ExprId, NodeId, Rung, Section, Work};
use agendum_types::{Capability, Class, Failure, Graph, Timestamp};

use crate::action::{RunFailure, Step};
use crate::board::{Board, Todo};
use crate::inst::{Body, Layer, Settled, State};
use crate::run::{InstId, Phase, Slot};
use crate::timers::Timer;

impl Board {
    /// Nothing more will happen to this instance; tells those that wait for it.
    pub(super) fn settle(&mut self, slot: Slot, id: InstId, how: Settled, failure: Option<Failure>) {
        if self.run(slot).inst(id).settled().is_some() {
            return;
        }
        self.keep_round(slot, id, how);
        self.drop_instance(slot, id, how);
        let run = self.run_mut(slot);
        let inst = run.inst_mut(id);
        inst.failure = failure.map(Box::new);
        if how == Settled::Succeeded {
            self.hear_verdict(slot, id);
        }
        let inst = self.run(slot).inst(id);
        let (parent, node, layer, degraded) = (inst.parent, inst.node, inst.layer, inst.degraded);
        if degraded && how == Settled::Succeeded {
            self.degrade(slot, id);
        }
        match layer {
            Layer::Item(index) => self.item_settled(slot, parent, index, id, how),
            Layer::Round(_) => self.round_settled(slot, parent, id, how),
            Layer::Node => self.sibling_settled(slot, id, node, how),
            Layer::Check => self.check_settled(slot, parent, id, how),
            Layer::Compensation => self.compensation_settled(slot, id, how),
        }
    }

    /// The run, and every instance around this one, took a lower rung.
    pub(super) fn degrade(&mut self, slot: Slot, id: InstId) {
        // What runs ahead of its plan does not count yet.
        let counts = !self.run(slot).is_answered() && !self.is_ahead(slot, id);
        let run = self.run_mut(slot);
        let mut at = id;
        while at != InstId::TOP {
            let inst = run.inst_mut(at);
            inst.degraded = true;
            at = inst.parent;
        }
        run.degraded |= counts;
    }

    /// Ends an instance and all inside it without telling anybody: timers, queue places, attempts and bodies are given back.
    pub(super) fn drop_instance(&mut self, slot: Slot, id: InstId, how: Settled) {
        if self.run(slot).inst(id).settled().is_some() {
            return;
        }
        if how == Settled::Cancelled {
            // Whoever settles otherwise does so by a record of its own, which says what it waited for.
            self.keep_unsent(slot, id);
        }
        self.retire(slot, id);
        let mut inside = self.run(slot).children(id);
        while let Some(child) = inside.pop() {
            inside.extend(self.run(slot).children(child));
            if self.run(slot).inst(child).settled().is_none() {
                self.keep_unsent(slot, child);
                self.retire(slot, child);
            }
            self.free(slot, child);
        }
        let inst = self.run_mut(slot).inst_mut(id);
        inst.state = State::Settled(how);
        inst.body = None;
        (inst.input, inst.prefix) = (None, None);
        inst.refused = None;
        if how != Settled::Succeeded {
            inst.output = None;
        }
    }

    /// Takes an instance out of all indexes, its timers of expiry included.
    fn retire(&mut self, slot: Slot, id: InstId) {
        self.leave(slot, id);
        let inst = self.run_mut(slot).inst_mut(id);
        let expires = std::mem::replace(&mut inst.expires, Timestamp::MAX);
        let deadline = match inst.body.as_deref() {
            Some(Body::Loop(repeat)) => repeat.deadline,
            _ => None,
        };
        self.timers.clear(expires, Timer::Expiry(slot, id));
        if let Some(deadline) = deadline {
            self.timers.clear(deadline, Timer::Loop(slot, id));
        }
    }

    /// Takes an instance out of whatever it waits in, and abandons its attempt.
    pub(crate) fn leave(&mut self, slot: Slot, id: InstId) {
        self.run_mut(slot).pleas.remove(&id);
        let state = std::mem::replace(&mut self.run_mut(slot).inst_mut(id).state, State::Waiting);
        let ticket = if let State::InLine { ticket, .. } = state { Some(ticket) } else { None };
        self.let_go(slot, id, ticket);
        match state {
            State::Parked(at) | State::BackingOff(at) => {
                self.timers.clear(at, Timer::Start(slot, id));
                self.outlasting.forget((slot, id));
            }
            State::Queued(ticket) => {
                self.forget_hold(slot, id, &ticket);
                self.forget_urgency(slot, id, &ticket);
                self.queue.remove(&ticket, self.at);
            }
            State::Awaiting(since) => self.end_wait(slot, id, since),
            State::Pleading(plea) => self.forget_wait(slot, id, plea.since),
            State::Running(running) => self.abandon(slot, id, *running),
            // In the lists of the run it stays: whoever goes through them looks at the state.
            State::Broke(broke) => self.forget_short(slot, id, &broke),
            State::Paused(_) | State::LookingUp(_) | State::InLine { .. } => {}
            State::Waiting | State::Ready | State::Asking(_) | State::Checked(_) | State::Open | State::Settled(_) => {}
        }
    }

    /// Gives the place of an instance back to the arena.
    fn free(&mut self, slot: Slot, id: InstId) {
        let run = self.run_mut(slot);
        let inst = run.inst_mut(id);
        inst.state = State::Settled(Settled::Cancelled);
        inst.body = None;
        (inst.input, inst.prefix) = (None, None);
        inst.output = None;
        inst.failure = None;
        inst.refused = None;
        run.served.remove(&id);
        run.free.push(id);
        self.live_tasks -= 1;
    }

    /// Frees a settled instance with all inside it.
    pub(super) fn free_tree(&mut self, slot: Slot, id: InstId) {
        let mut all = vec![id];
        while let Some(next) = all.pop() {
            all.extend(self.run(slot).children(next));
            self.free(slot, next);
        }
    }

    fn sibling_settled(&mut self, slot: Slot, id: InstId, node: NodeId, how: Settled) {
        let parent = self.run(slot).inst(id).parent;
        let graph = Arc::clone(&self.plan(slot).graph);
        let task = graph.task(node);
        let (section, optional) = (task.section, task.optional);
        let fails = how == Settled::Failed && !optional;
        if how == Settled::Failed && optional || how == Settled::Pruned {
            self.degrade(slot, id);
        }
        if parent == InstId::TOP && how == Settled::Succeeded {
            self.todo.push_back(Todo::Publish(slot, id));
        }
        if fails && self.fails_ahead(slot, id) {
            return self.count_down(slot, parent, section, node, how);
        }
        if fails && self.fails_its_scope(slot, id, parent, section) {
            return;
        }
        let poisons = self.run(slot).inst(id).poisoned || fails;
        self.count_down(slot, parent, section, node, how);
        for next in &task.needed_by {
            let next = self.sibling(slot, parent, *next);
            let inst = self.run_mut(slot).inst_mut(next);
            inst.pending = inst.pending.saturating_sub(1);
            if !matches!(inst.state, State::Waiting) {
                continue;
            }
            if poisons {
                inst.poisoned = true;
            }
            if inst.pending == 0 {
                if inst.poisoned { self.skips.push((slot, next)) } else { self.make_ready(slot, next) }
            }
        }
        self.scope_done(slot, parent, section);
    }

    /// A failure ends the group, or the main tasks; a race and the sections after the answer go on. True if it ended them.
    fn fails_its_scope(&mut self, slot: Slot, id: InstId, parent: InstId, section: Section) -> bool {
        let failure = self.run(slot).inst(id).failure.as_deref().cloned();
        let failure = failure.unwrap_or_else(|| Failure::new(Class::Permanent, "a task inside failed"));
        if parent != InstId::TOP {
            if self.is_race(slot, parent) {
                return false;
            }
            self.fail(slot, parent, failure);
            return true;
        }
        if section != Section::Main {
            return false;
        }
        if self.run(slot).phase == Phase::Main {
            let task = Some(self.run(slot).path(id));
            self.run_mut(slot).scope_mut(section).unsettled -= 1;
            self.fail_run(slot, RunFailure { task, failure });
        }
        true
    }

    fn is_race(&self, slot: Slot, id: InstId) -> bool {
        match &self.plan(slot).task(self.run(slot).inst(id).node).work {
            Work::Group(group) => group.race.is_some(),
            Work::Call(_) => false,
        }
    }

    /// The instance of another task in the same scope.
    fn sibling(&self, slot: Slot, parent: InstId, node: NodeId) -> InstId {
        if parent == InstId::TOP {
            return self.top(slot, node);
        }
        let position = self.plan(slot).position(node);
        match self.run(slot).inst(parent).body.as_deref() {
            Some(Body::Group(group)) => group.children[position],
            _ => panic!("siblings stand in a group"),
        }
    }

    fn count_down(&mut self, slot: Slot, parent: InstId, section: Section, node: NodeId, how: Settled) {
        if parent == InstId::TOP {
            self.run_mut(slot).scope_mut(section).unsettled -= 1;
        } else if let Some(Body::Group(group)) = self.run_mut(slot).inst_mut(parent).body.as_deref_mut() {
            group.unsettled -= 1;
            // A result that `good_if` refused was settled as skipped.
            if how == Settled::Succeeded {
                group.winners.push(node);
            }
        }
    }

    /// Looks whether a scope has settled with its last task, or a race is decided.
    pub(super) fn scope_done(&mut self, slot: Slot, parent: InstId, section: Section) {
        if parent == InstId::TOP {
            let open = match self.run(slot).phase {
                Phase::Main => section == Section::Main,
                Phase::Section(current) => section == current,
                Phase::Held | Phase::Composing | Phase::Failing | Phase::Compensating | Phase::Closing => false,
            };
            if open && self.run(slot).scope(section).unsettled == 0 {
                self.section_settled(slot, section);
            }
            return;
        }
        let inst = self.run(slot).inst(parent);
        let Some(Body::Group(group)) = inst.body.as_deref() else {
            return;
        };
        if !matches!(inst.state, State::Open) {
            return;
        }
        let (unsettled, good) = (group.unsettled, group.winners.len());
        let Work::Group(graph_group) = &self.plan(slot).task(inst.node).work else {
            return;
        };
        match graph_group.race {
            None if unsettled == 0 => self.body_settled(slot, parent),
            None => {}
            Some(race) if good >= race.first as usize && (race.cancel_rest || unsettled == 0) => {
                for child in self.run(slot).children(parent) {
                    self.drop_instance(slot, child, Settled::Cancelled);
                }
                self.body_settled(slot, parent);
            }
            Some(race) if good + (unsettled as usize) < race.first as usize => {
                let message = format!("the race wants {} good results; {good} came and no more can", race.first);
                self.fail(slot, parent, Failure::new(Class::Permanent, &message));
            }
            Some(_) => {}
        }
    }

    /// All inside a body has settled well: its output is made, if anybody reads it.
    pub(super) fn body_settled(&mut self, slot: Slot, id: InstId) {
        let inst = self.run(slot).inst(id);
        let (node, layer) = (inst.node, inst.layer);
        if is_read(&self.plan(slot).graph, node, layer) {
            self.ask(slot, id, Step::Compose);
        } else {
            self.judge_or_settle(slot, id);
        }
    }

    /// The instance has its output: it is judged, or has succeeded.
    pub(super) fn judge_or_settle(&mut self, slot: Slot, id: InstId) {
        if self.wants_judgement(slot, id) {
            self.ask(slot, id, Step::Judge);
        } else {
            self.settle(slot, id, Settled::Succeeded, None);
        }
    }

    /// True if `fail_if` or the race's `good_if` look at the result of this instance.
    pub(crate) fn wants_judgement(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.run(slot).inst(id);
        let plan = self.plan(slot);
        inst.layer.is_judged(plan.task(inst.node)) && plan.task(inst.node).fail_if.is_some()
            || self.good_if(slot, id).is_some()
            || self.adds_tasks(slot, id)
    }

    /// `good_if` of the race that this instance runs in: it looks at the whole task, and of a `foreach` at the list. A check is good if it
    /// found the effect.
    pub(crate) fn good_if(&self, slot: Slot, id: InstId) -> Option<ExprId> {
        let inst = self.run(slot).inst(id);
        if inst.layer == Layer::Check {
            return self.found(slot, inst.parent);
        }
        good_if(&self.plan(slot).graph, inst.node, inst.layer)
    }

    pub(super) fn ask(&mut self, slot: Slot, id: InstId, step: Step) {
        self.run_mut(slot).inst_mut(id).state = State::Asking(step);
        self.todo.push_back(Todo::Ask(slot, id));
    }

    fn item_settled(&mut self, slot: Slot, parent: InstId, index: u32, id: InstId, how: Settled) {
        let failure = self.run(slot).inst(id).failure.as_deref().cloned();
        let labels = self.run(slot).inst(id).output.as_deref().map(|output| output.labels.clone());
        self.free_tree(slot, id);
        let node = self.run(slot).inst(parent).node;
        let failures_max = self.plan(slot).task(node).foreach.map_or(0, |foreach| foreach.failures_max);
        let Some(Body::Each(each)) = self.run_mut(slot).inst_mut(parent).body.as_deref_mut() else {
            return;
        };
        each.children.remove(&index);
        each.settled += 1;
        match how {
            Settled::Succeeded => each.succeeded += 1,
            Settled::Failed => each.failed += 1,
            Settled::Skipped | Settled::Pruned | Settled::Cancelled => {}
        }
        if let Some(labels) = labels {
            each.labels = each.labels.join(&labels);
        }
        let (failed, done) = (each.failed, each.settled == each.count);
        if failed > failures_max {
            let failure = failure.unwrap_or_else(|| Failure::new(Class::Permanent, "an item failed"));
            // An item's own `catch` has had its turn.
            return self.settle(slot, parent, Settled::Failed, Some(failure));
        }
        if how == Settled::Failed {
            self.degrade(slot, parent);
        }
        if done { self.body_settled(slot, parent) } else { self.open_item(slot, parent) }
    }

    /// The loop's conditions and its next round read what the tasks of a round gave, after the round itself is dropped.
    fn keep_round(&mut self, slot: Slot, id: InstId, how: Settled) {
        let run = self.run(slot);
        let inst = run.inst(id);
        if !matches!(inst.layer, Layer::Round(_)) || how != Settled::Succeeded {
            return;
        }
        let parent = inst.parent;
        let own = inst.output.as_deref().map(|output| (inst.node, output.clone()));
        let inside = run.children(id).into_iter().map(|task| run.inst(task));
        let ended =
            inside.filter_map(|task| task.result().map(|output| (task.node, output.clone()))).chain(own).collect();
        if let Some(Body::Loop(repeat)) = self.run_mut(slot).inst_mut(parent).body.as_deref_mut() {
            repeat.ended = ended;
        }
    }

    fn round_settled(&mut self, slot: Slot, parent: InstId, id: InstId, how: Settled) {
        let inst = self.run_mut(slot).inst_mut(id);
        let (output, failure) = (inst.output.clone(), inst.failure.take());
        if how != Settled::Succeeded {
            let failure = failure.map_or_else(|| Failure::new(Class::Permanent, "a round failed"), |failure| *failure);
            if self.short == Some((slot, parent)) {
                return self.run_out(slot, parent, failure);
            }
            return self.fail(slot, parent, failure);
        }
        if let Some(Body::Loop(repeat)) = self.run_mut(slot).inst_mut(parent).body.as_deref_mut() {
            repeat.last = output.map(|output| *output);
        }
        self.ask(slot, parent, Step::Round);
    }

    /// Something inside failed for good, or the instance itself did: takes the next rung that catches the class, else fails.
    pub(super) fn fail(&mut self, slot: Slot, id: InstId, failure: Failure) {
        match self.next_rung(slot, id, &failure, true) {
            Some(rung) => {
                self.take_rung(slot, id, rung, Some(&failure));
            }
            None => self.settle(slot, id, Settled::Failed, Some(failure)),
        }
    }

    /// The next rung of `catch` that takes this failure. A group and a loop take outputs only: they have no target of their own.
    pub(crate) fn next_rung(&self, slot: Slot, id: InstId, failure: &Failure, outputs_only: bool) -> Option<u8> {
        let inst = self.run(slot).inst(id);
        let task = self.plan(slot).task(inst.node);
        let fits = |rung: &Rung| match rung {
            Rung::Output(_) => true,
            Rung::Target(_) => !(outputs_only || task.repeat.is_some()),
            // Without an input nobody knows what was asked for.
            Rung::Cached => inst.entered && inst.layer.keeps(task),
        };
        let mut left = self.rungs_left(slot, id);
        left.find(|(_, rung)| rung.on.contains(failure.class) && fits(&rung.rung)).map(|(index, _)| index)
    }

    /// The rungs of `catch` that an instance has not come to, each with its place.
    pub(crate) fn rungs_left(&self, slot: Slot, id: InstId) -> impl Iterator<Item = (u8, &Catch)> {
        let inst = self.run(slot).inst(id);
        let task = self.plan(slot).task(inst.node);
        let has_any = !task.no_fallback && inst.layer.is_judged(task);
        (0_u8..).zip(&task.catch).skip(usize::from(inst.rung)).filter(move |_| has_any)
    }

    /// True if it gives what it made itself, and no output of `catch`. Of what holds others that is known if nothing inside was degraded.
    pub(crate) fn is_own(&self, slot: Slot, id: InstId) -> bool {
        let inst = self.run(slot).inst(id);
        let plan = self.plan(slot);
        let task = plan.task(inst.node);
        if !inst.layer.calls(task) || plan.capability(inst.node) == Some(Capability::Graph) {
            return !inst.degraded;
        }
        let rung = inst.rung.checked_sub(1).map(|rung| &task.catch[usize::from(rung)].rung);
        !matches!(rung, Some(Rung::Output(_) | Rung::Cached))
    }

    /// Goes down to a rung: asks for its output, which may say what it takes the place of, or readies another round of attempts.
    pub(super) fn take_rung(&mut self, slot: Slot, id: InstId, rung: u8, failure: Option<&Failure>) {
        let node = self.run(slot).inst(id).node;
        let kind = self.plan(slot).task(node).catch[usize::from(rung)].rung.clone();
        let gives = matches!(kind, Rung::Output(_));
        if gives {
            self.drop_instance(slot, id, Settled::Failed);
            self.ask(slot, id, Step::Catch);
        } else {
            self.leave(slot, id);
            self.run_mut(slot).inst_mut(id).state = State::Ready;
            self.todo.push_back(Todo::Take(slot, id));
        }
        let at = self.at;
        let inst = self.run_mut(slot).inst_mut(id);
        inst.free_from(at);
        inst.rung = rung + 1;
        (inst.rung_attempts, inst.trouble) = (0, None);
        // Where no copy is found, that goes on to the next rung.
        inst.failure = failure.filter(|_| gives || kind == Rung::Cached).cloned().map(Box::new);
        inst.degraded = true;
        if kind == Rung::Cached && inst.expires <= at {
            // Its time is over, which was told.
            let expires = std::mem::replace(&mut inst.expires, Timestamp::MAX);
            self.timers.clear(expires, Timer::Expiry(slot, id));
        }
    }
}

/// True if the output of a body that has settled well is made: somebody reads it.
pub(crate) fn is_read(graph: &Graph, node: NodeId, layer: Layer) -> bool {
    let task = graph.task(node);
    let declares = matches!(&task.work, Work::Group(group) if group.output.is_some());
    let is_judged = task.fail_if.is_some() || good_if(graph, node, layer).is_some();
    task.output_used || declares || is_judged || matches!(layer, Layer::Round(_))
}

fn good_if(graph: &Graph, node: NodeId, layer: Layer) -> Option<ExprId> {
    let parent = graph.task(node).parent.filter(|_| layer == Layer::Node)?;
    match &graph.task(parent).work {
        Work::Group(group) => group.race.and_then(|race| race.good_if),
        Work::Call(_) => None,
    }
}
