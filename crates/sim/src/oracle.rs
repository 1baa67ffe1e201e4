//! A reference scheduler: slow, and so simple that one can see it to be right.
//!
//! It hears the same events as the core and says for each record and each action of the core whether that is what had to come, and
//! after each event whether anything is missing. It holds plain values and looks through all of them each time: no queues, no
//! counters, no indexes, and no line of the core. What it knows comes from the design page and the documents' rules:
//!
//! - [`rules`]: what follows without a decision (joins, groups, windows, rounds, races, sections);
//! - [`place`]: what goes next, where, for how much; [`pools`]: what it holds; [`score`]: on which of several targets; [`estimate`]: how long
//!   the rest takes; [`rank`]: where tasks stand that ask for units; [`ladder`]: what follows on a failure;
//! - [`ahead`]: what runs before its plan is whole; [`short`]: who waits for the money of windows; [`settle`]: how a task ends;
//!   [`heard`]: what is handed to waits; [`labels`]: what a failure may quote; [`cache`]: what was kept; [`turns`]: whose turn it is;
//!   [`verdict`]: who judges; [`preempt`]: what gives way; [`memory`]: what is learned beyond a life;
//! - [`records`], [`sends`], [`ends`] and [`deeds`]: the core's decisions and actions, one by one; [`rest`]: nothing is left, nothing is shown wrong.
//!
//! Two things it takes from the core, within bounds: the instant of a back-off with jitter, and the choice between tasks that rank
//! alike.

#![expect(clippy::wildcard_enum_match_arm, reason = "a rule names what it speaks of; nothing else is its business")]

mod ahead;
mod bend;
mod bills;
mod breaker;
mod cache;
mod child;
mod choice;
mod compensate;
mod crash;
mod deeds;
mod doubt;
mod downs;
mod ends;
mod estimate;
mod flight;
mod heard;
mod hedge;
mod knee;
mod labels;
mod ladder;
mod learned;
mod memory;
mod order;
mod outlook;
mod pace;
mod place;
mod planned;
mod plea;
mod pools;
mod preempt;
mod published;
mod purse;
mod raise;
mod rank;
mod records;
mod refused;
mod rest;
mod retries;
mod reuse;
mod room;
mod rounds;
mod rules;
mod score;
mod sends;
mod settle;
mod share;
mod short;
mod state;
mod targets;
mod turns;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_core::{
    Action, Addition, Deed, Evaluation, Event, Keep, Raise, Rejected, RunSubmitted, Scheduler, Signal, Step, Submission,
};
use agendum_types::graph::{Kind, Section};
use agendum_types::{
    AttemptId, CacheKey, CachedCopy, Duration, Graph, Hash, Incarnation, Labels, Limits, Money, Outcome, Policy, RunId,
    RunStatus, Seq, Target, TaskPath, Tenant, Timestamp, Windows,
};

pub(crate) use compensate::depends;
use estimate::Estimate;
use flight::Flight;
pub(crate) use memory::Memory;
use state::{Phase, Run, State};

