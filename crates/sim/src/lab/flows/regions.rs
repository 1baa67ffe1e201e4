//! Workflows on workers in two regions, under rules that no core makes.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use agendum_types::Duration;

use super::{Sees, project};
use crate::lab::fleet::Regions;
use crate::lab::workload::flows::Flow;

/// How long a workflow takes, and how many bytes are brought to workers far away; nothing where the rule knows no regions.
pub(super) fn played(flow: &Flow, regions: Regions, workers: u32, sees: Sees) -> Option<(Duration, u64)> {
    let (near, far) = regions.split(workers);
    match sees {
        Sees::Nothing => Some(in_order(flow, regions, [near, far])),
        Sees::Near => Some(in_order(flow, regions, [near, 0])),
        Sees::Times => Some(earliest(flow, regions, [near, far])),
        Sees::Means | Sees::Sizes => None,
    }
}

/// How long a task takes in a region, the near one first, and how much of its input is brought there.
fn takes(flow: &Flow, task: usize, regions: Regions, region: usize) -> (u64, u64) {
    let step = &flow.tasks[task];
    if region == 0 { (step.takes.0, 0) } else { (step.takes.plus(regions.moves(step.bytes)).0, step.bytes) }
}

/// First come, first served, wherever a worker is free; near, if there is a choice.
fn in_order(flow: &Flow, regions: Regions, mut free: [u32; 2]) -> (Duration, u64) {
    let project = project(flow, u32::MAX);
    let mut open: Vec<usize> = flow.tasks.iter().map(|step| step.needs.len()).collect();
    let mut ready: BTreeSet<(u64, usize)> =
        (0..open.len()).filter(|task| open[*task] == 0).map(|task| (0, task)).collect();
    let (mut now, mut moved, mut busy) = (0, 0_u64, BinaryHeap::new());
    loop {
        while let Some(region) = free.iter().position(|free| *free > 0) {
            let Some((_, task)) = ready.pop_first() else { break };
            let (takes, moves) = takes(flow, task, regions, region);
            free[region] -= 1;
            moved = moved.saturating_add(moves);
            busy.push(Reverse((takes.saturating_add(now), task, region)));
        }
        let Some(Reverse((until, task, region))) = busy.pop() else { return (Duration(now), moved) };
        now = until;
        free[region] += 1;
        for follower in project.followers(task) {
            open[*follower] -= 1;
            if open[*follower] == 0 {
                ready.insert((now, *follower));
            }
        }
    }
}

/// HEFT: by the longest way to the end each task goes where it ends first, with the true times. Nobody can know them.
fn earliest(flow: &Flow, regions: Regions, workers: [u32; 2]) -> (Duration, u64) {
    let project = project(flow, u32::MAX);
    let ways = project.ways();
    let mut order = project.order();
    // What comes before has the longer way, or as long a one and the earlier place.
    order.sort_by_key(|task| Reverse(ways[*task]));
    let mut free = workers.map(|count| (0..count).map(|_| Reverse(0_u64)).collect::<BinaryHeap<_>>());
    let (mut ends, mut moved) = (vec![0_u64; order.len()], 0_u64);
    for task in order {
        let ready = flow.tasks[task].needs.iter().map(|need| ends[*need]).max().unwrap_or(0);
        let end = |region: usize| {
            let Reverse(free) = free[region].peek()?;
            Some((ready.max(*free).saturating_add(takes(flow, task, regions, region).0), region))
        };
        let Some((end, region)) = [end(0), end(1)].into_iter().flatten().min() else { continue };
        free[region].pop();
        free[region].push(Reverse(end));
        ends[task] = end;
        moved = moved.saturating_add(takes(flow, task, regions, region).1);
    }
    (Duration(ends.into_iter().max().unwrap_or(0)), moved)
}

#[cfg(test)]
mod tests {
    use agendum_types::Duration;

    use super::super::tests::flow;
    use super::{Sees, played};
    use crate::lab::fleet::Regions;

    #[test]
    fn what_is_large_stays_near_where_it_is_seen() {
        // One worker near and one far, to which a byte takes a second: the small one first, then the large one and what waits for both.
        let all = flow("a 4 0; a 4 9; b 1 0 0 1");
        let regions = Regions { far_percent: 50, bytes_per_s: 1 };
        let of = |sees| played(&all, regions, 2, sees);
        assert_eq!(of(Sees::Nothing), Some((Duration::secs(14), 9)));
        assert_eq!(of(Sees::Near), Some((Duration::secs(9), 0)));
        assert_eq!(of(Sees::Means), None);
        let swapped = flow("a 4 9; a 4 0; b 1 0 0 1");
        let of = |sees| played(&swapped, regions, 2, sees);
        assert_eq!((of(Sees::Nothing), of(Sees::Times)), (Some((Duration::secs(5), 0)), Some((Duration::secs(5), 0))));
        // By the true times the large one goes near, though another could have begun there.
        let later = flow("a 2 0; a 9 9; a 8 0");
        let of = |sees| played(&later, regions, 2, sees);
        assert_eq!(
            (of(Sees::Nothing), of(Sees::Times)),
            (Some((Duration::secs(18), 9)), Some((Duration::secs(10), 0)))
        );
    }
}
