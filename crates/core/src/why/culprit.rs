//! Who is to blame that a task was cancelled: the call that failed for good and ended what both belonged to.

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::graph::{Group, NodeId, Section, Work};
use agendum_types::{Graph, Segment, TaskPath, TaskStatus, Timestamp};

use super::is_call;
use super::track::Track;

type Tracks = BTreeMap<TaskPath, Track>;

/// The call inside a task that failed last, and so made it fail; the task itself if it failed of its own.
pub(super) fn inside(graph: &Graph, tracks: &Tracks, failed: &TaskPath) -> TaskPath {
    let within = tracks.range(failed..).take_while(|(path, _)| path.is_within(failed));
    let calls = within.filter(|(path, track)| {
        is_call(graph, path) && track.has_failed() && !track.is_caught() && ends_its_group(graph, path)
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
    let is_called_off = |path: &TaskPath| called_off.contains(&end_of(path)) && !is_decided(path);
    let (mut blamed, mut wished) = (Vec::new(), Vec::new());
    for path in cancelled {
        match culprit(&path) {
            Some(culprit) => blamed.push((culprit, path)),
            None if is_called_off(&path) => wished.push(path),
            None => {}
        }
    }
    for path in wished {
        tracks.entry(path).and_modify(Track::call_off);
    }
    for (culprit, path) in blamed {
        let Some(mut track) = tracks.remove(&path) else { continue };
        match tracks.get(&culprit).filter(|_| culprit.is_within(&path)) {
            Some(inside) => track.fail_with(inside),
            None => track.blame(culprit),
        }
        tracks.insert(path, track);
    }
}

/// Groups, loops and `foreach`es that ended because something inside them failed: when that was, and what.
fn ended(graph: &Graph, tracks: &Tracks) -> BTreeMap<TaskPath, (Timestamp, TaskPath)> {
    let mut scopes: BTreeMap<TaskPath, (Timestamp, TaskPath)> = BTreeMap::new();
    for (path, track) in tracks.iter().filter(|(_, track)| track.has_failed()) {
        if !is_call(graph, path) {
            let culprit = inside(graph, tracks, path);
            let at = tracks.get(&culprit).map(Track::end).unwrap_or_default();
            scopes.insert(path.clone(), (at, culprit));
        } else if let Some((Segment::Task(_), scope)) = path.segments().split_last()
            && !scope.is_empty()
            && !track.is_caught()
            && ends_its_group(graph, path)
        {
            let first = scopes.entry(TaskPath(scope.into())).or_insert_with(|| (track.end(), path.clone()));
            if track.end() < first.0 {
                *first = (track.end(), path.clone());
            }
        }
    }
    scopes
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
