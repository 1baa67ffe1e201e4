//! Which record gives which notice.

use agendum_core::{Change, Entry, Next, Record, Scheduler};
use agendum_types::{NoticeKind, RunId, TaskPath};
use agendum_wire::v1::NoticeDetail;

/// What a record tells the outside, if it tells anything. `scheduler` has just decided it.
pub(crate) fn of(entry: &Entry, scheduler: &Scheduler) -> Option<(NoticeKind, NoticeDetail)> {
    match &entry.record {
        Record::Answered(answered) => Some((NoticeKind::Answered, NoticeDetail::answered(answered))),
        Record::Compensated(compensated) => {
            let is_whole = compensated.left_count == 0;
            let kind = if is_whole { NoticeKind::Compensated } else { NoticeKind::CompensationFailed };
            Some((kind, NoticeDetail::compensated(compensated)))
        }
        Record::Crashed { in_row, quarantined: true, .. } => {
            Some((NoticeKind::Quarantined, NoticeDetail::quarantined(*in_row)))
        }
        Record::Done { .. } => Some((NoticeKind::Done, NoticeDetail::default())),
        Record::Task { run, path, change } => of_task(*run, path, change, scheduler),
        Record::Opened { .. }
        | Record::Closed
        | Record::ClockJumped { .. }
        | Record::RunSubmitted(_)
        | Record::TasksAdded { .. }
        | Record::TasksAhead { .. }
        | Record::CancelRequested { .. }
        | Record::Paused { .. }
        | Record::Crashed { .. }
        | Record::Resumed { .. }
        | Record::SignalKept(_)
        | Record::Raised(_)
        | Record::Begun { .. } => None,
    }
}

/// A wait that is over already, because a signal had been kept for it or its run has ended, is told to nobody.
fn of_task(run: RunId, path: &TaskPath, change: &Change, scheduler: &Scheduler) -> Option<(NoticeKind, NoticeDetail)> {
    let kind = match change {
        Change::Entered(evaluation) if evaluation.wait.is_some() => NoticeKind::Waiting,
        Change::Finished(finished) if matches!(finished.next, Next::Doubt(_)) => NoticeKind::Waiting,
        Change::Ended(ended) if matches!(ended.next, Next::Doubt(_)) => NoticeKind::Waiting,
        Change::Reminded => NoticeKind::Reminder,
        // A raise is the run's: who is told that one task asks finds the others that do.
        Change::Pleaded(_) if scheduler.asks_first(run, path) => NoticeKind::BudgetAsked,
        Change::Entered(_)
        | Change::Dispatched(_)
        | Change::Waited(_)
        | Change::Referenced { .. }
        | Change::Finished(_)
        | Change::Judged { .. }
        | Change::Caught { .. }
        | Change::RoundJudged { .. }
        | Change::Composed { .. }
        | Change::Reused { .. }
        | Change::Cached(_)
        | Change::Ended(_)
        | Change::Abandoned { .. }
        | Change::Pleaded(_)
        | Change::Resolved(_) => return None,
    };
    Some((kind, NoticeDetail::waiting(&scheduler.wait_at(run, path)?)))
}
