//! The checkers: promises, seen from outside the core.

mod ahead;
mod cache;
mod compensation;
mod labels;
mod money;
mod planned;
mod pleas;
mod turns;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_core::{
    Change, Dispatch, Dispatched, End, Ended, Entry, Next, NextRound, Passed, Reason, Record, Waits, why,
};
use agendum_types::graph::NodeId;
use agendum_types::{
    AttemptId, Cause, Class, Duration, Effect, Fate, Graph, Hash, Money, Outcome, RunId, RunStatus, Segment, Seq,
    Target, TaskPath, Timestamp, WaitView, Windows,
};

use money::Authorised;
pub(crate) use money::of_task;

/// What the outside has seen so far.
#[derive(Debug, Default)]
pub struct Checker {
    /// Promises that were broken.
    pub violations: Vec<String>,
    started: BTreeSet<AttemptId>,
    /// Attempts that take back an effect.
    undoing: BTreeSet<AttemptId>,
    /// Tasks of effect `once` whose last attempt may have taken effect.
    in_doubt: BTreeSet<(RunId, TaskPath)>,
    /// Tasks of effect `once` that took effect or may have.
    took: BTreeSet<(RunId, TaskPath)>,
    /// The run that another one takes over, and the tasks at the top that it was told to do again.
    origins: BTreeMap<RunId, (RunId, Vec<NodeId>)>,
    /// Top-level tasks of a run that have started.
    begun: BTreeSet<(RunId, NodeId)>,
    /// What each run that has ended has spent.
    spent: BTreeMap<RunId, Money>,
    money: Authorised,
    copies: cache::Copies,
    pleas: pleas::Pleas,
}

impl Checker {
    /// Under these limits.
    #[must_use]
    pub fn new(windows: Windows) -> Self {
        Self { money: Authorised::under(windows), ..Self::default() }
    }

    /// A record: does it set aside what nobody may spend?
    pub(crate) fn spends(&mut self, entry: &Entry, graph: Option<&Arc<Graph>>) {
        self.violations.extend(self.money.recorded(entry, graph));
    }

    /// A bill says that so much of what was lost in this hour was never spent.
    pub(crate) fn released(&mut self, hour: Timestamp, of: (Money, u64)) {
        self.money.released(hour, of);
    }

    /// A later bill, known when this was the last record, says that so much of that was spent after all.
    pub(crate) fn recharged(&mut self, last: Seq, hour: Timestamp, of: (Money, u64)) {
        self.money.recharged(last, hour, of);
    }

    /// A record: does it ask for what has been asked for?
    pub(crate) fn asks(&mut self, entry: &Entry) {
        self.violations.extend(self.pleas.recorded(entry));
    }

    /// A task is shown to ask for money.
    pub(crate) fn shown_to_ask(&mut self, view: &WaitView, graph: &Graph) {
        self.violations.extend(self.pleas.shown(view, graph));
    }

    /// All has ended.
    pub(crate) fn nothing_is_held(&mut self) {
        self.violations.extend(self.money.left());
    }

    /// After a crash only what is durable counts.
    pub(crate) fn crashed(&mut self, journal: &[Entry], graphs: &BTreeMap<RunId, Arc<Graph>>) {
        self.begun.clear();
        self.money.forget();
        self.pleas = pleas::Pleas::default();
        for entry in journal {
            let graph = entry.record.run().and_then(|run| graphs.get(&run));
            self.spends(entry, graph);
            self.asks(entry);
        }
        self.recall(journal, graphs);
        for entry in journal {
            if let Record::Task { run, path, change: Change::Dispatched(_) } = &entry.record
                && let Some(Segment::Task(top)) = path.segments().first()
            {
                self.begun.insert((*run, *top));
            }
        }
    }

