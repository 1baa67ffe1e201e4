//! What the core costs, alone: events per second with many live runs, and bytes of what it holds.

#![expect(clippy::disallowed_types, reason = "it measures on the wall clock")]

mod learned;
mod ready;
mod waiting;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use agendum_core::{Action, Deed, Evaluation, Event, FORESEEN_MAX, Scheduler, Submission};
use agendum_spec::{NoFiles, Source};
use agendum_types::{
    Capability, Duration, Graph, Hash, Incarnation, Labels, Limits, MediaType, Outcome, Partition, PayloadRef,
    Principal, RunId, Seq, Success, Target, Tenant, Timestamp, Usage,
};

pub use learned::learned;
pub use ready::ready;
pub use waiting::waiting;

const DOCUMENT: &str = "
version: 1
name: steps
tasks:
  t0: { uses: chat, with: { prompt: a } }
  t1: { needs: [t0], uses: chat, with: { prompt: a } }
  t2: { needs: [t0], uses: chat, with: { prompt: a } }
  t3: { needs: [t1, t2], uses: chat, with: { prompt: a } }
  t4: { needs: [t3], uses: chat, with: { prompt: a } }
";

const PARKED: &str = "
version: 1
name: parked
tasks:
  later: { delay: 720h, uses: chat, with: { prompt: a } }
";

/// Live runs while the clock is on: as many as the aim names, and so few that the processor's caches hold them.
pub const RUNS: [u64; 2] = [100_000, 1_000];
/// Runs that wait for a time far away.
const PARKED_RUNS: u64 = 1_000_000;

/// Runs the measurement and says what came of it.
///
/// # Panics
///
/// If the core breaks its contract.
#[must_use]
pub fn run(runs: u64) -> String {
    let graph = graph(DOCUMENT);
    let before = resident();
    let mut world = World::new();
    let mut report = String::new();
    for number in 0..runs {
        world.submit(world.submission(&graph, number));
    }
    let held = resident().saturating_sub(before);
    let began = (Instant::now(), cpu(), world.events);
    // Every live run goes one step further, in turn, and a new run takes the place of one that ends.
    let mut number = runs;
    while world.events - began.2 < 3_000_000 {
        if !world.step() {
            break;
        }
        while world.live < runs {
            world.submit(world.submission(&graph, number));
            number += 1;
        }
    }
    let (events, wall, used) = (world.events - began.2, began.0.elapsed().as_secs_f64(), cpu() - began.1);
    let _ = writeln!(
        report,
        "core: {:.0} events/s with {runs} live runs of 5 tasks ({events} events in {wall:.2} s, {:.0} ns of CPU each)",
        events as f64 / wall,
        used / events as f64 * 1e9
    );
    let _ = write!(report, "mix: per run 1 submission, 5 outcomes, 1 output; `Durable` every 256 records");
    // So few runs that they fit into what the process holds anyway say nothing of their size.
    if held >> 20 > 0 {
        let _ = write!(
            report,
            "\nmemory: {:.0} bytes per live run with its 5 tasks (resident, {} MiB in all, driver's queue of attempts included)",
            held as f64 / runs as f64,
            held >> 20
        );
    }
    report
}

/// What runs that wait for a time far away cost: one task each.
#[must_use]
pub fn parked() -> String {
    let graph = graph(PARKED);
    let before = resident();
    let (mut world, began) = (World::new(), Instant::now());
    for number in 0..PARKED_RUNS {
        world.submit(world.submission(&graph, number));
    }
    let held = resident().saturating_sub(before);
    format!(
        "parked: {PARKED_RUNS} runs of one task each wait for a time: {:.0} bytes each (resident, {} MiB in all), submitted in {:.2} s",
        held as f64 / PARKED_RUNS as f64,
        held >> 20,
        began.elapsed().as_secs_f64()
    )
}

struct World {
    core: Scheduler,
    now: Timestamp,
    events: u64,
    live: u64,
    unsynced: Option<Seq>,
    gathered: u32,
    gated: Vec<Action>,
    flying: std::collections::VecDeque<Event>,
    /// Of each attempt.
    usage: Usage,
}

