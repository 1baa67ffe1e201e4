//! The golden journal: one body or more of every kind. It only ever grows; what stands in it must stay readable for ever.

mod again;
mod ahead;
mod children;
mod choices;
mod groups;
mod loops;
mod pleas;
mod preempted;

use std::sync::Arc;

use agendum_core::{
    Answered, Cached, Change, Compensated, Dispatched, End, Ended, Entry, Evaluation, Given, Next, NextRound, Origin,
    Raised, Record, Resolved, Reuse, RunFailure, RunSubmitted, SignalKept, Unsent, Waited,
};
use agendum_types::graph::{Budget, NodeId, OnExceeded, Priority};
use agendum_types::{
    AttemptNo, Booked, Cause, Class, Duration, Effect, Failure, Fate, Hash, Incarnation, Labels, MediaType, Money,
    Outcome, PayloadRef, Principal, RunId, RunStatus, Segment, Seq, SubmissionKey, Success, TaskPath, Tenant,
    Timestamp, Usage, Wait, WaitFor, Waste,
};
use smallvec::smallvec;

use super::{Envelope, Kind, decode, encode};
use again::{of_compensation, taken_over};
use groups::in_groups;

const GOLDEN: &str = include_str!("../../golden/journal.jsonl");
const RUN: RunId = RunId(0x0199_f3aa_1234_5678_9abc_def0_1122_3344);

fn payload(first: u8) -> PayloadRef {
    PayloadRef { hash: Hash([first; 32]), size: 17, media: MediaType::Json, labels: Labels::NONE }
}

fn labelled() -> PayloadRef {
    let media = MediaType::Other(Arc::from("image/png"));
    PayloadRef { media, labels: Labels::new(["region=eu", "secret"]), ..payload(9) }
}

fn failure() -> Failure {
    Failure {
        retry_after: Some(Duration::secs(3)),
        no_effect: true,
        partial: Some(payload(4)),
        usage: Usage { tokens_in: 5, ..Usage::default() },
        ..Failure::new(Class::RateLimited, "slow \"down\"\n")
    }
}

fn deep() -> TaskPath {
    TaskPath(smallvec![
        Segment::Task(NodeId(3)),
        Segment::Item(0),
        Segment::Round(2),
        Segment::Task(NodeId(17)),
        Segment::Item(99_999)
    ])
}

fn about_the_run() -> Vec<Record> {
    let submitted = RunSubmitted {
        run: RUN,
        principal: Principal::new("cli"),
        graph_name: Arc::from("support-answer"),
        graph: Hash([1; 32]),
        document: payload(2),
        inputs: labelled(),
        priority: Priority::Interactive,
        deadline: Some(Timestamp(1_700_000_000_000_000)),
        budget: Some(Budget { money: Some(Money(5)), tokens: Some(7), on_exceeded: OnExceeded::Degrade }),
        strict: true,
        key: None,
        origin: None,
        concurrency: None,
        parent: None,
    };
    let plain = RunSubmitted { deadline: None, budget: None, strict: false, inputs: payload(3), ..submitted.clone() };
    let key = SubmissionKey { key: Arc::from("order 17"), parts: vec![(Arc::from("inputs"), Hash([8; 32]))] };
    let keyed = RunSubmitted { key: Some(key), ..plain.clone() };
    let succeeded = Answered {
        run: RUN,
        status: RunStatus::Succeeded,
        output: Some(payload(5)),
        failure: None,
        degraded: true,
        compensating: false,
    };
    let failed = Answered {
        status: RunStatus::Failed,
        output: None,
        failure: Some(RunFailure { task: Some(deep()), failure: failure() }),
        degraded: false,
        ..succeeded
    };
    vec![
        Record::Opened { incarnation: Incarnation(4), seed: u64::MAX, down_since: None },
        Record::ClockJumped { from: Timestamp(12) },
        Record::RunSubmitted(Box::new(submitted)),
        Record::RunSubmitted(Box::new(plain)),
        Record::RunSubmitted(Box::new(keyed)),
        Record::TasksAdded { run: RUN, graph: Hash([6; 32]), document: payload(7) },
        Record::CancelRequested { run: RUN, replaced_by: None },
        Record::Paused { run: RUN },
        Record::Resumed { run: RUN },
        Record::Answered(Box::new(succeeded)),
        Record::Answered(Box::new(failed)),
        Record::Done { run: RUN },
        Record::Closed,
    ]
}

