//! What the reference knows: plain values in plain maps, looked through from end to end whenever something is asked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_core::{Next, RunSubmitted, SignalKept, Step};
use agendum_types::graph::{NodeId, Section, Task, Work};
use agendum_types::target::Bound;
use agendum_types::{
    AttemptId, AttemptNo, CacheKey, Capability, Class, Duration, Effect, Failure, Graph, Hash, Incarnation, Labels,
    Money, Outcome, PayloadRef, Prefix, RunId, Segment, TaskPath, Tenant, Timestamp, Verdict, Wait, WaitFor,
};

/// What ranks a task among others that could go: the smaller is sooner.
pub(super) type Rank = (bool, u64, Timestamp, RunId, Reverse<Duration>);

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It waits for its turn in its group.
    Held,
    Main,
    Composing,
    Failing,
    /// Answered; what was done is taken back.
    Compensating,
    Section(Section),
    Closing,
}

/// How a task settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Succeeded,
    Skipped,
    Failed,
    Pruned,
    Cancelled,
}

/// How a task stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// Something it needs has not settled.
    Waiting,
    /// It may go on, at `start_at` at the earliest.
    Ready,
    Asking(Step),
    /// It could be sent to one of these targets, the best first.
    Queued(Rank, Vec<usize>),
    /// Another computes what it asks for, or it may look for a copy: since this event.
    InLine(u64),
    /// It must look for the last good copy.
    Seeking,
    /// A look-up is out, under this number.
    LookingUp(u64),
    /// The run is paused.
    Held,
    /// The money is held by other attempts of its run, or of this loop.
    Broke(Option<TaskPath>),
    /// The windows of its tenant do not cover it: it goes once they do and it comes up, in the place that it had.
    Short(Rank),
    /// A person is asked for more money.
    Begs,
    Running(Running),
    BackingOff(Timestamp),
    /// Its check has found out, or not.
    Checked(Option<bool>),
    /// It waits for a person, a signal or an instant, since.
    Awaiting(Timestamp),
    /// What is inside runs.
    Open,
    Settled(How),
}

/// An attempt that is out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Running {
    pub attempt: AttemptNo,
    pub incarnation: Incarnation,
    /// Its place in the table, and its name, by which a later life finds it.
    pub target: usize,
    pub name: Arc<str>,
    pub effect: Effect,
    pub hold: Money,
    pub hold_tokens: u64,
    /// When that was set aside.
    pub taken: Timestamp,
    pub lower: bool,
    pub since: Timestamp,
    pub referenced: bool,
    /// Of a child run that has told of itself: which it is.
    pub child: Option<RunId>,
    /// The digest of its target then, and whether it may give all that was asked for.
    pub digest: Hash,
    pub whole: bool,
}

