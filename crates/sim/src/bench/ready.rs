//! What a decision costs while very many tasks are ready and wait for few places.

use std::time::Instant;

use agendum_core::Event;
use agendum_types::graph::Priority;
use agendum_types::{Duration, Target, Tenant};

use super::{World, graph, target};

const DOCUMENT: &str = "
version: 1
name: ready
tasks:
  a: { uses: chat, with: { prompt: a } }
";

/// Tasks that wait, one of each run.
const READY: u64 = 100_000;
/// Places for them.
const PLACES: u32 = 64;
/// Who they belong to.
const TENANTS: u64 = 100;
/// Events of which each is measured.
const EVENTS: usize = 300_000;

/// What each event takes, from when it comes to when all that follows from it is known: an attempt ends and the next is sent, or a run comes to
/// replace the one that has gone.
#[must_use]
pub fn ready() -> String {
    let graph = graph(DOCUMENT);
    let mut world = World::new();
    world.tell(Event::TargetsPublished(vec![Target { concurrency_max: PLACES, ..target() }]));
    let mut number = 0;
    let mut comes = |world: &mut World| {
        let mut submission = world.submission(&graph, number);
        submission.tenant = Tenant::new(&format!("t{}", number % TENANTS));
        submission.priority = Some(Priority::ALL[(number % 3) as usize]);
        // Of half of them somebody says by when: later than anybody waits here, so that none is given up.
        submission.deadline = (number % 2 == 0).then(|| Duration::secs(86_400 + number % 1_000));
        number += 1;
        world.submit(submission);
    };
    while world.live < READY + u64::from(PLACES) {
        comes(&mut world);
    }
    let mut took = Vec::with_capacity(EVENTS);
    while took.len() < EVENTS {
        let began = Instant::now();
        if world.live < READY + u64::from(PLACES) {
            comes(&mut world);
        } else if let Some(event) = world.flying.pop_front() {
            world.tell(event);
        } else {
            world.sync();
        }
        took.push(began.elapsed().as_nanos());
    }
    took.sort_unstable();
    let at = |permille: usize| took[(took.len() * permille / 1_000).min(took.len() - 1)] as f64 / 1_000.0;
    format!(
        "ready: an event takes {:.1} µs in the median, {:.1} at p99, {:.1} at p99.9, {:.0} at most, \
         while {READY} tasks of {TENANTS} tenants in three bands are ready for {PLACES} places",
        at(500),
        at(990),
        at(999),
        at(1_000)
    )
}
