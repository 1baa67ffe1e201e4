//! What a scenario is told beside the actions: records, evaluations, reasons, and how a run stands.

use std::sync::Arc;

use agendum_types::{Duration, Failure, Fate, Money, RunId, RunView, TaskPath, TaskStatus};

use super::{World, run_id, run_name};
use crate::why::{Page, Reading, Reasons, Seen};
use crate::{Answer, Change, Entry, Evaluate, Record};

impl World {
    /// That an evaluation is asked for.
    pub(super) fn asked(&mut self, evaluate: &Evaluate) {
        if self.evaluations {
            let name = self.graphs[&evaluate.run].path_text(&evaluate.path);
            self.line(format!("evaluate {}/{name}", run_name(evaluate.run)));
        }
    }

    /// How a run is answered.
    pub(super) fn replied(&mut self, answer: &Answer) {
        let why = answer.failure.as_ref().map_or(String::new(), |failure| {
            let task = failure
                .task
                .as_ref()
                .map_or(String::new(), |path| format!(" in {}", self.graphs[&answer.run].path_text(path)));
            let again = failure.failure.retry_after.map_or(String::new(), |after| format!("; again after {after}"));
            format!(" {}{task}: {}{again}", failure.failure.class, failure.failure.message)
        });
        let degraded = if answer.degraded { " degraded" } else { "" };
        let spent = if answer.spent > Money::ZERO { format!(" spent {}", answer.spent) } else { String::new() };
        self.line(format!("answer {} {}{degraded}{spent}{why}", run_name(answer.run), answer.status));
    }

    /// What goes to the journal.
    pub(super) fn record(&mut self, entry: &Entry) {
        if let Some(verdict) = &entry.verdict {
            let (run, of) = (run_name(entry.record.run().unwrap()), verdict.target.as_deref().unwrap_or("no target"));
            self.line(format!("verdict {run}/{} on {} of {of}", verdict.judge, verdict.task));
        }
        if !self.records {
            return;
        }
        let text = match &entry.record {
            Record::Task { run, path, change } => {
                let name = self.graphs[run].path_text(path);
                format!("{name} {}", change_text(change))
            }
            Record::Compensated(of) => {
                let left = |(path, why): &(TaskPath, Failure)| {
                    format!(" {} ({}: {})", self.graphs[&of.run].path_text(path), why.class, why.message)
                };
                let left: String = of.left.iter().map(left).collect();
                format!("Compensated {}, left {}{left}", of.count, of.left_count)
            }
            other => format!("{other:?}").split([' ', '(']).next().unwrap().to_owned(),
        };
        self.line(format!("record {} {text}", entry.seq));
        for unsent in &entry.unsent {
            let (run, waits) = (entry.record.run().unwrap(), waits_text(&unsent.waits));
            self.line(format!("  ended {} waited [{waits}]", self.graphs[&run].path_text(&unsent.path)));
        }
    }

