//! The walk back from the answer: which tasks it waited for, one after the other, and what each of them waited for.

use std::collections::BTreeMap;

use agendum_types::graph::Section;
use agendum_types::{Cause, Duration, Graph, RunStatus, Segment, TaskPath, TaskStatus, Timestamp};

use super::track::Track;
use super::{Scene, Timeline, is_check, is_step};

type Step<'a> = (&'a TaskPath, &'a Track);

/// The run's time by cause, largest first; the same in its order; and the tasks on the path, first to last.
pub(super) fn back(
    scene: &Scene<'_>,
    tracks: &BTreeMap<TaskPath, Track>,
    culprit: Option<&TaskPath>,
) -> (Vec<(Cause, Duration)>, Timeline, Vec<TaskPath>) {
    // Who lost a race, or was dropped with the others, is not what the answer waited for; what the end of the run cut off may be.
    let succeeded = scene.answered.as_ref().is_some_and(|answered| answered.status == RunStatus::Succeeded);
    let lost = |path: &TaskPath, track: &Track| {
        let is_over = succeeded || track.end() < scene.until;
        track.status() == TaskStatus::Cancelled && is_over && !was_awaited(tracks, path, track)
    };
    let mut calls: Vec<Step<'_>> = tracks
        .iter()
        .filter(|(path, track)| {
            let is_step = is_step(scene.graph, path, track) && !is_check(scene.graph, path);
            scene.section(path) == Section::Main && is_step && track.ready() <= scene.until && !lost(path, track)
        })
        .collect();
    calls.sort_by_key(|(path, track)| (track.end(), *path));
    let mut sums: BTreeMap<Cause, u64> = BTreeMap::new();
    let mut timeline = Timeline::new();
    let mut add = |cause: Cause, from: Timestamp, to: Timestamp| {
        *sums.entry(cause).or_default() += to.since(from).0;
        if from < to {
            timeline.push((cause, from, to));
        }
    };
    let mut at = scene.until;
    let mut path = Vec::new();
    let mut next = last(scene, &calls, culprit);
    let mut gap = Cause::Scheduler;
    while let Some((name, track)) = next {
        let end = track.end().min(at);
        add(gap, end, at);
        let ready = track.ready().clamp(scene.submitted, end);
        for stretch in track.whole() {
            add(stretch.cause, stretch.from.clamp(ready, end), stretch.to.clamp(ready, end));
        }
        path.push(name.clone());
        at = ready;
        gap = before(scene.graph, tracks, name, ready);
        // Only what had ended before; of one instant, only what stands before it in order: so the walk ends.
        let earlier = calls.partition_point(|(other, track)| (track.end(), *other) < (ready, name));
        next = calls[..earlier].iter().rev().find(|(other, _)| leads_to(scene.graph, other, name)).copied();
        let added = scene.begun(name);
        if added > scene.turn.came(scene.until) && next.is_none_or(|(_, track)| track.end() < added) {
            // Until it was added the run's time is that of what went on then.
            at = added.min(at);
            add(gap, at, ready);
            (next, gap) = (went_on(&calls, at), Cause::Scheduler);
        }
    }
    add(gap, scene.turn.came(scene.until).min(at), at);
    for (cause, from, to) in scene.turn.stretches(at) {
        add(cause, from, to);
    }
    path.reverse();
    let mut parts: Vec<(Cause, Duration)> =
        sums.into_iter().filter(|(_, sum)| *sum > 0).map(|(cause, sum)| (cause, Duration(sum))).collect();
    parts.sort_by_key(|(_, span)| std::cmp::Reverse(*span));
    timeline.sort_by_key(|(_, from, _)| *from);
    (parts, timeline, path)
}

/// What passed before a task that was ready at this instant: the delay of what it stands in, if that began then, or the scheduler.
fn before(graph: &Graph, tracks: &BTreeMap<TaskPath, Track>, path: &TaskPath, ready: Timestamp) -> Cause {
    let waits = |scope: &TaskPath| {
        let task = scope.node().map(|node| graph.task(node));
        task.is_some_and(|task| task.delay.is_some() || task.not_before.is_some())
    };
    let begins = |scope: &TaskPath| tracks.get(scope).and_then(Track::entered) == Some(ready);
    let late = path.around().any(|scope| waits(&scope) && begins(&scope));
    if late { Cause::Delay } else { Cause::Scheduler }
}

/// True if a task was cancelled with all that it stood in, which waited for it until then: that was dropped, or its time was over. Who was
/// cancelled because a task beside it failed, or had the good result, was not waited for.
fn was_awaited(tracks: &BTreeMap<TaskPath, Track>, path: &TaskPath, track: &Track) -> bool {
    let mut around = path.around().filter_map(|scope| Some((tracks.get(&scope)?, scope)));
    let ended = around.find(|(track, _)| track.status() != TaskStatus::Cancelled);
    ended.is_some_and(|(ended, scope)| ended.has_reason() && track.culprit().is_none_or(|culprit| *culprit == scope))
}

/// The task that ended the run: the one that failed it; else one that was not done when time was over; else the last to end.
fn last<'a>(scene: &Scene<'_>, calls: &[Step<'a>], culprit: Option<&TaskPath>) -> Option<Step<'a>> {
    let failure = scene.answered.as_ref().and_then(|answered| answered.failure.as_ref());
    if let Some(culprit) = culprit {
        let of_culprit = calls.iter().rev().find(|(path, _)| path.is_within(culprit));
        return of_culprit.or_else(|| calls.last()).copied();
    }
    if failure.is_some() || scene.answered.is_none() {
        let open = calls.iter().filter(|(_, track)| track.end() >= scene.until);
        if let Some(open) = open.max_by_key(|(path, track)| (track.ready(), *path)) {
            return Some(*open);
        }
    }
    calls.iter().rev().find(|(_, track)| track.took_time()).copied()
}

/// The task that was going on at this instant, or ended last before it.
fn went_on<'a>(calls: &[Step<'a>], at: Timestamp) -> Option<Step<'a>> {
    let earlier = calls.iter().filter(|(_, track)| track.ready() < at);
    earlier.max_by_key(|(path, track)| (track.end().min(at), track.ready(), *path)).copied()
}

/// True if the end of one task could make the other ready: it needs it, comes after it in a loop, or had no place beside it in the window
/// of a `foreach`. The tasks may stand at different depths: what counts is where their paths part.
fn leads_to(graph: &Graph, one: &TaskPath, other: &TaskPath) -> bool {
    let parting = one.segments().iter().zip(other.segments()).find(|(one, other)| one != other);
    match parting {
        Some((Segment::Task(need), Segment::Task(task))) => graph.task(*task).needs.contains(need),
        Some((Segment::Round(earlier), Segment::Round(later))) => earlier < later,
        Some((Segment::Item(_), Segment::Item(_))) => true,
        Some(_) | None => false,
    }
}
