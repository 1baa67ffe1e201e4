//! What a journal says of runs: what each attempt took and gave, what each evaluation said, and what people did, keyed so that the same
//! graphs can be run again with it.

mod tries;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use tries::Try;

use agendum_core::{
    Addressee, Cached, Change, End, Ended, Entry, Evaluation, Finished, Next, Raise, Record, RunSubmitted, Signal, Step,
};
use agendum_types::graph::NodeId;
use agendum_types::{
    AttemptNo, Class, Duration, Failure, Fate, Graph, Hash, Money, Outcome, PayloadRef, RunId, RunStatus, Seq, Target,
    TaskPath, Tenant, Timestamp, WaitFor,
};

use super::cause::{Cause, Since};

/// A run's records, and the graphs that they name.
#[derive(Clone, Debug)]
pub struct Records {
    /// Whose run.
    pub tenant: Tenant,
    /// Its graph, and what that grew to, by hash.
    pub graphs: BTreeMap<Hash, Arc<Graph>>,
    /// All of its records, in order.
    pub entries: Vec<Entry>,
}

/// Why a run is not replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// It is not answered yet.
    Open,
    /// Its records do not begin with its submission, or a graph of it is missing.
    Unreadable,
}

impl LeftOut {
    /// As people are told.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Open => "not answered yet",
            Self::Unreadable => "cannot be read",
        }
    }
}

/// What takes longer since its cause was something else besides an evaluation: a pause, a downtime.
const EVALUATION_MAX: Duration = Duration::secs(10);

/// What an evaluation said, and how long that took.
pub(crate) type Said = (Duration, Result<Evaluation, Arc<str>>);

/// What somebody did, so long after what it answers.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) after: Duration,
    /// The record that it left.
    pub(crate) left: Seq,
    pub(crate) wish: Wish,
}

/// What somebody wanted.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Cancel,
    Pause,
    Resume,
    Signal(Box<Signal>),
    Raise(Box<Raise>),
    Add(Hash, PayloadRef),
}

/// What somebody reacted to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cue {
    /// The run came.
    Submitted,
    /// This task began to wait, or is in doubt.
    Asked(TaskPath),
    /// It asks for money.
    Pleaded,
}

/// How a graph grew.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    pub(crate) of: Hash,
    pub(crate) graph: Hash,
    pub(crate) document: PayloadRef,
    /// The task that had planned it.
    pub(crate) planner: Option<NodeId>,
}

/// A piece of a plan that an attempt wrote, so long after it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) after: Duration,
    pub(crate) growth: Growth,
}

/// A run as it went.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) tenant: Tenant,
    pub(crate) at: Timestamp,
    /// Its first record.
    pub(crate) first: Seq,
    pub(crate) submitted: RunSubmitted,
    pub(crate) graphs: BTreeMap<Hash, Arc<Graph>>,
    pub(crate) tries: BTreeMap<(TaskPath, AttemptNo), Try>,
    pub(crate) said: BTreeMap<(TaskPath, Step, u32), Said>,
    /// Tasks that were tried again, and whether only for what a pause of a target does not come of.
    pub(crate) retried: BTreeMap<NodeId, bool>,
    /// Attempts that were stopped for more urgent ones.
    pub(crate) gave_way: BTreeSet<(TaskPath, AttemptNo)>,
    /// Copies that tasks took.
    pub(crate) cached: BTreeMap<TaskPath, Cached>,
    /// Expressions that failed, by task.
    pub(crate) unevaluable: BTreeMap<TaskPath, Arc<str>>,
    pub(crate) deeds: BTreeMap<Cue, Vec<Deed>>,
    /// Tasks that waited when the run was over, for whom or whatever, and how long they had.
    pub(crate) unheard: BTreeMap<TaskPath, Duration>,
    pub(crate) growths: Vec<Growth>,
    pub(crate) pieces: BTreeMap<(TaskPath, AttemptNo), Vec<Piece>>,
    pub(crate) answered: (Timestamp, RunStatus),
    pub(crate) hopeless: bool,
    pub(crate) done: Timestamp,
}

