//! Windows of a tenant's budget: what all its runs together may spend in an hour, a day, a month.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn a_window_is_shared_by_all_runs_and_waited_for_until_others_settle() {
    assert_snapshot!(dialogue("
        windows hour=150c
        targets t=4:token=1c:cap=100
        submit r1 a
        submit r2 b
        submit r3 c
        purse
        view r3
        ok a tokens=10
        ok b tokens=10
        ok c tokens=10
        purse
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms hour spent $0 held $1.00
    0ms day spent $0 held $1.00
    0ms month spent $0 held $1.00
    0ms r3 is queued, spent $0, held $0
    0ms   c waiting on budget
    0ms > ok a tokens=10
    0ms dispatch r2/b#1 on t cap=100
    0ms answer r1 succeeded spent $0.1000
    0ms close r1
    0ms > ok b tokens=10
    0ms dispatch r3/c#1 on t cap=100
    0ms answer r2 succeeded spent $0.1000
    0ms close r2
    0ms > ok c tokens=10
    0ms answer r3 succeeded spent $0.1000
    0ms close r3
    0ms hour spent $0.3000 held $0
    0ms day spent $0.3000 held $0
    0ms month spent $0.3000 held $0
    ");
}

#[test]
fn the_next_window_is_waited_for_and_the_clock_wakes_it() {
    assert_snapshot!(dialogue("
        windows hour=120c day=200c
        targets t=4:token=1c:cap=100
        submit r1 a
        ok a tokens=90
        submit r2 b
        view r2
        wait 60m
        ok b tokens=80
        purse
        submit r3 c
        wait 120m
        view r3
        wait 1440m
        ok c tokens=1
        view r3
    "), @"
       0ms dispatch r1/a#1 on t cap=100
       0ms > ok a tokens=90
       0ms answer r1 succeeded spent $0.9000
       0ms close r1
       0ms r2 is queued, spent $0, held $0
       0ms   b waiting on budget
    3600000ms woken: another window of the budget begins
    3600000ms dispatch r2/b#1 on t cap=100
    3600000ms > ok b tokens=80
    3600000ms answer r2 succeeded spent $0.8000
    3600000ms close r2
    3600000ms hour spent $0.8000 held $0
    3600000ms day spent $1.70 held $0
    3600000ms month spent $1.70 held $0
    10800000ms r3 is queued, spent $0, held $0
    10800000ms   c waiting on budget
    86400000ms woken: another window of the budget begins
    86400000ms dispatch r3/c#1 on t cap=100
    97200000ms > ok c tokens=1
    97200000ms answer r3 succeeded spent $0.0100
    97200000ms close r3
    97200000ms r3 is not live
    ");
}

#[test]
fn what_no_window_can_cover_fails_at_once() {
    assert_snapshot!(dialogue("
        windows hour=50c day=500c
        targets t=4:token=1c:call=60c:cap=100
        submit r1 a
    "), @"
    0ms answer r1 failed budget_exceeded in a: an attempt on t may cost up to $1.60; $0.5000 of the hour's budget is left ($0 spent, $0 held)
    0ms close r1
    ");
}

#[test]
fn windows_may_degrade_or_fail() {
    assert_snapshot!(dialogue("
        windows hour=150c degrade
        policy dollar=0s crowd=0
        targets dear=2:token=1c:cap=100:class=big cheap=2:class=big
        submit r1 a class=big
        submit r2 b class=big
        ok a tokens=100
        ok b
        windows hour=150c fail
        targets dear=2:token=1c:cap=100:class=big
        submit r3 c class=big
    "), @"
    0ms > policy dollar=0s crowd=0
    0ms dispatch r1/a#1 on dear cap=100
    0ms dispatch r2/b#1 on cheap
    0ms > ok a tokens=100
    0ms answer r1 succeeded spent $1.00
    0ms close r1
    0ms > ok b
    0ms answer r2 succeeded degraded
    0ms close r2
    0ms answer r3 failed budget_exceeded in c: an attempt on dear may cost up to $1.00; $0.5000 of the hour's budget is left ($1.00 spent, $0 held)
    0ms close r3
    ");
}

#[test]
fn the_least_purse_lowers_the_cap() {
    assert_snapshot!(dialogue("
        windows hour=170c day=300c
        targets t=4:token=1c:cap=100
        submit r1 a; b; run: budget=180c
        submit r2 c
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms dispatch r1/b#1 on t cap=70
    ");
}

#[test]
fn a_crash_forgets_nothing_that_closed_runs_have_spent() {
    assert_snapshot!(dialogue("
        windows hour=250c
        targets t=4:token=1c:cap=100
        submit r1 a
        ok a tokens=80
        submit r2 b
        purse
        restart
        purse
        view r2
        ok b tokens=10
        purse
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=80
    0ms answer r1 succeeded spent $0.8000
    0ms close r1
    0ms dispatch r2/b#1 on t cap=100
    0ms hour spent $0.8000 held $1.00
    0ms day spent $0.8000 held $1.00
    0ms month spent $0.8000 held $1.00
    0ms restart
    0ms dispatch r2/b#2 on t cap=70
    0ms hour spent $1.80 held $0.7000
    0ms day spent $1.80 held $0.7000
    0ms month spent $1.80 held $0.7000
    0ms r2 is running, spent $1.00, held $0.7000
    0ms   b running
    0ms > ok b tokens=10
    0ms answer r2 succeeded spent $1.10
    0ms close r2
    0ms hour spent $1.90 held $0
    0ms day spent $1.90 held $0
    0ms month spent $1.90 held $0
    ");
}

#[test]
fn what_a_bill_says_was_never_spent_is_there_for_those_that_wait() {
    assert_snapshot!(dialogue("
        windows hour=100c
        targets t=4:token=1c:cap=100
        submit r1 a
        restart
        submit r2 b
        purse
        billed 0c
        billed 80c
        purse
        ok a tokens=10
        restart
        purse
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms restart
    0ms hour spent $1.00 held $0
    0ms day spent $1.00 held $0
    0ms month spent $1.00 held $0
    0ms dispatch r1/a#2 on t cap=80
    0ms hour spent $0.2000 held $0.8000
    0ms day spent $0.2000 held $0.8000
    0ms month spent $0.2000 held $0.8000
    0ms > ok a tokens=10
    0ms dispatch r2/b#1 on t cap=70
    0ms answer r1 succeeded spent $1.10
    0ms close r1
    0ms restart
    0ms hour spent $1.00 held $0
    0ms day spent $1.00 held $0
    0ms month spent $1.00 held $0
    ");
}

#[test]
fn what_a_later_bill_charges_again_counts_as_spent_and_above_the_limit_nothing_is_sent() {
    assert_snapshot!(dialogue("
        windows hour=100c
        targets t=4:token=1c:cap=100
        submit r1 a
        restart
        submit r2 b
        billed 80c
        rebilled 80c
        purse
        ok a tokens=10
        purse
        billed 80c
        ok b tokens=10
        restart
        purse
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms restart
    0ms dispatch r1/a#2 on t cap=80
    0ms hour spent $1.00 held $0.8000
    0ms day spent $1.00 held $0.8000
    0ms month spent $1.00 held $0.8000
    0ms > ok a tokens=10
    0ms answer r1 succeeded spent $1.10
    0ms close r1
    0ms hour spent $1.10 held $0
    0ms day spent $1.10 held $0
    0ms month spent $1.10 held $0
    0ms dispatch r2/b#1 on t cap=70
    0ms > ok b tokens=10
    0ms answer r2 succeeded spent $0.1000
    0ms close r2
    0ms restart
    0ms hour spent $0.4000 held $0
    0ms day spent $0.4000 held $0
    0ms month spent $0.4000 held $0
    ");
}

#[test]
fn a_hold_counts_in_the_window_in_which_it_was_taken() {
    assert_snapshot!(dialogue("
        windows hour=100c
        targets t=4:token=1c:cap=100
        wait 59m
        submit r1 a
        wait 2m
        purse
        submit r2 b
        ok a tokens=50
        purse
        ok b tokens=5
        purse
    "), @"
    3540000ms dispatch r1/a#1 on t cap=100
    3660000ms hour spent $0 held $1.00
    3660000ms day spent $0 held $1.00
    3660000ms month spent $0 held $1.00
    3660000ms dispatch r2/b#1 on t cap=100
    3660000ms > ok a tokens=50
    3660000ms answer r1 succeeded spent $0.5000
    3660000ms close r1
    3660000ms hour spent $0 held $1.00
    3660000ms day spent $0.5000 held $1.00
    3660000ms month spent $0.5000 held $1.00
    3660000ms > ok b tokens=5
    3660000ms answer r2 succeeded spent $0.0500
    3660000ms close r2
    3660000ms hour spent $0.0500 held $0
    3660000ms day spent $0.5500 held $0
    3660000ms month spent $0.5500 held $0
    ");
}

#[test]
fn what_comes_after_the_answer_is_paid_by_the_windows_too() {
    assert_snapshot!(dialogue("
        windows hour=100c fail
        targets t=4:token=1c:cap=100
        submit r1 a; after: s
        ok a tokens=90
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=90
    0ms answer r1 succeeded spent $0.9000
    0ms close r1
    ");
}

#[test]
fn what_is_billed_above_the_hold_is_booked_and_said() {
    assert_snapshot!(dialogue("
        windows hour=150c fail
        targets t=4:token=1c:cap=100
        submit r1 a; b needs a
        ok a tokens=130
        purse
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=130
    0ms answer r1 failed spent $1.30 budget_exceeded in b: an attempt on t may cost up to $1.00; $0.2000 of the hour's budget is left ($1.30 spent, $0 held)
    0ms close r1
    0ms hour spent $1.30 held $0
    0ms day spent $1.30 held $0
    0ms month spent $1.30 held $0
    ");
}

/// Many attempts at once, none of which knows of the others: what is authorised stays below the limit, and in the end nothing is held.
#[test]
fn forty_at_once_stay_below_the_limit() {
    let tasks: Vec<String> = (0..40).map(|task| format!("t{task}")).collect();
    let mut scenario =
        format!("windows hour=1100c\ntargets t=40:token=1c:cap=100\nsubmit r1 {}\npurse\n", tasks.join("; "));
    for task in &tasks {
        scenario += &format!("ok {task} tokens=25\npurse\n");
    }
    let told = dialogue(&scenario);
    let hours = told.lines().filter_map(|line| line.split_once("hour spent ")).map(|(_, sums)| sums);
    let cents =
        |text: &str| text.trim_start_matches('$').parse::<f64>().map(|dollars| (dollars * 100.0).round() as u64);
    let mut sums = hours.map(|sums| {
        let (spent, held) = sums.split_once(" held ").unwrap();
        (cents(spent).unwrap(), cents(held).unwrap())
    });
    assert_eq!(sums.next(), Some((0, 1_100)), "eleven of them are out");
    let all: Vec<_> = sums.collect();
    assert_eq!(all.len(), 40);
    assert!(all.iter().all(|(spent, held)| spent + held <= 1_100), "{all:?}");
    assert_eq!(all.last(), Some(&(1_000, 0)));
    assert!(told.contains("answer r1 succeeded spent $10.00"), "{told}");
}

#[test]
fn a_declared_cost_is_no_reason_to_lower_the_cap_but_tokens_are() {
    assert_snapshot!(dialogue("
        windows hour=15c hour_tokens=80
        targets t=4:token=1c:cap=100:most=10c
        submit r1 a
        purse
        ok a tokens=5
        submit r2 b
    "), @"
    0ms dispatch r1/a#1 on t cap=78
    0ms hour spent $0 held $0.1000
    0ms day spent $0 held $0.1000
    0ms month spent $0 held $0.1000
    0ms > ok a tokens=5
    0ms answer r1 succeeded spent $0.0500
    0ms close r1
    0ms dispatch r2/b#1 on t cap=73
    ");
}

/// Whoever is tried again begins to wait anew: what was waited for is told in parts.
#[test]
fn a_bill_of_all_that_was_held_wakes_nobody_else() {
    assert_snapshot!(dialogue("
        windows hour=150c
        targets t=4:token=1c:cap=100
        submit r1 a
        submit r2 b
        wait 1s
        ok a tokens=100
        why r2
        records on
        wait 60m
    "), @"
       0ms dispatch r1/a#1 on t cap=100
    1000ms > ok a tokens=100
    1000ms answer r1 succeeded spent $1.00
    1000ms close r1
    1000ms why r2: 1s: budget 1s; critical b
    1000ms   b waiting (Window(Hour, Timestamp(3600000000))): budget 1s
    1000ms   never sent: b 1 waiting
    3600000ms woken: another window of the budget begins
    3600000ms record 8 b dispatched #1 waited [budget 1h 00m] hold $1.00
    3600000ms dispatch r2/b#1 on t cap=100
    ");
}
