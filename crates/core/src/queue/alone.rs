//! Tasks that wait for one target alone.

use std::sync::Arc;

use agendum_types::{TargetId, Timestamp};

use super::class::Class;
use super::lane::Lane;
use super::{Queue, Rank};

impl Queue {
    /// The classes of tasks that wait for this target alone.
    fn alone_at(&self, target: TargetId) -> impl Iterator<Item = &Class> {
        let alone = self.by_candidates.range((vec![target], Arc::default())..);
        let alone = alone.take_while(move |((candidates, _), _)| **candidates == [target]);
        alone.map(|(_, class)| &self.classes[class.0 as usize])
    }

    /// The tasks that wait for this target alone.
    pub(crate) fn held_for(&self, target: TargetId) -> impl Iterator<Item = &Rank> {
        self.alone_at(target).flat_map(|class| class.bands.iter().flat_map(Lane::ranks))
    }

    /// How many they are, but for those that came just now.
    pub(crate) fn before_at(&self, target: TargetId, now: Timestamp) -> u64 {
        let before = |class: &Class| {
            let (came, fresh) = class.fresh;
            class.bands.iter().map(Lane::len).sum::<u64>() - if came == now { fresh } else { 0 }
        };
        self.alone_at(target).map(before).sum()
    }
}
