//! Which of the targets that are free an attempt goes to, and what is told of that.

use insta::assert_snapshot;

use super::dialogue;

/// Where the attempts went, and at the end what is told of those of the last run.
fn went(scenario: &str) -> String {
    let all = dialogue(scenario);
    let shown = |line: &&str| line.contains("dispatch") || line.contains("ahead,");
    all.lines().filter(shown).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_dollar_is_worth_more_time_the_less_urgent_it_is() {
    // A cent is worth 1.2 s to who is waited for, 12 s to others, 180 s to who can wait.
    assert_snapshot!(went("
        targets quick=9:call=1c:expected=1s slow=9:expected=10s
        submit r1 a; run: interactive
        submit r2 a
        submit r3 a; run: background
        attempts r1
        attempts r2
    "), @"
    0ms dispatch r1/a#1 on quick
    0ms dispatch r2/a#1 on slow
    0ms dispatch r3/a#1 on slow
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, quick 2.2s, slow 10s
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, slow 10s, quick 13s
    ");
}

#[test]
fn who_is_slower_than_usual_is_taken_less() {
    let pair = |round: usize| {
        let (one, other) = (2 * round, 2 * round + 1);
        format!("submit r{one} a\nsubmit r{other} a\nwait 1s\nok r{other}/a\nwait 9s\nok r{one}/a\n")
    };
    let pairs: String = (1..=60).map(pair).collect();
    let told = went(&format!("policy hedge=0\ntargets slow=1 quick=9\n{pairs}submit r200 a\nattempts r200"));
    assert_snapshot!(told.lines().rev().take(2).collect::<Vec<_>>().join("\n"), @"
    600000ms     balanced gittins 10m 00s, 0 ahead, 0 behind, quick 5.5s, slow 9.61s
    600000ms dispatch r200/a#1 on quick
    ");
}

#[test]
fn all_are_used_alike_and_the_last_resort_when_no_other_is_free() {
    assert_snapshot!(went("
        targets last=9:last one=2 two=4
        submit r1 a; b; c; d; e; f; g; h
    "), @"
    0ms dispatch r1/a#1 on one
    0ms dispatch r1/b#1 on two
    0ms dispatch r1/c#1 on two
    0ms dispatch r1/d#1 on one
    0ms dispatch r1/e#1 on two
    0ms dispatch r1/f#1 on two
    0ms dispatch r1/g#1 on last
    0ms dispatch r1/h#1 on last
    ");
}

#[test]
fn who_has_read_how_it_begins_goes_on() {
    assert_snapshot!(went("
        targets one=9:remembers=8192 two=9:remembers=8192
        say a input=8192
        say b input=8192
        say a begins=abc
        say b begins=xyz
        submit r1 a reads=inputs; b reads=inputs
        say b begins=xyzw
        submit r2 b reads=inputs
        say a begins=abq
        submit r3 a reads=inputs
        attempts r3
        restart
        say b begins=xyzwv
        submit r4 b reads=inputs
    "), @"
    0ms dispatch r1/a#1 on one
    0ms dispatch r1/b#1 on two
    0ms dispatch r2/b#1 on two
    0ms dispatch r3/a#1 on one
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, one 230ms, two 360ms
    0ms dispatch r1/a#2 on one
    0ms dispatch r1/b#2 on two
    0ms dispatch r2/b#2 on one
    0ms dispatch r3/a#2 on two
    0ms dispatch r4/b#1 on one
    ");
}

#[test]
fn where_the_graph_says_the_order_nothing_is_weighed() {
    assert_snapshot!(went("
        targets dear=1:call=9c cheap=1
        submit r1 a allow=dear,cheap; b allow=dear,cheap
        attempts r1
    "), @"
    0ms dispatch r1/a#1 on dear
    0ms dispatch r1/b#1 on cheap
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, dear full
    ");
}

#[test]
fn what_is_not_covered_is_not_taken_though_it_is_better() {
    assert_snapshot!(went("
        policy dollar=0s
        targets cheap=9:call=1c:expected=9s dear=9:call=5c:expected=1s
        submit r1 a; run: budget=2c
        attempts r1
    "), @"
    0ms dispatch r1/a#1 on cheap
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, dear dear, dear 1s, cheap 9s
    ");
}

#[test]
fn the_best_is_waited_for_as_long_as_that_is_worth() {
    // It has read all but a block: that saves 192 ms on it, and one that is under way takes 100.
    assert_snapshot!(went_at("
        targets one=1:remembers=81920 two=9:remembers=81920
        say a input=8192
        say a begins=abc
        submit r1 a reads=inputs
        submit r2 b
        say a begins=abcd
        submit r3 a reads=inputs
        wait 100ms
        ok r1/a
        submit r4 a reads=inputs
        wait 1s
        submit r5 a reads=inputs
        cancel r5
        submit r6 a reads=inputs
        restart
    "), @"
       0ms dispatch r1/a#1 on one
       0ms dispatch r2/b#1 on two
     100ms dispatch r3/a#1 on one
     356ms woken: a task waits for its best target no longer
     356ms dispatch r4/a#1 on two
    1100ms dispatch r5/a#1 on two
    1100ms dispatch r6/a#1 on two
    1100ms dispatch r2/b#2 on one
    1100ms dispatch r3/a#2 on two
    1100ms dispatch r4/a#2 on two
    1100ms dispatch r6/a#2 on two
    ");
}

/// The same with what wakes it.
fn went_at(scenario: &str) -> String {
    let all = dialogue(scenario);
    let shown = |line: &&str| line.contains("dispatch") || line.contains("woken");
    all.lines().filter(shown).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_target_on_which_the_deadline_would_pass_is_taken_last() {
    assert_snapshot!(went("
        targets slow=9:expected=1m quick=9:call=99c:expected=5s
        submit r1 a; run: background
        submit r2 a; run: background deadline=30s
        submit r3 a; run: background deadline=3s
        attempts r2
        attempts r3
    "), @"
    0ms dispatch r1/a#1 on slow
    0ms dispatch r2/a#1 on quick
    0ms dispatch r3/a#1 on slow
    0ms     balanced slack 30s, 0 ahead, 0 behind, slow late, quick 4h 57m, slow 1m 01s
    0ms     balanced slack 3s, 0 ahead, 0 behind, slow 1m 01s, quick 4h 57m
    ");
}

/// Whoever waits for the better target goes to another once that takes nothing for a while.
#[test]
fn nobody_waits_for_a_target_that_has_closed() {
    assert_snapshot!(dialogue("
        targets near=1:expected=1s far=1:expected=5m
        submit r1 v
        submit r2 a
        queueing r2
        fail v rate_limited after 600s
    "), @"
    0ms dispatch r1/v#1 on near
    0ms   a stands by gittins, 0 ahead, 0 beside, for near until 299000ms: near 1.2s full, far 5m 00s free
    0ms > fail v rate_limited after 600s
    0ms answer r1 failed rate_limited in v: no luck; again after 10m 00s
    0ms close r1
    0ms dispatch r2/a#1 on far
    ");
}

#[test]
fn what_is_warm_is_taken_while_it_is() {
    // One is quicker and has to be woken; what comes while it loads waits for that; ten seconds after the last it is cold again.
    assert_snapshot!(went_at("
        policy hedge=0
        targets one=9:expected=1s:cold=10s+3s two=9:expected=2s
        submit r1 a
        submit r2 b allow=one
        wait 1s
        submit r3 c
        wait 1500ms
        submit r4 d
        ok r2/b
        ok r4/d
        wait 9s
        submit r5 e
        ok r5/e
        wait 10s
        submit r6 f
    "), @"
       0ms dispatch r1/a#1 on two
       0ms dispatch r2/b#1 on one
    1000ms dispatch r3/c#1 on two
    2500ms dispatch r4/d#1 on one
    11500ms dispatch r5/e#1 on one
    21500ms dispatch r6/f#1 on two
    ");
}

#[test]
fn who_has_answered_has_loaded() {
    assert_snapshot!(went_at("
        policy hedge=0
        targets one=9:expected=1s:cold=10s+1m two=9:expected=2s
        submit r1 a allow=one
        submit r2 b
        wait 500ms
        ok r1/a
        submit r3 c
        checkpoint
        restart
        submit r4 d
    "), @"
      0ms dispatch r1/a#1 on one
      0ms dispatch r2/b#1 on two
    500ms dispatch r3/c#1 on one
    500ms dispatch r2/b#2 on one
    500ms dispatch r3/c#2 on one
    500ms dispatch r4/d#1 on one
    ");
}

#[test]
fn what_is_far_away_is_taken_for_what_is_small() {
    assert_snapshot!(went("
        targets near=9:expected=2s far=9:expected=1s:bytes_per_s=4096
        say a input=8192
        say b input=1024
        submit r1 a reads=inputs; b reads=inputs
        attempts r1
    "), @"
    0ms dispatch r1/a#1 on near
    0ms dispatch r1/b#1 on far
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, near 2s, far 3s
    0ms     balanced gittins 0µs, 0 ahead, 0 behind, far 1.25s, near 2.04s
    ");
}

#[test]
fn who_fails_often_is_taken_as_often_as_that_is_worth() {
    // All six so far have failed, of which one is chance: an attempt counts there as if it took 20/15 as long.
    let fails: String =
        (1..=6).map(|run| format!("submit r{run} a retry=0 allow=one\nfail r{run}/a unavailable\n")).collect();
    let scenario = |expected: &str, later: &str| {
        went(&format!(
            "policy hedge=0 failing_for=60m\ntargets one=9:expected=1s two=9:expected={expected}\n{fails}{later}submit r8 b\nattempts r8"
        ))
    };
    // Half a minute later nobody knows better than to try it.
    assert_snapshot!(scenario("1300ms", "wait 30s\n").lines().last().unwrap(), @"30000ms     balanced gittins 30s, 0 ahead, 0 behind, one 1s, two 1.3s");
    assert_snapshot!(scenario("1300ms", "").lines().last().unwrap(), @"   0ms     balanced gittins 0µs, 0 ahead, 0 behind, two 1.3s, one 1.33s");
    assert_snapshot!(scenario("1400ms", "").lines().last().unwrap(), @"   0ms     balanced gittins 0µs, 0 ahead, 0 behind, one 1.33s, two 1.4s");
}

#[test]
fn nobody_waits_for_a_target_that_is_still_broken() {
    // An attempt tries it for longer than its pause: who comes then waits for its place, and not when it has failed.
    let fails: String =
        (1..=5).map(|run| format!("submit r{run} a retry=0 allow=near\nfail r{run}/a unavailable\n")).collect();
    let told = dialogue(&format!(
        "policy hedge=0 failing_for=0s
        targets near=1:expected=1s far=1:expected=5m
        {fails}wait 1s
        submit r8 b retry=0 allow=near
        wait 3s
        submit r9 c
        queueing r9
        fail r8/b unavailable"
    ));
    let from = told.lines().position(|line| line.contains("dispatch r8/b")).unwrap();
    assert_snapshot!(told.lines().skip(from).collect::<Vec<_>>().join("\n"), @"
    1000ms dispatch r8/b#1 on near
    3000ms woken: a target that failed may be tried
    4000ms   c stands by gittins, 0 ahead, 0 beside, for near until 303000ms: near 1.2s full, far 5m 00s free
    4000ms > fail r8/b unavailable
    4000ms answer r8 failed unavailable in b: no luck
    4000ms close r8
    4000ms dispatch r9/c#1 on far
    ");
}
