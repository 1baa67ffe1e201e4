//! Taking back what a run has done: what is to be taken back, when, and in which order.

use std::collections::BTreeSet;

use agendum_core::{Bound, Compensated, Evaluate};
use agendum_types::graph::{DataRef, NodeId, Section};
use agendum_types::{Class, Effect, Failure, Fate, Graph, PayloadRef, RunId, Segment, TaskPath};

use super::records::Checked;
use super::state::{How, Inst, Phase, Run, parent};
use super::{Reference, ensure};

/// How far an effect is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    Uncertain,
    /// With what the attempt gave.
    Taken(Option<PayloadRef>),
    Out(Option<PayloadRef>),
    Back,
    Left(Class),
}

impl Reference {
    /// An attempt of this task has ended with this fate.
    pub(super) fn took(&mut self, id: RunId, path: &TaskPath, fate: Fate, output: Option<PayloadRef>) {
        let run = self.run(id);
        let can = path.node().is_some_and(|node| run.graph.task(node).compensate.is_some());
        let known = run.effects.get(path);
        match fate {
            Fate::None => {}
            _ if !can => {}
            Fate::Uncertain if known.is_some() => {}
            Fate::Uncertain => drop(run.effects.insert(path.clone(), Stage::Uncertain)),
            Fate::Taken if output.is_none() && matches!(known, Some(Stage::Taken(_))) => {}
            Fate::Taken => drop(run.effects.insert(path.clone(), Stage::Taken(output))),
        }
    }

    pub(super) fn did_nothing(&mut self, id: RunId, path: &TaskPath) {
        let effects = &mut self.run(id).effects;
        if effects.get(path) == Some(&Stage::Uncertain) {
            effects.remove(path);
        }
    }

    /// What is still there is taken back as soon as nothing that is still there was built on it, so many at once as tasks could run.
    pub(super) fn compensation_rule(&mut self, id: RunId) -> bool {
        let run = &self.runs[&id];
        let out = run.effects.values().filter(|stage| matches!(stage, Stage::Out(_))).count() as u64;
        if run.phase != Phase::Compensating || run.awaits_fates() || out >= at_once(&run.graph) {
            return false;
        }
        let free = |(path, stage): &(&TaskPath, &Stage)| matches!(stage, Stage::Taken(_)) && !run.is_built_on(path);
        let Some((path, _)) = run.effects.iter().rev().find(free) else { return false };
        let path = path.clone();
        let node = path.node().and_then(|node| run.graph.task(node).compensate).expect("only those are kept");
        let undo = path.child(Segment::Task(node));
        let run = self.run(id);
        if let Some(Stage::Taken(output)) = run.effects.get(&path).cloned() {
            run.effects.insert(path, Stage::Out(output));
        }
        run.tasks.insert(undo.clone(), Inst::new(node));
        self.readies(id, &undo);
        true
    }

    pub(super) fn compensation_settled(&mut self, id: RunId, path: &TaskPath, how: How, failure: Option<&Failure>) {
        let stage = match how {
            How::Succeeded => Stage::Back,
            _ => Stage::Left(failure.map_or(Class::Cancelled, |failure| failure.class)),
        };
        let run = self.run(id);
        run.tasks.remove(path);
        run.effects.insert(parent(path), stage);
    }

    /// Nothing more is taken back: then the other sections follow.
    pub(super) fn compensated(&mut self, said: &Compensated) -> Checked {
        let run = self.runs.get(&said.run).ok_or("no such run")?;
        ensure(run.phase == Phase::Compensating && run.is_taken_back(), "something can be taken back")?;
        let left: Vec<(TaskPath, Class)> = run.effects.iter().filter_map(left).collect();
        let back = run.effects.values().filter(|stage| **stage == Stage::Back).count();
        let told: Vec<_> = said.left.iter().map(|(path, failure)| (path.clone(), failure.class)).collect();
        ensure(told == left && said.left_count as usize == left.len(), &format!("{left:?} is left"))?;
        ensure(said.count as usize == back, "another number was taken back")?;
        let section = if run.cancelled { Section::Finally } else { Section::OnFailure };
        self.open_section(said.run, section);
        Ok(())
    }

