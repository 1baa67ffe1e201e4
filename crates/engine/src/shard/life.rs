//! One life of a shard: messages become events, actions become deeds.

mod added;
mod appended;
mod cache;
mod child;
mod hand;
mod learned;
mod money;
mod note;
mod plans;
mod stated;
mod stop;
mod unsaid;
mod warn;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::task::Waker;
use std::time::{Duration as Span, Instant};

use agendum_core::{Action, Answer, Deed, Entry, Event, FORESEEN_MAX, Rejected, Scheduler};
use agendum_ports::Appended;
use agendum_types::{AttemptId, Class, Effect, Outcome, RunId, Seq, TargetId, Tenant, Timestamp};
use futures_util::future::BoxFuture;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use super::commit::Commit;
use super::restore::Restored;
use super::steady::Steady;
use crate::inbox::{Bell, Command, Intake, Message};
use crate::payloads::{Made, Pinned};
use crate::rows::{self, Bill};
use learned::Learning;
use note::Noting;
pub use stop::STOP_GRACE;
use stop::Stopping;

/// Messages taken before gathered records are looked at.
const BURST: usize = 256;

/// Callers that wait for answers; they outlast a life.
#[derive(Default)]
pub(super) struct Waiters {
    answers: FxHashMap<RunId, Vec<oneshot::Sender<Answer>>>,
}

/// Those that wait for the end of a run, for a life.
type Ends = FxHashMap<RunId, Vec<oneshot::Sender<()>>>;

/// An attempt that runs.
struct Flight {
    cancel: CancellationToken,
    effect: Effect,
    /// It is a run of its own, which goes on in the next life.
    is_child: bool,
}

/// A caller whose wish was taken.
enum Told {
    Submitted(oneshot::Sender<Result<(), Rejected>>),
    /// Taken, or refused for what others did just before.
    Handed(oneshot::Sender<Result<(), Rejected>>, Result<(), Rejected>),
    Commanded(oneshot::Sender<bool>),
}

impl Told {
    /// It is durable. The caller may be gone.
    fn tell(self) {
        match self {
            Self::Submitted(reply) => drop(reply.send(Ok(()))),
            Self::Handed(reply, result) => drop(reply.send(result)),
            Self::Commanded(reply) => drop(reply.send(true)),
        }
    }
}

/// Why a life ended.
pub(super) enum End {
    Stopped,
    Failed(String),
}

/// One incarnation of the shard.
pub(super) struct Life {
    around: Arc<Surroundings>,
    scheduler: Scheduler,
    commit: Commit,
    id: u64,
    flights: FxHashMap<AttemptId, Flight>,
    tenants: FxHashMap<RunId, Tenant>,
    /// Callers to be told once what they wanted is durable.
    submitted: Vec<(Seq, Told)>,
    /// Appends on their way, oldest first, and who calls when the oldest is done.
    appends: VecDeque<(Seq, BoxFuture<'static, Appended>)>,
    bell: Waker,
    /// What evaluations on this thread gave, to be taken before the inbox.
    given: VecDeque<Message>,
    /// Evaluations on this thread since the inbox was last waited for.
    quick: usize,
    stopping: Option<Stopping>,
    keeping: crate::cache::Keeping,
    /// The buffer of [`Life::drain`].
    actions: Vec<Action>,
    time: Steady,
    noting: Noting,
    learning: Learning,
    ends: Ends,
    /// What providers say that they let through.
    stated: BTreeMap<TargetId, stated::Stated>,
    /// The number of the latest plan that it was told of.
    plan: u64,
    /// Cancelled with its end: what it had running for a run of its own is the next life's.
    over: CancellationToken,
    pub(super) waiters: Waiters,
}

impl Drop for Life {
    /// Whatever this life had running is of no use to the next.
    fn drop(&mut self) {
        self.over.cancel();
        self.flights.values().filter(|flight| !flight.is_child).for_each(|flight| flight.cancel.cancel());
    }
}

impl Life {
    /// Takes up the journal's open runs.
    pub(super) fn begin(around: Arc<Surroundings>, restored: Restored, crashed: bool, mut waiters: Waiters) -> Self {
        let Restored { scheduler, opened, tenants, stated, plan } = restored;
        // A run that the journal does not hold, or holds with its answer, will give none: who waits for it is sent to the store.
        waiters.answers.retain(|run, _| is_to_come(&scheduler, *run));
        let id = u64::from(opened.incarnation.0);
        let bell = Waker::from(Arc::new(Bell { inbox: around.inbox.clone(), life: id }));
        let mut life = Self {
            commit: Commit::new(around.shard, opened.incarnation, opened.last),
            scheduler,
            id,
            flights: FxHashMap::default(),
            tenants,
            submitted: Vec::new(),
            appends: VecDeque::new(),
            bell,
            given: VecDeque::new(),
            quick: 0,
            stopping: None,
            keeping: Default::default(),
            actions: Vec::new(),
            time: Steady::new(Arc::clone(&around.clock), opened.high_water),
            noting: Noting::new(opened.incarnation),
            learning: Learning::default(),
            ends: Ends::default(),
            stated: BTreeMap::new(),
            plan: plan.0,
            over: CancellationToken::new(),
            waiters,
            around,
        };
        let seed = life.around.seed.unwrap_or_else(|| getrandom::u64().unwrap_or(1));
        let (incarnation, last, at) = (opened.incarnation, opened.last, opened.high_water);
        let event = Event::Opened { incarnation, last, at, crashed, seed };
        // The high-water mark of the journal goes first: time never goes back behind what is committed.
        let now = life.now().max(opened.high_water);
        life.event_at(now, event, None);
        life.event(Event::WindowsPublished(life.around.windows));
        life.event(Event::PoolsPublished(life.around.pools.clone()));
        life.event(Event::PolicyPublished(Arc::clone(&life.around.policy)));
        plan.1.into_iter().for_each(|plan| life.counts(plan));
        life.stated = life.stated_before(&stated);
        life.event(Event::TargetsPublished(life.table()));
        life.nothing_is_learned();
        life
    }

