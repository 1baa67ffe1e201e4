//! `on_exceeded: ask`: what a budget does not cover waits for a person, who raises it or refuses.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn it_waits_for_what_others_hold_and_asks_when_nothing_else_helps() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; b; run: budget=110c ask
        waits
        ok a tokens=80
        waits
        view r1
        wait 2s
        raise r1 50c by=ada
        waits
        wait 1s
        ok b tokens=60
        why r1
    "), @"
       0ms dispatch r1/a#1 on t cap=100
       0ms > ok a tokens=80
       0ms r1/b waits for money since 0ms: $0.6400 at least, $0.3000 left
       0ms r1 is running, spent $0.8000, held $0
       0ms   a succeeded
       0ms   b waiting on person
    2000ms > raise r1 50c by=ada
    2000ms dispatch r1/b#1 on t cap=80
    3000ms > ok b tokens=60
    3000ms answer r1 succeeded spent $1.40
    3000ms close r1
    3000ms why r1: 3s: person 2s running 1s; critical b
    3000ms   a succeeded:
    3000ms   b succeeded: person 2s running 1s
    ");
}

#[test]
fn what_will_never_fit_asks_at_once_though_others_are_out() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100 big=1:token=9c:cap=100:class=big
        submit r1 a; b class=big; run: budget=190c ask
        waits
        raise r1 1c
        waits
        wait 1s
        raise r1 900c
        ok a
        ok b
    "), @"
       0ms dispatch r1/a#1 on t cap=100
       0ms r1/b waits for money since 0ms: $5.76 at least, $0.9000 left
       0ms > raise r1 1c
       0ms r1/b waits for money since 0ms: $5.76 at least, $0.9100 left
    1000ms > raise r1 900c
    1000ms dispatch r1/b#1 on big cap=100
    1000ms > ok a
    1000ms > ok b
    1000ms answer r1 succeeded spent $10.00
    1000ms close r1
    ");
}

#[test]
fn what_is_refused_fails_and_asks_no_more() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a catch=budget_exceeded:output; b needs a; c; run: budget=40c ask
        waits
        raise r1 refused by=ada
    "), @"
    0ms r1/a waits for money since 0ms: $0.6400 at least, $0.4000 left
    0ms r1/c waits for money since 0ms: $0.6400 at least, $0.4000 left
    0ms > raise r1 refused by=ada
    0ms answer r1 failed budget_exceeded in c: an attempt on t may cost up to $1.00; $0.4000 of the budget is left ($0 spent, $0 held)
    0ms close r1
    ");
}

