//! An attempt that is sent, and why.

use std::borrow::Cow;
use std::sync::Arc;

use agendum_core as core;
use agendum_core::Change;
use agendum_types::policy::Index;
use agendum_types::{AttemptNo, Duration, Effect, Incarnation, Money};

use super::{Read, body, run_id, waits, word};

pub(super) fn dispatched(value: &body::Dispatched<'_>) -> Read<Change> {
    let effect = value.effect.as_deref().unwrap_or(Effect::None.word());
    Ok(Change::Dispatched(Box::new(core::Dispatched {
        attempt: AttemptNo(value.attempt),
        incarnation: Incarnation(value.incarnation),
        target: Arc::from(&*value.target),
        effect: word("effect", effect, Effect::from_word(effect))?,
        hold: Money(value.hold),
        hold_tokens: value.hold_tokens,
        output_cap: value.output_cap,
        lower: value.lower,
        waits: waits(&value.waits)?,
        reattached: value.reattached,
        beside: value.beside,
        estimated: value.estimated,
        expected: value.expected.map(Duration),
        choice: value.choice.as_ref().map(choice).transpose()?.map(Box::new),
        preempted: value.preempted.as_ref().map(preempted).transpose()?.map(Box::new),
    })))
}

pub(super) fn preempted(value: &body::Preempted<'_>) -> Read<core::Preempted> {
    let (run, task, lost) = (run_id(&value.run)?, Arc::from(&*value.task), Duration(value.lost));
    Ok(core::Preempted { run, task, is_foreign: value.foreign, lost })
}

fn choice(value: &body::Choice<'_>) -> Read<core::Choice> {
    let passed = |(target, why): &(Cow<'_, str>, Cow<'_, str>)| {
        Ok((Arc::from(&**target), word("reason of a target", why, core::Passed::from_word(why))?))
    };
    Ok(core::Choice {
        policy: Arc::from(&*value.policy),
        index: word("index", &value.index, Index::from_word(&value.index))?,
        rank: value.rank,
        risky: value.risky,
        near: value.near,
        ahead: value.ahead,
        behind: value.behind,
        passed: value.passed.iter().map(passed).collect::<Read<_>>()?,
        scores: value.scores.iter().map(|(target, score)| (Arc::from(&**target), Duration(*score))).collect(),
    })
}
