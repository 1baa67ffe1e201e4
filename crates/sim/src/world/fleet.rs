//! What there is to run on, and how much at once: seeds differ in how scarce it is.

use std::sync::Arc;

use agendum_core::Event;
use agendum_types::graph::OnExceeded;
use agendum_types::outcome::Price;
use agendum_types::policy::{Index, Preemption};
use agendum_types::target::{Bound, Cold, Rate};
use agendum_types::{
    Capability, Duration, Effect, Labels, Limits, Money, Plan, Policy, Pool, Target, Tenant, Timestamp, Window, Windows,
};

use super::{Coming, TENANTS, World};
use crate::chance::Chance;
use crate::plans::rushes;

/// The labels that some data carries, and that not every target may see.
pub(crate) const GUARDED: &str = "region=eu";

/// Limits of a seed: some have few credits, or allow few attempts.
pub(super) fn limits(chance: &mut Chance, unrest: bool) -> Limits {
    let mut limits = Limits::STANDARD;
    if unrest && chance.hits(25) {
        limits.attempt_credits = 1 + chance.below(3) as u32;
    }
    if unrest && chance.hits(25) {
        limits.evaluation_credits = 1 + chance.below(2) as u32;
    }
    if unrest && chance.hits(25) {
        limits.attempts_max = 1 + chance.below(4) as u32;
    }
    limits
}

/// What may be spent in a window, and when the seed begins: mostly nothing is said of money. What it says of targets is told to them.
pub(super) fn money(chance: &mut Chance, targets: &mut [Target]) -> (Windows, Timestamp) {
    let mut windows = Windows::default();
    let mut start = Timestamp(1_000_000);
    if chance.hits(70) {
        return (windows, start);
    }
    // One whose price is not known for sure, and one that says what it costs at most.
    targets[2].bound = chance.of(&[Bound::Hard, Bound::Estimated]);
    targets[4].max_cost = chance.of(&[None, Some(Money(5_000_000))]);
    if chance.hits(40) {
        // Just before a full hour, a day and a month.
        start = Window::Month.end(Timestamp(0)).before(Duration(chance.below(1_000_000)));
    }
    windows.on_exceeded = chance.of(&[OnExceeded::Wait, OnExceeded::Wait, OnExceeded::Degrade, OnExceeded::Fail]);
    for cap in &mut windows.caps {
        if chance.hits(50) {
            cap.money = Some(Money::micro_dollars(50 + chance.below(4_000)));
        }
        if chance.hits(25) {
            cap.tokens = Some(50 + chance.below(4_000));
        }
    }
    for target in targets.iter_mut() {
        if chance.hits(25) {
            // Dear enough that bodies of some hundred bytes count.
            target.price.egress_gib = Money(chance.below(20_000) << 30);
        }
    }
    (windows, start)
}

/// By which rules is chosen: in half of the seeds by the usual ones.
pub(super) fn policy(seed: u64, dice: &mut Chance) -> Policy {
    let mut policy = drawn(dice);
    if rushes(seed) {
        // It is soon known what to expect, and much may give way.
        policy.admission.samples = 1;
        policy.preemption = Preemption { spent: 100, times: 1 + (seed % 3) as u8, share: 50 };
    }
    policy
}

fn drawn(dice: &mut Chance) -> Policy {
    let mut policy = Policy::default();
    if dice.hits(50) {
        return policy;
    }
    for band in &mut policy.bands {
        (band.index, band.deadline_index) = (dice.of(&Index::ALL), dice.of(&Index::ALL));
        (band.aging, band.share) = (1 + dice.below(8) as u32, 1 + dice.below(16) as u32);
        band.patience = Duration::millis(1 + dice.below(2_000));
        band.dollar = Duration::secs(dice.of(&[0, 1, 1_000]));
    }
    policy.fairness.free_hour = Money(dice.below(1_000) * 1_000_000_000);
    policy.admission.samples = dice.of(&[1, 1, 2, 2, 3, 3, 40]);
    (policy.admission.quick, policy.admission.slow) = (dice.of(&[1, 10, 50]), dice.of(&[50, 75, 100]));
    (policy.placement.crowd, policy.placement.tokens_per_s) = (dice.below(200) as u32, 1 + dice.below(1_000) as u32);
    policy.overload.waiting = dice.of(&[8, 1_000_000, 1_000_000, 1_000_000]);
    policy.overload.stand = Duration::millis(dice.of(&[0, 0, 0, 2_000]));
    policy.overload.interval = Duration::millis(dice.of(&[0, 500, 5_000]));
    (policy.hedging.after, policy.hedging.share) = (dice.of(&[0, 10, 50, 95]), dice.of(&[0, 20, 100]));
    policy.fairness.credit = dice.below(4) as u32;
    cautious(&mut Chance::new(dice.clone().number()), &mut policy);
    urgent(&mut Chance::new(!dice.clone().number()), &mut policy);
    policy.fairness.weights = TENANTS.iter().map(|tenant| (Tenant::new(tenant), 1 + dice.below(3) as u32)).collect();
    policy
}

