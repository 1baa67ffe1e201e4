//! Core's records into bodies.

use std::borrow::Cow;
use std::fmt::Write as _;

use agendum_core as core;
use agendum_core::{Change, Record};
use agendum_types::{self as types, Effect, Fate, MediaType, Segment, TaskPath};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;

use super::body;

/// Writes the body of a record.
pub(super) fn write(entry: &core::Entry, to: &mut Vec<u8>) -> serde_json::Result<()> {
    match &entry.record {
        Record::Opened { incarnation, seed, down_since } => {
            let down_since = down_since.map(|at| at.0);
            json(&body::Opened { incarnation: incarnation.0, seed: *seed, down_since }, to)
        }
        Record::ClockJumped { from } => json(&body::ClockJumped { from: from.0 }, to),
        Record::RunSubmitted(submitted) => json(&run_submitted(submitted), to),
        Record::TasksAdded { graph, document, .. } => {
            json(&body::TasksAdded { graph: hash(graph), document: payload(document) }, to)
        }
        Record::TasksAhead { path, attempt, graph, document, .. } => {
            let (graph, document) = (hash(graph), payload(document));
            json(&body::TasksAhead { path: path_text(path).into(), attempt: attempt.0, graph, document }, to)
        }
        Record::Closed
        | Record::Paused { .. }
        | Record::Resumed { .. }
        | Record::Begun { .. }
        | Record::Done { .. } => json(&body::Empty {}, to),
        Record::Crashed { incarnation, in_row, quarantined, .. } => {
            let (incarnation, in_row, quarantined) = (incarnation.0, *in_row, *quarantined);
            json(&body::Crashed { incarnation, in_row, quarantined }, to)
        }
        Record::CancelRequested { replaced_by, .. } => {
            let replaced_by = replaced_by.map(|run| run.to_string().into());
            json(&body::CancelRequested { unsent: unsent(&entry.unsent), replaced_by }, to)
        }
        Record::Task { path, change, .. } => write_change((path, entry), change, to),
        Record::SignalKept(kept) => json(&signal_kept(kept), to),
        Record::Raised(raised) => json(&self::raised(raised), to),
        Record::Compensated(value) => json(&compensated(value), to),
        Record::Answered(answered) => json(&self::answered(answered), to),
    }
}

/// Where something happened, and what ended or was settled with it.
type Place<'a> = (&'a TaskPath, &'a core::Entry);

fn write_change(place: Place<'_>, change: &Change, to: &mut Vec<u8>) -> serde_json::Result<()> {
    match change {
        Change::Entered(value) => task(place, evaluation(value), to),
        Change::Dispatched(value) => task(place, dispatched(value), to),
        Change::Waited(value) => task(place, waited(value), to),
        Change::Reminded => task(place, body::Empty {}, to),
        Change::Referenced { reference } => task(place, body::Referenced { reference: (&**reference).into() }, to),
        Change::Finished(value) => task(place, finished(value), to),
        Change::Judged { evaluation: value, next: follows } => {
            task(place, body::Judged { evaluation: evaluation(value), next: next(follows) }, to)
        }
        Change::Caught { output, failure: caught } => {
            task(place, body::Caught { output: payload(output), failure: caught.as_deref().map(failure) }, to)
        }
        Change::Reused { from, output, degraded } => {
            let output = output.as_deref().map(payload);
            task(place, body::Reused { from: from.to_string().into(), output, degraded: *degraded }, to)
        }
        Change::Composed { output } => task(place, body::Output { output: payload(output) }, to),
        Change::RoundJudged { evaluation: value, next: follows } => task(place, round_judged(value, follows), to),
        Change::Cached(value) => task(place, cached(value), to),
        Change::Ended(value) => task(place, ended(value), to),
        Change::Abandoned { attempt, incarnation, cost, tokens, fate, output, away } => {
            let away = away.map(|away| away.0);
            let fate = Some(fate.word().into()).filter(|_| *fate != Fate::None);
            let (attempt, incarnation, cost) = (attempt.0, incarnation.0, cost.0);
            let output = output.as_deref().map(payload);
            task(place, body::Abandoned { attempt, incarnation, cost, tokens: *tokens, fate, output, away }, to)
        }
        Change::Resolved(value) => task(place, resolved(value), to),
        Change::Pleaded(value) => task(place, pleaded(value), to),
    }
}