fn dispatched() -> Dispatched {
    Dispatched {
        attempt: AttemptNo(2),
        incarnation: Incarnation(4),
        target: Arc::from("openai/gpt"),
        effect: Effect::Once,
        hold: Money(11),
        hold_tokens: 12,
        output_cap: Some(512),
        lower: true,
        waits: smallvec![(Cause::Order, Duration(1)), (Cause::Limit, Duration(2))],
        reattached: true,
        beside: false,
        estimated: false,
        expected: None,
        choice: None,
        preempted: None,
    }
}

fn plainly_dispatched() -> Dispatched {
    Dispatched {
        effect: Effect::None,
        hold: Money::ZERO,
        hold_tokens: 0,
        output_cap: None,
        lower: false,
        waits: smallvec![],
        reattached: false,
        beside: false,
        ..dispatched()
    }
}

fn changes() -> Vec<Change> {
    let all = Evaluation {
        truth: Some(true),
        good: Some(false),
        time: Some(Timestamp(8)),
        count: Some(100_000),
        score: Some(-1),
        same: Some(Hash([8; 32])),
        wait: None,
        payload: Some(labelled()),
        ..Evaluation::default()
    };
    let usage = Usage {
        tokens_in: 1,
        tokens_cached: 2,
        tokens_written: 0,
        tokens_out: 3,
        tokens_reasoning: 4,
        calls: 5,
        egress_bytes: 0,
        estimated: true,
    };
    let finished = |outcome, next| Change::Finished(Box::new(children::finished(outcome, next)));
    let succeeded = Outcome::Succeeded(Success { output: payload(5), usage, raw_usage: None });
    let failed = Outcome::Failed(failure());
    let used = NextRound::Use { output: payload(6).into(), unpaid: false };
    let mut changes = vec![
        Change::Entered(all.clone().into()),
        Change::Entered(Box::default()),
        Change::Dispatched(Box::new(dispatched())),
        Change::Dispatched(Box::new(plainly_dispatched())),
        Change::Referenced { reference: Arc::from("job-7") },
        finished(succeeded.clone(), Next::Succeed),
        finished(succeeded, Next::Judge),
        finished(failed.clone(), Next::Retry { at: Timestamp(30) }),
        finished(failed.clone(), Next::Back { at: Timestamp(15) }),
        finished(failed.clone(), Next::Rung { rung: 1, failure: None }),
        finished(failed, Next::fail(failure())),
        Change::Judged { evaluation: all.clone().into(), next: Next::Succeed },
        Change::Caught { output: payload(6).into(), failure: None },
        Change::RoundJudged { evaluation: all.clone().into(), next: NextRound::Again },
        Change::RoundJudged { evaluation: all.clone().into(), next: NextRound::Done },
        Change::RoundJudged { evaluation: all.clone().into(), next: used },
        Change::RoundJudged { evaluation: all.into(), next: NextRound::Fail(Next::fail(failure())) },
        Change::Composed { output: payload(6).into() },
        abandoned(Fate::None),
    ];
    let ended = |end: End| Ended::new(end, Next::fail(Failure::new(end.class(), "over")));
    let ends =
        End::ALL.into_iter().filter(|end| !matches!(end, End::Done | End::NoCopy | End::Hopeless | End::Preempted));
    changes.extend(ends.map(|end| Change::Ended(ended(end).into())));
    let raw_usage: Option<Arc<str>> = Some(Arc::from(r#"{"prompt_tokens":1}"#));
    let told = Success { output: payload(5), usage, raw_usage: raw_usage.clone() };
    changes.push(finished(Outcome::Succeeded(told), Next::Succeed));
    changes.push(finished(Outcome::Failed(Failure { raw_usage, ..failure() }), Next::Rung { rung: 0, failure: None }));
    let lost = Ended { next: Next::Retry { at: Timestamp(31) }, away: Duration(5), ..ended(End::Lost) };
    let waits = smallvec![(Cause::Budget, Duration(3)), (Cause::Paused, Duration(4))];
    let pruned = Ended { waits, ..ended(End::Pruned) };
    changes.extend([lost, pruned].map(|ended| Change::Ended(ended.into())));
    let refused = Evaluation { truth: Some(false), refused: Some("it holds no tasks".into()), ..Evaluation::default() };
    changes.push(Change::Judged { evaluation: Box::new(refused), next: Next::Retry { at: Timestamp(16) } });
    let quoting = failure().labelled(&Labels::new(["region=eu"]));
    changes.push(finished(Outcome::Failed(quoting.clone()), Next::fail(quoting)));
    changes
}

fn abandoned(fate: Fate) -> Change {
    Change::Abandoned {
        attempt: AttemptNo(1),
        incarnation: Incarnation(3),
        cost: Money(1),
        tokens: 2,
        fate,
        output: None,
        away: None,
    }
}

/// Waits for people, signals and time.
fn of_waits() -> Vec<Record> {
    let approval = Wait {
        queue: Some(Arc::from("support")),
        who: vec![Principal::new("ann"), Principal::new("ben")],
        reminder: Some(Duration::secs(3_600)),
        ..Wait::new(WaitFor::Approval)
    };
    let signal = Wait { name: Some(Arc::from("paid")), ..Wait::new(WaitFor::Signal) };
    let time = Wait { until: Some(Timestamp(1_800_000_000_000_000)), ..Wait::new(WaitFor::Time) };
    let entered = |wait| {
        let payload = Some(payload(5));
        Change::Entered(Box::new(Evaluation { wait: Some(Box::new(wait)), payload, ..Evaluation::default() }))
    };
    let waited = Waited {
        output: Box::new(payload(6)),
        by: Some(Principal::new("ann")),
        approved: Some(false),
        webhook: None,
        kept: false,
        waits: smallvec![(Cause::Scheduler, Duration(1)), (Cause::Person, Duration(2))],
    };
    let kept = Waited { approved: None, webhook: Some(Arc::from("msg_1")), kept: true, ..waited.clone() };
    let time_came = Waited { by: None, approved: None, waits: smallvec![], ..waited.clone() };
    let changes = [
        entered(approval),
        entered(signal),
        entered(time),
        Change::Reminded,
        Change::Waited(waited.into()),
        Change::Waited(kept.into()),
        Change::Waited(time_came.into()),
    ];
    let kept = SignalKept {
        run: RUN,
        of: WaitFor::Signal,
        name: Arc::from("paid"),
        payload: payload(7),
        by: Principal::new("shop"),
        webhook: None,
    };
    let hook = SignalKept { of: WaitFor::Webhook, webhook: Some(Arc::from("msg_2")), ..kept.clone() };
    let of_tasks = changes.map(|change| Record::Task { run: RUN, path: deep(), change });
    of_tasks.into_iter().chain([kept, hook].map(|kept| Record::SignalKept(kept.into()))).collect()
}

/// Budgets that were raised, or not.
fn raises() -> impl Iterator<Item = Record> {
    let by = Principal::new("ada");
    let of_run = Raised { run: RUN, path: TaskPath::default(), money: Money(5), tokens: 0, by, refused: false };
    let of_loop = Raised { path: deep(), tokens: 7, ..of_run.clone() };
    let refused = Raised { money: Money::ZERO, refused: true, ..of_run.clone() };
    [of_run, of_loop, refused].into_iter().map(|raised| Record::Raised(Box::new(raised)))
}

/// Results that were kept.
fn of_the_cache() -> Vec<Record> {
    let cached = Cached {
        output: Box::new(payload(6)),
        from: RunId(5),
        kept: Timestamp(1_800_000_000_000_000),
        target: Arc::from("small"),
        saved: Money(7),
        stale: false,
        waits: smallvec![(Cause::Dependency, Duration(2))],
    };
    let stale = Cached { saved: Money::ZERO, stale: true, waits: smallvec![], ..cached.clone() };
    let none = Ended::new(End::NoCopy, Next::fail(failure()));
    let changes = [Change::Cached(cached.into()), Change::Cached(stale.into()), Change::Ended(none.into())];
    changes.map(|change| Record::Task { run: RUN, path: deep(), change }).into()
}

fn samples() -> Vec<Record> {
    let paths = [TaskPath::default(), TaskPath::top(NodeId(0)), deep()];
    let tasks = changes().into_iter().enumerate().map(|(place, change)| Record::Task {
        run: RUN,
        path: paths[place % paths.len()].clone(),
        change,
    });
    about_the_run().into_iter().chain(tasks).collect()
}

/// Each record alone, and with it the tasks that it ended before they were sent, if there were any.
fn entries() -> Vec<Entry> {
    let tenant = |record: &Record| record.run().map(|_| Tenant::default());
    let entry = |record: Record, unsent: Vec<Unsent>| Entry {
        seq: Seq(7),
        at: Timestamp(5),
        tenant: tenant(&record),
        record,
        unsent: unsent.into(),
        booked: None,
        wasted: Box::default(),
        verdict: None,
    };
    let queued = Unsent { path: deep(), waits: smallvec![(Cause::Order, Duration(1)), (Cause::Limit, Duration(2))] };
    let delayed = Unsent { path: TaskPath::top(NodeId(8)), waits: smallvec![(Cause::Delay, Duration(9))] };
    let ended = Ended::new(End::Expired, Next::fail(Failure::new(Class::Timeout, "over")));
    let expired = Record::Task { run: RUN, path: TaskPath::top(NodeId(3)), change: Change::Ended(ended.into()) };
    let mut entries: Vec<Entry> = samples().into_iter().map(|record| entry(record, Vec::new())).collect();
    entries.push(entry(Record::CancelRequested { run: RUN, replaced_by: None }, vec![queued.clone(), delayed]));
    entries.push(entry(expired, vec![queued]));
    let caught = || Some(Box::new(failure()));
    let next = Next::Rung { rung: 2, failure: caught() };
    let changes = [
        Change::Judged { evaluation: Box::default(), next: next.clone() },
        Change::RoundJudged { evaluation: Box::default(), next: NextRound::Fail(next) },
        Change::Caught { output: payload(6).into(), failure: caught() },
    ];
    let crashed = |in_row, quarantined| Record::Crashed { run: RUN, incarnation: Incarnation(4), in_row, quarantined };
    entries.extend([crashed(1, false), crashed(3, true)].map(|record| entry(record, Vec::new())));
    let resolved = |happened, output, by, next| Change::Resolved(Box::new(Resolved { happened, output, by, next }));
    let doubtful = Ended::new(End::Uncertain, Next::Doubt(Box::new(failure())));
    let later = [
        abandoned(Fate::Taken),
        abandoned(Fate::Uncertain),
        Change::Ended(doubtful.into()),
        resolved(Some(true), Some(payload(6)), None, Next::Succeed),
        resolved(None, None, Some(Principal::new("cli")), Next::fail(failure())),
    ];
    let changes = changes.into_iter().chain(later);
    entries.extend(changes.map(|change| entry(Record::Task { run: RUN, path: deep(), change }, Vec::new())));
    entries.extend(of_waits().into_iter().chain(of_compensation()).map(|record| entry(record, Vec::new())));
    entries.extend(taken_over().into_iter().map(|record| entry(record, Vec::new())));
    entries.extend(with_money());
    entries.extend(raises().map(|record| entry(record, Vec::new())));
    let usage = Usage { calls: 1, egress_bytes: 9, ..Usage::default() };
    let sent = Outcome::Succeeded(Success { output: payload(5), usage, raw_usage: None });
    let sent = children::finished(sent, Next::Succeed);
    let change = Change::Finished(Box::new(sent));
    entries.push(entry(Record::Task { run: RUN, path: deep(), change }, Vec::new()));
    entries.extend(in_groups().into_iter().map(|record| entry(record, Vec::new())));
    entries.extend(of_the_cache().into_iter().map(|record| entry(record, Vec::new())));
    entries.extend(loops::short_of_money().map(|record| entry(record, Vec::new())));
    entries.extend(children::of_children().into_iter().map(|record| entry(record, Vec::new())));
    entries.push(entry(children::written_into_a_cache(), Vec::new()));
    entries.extend(ahead::of_plans().map(|record| entry(record, Vec::new())));
    entries.extend(pleas::of_pleas().map(|record| entry(record, Vec::new())));
    entries.extend(again::kept_whole().map(|record| entry(record, Vec::new())));
    let down_since = Some(Timestamp(1_700_000_000_000_000));
    entries.push(entry(Record::Opened { incarnation: Incarnation(5), seed: 1, down_since }, Vec::new()));
    let late =
        Failure { retry_after: Some(Duration(7)), ..Failure::new(Class::DeadlineExceeded, "late").without_effect() };
    let change = Change::Ended(Box::new(Ended::new(End::Hopeless, Next::fail(late))));
    entries.push(entry(Record::Task { run: RUN, path: deep(), change }, Vec::new()));
    entries.push(entry(again::given_up_after_a_crash(), Vec::new()));
    entries.extend(choices::chosen().map(|record| entry(record, Vec::new())));
    entries.extend(preempted::both().map(|record| entry(record, Vec::new())));
    let mut booked = entry(preempted::at_last(), Vec::new());
    booked.booked = Some(Box::new(preempted::booked()));
    entries.push(booked);
    entries.push(entry(choices::near(), Vec::new()));
    entries
}

/// What attempts cost, and that a cost has no sure bound.
fn with_money() -> Vec<Entry> {
    let of = |change: Change, booked: Option<Booked>| Entry {
        seq: Seq(7),
        at: Timestamp(5),
        tenant: Some(Tenant::default()),
        record: Record::Task { run: RUN, path: deep(), change },
        unsent: Box::default(),
        booked: booked.map(Box::new),
        wasted: Box::default(),
        verdict: None,
    };
    let booked = |over, waste| Booked {
        target: "small".into(),
        taken: Timestamp(4),
        cost: Money(90),
        tokens: 9,
        over: Money(over),
        waste,
    };
    let lost = || Change::Ended(Ended::new(End::Lost, Next::Retry { at: Timestamp(6) }).into());
    let wasted = Waste::ALL.into_iter().filter(|waste| *waste != Waste::Preempted);
    let wasted = wasted.map(|waste| of(lost(), Some(booked(7, Some(waste)))));
    let sent = samples().into_iter().find_map(|record| {
        if let Record::Task { change: Change::Dispatched(sent), .. } = record { Some(sent) } else { None }
    });
    let estimated = sent.map(|sent| of(Change::Dispatched(Box::new(Dispatched { estimated: true, ..*sent })), None));
    wasted.chain([of(abandoned(Fate::None), Some(booked(0, None)))]).chain(estimated).collect()
}

fn line(entry: &Entry) -> String {
    let body = String::from_utf8(encode(entry)).unwrap();
    let kind = Kind::of(&entry.record);
    format!("{}.{} {body}", kind as u16, kind.version())
}

/// The lines of earlier versions, and those of the versions that are written now.
fn golden() -> (Vec<&'static str>, Vec<&'static str>) {
    GOLDEN.lines().partition(|line| {
        let (envelope, _) = parts(line, None);
        Kind::from_number(envelope.kind).is_some_and(|kind| envelope.version < kind.version())
    })
}

fn parts(line: &str, run: Option<RunId>) -> (Envelope, &[u8]) {
    let (head, body) = line.split_once(' ').unwrap();
    let (kind, version) = head.split_once('.').unwrap();
    (envelope(kind.parse().unwrap(), version.parse().unwrap(), run), body.as_bytes())
}

/// `AGENDUM_GOLDEN=write cargo test -p agendum-wire` writes the file anew; the difference must be additions only. Lines of a version
/// that is not written any more stay, before the others.
#[test]
#[expect(clippy::disallowed_methods, reason = "the golden journal is kept in a file")]
fn the_golden_journal_is_written_as_ever() {
    let (earlier, now) = golden();
    let written: Vec<String> = entries().iter().map(line).collect();
    if std::env::var("AGENDUM_GOLDEN").is_ok_and(|value| value == "write") {
        let lines = earlier.into_iter().chain(written.iter().map(String::as_str));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/journal.jsonl"), text).unwrap();
        return;
    }
    for (expected, found) in now.iter().zip(&written) {
        assert_eq!(expected, found);
    }
    assert_eq!(now.len(), written.len());
}

#[test]
fn the_golden_journal_is_read_as_ever() {
    let (earlier, now) = golden();
    for line in earlier {
        let (envelope, body) = parts(line, Some(RUN));
        assert_eq!(Kind::of(&decode(&envelope, body).unwrap().record) as u16, envelope.kind, "{line}");
    }
    for (line, expected) in now.into_iter().zip(entries()) {
        let (envelope, body) = parts(line, expected.record.run());
        assert_eq!(decode(&envelope, body).unwrap(), expected, "{line}");
    }
}

fn envelope(kind: u16, version: u16, run: Option<RunId>) -> Envelope {
    let tenant = run.map(|_| Tenant::default());
    Envelope { seq: Seq(7), at: Timestamp(5), tenant, run, kind, version }
}

#[test]
fn every_kind_is_in_the_golden_journal() {
    for kind in Kind::ALL {
        assert!(entries().iter().any(|entry| Kind::of(&entry.record) == kind), "{kind:?}");
        assert_eq!(Kind::from_number(kind as u16), Some(kind));
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let refused = |kind, version, body: &str| decode(&envelope(kind, version, Some(RUN)), body.as_bytes()).unwrap_err();
    insta::assert_snapshot!(refused(99, 1, "{}"), @"journal row 7 has kind 99 version 1, which this release does not know: use a newer agendum");
    insta::assert_snapshot!(refused(9, 2, "{}"), @"journal row 7 has kind 9 version 2, which this release does not know: use a newer agendum");
    insta::assert_snapshot!(refused(24, 1, r#"{"path":"x","end":"lost","next":"judge"}"#), @r#"journal row 7 (Ended) is damaged: "x" is not the place of a task"#);
    insta::assert_snapshot!(refused(24, 1, r#"{"path":"1","end":"woe","next":"judge"}"#), @r#"journal row 7 (Ended) is damaged: "woe" is no end of a task"#);
    insta::assert_snapshot!(refused(21, 1, r#"{"path":"1[2","output":{"hash":"AA","size":1}}"#), @r#"journal row 7 (Caught) is damaged: "1[2" is not the place of a task"#);
    insta::assert_snapshot!(refused(21, 1, r#"{"path":"1[2]","output":{"hash":"AA","size":1}}"#), @r#"journal row 7 (Caught) is damaged: "AA" is no hash"#);
    insta::assert_snapshot!(decode(&envelope(9, 1, None), b"{}").unwrap_err(), @"journal row 7 (Done) is damaged: it names no run");
}
