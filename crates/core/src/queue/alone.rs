//! Tasks that wait for one target alone.

use std::sync::Arc;

use agendum_types::{TargetId, Timestamp};

use super::Queue;
use super::class::Class;
use super::lane::Lane;

impl Queue {
    /// The classes of tasks that wait for this target alone.
    fn alone_at(&self, target: TargetId) -> impl Iterator<Item = &Class> {
        let alone = self.by_candidates.range((vec![target], Arc::default())..);
        let alone = alone.take_while(move |((candidates, _), _)| **candidates == [target]);
        alone.map(|(_, class)| &self.classes[class.0 as usize])
    }

    /// How many tasks wait for this target alone, but for those that came just now.
    pub(crate) fn before_at(&self, target: TargetId, now: Timestamp) -> u64 {
        let before = |class: &Class| {
            let (came, fresh) = class.fresh;
            class.bands.iter().map(Lane::len).sum::<u64>() - if came == now { fresh } else { 0 }
        };
        self.alone_at(target).map(before).sum()
    }
}
