//! How an instance opens: from ready to items, rounds, a group, or a call in the queue.

use agendum_types::graph::order::answer_margin;
use agendum_types::graph::{NodeId, NotBefore, Work};
use agendum_types::{Labels, Money, PayloadRef, Timestamp};

use crate::action::Step;
use crate::board::{Board, Todo};
use crate::inst::{Body, Each, Group, Inst, Layer, Loop, State};
use crate::run::{InstId, Slot};
use crate::timers::Timer;

impl Board {
    /// Everything the instance needs has settled.
    pub(super) fn make_ready(&mut self, slot: Slot, id: InstId) {
        let at = self.at;
        let (node, layer) = (self.run(slot).inst(id).node, self.run(slot).inst(id).layer);
        let task = self.plan(slot).task(node);
        let first = layer.is_outermost();
        // A check may be told to wait for what is still under way outside.
        let delayed =
            task.delay.filter(|_| first || layer == Layer::Check).map_or(Timestamp(0), |delay| at.after(delay));
        let not_before = match task.not_before {
            Some(NotBefore::At(instant)) if first => instant,
            _ => Timestamp(0),
        };
        let span = [task.timeouts.task, task.within].into_iter().flatten().min().filter(|_| first);
        let inst = self.run_mut(slot).inst_mut(id);
        inst.ready_at = at;
        inst.free_from(at);
        inst.start_at = delayed.max(not_before);
        inst.state = State::Ready;
        if let Some(span) = span {
            inst.expires = at.after(span);
            let expires = inst.expires;
            self.timers.set(expires, Timer::Expiry(slot, id));
        }
        self.prune_in_time(slot, id);
        let waits = self.run(slot).inst(id).start_at > at;
        if waits || self.plan(slot).asks_to_enter(node, layer) || self.may_be_given(slot, id) {
            self.todo.push_back(Todo::Take(slot, id));
        } else {
            self.enter(slot, id);
        }
    }

    /// An optional task is dropped when what must follow it needs the rest of the time. A restart, which has observed nothing yet,
    /// says so anew.
    pub(crate) fn prune_in_time(&mut self, slot: Slot, id: InstId) {
        let run = self.run(slot);
        let Some(deadline) = run.deadline.filter(|_| !run.is_answered()) else {
            return;
        };
        let inst = run.inst(id);
        // That its time is over was told, and a last copy is looked for.
        let is_over = inst.expires == Timestamp::MAX && self.is_on_cached_rung(slot, id);
        let is_ready =
            !is_over && !matches!(inst.state, State::Waiting | State::Asking(Step::Catch) | State::Settled(_));
        if !is_ready || inst.layer != Layer::Node || !self.plan(slot).task(inst.node).optional {
            return;
        }
        let margin = answer_margin(deadline.since(run.submitted));
        let latest = deadline.before(self.plan(slot).after(inst.node)).before(margin);
        if latest < inst.expires {
            let before = inst.expires;
            self.timers.clear(before, Timer::Expiry(slot, id));
            self.run_mut(slot).inst_mut(id).expires = latest;
            self.timers.set(latest, Timer::Expiry(slot, id));
        }
    }

    /// Condition, items and input are known: opens the next layer, or leaves a call ready for its queue.
    pub(super) fn enter(&mut self, slot: Slot, id: InstId) {
        let (node, layer) = (self.run(slot).inst(id).node, self.run(slot).inst(id).layer);
        let inst = self.run_mut(slot).inst_mut(id);
        inst.entered = true;
        if let Some(count) = inst.count.take() {
            let items = inst.input.take().expect("a count comes with its list");
            return self.open_each(slot, id, *items, count);
        }
        if layer.opens_rounds(self.plan(slot).task(node)) {
            return self.open_loop(slot, id);
        }
        match &self.plan(slot).task(node).work {
            Work::Group(group) => {
                let tasks = group.tasks.clone();
                self.open_group(slot, id, &tasks);
            }
            Work::Call(call) if !call.capability.has_targets() => self.begin_wait(slot, id),
            Work::Call(_) => {
                self.run_mut(slot).inst_mut(id).state = State::Ready;
                self.todo.push_back(Todo::Take(slot, id));
            }
        }
    }

