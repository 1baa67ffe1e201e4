//! Where the attempt after one that failed goes, and who need not wait for it any longer.

use insta::assert_snapshot;

use super::dialogue;

/// What is sent, and what is told of it.
fn sent(scenario: &str) -> String {
    let told = dialogue(&format!("policy hedge=0 turned_away=0 crowd=0\n{scenario}"));
    let shown =
        |line: &&str| ["dispatch", "    balanced", "why", "backing", "Pauses"].iter().any(|word| line.contains(word));
    told.lines().filter(shown).collect::<Vec<_>>().join("\n")
}

#[test]
fn where_the_graph_lists_targets_the_next_is_asked() {
    assert_snapshot!(sent("
        targets a=9 b=9 c=9
        submit r1 x allow=a,b,c retry=4
        fail r1/x unavailable
        wait 10s
        fail r1/x unavailable
        wait 10s
        fail r1/x unavailable
        wait 10s
        attempts r1
    "), @"
       0ms dispatch r1/x#1 on a
     200ms dispatch r1/x#2 on b
    10400ms dispatch r1/x#3 on c
    20800ms dispatch r1/x#4 on a
    30000ms     balanced gittins 0µs, 0 ahead, 0 behind, a failed
    30000ms     balanced gittins 0µs, 0 ahead, 0 behind, a failed, b failed
    ");
}

#[test]
fn what_failed_there_counts_twice_and_the_last_goes_elsewhere() {
    assert_snapshot!(sent("
        targets quick=9:expected=1s slow=9:expected=5s
        submit r1 x retry=3
        fail r1/x unavailable
        wait 10s
        fail r1/x unavailable
        wait 10s
        attempts r1
        submit r2 y retry=3
        fail r2/y permanent
        submit r3 z retry=9
        fail r3/z invalid_output
        wait 10s
        submit r4 may_have_had_an_effect retry=2 effect=idempotent
        fail r4/may_have_had_an_effect timeout
        wait 10s
    "), @"
       0ms dispatch r1/x#1 on quick
     200ms dispatch r1/x#2 on quick
    10400ms dispatch r1/x#3 on slow
    20000ms     balanced gittins 0µs, 0 ahead, 0 behind, quick 1s, slow 5s
    20000ms     balanced gittins 0µs, 0 ahead, 0 behind, quick 2s, slow 5s
    20000ms     balanced gittins 0µs, 0 ahead, 0 behind, quick failed, slow 5s, quick 2.1s
    20000ms dispatch r2/y#1 on quick
    20000ms dispatch r3/z#1 on quick
    30000ms dispatch r4/may_have_had_an_effect#1 on quick
    30200ms dispatch r4/may_have_had_an_effect#2 on quick
    ");
}

#[test]
fn a_target_that_is_well_again_calls_those_that_waited_for_that() {
    let all = |what: &dyn Fn(u32) -> String| (1..=6).map(what).collect::<String>();
    let fail = all(&|run| format!("fail r{run}/x unavailable\n"));
    let submit = all(&|run| format!("submit r{run} x retry=2\n"));
    assert_snapshot!(sent(&format!("
        targets t=8
        {submit}{fail}
        view r6
        why r6
        why r1
        wait 1s
        submit r7 y allow=t
        wait 500ms
        ok r7/y
        wait 500ms
        ok r1/x
        ok r6/x
        why r6
        why r1
    ")), @"
       0ms dispatch r1/x#1 on t
       0ms dispatch r2/x#1 on t
       0ms dispatch r3/x#1 on t
       0ms dispatch r4/x#1 on t
       0ms dispatch r5/x#1 on t
       0ms dispatch r6/x#1 on t
       0ms   x backing_off on backoff
       0ms why r6: 0µs:; critical x
       0ms   x backing_off (Pauses(Timestamp(6000000), true)):
       0ms why r1: 0µs:; critical x
       0ms   x backing_off (Pauses(Timestamp(200000), false)):
     200ms dispatch r1/x#2 on t
     200ms dispatch r2/x#2 on t
     200ms dispatch r3/x#2 on t
     200ms dispatch r4/x#2 on t
    1000ms dispatch r7/y#1 on t
    1500ms dispatch r5/x#2 on t
    1500ms dispatch r6/x#2 on t
    2000ms why r6: 2s: backoff 1.5s running 500ms; critical x
    2000ms why r1: 2s: running 1.8s backoff 200ms; critical x
    ");
}

#[test]
fn who_never_comes_back_before_the_time_is_over_is_slow() {
    // Of a task that takes a second the first target hangs: what is cut off after thirty is told of it, and the next goes elsewhere.
    let learned: String = (1..=20).map(|run| format!("submit r{run} x within=30s\nwait 1s\nok r{run}/x\n")).collect();
    let told = sent(&format!(
        "
        targets hangs=8 well=8
        {learned}
        submit r21 x within=30s
        wait 30s
        fail r21/x cancelled
        submit r22 x within=30s
        attempts r22
    "
    ));
    assert_snapshot!(told.lines().rev().take(3).collect::<Vec<_>>().join("\n"), @"
    50000ms     balanced gittins 50s, 0 ahead, 0 behind, well 1s, hangs 1.55s
    50000ms dispatch r22/x#1 on well
    20000ms dispatch r21/x#1 on hangs
    ");
}

#[test]
fn the_last_try_waits_for_who_is_well_while_others_fail_for_all() {
    let all = |what: &dyn Fn(u32) -> String| (1..=5).map(what).collect::<String>();
    let fail = all(&|run| format!("fail r{run}/x unavailable\n"));
    let submit = all(&|run| format!("submit r{run} x retry=2 allow=dead,well\n"));
    // The one place of the other is taken: nobody spends the last try where all fail.
    assert_snapshot!(sent(&format!("
        targets dead=9 well=1
        submit r9 busy allow=well
        {submit}{fail}
        wait 1s
        queueing r1
        ok r9/busy
        ok r1/x
    ")), @"
       0ms dispatch r9/busy#1 on well
       0ms dispatch r1/x#1 on dead
       0ms dispatch r2/x#1 on dead
       0ms dispatch r3/x#1 on dead
       0ms dispatch r4/x#1 on dead
       0ms dispatch r5/x#1 on dead
    1000ms dispatch r1/x#2 on well
    1000ms dispatch r2/x#2 on well
    ");
}

#[test]
fn the_last_try_does_not_wait_for_where_it_failed() {
    assert_snapshot!(sent("
        targets one=1:expected=1s other=9:expected=9s
        submit r1 x retry=2
        fail r1/x unavailable
        submit r2 y allow=one
        wait 10s
    "), @"
      0ms dispatch r1/x#1 on one
      0ms dispatch r2/y#1 on one
    200ms dispatch r1/x#2 on other
    ");
}

#[test]
fn where_all_that_is_left_pays_for_the_first_of_the_list_that_is_asked_again() {
    let scenario = |choice: &str| {
        format!(
            "
        targets cheap=9:call=1c dear=9:call=50c
        submit r1 x allow=cheap,dear retry=3; run: budget=3c{choice}
        fail r1/x unavailable
        wait 10s
    "
        )
    };
    let told = ["", " ask", " degrade"].map(|choice| sent(&scenario(choice)));
    assert_snapshot!(told.join("\n--\n"), @"
       0ms dispatch r1/x#1 on cheap
     200ms dispatch r1/x#2 on cheap
    --
       0ms dispatch r1/x#1 on cheap
     200ms dispatch r1/x#2 on cheap
    --
       0ms dispatch r1/x#1 on cheap
     200ms dispatch r1/x#2 on cheap
    ");
}

#[test]
fn each_attempt_that_succeeds_calls_two_of_those_that_wait() {
    let all = |what: &dyn Fn(u32) -> String| (1..=9).map(what).collect::<String>();
    let fail = all(&|run| format!("fail r{run}/x unavailable\n"));
    let submit = all(&|run| format!("submit r{run} x retry=2\n"));
    // Four of them fail before it is known that all do, and are not at their last try then.
    assert_snapshot!(sent(&format!("
        targets t=9
        {submit}{fail}
        submit r10 y allow=t
        ok r10/y
        wait 1ms
        fail r5/x unavailable
        wait 50ms
        ok r6/x
    ")), @"
     0ms dispatch r1/x#1 on t
     0ms dispatch r2/x#1 on t
     0ms dispatch r3/x#1 on t
     0ms dispatch r4/x#1 on t
     0ms dispatch r5/x#1 on t
     0ms dispatch r6/x#1 on t
     0ms dispatch r7/x#1 on t
     0ms dispatch r8/x#1 on t
     0ms dispatch r9/x#1 on t
     0ms dispatch r10/y#1 on t
     0ms dispatch r5/x#2 on t
     0ms dispatch r6/x#2 on t
    51ms dispatch r7/x#2 on t
    51ms dispatch r8/x#2 on t
    ");
}
