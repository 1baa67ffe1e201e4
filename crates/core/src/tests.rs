//! Scenarios: text in, trace out. The scheduler is called in `world` and nowhere else.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test names what it means")]

mod world;

mod culprits;
mod durability;
mod flow;
mod groups;
mod limits;
mod money;
mod repair;
mod time;
mod unsent;
mod why;

use world::World;

/// Runs a scenario and gives its trace.
pub(crate) fn trace(scenario: &str) -> String {
    let mut world = World::default();
    for line in scenario.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        world.step(line);
    }
    world.finish()
}