/// One place in a run: a task, an item of its `foreach`, or a round of its `loop`.
#[derive(Clone, Debug)]
pub(super) struct Inst {
    pub node: NodeId,
    pub state: State,
    /// Something it needs has failed, in a scope that goes on.
    pub poisoned: bool,
    pub ready_at: Timestamp,
    /// Since when it could have gone, but for what it waits on: ready, or its back-off over, or on another rung.
    pub free_at: Timestamp,
    /// In this life its back-off was over before that.
    pub woken_at: Option<Timestamp>,
    pub start_at: Timestamp,
    pub expires: Option<Timestamp>,
    /// Condition, list and input are known.
    pub entered: bool,
    pub input: Option<PayloadRef>,
    /// The attempt that is out beside the one that runs.
    pub rival: Option<Running>,
    /// While it is queued: since when.
    pub queued_at: Timestamp,
    /// While it is queued: the target that it waits for though others are free, and until when.
    pub best: Option<(usize, Timestamp)>,
    /// What it seemed to take when it was queued, and when it had to go at the latest.
    pub must_go: Option<(Duration, Timestamp)>,
    /// While it is queued: how often another went in its place, at least and at most.
    pub passed: (u32, u32),
    /// While it is queued: when it has to be sent, how often that was looked at, and what was stopped for it.
    pub urgent_at: Option<Timestamp>,
    pub looks: u8,
    pub stopped: Option<(u64, agendum_core::Preempted)>,
    /// How often it gave way, and that it does so since its last attempt.
    pub gave_way: u32,
    pub gives_way: bool,
    /// How that begins, as far as this life knows.
    pub prefix: Option<Arc<Prefix>>,
    pub items: Option<u32>,
    /// Of a wait: for what, and when that wakes it.
    pub wait: Option<Wait>,
    pub wakes: Option<Timestamp>,
    pub output: Option<PayloadRef>,
    pub failure: Option<Failure>,
    pub attempts: u32,
    /// Attempts on this rung.
    pub tries: u32,
    /// Attempts of its checks.
    pub checks: u32,
    /// Rungs of `catch` that are used up.
    pub rung: usize,
    pub degraded: bool,
    /// The target that gave what it has.
    pub served: Option<Arc<str>>,
    /// The key whose turn it has, what it gave for that, and whether it has taken a copy.
    pub turn: Option<CacheKey>,
    pub given: Option<super::cache::Given>,
    pub took_copy: bool,
    /// What it gave is a copy.
    pub is_copy: bool,
    /// What its last attempt did to the outside.
    pub last_effect: Effect,
    /// As which of its run it settled.
    pub settled_as: u64,
    pub rounds: Rounds,
    /// Why its last result was refused, which its next attempt is told.
    pub told: Option<String>,
    /// The targets that were at fault when attempts on this rung failed, in that order.
    pub failed_on: Vec<Arc<str>>,
    /// Those that it does not go to while it is queued for its last attempt: they fail for all.
    pub avoids: Vec<Arc<str>>,
    /// A record says that it asks for so much: money and tokens.
    pub asked: Option<(Money, u64)>,
}

/// What a loop remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds {
    pub count: u32,
    pub ends: Option<Timestamp>,
    pub last: Option<PayloadRef>,
    /// Score and output of each round that was judged.
    pub judged: Vec<(Option<i64>, Option<PayloadRef>)>,
    pub same: Option<Hash>,
    /// What its attempts have cost, be they awaited or not.
    pub spent: Money,
    pub tokens: u64,
    /// By how much its budget was raised.
    pub raised: (Money, u64),
    /// The round that is open could not be paid for.
    pub unpaid: bool,
}

/// An attempt that nobody awaits any more.
#[derive(Clone, Debug)]
pub(super) struct Orphan {
    pub id: AttemptId,
    pub hold: Money,
    pub hold_tokens: u64,
    pub taken: Timestamp,
    pub effect: Effect,
    /// The name of its target.
    pub name: Arc<str>,
    /// Another attempt of its task succeeded while it was out.
    pub is_beaten: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub tenant: Tenant,
    pub graph: Arc<Graph>,
    pub submitted: RunSubmitted,
    pub at: Timestamp,
    pub paused: bool,
    pub quarantined: bool,
    /// The last life that found it at work in a crash, and how many there were in a row.
    pub crashed: (Incarnation, u32),
    pub degraded: bool,
    pub started: bool,
    pub cancelled: bool,
    pub phase: Phase,
    pub failure: Option<(Option<TaskPath>, Class, Labels)>,
    pub escalation: Option<NodeId>,
    pub spent: Money,
    /// Calls of models until it is answered, and their time.
    pub service: (u64, Duration),
    /// What runs of its band would have been served before it came.
    pub alike: u64,
    pub over: Money,
    pub estimated: bool,
    /// Somebody was asked for more money, and refused.
    pub refused: bool,
    pub tokens: u64,
    pub orphans: Vec<Orphan>,
    /// What calls have done that can be taken back, or may have.
    pub effects: BTreeMap<TaskPath, super::compensate::Stage>,
    /// Signals that no wait has taken, and the webhooks that came last.
    pub kept: Vec<SignalKept>,
    pub webhooks: Vec<Arc<str>>,
    pub tasks: BTreeMap<TaskPath, Inst>,
    pub settled: u64,
    /// Tasks that give what they gave in the run before.
    pub reused: BTreeSet<NodeId>,
    /// Verdicts of the current record.
    pub verdicts: Vec<Verdict>,
    /// Its place in its group.
    pub turn: Option<super::turns::Turn>,
    /// By the task that gives them: what runs ahead of plans that are not read yet.
    pub ahead: BTreeMap<TaskPath, super::ahead::Ahead>,
}

