//! Balancers of others before the same backends: each sends a call on when it comes, to the line of one backend, and there it stays. What a backend remembers
//! they know exactly.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use agendum_types::{Duration, Prefix};

use super::backends::{Backends, Memory};
use super::measure::{Ended, Seen};
use super::workload::{Job, Round};

/// Whose rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancer {
    /// To the backend with the fewest calls.
    LeastLoaded,
    /// To the one that remembers most of the input, unless it has so many calls more than the one with the fewest: then to that.
    Sticky,
    /// Exploit or explore (Preble, arXiv 2407.00023): to the one that remembers most, if that is more than what it would have to read; else to the one with
    /// the least to do, what of the call it would have to read included. Nothing of what it does where one is overloaded.
    Preble,
}

/// So many calls more a backend may have and still get what it remembers.
const SPILL: usize = 8;

struct Line {
    running: u32,
    waiting: VecDeque<usize>,
    /// What it was sent and has not ended, as long as records say.
    to_do: Duration,
}

struct Fleet<'a> {
    spec: &'a Backends,
    rule: Balancer,
    jobs: &'a [Job],
    memory: Memory,
    lines: Vec<Line>,
    ended: Vec<Ended>,
    /// When calls end, by backend and job.
    ends: BinaryHeap<Reverse<(Duration, usize, usize)>>,
}

/// Plays calls under such a rule.
///
/// # Errors
///
/// If jobs are more than a call each.
pub fn play(jobs: &[Job], spec: &Backends, rule: Balancer, ideal: impl Fn(&Job) -> Duration) -> Result<Seen, String> {
    if jobs.iter().any(|job| job.rounds.len() > 1) {
        return Err("that balancer is of single calls".into());
    }
    // The same chance as the core has.
    let seed = jobs.iter().fold(0_u64, |sum, job| sum.wrapping_add(job.at.0));
    let line = |_| Line { running: 0, waiting: VecDeque::new(), to_do: Duration::ZERO };
    let mut fleet = Fleet {
        spec,
        rule,
        jobs,
        memory: Memory::new(spec.clone(), seed),
        lines: (0..spec.count).map(line).collect(),
        ended: jobs.iter().map(|job| Ended::of(job, ideal(job))).collect(),
        ends: BinaryHeap::new(),
    };
    let mut makespan = Duration::ZERO;
    for (number, job) in jobs.iter().enumerate() {
        makespan = makespan.max(fleet.until(job.at));
        fleet.comes(number);
    }
    makespan = makespan.max(fleet.until(Duration(u64::MAX)));
    Ok(Seen { ended: fleet.ended, makespan, memory: Some(fleet.memory.used()), ..Seen::default() })
}

impl Fleet<'_> {
    /// All that ends by then; when the last of it did.
    fn until(&mut self, at: Duration) -> Duration {
        let mut last = Duration::ZERO;
        while let Some(Reverse((now, backend, number))) =
            self.ends.peek().copied().filter(|Reverse((end, ..))| *end <= at)
        {
            self.ends.pop();
            self.ended[number].ends(now, true);
            let line = &mut self.lines[backend];
            (line.running, line.to_do) = (line.running - 1, line.to_do.minus(self.jobs[number].work()));
            if let Some(next) = line.waiting.pop_front() {
                self.begins(next, backend, now);
            }
            last = now;
        }
        last
    }

    fn comes(&mut self, number: usize) {
        let job = &self.jobs[number];
        let backend = self.choose(&job.rounds[0]);
        let line = &mut self.lines[backend];
        line.to_do = line.to_do.plus(job.work());
        if line.running < self.spec.slots {
            self.begins(number, backend, job.at);
        } else {
            line.waiting.push_back(number);
        }
    }

    fn begins(&mut self, number: usize, backend: usize, now: Duration) {
        self.lines[backend].running += 1;
        let took = self.memory.takes(backend, &self.jobs[number].rounds[0]);
        self.ended[number].begins(now);
        self.ends.push(Reverse((now.plus(took), backend, number)));
    }

    fn choose(&self, round: &Round) -> usize {
        let load = |of: usize| self.lines[of].running as usize + self.lines[of].waiting.len();
        let tokens_in = u64::from(round.call.tokens_in);
        let known = |of: usize| {
            let blocks = round.prefix.as_deref().map_or(0, |prefix| self.memory.known(of, prefix));
            (blocks * Prefix::BLOCK_TOKENS).min(tokens_in)
        };
        let all = || 0..self.lines.len();
        let least = all().min_by_key(|of| load(*of)).unwrap_or_default();
        let owner = all().min_by_key(|of| (Reverse(known(*of)), load(*of))).unwrap_or_default();
        let reading = |tokens: u64| Duration(tokens * 1_000_000 / self.spec.tokens_in_per_s.max(1));
        match self.rule {
            Balancer::LeastLoaded => least,
            Balancer::Sticky if known(owner) > 0 && load(owner) <= load(least) + SPILL => owner,
            Balancer::Sticky => least,
            Balancer::Preble if 2 * known(owner) > tokens_in => owner,
            Balancer::Preble => {
                let to_do = |of: usize| Duration(self.lines[of].to_do.as_micros() / u64::from(self.spec.slots.max(1)));
                all().min_by_key(|of| to_do(*of).plus(reading(tokens_in - known(*of)))).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agendum_types::{Duration, Prefix};

    use super::{Balancer, play};
    use crate::lab::backends::{Backends, Stalls};
    use crate::lab::workload::{Call, Job, Round};

    /// Calls that come a second apart and take ten, of these conversations, on two backends of one slot; how long all of them took, in seconds.
    fn took(rule: Balancer, conversations: &[u64]) -> u64 {
        let spec = Backends {
            count: 2,
            slots: 1,
            remembers: 512_000,
            tokens_in_per_s: 512,
            stalls: Stalls::default(),
            luck: None,
        };
        let job = |(second, of): (u64, &u64)| {
            let call = Call { service: Duration::secs(10), tokens_in: 9 * 512, tokens_out: 1, said: None };
            let prefix = Some(Arc::new(Prefix((of * 100..of * 100 + 9).collect())));
            let rounds = vec![Round { call, prefix, ..Round::default() }];
            Job { at: Duration::secs(second), tenant: 0, class: 0, deadline: None, rounds }
        };
        let jobs: Vec<Job> = (0..).zip(conversations).map(job).collect();
        let seen = play(&jobs, &spec, rule, Job::ideal).unwrap();
        seen.ended.iter().filter_map(|job| job.took()).map(|span| span.as_micros() / 1_000_000).sum()
    }

    #[test]
    fn who_goes_back_to_what_was_read_is_sooner_done() {
        // One at a time on each: 10 + 10, and the others wait for those and read nothing.
        assert_eq!(took(Balancer::LeastLoaded, &[1, 2]), 20);
        assert_eq!(took(Balancer::LeastLoaded, &[1, 2, 2, 1]), 10 + 10 + 18 + 18);
        assert_eq!(took(Balancer::Sticky, &[1, 2, 2, 1]), 10 + 10 + 10 + 8);
        assert_eq!(took(Balancer::Preble, &[1, 2, 2, 1]), 10 + 10 + 10 + 8);
    }
}