#[test]
fn what_is_optional_asks_nobody_and_is_dropped() {
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        say e items=2
        submit r1 a; b optional needs a; g optional needs a { h }; e foreach max=2 optional needs a; z needs b,g,e; run: budget=110c ask
        waits
        ok a tokens=60
        waits
        raise r1 100c
        ok z tokens=10
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=60
    0ms r1/z waits for money since 0ms: $0.6400 at least, $0.5000 left
    0ms > raise r1 100c
    0ms dispatch r1/z#1 on t cap=100
    0ms > ok z tokens=10
    0ms answer r1 succeeded degraded spent $0.7000
    0ms close r1
    ");
    assert_snapshot!(dialogue("
        targets t=4:token=1c:cap=100
        submit r1 a; b optional catch=budget_exceeded:output; z needs b; run: budget=40c ask
        waits
    "), @"
    0ms r1/a waits for money since 0ms: $0.6400 at least, $0.4000 left
    0ms r1/z waits for money since 0ms: $0.6400 at least, $0.4000 left
    ");
}

#[test]
fn once_raised_a_refused_budget_is_asked_for_again() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a catch=budget_exceeded:output; b needs a delay=1s; run: budget=40c ask
        raise r1 refused
        raise r1 1c
        wait 2s
        waits
        raise r1 99c
        ok b
    "), @"
       0ms > raise r1 refused
       0ms > raise r1 1c
    1000ms woken: a task may start
    2000ms r1/b waits for money since 1000ms: $0.6400 at least, $0.4100 left
    2000ms > raise r1 99c
    2000ms dispatch r1/b#1 on t cap=100
    2000ms > ok b
    2000ms answer r1 succeeded degraded spent $1.00
    2000ms close r1
    ");
}

#[test]
fn tokens_are_asked_for_too() {
    assert_snapshot!(dialogue("
        targets t=2:cap=100
        submit r1 a; run: tokens=60 ask
        waits
        raise r1 5c
        raise r1 tokens=46
        ok a tokens=9
    "), @"
    0ms r1/a waits for money since 0ms: 66 tokens at least, 60 left
    0ms > raise r1 5c
    0ms rejected: run 00000000000000000000000001 has no limit of money: there is nothing to raise
    0ms > raise r1 tokens=46
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=9
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn what_cannot_be_raised_says_why() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        raise r9 5c
        submit r1 a; after: z; run: budget=40c ask
        submit r2 a
        raise r2 5c
        raise r2 refused
        raise r1 0c
        raise r1 tokens=5
        raise r1 most
        raise r1 5c task=a
        raise r1 refused task=a
        cancel r1
        raise r1 5c
        ok r2/a
        raise r2 refused
    "), @r#"
    0ms > raise r9 5c
    0ms rejected: run 00000000000000000000000009 is over: nothing in it waits
    0ms dispatch r2/a#1 on t cap=100
    0ms > raise r2 5c
    0ms rejected: run 00000000000000000000000002 has no limit of money: there is nothing to raise
    0ms > raise r2 refused
    0ms rejected: no task of run 00000000000000000000000002 waits for money
    0ms > raise r1 0c
    0ms rejected: it raises nothing: name an amount above zero
    0ms > raise r1 tokens=5
    0ms rejected: run 00000000000000000000000001 has no limit of tokens: there is nothing to raise
    0ms > raise r1 most
    0ms rejected: the budget would be more than can be counted: raise it by less
    0ms > raise r1 5c task=a
    0ms rejected: task "a" has no budget now: a run, a `loop` that is under way and a task that waits for its child run have one
    0ms > raise r1 refused task=a
    0ms rejected: task "a" does not wait for money
    0ms > cancel r1
    0ms answer r1 cancelled cancelled: cancelled by the caller
    0ms close r1
    0ms > raise r1 5c
    0ms rejected: run 00000000000000000000000001 is over: nothing in it waits
    0ms > ok r2/a
    0ms answer r2 succeeded spent $1.00
    0ms close r2
    0ms > raise r2 refused
    0ms rejected: run 00000000000000000000000002 is over: nothing in it waits
    "#);
}

#[test]
fn it_is_raised_before_it_asks() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; b needs a; run: budget=120c ask
        raise r1 80c
        ok a tokens=100
        waits
        ok b tokens=100
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > raise r1 80c
    0ms > ok a tokens=100
    0ms dispatch r1/b#1 on t cap=100
    0ms > ok b tokens=100
    0ms answer r1 succeeded spent $2.00
    0ms close r1
    ");
}

#[test]
fn a_raise_stands_over_a_restart_and_so_does_a_refusal() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; b needs a; run: budget=120c ask
        submit r2 a catch=budget_exceeded:output; b needs a delay=1s catch=budget_exceeded:output; run: budget=10c ask
        submit r3 a; run: budget=10c ask
        raise r1 80c
        raise r2 refused
        wait 100ms
        restart
        waits
        view r1
        wait 1s
        waits
        raise r3 100c
        ok r3/a
    "), @"
       0ms dispatch r1/a#1 on t cap=100
       0ms > raise r1 80c
       0ms > raise r2 refused
     100ms restart
     100ms dispatch r1/a#2 on t cap=100
     100ms r3/a waits for money since 0ms: $0.6400 at least, $0.1000 left
     100ms r1 is running, spent $1.00, held $1.00
     100ms   a running
     100ms   b waiting on dependency
    1000ms woken: a task may start
    1000ms answer r2 succeeded degraded
    1000ms close r2
    1100ms r3/a waits for money since 0ms: $0.6400 at least, $0.1000 left
    1100ms > raise r3 100c
    1100ms dispatch r3/a#1 on t cap=100
    1100ms > ok r3/a
    1100ms answer r3 succeeded spent $1.00
    1100ms close r3
    ");
}

#[test]
fn time_passes_while_it_asks() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a within=1s catch=deadline_exceeded:output; run: budget=10c ask
        submit r2 a; run: budget=10c ask deadline=2s
        submit r3 a optional; run: budget=10c ask deadline=2s
        waits
        wait 3s
        waits
    "), @"
       0ms answer r3 succeeded degraded
       0ms close r3
       0ms r1/a waits for money since 0ms until 1000ms: $0.6400 at least, $0.1000 left
       0ms r2/a waits for money since 0ms until 2000ms: $0.6400 at least, $0.1000 left
    1000ms woken: a task's time is over
    1000ms answer r1 succeeded degraded
    1000ms close r1
    2000ms woken: a run's deadline
    2000ms answer r2 failed deadline_exceeded: no answer within the deadline of 2s
    2000ms close r2
    ");
}

