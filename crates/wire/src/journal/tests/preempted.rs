//! The records of an attempt that was stopped for a more urgent task, and of that one's.

use std::sync::Arc;

use agendum_core::{Change, Dispatched, End, Ended, Next, Preempted, Record};
use agendum_types::{Booked, Duration, Fate, Money, Timestamp, Waste};

use super::{RUN, abandoned, deep, plainly_dispatched};

pub(super) fn both() -> [Record; 3] {
    let other = Preempted { run: RUN, task: Arc::from("polish/review"), is_foreign: false, lost: Duration(7) };
    let foreign = Preempted { is_foreign: true, ..other.clone() };
    let stopped = |of: &Preempted| {
        let ended = Ended::new(End::Preempted, Next::Retry { at: Timestamp(5) });
        Change::Ended(Box::new(Ended { preempted: Some(Box::new(of.clone())), ..ended }))
    };
    let sent = Dispatched { preempted: Some(Box::new(other.clone())), ..plainly_dispatched() };
    [stopped(&other), stopped(&foreign), Change::Dispatched(Box::new(sent))].map(|change| Record::Task {
        run: RUN,
        path: deep(),
        change,
    })
}

/// It has ended.
pub(super) fn at_last() -> Record {
    Record::Task { run: RUN, path: deep(), change: abandoned(Fate::None) }
}

pub(super) fn booked() -> Booked {
    let (target, taken, waste) = ("small".into(), Timestamp(4), Some(Waste::Preempted));
    Booked { target, taken, cost: Money(90), tokens: 9, over: Money::ZERO, waste }
}
