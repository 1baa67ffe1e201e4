//! One seed, played: a driver in virtual time that performs what the core wants, late, badly, or not at all.

mod adds;
mod again;
mod ahead;
mod answers;
mod cache;
mod child;
mod disk;
mod fleet;
mod gather;
mod journal;
mod life;
mod money;
mod people;
mod planned;
mod secrets;
mod soft;
mod watermark;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use agendum_core::{Action, Deed, Entry, Event, Keep, LookUp, Record, Rejected, Scheduler, Submission};
use agendum_spec::NormalDocument;
use agendum_types::{
    AttemptId, Class, Duration, Failure, Graph, Hash, Incarnation, Labels, Limits, Outcome, Partition, PayloadRef,
    Plan, Policy, Pool, Principal, RunId, Seq, Target, TaskPath, Timestamp, Windows,
};
use serde_json::Value as Json;

use crate::chance::Chance;
use crate::check::Checker;
use crate::oracle::Reference;
use crate::trace;
pub(crate) use cache::TENANTS;
pub(crate) use fleet::{GUARDED, POOLS, UNITS_MAX};
pub use journal::{Journal, journal};
pub use life::cut_everywhere;
pub(crate) use people::NAMES;
pub(crate) use secrets::{holds, repeats};

use answers::payload;
use life::Kept;

/// Events of a seed at most; a run that needs more does not end.
const STEPS_MAX: u64 = 2_000_000;

/// How bad the world is, in percent.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Attempts that fail.
    pub failing: u64,
    /// Attempts that take very long.
    pub slow: u64,
    /// Evaluations that fail.
    pub evaluations: u64,
    /// Times that the process dies or is stopped.
    pub crashes: u32,
    /// Callers change their minds, the fleet changes, credits are few.
    pub unrest: bool,
}

/// What a seed showed.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Events handled by the core.
    pub events: u64,
    /// Runs that were accepted and not lost before their submission was durable.
    pub runs: u64,
    /// Crashes and stops survived.
    pub crashes: u32,
    /// Everything that the core wanted, in order, as text.
    pub trace: String,
    /// Promises that were broken.
    pub violations: Vec<String>,
    /// What was decided, by kind.
    pub kinds: BTreeSet<&'static str>,
    /// How runs were answered: succeeded, failed, cancelled.
    pub answers: [u64; 3],
}

pub use planned::Planned;
use planned::{group, key};

/// Plays graphs from a seed, each run once, until everything has ended.
#[must_use]
pub fn play(seed: u64, planned: &[Planned], faults: Faults) -> Played {
    let mut world = World::new(seed, faults);
    for planned in planned {
        world.submit(planned);
    }
    world.until_rest();
    world.finish();
    world.played
}

/// Plays a seed and writes its journal, a line for each record.
#[must_use]
pub fn show(seed: u64, planned: &[Planned], faults: Faults) -> String {
    let mut world = World::new(seed, faults);
    for planned in planned {
        world.submit(planned);
    }
    world.until_rest();
    let mut text = String::new();
    for entry in &world.journal {
        let run = entry.record.run();
        let line = match run.and_then(|run| world.runs.get(&run)) {
            Some(graph) => agendum_wire::v1::event(graph, entry).and_then(|event| serde_json::to_string(&event).ok()),
            None => None,
        };
        let line = line.unwrap_or_else(|| format!("{:?}", entry.record));
        text.push_str(&format!("{} {} {line}\n", entry.seq, run.map_or_else(|| "-".to_owned(), |run| run.to_string())));
    }
    text
}

/// Something that will happen.
enum Coming {
    Core(Event),
    /// The disk has everything up to here.
    Synced(Seq),
    Submit(Planned),
    /// An attempt has written some tasks of its plan.
    Piece(AttemptId, Json),
    /// A caller says so.
    Told(Event),
    /// Tasks join a run, if it still takes them.
    Add(RunId, Arc<Graph>),
    /// A run that is over is run again.
    Again(RunId),
    /// The store of kept results answers.
    Look(Box<LookUp>),
    Keep(Box<Keep>),
    Crash,
}

