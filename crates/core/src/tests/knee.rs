//! Targets that do no more the more they are given get as many attempts at once as they do most with.

use insta::assert_snapshot;

use super::dialogue;

/// Two runs alone, one after the other, and eight at once, which end so long after they have come. Told is what comes after that.
fn loaded(policy: &str, took: &str, scenario: &str) -> String {
    let alone = "submit r1 a\nwait 10s\nok r1/a\nsubmit r2 a\nwait 10s\nok r2/a\n";
    let together: String = (3..=10).map(|run| format!("submit r{run} a\n")).collect();
    let ends: String = (3..=10).map(|run| format!("ok r{run}/a\n")).collect();
    let told = dialogue(&format!(
        "policy hedge=0 samples=1 {policy}\ntargets t=20:expected=10s\n{alone}{together}wait {took}\n{ends}view targets\n{scenario}"
    ));
    let from = told.lines().position(|line| line.contains("targets:")).unwrap();
    told.lines().skip(from).collect::<Vec<_>>().join("\n")
}

const MORE: &str = "
    submit r11 a
    submit r12 b
    submit r13 c
    submit r14 d
    view targets
    queueing r14
";

#[test]
fn what_takes_longer_the_more_there_is_waits_in_the_queue() {
    assert_snapshot!(loaded("", "80s", MORE), @"
    100000ms targets: t 0/20 does most with 3
    100000ms dispatch r11/a#1 on t
    100000ms dispatch r12/b#1 on t
    100000ms dispatch r13/c#1 on t
    100000ms targets: t 3/20 does most with 3
    100000ms   d stands by gittins, 0 ahead, 0 beside: t 39.6s crowded
    ");
}

#[test]
fn a_batch_that_does_more_in_all_gets_what_it_takes() {
    assert_snapshot!(loaded("", "20s", MORE), @"
    40000ms targets: t 0/20
    40000ms dispatch r11/a#1 on t
    40000ms dispatch r12/b#1 on t
    40000ms dispatch r13/c#1 on t
    40000ms dispatch r14/d#1 on t
    40000ms targets: t 4/20
    ");
    assert_snapshot!(loaded("gain=0", "80s", MORE), @"
    100000ms targets: t 0/20
    100000ms dispatch r11/a#1 on t
    100000ms dispatch r12/b#1 on t
    100000ms dispatch r13/c#1 on t
    100000ms dispatch r14/d#1 on t
    100000ms targets: t 4/20
    ");
}

#[test]
fn what_was_seen_counts_for_ten_minutes_and_in_the_next_life() {
    let later = "submit r11 a\nwait 1s\nok r11/a\nview targets\n";
    assert_snapshot!(loaded("", "80s", &format!("checkpoint\nrestart\nview targets\nwait 10m\n{later}")), @"
    100000ms targets: t 0/20 does most with 3
    100000ms restart
    100000ms targets: t 0/20 does most with 3
    700000ms dispatch r11/a#1 on t
    701000ms > ok r11/a
    701000ms answer r11 succeeded
    701000ms close r11
    701000ms targets: t 0/20
    ");
}