/// The reference scheduler.
#[derive(Clone, Debug)]
pub struct Reference {
    limits: Limits,
    now: Timestamp,
    incarnation: Incarnation,
    /// The time of the last record, and the times in which nothing ran, the last one before this life.
    at: Timestamp,
    downs: Vec<(Timestamp, Timestamp)>,
    /// Opened, and the targets are not known yet; open runs are taken up in this event; more is told at once, and nothing is sent before.
    reopening: bool,
    taking_up: bool,
    pub(crate) gathers: bool,
    /// The earlier life crashed: whom that met is not told yet; and the runs that it met.
    crashed: bool,
    met: BTreeSet<RunId>,
    targets: Vec<Target>,
    /// What may be spent in the windows of the calendar, and everything that was: when it was set aside, money, tokens.
    windows: Windows,
    bills: Vec<(Timestamp, Money, u64)>,
    /// What was never spent of it, by the hour; and what of that was spent after all.
    released: Vec<(Timestamp, Money, u64)>,
    recharged: Vec<(Timestamp, Money, u64)>,
    /// The pools that there are; how often the table of targets was replaced, and until when each target takes nothing.
    pools: pools::Told,
    version: u32,
    closed: Vec<Timestamp>,
    runs: BTreeMap<RunId, Run>,
    flights: Vec<Flight>,
    evaluations: Vec<Asked>,
    estimates: BTreeMap<Hash, Estimate>,
    /// What calls took that are alike, in whatever graph: how many of about the last 32, and their mean.
    kinds: BTreeMap<Kind, (u64, u64)>,
    /// When each band has its turn, and whose turn it was last.
    turns: [u64; 3],
    reached: u64,
    /// The rules of order, what tenants have had, and what was seen of runs.
    policy: Policy,
    published: published::Published,
    accounts: share::Accounts,
    past: memory::Past,
    observed: order::Observed,
    /// What the event told, until it is decided upon.
    heard: Option<Heard>,
    /// For whom the attempt was stopped that has just ended.
    freed: Option<preempt::Freed>,
    /// What has ended was turned away for want of room.
    has_no_room: bool,
    /// It was refused for a provider's limit that has answered others within the minute.
    is_over_limit: bool,
    /// What must be wanted before the event is over.
    stop: Vec<AttemptId>,
    publish: Vec<(RunId, TaskPath)>,
    dispatch: Vec<AttemptId>,
    answer: Vec<(RunId, RunStatus)>,
    close: Vec<RunId>,
    /// What the current record has ended unsent, each with how long it had waited for that, and for how much of it nothing ran.
    unsent: Vec<(TaskPath, Duration, Duration)>,
    /// Events so far, by which tasks came to lines.
    events: u64,
    /// Results that are being kept: nobody has their turn.
    keeping: Vec<CacheKey>,
    /// Results to be kept.
    keep: Vec<Keep>,
    /// What the event found.
    served: Option<cache::Served>,
    /// Tasks that may have stepped aside for want of money before one that ranked alike was sent, and how they would stand then.
    passed: Vec<(RunId, TaskPath, State)>,
    /// The loop whose budget does not cover the task that the current record ends.
    short: Option<(RunId, TaskPath)>,
    /// What the failure that the current record decides upon may quote.
    quoted: Labels,
}

/// An evaluation that is out.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    run: RunId,
    path: TaskPath,
    step: Step,
    /// Of everything that goes into what it makes.
    labels: Labels,
    /// Of everything that it reads.
    seen: Labels,
}

/// An evaluation that was answered.
#[derive(Clone, Debug)]
struct Answer {
    labels: Labels,
    seen: Labels,
    evaluation: Evaluation,
}

/// What an event tells that must be decided upon.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Submitted(Box<RunSubmitted>, Arc<Graph>, Tenant),
    Added(RunId, Arc<Graph>),
    Streamed(AttemptId, Addition),
    Evaluated(Asked, Result<Evaluation, ()>),
    Finished(Flight, Outcome),
    Referenced(RunId, TaskPath),
    Cancel(RunId),
    Pause(RunId),
    Resume(RunId),
    Signalled(Signal),
    /// And whether what is set aside around it has grown.
    Raised(Raise, bool),
    LookedUp(RunId, TaskPath, Option<CachedCopy>),
    Closed,
}

fn ensure(holds: bool, else_say: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(else_say.to_owned()) }
}

