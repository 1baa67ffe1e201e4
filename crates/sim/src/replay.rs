//! What another policy would have done: a production journal, run again in virtual time.
//!
//! The journal says what came and when, what each attempt took on which target, what each evaluation said, what people did. The same graphs
//! run in the same core with all that; only the rules are others. The core sees what it saw in production, no more.
//!
//! First comes how well the past is reproduced under the rules that were in force: the error bar of all that follows. What never happened
//! (another order may retry otherwise, or run what had been shed) is made up of medians, counted and told. What is assumed is told too.

mod cause;
mod compare;
mod past;
mod places;
mod pools;
mod text;
mod usual;
mod world;

mod page;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Change, Record};
use agendum_types::{
    Hash, Labels, Limits, MediaType, PayloadRef, Plan, Policy, Pool, RunId, Target, Timestamp, Windows,
};

use crate::lab::chart::{Bar, Chart};
use crate::lab::world::Clock;
use past::Life;
use usual::Usual;
use world::{Course, Ground, Played};

pub use compare::{Accuracy, Figure, Report, Row, TargetSaid, TenantRow};
pub use page::page;
pub use past::{LeftOut, Records};
pub use places::Places;
pub use text::text;
pub use world::MadeUp;

/// What is there to run on, besides what the journal says.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The targets of the present configuration, in its order.
    pub targets: Vec<Target>,
    /// Its pools.
    pub pools: Vec<Pool>,
    /// The limits under which it runs.
    pub limits: Limits,
    /// What may be spent in an hour, a day, a month.
    pub windows: Windows,
    /// The seed of the core's random numbers: retries are spread by it.
    pub seed: u64,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The policy that was in force, and how that is known.
    pub old: (Arc<Policy>, String),
    /// The plans that were published for it, in their order: played beside it, and beside nothing else.
    pub plans: Vec<Published>,
    /// Those to compare it with.
    pub new: Vec<Arc<Policy>>,
    /// Told at the head of the report: what the caller knows of runs that it did not hand over.
    pub notes: Vec<String>,
}

/// A plan that was published, or taken back.
#[derive(Clone, Debug)]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// Which, and until when it was for; `None` where the one before was taken back.
    pub plan: Option<(Arc<Plan>, Timestamp)>,
}

/// The runs of a journal, ready to be run again.
#[derive(Debug, Default)]
pub struct Past {
    lives: BTreeMap<RunId, Life>,
    left_out: BTreeMap<LeftOut, usize>,
    bars: Vec<Bar>,
    /// What lay where of the runs that are left out, as far as that is known, and how many there are of which it is not.
    left_bars: Vec<Bar>,
    left_unknown: usize,
    /// The policies that its attempts were chosen by, where they had to be chosen, and how many were by each.
    policies: BTreeMap<Arc<str>, u64>,
}

impl Past {
    /// Takes a run in, by its records; one that cannot be run again is counted and left out.
    pub fn take(&mut self, records: &Records) {
        match Life::of(records) {
            Ok(life) => {
                self.bars.extend(bars_of(records));
                self.policies_of(records);
                self.lives.insert(life.run(), life);
            }
            Err(why) => self.leave_out(why, Some(records)),
        }
    }

    fn policies_of(&mut self, records: &Records) {
        for entry in &records.entries {
            if let Record::Task { change: Change::Dispatched(sent), .. } = &entry.record
                && let Some(choice) = &sent.choice
            {
                *self.policies.entry(Arc::clone(&choice.policy)).or_default() += 1;
            }
        }
    }

    /// What the journal says of the policy that is taken for the one that was in force.
    fn says_of(&self, policy: &Policy) -> String {
        let version = policy.version();
        // Behind a + stands the plan that was in force as well.
        let planned = |name: &str| name.split_once('+').is_some_and(|(of, _)| of == version);
        let others = self.policies.iter().filter(|(name, _)| ***name != *version && !planned(name));
        let others: Vec<_> = others.collect();
        let all: u64 = self.policies.values().sum();
        let under: u64 = self.policies.iter().filter(|(name, _)| planned(name)).map(|(_, count)| count).sum();
        if under > 0 && others.is_empty() {
            return format!("so says the journal of all {all} attempts that had to be chosen, of {under} with a plan");
        }
        let by = |(name, count): &(&Arc<str>, &u64)| format!("{count} by {name}");
        match others.as_slice() {
            [] if all == 0 => "the journal does not name it: nothing had to be chosen".to_owned(),
            [] => format!("so says the journal of all {all} attempts that had to be chosen"),
            others => {
                let others: Vec<_> = others.iter().map(by).collect();
                format!(
                    "but of {all} attempts that had to be chosen the journal says: {}; name it with --was",
                    others.join(", ")
                )
            }
        }
    }

