//! The records of attempts that say why they were sent then and there.

use std::sync::Arc;

use agendum_core::{Change, Choice, Dispatched, Passed, Record};
use agendum_types::Duration;
use agendum_types::policy::Index;

use super::{RUN, deep, plainly_dispatched};

pub(super) fn chosen() -> [Record; 4] {
    // What is added comes in a sample of its own: what stands in the golden file stays.
    let (known, added) = Passed::ALL.split_at(5);
    let passed = |of: &[Passed]| of.iter().map(|why| (Arc::from("openai/gpt"), *why)).collect();
    let queued = Choice {
        policy: Arc::from("balanced@01234567"),
        index: Index::Gittins,
        rank: 8,
        risky: true,
        near: false,
        ahead: 2,
        behind: 3,
        passed: passed(known),
        scores: Vec::new(),
    };
    let alone = Choice { risky: false, ahead: 0, behind: 0, ..queued.clone() };
    let scores = [("near", 7), ("other", 9)].map(|(name, score)| (Arc::from(name), Duration(score))).to_vec();
    let weighed = Choice { passed: Vec::new(), scores, ..alone.clone() };
    let late = Choice { passed: passed(added), ..weighed.clone() };
    [(queued, false), (alone, false), (weighed, false), (late, true)].map(|(choice, beside)| {
        let expected = Some(Duration(9));
        let sent = Dispatched { expected, beside, choice: Some(Box::new(choice)), ..plainly_dispatched() };
        Record::Task { run: RUN, path: deep(), change: Change::Dispatched(Box::new(sent)) }
    })
}

/// The last of them, for what a target had read.
pub(super) fn near() -> Record {
    let [.., last] = chosen();
    let Record::Task { run, path, change: Change::Dispatched(mut sent) } = last else {
        panic!("all of them were sent")
    };
    sent.choice = sent.choice.map(|choice| Box::new(Choice { near: true, ..*choice }));
    Record::Task { run, path, change: Change::Dispatched(sent) }
}
