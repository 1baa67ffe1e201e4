//! Bodies into the core's records. Everything is checked: a journal is input.

mod people;
mod sent;

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use agendum_core as core;
use agendum_core::{Change, End, Record};
use agendum_types::graph::{NodeId, Priority};
use agendum_types::{
    AttemptNo, Booked, Cause, Class, Concurrency, Duration, Failure, Fate, Hash, Incarnation, Labels, MediaType, Money,
    OnNew, Outcome, Parent, PayloadRef, Principal, RunId, RunStatus, Segment, SubmissionKey, Success, TaskPath,
    Timestamp, Turns, Usage, Waste,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::{Kind, body};
use people::{raised, signal_kept, wait, waited};
use sent::dispatched;

type Read<T> = Result<T, String>;

type Unsent = Box<[core::Unsent]>;

/// What a record ended before that was sent, and what it settled.
type Beside = (Unsent, Option<Box<Booked>>);

/// Reads the body of a record of this kind, and what stands beside it.
pub(super) fn read(kind: Kind, run: Option<RunId>, bytes: &[u8]) -> Read<(Record, Beside)> {
    let alone = |record| (record, Beside::default());
    if let Kind::Opened = kind {
        let body::Opened { incarnation, seed, down_since } = json(bytes)?;
        let down_since = down_since.map(Timestamp);
        return Ok(alone(Record::Opened { incarnation: Incarnation(incarnation), seed, down_since }));
    }
    if let Kind::Closed = kind {
        let body::Empty {} = json(bytes)?;
        return Ok(alone(Record::Closed));
    }
    if let Kind::ClockJumped = kind {
        return Ok(alone(Record::ClockJumped { from: Timestamp(json::<body::ClockJumped>(bytes)?.from) }));
    }
    let run = run.ok_or("it names no run")?;
    Ok(alone(match kind {
        Kind::Opened | Kind::Closed | Kind::ClockJumped => unreachable!("handled above"),
        Kind::RunSubmitted => Record::RunSubmitted(Box::new(run_submitted(run, json(bytes)?)?)),
        Kind::TasksAdded => {
            let added: body::TasksAdded<'_> = json(bytes)?;
            Record::TasksAdded { run, graph: hash(&added.graph)?, document: payload(&added.document)? }
        }
        Kind::TasksAhead => {
            let added: body::TasksAhead<'_> = json(bytes)?;
            let (graph, document) = (hash(&added.graph)?, payload(&added.document)?);
            Record::TasksAhead { run, path: path(&added.path)?, attempt: AttemptNo(added.attempt), graph, document }
        }
        Kind::CancelRequested => {
            let cancelled: body::CancelRequested<'_> = json(bytes)?;
            let replaced_by = cancelled.replaced_by.as_ref().map(|text| run_id(text)).transpose()?;
            return Ok((Record::CancelRequested { run, replaced_by }, (unsent(&cancelled.unsent)?, None)));
        }
        Kind::Paused => Record::Paused { run },
        Kind::Crashed => {
            let body::Crashed { incarnation, in_row, quarantined } = json(bytes)?;
            Record::Crashed { run, incarnation: Incarnation(incarnation), in_row, quarantined }
        }
        Kind::Resumed => Record::Resumed { run },
        Kind::SignalKept => Record::SignalKept(Box::new(signal_kept(run, &json(bytes)?)?)),
        Kind::Raised => Record::Raised(Box::new(raised(run, &json(bytes)?)?)),
        Kind::Compensated => Record::Compensated(Box::new(compensated(run, &json(bytes)?)?)),
        Kind::Answered => Record::Answered(Box::new(answered(run, &json(bytes)?)?)),
        Kind::Done => Record::Done { run },
        Kind::Begun => Record::Begun { run },
        Kind::Entered
        | Kind::Dispatched
        | Kind::Referenced
        | Kind::Finished
        | Kind::Judged
        | Kind::Caught
        | Kind::RoundJudged
        | Kind::Composed
        | Kind::Ended
        | Kind::Abandoned
        | Kind::Resolved
        | Kind::Waited
        | Kind::Reminded
        | Kind::Reused
        | Kind::Pleaded
        | Kind::Cached => {
            let (path, change, beside) = change(kind, bytes)?;
            return Ok((Record::Task { run, path, change }, beside));
        }
    }))
}

fn change(kind: Kind, bytes: &[u8]) -> Read<(TaskPath, Change, Beside)> {
    Ok(match kind {
        Kind::Entered => {
            task::<body::Evaluation<'_>>(bytes, |value| Ok(Change::Entered(Box::new(evaluation(&value)?))))?
        }
        Kind::Dispatched => task::<body::Dispatched<'_>>(bytes, |value| dispatched(&value))?,
        Kind::Referenced => task::<body::Referenced<'_>>(bytes, |value| {
            Ok(Change::Referenced { reference: Arc::from(&*value.reference) })
        })?,
        Kind::Finished => task::<body::Finished<'_>>(bytes, |value| finished(&value))?,
        Kind::Judged => task::<body::Judged<'_>>(bytes, |value| {
            Ok(Change::Judged { evaluation: Box::new(evaluation(&value.evaluation)?), next: next(&value.next)? })
        })?,
        Kind::Caught => task::<body::Caught<'_>>(bytes, |value| {
            Ok(Change::Caught { output: Box::new(payload(&value.output)?), failure: caught(value.failure.as_ref())? })
        })?,
        Kind::RoundJudged => task::<body::RoundJudged<'_>>(bytes, |value| {
            Ok(Change::RoundJudged {
                evaluation: Box::new(evaluation(&value.evaluation)?),
                next: next_round(&value.next, value.unpaid)?,
            })
        })?,
        Kind::Composed => {
            task::<body::Output<'_>>(bytes, |value| Ok(Change::Composed { output: Box::new(payload(&value.output)?) }))?
        }
        Kind::Ended => task::<body::Ended<'_>>(bytes, |value| ended(&value))?,
        Kind::Abandoned => task::<body::Abandoned<'_>>(bytes, |value| abandoned(&value))?,
        Kind::Resolved => task::<body::Resolved<'_>>(bytes, |value| {
            Ok(Change::Resolved(Box::new(core::Resolved {
                happened: value.happened,
                output: value.output.as_ref().map(payload).transpose()?,
                by: value.by.map(|by| Principal::new(&by)),
                next: next(&value.next)?,
            })))
        })?,
        Kind::Waited => task::<body::Waited<'_>>(bytes, |value| waited(&value))?,
        Kind::Reminded => task::<body::Empty>(bytes, |body::Empty {}| Ok(Change::Reminded))?,
        Kind::Reused => task::<body::Reused<'_>>(bytes, |value| {
            let output = value.output.as_ref().map(payload).transpose()?.map(Box::new);
            Ok(Change::Reused { from: run_id(&value.from)?, output, degraded: value.degraded })
        })?,
        Kind::Cached => task::<body::Cached<'_>>(bytes, |value| cached(&value))?,
        Kind::Pleaded => task::<body::Pleaded<'_>>(bytes, |value| people::pleaded(&value))?,
        Kind::Opened
        | Kind::Closed
        | Kind::ClockJumped
        | Kind::RunSubmitted
        | Kind::TasksAdded
        | Kind::TasksAhead
        | Kind::CancelRequested
        | Kind::Paused
        | Kind::Crashed
        | Kind::Resumed
        | Kind::SignalKept
        | Kind::Raised
        | Kind::Compensated
        | Kind::Answered
        | Kind::Begun
        | Kind::Done => return Err("it speaks of no task".to_owned()),
    })
}

fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Read<T> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn task<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    change: impl FnOnce(T) -> Read<Change>,
) -> Read<(TaskPath, Change, Beside)> {
    let task: body::Task<'a, T> = json(bytes)?;
    let booked = task.booked.as_ref().map(booked).transpose()?;
    Ok((path(&task.path)?, change(task.change)?, (unsent(&task.unsent)?, booked.map(Box::new))))
}

fn booked(value: &body::Booked<'_>) -> Read<Booked> {
    let waste = |text: &Cow<'_, str>| word("waste", text, Waste::from_word(text));
    Ok(Booked {
        target: Arc::from(&*value.target),
        taken: Timestamp(value.taken),
        cost: Money(value.cost),
        tokens: value.tokens,
        over: Money(value.over),
        waste: value.waste.as_ref().map(waste).transpose()?,
    })
}

fn unsent(value: &[body::Unsent<'_>]) -> Read<Unsent> {
    let read = |(place, waited): &body::Unsent<'_>| Ok(core::Unsent { path: path(place)?, waits: waits(waited)? });
    value.iter().map(read).collect()
}

/// Reads `3[0]#2/7`.
fn path(text: &str) -> Read<TaskPath> {
    let mut path = TaskPath::default();
    if text.is_empty() {
        return Ok(path);
    }
    let malformed = || format!("{text:?} is not the place of a task");
    let mut rest = text;
    let mut mark = '/';
    loop {
        let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let number = u32::from_str(&rest[..end]).map_err(|_| malformed())?;
        rest = &rest[end..];
        path.0.push(match mark {
            '/' => Segment::Task(NodeId(number)),
            '[' => Segment::Item(number),
            _ => Segment::Round(number),
        });
        if mark == '[' {
            rest = rest.strip_prefix(']').ok_or_else(malformed)?;
        }
        let Some(next) = rest.chars().next() else { return Ok(path) };
        if !matches!(next, '/' | '[' | '#') {
            return Err(malformed());
        }
        (mark, rest) = (next, &rest[1..]);
    }
}

fn word<T>(what: &str, word: &str, known: Option<T>) -> Read<T> {
    known.ok_or_else(|| format!("{word:?} is no {what}"))
}

fn hash(text: &str) -> Read<Hash> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string())?;
    Ok(Hash(bytes.try_into().map_err(|_| format!("{text:?} is no hash"))?))
}

