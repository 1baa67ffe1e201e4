//! Who is to blame that a task was cancelled: the call that failed for good and ended what both belonged to.

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::graph::{Group, NodeId, Section, Work};
use agendum_types::{Graph, Segment, TaskPath, TaskStatus, Timestamp};

use super::track::Track;
use super::{inside, is_call};

type Tracks = BTreeMap<TaskPath, Track>;

/// The call inside a task that failed last as the task did, and so made it fail; the task itself if it failed of its own.
pub(super) fn failed_inside(graph: &Graph, tracks: &Tracks, failed: &TaskPath) -> TaskPath {
    let failure = tracks.get(failed).and_then(Track::failure);
    let fails_so = |track: &Track| track.failure().is_some_and(|inside| Some(inside) == failure) && !track.is_caught();
    let calls = inside(tracks, failed).filter(|(path, track)| {
        let mut between = path.around().take_while(|around| around != failed);
        is_call(graph, path)
            && fails_so(track)
            && ends_its_group(graph, path)
            && between.all(|around| tracks.get(&around).is_some_and(fails_so))
    });
    let last = calls.max_by_key(|(path, track)| (track.end(), *path));
    last.map_or_else(|| failed.clone(), |(path, _)| path.clone())
}

/// Says of each task that was cancelled for whom: for what failed in a group around it, innermost first; else for `of_run`, which failed
/// the run; or that a caller wished it, who said so at these instants. A `foreach` or loop around the culprit has failed itself.
pub(super) fn blame(graph: &Graph, tracks: &mut Tracks, of_run: Option<&TaskPath>, called_off: &[Timestamp]) {
    let cancelled: Vec<TaskPath> =
        tracks.iter().filter(|(_, track)| track.is_cancelled()).map(|(path, _)| path.clone()).collect();
    if cancelled.is_empty() {
        return;
    }
    let (ended, decided) = (ended(graph, tracks), decided(graph, tracks));
    let end_of = |path: &TaskPath| tracks.get(path).map(Track::end).unwrap_or_default();
    let is_decided = |path: &TaskPath| path.around().any(|scope| decided.contains(&scope));
    let culprit = |path: &TaskPath| {
        let end = end_of(path);
        let around = path.around().filter_map(|scope| ended.get(&scope)).find(|(at, _)| *at <= end);
        if let Some((_, culprit)) = around {
            return Some(culprit.clone());
        }
        let is_main = path.node().is_some_and(|node| graph.task(node).section == Section::Main);
        let of_run = of_run.filter(|culprit| is_main && end_of(culprit) <= end);
        of_run.filter(|_| !is_decided(path)).cloned()
    };
    // What was still out when a caller cancelled the run; that an attempt of it ended may have been told later.
    let is_called_off = |path: &TaskPath| {
        let is_out = |track: &Track| called_off.iter().any(|at| (track.ready()..=track.end()).contains(at));
        tracks.get(path).is_some_and(is_out) && !is_decided(path)
    };
    let verdict = |path: TaskPath| match culprit(&path) {
        Some(culprit) => Some((path, Some(culprit))),
        None => is_called_off(&path).then_some((path, None)),
    };
    let verdicts: Vec<_> = cancelled.into_iter().filter_map(verdict).collect();
    for (path, culprit) in verdicts {
        tracks.entry(path).and_modify(|track| track.blame(culprit));
    }
}

/// Groups, loops and `foreach`es that ended because something inside them failed: when that was, and what.
fn ended(graph: &Graph, tracks: &Tracks) -> BTreeMap<TaskPath, (Timestamp, TaskPath)> {
    let failed = tracks.iter().filter(|(path, track)| track.has_failed() && !is_call(graph, path));
    let culprits = failed.map(|(path, _)| (path.clone(), failed_inside(graph, tracks, path)));
    culprits
        .map(|(path, culprit)| (path, (tracks.get(&culprit).map(Track::end).unwrap_or_default(), culprit)))
        .collect()
}

/// Races that have their good results: what else stood in them was cancelled for these.
fn decided(graph: &Graph, tracks: &Tracks) -> BTreeSet<TaskPath> {
    let mut good: BTreeMap<TaskPath, u32> = BTreeMap::new();
    for (path, _) in tracks.iter().filter(|(_, track)| track.status() == TaskStatus::Succeeded) {
        if let Some((Segment::Task(_), scope)) = path.segments().split_last()
            && !scope.is_empty()
        {
            *good.entry(TaskPath(scope.into())).or_default() += 1;
        }
    }
    good.retain(|scope, count| {
        let race = scope.node().and_then(|node| group(graph, node)?.race);
        race.is_some_and(|race| *count >= race.first)
    });
    good.into_keys().collect()
}

/// True unless the group that a task stands in goes on after its failure: a race does, and so does any without an optional task.
fn ends_its_group(graph: &Graph, path: &TaskPath) -> bool {
    let Some(Segment::Task(node)) = path.segments().last() else { return true };
    let task = graph.task(*node);
    let race = task.parent.and_then(|parent| group(graph, parent)?.race);
    !task.optional && race.is_none()
}

fn group(graph: &Graph, node: NodeId) -> Option<&Group> {
    match &graph.task(node).work {
        Work::Group(group) => Some(group),
        Work::Call(_) => None,
    }
}