    /// The process died right after the last of these records, and all that they say was sent had left.
    pub(crate) fn doubts(&mut self, journal: &[Entry]) {
        for entry in journal {
            let Record::Task { run, path, change } = &entry.record else { continue };
            match change {
                Change::Dispatched(out) if out.effect != Effect::None => {
                    self.in_doubt.insert((*run, path.clone()));
                }
                Change::Finished(ended) => {
                    let attempt = AttemptId {
                        run: *run,
                        path: path.clone(),
                        attempt: ended.attempt,
                        incarnation: ended.incarnation,
                    };
                    self.finished(&attempt, &ended.outcome);
                }
                Change::Resolved(_) => self.recorded(entry),
                Change::Entered(_)
                | Change::Waited(_)
                | Change::Reminded
                | Change::Pleaded(_)
                | Change::Reused { .. }
                | Change::Cached(_)
                | Change::Dispatched(_)
                | Change::Referenced { .. }
                | Change::Judged { .. }
                | Change::Caught { .. }
                | Change::RoundJudged { .. }
                | Change::Composed { .. }
                | Change::Ended(_)
                | Change::Abandoned { .. } => {}
            }
        }
    }

    /// Something leaves the process: the record that says so must be durable, or a crash now would unsay it.
    pub(crate) fn outside(
        &mut self,
        run: RunId,
        journal: &[Entry],
        durable: Seq,
        what: &str,
        says: impl Fn(&Record) -> bool,
    ) {
        let said = journal.iter().rev().find(|entry| entry.record.run() == Some(run) && says(&entry.record));
        match said {
            Some(entry) if entry.seq <= durable => {}
            Some(entry) => {
                self.violations.push(format!("{what} of run {run} left at {durable}, before its record {}", entry.seq));
            }
            None => self.violations.push(format!("{what} of run {run} left without a record")),
        }
    }

    pub(crate) fn dispatched(&mut self, dispatch: &Dispatch) {
        let attempt = &dispatch.attempt;
        let name = || format!("{}/{}", attempt.run, dispatch.graph.path_text(&attempt.path));
        if !self.started.insert(attempt.clone()) {
            self.violations.push(format!("attempt {} of {} was started twice", attempt.attempt, name()));
        }
        let key = (attempt.run, attempt.path.clone());
        // To go on by its reference is no repetition.
        if dispatch.effect == Effect::Once && dispatch.reattach.is_none() && self.in_doubt.contains(&key) {
            self.violations.push(format!("{} may have taken effect and was started again", name()));
        }
        if dispatch.effect == Effect::Once && dispatch.reattach.is_none() {
            if self.took_before(&key) {
                self.violations
                    .push(format!("{} took effect in a run that this one takes over, and was started again", name()));
            }
            self.took.insert(key.clone());
        }
        if dispatch.effect != Effect::None {
            self.in_doubt.insert(key);
        }
        let undoes = dispatch.graph.undoes(&attempt.path);
        if undoes {
            self.undoing.insert(attempt.clone());
        }
        let top = attempt.path.segments().first().filter(|_| !undoes);
        let Some(Segment::Task(top)) = top else { return };
        for (run, begun) in self.begun.range((attempt.run, NodeId(0))..=(attempt.run, NodeId(u32::MAX))) {
            // A task that joined the run later is not in the graph of an attempt that waited for the disk.
            if dispatch.graph.tasks.get(begun.0 as usize).is_some_and(|task| task.needs.contains(top)) {
                self.violations.push(format!("{} started after a task of run {run} that needs it", name()));
            }
        }
        self.begun.insert((attempt.run, *top));
    }

    /// A record that says of an attempt in doubt that it did nothing is a decision to let it run again.
    pub(crate) fn recorded(&mut self, entry: &Entry) {
        if let Record::Task { run, path, change: Change::Resolved(resolved) } = &entry.record
            && resolved.happened == Some(false)
        {
            self.in_doubt.remove(&(*run, path.clone()));
            self.took.remove(&(*run, path.clone()));
        }
    }

    /// A run takes over another one, and does the effects of these tasks again.
    pub(crate) fn taken_over(&mut self, new: RunId, old: RunId, again: &[NodeId]) {
        self.origins.insert(new, (old, again.to_vec()));
    }