impl Reference {
    /// A reference without runs and targets.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            now: Timestamp(0),
            incarnation: Incarnation(0),
            at: Timestamp(0),
            downs: Vec::new(),
            reopening: false,
            taking_up: false,
            gathers: false,
            crashed: false,
            met: BTreeSet::new(),
            targets: Vec::new(),
            windows: Windows::default(),
            bills: Vec::new(),
            released: Vec::new(),
            recharged: Vec::new(),
            pools: pools::Told::default(),
            version: 0,
            closed: Vec::new(),
            runs: BTreeMap::new(),
            flights: Vec::new(),
            evaluations: Vec::new(),
            estimates: BTreeMap::new(),
            kinds: BTreeMap::new(),
            turns: [0; 3],
            reached: 0,
            policy: Policy::default(),
            published: Default::default(),
            accounts: Default::default(),
            past: Default::default(),
            observed: Default::default(),
            heard: None,
            freed: None,
            has_no_room: false,
            is_over_limit: false,
            stop: Vec::new(),
            publish: Vec::new(),
            dispatch: Vec::new(),
            answer: Vec::new(),
            close: Vec::new(),
            unsent: Vec::new(),
            events: 0,
            keeping: Vec::new(),
            keep: Vec::new(),
            served: None,
            passed: Vec::new(),
            short: None,
            quoted: Labels::NONE,
        }
    }

    fn run(&mut self, id: RunId) -> &mut Run {
        self.runs.get_mut(&id).expect("looked up before")
    }

    /// An event, before the core is told.
    pub fn hear(&mut self, now: Timestamp, event: &Event) {
        let turn = self.next_turn();
        self.now = self.now.max(now);
        self.events += 1;
        self.all_wait();
        self.lifts();
        self.answers_are_known();
        (self.served, self.freed) = (None, None);
        self.plan_is_over();
        match event {
            Event::Opened { incarnation, crashed, .. } => {
                self.crashed = *crashed;
                self.incarnation = *incarnation;
                self.downs.push((self.at, self.now));
                self.reopening = true;
            }
            // Where nothing is live there is nothing to say.
            Event::Closed if !self.runs.is_empty() => self.heard = Some(Heard::Closed),
            Event::TargetsPublished(targets) => self.targets_published(targets),
            Event::PoolsPublished(pools) => self.pools.are_told(pools),
            Event::WindowsPublished(windows) => self.windows = *windows,
            Event::PolicyPublished(policy) => self.policy_published(policy),
            Event::PlanPublished { plan, until } => self.plan_published(plan, *until),
            Event::PlanWithdrawn => self.plan_withdrawn(),
            Event::RunSubmitted(submission) => self.hear_submission(submission),
            Event::TasksAdded { run, graph, .. } => self.heard = Some(Heard::Added(*run, Arc::clone(graph))),
            Event::TasksStreamed { attempt, added } => {
                self.heard = Some(Heard::Streamed(attempt.clone(), Addition::clone(added)));
            }
            Event::Evaluated { run, path, step, result } => {
                let same = |asked: &Asked| (asked.run, &asked.path, asked.step) == (*run, path, *step);
                if let Some(place) = self.evaluations.iter().position(same) {
                    let asked = self.evaluations.remove(place);
                    if self.awaits_evaluation(&asked) && !self.is_overtaken(&asked, result) {
                        self.heard = Some(Heard::Evaluated(asked, result.clone().map_err(|_| ())));
                    }
                }
            }
            Event::LookedUp { run, path, number, found } => self.hear_look_up(*run, path, *number, found.as_deref()),
            Event::Kept(key) => {
                self.keeping.retain(|kept| *kept != **key);
                self.looks_again(key);
            }
            Event::AttemptFinished { attempt, outcome } => self.hear_outcome(attempt, outcome),
            Event::ChildEnded { attempt, outcome, spent, degraded } => {
                self.hear_child(attempt, outcome, *spent, *degraded);
            }
            Event::AttemptReferenced { attempt, .. } => {
                let running = self.runs.get(&attempt.run).and_then(|run| run.tasks.get(&attempt.path));
                if matches!(running.map(|inst| &inst.state), Some(State::Running(running))
                    if (running.attempt, running.incarnation) == (attempt.attempt, attempt.incarnation))
                {
                    self.heard = Some(Heard::Referenced(attempt.run, attempt.path.clone()));
                }
            }
            Event::Signalled(signal) => self.hear_signal(signal),
            Event::SpendingReleased { hour, money, tokens, .. } => self.hear_release(*hour, *money, *tokens),
            Event::SpendingRecharged { hour, money, tokens, .. } => self.recharged.push((*hour, *money, *tokens)),
            Event::BudgetRaised(raise) => self.heard = Some(Heard::Raised(self.raise_meant(raise), false)),
            Event::CancelRequested(run) if self.is_stoppable(*run) && self.may_cancel(*run) => {
                self.heard = Some(Heard::Cancel(*run))
            }
            Event::PauseRequested(run) if self.is_stoppable(*run) && !self.runs[run].paused => {
                self.heard = Some(Heard::Pause(*run));
            }
            Event::ResumeRequested(run) if self.is_stoppable(*run) && self.runs[run].paused => {
                self.heard = Some(Heard::Resume(*run));
            }
            Event::TimeReached if turn.is_some_and(|turn| turn <= self.now) => self.turns(),
            _ => {}
        }
        self.all_consequences();
    }

    /// Once, and what is held once more. What is taken back is taken back in any case.
    fn may_cancel(&self, run: RunId) -> bool {
        let run = &self.runs[&run];
        !run.cancelled && run.phase != Phase::Compensating || run.quarantined && matches!(run.phase, Phase::Section(_))
    }

    fn all_consequences(&mut self) {
        for id in self.runs.keys().copied().collect::<Vec<_>>() {
            self.consequences(id);
        }
    }

    /// What the core wants, in order, after it was told.
    ///
    /// # Errors
    ///
    /// With what the core does that it should not, or does not do that it should.
    pub fn judge(
        &mut self,
        actions: &[Action],
        refused: Option<&Rejected>,
        core: &Scheduler,
        mut kept: impl FnMut(Seq, &Self),
    ) -> Result<(), String> {
        let mut last = Seq(0);
        for action in actions {
            if let Deed::Append(entry) = &action.deed {
                last = entry.seq;
            }
            self.deed(action, last).map_err(|error| {
                let mut text = String::new();
                crate::trace::write(action, &mut text);
                format!("{error}: {text}")
            })?;
            if let Deed::Append(entry) = &action.deed {
                kept(entry.seq, self);
            }
        }
        if let Some(said) = refused {
            self.refuses(said)?;
        }
        self.rests(core)
    }

    /// The process died; the next event is `Opened`. What only it knew is lost.
    pub fn dies(&mut self) {
        self.limits_count_again();
        self.met.clear();
        self.flights.clear();
        self.evaluations.clear();
        self.estimates.clear();
        self.kinds.clear();
        self.targets.clear();
        self.closed.clear();
        (self.version, self.turns, self.reached) = (0, [0; 3], 0);
        (self.policy, self.published, self.accounts, self.observed, self.pools) = Default::default();
        (self.heard, self.reopening, self.gathers) = (None, true, false);
        (self.stop, self.publish, self.dispatch) = (Vec::new(), Vec::new(), Vec::new());
        (self.answer, self.close, self.passed) = (Vec::new(), Vec::new(), Vec::new());
        (self.keeping, self.keep, self.served) = (Vec::new(), Vec::new(), None);
        for run in self.runs.values_mut() {
            run.alike = 0;
            run.tasks.values_mut().for_each(|inst| inst.is_forgotten());
        }
    }

    fn hear_submission(&mut self, submission: &Submission) {
        let graph = &submission.graph;
        let submitted = RunSubmitted {
            run: submission.run,
            principal: submission.principal.clone(),
            graph_name: Arc::clone(&graph.name),
            graph: graph.hash,
            document: submission.document.clone(),
            inputs: submission.inputs.clone(),
            priority: submission.priority.unwrap_or(graph.priority),
            deadline: submission.deadline.or(graph.deadline).map(|span| self.now.after(span)),
            budget: submission.budget.or(graph.budget),
            strict: submission.strict,
            key: submission.key.clone(),
            origin: submission.origin.clone(),
            concurrency: submission.concurrency.clone(),
            parent: submission.parent.clone(),
        };
        self.heard = Some(Heard::Submitted(Box::new(submitted), Arc::clone(graph), submission.tenant.clone()));
    }

    fn submitted(&mut self, said: &RunSubmitted) -> Result<(), String> {
        let Some(Heard::Submitted(mine, graph, tenant)) = self.heard.take() else {
            return Err("no run came".to_owned());
        };
        ensure(*mine == *said, &format!("the run was accepted as something else than {mine:?}"))?;
        ensure(!self.is_taken(said, &tenant), "a key has two live runs, or it joins another")?;
        ensure(!self.too_much_waits(said, &tenant), "too much waits for a run more")?;
        let turn = self.turn_of(said);
        self.refresh(&graph);
        let run = Run {
            tenant,
            graph,
            submitted: said.clone(),
            at: self.now,
            paused: false,
            quarantined: false,
            crashed: Default::default(),
            degraded: false,
            started: false,
            cancelled: false,
            phase: if turn.is_some() { Phase::Held } else { Phase::Main },
            turn,
            failure: None,
            escalation: None,
            spent: Default::default(),
            service: Default::default(),
            alike: self.observed.alike[said.priority as usize],
            over: Default::default(),
            estimated: false,
            refused: false,
            tokens: 0,
            orphans: Vec::new(),
            effects: BTreeMap::new(),
            kept: Vec::new(),
            webhooks: Vec::new(),
            tasks: BTreeMap::new(),
            settled: 0,
            reused: BTreeSet::new(),
            verdicts: Vec::new(),
            ahead: BTreeMap::new(),
        };
        let is_held = run.phase == Phase::Held;
        self.runs.insert(said.run, run);
        if !is_held {
            self.open_section(said.run, Section::Main);
        }
        Ok(())
    }

    fn is_stoppable(&self, run: RunId) -> bool {
        let can = |phase| matches!(phase, Phase::Composing | Phase::Compensating | Phase::Section(_));
        self.runs.get(&run).is_some_and(|run| run.takes_tasks() || can(run.phase))
    }
}
