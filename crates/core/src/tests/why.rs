//! Where the time went.

use insta::assert_snapshot;

use super::trace;

#[test]
fn causes_add_up_over_waiting_running_and_backing_off() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b retry=3; c needs a,b
        wait 100ms
        ok a
        wait 50ms
        fail b unavailable
        wait 2s
        ok b
        wait 10ms
        ok c
        why r1
    "), @"
       0ms dispatch r1/a#1 on t
     100ms dispatch r1/b#1 on t
     350ms woken: a task may start
     350ms dispatch r1/b#2 on t
    2150ms dispatch r1/c#1 on t
    2160ms answer r1 succeeded
    2160ms close r1
    2160ms why r1: 2.16s: running 1.86s backoff 200ms limit 100ms; critical b → c
    2160ms   a succeeded: running 100ms
    2160ms   b succeeded: limit 100ms running 1.85s backoff 200ms
    2160ms   c succeeded: dependency 2.15s running 10ms
    ");
}

#[test]
fn items_rounds_and_a_restart_are_accounted_for() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 e foreach max=2; l needs e loop=3 { x }
        wait 10ms
        ok e[0]
        wait 10ms
        restart
        wait 10ms
        why r1
    "), @"
     0ms dispatch r1/e[0]#1 on t
    10ms dispatch r1/e[1]#1 on t
    20ms restart
    20ms dispatch r1/e[1]#2 on t
    30ms why r1: 30ms: running 10ms limit 10ms downtime 10ms; critical e[0] → e[2]
    30ms   e[0] succeeded: running 10ms
    30ms   e[1] running: limit 10ms downtime 10ms running 10ms
    30ms   e[2] waiting: dependency 10ms downtime 10ms limit 10ms
    30ms   l waiting (needs e): dependency 30ms
    30ms   never sent: l 1 waiting
    ");
}

#[test]
fn skipped_caught_dropped_and_exhausted_are_said() {
    assert_snapshot!(trace("
        targets t=4
        say s if=false
        say l until=false
        submit r1 s if; c catch=any:output; l loop=2 best { x }; d needs c
        fail c permanent
        wait 10ms
        ok l/loop#1/x
        wait 10ms
        ok l/loop#2/x
        wait 10ms
        ok d
        why r1
    "), @r#"
     0ms dispatch r1/c#1 on t
     0ms dispatch r1/l/loop#1/x#1 on t
     0ms dispatch r1/d#1 on t
    10ms dispatch r1/l/loop#2/x#1 on t
    30ms answer r1 succeeded degraded
    30ms close r1
    30ms why r1: 30ms: running 30ms; critical c → d
    30ms   s skipped (Condition):
    30ms   c succeeded (Caught(Permanent, "no luck")):
    30ms   l succeeded (RanOut(Rounds, 2)): running 20ms
    30ms   l/loop#1/x succeeded: running 10ms
    30ms   d succeeded: running 30ms
    30ms   l/loop#2/x succeeded: dependency 10ms running 10ms
    "#);
}

#[test]
fn a_run_that_fails_names_the_task_and_what_never_started() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b; c needs a,b
        wait 10ms
        fail a permanent
        wait 5ms
        why r1
    "), @r#"
     0ms dispatch r1/a#1 on t
    10ms answer r1 failed permanent in a: no luck
    10ms close r1
    15ms why r1: 10ms: running 10ms; critical a
    15ms   a failed (Failed(Permanent, "no luck")): running 10ms
    15ms   b cancelled (for a failed): limit 10ms
    15ms   c cancelled (for a failed): dependency 10ms
    15ms   never sent: b 1 cancelled
    15ms   never sent: c 1 cancelled
    "#);
}

#[test]
fn a_deadline_is_put_down_to_what_went_on() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b needs a; run: deadline=50ms
        wait 20ms
        ok a
        wait 40ms
        why r1
    "), @"
     0ms dispatch r1/a#1 on t
    20ms dispatch r1/b#1 on t
    50ms woken: a run's deadline
    50ms stop r1/b#1
    50ms answer r1 failed deadline_exceeded: no answer within the deadline of 50ms
    60ms why r1: 50ms: running 50ms; critical a → b
    60ms   a succeeded: running 20ms
    60ms   b cancelled (EndedFirst(None)): dependency 20ms running 30ms
    ");
}