impl Life {
    /// Reads the records of a run.
    pub(crate) fn of(records: &Records) -> Result<Self, LeftOut> {
        let mut entries = records.entries.iter();
        let first = entries.next().ok_or(LeftOut::Unreadable)?;
        let Record::RunSubmitted(submitted) = &first.record else { return Err(LeftOut::Unreadable) };
        let named = records.entries.iter().filter_map(|entry| entry.record.names_graph());
        if named.into_iter().any(|(_, graph, _)| !records.graphs.contains_key(&graph)) {
            return Err(LeftOut::Unreadable);
        }
        let life = Self {
            tenant: records.tenant.clone(),
            at: first.at,
            first: first.seq,
            submitted: (**submitted).clone(),
            graphs: records.graphs.clone(),
            tries: BTreeMap::new(),
            said: BTreeMap::new(),
            retried: BTreeMap::new(),
            gave_way: BTreeSet::new(),
            cached: BTreeMap::new(),
            unevaluable: BTreeMap::new(),
            deeds: BTreeMap::new(),
            unheard: BTreeMap::new(),
            growths: Vec::new(),
            pieces: BTreeMap::new(),
            answered: (Timestamp::MAX, RunStatus::Queued),
            hopeless: false,
            done: Timestamp::MAX,
        };
        let graph = submitted.graph;
        let mut reading = Reading {
            life,
            graph,
            seq: first.seq,
            before: first.at,
            asked: BTreeMap::new(),
            waiting: BTreeMap::new(),
            cause: Cause::new(first.at),
            counts: BTreeMap::new(),
        };
        entries.for_each(|entry| reading.take(entry));
        let (mut life, waiting) = (reading.life, reading.waiting);
        let over = if life.done == Timestamp::MAX { life.answered.0 } else { life.done };
        life.unheard = waiting.into_iter().map(|(path, since)| (path, over.since(since))).collect();
        if life.answered.0 == Timestamp::MAX { Err(LeftOut::Open) } else { Ok(life) }
    }

    pub(crate) const fn run(&self) -> RunId {
        self.submitted.run
    }

    /// Attempts that were sent, child runs not counted.
    pub(crate) fn attempts(&self) -> usize {
        self.tries.values().filter(|of| *of.target != *Target::CHILD).count()
    }

    /// What its own attempts cost: what child runs did, those have paid for.
    pub(crate) fn own_cost(&self) -> Money {
        let own = self.tries.values().filter(|of| *of.target != *Target::CHILD);
        own.fold(Money::ZERO, |sum, of| sum.plus(of.cost))
    }

    /// From its submission to when its answer was due.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.submitted.deadline.map(|at| at.since(self.at))
    }
}

/// A run that is being read.
struct Reading {
    life: Life,
    graph: Hash,
    /// The record that is read.
    seq: Seq,
    /// When the record before was decided.
    before: Timestamp,
    /// When something began to ask.
    asked: BTreeMap<Cue, Timestamp>,
    /// Since when what waits now does.
    waiting: BTreeMap<TaskPath, Timestamp>,
    cause: Cause,
    /// Evaluations of one kind so far, and the last attempt of a task.
    counts: BTreeMap<(TaskPath, Option<Step>), u32>,
}

