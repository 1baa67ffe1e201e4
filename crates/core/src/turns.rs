//! Groups of runs (`concurrency`) in which each waits for its turn: who has begun, and who comes next.
//!
//! A run is in its group from its submission to its end. It is held until its turn, in order of submission; what began counts until it
//! is done, so that the effects of one are over when the next begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::{RunId, Seq, Tenant, Timestamp, Turns};

use crate::lookup::Lookup;
use crate::run::Slot;

/// Which group: the tenant, the name of the graph, what its key gave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    pub(crate) tenant: Tenant,
    pub(crate) graph: Arc<str>,
    pub(crate) key: Arc<str>,
}

/// A run's place in its group.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) group: Arc<Group>,
    pub(crate) rules: Turns,
    /// The record of its submission: the order in the group.
    pub(crate) seq: Seq,
    /// It does not begin before.
    pub(crate) settles: Timestamp,
    pub(crate) has_begun: bool,
    /// Tasks that are kept free for it among the live ones, until it begins.
    pub(crate) set_aside: u64,
}

/// The runs of a group, in order of submission.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Begun, and not done.
    pub(crate) begun: BTreeMap<Seq, Slot>,
    /// Waiting for their turn.
    pub(crate) held: BTreeMap<Seq, Slot>,
    /// Those that replace all before them; until they are done.
    pub(crate) replacing: BTreeMap<Seq, RunId>,
}

/// Groups with live runs.
#[derive(Debug, Default)]
pub(crate) struct Groups(Lookup<Arc<Group>, Members>);

impl Groups {
    pub(crate) fn get(&self, group: &Arc<Group>) -> Option<&Members> {
        self.0.get(group)
    }

    /// Changes who is in a group; one without runs is forgotten.
    pub(crate) fn change(&mut self, group: &Arc<Group>, change: impl FnOnce(&mut Members)) {
        let mut members = self.0.remove(group).unwrap_or_default();
        change(&mut members);
        if !(members.begun.is_empty() && members.held.is_empty() && members.replacing.is_empty()) {
            self.0.insert(Arc::clone(group), members);
        }
    }
}

impl Members {
    /// Runs that were submitted before, and are not done.
    pub(crate) fn before(&self, seq: Seq) -> impl Iterator<Item = (Seq, Slot)> + '_ {
        self.begun.range(..seq).chain(self.held.range(..seq)).map(|(seq, slot)| (*seq, *slot))
    }
}
