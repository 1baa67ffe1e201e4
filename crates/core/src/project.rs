//! Tasks that take several resources at once, and list schedules of them: pure functions, for the ranks of a graph's tasks and for the laboratory.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use agendum_types::Duration;

/// Tasks by place, what each needs, and what there is. Times are microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    pub(crate) takes: Vec<u64>,
    pub(crate) followers: Vec<Vec<usize>>,
    pub(crate) before: Vec<Vec<usize>>,
    /// Of which resources each takes how many units; never 0, never more than there are.
    pub(crate) demands: Vec<Vec<(usize, u64)>>,
    pub(crate) capacities: Vec<u64>,
}

impl Project {
    /// As many tasks as `takes` says. What waits for each, by place; what each takes of each resource while it is under way, by its place and how many
    /// units; how many units there are. What is said of tasks and resources that are not there counts nothing, and more than there is counts as all of it.
    #[must_use]
    pub fn new(
        takes: &[Duration],
        followers: &[Vec<usize>],
        demands: &[Vec<(usize, u64)>],
        capacities: Vec<u64>,
    ) -> Self {
        let count = takes.len();
        let mut before = vec![Vec::new(); count];
        let mut after = vec![Vec::new(); count];
        for (task, of) in followers.iter().enumerate().take(count) {
            for follower in of.iter().copied().filter(|follower| *follower < count) {
                after[task].push(follower);
                before[follower].push(task);
            }
        }
        let demand = |(resource, units): &(usize, u64)| {
            let units = capacities.get(*resource).map_or(0, |most| *units.min(most));
            (units > 0).then_some((*resource, units))
        };
        let of = |task: usize| demands.get(task).into_iter().flatten().filter_map(demand).collect();
        let demands = (0..count).map(of).collect();
        Self { takes: takes.iter().map(|span| span.0).collect(), followers: after, before, demands, capacities }
    }

    /// What waits for a task, by place.
    #[must_use]
    pub fn followers(&self, task: usize) -> &[usize] {
        self.followers.get(task).map_or(&[], Vec::as_slice)
    }

    /// The same from the end to the beginning.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let (followers, before) = (self.before.clone(), self.followers.clone());
        Self { followers, before, ..self.clone() }
    }

    /// Tasks behind all that they wait for; those on a cycle, and those that wait for them, are left out.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let mut open: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..open.len()).filter(|task| open[*task] == 0).collect();
        let mut next = 0;
        while let Some(task) = order.get(next).copied() {
            next += 1;
            for follower in self.followers[task].iter().copied() {
                open[follower] -= 1;
                if open[follower] == 0 {
                    order.push(follower);
                }
            }
        }
        order
    }

    /// From the start of each task to the end, if there is enough of everything.
    #[must_use]
    pub fn ways(&self) -> Vec<u64> {
        let mut open: Vec<usize> = self.followers.iter().map(Vec::len).collect();
        let mut last: Vec<usize> = (0..open.len()).filter(|task| open[*task] == 0).collect();
        let mut ways = self.takes.clone();
        while let Some(task) = last.pop() {
            for need in self.before[task].iter().copied() {
                ways[need] = ways[need].max(self.takes[need].saturating_add(ways[task]));
                open[need] -= 1;
                if open[need] == 0 {
                    last.push(need);
                }
            }
        }
        ways
    }

    /// When each task starts if, whenever something ends, all are begun that are ready and find room: those first whose rank is the least, which is told
    /// since when they are ready, and then in their order. Takes a look at every task that waits whenever one ends. What stands on a cycle starts never,
    /// which is told as 0.
    #[must_use]
    pub fn starts<R: Ord + Copy>(&self, rank: impl Fn(usize, u64) -> R) -> Vec<u64> {
        let mut starts = vec![0; self.takes.len()];
        let mut open: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut ready: BTreeSet<(R, usize)> =
            (0..open.len()).filter(|task| open[*task] == 0).map(|task| (rank(task, 0), task)).collect();
        let mut free = self.capacities.clone();
        let (mut now, mut busy) = (0, BinaryHeap::new());
        loop {
            ready.retain(|(_, task)| {
                let has_room = self.demands[*task].iter().all(|(resource, units)| *units <= free[*resource]);
                if has_room {
                    self.demands[*task].iter().for_each(|(resource, units)| free[*resource] -= units);
                    starts[*task] = now;
                    busy.push(Reverse((self.takes[*task].saturating_add(now), *task)));
                }
                !has_room
            });
            let Some(Reverse((until, _))) = busy.peek() else { return starts };
            now = *until;
            while let Some(Reverse((_, task))) = busy.peek().filter(|Reverse((until, _))| *until == now).copied() {
                busy.pop();
                self.demands[task].iter().for_each(|(resource, units)| free[*resource] += units);
                for follower in self.followers[task].iter().copied() {
                    open[follower] -= 1;
                    if open[follower] == 0 {
                        ready.insert((rank(follower, now), follower));
                    }
                }
            }
        }
    }

    /// The same, those first whose rank is the greatest; 0 for tasks of which none is said.
    #[must_use]
    pub fn listed(&self, ranks: &[u64]) -> Vec<u64> {
        self.starts(|task, _| Reverse(ranks.get(task).copied().unwrap_or(0)))
    }

    /// From whom each task takes over the units that it holds in a schedule: who begins when those have ended finds room, and keeps to the schedule. Units
    /// that nobody held before come first, then those of tasks that it waits for anyway.
    #[must_use]
    pub fn handed_over(&self, starts: &[u64]) -> Vec<Vec<usize>> {
        let start = |task: usize| starts.get(task).copied().unwrap_or(0);
        let mut order = self.order();
        order.sort_by_key(|task| start(*task));
        let mut unheld = self.capacities.clone();
        // Of each resource who gives back how much when it ends, and has not handed that over.
        let mut givers: Vec<Vec<(usize, u64)>> = vec![Vec::new(); self.capacities.len()];
        let mut from = vec![Vec::new(); self.takes.len()];
        // What takes no time holds nothing.
        for task in order.into_iter().filter(|task| self.takes[*task] > 0) {
            for (resource, units) in self.demands[task].iter().copied() {
                let mut wanted = units - units.min(unheld[resource]);
                unheld[resource] -= units - wanted;
                for is_needed in [true, false] {
                    for (giver, left) in &mut givers[resource] {
                        let has_ended = start(*giver).saturating_add(self.takes[*giver]) <= start(task);
                        let given = wanted.min(*left);
                        if has_ended && given > 0 && self.before[task].contains(giver) == is_needed {
                            (wanted, *left) = (wanted - given, *left - given);
                            if !from[task].contains(giver) {
                                from[task].push(*giver);
                            }
                        }
                    }
                }
                givers[resource].retain(|(_, left)| *left > 0);
                givers[resource].push((task, units));
            }
        }
        from
    }

    /// When the last of them has ended that start so.
    #[must_use]
    pub fn end(&self, starts: &[u64]) -> Duration {
        let ends = starts.iter().zip(&self.takes).map(|(start, takes)| start.saturating_add(*takes));
        Duration(ends.max().unwrap_or(0))
    }
}