struct World {
    chance: Chance,
    faults: Faults,
    outage: Option<fleet::Outage>,
    core: Scheduler,
    limits: Limits,
    now: Timestamp,
    incarnation: Incarnation,
    journal: Vec<Entry>,
    durable: Seq,
    gated: Vec<Action>,
    queue: BinaryHeap<Reverse<(Timestamp, u64)>>,
    coming: BTreeMap<u64, (Incarnation, Coming)>,
    count: u64,
    graphs: BTreeMap<Hash, Arc<Graph>>,
    runs: BTreeMap<RunId, Arc<Graph>>,
    /// The document of each graph that was made of one, and the dice of what is added to it.
    documents: BTreeMap<Hash, NormalDocument>,
    planners: Chance,
    flying: BTreeMap<AttemptId, u64>,
    /// Runs that stand for what tasks of others wait for: by run and task.
    inside: BTreeMap<(RunId, Arc<str>), RunId>,
    /// All targets that there ever were.
    fleet: Vec<Target>,
    targets: Vec<Target>,
    pools: Vec<Pool>,
    windows: Windows,
    policy: Arc<Policy>,
    /// What was published besides, and until when; told anew in each life, also where that is over.
    plan: Option<(Arc<Plan>, Timestamp)>,
    results: cache::Kept,
    checker: Checker,
    soft: soft::Soft,
    reference: Reference,
    /// The reference as it was after records that a crash may go back to.
    kept: Vec<Kept>,
    keeps_all: bool,
    /// The dice of those who pay, and what they were asked for.
    payers: Chance,
    /// The dice of who tells a secret.
    tellers: Chance,
    pleas: BTreeSet<(RunId, String, Timestamp)>,
    billed: Vec<money::Billed>,
    /// Some seeds write plans piece by piece, by dice of their own; and what the last attempt of a task has written.
    streams: bool,
    streamers: Chance,
    written: BTreeMap<(RunId, TaskPath), Json>,
    /// Runs that are over are run again, in some seeds.
    takes_over: bool,
    /// What live handling had after each event that made records.
    digests: BTreeMap<Seq, u64>,
    played: Played,
}

impl World {
    fn new(seed: u64, faults: Faults) -> Self {
        let mut chance = Chance::new(seed);
        let limits = Limits { clock_jump_max: Duration::secs(86_400), ..fleet::limits(&mut chance, faults.unrest) };
        let mut targets = fleet::targets(&mut chance);
        // Money has dice of its own: what else a seed plays does not hang on it.
        let mut dice = Chance::new(seed ^ 0x6D6F_6E65);
        let (windows, start) = fleet::money(&mut dice, &mut targets);
        let mut rulers = Chance::new(seed ^ 0x7275_6C65_7273);
        fleet::rates(&mut rulers, &mut targets);
        fleet::starts(seed, &mut targets);
        targets.push(Target::of_children());
        let mut wardens = Chance::new(seed ^ 0x706F_6F6C);
        let mut world = Self {
            chance,
            faults,
            outage: fleet::Outage::of(seed, start, &mut targets).filter(|_| faults.unrest),
            core: Scheduler::new(limits.clone()),
            reference: Reference::new(limits.clone()),
            limits,
            now: start,
            incarnation: Incarnation(0),
            journal: Vec::new(),
            durable: Seq(0),
            gated: Vec::new(),
            queue: BinaryHeap::new(),
            coming: BTreeMap::new(),
            count: 0,
            graphs: BTreeMap::new(),
            runs: BTreeMap::new(),
            documents: BTreeMap::new(),
            planners: Chance::new(seed ^ 0x706C_616E),
            flying: BTreeMap::new(),
            inside: BTreeMap::new(),
            fleet: targets.clone(),
            targets,
            pools: if faults.unrest { fleet::pools(&mut wardens) } else { fleet::all_pools() },
            windows,
            policy: Arc::new(fleet::policy(seed, &mut rulers)),
            plan: None,
            results: cache::Kept::new(seed),
            checker: Checker::new(windows),
            soft: soft::Soft::of(seed, faults),
            kept: Vec::new(),
            keeps_all: false,
            payers: Chance::new(seed ^ 0x7061_7965_7273),
            tellers: Chance::new(seed ^ 0x7365_6372),
            pleas: BTreeSet::new(),
            billed: Vec::new(),
            streams: !seed.is_multiple_of(4),
            streamers: Chance::new(seed ^ 0x0061_6865_6164),
            written: BTreeMap::new(),
            // Of the seeds whose plans come piece by piece one in four.
            takes_over: seed % 7 == 4 || seed % 28 == 23,
            digests: BTreeMap::new(),
            played: Played::default(),
        };
        world.open();
        if faults.unrest {
            world.restless(&mut rulers, &mut wardens);
        }
        for _ in 0..faults.crashes {
            let span = world.chance.below(3_000_000);
            world.at(span, Coming::Crash);
        }
        world
    }

    fn submit(&mut self, planned: &Planned) {
        let span = self.chance.below(1_000_000);
        self.at(span, Coming::Submit(planned.clone()));
    }

