//! The rules of others on the same engine, as their papers say them: they choose inside the engine, and see each token when it is made.

use std::collections::VecDeque;

use agendum_types::Duration;

use super::fleet::{Engine, Line, Meter, Offer, Spec};
use super::measure::{Ended, Seen};
use super::workload::Job;

/// Whose rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// First come, first served.
    Fcfs,
    /// The Virtual Token Counter (OSDI '24): whoever was served least; a tenant that comes back is lifted to the least of those that wait.
    Vtc,
    /// The same without the lift: least counter first.
    Lcf,
}

struct Tenants {
    rule: Rule,
    lines: Vec<VecDeque<(Duration, Offer)>>,
    counters: Vec<u64>,
    /// Whose line was the last to be emptied.
    left: usize,
    meter: Meter,
    begun: Vec<usize>,
}

/// Plays calls on an engine under such a rule.
#[must_use]
pub fn engine(jobs: &[Job], tenants: usize, spec: &Spec, rule: Rule, ideal: impl Fn(&Job) -> Duration) -> Seen {
    let mut ended: Vec<Ended> = jobs.iter().map(|job| Ended::of(job, ideal(job))).collect();
    let mut line = Tenants {
        rule,
        lines: vec![VecDeque::new(); tenants],
        counters: vec![0; tenants],
        left: 0,
        meter: Meter::new(tenants),
        begun: Vec::new(),
    };
    let mut engine = Engine::new(spec.clone());
    let (mut now, mut next) = (Duration::ZERO, 0);
    loop {
        while let Some(job) = jobs.get(next).filter(|job| job.at <= now) {
            line.comes(next, job);
            next += 1;
        }
        line.meter.looks(now);
        match engine.begin(&mut line) {
            Some(span) => {
                line.begun.drain(..).for_each(|number| ended[number].begins(now));
                now = now.plus(span);
                engine.end(&mut line).into_iter().for_each(|number| ended[number].ends(now, true));
            }
            None => match jobs.get(next) {
                Some(job) => now = job.at,
                None => break,
            },
        }
    }
    Seen { ended, makespan: now, difference: Some(line.meter.difference()), ..Seen::default() }
}

impl Tenants {
    fn comes(&mut self, number: usize, job: &Job) {
        let tenant = job.tenant as usize;
        if self.rule == Rule::Vtc && self.lines[tenant].is_empty() {
            let waiting = self.lines.iter().zip(&self.counters).filter(|(line, _)| !line.is_empty());
            let least = waiting.map(|(_, counter)| *counter).min().unwrap_or(self.counters[self.left]);
            self.counters[tenant] = self.counters[tenant].max(least);
        }
        let call = job.rounds[0].call;
        let (tokens_in, tokens_out) = (u64::from(call.tokens_in), u64::from(call.tokens_out.max(1)));
        self.lines[tenant].push_back((job.at, Offer { number, tenant: job.tenant, tokens_in, tokens_out }));
        self.meter.waits(job.tenant);
    }

    fn next(&self) -> Option<usize> {
        let firsts = self.lines.iter().enumerate().filter_map(|(tenant, line)| Some((tenant, line.front()?.0)));
        firsts
            .min_by_key(|(tenant, at)| match self.rule {
                Rule::Fcfs => (0, *at),
                Rule::Vtc | Rule::Lcf => (self.counters[*tenant], *at),
            })
            .map(|(tenant, _)| tenant)
    }
}

impl Line for Tenants {
    fn first(&self) -> Option<Offer> {
        self.lines[self.next()?].front().map(|(_, offer)| *offer)
    }

    fn take(&mut self) {
        let Some(tenant) = self.next() else { return };
        if let Some((_, offer)) = self.lines[tenant].pop_front() {
            if self.lines[tenant].is_empty() {
                self.left = tenant;
            }
            self.counters[tenant] += offer.tokens_in;
            self.meter.goes(offer.tenant);
            self.meter.serves(offer.tenant, offer.tokens_in);
            self.begun.push(offer.number);
        }
    }

    fn makes(&mut self, tenant: u32) {
        self.counters[tenant as usize] += 2;
        self.meter.serves(tenant, 2);
    }
}
