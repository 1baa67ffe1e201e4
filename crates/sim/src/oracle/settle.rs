//! How a task ends: what is inside goes with it, what it ran is stopped, and whoever stands around it may be degraded.

use agendum_types::graph::{NodeId, Rung};
use agendum_types::{Duration, Failure, RunId, Segment, TaskPath, Timestamp};

use super::Reference;
use super::state::{How, State, parent};

impl Reference {
    pub(super) fn settle(&mut self, id: RunId, path: &TaskPath, how: How, failure: Option<Failure>) {
        self.drop_task(id, path, how);
        if self.runs[&id].task(path).is_compensation() {
            return self.compensation_settled(id, path, how, failure.as_ref());
        }
        if how == How::Succeeded {
            self.says(id, path);
        }
        let run = self.run(id);
        let inst = run.inst(path);
        inst.failure = failure;
        let (degraded, node, class) = (inst.degraded, inst.node, path.0.last().copied());
        let top = path.0.len() == 1;
        let optional = run.graph.task(node).optional && !run.is_check(path);
        let dropped = how == How::Pruned || (how == How::Failed && optional);
        match class {
            Some(Segment::Task(_)) if dropped => self.degrade(id, path),
            Some(Segment::Item(_)) if how == How::Failed => {
                let most = run.graph.task(node).foreach.map_or(0, |foreach| foreach.failures_max) as usize;
                let outer = parent(path);
                let failed = run.inside(&outer).into_iter().filter(|(_, item)| item.how() == Some(How::Failed)).count();
                if failed <= most {
                    self.degrade(id, &outer);
                }
            }
            _ if how == How::Succeeded && degraded => self.degrade(id, path),
            _ => {}
        }
        if top && how == How::Succeeded {
            self.releases(id, node);
        }
    }

    /// Texts that were held back for this task alone may be shown now, unless something else has taken their place.
    fn releases(&mut self, id: RunId, node: NodeId) {
        let run = &self.runs[&id];
        let waits = |text: &NodeId| run.graph.task(*text).publish_after.contains(&node) && self.is_released(id, *text);
        let all = (0..run.graph.tasks.len() as u32).map(NodeId);
        let texts: Vec<NodeId> = all.filter(|text| waits(text) && self.text_counts(id, *text)).collect();
        self.publish.extend(texts.into_iter().map(|text| (id, TaskPath::top(text))));
    }

    /// What it has said may be what it gives.
    fn text_counts(&self, id: RunId, text: NodeId) -> bool {
        let said = self.runs[&id].tasks.get(&TaskPath::top(text));
        let stands = said.is_none_or(|said| said.how().is_none_or(|how| how == How::Succeeded));
        stands && self.is_own(id, text) && !self.is_given(id, &TaskPath::top(text))
    }

    /// A text that came to nothing in the moment in which it was released need not be shown.
    pub(super) fn forget_lost_texts(&mut self) {
        let publish = std::mem::take(&mut self.publish);
        let stands = |id: RunId, path: &TaskPath| {
            self.runs.contains_key(&id) && path.node().is_some_and(|text| self.text_counts(id, text))
        };
        self.publish = publish.into_iter().filter(|(id, path)| stands(*id, path)).collect();
    }

    pub(super) fn is_released(&self, id: RunId, text: NodeId) -> bool {
        let run = &self.runs[&id];
        let passed = |check: &NodeId| {
            let top = run.tasks.get(&TaskPath::top(*check));
            top.is_some_and(|check| check.how() == Some(How::Succeeded)) && self.is_own(id, *check)
        };
        run.graph.task(text).publish_after.iter().all(passed)
    }

    /// What it gives was made by its own attempt: that of a group, a loop or a `foreach` by all that is inside.
    fn is_own(&self, id: RunId, node: NodeId) -> bool {
        let run = &self.runs[&id];
        let Some(inst) = run.tasks.get(&TaskPath::top(node)) else { return true };
        let path = TaskPath::top(node);
        if !run.is_call(&path) || run.is_child(&path) {
            return !inst.degraded;
        }
        inst.rung == 0 || matches!(run.graph.task(node).catch[inst.rung - 1].rung, Rung::Target(_))
    }

    fn degrade(&mut self, id: RunId, path: &TaskPath) {
        let run = self.run(id);
        for depth in 1..=path.0.len() {
            run.inst(&TaskPath(path.0[..depth].into())).degraded = true;
        }
        run.degraded |= !run.is_answered() && !run.is_ahead(path);
    }

    /// Ends a task and all inside it, and tells nobody.
    pub(super) fn drop_task(&mut self, id: RunId, path: &TaskPath, how: How) {
        if self.runs[&id].tasks[path].how().is_some() {
            return;
        }
        let inside = |of: &&TaskPath| of.0.len() > path.0.len() && of.0.starts_with(&path.0);
        let deeper: Vec<TaskPath> = self.runs[&id].tasks.keys().filter(inside).cloned().collect();
        for path in deeper {
            self.keep_unsent(id, &path);
            self.leave(id, &path);
            self.run(id).tasks.remove(&path);
        }
        if how == How::Cancelled {
            self.keep_unsent(id, path);
        }
        self.leave(id, path);
        let run = self.run(id);
        run.settled += 1;
        let order = run.settled;
        let inst = run.inst(path);
        inst.settled_as = order;
        inst.state = State::Settled(how);
        (inst.expires, inst.input, inst.rounds.ends, inst.told) = (None, None, None, None);
        if how != How::Succeeded {
            inst.output = None;
        }
    }

    /// The record that ends it must say what it has waited for.
    pub(super) fn keep_unsent(&mut self, id: RunId, path: &TaskPath) {
        let inst = &self.runs[&id].tasks[path];
        let waited = self.now.since(inst.freed_at());
        if inst.is_unsent() && waited > Duration::ZERO {
            let down = self.was_down_while(inst);
            self.unsent.push((path.clone(), waited, down));
        }
    }

    /// The attempt that is out, if any, is awaited no more.
    pub(super) fn leave(&mut self, id: RunId, path: &TaskPath) {
        if let State::Running(running) = self.runs[&id].tasks[path].state.clone() {
            self.is_orphan(id, path, &running);
            self.leaves_rival(id, path);
        }
    }

    /// The earliest instant at which something is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let mut instants: Vec<Timestamp> = self.closed.iter().copied().filter(|at| *at > self.now).collect();
        instants.extend((0..self.targets.len()).map(|target| self.opens(target)).filter(|at| *at > self.now));
        instants.extend(self.tries().filter(|at| *at > self.now));
        instants.extend(self.next_turn());
        instants.extend(self.slow_ones());
        instants.extend(self.lifted_at());
        instants.extend(self.published.ends());
        for run in self.runs.values() {
            instants.extend(run.submitted.deadline.filter(|_| !run.is_answered()));
            instants.extend(run.settles().filter(|at| *at > self.now));
            for inst in run.tasks.values().filter(|inst| inst.how().is_none()) {
                instants.extend(inst.expires);
                instants.extend(inst.rounds.ends);
                match inst.state {
                    State::Ready if inst.start_at > self.now => instants.push(inst.start_at),
                    State::BackingOff(at) => instants.push(at),
                    State::Queued(..) => {
                        instants.extend(inst.best.map(|(_, until)| until).filter(|at| *at > self.now));
                        instants.extend(inst.urgent_at);
                    }
                    State::Awaiting(_) => instants.extend(inst.wakes),
                    _ => {}
                }
            }
        }
        instants.into_iter().min()
    }
}