#[test]
fn a_pause_holds_back_what_was_paid_for_and_not_what_was_refused() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; run: budget=10c ask
        submit r2 a; run: budget=10c ask
        pause r1
        pause r2
        raise r1 100c
        raise r2 refused
        view r1
        resume r1
        ok r1/a
    "), @"
    0ms > pause r1
    0ms > pause r2
    0ms > raise r1 100c
    0ms > raise r2 refused
    0ms answer r2 failed budget_exceeded in a: an attempt on t may cost up to $1.00; $0.1000 of the budget is left ($0 spent, $0 held)
    0ms close r2
    0ms r1 is queued, spent $0, held $0
    0ms   a waiting on paused
    0ms > resume r1
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok r1/a
    0ms answer r1 succeeded spent $1.00
    0ms close r1
    ");
}

#[test]
fn another_table_of_targets_may_do() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        submit r1 a; run: budget=10c ask
        wait 1s
        targets t=2:cap=100
        ok a
    "), @"
    1000ms dispatch r1/a#1 on t cap=100
    1000ms > ok a
    1000ms answer r1 succeeded
    1000ms close r1
    ");
}

#[test]
fn the_windows_hold_all_the_same() {
    assert_snapshot!(dialogue("
        windows hour=150c fail
        targets t=2:token=1c:cap=100
        submit r1 a; b needs a; run: budget=110c ask
        ok a tokens=100
        waits
        raise r1 500c
    "), @"
    0ms dispatch r1/a#1 on t cap=100
    0ms > ok a tokens=100
    0ms r1/b waits for money since 0ms: $0.6400 at least, $0.1000 left
    0ms > raise r1 500c
    0ms answer r1 failed spent $1.00 budget_exceeded in b: an attempt on t may cost up to $1.00; $0.5000 of the hour's budget is left ($1.00 spent, $0 held)
    0ms close r1
    ");
}

#[test]
fn the_budget_of_a_loop_is_raised_while_it_runs() {
    assert_snapshot!(dialogue("
        targets t=2:token=1c:cap=100
        say l until=false
        submit r1 l loop=9 loop_tokens=200; run: budget=900c
        raise r1 tokens=60 task=l
        raise r1 9c task=l
        ok l/loop#1 tokens=60
        restart
        ok l/loop#2 tokens=98
    "), @r#"
    0ms dispatch r1/l/loop#1#1 on t cap=100
    0ms > raise r1 tokens=60 task=l
    0ms > raise r1 9c task=l
    0ms rejected: task "l" has no limit of money: there is nothing to raise
    0ms > ok l/loop#1 tokens=60
    0ms dispatch r1/l/loop#2#1 on t cap=100
    0ms restart
    0ms dispatch r1/l/loop#2#2 on t cap=96
    0ms > ok l/loop#2 tokens=98
    0ms answer r1 failed spent $2.58 budget_exceeded in l: the loop's budget is spent after 2 rounds
    0ms close r1
    "#);
}