    /// True if the task took effect, or may have, in a run that this one goes back to, and nobody asked for it again since.
    fn took_before(&self, (run, path): &(RunId, TaskPath)) -> bool {
        let mut at = run;
        while let Some((old, again)) = self.origins.get(at) {
            if again.iter().any(|node| path.segments().first() == Some(&Segment::Task(*node))) {
                return false;
            }
            if self.took.contains(&(*old, path.clone())) {
                return true;
            }
            at = old;
        }
        false
    }

    pub(crate) fn finished(&mut self, attempt: &AttemptId, outcome: &Outcome) {
        let proven = match outcome {
            Outcome::Succeeded(_) => true,
            Outcome::Failed(failure) => {
                failure.no_effect || matches!(failure.class, Class::Permanent | Class::InvalidOutput)
            }
        };
        if matches!(outcome, Outcome::Succeeded(_)) && self.undoing.contains(attempt) {
            // It was taken back, be it what a run before this one had done: it may be done again.
            let mut at = attempt.run;
            while let Some(of) = attempt.path.around().next()
                && !self.took.remove(&(at, of))
                && let Some((old, _)) = self.origins.get(&at)
            {
                at = *old;
            }
        }
        if matches!(outcome, Outcome::Failed(failure) if Fate::of_failure(failure) == Fate::None) {
            self.took.remove(&(attempt.run, attempt.path.clone()));
        }
        if proven {
            self.in_doubt.remove(&(attempt.run, attempt.path.clone()));
        }
    }

    /// All has ended: what the whole journal says.
    pub(crate) fn whole(&mut self, journal: &[Entry], targets: &[Target]) {
        self.violations.extend(turns::violations(journal));
        self.violations.extend(labels::violations(journal, targets));
    }

    /// A run has ended, and has spent so much.
    pub(crate) fn closed(&mut self, run: RunId, spent: Money) {
        self.spent.insert(run, spent);
    }

    /// All has ended: what the journal says of a run. Gives how it was answered.
    pub(crate) fn ended(
        &mut self,
        run: RunId,
        graph: &Graph,
        graphs: &BTreeMap<Hash, Arc<Graph>>,
        entries: &[Entry],
    ) -> Option<usize> {
        let known: Vec<Arc<Graph>> = graphs.values().cloned().collect();
        self.violations.extend(verdicts::violations(run, &known, entries));
        let answers: Vec<RunStatus> = entries
            .iter()
            .filter_map(
                |entry| if let Record::Answered(answered) = &entry.record { Some(answered.status) } else { None },
            )
            .collect();
        let done = entries.iter().filter(|entry| matches!(entry.record, Record::Done { .. })).count();
        if answers.len() != 1 || done != 1 {
            self.violations.push(format!("run {run} has {} answers and ended {done} times", answers.len()));
        }
        for entry in entries {
            if let Record::Task { path, change: Change::Ended(ended), .. } = &entry.record
                && matches!((ended.end, &ended.next), (End::Uncertain, Next::Retry { .. }))
            {
                self.violations.push(format!("{} was uncertain and is retried", graph.path_text(path)));
            }
        }
        self.violations.extend(compensation::violations(graph, entries));
        self.violations.extend(planned::violations(graphs, entries));
        let seen = why::Seen { now: Timestamp(0), live: None, worked_until: None };
        let graph_of = |hash| graphs.get(&hash).map(|graph| &**graph);
        if let Some(reasons) = why::reasons(graph_of, entries, seen, &why::Page::all()) {
            let sum: u64 = reasons.parts.iter().map(|(_, span)| span.0).sum();
            if sum != reasons.wall.0 {
                self.violations.push(format!("the causes of run {run} add up to {sum} of {} µs", reasons.wall.0));
            }
            let cost = reasons.nodes.iter().fold(Money::ZERO, |sum, node| sum.plus(node.cost));
            if self.spent.get(&run).is_some_and(|spent| *spent != cost) {
                self.violations.push(format!("run {run} has spent {}, and its tasks cost {cost}", self.spent[&run]));
            }
            let (free, shared) = (free(entries), cache::shared(entries));
            for task in &reasons.tasks {
                let waited: u64 =
                    task.parts.iter().filter(|part| part.0 == Cause::Dependency).map(|part| part.1.0).sum();
                // While another computed what it asked for, it depended on that, free as it was.
                let shared = shared.get(&task.path).copied().unwrap_or(0);
                if free.get(&task.path).is_some_and(|free| task.since.0 + waited > free.0 + shared) {
                    let path = graph.path_text(&task.path);
                    self.violations.push(format!("{path} could be sent, and depends on others, they say"));
                }
                let sum: u64 = task.parts.iter().map(|(_, span)| span.0).sum();
                if sum != task.wall.0 {
                    let path = graph.path_text(&task.path);
                    self.violations.push(format!("the causes of {path} add up to {sum} of {} µs", task.wall.0));
                }
                let Some(Reason::EndedFirst(Some(culprit))) = &task.reason else { continue };
                let blamed = reasons.tasks.iter().find(|task| task.path == *culprit);
                let failed = |reason: &Option<Reason>| matches!(reason, Some(Reason::Failed(..) | Reason::Caught(..)));
                if culprit.is_within(&task.path) || blamed.is_some_and(|blamed| !failed(&blamed.reason)) {
                    let (path, culprit) = (graph.path_text(&task.path), graph.path_text(culprit));
                    self.violations.push(format!("{path} was cancelled, they say, because {culprit} failed"));
                }
            }
        }
        answers.first().map(|status| match status {
            RunStatus::Succeeded => 0,
            RunStatus::Failed | RunStatus::Queued | RunStatus::Running => 1,
            RunStatus::Cancelled => 2,
        })
    }
}

