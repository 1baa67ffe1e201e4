//! What the runs of a graph have taken, over a restart.

use agendum_types::Duration;

use super::{RUNS_MAX, STEPS, Service, Step};
use crate::checkpoint::ServiceKept;
use crate::order::Served;

/// No count of an earlier life is more: they are multiplied by a million.
const COUNT_MAX: u64 = 1 << 40;
/// And what its calls took together is not: nine years.
const TIME_MAX: u64 = 1 << 48;

impl Service {
    /// Nothing before a call has ended.
    pub(crate) fn kept(&self) -> ServiceKept {
        if self.calls == Served::default() && self.ended == 0 {
            return ServiceKept::default();
        }
        let step = |step: &Step| [step.entered, step.ended, step.calls, step.to_come, step.to_answer];
        let calls = (self.calls.calls, self.calls.time);
        ServiceKept { calls, ended: self.ended, steps: self.steps.iter().map(step).collect() }
    }

    pub(crate) fn remembered(kept: &ServiceKept) -> Self {
        let mut service = Self::default();
        if kept.steps.len() != STEPS.len() {
            return service;
        }
        for (step, kept) in service.steps.iter_mut().zip(&kept.steps) {
            let [entered, ended, calls] = [kept[0], kept[1], kept[2]].map(|count| count.min(COUNT_MAX));
            *step = Step { entered, ended, calls, to_come: kept[3], to_answer: kept[4] };
        }
        service.calls = Served::remembered(kept.calls);
        service.ended = kept.ended.min(RUNS_MAX - 1);
        service
    }
}

impl Served {
    pub(crate) fn remembered((calls, time): (u32, Duration)) -> Self {
        Self { calls, time: Duration(time.as_micros().min(TIME_MAX)) }
    }
}
