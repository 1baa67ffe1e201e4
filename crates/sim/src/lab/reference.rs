//! The rules of others on the same engine, as their papers say them: they choose inside the engine, and see each token when it is made.

use std::collections::VecDeque;

use agendum_types::{Duration, Policy};

use super::fleet::{Engine, Line, Offer, Spec};
use super::measure::{Ended, Seen};
use super::meter::Meter;
use super::workload::tenancy::Account;
use super::workload::{Job, Workload};

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

/// So much more exact counters are than what they count, so that most weights divide it.
const EXACT: u64 = 5_040;

struct Lines {
    rule: Rule,
    accounts: Vec<Account>,
    /// Of each account what waits, and what it was served by its weight.
    lines: Vec<VecDeque<(Duration, Offer)>>,
    counters: Vec<u64>,
    /// The same of each band by its share, and of which account the line was the last to be emptied.
    bands: [OfBand; 3],
    /// The band whose last line was the last to be emptied.
    left: usize,
    meter: Meter,
    begun: Vec<usize>,
}

#[derive(Default)]
struct OfBand {
    share: u64,
    counter: u64,
    left: Option<usize>,
}

/// Plays calls on an engine under such a rule. Where some are more urgent than others, the rules that count choose among bands by their shares in
/// `balanced` first, by the same rule.
#[must_use]
pub fn engine(workload: &Workload, jobs: &[Job], spec: &Spec, rule: Rule, ideal: impl Fn(&Job) -> Duration) -> Seen {
    let mut ended: Vec<Ended> = jobs.iter().map(|job| Ended::of(job, ideal(job))).collect();
    let mut line = Lines::new(workload.accounts(), rule);
    let mut engine = Engine::new(spec.clone());
    let (mut now, mut next) = (Duration::ZERO, 0);
    loop {
        while let Some(job) = jobs.get(next).filter(|job| job.at <= now) {
            line.comes(next, workload.account(job), job);
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
    let (difference, least_urgent) = (Some(line.meter.difference()), line.meter.least_urgent());
    Seen { ended, makespan: now, difference, least_urgent, ..Seen::default() }
}

impl Lines {
    fn new(accounts: Vec<Account>, rule: Rule) -> Self {
        let shares = Policy::default().bands.map(|band| u64::from(band.share));
        Self {
            rule,
            lines: vec![VecDeque::new(); accounts.len()],
            counters: vec![0; accounts.len()],
            bands: shares.map(|share| OfBand { share, ..OfBand::default() }),
            left: 0,
            meter: Meter::new(accounts.clone()),
            begun: Vec::new(),
            accounts,
        }
    }

    fn comes(&mut self, number: usize, account: u32, job: &Job) {
        if self.rule == Rule::Vtc {
            self.lifts(account as usize);
        }
        let call = job.rounds[0].call;
        let (tokens_in, tokens_out) = (u64::from(call.tokens_in), u64::from(call.tokens_out.max(1)));
        self.lines[account as usize].push_back((job.at, Offer { number, account, tokens_in, tokens_out }));
        self.meter.waits(account);
    }

    /// Who comes back has saved up nothing: a tenant among those of its band, a band among the bands.
    fn lifts(&mut self, account: usize) {
        let band = self.band(account);
        if self.waiting(band).next().is_none() {
            let others = (0..3).filter(|other| self.waiting(*other).next().is_some());
            let least = others.map(|other| self.bands[other].counter).min();
            let least = least.unwrap_or(self.bands[self.left].counter);
            self.bands[band].counter = self.bands[band].counter.max(least);
        }
        if self.lines[account].is_empty() {
            let least = self.waiting(band).map(|other| self.counters[other]).min();
            let least = least.or_else(|| Some(self.counters[self.bands[band].left?])).unwrap_or_default();
            self.counters[account] = self.counters[account].max(least);
        }
    }

    fn band(&self, account: usize) -> usize {
        self.accounts[account].band as usize
    }

    /// The accounts of a band on which something waits.
    fn waiting(&self, band: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.lines.len()).filter(move |of| self.band(*of) == band && !self.lines[*of].is_empty())
    }

    fn next(&self) -> Option<usize> {
        let came = |of: &usize| self.lines[*of].front().map(|(at, _)| *at);
        if self.rule == Rule::Fcfs {
            return (0..self.lines.len()).filter(|of| came(of).is_some()).min_by_key(came);
        }
        let band = (0..3).filter(|band| self.waiting(*band).next().is_some());
        let band = band.min_by_key(|band| self.bands[*band].counter)?;
        self.waiting(band).min_by_key(|of| (self.counters[*of], came(of)))
    }

    fn serves(&mut self, account: u32, cost: u64) {
        let of = self.accounts[account as usize];
        self.counters[account as usize] += cost * EXACT / u64::from(of.weight);
        let band = &mut self.bands[of.band as usize];
        band.counter += cost * EXACT / band.share;
        self.meter.serves(account, cost);
    }
}

impl Line for Lines {
    fn first(&self) -> Option<Offer> {
        self.lines[self.next()?].front().map(|(_, offer)| *offer)
    }

    fn take(&mut self) {
        let Some(account) = self.next() else { return };
        if let Some((_, offer)) = self.lines[account].pop_front() {
            if self.lines[account].is_empty() {
                self.left = self.band(account);
                self.bands[self.left].left = Some(account);
            }
            self.meter.goes(offer.account);
            self.serves(offer.account, offer.tokens_in);
            self.begun.push(offer.number);
        }
    }

    fn makes(&mut self, account: u32) {
        self.serves(account, 2);
    }
}
