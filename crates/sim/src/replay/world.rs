//! The real graphs in the real core, in virtual time: attempts take what they took, evaluations say what they said, people do what they did.
//!
//! Everything is durable at once: what disks took is in the durations of the record. Under rules that send other attempts than were
//! sent, those are made up of what such attempts usually came to, and counted.

mod attempts;
mod says;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use agendum_core::{Action, Answer, Deed, Entry, Event, Scheduler, Submission};
use agendum_types::target::Rate;
use agendum_types::{
    CacheKey, CachedCopy, Duration, Graph, Hash, Incarnation, Limits, Money, Plan, Policy, Pool, RunId, RunStatus, Seq,
    Target, Tenant, Timestamp, Windows,
};

use self::attempts::{Flights, Kid};
use self::says::Way;
use super::Published;
use super::past::{Cue, Life, Wish};
use super::usual::Usual;
use crate::lab::chart::{Bar, Chart};
use crate::lab::world::Clock;

/// What the runs meet.
#[derive(Clone, Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) targets: &'a [Target],
    pub(crate) pools: &'a [Pool],
    pub(crate) limits: &'a Limits,
    pub(crate) windows: Windows,
    pub(crate) seed: u64,
    /// Nothing is scarce: how long runs take that are alone.
    pub(crate) boundless: bool,
}

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) tenant: Tenant,
    pub(crate) deadline: Option<Duration>,
    /// From its submission to its answer, and how that was.
    pub(crate) answered: Option<(Duration, RunStatus)>,
    /// It was given up, for it would have been late.
    pub(crate) hopeless: bool,
    /// It was not taken in.
    pub(crate) refused: bool,
    /// With all that its child runs cost.
    pub(crate) cost: Money,
}

/// What never happened, and was made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct MadeUp {
    /// Attempts: they succeed, after the median of what that task took on that target.
    pub attempts: u64,
    /// Evaluations: results are good, loops end after as many rounds as usual, conditions hold where they mostly did. Also waits that were
    /// open when their run was over, and that end a moment later here.
    pub evaluations: u64,
    /// What people, callers or plans did and that did not fit any more.
    pub lost: u64,
}

/// What was seen of one play.
#[derive(Clone, Debug, Default)]
pub(crate) struct Played {
    pub(crate) courses: BTreeMap<RunId, Course>,
    pub(crate) attempts: u64,
    pub(crate) made_up: MadeUp,
    /// Nanoseconds of each event in the core.
    pub(crate) costs: Vec<u64>,
    pub(crate) hash: Hash,
    pub(crate) bars: Vec<Bar>,
    /// The records that were made.
    pub(crate) entries: Vec<Entry>,
}

/// Something that will happen.
enum Coming {
    Submit(RunId),
    Child(RunId),
    Wish(RunId, Wish),
    Core(Event),
    Ends(agendum_types::AttemptId),
    ChildEnds(RunId),
    /// The time of a child run's attempt is over.
    ChildLate(RunId),
}

/// When, and in which order of those at one instant.
type Place = (Timestamp, Seq, u64);

pub(super) struct World<'a> {
    core: Scheduler,
    now: Timestamp,
    lives: &'a BTreeMap<RunId, Life>,
    /// Child runs by the task that they ran for, in order.
    children: BTreeMap<(RunId, Arc<str>), Vec<RunId>>,
    usual: &'a Usual,
    graphs: BTreeMap<Hash, Arc<Graph>>,
    targets: Vec<Target>,
    ways: BTreeMap<RunId, Way>,
    kids: BTreeMap<RunId, Kid>,
    flights: Flights,
    kept: BTreeMap<String, CachedCopy>,
    coming: BTreeMap<Place, Coming>,
    count: u64,
    inbox: VecDeque<Event>,
    gated: Vec<Action>,
    durable: Seq,
    clock: Clock<'a>,
    chart: Chart,
    hasher: blake3::Hasher,
    keeps_entries: bool,
    played: Played,
}

/// Events for each record of the past at most: rules that go round in circles end there.
const EVENTS_MAX: usize = 100;

/// Runs all lives again under a policy, and the plans that were published for it.
pub(crate) fn play(
    lives: &BTreeMap<RunId, Life>,
    usual: &Usual,
    ground: &Ground<'_>,
    rules: (&Arc<Policy>, &[Published]),
    clock: Clock<'_>,
    keeps_entries: bool,
) -> Played {
    let mut world = World::new(lives, usual, ground, clock);
    world.keeps_entries = keeps_entries;
    world.begin(ground, rules);
    let known: usize = lives.values().map(|life| life.said.len() + life.tries.len() + 10).sum();
    let most = EVENTS_MAX * known + 10_000;
    while let Some(at) = world.next() {
        world.now = world.now.max(at);
        match world.coming.first_key_value() {
            Some(((due, ..), _)) if *due <= world.now => {
                let Some((_, coming)) = world.coming.pop_first() else { break };
                world.comes(coming);
            }
            Some(_) | None => world.tell(Event::TimeReached),
        }
        if world.played.costs.len() > most {
            break;
        }
    }
    world.over()
}