/// What looks like a payload, wherever it stands.
pub(super) fn payloads(value: &serde_json::Value, named: &mut Vec<(Hash, u64)>) {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            let named_hash = members.get("hash").and_then(Value::as_str).and_then(|text| hash(text).ok());
            named.extend(named_hash.zip(members.get("size").and_then(Value::as_u64)));
            members.values().for_each(|member| payloads(member, named));
        }
        Value::Array(members) => members.iter().for_each(|member| payloads(member, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn payload(value: &body::Payload<'_>) -> Read<PayloadRef> {
    Ok(PayloadRef {
        hash: hash(&value.hash)?,
        size: value.size,
        media: value.media.as_ref().map_or(MediaType::Json, |name| MediaType::from_name(name)),
        labels: labels(&value.labels),
    })
}

fn labels(words: &[Cow<'_, str>]) -> Labels {
    Labels::new(words.iter().map(|word| &**word))
}

fn run_submitted(run: RunId, value: body::RunSubmitted<'_>) -> Read<core::RunSubmitted> {
    let part = |(name, said): &(Cow<'_, str>, Cow<'_, str>)| Ok::<_, String>((Arc::from(&**name), hash(said)?));
    let parts = value.parts.iter().map(part).collect::<Read<Vec<_>>>()?;
    Ok(core::RunSubmitted {
        run,
        principal: Principal::new(&value.principal),
        graph_name: Arc::from(&*value.graph_name),
        graph: hash(&value.graph)?,
        document: payload(&value.document)?,
        inputs: payload(&value.inputs)?,
        priority: word("priority", &value.priority, Priority::from_word(&value.priority))?,
        deadline: value.deadline.map(Timestamp),
        budget: value.budget.as_ref().map(people::budget).transpose()?,
        strict: value.strict,
        key: value.key.map(|key| SubmissionKey { key: Arc::from(&*key), parts }),
        origin: value.origin.as_ref().map(origin).transpose()?.map(Arc::new),
        concurrency: value.concurrency.as_ref().map(concurrency).transpose()?,
        parent: value.parent.as_ref().map(parent).transpose()?,
    })
}

fn parent((run, task): &(Cow<'_, str>, Cow<'_, str>)) -> Read<Arc<Parent>> {
    Ok(Arc::new(Parent { run: run_id(run)?, task: Arc::from(&**task) }))
}

fn concurrency(value: &body::Concurrency<'_>) -> Read<Concurrency> {
    let on_new = word("answer to a new run", &value.on_new, OnNew::from_word(&value.on_new))?;
    let turns = Turns { limit: value.limit, on_new, settle: Duration(value.settle) };
    Ok(Concurrency { key: Arc::from(&*value.key), turns })
}

fn run_id(text: &str) -> Read<RunId> {
    RunId::from_str(text).map_err(|error| error.to_string())
}

fn origin(value: &body::Origin<'_>) -> Read<core::Origin> {
    let run = run_id(&value.run)?;
    let given = |given: &body::Given<'_>| {
        Ok::<_, String>(core::Given {
            task: NodeId(given.task),
            output: given.output.as_ref().map(payload).transpose()?,
            degraded: given.degraded,
            input: given.input.as_ref().map(|text| hash(text)).transpose()?,
            needs: given
                .needs
                .iter()
                .map(|gave| gave.as_ref().map(|text| hash(text)).transpose())
                .collect::<Read<_>>()?,
            effects: given.effects,
            left: given.left,
            reuse: word(
                "kind of reuse",
                &given.reuse,
                core::Reuse::ALL.into_iter().find(|one| one.word() == given.reuse),
            )?,
        })
    };
    Ok(core::Origin {
        run,
        key_origin: value.key_origin.as_ref().map_or(Ok(run), |text| run_id(text))?,
        keys: value.keys.iter().map(|(node, run)| Ok((NodeId(*node), run_id(run)?))).collect::<Read<_>>()?,
        given: value.given.iter().map(given).collect::<Read<_>>()?,
    })
}

fn answered(run: RunId, value: &body::Answered<'_>) -> Read<core::Answered> {
    let failed = |failed: &body::RunFailure<'_>| {
        Ok::<_, String>(core::RunFailure {
            task: failed.task.as_ref().map(|text| path(text)).transpose()?,
            failure: failure(&failed.failure)?,
        })
    };
    Ok(core::Answered {
        run,
        status: word("status of a run", &value.status, RunStatus::from_word(&value.status))?,
        output: value.output.as_ref().map(payload).transpose()?,
        failure: value.failure.as_ref().map(failed).transpose()?,
        degraded: value.degraded,
        compensating: value.compensating,
    })
}

fn compensated(run: RunId, value: &body::Compensated<'_>) -> Read<core::Compensated> {
    let left = |(at, why): &(Cow<'_, str>, body::Failure<'_>)| Ok::<_, String>((path(at)?, failure(why)?));
    Ok(core::Compensated {
        run,
        count: value.count,
        left: value.left.iter().map(left).collect::<Read<_>>()?,
        left_count: value.left_count,
    })
}

fn evaluation(value: &body::Evaluation<'_>) -> Read<core::Evaluation> {
    Ok(core::Evaluation {
        truth: value.truth,
        good: value.good,
        time: value.time.map(Timestamp),
        count: value.count,
        score: value.score,
        same: value.same.as_ref().map(|text| hash(text)).transpose()?,
        wait: value.wait.as_ref().map(wait).transpose()?.map(Box::new),
        payload: value.payload.as_ref().map(payload).transpose()?,
        prefix: None,
        added: None,
        refused: value.refused.as_deref().map(Arc::from),
    })
}

fn cached(value: &body::Cached<'_>) -> Read<Change> {
    Ok(Change::Cached(Box::new(core::Cached {
        output: Box::new(payload(&value.output)?),
        from: run_id(&value.from)?,
        kept: Timestamp(value.kept),
        target: Arc::from(&*value.target),
        saved: Money(value.saved),
        stale: value.stale,
        waits: waits(&value.waits)?,
    })))
}

fn waits(value: &[(Cow<'_, str>, u64)]) -> Read<core::Waits> {
    let of = |cause: &str| word("cause", cause, Cause::from_word(cause));
    value.iter().map(|(cause, span)| Ok((of(cause)?, Duration(*span)))).collect()
}

fn abandoned(value: &body::Abandoned<'_>) -> Read<Change> {
    Ok(Change::Abandoned {
        attempt: AttemptNo(value.attempt),
        incarnation: Incarnation(value.incarnation),
        cost: Money(value.cost),
        tokens: value.tokens,
        fate: value.fate.as_deref().map_or(Ok(Fate::None), |word| {
            Fate::from_word(word).ok_or_else(|| format!("{word:?} is no fate of an effect"))
        })?,
        output: value.output.as_ref().map(payload).transpose()?.map(Box::new),
        away: value.away.map(Duration),
    })
}

fn ended(value: &body::Ended<'_>) -> Read<Change> {
    Ok(Change::Ended(Box::new(core::Ended {
        end: word("end of a task", &value.end, End::from_word(&value.end))?,
        next: next(&value.next)?,
        away: Duration(value.away),
        waits: waits(&value.waits)?,
        short: value.short.as_deref().map(path).transpose()?,
        preempted: value.preempted.as_ref().map(sent::preempted).transpose()?.map(Box::new),
    })))
}

const fn usage(value: &body::Usage) -> Usage {
    Usage {
        tokens_in: value.tokens_in,
        tokens_cached: value.tokens_cached,
        tokens_written: value.tokens_written,
        tokens_out: value.tokens_out,
        tokens_reasoning: value.tokens_reasoning,
        calls: value.calls,
        egress_bytes: value.egress_bytes,
        estimated: value.estimated,
    }
}

fn failure(value: &body::Failure<'_>) -> Read<Failure> {
    Ok(Failure {
        class: word("failure class", &value.class, Class::from_word(&value.class))?,
        message: Arc::from(&*value.message),
        retry_after: value.retry_after.map(Duration),
        no_effect: value.no_effect,
        partial: value.partial.as_ref().map(payload).transpose()?,
        usage: usage(&value.usage),
        raw_usage: value.raw_usage.as_deref().map(Arc::from),
        labels: labels(&value.labels),
    })
}

fn finished(value: &body::Finished<'_>) -> Read<Change> {
    let outcome = match &value.outcome {
        body::Outcome::Output(output) => {
            let raw_usage = value.raw_usage.as_deref().map(Arc::from);
            Outcome::Succeeded(Success { output: payload(output)?, usage: usage(&value.usage), raw_usage })
        }
        body::Outcome::Failure(failed) => Outcome::Failed(failure(failed)?),
    };
    Ok(Change::Finished(Box::new(core::Finished {
        attempt: AttemptNo(value.attempt),
        incarnation: Incarnation(value.incarnation),
        outcome,
        cost: Money(value.cost),
        unreported: value.unreported,
        degraded: value.degraded,
        next: next(&value.next)?,
    })))
}

fn caught(value: Option<&body::Failure<'_>>) -> Read<Option<Box<Failure>>> {
    Ok(value.map(failure).transpose()?.map(Box::new))
}

fn next(value: &body::Next<'_>) -> Read<core::Next> {
    Ok(match value {
        body::Next::Judge => core::Next::Judge,
        body::Next::Succeed => core::Next::Succeed,
        body::Next::Retry { at } => core::Next::Retry { at: Timestamp(*at) },
        body::Next::Back { at } => core::Next::Back { at: Timestamp(*at) },
        body::Next::Rung { rung, failure } => core::Next::Rung { rung: *rung, failure: caught(failure.as_ref())? },
        body::Next::Doubt(failed) => core::Next::Doubt(Box::new(failure(failed)?)),
        body::Next::Fail(failed) => core::Next::fail(failure(failed)?),
    })
}

fn next_round(value: &body::NextRound<'_>, unpaid: bool) -> Read<core::NextRound> {
    Ok(match value {
        body::NextRound::Again => core::NextRound::Again,
        body::NextRound::Done => core::NextRound::Done,
        body::NextRound::Use(output) => core::NextRound::Use { output: Box::new(payload(output)?), unpaid },
        body::NextRound::Fail(follows) => core::NextRound::Fail(next(follows)?),
    })
}