    pub(super) fn why(&mut self, asked: &str) {
        let (run, what) = asked.split_once(' ').unwrap_or((asked, ""));
        let run = run_id(run);
        let view = if what == "alone" { None } else { self.core.view(run, self.now) };
        let graph = Arc::clone(&self.graphs[&run]);
        let within = if what == "alone" { TaskPath::default() } else { graph.parse_path(what).unwrap_or_default() };
        let reasons = self.reasons(run, view.as_ref(), &Page { within, ..Page::all() });
        let text = |parts: &[(agendum_types::Cause, Duration)]| -> String {
            parts.iter().map(|(cause, span)| format!(" {cause} {span}")).collect()
        };
        let sum = |parts: &[(agendum_types::Cause, Duration)]| Duration(parts.iter().map(|(_, span)| span.0).sum());
        assert_eq!(sum(&reasons.parts), reasons.wall, "the causes of a run add up");
        let path: Vec<String> = reasons.critical.iter().map(|path| graph.path_text(path)).collect();
        self.line(format!(
            "why {}: {}:{}; critical {}",
            run_name(run),
            reasons.wall,
            text(&reasons.parts),
            path.join(" → ")
        ));
        for task in reasons.tasks {
            assert_eq!(sum(&task.parts), task.wall, "the causes of a task add up");
            let reason = match &task.reason {
                None => String::new(),
                Some(crate::why::Reason::Needs(needs)) => {
                    let names: Vec<&str> = needs.iter().map(|need| &*graph.task(*need).name).collect();
                    format!(" (needs {})", names.join(", "))
                }
                Some(crate::why::Reason::EndedFirst(Some(culprit))) => {
                    format!(" (for {} failed)", graph.path_text(culprit))
                }
                Some(reason) => format!(" ({reason:?})"),
            };
            let heard = task.heard.as_ref().and_then(|heard| Some((heard.by.as_ref()?, heard)));
            let heard = heard.map_or(String::new(), |(by, heard)| match heard.approved {
                Some(approved) => format!(" (approved {approved} by {by} after {})", heard.waited),
                None => format!(" (sent by {by} after {})", heard.waited),
            });
            self.line(format!(
                "  {} {}{heard}{reason}:{}",
                graph.path_text(&task.path),
                task.status,
                text(&task.parts)
            ));
        }
        let unstarted = |status: &TaskStatus| matches!(status, TaskStatus::Waiting | TaskStatus::Cancelled);
        for node in reasons.nodes.iter().filter(|node| node.attempts == 0) {
            for (status, count) in node.statuses.iter().filter(|(status, _)| unstarted(status)) {
                let way: Vec<&str> = node.way.iter().map(|node| &*graph.task(*node).name).collect();
                self.line(format!("  never sent: {} {count} {status}", way.join("/")));
            }
        }
    }

    /// With the time of the child runs, as whoever asks reads them too.
    fn reasons(&self, run: RunId, live: Option<&RunView>, page: &Page) -> Reasons {
        let entries: Vec<Entry> =
            self.journal.iter().filter(|entry| entry.record.run() == Some(run)).cloned().collect();
        let graph_of = |hash| self.learned.iter().map(|graph| &**graph).find(|graph| graph.hash == hash);
        let worked_until = self.journal.last().map(|entry| entry.at).filter(|_| live.is_none());
        let (mut reading, mut graph) = (Reading::default(), None);
        for entry in &entries {
            graph = entry.record.names_graph().map_or(graph, |(_, hash, _)| graph_of(hash));
            reading.take(graph.unwrap(), entry);
        }
        for child in reading.children() {
            let view = self.core.view(child, self.now).filter(|_| live.is_some());
            reading.learn(child, self.reasons(child, view.as_ref(), &Page { count_max: 0, ..Page::all() }).timeline);
        }
        let reasons = reading.reasons(graph.unwrap(), Seen { now: self.now, live, worked_until }, page).unwrap();
        let passed = reasons.timeline.iter().map(|(_, from, to)| to.since(*from).0).sum();
        assert_eq!(Duration(passed), reasons.wall, "its time adds up in order, too");
        reasons
    }

    pub(super) fn attempts(&mut self, run: RunId) {
        let graph = Arc::clone(&self.graphs[&run]);
        for task in self.reasons(run, None, &Page::all()).tasks {
            for attempt in task.attempts {
                let failed = attempt.failed.map_or(String::new(), |(class, message)| format!(": {class}: {message}"));
                let (path, cost, tokens) = (graph.path_text(&task.path), attempt.cost, attempt.tokens);
                let over = if attempt.over.0 > 0 { format!(", {} over", attempt.over) } else { String::new() };
                self.line(format!("  attempt of {path}: {cost}{over}, {tokens} tokens{failed}"));
                if let Some(expected) = attempt.expected {
                    self.line(format!("    expected {expected}"));
                }
                for (of, how) in [(attempt.gave_way, "gave way to"), (attempt.preempted, "in the place of")] {
                    if let Some(of) = of {
                        let run = if of.is_foreign { "another tenant".to_owned() } else { run_name(of.run) };
                        self.line(format!("    {how} {} of {run}: {} lost", of.task, of.lost));
                    }
                }
                if let Some(choice) = attempt.choice {
                    self.line(format!("    {}", choice_text(&choice)));
                }
            }
        }
    }

