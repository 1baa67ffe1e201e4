//! What pays for attempts that follow on failures of a target.

use insta::assert_snapshot;

use super::{dialogue, trace};

/// So many calls fail together: how many of them are sent again when.
fn sent_again(policy: &str, runs: u32, class: &str) -> String {
    let all = |text: &str| -> String { (1..=runs).map(|run| text.replace('R', &format!("r{run}"))).collect() };
    let told = trace(&format!(
        "policy hedge=0 failures=0 turned_away=0 {policy}\ntargets t=99\n{}{}wait 2m",
        all("submit R a retry=2\n"),
        all(&format!("fail R/a {class}\n"))
    ));
    let mut counts: Vec<(&str, u32)> = Vec::new();
    for line in told.lines().filter(|line| line.contains("dispatch") && line.contains("#2")) {
        let at = line.split_once(" dispatch").unwrap().0.trim();
        match counts.last_mut() {
            Some((last, count)) if *last == at => *count += 1,
            _ => counts.push((at, 1)),
        }
    }
    counts.into_iter().map(|(at, count)| format!("{at} {count}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn those_that_fail_together_do_not_come_back_together() {
    // Ten seconds of one in a second are saved up.
    assert_snapshot!(sent_again("retries=0 retries_per_s=1", 14, "unavailable"), @"200ms 11, 1000ms 1, 2000ms 1, 3000ms 1");
    // First attempts earn a fifth of one each.
    assert_snapshot!(sent_again("retries=20 retries_per_s=1", 14, "unavailable"), @"200ms 13, 1000ms 1");
    assert_snapshot!(sent_again("retries=100 retries_per_s=1", 14, "unavailable"), @"200ms 14");
    // Both.
    assert_snapshot!(sent_again("retries_per_s=5", 80, "timeout"), @"200ms 68, 400ms 1, 600ms 1, 800ms 1, 1000ms 1, 1200ms 1, 1400ms 1, 1600ms 1, 1800ms 1, 2000ms 1, 2200ms 1, 2400ms 1, 2600ms 1");
    // Nobody waits for longer than a minute.
    assert_snapshot!(sent_again("retries=0 retries_per_s=1", 90, "overloaded").rsplit(", ").next().unwrap(), @"60000ms 20");
}

#[test]
fn what_is_no_fault_of_the_target_takes_nothing() {
    assert_snapshot!(sent_again("retries=0 retries_per_s=1", 14, "rate_limited after 100ms"), @"200ms 14");
}

/// All that is saved up on `t` is taken, and then this; told is what comes of `x` and `y`.
fn without_budget(scenario: &str) -> String {
    let taken: String =
        (1..=11).map(|run| format!("submit r{run} a allow=t retry=2\nfail r{run}/a unavailable\n")).collect();
    let rules = "policy hedge=0 failures=0 turned_away=0 retries=0 retries_per_s=1\ntargets t=99 u=99\n";
    let told = dialogue(&format!("{rules}{taken}{scenario}"));
    let shown = |line: &&str| ["r21", "r22", "  x ", "  y "].iter().any(|name| line.contains(name));
    told.lines().filter(shown).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_waits_for_budget_backs_off_and_says_so() {
    assert_snapshot!(without_budget("
        submit r21 x allow=t retry=2
        fail x unavailable
        view r21
        submit r22 y allow=t retry=2; run: deadline=1s
        fail y unavailable
        wait 1s
        ok r21/x
        why r21
    "), @"
       0ms dispatch r21/x#1 on t
       0ms r21 is running, spent $0, held $0
       0ms   x backing_off on backoff
       0ms dispatch r22/y#1 on t
       0ms answer r22 failed deadline_exceeded in y: no time is left for another attempt within the run's deadline: no luck
       0ms close r22
    1000ms dispatch r21/x#2 on t
    1000ms > ok r21/x
    1000ms answer r21 succeeded
    1000ms close r21
    1000ms why r21: 1s: backoff 1s; critical x
    1000ms   x succeeded: backoff 1s
    ");
}

#[test]
fn another_target_pays_if_it_can() {
    assert_snapshot!(without_budget("
        submit r21 x allow=t retry=2
        fail x unavailable
        submit r22 y allow=t,u retry=2
        fail y unavailable
        wait 1s
    "), @"
       0ms dispatch r21/x#1 on t
       0ms dispatch r22/y#1 on t
     200ms dispatch r22/y#2 on u
    1000ms dispatch r21/x#2 on t
    ");
}
