//! Workflows on workers that are all alike: how soon they can be done at best, and rules that no core makes.

mod regions;

use std::collections::BTreeMap;

use agendum_core::project::Project;
use agendum_core::thinking::Thinking;
use agendum_types::Duration;

use super::fleet::Fleet;
use super::measure::{Ended, Seen};
use super::workload::flows::{Flow, Step};
use super::workload::{Job, Workload};
use super::world::Clock;

/// Who says which task is next of those that are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// First come, first served; in the order of the document where they come at once.
    Nothing,
    /// The same on the workers that are near alone.
    Near,
    /// The longest way to the end, where each task takes what tasks of its program take in this workflow in the mean: HEFT, clairvoyant of means.
    Means,
    /// The same, in the mean over tasks of its program that are given about as much; of what comes later too, before it is there.
    Sizes,
    /// The same with the true times: HEFT. Nobody can know them.
    Times,
}

/// A workflow as tasks that take units of its pools, and workers, of which there are so many, where these may be too few.
#[must_use]
pub fn project(flow: &Flow, workers: u32) -> Project {
    let takes: Vec<Duration> = flow.tasks.iter().map(|step| step.takes).collect();
    timed(flow, workers, &takes)
}

/// The same, each task of which takes so long.
fn timed(flow: &Flow, workers: u32, takes: &[Duration]) -> Project {
    let mut followers = vec![Vec::new(); flow.tasks.len()];
    for (task, step) in flow.tasks.iter().enumerate() {
        let needs = step.needs.iter().copied().filter(|need| *need < flow.tasks.len());
        needs.for_each(|need| followers[need].push(task));
    }
    let worker = (flow.pools.len(), 1);
    let is_scarce = (workers as usize) < flow.tasks.len();
    let asks = |step: &Step| step.units.iter().copied().chain(is_scarce.then_some(worker)).collect();
    let demands: Vec<Vec<(usize, u64)>> = flow.tasks.iter().map(asks).collect();
    let capacities = flow.pools.iter().copied().chain([u64::from(workers)]);
    Project::new(takes, &followers, &demands, capacities.collect())
}

/// How soon it can be done: the shortest schedule that is known, or else what no schedule of so many workers can be shorter than, its longest way, and its
/// work shared evenly.
#[must_use]
pub fn bound(flow: &Flow, workers: u32) -> Duration {
    if let Some(reference) = flow.reference {
        return reference;
    }
    let work = flow.tasks.iter().fold(Duration::ZERO, |sum, step| sum.plus(step.takes));
    let longest = project(flow, workers).ways().into_iter().max().unwrap_or(0);
    Duration(longest.max(work.0.div_ceil(u64::from(workers.max(1)))))
}

/// How long a search goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Until it has made so many schedules: the same on every machine.
    Schedules(u64),
    /// So many milliseconds.
    Millis(u64),
}

/// Plays workflows one after the other.
///
/// # Errors
///
/// If the rule is none for such workers.
pub fn listed(workload: &Workload, jobs: &[Job], (fleet, workers): (&Fleet, u32), sees: Sees) -> Result<Seen, String> {
    let (mut now, mut moved) = (Duration::ZERO, 0_u64);
    let regions = fleet.regions();
    let play = |job: &Job| {
        let flow = &workload.flows[job.class as usize];
        let mut ended = Ended::of(&Job { at: now, ..job.clone() }, bound(flow, workers));
        let (took, brought) = match regions {
            Some(regions) => {
                regions::played(flow, regions, workers, sees).ok_or("that oracle is of workers in one place")?
            }
            None => (makespan(flow, workers, sees).ok_or("`reference:near` is of workers in two regions")?, 0),
        };
        (now, moved) = (now.plus(took), moved.saturating_add(brought));
        ended.ends(now, true);
        Ok(ended)
    };
    let ended = jobs.iter().map(play).collect::<Result<_, String>>()?;
    let (has_references, moved) = (workload.has_references(), regions.map(|_| moved));
    Ok(Seen { ended, makespan: now, has_bounds: true, has_references, moved, ..Seen::default() })
}

/// A list schedule; nothing where the rule is of regions.
fn makespan(flow: &Flow, workers: u32, sees: Sees) -> Option<Duration> {
    let project = project(flow, workers);
    let starts = match sees {
        Sees::Near => return None,
        Sees::Nothing => project.starts(|_, ready| ready),
        Sees::Means | Sees::Sizes | Sees::Times => {
            project.listed(&timed(flow, workers, &expected(&flow.tasks, sees)).ways())
        }
    };
    Some(project.end(&starts))
}

