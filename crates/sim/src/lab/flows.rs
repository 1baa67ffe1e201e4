//! Workflows on workers that are all alike: how soon they can be done at best, and rules that no core makes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use agendum_types::Duration;

use super::measure::{Ended, Seen};
use super::workload::flows::{Flow, Step};
use super::workload::{Job, Workload};

/// Who says which task is next of those that are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// First come, first served; in the order of the document where they come at once.
    Nothing,
    /// The longest way to the end, where each task takes what tasks of its program take in this workflow in the mean: HEFT, clairvoyant of means.
    Means,
    /// The same, in the mean over tasks of its program that are given about as much; of what comes later too, before it is there.
    Sizes,
    /// The same with the true times: HEFT. Nobody can know them.
    Times,
}

/// Tasks after all that they need; those on a cycle are left out.
#[must_use]
pub fn order(tasks: &[Step]) -> Vec<usize> {
    let (followers, mut open) = (followers(tasks), opens(tasks));
    let mut order: Vec<usize> = (0..tasks.len()).filter(|task| open[*task] == 0).collect();
    let mut next = 0;
    while let Some(task) = order.get(next).copied() {
        next += 1;
        for follower in &followers[task] {
            open[*follower] -= 1;
            if open[*follower] == 0 {
                order.push(*follower);
            }
        }
    }
    order
}

fn followers(tasks: &[Step]) -> Vec<Vec<usize>> {
    let mut followers = vec![Vec::new(); tasks.len()];
    for (task, step) in tasks.iter().enumerate() {
        step.needs.iter().for_each(|need| followers[*need].push(task));
    }
    followers
}

fn opens(tasks: &[Step]) -> Vec<usize> {
    tasks.iter().map(|step| step.needs.len()).collect()
}

/// From the start of each task to the end, on as many workers as there are tasks.
fn ways(tasks: &[Step], takes: &[Duration]) -> Vec<Duration> {
    let followers = followers(tasks);
    let mut ways = vec![Duration::ZERO; tasks.len()];
    for task in order(tasks).into_iter().rev() {
        let after = followers[task].iter().map(|follower| ways[*follower]).max();
        ways[task] = takes[task].plus(after.unwrap_or_default());
    }
    ways
}

/// No schedule of so many workers is done sooner: its longest way, and its work shared evenly.
#[must_use]
pub fn bound(flow: &Flow, workers: u32) -> Duration {
    let takes: Vec<Duration> = flow.tasks.iter().map(|step| step.takes).collect();
    let work = takes.iter().fold(Duration::ZERO, |sum, span| sum.plus(*span));
    let longest = ways(&flow.tasks, &takes).into_iter().max().unwrap_or_default();
    longest.max(Duration(work.0.div_ceil(u64::from(workers.max(1)))))
}

/// Plays workflows one after the other.
#[must_use]
pub fn listed(workload: &Workload, jobs: &[Job], workers: u32, sees: Sees) -> Seen {
    let mut now = Duration::ZERO;
    let play = |job: &Job| {
        let flow = &workload.flows[job.class as usize];
        let mut ended = Ended::of(&Job { at: now, ..job.clone() }, bound(flow, workers));
        now = now.plus(makespan(flow, workers, sees));
        ended.ends(now, true);
        ended
    };
    let ended = jobs.iter().map(play).collect();
    Seen { ended, makespan: now, has_bounds: true, ..Seen::default() }
}

/// A list schedule.
fn makespan(flow: &Flow, workers: u32, sees: Sees) -> Duration {
    let tasks = &flow.tasks;
    let ways = ways(tasks, &expected(tasks, sees));
    let (followers, mut open) = (followers(tasks), opens(tasks));
    let mut came = 0;
    let mut rank = |task: usize| {
        came += 1;
        (Reverse(ways[task]), if sees == Sees::Nothing { came } else { 0 }, task)
    };
    let mut ready: BTreeSet<_> = (0..tasks.len()).filter(|task| open[*task] == 0).map(&mut rank).collect();
    let (mut now, mut free) = (Duration::ZERO, workers);
    let mut busy: BinaryHeap<Reverse<(Duration, usize)>> = BinaryHeap::new();
    loop {
        while free > 0 {
            let Some((.., task)) = ready.pop_first() else { break };
            free -= 1;
            busy.push(Reverse((now.plus(tasks[task].takes), task)));
        }
        let Some(Reverse((until, _))) = busy.peek() else { return now };
        now = *until;
        while let Some(Reverse((_, task))) = busy.peek().filter(|Reverse((until, _))| *until == now).copied() {
            busy.pop();
            free += 1;
            for follower in &followers[task] {
                open[*follower] -= 1;
                if open[*follower] == 0 {
                    ready.insert(rank(*follower));
                }
            }
        }
    }
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
        Sees::Nothing => Duration::ZERO,
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
    fn flow(text: &str) -> Flow {
        let step = |line: &str| {
            let mut words = line.split_whitespace();
            let kind = words.next().unwrap().to_owned();
            let mut number = || words.next().unwrap().parse::<u64>().unwrap();
            let (takes, bytes) = (Duration::secs(number()), number());
            Step { kind, takes, bytes, needs: words.map(|word| word.parse().unwrap()).collect() }
        };
        Flow { name: "f".into(), tasks: text.split(';').map(step).collect() }
    }

    #[test]
    fn who_sees_more_is_done_sooner() {
        // Two short ones, and the first of a long chain comes last.
        let chain = flow("a 3 1; a 3 1; b 1 1; c 9 1 2");
        let took = |flow, sees| makespan(flow, 2, sees).0 / 1_000_000;
        assert_eq!([Sees::Nothing, Sees::Means].map(|sees| took(&chain, sees)), [13, 10]);
        // Of one program, and the largest comes last.
        let sizes = flow("a 2 2; a 2 2; a 2 2; a 6 6");
        assert_eq!([Sees::Nothing, Sees::Means, Sees::Sizes, Sees::Times].map(|sees| took(&sizes, sees)), [8, 8, 6, 6]);
        assert_eq!([1, 2, 3].map(|workers| bound(&sizes, workers).0 / 1_000_000), [12, 6, 6]);
        assert_eq!(bound(&chain, 9).0, 10_000_000);
    }
}
