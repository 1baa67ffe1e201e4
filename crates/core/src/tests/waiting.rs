//! What waits, and for what: inside groups too, and where no process works on the run.

use insta::assert_snapshot;

use super::trace;

#[test]
fn what_waits_inside_says_for_what() {
    assert_snapshot!(trace("
        targets t=9
        say l until=false
        say e items=3
        submit r1 l loop=3 { x; y needs x }; g delay=1s { p; q needs p }; e foreach max=1 { u; v needs u; w needs u,v }; r race=1 { m; n needs m }; z needs g,l
        wait 10ms
        ok r1/l/loop#1/x
        why r1
        wait 10ms
        ok r1/l/loop#1/y
        ok r1/e[0]/u
        ok r1/r/m
        wait 1s
        why r1
    "), @r"
       0ms dispatch r1/l/loop#1/x#1 on t
       0ms dispatch r1/r/m#1 on t
       0ms dispatch r1/e[0]/u#1 on t
      10ms dispatch r1/l/loop#1/y#1 on t
      10ms why r1: 10ms: running 10ms; critical l/loop#1/x → l/loop#1/y
      10ms   l/loop#1/x succeeded: running 10ms
      10ms   g waiting: delay 10ms
      10ms   e[0]/u running: running 10ms
      10ms   r/m running: running 10ms
      10ms   l/loop#1/y running: dependency 10ms
      10ms   e[0]/v waiting (needs u): dependency 10ms
      10ms   e[0]/w waiting (needs u, v): dependency 10ms
      10ms   r/n waiting (needs m): dependency 10ms
      10ms   z waiting (needs g, l): dependency 10ms
      10ms   never sent: g 1 waiting
      10ms   never sent: e/v 1 waiting
      10ms   never sent: e/w 1 waiting
      10ms   never sent: r/n 1 waiting
      10ms   never sent: z 1 waiting
      20ms dispatch r1/l/loop#2/x#1 on t
      20ms dispatch r1/e[0]/v#1 on t
    1000ms woken: a task may start
    1000ms dispatch r1/g/p#1 on t
    1020ms why r1: 1.02s: delay 1s running 20ms; critical g/p
    1020ms   l/loop#1/x succeeded: running 10ms
    1020ms   e[0]/u succeeded: running 20ms
    1020ms   r/m succeeded: running 20ms
    1020ms   l/loop#1/y succeeded: dependency 10ms running 10ms
    1020ms   l/loop#2/x running: dependency 20ms running 1s
    1020ms   e[0]/v running: dependency 20ms running 1s
    1020ms   g/p running: dependency 1s running 20ms
    1020ms   l/loop#2/y waiting (needs x): dependency 1.02s
    1020ms   g/q waiting (needs p): dependency 1.02s
    1020ms   e[0]/w waiting (needs v): dependency 1.02s
    1020ms   z waiting (needs g, l): dependency 1.02s
    1020ms   never sent: g/q 1 waiting
    1020ms   never sent: e/w 1 waiting
    1020ms   never sent: z 1 waiting
    ");
}

#[test]
fn who_waits_while_nobody_works_on_the_run_needs_nothing() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; d delay=5s; i if; g { x; y needs x }; e foreach max=2; l loop=3; z needs a,g
        wait 10ms
        stop
        wait 20ms
        why r1 alone
        restart
        why r1
    "), @r"
     0ms dispatch r1/g/x#1 on t
    10ms stop
    30ms why r1: 30ms: downtime 20ms scheduler 10ms; critical l/loop#1
    30ms   a waiting: scheduler 10ms downtime 20ms
    30ms   d waiting: delay 10ms downtime 20ms
    30ms   i waiting: scheduler 10ms downtime 20ms
    30ms   g/x running: running 10ms downtime 20ms
    30ms   e[0] waiting: scheduler 10ms downtime 20ms
    30ms   e[1] waiting: scheduler 10ms downtime 20ms
    30ms   l/loop#1 waiting: scheduler 10ms downtime 20ms
    30ms   g/y waiting (needs x): dependency 30ms
    30ms   z waiting (needs a, g): dependency 30ms
    30ms   never sent: a 1 waiting
    30ms   never sent: d 1 waiting
    30ms   never sent: i 1 waiting
    30ms   never sent: e 2 waiting
    30ms   never sent: l 1 waiting
    30ms   never sent: g/y 1 waiting
    30ms   never sent: z 1 waiting
    30ms restart
    30ms dispatch r1/g/x#2 on t
    30ms why r1: 30ms: downtime 20ms scheduler 10ms; critical l/loop#1
    30ms   a waiting: downtime 20ms scheduler 10ms
    30ms   d waiting: downtime 20ms delay 10ms
    30ms   i waiting: downtime 20ms scheduler 10ms
    30ms   g/x running: running 10ms downtime 20ms
    30ms   e[0] waiting: downtime 20ms scheduler 10ms
    30ms   e[1] waiting: downtime 20ms scheduler 10ms
    30ms   l/loop#1 waiting: downtime 20ms scheduler 10ms
    30ms   g/y waiting (needs x): dependency 30ms
    30ms   z waiting (needs a, g): dependency 30ms
    30ms   never sent: a 1 waiting
    30ms   never sent: d 1 waiting
    30ms   never sent: i 1 waiting
    30ms   never sent: e 2 waiting
    30ms   never sent: l 1 waiting
    30ms   never sent: g/y 1 waiting
    30ms   never sent: z 1 waiting
    ");
}

#[test]
fn who_waits_inside_while_nobody_works_on_the_run_says_for_what() {
    assert_snapshot!(trace("
        targets t=9
        say l until=false
        say e items=5
        submit r1 l loop=3 { x; y needs x }; e foreach max=2; f delay=10ms { u needs v; v }; o foreach max=2 { m; n needs m }; z needs l,e
        wait 10ms
        ok l/loop#1/x; l/loop#1/y; e[0]; e[1]; o[0]/m
        why r1 alone
        wait 10ms
        ok e[3]
        stop
        wait 5ms
        why r1 alone
    "), @r"
     0ms dispatch r1/l/loop#1/x#1 on t
     0ms dispatch r1/e[0]#1 on t
     0ms dispatch r1/e[1]#1 on t
     0ms dispatch r1/o[0]/m#1 on t
     0ms dispatch r1/o[1]/m#1 on t
    10ms woken: a task may start
    10ms dispatch r1/f/v#1 on t
    10ms dispatch r1/l/loop#1/y#1 on t
    10ms dispatch r1/l/loop#2/x#1 on t
    10ms dispatch r1/e[2]#1 on t
    10ms dispatch r1/e[3]#1 on t
    10ms dispatch r1/o[0]/n#1 on t
    10ms why r1: 10ms: running 10ms; critical o[0]/m → o[0]/n
    10ms   l/loop#1/x succeeded: running 10ms
    10ms   e[0] succeeded: running 10ms
    10ms   e[1] succeeded: running 10ms
    10ms   o[0]/m succeeded: running 10ms
    10ms   o[1]/m running: running 10ms
    10ms   l/loop#1/y succeeded: dependency 10ms
    10ms   l/loop#2/x running: dependency 10ms
    10ms   e[2] running: dependency 10ms
    10ms   e[3] running: dependency 10ms
    10ms   f/v running: dependency 10ms
    10ms   o[0]/n running: dependency 10ms
    10ms   l/loop#2/y waiting (needs x): dependency 10ms
    10ms   f/u waiting (needs v): dependency 10ms
    10ms   o[1]/n waiting (needs m): dependency 10ms
    10ms   z waiting (needs l, e): dependency 10ms
    10ms   never sent: f/u 1 waiting
    10ms   never sent: z 1 waiting
    20ms dispatch r1/e[4]#1 on t
    20ms stop
    25ms why r1: 25ms: running 20ms downtime 5ms; critical e[1] → e[3] → e[4]
    25ms   l/loop#1/x succeeded: running 10ms
    25ms   e[0] succeeded: running 10ms
    25ms   e[1] succeeded: running 10ms
    25ms   o[0]/m succeeded: running 10ms
    25ms   o[1]/m running: running 20ms downtime 5ms
    25ms   l/loop#1/y succeeded: dependency 10ms
    25ms   l/loop#2/x running: dependency 10ms running 10ms downtime 5ms
    25ms   e[2] running: dependency 10ms running 10ms downtime 5ms
    25ms   e[3] succeeded: dependency 10ms running 10ms
    25ms   f/v running: dependency 10ms running 10ms downtime 5ms
    25ms   o[0]/n running: dependency 10ms running 10ms downtime 5ms
    25ms   e[4] running: dependency 20ms downtime 5ms
    25ms   l/loop#2/y waiting (needs x): dependency 25ms
    25ms   f/u waiting (needs v): dependency 25ms
    25ms   o[1]/n waiting (needs m): dependency 25ms
    25ms   z waiting (needs l, e): dependency 25ms
    25ms   never sent: f/u 1 waiting
    25ms   never sent: z 1 waiting
    ");
}

#[test]
fn what_backs_off_or_was_out_while_nobody_works_on_the_run_does_so() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a retry=3
        wait 10ms
        submit r2 b
        fail a unavailable
        why r1 alone
        wait 100ms
        why r1 alone
        wait 900ms
        why r1 alone
        why r2 alone
    "), @r"
       0ms dispatch r1/a#1 on t
      10ms dispatch r2/b#1 on t
      10ms why r1: 10ms: running 10ms; critical a
      10ms   a backing_off: running 10ms
     110ms why r1: 110ms: backoff 100ms running 10ms; critical a
     110ms   a backing_off: running 10ms backoff 100ms
     210ms woken: a task may start
    1010ms why r1: 1.01s: downtime 800ms backoff 200ms running 10ms; critical a
    1010ms   a waiting: running 10ms backoff 200ms downtime 800ms
    1010ms why r2: 1s: downtime 1s; critical b
    1010ms   b running: downtime 1s
    ");
}

#[test]
fn an_item_that_has_no_place_yet_waits_for_its_turn() {
    assert_snapshot!(trace("
        targets t=9
        say e items=9
        submit r1 e foreach max=2; g { q needs p; p }
        wait 10ms
        why r1 e[1]
        why r1 e[2]
        why r1 e[9]
        why r1 g/q
        ok e[0]
        why r1 e[2]
    "), @r"
     0ms dispatch r1/g/p#1 on t
     0ms dispatch r1/e[0]#1 on t
     0ms dispatch r1/e[1]#1 on t
    10ms why r1: 10ms: running 10ms; critical g/p
    10ms   e[1] running: running 10ms
    10ms   never sent: g/q 1 waiting
    10ms why r1: 10ms: running 10ms; critical g/p
    10ms   e[2] waiting (Turn): dependency 10ms
    10ms   never sent: g/q 1 waiting
    10ms why r1: 10ms: running 10ms; critical g/p
    10ms   never sent: g/q 1 waiting
    10ms why r1: 10ms: running 10ms; critical g/p
    10ms   g/q waiting (needs p): dependency 10ms
    10ms   never sent: g/q 1 waiting
    10ms dispatch r1/e[2]#1 on t
    10ms why r1: 10ms: running 10ms; critical e[1] → e[2]
    10ms   e[2] running: dependency 10ms
    10ms   never sent: g/q 1 waiting
    ");
}

#[test]
fn before_a_task_was_added_the_time_is_that_of_what_went_on() {
    assert_snapshot!(trace("
        targets t=9
        submit r1 a; b
        wait 10ms
        ok b
        wait 5ms
        add r1 a; b; c
        fail c permanent
        why r1
        submit r2 a
        wait 10ms
        add r2 a; d { p; q needs p }; k needs a; n needs d
        why r2
        wait 5ms
        ok r2/a
        ok r2/d/p
        wait 5ms
        ok r2/d/q
        ok r2/k
        why r2 alone
        wait 5ms
        ok r2/n
        why r2
    "), @r#"
     0ms dispatch r1/a#1 on t
     0ms dispatch r1/b#1 on t
    15ms dispatch r1/c#1 on t
    15ms stop r1/a#1
    15ms answer r1 failed permanent in c: no luck
    15ms why r1: 15ms: running 15ms; critical a → c
    15ms   a cancelled (for c failed): running 15ms
    15ms   b succeeded: running 10ms
    15ms   c failed (Failed(Permanent, "no luck")):
    15ms dispatch r2/a#1 on t
    25ms dispatch r2/d/p#1 on t
    25ms why r2: 10ms: running 10ms; critical a → d/p
    25ms   a running: running 10ms
    25ms   d/p running:
    25ms   d/q waiting (needs p):
    25ms   k waiting (needs a):
    25ms   n waiting (needs d):
    25ms   never sent: d/q 1 waiting
    25ms   never sent: k 1 waiting
    25ms   never sent: n 1 waiting
    30ms dispatch r2/k#1 on t
    30ms dispatch r2/d/q#1 on t
    35ms dispatch r2/n#1 on t
    35ms why r2: 20ms: running 20ms; critical a → d/p → d/q → n
    35ms   a succeeded: running 15ms
    35ms   d/p succeeded: running 5ms
    35ms   d/q succeeded: dependency 5ms running 5ms
    35ms   k succeeded: dependency 5ms running 5ms
    35ms   n running: dependency 10ms
    40ms answer r2 succeeded
    40ms close r2
    40ms why r2: 25ms: running 25ms; critical a → d/p → d/q → n
    40ms   a succeeded: running 15ms
    40ms   d/p succeeded: running 5ms
    40ms   d/q succeeded: dependency 5ms running 5ms
    40ms   k succeeded: dependency 5ms running 5ms
    40ms   n succeeded: dependency 10ms running 5ms
    "#);
}

#[test]
fn before_an_addition_whose_needs_had_settled_the_time_is_that_of_what_went_on() {
    assert_snapshot!(trace("
        submit r1 a; b
        wait 10ms
        ok r1/a
        wait 5ms
        add r1 a; b; z needs a
        wait 5ms
        ok r1/b
        ok r1/z
        why r1
    "), @r"
     0ms dispatch r1/a#1 on t
     0ms dispatch r1/b#1 on t
    15ms dispatch r1/z#1 on t
    20ms answer r1 succeeded
    20ms close r1
    20ms why r1: 20ms: running 20ms; critical b → z
    20ms   a succeeded: running 10ms
    20ms   b succeeded: running 20ms
    20ms   z succeeded: running 5ms
    ");
}

#[test]
fn every_downtime_of_a_wait_is_told() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b; w delay=8ms; c needs a
        wait 10ms
        stop
        wait 100ms
        restart
        wait 10ms
        ok a
        wait 10ms
        restart
        wait 5ms
        stop
        wait 1s
        restart
        wait 7ms
        why r1
        ok b
        ok w
        ok c
        why r1
    "), @"
       0ms dispatch r1/a#1 on t
       8ms woken: a task may start
      10ms stop
     110ms restart
     110ms dispatch r1/a#2 on t
     120ms dispatch r1/b#1 on t
     130ms restart
     130ms dispatch r1/b#2 on t
     135ms stop
    1135ms restart
    1135ms dispatch r1/b#3 on t
    1142ms why r1: 1.14s: downtime 1.11s running 20ms order 7ms scheduler 5ms; critical a → c
    1142ms   a succeeded: running 20ms downtime 100ms
    1142ms   b running: downtime 1.11s scheduler 10ms limit 10ms running 12ms
    1142ms   w waiting: downtime 1.11s delay 8ms scheduler 17ms limit 7ms
    1142ms   c waiting: dependency 120ms downtime 1.01s scheduler 5ms order 7ms
    1142ms   never sent: w 1 waiting
    1142ms   never sent: c 1 waiting
    1142ms dispatch r1/w#1 on t
    1142ms dispatch r1/c#1 on t
    1142ms answer r1 succeeded
    1142ms close r1
    1142ms why r1: 1.14s: downtime 1.11s running 20ms order 7ms scheduler 5ms; critical a → c
    1142ms   a succeeded: running 20ms downtime 100ms
    1142ms   b succeeded: downtime 1.11s scheduler 10ms limit 10ms running 12ms
    1142ms   w succeeded: downtime 1.11s delay 8ms scheduler 17ms limit 7ms
    1142ms   c succeeded: dependency 120ms downtime 1.01s scheduler 5ms order 7ms
    ");
}

#[test]
fn a_pause_and_a_person_take_the_downtimes_that_they_last_over() {
    assert_snapshot!(trace("
        targets t=1
        submit r1 a; b; p wait=approval
        wait 10ms
        stop
        wait 100ms
        restart
        wait 10ms
        pause r1
        wait 5ms
        stop
        wait 1s
        restart
        wait 5ms
        resume r1
        wait 1ms
        approve r1 p by=ann
        why r1
    "), @"
       0ms dispatch r1/a#1 on t
      10ms stop
     110ms restart
     110ms dispatch r1/a#2 on t
     125ms stop
    1125ms restart
    1130ms dispatch r1/a#3 on t
    1131ms why r1: 1.13s: person 1.13s; critical p
    1131ms   a running: running 26ms downtime 1.1s paused 5ms
    1131ms   b waiting: paused 1.01s downtime 100ms scheduler 20ms limit 1ms
    1131ms   p succeeded (approved true by ann after 1.13s): person 1.13s
    1131ms   never sent: b 1 waiting
    ");
}

#[test]
fn of_very_many_downtimes_the_latest_are_told() {
    let lives = "
        stop
        wait 10ms
        restart";
    let told = |count: usize| {
        let text = format!("targets t=1\nsubmit r1 a; b{}\nwhy r1", lives.repeat(count));
        let all = trace(&text);
        all.lines().filter(|line| line.contains("b waiting")).map(str::trim).collect::<Vec<_>>().join("")
    };
    assert_snapshot!([1, 64, 66].map(told).join("\n"), @"
    10ms   b waiting: downtime 10ms
    640ms   b waiting: downtime 640ms
    660ms   b waiting: downtime 640ms scheduler 20ms
    ");
}
