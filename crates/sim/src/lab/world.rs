//! The core in virtual time: jobs come, calls and tools take what they take, everything is durable at once.
//!
//! The core sees what it sees in production: when a run came, its graph, its inputs' size, how long attempts took and what they cost. How many rounds
//! a run has it never sees: `until` is answered when it asks.

mod asked;
mod graphs;
mod harmed;
mod line;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use agendum_core::{Action, Answer, Deed, Dispatch, Event, Scheduler, Submission};
use agendum_types::graph::Priority;
use agendum_types::{
    AttemptId, Class, Failure, Graph, Hash, Incarnation, Labels, MediaType, Outcome, Partition, PayloadRef, Policy,
    Principal, RunId, RunStatus, Seq, Success, Tenant, Timestamp, Usage,
};

use super::backends::Memory;
use super::chart::Chart;
use super::faults::{Faults, Harm};
use super::fleet::{Engine, Fleet};
use super::flows::bound;
use super::measure::{Ended, Seen};
use super::provider::Provider;
use super::workload::flows::Flow;
use super::workload::{Call, Job, Workload};
use graphs::Shape;
use line::Inner;

/// A clock for the cost of decisions, in nanoseconds: who runs the laboratory has one, the laboratory has not.
pub type Clock<'a> = &'a dyn Fn() -> u64;

/// What a policy is kept from seeing, to compare with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// All tenants are one.
    pub blind: bool,
    /// What a provider lets through in a minute is not known.
    pub unpaced: bool,
    /// How inputs begin is not known.
    pub unread: bool,
    /// What is said of how backends go cold is not known.
    pub unwarned: bool,
    /// What pools hold does not count where tasks stand in their run: the way to the end alone does.
    pub plain: bool,
    /// What tenants weigh is not known.
    pub alike: bool,
}

/// What jobs meet.
#[derive(Clone, Copy, Debug)]
pub struct Met<'a> {
    /// What there is.
    pub fleet: &'a Fleet,
    /// How many slots, or workers, at the load of the experiment.
    pub slots: u32,
    /// What goes wrong with it.
    pub faults: &'a Faults,
}

/// Where virtual time begins.
const START: Timestamp = Timestamp(1_000_000);
enum Coming {
    Job(usize),
    /// An attempt ends: of a tool, or of this call.
    Ends(AttemptId, Option<Call>),
    /// A request comes to the provider.
    Arrives(AttemptId, Call),
    /// A step of the engine ends.
    Step,
    /// An attempt fails.
    Breaks(AttemptId, Class),
    /// A fault begins or ends.
    Turns,
    /// A job that was given up comes again.
    Again(usize),
}

/// A job on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// Its round, from 1.
    round: usize,
    /// The round of its helper.
    side: usize,
    /// How often it came again.
    again: u32,
}

/// Plays jobs under a policy and says what was seen.
///
/// # Errors
///
/// If the runs of some kind are none that the core takes.
///
/// # Panics
///
/// If the core breaks its contract.
pub fn play(
    workload: &Workload,
    jobs: &[Job],
    met: Met<'_>,
    mut policy: Policy,
    view: View,
    clock: Clock<'_>,
) -> Result<Seen, String> {
    let mut world = World::new(workload, jobs, met, view, clock)?;
    if !view.alike {
        workload.weigh(&mut policy.fairness);
    }
    world.begin(policy);
    while let Some(at) = world.next() {
        world.now = world.now.max(at);
        world.line.meter.looks(world.now.since(START));
        world.gathers();
        match world.coming.pop() {
            Some(Reverse((due, number))) if due <= world.now => world.comes(number),
            told => {
                world.coming.extend(told);
                world.tell(Event::TimeReached);
            }
        }
        world.engine_begins();
    }
    Ok(world.seen())
}

struct World<'a> {
    core: Scheduler,
    now: Timestamp,
    jobs: &'a [Job],
    fleet: &'a Fleet,
    slots: u32,
    view: View,
    flows: &'a [Flow],
    /// By kind, as far as there are jobs of it.
    graphs: Vec<Option<Arc<Graph>>>,
    /// What the runs of each kind look like.
    shapes: Vec<Shape>,
    priorities: &'a [Priority],
    tenants: Vec<Tenant>,
    /// Of each job the number of its account.
    accounts: Vec<u32>,
    ways: Vec<Way>,
    ended: Vec<Ended>,
    /// By number of what comes; a place is used once.
    comings: Vec<Option<Coming>>,
    coming: BinaryHeap<Reverse<(Timestamp, usize)>>,
    inbox: VecDeque<Event>,
    cancelled: BTreeSet<AttemptId>,
    engine: Option<Engine>,
    provider: Option<Provider>,
    memory: Option<Memory>,
    faults: &'a Faults,
    harm: Option<Harm>,
    stepping: bool,
    line: Inner,
    /// Jobs whose latest call the engine turned away.
    turned_away: BTreeSet<usize>,
    /// The calls in the engine, by number.
    calls: Vec<Option<(AttemptId, Call)>>,
    hasher: blake3::Hasher,
    clock: Clock<'a>,
    costs: Vec<u64>,
    dispatches: u64,
    calls_sent: u64,
    /// Bytes that were brought to workers far away.
    moved: u64,
    chart: Chart,
}