    /// The outside does not die with the process: what it will do is not tied to an incarnation.
    fn at(&mut self, micros: u64, coming: Coming) -> u64 {
        self.count += 1;
        self.queue.push(Reverse((self.now.after(Duration(micros)), self.count)));
        self.coming.insert(self.count, (self.incarnation, coming));
        self.count
    }

    fn until_rest(&mut self) {
        loop {
            let timer = self.core.poll_timeout().map(|(at, _)| at.max(self.now));
            let next = self.queue.peek().map(|Reverse((at, _))| *at);
            match (timer, next) {
                // What waits for a target that has gone waits until it is back.
                (None, None) if self.core.snapshot(self.now).queued > 0 && self.targets.len() < self.fleet.len() => {
                    self.targets.clone_from(&self.fleet);
                    self.tell(Event::TargetsPublished(self.targets.clone()));
                }
                // And what waits for units that there are not, be it behind the money of a window, until there are.
                (None, None) if self.core.snapshot(self.now).runs > 0 && self.pools != fleet::all_pools() => {
                    self.pools = fleet::all_pools();
                    self.tell(Event::PoolsPublished(self.pools.clone()));
                }
                (None, None) => return,
                (Some(at), next) if next.is_none_or(|next| at <= next) => {
                    self.wakes(at);
                }
                _ => self.next(),
            }
            if self.played.events > STEPS_MAX {
                self.broken(format!("not at rest after {STEPS_MAX} events"));
                return;
            }
        }
    }

    fn next(&mut self) {
        let Some(Reverse((at, number))) = self.queue.pop() else { return };
        self.now = self.now.max(at);
        let Some((incarnation, coming)) = self.coming.remove(&number) else { return };
        let current = incarnation == self.incarnation;
        match coming {
            Coming::Core(event) if current => {
                if let Event::AttemptFinished { attempt, outcome } | Event::ChildEnded { attempt, outcome, .. } = &event
                {
                    self.flying.remove(attempt);
                    self.checker.finished(attempt, outcome);
                    self.checker.computes_no_more(attempt.run, &attempt.path);
                    self.told_with_more(event);
                } else {
                    self.tell(event);
                }
            }
            Coming::Synced(seq) if current => self.synced(seq),
            Coming::Piece(attempt, tasks) if current => self.piece(attempt, &tasks),
            Coming::Core(_) | Coming::Synced(_) | Coming::Piece(..) => {}
            Coming::Submit(planned) => self.submitted(&planned),
            Coming::Told(event) => {
                self.keeps(&event);
                self.tell(event);
            }
            Coming::Add(run, graph) => {
                self.graphs.insert(graph.hash, Arc::clone(&graph));
                self.tell(Event::TasksAdded { run, graph, document: payload(1) });
            }
            Coming::Again(run) => self.again(run),
            Coming::Look(asked) => self.looked(current, *asked),
            Coming::Keep(keep) => self.stored(current, *keep),
            // Now and then the process is stopped and does not die.
            Coming::Crash if self.chance.clone().hits(30) => self.stop(),
            Coming::Crash => self.crash(),
        }
    }

    fn submitted(&mut self, planned: &Planned) {
        let graph = &planned.graph;
        let run = RunId::compose(self.now, Partition(1), u128::from(self.chance.number()));
        self.grew(run, graph);
        let documents = planned.documents.iter().map(|accepted| (accepted.graph.hash, accepted.document.clone()));
        self.documents.extend(documents);
        let tenant = self.tenant();
        let labels = if self.chance.hits(15) { Labels::new([GUARDED]) } else { Labels::NONE };
        let submission = Submission {
            run,
            tenant,
            principal: Principal::new("sim"),
            graph: Arc::clone(graph),
            document: payload(1),
            inputs: self.entrusted(PayloadRef { labels, ..payload(2) }, graph),
            priority: None,
            deadline: None,
            budget: None,
            strict: self.chance.hits(20),
            origin: None,
            concurrency: group(graph),
            parent: None,
            key: self.chance.hits(40).then(|| key(self.chance.of(&["one", "two"]))),
        };
        if self.faults.unrest {
            self.wishes(run);
        }
        if let Some(grown) = &planned.grown {
            let span = self.chance.below(400_000);
            self.at(span, Coming::Add(run, Arc::clone(grown)));
        }
        self.sent_early(run, graph);
        self.raised_early(run, graph);
        self.tell(Event::RunSubmitted(Box::new(submission)));
    }

