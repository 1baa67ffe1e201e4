//! Groups of runs: whose turn it is, who takes whose place, who joins whom.

use insta::assert_snapshot;

use super::{dialogue, trace};

#[test]
fn a_run_waits_until_the_one_before_it_is_done_and_costs_nothing_until_then() {
    assert_snapshot!(trace("
        submit r1 group=g a; finally: f
        submit r2 group=g b; c needs b
        submit r3 group=other d
        submit r4 group=g e
        view r2
        view r4
        wait 1s
        ok a
        wait 1s
        ok f
        why r2
        why r4
    "), @"
       0ms dispatch r1/a#1 on t
       0ms dispatch r3/d#1 on t
       0ms r2 is queued, spent $0, held $0
       0ms   held: 1 ahead, settles at 0ms
       0ms r4 is queued, spent $0, held $0
       0ms   held: 2 ahead, settles at 0ms
    1000ms answer r1 succeeded
    1000ms dispatch r1/f#1 on t
    2000ms close r1
    2000ms dispatch r2/b#1 on t
    2000ms why r2: 2s: limit 2s; critical b
    2000ms   b running: limit 2s
    2000ms   c waiting (needs b): limit 2s
    2000ms   never sent: c 1 waiting
    2000ms why r4: 2s: limit 2s; critical 
    2000ms   e waiting (Held): limit 2s
    2000ms   never sent: e 1 waiting
    ");
}

#[test]
fn as_many_go_on_as_the_limit_of_the_next_one_says() {
    assert_snapshot!(trace("
        submit r1 group=g,limit=2 a
        submit r2 group=g,limit=2 b
        submit r3 group=g c
        submit r4 group=g,limit=2 d
        ok r1/a
        view r3
        ok r2/b
        ok r3/c
    "), @"
    0ms dispatch r1/a#1 on t
    0ms dispatch r2/b#1 on t
    0ms answer r1 succeeded
    0ms close r1
    0ms r3 is queued, spent $0, held $0
    0ms   held: 1 ahead, settles at 0ms
    0ms answer r2 succeeded
    0ms close r2
    0ms dispatch r3/c#1 on t
    0ms dispatch r4/d#1 on t
    0ms answer r3 succeeded
    0ms close r3
    ");
}

#[test]
fn a_new_run_takes_the_place_of_those_before_it_and_waits_for_their_ends() {
    assert_snapshot!(dialogue("
        records on
        submit r1 group=g,replace a; finally: f
        submit r2 group=g,replace b; on_failure: g; finally: h
        submit r3 group=g,replace c
        fail a cancelled
        ok f
        ok c
    "), @"
    0ms record 2 RunSubmitted
    0ms record 3 Begun
    0ms record 4 a dispatched #1 waited [] hold $0
    0ms dispatch r1/a#1 on t
    0ms record 5 RunSubmitted
    0ms record 6 CancelRequested
    0ms record 7 Answered
    0ms record 8 f dispatched #1 waited [] hold $0
    0ms stop r1/a#1
    0ms answer r1 cancelled cancelled: replaced by run 00000000000000000000000002
    0ms dispatch r1/f#1 on t
    0ms record 9 RunSubmitted
    0ms record 10 CancelRequested
    0ms record 11 Answered
    0ms record 12 Done
    0ms answer r2 cancelled cancelled: replaced by run 00000000000000000000000003
    0ms close r2
    0ms > fail a cancelled
    0ms record 13 a abandoned
    0ms > ok f
    0ms record 14 f finished: Succeed
    0ms record 15 Done
    0ms record 16 Begun
    0ms record 17 c dispatched #1 waited [] hold $0
    0ms close r1
    0ms dispatch r3/c#1 on t
    0ms > ok c
    0ms record 18 c finished: Succeed
    0ms record 19 Answered
    0ms record 20 Done
    0ms answer r3 succeeded
    0ms close r3
    ");
}

#[test]
fn what_was_answered_is_not_replaced_but_its_after_counts() {
    assert_snapshot!(trace("
        submit r1 group=g,replace a; after: z
        ok a
        submit r2 group=g,replace b
        ok z
    "), @"
    0ms dispatch r1/a#1 on t
    0ms answer r1 succeeded
    0ms dispatch r1/z#1 on t
    0ms close r1
    0ms dispatch r2/b#1 on t
    ");
}

#[test]
fn a_run_joins_the_one_that_is_there_of_the_same_graph() {
    assert_snapshot!(trace("
        submit r1 group=g,join a
        submit r2 group=g,join a
        submit r3 group=g,join other
        submit r4 group=g,join other
        submit r5 group=h,join a
        ok r1/a
        submit r6 group=g,join a
    "), @"
    0ms dispatch r1/a#1 on t
    0ms rejected: run 00000000000000000000000001 of the same group is not answered: this one joins it
    0ms rejected: run 00000000000000000000000003 of the same group is not answered: this one joins it
    0ms dispatch r5/a#1 on t
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r3/other#1 on t
    ");
}

#[test]
fn a_run_begins_no_sooner_than_it_has_settled_be_it_over_a_restart() {
    assert_snapshot!(trace("
        submit r1 group=g,settle=200ms a
        wait 100ms
        restart
        wait 50ms
        submit r2 group=g,replace,settle=200ms b
        view r2
        wait 1s
        why r2
    "), @"
     100ms restart
     150ms answer r1 cancelled cancelled: replaced by run 00000000000000000000000002
     150ms close r1
     150ms r2 is queued, spent $0, held $0
     150ms   held: 0 ahead, settles at 350ms
     350ms woken: a run has settled
     350ms dispatch r2/b#1 on t
    1150ms why r2: 1s: running 800ms delay 200ms; critical b
    1150ms   b running: delay 200ms running 800ms
    ");
}

#[test]
fn who_is_paused_lets_others_pass_and_keeps_its_place() {
    assert_snapshot!(trace("
        submit r1 group=g a
        submit r2 group=g b
        submit r3 group=g c
        pause r2
        ok a
        view r2
        resume r2
        ok c
    "), @"
    0ms dispatch r1/a#1 on t
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r3/c#1 on t
    0ms r2 is queued, spent $0, held $0
    0ms   held: 1 ahead, settles at 0ms
    0ms answer r3 succeeded
    0ms close r3
    0ms dispatch r2/b#1 on t
    ");
}

#[test]
fn what_ends_before_its_turn_ends_at_once_and_takes_no_place() {
    assert_snapshot!(trace("
        records on
        submit r1 group=g a
        submit r2 group=g run: deadline=1s; b; on_failure: x; finally: y
        submit r3 group=g c; finally: z
        submit r4 group=g d
        wait 2s
        why r2
        cancel r3
        why r3
        ok a
    "), @r#"
       0ms record 2 RunSubmitted
       0ms record 3 Begun
       0ms record 4 a dispatched #1 waited [] hold $0
       0ms dispatch r1/a#1 on t
       0ms record 5 RunSubmitted
       0ms record 6 RunSubmitted
       0ms record 7 RunSubmitted
    1000ms woken: a run's deadline
    1000ms record 8  ended Expired: Fail(Failure { class: DeadlineExceeded, message: "no answer within the deadline of 1s", retry_after: None, no_effect: false, partial: None, usage: Usage { tokens_in: 0, tokens_cached: 0, tokens_written: 0, tokens_out: 0, tokens_reasoning: 0, calls: 0, egress_bytes: 0, estimated: false }, raw_usage: None, labels: Labels(None) })
    1000ms record 9 Answered
    1000ms record 10 Done
    1000ms answer r2 failed deadline_exceeded: no answer within the deadline of 1s
    1000ms close r2
    2000ms why r2: 1s: limit 1s; critical 
    2000ms   b cancelled (EndedFirst(None)): limit 1s
    2000ms   never sent: b 1 cancelled
    2000ms record 11 CancelRequested
    2000ms record 12 Answered
    2000ms record 13 Done
    2000ms answer r3 cancelled cancelled: cancelled by the caller
    2000ms close r3
    2000ms why r3: 2s: limit 2s; critical 
    2000ms   c cancelled (CalledOff): limit 2s
    2000ms   never sent: c 1 cancelled
    2000ms record 14 a finished: Succeed
    2000ms record 15 Answered
    2000ms record 16 Done
    2000ms record 17 Begun
    2000ms record 18 d dispatched #1 waited [] hold $0
    2000ms answer r1 succeeded
    2000ms close r1
    2000ms dispatch r4/d#1 on t
    "#);
}

#[test]
fn a_restart_finds_who_is_held_and_lets_them_begin_once() {
    assert_snapshot!(trace("
        records on
        submit r1 group=g a
        submit r2 group=g b
        submit r3 group=g c
        restart
        ok a
        restart
        view r3
        ok b
    "), @"
    0ms record 2 RunSubmitted
    0ms record 3 Begun
    0ms record 4 a dispatched #1 waited [] hold $0
    0ms dispatch r1/a#1 on t
    0ms record 5 RunSubmitted
    0ms record 6 RunSubmitted
    0ms restart
    0ms record 7 Opened
    0ms record 8 Crashed
    0ms record 9 a ended Lost: Retry { at: Timestamp(0) }
    0ms record 10 a dispatched #2 waited [] hold $0
    0ms dispatch r1/a#2 on t
    0ms record 11 a finished: Succeed
    0ms record 12 Answered
    0ms record 13 Done
    0ms record 14 Begun
    0ms record 15 b dispatched #1 waited [] hold $0
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r2/b#1 on t
    0ms restart
    0ms record 16 Opened
    0ms record 17 Crashed
    0ms record 18 b ended Lost: Retry { at: Timestamp(0) }
    0ms record 19 b dispatched #2 waited [] hold $0
    0ms dispatch r2/b#2 on t
    0ms r3 is queued, spent $0, held $0
    0ms   held: 1 ahead, settles at 0ms
    0ms record 20 b finished: Succeed
    0ms record 21 Answered
    0ms record 22 Done
    0ms record 23 Begun
    0ms record 24 c dispatched #1 waited [] hold $0
    0ms answer r2 succeeded
    0ms close r2
    0ms dispatch r3/c#1 on t
    ");
}

#[test]
fn tasks_join_a_run_that_waits_and_signals_are_kept_for_it() {
    assert_snapshot!(trace("
        submit r1 group=g a
        submit r2 group=g b; c
        add r2 b; c; d needs b
        signal r2 go
        view r2
        ok a
    "), @"
    0ms dispatch r1/a#1 on t
    0ms r2 is queued, spent $0, held $0
    0ms   held: 1 ahead, settles at 0ms
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r2/b#1 on t
    0ms dispatch r2/c#1 on t
    ");
}

#[test]
fn what_is_run_again_waits_for_its_turn_too_and_joins_nobody() {
    assert_snapshot!(trace("
        submit r1 group=g a; b needs a
        submit r2 group=g c
        cancel r2
        ok a
        fail b permanent
        again r3 r1
        again r4 r2
    "), @"
    0ms dispatch r1/a#1 on t
    0ms answer r2 cancelled cancelled: cancelled by the caller
    0ms close r2
    0ms dispatch r1/b#1 on t
    0ms answer r1 failed permanent in b: no luck
    0ms close r1
    0ms dispatch r3/b#1 on t key of r1
    ");
}

#[test]
fn what_waits_for_its_turn_counts_as_live() {
    assert_snapshot!(trace("
        limit runs=2
        submit r1 group=g a
        submit r2 group=g b
        submit r3 group=g c
        submit r4 group=g,join a
    "), @"
    0ms dispatch r1/a#1 on t
    0ms rejected: the shard holds 2 live runs, as many as it may: try again later
    0ms rejected: run 00000000000000000000000001 of the same group is not answered: this one joins it
    ");
}