#[test]
fn waiting_for_money_and_for_a_person_who_paused() {
    assert_snapshot!(trace("
        targets t=2:token=1c:cap=100
        submit r1 a; b; c needs a,b; run: budget=110c wait
        wait 10ms
        ok a tokens=5
        wait 10ms
        ok b tokens=5
        ok c tokens=5
        submit r2 a; b needs a
        wait 10ms
        pause r2
        ok r2/a
        wait 30ms
        resume r2
        wait 10ms
        ok r2/b
        why r1
        why r2
    "), @"
     0ms dispatch r1/a#1 on t cap=100
    10ms dispatch r1/b#1 on t cap=100
    20ms dispatch r1/c#1 on t cap=100
    20ms answer r1 succeeded spent $0.1500
    20ms close r1
    20ms dispatch r2/a#1 on t cap=100
    60ms dispatch r2/b#1 on t cap=100
    70ms answer r2 succeeded spent $2.00
    70ms close r2
    70ms why r1: 20ms: running 10ms budget 10ms; critical b → c
    70ms   a succeeded: running 10ms
    70ms   b succeeded: budget 10ms running 10ms
    70ms   c succeeded: dependency 20ms
    70ms why r2: 50ms: paused 30ms running 20ms; critical a → b
    70ms   a succeeded: running 10ms
    70ms   b succeeded: dependency 10ms paused 30ms running 10ms
    ");
}

#[test]
fn a_live_run_says_what_waits_for_what() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b; c needs a,b delay=20ms
        wait 10ms
        ok a
        wait 10ms
        why r1
        ok b
        wait 10ms
        why r1
    "), @"
     0ms dispatch r1/a#1 on t
    10ms dispatch r1/b#1 on t
    20ms why r1: 20ms: running 10ms limit 10ms; critical b
    20ms   a succeeded: running 10ms
    20ms   b running: limit 10ms running 10ms
    20ms   c waiting (needs b): dependency 20ms
    20ms   never sent: c 1 waiting
    30ms why r1: 30ms: running 10ms limit 10ms delay 10ms; critical b → c
    30ms   a succeeded: running 10ms
    30ms   b succeeded: limit 10ms running 10ms
    30ms   c waiting: dependency 20ms delay 10ms
    30ms   never sent: c 1 waiting
    ");
}

#[test]
fn what_ended_in_the_queue_says_what_it_queued_for() {
    assert_snapshot!(trace("
        targets x=1:class=x t=1
        submit r0 a class=x
        submit r1 b class=x optional; c needs b; run: deadline=1s
        wait 900ms
        ok r1/c
        why r1
        submit r2 b class=x within=50ms; c needs b
        wait 60ms
        why r2
        submit r3 b class=x timeout=50ms catch=timeout:output; c needs b
        wait 60ms
        ok r3/c
        why r3
    "), @r#"
       0ms dispatch r0/a#1 on x
     850ms woken: a task's time is over
     850ms dispatch r1/c#1 on t
     900ms answer r1 succeeded degraded
     900ms close r1
     900ms why r1: 900ms: limit 850ms running 50ms; critical b → c
     900ms   b pruned (Dropped): limit 850ms
     900ms   c succeeded: dependency 850ms running 50ms
     950ms woken: a task's time is over
     950ms answer r2 failed deadline_exceeded in b: not settled within 50ms
     950ms close r2
     960ms why r2: 50ms: limit 50ms; critical b
     960ms   b failed (Failed(DeadlineExceeded, "not settled within 50ms")): limit 50ms
     960ms   c cancelled (for b failed): dependency 50ms
     960ms   never sent: c 1 cancelled
    1010ms woken: a task's time is over
    1010ms dispatch r3/c#1 on t
    1020ms answer r3 succeeded degraded
    1020ms close r3
    1020ms why r3: 60ms: limit 50ms running 10ms; critical b → c
    1020ms   b succeeded (Caught(Timeout, "no success within its timeout of 50ms")): limit 50ms
    1020ms   c succeeded: dependency 50ms running 10ms
    "#);
}

#[test]
fn what_ended_while_it_waited_for_money_a_person_or_its_start_says_so() {
    assert_snapshot!(trace("
        targets t=2:token=1c:cap=100
        submit r1 a; b; run: budget=110c wait
        wait 10ms
        ok a tokens=100
        why r1
        targets t=1
        submit r2 a; b within=30ms
        wait 5ms
        pause r2
        wait 40ms
        why r2
        submit r3 a delay=1s timeout=30ms
        wait 40ms
        why r3
    "), @r#"
     0ms dispatch r1/a#1 on t cap=100
    10ms answer r1 failed spent $1.00 budget_exceeded in b: an attempt on t may cost up to $1.00; $0.1000 of the budget is left ($1.00 spent, $0 held)
    10ms close r1
    10ms why r1: 10ms: budget 10ms; critical b
    10ms   a succeeded: running 10ms
    10ms   b failed (Failed(BudgetExceeded, "an attempt on t may cost up to $1.00; $0.1000 of the budget is left ($1.00 spent, $0 held)")): budget 10ms
    10ms dispatch r2/a#1 on t
    40ms woken: a task's time is over
    40ms stop r2/a#1
    40ms answer r2 failed deadline_exceeded in b: not settled within 30ms
    55ms why r2: 30ms: paused 25ms limit 5ms; critical b
    55ms   a cancelled (for b failed): running 30ms
    55ms   b failed (Failed(DeadlineExceeded, "not settled within 30ms")): limit 5ms paused 25ms
    85ms woken: a task's time is over
    85ms answer r3 failed timeout in a: no success within its timeout of 30ms
    85ms close r3
    95ms why r3: 30ms: delay 30ms; critical a
    95ms   a failed (Failed(Timeout, "no success within its timeout of 30ms")): delay 30ms
    "#);
}

#[test]
fn what_no_target_may_see_any_more_says_how_long_it_queued() {
    assert_snapshot!(trace("
        targets t=1:clearance=region=eu
        submit r1 a; b; run: labels=region=eu
        wait 10ms
        targets t=1
        why r1
    "), @r#"
     0ms dispatch r1/a#1 on t
    10ms stop r1/a#1
    10ms answer r1 failed permanent in b: no target that could chat here has clearance for data labelled region=eu
    10ms why r1: 10ms: limit 10ms; critical b
    10ms   a cancelled (for b failed): running 10ms
    10ms   b failed (Failed(Permanent, "no target that could chat here has clearance for data labelled region=eu")): limit 10ms
    "#);
}

#[test]
fn a_stop_in_good_order_is_no_downtime_before_it() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b
        wait 100ms
        stop
        wait 1s
        restart
        wait 10ms
        why r1
        restart
        wait 10ms
        ok a
        ok b
        why r1
    "), @"
       0ms dispatch r1/a#1 on t
     100ms stop
    1100ms restart
    1100ms dispatch r1/a#2 on t
    1110ms why r1: 1.11s: downtime 1s scheduler 100ms limit 10ms; critical b
    1110ms   a running: running 110ms downtime 1s
    1110ms   b waiting: downtime 1s scheduler 100ms limit 10ms
    1110ms   never sent: b 1 waiting
    1110ms restart
    1110ms dispatch r1/a#3 on t
    1120ms dispatch r1/b#1 on t
    1120ms answer r1 succeeded
    1120ms close r1
    1120ms why r1: 1.12s: downtime 1.01s scheduler 100ms limit 10ms; critical b
    1120ms   a succeeded: running 110ms downtime 1.01s
    1120ms   b succeeded: downtime 1.01s scheduler 100ms limit 10ms
    ");
}

#[test]
fn who_was_told_to_stop_sends_nothing_more() {
    assert_snapshot!(trace("
        submit r1 a effect=once; b effect=once needs a; c needs a
        stopping
        wait 5ms
        ok r1/a
        wait 5ms
        stop
        restart
        ok r1/b
        ok r1/c
    "), @"
     0ms dispatch r1/a#1 on t
    10ms stop
    10ms restart
    10ms dispatch r1/b#1 on t
    10ms dispatch r1/c#1 on t
    10ms answer r1 succeeded
    10ms close r1
    ");
}

#[test]
fn where_nothing_is_live_a_stop_leaves_no_record() {
    assert_snapshot!(trace("
        records on
        stop
        submit r1 a
        stop
    "), @"
    0ms stop
    0ms record 2 RunSubmitted
    0ms record 3 a dispatched #1 waited [] hold $0
    0ms dispatch r1/a#1 on t
    0ms stop
    0ms record 4 Closed
    ");
}

#[test]
fn what_ended_with_all_of_it_in_the_queue_says_so_too() {
    assert_snapshot!(trace("
        targets x=1:class=x t=1
        submit r0 a class=x
        submit r1 e foreach max=2 class=x optional; c needs e; run: deadline=1s
        wait 900ms
        ok r1/c
        why r1
        submit r2 l loop=2 class=x timeout=30ms
        wait 60ms
        why r2
        submit r3 g timeout=30ms { x class=x; y needs x }
        wait 60ms
        why r3
        submit r4 e foreach max=2 class=x timeout=30ms catch=timeout:output
        wait 10ms
        ok r0/a
        wait 10ms
        ok r4/e[0]
        wait 20ms
        why r4
    "), @r#"
       0ms dispatch r0/a#1 on x
     850ms woken: a task's time is over
     850ms dispatch r1/c#1 on t
     900ms answer r1 succeeded degraded
     900ms close r1
     900ms why r1: 900ms: order 850ms running 50ms; critical e[1] → c
     900ms   e pruned (Dropped): limit 850ms
     900ms   e[0] cancelled (EndedFirst(None)): limit 850ms
     900ms   e[1] cancelled (EndedFirst(None)): order 850ms
     900ms   c succeeded: dependency 850ms running 50ms
     900ms   never sent: e 2 cancelled
     930ms woken: a task's time is over
     930ms answer r2 failed timeout in l: no success within its timeout of 30ms
     930ms close r2
     960ms why r2: 30ms: limit 30ms; critical l/loop#1
     960ms   l failed (Failed(Timeout, "no success within its timeout of 30ms")): limit 30ms
     960ms   l/loop#1 cancelled (for l failed): limit 30ms
     960ms   never sent: l 1 cancelled
     990ms woken: a task's time is over
     990ms answer r3 failed timeout in g: no success within its timeout of 30ms
     990ms close r3
    1020ms why r3: 30ms: limit 30ms; critical g/x
    1020ms   g failed (Failed(Timeout, "no success within its timeout of 30ms")): limit 30ms
    1020ms   g/x cancelled (for g failed): limit 30ms
    1020ms   never sent: g/x 1 cancelled
    1030ms dispatch r4/e[0]#1 on x
    1030ms answer r0 succeeded
    1030ms close r0
    1040ms dispatch r4/e[1]#1 on x
    1050ms woken: a task's time is over
    1050ms stop r4/e[1]#1
    1050ms answer r4 failed timeout in e: no success within its timeout of 30ms
    1060ms why r4: 30ms: limit 20ms running 10ms; critical e[0] → e[2]
    1060ms   e failed (Failed(Timeout, "no success within its timeout of 30ms")): limit 10ms running 20ms
    1060ms   e[0] succeeded: limit 10ms running 10ms
    1060ms   e[1] cancelled (for e failed): order 10ms limit 10ms running 10ms
    1060ms   e[2] cancelled (for e failed): dependency 20ms limit 10ms
    "#);
}

#[test]
fn what_was_out_at_a_crash_did_not_run_through_it() {
    assert_snapshot!(trace("
        targets t=4
        submit r1 o effect=once; n; p effect=idempotent; g { x }
        wait 100ms
        submit r2 s
        wait 100ms
        restart
        wait 10ms
        why r1
    "), @r#"
      0ms dispatch r1/o#1 on t
      0ms dispatch r1/n#1 on t
      0ms dispatch r1/p#1 on t
      0ms dispatch r1/g/x#1 on t
    200ms restart
    200ms answer r1 failed uncertain in o: the process ended while attempt 1 on t was out: it may have taken effect
    200ms close r1
    200ms dispatch r2/s#1 on t
    210ms why r1: 200ms: running 100ms downtime 100ms; critical o
    210ms   o failed (Failed(Uncertain, "the process ended while attempt 1 on t was out: it may have taken effect")): running 100ms downtime 100ms
    210ms   n cancelled (for o failed): running 100ms downtime 100ms
    210ms   p cancelled (for o failed): running 100ms downtime 100ms
    210ms   g/x cancelled (for o failed): running 100ms downtime 100ms
    "#);
}

#[test]
fn who_lost_a_race_is_not_what_the_answer_waited_for() {
    assert_snapshot!(trace("
        submit r1 a; r race=1 needs a { p; q }; b needs r
        wait 10ms
        ok a
        wait 10ms
        ok r/p
        fail r/q cancelled
        wait 10ms
        ok b
        why r1
    "), @"
     0ms dispatch r1/a#1 on t
    10ms dispatch r1/r/p#1 on t
    10ms dispatch r1/r/q#1 on t
    20ms stop r1/r/q#1
    20ms dispatch r1/b#1 on t
    30ms answer r1 succeeded
    30ms close r1
    30ms why r1: 30ms: running 30ms; critical a → r/p → b
    30ms   a succeeded: running 10ms
    30ms   r/p succeeded: dependency 10ms running 10ms
    30ms   r/q cancelled (EndedFirst(None)): dependency 10ms running 10ms
    30ms   b succeeded: dependency 20ms running 10ms
    ");
}