fn json(value: &impl Serialize, to: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(to, value)
}

fn task<T: Serialize>((path, entry): Place<'_>, change: T, to: &mut Vec<u8>) -> serde_json::Result<()> {
    let (unsent, booked) = (unsent(&entry.unsent), entry.booked.as_deref().map(booked));
    json(&body::Task { path: path_text(path).into(), change, unsent, booked }, to)
}

fn booked(booked: &types::Booked) -> body::Booked<'_> {
    body::Booked {
        target: (&*booked.target).into(),
        taken: booked.taken.0,
        cost: booked.cost.0,
        tokens: booked.tokens,
        over: booked.over.0,
        waste: booked.waste.map(|waste| waste.word().into()),
    }
}

fn unsent(unsent: &[core::Unsent]) -> Vec<body::Unsent<'_>> {
    unsent.iter().map(|task| (path_text(&task.path).into(), waits(&task.waits))).collect()
}

/// The place of a task: `3[0]#2/7`.
pub(super) fn path_text(path: &TaskPath) -> String {
    let mut text = String::with_capacity(8);
    for segment in path.segments() {
        let written = match segment {
            Segment::Task(node) if text.is_empty() => write!(text, "{}", node.0),
            Segment::Task(node) => write!(text, "/{}", node.0),
            Segment::Item(index) => write!(text, "[{index}]"),
            Segment::Round(round) => write!(text, "#{round}"),
        };
        written.expect("a String takes any text");
    }
    text
}

fn hash(hash: &types::Hash) -> Cow<'static, str> {
    BASE64_URL_SAFE_NO_PAD.encode(hash.0).into()
}

fn payload(reference: &types::PayloadRef) -> body::Payload<'_> {
    body::Payload {
        hash: hash(&reference.hash),
        size: reference.size,
        media: (reference.media != MediaType::Json).then(|| reference.media.as_str().into()),
        labels: labels(&reference.labels),
    }
}

fn labels(labels: &types::Labels) -> Vec<Cow<'_, str>> {
    labels.words().iter().map(|word| Cow::from(&**word)).collect()
}

fn run_submitted(submitted: &core::RunSubmitted) -> body::RunSubmitted<'_> {
    body::RunSubmitted {
        principal: (&*submitted.principal.0).into(),
        graph_name: (&*submitted.graph_name).into(),
        graph: hash(&submitted.graph),
        document: payload(&submitted.document),
        inputs: payload(&submitted.inputs),
        priority: submitted.priority.word().into(),
        deadline: submitted.deadline.map(|at| at.0),
        budget: submitted.budget.map(budget),
        strict: submitted.strict,
        key: submitted.key.as_ref().map(|key| (&*key.key).into()),
        parts: submitted
            .key
            .iter()
            .flat_map(|key| &key.parts)
            .map(|(name, said)| ((&**name).into(), hash(said)))
            .collect(),
        origin: submitted.origin.as_deref().map(origin),
        concurrency: submitted.concurrency.as_ref().map(|of| body::Concurrency {
            key: (&*of.key).into(),
            limit: of.turns.limit,
            on_new: of.turns.on_new.word().into(),
            settle: of.turns.settle.0,
        }),
        parent: submitted.parent.as_ref().map(|of| (of.run.to_string().into(), (&*of.task).into())),
    }
}

fn origin(origin: &core::Origin) -> body::Origin<'_> {
    fn given(given: &core::Given) -> body::Given<'_> {
        body::Given {
            task: given.task.0,
            output: given.output.as_ref().map(payload),
            degraded: given.degraded,
            input: given.input.as_ref().map(hash),
            needs: given.needs.iter().map(|gave| gave.as_ref().map(hash)).collect(),
            effects: given.effects,
            left: given.left,
            reuse: given.reuse.word().into(),
        }
    }
    body::Origin {
        run: origin.run.to_string().into(),
        key_origin: (origin.key_origin != origin.run).then(|| origin.key_origin.to_string().into()),
        keys: origin.keys.iter().map(|(node, run)| (node.0, run.to_string().into())).collect(),
        given: origin.given.iter().map(given).collect(),
    }
}

