//! What a run has done to the outside that can be taken back, and how far that is.

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::graph::{DataRef, Graph};
use agendum_types::{Failure, Fate, PayloadRef, Segment, TaskPath};

use crate::action::Bound;
use crate::run::InstId;

/// What a compensation reads. Settled when the effect was there: the tasks that gave it may be gone by then.
pub(crate) type Bindings = Box<[(DataRef, Bound)]>;

/// How far an effect is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// It may be there: nobody knows, and nobody takes it back.
    Uncertain,
    /// It is there.
    Taken(Bindings),
    /// It is being taken back.
    Out(InstId),
    /// It was taken back.
    Compensated,
    /// It could not be taken back.
    Left(Box<Failure>),
}

/// The effects of the tasks that have a compensation, each under the path of the call that had it.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    stages: BTreeMap<TaskPath, Stage>,
    /// Those that are there, or are being taken back.
    standing: BTreeSet<TaskPath>,
    /// Compensations that are under way: of what, and what they read.
    out: BTreeMap<InstId, (TaskPath, Bindings)>,
}

impl Effects {
    /// An attempt has ended with this fate. Attempts under one path have one key, and so one effect.
    pub(crate) fn note(&mut self, path: TaskPath, fate: Fate, reads: Bindings, output: Option<&PayloadRef>) {
        match fate {
            Fate::None => {}
            Fate::Uncertain => drop(self.stages.entry(path).or_insert(Stage::Uncertain)),
            Fate::Taken => {
                let is_known = matches!(self.stages.get(&path), Some(Stage::Taken(_)));
                if output.is_some() || !is_known {
                    let reads = with_output(reads, &path, output);
                    self.standing.insert(path.clone());
                    self.stages.insert(path, Stage::Taken(reads));
                }
            }
        }
    }

    /// The attempt of which nobody knew is known to have done nothing.
    pub(crate) fn clear(&mut self, path: &TaskPath) {
        if matches!(self.stages.get(path), Some(Stage::Uncertain)) {
            self.stages.remove(path);
        }
    }

    /// True if something is there, or may be.
    pub(crate) fn is_any(&self) -> bool {
        !self.stages.is_empty()
    }

    /// Every effect, in the order of the paths.
    pub(crate) fn stages(&self) -> impl Iterator<Item = (&TaskPath, &Stage)> {
        self.stages.iter()
    }

    pub(crate) fn stage(&self, path: &TaskPath) -> Option<&Stage> {
        self.stages.get(path)
    }

    /// What the compensation takes back.
    pub(crate) fn of(&self, id: InstId) -> &TaskPath {
        &self.out[&id].0
    }

    /// What the compensation reads.
    pub(crate) fn reads(&self, id: InstId) -> &[(DataRef, Bound)] {
        &self.out[&id].1
    }

    /// The compensations that are under way.
    pub(crate) fn out(&self) -> impl ExactSizeIterator<Item = InstId> + '_ {
        self.out.keys().copied()
    }

    /// True if nothing is left to be taken back.
    pub(crate) fn is_over(&self) -> bool {
        self.standing.is_empty()
    }

    /// An effect that can be taken back now: nothing that is still there was built on it.
    pub(crate) fn next(&self, graph: &Graph) -> Option<TaskPath> {
        let is_idle = |path: &&TaskPath| matches!(self.stages.get(*path), Some(Stage::Taken(_)));
        self.standing.iter().rev().filter(is_idle).find(|path| !self.is_built_on(graph, path)).cloned()
    }

    pub(crate) fn begin(&mut self, path: TaskPath, id: InstId) {
        if let Some(Stage::Taken(reads)) = self.stages.insert(path.clone(), Stage::Out(id)) {
            self.out.insert(id, (path, reads));
        }
    }

    pub(crate) fn end(&mut self, id: InstId, failure: Option<Box<Failure>>) {
        if let Some((path, _)) = self.out.remove(&id) {
            self.standing.remove(&path);
            self.stages.insert(path, failure.map_or(Stage::Compensated, Stage::Left));
        }
    }

    /// True if something is still there that depends on this: where the two paths part stand tasks of which one needs the other, or
    /// rounds of one loop.
    fn is_built_on(&self, graph: &Graph, path: &TaskPath) -> bool {
        path.segments().iter().enumerate().any(|(depth, segment)| {
            let around = TaskPath(path.segments()[..depth].into());
            match segment {
                Segment::Item(_) => false,
                // Behind the rounds of a loop nothing stands inside it.
                Segment::Round(round) => self.is_within(&around.child(Segment::Round(round + 1)), &around),
                Segment::Task(node) => {
                    graph.with_dependents(graph.task(*node).needed_by.iter().copied()).into_iter().any(|later| {
                        let later = around.child(Segment::Task(later));
                        self.is_within(&later, &later)
                    })
                }
            }
        })
    }

    /// True if something from this path on is within that one.
    fn is_within(&self, from: &TaskPath, within: &TaskPath) -> bool {
        self.standing.range(from..).next().is_some_and(|path| path.is_within(within))
    }
}

fn with_output(mut reads: Bindings, path: &TaskPath, output: Option<&PayloadRef>) -> Bindings {
    let own = path.node().map(DataRef::Output);
    for (_, bound) in reads.iter_mut().filter(|(read, _)| Some(*read) == own) {
        *bound = output.cloned().map_or(Bound::Undefined, Bound::Payload);
    }
    reads
}
