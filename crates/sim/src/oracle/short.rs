//! Who waits for the money of windows: each goes when it comes up in the place that it had, a target is free, and the windows cover it there.

use std::collections::BTreeMap;

use agendum_types::graph::Work;
use agendum_types::{CacheKey, RunId, TaskPath, Timestamp};

use super::place::Payer;
use super::state::{Rank, State};
use super::{Reference, ensure};

impl Reference {
    /// All of them, with the place that each had in the queue.
    pub(super) fn short_ones(&self) -> Vec<(RunId, TaskPath, Rank)> {
        let all = self.runs.iter().flat_map(|(id, run)| run.tasks.iter().map(move |(path, inst)| (*id, path, inst)));
        let short = all.filter_map(|(id, path, inst)| match inst.state {
            State::Short(rank) => Some((id, path.clone(), rank)),
            _ => None,
        });
        short.collect()
    }

    /// When the windows are over that do not cover it on the first of its targets that is free, and whether they ever can; `None` if
    /// none is free.
    fn lacks(&self, id: RunId, path: &TaskPath) -> Option<Vec<(Timestamp, bool)>> {
        let best = self.eligible(id, path)?.into_iter().find(|target| self.goes_to(id, path, *target))?;
        let short = self.short(id, path, best).into_iter();
        let windows = short.filter_map(|(of, can)| match of {
            Payer::Window(window) => Some((window.end(self.now), can)),
            _ => None,
        });
        Some(windows.collect())
    }

    /// A window has turned: whom no window can ever cover where it would go now is not passed over again.
    pub(super) fn turns(&mut self) {
        for (id, path, _) in self.short_ones() {
            if self.lacks(id, &path).is_some_and(|windows| windows.iter().any(|(_, can)| !can)) {
                self.run(id).inst(&path).state = State::Ready;
            }
        }
    }

    /// A target is free, and the windows cover it there.
    pub(super) fn is_covered(&self, id: RunId, path: &TaskPath) -> bool {
        self.lacks(id, path).is_some_and(|windows| windows.is_empty())
    }

    /// When the next turn of a window may help: the last of the windows is over that do not cover a task. Of those that differ in their bytes alone
    /// one that is covered goes first, once there is a credit, and then is asked again.
    pub(super) fn next_turn(&self) -> Option<Timestamp> {
        let mut kinds = BTreeMap::<_, Vec<Option<Timestamp>>>::new();
        for (id, path, _) in self.short_ones() {
            let run = &self.runs[&id];
            let Work::Call(call) = &run.task(&path).work else { continue };
            let what = (call.capability, call.output_cap, self.eligible(id, &path), self.resources(id, &path));
            let Some(lacks) = self.lacks(id, &path) else { continue };
            let end = lacks.into_iter().map(|(end, _)| end).max();
            kinds.entry((self.band(id, &path), run.tenant.clone(), what)).or_default().push(end);
        }
        kinds.into_values().filter_map(|ends| ends.into_iter().min().flatten()).min()
    }

    /// Another computes what it asks for, or what that gave is being kept.
    pub(super) fn is_computed(&self, id: RunId, path: &TaskPath) -> bool {
        self.shares(id, path).is_some_and(|key| !self.is_open(&key))
    }

    /// It has looked for a copy before it waited, in vain, and none was kept since: it computes what others ask for too.
    pub(super) fn takes_its_turn(&mut self, id: RunId, path: &TaskPath) -> Result<(), String> {
        if !matches!(self.runs[&id].tasks[path].state, State::Short(_)) {
            return Ok(());
        }
        ensure(!self.is_computed(id, path), "another computes the same")?;
        self.run(id).inst(path).turn = self.shares(id, path);
        Ok(())
    }

    /// Money of its run came free: those that wait for that try again.
    pub(super) fn has_money_again(&mut self, id: RunId) {
        for inst in self.run(id).tasks.values_mut().filter(|inst| matches!(inst.state, State::Broke(None))) {
            inst.state = State::Ready;
        }
        self.has_more_targets(id);
    }

    /// Whoever is queued for a cheaper target is queued for all of its own again.
    pub(super) fn has_more_targets(&mut self, id: RunId) {
        for path in self.runs[&id].tasks.keys().cloned().collect::<Vec<_>>() {
            if let State::Queued(rank, _) = self.runs[&id].tasks[&path].state
                && let Some(targets) = self.eligible(id, &path)
            {
                let inst = self.run(id).inst(&path);
                (inst.state, inst.passed.0) = (State::Queued(rank, targets), 0);
            }
        }
    }

    /// A result was kept: whoever waits for the money to compute the same looks for it.
    pub(super) fn looks_again(&mut self, key: &CacheKey) {
        for (id, path, _) in self.short_ones() {
            if self.shares(id, &path).as_ref() == Some(key) {
                self.run(id).inst(&path).state = State::Ready;
            }
        }
    }
}