/// What of targets that fail: by dice of their own.
fn cautious(dice: &mut Chance, policy: &mut Policy) {
    policy.limits.failures = dice.of(&[0, 1, 50, 50, 100]);
    policy.limits.failures_min = dice.of(&[1, 1, 2, 5]);
    policy.limits.failing_for = Duration::millis(20 * (u64::from(policy.limits.failures_min) - 1));
    (policy.limits.retries, policy.limits.retries_per_s) = (dice.of(&[0, 20, 100]), dice.of(&[1, 1, 3, 1_000]));
    policy.limits.pause = Duration::millis(1 + dice.below(500));
    policy.limits.pause_max = Duration::millis(1 + dice.below(4_000));
    policy.limits.turned_away = dice.of(&[0, 1, 20]);
    policy.admission.look = dice.of(&[0, 2, 5, 32]);
    policy.fairness.locality_quantum = dice.of(&[0, 0, 1, 3, 100]);
    policy.limits.gain = dice.of(&[0, 5, 20, 100]);
}

/// What gives way: by dice of their own.
fn urgent(dice: &mut Chance, policy: &mut Policy) {
    let rules = &mut policy.preemption;
    (rules.spent, rules.times, rules.share) =
        (dice.of(&[0, 50, 100, 100]), dice.of(&[0, 1, 2, 50]), dice.of(&[0, 5, 50, 100]));
}

/// What providers let through in a minute: in some seeds so little that it is felt.
pub(super) fn rates(dice: &mut Chance, targets: &mut [Target]) {
    if dice.hits(75) {
        return;
    }
    for target in targets {
        let limit = |most: u64, dice: &mut Chance| Some(1 + dice.below(most)).filter(|_| dice.clone().hits(50));
        target.rate = Rate { requests: limit(6_000, dice), tokens: limit(200_000, dice) };
    }
}

/// What goes cold, and what is far away: in a quarter of the seeds, by dice of their own.
pub(super) fn starts(seed: u64, targets: &mut [Target]) {
    let mut dice = Chance::new(seed ^ 0x636F_6C64);
    if dice.hits(75) {
        return;
    }
    for target in targets {
        let cold = Cold { after: Duration::millis(dice.below(300)), start: Duration::millis(dice.below(200)) };
        target.cold = Some(cold).filter(|_| dice.hits(50));
        target.bytes_per_s = Some(1 + dice.below(1_000)).filter(|_| dice.hits(50));
    }
}

/// A time in which a model fails, whatever it is asked, or all that is too much for it; or in which it is slow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    name: &'static str,
    from: Timestamp,
    to: Timestamp,
    /// So many attempts at once it takes all the same.
    room: usize,
    /// Nothing fails, and an attempt takes the longer the more are out.
    is_slow: bool,
}

impl Outage {
    /// In one hundred of eight there is one, after this instant; in one of sixteen a model has less room than is said of it, and in one it does no more the
    /// more it is given: what other seeds play does not hang on it.
    pub(super) fn of(seed: u64, start: Timestamp, targets: &mut [Target]) -> Option<Self> {
        let mut dice = Chance::new(seed ^ 0x006F_7574_6167_6573);
        let name = dice.of(&["small", "small", "large", "translator"]);
        let from = start.after(Duration(dice.below(500_000)));
        let to = from.after(Duration(200_000 + dice.below(3_000_000)));
        if matches!(seed / 100 % 16, 5 | 13) {
            let is_slow = seed / 100 % 16 == 5;
            let narrow = targets.iter_mut().find(|target| *target.name == *name);
            narrow.into_iter().for_each(|target| target.concurrency_max += 6);
            return Some(Self { name, from: start, to: Timestamp::MAX, room: dice.of(&[1, 2, 3]), is_slow });
        }
        (seed / 100 % 8 == 7).then_some(Self { name, from, to, room: 0, is_slow: false })
    }

    /// It is slow, and fails nothing.
    pub(super) const fn is_slow(&self) -> bool {
        self.is_slow
    }

    /// It has less room than is said of it.
    pub(super) const fn is_narrow(self) -> bool {
        self.room > 0 && !self.is_slow
    }

    /// So many of this target are out, another included: so many times as long that takes.
    pub(super) fn slows(&self, name: &str, out: usize) -> u64 {
        if self.is_slow && name == self.name { out.max(1) as u64 } else { 1 }
    }

    /// So many of this target are out, another included: true if that fails.
    pub(super) fn is_now(&self, name: &str, now: Timestamp, out: usize) -> bool {
        !self.is_slow && name == self.name && (self.from..self.to).contains(&now) && out > self.room
    }
}