/// The workflows with further needs, so that each task waits for those whose units it takes over in the best of so many schedules that a search finds, or
/// of those that it finds in so many milliseconds of this clock, which knows how long each task takes. What it took, in nanoseconds, of each.
#[must_use]
pub fn thought(workload: &Workload, budget: Budget, clock: Clock<'_>) -> (Workload, Vec<u64>) {
    let mut took = Vec::new();
    let think = |flow: &Flow| {
        let began = clock();
        let mut thinking = Thinking::new(project(flow, u32::MAX), 1);
        match budget {
            Budget::Schedules(count) => thinking.go_on(count),
            Budget::Millis(millis) => {
                while !thinking.is_done() && clock() - began < millis * 1_000_000 {
                    thinking.step();
                }
            }
        }
        let handed = project(flow, u32::MAX).handed_over(thinking.best());
        took.push(clock() - began);
        let mut flow = flow.clone();
        for (step, givers) in flow.tasks.iter_mut().zip(handed) {
            let fresh: Vec<usize> = givers.into_iter().filter(|giver| !step.needs.contains(giver)).collect();
            step.needs.extend(fresh);
        }
        flow
    };
    let flows = workload.flows.iter().map(think).collect();
    (Workload { flows, ..workload.clone() }, took)
}

/// How long each task takes, as far as it is seen.
fn expected(tasks: &[Step], sees: Sees) -> Vec<Duration> {
    let mut of_kind: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut of_size: BTreeMap<(&str, u32), (u64, u64)> = BTreeMap::new();
    let size = |step: &Step| halves(step.bytes);
    for step in tasks {
        for seen in [of_kind.entry(&step.kind).or_default(), of_size.entry((&step.kind, size(step))).or_default()] {
            *seen = (seen.0 + 1, seen.1 + step.takes.0);
        }
    }
    let of = |step: &Step| match sees {
        Sees::Nothing | Sees::Near => Duration::ZERO,
        Sees::Means => mean(of_kind[step.kind.as_str()]),
        Sees::Sizes => mean(of_size[&(step.kind.as_str(), size(step))]),
        Sees::Times => step.takes,
    };
    tasks.iter().map(of).collect()
}

/// The half of a doubling in which a number stands.
fn halves(number: u64) -> u32 {
    let number = number.max(1);
    let power = number.ilog2();
    2 * power + u32::from(u128::from(number) * 2 >= 3 << power)
}

fn mean((count, sum): (u64, u64)) -> Duration {
    Duration(sum / count.max(1))
}

#[cfg(test)]
mod tests {
    use agendum_types::Duration;

    use super::super::workload::flows::{Flow, Step};
    use super::{Sees, bound, makespan};

    /// Tasks as `kind seconds bytes needs…`.
    pub(super) fn flow(text: &str) -> Flow {
        let step = |line: &str| {
            let mut words = line.split_whitespace();
            let kind = words.next().unwrap().to_owned();
            let mut number = || words.next().unwrap().parse::<u64>().unwrap();
            let (takes, bytes) = (Duration::secs(number()), number());
            let needs = words.map(|word| word.parse().unwrap()).collect();
            Step { kind, takes, bytes, needs, units: Vec::new() }
        };
        Flow { name: "f".into(), tasks: text.split(';').map(step).collect(), ..Flow::default() }
    }

    #[test]
    fn who_sees_more_is_done_sooner() {
        // Two short ones, and the first of a long chain comes last.
        let chain = flow("a 3 1; a 3 1; b 1 1; c 9 1 2");
        let took = |flow, sees| makespan(flow, 2, sees).unwrap().0 / 1_000_000;
        assert_eq!([Sees::Nothing, Sees::Means].map(|sees| took(&chain, sees)), [13, 10]);
        // Of one program, and the largest comes last.
        let sizes = flow("a 2 2; a 2 2; a 2 2; a 6 6");
        assert_eq!([Sees::Nothing, Sees::Means, Sees::Sizes, Sees::Times].map(|sees| took(&sizes, sees)), [8, 8, 6, 6]);
        assert_eq!([1, 2, 3].map(|workers| bound(&sizes, workers).0 / 1_000_000), [12, 6, 6]);
        assert_eq!(bound(&chain, 9).0, 10_000_000);
    }
}
