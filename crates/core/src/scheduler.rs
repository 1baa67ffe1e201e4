//! The scheduler: its state, and one `match` over events. What each event leads to is in `on`.

use std::collections::VecDeque;
use std::sync::Arc;

use agendum_types::Policy;
use agendum_types::{Graph, Hash, Incarnation, Limits, Money, RunId, Seq, TaskPath, Tenant, Timestamp, Window};

use crate::action::{Action, Deed, Entry, Step};
use crate::bend::Bend;
use crate::board::Board;
use crate::checkpoint::Checkpoint;
use crate::child::Spent;
use crate::event::Event;
use crate::hedge::Hedges;
use crate::order::Served;
use crate::overload::Stood;
use crate::planned::Planned;
use crate::preempt::Preempting;
use crate::record::{Change, Record};
use crate::rejected::Rejected;
use crate::rng::Rng;
use crate::run::{InstId, Slot};
use crate::targets::Targets;
use crate::timers::Wake;

/// Decides what runs, where and when; see the crate's page for the contract.
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) board: Board,
    pub(crate) targets: Targets,
    /// The rules by which it chooses now: those that were published, or a plan's.
    pub(crate) policy: Arc<Policy>,
    pub(crate) planned: Planned,
    /// How it is told.
    pub(crate) policy_version: Arc<str>,
    /// Runs that the last event has answered: of which graph, and what they were served.
    pub(crate) answered: Vec<(Hash, Served)>,
    pub(crate) actions: VecDeque<Action>,
    /// Attempts that are out, awaited or not.
    pub(crate) attempts_out: u32,
    pub(crate) evaluations_out: u32,
    /// What is saved up for second attempts.
    pub(crate) hedges: Hedges,
    /// Attempts that give way to more urgent tasks.
    pub(crate) preempting: Preempting,
    /// How long the tasks of each priority stand in the queue.
    pub(crate) stood: [Stood; 3],
    /// Look-ups of this life.
    pub(crate) look_ups: u64,
    /// Evaluations that wait for a credit.
    pub(crate) backlog: VecDeque<(RunId, TaskPath, Step)>,
    pub(crate) rng: Rng,
    pub(crate) now: Timestamp,
    pub(crate) incarnation: Incarnation,
    pub(crate) last: Seq,
    pub(crate) durable: Seq,
    /// When the turn of a window may help somebody who waits for money.
    pub(crate) windows_turn: Timestamp,
    /// Told to stop: nothing more is sent in this life.
    pub(crate) is_stopping: bool,
    /// Opened, but the open runs are not taken up yet: that needs the table of targets.
    pub(crate) reopening: bool,
    /// The open runs are taken up in this event.
    pub(crate) taking_up: bool,
    /// The task that goes next, if it goes in the place of another.
    pub(crate) bends: Option<Bend>,
    /// What an earlier life had learned, until the targets are known.
    pub(crate) remembered: Option<Box<Checkpoint>>,
    /// More is told of this instant at once: nothing is sent before.
    pub(crate) gathers: bool,
    /// The earlier life ended by a crash, and whom that met is not recorded yet.
    pub(crate) crashed: bool,
}