/// The pools of which documents may ask.
pub(crate) const POOLS: [&str; 3] = ["gpu", "sandbox", "seat"];
/// Units that a task asks for at most, and so that there must be at last.
pub(crate) const UNITS_MAX: u32 = 4;

/// What there is of them: some are not there, or are too small for some.
pub(super) fn pools(dice: &mut Chance) -> Vec<Pool> {
    let pool = |name: &&str| Pool { name: (*name).into(), units: dice.below(2 * u64::from(UNITS_MAX)) as u32 };
    POOLS.iter().map(pool).filter(|pool| pool.units > 0).collect()
}

/// So many that few wait for them.
pub(super) fn all_pools() -> Vec<Pool> {
    POOLS.iter().map(|name| Pool { name: (*name).into(), units: 3 * UNITS_MAX }).collect()
}

/// Models of two classes and one that is dear, abroad and quick; a tool; a translator whose effects are its own.
pub(super) fn targets(chance: &mut Chance) -> Vec<Target> {
    let scarce = chance.hits(50);
    let width = |most: u64, chance: &mut Chance| if scarce { 1 } else { 1 + chance.below(most) as u32 };
    let target = |name: &str, capability, class: &str, concurrency_max, token: u64| Target {
        classes: if class.is_empty() { Vec::new() } else { vec![class.into()] },
        price: Price {
            token_in: Money(token),
            token_cached: Money(token),
            token_written: Money(token),
            token_out: Money(4 * token),
            call: Money::ZERO,
            egress_gib: Money::ZERO,
        },
        clearance: Labels::new([GUARDED]),
        output_cap: 50,
        expected: Duration::millis(50),
        ..Target::free(name, capability, concurrency_max)
    };
    let mut targets = vec![
        target("small", Capability::Chat, "small", width(4, chance), 100_000),
        target("large", Capability::Chat, "large", width(2, chance), 1_000_000),
        target("abroad", Capability::Chat, "large", width(2, chance), 2_000_000),
        target("tool", Capability::Exec, "", width(3, chance), 0),
        target("translator", Capability::Translate, "", width(2, chance), 10_000),
    ];
    targets[2].clearance = Labels::NONE;
    targets[2].expected = Duration::millis(20);
    // Two names of one provider.
    targets[1].quota_group = Some("provider".into());
    targets[2].quota_group = Some("provider".into());
    for target in &mut targets[..3] {
        target.remembers = chance.of(&[0, 4_096, 1_000_000]);
        target.last_resort = chance.hits(20);
    }
    targets[0].output_cap = chance.of(&[50, 400]);
    targets[4].effect = chance.of(&[None, Some(Effect::Idempotent), Some(Effect::Once)]);
    targets
}

/// The same fleet some time later: one is gone, others take more or less at once.
pub(super) fn changed(chance: &mut Chance, targets: &[Target]) -> Vec<Target> {
    // What serves child runs is the shard's own.
    let is_own = |target: &&Target| *target.name == *Target::CHILD;
    let own: Vec<Target> = targets.iter().filter(is_own).cloned().collect();
    let mut targets: Vec<Target> = targets.iter().filter(|target| !is_own(target)).cloned().collect();
    for target in &mut targets {
        target.concurrency_max = 1 + chance.below(3) as u32;
    }
    if chance.hits(40) {
        targets.remove(chance.below(targets.len() as u64) as usize);
    }
    targets.extend(own);
    targets
}

impl World {
    /// Other parameters for a while; now and then for another policy, or taken back.
    fn planned(&mut self, rulers: &mut Chance) {
        let policy = if rulers.hits(80) { self.policy.version() } else { "other@00000000".to_owned() };
        let plan = Plan::bare("plan", &policy, Arc::new(drawn(rulers)), Duration::secs(1));
        let (from, lasts) = (rulers.below(1_500_000), rulers.below(2_000_000));
        let until = self.now.after(Duration::micros(from + lasts));
        self.at(from, Coming::Told(Event::PlanPublished { plan: Arc::new(plan), until }));
        if rulers.hits(25) {
            self.at(from + rulers.below(2_000_000), Coming::Told(Event::PlanWithdrawn));
        }
    }

    /// Other targets, rules and pools come while runs are out.
    pub(super) fn restless(&mut self, rulers: &mut Chance, wardens: &mut Chance) {
        if self.chance.hits(25) {
            let (span, mut changed) = (self.chance.below(1_500_000), changed(&mut self.chance, &self.targets));
            self.redefined(&mut changed);
            self.at(span, Coming::Told(Event::TargetsPublished(changed)));
        }
        if rulers.hits(25) {
            let told = Coming::Told(Event::PolicyPublished(Arc::new(drawn(rulers))));
            self.at(rulers.below(1_500_000), told);
        }
        if rulers.hits(12) {
            self.planned(rulers);
        }
        if wardens.hits(50) {
            let told = Coming::Told(Event::PoolsPublished(pools(wardens)));
            self.at(wardens.below(1_500_000), told);
        }
    }
}
