//! What providers say in the headers of their answers of what they let through in a minute: where the configuration does not say it, that is the pace.

use agendum_core::Event;
use agendum_types::snapshot::Snapshot;
use agendum_types::target::Rate;
use agendum_types::{Duration, Target, TargetId};

use super::Life;

/// A limit stays at least so long: a new table of targets is a look at all that waits, and a provider that says something else with each answer shall not
/// cause one each time.
const STAYS: Duration = Duration::secs(60);

impl Life {
    /// The targets, each with its rate: as configured, and else as its provider says.
    pub(super) fn table(&self) -> Vec<Target> {
        (0..)
            .map(TargetId)
            .zip(&self.around.targets)
            .map(|(id, (target, _))| Target { rate: self.rate(id, target), ..target.clone() })
            .collect()
    }

    fn rate(&self, id: TargetId, target: &Target) -> Rate {
        let (targets, group) = (&self.around.targets, &target.quota_group);
        let shares = |of: TargetId| of == id || (group.is_some() && targets[usize::from(of.0)].0.quota_group == *group);
        let stated = self.stated.iter().filter(|(of, _)| shares(**of)).map(|(_, (rate, _))| *rate);
        // Of those that share a limit each says the same; the least, where one does not.
        let stated = stated.fold(Rate::default(), |all, of| Rate {
            requests: all.requests.into_iter().chain(of.requests).min(),
            tokens: all.tokens.into_iter().chain(of.tokens).min(),
        });
        Rate { requests: target.rate.requests.or(stated.requests), tokens: target.rate.tokens.or(stated.tokens) }
    }

    /// To an attempt of this life a provider has said this.
    pub(super) fn rate_stated(&mut self, life: u64, id: TargetId, rate: Rate) {
        let now = self.now();
        let (before, since) = self.stated.get(&id).copied().unwrap_or_default();
        // What one answer does not say, an earlier one may have said.
        let rate = Rate { requests: rate.requests.or(before.requests), tokens: rate.tokens.or(before.tokens) };
        let is_more = (before.requests.is_none() && rate.requests.is_some())
            || (before.tokens.is_none() && rate.tokens.is_some());
        if life != self.id || rate == before || !(is_more || now.since(since) >= STAYS) {
            return;
        }
        let before = self.table();
        self.stated.insert(id, (rate, now));
        let table = self.table();
        if table != before {
            self.event(Event::TargetsPublished(table));
        }
    }

    /// The shard in numbers.
    pub(super) fn loads(&self) -> Snapshot {
        let mut snapshot = self.scheduler.snapshot(self.now());
        for (id, (target, _)) in (0..).map(TargetId).zip(&self.around.targets) {
            let in_force = self.rate(id, target);
            if in_force != target.rate
                && let Some(load) = snapshot.targets.iter_mut().find(|load| load.name == target.name)
            {
                load.rate_is_stated = true;
            }
        }
        snapshot
    }
}
