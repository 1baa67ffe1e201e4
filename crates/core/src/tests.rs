//! Scenarios: text in, trace out. The scheduler is called in `world` and nowhere else.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test names what it means")]

mod world;

mod after_failure;
mod again;
mod ahead;
mod bend;
mod breaker;
mod cached;
mod child;
mod choice;
mod compensation;
mod crash;
mod culprits;
mod doubt;
mod durability;
mod ends;
mod flow;
mod groups;
mod heard;
mod hedge;
mod inside;
mod kept;
mod knee;
mod labels;
mod limited;
mod limits;
mod loops;
mod money;
mod order;
mod outlook;
mod overload;
mod pace;
mod planned;
mod pools;
mod preempt;
mod published;
mod purses;
mod raise;
mod remembered;
mod repair;
mod retries;
mod room;
mod score;
mod short;
mod shown;
mod tenants;
mod time;
mod turns;
mod unsent;
mod verdicts;
mod waiting;
mod whole;
mod why;
mod windows;

use world::{SAID, World};

/// Runs a scenario and gives what was said and what was done upon it.
pub(crate) fn dialogue(scenario: &str) -> String {
    let mut world = World::default();
    for line in scenario.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        world.step(line);
    }
    world.finish()
}

/// What was done alone: for claims about the account of a run, or where the times tell what was said before.
pub(crate) fn trace(scenario: &str) -> String {
    let said = |line: &str| line.trim_start().split_once(' ').is_some_and(|(_, text)| text.starts_with(SAID));
    dialogue(scenario).lines().filter(|line| !said(line)).collect::<Vec<_>>().join("\n")
}

/// The tasks that are sent, in this order.
pub(crate) fn sent(scenario: &str) -> String {
    let sent = trace(scenario);
    let names = sent.lines().filter_map(|line| line.split_once(" dispatch r")?.1.split_once('/')?.1.split_once('#'));
    names.map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

/// The order in which one place is given to the tasks of these runs, all of which come while it is taken.
pub(crate) fn order(runs: &[&str]) -> String {
    let mut world = World::default();
    world.step("targets t=1");
    world.step("submit r1 taken");
    for (index, run) in runs.iter().enumerate() {
        world.step(&format!("submit r{} {run}", index + 2));
    }
    world.step("wait 1s");
    let mut names = Vec::new();
    let mut next = Some("taken".to_owned());
    while let Some(name) = next {
        world.step(&format!("ok {name}"));
        next = world.sent_last().filter(|sent| !names.contains(sent));
        names.extend(next.clone());
    }
    names.join(" ")
}