impl Reading {
    fn take(&mut self, entry: &Entry) {
        let at = entry.at;
        self.seq = entry.seq;
        match &entry.record {
            Record::Task { path, change, .. } => {
                self.change(at, path, change);
                self.cause.touches(path, at);
            }
            Record::Answered(answered) => {
                self.life.answered = (at, answered.status);
                let said = match (&answered.output, &answered.failure) {
                    (Some(output), _) => Ok(Evaluation { payload: Some(output.clone()), ..Evaluation::default() }),
                    (None, failure) => {
                        Err(failure.as_ref().map_or_else(|| "no output".into(), |of| Arc::clone(&of.failure.message)))
                    }
                };
                if said.is_ok() {
                    self.says(at, &TaskPath::default(), Step::Compose, said);
                }
            }
            Record::Done { .. } => self.life.done = at,
            Record::CancelRequested { replaced_by: None, .. } if self.life.submitted.parent.is_none() => {
                self.deed(at, Cue::Submitted, Wish::Cancel);
            }
            Record::Paused { .. } => self.deed(at, Cue::Submitted, Wish::Pause),
            Record::Resumed { .. } => self.deed(at, Cue::Submitted, Wish::Resume),
            Record::SignalKept(kept) => {
                let to = Addressee::Named(kept.of, Arc::clone(&kept.name));
                let signal = Signal {
                    run: kept.run,
                    to,
                    payload: kept.payload.clone(),
                    by: kept.by.clone(),
                    approved: None,
                    attempt: None,
                    webhook: kept.webhook.clone(),
                };
                self.deed(at, Cue::Submitted, Wish::Signal(Box::new(signal)));
            }
            Record::Raised(raised) => {
                let (money, tokens, refused) = (raised.money, raised.tokens, raised.refused);
                let task = (!raised.path.segments().is_empty()).then(|| self.text(&raised.path));
                let raise = Raise { run: raised.run, task, money, tokens, by: raised.by.clone(), refused };
                let cue = if self.asked.contains_key(&Cue::Pleaded) { Cue::Pleaded } else { Cue::Submitted };
                self.deed(at, cue, Wish::Raise(Box::new(raise)));
            }
            Record::TasksAdded { graph, document, .. } => self.grows(at, *graph, document),
            Record::TasksAhead { graph, document, path, attempt, .. } => {
                let of = std::mem::replace(&mut self.graph, *graph);
                let growth = Growth { of, graph: *graph, document: document.clone(), planner: path.node() };
                let key = (path.clone(), *attempt);
                let began = self.life.tries.get(&key).map_or(at, |of| of.began);
                self.life.pieces.entry(key).or_default().push(Piece { after: at.since(began), growth });
            }
            Record::Opened { .. }
            | Record::Closed
            | Record::ClockJumped { .. }
            | Record::RunSubmitted(_)
            | Record::CancelRequested { .. }
            | Record::Crashed { .. }
            | Record::Compensated(_)
            | Record::Begun { .. } => {}
        }
        if !matches!(entry.record, Record::Task { .. }) {
            self.cause.begun(at);
        }
        self.before = at;
    }