    fn tell(&mut self, event: Event) {
        self.played.events += 1;
        self.reference.hear(self.now, &event);
        // A refusal changes nothing; a run that was refused has no record and is not checked.
        let refused = self.core.handle(self.now, event).err();
        let actions: Vec<Action> = std::iter::from_fn(|| self.core.poll_action()).collect();
        self.judge(&actions, refused.as_ref());
        for action in actions {
            trace::write(&action, &mut self.played.trace);
            match action.deed {
                Deed::Append(entry) => {
                    self.joined(&entry.record);
                    self.checker.recorded(&entry);
                    let graph = entry.record.run().and_then(|run| self.runs.get(&run));
                    self.checker.spends(&entry, graph);
                    self.checker.asks(&entry);
                    self.checker.copies(&entry, graph.map(|graph| &**graph));
                    let (seq, span) =
                        (entry.seq, 50 + self.chance.below(if self.chance.clone().hits(5) { 50_000 } else { 500 }));
                    self.waits_for_people(&entry);
                    self.journal.push(entry);
                    self.at(span, Coming::Synced(seq));
                }
                _ if action.after.is_some_and(|after| after > self.durable) => self.gated.push(action),
                deed @ (Deed::Evaluate(_)
                | Deed::LookUp(_)
                | Deed::Keep(_)
                | Deed::Dispatch(_)
                | Deed::CancelAttempt(_)
                | Deed::Publish { .. }
                | Deed::Answer(_)
                | Deed::Close { .. }) => self.perform(deed),
            }
        }
        self.asked_for_money();
        self.takes_checkpoint(false);
    }

    /// Does the core do what the reference would? Only the first difference counts: what follows on it is no news.
    fn judge(&mut self, actions: &[Action], refused: Option<&Rejected>) {
        if self.keeps_all && actions.iter().any(|action| matches!(action.deed, Deed::Append(_))) {
            self.digests.insert(self.core.last_seq(), self.core.digest());
        }
        if !self.played.violations.is_empty() {
            return;
        }
        let (kept, may_go_back) = (&mut self.kept, self.keeps_all || self.faults.crashes > 0);
        let judged = self.reference.judge(actions, refused, &self.core, |seq, reference| {
            if may_go_back {
                kept.push(Kept { seq, reference: reference.clone() });
            }
        });
        if let Err(error) = judged {
            self.broken(format!("at {}: {error}", self.now.0));
        }
    }

    fn broken(&mut self, what: String) {
        self.played.violations.push(what);
    }

    fn perform(&mut self, deed: Deed) {
        self.survives(&deed);
        match deed {
            Deed::Append(_) => {}
            Deed::Evaluate(asked) => {
                let span = 5 + self.chance.below(200);
                let event = self.evaluated(*asked);
                self.at(span, Coming::Core(event));
            }
            Deed::Dispatch(dispatch) => self.dispatch(*dispatch),
            Deed::LookUp(asked) => self.look_up(asked),
            Deed::Keep(keep) => self.keep(keep),
            Deed::CancelAttempt(attempt) => {
                self.checker.computes_no_more(attempt.run, &attempt.path);
                let waits =
                    |action: &Action| matches!(&action.deed, Deed::Dispatch(dispatch) if dispatch.attempt == attempt);
                if let Some(place) = self.gated.iter().position(waits) {
                    // It waits for its record: it has not left, and never will.
                    self.gated.remove(place);
                    let outcome = Outcome::Failed(Failure::new(Class::Cancelled, "not started").without_effect());
                    self.at(1, Coming::Core(Event::AttemptFinished { attempt, outcome }));
                } else if let Some(number) = self.flying.remove(&attempt) {
                    self.coming.remove(&number);
                    let outcome = Outcome::Failed(Failure::new(Class::Cancelled, "told to stop"));
                    let span = self.chance.below(1_000);
                    let event = self.stopped(attempt, outcome);
                    self.at(span, Coming::Core(event));
                }
            }
            Deed::Publish { .. } => {}
            Deed::Close { run, spent, .. } => {
                self.checker.closed(run, spent);
                if self.faults.unrest && self.takes_over && self.chance.hits(60) {
                    let span = self.chance.below(100_000);
                    self.at(span, Coming::Again(run));
                }
                self.left(run, "the end", |record| matches!(record, Record::Done { .. }));
            }
            Deed::Answer(answer) => self.left(answer.run, "the answer", |record| matches!(record, Record::Answered(_))),
        }
    }

    fn left(&mut self, run: RunId, what: &str, says: impl Fn(&Record) -> bool) {
        self.checker.outside(run, &self.journal, self.durable, what, says);
    }
}
