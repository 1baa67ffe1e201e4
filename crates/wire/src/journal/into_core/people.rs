//! What waits for people, and what they say.

use std::sync::Arc;

use agendum_core as core;
use agendum_core::Change;
use agendum_types::graph::{Budget, OnExceeded};
use agendum_types::{Duration, Money, Plea, Principal, RunId, Timestamp, Wait, WaitFor};

use super::super::body;
use super::{Read, path, payload, waits, word};

fn wait_for(text: &str) -> Read<WaitFor> {
    word("thing to wait for", text, WaitFor::from_word(text))
}

pub(super) fn wait(value: &body::Wait<'_>) -> Read<Wait> {
    Ok(Wait {
        of: wait_for(&value.of)?,
        name: value.name.as_deref().map(Arc::from),
        queue: value.queue.as_deref().map(Arc::from),
        who: value.who.iter().map(|who| Principal::new(who)).collect(),
        until: value.until.map(Timestamp),
        reminder: value.reminder.map(Duration),
    })
}

pub(super) fn signal_kept(run: RunId, value: &body::SignalKept<'_>) -> Read<core::SignalKept> {
    Ok(core::SignalKept {
        run,
        of: wait_for(&value.of)?,
        name: Arc::from(&*value.name),
        payload: payload(&value.payload)?,
        by: Principal::new(&value.by),
        webhook: value.webhook.as_deref().map(Arc::from),
    })
}

pub(super) fn raised(run: RunId, value: &body::Raised<'_>) -> Read<core::Raised> {
    let (money, tokens, refused) = (Money(value.money), value.tokens, value.refused);
    Ok(core::Raised { run, path: path(&value.path)?, money, tokens, by: Principal::new(&value.by), refused })
}

pub(super) fn waited(value: &body::Waited<'_>) -> Read<Change> {
    Ok(Change::Waited(Box::new(core::Waited {
        output: Box::new(payload(&value.output)?),
        by: value.by.as_deref().map(Principal::new),
        approved: value.approved,
        webhook: value.webhook.as_deref().map(Arc::from),
        kept: value.kept,
        waits: waits(&value.waits)?,
    })))
}

pub(super) fn budget(value: &body::Budget<'_>) -> Read<Budget> {
    let on_exceeded = OnExceeded::from_word(&value.on_exceeded);
    Ok(Budget {
        money: value.money.map(Money),
        tokens: value.tokens,
        on_exceeded: word("reaction to a spent budget", &value.on_exceeded, on_exceeded)?,
    })
}

pub(super) fn pleaded(value: &body::Pleaded<'_>) -> Read<Change> {
    Ok(Change::Pleaded(Box::new(Plea {
        needs: Money(value.needs),
        needs_tokens: value.needs_tokens,
        budget: budget(&value.budget)?,
        left: value.left.map_or(Money::MAX, Money),
        left_tokens: value.left_tokens.unwrap_or(u64::MAX),
    })))
}