    fn change(&mut self, at: Timestamp, path: &TaskPath, change: &Change) {
        let of = |payload: &PayloadRef| Evaluation { payload: Some(payload.clone()), ..Evaluation::default() };
        match change {
            Change::Entered(evaluation) => {
                if evaluation.wait.is_some() {
                    self.asked.insert(Cue::Asked(path.clone()), at);
                    self.waiting.insert(path.clone(), at);
                }
                self.says(at, path, Step::Enter, Ok((**evaluation).clone()));
            }
            Change::Judged { evaluation, next } => {
                self.retries(path, next, false);
                self.says(at, path, Step::Judge, Ok((**evaluation).clone()));
            }
            Change::RoundJudged { evaluation, .. } => self.says(at, path, Step::Round, Ok((**evaluation).clone())),
            Change::Composed { output } => self.says(at, path, Step::Compose, Ok(of(output))),
            Change::Caught { output, .. } => self.says(at, path, Step::Catch, Ok(of(output))),
            Change::Dispatched(sent) => {
                self.counts.insert((path.clone(), None), sent.attempt.0);
                // One that was taken up again after a restart is still the same.
                self.life.tries.entry((path.clone(), sent.attempt)).or_insert_with(|| Try::sent(sent, at));
            }
            Change::Finished(finished) => self.finished(at, path, finished),
            Change::Abandoned { attempt, cost, tokens, fate, output, .. } => {
                let came_to_nothing = self.another_is_out(path, *attempt);
                if let Some(known) = self.life.tries.get_mut(&(path.clone(), *attempt)) {
                    (known.took, known.cost, known.tokens) = (Some(at.since(known.began)), *cost, *tokens);
                    known.ended = Some(self.seq);
                    if came_to_nothing {
                        known.outcome = Some(stopped(Class::Unavailable, "it came to nothing", *tokens));
                        return;
                    }
                    known.stopped = Some((*fate == Fate::None, output.as_deref().cloned()));
                }
            }
            Change::Ended(ended) => self.ended(at, path, ended),
            Change::Waited(waited) => {
                self.waiting.remove(path);
                let Some(by) = waited.by.clone().filter(|_| !waited.kept) else { return };
                let wait = self.life.said.get(&(path.clone(), Step::Enter, 0)).and_then(|(_, said)| said.as_ref().ok());
                let Some(wait) = wait.and_then(|said| said.wait.as_deref()) else { return };
                let to = match &wait.name {
                    Some(name) => Addressee::Named(wait.of, Arc::clone(name)),
                    None => Addressee::Task(wait.of, Some(self.text(path))),
                };
                let (payload, webhook) = ((*waited.output).clone(), waited.webhook.clone());
                let run = self.life.run();
                let signal = Signal { run, to, payload, by, approved: waited.approved, attempt: None, webhook };
                self.deed(at, Cue::Asked(path.clone()), Wish::Signal(Box::new(signal)));
            }
            Change::Resolved(resolved) => {
                let Some(by) = resolved.by.clone() else { return };
                let to = Addressee::Task(WaitFor::Effect, Some(self.text(path)));
                let payload = resolved.output.clone().unwrap_or_else(|| super::payload(2));
                let (run, approved) = (self.life.run(), resolved.happened);
                let signal = Signal { run, to, payload, by, approved, attempt: None, webhook: None };
                self.deed(at, Cue::Asked(path.clone()), Wish::Signal(Box::new(signal)));
            }
            Change::Pleaded(_) => {
                self.asked.insert(Cue::Pleaded, at);
            }
            Change::Cached(cached) => {
                self.life.cached.insert(path.clone(), (**cached).clone());
            }
            Change::Referenced { .. } | Change::Reminded | Change::Reused { .. } => {}
        }
    }

    /// True if the attempt that was out beside this one runs on: nobody had told this one to stop.
    fn another_is_out(&self, path: &TaskPath, attempt: AttemptNo) -> bool {
        let known = |no: u32| self.life.tries.get(&(path.clone(), AttemptNo(no)));
        let of_a_pair = |no: u32| known(no).is_some_and(|second| second.beside);
        let is_out = |no: u32| known(no).is_some_and(|other| other.took.is_none());
        let (before, after) = (attempt.0.saturating_sub(1), attempt.0.saturating_add(1));
        of_a_pair(attempt.0) && is_out(before) || of_a_pair(after) && is_out(after)
    }

    fn finished(&mut self, at: Timestamp, path: &TaskPath, finished: &Finished) {
        // Of two that were out, be it the first.
        self.counts.insert((path.clone(), None), finished.attempt.0);
        if matches!(finished.next, Next::Doubt(_)) {
            self.asked.insert(Cue::Asked(path.clone()), at);
        }
        let limited = |failure: &Failure| matches!(failure.class, Class::RateLimited | Class::Overloaded);
        let plain = matches!(&finished.outcome, Outcome::Failed(failure) if !limited(failure));
        self.retries(path, &finished.next, plain);
        if let Some(known) = self.life.tries.get_mut(&(path.clone(), finished.attempt)) {
            if let Next::Retry { at: next } = &finished.next {
                known.retry = Some(next.since(at));
            }
            (known.took, known.ended) = (Some(at.since(known.began)), Some(self.seq));
            known.outcome = Some(finished.outcome.clone());
            (known.cost, known.degraded) = (finished.cost, finished.degraded);
            known.tokens = finished.outcome.usage().tokens();
        }
    }

    fn retries(&mut self, path: &TaskPath, next: &Next, plain: bool) {
        if let (Next::Retry { .. }, Some(node)) = (next, path.node()) {
            let all = self.life.retried.entry(node).or_insert(true);
            *all &= plain;
        }
    }

