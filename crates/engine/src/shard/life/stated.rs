//! What providers say in the headers of their answers of what they let through in a minute: where the configuration does not say it, that is the pace.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::Event;
use agendum_types::snapshot::Snapshot;
use agendum_types::target::Rate;
use agendum_types::{Duration, Target, TargetId, Timestamp};
use agendum_wire::checkpoint;

use super::Life;

/// A limit stays at least so long: a new table of targets is a look at all that waits, and a provider that says something else with each answer shall not
/// cause one each time.
const STAYS: Duration = Duration::secs(60);
/// What was not said for so long does not count in the next life.
const BELIEVED: Duration = Duration::secs(3_600);

/// What a provider says of a target.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stated {
    rate: Rate,
    /// Since when that is in force, and when it was last said.
    since: Timestamp,
    at: Timestamp,
}

impl Life {
    /// The targets, each with its rate: as configured, and else as its provider says.
    pub(super) fn table(&self) -> Vec<Target> {
        let rated = |(id, (target, _)): (u16, &(Target, _))| {
            let Rate { requests, tokens } = self.stated_of(TargetId(id), target);
            let rate = Rate { requests: target.rate.requests.or(requests), tokens: target.rate.tokens.or(tokens) };
            Target { rate, ..target.clone() }
        };
        (0..).zip(&self.around.targets).map(rated).collect()
    }

    /// What is in force of what providers say.
    fn stated_of(&self, id: TargetId, target: &Target) -> Rate {
        let (targets, group) = (&self.around.targets, &target.quota_group);
        let shares = |of: TargetId| of == id || (group.is_some() && targets[usize::from(of.0)].0.quota_group == *group);
        let stated = self.stated.iter().filter(|(of, _)| shares(**of)).map(|(_, stated)| stated.rate);
        // Of those that share a limit each says the same; the least, where one does not.
        let stated = stated.fold(Rate::default(), |all, of| Rate {
            requests: all.requests.into_iter().chain(of.requests).min(),
            tokens: all.tokens.into_iter().chain(of.tokens).min(),
        });
        let (requests, tokens) = (target.rate.requests.is_none(), target.rate.tokens.is_none());
        Rate { requests: stated.requests.filter(|_| requests), tokens: stated.tokens.filter(|_| tokens) }
    }

    /// To an attempt of this life a provider has said this.
    pub(super) fn rate_stated(&mut self, life: u64, id: TargetId, rate: Rate) {
        if life != self.id {
            return;
        }
        let now = self.now();
        let before = self.stated.get(&id).copied().unwrap_or_default();
        // What one answer does not say, an earlier one may have said.
        let rate =
            Rate { requests: rate.requests.or(before.rate.requests), tokens: rate.tokens.or(before.rate.tokens) };
        let is_more = (before.rate.requests.is_none() && rate.requests.is_some())
            || (before.rate.tokens.is_none() && rate.tokens.is_some());
        if rate == before.rate || !(is_more || now.since(before.since) >= STAYS) {
            self.stated.entry(id).and_modify(|stated| stated.at = now);
            return;
        }
        let table = self.table();
        self.stated.insert(id, Stated { rate, since: now, at: now });
        let anew = self.table();
        if anew != table {
            self.event(Event::TargetsPublished(anew));
        }
    }

    /// The shard in numbers.
    pub(super) fn loads(&self) -> Snapshot {
        let mut snapshot = self.scheduler.snapshot(self.now());
        for (id, (target, _)) in (0..).map(TargetId).zip(&self.around.targets) {
            if let Some(load) = snapshot.targets.iter_mut().find(|load| load.name == target.name) {
                load.stated = self.stated_of(id, target);
            }
        }
        snapshot
    }

    /// What was learned, for the next life.
    pub(super) fn learned(&self) -> checkpoint::Learned {
        let said = |(id, of): (&TargetId, &Stated)| {
            let target = Arc::clone(&self.around.targets[usize::from(id.0)].0.name);
            checkpoint::Stated { target, rate: of.rate, at: of.at }
        };
        checkpoint::Learned { core: self.scheduler.checkpoint(), stated: self.stated.iter().map(said).collect() }
    }

    /// What was stated in an earlier life, as far as it is of today's targets and not long ago. It is as old as can be: another number counts at once.
    pub(super) fn stated_before(&self, stated: &[checkpoint::Stated]) -> BTreeMap<TargetId, Stated> {
        let now = self.now();
        let mut known = BTreeMap::new();
        for of in stated.iter().filter(|of| of.at <= now && now.since(of.at) < BELIEVED) {
            let place = self.around.targets.iter().position(|(target, _)| target.name == of.target);
            let limits = |limit: &u64| *limit > 0;
            let rate = Rate { requests: of.rate.requests.filter(limits), tokens: of.rate.tokens.filter(limits) };
            if let Some(place) = place.and_then(|place| u16::try_from(place).ok()) {
                known.insert(TargetId(place), Stated { rate, since: Timestamp(0), at: of.at });
            }
        }
        known
    }
}
