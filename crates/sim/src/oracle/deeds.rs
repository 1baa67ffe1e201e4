//! Each thing that the core wants done, against what is wanted.

use agendum_core::{Action, Bound, Deed, Dispatch, Evaluate, Make, Purpose, RunFailure, Step};
use agendum_types::graph::DataRef;
use agendum_types::{Effect, Failure, Labels, Money, PayloadRef, Seq, Target, TaskPath};

use super::state::{How, Phase, State, parent};
use super::{Asked, Reference, ensure};

impl Reference {
    pub(super) fn deed(&mut self, action: &Action, last: Seq) -> Result<(), String> {
        match &action.deed {
            Deed::Append(entry) => self.explain(entry),
            Deed::Evaluate(asked) => self.asks(asked),
            Deed::LookUp(asked) => self.looks_up(asked),
            Deed::Keep(keep) => self.keeps(keep, action.after, last),
            Deed::Dispatch(dispatch) => self.leaves(dispatch, action.after, last),
            Deed::CancelAttempt(attempt) => {
                let place = self.stop.iter().position(|stop| stop == attempt);
                place.map(|place| self.stop.remove(place)).map(|_| ()).ok_or_else(|| "it is still wanted".to_owned())
            }
            Deed::Publish { run, path } => {
                let place = self.publish.iter().position(|text| text == &(*run, path.clone()));
                place.map(|place| self.publish.remove(place)).map(|_| ()).ok_or_else(|| "not to be shown".to_owned())
            }
            Deed::Answer(answer) => {
                let run = self.runs.get(&answer.run).ok_or("no such run")?;
                ensure((answer.spent, answer.tokens) == (run.spent, run.tokens), "it has spent something else")?;
                ensure((answer.over, answer.bound) == (run.over, run.bound()), "another bill or bound")?;
                ensure(answer.degraded == run.degraded, "degraded or not")?;
                ensure(self.answer.pop() == Some((answer.run, answer.status)), "no such answer is due")
            }
            Deed::Close { run, .. } => ensure(self.close.pop() == Some(*run), "it has not ended"),
        }
    }

    fn asks(&mut self, asked: &Evaluate) -> Result<(), String> {
        let run = self.runs.get(&asked.run).ok_or("no such run")?;
        ensure(!run.quarantined, "it is held")?;
        if asked.path.0.is_empty() {
            ensure(run.phase == Phase::Composing, "the run's output is not due")?;
        } else {
            let inst = run.tasks.get(&asked.path).ok_or("no such task")?;
            ensure(inst.state == State::Asking(asked.step), "nothing is to be evaluated")?;
        }
        let same = |other: &&Asked| (other.run, &other.path, other.step) == (asked.run, &asked.path, asked.step);
        ensure(self.evaluations.iter().find(same).is_none(), "it was asked already")?;
        ensure(self.evaluations.len() < self.limits.evaluation_credits as usize, "no credit is left")?;
        let is_plan = asked.step == Step::Judge && self.adds_tasks(asked.run, &asked.path);
        let output = self.runs[&asked.run].tasks.get(&asked.path).and_then(|inst| inst.output.clone());
        ensure(asked.plan == output.filter(|_| is_plan), "another output is read as tasks")?;
        let model = |target: &&Target| target.capabilities.iter().any(|capability| capability.is_served_by_models());
        let models: Vec<&Target> = self.targets.iter().filter(model).collect();
        let is_chosen = models.len() > 1 && models.iter().any(|target| target.remembers > 0);
        ensure(asked.begins == is_chosen, "beginnings of inputs are of use, or not")?;
        let seen = self.sees(asked);
        let labels = match &asked.make {
            Make::Values { bindings, exprs } => {
                self.reads(asked, bindings)?;
                let graph = &self.runs[&asked.run].graph;
                let made = |purpose: &Purpose| {
                    matches!(purpose, Purpose::Items | Purpose::Input | Purpose::Wait | Purpose::Output)
                };
                let made = exprs.iter().filter(|(purpose, _)| made(purpose));
                let read: Vec<DataRef> = made.flat_map(|(_, expr)| graph.expr(*expr).reads.clone()).collect();
                let used = bindings.iter().filter(|(what, _)| read.contains(what));
                used.fold(Labels::NONE, |labels, (_, bound)| labels.join(&labels_of(bound)))
            }
            Make::Merged(of) | Make::Object(of) => joined(of.iter().map(|(_, payload)| payload)),
            Make::List(of) => joined(of.iter()),
            Make::Collected { count, succeeded } => {
                let items = self.runs[&asked.run].inside(&asked.path);
                let good: Vec<_> = items.iter().filter(|(_, item)| item.how() == Some(How::Succeeded)).collect();
                ensure((*count as usize, *succeeded as usize) == (items.len(), good.len()), "other items succeeded")?;
                joined(good.iter().filter_map(|(_, item)| item.output.as_ref()))
            }
        };
        let (run, path, step) = (asked.run, asked.path.clone(), asked.step);
        self.evaluations.push(Asked { run, path, step, seen: labels.join(&seen), labels });
        Ok(())
    }

