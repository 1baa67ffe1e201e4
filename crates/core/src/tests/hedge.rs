//! Second attempts beside slow ones.

use insta::assert_snapshot;

use super::dialogue;

/// Runs of one task that take a second each, so many that it is known what is slow and a second attempt is saved up. Then this; told is what comes after
/// that.
fn after(scenario: &str) -> String {
    let before: String = (101..=112).map(|run| format!("submit r{run} a\ndrain 1s\n")).collect();
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
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms dispatch r9/a#2 on u
    15000ms > ok r9/a!1
    15000ms stop r9/a#2
    15000ms answer r9 succeeded
    15000ms > fail r9/a!2 cancelled
    15000ms close r9
    15000ms   attempt of a: $0, 0 tokens
    15000ms     expected 1s
    15000ms     balanced gittins 10m 12s, 0 ahead, 0 behind, t 1s, u 1s
    15000ms   attempt of a: $0, 0 tokens
    15000ms     expected 1s
    15000ms dispatch r10/a#1 on t
    18145ms woken: an attempt is slow
    18145ms dispatch r10/a#2 on u
    19000ms > ok r10/a!2
    19000ms stop r10/a#1
    19000ms answer r10 succeeded
    19000ms > fail r10/a!1 cancelled
    19000ms close r10
    19000ms   attempt of a: $0, 0 tokens
    19000ms     expected 1.15s
    19000ms     balanced gittins 10m 15s, 0 ahead, 0 behind, t 1.15s, u 1.15s
    19000ms   attempt of a: $0, 0 tokens
    19000ms     expected 1.15s
    19000ms why r10: 4s: running 4s; critical a
    19000ms   a succeeded: running 4s
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
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms dispatch r9/a#2 on u
    15000ms > fail r9/a!1 unavailable
    15000ms > ok r9/a!2
    15000ms answer r9 succeeded
    15000ms close r9
    15000ms dispatch r10/a#1 on t
    17097ms woken: an attempt is slow
    17097ms dispatch r10/a#2 on u
    18000ms > fail r10/a!2 unavailable
    18000ms > fail r10/a!1 permanent
    18000ms answer r10 failed permanent in a: no luck
    18000ms close r10
    18000ms   attempt of a: $0, 0 tokens: permanent: no luck
    18000ms     expected 1.07s
    18000ms     balanced gittins 10m 15s, 0 ahead, 0 behind, t 1.07s, u 1.07s
    18000ms   attempt of a: $0, 0 tokens
    18000ms     expected 1.07s
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
    12000ms dispatch r9/a#1 on t
    13048ms woken: an attempt is slow
    13048ms dispatch r9/a#2 on u
    15000ms > cancel r9
    15000ms stop r9/a#2
    15000ms stop r9/a#1
    15000ms answer r9 cancelled cancelled: cancelled by the caller
    15000ms dispatch r10/a#1 on t
    16048ms woken: an attempt is slow
    16048ms dispatch r10/a#2 on u
    18000ms restart
    18000ms close r9
    18000ms dispatch r10/a#3 on t
    18000ms   attempt of a: $0, 0 tokens
    18000ms     expected 1s
    18000ms     balanced gittins 10m 15s, 0 ahead, 0 behind, t 1.05s, u 1.05s
    18000ms   attempt of a: $0, 0 tokens: unavailable: the process ended while it was out
    18000ms     expected 1s
    18000ms   attempt of a: $0, 0 tokens
    18000ms     balanced gittins 10m 15s, 0 ahead, 0 behind, t 100ms, u 100ms
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
    12000ms dispatch r9/a#1 on t
    15000ms dispatch r10/a#1 on u
    15000ms dispatch r10/b#1 on t
    15000ms dispatch r10/c#1 on u
    15000ms dispatch r10/d#1 on t
    15000ms dispatch r10/e#1 on u
    15000ms dispatch r10/f#1 on t
    15000ms dispatch r10/g#1 on u
    ");
}
