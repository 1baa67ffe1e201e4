//! How far what a run has done was taken back, in words.

use agendum_wire::v1::{COMPENSATION_FAILED, Compensation, Run};

use super::tables::{counted, line};

/// What stands behind the line of a run.
pub(super) fn mark(run: &Run) -> String {
    run.compensation.as_ref().map_or_else(String::new, |told| format!(" {}", told.status))
}

/// A line for what was taken back, and one for each effect that is still there.
pub(crate) fn lines(told: &Compensation) -> Vec<String> {
    let back = counted(told.count as usize, "effect");
    let mut lines = vec![match told.status.as_str() {
        "compensated" => format!("taken back: {back}, all that it has done"),
        COMPENSATION_FAILED => format!("taken back: {back}; still there: {}", told.left_count),
        _ => "what it has done is being taken back".to_owned(),
    }];
    lines.extend(told.left.iter().map(|left| format!("still there: {}  {}", left.task, line(&left.why))));
    if let Some(more) = (told.left_count as usize).checked_sub(told.left.len()).filter(|more| *more > 0) {
        lines.push(format!("still there: {more} more"));
    }
    lines
}
