//! Budgets of loops: what calls inside one hold is set aside in it, and what follows where it does not cover a call.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn calls_at_once_in_a_round_do_not_go_beyond_the_loop() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=true
        submit r1 l loop=3 last loop_budget=250c { x; y; z }
        view r1
        ok l/loop#1/x tokens=30
        ok l/loop#1/y tokens=30
        ok l/loop#1/z tokens=30
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms dispatch r1/l/loop#1/y#1 on t cap=100
    0ms r1 is running, spent $0, held $2.00
    0ms   l running
    0ms   l/loop#1 running
    0ms   l/loop#1/x running
    0ms   l/loop#1/y running
    0ms   l/loop#1/z waiting on budget
    0ms > ok l/loop#1/x tokens=30
    0ms dispatch r1/l/loop#1/z#1 on t cap=100
    0ms > ok l/loop#1/y tokens=30
    0ms > ok l/loop#1/z tokens=30
    0ms answer r1 succeeded spent $0.9000
    0ms close r1
    ");
}

#[test]
fn the_cap_is_lowered_to_the_least_purse() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=true
        say o until=true
        submit r1 o loop=2 loop_budget=180c { l loop=3 loop_budget=90c { x }; y }; run: budget=900c
        ok o/loop#1/l/loop#1/x tokens=9
        ok o/loop#1/y tokens=9
    "), @"
    0ms dispatch r1/o/loop#1/y#1 on t cap=100
    0ms dispatch r1/o/loop#1/l/loop#1/x#1 on t cap=80
    0ms > ok o/loop#1/l/loop#1/x tokens=9
    0ms > ok o/loop#1/y tokens=9
    0ms answer r1 succeeded spent $0.1800
    0ms close r1
    ");
}