    fn ended(&mut self, at: Timestamp, path: &TaskPath, ended: &Ended) {
        if matches!(ended.next, Next::Doubt(_)) {
            self.asked.insert(Cue::Asked(path.clone()), at);
        }
        self.waiting.remove(path);
        if let Some(number) = self.counts.get(&(path.clone(), None)).filter(|_| ended.end == End::Preempted) {
            self.life.gave_way.insert((path.clone(), AttemptNo(*number)));
            return;
        }
        self.retries(path, &ended.next, false);
        self.life.hopeless |= ended.end == End::Hopeless;
        if ended.end == End::Unevaluable {
            let failure = match &ended.next {
                Next::Fail(failure) | Next::Rung { failure: Some(failure), .. } => Some(failure),
                Next::Judge
                | Next::Succeed
                | Next::Retry { .. }
                | Next::Back { .. }
                | Next::Rung { .. }
                | Next::Doubt(_) => None,
            };
            let message = failure.map_or_else(|| "an expression failed".into(), |of| Arc::clone(&of.message));
            self.life.unevaluable.insert(path.clone(), message);
        }
    }

    /// It took as long as it was since what had to be there for it was; else since the record of the run before.
    fn says(&mut self, at: Timestamp, path: &TaskPath, step: Step, said: Result<Evaluation, Arc<str>>) {
        let since = self.cause.of(&self.life.graphs[&self.graph], path, step);
        let took = match since {
            Since::Known(since) if at.since(since) <= EVALUATION_MAX => at.since(since),
            Since::Known(_) | Since::Unknown => at.since(self.before),
            Since::Timed => Duration::ZERO,
        };
        let number = number(&mut self.counts, path, step);
        self.life.said.insert((path.clone(), step, number), (took, said));
    }

    fn deed(&mut self, at: Timestamp, cue: Cue, wish: Wish) {
        let since = self.asked.get(&cue).copied().unwrap_or(self.life.at);
        self.life.deeds.entry(cue).or_default().push(Deed { after: at.since(since), left: self.seq, wish });
    }

    fn grows(&mut self, at: Timestamp, graph: Hash, document: &PayloadRef) {
        let of = std::mem::replace(&mut self.graph, graph);
        let planner = self.life.graphs.get(&of).zip(self.life.graphs.get(&graph));
        let planner = planner.and_then(|(before, after)| made(before, after));
        if planner.is_none() {
            self.deed(at, Cue::Submitted, Wish::Add(graph, document.clone()));
        }
        self.life.growths.push(Growth { of, graph, document: document.clone(), planner });
    }

    fn text(&self, path: &TaskPath) -> Arc<str> {
        self.life.graphs[&self.graph].path_text(path).into()
    }
}

/// Which evaluation of its kind it is: of results by their attempt, of others in the order in which they were asked for.
pub(crate) fn number(counts: &mut BTreeMap<(TaskPath, Option<Step>), u32>, path: &TaskPath, step: Step) -> u32 {
    if step == Step::Judge {
        return counts.get(&(path.clone(), None)).copied().unwrap_or(0);
    }
    let count = counts.entry((path.clone(), Some(step))).or_insert(0);
    *count += 1;
    *count - 1
}

/// The task whose plan has joined with this addition.
fn made(before: &Graph, after: &Graph) -> Option<NodeId> {
    let made =
        |graph: &Graph, node: usize| graph.tasks.get(node).and_then(|task| task.adds.as_ref()).map(|adds| adds.made);
    let newly = |node: &usize| made(before, *node) == Some(false) && made(after, *node) == Some(true);
    (0..before.tasks.len()).find(newly).and_then(|node| u32::try_from(node).ok()).map(NodeId)
}

/// What came of an attempt that was stopped.
pub(crate) fn stopped(class: Class, message: &str, tokens: u64) -> Outcome {
    let mut failure = Failure::new(class, message);
    failure.usage.tokens_in = tokens;
    failure.usage.calls = 1;
    Outcome::Failed(failure)
}