impl World {
    fn new() -> Self {
        let limits =
            Limits { live_runs_max: u32::MAX, live_tasks_max: u32::MAX, attempt_credits: u32::MAX, ..Limits::STANDARD };
        let mut world = Self {
            core: Scheduler::new(limits),
            now: Timestamp(1),
            events: 0,
            live: 0,
            unsynced: None,
            gathered: 0,
            gated: Vec::new(),
            flying: std::collections::VecDeque::new(),
            usage: Usage::default(),
        };
        world.tell(Event::Opened {
            incarnation: Incarnation(1),
            last: Seq(0),
            at: Timestamp(0),
            crashed: false,
            seed: 1,
        });
        world.tell(Event::TargetsPublished(vec![target()]));
        world
    }

    fn submission(&self, graph: &Arc<Graph>, number: u64) -> Submission {
        Submission {
            run: RunId::compose(self.now, Partition(0), u128::from(number)),
            tenant: Tenant::default(),
            principal: Principal::new("bench"),
            graph: Arc::clone(graph),
            document: payload(),
            inputs: payload(),
            priority: None,
            deadline: None,
            budget: None,
            strict: false,
            key: None,
            origin: None,
            concurrency: None,
            parent: None,
        }
    }

    fn submit(&mut self, submission: Submission) {
        self.live += 1;
        self.tell(Event::RunSubmitted(Box::new(submission)));
    }

    /// Takes the next events together, as a driver does that finds several in its inbox.
    fn step(&mut self) -> bool {
        let next: Vec<Event> = self.flying.drain(..self.flying.len().min(FORESEEN_MAX)).collect();
        self.core.foresee(next.iter().filter_map(Event::step));
        let is_some = !next.is_empty();
        for event in next {
            self.tell(event);
        }
        is_some
    }

    fn tell(&mut self, event: Event) {
        self.now = self.now.after(Duration(1));
        self.events += 1;
        self.core.handle(self.now, event).expect("nothing is refused here");
        while let Some(action) = self.core.poll_action() {
            self.perform(action);
        }
        if self.gathered >= 256 {
            self.sync();
        }
    }

    /// All that was recorded is durable.
    fn sync(&mut self) {
        if let Some(seq) = self.unsynced.take() {
            self.gathered = 0;
            self.events += 1;
            self.core.handle(self.now, Event::Durable(seq)).expect("never refused");
            for action in std::mem::take(&mut self.gated) {
                self.deed(action.deed);
            }
            while let Some(action) = self.core.poll_action() {
                self.perform(action);
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action.deed {
            Deed::Append(entry) => {
                self.unsynced = Some(entry.seq);
                self.gathered += 1;
            }
            _ if action.after.is_some() => self.gated.push(action),
            deed @ (Deed::Evaluate(_)
            | Deed::LookUp(_)
            | Deed::Keep(_)
            | Deed::Dispatch(_)
            | Deed::CancelAttempt(_)
            | Deed::Publish { .. }
            | Deed::Answer(_)
            | Deed::Close { .. }) => self.deed(deed),
        }
    }

    fn deed(&mut self, deed: Deed) {
        match deed {
            Deed::Dispatch(dispatch) => {
                let outcome = Outcome::Succeeded(Success { output: payload(), usage: self.usage, raw_usage: None });
                self.flying.push_back(Event::AttemptFinished { attempt: dispatch.attempt, outcome });
            }
            Deed::Evaluate(asked) => {
                let result = Ok(Evaluation { payload: Some(payload()), ..Evaluation::default() });
                self.flying.push_back(Event::Evaluated { run: asked.run, path: asked.path, step: asked.step, result });
            }
            Deed::Close { .. } => self.live -= 1,
            Deed::Append(_)
            | Deed::LookUp(_)
            | Deed::Keep(_)
            | Deed::CancelAttempt(_)
            | Deed::Publish { .. }
            | Deed::Answer(_) => {}
        }
    }
}

fn graph(text: &str) -> Arc<Graph> {
    let checked = agendum_spec::check(Source { name: "bench", text }, &NoFiles, &Limits::STANDARD);
    Arc::clone(&checked.runnable().expect("a constant document").graph)
}

fn payload() -> PayloadRef {
    PayloadRef { hash: Hash([1; 32]), size: 2, media: MediaType::Json, labels: Labels::NONE }
}

fn target() -> Target {
    Target::free("t", Capability::Chat, u32::MAX)
}

/// Resident bytes of this process; 0 where there is no `/proc`.
#[must_use]
pub fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

/// CPU seconds of this process; 0 where there is no `/proc`.
#[must_use]
pub fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit(") ").next().unwrap_or_default().to_owned();
    let ticks =
        |place: usize| after.split_whitespace().nth(place).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
