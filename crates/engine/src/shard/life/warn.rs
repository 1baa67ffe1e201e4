//! What is decided that somebody should look after: the log says so.

use agendum_core::{Entry, Record};
use agendum_types::{Money, Target};

/// Warns of a run that is held, of effects that are left, and of a provider that billed more than it was to.
pub(super) fn of(entry: &Entry) {
    if let (Some(booked), Some(run)) = (&entry.booked, entry.record.run())
        && booked.over > Money::ZERO
        && *booked.target != *Target::CHILD
    {
        let (target, cost, over) = (&booked.target, booked.cost, booked.over);
        tracing::warn!(%run, %target, %cost, %over, "a provider billed more than had been set aside");
    }
    match &entry.record {
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
        | Record::TasksAhead { .. }
        | Record::CancelRequested { .. }
        | Record::Begun { .. }
        | Record::Paused { .. }
        | Record::Crashed { .. }
        | Record::Resumed { .. }
        | Record::Raised(_)
        | Record::SignalKept(_)
        | Record::Task { .. }
        | Record::Answered(_)
        | Record::Compensated(_)
        | Record::Done { .. } => {}
    }
}