impl State {
    /// No record says so: the next life finds it anew.
    pub(super) const fn is_in_memory(&self) -> bool {
        matches!(
            self,
            Self::Queued(..)
                | Self::InLine(_)
                | Self::Seeking
                | Self::LookingUp(_)
                | Self::Held
                | Self::Broke(_)
                | Self::Short(_)
                | Self::Begs
                | Self::Asking(Step::Enter)
        )
    }
}

impl Inst {
    /// The target that it waits for now though others may be free.
    pub(super) fn of_best(&self, now: Timestamp) -> Option<&[usize]> {
        self.best.as_ref().filter(|(_, until)| *until > now).map(|(best, _)| std::slice::from_ref(best))
    }

    pub(super) fn new(node: NodeId) -> Self {
        Self {
            node,
            state: State::Waiting,
            poisoned: false,
            ready_at: Timestamp(0),
            free_at: Timestamp(0),
            woken_at: None,
            start_at: Timestamp(0),
            expires: None,
            entered: false,
            input: None,
            rival: None,
            queued_at: Timestamp(0),
            best: None,
            must_go: None,
            urgent_at: None,
            looks: 0,
            passed: (0, 0),
            stopped: None,
            gave_way: 0,
            gives_way: false,
            prefix: None,
            items: None,
            wait: None,
            wakes: None,
            output: None,
            failure: None,
            attempts: 0,
            tries: 0,
            checks: 0,
            rung: 0,
            degraded: false,
            served: None,
            turn: None,
            given: None,
            took_copy: false,
            is_copy: false,
            last_effect: Effect::None,
            settled_as: 0,
            rounds: Rounds::default(),
            told: None,
            failed_on: Vec::new(),
            avoids: Vec::new(),
            asked: None,
        }
    }

    /// A person is asked whether its attempt took effect.
    pub(super) fn asks_for_effect(&self) -> bool {
        let of = self.wait.as_ref().map(|wait| wait.of);
        matches!(self.state, State::Awaiting(_)) && of == Some(WaitFor::Effect)
    }

    /// Since when it could have gone.
    pub(super) fn freed_at(&self) -> Timestamp {
        self.woken_at.unwrap_or(self.free_at)
    }

    /// Its attempt on that target failed.
    pub(super) fn fails_on(&mut self, running: &Running, outcome: &Outcome, next: &Next) {
        self.state = State::Ready;
        let is_fault = super::breaker::fault(outcome) == Some(true);
        if is_fault && running.effect == Effect::None && matches!(next, Next::Retry { .. }) {
            self.failed_on.retain(|name| *name != running.name);
            self.failed_on.push(Arc::clone(&running.name));
        }
    }

    /// The process died: what no record says is forgotten.
    pub(super) fn is_forgotten(&mut self) {
        (self.turn, self.given, self.prefix) = (None, None, None);
        self.avoids.clear();
        let waits = self.state.is_in_memory();
        if self.woken_at.take().is_some() && (waits || matches!(self.state, State::BackingOff(_))) {
            self.state = State::BackingOff(self.free_at);
        } else if waits {
            self.state = State::Ready;
        }
    }

    /// It could be sent, but for what it waits on.
    pub(super) const fn is_unsent(&self) -> bool {
        matches!(
            self.state,
            State::Ready
                | State::InLine(_)
                | State::Seeking
                | State::LookingUp(_)
                | State::Queued(..)
                | State::Held
                | State::Broke(_)
                | State::Short(_)
                | State::Begs
                | State::BackingOff(_)
                | State::Awaiting(_)
                | State::Asking(Step::Enter)
        )
    }

    pub(super) const fn how(&self) -> Option<How> {
        if let State::Settled(how) = self.state { Some(how) } else { None }
    }
}

impl Run {
    pub(super) fn task(&self, path: &TaskPath) -> &Task {
        self.graph.task(self.tasks[path].node)
    }

    pub(super) fn inst(&mut self, path: &TaskPath) -> &mut Inst {
        self.tasks.get_mut(path).expect("looked up before")
    }

    /// Everything directly inside a path; the empty path holds all sections.
    pub(super) fn inside(&self, path: &TaskPath) -> Vec<(&TaskPath, &Inst)> {
        let deeper = |(of, _): &(&TaskPath, &Inst)| of.0.len() == path.0.len() + 1 && of.0.starts_with(&path.0);
        self.tasks.iter().filter(deeper).collect()
    }

