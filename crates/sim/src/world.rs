//! One seed, played: a driver in virtual time that performs what the core wants, late, badly, or not at all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use agendum_core::{
    Action, Change, Deed, Dispatch, Entry, Evaluate, Evaluation, Event, Make, Purpose, Record, Scheduler, Submission,
};
use agendum_types::outcome::Price;
use agendum_types::{
    AttemptId, Capability, Class, Duration, Effect, Failure, Graph, Hash, Incarnation, Labels, Limits, MediaType,
    Money, Outcome, Partition, PayloadRef, Principal, RunId, Seq, Success, Target, Tenant, Timestamp, Usage,
};
use rustc_hash::FxHasher;

use crate::chance::Chance;
use crate::check::Checker;

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
    /// Times that the process dies.
    pub crashes: u32,
}

/// What a seed showed.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Events handled by the core.
    pub events: u64,
    /// Runs that were accepted and not lost before their submission was durable.
    pub runs: u64,
    /// Crashes survived.
    pub crashes: u32,
    /// A hash of everything the core wanted, in order.
    pub trace: u64,
    /// Promises that were broken.
    pub violations: Vec<String>,
    /// How runs were answered: succeeded, failed, cancelled.
    pub answers: [u64; 3],
}

/// Plays graphs from a seed, each run once, until everything has ended.
#[must_use]
pub fn play(seed: u64, graphs: &[Arc<Graph>], faults: Faults) -> Played {
    let mut world = World::new(seed, faults);
    for graph in graphs {
        world.submit(graph);
    }
    world.until_rest();
    world.finish()
}

