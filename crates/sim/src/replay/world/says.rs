//! What evaluations say, and what people and callers do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use agendum_core::{Addition, Change, End, Entry, Evaluate, Evaluation, Event, Next, Record, Step};
use agendum_types::{Duration, RunId, TaskPath};

use super::{Coming, World};
use crate::replay::past::{self, Cue, Growth, Life, Wish};

/// How far a run has come.
pub(super) struct Way {
    counts: BTreeMap<(TaskPath, Option<Step>), u32>,
    deeds: BTreeMap<Cue, VecDeque<past::Deed>>,
    /// How often an attempt of each task was stopped for a more urgent one.
    pub(super) gave_way: BTreeMap<TaskPath, u32>,
}

impl Way {
    pub(super) fn of(life: &Life) -> Self {
        let deeds = life.deeds.iter().map(|(cue, deeds)| (cue.clone(), deeds.iter().cloned().collect()));
        Self { counts: BTreeMap::new(), deeds: deeds.collect(), gave_way: BTreeMap::new() }
    }
}

impl World<'_> {
    pub(super) fn evaluate(&mut self, asked: &Evaluate) {
        let life = &self.lives[&asked.run];
        let Some(way) = self.ways.get_mut(&asked.run) else { return };
        let number = past::number(&mut way.counts, &asked.path, asked.step);
        let said = life.said.get(&(asked.path.clone(), asked.step, number)).cloned();
        let (took, mut result) = said.unwrap_or_else(|| match life.unevaluable.get(&asked.path) {
            Some(message) => (Duration::ZERO, Err(Arc::clone(message))),
            None => {
                self.played.made_up.evaluations += 1;
                let (graph, node) = (&asked.graph, asked.path.node());
                (Duration::ZERO, Ok(self.usual.evaluation(graph, node, &asked.make, number, self.now)))
            }
        });
        if let (Some(_), Ok(evaluation)) = (&asked.plan, &mut result) {
            self.plan(asked, evaluation);
        }
        let event = Event::Evaluated { run: asked.run, path: asked.path.clone(), step: asked.step, result };
        if took == Duration::ZERO {
            self.inbox.push_back(event);
        } else {
            self.at(self.now.after(took), Coming::Core(event));
        }
    }

    /// What the plan of a task added then, it adds now, if the graph is the same that it was.
    fn plan(&mut self, asked: &Evaluate, evaluation: &mut Evaluation) {
        if evaluation.truth == Some(true) || evaluation.refused.is_some() {
            return;
        }
        let life = &self.lives[&asked.run];
        let fits = |growth: &&Growth| growth.of == asked.graph.hash && growth.planner == asked.path.node();
        match life.growths.iter().find(fits) {
            Some(growth) => evaluation.added = Some(Box::new(self.addition(growth))),
            None => {
                self.played.made_up.lost += 1;
                evaluation.refused = Some("in the replay its run had another graph by then".into());
            }
        }
    }

    pub(super) fn addition(&self, growth: &Growth) -> Addition {
        let graph = Arc::clone(&self.graphs[&growth.graph]);
        Addition { of: growth.of, graph, document: growth.document.clone() }
    }

    pub(super) fn wish(&mut self, run: RunId, wish: Wish) {
        let event = match wish {
            Wish::Cancel => Event::CancelRequested(run),
            Wish::Pause => Event::PauseRequested(run),
            Wish::Resume => Event::ResumeRequested(run),
            Wish::Signal(signal) => Event::Signalled(signal),
            Wish::Raise(raise) => Event::BudgetRaised(raise),
            Wish::Add(graph, document) => {
                let graph = Arc::clone(&self.graphs[&graph]);
                Event::TasksAdded { run, graph, document }
            }
        };
        self.tell(event);
    }

    /// Somebody reacts as they did, as long after as they did: to a question with one answer, to the rest with all that they did.
    pub(super) fn cue(&mut self, run: RunId, cue: &Cue) {
        let Some(deeds) = self.ways.get_mut(&run).and_then(|way| way.deeds.get_mut(cue)) else { return };
        let count = if matches!(cue, Cue::Asked(_)) { deeds.len().min(1) } else { deeds.len() };
        let due: Vec<past::Deed> = deeds.drain(..count).collect();
        for deed in due {
            self.at_as(self.now.after(deed.after), Some(deed.left), Coming::Wish(run, deed.wish));
        }
    }

    pub(super) fn recorded(&mut self, entry: Entry) {
        self.chart.take(&entry);
        if let Record::Task { run, path, change } = &entry.record
            && self.asks(*run, path, change)
        {
            self.cue(*run, &Cue::Asked(path.clone()));
        }
        if self.keeps_entries {
            self.played.entries.push(entry);
        }
    }

    /// Takes in what has become of a task; true if somebody is asked now.
    fn asks(&mut self, run: RunId, path: &TaskPath, change: &Change) -> bool {
        match change {
            Change::Entered(evaluation) => return evaluation.wait.is_some(),
            Change::Finished(finished) => {
                if let Some(way) = self.ways.get_mut(&run) {
                    way.counts.insert((path.clone(), None), finished.attempt.0);
                }
                return matches!(finished.next, Next::Doubt(_));
            }
            Change::Ended(ended) => {
                if let Some(way) = self.ways.get_mut(&run).filter(|_| ended.end == End::Preempted) {
                    *way.gave_way.entry(path.clone()).or_default() += 1;
                }
                if let Some(course) = self.played.courses.get_mut(&run).filter(|_| ended.end == End::Hopeless) {
                    course.hopeless = true;
                }
                return matches!(ended.next, Next::Doubt(_));
            }
            Change::Dispatched(sent) => {
                if let Some(way) = self.ways.get_mut(&run) {
                    way.counts.insert((path.clone(), None), sent.attempt.0);
                }
            }
            Change::Pleaded(_) => self.cue(run, &Cue::Pleaded),
            Change::Waited(_)
            | Change::Reminded
            | Change::Referenced { .. }
            | Change::Judged { .. }
            | Change::Caught { .. }
            | Change::RoundJudged { .. }
            | Change::Composed { .. }
            | Change::Reused { .. }
            | Change::Cached(_)
            | Change::Abandoned { .. }
            | Change::Resolved(_) => {}
        }
        false
    }
}