#[test]
fn what_one_loop_waits_for_another_does_not_wake() {
    assert_snapshot!(dialogue("
        targets t=9:token=1c:cap=100
        say l until=true
        say m until=true
        submit r1 l loop=2 last loop_budget=110c { x; y }; m loop=2 last loop_budget=110c { p; q }
        ok m/loop#1/p tokens=20
        view r1
        ok l/loop#1/x tokens=20
        ok l/loop#1/y
        ok m/loop#1/q
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms dispatch r1/m/loop#1/p#1 on t cap=100
    0ms > ok m/loop#1/p tokens=20
    0ms dispatch r1/m/loop#1/q#1 on t cap=90
    0ms r1 is running, spent $0.2000, held $1.90
    0ms   l running
    0ms   l/loop#1 running
    0ms   l/loop#1/x running
    0ms   l/loop#1/y waiting on budget
    0ms   m running
    0ms   m/loop#1 running
    0ms   m/loop#1/p succeeded
    0ms   m/loop#1/q running
    0ms > ok l/loop#1/x tokens=20
    0ms dispatch r1/l/loop#1/y#1 on t cap=90
    0ms > ok l/loop#1/y
    0ms > ok m/loop#1/q
    0ms answer r1 succeeded spent $2.20
    0ms close r1
    ");
}

#[test]
fn a_round_that_cannot_be_paid_for_is_the_last_and_the_one_before_counts() {
    assert_snapshot!(dialogue("
        records on
        targets t=4:token=1c:cap=100
        say l until=false
        submit r1 l loop=9 last loop_budget=150c { x; y needs x }; z needs l
        ok l/loop#1/x tokens=40
        ok l/loop#1/y tokens=40
        wait 10ms
        ok l/loop#2/x tokens=40
        ok z
        why r1
    "), @r#"
     0ms record 2 RunSubmitted
     0ms record 3 l/loop#1/x dispatched #1 waited [] hold $1.00
     0ms dispatch r1/l/loop#1/x#1 on t cap=100
     0ms > ok l/loop#1/x tokens=40
     0ms record 4 l/loop#1/x finished: Succeed
     0ms record 5 l/loop#1/y entered
     0ms record 6 l/loop#1/y dispatched #1 waited [] hold $1.00
     0ms dispatch r1/l/loop#1/y#1 on t cap=100
     0ms > ok l/loop#1/y tokens=40
     0ms record 7 l/loop#1/y finished: Succeed
     0ms record 8 l/loop#1 composed
     0ms record 9 l roundjudged
     0ms record 10 l/loop#2/x dispatched #1 waited [] hold $0.7000
     0ms dispatch r1/l/loop#2/x#1 on t cap=70
    10ms > ok l/loop#2/x tokens=40
    10ms record 11 l/loop#2/x finished: Succeed
    10ms record 12 l/loop#2/y entered
    10ms record 13 l/loop#2/y ended Unaffordable: Fail(Failure { class: BudgetExceeded, message: "an attempt on t may cost up to $1.00; $0.3000 of the budget of loop l is left ($1.20 spent, $0 held)", retry_after: None, no_effect: true, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    10ms record 14 l roundjudged
    10ms record 15 z entered
    10ms record 16 z dispatched #1 waited [] hold $1.00
    10ms dispatch r1/z#1 on t cap=100
    10ms > ok z
    10ms record 17 z finished: Succeed
    10ms record 18 Answered
    10ms record 19 Done
    10ms answer r1 succeeded degraded spent $2.20
    10ms close r1
    10ms why r1: 10ms: running 10ms; critical l/loop#1/x → l/loop#1/y → l/loop#2/x → l/loop#2/y → z
    10ms   l succeeded (RanOut(Budget, 1)): running 10ms
    10ms   l/loop#1/x succeeded:
    10ms   l/loop#1/y succeeded:
    10ms   l/loop#2 failed (Failed(BudgetExceeded, "an attempt on t may cost up to $1.00; $0.3000 of the budget of loop l is left ($1.20 spent, $0 held)")): running 10ms
    10ms   l/loop#2/x succeeded: running 10ms
    10ms   l/loop#2/y failed (Failed(BudgetExceeded, "an attempt on t may cost up to $1.00; $0.3000 of the budget of loop l is left ($1.20 spent, $0 held)")): dependency 10ms
    10ms   z succeeded: dependency 10ms
    "#);
}

#[test]
fn the_best_round_before_it_may_count() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=false
        submit r1 l loop=9 best loop_budget=150c { x }
        ok l/loop#1/x tokens=50
        ok l/loop#2/x tokens=50
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms > ok l/loop#1/x tokens=50
    0ms dispatch r1/l/loop#2/x#1 on t cap=100
    0ms > ok l/loop#2/x tokens=50
    0ms answer r1 succeeded degraded spent $1.00
    0ms close r1
    ");
}

#[test]
fn a_loop_whose_first_round_cannot_be_paid_for_fails_and_says_why() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        submit r1 l loop=9 last loop_budget=40c { x }
        submit r2 on_failure: other; person; tasks: l loop=9 escalate=person loop_tokens=60 { x }
        ok r2/person
        submit r3 l loop=9 last loop_budget=40c
        submit r4 l loop=9 loop_budget=40c catch=budget_exceeded:output { x }
        why r1
    "), @r#"
    0ms answer r1 failed budget_exceeded in l: the loop's budget does not cover round 1: an attempt on t may cost up to $1.00; $0.4000 of the budget of loop l is left ($0 spent, $0 held)
    0ms close r1
    0ms answer r2 failed budget_exceeded in l: the loop's budget does not cover round 1: an attempt on t may use up to 102 tokens; 60 of the budget of loop l are left
    0ms dispatch r2/person#1 on t cap=100
    0ms > ok r2/person
    0ms close r2
    0ms answer r3 failed budget_exceeded in l: the loop's budget does not cover round 1: an attempt on t may cost up to $1.00; $0.4000 of the budget of loop l is left ($0 spent, $0 held)
    0ms close r3
    0ms answer r4 succeeded degraded
    0ms close r4
    0ms why r1: 0µs:; critical l/loop#1/x
    0ms   l failed (Failed(BudgetExceeded, "the loop's budget does not cover round 1: an attempt on t may cost up to $1.00; $0.4000 of the budget of loop l is left ($0 spent, $0 held)")):
    0ms   l/loop#1 failed (Failed(BudgetExceeded, "an attempt on t may cost up to $1.00; $0.4000 of the budget of loop l is left ($0 spent, $0 held)")):
    0ms   l/loop#1/x failed (Failed(BudgetExceeded, "an attempt on t may cost up to $1.00; $0.4000 of the budget of loop l is left ($0 spent, $0 held)")):
    "#);
}

#[test]
fn what_catches_the_task_keeps_the_round() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100:class=big cheap=1
        say l until=false
        submit r1 l loop=2 last loop_budget=190c { x class=big; y class=big needs x catch=budget_exceeded:cheap }
        ok l/loop#1/x tokens=60
        ok l/loop#1/y tokens=40
        ok l/loop#2/x tokens=60
        ok l/loop#2/y
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms > ok l/loop#1/x tokens=60
    0ms dispatch r1/l/loop#1/y#1 on t cap=100
    0ms > ok l/loop#1/y tokens=40
    0ms dispatch r1/l/loop#2/x#1 on t cap=90
    0ms > ok l/loop#2/x tokens=60
    0ms dispatch r1/l/loop#2/y#1 on cheap
    0ms > ok l/loop#2/y
    0ms answer r1 succeeded degraded spent $1.60
    0ms close r1
    ");
}

#[test]
fn an_optional_task_that_cannot_be_paid_for_does_not_end_the_loop() {
    assert_snapshot!(dialogue("
        policy dollar=0s crowd=0
        targets t=4:class=dear:token=1c:cap=100 free=1:class=free
        say l until=false
        submit r1 l loop=3 last loop_budget=60c { x optional class=dear; y class=free }
        ok l/loop#1/y
        fail l/loop#2/y permanent
    "), @"
    0ms > policy dollar=0s crowd=0
    0ms dispatch r1/l/loop#1/y#1 on free
    0ms > ok l/loop#1/y
    0ms dispatch r1/l/loop#2/y#1 on free
    0ms > fail l/loop#2/y permanent
    0ms answer r1 failed degraded permanent in l: no luck
    0ms close r1
    ");
}

#[test]
fn of_loops_in_each_other_the_one_that_is_short_runs_out() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say o until=false
        say l until=false
        submit r1 o loop=5 last loop_budget=220c { l loop=2 last { x } }
        ok o/loop#1/l/loop#1/x tokens=80
        ok o/loop#1/l/loop#2/x tokens=60
        ok o/loop#2/l/loop#1/x tokens=60
    "), @"
    0ms dispatch r1/o/loop#1/l/loop#1/x#1 on t cap=100
    0ms > ok o/loop#1/l/loop#1/x tokens=80
    0ms dispatch r1/o/loop#1/l/loop#2/x#1 on t cap=100
    0ms > ok o/loop#1/l/loop#2/x tokens=60
    0ms dispatch r1/o/loop#2/l/loop#1/x#1 on t cap=80
    0ms > ok o/loop#2/l/loop#1/x tokens=60
    0ms answer r1 succeeded degraded spent $2.00
    0ms close r1
    ");
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say o until=false
        say l until=false
        submit r1 o loop=2 last loop_budget=900c { l loop=5 last loop_budget=120c { x } }
        ok o/loop#1/l/loop#1/x tokens=60
        ok o/loop#2/l/loop#1/x tokens=60
    "), @"
    0ms dispatch r1/o/loop#1/l/loop#1/x#1 on t cap=100
    0ms > ok o/loop#1/l/loop#1/x tokens=60
    0ms dispatch r1/o/loop#2/l/loop#1/x#1 on t cap=100
    0ms > ok o/loop#2/l/loop#1/x tokens=60
    0ms answer r1 succeeded degraded spent $1.20
    0ms close r1
    ");
}

#[test]
fn each_item_of_a_foreach_has_a_purse_of_its_own() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say e items=2
        say e until=true
        submit r1 e foreach loop=3 last loop_budget=110c { x; y }
        ok e[0]/loop#1/x tokens=10
        ok e[1]/loop#1/x tokens=10
        ok e[0]/loop#1/y tokens=10
        ok e[1]/loop#1/y tokens=10
    "), @"
    0ms dispatch r1/e[0]/loop#1/x#1 on t cap=100
    0ms dispatch r1/e[1]/loop#1/x#1 on t cap=100
    0ms > ok e[0]/loop#1/x tokens=10
    0ms dispatch r1/e[0]/loop#1/y#1 on t cap=100
    0ms > ok e[1]/loop#1/x tokens=10
    0ms dispatch r1/e[1]/loop#1/y#1 on t cap=100
    0ms > ok e[0]/loop#1/y tokens=10
    0ms > ok e[1]/loop#1/y tokens=10
    0ms answer r1 succeeded spent $0.4000
    0ms close r1
    ");
}

#[test]
fn what_a_round_abandoned_is_held_until_it_ends() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=false
        submit r1 l loop=2 last loop_budget=210c { r race=1 { x; y } }
        ok l/loop#1/r/x tokens=5
        view r1
        fail l/loop#1/r/y cancelled tokens=100
        ok l/loop#2/r/x tokens=5
    "), @"
    0ms dispatch r1/l/loop#1/r/x#1 on t cap=100
    0ms dispatch r1/l/loop#1/r/y#1 on t cap=100
    0ms > ok l/loop#1/r/x tokens=5
    0ms stop r1/l/loop#1/r/y#1
    0ms dispatch r1/l/loop#2/r/x#1 on t cap=100
    0ms r1 is running, spent $0.0500, held $2.00
    0ms   l running
    0ms   l/loop#2 running
    0ms   l/loop#2/r running
    0ms   l/loop#2/r/x running
    0ms   l/loop#2/r/y waiting on budget
    0ms > fail l/loop#1/r/y cancelled tokens=100
    0ms > ok l/loop#2/r/x tokens=5
    0ms answer r1 succeeded degraded spent $1.10
    0ms close r1
    ");
}

