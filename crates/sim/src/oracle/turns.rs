//! Groups of runs: who is held, whose turn it is, who takes whose place. Looked for among all runs each time.

use agendum_core::RunSubmitted;
use agendum_types::graph::Section;
use agendum_types::{OnNew, RunId, Tenant, Timestamp};

use super::records::Checked;
use super::state::{Phase, Run};
use super::{Reference, ensure};

/// A run's place in its group.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// Among the runs that are live, by their submission.
    order: u64,
    settles: Timestamp,
    begun: bool,
}

impl Run {
    pub(super) fn never_began(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| !turn.begun)
    }

    /// Its main tasks have not ended, be it that they have not begun.
    pub(super) const fn takes_tasks(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::Main)
    }

    const fn is_to_come(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::Main | Phase::Composing)
    }

    /// When its turn may come at the earliest, while it is held.
    pub(super) fn settles(&self) -> Option<Timestamp> {
        self.turn.as_ref().filter(|_| self.phase == Phase::Held).map(|turn| turn.settles)
    }

    fn order(&self) -> u64 {
        self.turn.as_ref().map_or(0, |turn| turn.order)
    }

    fn replaces(&self) -> bool {
        self.submitted.concurrency.as_ref().is_some_and(|of| of.turns.on_new == OnNew::Replace)
    }

    fn is_beside(&self, other: &RunSubmitted, tenant: &Tenant) -> bool {
        let key = |run: &RunSubmitted| run.concurrency.as_ref().map(|of| (run.graph_name.clone(), of.key.clone()));
        self.tenant == *tenant && key(&self.submitted).is_some() && key(&self.submitted) == key(other)
    }
}

impl Reference {
    pub(super) fn turn_of(&self, said: &RunSubmitted) -> Option<Turn> {
        let concurrency = said.concurrency.as_ref()?;
        let order = self.runs.values().map(Run::order).max().unwrap_or_default() + 1;
        Some(Turn { order, settles: self.now.after(concurrency.turns.settle), begun: false })
    }

    /// A run of the group that is there in its stead.
    pub(super) fn joins(&self, said: &RunSubmitted, tenant: &Tenant) -> Option<RunId> {
        let joins = said.concurrency.as_ref().is_some_and(|of| of.turns.on_new == OnNew::Join);
        let same = |run: &&Run| run.is_beside(said, tenant) && run.is_to_come() && run.graph.hash == said.graph;
        let found = self.runs.values().filter(same).min_by_key(|run| run.order());
        found.filter(|_| joins && said.origin.is_none()).map(|run| run.submitted.run)
    }

    /// The group of a run, in order of submission.
    fn group(&self, id: RunId) -> Vec<&Run> {
        let of = &self.runs[&id];
        let mut group: Vec<&Run> = self.runs.values().filter(|run| run.is_beside(&of.submitted, &of.tenant)).collect();
        group.sort_by_key(|run| run.order());
        group
    }

    /// The run that takes the place of this one: the latest of its group that takes that of all before it.
    fn replaced_by(&self, id: RunId) -> Option<RunId> {
        let run = &self.runs[&id];
        let group = self.group(id);
        let latest = group.into_iter().rev().find(|other| other.replaces())?;
        (run.is_to_come() && run.order() < latest.order()).then_some(latest.submitted.run)
    }

    /// True if the run may begin, and nobody before it waits who is not paused.
    fn has_its_turn(&self, id: RunId) -> bool {
        let run = &self.runs[&id];
        let Some(concurrency) = &run.submitted.concurrency else { return false };
        let group = self.group(id);
        let going = group.iter().filter(|run| !run.never_began()).count();
        let first = group.iter().find(|run| run.phase == Phase::Held && !run.paused);
        let is_first = first.is_some_and(|first| first.submitted.run == id);
        let settled = run.settles().is_some_and(|at| at <= self.now);
        is_first && settled && going < concurrency.turns.limit as usize
    }

    pub(super) fn begun(&mut self, id: RunId) -> Checked {
        ensure(self.runs.get(&id).is_some_and(|run| run.phase == Phase::Held), "it was not held")?;
        ensure(self.replaced_by(id).is_none(), "another has taken its place")?;
        ensure(self.has_its_turn(id), "it is not its turn")?;
        let run = self.run(id);
        run.phase = Phase::Main;
        if let Some(turn) = &mut run.turn {
            turn.begun = true;
        }
        self.open_section(id, Section::Main);
        Ok(())
    }

    /// Another run takes its place.
    pub(super) fn replaced(&mut self, id: RunId, by: RunId) -> Checked {
        ensure(self.runs.contains_key(&id) && self.replaced_by(id) == Some(by), "that does not take its place")?;
        self.cancelled(id);
        Ok(())
    }

    /// Nobody is left whose turn it is, or whose place another has taken.
    pub(super) fn all_had_their_turn(&self) -> Checked {
        for id in self.runs.iter().filter(|(_, run)| run.turn.is_some()).map(|(id, _)| *id) {
            ensure(self.replaced_by(id).is_none(), "a run was replaced and goes on")?;
            ensure(!self.has_its_turn(id), "it is the turn of a run, and it does not begin")?;
        }
        Ok(())
    }
}