impl Scheduler {
    /// A scheduler without runs and targets.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            board: Board::new(limits),
            targets: Targets::default(),
            policy_version: Policy::default().version().into(),
            policy: Arc::new(Policy::default()),
            planned: Planned::default(),
            answered: Vec::new(),
            actions: VecDeque::new(),
            attempts_out: 0,
            evaluations_out: 0,
            hedges: Hedges::default(),
            preempting: Preempting::default(),
            stood: Default::default(),
            look_ups: 0,
            backlog: VecDeque::new(),
            rng: Rng::default(),
            now: Timestamp(0),
            incarnation: Incarnation(0),
            last: Seq(0),
            durable: Seq(0),
            windows_turn: Timestamp::MAX,
            is_stopping: false,
            reopening: false,
            taking_up: false,
            bends: None,
            remembered: None,
            gathers: false,
            crashed: false,
        }
    }

    /// Whether the driver has another event at hand that it tells next. As long as it has, ready tasks are queued and none is sent: what ends together
    /// frees what it held together, and those go first that rank first among all that fits then. The driver takes it back before it waits for anything, and
    /// tells [`Event::TimeReached`] if no other event is left.
    pub const fn gather(&mut self, more: bool) {
        self.gathers = more;
    }

    /// True if it was told that more comes.
    #[must_use]
    pub const fn is_gathering(&self) -> bool {
        self.gathers
    }

    /// Makes a graph known. A restart does so before it applies a record that names the graph; a submission brings its own.
    pub fn learn_graph(&mut self, graph: &Arc<Graph>) {
        self.board.plans.intern(graph);
    }

    /// Restores: takes in a record of the journal. Makes no choice and emits nothing. Records of runs that are closed are not given.
    ///
    /// # Panics
    ///
    /// If the records are not those of a journal in order.
    pub fn apply(&mut self, entry: &Entry) {
        assert!(entry.seq > self.last, "records come in the order of the journal");
        self.last = entry.seq;
        self.now = self.now.max(entry.at);
        self.board.apply(entry);
        self.board.todo.clear();
    }

    /// Restores: so much has this tenant spent in the window that began then, that of runs that are closed included. Told after the
    /// records, of every window that holds the present.
    pub fn learn_spending(&mut self, tenant: &Tenant, window: Window, start: Timestamp, money: Money, tokens: u64) {
        self.board.ledger.learn(tenant, window, start, money, tokens);
    }

    /// What a tenant has spent and holds in the window of the present: money, then tokens.
    #[must_use]
    pub fn spending(&self, tenant: &Tenant, window: Window) -> [(Money, u64); 2] {
        let sum = self.board.ledger.sum(tenant, window, self.now);
        [(sum.spent, sum.tokens), (sum.held, sum.held_tokens)]
    }

    /// Takes in an event and decides.
    ///
    /// # Errors
    ///
    /// A submission, an addition or a signal may be refused; of runs nothing has changed then. The clock has moved, and a jump of it may have been
    /// recorded: actions are drained as after any other event. Any other event is taken.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Result<(), Rejected> {
        self.move_clock(now);
        self.learn_answers();
        self.board.queue.looks();
        self.planned_is_over();
        match event {
            Event::Opened { incarnation, last, at, crashed, seed } => {
                self.on_opened(incarnation, (last, at), crashed, seed);
            }
            Event::Stopping => self.is_stopping = true,
            Event::Closed => {
                self.on_closed();
                return Ok(());
            }
            Event::TargetsPublished(targets) => self.on_targets(targets),
            Event::PoolsPublished(pools) => self.board.queue.publish(pools, self.now),
            Event::WindowsPublished(windows) => self.on_windows(windows),
            Event::PolicyPublished(policy) => self.on_policy(policy),
            Event::PlanPublished { plan, until } => self.on_plan(Some((plan, until))),
            Event::PlanWithdrawn => self.on_plan(None),
            Event::RunSubmitted(submission) => self.on_submitted(*submission)?,
            Event::TasksAdded { run, graph, document } => self.on_tasks_added(run, &graph, document)?,
            Event::TasksStreamed { attempt, added } => self.on_tasks_streamed(&attempt, &added)?,
            Event::Evaluated { run, path, step, result } => self.on_evaluated(run, &path, step, result),
            Event::AttemptFinished { attempt, outcome } => self.on_finished(attempt, outcome, None),
            Event::ChildEnded { attempt, outcome, spent, degraded } => {
                self.on_finished(attempt, outcome, Some(Spent { spent, degraded }));
            }
            Event::AttemptReferenced { attempt, reference } => self.on_referenced(&attempt, reference),
            Event::LookedUp { run, path, number, found } => {
                self.on_looked_up(run, &path, number, found.map(|found| *found));
            }
            Event::Kept(key) => self.on_kept(key),
            Event::Durable(seq) => self.durable = self.durable.max(seq),
            Event::CancelRequested(run) => self.on_cancel(run),
            Event::PauseRequested(run) => self.on_pause(run),
            Event::ResumeRequested(run) => self.on_resume(run),
            Event::Signalled(signal) => self.on_signalled(*signal)?,
            Event::BudgetRaised(raise) => self.on_raised(*raise)?,
            Event::SpendingReleased { tenant, hour, money, tokens } => self.on_released(&tenant, hour, (money, tokens)),
            Event::SpendingRecharged { tenant, hour, money, tokens } => {
                // As what others hold meanwhile: whoever is sent next is looked at then, and who waits may have to wait for another window.
                self.board.ledger.recharge(&tenant, hour, self.now, (money, tokens));
                self.board.queue.pockets.stir();
            }
            Event::TimeReached => {}
        }
        let was_reopening = self.reopening;
        self.reopen();
        if !self.reopening {
            self.taking_up = was_reopening;
            self.work();
            self.forget_freed();
            self.taking_up = false;
        }
        Ok(())
    }

    /// The next thing to do. Drained to `None` before the next event.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to come back with [`Event::TimeReached`], and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Wake)> {
        self.board.timers.next()
    }

    /// The core's clock: the greatest `now` it was given.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The last record that was decided.
    #[must_use]
    pub const fn last_seq(&self) -> Seq {
        self.last
    }

    /// Time never goes back, and a jump forward is a fact worth a record.
    fn move_clock(&mut self, now: Timestamp) {
        let due = self.board.timers.next().map_or(Timestamp::MAX, |(at, _)| at);
        let late = now.since(due.max(self.now));
        let from = self.now;
        self.now = self.now.max(now);
        if self.incarnation > Incarnation(0) && due < Timestamp::MAX && late > self.board.limits.clock_jump_max {
            self.record(None, Record::ClockJumped { from });
        }
    }

    /// Decided: the record of the shard, or of a run to be, is applied and handed to the journal.
    pub(crate) fn record(&mut self, tenant: Option<Tenant>, record: Record) -> Seq {
        self.record_for(None, tenant, record)
    }

    /// The same for a record of a live run.
    pub(crate) fn record_of(&mut self, slot: Slot, record: Record) -> Seq {
        let tenant = self.board.run(slot).tenant.clone();
        self.record_for(Some(slot), Some(tenant), record)
    }

    /// The same for a task of a live run.
    pub(crate) fn record_task(&mut self, slot: Slot, id: InstId, change: Change) {
        let run = self.board.run(slot);
        let record = Record::Task { run: run.id, path: run.path(id), change };
        self.record_of(slot, record);
    }

    fn record_for(&mut self, slot: Option<Slot>, tenant: Option<Tenant>, record: Record) -> Seq {
        let seq = self.last.next();
        self.last = seq;
        let mut entry = Entry {
            seq,
            at: self.now,
            tenant,
            record,
            unsent: Box::default(),
            booked: None,
            wasted: Box::default(),
            verdict: None,
        };
        // Who ends with what a record ends is known when that is applied, and how long it had waited is not known for longer.
        self.board.unsent = Some(Vec::new());
        self.board.apply_to(slot, &entry);
        entry.unsent = self.board.unsent.take().unwrap_or_default().into();
        entry.booked = self.board.booked.take().map(Box::new);
        entry.wasted = std::mem::take(&mut self.board.wasted).into();
        entry.verdict = self.board.verdict.take();
        self.act(None, Deed::Append(entry));
        seq
    }

    /// Every place in the arena of a run.
    pub(crate) fn all(&self, slot: Slot) -> impl Iterator<Item = InstId> + use<> {
        (0..u32::try_from(self.board.run(slot).insts.len()).expect("limited")).map(InstId)
    }

    pub(crate) fn act(&mut self, after: Option<Seq>, deed: Deed) {
        self.actions.push_back(Action { after, deed });
    }

    /// What an inside action of this run must wait for. Strict runs are no exception: what is evaluated meanwhile is recorded behind what it
    /// was made of, and no attempt leaves before all that is durable, so that a step takes one sync.
    pub(crate) fn barrier(&self, slot: Slot) -> Option<Seq> {
        Some(self.board.run(slot).floor).filter(|seq| *seq > self.durable)
    }
}
