//! A store of kept results: slow, failing, and older than the process. And tenants and targets that make a copy another's.

use std::collections::BTreeMap;

use agendum_core::{Event, Keep, LookUp};
use agendum_types::{CachedCopy, Hash, RunId, Target, Tenant};

use super::{Coming, World};
use crate::chance::Chance;

/// The tenants of a seed.
pub(crate) const TENANTS: [&str; 2] = ["default", "other"];

/// What a world keeps.
pub(super) struct Kept {
    /// Dice of its own: what else a seed plays does not hang on it.
    dice: Chance,
    /// Whether this seed keeps anything.
    pub(super) is_on: bool,
    /// Whether this seed has runs of several tenants.
    several: bool,
    copies: BTreeMap<String, CachedCopy>,
}

impl Kept {
    pub(super) fn new(seed: u64) -> Self {
        let is_on = crate::plans::keeps(seed);
        let several = is_on || crate::plans::rushes(seed);
        Self { dice: Chance::new(seed ^ 0x0063_6163_6865), is_on, several, copies: BTreeMap::new() }
    }
}

impl Kept {
    /// Others, which change nothing of what these say.
    pub(super) fn dice_beside(&self) -> Chance {
        Chance::new(!self.dice.clone().number())
    }

    /// How long the store takes.
    const fn takes(&mut self) -> u64 {
        let most = if self.dice.hits(15) { 200_000 } else { 300 };
        5 + self.dice.below(most)
    }
}

impl World {
    /// Whose run comes next: where windows are limited there is one tenant.
    pub(super) fn tenant(&mut self) -> Tenant {
        let several = self.results.several && self.windows.is_unlimited();
        let place = if several { self.results.dice.below(2) as usize } else { 0 };
        Tenant::new(TENANTS[place])
    }

    /// The definitions of some targets change.
    pub(super) fn redefined(&mut self, targets: &mut [Target]) {
        // What serves child runs is not asked for what it gave.
        for target in targets.iter_mut().filter(|of| self.results.is_on && *of.name != *Target::CHILD) {
            if self.results.dice.hits(40) {
                target.digest = Hash([self.results.dice.below(3) as u8; 32]);
            }
        }
    }

    pub(super) fn look_up(&mut self, asked: Box<LookUp>) {
        let span = self.results.takes();
        self.at(span, Coming::Look(asked));
    }

    pub(super) fn keep(&mut self, keep: Box<Keep>) {
        self.checker.keeps(&keep, &self.journal, self.durable);
        let span = self.results.takes();
        self.at(span, Coming::Keep(keep));
    }

    /// The store finds what is there now, be it that nobody waits for it any more.
    pub(super) fn looked(&mut self, is_current: bool, asked: LookUp) {
        let fails = self.results.dice.hits(10);
        let found = self.results.copies.get(&format!("{:?}", asked.key)).filter(|_| !fails);
        let LookUp { run, path, number, .. } = asked;
        let event = Event::LookedUp { run, path, number, found: found.cloned().map(Box::new) };
        if is_current {
            self.tell(event);
        }
    }

    pub(super) fn stored(&mut self, is_current: bool, keep: Keep) {
        if !self.results.dice.hits(10) {
            self.results.copies.insert(format!("{:?}", keep.key), keep.copy);
        }
        if is_current {
            self.tell(Event::Kept(keep.key));
        }
    }

    /// Whose run it is, by its records.
    pub(super) fn tenant_of(&self, run: RunId) -> Tenant {
        let of = self.journal.iter().find(|entry| entry.record.run() == Some(run));
        of.and_then(|entry| entry.tenant.clone()).unwrap_or_default()
    }
}