fn answered(answered: &core::Answered) -> body::Answered<'_> {
    body::Answered {
        status: answered.status.word().into(),
        output: answered.output.as_ref().map(payload),
        failure: answered.failure.as_ref().map(|failed| body::RunFailure {
            task: failed.task.as_ref().map(|path| path_text(path).into()),
            failure: failure(&failed.failure),
        }),
        degraded: answered.degraded,
        compensating: answered.compensating,
    }
}

fn compensated(value: &core::Compensated) -> body::Compensated<'_> {
    body::Compensated {
        count: value.count,
        left: value.left.iter().map(|(path, why)| (path_text(path).into(), failure(why))).collect(),
        left_count: value.left_count,
    }
}

fn evaluation(value: &core::Evaluation) -> body::Evaluation<'_> {
    body::Evaluation {
        truth: value.truth,
        good: value.good,
        time: value.time.map(|at| at.0),
        count: value.count,
        score: value.score,
        same: value.same.as_ref().map(hash),
        wait: value.wait.as_deref().map(wait),
        payload: value.payload.as_ref().map(payload),
        refused: value.refused.as_deref().map(Cow::from),
    }
}

fn wait(value: &types::Wait) -> body::Wait<'_> {
    body::Wait {
        of: value.of.word().into(),
        name: value.name.as_deref().map(Cow::from),
        queue: value.queue.as_deref().map(Cow::from),
        who: value.who.iter().map(|who| Cow::from(&*who.0)).collect(),
        until: value.until.map(|at| at.0),
        reminder: value.reminder.map(|span| span.0),
    }
}

fn signal_kept(kept: &core::SignalKept) -> body::SignalKept<'_> {
    body::SignalKept {
        of: kept.of.word().into(),
        name: (&*kept.name).into(),
        payload: payload(&kept.payload),
        by: (&*kept.by.0).into(),
        webhook: kept.webhook.as_deref().map(Cow::from),
    }
}

fn raised(value: &core::Raised) -> body::Raised<'_> {
    body::Raised {
        path: path_text(&value.path).into(),
        money: value.money.0,
        tokens: value.tokens,
        by: (&*value.by.0).into(),
        refused: value.refused,
    }
}

fn budget(value: types::graph::Budget) -> body::Budget<'static> {
    let (money, tokens) = (value.money.map(|money| money.0), value.tokens);
    body::Budget { money, tokens, on_exceeded: value.on_exceeded.word().into() }
}

fn pleaded(value: &types::Plea) -> body::Pleaded<'_> {
    body::Pleaded {
        needs: value.needs.0,
        needs_tokens: value.needs_tokens,
        budget: budget(value.budget),
        left: value.budget.money.map(|_| value.left.0),
        left_tokens: value.budget.tokens.map(|_| value.left_tokens),
    }
}

fn waited(value: &core::Waited) -> body::Waited<'_> {
    body::Waited {
        output: payload(&value.output),
        by: value.by.as_ref().map(|by| Cow::from(&*by.0)),
        approved: value.approved,
        webhook: value.webhook.as_deref().map(Cow::from),
        kept: value.kept,
        waits: waits(&value.waits),
    }
}

fn cached(value: &core::Cached) -> body::Cached<'_> {
    body::Cached {
        output: payload(&value.output),
        from: value.from.to_string().into(),
        kept: value.kept.0,
        target: (&*value.target).into(),
        saved: value.saved.0,
        stale: value.stale,
        waits: waits(&value.waits),
    }
}

fn dispatched(value: &core::Dispatched) -> body::Dispatched<'_> {
    body::Dispatched {
        attempt: value.attempt.0,
        incarnation: value.incarnation.0,
        target: (&*value.target).into(),
        effect: (value.effect != Effect::None).then(|| value.effect.word().into()),
        hold: value.hold.0,
        hold_tokens: value.hold_tokens,
        output_cap: value.output_cap,
        lower: value.lower,
        waits: waits(&value.waits),
        reattached: value.reattached,
        beside: value.beside,
        estimated: value.estimated,
        expected: value.expected.map(|span| span.0),
        choice: value.choice.as_deref().map(choice),
        preempted: value.preempted.as_deref().map(preempted),
    }
}

fn preempted(value: &core::Preempted) -> body::Preempted<'_> {
    let run = value.run.to_string().into();
    body::Preempted { run, task: (&*value.task).into(), foreign: value.is_foreign, lost: value.lost.0 }
}