/// What was refused for want of room is in no journal: here nothing is.
fn lets_all_in(policy: &Policy) -> Arc<Policy> {
    let mut policy = policy.clone();
    (policy.overload.waiting, policy.overload.stand) = (u32::MAX, Duration::ZERO);
    Arc::new(policy)
}

impl<'a> World<'a> {
    fn new(lives: &'a BTreeMap<RunId, Life>, usual: &'a Usual, ground: &Ground<'_>, clock: Clock<'a>) -> Self {
        let mut children: BTreeMap<(RunId, Arc<str>), Vec<RunId>> = BTreeMap::new();
        for life in lives.values() {
            if let Some(parent) = &life.submitted.parent {
                children.entry((parent.run, Arc::clone(&parent.task))).or_default().push(life.run());
            }
        }
        children.values_mut().for_each(|runs| runs.sort_by_key(|run| lives[run].at));
        let limits = if ground.boundless {
            Limits { attempt_credits: u32::MAX, ..ground.limits.clone() }
        } else {
            ground.limits.clone()
        };
        let first = lives.values().map(|life| life.at).min().unwrap_or(Timestamp(0));
        let free = |target: &Target| Target { concurrency_max: u32::MAX, rate: Rate::default(), ..target.clone() };
        let targets = ground.targets.iter().map(|target| if ground.boundless { free(target) } else { target.clone() });
        let mut targets: Vec<Target> = targets.collect();
        if targets.iter().all(|target| *target.name != *Target::CHILD) {
            targets.push(Target::of_children());
        }
        let graphs = lives.values().flat_map(|life| &life.graphs);
        let graphs = graphs.collect::<BTreeMap<_, _>>().into_iter();
        let graphs = graphs.map(|(hash, graph)| (*hash, usual.calmed(graph))).collect();
        Self {
            core: Scheduler::new(limits),
            now: first.before(Duration(1)),
            lives,
            children,
            usual,
            graphs,
            targets,
            ways: BTreeMap::new(),
            kids: BTreeMap::new(),
            flights: Flights::default(),
            kept: BTreeMap::new(),
            coming: BTreeMap::new(),
            count: 0,
            inbox: VecDeque::new(),
            gated: Vec::new(),
            durable: Seq(0),
            clock,
            chart: Chart::default(),
            hasher: blake3::Hasher::new(),
            keeps_entries: false,
            played: Played::default(),
        }
    }

    fn begin(&mut self, ground: &Ground<'_>, (policy, plans): (&Arc<Policy>, &[Published])) {
        let (incarnation, last, at) = (Incarnation(1), Seq(0), Timestamp(0));
        let units = |pool: &Pool| if ground.boundless { u32::MAX } else { pool.units };
        let pool = |pool: &Pool| Pool { name: Arc::clone(&pool.name), units: units(pool) };
        self.tell(Event::Opened { incarnation, last, at, crashed: false, seed: ground.seed });
        self.tell(Event::WindowsPublished(if ground.boundless { Windows::default() } else { ground.windows }));
        self.tell(Event::PoolsPublished(ground.pools.iter().map(pool).collect()));
        self.tell(Event::PolicyPublished(lets_all_in(policy)));
        self.tell(Event::TargetsPublished(self.targets.clone()));
        for Published { at, plan } in plans {
            let event = match plan {
                Some((plan, until)) => {
                    let plan = Arc::new(Plan { rules: lets_all_in(&plan.rules), ..Plan::clone(plan) });
                    Event::PlanPublished { plan, until: *until }
                }
                None => Event::PlanWithdrawn,
            };
            self.at_as((*at).max(self.now), Some(Seq(0)), Coming::Core(event));
        }
        self.played.costs.clear();
        let lives = self.lives;
        for life in lives.values() {
            if self.is_child(life) {
                continue;
            }
            let course = Course {
                tenant: life.tenant.clone(),
                deadline: life.deadline(),
                answered: None,
                hopeless: false,
                refused: false,
                cost: Money::ZERO,
            };
            self.played.courses.insert(life.run(), course);
            self.at_as(life.at, Some(life.first), Coming::Submit(life.run()));
        }
    }

    /// True if its parent is there to begin it.
    fn is_child(&self, life: &Life) -> bool {
        life.submitted.parent.as_ref().is_some_and(|parent| self.lives.contains_key(&parent.run))
    }

    fn next(&self) -> Option<Timestamp> {
        let due = self.coming.first_key_value().map(|((at, ..), _)| *at);
        due.into_iter().chain(self.core.poll_timeout().map(|(at, _)| at)).min()
    }

    /// What left no record comes after what did.
    fn at(&mut self, at: Timestamp, what: Coming) -> Place {
        self.at_as(at, None, what)
    }

    /// In one instant what comes stands in the order of the records that it left.
    fn at_as(&mut self, at: Timestamp, left: Option<Seq>, what: Coming) -> Place {
        self.count += 1;
        let place = (at, left.unwrap_or(Seq(u64::MAX)), self.count);
        self.coming.insert(place, what);
        place
    }

