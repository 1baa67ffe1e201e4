//! Child runs, at their parent.

use agendum_wire::v1::{Stopped, Why};

use crate::next;

/// That a child run holds its parent up, and what lets it go on.
pub(super) fn stopped(child: &Stopped) -> String {
    let (run, program) = (&child.run, next::hosting());
    let why =
        if child.quarantined { "is held, for it was at work in too many crashes of its host" } else { "is paused" };
    format!("it waits for child run {run}, which {why}: {program} runs resume {run} lets it go on")
}

/// The child run that took longest of those that the answer waited for, and how to look into it.
pub(super) fn look_into(why: &Why) -> Option<String> {
    let awaited = why.tasks.iter().filter(|task| why.critical_path.contains(&task.task));
    let attempts = awaited.flat_map(|task| task.attempts.iter().map(move |attempt| (task, attempt)));
    let runs =
        attempts.filter_map(|(task, attempt)| Some((task, attempt.ms.unwrap_or(f64::MAX), attempt.child.as_ref()?)));
    let (task, _, run) = runs.max_by(|(_, one, _), (_, other, _)| one.total_cmp(other))?;
    Some(format!("next: {} why {run}   for the child run of {}", next::reading(), task.task))
}