#[test]
fn what_was_out_at_a_crash_counts_as_spent_in_its_loop() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=true
        submit r1 l loop=2 last loop_budget=250c { x }
        submit r2 l loop=2 last loop_budget=150c { x }
        restart
        ok r1/l/loop#1/x tokens=9
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms dispatch r2/l/loop#1/x#1 on t cap=100
    0ms restart
    0ms dispatch r1/l/loop#1/x#2 on t cap=100
    0ms answer r2 failed spent $1.00 budget_exceeded in l: the loop's budget does not cover round 1: an attempt on t may cost up to $1.00; $0.5000 of the budget of loop l is left ($1.00 spent, $0 held)
    0ms close r2
    0ms > ok r1/l/loop#1/x tokens=9
    0ms answer r1 succeeded spent $1.09
    0ms close r1
    ");
}

#[test]
fn an_attempt_that_goes_on_holds_what_it_held() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=true
        submit r1 l loop=2 last loop_budget=110c { x; y }
        reference l/loop#1/x
        restart
        view r1
        ok l/loop#1/x tokens=10
        ok l/loop#1/y tokens=10
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms restart
    0ms dispatch r1/l/loop#1/x#2 on t again by reference
    0ms r1 is running, spent $0, held $1.00
    0ms   l running
    0ms   l/loop#1 running
    0ms   l/loop#1/x running
    0ms   l/loop#1/y waiting on budget
    0ms > ok l/loop#1/x tokens=10
    0ms dispatch r1/l/loop#1/y#1 on t cap=100
    0ms > ok l/loop#1/y tokens=10
    0ms answer r1 succeeded spent $0.2000
    0ms close r1
    ");
}

