//! Which of the targets that are free an attempt goes to, and what is told of that.

use insta::assert_snapshot;

use super::dialogue;

/// Where the attempts went, and at the end what is told of those of the last run.
fn went(scenario: &str) -> String {
    let all = dialogue(scenario);
    let shown = |line: &&str| line.contains("dispatch") || line.contains("ahead,");
    all.lines().filter(shown).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_dollar_is_worth_more_time_the_less_urgent_it_is() {
    // A cent is worth 1.2 s to who is waited for, 12 s to others, 180 s to who can wait.
    assert_snapshot!(went("
        targets quick=9:call=1c:expected=1s slow=9:expected=10s
        submit r1 a; run: interactive
        submit r2 a
        submit r3 a; run: background
        attempts r1
        attempts r2
    "), @"
    0ms dispatch r1/a#1 on quick
    0ms dispatch r2/a#1 on slow
    0ms dispatch r3/a#1 on slow
    0ms     balanced gittins 10m 00s, 0 ahead, 0 behind, quick 2.2s, slow 10s
    0ms     balanced gittins 10m 00s, 0 ahead, 0 behind, quick 13s, slow 10s
    ");
}

#[test]
fn who_is_slower_than_usual_is_taken_less() {
    assert_snapshot!(went("
        targets one=1 other=9
        submit r1 a
        submit r2 a
        drain 1s
        submit r3 a
        submit r4 a
        drain 1s
        submit r5 a
        submit r6 a
        drain 1s
        submit r7 a
        submit r8 a
        drain 1s
        submit r11 a
        wait 9s
        ok r11/a
        submit r12 a
        ok r12/a
        submit r13 a
        attempts r13
    "), @"
       0ms dispatch r1/a#1 on one
       0ms dispatch r2/a#1 on other
    2000ms dispatch r3/a#1 on one
    2000ms dispatch r4/a#1 on other
    4000ms dispatch r5/a#1 on one
    4000ms dispatch r6/a#1 on other
    6000ms dispatch r7/a#1 on one
    6000ms dispatch r8/a#1 on other
    8000ms dispatch r11/a#1 on one
    17000ms dispatch r12/a#1 on other
    17000ms dispatch r13/a#1 on other
    17000ms     balanced gittins 10m 17s, 0 ahead, 0 behind, one 12.6s, other 131ms
    ");
}

#[test]
fn all_are_used_alike_and_the_last_resort_when_no_other_is_free() {
    assert_snapshot!(went("
        targets last=9:last one=2 two=4
        submit r1 a; b; c; d; e; f; g; h
    "), @"
    0ms dispatch r1/a#1 on one
    0ms dispatch r1/b#1 on two
    0ms dispatch r1/c#1 on two
    0ms dispatch r1/d#1 on one
    0ms dispatch r1/e#1 on two
    0ms dispatch r1/f#1 on two
    0ms dispatch r1/g#1 on last
    0ms dispatch r1/h#1 on last
    ");
}

#[test]
fn who_has_read_how_it_begins_goes_on() {
    assert_snapshot!(went("
        targets one=9:remembers=8192 two=9:remembers=8192
        say a input=8192
        say b input=8192
        say a begins=abc
        say b begins=xyz
        submit r1 a reads=inputs; b reads=inputs
        say b begins=xyzw
        submit r2 b reads=inputs
        say a begins=abq
        submit r3 a reads=inputs
        attempts r3
        restart
        say b begins=xyzwv
        submit r4 b reads=inputs
    "), @"
    0ms dispatch r1/a#1 on one
    0ms dispatch r1/b#1 on two
    0ms dispatch r2/b#1 on two
    0ms dispatch r3/a#1 on one
    0ms     balanced gittins 10m 00s, 0 ahead, 0 behind, one 230ms, two 360ms
    0ms dispatch r1/a#2 on one
    0ms dispatch r1/b#2 on two
    0ms dispatch r2/b#2 on one
    0ms dispatch r3/a#2 on two
    0ms dispatch r4/b#1 on one
    ");
}

#[test]
fn where_the_graph_says_the_order_nothing_is_weighed() {
    assert_snapshot!(went("
        targets dear=1:call=9c cheap=1
        submit r1 a allow=dear,cheap; b allow=dear,cheap
        attempts r1
    "), @"
    0ms dispatch r1/a#1 on dear
    0ms dispatch r1/b#1 on cheap
    0ms     balanced gittins 10m 00s, 0 ahead, 0 behind, dear full
    ");
}

#[test]
fn what_is_not_covered_is_not_taken_though_it_is_better() {
    assert_snapshot!(went("
        policy dollar=0s
        targets cheap=9:call=1c:expected=9s dear=9:call=5c:expected=1s
        submit r1 a; run: budget=2c
        attempts r1
    "), @"
    0ms dispatch r1/a#1 on cheap
    0ms     balanced gittins 10m 00s, 0 ahead, 0 behind, dear dear, cheap 9s, dear 1s
    ");
}
