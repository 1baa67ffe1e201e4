//! Attempts that give way to more urgent tasks.

use insta::assert_snapshot;

use super::dialogue;

/// Runs in the background that take ten seconds each, and urgent ones that take one: so many that it is known what they take, and that one attempt may be
/// stopped. Then this; told is what comes after that.
fn after(policy: &str, scenario: &str) -> String {
    let slow: String = (101..=110).map(|run| format!("submit r{run} {SLOW}\ndrain 10s\n")).collect();
    let quick: String = (201..=210).map(|run| format!("submit r{run} {QUICK}\ndrain 1s\n")).collect();
    let told = dialogue(&format!("policy {policy}\ntargets t=1\n{slow}{quick}{scenario}"));
    let from = told.lines().position(|line| line.contains("dispatch r1/")).unwrap();
    told.lines().skip(from).collect::<Vec<_>>().join("\n")
}

const SLOW: &str = "a; run: background";
const QUICK: &str = "b; run: interactive deadline=5s";

/// It has had a tenth of what it takes when the urgent one could be late; that has its place, and it goes next, as old as it was.
#[test]
fn what_has_hardly_begun_gives_way_and_the_place_is_for_whom_it_was_stopped() {
    assert_snapshot!(after("preempt=50:1:100", &format!("
        submit r1 {SLOW}
        wait 1s
        submit r2 {SLOW}
        submit r3 {QUICK}
        view r1
        wait 4s
        submit r4 {SLOW}
        fail r1/a!1 cancelled
        view r1
        ok r3/b!1
        wait 10s
        ok r1/a!2
        why r1
        attempts r1
        attempts r3
    ")), @"
    110000ms dispatch r1/a#1 on t
    111000ms r1 is running, spent $0, held $0
    111000ms   a running
    114750ms woken: a task has to be sent to be in time
    114750ms stop r1/a#1
    115000ms > fail r1/a!1 cancelled
    115000ms dispatch r3/b#1 on t
    115000ms r1 is running, spent $0, held $0
    115000ms   a waiting on preempted
    115000ms > ok r3/b!1
    115000ms dispatch r1/a#2 on t
    115000ms answer r3 succeeded
    115000ms close r3
    125000ms > ok r1/a!2
    125000ms dispatch r2/a#1 on t
    125000ms answer r1 succeeded
    125000ms close r1
    125000ms why r1: 15s: running 14.7s preempted 250ms; critical a
    125000ms   a succeeded: running 14.7s preempted 250ms
    125000ms   attempt of a: $0, 0 tokens: cancelled: stopped for a more urgent task
    125000ms     expected 10s
    125000ms     gave way to b of r3: 4.75s lost
    125000ms   attempt of a: $0, 0 tokens
    125000ms     expected 10s
    125000ms     balanced gittins 2m 16s, 1 ahead, 2 behind
    125000ms   attempt of b: $0, 0 tokens
    125000ms     expected 1s
    125000ms     in the place of a of r1: 4.75s lost
    125000ms     balanced slack 1m 56s, 0 ahead, 3 behind
    ");
}

#[test]
fn nothing_gives_way_where_that_is_not_allowed_or_costs_too_much_or_helps_nobody() {
    let stopped = |policy: &str, scenario: &str| after(policy, scenario).contains("stop r1/a#1");
    let meets =
        |slow: &str, had: &str, quick: &str| format!("submit r1 {slow}\nwait {had}\nsubmit r3 {quick}\nwait 4s");
    assert!(stopped("preempt=50:1:100", &meets(SLOW, "1s", QUICK)));
    // Never; after a twentieth of its time; where nothing is saved up.
    for policy in ["preempt=50:0:100", "preempt=5:1:100", "preempt=50:1:1"] {
        assert!(!stopped(policy, &meets(SLOW, "1s", QUICK)), "{policy}");
    }
    // It ends soon; the other has time, or too little, or is no more urgent; it leaves an effect; it could not be in time itself then.
    for (slow, had, quick) in [
        (SLOW, "8s", QUICK),
        (SLOW, "1s", "b; run: interactive deadline=1m"),
        (SLOW, "1s", "b; run: interactive"),
        (SLOW, "1s", "b; run: background deadline=5s"),
        ("a effect=once; run: background", "1s", QUICK),
        ("a; run: background deadline=12s", "3s", QUICK),
    ] {
        assert!(!stopped("preempt=50:1:100", &meets(slow, had, quick)), "{slow} {had} {quick}");
    }
    // Of another graph nothing is known.
    assert!(!stopped("preempt=50:1:100", &meets(SLOW, "1s", "c; run: interactive deadline=5s")));
    assert!(!stopped("preempt=50:1:100", &meets("a; run: background", "1s", "b; run: interactive deadline=900ms")));
}

/// A task gives way so often and no oftener, and it is the one that was sent last which does.
#[test]
fn who_loses_least_gives_way_and_nobody_too_often() {
    let told = after(
        "preempt=50:1:100",
        &format!(
            "
        targets t=2
        submit r1 {SLOW}
        wait 1s
        submit r2 {SLOW}
        wait 1s
        submit r3 {QUICK}
        wait 4s
        fail r2/a!1 cancelled
        ok r3/b!1
        wait 1s
        submit r4 {QUICK}
        wait 5s
    "
        ),
    );
    assert_snapshot!(told, @"
    110000ms dispatch r1/a#1 on t
    111000ms dispatch r2/a#1 on t
    115750ms woken: a task has to be sent to be in time
    115750ms stop r2/a#1
    116000ms > fail r2/a!1 cancelled
    116000ms dispatch r3/b#1 on t
    116000ms > ok r3/b!1
    116000ms dispatch r2/a#2 on t
    116000ms answer r3 succeeded
    116000ms close r3
    120485ms woken: an attempt is slow
    120863ms woken: a task has to be sent to be in time
    121147ms woken: a task has to be sent to be in time
    121360ms woken: a task has to be sent to be in time
    121520ms woken: a task has to be sent to be in time
    122000ms woken: a run's deadline
    122000ms answer r4 failed deadline_exceeded: no answer within the deadline of 5s
    122000ms close r4
    ");
}

/// The process ends before the attempt that was stopped has: what it held counts as spent, and its task goes on as after any restart.
#[test]
fn a_restart_finds_what_gave_way() {
    assert_snapshot!(after("preempt=50:1:100", &format!("
        submit r1 {SLOW}
        wait 1s
        submit r3 {QUICK}
        wait 4s
        restart
        wait 100ms
        ok r3/b!1
        why r1
        attempts r1
    ")), @"
    110000ms dispatch r1/a#1 on t
    114750ms woken: a task has to be sent to be in time
    114750ms stop r1/a#1
    115000ms restart
    115000ms dispatch r3/b#1 on t
    115100ms > ok r3/b!1
    115100ms dispatch r1/a#2 on t
    115100ms answer r3 succeeded
    115100ms close r3
    115100ms why r1: 5.1s: running 4.75s downtime 250ms preempted 100ms; critical a
    115100ms   a running: running 4.75s downtime 250ms preempted 100ms
    115100ms   attempt of a: $0, 0 tokens: cancelled: stopped for a more urgent task
    115100ms     expected 10s
    115100ms     gave way to b of r3: 4.75s lost
    115100ms   attempt of a: $0, 0 tokens
    115100ms     balanced gittins 1m 50s, 1 ahead, 0 behind
    ");
}