#[test]
fn a_raise_lets_those_go_on_that_wait() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=true
        submit r1 l loop=2 last loop_budget=110c { x; y }
        why r1
        raise r1 90c task=l
        ok l/loop#1/x tokens=100
        ok l/loop#1/y tokens=100
    "), @r#"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms why r1: 0µs:; critical l/loop#1/y
    0ms   l/loop#1/x running:
    0ms   l/loop#1/y waiting (Purse("l")):
    0ms   never sent: l/y 1 waiting
    0ms > raise r1 90c task=l
    0ms dispatch r1/l/loop#1/y#1 on t cap=100
    0ms > ok l/loop#1/x tokens=100
    0ms > ok l/loop#1/y tokens=100
    0ms answer r1 succeeded spent $2.00
    0ms close r1
    "#);
}

#[test]
fn nobody_is_asked_for_the_money_of_a_loop() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=false
        submit r1 l loop=9 last loop_budget=150c { x }; run: budget=900c ask
        ok l/loop#1/x tokens=100
        waits
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms > ok l/loop#1/x tokens=100
    0ms answer r1 succeeded degraded spent $1.00
    0ms close r1
    ");
}

#[test]
fn the_run_and_the_windows_pay_too() {
    assert_snapshot!(dialogue("
        windows hour=500c
        targets t=4:token=1c:cap=100
        say l until=true
        submit r1 l loop=2 last loop_budget=300c { x; y; z }; run: budget=250c wait
        ok l/loop#1/x tokens=10
        purse
        ok l/loop#1/y tokens=10
        ok l/loop#1/z tokens=10
        purse
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms dispatch r1/l/loop#1/y#1 on t cap=100
    0ms > ok l/loop#1/x tokens=10
    0ms dispatch r1/l/loop#1/z#1 on t cap=100
    0ms hour spent $0.1000 held $2.00
    0ms day spent $0.1000 held $2.00
    0ms month spent $0.1000 held $2.00
    0ms > ok l/loop#1/y tokens=10
    0ms > ok l/loop#1/z tokens=10
    0ms answer r1 succeeded spent $0.3000
    0ms close r1
    0ms hour spent $0.3000 held $0
    0ms day spent $0.3000 held $0
    0ms month spent $0.3000 held $0
    ");
}

#[test]
fn after_the_answer_loops_have_budgets_too() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=true
        submit r1 a; after: l loop=2 last loop_budget=110c { x; y }; run: budget=100c
        ok a tokens=100
        ok l/loop#1/x tokens=10
        ok l/loop#1/y tokens=10
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=100
    0ms answer r1 succeeded spent $1.00
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms > ok l/loop#1/x tokens=10
    0ms dispatch r1/l/loop#1/y#1 on t cap=100
    0ms > ok l/loop#1/y tokens=10
    0ms close r1
    ");
}

#[test]
fn what_takes_back_is_not_paid_for_by_the_loop() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=false
        submit r1 l loop=2 loop_budget=110c { x effect=idempotent compensate }
        ok l/loop#1/x tokens=100
        ok l/loop#1/x/compensate tokens=100
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms > ok l/loop#1/x tokens=100
    0ms answer r1 failed spent $1.00 budget_exceeded in l: the loop's budget does not cover round 2: an attempt on t may cost up to $1.00; $0.1000 of the budget of loop l is left ($1.00 spent, $0 held)
    0ms dispatch r1/l/loop#1/x/compensate#1 on t cap=100
    0ms > ok l/loop#1/x/compensate tokens=100
    0ms close r1
    ");
}

#[test]
fn a_bill_above_the_hold_is_booked_and_ends_the_loop() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say l until=false
        submit r1 l loop=9 last loop_budget=150c { x }
        ok l/loop#1/x tokens=170
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t cap=100
    0ms > ok l/loop#1/x tokens=170
    0ms answer r1 succeeded degraded spent $1.70
    0ms close r1
    ");
}
