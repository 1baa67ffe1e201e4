//! Waits for people, signals, webhooks and time.

use insta::assert_snapshot;

use super::{dialogue, trace};

#[test]
fn a_person_approves_and_the_run_goes_on() {
    assert_snapshot!(dialogue("
        submit r1 a; ask needs a wait=approval; b needs ask
        ok a
        wait 10s
        waits
        view r1
        approve r1 ask by=ann
        waits
        ok b
        why r1
    "), @r"
       0ms dispatch r1/a#1 on t
       0ms > ok a
    10000ms r1/ask waits for approval since 0ms
    10000ms r1 is running, spent $0, held $0
    10000ms   a succeeded
    10000ms   ask waiting on person
    10000ms   b waiting on dependency
    10000ms > approve r1 ask by=ann
    10000ms dispatch r1/b#1 on t
    10000ms > ok b
    10000ms answer r1 succeeded
    10000ms close r1
    10000ms why r1: 10s: person 10s; critical a → ask → b
    10000ms   a succeeded:
    10000ms   ask succeeded (approved true by ann after 10s): person 10s
    10000ms   b succeeded: dependency 10s
    ");
}

#[test]
fn a_refusal_is_a_result_that_fail_if_may_fail() {
    assert_snapshot!(dialogue("
        say ask fail_if=true
        submit r1 ask wait=approval; b needs ask
        submit r2 ask wait=approval fail_if; b needs ask
        wait 1s
        refuse r1 by=ann
        refuse r2 by=ann
        ok r1/b
        why r2
    "), @r#"
    1000ms > refuse r1 by=ann
    1000ms dispatch r1/b#1 on t
    1000ms > refuse r2 by=ann
    1000ms answer r2 failed invalid_output in ask: its result fulfils `fail_if`
    1000ms close r2
    1000ms > ok r1/b
    1000ms answer r1 succeeded
    1000ms close r1
    1000ms why r2: 1s: person 1s; critical ask
    1000ms   ask failed (approved false by ann after 1s) (Failed(InvalidOutput, "its result fulfils `fail_if`")): person 1s
    1000ms   b cancelled (for ask failed): dependency 1s
    1000ms   never sent: b 1 cancelled
    "#);
}

#[test]
fn the_first_decision_counts_and_only_of_who_is_asked() {
    assert_snapshot!(dialogue("
        submit r1 a wait=approval:ann+ben; b wait=approval; z needs a,b
        approve r1 by=cid
        approve r1 a by=cid
        approve r1 c
        refuse r1 a by=ben
        approve r1 a by=ann
        approve r1
        approve r1
        approve r2
        ok z
        approve r1
    "), @r#"
    0ms > approve r1 by=cid
    0ms rejected: several tasks of run 00000000000000000000000001 wait for approval: name one, such as a
    0ms > approve r1 a by=cid
    0ms rejected: task "a" waits for the decision of ann, ben
    0ms > approve r1 c
    0ms rejected: task "c" does not wait for approval
    0ms > refuse r1 a by=ben
    0ms > approve r1 a by=ann
    0ms rejected: task "a" does not wait for approval
    0ms > approve r1
    0ms dispatch r1/z#1 on t
    0ms > approve r1
    0ms rejected: no task of run 00000000000000000000000001 waits for approval
    0ms > approve r2
    0ms rejected: run 00000000000000000000000002 is over: nothing in it waits
    0ms > ok z
    0ms answer r1 succeeded
    0ms close r1
    0ms > approve r1
    0ms rejected: run 00000000000000000000000001 is over: nothing in it waits
    "#);
}

#[test]
fn a_signal_is_taken_once_by_who_waits_longest_or_is_kept() {
    assert_snapshot!(dialogue("
        records on
        submit r1 a; x wait=signal:go delay=1s; y wait=signal:go; z needs a wait=signal:go; q wait=webhook:go
        signal r1 go by=early
        signal r1 go by=second
        wait 2s
        signal r1 go by=third
        ok a
        waits
        webhook r1 go 1
        signal r1 go by=fourth
    "), @r"
       0ms record 2 RunSubmitted
       0ms record 3 a dispatched #1 waited [] hold $0
       0ms dispatch r1/a#1 on t
       0ms record 4 y entered
       0ms record 5 q entered
       0ms > signal r1 go by=early
       0ms record 6 y waited: waited []
       0ms > signal r1 go by=second
       0ms record 7 SignalKept
    1000ms woken: a task may start
    1000ms record 8 x entered
    1000ms record 9 x waited: kept, waited [delay 1s]
    2000ms > signal r1 go by=third
    2000ms record 10 SignalKept
    2000ms > ok a
    2000ms record 11 a finished: Succeed
    2000ms record 12 z entered
    2000ms record 13 z waited: kept, waited []
    2000ms r1/q waits for webhook go since 0ms
    2000ms > webhook r1 go 1
    2000ms record 14 q waited: waited [person 2s]
    2000ms record 15 Answered
    2000ms record 16 Done
    2000ms answer r1 succeeded
    2000ms close r1
    2000ms > signal r1 go by=fourth
    2000ms rejected: run 00000000000000000000000001 is over: nothing in it waits
    ");
}

#[test]
fn a_webhook_that_is_sent_again_acts_once() {
    assert_snapshot!(dialogue("
        records on
        submit r1 x wait=webhook:paid; y needs x wait=webhook:paid
        webhook r1 paid 1
        webhook r1 paid 1
        restart
        webhook r1 paid 1
        waits
        webhook r1 paid 2
    "), @r"
    0ms record 2 RunSubmitted
    0ms record 3 x entered
    0ms > webhook r1 paid 1
    0ms record 4 x waited: waited []
    0ms record 5 y entered
    0ms > webhook r1 paid 1
    0ms restart
    0ms record 6 Opened
    0ms > webhook r1 paid 1
    0ms r1/y waits for webhook paid since 0ms
    0ms > webhook r1 paid 2
    0ms record 7 y waited: waited []
    0ms record 8 Answered
    0ms record 9 Done
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn a_run_keeps_so_many_signals() {
    assert_snapshot!(dialogue("
        limit signals=2
        submit r1 a; x needs a wait=signal:go
        signal r1 go
        signal r1 other
        signal r1 go
        ok a
    "), @r"
    0ms dispatch r1/a#1 on t
    0ms > signal r1 go
    0ms > signal r1 other
    0ms > signal r1 go
    0ms rejected: run 00000000000000000000000001 keeps 2 signals that no task has taken, as many as it may
    0ms > ok a
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn time_comes_by_the_clock_of_the_core_and_over_a_restart() {
    assert_snapshot!(dialogue("
        submit r1 x wait=time:60m; y needs x
        wait 1m
        view r1
        restart
        wait 59m
        ok y
        why r1
    "), @r"
    60000ms r1 is running, spent $0, held $0
    60000ms   x waiting on delay
    60000ms   y waiting on dependency
    60000ms restart
    3600000ms woken: a wait is over, or somebody is reminded
    3600000ms dispatch r1/y#1 on t
    3600000ms > ok y
    3600000ms answer r1 succeeded
    3600000ms close r1
    3600000ms why r1: 1h 00m: delay 1h 00m; critical x → y
    3600000ms   x succeeded: delay 1h 00m
    3600000ms   y succeeded: dependency 1h 00m
    ");
}

#[test]
fn a_wait_survives_the_process_and_what_was_not_durable_is_asked_again() {
    assert_snapshot!(dialogue("
        submit r1 ask wait=approval; b needs ask
        wait 1m
        disk slow
        approve r1 ask
        restart
        waits
        approve r1 ask
        durable
        restart
        why r1 alone
        ok b
        why r1
    "), @r"
    60000ms > approve r1 ask
    60000ms dispatch r1/b#1 on t
    60000ms restart
    60000ms r1/ask waits for approval since 0ms
    60000ms > approve r1 ask
    60000ms dispatch r1/b#1 on t
    60000ms > durable
    60000ms restart
    60000ms dispatch r1/b#2 on t
    60000ms why r1: 1m 00s: person 1m 00s; critical ask → b
    60000ms   ask succeeded (approved true by test after 1m 00s): person 1m 00s
    60000ms   b running: dependency 1m 00s
    60000ms > ok b
    60000ms why r1: 1m 00s: person 1m 00s; critical ask → b
    60000ms   ask succeeded (approved true by test after 1m 00s): person 1m 00s
    60000ms   b succeeded: dependency 1m 00s
    ");
}

#[test]
fn nobody_decides_in_time() {
    assert_snapshot!(dialogue("
        submit r1 ask wait=approval within=1m catch=deadline_exceeded:output; b needs ask
        submit r2 ask wait=approval timeout=2m; b needs ask
        submit r3 ask wait=approval; b needs ask; run: deadline=3m
        waits
        wait 4m
        approve r1 ask
        ok r1/b
        why r1
    "), @r#"
       0ms r1/ask waits for approval since 0ms until 60000ms
       0ms r2/ask waits for approval since 0ms until 120000ms
       0ms r3/ask waits for approval since 0ms until 180000ms
    60000ms woken: a task's time is over
    60000ms dispatch r1/b#1 on t
    120000ms woken: a task's time is over
    120000ms answer r2 failed timeout in ask: no success within its timeout of 2m 00s
    120000ms close r2
    180000ms woken: a run's deadline
    180000ms answer r3 failed deadline_exceeded: no answer within the deadline of 3m 00s
    180000ms close r3
    240000ms > approve r1 ask
    240000ms rejected: task "ask" does not wait for approval
    240000ms > ok r1/b
    240000ms answer r1 succeeded degraded
    240000ms close r1
    240000ms why r1: 4m 00s: running 3m 00s person 1m 00s; critical ask → b
    240000ms   ask succeeded (Caught(DeadlineExceeded, "not settled within 1m 00s")): person 1m 00s
    240000ms   b succeeded: dependency 1m 00s running 3m 00s
    "#);
}

#[test]
fn who_is_asked_is_reminded() {
    assert_snapshot!(dialogue("
        records on
        submit r1 ask wait=approval reminder=10m
        wait 15m
        restart
        wait 6m
        approve r1
    "), @r"
       0ms record 2 RunSubmitted
       0ms record 3 ask entered
    600000ms woken: a wait is over, or somebody is reminded
    600000ms record 4 ask reminded
    900000ms restart
    900000ms record 5 Opened
    1200000ms woken: a wait is over, or somebody is reminded
    1200000ms record 6 ask reminded
    1260000ms > approve r1
    1260000ms record 7 ask waited: waited [person 21m 00s]
    1260000ms record 8 Answered
    1260000ms record 9 Done
    1260000ms answer r1 succeeded
    1260000ms close r1
    ");
}

#[test]
fn a_pause_holds_attempts_back_and_not_people() {
    assert_snapshot!(dialogue("
        submit r1 ask wait=approval; b needs ask; t wait=time:5s
        pause r1
        wait 10s
        approve r1
        view r1
        resume r1
        ok b
    "), @r"
       0ms > pause r1
    5000ms woken: a wait is over, or somebody is reminded
    10000ms > approve r1
    10000ms r1 is running, spent $0, held $0
    10000ms   ask succeeded
    10000ms   b waiting on paused
    10000ms   t succeeded
    10000ms > resume r1
    10000ms dispatch r1/b#1 on t
    10000ms > ok b
    10000ms answer r1 succeeded
    10000ms close r1
    ");
}

#[test]
fn waits_stand_in_items_rounds_and_races() {
    assert_snapshot!(dialogue("
        say e items=2
        say l until=false
        submit r1 e foreach wait=approval; l loop=2 last wait=signal:next; r race=1 { p wait=approval; q wait=webhook:hook }; z needs e,l,r
        wait 1s
        waits
        approve r1 e[1]
        webhook r1 hook 1
        signal r1 next
        wait 1s
        signal r1 next
        waits
        approve r1 e[0]
        why r1
        cancel r1
    "), @r"
    1000ms r1/e[0] waits for approval since 0ms
    1000ms r1/e[1] waits for approval since 0ms
    1000ms r1/l/loop#1 waits for signal next since 0ms
    1000ms r1/r/p waits for approval since 0ms
    1000ms r1/r/q waits for webhook hook since 0ms
    1000ms > approve r1 e[1]
    1000ms > webhook r1 hook 1
    1000ms > signal r1 next
    2000ms > signal r1 next
    2000ms r1/e[0] waits for approval since 0ms
    2000ms > approve r1 e[0]
    2000ms dispatch r1/z#1 on t
    2000ms why r1: 2s: person 2s; critical l/loop#1 → l/loop#2 → z
    2000ms   e[0] succeeded (approved true by test after 2s): person 2s
    2000ms   e[1] succeeded (approved true by test after 1s): person 1s
    2000ms   l succeeded (RanOut(Rounds, 2)): person 2s
    2000ms   l/loop#1 succeeded (sent by test after 1s): person 1s
    2000ms   r/p cancelled (EndedFirst(None)): person 1s
    2000ms   r/q succeeded (sent by test after 1s): person 1s
    2000ms   l/loop#2 succeeded (sent by test after 1s): dependency 1s person 1s
    2000ms   z running: dependency 2s
    2000ms   never sent: r/p 1 cancelled
    2000ms > cancel r1
    2000ms stop r1/z#1
    2000ms answer r1 cancelled degraded cancelled: cancelled by the caller
    ");
}

#[test]
fn a_cancelled_run_waits_for_nobody() {
    assert_snapshot!(trace("
        submit r1 ask wait=approval reminder=1m; t wait=time:5m; on_failure: f; finally: tell wait=approval
        wait 1s
        cancel r1
        waits
        why r1
        approve r1 tell
        wait 10m
    "), @r"
    1000ms answer r1 cancelled cancelled: cancelled by the caller
    1000ms r1/tell waits for approval since 1000ms
    1000ms why r1: 1s: delay 1s; critical t
    1000ms   ask cancelled (CalledOff): person 1s
    1000ms   t cancelled (CalledOff): delay 1s
    1000ms   tell waiting: dependency 1s
    1000ms   never sent: ask 1 cancelled
    1000ms   never sent: t 1 cancelled
    1000ms   never sent: tell 1 waiting
    1000ms close r1
    ");
}