    /// The tasks at the top of a section.
    pub(super) fn section(&self, section: Section) -> Vec<(&TaskPath, &Inst)> {
        let top = self.inside(&TaskPath::default());
        top.into_iter().filter(|(_, inst)| self.graph.task(inst.node).section == section).collect()
    }

    /// `foreach` opens here.
    pub(super) fn is_each(&self, path: &TaskPath) -> bool {
        self.task(path).foreach.is_some() && matches!(path.0.last(), Some(Segment::Task(_)))
    }

    /// `loop` opens here.
    pub(super) fn is_loop(&self, path: &TaskPath) -> bool {
        self.task(path).repeat.is_some() && !self.is_each(path) && !is_round(path)
    }

    /// A call is made here.
    pub(super) fn is_call(&self, path: &TaskPath) -> bool {
        let calls = matches!(self.task(path).work, Work::Call(_));
        calls && !self.is_each(path) && !self.is_loop(path)
    }

    /// It finds out for the call that it stands in whether that took effect.
    pub(super) fn is_check(&self, path: &TaskPath) -> bool {
        path.0.len() > 1 && !self.task(path).is_compensation() && self.is_call(&parent(path))
    }

    /// No target serves the call that is made here.
    pub(super) fn is_wait(&self, path: &TaskPath) -> bool {
        let waits = matches!(&self.task(path).work, Work::Call(call) if call.capability == Capability::Wait);
        waits && self.is_call(path)
    }

    /// A task itself, as the document has it: no item or round of it, and no check.
    pub(super) fn is_outermost(&self, path: &TaskPath) -> bool {
        matches!(path.0.last(), Some(Segment::Task(_))) && !self.is_check(path)
    }

    /// `fail_if`, `catch` and a race look at results here.
    pub(super) fn is_judged(&self, path: &TaskPath) -> bool {
        !is_round(path) && !self.is_each(path)
    }

    /// Of a run with a budget whether that surely holds.
    pub(super) fn bound(&self) -> Option<Bound> {
        self.submitted.budget.map(|_| if self.estimated { Bound::Estimated } else { Bound::Hard })
    }

    pub(super) const fn is_answered(&self) -> bool {
        matches!(self.phase, Phase::Compensating | Phase::Section(_) | Phase::Closing)
    }

    /// Money that running and abandoned attempts may yet cost.
    pub(super) fn held(&self) -> Money {
        let running = self.running().map(|(_, running)| running.hold);
        running.chain(self.orphans.iter().map(|orphan| orphan.hold)).fold(Money::ZERO, Money::plus)
    }

    pub(super) fn held_tokens(&self) -> u64 {
        let running = self.running().map(|(_, running)| running.hold_tokens);
        running.chain(self.orphans.iter().map(|orphan| orphan.hold_tokens)).sum()
    }

    pub(super) fn running(&self) -> impl Iterator<Item = (&TaskPath, &Running)> {
        self.tasks.iter().flat_map(|(path, inst)| {
            let running = match &inst.state {
                State::Running(running) => Some(running),
                _ => None,
            };
            running.into_iter().chain(&inst.rival).map(move |running| (path, running))
        })
    }

    pub(super) fn deadline_of(&self, path: &TaskPath) -> Timestamp {
        let of_run = self.submitted.deadline.filter(|_| self.task(path).section == Section::Main);
        of_run.unwrap_or(Timestamp::MAX).min(self.tasks[path].expires.unwrap_or(Timestamp::MAX))
    }

    pub(super) fn labels(&self, path: &TaskPath) -> Labels {
        let input = self.tasks[path].input.as_ref().map(|input| input.labels.clone());
        input.map_or_else(|| self.graph.labels.clone(), |labels| self.graph.labels.join(&labels))
    }
}

pub(super) fn is_round(path: &TaskPath) -> bool {
    matches!(path.0.last(), Some(Segment::Round(_)))
}

/// What a path stands in; empty at the top.
pub(super) fn parent(path: &TaskPath) -> TaskPath {
    let mut outer = path.clone();
    outer.0.pop();
    outer
}

/// A task beside this one.
pub(super) fn beside(path: &TaskPath, node: NodeId) -> TaskPath {
    parent(path).child(Segment::Task(node))
}
