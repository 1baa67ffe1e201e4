//! `kill -9` at random moments, seen from outside: a client that keeps every acknowledgement, and a bank that keeps every request.
//!
//! What is wrong is found by comparing ledgers, never by looking inside. A seed repeats the choices of the client, of the bank and of
//! the moments; how the machine interleaves them it cannot repeat.

#![expect(clippy::print_stdout, reason = "what was compared, and the command that repeats it")]

mod bank;
mod chance;
mod clerk;
mod compare;
mod graphs;
pub(crate) mod http;
pub(crate) mod world;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use chance::Chance;
use compare::Told;
pub(crate) use compare::compare;
pub(crate) use world::World;

/// Rounds unless `AGENDUM_CRASH_ROUNDS` says otherwise; the seed of the first is drawn unless `AGENDUM_CRASH_SEED` names it.
const ROUNDS: u64 = 5;
/// A load that is over lets nothing leave any more.
const MOMENT_WAIT: Duration = Duration::from_millis(300);

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// The seed of a test, printed with the command that repeats it.
pub(crate) fn seed() -> u64 {
    let drawn = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64 % 1_000_000_000;
    asked("AGENDUM_CRASH_SEED").unwrap_or_else(drawn)
}

#[test]
fn a_server_killed_at_any_moment_loses_and_repeats_nothing() {
    let (rounds, first, began) = (asked("AGENDUM_CRASH_ROUNDS").unwrap_or(ROUNDS), seed(), Instant::now());
    println!("crash: cargo xtask crash --rounds {rounds} --seed {first}");
    let mut told = Told::default();
    for round in 0..rounds {
        let seed = first + round;
        println!("round {round}: cargo xtask crash --rounds 1 --seed {seed}");
        told += play(seed);
    }
    println!("crash: {rounds} rounds in {} s: {told}", began.elapsed().as_secs());
}

/// What a kill follows at once: the moments at which something has just left.
#[derive(Clone, Copy)]
pub(crate) enum Moment {
    Any,
    Acknowledged,
    Arrived,
}

impl Moment {
    pub(crate) fn wait(self, world: &World) {
        let counter = match self {
            Self::Any => return,
            Self::Acknowledged => &world.clerk.acknowledgements,
            Self::Arrived => &*world.bank.arrivals,
        };
        let (before, began) = (counter.load(Ordering::Relaxed), Instant::now());
        // Awake, because what has left may be a fraction of a millisecond before what it depends on.
        while counter.load(Ordering::Relaxed) == before && began.elapsed() < MOMENT_WAIT {
            std::hint::spin_loop();
        }
    }
}

/// One round: a few servers under load, each killed; then all that was begun ends, and the ledgers are compared.
fn play(seed: u64) -> Told {
    let mut chance = Chance::new(seed, "moments");
    let mut world = World::new(seed, false, None);
    for _ in 0..=chance.below(2) {
        world.start(&[]);
        let in_recovery = chance.below(5) == 0;
        let span = if in_recovery { chance.millis(0, 60) } else { chance.millis(50, 900) };
        let moment = *chance.one(&[Moment::Any, Moment::Acknowledged, Moment::Arrived, Moment::Arrived]);
        let moment = if in_recovery { Moment::Any } else { moment };
        world.under_load(|world| {
            if !in_recovery {
                world.ready();
            }
            std::thread::sleep(span);
            moment.wait(world);
            world.kill();
        });
    }
    world.settle();
    compare(&mut world)
}
