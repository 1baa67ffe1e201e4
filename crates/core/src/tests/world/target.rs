//! Targets of a scenario, by what is said of them.

use agendum_testkit::script;
use agendum_types::snapshot::{PoolLoad, TargetLoad};
use agendum_types::target::{Bound, Cold};
use agendum_types::{Capability, Duration, Effect, Hash, Labels, Pool, Target};

use super::{World, clock};
use crate::Event;

impl World {
    /// Other targets, or other pools.
    pub(super) fn tables(&mut self, word: &str, rest: &str) {
        let rows = rest.split_whitespace().map(|one| one.split_once('=').unwrap());
        if word == "targets" {
            self.targets = rows.map(|(name, more)| target(name, more)).collect();
            return self.publish();
        }
        self.pools = rows.map(|(name, units)| Pool { name: name.into(), units: units.parse().unwrap() }).collect();
        self.event(Event::PoolsPublished(self.pools.clone()));
    }

    pub(super) fn publish(&mut self) {
        for target in &self.targets {
            if !self.names.iter().any(|name| **name == *target.name) {
                self.names.push(target.name.to_string());
            }
        }
        self.event(Event::TargetsPublished(self.targets.clone()));
    }

    pub(super) fn view_targets(&mut self) {
        let load = |load: TargetLoad| {
            let broken = load.broken_until.map_or(String::new(), |until| format!(" broken until {}", clock(until)));
            let learned = load.learned.map_or(String::new(), |limit| format!(" learned {limit}"));
            let crowded = load.does_most_with.map_or(String::new(), |limit| format!(" does most with {limit}"));
            format!(" {} {}/{}{learned}{crowded}{broken}", load.name, load.running, load.concurrency_max)
        };
        let loads: Vec<String> = self.core.snapshot(self.now).targets.into_iter().map(load).collect();
        self.line(format!("targets:{}", loads.join(",")));
    }

    pub(super) fn view_pools(&mut self) {
        let load = |pool: PoolLoad| format!(" {} {}/{}", pool.name, pool.held, pool.units);
        let loads: String = self.core.snapshot(self.now).pools.into_iter().map(load).collect();
        self.line(format!("pools:{loads}"));
    }
}

/// `2`, `2:class=small:price=1c:group=g:clearance=region=eu`
pub(super) fn target(name: &str, text: &str) -> Target {
    let mut parts = text.split(':');
    let concurrency_max = parts.next().unwrap().parse().unwrap();
    let mut target = Target {
        bytes_per_token_min: 2,
        expected: Duration::millis(100),
        ..Target::free(name, Capability::Chat, concurrency_max)
    };
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key {
            "child" => target.capabilities = vec![Capability::Graph],
            "class" => target.classes = vec![value.into()],
            "call" => target.price.call = script::cents(value),
            "egress" => target.price.egress_gib = script::cents(value),
            "in" => target.price.token_in = script::cents(value),
            "token" => target.price.token_out = script::cents(value),
            "most" => target.max_cost = Some(script::cents(value)),
            "estimated" => target.bound = Bound::Estimated,
            "cap" => target.output_cap = value.parse().unwrap(),
            "group" => target.quota_group = Some(value.into()),
            "clearance" => target.clearance = Labels::new([value]),
            "digest" => target.digest = Hash([value.parse().unwrap(); 32]),
            "per_run" => target.per_run = value == "yes",
            "effect" => target.effect = Effect::from_word(value),
            "requests" => target.rate.requests = Some(value.parse().unwrap()),
            "tokens" => target.rate.tokens = Some(value.parse().unwrap()),
            "last" => target.last_resort = true,
            "remembers" => target.remembers = value.parse().unwrap(),
            "cold" => {
                let (after, start) = value.split_once('+').unwrap();
                target.cold = Some(Cold { after: script::span(after), start: script::span(start) });
            }
            "bytes_per_s" => target.bytes_per_s = Some(value.parse().unwrap()),
            "expected" => target.expected = script::span(value),
            other => panic!("a target knows no word {other:?}"),
        }
    }
    target
}
