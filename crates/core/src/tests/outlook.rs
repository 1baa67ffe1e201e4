//! Runs that would be late, by what attempts have taken: put behind the others, or given up.

use insta::assert_snapshot;

use super::{dialogue, sent, trace};

/// Runs of this script, one after the other, that take so long.
fn history(script: &str, spans: &[&str]) -> String {
    numbered(100, script, spans)
}

/// The same, numbered from there on.
fn numbered(first: usize, script: &str, spans: &[&str]) -> String {
    let of = |(number, span): (usize, &&str)| format!("submit r{} {script}\ndrain {span}\n", first + number);
    spans.iter().enumerate().map(of).collect()
}

/// The last lines of what was said and done, from this run on.
fn since(told: &str, run: &str) -> String {
    let lines: Vec<_> = told.lines().collect();
    let first = lines.iter().position(|line| line.contains(run)).unwrap();
    lines[first..].join("\n")
}

const A: &str = "a; run: deadline=6s";

#[test]
fn priors_never_fail_a_run() {
    for (expected, seen) in [("1m", 0), ("1m", 7), ("1s", 7)] {
        let history = history(A, &["5s"; 7][..seen]);
        let told =
            dialogue(&format!("targets t=1:expected={expected}\n{history}submit r1 w\nsubmit r2 {A}\nwait 4s\nok w"));
        assert!(told.contains("dispatch r2/a#1 on t"), "{expected}, {seen} seen: {told}");
    }
}