    /// The output of a task beside, or further out, is there if and only if that task has succeeded; a judge sees the result.
    fn reads(&self, asked: &Evaluate, bindings: &[(DataRef, Bound)]) -> Result<(), String> {
        let run = &self.runs[&asked.run];
        if run.tasks.get(&asked.path).is_some_and(|inst| run.graph.task(inst.node).is_compensation()) {
            return self.undo_reads(asked, bindings);
        }
        for (what, bound) in bindings {
            match what {
                DataRef::Candidate if asked.step == Step::Judge => {
                    let output = run.tasks[&asked.path].output.clone().map(Bound::Payload);
                    ensure(output.as_ref() == Some(bound), "the judge does not see the result")?;
                }
                DataRef::Caught => {
                    let told = |failure: &Failure| (failure.class, failure.labels.clone());
                    let seen = if let Bound::Error(seen) = bound { Some(told(&seen.failure)) } else { None };
                    let mine = run.tasks[&asked.path].failure.as_ref().map(told);
                    ensure(asked.step == Step::Catch && mine.is_some() && seen == mine, "it catches something else")?;
                }
                DataRef::RunError => {
                    let told = |why: &RunFailure| (why.task.clone(), why.failure.class, why.failure.labels.clone());
                    let seen = if let Bound::Error(seen) = bound { Some(told(seen)) } else { None };
                    ensure(seen == run.failure, "the run has failed for something else")?;
                }
                DataRef::Output(node) => {
                    let mut scope = asked.path.clone();
                    let mut found = None;
                    while !scope.0.is_empty() && found.is_none() {
                        scope = parent(&scope);
                        let other = scope.child(agendum_types::Segment::Task(*node));
                        found = run.tasks.get(&other).filter(|_| !asked.path.0.starts_with(&other.0));
                    }
                    let Some(inst) = found else { continue };
                    let output = inst.output.clone().filter(|_| inst.how() == Some(How::Succeeded));
                    let mine = output.map_or(Bound::Undefined, Bound::Payload);
                    ensure(mine == *bound, &format!("it reads {bound:?} of a task that gave {mine:?}"))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn leaves(&mut self, dispatch: &Dispatch, after: Option<Seq>, last: Seq) -> Result<(), String> {
        if dispatch.child.as_ref().is_some_and(|child| child.is_over) {
            return self.recalls(dispatch);
        }
        ensure(self.dispatch.pop().as_ref() == Some(&dispatch.attempt), "its record did not come just before")?;
        let (id, path): (_, &TaskPath) = (dispatch.attempt.run, &dispatch.attempt.path);
        let run = &self.runs[&id];
        let inst = &run.tasks[path];
        let State::Running(running) = &inst.state else { return Err("it does not run".to_owned()) };
        ensure(usize::from(dispatch.target.0) == running.target, "another target than its record says")?;
        ensure(dispatch.effect == running.effect && dispatch.input == inst.input, "another effect or input")?;
        ensure(dispatch.refused.as_deref() == inst.told.as_deref(), "it is told something else of its last result")?;
        ensure(run.labels(path).is_within(&dispatch.labels), "labels got lost")?;
        ensure(dispatch.expires.unwrap_or(agendum_types::Timestamp::MAX) == run.deadline_of(path), "another end")?;
        let task = run.task(path);
        let number = dispatch.child.as_ref().map(|child| child.number);
        ensure(number == run.is_child(path).then_some(inst.tries), "another try of a child run")?;
        let held_back = !task.publish_after.is_empty() && !self.is_released(id, inst.node);
        ensure(dispatch.held_back == held_back && dispatch.live == task.live, "shown or not")?;
        let paid = !self.targets[running.target].price.is_free() || running.hold > Money::ZERO;
        let outside = running.effect != Effect::None || paid || run.submitted.strict;
        ensure(!outside || after == Some(last), "it does not wait for its record")
    }
}

pub(super) fn joined<'a>(payloads: impl IntoIterator<Item = &'a PayloadRef>) -> Labels {
    payloads.into_iter().fold(Labels::NONE, |labels, payload| labels.join(&payload.labels))
}

pub(super) fn labels_of(bound: &Bound) -> Labels {
    match bound {
        Bound::Payload(payload) | Bound::Item { items: payload, .. } => payload.labels.clone(),
        Bound::Outputs(outputs) => joined(outputs.iter().map(|(_, output)| output)),
        Bound::Error(why) => why.failure.labels.clone(),
        Bound::Undefined | Bound::Number(_) | Bound::Text(_) | Bound::Key { .. } => Labels::NONE,
    }
}
