//! Second attempts beside slow ones.

use insta::assert_snapshot;

use super::dialogue;

/// Eight runs of one task on a target for each: they take a second. Then this; told is what comes after that.
fn after(scenario: &str) -> String {
    let before: String = (1..=8).map(|run| format!("submit r{run} a\ndrain 1s\n")).collect();
    let told = dialogue(&format!("policy hedge=95 share=50\ntargets t=4 u=4\n{before}{scenario}"));
    let from = told.lines().position(|line| line.contains("dispatch r9/")).unwrap();
    told.lines().skip(from).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_succeeds_first_counts() {
    assert_snapshot!(after("
        submit r9 a
        wait 3s
        ok r9/a!1
        fail r9/a!2 cancelled
        attempts r9
        submit r10 a
        wait 4s
        ok r10/a!2
        fail r10/a!1 cancelled
        attempts r10
        why r10
    "), @"
    8000ms dispatch r9/a#1 on t
    9048ms woken: an attempt is slow
    9048ms dispatch r9/a#2 on u
    11000ms > ok r9/a!1
    11000ms stop r9/a#2
    11000ms answer r9 succeeded
    11000ms > fail r9/a!2 cancelled
    11000ms close r9
    11000ms   attempt of a: $0, 0 tokens
    11000ms     expected 1s
    11000ms     balanced gittins 10m 08s, 0 ahead, 0 behind, t 1s, u 1s
    11000ms   attempt of a: $0, 0 tokens
    11000ms     expected 1s
    11000ms dispatch r10/a#1 on t
    14145ms woken: an attempt is slow
    14145ms dispatch r10/a#2 on u
    15000ms > ok r10/a!2
    15000ms stop r10/a#1
    15000ms answer r10 succeeded
    15000ms > fail r10/a!1 cancelled
    15000ms close r10
    15000ms   attempt of a: $0, 0 tokens
    15000ms     expected 1.22s
    15000ms     balanced gittins 10m 11s, 0 ahead, 0 behind, t 1.22s, u 1.22s
    15000ms   attempt of a: $0, 0 tokens
    15000ms     expected 1.22s
    15000ms why r10: 4s: running 4s; critical a
    15000ms   a succeeded: running 4s
    ");
}

#[test]
fn one_that_comes_to_nothing_leaves_the_other() {
    assert_snapshot!(after("
        submit r9 a
        wait 3s
        fail r9/a!1 unavailable
        ok r9/a!2
        submit r10 a
        wait 3s
        fail r10/a!2 unavailable
        fail r10/a!1 permanent
        attempts r10
    "), @"
    8000ms dispatch r9/a#1 on t
    9048ms woken: an attempt is slow
    9048ms dispatch r9/a#2 on u
    11000ms > fail r9/a!1 unavailable
    11000ms > ok r9/a!2
    11000ms answer r9 succeeded
    11000ms close r9
    11000ms dispatch r10/a#1 on t
    13097ms woken: an attempt is slow
    13097ms dispatch r10/a#2 on u
    14000ms > fail r10/a!2 unavailable
    14000ms > fail r10/a!1 permanent
    14000ms answer r10 failed permanent in a: no luck
    14000ms close r10
    14000ms   attempt of a: $0, 0 tokens: permanent: no luck
    14000ms     expected 1.1s
    14000ms     balanced gittins 10m 11s, 0 ahead, 0 behind, t 1.1s, u 1.1s
    14000ms   attempt of a: $0, 0 tokens
    14000ms     expected 1.1s
    ");
}

#[test]
fn both_are_told_to_stop_and_both_are_lost() {
    assert_snapshot!(after("
        submit r9 a
        wait 3s
        cancel r9
        submit r10 a
        wait 3s
        restart
        attempts r10
    "), @"
    8000ms dispatch r9/a#1 on t
    9048ms woken: an attempt is slow
    9048ms dispatch r9/a#2 on u
    11000ms > cancel r9
    11000ms stop r9/a#2
    11000ms stop r9/a#1
    11000ms answer r9 cancelled cancelled: cancelled by the caller
    11000ms dispatch r10/a#1 on t
    12048ms woken: an attempt is slow
    12048ms dispatch r10/a#2 on u
    14000ms restart
    14000ms close r9
    14000ms dispatch r10/a#3 on t
    14000ms   attempt of a: $0, 0 tokens
    14000ms     expected 1s
    14000ms     balanced gittins 10m 11s, 0 ahead, 0 behind, t 1.05s, u 1.05s
    14000ms   attempt of a: $0, 0 tokens: unavailable: the process ended while it was out
    14000ms     expected 1s
    14000ms   attempt of a: $0, 0 tokens
    14000ms     balanced gittins 10m 11s, 0 ahead, 0 behind, t 100ms, u 100ms
    ");
}

#[test]
fn there_is_none_where_others_wait_or_where_it_may_leave_an_effect() {
    assert_snapshot!(after("
        submit r9 a effect=once
        wait 3s
        submit r10 a; b; c; d; e; f; g; h; i
        wait 3s
    "), @"
    8000ms dispatch r9/a#1 on t
    11000ms dispatch r10/a#1 on u
    11000ms dispatch r10/b#1 on t
    11000ms dispatch r10/c#1 on u
    11000ms dispatch r10/d#1 on t
    11000ms dispatch r10/e#1 on u
    11000ms dispatch r10/f#1 on t
    11000ms dispatch r10/g#1 on u
    ");
}
