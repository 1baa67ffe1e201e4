//! What lay on what and when, read from records: for series over time and Gantt charts, of what really happened and of what was played alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Change, Entry, Record, Waits};
use agendum_types::{AttemptNo, Cause, Duration, Incarnation, RunId, Target, TaskPath, Tenant, Timestamp};

/// An attempt, or a wait that came to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Whose run.
    pub tenant: Tenant,
    /// Which run.
    pub run: RunId,
    /// On which target; nothing where it was never sent.
    pub target: Option<Arc<str>>,
    /// From when on it only waited for others, a limit or a target.
    pub ready: Timestamp,
    /// When it was sent; where it was not, when that was given up.
    pub began: Timestamp,
    /// When it ended, or the record did.
    pub ended: Timestamp,
}

/// Bars, taken from records one by one.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    bars: Vec<Bar>,
    /// The bars of those that are out, and in which life they were sent.
    out: BTreeMap<(RunId, TaskPath, AttemptNo), (usize, Incarnation)>,
}

impl Chart {
    /// Takes the next record.
    pub fn take(&mut self, entry: &Entry) {
        let Some((tenant, run)) = entry.tenant.as_ref().zip(entry.record.run()) else { return };
        let bar = |target: Option<&Arc<str>>, waits: &Waits| Bar {
            tenant: tenant.clone(),
            run,
            target: target.cloned(),
            ready: entry.at.before(queued(waits)),
            began: entry.at,
            ended: if target.is_some() { Timestamp::MAX } else { entry.at },
        };
        for unsent in &entry.unsent {
            self.bars.push(bar(None, &unsent.waits));
        }
        let Record::Task { path, change, .. } = &entry.record else { return };
        match change {
            // What a child run does are attempts of its own.
            Change::Dispatched(dispatched) if *dispatched.target != *Target::CHILD => {
                self.lose(entry.at, (run, path), dispatched.incarnation);
                self.out.insert((run, path.clone(), dispatched.attempt), (self.bars.len(), dispatched.incarnation));
                self.bars.push(bar(Some(&dispatched.target), &dispatched.waits));
            }
            Change::Finished(finished) => self.ends(entry.at, (run, path.clone(), finished.attempt)),
            Change::Abandoned { attempt, .. } => self.ends(entry.at, (run, path.clone(), *attempt)),
            Change::Ended(ended) if queued(&ended.waits) > Duration::ZERO => self.bars.push(bar(None, &ended.waits)),
            Change::Dispatched(_)
            | Change::Ended(_)
            | Change::Entered(_)
            | Change::Waited(_)
            | Change::Reminded
            | Change::Referenced { .. }
            | Change::Judged { .. }
            | Change::Caught { .. }
            | Change::RoundJudged { .. }
            | Change::Composed { .. }
            | Change::Reused { .. }
            | Change::Cached(_)
            | Change::Resolved(_)
            | Change::Pleaded(_) => {}
        }
    }

    fn ends(&mut self, at: Timestamp, attempt: (RunId, TaskPath, AttemptNo)) {
        if let Some((place, _)) = self.out.remove(&attempt) {
            self.bars[place].ended = at;
        }
    }

    /// What was out in an earlier life is over once a later one sends the task again.
    fn lose(&mut self, at: Timestamp, (run, path): (RunId, &TaskPath), incarnation: Incarnation) {
        let all = (run, path.clone(), AttemptNo(0))..=(run, path.clone(), AttemptNo(u32::MAX));
        let lost = self.out.range(all).filter(|(_, (_, of))| *of < incarnation);
        let lost: Vec<_> = lost.map(|(attempt, _)| attempt.clone()).collect();
        lost.into_iter().for_each(|attempt| self.ends(at, attempt));
    }

    /// All of them, in the order in which they began; what is out still ends then.
    #[must_use]
    pub fn bars(mut self, end: Timestamp) -> Vec<Bar> {
        self.bars.iter_mut().for_each(|bar| bar.ended = bar.ended.min(end.max(bar.began)));
        self.bars.sort_by_key(|bar| (bar.began, bar.run));
        self.bars
    }
}

/// The part of what was waited for that another order, or more of a target, would have changed.
fn queued(waits: &Waits) -> Duration {
    let queues = |cause| matches!(cause, Cause::Order | Cause::Limit | Cause::Capacity);
    waits.iter().filter(|(cause, _)| queues(*cause)).fold(Duration::ZERO, |sum, (_, span)| sum.plus(*span))
}

/// How many were there at once, on the mean of each of so many equal parts of a span.
#[must_use]
pub fn series(
    spans: impl Iterator<Item = (Timestamp, Timestamp)>,
    from: Timestamp,
    to: Timestamp,
    parts: usize,
) -> Vec<f64> {
    let whole = to.since(from).as_micros().max(1);
    let mut sums = vec![0.0; parts];
    let width = whole as f64 / parts as f64;
    for (began, ended) in spans {
        let (began, ended) = (began.max(from).since(from), ended.min(to).since(from));
        if began >= ended {
            continue;
        }
        let (began, ended) = (began.as_micros() as f64 / width, ended.as_micros() as f64 / width);
        let last = (ended.ceil() as usize).min(parts);
        for (part, sum) in sums.iter_mut().enumerate().take(last).skip(began as usize) {
            let (low, high) = (began.max(part as f64), ended.min(part as f64 + 1.0));
            *sum += (high - low).max(0.0);
        }
    }
    sums
}

/// A bar in a lane of its target: the lowest that was free when it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laid {
    /// Which bar.
    pub bar: Bar,
    /// Which lane of its target, from 0.
    pub lane: usize,
}

/// The attempts that lie in a window, by target, each in a lane.
#[must_use]
pub fn laid(bars: &[Bar], from: Timestamp, to: Timestamp) -> BTreeMap<Arc<str>, Vec<Laid>> {
    let mut targets: BTreeMap<Arc<str>, (Vec<Timestamp>, Vec<Laid>)> = BTreeMap::new();
    for bar in bars {
        let Some(target) = bar.target.clone() else { continue };
        let (lanes, laid) = targets.entry(target).or_default();
        let free = lanes.iter().position(|until| *until <= bar.began);
        let lane = free.unwrap_or(lanes.len());
        if free.is_none() {
            lanes.push(bar.ended);
        }
        lanes[lane] = bar.ended;
        if bar.began < to && bar.ended > from {
            laid.push(Laid { bar: bar.clone(), lane });
        }
    }
    targets.into_iter().map(|(target, (_, laid))| (target, laid)).filter(|(_, laid)| !laid.is_empty()).collect()
}