fn choice(value: &core::Choice) -> body::Choice<'_> {
    let passed = value.passed.iter().map(|(target, why)| ((&**target).into(), why.word().into()));
    body::Choice {
        policy: (&*value.policy).into(),
        index: value.index.word().into(),
        rank: value.rank,
        risky: value.risky,
        near: value.near,
        ahead: value.ahead,
        behind: value.behind,
        passed: passed.collect(),
        scores: value.scores.iter().map(|(target, score)| ((&**target).into(), score.as_micros())).collect(),
    }
}

fn waits(waits: &core::Waits) -> body::Waits<'static> {
    waits.iter().map(|(cause, span)| (cause.word().into(), span.0)).collect()
}

fn ended(value: &core::Ended) -> body::Ended<'_> {
    body::Ended {
        end: value.end.word().into(),
        next: next(&value.next),
        away: value.away.0,
        waits: waits(&value.waits),
        short: value.short.as_ref().map(|path| path_text(path).into()),
        preempted: value.preempted.as_deref().map(preempted),
    }
}

const fn usage(usage: &types::Usage) -> body::Usage {
    body::Usage {
        tokens_in: usage.tokens_in,
        tokens_cached: usage.tokens_cached,
        tokens_written: usage.tokens_written,
        tokens_out: usage.tokens_out,
        tokens_reasoning: usage.tokens_reasoning,
        calls: usage.calls,
        egress_bytes: usage.egress_bytes,
        estimated: usage.estimated,
    }
}

fn failure(failure: &types::Failure) -> body::Failure<'_> {
    body::Failure {
        class: failure.class.word().into(),
        message: (&*failure.message).into(),
        retry_after: failure.retry_after.map(|span| span.0),
        no_effect: failure.no_effect,
        partial: failure.partial.as_ref().map(payload),
        usage: usage(&failure.usage),
        raw_usage: failure.raw_usage.as_deref().map(Cow::from),
        labels: labels(&failure.labels),
    }
}

fn finished(value: &core::Finished) -> body::Finished<'_> {
    let (outcome, used, raw_usage) = match &value.outcome {
        types::Outcome::Succeeded(success) => {
            (body::Outcome::Output(payload(&success.output)), usage(&success.usage), success.raw_usage.as_deref())
        }
        types::Outcome::Failed(failed) => (body::Outcome::Failure(failure(failed)), body::Usage::default(), None),
    };
    body::Finished {
        attempt: value.attempt.0,
        incarnation: value.incarnation.0,
        outcome,
        usage: used,
        raw_usage: raw_usage.map(Cow::from),
        cost: value.cost.0,
        unreported: value.unreported,
        degraded: value.degraded,
        next: next(&value.next),
    }
}

fn resolved(value: &core::Resolved) -> body::Resolved<'_> {
    body::Resolved {
        happened: value.happened,
        output: value.output.as_ref().map(payload),
        by: value.by.as_ref().map(|by| (&*by.0).into()),
        next: next(&value.next),
    }
}

fn next(value: &core::Next) -> body::Next<'_> {
    match value {
        core::Next::Judge => body::Next::Judge,
        core::Next::Succeed => body::Next::Succeed,
        core::Next::Retry { at } => body::Next::Retry { at: at.0 },
        core::Next::Back { at } => body::Next::Back { at: at.0 },
        core::Next::Rung { rung, failure: caught } => {
            body::Next::Rung { rung: *rung, failure: caught.as_deref().map(failure) }
        }
        core::Next::Doubt(failed) => body::Next::Doubt(failure(failed)),
        core::Next::Fail(failed) => body::Next::Fail(failure(failed)),
    }
}

fn round_judged<'a>(value: &'a core::Evaluation, follows: &'a core::NextRound) -> body::RoundJudged<'a> {
    let unpaid = matches!(follows, core::NextRound::Use { unpaid: true, .. });
    body::RoundJudged { evaluation: evaluation(value), next: next_round(follows), unpaid }
}

fn next_round(value: &core::NextRound) -> body::NextRound<'_> {
    match value {
        core::NextRound::Again => body::NextRound::Again,
        core::NextRound::Done => body::NextRound::Done,
        core::NextRound::Use { output, .. } => body::NextRound::Use(payload(output)),
        core::NextRound::Fail(follows) => body::NextRound::Fail(next(follows)),
    }
}
