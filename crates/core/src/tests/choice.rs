//! What is told of the choice of an attempt: what it competed with, and which targets it was not sent to.

use insta::assert_snapshot;

use super::dialogue;

/// What is told of the attempts of these runs at the end.
fn told(scenario: &str, runs: &[&str]) -> String {
    let asked: Vec<_> = runs.iter().map(|run| format!("attempts {run}")).collect();
    let told = dialogue(&format!("{scenario}\n{}", asked.join("\n")));
    let from = told.lines().position(|line| line.contains("attempt of")).unwrap();
    told.lines().skip(from).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_went_first_and_who_waited_on() {
    assert_snapshot!(told(
        "
        targets t=1
        submit r1 w
        submit r2 a; run: deadline=20s
        submit r3 b; run: deadline=9s
        wait 1s
        ok w
        drain 1s
        restart
    ",
        &["r1", "r2", "r3"]
    ), @"
    3000ms   attempt of w: $0, 0 tokens
    3000ms   attempt of a: $0, 0 tokens
    3000ms     balanced slack 20s, 1 ahead, 0 behind
    3000ms   attempt of b: $0, 0 tokens
    3000ms     balanced slack 9s, 0 ahead, 1 behind
    ");
}

#[test]
fn why_a_target_was_passed_over() {
    assert_snapshot!(told(
        "
        policy dollar=0s crowd=0
        targets full=1:clearance=eu paused=1:clearance=eu paced=1:requests=1:clearance=eu blind=9 dear=1:call=90c:clearance=eu open=9:clearance=eu
        submit r1 labels=eu v reads=inputs; u reads=inputs; w reads=inputs; run: budget=10c degrade
        fail u rate_limited after 60s
        ok w
        submit r2 labels=eu a reads=inputs; run: budget=10c degrade
    ",
        &["r1", "r2"]
    ), @"
    0ms   attempt of v: $0, 0 tokens
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, blind uncleared, full 100ms, paused 100ms, paced 100ms, dear 100ms
    0ms   attempt of u: $0, 0 tokens: rate_limited: no luck
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, full full, blind uncleared, paused 100ms, paced 100ms, dear 100ms, open 100ms
    0ms   attempt of w: $0, 0 tokens
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, full full, paused full, blind uncleared, paced 100ms, dear 100ms, open 100ms
    0ms   attempt of a: $0, 0 tokens
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, full full, paused closed, paced paced, dear dear, blind uncleared, dear 100ms, open 100ms
    ");
}

/// Of eight attempts something is concluded.
#[test]
fn what_it_was_expected_to_take() {
    let before: String = (1..=8).map(|run| format!("submit r{run} a\ndrain 5s\n")).collect();
    assert_snapshot!(told(&format!("targets t=1\n{before}submit r9 a\ndrain 2s"), &["r8", "r9"]), @"
    42000ms   attempt of a: $0, 0 tokens
    42000ms   attempt of a: $0, 0 tokens
    42000ms     expected 5s
    ");
}

#[test]
fn how_a_task_that_waits_stands() {
    assert_snapshot!(dialogue("
        pools gpu=1
        targets near=1:expected=1s far=1:expected=5m dear=1:call=90c
        submit r1 v
        submit r2 a; b; run: budget=80c degrade
        queueing r2
        submit r3 x resources=gpu:1; y resources=gpu:1
        wait 6m
        queueing r2
        queueing r3
    "), @"
       0ms dispatch r1/v#1 on near
       0ms   a stands by gittins, 0 ahead, 1 beside, for near until 299000ms: near 1.2s full, far 5m 00s free, dear 18m 00s dear
       0ms   b stands by gittins, 0 ahead, 1 beside, for near until 299000ms: near 1.2s full, far 5m 00s free, dear 18m 00s dear
    299000ms woken: a task waits for its best target no longer
    299000ms dispatch r2/a#1 on far
    299000ms dispatch r3/x#1 on dear
    360000ms   b stands by gittins, 0 ahead, 0 beside: near 1.2s full, far 6m 00s full, dear 18m 00s full
    360000ms   y stands by gittins, 1 ahead, 0 beside, lacks 1 gpu: near 1.2s full, far 6m 00s full, dear 18m 00s full
    ");
}