/// Since when each task could first have been sent, of those that were or that ended before.
fn free(entries: &[Entry]) -> BTreeMap<TaskPath, Timestamp> {
    let mut free = BTreeMap::new();
    for entry in entries {
        let mut since = |path: &TaskPath, waits: &Waits| {
            let waited = Duration(waits.iter().map(|(_, span)| span.0).sum());
            free.entry(path.clone()).or_insert_with(|| entry.at.before(waited));
        };
        entry.unsent.iter().for_each(|unsent| since(&unsent.path, &unsent.waits));
        if let Record::Task { path, change: Change::Dispatched(dispatched), .. } = &entry.record {
            since(path, &dispatched.waits);
        }
    }
    free
}

/// The same of a record that speaks of no task.
fn of_run(record: &Record) -> Vec<&'static str> {
    match record {
        Record::Paused { .. } => vec!["paused"],
        Record::Crashed { quarantined, .. } => {
            vec![if *quarantined { "quarantined" } else { "at work in a crash" }]
        }
        Record::Resumed { .. } => vec!["resumed"],
        Record::TasksAdded { .. } => vec!["tasks added"],
        Record::TasksAhead { .. } => vec!["tasks ahead of their plan"],
        Record::CancelRequested { replaced_by, .. } => {
            vec![if replaced_by.is_some() { "replaced" } else { "cancelled" }]
        }
        Record::Begun { .. } => vec!["its turn"],
        Record::Answered(answered) if answered.degraded => vec!["answered, degraded"],
        Record::Closed => vec!["closed"],
        Record::SignalKept(_) => vec!["a signal kept"],
        Record::Raised(raised) => vec![money::kind(raised)],
        Record::Compensated(compensated) if compensated.left_count > 0 => vec!["taken back in part"],
        Record::Compensated(_) => vec!["taken back"],
        Record::Opened { .. }
        | Record::ClockJumped { .. }
        | Record::RunSubmitted(_)
        | Record::Task { .. }
        | Record::Answered(_)
        | Record::Done { .. } => Vec::new(),
    }
}

fn end_word(ended: &Ended, path: &TaskPath) -> &'static str {
    if ended.end == End::Hopeless {
        return "given up";
    }
    let of_run = ended.end == End::Expired && path.segments().is_empty();
    if of_run { "the run expired" } else { ended.end.word() }
}

