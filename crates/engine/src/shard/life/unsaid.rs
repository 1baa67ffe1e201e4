//! Text that counts no more.

use agendum_core::{Change, Next, Record};
use agendum_types::{RunId, TaskPath};

/// The task whose last attempt has come to nothing. Asked when that is decided: once it is durable, the next may have begun.
pub(super) fn unsaid(record: &Record) -> Option<(RunId, &TaskPath)> {
    let Record::Task { run, path, change } = record else { return None };
    let next = match change {
        Change::Finished(finished) => &finished.next,
        Change::Judged { next, .. } => next,
        Change::Resolved(resolved) => &resolved.next,
        Change::Ended(_) => return Some((*run, path)),
        Change::Entered(_)
        | Change::Dispatched(_)
        | Change::Referenced { .. }
        | Change::Waited(_)
        | Change::Reminded
        | Change::Pleaded(_)
        | Change::Reused { .. }
        | Change::Cached(_)
        | Change::Caught { .. }
        | Change::RoundJudged { .. }
        | Change::Composed { .. }
        | Change::Abandoned { .. } => return None,
    };
    // What a doubtful attempt said may yet be what it gives.
    (!matches!(next, Next::Judge | Next::Succeed | Next::Doubt(_))).then_some((*run, path))
}
