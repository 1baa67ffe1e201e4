//! What the core is compared with: a clairvoyant rule on slots, called `oracle`, and the rules of others on the same engine.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use agendum_types::Duration;

use super::measure::{Ended, Seen};
use super::workload::{Job, Round, work};

/// What a rule on slots knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knows {
    /// When a call was ready: the plain queue of calls, to judge the laboratory by.
    Ready,
    /// How much work of its run is left: the run goes first that will be done soonest (SRPT). Nobody can know that.
    Rest,
}

/// A thread of a job at work: of the main one or of its helper.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    round: usize,
    side: usize,
    /// What its round still waits for: tools, and a helper.
    open: u32,
    /// Work of its run that is not done.
    rest: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Ready { is_side: bool },
    Called { is_side: bool },
    Tools { is_side: bool },
}

struct Slots<'a> {
    jobs: &'a [Job],
    ways: Vec<Way>,
    ended: Vec<Ended>,
    coming: BinaryHeap<Reverse<(Duration, usize, usize, Coming)>>,
    count: usize,
    ready: BTreeSet<(Duration, Duration, usize, usize, bool)>,
    knows: Knows,
}

/// Plays jobs on slots under a rule that no core makes.
#[must_use]
pub fn slots(jobs: &[Job], slots: u32, knows: Knows) -> Seen {
    let mut all = Slots {
        jobs,
        ways: jobs.iter().map(|job| Way { rest: work(&job.rounds), ..Way::default() }).collect(),
        ended: jobs.iter().map(|job| Ended::of(job, job.ideal())).collect(),
        coming: BinaryHeap::new(),
        count: 0,
        ready: BTreeSet::new(),
        knows,
    };
    for (number, job) in jobs.iter().enumerate() {
        all.at(job.at, number, Coming::Ready { is_side: false });
    }
    let (mut free, mut makespan) = (slots, Duration::ZERO);
    while let Some(Reverse((now, _, number, what))) = all.coming.pop() {
        makespan = now;
        free += u32::from(matches!(what, Coming::Called { .. }));
        all.comes(now, number, what);
        if all.coming.peek().is_some_and(|Reverse((next, ..))| *next == now) {
            continue;
        }
        while free > 0 {
            let Some((.., number, is_side)) = all.ready.pop_first() else { break };
            free -= 1;
            all.ended[number].begins(now);
            let service = all.round(number, is_side).call.service;
            all.at(now.plus(service), number, Coming::Called { is_side });
        }
    }
    Seen { ended: all.ended, makespan, ..Seen::default() }
}

impl Slots<'_> {
    fn at(&mut self, at: Duration, number: usize, what: Coming) {
        self.count += 1;
        self.coming.push(Reverse((at, self.count, number, what)));
    }

    fn round(&self, number: usize, is_side: bool) -> &Round {
        let (way, job) = (self.ways[number], &self.jobs[number]);
        let round = &job.rounds[way.round];
        if is_side { &round.side[way.side] } else { round }
    }

    fn comes(&mut self, now: Duration, number: usize, what: Coming) {
        match what {
            Coming::Ready { is_side } => {
                self.count += 1;
                let rank = match self.knows {
                    Knows::Ready => now,
                    Knows::Rest => self.ways[number].rest,
                };
                // A run that helps itself has two calls out: what is left of it is that of when the call was ready.
                self.ready.insert((rank, self.jobs[number].at, self.count, number, is_side));
            }
            Coming::Called { is_side } => {
                let round = self.round(number, is_side);
                let (service, tools, has_side) = (round.call.service, round.tools, !round.side.is_empty());
                let way = &mut self.ways[number];
                way.rest = way.rest.minus(service);
                self.at(now.plus(tools), number, Coming::Tools { is_side });
                if !is_side {
                    (self.ways[number].open, self.ways[number].side) = (1 + u32::from(has_side), 0);
                    if has_side {
                        self.at(now, number, Coming::Ready { is_side: true });
                    }
                }
            }
            Coming::Tools { is_side: true } => {
                let last = self.jobs[number].rounds[self.ways[number].round].side.len() - 1;
                if self.ways[number].side < last {
                    self.ways[number].side += 1;
                    self.at(now, number, Coming::Ready { is_side: true });
                } else {
                    self.closes(now, number);
                }
            }
            Coming::Tools { is_side: false } => self.closes(now, number),
        }
    }

    /// Something of the round of the main thread is over.
    fn closes(&mut self, now: Duration, number: usize) {
        let way = &mut self.ways[number];
        way.open -= 1;
        if way.open > 0 {
            return;
        }
        way.round += 1;
        if way.round == self.jobs[number].rounds.len() {
            self.ended[number].ends(now, true);
        } else {
            self.at(now, number, Coming::Ready { is_side: false });
        }
    }
}
