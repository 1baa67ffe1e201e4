//! What is decided that somebody should look after: the log says so.

use agendum_core::Record;

/// Warns of a run that is held, and of effects that are left.
pub(super) fn of(record: &Record) {
    match record {
        Record::Crashed { run, in_row, quarantined: true, .. } => {
            tracing::warn!(%run, in_row, "a run was at work in too many crashes in a row: it is held until it is resumed");
        }
        Record::Compensated(of) if of.left_count > 0 => {
            tracing::warn!(run = %of.run, left = of.left_count, "what a run has done could not be taken back");
        }
        Record::Opened { .. }
        | Record::Closed
        | Record::ClockJumped { .. }
        | Record::RunSubmitted(_)
        | Record::TasksAdded { .. }
        | Record::CancelRequested { .. }
        | Record::Paused { .. }
        | Record::Crashed { .. }
        | Record::Resumed { .. }
        | Record::SignalKept(_)
        | Record::Task { .. }
        | Record::Answered(_)
        | Record::Compensated(_)
        | Record::Done { .. } => {}
    }
}
