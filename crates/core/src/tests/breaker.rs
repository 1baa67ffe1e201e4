//! Targets that are left alone because they fail.

use insta::assert_snapshot;

use super::dialogue;

/// Five attempts fail on `t`: it breaks. Told is what comes after that.
fn broken(targets: &str, scenario: &str) -> String {
    let classes = ["unavailable", "overloaded", "timeout", "unavailable", "unavailable"];
    let sent: String = (101..=105).map(|run| format!("submit r{run} a allow=t\n")).collect();
    let failing: String = (101..).zip(classes).map(|(run, class)| format!("fail r{run}/a {class}\n")).collect();
    let rules = "policy hedge=0 failing_for=0s turned_away=0 pause=1s pause_max=3s";
    let told = dialogue(&format!("{rules}\ntargets {targets}\n{sent}wait 1s\n{failing}{scenario}"));
    let from = told.lines().position(|line| line.contains("close r105")).unwrap();
    told.lines().skip(from + 1).collect::<Vec<_>>().join("\n")
}

/// The last lines of what is told of runs of one task each, which end so.
fn after(ends: &[&str], scenario: &str) -> String {
    let of = |(run, class): (usize, &&str)| {
        let end = if class.is_empty() { format!("ok r{run}/a") } else { format!("fail r{run}/a {class}") };
        format!("submit r{run} a\n{end}\n")
    };
    let runs: String = ends.iter().enumerate().map(of).collect();
    let told = dialogue(&format!("policy hedge=0 failing_for=0s turned_away=0\n{runs}{scenario}"));
    told.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn who_fails_is_left_alone_and_then_tried_with_one() {
    assert_snapshot!(broken("t=8", "
        view targets
        submit r2 x; y; z
        view r2
        wait 1s
        fail x overloaded
        view targets
        submit r3 x; y; z
        wait 1900ms
        wait 100ms
        ok r3/x
        ok r3/y
        ok r3/z
        view targets
        why r3
    "), @"
    1000ms targets: t 0/8 broken until 2000ms
    1000ms r2 is queued, spent $0, held $0
    1000ms   x waiting on backoff
    1000ms   y waiting on backoff
    1000ms   z waiting on backoff
    2000ms woken: a target that failed may be tried
    2000ms dispatch r2/x#1 on t
    2000ms > fail x overloaded
    2000ms answer r2 failed overloaded in x: no luck
    2000ms close r2
    2000ms targets: t 0/8 broken until 4000ms
    4000ms woken: a target that failed may be tried
    4000ms dispatch r3/x#1 on t
    4000ms > ok r3/x
    4000ms dispatch r3/y#1 on t
    4000ms dispatch r3/z#1 on t
    4000ms > ok r3/y
    4000ms > ok r3/z
    4000ms answer r3 succeeded
    4000ms close r3
    4000ms targets: t 0/8
    4000ms why r3: 2s: backoff 2s; critical z
    4000ms   x succeeded: backoff 2s
    4000ms   y succeeded: backoff 2s
    4000ms   z succeeded: backoff 2s
    ");
}

#[test]
fn its_tasks_go_elsewhere() {
    assert_snapshot!(broken("t=8 u=1", "
        submit r2 x
        attempts r2
        submit r3 y
        view r3
        wait 1s
        submit r4 z
        view r4
    "), @"
    1000ms dispatch r2/x#1 on u
    1000ms   attempt of x: $0, 0 tokens
    1000ms     balanced gittins 1s, 0 ahead, 0 behind, t broken
    1000ms r3 is queued, spent $0, held $0
    1000ms   y waiting on limit
    2000ms woken: a target that failed may be tried
    2000ms dispatch r3/y#1 on t
    2000ms r4 is queued, spent $0, held $0
    2000ms   z waiting on limit
    ");
}

#[test]
fn only_what_is_the_fault_of_the_target_breaks_it() {
    let others = ["permanent", "permission_denied", "cancelled", "rate_limited after 0s", "uncertain"];
    let answers = ["content_blocked", "invalid_output", ""];
    assert_snapshot!(after(&others.repeat(6), "view targets"), @"   0ms targets: t 0/8");
    assert_snapshot!(after(&["timeout"; 5], "view targets"), @"   0ms targets: t 0/8 broken until 1000ms");
    // What says nothing is not counted, what has answered is.
    assert_snapshot!(after(&[&["timeout"; 4][..], &others.repeat(6), &["timeout"]].concat(), "view targets"), @"   0ms targets: t 0/8 broken until 1000ms");
    assert_snapshot!(after(&[&["timeout"; 4][..], &answers.repeat(2), &["timeout"]].concat(), "view targets"), @"   0ms targets: t 0/8");
}

#[test]
fn half_of_the_latest_twenty_break_it() {
    let quarter = [&["", "", "", "timeout"][..]; 5].concat();
    assert_snapshot!(after(&quarter, "view targets"), @"   0ms targets: t 0/8");
    // Of the twenty before five failed: with five more in a row, which take the place of four good ones, it is nine, and with six ten.
    assert_snapshot!(after(&[&quarter[..], &["timeout"; 5]].concat(), "view targets"), @"   0ms targets: t 0/8");
    assert_snapshot!(after(&[&quarter[..], &["timeout"; 6]].concat(), "view targets"), @"   0ms targets: t 0/8 broken until 1000ms");
}

#[test]
fn a_try_that_says_nothing_leaves_it_to_the_next() {
    assert_snapshot!(broken("t=8", "
        submit r2 x
        submit r3 y
        wait 1s
        fail x permanent
        view targets
        ok y
        view targets
    "), @"
    2000ms woken: a target that failed may be tried
    2000ms dispatch r2/x#1 on t
    2000ms > fail x permanent
    2000ms answer r2 failed permanent in x: no luck
    2000ms close r2
    2000ms dispatch r3/y#1 on t
    2000ms targets: t 1/8 broken until 5000ms
    2000ms > ok y
    2000ms answer r3 succeeded
    2000ms close r3
    2000ms targets: t 0/8
    ");
}

#[test]
fn one_that_hangs_keeps_nobody_from_trying_it() {
    assert_snapshot!(broken("t=8", "
        submit r2 x
        submit r3 y
        submit r4 z
        wait 1s
        wait 1999ms
        wait 1ms
        view targets
        fail y timeout
        view targets
        fail x timeout
        wait 3s
        ok z
        view targets
    "), @"
    2000ms woken: a target that failed may be tried
    2000ms dispatch r2/x#1 on t
    4000ms woken: a target that failed may be tried
    4000ms dispatch r3/y#1 on t
    4000ms targets: t 2/8 broken until 7000ms
    4000ms > fail y timeout
    4000ms answer r3 failed timeout in y: no luck
    4000ms close r3
    4000ms targets: t 1/8 broken until 7000ms
    4000ms > fail x timeout
    4000ms answer r2 failed timeout in x: no luck
    4000ms close r2
    7000ms woken: a target that failed may be tried
    7000ms dispatch r4/z#1 on t
    7000ms > ok z
    7000ms answer r4 succeeded
    7000ms close r4
    7000ms targets: t 0/8
    ");
}

#[test]
fn what_was_sent_before_it_broke_counts_no_more() {
    let sent: String = (1..=12).map(|run| format!("submit r{run} a\n")).collect();
    let failing = |runs: std::ops::RangeInclusive<u32>| -> String {
        runs.map(|run| format!("fail r{run}/a unavailable\n")).collect()
    };
    let told = dialogue(&format!(
        "policy hedge=0 failing_for=0s turned_away=0 pause=1s\ntargets t=20\n{sent}{}view targets\nok r6/a\nfail r7/a timeout\nview targets
        submit r20 x\nwait 1s\nok x\nview targets\n{}view targets",
        failing(1..=5),
        failing(8..=12)
    ));
    let shown: Vec<_> = told.lines().filter(|line| line.contains("targets:")).collect();
    assert_snapshot!(shown.join("\n"), @"
       0ms targets: t 7/20 broken until 1000ms
       0ms targets: t 5/20 broken until 1000ms
    1000ms targets: t 5/20
    1000ms targets: t 0/20
    ");
}

#[test]
fn other_rules_call_it_again() {
    assert_snapshot!(broken("t=8", "
        submit r2 x; y
        policy hedge=0 failures=0
        view targets
    "), @"
    1000ms > policy hedge=0 failures=0
    1000ms dispatch r2/x#1 on t
    1000ms dispatch r2/y#1 on t
    1000ms targets: t 2/8
    ");
}

#[test]
fn a_life_begins_with_targets_that_are_whole() {
    assert_snapshot!(broken("t=8", "
        submit r2 x
        restart
        view targets
    "), @"
    1000ms restart
    1000ms dispatch r2/x#1 on t
    1000ms targets: t 1/8
    ");
}

#[test]
fn what_does_part_of_its_work_is_not_left_alone() {
    let run = |number: u32, end: &str| {
        format!("submit r{number} a\n{end} r{number}/a{}\n", if end == "fail" { " unavailable" } else { "" })
    };
    let failing = |from: u32| -> String { (from..from + 9).map(|number| run(number, "fail")).collect() };
    let told = dialogue(&format!(
        "policy hedge=0 turned_away=0\n{}wait 4s\n{}wait 4s\n{}view targets\nwait 1s\n{}view targets",
        failing(1),
        run(10, "ok"),
        failing(11),
        run(20, "fail"),
    ));
    let later = dialogue(&format!(
        "policy hedge=0 turned_away=0\n{}view targets\nwait 5s\n{}view targets",
        failing(1),
        run(10, "fail")
    ));
    let shown = |told: &str| told.lines().filter(|line| line.contains("targets:")).collect::<Vec<_>>().join("\n");
    assert_snapshot!([shown(&told), shown(&later)].join("\n"), @"
    8000ms targets: t 0/8
    9000ms targets: t 0/8
       0ms targets: t 0/8
    5000ms targets: t 0/8 broken until 6000ms
    ");
}

#[test]
fn where_a_target_fails_for_all_the_last_try_is_not_spent_before_it_would_break() {
    // Each of six has three tries, and the target fails for two seconds.
    let all = |what: &dyn Fn(u32) -> String| (1..=6).map(what).collect::<String>();
    let fail = all(&|run| format!("fail r{run}/a unavailable\n"));
    let submit = all(&|run| format!("submit r{run} a retry=3 jitter\n"));
    let told = dialogue(&format!(
        "policy hedge=0 turned_away=0\ntargets t=8\n{submit}wait 10ms\n{fail}wait 2s\n{fail}wait 7s\n"
    ));
    let sent = told.lines().filter(|line| line.contains("dispatch"));
    assert_snapshot!(sent.collect::<Vec<_>>().join("\n"), @"
       0ms dispatch r1/a#1 on t
       0ms dispatch r2/a#1 on t
       0ms dispatch r3/a#1 on t
       0ms dispatch r4/a#1 on t
       0ms dispatch r5/a#1 on t
       0ms dispatch r6/a#1 on t
      13ms dispatch r2/a#2 on t
      59ms dispatch r6/a#2 on t
      87ms dispatch r1/a#2 on t
     100ms dispatch r5/a#2 on t
     126ms dispatch r4/a#2 on t
     190ms dispatch r3/a#2 on t
    5336ms dispatch r6/a#3 on t
    5338ms dispatch r1/a#3 on t
    5423ms dispatch r2/a#3 on t
    5558ms dispatch r5/a#3 on t
    5881ms dispatch r4/a#3 on t
    5969ms dispatch r3/a#3 on t
    ");
    // Where its time is over by then, a third of what is left is waited for.
    let submit = all(&|run| format!("submit r{run} a retry=2 within=4s\n"));
    let told = dialogue(&format!("policy hedge=0 turned_away=0\ntargets t=8\n{submit}wait 10ms\n{fail}wait 3s\n"));
    let sent = told.lines().filter(|line| line.contains("dispatch r6"));
    assert_snapshot!(sent.collect::<Vec<_>>().join("\n"), @"
       0ms dispatch r6/a#1 on t
    1340ms dispatch r6/a#2 on t
    ");
}
