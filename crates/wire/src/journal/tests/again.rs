//! What is taken back, and what a run takes over of another.

use super::*;

/// What takes back what a run has done.
pub(super) fn of_compensation() -> Vec<Record> {
    let answered = Answered {
        run: RUN,
        status: RunStatus::Failed,
        output: None,
        failure: Some(RunFailure { task: None, failure: failure() }),
        degraded: false,
        compensating: true,
    };
    let attempt = (AttemptNo(1), Incarnation(3), Money(1));
    let (attempt, incarnation, cost) = attempt;
    let output = Some(Box::new(payload(5)));
    let taken = Change::Abandoned { attempt, incarnation, cost, tokens: 2, fate: Fate::Taken, output, away: None };
    let whole = Compensated { run: RUN, count: 3, left: Vec::new(), left_count: 0 };
    let left = Compensated { left: vec![(deep(), failure())], left_count: 2, ..whole };
    vec![
        Record::Answered(answered.into()),
        Record::Task { run: RUN, path: deep(), change: taken },
        Record::Compensated(whole.into()),
        Record::Compensated(left.into()),
    ]
}

/// What says that a run takes over another one.
pub(super) fn taken_over() -> Vec<Record> {
    let given = |task, reuse| Given {
        task: NodeId(task),
        output: Some(payload(6)),
        degraded: false,
        input: Some(Hash([7; 32])),
        needs: Vec::new(),
        effects: true,
        left: false,
        reuse,
    };
    let nothing = Given { output: None, degraded: true, input: None, effects: false, ..given(4, Reuse::Same) };
    let origin = Origin {
        run: RunId(5),
        key_origin: RunId(4),
        keys: vec![(NodeId(2), RUN)],
        given: vec![given(0, Reuse::Always), given(1, Reuse::Done), nothing],
    };
    let left = Given { left: true, ..given(2, Reuse::Always) };
    let undone = Origin { given: vec![left], ..origin.clone() };
    let first = Origin { run: RunId(5), key_origin: RunId(5), keys: Vec::new(), given: Vec::new() };
    let Some(Record::RunSubmitted(plain)) = about_the_run().into_iter().nth(3) else { return Vec::new() };
    let submitted =
        |origin| Record::RunSubmitted(Box::new(RunSubmitted { origin: Some(Arc::new(origin)), ..*plain.clone() }));
    let reused = |output, degraded| Change::Reused { from: RunId(5), output, degraded };
    let done = Ended::new(End::Done, Next::fail(failure()));
    let changes = [reused(Some(payload(6).into()), false), reused(None, true), Change::Ended(done.into())];
    let of_tasks = changes.map(|change| Record::Task { run: RUN, path: TaskPath::top(NodeId(1)), change });
    [submitted(origin), submitted(first), submitted(undone)].into_iter().chain(of_tasks).collect()
}

/// A group that is kept whole where what it needs gives the same.
pub(super) fn kept_whole() -> Option<Record> {
    let needs = vec![Some(Hash([8; 32])), None];
    let (task, output) = (NodeId(1), Some(payload(6)));
    let whole =
        Given { task, output, degraded: false, input: None, needs, effects: false, left: false, reuse: Reuse::Same };
    let origin = Origin { run: RunId(5), key_origin: RUN, keys: Vec::new(), given: vec![whole] };
    let plain = about_the_run().into_iter().nth(3)?;
    let Record::RunSubmitted(plain) = plain else { return None };
    Some(Record::RunSubmitted(Box::new(RunSubmitted { origin: Some(Arc::new(origin)), ..*plain })))
}

/// An attempt that was out when the process ended, and that nobody awaits any more.
pub(super) fn given_up_after_a_crash() -> Record {
    let (attempt, incarnation, cost) = (AttemptNo(1), Incarnation(3), Money(1));
    let away = Some(Duration(5));
    let change = Change::Abandoned { attempt, incarnation, cost, tokens: 2, fate: Fate::Uncertain, output: None, away };
    Record::Task { run: RUN, path: deep(), change }
}