    pub(super) fn queueing(&mut self, run: RunId) {
        let view = self.core.view(run, self.now).unwrap();
        let graph = Arc::clone(&self.graphs[&run]);
        for task in self.reasons(run, Some(&view), &Page::all()).tasks {
            let Some(of) = task.queueing else { continue };
            let target = |of: &agendum_types::snapshot::Prospect| {
                let score = of.score.map_or_else(String::new, |score| format!(" {score}"));
                format!("{}{score} {}", of.target, of.shut.unwrap_or("free"))
            };
            let targets: Vec<String> = of.targets.iter().map(target).collect();
            let held = of
                .held
                .as_ref()
                .map_or_else(String::new, |(target, until)| format!(", for {target} until {}ms", until.0 / 1_000));
            let lacks =
                of.lacks.as_ref().map_or_else(String::new, |need| format!(", lacks {} {}", need.units, need.pool));
            self.line(format!(
                "  {} stands by {}, {} ahead, {} beside{held}{lacks}: {}",
                graph.path_text(&task.path),
                of.index.word(),
                of.ahead,
                of.beside,
                targets.join(", ")
            ));
        }
    }

    pub(super) fn view(&mut self, run: RunId) {
        let Some(view) = self.core.view(run, self.now) else {
            return self.line(format!("{} is not live", run_name(run)));
        };
        let lacks = if self.core.standing(run).unwrap().waits_for_target { ", waits for a target" } else { "" };
        let lacks = self.core.standing(run).unwrap().stopped.map_or_else(
            || lacks.to_owned(),
            |of| {
                let how = if of.quarantined { "in quarantine" } else { "paused" };
                format!(
                    "{lacks}, waits for {} that is {how}{}",
                    run_name(of.run),
                    if of.alone { ", and for nothing else" } else { "" }
                )
            },
        );
        self.line(format!("{} is {}, spent {}, held {}{lacks}", run_name(run), view.status, view.spent, view.held));
        self.held(run);
        for task in view.tasks {
            let cause = task.waiting_on.map_or(String::new(), |cause| format!(" on {cause}"));
            self.line(format!("  {} {}{cause}", task.path, task.status));
        }
    }
}

fn change_text(change: &Change) -> String {
    match change {
        Change::Entered(evaluation) if evaluation.truth == Some(false) => "entered: false".into(),
        Change::Entered(_) => "entered".into(),
        Change::Dispatched(dispatched) => {
            let waits = waits_text(&dispatched.waits);
            format!("dispatched #{} waited [{waits}] hold {}", dispatched.attempt, dispatched.hold)
        }
        Change::Finished(finished) => format!("finished: {:?}", finished.next),
        Change::Waited(waited) => {
            let kept = if waited.kept { "kept, " } else { "" };
            format!("waited: {kept}waited [{}]", waits_text(&waited.waits))
        }
        Change::Cached(cached) => {
            let stale = if cached.stale { "stale, " } else { "" };
            format!("cached: {stale}from {}, waited [{}]", run_name(cached.from), waits_text(&cached.waits))
        }
        Change::Ended(ended) => format!("ended {:?}: {:?}", ended.end, ended.next),
        Change::Abandoned { fate, .. } if *fate != Fate::None => format!("abandoned, effect {}", fate.word()),
        other => format!("{other:?}").split([' ', '(']).next().unwrap().to_lowercase(),
    }
}

fn choice_text(choice: &crate::Choice) -> String {
    let (policy, _) = choice.policy.split_once('@').unwrap();
    let risky = if choice.risky { "risky, " } else { "" };
    let near = if choice.near { "near, " } else { "" };
    let passed: Vec<_> = choice.passed.iter().map(|(target, why)| format!(", {target} {}", why.word())).collect();
    let (index, rank) = (choice.index.word(), Duration(choice.rank));
    let scores = choice.scores.iter().map(|(target, score)| format!(", {target} {score}")).collect::<Vec<_>>();
    format!(
        "{policy} {index} {rank}, {risky}{near}{} ahead, {} behind{}{}",
        choice.ahead,
        choice.behind,
        passed.concat(),
        scores.concat()
    )
}

fn waits_text(waits: &crate::Waits) -> String {
    let waits: Vec<_> = waits.iter().map(|(cause, span)| format!("{cause} {span}")).collect();
    waits.join(", ")
}
