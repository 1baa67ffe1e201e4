//! The ends of groups, loops and `foreach`es of which no record speaks: they follow from what is inside, by the rules of `board/settle.rs`.

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::graph::{Foreach, Group, Rung, Task, Work};
use agendum_types::{Class, Graph, Segment, TaskPath, TaskStatus, Timestamp};

use super::track::Track;
use super::{inside, is_call};
use crate::board::settle::is_read;
use crate::inst::Layer;

type Tracks = BTreeMap<TaskPath, Track>;

/// How something ended, and when.
struct End {
    at: Timestamp,
    /// It failed: because of this inside, or of its own.
    failed: Option<TaskPath>,
}

/// Ends them. What stays open ends with what it stands in.
pub(super) fn add(graph: &Graph, tracks: &mut Tracks) {
    // Innermost first: so the outer one finds how the inner one ended.
    for wrapper in open(graph, tracks).into_iter().rev() {
        let Some(end) = end(graph, tracks, &wrapper) else { continue };
        // One without any record is told of if it failed.
        let known = tracks.remove(&wrapper).or_else(|| {
            let first = inside(tracks, &wrapper).filter_map(|(_, track)| track.first()).min();
            first.filter(|_| end.failed.is_some()).map(|first| Track::ready_at(graph, &wrapper, first))
        });
        let Some(mut track) = known else { continue };
        match end.failed.and_then(|inside| tracks.get(&inside)) {
            Some(inside) => track.fail_with(inside),
            None => track.succeed(end.at),
        }
        tracks.insert(wrapper, track);
    }
}

/// What holds others, or could, and has no record of its end.
fn open(graph: &Graph, tracks: &Tracks) -> BTreeSet<TaskPath> {
    let mut open = BTreeSet::new();
    let mut is_open = |path: &TaskPath| {
        tracks.get(path).is_none_or(|track| !track.is_settled()) && !is_call(graph, path) && open.insert(path.clone())
    };
    for path in tracks.keys() {
        is_open(path);
        // Those around one that is known have been looked at.
        for around in path.around() {
            if tracks.contains_key(&around) || !is_open(&around) {
                break;
            }
        }
    }
    open
}

/// When an instance settled, by its record or by what is inside; `None` for what goes on.
pub(super) fn over(graph: &Graph, tracks: &Tracks, path: &TaskPath) -> Option<Timestamp> {
    let settled = tracks.get(path).filter(|track| track.is_settled()).map(Track::end);
    settled.or_else(|| end(graph, tracks, path).map(|end| end.at))
}

/// The end of an instance, by its record or by what is inside; `None` for what goes on, or was cancelled.
fn end(graph: &Graph, tracks: &Tracks, path: &TaskPath) -> Option<End> {
    let track = tracks.get(path);
    if let Some(track) = track.filter(|track| track.is_settled()) {
        let failed = (track.status() == TaskStatus::Failed).then(|| path.clone());
        return (track.status() != TaskStatus::Cancelled).then(|| End { at: track.end(), failed });
    }
    let node = path.node()?;
    let (task, layer) = (graph.task(node), Layer::of(path));
    let end = match (&task.work, layer.items(task)) {
        (_, Some(foreach)) => of_items(graph, tracks, path, foreach, track?)?,
        _ if layer.opens_rounds(task) => of_rounds(graph, tracks, path)?,
        (Work::Group(group), None) => of_group(graph, tracks, path, group)?,
        (Work::Call(_), None) => return None,
    };
    let follows_a_record = match &end.failed {
        Some(inside) => layer.is_judged(task) && is_caught(task, tracks.get(inside)?.failure()?.0),
        None => is_read(graph, node, layer),
    };
    (!follows_a_record).then_some(end)
}

fn of_items(graph: &Graph, tracks: &Tracks, path: &TaskPath, foreach: &Foreach, track: &Track) -> Option<End> {
    let items = (0..track.items()?).map(|index| end(graph, tracks, &path.child(Segment::Item(index))));
    let (mut at, mut is_whole, mut failed) = (track.entered()?, true, Vec::new());
    for item in items {
        match item {
            Some(End { at, failed: Some(inside) }) => failed.push((at, inside)),
            Some(end) => at = at.max(end.at),
            None => is_whole = false,
        }
    }
    failed.sort();
    at = failed.last().map_or(at, |(last, _)| at.max(*last));
    match failed.into_iter().nth(foreach.failures_max as usize) {
        Some((at, inside)) => Some(End { at, failed: Some(inside) }),
        None => is_whole.then_some(End { at, failed: None }),
    }
}

/// A loop ends without a record only with a round that failed.
fn of_rounds(graph: &Graph, tracks: &Tracks, path: &TaskPath) -> Option<End> {
    let after = path.child(Segment::Round(u32::MAX));
    let (inside, _) = tracks.range(path..=&after).next_back()?;
    let round = path.child(*inside.segments().get(path.segments().len())?);
    end(graph, tracks, &round).filter(|end| end.failed.is_some())
}

fn of_group(graph: &Graph, tracks: &Tracks, path: &TaskPath, group: &Group) -> Option<End> {
    let (mut good, mut ends, mut failed) = (Vec::new(), Vec::new(), None);
    for node in &group.tasks {
        let inside = path.child(Segment::Task(*node));
        let Some(end) = end(graph, tracks, &inside) else { continue };
        ends.push(end.at);
        if tracks.get(&inside).map_or_else(|| end.failed.is_none(), |track| track.status() == TaskStatus::Succeeded) {
            good.push(end.at);
        }
        if let Some(inside) = end.failed.filter(|_| !graph.task(*node).optional) {
            failed = failed.into_iter().chain([(end.at, inside)]).min();
        }
    }
    let last = ends.iter().max().copied().filter(|_| ends.len() == group.tasks.len());
    let at = match group.race {
        None => match failed {
            Some((at, inside)) => return Some(End { at, failed: Some(inside) }),
            None => last,
        },
        Some(race) => {
            good.sort_unstable();
            let decided = good.get((race.first as usize).saturating_sub(1)).copied();
            if race.cancel_rest { decided } else { last.filter(|_| decided.is_some()) }
        }
    };
    at.map(|at| End { at, failed: None })
}

/// True if an output of `catch` takes the failure of a group or a loop.
fn is_caught(task: &Task, class: Class) -> bool {
    !task.no_fallback
        && task.catch.iter().any(|catch| matches!(catch.rung, Rung::Output(_)) && catch.on.contains(class))
}