impl<'a> World<'a> {
    fn new(
        workload: &'a Workload,
        jobs: &'a [Job],
        Met { fleet, slots, faults }: Met<'a>,
        view: View,
        clock: Clock<'a>,
    ) -> Result<Self, String> {
        // Each seed its own chance.
        let seed = jobs.iter().fold(0_u64, |sum, job| sum.wrapping_add(job.at.0));
        // Blind to tenants: all are one.
        let name = |name: &String| Tenant::new(if view.blind { "all" } else { name });
        let ended = |job: &Job| match workload.flows.get(job.class as usize) {
            Some(flow) => Ended::of(job, bound(flow, slots)),
            None => Ended::of(job, fleet.ideal(job)),
        };
        let graph = |(class, (shape, name)): (usize, (&Shape, &String))| {
            let is_used = jobs.iter().any(|job| job.class as usize == class);
            is_used.then(|| graphs::of(name, *shape, workload.flows.get(class))).transpose()
        };
        let shapes: Vec<Shape> = (0..workload.classes.len()).map(|class| Shape::of(workload, class, jobs)).collect();
        let graphs = (0..).zip(shapes.iter().zip(&workload.classes)).map(graph).collect::<Result<_, String>>()?;
        Ok(Self {
            core: Scheduler::new(graphs::limits(view)),
            now: START,
            jobs,
            fleet,
            slots,
            view,
            flows: &workload.flows,
            graphs,
            shapes,
            priorities: &workload.priorities,
            tenants: workload.tenants.iter().map(name).collect(),
            accounts: jobs.iter().map(|job| workload.account(job)).collect(),
            ways: vec![Way::default(); jobs.len()],
            ended: jobs.iter().map(ended).collect(),
            comings: Vec::new(),
            coming: BinaryHeap::new(),
            inbox: VecDeque::new(),
            cancelled: BTreeSet::new(),
            engine: fleet.engine().map(|spec| Engine::new(spec.clone())),
            provider: fleet.provider().map(|quota| Provider::new(quota.clone(), seed)),
            memory: fleet.backends().map(|spec| Memory::new(spec.clone(), seed)),
            faults,
            harm: Harm::new(faults, fleet, seed),
            stepping: false,
            line: Inner::new(workload.accounts()),
            turned_away: BTreeSet::new(),
            calls: Vec::new(),
            hasher: blake3::Hasher::new(),
            clock,
            costs: Vec::new(),
            dispatches: 0,
            calls_sent: 0,
            moved: 0,
            chart: Chart::default(),
        })
    }

    fn begin(&mut self, policy: Policy) {
        let opened =
            Event::Opened { incarnation: Incarnation(1), last: Seq(0), at: Timestamp(0), crashed: false, seed: 1 };
        self.tell(opened);
        self.publish(self.slots);
        let pools = graphs::pools(self.flows);
        if !pools.is_empty() {
            self.tell(Event::PoolsPublished(pools));
        }
        self.tell(Event::PolicyPublished(Arc::new(policy)));
        let at_once = if self.fleet.is_in_turn() { 1 } else { self.jobs.len() };
        for (number, job) in self.jobs.iter().enumerate().take(at_once) {
            self.at(START.after(job.at), Coming::Job(number));
        }
        for at in self.faults.instants() {
            self.at(START.after(at), Coming::Turns);
        }
    }

    fn next(&self) -> Option<Timestamp> {
        let due = self.coming.peek().map(|Reverse((at, _))| *at);
        due.into_iter().chain(self.core.poll_timeout().map(|(at, _)| at)).min()
    }

    /// What ends at one instant is told together, as by a driver that has it at hand together.
    fn gathers(&mut self) {
        let ends = |number: &usize| matches!(self.comings[*number], Some(Coming::Ends(..)));
        let due = || self.coming.iter().filter(|Reverse((at, _))| *at <= self.now).map(|Reverse((_, number))| number);
        let more = self.fleet.is_for_workflows() && due().all(ends) && due().count() > 1;
        self.core.gather(more);
    }

