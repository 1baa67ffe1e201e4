//! What waits for the disk, and what a restart finds.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn free_work_runs_ahead_of_the_disk_and_the_answer_waits() {
    assert_snapshot!(dialogue("
        disk slow
        submit r1 a; b needs a
        ok a
        ok b
        durable
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms > durable
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn effects_wait_for_the_disk() {
    assert_snapshot!(dialogue("
        disk slow
        submit r1 a effect=once; b effect=idempotent; c
        durable
        ok c
    "), @"
    0ms dispatch r1/c#1 on t
    0ms > durable
    0ms dispatch r1/a#1 on t
    0ms dispatch r1/b#1 on t
    0ms > ok c
    ");
}

#[test]
fn paid_work_waits_for_the_disk() {
    assert_snapshot!(dialogue("
        disk slow
        targets t=1:token=1c:cap=9
        submit r1 a
        durable
        ok a
    "), @"
    0ms > durable
    0ms dispatch r1/a#1 on t cap=9
    0ms > ok a
    ");
}

#[test]
fn strict_commits_every_step() {
    assert_snapshot!(dialogue("
        disk slow
        submit r1 strict a; b needs a
        durable
        durable
        ok a
        durable
        durable
        ok b
        durable
        durable
    "), @"
    0ms > durable
    0ms dispatch r1/a#1 on t
    0ms > durable
    0ms > ok a
    0ms > durable
    0ms dispatch r1/b#1 on t
    0ms > durable
    0ms > ok b
    0ms > durable
    0ms answer r1 succeeded
    0ms close r1
    0ms > durable
    ");
}

#[test]
fn a_dear_result_is_committed_before_what_depends_on_it() {
    assert_snapshot!(dialogue("
        disk slow
        targets t=1:call=9c
        targets t=1:call=9c free=1:class=free
        submit r1 a allow=t; b needs a class=free
        durable
        ok a
        durable
        ok b
    "), @"
    0ms > durable
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms > durable
    0ms dispatch r1/b#1 on free
    0ms > ok b
    ");
}

#[test]
fn what_was_not_durable_runs_again() {
    assert_snapshot!(dialogue("
        disk slow
        submit r1 a; b needs a
        durable
        ok a
        restart
        ok a
        ok b
        durable
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > durable
    0ms > ok a
    0ms dispatch r1/b#1 on t
    0ms restart
    0ms dispatch r1/a#2 on t
    0ms > ok a
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms > durable
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn an_answer_that_was_not_durable_was_not_given() {
    assert_snapshot!(dialogue("
        disk slow
        submit r1 a
        durable
        ok a
        restart
        ok a
        durable
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > durable
    0ms > ok a
    0ms restart
    0ms dispatch r1/a#2 on t
    0ms > ok a
    0ms > durable
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_restart_finds_loops_items_and_pauses() {
    assert_snapshot!(dialogue("
        say e items=2
        submit r1 l loop=3 last { x }; e foreach max=1; p needs e
        ok l/loop#1/x
        ok e[0]
        pause r1
        restart
        resume r1
        ok l/loop#2/x
        ok e[1]
        ok l/loop#3/x
        ok p
    "), @"
    0ms dispatch r1/l/loop#1/x#1 on t
    0ms dispatch r1/e[0]#1 on t
    0ms > ok l/loop#1/x
    0ms dispatch r1/l/loop#2/x#1 on t
    0ms > ok e[0]
    0ms dispatch r1/e[1]#1 on t
    0ms > pause r1
    0ms restart
    0ms > resume r1
    0ms dispatch r1/e[1]#2 on t
    0ms dispatch r1/l/loop#2/x#2 on t
    0ms > ok l/loop#2/x
    0ms dispatch r1/l/loop#3/x#1 on t
    0ms > ok e[1]
    0ms dispatch r1/p#1 on t
    0ms > ok l/loop#3/x
    0ms > ok p
    0ms answer r1 succeeded degraded
    0ms close r1
    ");
}

#[test]
fn a_restart_in_a_backoff_keeps_its_time() {
    assert_snapshot!(dialogue("
        submit r1 a retry=2
        fail a unavailable
        wait 100ms
        restart
        wait 100ms
        ok a
    "), @"
      0ms dispatch r1/a#1 on t
      0ms > fail a unavailable
    100ms restart
    200ms woken: a task may start
    200ms dispatch r1/a#2 on t
    200ms > ok a
    200ms answer r1 succeeded
    200ms close r1
    ");
}

#[test]
fn a_restart_after_the_answer_ends_the_run() {
    assert_snapshot!(dialogue("
        submit r1 a; after: s
        ok a
        restart
        ok s
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms answer r1 succeeded
    0ms dispatch r1/s#1 on t
    0ms restart
    0ms dispatch r1/s#2 on t
    0ms > ok s
    0ms close r1
    ");
}

#[test]
fn records_of_a_step() {
    assert_snapshot!(dialogue("
        records on
        submit r1 a; b needs a
        ok a
        ok b
    "), @"
    0ms record 2 RunSubmitted
    0ms record 3 a dispatched #1 waited [] hold $0
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms record 4 a finished: Succeed
    0ms record 5 b entered
    0ms record 6 b dispatched #1 waited [] hold $0
    0ms dispatch r1/b#1 on t
    0ms > ok b
    0ms record 7 b finished: Succeed
    0ms record 8 Answered
    0ms record 9 Done
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_key_belongs_to_one_live_run() {
    assert_snapshot!(dialogue("
        submit r1 key=k a
        submit r2 key=k a
        submit r3 key=l a
        restart
        submit r4 key=k a
        ok r1/a
        submit r5 key=k a
    "), @"
    0ms dispatch r1/a#1 on t
    0ms rejected: run 00000000000000000000000001 was submitted under the same key
    0ms dispatch r3/a#1 on t
    0ms restart
    0ms dispatch r1/a#2 on t
    0ms dispatch r3/a#2 on t
    0ms rejected: run 00000000000000000000000001 was submitted under the same key
    0ms > ok r1/a
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r5/a#1 on t
    ");
}
