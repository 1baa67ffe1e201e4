//! Targets that turn some away get as many attempts at once as they held.

use insta::assert_snapshot;

use super::dialogue;

/// Three attempts are out for 15 seconds on a target that says it takes 20, five more end so a moment after they have come. Told is what comes after that.
fn crowded(policy: &str, end: &str, took: &str, scenario: &str) -> String {
    let held: String = (1..=3).map(|run| format!("submit r{run} a\n")).collect();
    let more: String = (4..=8).map(|run| format!("submit r{run} a retry=9\n")).collect();
    let ends: String =
        (4..=8).map(|run| format!("{end} r{run}/a{}\n", if end == "ok" { "" } else { " unavailable" })).collect();
    let told = dialogue(&format!(
        "policy hedge=0 {policy}\ntargets t=20:expected=10s u=1:expected=1m\n{held}wait 15s\n{more}wait {took}\n{ends}view targets\n{scenario}"
    ));
    let from = told.lines().position(|line| line.contains("targets:")).unwrap();
    told.lines().skip(from).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_turned_away_waits_in_the_queue() {
    assert_snapshot!(crowded("", "fail", "10ms", "
        wait 200ms
        view targets
        view r8
        queueing r8
        ok r1/a
        submit r9 x allow=t,u
        attempts r9
        why r8
    "), @"
    15010ms targets: t 3/20 learned 5, u 0/1
    15210ms woken: a task may start
    15210ms dispatch r4/a#2 on t
    15210ms dispatch r5/a#2 on t
    15210ms dispatch r6/a#2 on u
    15210ms targets: t 5/20 learned 5, u 1/1
    15210ms r8 is running, spent $0, held $0
    15210ms   a waiting on order
    15210ms   a stands by gittins, 3 ahead, 1 beside: t 27s limited, u 1m 12s full
    15210ms > ok r1/a
    15210ms dispatch r7/a#2 on t
    15210ms answer r1 succeeded
    15210ms close r1
    15210ms why r8: 210ms: backoff 200ms running 10ms; critical a
    15210ms   a waiting: running 10ms backoff 200ms
    ");
}

#[test]
fn its_pause_does_not_grow() {
    assert_snapshot!(crowded("", "fail", "10ms", "
        wait 200ms
        fail r5/a unavailable
        wait 199ms
        view r5
        wait 1ms
        view r5
    "), @"
    15010ms targets: t 3/20 learned 5, u 0/1
    15210ms woken: a task may start
    15210ms dispatch r4/a#2 on t
    15210ms dispatch r5/a#2 on t
    15210ms dispatch r6/a#2 on u
    15210ms > fail r5/a unavailable
    15210ms dispatch r7/a#2 on t
    15409ms r5 is running, spent $0, held $0
    15409ms   a backing_off on backoff
    15410ms woken: a task may start
    15410ms r5 is running, spent $0, held $0
    15410ms   a waiting on limit
    ");
}

#[test]
fn who_is_well_again_gets_what_it_takes() {
    assert_snapshot!(crowded("", "fail", "10ms", "
        ok r1/a
        view targets
        wait 10s
        ok r4/a
        view targets
        wait 5s
        ok r5/a
        view targets
        wait 10s
        ok r6/a
        view targets
    "), @"
    15010ms targets: t 3/20 learned 5, u 0/1
    15010ms > ok r1/a
    15010ms answer r1 succeeded
    15010ms close r1
    15010ms targets: t 2/20 learned 5, u 0/1
    15210ms woken: a task may start
    15210ms dispatch r4/a#2 on t
    15210ms dispatch r5/a#2 on t
    15210ms dispatch r6/a#2 on t
    15210ms dispatch r7/a#2 on u
    25010ms > ok r4/a
    25010ms dispatch r8/a#2 on t
    25010ms answer r4 succeeded
    25010ms close r4
    25010ms targets: t 5/20 learned 7, u 1/1
    30010ms > ok r5/a
    30010ms answer r5 succeeded
    30010ms close r5
    30010ms targets: t 4/20 learned 7, u 1/1
    34000ms woken: a target has turned none away for some time
    40010ms > ok r6/a
    40010ms answer r6 succeeded
    40010ms close r6
    40010ms targets: t 3/20, u 1/1
    ");
}

#[test]
fn only_those_that_fail_at_once_are_turned_away() {
    let limited = |policy: &str, end: &str, took: &str| crowded(policy, end, took, "");
    // A quarter of what an answer takes.
    assert_snapshot!(limited("", "fail", "2499ms"), @"17499ms targets: t 3/20 learned 5, u 0/1");
    assert_snapshot!(limited("", "fail", "2500ms"), @"17500ms targets: t 3/20, u 0/1");
    assert_snapshot!(limited("", "ok", "10ms"), @"15010ms targets: t 3/20, u 0/1");
    assert_snapshot!(limited("turned_away=0", "fail", "10ms"), @"15010ms targets: t 3/20, u 0/1");
}

#[test]
fn few_of_many_are_no_reason() {
    let answered: String = (11..=29).map(|run| format!("submit r{run} a\nok r{run}/a\n")).collect();
    let told = |policy: &str| {
        let told = crowded(policy, "fail", "10ms", &format!("{answered}view targets"));
        told.lines().last().unwrap_or_default().to_owned()
    };
    // 5 of 24.
    assert_snapshot!(told("turned_away=20"), @"15010ms targets: t 3/20 learned 5, u 0/1");
    assert_snapshot!(told("turned_away=21"), @"15010ms targets: t 3/20, u 0/1");
}

#[test]
fn other_rules_lift_it() {
    assert_snapshot!(crowded("", "fail", "10ms", "
        wait 200ms
        policy hedge=0 turned_away=0
        view targets
    "), @"
    15010ms targets: t 3/20 learned 5, u 0/1
    15210ms woken: a task may start
    15210ms dispatch r4/a#2 on t
    15210ms dispatch r5/a#2 on t
    15210ms dispatch r6/a#2 on u
    15210ms > policy hedge=0 turned_away=0
    15210ms dispatch r7/a#2 on t
    15210ms dispatch r8/a#2 on t
    15210ms targets: t 7/20, u 1/1
    ");
}

/// Nothing ends for long: what was turned away is forgotten by then, and whoever waits is sent.
#[test]
fn time_lifts_it_where_nothing_ends() {
    assert_snapshot!(crowded("", "fail", "10ms", "
        wait 18s
        view targets
        wait 2s
        view targets
    "), @"
    15010ms targets: t 3/20 learned 5, u 0/1
    15210ms woken: a task may start
    15210ms dispatch r4/a#2 on t
    15210ms dispatch r5/a#2 on t
    15210ms dispatch r6/a#2 on u
    33010ms targets: t 5/20 learned 5, u 1/1
    34000ms woken: a target has turned none away for some time
    34000ms dispatch r7/a#2 on t
    34000ms dispatch r8/a#2 on t
    35010ms targets: t 7/20, u 1/1
    ");
}

/// It is full as it is: what may give way makes room where a learned limit keeps others from going.
#[test]
fn who_has_to_be_sent_finds_a_place_that_a_learned_limit_denies() {
    let slow: String =
        (101..=110).map(|run| format!("submit r{run} a retry=9; run: background\ndrain 10s\n")).collect();
    let quick: String =
        (201..=210).map(|run| format!("submit r{run} b; run: interactive deadline=5s\ndrain 1s\n")).collect();
    let held: String = (1..=8).map(|run| format!("submit r{run} a retry=9; run: background\n")).collect();
    let ends: String = (4..=8).map(|run| format!("fail r{run}/a unavailable\n")).collect();
    let told = dialogue(&format!(
        "policy hedge=0 preempt=90:1:100\ntargets t=9\n{slow}{quick}{held}wait 1s\n{ends}view targets
        wait 1s
        submit r9 b; run: interactive deadline=5s
        wait 4s
        fail r3/a!1 cancelled
        view targets"
    ));
    let from = told.lines().position(|line| line.contains("targets:")).unwrap();
    assert_snapshot!(told.lines().skip(from).collect::<Vec<_>>().join("\n"), @"
    111000ms targets: t 3/9 learned 3
    111200ms woken: a task may start
    115750ms woken: a task has to be sent to be in time
    115750ms stop r3/a#1
    116000ms > fail r3/a!1 cancelled
    116000ms dispatch r9/b#1 on t
    116000ms targets: t 3/9 learned 3
    ");
}

/// One that turns all away has no room to be found: pauses grow as ever.
#[test]
fn who_turns_all_away_is_not_limited() {
    let all: String = (1..=6).map(|run| format!("submit r{run} a retry=9\n")).collect();
    let fail: String = (1..=6).map(|run| format!("fail r{run}/a unavailable\n")).collect();
    assert_snapshot!(dialogue(&format!("policy hedge=0\ntargets t=20:expected=10s\n{all}wait 10ms\n{fail}view targets\nwait 1s")), @"
      0ms > policy hedge=0
      0ms dispatch r1/a#1 on t
      0ms dispatch r2/a#1 on t
      0ms dispatch r3/a#1 on t
      0ms dispatch r4/a#1 on t
      0ms dispatch r5/a#1 on t
      0ms dispatch r6/a#1 on t
     10ms > fail r1/a unavailable
     10ms > fail r2/a unavailable
     10ms > fail r3/a unavailable
     10ms > fail r4/a unavailable
     10ms > fail r5/a unavailable
     10ms > fail r6/a unavailable
     10ms targets: t 0/20
    210ms woken: a task may start
    210ms dispatch r1/a#2 on t
    210ms dispatch r2/a#2 on t
    210ms dispatch r3/a#2 on t
    210ms dispatch r4/a#2 on t
    210ms dispatch r5/a#2 on t
    210ms dispatch r6/a#2 on t
    ");
}
