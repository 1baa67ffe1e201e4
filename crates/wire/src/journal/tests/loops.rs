//! Records of loops whose budgets do not cover what a round needs.

use agendum_core::{Change, End, Ended, Next, NextRound, Record};
use agendum_types::TaskPath;
use agendum_types::graph::NodeId;

use super::{RUN, deep, failure, payload};

pub(super) fn short_of_money() -> [Record; 2] {
    let short = Ended { short: Some(TaskPath::top(NodeId(0))), ..Ended::new(End::Unaffordable, Next::fail(failure())) };
    let next = NextRound::Use { output: payload(6).into(), unpaid: true };
    let changes = [Change::Ended(short.into()), Change::RoundJudged { evaluation: Box::default(), next }];
    changes.map(|change| Record::Task { run: RUN, path: deep(), change })
}
