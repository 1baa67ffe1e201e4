//! Where tasks stand that take several resources at once, from their graph alone: a task goes before others if what follows it takes long, also because
//! that must wait for resources.
//!
//! The rank of a task is `4t + r + s`, the greatest first: `t` is the longest way from its start to the end; `r` its start in a list schedule of the
//! reversed graph, where tasks with the longest way from the beginning go first, so the time from its end to the end of that schedule; `s` the same
//! once more, where those go first that start last in a list schedule by `2t + r`. The core does not rank by it yet: there is one resource for a task, and
//! then the way to the end says as much.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use agendum_types::Duration;

/// Tasks, by place.
#[derive(Clone, Copy, Debug)]
pub struct Tasks<'a> {
    /// How long each takes.
    pub takes: &'a [Duration],
    /// What waits for each, by place. What stands on a cycle is never scheduled.
    pub followers: &'a [Vec<usize>],
    /// How much of each resource each takes while it is under way; more than there is counts as all of it.
    pub demands: &'a [Vec<u64>],
    /// How much there is of each resource.
    pub capacities: &'a [u64],
}

impl Tasks<'_> {
    /// The rank of each task: the greatest goes first.
    ///
    /// # Panics
    ///
    /// If there are not as many of everything as there are tasks and resources, or a follower is not there.
    #[must_use]
    pub fn ranks(&self) -> Vec<u64> {
        let before = self.before();
        let reversed = Tasks { followers: &before, ..*self };
        let ways = self.ways(&before);
        let heads: Vec<u64> =
            reversed.ways(self.followers).iter().zip(self.takes).map(|(way, own)| way - own.0).collect();
        let once: Vec<u64> = micros(&reversed.starts(&heads));
        let first: Vec<u64> = ways.iter().zip(&once).map(|(way, once)| 2 * way + once).collect();
        let again = micros(&reversed.starts(&micros(&self.starts(&first))));
        ways.iter().zip(once.iter().zip(&again)).map(|(way, (once, again))| 4 * way + once + again).collect()
    }

    /// When each task starts if, whenever something ends, all are begun that are ready and find room, those of the greatest rank first and then in their
    /// order. Takes a look at every task that waits whenever one ends.
    ///
    /// # Panics
    ///
    /// As [`Self::ranks`].
    #[must_use]
    pub fn starts(&self, ranks: &[u64]) -> Vec<Duration> {
        let mut starts = vec![Duration::ZERO; self.takes.len()];
        let mut open: Vec<usize> = self.before().iter().map(Vec::len).collect();
        let place = |task: usize| (Reverse(ranks[task]), task);
        let mut ready: BTreeSet<_> = (0..open.len()).filter(|task| open[*task] == 0).map(place).collect();
        let mut free = self.capacities.to_vec();
        let (mut now, mut busy) = (Duration::ZERO, BinaryHeap::new());
        loop {
            let waiting: Vec<_> = ready.iter().copied().collect();
            for (rank, task) in waiting {
                if self.wants(task).zip(&free).all(|(wanted, free)| wanted <= *free) {
                    self.wants(task).zip(&mut free).for_each(|(wanted, free)| *free -= wanted);
                    ready.remove(&(rank, task));
                    starts[task] = now;
                    busy.push(Reverse((now.plus(self.takes[task]), task)));
                }
            }
            let Some(Reverse((until, _))) = busy.peek() else { return starts };
            now = *until;
            while let Some(Reverse((_, task))) = busy.peek().filter(|Reverse((until, _))| *until == now).copied() {
                busy.pop();
                self.wants(task).zip(&mut free).for_each(|(wanted, free)| *free += wanted);
                for follower in &self.followers[task] {
                    open[*follower] -= 1;
                    if open[*follower] == 0 {
                        ready.insert(place(*follower));
                    }
                }
            }
        }
    }

    fn wants(&self, task: usize) -> impl Iterator<Item = u64> {
        self.demands[task].iter().zip(self.capacities).map(|(wanted, most)| *wanted.min(most))
    }

    /// What each waits for.
    fn before(&self) -> Vec<Vec<usize>> {
        let mut before = vec![Vec::new(); self.takes.len()];
        for (task, followers) in self.followers.iter().enumerate() {
            followers.iter().for_each(|follower| before[*follower].push(task));
        }
        before
    }

    /// From the start of each task to the end, in microseconds.
    fn ways(&self, before: &[Vec<usize>]) -> Vec<u64> {
        let mut open: Vec<usize> = self.followers.iter().map(Vec::len).collect();
        let mut last: Vec<usize> = (0..open.len()).filter(|task| open[*task] == 0).collect();
        let mut ways: Vec<u64> = self.takes.iter().map(|takes| takes.0).collect();
        while let Some(task) = last.pop() {
            for need in &before[task] {
                ways[*need] = ways[*need].max(self.takes[*need].0 + ways[task]);
                open[*need] -= 1;
                if open[*need] == 0 {
                    last.push(*need);
                }
            }
        }
        ways
    }
}

fn micros(spans: &[Duration]) -> Vec<u64> {
    spans.iter().map(|span| span.0).collect()
}

#[cfg(test)]
mod tests {
    use agendum_types::Duration;

    use super::Tasks;

    /// Tasks as `seconds demand,demand follower…`; the starts by rank, and without any.
    fn starts(capacities: &[u64], text: &str) -> [Vec<u64>; 2] {
        let (mut takes, mut followers, mut demands) = (Vec::new(), Vec::new(), Vec::new());
        for line in text.split(';') {
            let mut words = line.split_whitespace();
            takes.push(Duration(words.next().unwrap().parse().unwrap()));
            demands.push(words.next().unwrap().split(',').map(|demand| demand.parse().unwrap()).collect());
            followers.push(words.map(|word| word.parse().unwrap()).collect());
        }
        let tasks = Tasks { takes: &takes, followers: &followers, demands: &demands, capacities };
        [tasks.ranks(), vec![0; takes.len()]].map(|ranks| super::micros(&tasks.starts(&ranks)))
    }

    #[test]
    fn what_follows_counts_and_what_it_must_wait_for() {
        // Of two that take as long the one with more after it goes first.
        assert_eq!(starts(&[1], "2 1; 2 1 2; 3 1"), [vec![2, 0, 4], vec![0, 2, 4]]);
        // The ways of both are as long; what follows the second must wait for the one thing there is.
        assert_eq!(
            starts(&[1, 1], "2 1,0 2; 2 1,0 3 4; 4 0,0; 4 0,1; 4 0,1"),
            [vec![2, 0, 4, 6, 2], vec![0, 2, 2, 4, 8]]
        );
        // Who finds no room is overtaken.
        assert_eq!(starts(&[2], "3 1; 5 2; 3 1")[1], [0, 3, 0]);
        // More than there is is all there is.
        assert_eq!(starts(&[2], "3 9; 1 1")[1], [0, 3]);
    }
}
