//! Budgets: holds, settlement, what happens at the limit.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn an_attempt_holds_its_worst_case_and_settles_what_it_cost() {
    assert_snapshot!(dialogue("
        targets t=1:token=1c:cap=100
        submit r1 a; run: budget=500c
        view r1
        ok a tokens=3
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms r1 is running, spent $0, held $1.00
    0ms   a running
    0ms > ok a tokens=3
    0ms answer r1 succeeded spent $0.0300
    0ms close r1
    ");
}

#[test]
fn the_cap_is_lowered_to_what_is_left() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; b; run: budget=170c
        ok a tokens=5
        ok b tokens=5
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms dispatch r1/b#1 on t cap=70
    0ms > ok a tokens=5
    0ms > ok b tokens=5
    0ms answer r1 succeeded spent $0.1000
    0ms close r1
    ");
}

#[test]
fn below_the_least_cap_it_fails() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; b; run: budget=110c fail
        fail a cancelled
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms stop r1/a#1
    0ms answer r1 failed budget_exceeded in b: an attempt on t may cost up to $1.00; $0.1000 of the budget is left ($0 spent, $1.00 held)
    0ms > fail a cancelled
    0ms close r1
    ");
}

#[test]
fn it_may_wait_until_others_have_settled() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; b; run: budget=110c wait
        view r1
        ok a tokens=5
        ok b tokens=5
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms r1 is running, spent $0, held $1.00
    0ms   a running
    0ms   b waiting on budget
    0ms > ok a tokens=5
    0ms dispatch r1/b#1 on t cap=100
    0ms > ok b tokens=5
    0ms answer r1 succeeded spent $0.1000
    0ms close r1
    ");
}

#[test]
fn waiting_for_money_that_will_not_come_fails() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; b needs a; run: budget=110c wait
        ok a tokens=90
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=90
    0ms answer r1 failed spent $0.9000 budget_exceeded in b: an attempt on t may cost up to $1.00; $0.2000 of the budget is left ($0.9000 spent, $0 held)
    0ms close r1
    ");
}