    /// Lives until it is stopped or an append fails.
    pub(super) fn live(&mut self, inbox: &mut Intake) -> End {
        loop {
            if let Some(end) = self.settle() {
                return end;
            }
            self.quick = 0;
            match inbox.wait(self.patience()) {
                Ok(message) => {
                    if let Some(end) = self.burst(message, inbox) {
                        return end;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return End::Stopped,
            }
            if self.scheduler.poll_timeout().is_some_and(|(at, _)| at <= self.now()) {
                self.event(Event::TimeReached);
            }
            if let Some(end) = self.stopped() {
                return end;
            }
        }
    }

    /// Takes what this thread has evaluated, hands records over, takes the answers that are there at once.
    fn settle(&mut self) -> Option<End> {
        for _ in 0..BURST {
            let Some(message) = self.given.pop_front() else { break };
            if let Some(end) = self.message(message) {
                return Some(end);
            }
        }
        self.flush()
    }

    /// Handles a message and whatever else has gathered.
    fn burst(&mut self, first: Message, inbox: &mut Intake) -> Option<End> {
        let mut next = Some(first);
        for count in 0..BURST {
            let Some(message) = next.take() else { break };
            if count % FORESEEN_MAX == 0 {
                self.scheduler.foresee(inbox.ahead(FORESEEN_MAX).filter_map(Message::step));
            }
            // What has ended together frees what it held together: all that is ready then is weighed at once.
            let gathered = self.scheduler.is_gathering();
            let room = (count + 1) % FORESEEN_MAX > 0;
            self.scheduler.gather(room && message.is_end() && inbox.ahead(1).any(Message::is_end));
            if let Some(end) = self.message(message) {
                return Some(end);
            }
            if gathered && !self.scheduler.is_gathering() {
                // The last may have been of an earlier life, of which nothing is told.
                self.event(Event::TimeReached);
            }
            next = inbox.next();
        }
        next.and_then(|message| self.message(message))
    }

    /// How long there is nothing to do without a message.
    fn patience(&self) -> Option<Span> {
        if !self.given.is_empty() || (self.stopping.is_some() && self.is_at_rest()) {
            return Some(Span::ZERO);
        }
        let timer =
            self.scheduler.poll_timeout().filter(|_| !self.is_closed()).map(|(at, _)| at.since(self.now()).to_std());
        let commit = self.commit.due().map(|due| due.saturating_duration_since(Instant::now()));
        let stop = self.stopping.map(|stopping| stopping.until.saturating_duration_since(Instant::now()));
        [timer, commit, stop].into_iter().flatten().min()
    }

    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn message(&mut self, message: Message) -> Option<End> {
        if self.is_closed() && !matches!(message, Message::Appended { .. }) {
            // Too late; whoever waits for a reply sees that there will be none.
            return None;
        }
        match message {
            Message::Submit { submission, document: _claimed, inputs, given: _kept, reply, answer, permit: _held } => {
                if self.stopping.is_some() {
                    // The caller sees that nobody will reply: this is no refusal of the run.
                    return None;
                }
                let (run, tenant) = (submission.run, submission.tenant.clone());
                let submitted = self.request(Event::RunSubmitted(submission), inputs.inline.as_ref());
                if submitted.is_ok() {
                    self.tenants.insert(run, tenant);
                }
                match answer.zip(hand::leads_to(&submitted, run)) {
                    Some((answer, run)) => self.waiters.answers.entry(run).or_default().push(answer),
                    None => self.reply_when_durable(submitted, reply),
                }
            }
            message @ (Message::AddTasks { .. } | Message::TasksStreamed { .. }) => self.of_additions(message),
            Message::Command { tenant, run, command, reply, permit: _held } => {
                self.command(&tenant, run, command, reply);
            }
            Message::Signal { tenant, signal, payload, reply, permit: _held } => {
                self.hand(&tenant, signal, &payload, reply)
            }
            Message::Money(message) => self.of_money(message),
            Message::Waits { tenant, asked, reply, permit: _held } => drop(reply.send(self.waits(&tenant, &asked))),
            Message::Plan { planned, reply, permit: _held } => self.planned(planned, reply),
            Message::Loads { reply, permit: _held } => drop(reply.send(self.loads())),
            Message::View { tenant, run, within, reply, permit: _held } => {
                let view =
                    if self.owns(&tenant, run) { self.scheduler.view_within(run, &within, self.now()) } else { None };
                let _gone = reply.send(view);
            }
            Message::Standings { tenant, runs, reply, permit: _held } => self.standings(&tenant, runs, reply),
            Message::Await { tenant, run, reply, permit: _held } => self.wait(&tenant, run, reply),
            Message::Evaluated { life, run, path, step, result, made } => {
                if life == self.id {
                    self.with_payload(Event::Evaluated { run, path, step, result }, made);
                }
            }
            message @ (Message::LookedUp { .. } | Message::Kept { .. }) => self.of_the_cache(message),
            Message::Finished { life, attempt, outcome, made } => {
                if life == self.id {
                    self.flights.remove(&attempt);
                    if self.stopping.is_some() && is_cancelled(&outcome) {
                        // Stopped by us and not by the run: the journal has it in flight, and the next life decides.
                        return None;
                    }
                    self.with_payload(Event::AttemptFinished { attempt, outcome }, made);
                }
            }
            message @ (Message::ChildEnded { .. } | Message::AwaitDone { .. }) => self.of_children(message),
            Message::Referenced { life, attempt, reference } => {
                if life == self.id {
                    self.event(Event::AttemptReferenced { attempt, reference });
                }
            }
            Message::RateStated { life, target, rate } => self.rate_stated(life, target, rate),
            Message::Appended { life } => {
                if life == self.id {
                    return self.take_appended();
                }
            }
            Message::Settle { reply } if self.commit.is_idle() => drop(reply.send(true)),
            Message::Settle { reply } => self.tell_when_durable(Told::Commanded(reply)),
            Message::Stop => self.stop(),
        }
        None
    }

    fn command(&mut self, tenant: &Tenant, run: RunId, command: Command, reply: oneshot::Sender<bool>) {
        let live = self.owns(tenant, run);
        let before = self.scheduler.last_seq();
        if live {
            self.event(command_event(command, run));
        }
        if self.scheduler.last_seq() > before {
            self.tell_when_durable(Told::Commanded(reply));
        } else {
            let _gone = reply.send(live);
        }
    }

    fn owns(&self, tenant: &Tenant, run: RunId) -> bool {
        self.tenants.get(&run) == Some(tenant)
    }

    fn reply_when_durable(&mut self, result: Result<(), Rejected>, reply: oneshot::Sender<Result<(), Rejected>>) {
        match result {
            Ok(()) => self.tell_when_durable(Told::Submitted(reply)),
            // What it joins may not be durable yet.
            Err(Rejected::Joined(_)) => self.tell_of_now(Told::Handed(reply, result)),
            Err(_) => drop(reply.send(result)),
        }
    }

    /// An event that may bring a payload for the row of its record.
    fn with_payload(&mut self, event: Event, made: Option<Made>) {
        self.event_at(self.now(), event, made.and_then(|made| made.inline).as_ref());
    }

    fn request(&mut self, event: Event, inline: Option<&Arc<Pinned>>) -> Result<(), Rejected> {
        let handled = self.handle(self.now(), event);
        self.drain(inline);
        handled
    }

    fn handle(&mut self, now: Timestamp, event: Event) -> Result<(), Rejected> {
        self.around.latest.fetch_max(now.0, Ordering::AcqRel);
        self.scheduler.handle(now, event)
    }

    fn event(&mut self, event: Event) {
        self.event_at(self.now(), event, None);
    }

    fn event_at(&mut self, now: Timestamp, event: Event, inline: Option<&Arc<Pinned>>) {
        if self.is_closed() {
            return;
        }
        let handled = self.handle(now, event);
        debug_assert!(handled.is_ok(), "only submissions, additions and signals are refused");
        self.drain(inline);
    }

    fn drain(&mut self, inline: Option<&Arc<Pinned>>) {
        let mut actions = std::mem::take(&mut self.actions);
        while let Some(action) = self.scheduler.poll_action() {
            actions.push(action);
        }
        let spent: SmallVec<[(RunId, Bill); 1]> = actions.iter().filter_map(|action| Bill::of(&action.deed)).collect();
        for Action { after, deed } in actions.drain(..) {
            match deed {
                Deed::Append(entry) => {
                    if let Some((run, path)) = unsaid::unsaid(&entry.record) {
                        self.around.feed.withdraw(run, path);
                    }
                    warn::of(&entry);
                    let named = rows::named_payload(&entry.record);
                    let payload = inline.filter(|pinned| named == Some(pinned.payload.hash)).cloned();
                    self.append(entry, payload, &spent);
                }
                deed @ (Deed::Evaluate(_)
                | Deed::LookUp(_)
                | Deed::Keep(_)
                | Deed::Dispatch(_)
                | Deed::CancelAttempt(_)
                | Deed::Publish { .. }
                | Deed::Answer(_)
                | Deed::Close { .. }) => {
                    if let Some(deed) = self.commit.gate(after, deed) {
                        self.perform(deed);
                    }
                }
            }
        }
        self.actions = actions;
    }

    fn append(&mut self, entry: Entry, payload: Option<Arc<Pinned>>, spent: &[(RunId, Bill)]) {
        let run = entry.record.run();
        let spent = spent.iter().find(|(of, _)| Some(*of) == run).map_or_else(Bill::default, |(_, bill)| *bill);
        let update = rows::run_update(&entry, spent);
        let noted = self.noted(&entry);
        self.commit.push(entry, payload, update, noted);
    }

    fn flush(&mut self) -> Option<End> {
        let mut appended = false;
        self.keep_learned();
        while let Some(batch) = self.commit.batch() {
            let last = batch.rows.last().map_or(Seq(batch.expected.0 - 1), |row| row.seq);
            self.appends.push_back((last, self.around.store.append(batch)));
            appended = true;
        }
        // The answer of a store in memory is there at once; of any other, the bell must be told whom to call.
        if appended { self.take_appended() } else { None }
    }

    fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Append(_) => {}
            Deed::Evaluate(asked) => self.evaluate(asked),
            Deed::LookUp(asked) => self.look_up(asked),
            Deed::Keep(keep) => self.keep(*keep),
            Deed::Dispatch(dispatch) => self.dispatch(dispatch),
            Deed::CancelAttempt(attempt) => self.cancel(attempt),
            Deed::Publish { run, path } => self.around.feed.publish(run, &path),
            Deed::Answer(answer) => {
                for waiter in self.waiters.answers.remove(&answer.run).into_iter().flatten() {
                    let _gone = waiter.send(Answer::clone(&answer));
                }
            }
            Deed::Close { run, .. } => {
                self.tenants.remove(&run);
                self.around.feed.close(run);
                for waiter in self.ends.remove(&run).into_iter().flatten() {
                    let _gone = waiter.send(());
                }
            }
        }
    }
}

/// True if the run is live and its answer is not decided.
fn is_to_come(scheduler: &Scheduler, run: RunId) -> bool {
    scheduler.standing(run).is_some_and(|standing| !standing.status.is_answered())
}

/// True if the attempt ended because it was told to.
fn is_cancelled(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.class == Class::Cancelled)
}

const fn command_event(command: Command, run: RunId) -> Event {
    match command {
        Command::Cancel => Event::CancelRequested(run),
        Command::Pause => Event::PauseRequested(run),
        Command::Resume => Event::ResumeRequested(run),
    }
}