/// Plays a seed and writes its journal, a line for each record.
#[must_use]
pub fn show(seed: u64, graphs: &[Arc<Graph>], faults: Faults) -> String {
    let mut world = World::new(seed, faults);
    for graph in graphs {
        world.submit(graph);
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
    Submit(Arc<Graph>),
    Cancel(RunId),
    Crash,
}

struct World {
    chance: Chance,
    faults: Faults,
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
    flying: BTreeMap<AttemptId, u64>,
    trace: FxHasher,
    checker: Checker,
    played: Played,
}

impl World {
    fn new(seed: u64, faults: Faults) -> Self {
        let limits = Limits { clock_jump_max: Duration::secs(86_400), ..Limits::STANDARD };
        let mut world = Self {
            chance: Chance::new(seed),
            faults,
            core: Scheduler::new(limits.clone()),
            limits,
            now: Timestamp(1_000_000),
            incarnation: Incarnation(0),
            journal: Vec::new(),
            durable: Seq(0),
            gated: Vec::new(),
            queue: BinaryHeap::new(),
            coming: BTreeMap::new(),
            count: 0,
            graphs: BTreeMap::new(),
            runs: BTreeMap::new(),
            flying: BTreeMap::new(),
            trace: FxHasher::default(),
            checker: Checker::default(),
            played: Played::default(),
        };
        world.open();
        for _ in 0..faults.crashes {
            let span = world.chance.below(3_000_000);
            world.at(span, Coming::Crash);
        }
        world
    }

    fn submit(&mut self, graph: &Arc<Graph>) {
        let span = self.chance.below(1_000_000);
        self.at(span, Coming::Submit(Arc::clone(graph)));
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
                (None, None) => return,
                (Some(at), next) if next.is_none_or(|next| at <= next) => {
                    self.now = at;
                    self.tell(Event::TimeReached);
                }
                _ => self.next(),
            }
            if self.played.events > STEPS_MAX {
                self.played.violations.push(format!("not at rest after {STEPS_MAX} events"));
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
                if let Event::AttemptFinished { attempt, outcome } = &event {
                    self.flying.remove(attempt);
                    self.checker.finished(attempt, outcome);
                }
                self.tell(event);
            }
            Coming::Synced(seq) if current => self.synced(seq),
            Coming::Core(_) | Coming::Synced(_) => {}
            Coming::Submit(graph) => self.submitted(&graph),
            Coming::Cancel(run) => self.tell(Event::CancelRequested(run)),
            Coming::Crash => self.crash(),
        }
    }

    fn submitted(&mut self, graph: &Arc<Graph>) {
        let run = RunId::compose(self.now, Partition(1), u128::from(self.chance.number()));
        self.graphs.insert(graph.hash, Arc::clone(graph));
        self.runs.insert(run, Arc::clone(graph));
        let submission = Submission {
            run,
            tenant: Tenant::default(),
            principal: Principal::new("sim"),
            graph: Arc::clone(graph),
            document: payload(1),
            inputs: payload(2),
            priority: None,
            deadline: None,
            budget: None,
            strict: self.chance.hits(20),
        };
        if self.chance.hits(10) {
            let span = self.chance.below(2_000_000);
            self.at(span, Coming::Cancel(run));
        }
        self.tell(Event::RunSubmitted(Box::new(submission)));
    }

    fn tell(&mut self, event: Event) {
        self.played.events += 1;
        // A refusal changes nothing; a run that was refused has no record and is not checked.
        let _refused = self.core.handle(self.now, event);
        while let Some(action) = self.core.poll_action() {
            let seen = (action.after, &action.deed);
            format!("{seen:?}").hash(&mut self.trace);
            match action.deed {
                Deed::Append(entry) => {
                    let (seq, span) =
                        (entry.seq, 50 + self.chance.below(if self.chance.clone().hits(5) { 50_000 } else { 500 }));
                    self.checker.record(&entry);
                    self.journal.push(entry);
                    self.at(span, Coming::Synced(seq));
                }
                _ if action.after.is_some_and(|after| after > self.durable) => self.gated.push(action),
                deed @ (Deed::Evaluate(_)
                | Deed::Dispatch(_)
                | Deed::CancelAttempt(_)
                | Deed::Publish { .. }
                | Deed::Answer(_)
                | Deed::Close { .. }) => self.perform(deed),
            }
        }
    }

    fn synced(&mut self, seq: Seq) {
        if seq <= self.durable {
            return;
        }
        self.durable = seq;
        let (ready, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.gated)
            .into_iter()
            .partition(|action| action.after.is_none_or(|after| after <= seq));
        self.gated = later;
        for action in ready {
            self.perform(action.deed);
        }
        self.tell(Event::Durable(seq));
    }

    fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Append(_) => {}
            Deed::Evaluate(asked) => {
                let span = 5 + self.chance.below(200);
                let event = self.evaluated(*asked);
                self.at(span, Coming::Core(event));
            }
            Deed::Dispatch(dispatch) => self.dispatch(*dispatch),
            Deed::CancelAttempt(attempt) => {
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
                    self.at(span, Coming::Core(Event::AttemptFinished { attempt, outcome }));
                }
            }
            Deed::Publish { .. } => {}
            Deed::Close { run, .. } => self.left(run, "the end", |record| matches!(record, Record::Done { .. })),
            Deed::Answer(answer) => self.left(answer.run, "the answer", |record| matches!(record, Record::Answered(_))),
        }
    }

    fn left(&mut self, run: RunId, what: &str, says: impl Fn(&Record) -> bool) {
        self.checker.outside(run, &self.journal, self.durable, what, says);
    }

    fn dispatch(&mut self, dispatch: Dispatch) {
        self.checker.dispatched(&dispatch);
        if dispatch.effect != Effect::None {
            let attempt = dispatch.attempt.clone();
            self.left(attempt.run, "an attempt with an effect", |record| {
                matches!(record, Record::Task { path, change: Change::Dispatched(of), .. }
                    if *path == attempt.path && of.attempt == attempt.attempt && of.incarnation == attempt.incarnation)
            });
        }
        let mut span = 1_000 + self.chance.below(100_000);
        if self.chance.hits(self.faults.slow) {
            span *= 20;
        }
        let attempt_max = dispatch.timeouts.attempt.unwrap_or(Duration::MAX);
        let usage = Usage { tokens_in: 10, tokens_out: self.chance.below(40), calls: 1, ..Usage::default() };
        let outcome = if Duration(span) > attempt_max {
            span = attempt_max.0;
            Outcome::Failed(Failure { usage, ..Failure::new(Class::Timeout, "too late") })
        } else if self.chance.hits(self.faults.failing) {
            let class = self.chance.of(&[
                Class::Unavailable,
                Class::RateLimited,
                Class::Overloaded,
                Class::Permanent,
                Class::InvalidOutput,
            ]);
            let failure = Failure { usage, ..Failure::new(class, "as the seed says") };
            let proven = self.chance.hits(30) || class == Class::RateLimited;
            Outcome::Failed(if proven { failure.without_effect() } else { failure })
        } else {
            Outcome::Succeeded(Success { output: payload(self.chance.below(100)), usage })
        };
        let attempt = dispatch.attempt;
        let number = self.at(span, Coming::Core(Event::AttemptFinished { attempt: attempt.clone(), outcome }));
        self.flying.insert(attempt, number);
    }

    fn evaluated(&mut self, asked: Evaluate) -> Event {
        let mut evaluation = Evaluation::default();
        match &asked.make {
            Make::Values { exprs, .. } => {
                for (purpose, _) in exprs {
                    match purpose {
                        Purpose::Condition => evaluation.truth = Some(self.chance.hits(75)),
                        Purpose::NotBefore => evaluation.time = Some(self.now),
                        Purpose::Items => {
                            evaluation.count = Some(self.chance.below(6) as u32);
                            evaluation.payload = Some(payload(3));
                        }
                        Purpose::Input | Purpose::Output => evaluation.payload = Some(payload(self.chance.below(50))),
                        Purpose::FailIf => evaluation.truth = Some(self.chance.hits(15)),
                        Purpose::GoodIf => evaluation.good = Some(self.chance.hits(80)),
                        Purpose::Until => evaluation.truth = Some(self.chance.hits(40)),
                        Purpose::Same => evaluation.same = Some(Hash([self.chance.below(3) as u8; 32])),
                        Purpose::Score => evaluation.score = Some(self.chance.below(100) as i64),
                    }
                    if (*purpose, evaluation.truth) == (Purpose::Condition, Some(false)) {
                        break;
                    }
                }
            }
            Make::Merged(_) | Make::Object(_) | Make::List(_) | Make::Collected { .. } => {
                evaluation.payload = Some(payload(4))
            }
        }
        let result =
            if self.chance.hits(self.faults.evaluations) { Err(Arc::from("as the seed says")) } else { Ok(evaluation) };
        Event::Evaluated { run: asked.run, path: asked.path, step: asked.step, result }
    }

    /// The process dies. Of what was on its way to the disk a beginning may have arrived.
    fn crash(&mut self) {
        let live = self.core.digest();
        let restored = self.restored();
        if restored.digest() != live {
            self.played
                .violations
                .push(format!("applied records differ from live handling at record {}", self.core.last_seq()));
        }
        let unsynced = self.core.last_seq().0.saturating_sub(self.durable.0);
        let kept = Seq(self.durable.0 + self.chance.below(unsynced + 1));
        self.journal.retain(|entry| entry.seq <= kept);
        self.durable = kept;
        self.gated.clear();
        self.flying.clear();
        self.checker.crashed(&self.journal);
        self.played.crashes += 1;
        self.core = self.restored();
        let down = self.chance.below(2_000_000);
        self.now = self.now.after(Duration(down));
        self.open();
    }

    fn restored(&self) -> Scheduler {
        let mut core = Scheduler::new(self.limits.clone());
        for graph in self.graphs.values() {
            core.learn_graph(graph);
        }
        let done: Vec<RunId> = self
            .journal
            .iter()
            .filter_map(|entry| if let Record::Done { run } = entry.record { Some(run) } else { None })
            .collect();
        for entry in self.journal.iter().filter(|entry| entry.record.run().is_none_or(|run| !done.contains(&run))) {
            core.apply(entry);
        }
        core
    }

    fn open(&mut self) {
        self.incarnation.0 += 1;
        let seed = self.chance.number();
        let last = self.journal.last().map_or(Seq(0), |entry| entry.seq);
        self.tell(Event::Opened { incarnation: self.incarnation, last, seed });
        self.tell(Event::TargetsPublished(targets()));
    }

    fn finish(mut self) -> Played {
        let accepted: Vec<(RunId, Arc<Graph>)> = std::mem::take(&mut self.runs).into_iter().collect();
        for (run, graph) in accepted {
            let entries: Vec<Entry> =
                self.journal.iter().filter(|entry| entry.record.run() == Some(run)).cloned().collect();
            if entries.is_empty() {
                continue;
            }
            self.played.runs += 1;
            if let Some(place) = self.checker.ended(run, &graph, &entries) {
                self.played.answers[place] += 1;
            }
        }
        self.played.violations.append(&mut self.checker.violations);
        self.played.trace = self.trace.finish();
        self.played
    }
}

fn payload(byte: u64) -> PayloadRef {
    PayloadRef { hash: Hash([byte as u8; 32]), size: 10 + byte, media: MediaType::Json, labels: Labels::NONE }
}

/// Two models, of which the better costs more, and a tool.
fn targets() -> Vec<Target> {
    let target = |name: &str, capability, class: &str, concurrency_max, token: u64| Target {
        name: name.into(),
        capabilities: vec![capability],
        classes: if class.is_empty() { Vec::new() } else { vec![class.into()] },
        price: Price {
            token_in: Money(token),
            token_cached: Money(token),
            token_out: Money(4 * token),
            call: Money::ZERO,
        },
        concurrency_max,
        quota_group: None,
        clearance: Labels::NONE,
        effect: None,
        output_cap: 50,
        bytes_per_token_min: 1,
        expected: Duration::millis(50),
    };
    vec![
        target("small", Capability::Chat, "small", 4, 100_000),
        target("large", Capability::Chat, "large", 2, 1_000_000),
        target("tool", Capability::Exec, "", 3, 0),
    ]
}

/// True if repeating the attempt could repeat an effect.
pub(crate) const fn is_once(effect: Effect) -> bool {
    matches!(effect, Effect::Once)
}