    fn comes(&mut self, coming: Coming) {
        match coming {
            Coming::Submit(run) => self.submit(run),
            Coming::Child(run) => self.submit_child(run),
            Coming::Wish(run, wish) => self.wish(run, wish),
            Coming::Core(event) => self.tell(event),
            Coming::Ends(attempt) => self.ends(&attempt),
            Coming::ChildEnds(run) => self.child_ends(run),
            Coming::ChildLate(run) => self.child_late(run),
        }
    }

    fn submit(&mut self, run: RunId) {
        let life = &self.lives[&run];
        let submitted = &life.submitted;
        let submission = Submission {
            run,
            tenant: life.tenant.clone(),
            principal: submitted.principal.clone(),
            graph: Arc::clone(&self.graphs[&submitted.graph]),
            document: submitted.document.clone(),
            inputs: submitted.inputs.clone(),
            priority: Some(submitted.priority),
            deadline: life.deadline(),
            budget: submitted.budget,
            strict: submitted.strict,
            key: None,
            origin: submitted.origin.clone(),
            concurrency: submitted.concurrency.clone(),
            parent: None,
        };
        self.ways.insert(run, Way::of(life));
        if self.told(Event::RunSubmitted(Box::new(submission))) {
            self.cue(run, &Cue::Submitted);
        } else if let Some(course) = self.played.courses.get_mut(&run) {
            course.refused = true;
        }
    }

    fn tell(&mut self, event: Event) {
        if !self.told(event) {
            self.played.made_up.lost += 1;
        }
    }

    /// Tells the core, does what it wants, and answers its questions, until it has none. False if it refused.
    fn told(&mut self, event: Event) -> bool {
        let taken = self.handle(event);
        while let Some(event) = self.inbox.pop_front() {
            if !self.handle(event) {
                self.played.made_up.lost += 1;
            }
        }
        taken
    }

    fn handle(&mut self, event: Event) -> bool {
        let before = (self.clock)();
        let handled = self.core.handle(self.now, event);
        self.played.costs.push((self.clock)().saturating_sub(before));
        loop {
            let last = self.core.last_seq();
            while let Some(action) = self.core.poll_action() {
                match action {
                    Action { deed: Deed::Append(entry), .. } => self.recorded(entry),
                    Action { after: Some(after), .. } if after > self.durable => self.gated.push(action),
                    Action { deed, .. } => self.perform(deed),
                }
            }
            if last <= self.durable {
                return handled.is_ok();
            }
            self.durable = last;
            let ready = std::mem::take(&mut self.gated);
            ready.into_iter().for_each(|action| self.perform(action.deed));
            let durable = self.core.handle(self.now, Event::Durable(last));
            debug_assert!(durable.is_ok(), "never refused");
        }
    }

    fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Dispatch(dispatch) => self.dispatch(*dispatch),
            Deed::Evaluate(asked) => self.evaluate(&asked),
            Deed::LookUp(asked) => {
                let found = self.found(&asked.key, asked.run, &asked.path).map(Box::new);
                let event = Event::LookedUp { run: asked.run, path: asked.path, number: asked.number, found };
                self.inbox.push_back(event);
            }
            Deed::Keep(keep) => {
                self.kept.insert(format!("{:?}", keep.key), keep.copy);
                self.inbox.push_back(Event::Kept(keep.key));
            }
            Deed::CancelAttempt(attempt) => self.cancel(&attempt),
            Deed::Answer(answer) => self.answered(*answer),
            Deed::Close { run, spent, .. } => self.closed(run, spent),
            Deed::Append(_) | Deed::Publish { .. } => {}
        }
    }

    /// What was kept meanwhile; or by a run that is not played again, if the task took it.
    fn found(&self, key: &Arc<CacheKey>, run: RunId, path: &agendum_types::TaskPath) -> Option<CachedCopy> {
        if let Some(copy) = self.kept.get(&format!("{key:?}")) {
            return Some(copy.clone());
        }
        let cached = self.lives[&run].cached.get(path)?;
        let target = self.targets.iter().find(|target| target.name == cached.target)?;
        (!self.lives.contains_key(&cached.from)).then(|| CachedCopy {
            output: (*cached.output).clone(),
            at: cached.kept,
            target: Arc::clone(&cached.target),
            digest: target.digest,
            run: cached.from,
            cost: cached.saved,
        })
    }

    fn answered(&mut self, answer: Answer) {
        let at = answer.at;
        if let Some(course) = self.played.courses.get_mut(&answer.run) {
            course.answered = Some((at.since(self.lives[&answer.run].at), answer.status));
        } else if let Some(kid) = self.kids.get_mut(&answer.run) {
            kid.answer = Some(answer);
        }
    }

    /// The run that all this is done for.
    fn root(&self, mut run: RunId) -> RunId {
        while let Some(kid) = self.kids.get(&run) {
            run = kid.attempt.run;
        }
        run
    }

    fn over(mut self) -> Played {
        self.played.hash = Hash(*self.hasher.finalize().as_bytes());
        self.played.bars = self.chart.bars(self.now);
        self.played
    }
}