    /// Counts a run that is left out; where its records are known, they say which places it had.
    pub fn leave_out(&mut self, why: LeftOut, records: Option<&Records>) {
        *self.left_out.entry(why).or_default() += 1;
        match records {
            Some(records) => self.left_bars.extend(bars_of(records)),
            None => self.left_unknown += 1,
        }
    }

    /// How many runs will be run again.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lives.len()
    }

    /// When the first of its runs came; `None` if there is none.
    #[must_use]
    pub fn from(&self) -> Option<Timestamp> {
        self.lives.values().map(|life| life.at).min()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lives.is_empty()
    }

    /// What lay where, in the order in which it began.
    fn bars(&self) -> Vec<Bar> {
        let mut bars = self.bars.clone();
        bars.sort_by_key(|bar| (bar.began, bar.run));
        bars
    }

    /// The run that all of a child run is done for.
    fn root<'l>(&'l self, mut life: &'l Life) -> RunId {
        while let Some(parent) = life.submitted.parent.as_ref().and_then(|parent| self.lives.get(&parent.run)) {
            life = parent;
        }
        life.run()
    }

    /// The parts of what really happened that are compared.
    fn courses(&self) -> BTreeMap<RunId, Course> {
        let mut courses: BTreeMap<RunId, Course> = BTreeMap::new();
        for life in self.lives.values().filter(|life| self.root(life) == life.run()) {
            let course = Course {
                tenant: life.tenant.clone(),
                deadline: life.deadline(),
                answered: Some((life.answered.0.since(life.at), life.answered.1)),
                hopeless: life.hopeless,
                refused: false,
                cost: agendum_types::Money::ZERO,
            };
            courses.insert(life.run(), course);
        }
        for life in self.lives.values() {
            if let Some(course) = courses.get_mut(&self.root(life)) {
                course.cost = course.cost.plus(life.own_cost());
            }
        }
        courses
    }
}

/// Runs the past again, under its own policy first. `tells` is told what is being done, and how much of all is done.
#[must_use]
pub fn run(
    past: &Past,
    setting: &Setting,
    asked: &Asked,
    clock: Clock<'_>,
    tells: &dyn Fn(&str, usize, usize),
) -> Report {
    let (targets, said) = compare::targets(past, &setting.targets);
    let (pools, lacking) = pools::pools(past, &setting.pools);
    let usual = Usual::of(past.lives.values());
    let ground = |boundless| Ground {
        targets: &targets,
        pools: &pools,
        limits: &setting.limits,
        windows: setting.windows,
        seed: setting.seed,
        boundless,
    };
    let (old, steps) = (&asked.old.0, asked.new.len() + 2);
    let play = |policy: &Arc<Policy>, plans: &[Published], boundless| -> Played {
        world::play(&past.lives, &usual, &ground(boundless), (policy, plans), clock, false)
    };
    tells("how long each run takes alone", 0, steps);
    let alone = play(&Arc::new(alone(old)), &[], true);
    let mut played = Vec::new();
    for (number, policy) in std::iter::once(old).chain(&asked.new).enumerate() {
        tells(&policy.name, number + 1, steps);
        let plans: &[Published] = if number == 0 { &asked.plans } else { &[] };
        played.push((Arc::clone(policy), play(policy, plans, false)));
    }
    compare::report(past, asked, (said, lacking), &alone, played)
}

/// What lay where of one run. Of what a crash cut off nobody knows when it ended: with its records at the latest.
fn bars_of(records: &Records) -> Vec<Bar> {
    let mut chart = Chart::default();
    records.entries.iter().for_each(|entry| chart.take(entry));
    chart.bars(records.entries.last().map_or(Timestamp::MAX, |entry| entry.at))
}

/// Nobody is given up where nothing is scarce.
fn alone(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    policy.admission.samples = u32::MAX;
    policy
}

fn payload(size: u64) -> PayloadRef {
    PayloadRef { hash: Hash([1; 32]), size, media: MediaType::Json, labels: Labels::NONE }
}
