//! What is left of each resource over time, while tasks are placed one after the other.

use crate::project::Project;

/// From each instant to the next, and from the last one on, so much is left of each resource.
#[derive(Debug, Default)]
pub(super) struct Room {
    from: Vec<u64>,
    /// As many for each instant as there are resources.
    left: Vec<u64>,
    resources: usize,
}

impl Room {
    /// When each task starts, if each takes the first place where there is room for it: in this order, in which none stands before what it waits for.
    pub(super) fn starts(&mut self, project: &Project, order: &[usize]) -> Vec<u64> {
        self.resources = project.capacities.len();
        self.from.clear();
        self.left.clear();
        self.from.push(0);
        self.left.extend(&project.capacities);
        let mut starts: Vec<u64> = vec![0; project.takes.len()];
        for task in order.iter().copied() {
            let takes = project.takes[task];
            let ends = project.before[task].iter().map(|before| starts[*before].saturating_add(project.takes[*before]));
            let ready = ends.max().unwrap_or(0);
            let asks = &project.demands[task];
            starts[task] = if takes == 0 || asks.is_empty() { ready } else { self.place(ready, takes, asks) };
        }
        starts
    }

    /// Takes so much for so long from the first instant on where that is left.
    fn place(&mut self, ready: u64, takes: u64, asks: &[(usize, u64)]) -> u64 {
        let mut first = self.from.partition_point(|from| *from <= ready) - 1;
        let (mut start, mut at) = (ready, first);
        loop {
            if asks.iter().any(|(resource, units)| self.left[at * self.resources + resource] < *units) {
                // Behind the last instant all is left; there is none where time itself has ended.
                let Some(next) = self.from.get(at + 1) else { return start };
                (first, start) = (at + 1, *next);
            }
            at += 1;
            if self.from.get(at).is_none_or(|from| *from >= start.saturating_add(takes) && at > first) {
                break;
            }
        }
        let last = self.cut(at - 1, start.saturating_add(takes));
        let count = self.from.len();
        let first = self.cut(first, start);
        let last = last + self.from.len() - count;
        for at in first..last {
            asks.iter().for_each(|(resource, units)| self.left[at * self.resources + resource] -= units);
        }
        start
    }

    /// Something changes at this instant, which is at or behind the one at that place and not behind the next. The place of the instant.
    fn cut(&mut self, at: usize, instant: u64) -> usize {
        if self.from[at] == instant {
            return at;
        }
        if self.from.get(at + 1) == Some(&instant) {
            return at + 1;
        }
        self.from.insert(at + 1, instant);
        let (begin, count) = (at * self.resources, self.left.len());
        self.left.resize(count + self.resources, 0);
        self.left.copy_within(begin..count, begin + self.resources);
        at + 1
    }
}
