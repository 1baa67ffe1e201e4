//! What stands in what: groups, loops and `foreach` around calls.

use std::collections::BTreeMap;
use std::ops::Bound;

use agendum_types::{Graph, TaskPath, Timestamp};

use super::track::Track;
use crate::inst::Layer;

/// What is inside a group, a loop or a `foreach` ends with it at the latest: that it was abandoned may be recorded later.
pub(super) fn cut_inside(graph: &Graph, tracks: &mut BTreeMap<TaskPath, Track>) {
    let mut around: Vec<(&TaskPath, Timestamp)> = Vec::new();
    for (path, track) in tracks {
        while around.pop_if(|(wrapper, _)| !path.is_within(wrapper)).is_some() {}
        if let Some((_, end)) = around.last() {
            track.cut(*end);
        }
        if track.is_settled() && !is_call(graph, path) {
            around.push((path, track.end()));
        }
    }
}

/// True if its time is its own: a call's, or that of what ended, or waits, before anything inside it has a record.
pub(super) fn is_step(graph: &Graph, path: &TaskPath, track: &Track) -> bool {
    is_call(graph, path) || track.is_unsent()
}

/// True if the instance at this path itself makes the call: the loop or `foreach` around a call has records of its own, and its
/// rounds and items are the calls.
pub(super) fn is_call(graph: &Graph, path: &TaskPath) -> bool {
    path.node().is_some_and(|node| Layer::of(path).calls(graph.task(node)))
}

/// True if it found out for the call that it stands in whether that took effect: its time is that call's too.
pub(super) fn is_check(graph: &Graph, path: &TaskPath) -> bool {
    path.around().next().is_some_and(|around| is_call(graph, &around))
}

/// What is inside a task, without itself.
pub(super) fn inside<'t>(
    tracks: &'t BTreeMap<TaskPath, Track>,
    path: &'t TaskPath,
) -> impl Iterator<Item = (&'t TaskPath, &'t Track)> {
    tracks.range((Bound::Excluded(path), Bound::Unbounded)).take_while(|(inside, _)| inside.is_within(path))
}