    fn open_group(&mut self, slot: Slot, id: InstId, tasks: &[NodeId]) {
        let mut children = Vec::with_capacity(tasks.len());
        for node in tasks {
            let mut inst = Inst::new(id, *node, Layer::Node);
            inst.pending =
                u32::try_from(self.plan(slot).task(*node).needs.len()).expect("limited by the document's checker");
            children.push(self.run_mut(slot).add(inst));
        }
        self.live_tasks += children.len() as u64;
        let unsettled = u32::try_from(children.len()).expect("limited by the document's checker");
        let body = Body::Group(Group { children: children.clone(), unsettled, winners: Vec::new() });
        self.open_with(slot, id, body);
        if unsettled == 0 {
            return self.body_settled(slot, id);
        }
        for child in children {
            if self.run(slot).inst(child).pending == 0 {
                self.make_ready(slot, child);
            }
        }
    }

    fn open_each(&mut self, slot: Slot, id: InstId, items: PayloadRef, count: u32) {
        let body = Body::Each(Each {
            labels: items.labels.clone(),
            items,
            count,
            next: 0,
            succeeded: 0,
            failed: 0,
            settled: 0,
            children: Default::default(),
        });
        self.open_with(slot, id, body);
        if count == 0 {
            return self.body_settled(slot, id);
        }
        let window =
            self.plan(slot).task(self.run(slot).inst(id).node).foreach.map_or(1, |foreach| foreach.parallel_max);
        for _ in 0..window.min(count) {
            self.open_item(slot, id);
        }
    }

    /// Opens the next item of a `foreach`, if one is left.
    pub(super) fn open_item(&mut self, slot: Slot, id: InstId) {
        let node = self.run(slot).inst(id).node;
        let Some(Body::Each(each)) = self.run_mut(slot).inst_mut(id).body.as_deref_mut() else {
            return;
        };
        if each.next == each.count {
            return;
        }
        let index = each.next;
        each.next += 1;
        let child = self.run_mut(slot).add(Inst::new(id, node, Layer::Item(index)));
        self.live_tasks += 1;
        if let Some(Body::Each(each)) = self.run_mut(slot).inst_mut(id).body.as_deref_mut() {
            each.children.insert(index, child);
        }
        self.make_ready(slot, child);
    }

    fn open_loop(&mut self, slot: Slot, id: InstId) {
        let node = self.run(slot).inst(id).node;
        let span = self.plan(slot).task(node).repeat.as_ref().and_then(|repeat| repeat.deadline);
        let deadline = span.map(|span| self.at.after(span));
        let body = Body::Loop(Loop {
            round: 0,
            child: None,
            previous: Vec::new(),
            ended: Vec::new(),
            last: None,
            best: None,
            same: None,
            deadline,
            spent: Money::ZERO,
            tokens: 0,
            held: Default::default(),
            raised: Default::default(),
            broke: Vec::new(),
            unpaid: None,
        });
        self.open_with(slot, id, body);
        if let Some(deadline) = deadline {
            self.timers.set(deadline, Timer::Loop(slot, id));
        }
        self.open_round(slot, id);
    }

    /// Opens the next round of a loop.
    pub(super) fn open_round(&mut self, slot: Slot, id: InstId) {
        let node = self.run(slot).inst(id).node;
        let Some(Body::Loop(repeat)) = self.run_mut(slot).inst_mut(id).body.as_deref_mut() else {
            return;
        };
        repeat.round += 1;
        let round = repeat.round;
        let child = self.run_mut(slot).add(Inst::new(id, node, Layer::Round(round)));
        self.live_tasks += 1;
        let inst = self.run_mut(slot).inst_mut(id);
        inst.state = State::Open;
        if let Some(Body::Loop(repeat)) = inst.body.as_deref_mut() {
            repeat.child = Some(child);
        }
        self.make_ready(slot, child);
    }

    fn open_with(&mut self, slot: Slot, id: InstId, body: Body) {
        let run = self.run_mut(slot);
        let inst = run.inst_mut(id);
        inst.state = State::Open;
        inst.body = Some(Box::new(body));
        run.start();
    }

    /// The labels of something made from these payloads in this run.
    pub(crate) fn joined<'a>(&self, slot: Slot, read: impl IntoIterator<Item = &'a Labels>) -> Labels {
        read.into_iter().fold(self.run(slot).labels.clone(), |labels, other| labels.join(other))
    }
}