fn passes(out: &Dispatched, why: Passed) -> bool {
    out.choice.iter().flat_map(|choice| &choice.passed).any(|(_, of)| *of == why)
}

/// Kinds of decisions in a record, by name: each must come up among the seeds.
#[must_use]
pub fn kinds(record: &Record) -> Vec<&'static str> {
    let Record::Task { path, change, .. } = record else {
        return of_run(record);
    };
    match change {
        Change::Ended(ended) => {
            let end = if ended.short.is_some() { "unaffordable in a loop" } else { end_word(ended, path) };
            vec![end, of_next(&ended.next)]
        }
        Change::Dispatched(out) if out.reattached => vec!["reattached"],
        Change::Dispatched(out) if out.preempted.is_some() => vec!["sent in the place of another"],
        Change::Dispatched(out) if out.beside && out.effect == Effect::Idempotent => {
            vec!["sent beside a slow one", "sent beside a slow one, with an effect"]
        }
        Change::Dispatched(out) if out.beside => vec!["sent beside a slow one"],
        Change::Dispatched(out) if out.choice.as_ref().is_some_and(|choice| choice.near) => {
            vec!["sent in the place of the first"]
        }
        Change::Dispatched(out) if passes(out, Passed::Broken) => vec!["sent past one that fails"],
        Change::Dispatched(out) if passes(out, Passed::Crowded) => vec!["sent past one that does no more with more"],
        Change::Dispatched(out) if passes(out, Passed::Limited) => vec!["sent past one that turns some away"],
        Change::Dispatched(out) if out.lower => vec!["sent to a lower target"],
        Change::Finished(finished) => {
            [of_next(&finished.next)].into_iter().chain(labels::kind(&finished.next)).collect()
        }
        Change::Judged { evaluation, .. } if evaluation.good == Some(false) => vec!["not good enough"],
        Change::Judged { evaluation, .. } if evaluation.refused.is_some() => vec!["a plan refused"],
        Change::Judged { next, .. } => vec![of_next(next)],
        Change::RoundJudged { next, .. } => vec![match next {
            NextRound::Again => "another round",
            NextRound::Done => "the last round",
            NextRound::Use { unpaid: true, .. } => "a round was not paid for, one before counts",
            NextRound::Use { .. } => "rounds ran out, one counts",
            NextRound::Fail(_) => "rounds ran out",
        }],
        Change::Abandoned { fate: Fate::Uncertain, .. } => vec!["abandoned, perhaps with an effect"],
        Change::Abandoned { .. } => vec!["abandoned"],
        Change::Resolved(resolved) => vec![match resolved.happened {
            Some(true) => "found to have happened",
            Some(false) => "found not to have happened",
            None => "nobody found out",
        }],
        Change::Reminded => vec!["reminded"],
        Change::Pleaded(_) => vec!["asked for money"],
        Change::Reused { .. } => vec!["reused"],
        Change::Cached(cached) => vec![cache::kind(cached)],
        Change::Waited(waited) => vec![match (&waited.by, waited.approved, waited.kept) {
            (_, Some(true), _) => "approved",
            (_, Some(false), _) => "refused",
            (_, None, true) => "heard before it waited",
            (Some(_), None, false) => "heard while it waited",
            (None, None, false) => "waited for its instant",
        }],
        Change::Entered(evaluation) if evaluation.truth == Some(false) => vec!["skipped"],
        Change::Entered(evaluation) if evaluation.time.is_some() => vec!["not before"],
        Change::Entered(_)
        | Change::Dispatched(_)
        | Change::Referenced { .. }
        | Change::Caught { .. }
        | Change::Composed { .. } => Vec::new(),
    }
}

fn of_next(next: &Next) -> &'static str {
    match next {
        Next::Judge => "judged",
        Next::Succeed => "succeeded",
        Next::Retry { .. } => "retried",
        Next::Back { .. } => "found no room",
        Next::Rung { .. } => "caught",
        Next::Doubt(_) => "in doubt",
        Next::Fail(_) => "failed",
    }
}
