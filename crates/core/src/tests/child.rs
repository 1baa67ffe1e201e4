//! Child runs: what is set aside for them, and how they outlast a life.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn what_a_child_may_spend_is_set_aside_and_settled_for_what_it_has_spent() {
    assert_snapshot!(dialogue("
        targets t=9:call=10c graph=9:child
        submit r1 a child=100c; b needs a; run: budget=115c
        view r1
        end a spent=30c tokens=7
        ok b
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms r1 is running, spent $0, held $1.00
    0ms   a running
    0ms   b waiting on dependency
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms answer r1 succeeded spent $0.4000
    0ms close r1
    ");
}

#[test]
fn a_child_that_is_not_covered_as_a_whole_is_not_begun() {
    assert_snapshot!(dialogue("
        targets t=9 graph=9:child
        submit r1 a child=60c; b child=60c catch=budget_exceeded:output; run: budget=100c fail
        end a spent=1c
        submit r2 a child=60c; b child=60c; run: budget=100c wait
        end a spent=1c
        end b spent=60c
        submit r3 a child=60c; run: budget=50c ask
        raise r3 10c
        end a spent=60c
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms answer r1 succeeded degraded spent $0.0100
    0ms close r1
    0ms dispatch r2/a#1 on graph as its try 1
    0ms dispatch r2/b#1 on graph as its try 1
    0ms answer r2 succeeded spent $0.6100
    0ms close r2
    0ms > raise r3 10c
    0ms dispatch r3/a#1 on graph as its try 1
    0ms answer r3 succeeded spent $0.6000
    0ms close r3
    ");
}

#[test]
fn a_child_without_a_budget_is_refused_where_there_is_one_around_it() {
    assert_snapshot!(dialogue("
        targets t=9 graph=9:child
        submit r1 a child; run: budget=100c
        submit r2 a child=50; run: tokens=100
        end a tokens=20
        submit r3 a child=5c; run: tokens=100
        submit r4 g loop=2 loop_tokens=40 { a child }
        submit r5 a child
        end a spent=5c
    "), @"
    0ms answer r1 failed budget_exceeded in a: there is a budget in usd, and nothing says how much of it the child run may spend: write `budget: { usd: … }` in its `with`
    0ms close r1
    0ms dispatch r2/a#1 on graph as its try 1
    0ms answer r2 succeeded
    0ms close r2
    0ms answer r3 failed budget_exceeded in a: there is a budget in tokens, and nothing says how much of it the child run may spend: write `budget: { tokens: … }` in its `with`
    0ms close r3
    0ms answer r4 failed budget_exceeded in g: there is a budget in tokens, and nothing says how much of it the child run may spend: write `budget: { tokens: … }` in its `with`
    0ms close r4
    0ms dispatch r5/a#1 on graph as its try 1
    0ms answer r5 succeeded spent $0.0500
    0ms close r5
    ");
}

#[test]
fn windows_count_what_its_own_attempts_hold_and_nothing_twice() {
    assert_snapshot!(dialogue("
        targets t=9:call=10c graph=9:child
        windows day=50c
        submit r1 a child=100c
        purse
        end a spent=40c
        purse
        submit r2 b
        purse
        restart
        purse
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms hour spent $0 held $0
    0ms day spent $0 held $0
    0ms month spent $0 held $0
    0ms answer r1 succeeded spent $0.4000
    0ms close r1
    0ms hour spent $0 held $0
    0ms day spent $0 held $0
    0ms month spent $0 held $0
    0ms dispatch r2/b#1 on t
    0ms hour spent $0 held $0.1000
    0ms day spent $0 held $0.1000
    0ms month spent $0 held $0.1000
    0ms restart
    0ms dispatch r2/b#2 on t
    0ms hour spent $0.1000 held $0.1000
    0ms day spent $0.1000 held $0.1000
    0ms month spent $0.1000 held $0.1000
    ");
}

#[test]
fn waiting_for_a_child_takes_no_credit() {
    assert_snapshot!(dialogue("
        limit attempts=1
        targets t=9 graph=9:child
        submit r1 a child; b child
        submit r2 inside
        ok inside
        end a
        end b
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms dispatch r1/b#1 on graph as its try 1
    0ms dispatch r2/inside#1 on t
    0ms > ok inside
    0ms answer r2 succeeded
    0ms close r2
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_child_is_taken_up_again_in_every_life_as_the_same_try() {
    assert_snapshot!(dialogue("
        targets t=9 graph=9:child
        submit r1 a child=100c retry=2 on=unavailable; run: budget=150c
        restart
        reference a
        restart
        end a unavailable spent=20c
        wait 2s
        restart
        end a degraded spent=5c
    "), @"
       0ms dispatch r1/a#1 on graph as its try 1
       0ms restart
       0ms dispatch r1/a#2 on graph as its try 1 again by reference
       0ms restart
       0ms dispatch r1/a#3 on graph as its try 1 again by reference
     200ms woken: a task may start
     200ms dispatch r1/a#4 on graph as its try 2
    2000ms restart
    2000ms dispatch r1/a#5 on graph as its try 2 again by reference
    2000ms answer r1 succeeded degraded spent $0.2500
    2000ms close r1
    ");
}

#[test]
fn a_child_that_nobody_wants_any_more_is_told_to_stop_by_every_life_until_it_has_ended() {
    assert_snapshot!(dialogue("
        targets t=9 graph=9:child
        submit r1 a child=100c; run: budget=150c
        cancel r1
        restart
        restart
        end a cancelled spent=20c
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms > cancel r1
    0ms stop r1/a#1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms restart
    0ms dispatch r1/a#1 on graph as its try 1 only to be stopped
    0ms stop r1/a#1
    0ms restart
    0ms dispatch r1/a#1 on graph as its try 1 only to be stopped
    0ms stop r1/a#1
    0ms close r1
    ");
}

#[test]
fn crashes_while_it_waits_for_a_child_are_not_its_own() {
    assert_snapshot!(dialogue("
        targets t=9 graph=9:child
        submit r1 a child
        restart
        restart
        restart
        restart
        end a
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms restart
    0ms dispatch r1/a#2 on graph as its try 1 again by reference
    0ms restart
    0ms dispatch r1/a#3 on graph as its try 1 again by reference
    0ms restart
    0ms dispatch r1/a#4 on graph as its try 1 again by reference
    0ms restart
    0ms dispatch r1/a#5 on graph as its try 1 again by reference
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn more_for_a_child_is_set_aside_by_its_parent_before() {
    assert_snapshot!(dialogue("
        targets t=9:call=10c graph=9:child
        submit r1 a child=5c; run: budget=100c
        submit r2 parent=r1 inside; run: budget=5c ask
        reference a r2
        waits r1
        view r1
        records on
        raise r2 10c
        records off
        view r1
        restart
        view r1
        raise r2 10c
        ok inside
        end a spent=20c
        attempts r1
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms r2/inside waits for money since 0ms: $0.1000 at least, $0.0500 left
    0ms r1 is running, spent $0, held $0.0500
    0ms   a running
    0ms > raise r2 10c
    0ms record 7 Raised
    0ms record 8 Raised
    0ms record 9 inside dispatched #1 waited [] hold $0.1000
    0ms dispatch r2/inside#1 on t
    0ms r1 is running, spent $0, held $0.1500
    0ms   a running
    0ms restart
    0ms dispatch r1/a#2 on graph as its try 1 again by reference
    0ms r1 is running, spent $0, held $0.1500
    0ms   a running
    0ms > raise r2 10c
    0ms dispatch r2/inside#2 on t
    0ms > ok inside
    0ms answer r2 succeeded spent $0.2000
    0ms close r2
    0ms answer r1 succeeded spent $0.2000
    0ms close r1
    0ms   attempt of a: $0.2000, 0 tokens
    ");
}

#[test]
fn what_a_parent_cannot_set_aside_is_raised_there_first() {
    assert_snapshot!(dialogue("
        targets t=9:call=10c graph=9:child
        submit r1 a child=5c; run: budget=8c
        submit r2 parent=r1 inside; run: budget=5c ask
        raise r2 10c
        raise r2 3c
        raise r2 10c
        raise r1 10c
        reference a r2
        raise r1 10c task=a
        ok inside
        end a spent=10c
        submit r3 a child=5; run: tokens=8
        submit r4 parent=r3 inside; w wait=signal:go; run: tokens=5
        raise r4 tokens=9
        cancel r3
        raise r4 tokens=2
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms > raise r2 10c
    0ms rejected: run 00000000000000000000000002 is a child of run 00000000000000000000000001, which would have to set more aside for it, and has $0.0300 left of its budget: `agendum runs raise 00000000000000000000000001 --usd 0.07` first, and then this again
    0ms > raise r2 3c
    0ms > raise r2 10c
    0ms rejected: run 00000000000000000000000002 is a child of run 00000000000000000000000001, which would have to set more aside for it, and has $0 left of its budget: `agendum runs raise 00000000000000000000000001 --usd 0.1` first, and then this again
    0ms > raise r1 10c
    0ms > raise r1 10c task=a
    0ms dispatch r2/inside#1 on t
    0ms > ok inside
    0ms answer r2 succeeded spent $0.1000
    0ms close r2
    0ms answer r1 succeeded spent $0.1000
    0ms close r1
    0ms dispatch r3/a#1 on graph as its try 1
    0ms dispatch r4/inside#1 on t
    0ms > raise r4 tokens=9
    0ms rejected: run 00000000000000000000000004 is a child of run 00000000000000000000000003, which would have to set more aside for it, and has 3 tokens left of its budget: `agendum runs raise 00000000000000000000000003 --tokens 6` first, and then this again
    0ms > cancel r3
    0ms stop r3/a#1
    0ms answer r3 cancelled cancelled: cancelled by the caller
    0ms > raise r4 tokens=2
    0ms rejected: run 00000000000000000000000004 was told to stop by run 00000000000000000000000003, whose child it is: it gets no more
    ");
}

#[test]
fn what_a_raised_child_spends_is_not_above_what_its_parent_holds() {
    assert_snapshot!(dialogue("
        targets t=9:call=10c graph=9:child
        submit r1 a child=5c
        submit r2 parent=r1 inside; run: budget=5c ask
        raise r2 10c
        ok inside
        end a spent=10c
        attempts r1
        submit r4 a child=5c loop=2 loop_budget=12c
        submit r5 parent=r4:a/loop#1 w wait=signal:go; run: budget=5c
        raise r5 10c
        raise r4 3c task=a
        raise r5 10c
        view r4
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms > raise r2 10c
    0ms dispatch r2/inside#1 on t
    0ms > ok inside
    0ms answer r2 succeeded spent $0.1000
    0ms close r2
    0ms answer r1 succeeded spent $0.1000
    0ms close r1
    0ms   attempt of a: $0.1000, 0 tokens
    0ms dispatch r4/a/loop#1#1 on graph as its try 1
    0ms > raise r5 10c
    0ms rejected: run 00000000000000000000000005 is a child of run 00000000000000000000000004, which would have to set more aside for it, and has $0.0700 left of the budget of its loop a: `agendum runs raise 00000000000000000000000004 --task a --usd 0.03` first, and then this again
    0ms > raise r4 3c task=a
    0ms > raise r5 10c
    0ms r4 is running, spent $0, held $0.1500
    0ms   a running
    0ms   a/loop#1 running
    ");
}

#[test]
fn a_check_that_was_degraded_inside_its_child_has_passed_nothing() {
    assert_snapshot!(dialogue("
        targets t=9 graph=9:child
        submit r1 check child; draft live publish_after=check
        ok draft
        end check degraded
        submit r2 check child; draft live publish_after=check
        ok r2/draft
        end r2/check
    "), @"
    0ms dispatch r1/check#1 on graph as its try 1
    0ms dispatch r1/draft#1 on t held back
    0ms > ok draft
    0ms answer r1 succeeded degraded
    0ms close r1
    0ms dispatch r2/check#1 on graph as its try 1
    0ms dispatch r2/draft#1 on t held back
    0ms > ok r2/draft
    0ms publish r2/draft
    0ms answer r2 succeeded
    0ms close r2
    ");
}

#[test]
fn a_child_finds_room_where_its_parent_has_it() {
    assert_snapshot!(dialogue("
        limit runs=1
        targets t=9 graph=9:child
        submit r1 a child
        submit r2 parent=r1 b
        submit r3 b
    "), @"
    0ms dispatch r1/a#1 on graph as its try 1
    0ms dispatch r2/b#1 on t
    0ms rejected: the shard holds 1 live runs, as many as it may: try again later
    ");
}
