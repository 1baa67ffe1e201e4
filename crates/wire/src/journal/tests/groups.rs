//! Records of groups of runs.

use std::sync::Arc;

use agendum_core::{Record, RunSubmitted};
use agendum_types::{Concurrency, Duration, OnNew, RunId, Turns};

use super::{RUN, about_the_run};

/// Runs that wait for their turn, and take each other's place.
pub(super) fn in_groups() -> Vec<Record> {
    let Some(Record::RunSubmitted(plain)) = about_the_run().into_iter().nth(3) else { return Vec::new() };
    let settles = Turns { limit: 3, on_new: OnNew::Replace, settle: Duration(200_000) };
    let submitted = |turns| {
        let concurrency = Some(Concurrency { key: Arc::from("main \u{b7} 7"), turns });
        Record::RunSubmitted(Box::new(RunSubmitted { concurrency, ..*plain.clone() }))
    };
    let [queue, join] = [OnNew::Queue, OnNew::Join].map(|on_new| Turns { limit: 1, on_new, settle: Duration::ZERO });
    let begun = [Record::CancelRequested { run: RUN, replaced_by: Some(RunId(5)) }, Record::Begun { run: RUN }];
    [settles, queue, join].map(submitted).into_iter().chain(begun).collect()
}
