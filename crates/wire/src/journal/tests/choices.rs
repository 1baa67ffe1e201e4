//! The records of attempts that say why they were sent then and there.

use std::sync::Arc;

use agendum_core::{Change, Choice, Dispatched, Passed, Record};
use agendum_types::Duration;
use agendum_types::policy::Index;

use super::{RUN, deep, plainly_dispatched};

pub(super) fn chosen() -> [Record; 4] {
    let early = [Passed::Full, Passed::Closed, Passed::Paced, Passed::Dear, Passed::Uncleared];
    let passed = early.map(|why| (Arc::from("openai/gpt"), why)).to_vec();
    let queued = Choice {
        policy: Arc::from("balanced@01234567"),
        index: Index::Gittins,
        rank: 8,
        risky: true,
        ahead: 2,
        behind: 3,
        passed,
        scores: Vec::new(),
    };
    let alone = Choice { risky: false, ahead: 0, behind: 0, ..queued.clone() };
    let scores = [("near", 7), ("other", 9)].map(|(name, score)| (Arc::from(name), Duration(score))).to_vec();
    let weighed = Choice { passed: Vec::new(), scores, ..alone.clone() };
    let passed = Passed::ALL.into_iter().filter(|why| !early.contains(why));
    let passed = passed.map(|why| (Arc::from("openai/gpt"), why)).collect();
    let later = Choice { passed, scores: Vec::new(), ..weighed.clone() };
    [queued, alone, weighed, later].map(|choice| {
        let expected = Some(Duration(9));
        let sent = Dispatched { expected, choice: Some(Box::new(choice)), ..plainly_dispatched() };
        Record::Task { run: RUN, path: deep(), change: Change::Dispatched(Box::new(sent)) }
    })
}
