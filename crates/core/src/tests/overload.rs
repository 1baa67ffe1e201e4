//! When runs are refused because too much waits already.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn so_many_tasks_of_a_tenant_wait_in_a_priority() {
    assert_snapshot!(dialogue("
        policy waiting=2
        targets t=1
        submit r1 a; b; c
        submit r2 a
        submit r3 a; run: interactive
        submit r4 tenant=other a
        ok r1/a
        submit r5 a
    "), @"
    0ms > policy waiting=2
    0ms dispatch r1/a#1 on t
    0ms rejected: 2 tasks of this priority wait to be sent, the most that the policy lets wait for a tenant: try again in 1s
    0ms > ok r1/a
    0ms dispatch r3/a#1 on t
    0ms rejected: 2 tasks of this priority wait to be sent, the most that the policy lets wait for a tenant: try again in 1s
    ");
}

#[test]
fn what_stands_too_long_lets_in_only_what_has_a_deadline() {
    assert_snapshot!(dialogue("
        policy stand=1s interval=3s
        targets t=1
        submit r1 a; b; c; d; e; f
        wait 4s
        ok r1/a
        submit r2 a
        wait 4s
        ok r1/b
        submit r3 a
        submit r4 a; run: deadline=60m
        submit r5 a; run: interactive
        drain 1ms
        submit r6 a
    "), @"
       0ms > policy stand=1s interval=3s
       0ms dispatch r1/a#1 on t
    4000ms > ok r1/a
    4000ms dispatch r1/b#1 on t
    8000ms > ok r1/b
    8000ms dispatch r1/c#1 on t
    8000ms rejected: tasks of this priority stood in the queue for 4s of late, more than the policy has it: try again in 16s, or name a `deadline`
    8001ms dispatch r5/a#1 on t
    8002ms dispatch r1/d#1 on t
    8002ms answer r5 succeeded
    8002ms close r5
    8003ms dispatch r1/e#1 on t
    8004ms dispatch r1/f#1 on t
    8005ms dispatch r2/a#1 on t
    8005ms answer r1 succeeded
    8005ms close r1
    8006ms dispatch r4/a#1 on t
    8006ms answer r2 succeeded
    8006ms close r2
    8007ms answer r4 succeeded
    8007ms close r4
    8007ms dispatch r6/a#1 on t
    ");
}

/// When a storm begins nothing has stood for long yet: what waits, over what goes at once, says how long that takes.
#[test]
fn who_is_refused_is_told_when_there_will_be_room() {
    let before: String = (101..=108).map(|run| format!("submit r{run} a\ndrain 10s\n")).collect();
    let told = dialogue(&format!(
        "policy waiting=4\ntargets t=2 u=1:expected=20s\n{before}
        submit r1 a; b; c; d; e; f; g; h; i; j; k; l; m; n
        submit r2 tenant=other a; run: interactive
        submit r3 a
        submit r4 x; run: background
        targets t=2:requests=3 u=1:expected=20s
        submit r5 a
        targets t=2:requests=3:tokens=60 u=1:expected=20s
        submit r6 a
    "
    ));
    let from = told.lines().position(|line| line.contains("dispatch r1/")).unwrap();
    assert_snapshot!(told.lines().skip(from).collect::<Vec<_>>().join("\n"), @"
    80000ms dispatch r1/a#1 on t
    80000ms dispatch r1/b#1 on t
    80000ms dispatch r1/c#1 on u
    80000ms rejected: 4 tasks of this priority wait to be sent, the most that the policy lets wait for a tenant: try again in 48s
    80000ms rejected: 4 tasks of this priority wait to be sent, the most that the policy lets wait for a tenant: try again in 4m 00s
    80000ms rejected: 4 tasks of this priority wait to be sent, the most that the policy lets wait for a tenant: try again in 4m 00s
    ");
}
