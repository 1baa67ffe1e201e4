//! Targets, classes of eligibility, priorities, credits, labels, additions.

use insta::assert_snapshot;

use super::{dialogue, order};

#[test]
fn a_target_runs_as_many_as_it_may() {
    assert_snapshot!(dialogue("
        targets t=2
        submit r1 a; b; c
        view r1
        ok a
        ok b
        ok c
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms r1 is running, spent $0, held $0
    0ms   a running
    0ms   b running
    0ms   c waiting on limit
    0ms > ok a
    0ms dispatch r1/c#1 on t
    0ms > ok b
    0ms > ok c
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn who_goes_first() {
    let urgent = "a; b; c; d; e; f; g; h; i; j; k; l; m; n; o; p; q; s; run: interactive";
    for (runs, wanted) in [
        // The more urgent run, though it came later.
        (&["b; run: background", "c; run: interactive"][..], "c b"),
        // The run with less slack.
        (&["b; run: deadline=60s", "c; run: deadline=10s"], "c b"),
        // The longer way to the end.
        (&["b; c; d needs c; run: deadline=10s"], "c b d"),
        // A background run is not starved.
        (&[urgent, "z; run: background"], "a b c d e f g h i j k l m n o p z q s"),
        // Of what is due together the more urgent.
        (&["b delay=100ms; run: background", "c delay=100ms; run: interactive"], "c b"),
    ] {
        assert_eq!(order(runs), wanted, "{runs:?}");
    }
}

#[test]
fn a_band_that_could_not_go_claims_nothing_for_that() {
    assert_snapshot!(dialogue("
        targets x=1:class=x t=18:class=t
        say e items=18
        submit r0 z class=x; run: interactive
        submit r1 y class=x; run: background
        submit r2 e foreach max=18 class=t; run: interactive
        submit r3 a class=t; run: background
        submit r4 b class=t; run: interactive
        ok e[0]
        ok e[1]
    "), @"
    0ms dispatch r0/z#1 on x
    0ms dispatch r2/e[0]#1 on t
    0ms dispatch r2/e[1]#1 on t
    0ms dispatch r2/e[2]#1 on t
    0ms dispatch r2/e[3]#1 on t
    0ms dispatch r2/e[4]#1 on t
    0ms dispatch r2/e[5]#1 on t
    0ms dispatch r2/e[6]#1 on t
    0ms dispatch r2/e[7]#1 on t
    0ms dispatch r2/e[8]#1 on t
    0ms dispatch r2/e[9]#1 on t
    0ms dispatch r2/e[10]#1 on t
    0ms dispatch r2/e[11]#1 on t
    0ms dispatch r2/e[12]#1 on t
    0ms dispatch r2/e[13]#1 on t
    0ms dispatch r2/e[14]#1 on t
    0ms dispatch r2/e[15]#1 on t
    0ms dispatch r2/e[16]#1 on t
    0ms dispatch r2/e[17]#1 on t
    0ms > ok e[0]
    0ms dispatch r4/b#1 on t
    0ms > ok e[1]
    0ms dispatch r3/a#1 on t
    ");
}

#[test]
fn who_waits_for_a_credit_does_not_wait_for_a_target_that_is_not_there() {
    assert_snapshot!(dialogue("
        limit attempts=1
        submit r1 a
        submit r2 b
        view r2
    "), @"
    0ms dispatch r1/a#1 on t
    0ms r2 is queued, spent $0, held $0
    0ms   b waiting on capacity
    ");
}

#[test]
fn classes_sleep_apart() {
    assert_snapshot!(dialogue("
        targets small=1:class=s large=1:class=l
        submit r1 a class=s; b class=s; c class=l; d class=l
        ok c
        ok a
        ok b
        ok d
    "), @"
    0ms dispatch r1/a#1 on small
    0ms dispatch r1/c#1 on large
    0ms > ok c
    0ms dispatch r1/d#1 on large
    0ms > ok a
    0ms dispatch r1/b#1 on small
    0ms > ok b
    0ms > ok d
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_task_without_target_is_refused() {
    assert_snapshot!(dialogue("
        submit r1 a class=huge
    "), @r#"   0ms rejected: no target can serve task "a": no target of class "huge" can chat"#);
}

#[test]
fn data_goes_only_where_it_is_cleared() {
    assert_snapshot!(dialogue("
        targets us=1 eu=1:clearance=region=eu
        submit r1 a; run: labels=region=eu
        ok a
    "), @"
    0ms dispatch r1/a#1 on eu
    0ms > ok a
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn data_that_nobody_may_see_goes_nowhere() {
    assert_snapshot!(dialogue("
        targets us=1
        submit r1 a; run: labels=region=eu
    "), @"
    0ms answer r1 failed permanent in a: no target that could chat here has clearance for data labelled region=eu
    0ms close r1
    ");
}

#[test]
fn what_was_accepted_waits_for_its_target() {
    assert_snapshot!(dialogue("
        targets small=1:class=s large=1:class=l
        submit r1 a class=s; b class=l needs a
        targets large=1:class=l
        restart
        view r1
        targets large=1:class=l small=1:class=s
        ok a
        ok b
        submit r2 a class=s
    "), @"
    0ms dispatch r1/a#1 on small
    0ms restart
    0ms r1 is running, spent $0, held $0, waits for a target
    0ms   a waiting on capacity
    0ms   b waiting on dependency
    0ms dispatch r1/a#2 on small
    0ms > ok a
    0ms dispatch r1/b#1 on large
    0ms > ok b
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r2/a#1 on small
    ");
}

#[test]
fn credits_bound_what_is_out() {
    assert_snapshot!(dialogue("
        limit attempts=2
        submit r1 a; b; c
        ok b
        ok a
        ok c
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms dispatch r1/c#1 on t
    0ms > ok a
    0ms > ok c
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn evaluations_have_credits_too() {
    assert_snapshot!(dialogue("
        limit evaluations=1
        evaluations on
        submit r1 a if; b if; c if
        ok a
        ok b
        ok c
    "), @"
    0ms evaluate r1/a
    0ms evaluate r1/b
    0ms dispatch r1/a#1 on t
    0ms evaluate r1/c
    0ms dispatch r1/b#1 on t
    0ms dispatch r1/c#1 on t
    0ms > ok a
    0ms > ok b
    0ms > ok c
    0ms evaluate r1/
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_full_shard_refuses() {
    assert_snapshot!(dialogue("
        limit runs=1
        submit r1 a
        submit r2 b
        ok a
        submit r2 b
        ok b
    "), @"
    0ms dispatch r1/a#1 on t
    0ms rejected: the shard holds 1 live runs, as many as it may: try again later
    0ms > ok a
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r2/b#1 on t
    0ms > ok b
    0ms answer r2 succeeded
    0ms close r2
    ");
}

#[test]
fn tasks_may_join_a_live_run() {
    assert_snapshot!(dialogue("
        submit r1 a
        add r1 a; b needs a; c
        ok a
        ok b
        ok c
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/c#1 on t
    0ms > ok a
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms > ok c
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn an_addition_is_made_once_and_changes_nothing_that_is_there() {
    assert_snapshot!(dialogue("
        submit r1 a
        add r1 a; b
        add r1 a; b
        add r1 a; b needs a; c
        ok a
        ok b
    "), @r#"
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms rejected: the addition changes task "script": only new tasks may be added to a live run
    0ms rejected: the addition changes task "b": only new tasks may be added to a live run
    0ms > ok a
    0ms > ok b
    0ms answer r1 succeeded
    0ms close r1
    "#);
}

#[test]
fn nothing_joins_an_answered_run() {
    assert_snapshot!(dialogue("
        submit r1 a; after: s
        ok a
        add r1 a; b; after: s
        view r1
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms answer r1 succeeded
    0ms dispatch r1/s#1 on t
    0ms rejected: run 00000000000000000000000001 is not live: tasks can only be added before its answer
    0ms r1 is succeeded, spent $0, held $0
    0ms   a succeeded
    0ms   s running
    ");
}

#[test]
fn a_wait_is_attributed() {
    assert_snapshot!(dialogue("
        records on
        targets t=1
        submit r1 a; b; c
        wait 100ms
        ok a
        wait 50ms
        ok b
        ok c
    "), @"
      0ms record 2 RunSubmitted
      0ms record 3 a dispatched #1 waited [] hold $0
      0ms dispatch r1/a#1 on t
    100ms > ok a
    100ms record 4 a finished: Succeed
    100ms record 5 b dispatched #1 waited [limit 100ms] hold $0
    100ms dispatch r1/b#1 on t
    150ms > ok b
    150ms record 6 b finished: Succeed
    150ms record 7 c dispatched #1 waited [order 100ms, limit 50ms] hold $0
    150ms dispatch r1/c#1 on t
    150ms > ok c
    150ms record 8 c finished: Succeed
    150ms record 9 Answered
    150ms record 10 Done
    150ms answer r1 succeeded
    150ms close r1
    ");
}

#[test]
fn queued_tasks_that_no_target_may_see_any_more_end_once() {
    assert_snapshot!(dialogue("
        targets s=1:class=small:clearance=region=eu l=1:clearance=region=eu
        submit r1 a class=small; b class=small; c class=small; d class=l; run: labels=region=eu
        targets s=1:class=small l=1:clearance=region=eu
        fail a cancelled
        fail d cancelled
    "), @"
    0ms dispatch r1/a#1 on s
    0ms dispatch r1/d#1 on l
    0ms stop r1/a#1
    0ms stop r1/d#1
    0ms answer r1 failed permanent in b: no target that could chat here has clearance for data labelled region=eu
    0ms > fail a cancelled
    0ms > fail d cancelled
    0ms close r1
    ");
}

#[test]
fn an_addition_cannot_read_what_nobody_was_to_read() {
    assert_snapshot!(dialogue("
        submit r1 g unread { x }; b
        ok g/x
        add r1 g { x }; b; c needs g
        add r1 g unread { x }; b; d
        ok b
        ok d
    "), @r#"
    0ms dispatch r1/b#1 on t
    0ms dispatch r1/g/x#1 on t
    0ms > ok g/x
    0ms rejected: task "g" has ended, and its output was not made because nothing read it: an addition cannot read it now
    0ms dispatch r1/d#1 on t
    0ms > ok b
    0ms > ok d
    0ms answer r1 succeeded
    0ms close r1
    "#);
}

#[test]
fn a_run_is_admitted_with_all_that_it_may_open() {
    assert_snapshot!(dialogue("
        limit tasks=9
        submit r1 e foreach max=4 { x; y }
        submit r2 e foreach max=2 { x; y }
        add r2 e foreach max=2 { x; y }; z
        add r2 e foreach max=2 { x; y }; z; v; w
    "), @"
    0ms rejected: the shard holds 9 live tasks, as many as it may: try again later
    0ms dispatch r2/e[0]/x#1 on t
    0ms dispatch r2/e[0]/y#1 on t
    0ms dispatch r2/e[1]/x#1 on t
    0ms dispatch r2/e[1]/y#1 on t
    0ms dispatch r2/z#1 on t
    0ms rejected: the shard holds 9 live tasks, as many as it may: try again later
    ");
}
