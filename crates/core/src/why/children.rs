//! The time of a task that waits for a child run is that of the child: what that waited for, and when it ran.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use agendum_types::{Cause, RunId, TaskPath, Timestamp};

use super::Reading;
use super::track::{Stretch, Track};

/// What a run passed its time with, one stretch after the other.
pub type Timeline = Vec<(Cause, Timestamp, Timestamp)>;

/// Child runs by their ids.
pub(super) type Children = BTreeMap<RunId, Vec<Stretch>>;

impl Reading {
    /// The child runs that its tasks waited for, those first for which one waited longest.
    #[must_use]
    pub fn children(&self) -> Vec<RunId> {
        let attempts = self.tracks.values().flat_map(Track::attempts);
        let mut found: Vec<_> = attempts
            .filter_map(|of| Some((Reverse(of.ended.unwrap_or(Timestamp::MAX).since(of.started)), of.child?)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, run)| run).collect()
    }

    /// What one of them passed its time with. Of one that nobody tells of it is only known that it ran.
    pub fn learn(&mut self, child: RunId, timeline: Timeline) {
        let stretches = timeline.into_iter().map(|(cause, from, to)| Stretch { from, to, cause });
        self.children.insert(child, stretches.collect());
    }
}

/// Gives every task that waited for a child run the time of that.
pub(super) fn fill(tracks: &mut BTreeMap<TaskPath, Track>, children: &Children) {
    for track in tracks.values_mut().filter(|_| !children.is_empty()) {
        let runs: Vec<RunId> = track.attempts().iter().filter_map(|attempt| attempt.child).collect();
        runs.iter().filter_map(|run| children.get(run)).for_each(|times| track.passed(times));
    }
}
