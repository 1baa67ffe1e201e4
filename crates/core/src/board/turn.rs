//! What records say of a run's turn in its group.

use std::sync::Arc;

use agendum_types::graph::Section;
use agendum_types::{Concurrency, OnNew, RunId, Seq, Timestamp};

use crate::board::{Board, Todo};
use crate::run::{Phase, Run, Slot};
use crate::standing::Held;
use crate::timers::Timer;
use crate::turns::{Group, Members, Turn};

impl Run {
    /// True if it waited for its turn, and that has not come.
    pub(crate) fn never_began(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| !turn.has_begun)
    }

    /// True if its answer is not decided.
    fn is_to_come(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::Main | Phase::Composing)
    }
}

/// Runs ahead of one that are counted: who asks often about many of a long queue does not walk it for each.
const AHEAD_MAX: usize = 1_000;

impl Board {
    /// A run was submitted that waits for its turn.
    pub(super) fn hold(&mut self, slot: Slot, concurrency: &Concurrency, seq: Seq) {
        let settles = self.at.after(concurrency.turns.settle);
        let graph = Arc::clone(&self.plan(slot).graph.name);
        let run = self.run_mut(slot);
        let group = Arc::new(Group { tenant: run.tenant.clone(), graph, key: Arc::clone(&concurrency.key) });
        run.phase = Phase::Held;
        let rules = concurrency.turns;
        run.turn =
            Some(Box::new(Turn { group: Arc::clone(&group), rules, seq, settles, has_begun: false, set_aside: 0 }));
        let id = run.id;
        self.groups.change(&group, |members| {
            members.held.insert(seq, slot);
            if rules.on_new == OnNew::Replace {
                members.replacing.insert(seq, id);
            }
        });
        if settles > self.at {
            self.timers.set(settles, Timer::Turn(slot));
        }
        self.set_aside(slot);
        self.todo.push_back(Todo::Turn(group));
    }

    /// Its main tasks count as live ones already: there shall be room for them when its turn has come.
    pub(super) fn set_aside(&mut self, slot: Slot) {
        let count = self.plan(slot).graph.main.len() as u64;
        if let Some(turn) = self.run_mut(slot).turn.as_deref_mut() {
            let before = std::mem::replace(&mut turn.set_aside, count);
            self.live_tasks = self.live_tasks - before + count;
        }
    }

    /// Its turn has come.
    pub(super) fn begin(&mut self, slot: Slot) {
        assert!(self.run(slot).phase == Phase::Held, "a run begins once");
        self.leave_held(slot);
        let run = self.run_mut(slot);
        run.phase = Phase::Main;
        if let Some(turn) = run.turn.as_deref_mut() {
            turn.has_begun = true;
            let (group, seq) = (Arc::clone(&turn.group), turn.seq);
            self.groups.change(&group, |members| {
                members.begun.insert(seq, slot);
            });
        }
        self.open_section(slot, Section::Main);
    }

    /// It ends before its turn has come.
    pub(super) fn give_up_turn(&mut self, slot: Slot) {
        self.leave_held(slot);
        self.run_mut(slot).phase = Phase::Failing;
        self.todo.push_back(Todo::Fail(slot));
        self.another_turn(slot);
    }

    fn leave_held(&mut self, slot: Slot) {
        let Some(turn) = self.run_mut(slot).turn.as_deref_mut() else { return };
        let (group, seq, settles) = (Arc::clone(&turn.group), turn.seq, turn.settles);
        let set_aside = std::mem::take(&mut turn.set_aside);
        self.live_tasks -= set_aside;
        self.timers.clear(settles, Timer::Turn(slot));
        self.groups.change(&group, |members| {
            members.held.remove(&seq);
        });
    }

    /// It is done: another may begin.
    pub(super) fn leave_group(&mut self, run: &Run) {
        let Some(turn) = &run.turn else { return };
        self.groups.change(&turn.group, |members| {
            members.begun.remove(&turn.seq);
            members.replacing.remove(&turn.seq);
        });
        self.todo.push_back(Todo::Turn(Arc::clone(&turn.group)));
    }

    /// Something that a run of its group may have waited for has changed.
    pub(crate) fn another_turn(&mut self, slot: Slot) {
        if let Some(turn) = self.run_if_live(slot).and_then(|run| run.turn.as_ref()) {
            let group = Arc::clone(&turn.group);
            self.todo.push_back(Todo::Turn(group));
        }
    }

    /// The run whose turn it is. Who is paused lets those behind it pass; of the others the first decides, be it that it has not settled.
    pub(crate) fn next_turn(&self, group: &Arc<Group>, now: Timestamp) -> Option<Slot> {
        let members = self.groups.get(group)?;
        let mut held = members.held.values().copied();
        let first = held.find(|slot| self.run(*slot).paused.is_none())?;
        let turn = self.run(first).turn.as_deref()?;
        let is_free = members.begun.len() < turn.rules.limit as usize;
        (is_free && turn.settles <= now).then_some(first)
    }

    /// A run that is not answered and was submitted before one that replaces all before it; with it the latest that does.
    pub(crate) fn replaced(&self, group: &Arc<Group>) -> Option<(Slot, RunId)> {
        let members = self.groups.get(group)?;
        let (seq, by) = members.replacing.last_key_value()?;
        let (_, replaced) = members.before(*seq).find(|(_, slot)| self.run(*slot).is_to_come())?;
        Some((replaced, *by))
    }

    /// The oldest run of a group that is not answered and of this graph.
    pub(crate) fn to_join(&self, group: &Arc<Group>, graph: agendum_types::Hash) -> Option<RunId> {
        let members: &Members = self.groups.get(group)?;
        let is_same = |slot: &Slot| self.run(*slot).is_to_come() && self.plan(*slot).graph.hash == graph;
        let found = members.before(Seq(u64::MAX)).filter(|(_, slot)| is_same(slot)).min();
        found.map(|(_, slot)| self.run(slot).id)
    }

    /// What a run waits for whose turn has not come.
    pub(crate) fn held(&self, slot: Slot) -> Option<Held> {
        let turn = self.run(slot).turn.as_ref().filter(|_| self.run(slot).phase == Phase::Held)?;
        let members = self.groups.get(&turn.group)?;
        let ahead = members.begun.len() + members.held.range(..turn.seq).take(AHEAD_MAX).count();
        let settling = self.next_turn(&turn.group, Timestamp::MAX) == Some(slot);
        Some(Held { ahead: u32::try_from(ahead).unwrap_or(u32::MAX), settles: turn.settles, settling })
    }
}
