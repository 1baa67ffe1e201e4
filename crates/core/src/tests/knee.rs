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

#[test]
fn other_tasks_say_nothing_of_how_long_one_takes() {
    // What is quick comes alone, what is slow together: that is no target which gets slower.
    let together: String = (3..=10).map(|run| format!("submit r{run} b\n")).collect();
    let ends: String = (3..=10).map(|run| format!("ok r{run}/b\n")).collect();
    let quick = "submit r1 a\nwait 1s\nok r1/a\nsubmit r2 a\nwait 1s\nok r2/a\n";
    let mixed = |more: &str| {
        format!(
            "policy hedge=0 samples=1\ntargets t=20:expected=10s\n{quick}{together}wait 80s\n{ends}view targets\n{more}"
        )
    };
    // Eight at once took 80 s: where one alone takes 40 more is done together, and where one takes 10 no more is.
    let alone =
        |span: &str| format!("submit r11 b\nwait {span}\nok r11/b\nsubmit r12 b\nwait {span}\nok r12/b\nview targets");
    let told = |scenario: &str| {
        let told = dialogue(scenario);
        told.lines().filter(|line| line.contains("targets:")).map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(told(&mixed(&alone("40s"))), @"
    82000ms targets: t 0/20
    162000ms targets: t 0/20
    ");
    assert_snapshot!(told(&mixed(&alone("10s"))), @"
    82000ms targets: t 0/20
    102000ms targets: t 0/20 does most with 3
    ");
}

#[test]
fn what_goes_on_to_do_more_is_not_held_back_for_another() {
    // Of `a` no more is done than alone, of `b` four times as much.
    let of = |task: &str, from: u32, count: u32, took: &str| {
        let runs = || from..from + count;
        let sent: String = runs().map(|run| format!("submit r{run} {task}\n")).collect();
        let ended: String = runs().map(|run| format!("ok r{run}/{task}\n")).collect();
        format!("{sent}wait {took}\n{ended}")
    };
    let alone = |task: &str, from: u32| of(task, from, 1, "10s") + &of(task, from + 1, 1, "10s");
    let told = |scenario: String| {
        let told = dialogue(&format!("policy hedge=0 samples=1\ntargets t=20:expected=10s\n{scenario}view targets"));
        told.lines().last().map(str::to_owned).unwrap_or_default()
    };
    let (a, b) = (alone("a", 1) + &of("a", 3, 8, "80s"), alone("b", 11) + &of("b", 13, 8, "20s"));
    assert_snapshot!(told(a.clone()), @"100000ms targets: t 0/20 does most with 3");
    assert_snapshot!(told(b + &a), @"140000ms targets: t 0/20");
}