    fn at(&mut self, at: Timestamp, what: Coming) {
        self.coming.push(Reverse((at, self.comings.len())));
        self.comings.push(Some(what));
    }

    fn comes(&mut self, number: usize) {
        match self.comings[number].take().expect("what comes comes once") {
            Coming::Job(number) => self.submit(number),
            Coming::Ends(attempt, call) => self.ends(attempt, call),
            Coming::Arrives(attempt, call) => self.arrives(attempt, call),
            Coming::Breaks(attempt, class) => self.breaks(attempt, class),
            Coming::Turns => self.turns(),
            Coming::Again(number) => {
                self.ended[number].comes_again(self.now.since(START));
                self.submit(number);
            }
            Coming::Step => {
                let engine = self.engine.as_mut().expect("only an engine has steps");
                self.stepping = false;
                let done = engine.end(&mut self.line);
                if !done.is_empty() {
                    self.lets_in(0);
                }
                for done in done {
                    let (attempt, call) = self.calls[done].take().expect("a call is done once");
                    self.ends(attempt, Some(call));
                }
            }
        }
    }

    fn submit(&mut self, number: usize) {
        let job = &self.jobs[number];
        if self.fleet.is_in_turn() {
            self.ended[number].comes(self.now.since(START));
        }
        if self.engine.is_some() {
            self.line.meter.waits(self.accounts[number]);
        }
        let submission = Submission {
            run: RunId::compose(self.now, Partition(0), number as u128 | u128::from(self.ways[number].again) << 32),
            tenant: self.tenants[job.tenant as usize].clone(),
            principal: Principal::new("lab"),
            graph: Arc::clone(self.graphs[job.class as usize].as_ref().expect("there are jobs of it")),
            document: payload(2),
            inputs: payload(2),
            priority: self.priorities.get(job.class as usize).copied(),
            deadline: job.deadline,
            budget: None,
            strict: false,
            key: None,
            origin: None,
            concurrency: None,
            parent: None,
        };
        self.tell(Event::RunSubmitted(Box::new(submission)));
    }

    /// A request comes to the provider, which lets it through or not.
    fn arrives(&mut self, attempt: AttemptId, call: Call) {
        let (Some(provider), Fleet::Provider(quota)) = (&mut self.provider, self.fleet) else { return };
        let tokens = u64::from(call.tokens_in + call.tokens_out);
        if provider.comes(self.now.since(START), tokens) {
            return self.at(self.now.after(quota.takes(&call)), Coming::Ends(attempt, Some(call)));
        }
        if !self.cancelled.remove(&attempt) {
            let outcome = Outcome::Failed(Failure::new(Class::RateLimited, "429").without_effect());
            self.tell(Event::AttemptFinished { attempt, outcome });
        }
    }

    fn ends(&mut self, attempt: AttemptId, call: Option<Call>) {
        if self.cancelled.remove(&attempt) {
            // What was gathered before it is sent.
            return if self.fleet.is_for_workflows() {
                self.tell(Event::TimeReached)
            };
        }
        let (is_call, usage) = (call.is_some(), call.map_or_else(Usage::default, usage));
        let now = self.now.since(START);
        if is_call && self.harm.as_mut().is_some_and(|harm| !harm.ends(&attempt, &usage, now)) {
            return;
        }
        let outcome = Outcome::Succeeded(Success { output: payload(2), usage, raw_usage: None });
        self.tell(Event::AttemptFinished { attempt, outcome });
    }

    /// Tells the core, does what it wants, and answers its questions, until it has none.
    fn tell(&mut self, event: Event) {
        self.inbox.push_back(event);
        while let Some(event) = self.inbox.pop_front() {
            let is_costly = !matches!(event, Event::Opened { .. } | Event::TargetsPublished(_));
            let run = if let Event::RunSubmitted(submission) = &event { Some(submission.run) } else { None };
            let before = (self.clock)();
            let taken = self.core.handle(self.now, event);
            if is_costly {
                self.costs.push((self.clock)() - before);
            }
            if let Err(why) = taken {
                self.refused(run.expect("only submissions are refused"), &why);
            }
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            let (mut last, mut gated) = (None, Vec::new());
            while let Some(action) = self.core.poll_action() {
                match action {
                    Action { deed: Deed::Append(entry), .. } => {
                        self.chart.take(&entry);
                        self.gives_way(&entry.record);
                        last = Some(entry.seq);
                    }
                    Action { after: Some(_), deed } => gated.push(deed),
                    Action { after: None, deed } => self.perform(deed),
                }
            }
            let Some(seq) = last else {
                assert!(gated.is_empty(), "what waits, waits for a record of the same event");
                return;
            };
            self.core.handle(self.now, Event::Durable(seq)).expect("never refused");
            gated.into_iter().for_each(|deed| self.perform(deed));
        }
    }

    fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Dispatch(dispatch) => self.dispatch(*dispatch),
            Deed::Evaluate(asked) => {
                let result = Ok(self.evaluate(&asked));
                self.inbox.push_back(Event::Evaluated { run: asked.run, path: asked.path, step: asked.step, result });
            }
            Deed::Answer(answer) => self.answered(&answer),
            Deed::CancelAttempt(attempt) => {
                self.cancelled.insert(attempt.clone());
                let now = self.now.since(START);
                self.harm.iter_mut().for_each(|harm| _ = harm.leaves(&attempt, now));
                let outcome = Outcome::Failed(Failure::new(Class::Cancelled, "told to stop"));
                self.inbox.push_back(Event::AttemptFinished { attempt, outcome });
            }
            Deed::Append(_) | Deed::LookUp(_) | Deed::Keep(_) | Deed::Publish { .. } | Deed::Close { .. } => {}
        }
    }

    fn dispatch(&mut self, dispatch: Dispatch) {
        let attempt = dispatch.attempt;
        let number = number(attempt.run);
        let (round, side) = self.rounds(number, &attempt.path);
        self.ways[number] = Way { round, side, ..self.ways[number] };
        let backend = usize::from(dispatch.target.0);
        // The tools stand behind them in the table.
        let is_model = backend < graphs::models(self.fleet) as usize;
        self.dispatches += 1;
        self.calls_sent += u64::from(is_model);
        for part in
            [self.now.0, number as u64, round as u64, side as u64, if is_model { 1 + backend as u64 } else { 0 }]
        {
            self.hasher.update(&part.to_le_bytes());
        }
        let (call, tools) = self.call(&attempt);
        if !is_model {
            return self.at(self.now.after(tools), Coming::Ends(attempt, None));
        }
        if self.engine.is_some() {
            return self.offers(attempt, call);
        }
        self.ended[number].begins(self.now.since(START));
        if let Some(provider) = &mut self.provider {
            let way = provider.way();
            return self.at(self.now.after(way), Coming::Arrives(attempt, call));
        }
        self.takes_up(attempt, (backend, round), call);
    }

    fn answered(&mut self, answer: &Answer) {
        let number = number(answer.run);
        let failure = answer.failure.as_ref();
        if !failure.is_some_and(|failed| self.comes_again(number, failed.failure.retry_after)) {
            self.is_over(number, answer.status == RunStatus::Succeeded);
        }
    }

    /// A job will not come again.
    fn is_over(&mut self, number: usize, well: bool) {
        self.ended[number].ends(self.now.since(START), well);
        if self.turned_away.remove(&number) {
            self.line.meter.goes(self.accounts[number]);
        }
        if self.fleet.is_in_turn() && number + 1 < self.jobs.len() {
            self.at(self.now, Coming::Job(number + 1));
        }
    }

    fn seen(self) -> Seen {
        // A fault may end later than that.
        let makespan = self.ended.iter().filter_map(Ended::over_at).max().unwrap_or_default();
        Seen {
            ended: self.ended,
            has_bounds: self.fleet.is_in_turn(),
            of_workflows: self.fleet.is_for_workflows(),
            has_references: !self.flows.is_empty() && self.flows.iter().all(|flow| flow.reference.is_some()),
            thought: Vec::new(),
            moved: self.fleet.regions().map(|_| self.moved),
            difference: self.engine.as_ref().map(|_| self.line.meter.difference()),
            least_urgent: self.engine.as_ref().and_then(|_| self.line.meter.least_urgent()),
            memory: self.memory.as_ref().map(Memory::used),
            harmed: self.harm.as_ref().map(Harm::harmed),
            quota: self.provider.as_ref().map(Provider::used),
            makespan,
            costs: self.costs,
            dispatches: self.dispatches,
            calls_sent: self.calls_sent,
            hash: Some(Hash(*self.hasher.finalize().as_bytes())),
            bars: self.chart.bars(self.now),
        }
    }
}

/// The job of a run.
const fn number(run: RunId) -> usize {
    (run.0 & 0xffff_ffff) as usize
}

fn usage(call: Call) -> Usage {
    Usage { tokens_in: call.tokens_in.into(), tokens_out: call.tokens_out.into(), calls: 1, ..Usage::default() }
}

fn payload(size: u64) -> PayloadRef {
    PayloadRef { hash: Hash([1; 32]), size, media: MediaType::Json, labels: Labels::NONE }
}
