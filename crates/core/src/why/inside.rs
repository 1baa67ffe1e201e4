//! The time of groups, loops and `foreach`es: that of what is inside them.

use std::collections::BTreeMap;

use agendum_types::{Cause, Graph, TaskPath, Timestamp};

use super::track::{Stretch, Track};
use super::{inside, is_call, is_step};

/// Gives every group, loop and `foreach` whose end is told the time of what is inside.
pub(super) fn fill_wrappers(graph: &Graph, tracks: &mut BTreeMap<TaskPath, Track>) {
    let told = |(path, track): (&TaskPath, &Track)| (!is_call(graph, path) && track.has_reason()).then(|| path.clone());
    // Innermost first: what one of them inside another waited for is known when that is filled.
    let wrappers: Vec<TaskPath> = tracks.iter().rev().filter_map(told).collect();
    for wrapper in wrappers {
        let steps = inside(tracks, &wrapper).filter(|(path, track)| is_step(graph, path, track));
        let time = together(steps.flat_map(|(_, track)| track.whole()));
        if let Some(track) = tracks.get_mut(&wrapper).filter(|_| !time.is_empty()) {
            track.around(time);
        }
    }
}

/// What goes on at each moment: as long as something runs, that; else what comes first among the causes, and last whose turn it was not.
fn together(stretches: impl Iterator<Item = Stretch>) -> Vec<Stretch> {
    let marks = |stretch: Stretch| [(stretch.from, true, stretch.cause), (stretch.to, false, stretch.cause)];
    let mut marks: Vec<(Timestamp, bool, Cause)> = stretches.flat_map(marks).collect();
    marks.sort_unstable();
    let mut open: BTreeMap<(bool, Cause), usize> = BTreeMap::new();
    let mut whole: Vec<Stretch> = Vec::new();
    let mut from = Timestamp(0);
    for (to, begins, cause) in marks {
        if let Some((&(_, cause), _)) = open.first_key_value().filter(|_| from < to) {
            match whole.last_mut() {
                Some(last) if last.to == from && last.cause == cause => last.to = to,
                Some(_) | None => whole.push(Stretch { from, to, cause }),
            }
        }
        from = to;
        let key = (cause == Cause::Order, cause);
        let count = open.get(&key).copied().unwrap_or_default();
        match if begins { count + 1 } else { count - 1 } {
            0 => open.remove(&key),
            count => open.insert(key, count),
        };
    }
    whole
}
