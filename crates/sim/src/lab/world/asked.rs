//! What the core asks for, read from the job.

use agendum_core::{Evaluate, Evaluation, Make, Purpose};
use agendum_types::path::Segment;
use agendum_types::{AttemptId, Duration, TaskPath};

use super::graphs::Shape;
use super::{World, number, payload};
use crate::lab::workload::Call;
use crate::lab::workload::flows::Flow;

impl World<'_> {
    /// The round of a task of this job and that of the helper it stands in.
    pub(super) fn rounds(&self, number: usize, path: &TaskPath) -> (usize, usize) {
        match self.shapes[self.jobs[number].class as usize] {
            Shape::Call => (1, 0),
            Shape::Calls(_) | Shape::Flow => (path.node().map_or(1, |node| node.0 as usize + 1), 0),
            Shape::Agent => rounds(path),
        }
    }

    /// The call of an attempt, and the time of the tools that belong to it.
    pub(super) fn call(&self, attempt: &AttemptId) -> (Call, Duration) {
        let (round, side) = self.rounds(number(attempt.run), &attempt.path);
        if let Some(flow) = self.flow(number(attempt.run)) {
            let step = &flow.tasks[round - 1];
            return (Call { service: step.takes, said: Some(step.bytes), ..Call::default() }, Duration::ZERO);
        }
        let of = &self.jobs[number(attempt.run)].rounds[round - 1];
        let of = if side == 0 { of } else { &of.side[side - 1] };
        (of.call, of.tools)
    }

    fn flow(&self, number: usize) -> Option<&Flow> {
        self.flows.get(self.jobs[number].class as usize)
    }

    pub(super) fn evaluate(&self, asked: &Evaluate) -> Evaluation {
        let (number, mut evaluation) = (number(asked.run), Evaluation::default());
        let (job, way) = (&self.jobs[number], self.ways[number]);
        let Make::Values { exprs, .. } = &asked.make else {
            return Evaluation { payload: Some(payload(2)), ..evaluation };
        };
        if let Some(flow) = self.flow(number) {
            let bytes = flow.tasks[self.rounds(number, &asked.path).0 - 1].bytes;
            return Evaluation { payload: Some(payload(bytes)), ..evaluation };
        }
        let is_side = asked.path.segments().iter().filter(|part| matches!(part, Segment::Task(_))).count() > 1;
        let round = match self.shapes[job.class as usize] {
            Shape::Call | Shape::Calls(_) | Shape::Flow => self.rounds(number, &asked.path).0,
            Shape::Agent => way.round.max(1),
        };
        let round = job.rounds.get(round - 1).expect("a round that there is");
        for (purpose, _) in exprs {
            match purpose {
                Purpose::Until if is_side => evaluation.truth = Some(way.side >= round.side.len()),
                Purpose::Until => evaluation.truth = Some(way.round >= job.rounds.len()),
                Purpose::Condition => evaluation.truth = Some(!round.side.is_empty()),
                Purpose::Input => {
                    evaluation.payload = Some(payload(round.call.bytes()));
                    evaluation.prefix = round.prefix.clone().filter(|_| !self.view.unread);
                }
                Purpose::Wait | Purpose::Output => evaluation.payload = Some(payload(2)),
                Purpose::NotBefore
                | Purpose::Items
                | Purpose::FailIf
                | Purpose::GoodIf
                | Purpose::Same
                | Purpose::Score => panic!("no graph of the laboratory asks for {purpose:?}"),
            }
        }
        evaluation
    }
}

/// The round of a task and that of the helper it stands in: 1 and 0 where it stands in none.
fn rounds(path: &TaskPath) -> (usize, usize) {
    let mut rounds = path.segments().iter().filter_map(|part| match part {
        Segment::Round(round) => Some(*round as usize),
        Segment::Task(_) | Segment::Item(_) => None,
    });
    (rounds.next().unwrap_or(1), rounds.next().unwrap_or(0))
}
