//! Who computes what several tasks ask for in the same words: one at a time, the others stand in line in the order they came.
//!
//! Only what is in flight is here: a restart begins without it, and finds it again as tasks are taken up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_types::{CacheKey, Hash, Money, Timestamp};

use crate::lookup::Lookup;
use crate::run::{InstId, Slot};

/// A task of this shard.
pub(crate) type Place = (Slot, InstId);

/// Everything that is computed, looked up or kept under a key now.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    by_key: Lookup<Arc<CacheKey>, Flight>,
    /// Counted up with each that comes to a line.
    tickets: u64,
    /// Those that have looked for a copy in vain and wait for money since: once one is kept they look again.
    watchers: Lookup<Arc<CacheKey>, BTreeSet<Place>>,
}

#[derive(Debug)]
struct Flight {
    of: Holder,
    line: BTreeMap<u64, Place>,
}

/// Who has the turn.
#[derive(Debug)]
enum Holder {
    /// Nobody, for the moment.
    Nobody,
    /// This task.
    Task(Place, Holding),
    /// Its result is being kept.
    Keeping,
}

/// What a task does with its turn.
#[derive(Debug, Default)]
struct Holding {
    /// It has looked for a copy, and there was none.
    looked: bool,
    /// What its result may be kept as, once that is judged.
    given: Option<Given>,
}

/// Who gave a result that may be kept, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) target: Arc<str>,
    pub(crate) digest: Hash,
    pub(crate) cost: Money,
    /// When its attempt began.
    pub(crate) began: Timestamp,
}

impl Flights {
    /// Takes the turn, or comes to the end of the line: then with a ticket.
    pub(crate) fn take(&mut self, key: &Arc<CacheKey>, place: Place) -> Option<u64> {
        let Some(turn) = self.by_key.get_mut(key) else {
            let of = Holder::Task(place, Holding::default());
            self.by_key.insert(Arc::clone(key), Flight { of, line: BTreeMap::new() });
            return None;
        };
        self.tickets += 1;
        turn.line.insert(self.tickets, place);
        Some(self.tickets)
    }

    /// A task gives up its turn, or with a ticket its place in line; true if the turn came free.
    pub(crate) fn leave(&mut self, key: &Arc<CacheKey>, place: Place, ticket: Option<u64>) -> bool {
        let Some(turn) = self.by_key.get_mut(key) else { return false };
        if let Some(ticket) = ticket {
            turn.line.remove(&ticket);
            return false;
        }
        let has_it = matches!(&turn.of, Holder::Task(of, _) if *of == place);
        if has_it {
            turn.of = Holder::Nobody;
        }
        has_it
    }

    /// If nobody has the turn, the first in line does now. A key that nobody asks for is forgotten.
    pub(crate) fn pass(&mut self, key: &Arc<CacheKey>) -> Option<Place> {
        let turn = self.by_key.get_mut(key)?;
        if !matches!(turn.of, Holder::Nobody) {
            return None;
        }
        let Some((_, next)) = turn.line.pop_first() else {
            self.by_key.remove(key);
            return None;
        };
        turn.of = Holder::Task(next, Holding::default());
        Some(next)
    }

    /// Those in line, the first to come first.
    pub(crate) fn line(&self, key: &Arc<CacheKey>) -> Vec<Place> {
        self.by_key.get(key).map(|turn| turn.line.values().copied().collect()).unwrap_or_default()
    }

    /// This task has looked in vain, and waits for money.
    pub(crate) fn watch(&mut self, key: &Arc<CacheKey>, place: Place) {
        match self.watchers.get_mut(key) {
            Some(watching) => drop(watching.insert(place)),
            None => drop(self.watchers.insert(Arc::clone(key), BTreeSet::from([place]))),
        }
    }

    /// It does not wait any more.
    pub(crate) fn forget(&mut self, key: &Arc<CacheKey>, place: Place) {
        let Some(watching) = self.watchers.get_mut(key) else { return };
        watching.remove(&place);
        if watching.is_empty() {
            self.watchers.remove(key);
        }
    }

    /// All that wait so.
    pub(crate) fn watching(&self, key: &Arc<CacheKey>) -> Vec<Place> {
        self.watchers.get(key).map(|watching| watching.iter().copied().collect()).unwrap_or_default()
    }

    /// True if the task that has the turn has looked for a copy in vain.
    pub(crate) fn has_looked(&self, key: &Arc<CacheKey>) -> bool {
        self.by_key.get(key).is_some_and(|turn| matches!(&turn.of, Holder::Task(_, holding) if holding.looked))
    }

    /// There is no copy for the task that has the turn.
    pub(crate) fn looked(&mut self, key: &Arc<CacheKey>) {
        if let Some(Flight { of: Holder::Task(_, holding), .. }) = self.by_key.get_mut(key) {
            holding.looked = true;
        }
    }

    /// The result of the task that has the turn may be kept if it is judged well.
    pub(crate) fn gave(&mut self, key: &Arc<CacheKey>, given: Given) {
        if let Some(Flight { of: Holder::Task(_, holding), .. }) = self.by_key.get_mut(key) {
            holding.given = Some(given);
        }
    }

    /// What was given, if anything may be kept.
    pub(crate) fn given(&self, key: &Arc<CacheKey>) -> Option<Given> {
        match &self.by_key.get(key)?.of {
            Holder::Task(_, holding) => holding.given.clone(),
            Holder::Nobody | Holder::Keeping => None,
        }
    }

    /// The task that has the turn has a result that is kept: until it is, nobody else has it.
    pub(crate) fn keep(&mut self, key: &Arc<CacheKey>) {
        if let Some(turn) = self.by_key.get_mut(key) {
            turn.of = Holder::Keeping;
        }
    }

    /// The result is kept, or could not be; true if the turn came free.
    pub(crate) fn kept(&mut self, key: &Arc<CacheKey>) -> bool {
        let Some(turn) = self.by_key.get_mut(key).filter(|turn| matches!(turn.of, Holder::Keeping)) else {
            return false;
        };
        turn.of = Holder::Nobody;
        true
    }
}