/// With eight samples of 5 seconds a run with 2 seconds left is not sent, and one with 6 is.
#[test]
fn a_run_that_cannot_make_it_is_given_up_before_it_is_sent() {
    let history = history(A, &["5s"; 8]);
    assert_snapshot!(since(&dialogue(&format!(
        "
        targets t=1
        {history}
        records on
        submit r1 w
        submit r2 {A}
        wait 4s
        submit r3 {A}
        ok w
    "
    )), "r1/w"), @r#"
    40000ms dispatch r1/w#1 on t
    40000ms record 44 RunSubmitted
    44000ms record 45 RunSubmitted
    44000ms > ok w
    44000ms record 46 w finished: Succeed
    44000ms record 47 a ended Hopeless: Fail(Failure { class: DeadlineExceeded, message: "no time is left to answer within the deadline: what is to be done takes 4.19s if it is quick, and 2s is left; it may be worth trying again in 10s", retry_after: Some(Duration(10000000)), no_effect: true, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    44000ms record 48 Answered
    44000ms record 49 Done
    44000ms record 50 a dispatched #1 waited [] hold $0
    44000ms answer r2 failed deadline_exceeded in a: no time is left to answer within the deadline: what is to be done takes 4.19s if it is quick, and 2s is left; it may be worth trying again in 10s; again after 10s
    44000ms close r2
    44000ms dispatch r3/a#1 on t
    44000ms record 51 Answered
    44000ms record 52 Done
    44000ms answer r1 succeeded
    44000ms close r1
    "#);
}

/// Of what is given up nothing more is seen. A minute and twice what is to be done after the last that was, runs go again, and show how it is now.
#[test]
fn what_was_seen_long_ago_gives_nobody_up() {
    let history = history(A, &["5s"; 8]);
    let goes = |wait: &str| {
        let scenario = format!("targets t=1\n{history}wait {wait}\nsubmit r1 w\nsubmit r2 {A}\nwait 4s\nok w");
        dialogue(&scenario).contains("dispatch r2/a#1 on t")
    };
    assert_eq!(["1s", "64s", "65s"].map(goes), [false, false, true]);
}

/// One goes, be it cut off; the others that come until a minute later are given up as before.
#[test]
fn one_is_asked_how_it_is_now() {
    let history = history(A, &["5s"; 8]);
    // With four of six seconds gone.
    let late = |from: u32| {
        let runs: String = (from + 1..from + 4).map(|run| format!("submit r{run} {A}\n")).collect();
        format!("submit r{from} w; x; y\n{runs}wait 4s\nok w\nok x\nok y\nwait 10s\n")
    };
    let (first, second, third) = (late(20), late(30), late(40));
    let told = dialogue(&format!("targets t=3\n{history}wait 75s\n{first}{second}wait 60s\n{third}"));
    let sent = told.lines().filter_map(|line| line.split_once("dispatch r")?.1.split_once("/a#"));
    let sent: Vec<&str> = sent.map(|(run, _)| run).skip(8).collect();
    assert_eq!(sent, ["21", "41"]);
}

/// The first after that which takes far less than the quickest did shows that all is other now: nobody is given up by what was before.
#[test]
fn who_is_well_again_is_found_out_by_one() {
    let history = history(A, &["5s"; 40]);
    let waits = "submit r1 w\nsubmit r2 a; run: deadline=6s\nwait 4s\nok w";
    let goes = |now: &str| {
        let told = dialogue(&format!("targets t=1\n{history}wait 70s\nsubmit r3 {A}\ndrain {now}\n{waits}"));
        told.contains("dispatch r2/a#1 on t")
    };
    assert_eq!(["5s", "3600ms", "3400ms"].map(goes), [false, false, true]);
}

/// Nothing is given up as long as it could not be sent anyway: the deadline itself comes first.
#[test]
fn what_cannot_be_sent_is_not_looked_at() {
    let history = history(A, &["5s"; 8]);
    assert_snapshot!(since(&dialogue(&format!(
        "
        targets t=1
        {history}
        submit r1 w
        submit r2 {A}
        wait 10s
    "
    )), "r1/w"), @"
    40000ms dispatch r1/w#1 on t
    46000ms woken: a run's deadline
    46000ms answer r2 failed deadline_exceeded: no answer within the deadline of 6s
    46000ms close r2
    ");
}

/// The time until all that waits for the target has gone: three runs, two at once.
#[test]
fn it_is_told_when_to_try_again() {
    let history = history(A, &["5s"; 8]);
    let told = dialogue(&format!(
        "
        targets t=2
        {history}
        submit r1 v; w
        submit r2 {A}
        submit r3 x; y; run: deadline=1m
        wait 4s
        ok v
    "
    ));
    assert_snapshot!(since(&told, "r1/v"), @"
    40000ms dispatch r1/v#1 on t
    40000ms dispatch r1/w#1 on t
    44000ms > ok v
    44000ms answer r2 failed deadline_exceeded in a: no time is left to answer within the deadline: what is to be done takes 4.19s if it is quick, and 2s is left; it may be worth trying again in 7.5s; again after 7.5s
    44000ms close r2
    44000ms dispatch r3/x#1 on t
    ");
}

#[test]
fn catch_may_still_take_a_rung() {
    for (rung, wanted) in [
        ("deadline_exceeded:output", "answer r2 succeeded degraded"),
        ("unavailable:output", "answer r2 failed deadline_exceeded in a: "),
        // Of another target nothing is known: it may be quicker.
        ("deadline_exceeded:s", "dispatch r2/a#1 on s"),
    ] {
        let script = format!("a catch={rung} class=t; run: deadline=6s");
        let history = history(&script, &["5s"; 8]);
        let told = dialogue(&format!(
            "
            targets t=1:class=t s=1:class=s
            {history}
            submit r1 w class=t
            submit r2 {script}
            wait 4s
            ok w
        "
        ));
        assert!(told.contains(wanted), "{rung}: {}", since(&told, "r1/w"));
    }
}

const MIXED: [&str; 8] = ["1s", "1s", "5s", "5s", "5s", "5s", "5s", "5s"];

/// A quarter of its attempts took a second and the others five: three seconds may do.
#[test]
fn a_risky_run_stands_behind_one_that_can_make_it_and_goes_when_nothing_else_waits() {
    let history = history(A, &MIXED);
    assert_snapshot!(since(&dialogue(&format!(
        "
        policy deadline=edf
        targets t=1
        {history}
        submit r1 w
        submit r2 {A}
        wait 3s
        submit r3 b; run: deadline=1m
        submit r4 c; run: deadline=1m
        ok w
        view r2
        wait 200ms
        ok b
        wait 200ms
        ok c
        wait 1s
        ok a
    "
    )), "r1/w"), @"
    32000ms dispatch r1/w#1 on t
    35000ms > ok w
    35000ms dispatch r3/b#1 on t
    35000ms answer r1 succeeded
    35000ms close r1
    35000ms r2 is queued, spent $0, held $0
    35000ms   a waiting on order
    35200ms > ok b
    35200ms dispatch r4/c#1 on t
    35200ms answer r3 succeeded
    35200ms close r3
    35400ms > ok c
    35400ms dispatch r2/a#1 on t
    35400ms answer r4 succeeded
    35400ms close r4
    36400ms > ok a
    36400ms answer r2 succeeded
    36400ms close r2
    ");
}

/// Of several that may be late those go first that take little.
#[test]
fn of_risky_runs_the_shorter_goes_first() {
    let (a, b) = ("a; run: deadline=6s", "b; run: deadline=6s");
    let quick = ["500ms", "500ms", "500ms", "4s", "4s", "4s", "4s", "500ms"];
    let history = history(a, &MIXED) + &numbered(200, b, &quick);
    let order = sent(&format!(
        "
        policy deadline=edf
        targets t=1
        {history}
        submit r1 w
        submit r2 {a}
        submit r3 {b}
        wait 3s
        submit r4 z
        ok w
        ok z
        wait 100ms
        ok b
    "
    ));
    assert!(order.ends_with(" w z b a"), "{order}");
}

/// It has cost something already: what it would take is not better spent on others.
#[test]
fn a_run_that_has_begun_is_not_put_behind() {
    let script = "a; b needs a; run: deadline=12s";
    let mut lines = String::new();
    for (number, span) in MIXED.iter().enumerate() {
        lines += &format!("submit r{} {script}\nwait 1s\nok a\nwait {span}\nok b\n", 100 + number);
    }
    let order = sent(&format!(
        "
        policy deadline=edf
        targets t=2
        {lines}
        submit r1 {script}
        submit r2 w
        wait 9s
        targets t=1
        submit r3 z; run: deadline=1m
        ok a
        ok w
    "
    ));
    assert!(order.ends_with(" a w b"), "{order}");
}

/// But one that cannot make it any more is given up all the same.
#[test]
fn a_run_that_has_begun_is_given_up() {
    let script = "a; b needs a; run: deadline=6s";
    let mut lines = String::new();
    for number in 0..8 {
        lines += &format!("submit r{} {script}\nwait 1s\nok a\nwait 4s\nok b\n", 100 + number);
    }
    assert_snapshot!(since(&dialogue(&format!(
        "
        targets t=1
        {lines}
        submit r1 {script}
        wait 3s
        ok a
    "
    )), "r1/a"), @"
    40000ms dispatch r1/a#1 on t
    41048ms woken: an attempt is slow
    41572ms woken: an attempt is slow
    42359ms woken: an attempt is slow
    43000ms > ok a
    43000ms answer r1 failed deadline_exceeded in b: no time is left to answer within the deadline: what is to be done takes 3.67s if it is quick, and 3s is left; it may be worth trying again in 4s; again after 4s
    43000ms close r1
    ");
}

/// What follows counts too: of 6 seconds 4 are left, and both take 5.
#[test]
fn all_that_follows_counts() {
    let script = "a; b needs a; run: deadline=6s";
    let mut lines = String::new();
    for number in 0..72 {
        lines += &format!("submit r{} {script}\nwait 2s\nok a\nwait 3s\nok b\n", 100 + number);
    }
    assert_snapshot!(since(&dialogue(&format!(
        "
        targets t=1
        {lines}
        submit r1 w
        submit r2 {script}
        wait 2500ms
        ok w
    "
    )), "r1/w"), @"
    360000ms dispatch r1/w#1 on t
    362500ms > ok w
    362500ms answer r2 failed deadline_exceeded in a: no time is left to answer within the deadline: what is to be done takes 3.93s if it is quick, and 3.5s is left; it may be worth trying again in 5s; again after 5s
    362500ms close r2
    362500ms answer r1 succeeded
    362500ms close r1
    ");
}

/// What comes after the answer is under no deadline.
#[test]
fn what_comes_after_the_answer_is_not_given_up() {
    let script = "a; after: b; run: deadline=6s";
    let mut lines = String::new();
    for number in 0..8 {
        lines += &format!("submit r{} {script}\nwait 1s\nok a\nwait 50s\nok b\n", 100 + number);
    }
    let order = sent(&format!("targets t=1\n{lines}submit r1 {script}\nwait 5s\nok a"));
    assert!(order.ends_with(" a b"), "{order}");
}

#[test]
fn after_a_restart_nothing_is_known_and_nothing_fails_for_that() {
    let history = history(A, &["5s"; 8]);
    assert_snapshot!(since(&dialogue(&format!(
        "
        targets t=1
        {history}
        submit r1 w
        submit r2 {A}
        wait 4s
        restart
        ok a
        ok w
    "
    )), "r1/w"), @"
    40000ms dispatch r1/w#1 on t
    44000ms restart
    44000ms dispatch r2/a#1 on t
    44000ms > ok a
    44000ms dispatch r1/w#2 on t
    44000ms answer r2 succeeded
    44000ms close r2
    44000ms > ok w
    44000ms answer r1 succeeded
    44000ms close r1
    ");
}

/// Where more has to be seen it stands where it stood before.
#[test]
fn another_policy_looks_at_it_again() {
    let history = history(A, &MIXED);
    let order = sent(&format!(
        "
        policy deadline=edf
        targets t=1
        {history}
        submit r1 w
        submit r2 {A}
        wait 3s
        submit r3 b; run: deadline=1m
        submit r4 c; run: deadline=1m
        ok w
        policy deadline=edf samples=9
        ok b
    "
    ));
    assert!(order.ends_with(" w b a"), "{order}");
}

/// One of ten seconds that is due first, and four of one second: each is in time alone, and all together are not.
#[test]
fn the_longest_makes_room_for_those_that_would_be_late_for_it() {
    let (long, short) = ("a; run: deadline=12s", "b; run: deadline=13s");
    let (of_long, of_short) = (history(long, &["10s"; 8]), numbered(200, short, &["1s"; 8]));
    let play = |look: u32| {
        let order = sent(&format!(
            "
            policy look={look}
            targets t=1
            {of_long}
            {of_short}
            submit r1 w
            submit r2 {long}
            submit r3 {short}
            submit r4 {short}
            submit r5 {short}
            submit r6 {short}
            ok w
            drain 1s
        "
        ));
        order.rsplit_once(" w ").unwrap().1.to_owned()
    };
    assert_eq!(play(0), "a b b b b");
    // What is left for the long one by then is not enough for it.
    assert_eq!(play(32), "b b b b");
}

/// Ten runs of four calls, of which two wait for nothing, come at once, and time is left for five: who would be late for one of its tasks begins with none.
#[test]
fn a_run_that_may_be_late_stands_behind_with_all_its_tasks() {
    let diamond = "a; c; b needs a; d needs b,c; run: deadline=20s";
    let history = history(diamond, &["1s"; 8]);
    let comes: String = (1..=10).map(|run| format!("submit r{run} {diamond}\n")).collect();
    let told = trace(&format!("targets t=1\n{history}{comes}drain 1s\n"));
    let told = since(&told, "r1/");
    let is_begun = |run: &usize| told.contains(&format!("dispatch r{run}/"));
    let is_answered = |run: &usize| told.contains(&format!("answer r{run} succeeded"));
    let begun: Vec<usize> = (1..=10).filter(is_begun).collect();
    let answered: Vec<usize> = (1..=10).filter(is_answered).collect();
    assert!(answered.len() >= 4 && begun.len() <= answered.len() + 1, "{begun:?} were begun, {answered:?} answered");
}