#[test]
fn it_may_take_a_cheaper_target() {
    assert_snapshot!(dialogue("
        policy dollar=0s crowd=0
        targets dear=2:token=1c:cap=100 cheap=2
        submit r1 a; b; run: budget=110c degrade
        ok a tokens=1
        ok b
    "), @"
    0ms > policy dollar=0s crowd=0
    0ms dispatch r1/a#1 on dear cap=100
    0ms dispatch r1/b#1 on cheap
    0ms > ok a tokens=1
    0ms > ok b
    0ms answer r1 succeeded degraded spent $0.0100
    0ms close r1
    ");
}

#[test]
fn the_best_that_is_covered_is_taken() {
    let of = |budget: &str| {
        dialogue(&format!(
            "
            targets dear=2:call=50c:expected=1s middle=2:call=20c:expected=1m cheap=3:call=1c:expected=9m
            submit r1 a; b; c; run: interactive budget={budget}
            ok a
            ok b
            ok c
        "
        ))
    };
    assert_snapshot!(of("72c"), @"
    0ms dispatch r1/a#1 on dear
    0ms dispatch r1/b#1 on middle
    0ms dispatch r1/c#1 on cheap
    0ms > ok a
    0ms > ok b
    0ms > ok c
    0ms answer r1 succeeded degraded spent $0.7100
    0ms close r1
    ");
    assert_snapshot!(of("19c fail"), @"
    0ms dispatch r1/a#1 on cheap
    0ms dispatch r1/b#1 on cheap
    0ms dispatch r1/c#1 on cheap
    0ms > ok a
    0ms > ok b
    0ms > ok c
    0ms answer r1 succeeded degraded spent $0.0300
    0ms close r1
    ");
}

#[test]
fn it_may_take_a_rung() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; b catch=timeout:output; run: budget=110c degrade
        ok a tokens=5
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=5
    0ms answer r1 succeeded degraded spent $0.0500
    0ms close r1
    ");
}

#[test]
fn tokens_are_a_budget_too() {
    assert_snapshot!(dialogue("
        targets t=2:cap=100
        submit r1 a; b; run: tokens=150
        fail a cancelled
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms stop r1/a#1
    0ms answer r1 failed budget_exceeded in b: an attempt on t may use up to 102 tokens; 48 of the budget are left
    0ms > fail a cancelled
    0ms close r1
    ");
}

#[test]
fn after_the_answer_the_budget_does_not_count() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; after: s; run: budget=110c
        ok a tokens=100
        ok s tokens=100
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=100
    0ms answer r1 succeeded spent $1.00
    0ms dispatch r1/s#1 on t cap=100
    0ms > ok s tokens=100
    0ms close r1
    ");
}

#[test]
fn what_was_out_at_a_crash_counts_as_spent() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; run: budget=300c
        restart
        view r1
        ok a tokens=1
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms restart
    0ms dispatch r1/a#2 on t cap=100
    0ms r1 is running, spent $1.00, held $1.00
    0ms   a running
    0ms > ok a tokens=1
    0ms answer r1 succeeded spent $1.01
    0ms close r1
    ");
}

#[test]
fn what_nobody_tells_is_booked_as_the_worst_case() {
    assert_snapshot!(dialogue("
        targets t=1:token=1c:cap=100
        submit r1 a retry=3; run: budget=250c
        fail a timeout
        wait 10s
        fail a unavailable
        wait 10s
        view r1
    "), @"
       0ms dispatch r1/a#1 on t cap=100
       0ms > fail a timeout
     200ms woken: a task may start
     200ms dispatch r1/a#2 on t cap=100
    10000ms > fail a unavailable
    10400ms woken: a task may start
    10400ms answer r1 failed spent $2.00 budget_exceeded in a: an attempt on t may cost up to $1.00; $0.5000 of the budget is left ($2.00 spent, $0 held)
    10400ms close r1
    20000ms r1 is not live
    ");
}

#[test]
fn a_cheaper_target_that_is_busy_is_waited_for() {
    assert_snapshot!(dialogue("
        policy dollar=0s crowd=0
        targets dear=3:token=1c:cap=100 cheap=1
        submit r1 a; b; c; run: budget=110c degrade
        view r1
        ok b
        ok a tokens=90
        ok c
    "), @"
    0ms > policy dollar=0s crowd=0
    0ms dispatch r1/a#1 on dear cap=100
    0ms dispatch r1/b#1 on cheap
    0ms r1 is running, spent $0, held $1.00
    0ms   a running
    0ms   b running
    0ms   c waiting on limit
    0ms > ok b
    0ms dispatch r1/c#1 on cheap
    0ms > ok a tokens=90
    0ms > ok c
    0ms answer r1 succeeded degraded spent $0.9000
    0ms close r1
    ");
}

#[test]
fn what_waits_for_a_cheaper_target_takes_the_dear_one_when_money_comes_free() {
    assert_snapshot!(dialogue("
        policy dollar=0s crowd=0
        targets dear=3:token=1c:cap=100 cheap=1
        submit r1 a; b; c; run: budget=110c degrade
        ok a tokens=1
        ok c tokens=1
        ok b
    "), @"
    0ms > policy dollar=0s crowd=0
    0ms dispatch r1/a#1 on dear cap=100
    0ms dispatch r1/b#1 on cheap
    0ms > ok a tokens=1
    0ms dispatch r1/c#1 on dear cap=100
    0ms > ok c tokens=1
    0ms > ok b
    0ms answer r1 succeeded degraded spent $0.0200
    0ms close r1
    ");
}

#[test]
fn a_named_target_catches_what_cannot_be_paid() {
    assert_snapshot!(dialogue("
        records on
        targets dear=1:token=1c:cap=100:class=big cheap=1
        submit r1 a class=big; b class=big catch=budget_exceeded:cheap; run: budget=110c
        wait 100ms
        ok a tokens=90
        ok b
    "), @r#"
      0ms record 2 RunSubmitted
      0ms record 3 a dispatched #1 waited [] hold $1.00
      0ms dispatch r1/a#1 on dear cap=100
    100ms > ok a tokens=90
    100ms record 4 a finished: Succeed
    100ms record 5 b ended Unaffordable: Rung { rung: 0, failure: Some(Failure { class: BudgetExceeded, message: "an attempt on dear may cost up to $1.00; $0.2000 of the budget is left ($0.9000 spent, $0 held)", retry_after: None, no_effect: true, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) }) }
    100ms record 6 b dispatched #1 waited [] hold $0
    100ms dispatch r1/b#1 on cheap
    100ms > ok b
    100ms record 7 b finished: Succeed
    100ms record 8 Answered
    100ms record 9 Done
    100ms answer r1 succeeded degraded spent $0.9000
    100ms close r1
    "#);
}

#[test]
fn tasks_that_waited_for_money_and_end_together_stay_ended() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100:clearance=region=eu:class=small u=1:token=1c:cap=100:clearance=region=eu:class=big
        submit r1 a class=small; b class=small; c class=big; run: budget=110c wait labels=region=eu
        targets t=2:token=1c:cap=100:class=small u=1:token=1c:cap=100:clearance=region=eu:class=big
        ok a tokens=1
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=1
    0ms answer r1 failed spent $0.0100 permanent in b: no target that could chat here has clearance for data labelled region=eu
    0ms close r1
    ");
}

/// A cent for each byte: what is set aside is the input and a frame of 4 KiB.
#[test]
fn what_leaves_is_set_aside_by_the_size_of_the_input() {
    assert_snapshot!(dialogue("
        targets t=1:egress=1073741824c:cap=100
        say a input=200
        submit r1 a input; run: budget=4300c fail
        submit r2 a input; run: budget=4000c fail
        view r1
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms r1 is running, spent $0, held $42.96
    0ms   a running
    ");
}

/// Where the graph does not say in which order: what is too dear and free is no reason to fail while a cheaper one is merely busy.
#[test]
fn who_cannot_pay_for_what_is_free_waits_for_what_it_can_pay_for() {
    let play = |wish: &str| {
        dialogue(&format!(
            "
            policy dollar=0s crowd=0
            targets near=1 dear=1:call=90c
            submit r1 v
            submit r2 a {wish}; run: budget=10c fail
            ok v
        "
        ))
    };
    assert_snapshot!(play(""), @"
    0ms > policy dollar=0s crowd=0
    0ms dispatch r1/v#1 on near
    0ms > ok v
    0ms dispatch r2/a#1 on near
    0ms answer r1 succeeded
    0ms close r1
    ");
    assert_snapshot!(play("allow=dear,near"), @"
    0ms > policy dollar=0s crowd=0
    0ms dispatch r1/v#1 on near
    0ms answer r2 failed budget_exceeded in a: an attempt on dear may cost up to $0.9000; $0.1000 of the budget is left ($0 spent, $0 held)
    0ms close r2
    0ms > ok v
    0ms answer r1 succeeded
    0ms close r1
    ");
}