    /// The run from which the key of an effect derives.
    fn key_of(&self, id: RunId, path: &TaskPath) -> RunId {
        let Some(origin) = &self.runs[&id].submitted.origin else { return id };
        let top = |node: &NodeId| path.segments().first() == Some(&Segment::Task(*node));
        origin.keys.iter().find(|(node, _)| top(node)).map_or(origin.key_origin, |(_, run)| *run)
    }

    /// What takes an effect back reads what that gave, and its key.
    pub(super) fn undo_reads(&self, asked: &Evaluate, bindings: &[(DataRef, Bound)]) -> Checked {
        let of = parent(&asked.path);
        let Some(Stage::Out(output)) = self.runs[&asked.run].effects.get(&of) else {
            return Err("it is not taken back".to_owned());
        };
        for (what, bound) in bindings {
            let mine = match what {
                DataRef::Output(node) if of.node() == Some(*node) => {
                    output.clone().map_or(Bound::Undefined, Bound::Payload)
                }
                DataRef::Key => Bound::Key { origin: self.key_of(asked.run, &of), path: of.clone() },
                _ => continue,
            };
            ensure(mine == *bound, &format!("it reads {bound:?} and not {mine:?}"))?;
        }
        Ok(())
    }
}

/// An effect that was not taken back, and why.
fn left((path, stage): (&TaskPath, &Stage)) -> Option<(TaskPath, Class)> {
    match stage {
        Stage::Uncertain => Some((path.clone(), Class::Uncertain)),
        Stage::Left(class) => Some((path.clone(), *class)),
        Stage::Taken(_) | Stage::Out(_) | Stage::Back => None,
    }
}

/// Compensations that run at once: as many as the tasks that they take back could.
fn at_once(graph: &Graph) -> u64 {
    let items = |node: NodeId| graph.task(node).foreach.map_or(1, |foreach| u64::from(foreach.parallel_max));
    let around = |node: NodeId| std::iter::successors(Some(node), |node| graph.task(*node).parent);
    let undone = graph.tasks.iter().filter(|task| task.is_compensation()).filter_map(|task| task.parent);
    undone.map(|of| around(of).map(items).product::<u64>()).sum()
}

impl Run {
    /// It has done something that can be taken back, or may have.
    pub(super) fn has_effects(&self) -> bool {
        let can = |path: &TaskPath| path.node().is_some_and(|node| self.graph.task(node).compensate.is_some());
        !self.effects.is_empty() || self.orphans.iter().any(|orphan| can(&orphan.id.path))
    }

    /// An attempt that was called off may still take effect.
    pub(super) fn awaits_fates(&self) -> bool {
        self.orphans.iter().any(|orphan| orphan.effect != Effect::None && !self.graph.undoes(&orphan.id.path))
    }

    pub(super) fn is_taken_back(&self) -> bool {
        let is_there = |stage: &Stage| matches!(stage, Stage::Taken(_) | Stage::Out(_));
        !self.awaits_fates() && !self.effects.values().any(is_there)
    }

    /// Something is still there that came of this.
    fn is_built_on(&self, path: &TaskPath) -> bool {
        let there = self.effects.iter().filter(|(_, stage)| matches!(stage, Stage::Taken(_) | Stage::Out(_)));
        there.into_iter().any(|(other, _)| depends(&self.graph, other, path))
    }
}

/// True if the first came of the second: where their paths part, it is a task that needs the other, or a later round.
pub(crate) fn depends(graph: &Graph, one: &TaskPath, other: &TaskPath) -> bool {
    match one.0.iter().zip(&other.0).find(|(one, other)| one != other) {
        Some((Segment::Task(later), Segment::Task(earlier))) => all_needs(graph, *later).contains(earlier),
        Some((Segment::Round(later), Segment::Round(earlier))) => later > earlier,
        _ => false,
    }
}

/// All that a task needs, and all that these need.
fn all_needs(graph: &Graph, node: NodeId) -> BTreeSet<NodeId> {
    let mut all: BTreeSet<NodeId> = graph.task(node).needs.iter().copied().collect();
    loop {
        let more: BTreeSet<NodeId> = all.iter().flat_map(|need| graph.task(*need).needs.clone()).collect();
        let before = all.len();
        all.extend(more);
        if all.len() == before {
            return all;
        }
    }
}
