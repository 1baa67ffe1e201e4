//! What providers let through in a minute: requests and tokens of a target, and of all that share its limit.

use insta::assert_snapshot;

use super::{dialogue, trace};

/// When each attempt on a target was sent, in milliseconds.
fn times(trace: &str, target: &str) -> Vec<u64> {
    let on = format!(" on {target}");
    let of_target =
        |line: &&str| line.contains(" dispatch ") && (line.ends_with(&on) || line.contains(&format!("{on} ")));
    let lines = trace.lines().filter(of_target);
    lines.map(|line| line.trim_start().split_once("ms ").unwrap().0.parse().unwrap()).collect()
}

/// The most that went in any minute.
fn most(times: &[u64]) -> usize {
    let within = |from: &u64| times.iter().filter(|at| (*from..*from + 60_000).contains(*at)).count();
    times.iter().map(within).max().unwrap_or_default()
}

#[test]
fn sixty_requests_a_minute_go_one_by_one() {
    assert_snapshot!(dialogue("
        targets t=9:requests=60
        submit r1 a; b; c
        view r1
        wait 3s
        why r1
    "), @"
       0ms dispatch r1/a#1 on t
       0ms r1 is running, spent $0, held $0
       0ms   a running
       0ms   b waiting on limit
       0ms   c waiting on order
    1016ms woken: the pace of a target
    1016ms dispatch r1/b#1 on t
    2033ms woken: the pace of a target
    2033ms dispatch r1/c#1 on t
    3000ms why r1: 3s: order 1.01s limit 1.01s running 966ms; critical c
    3000ms   a running: running 3s
    3000ms   b running: limit 1.01s running 1.98s
    3000ms   c running: order 1.01s limit 1.01s running 966ms
    ");
}

/// Over a table that is published anew: what was sent before it counts.
#[test]
fn no_minute_holds_more_than_the_limit() {
    for (before, after) in [("60", "60"), ("60", "30"), ("30", "60"), ("10", "10"), ("600", "60")] {
        let trace = trace(&format!(
            "
            say e items=2000
            targets t=999:requests={before}
            submit r1 e foreach max=2000
            wait 90s
            targets t=999:requests={after}
            wait 90s
        "
        ));
        let times = times(&trace, "t");
        let limit: usize = before.parse().unwrap();
        let (first, rest): (Vec<u64>, Vec<u64>) = times.iter().partition(|at| **at < 90_000);
        assert!(most(&first) <= limit && first.len() * 100 >= limit * 150 * 85 / 100, "{before}: {} sent", first.len());
        let limit: usize = after.parse().unwrap();
        assert!(most(&rest) <= limit && rest.len() * 100 >= limit * 130 * 85 / 100, "{after}: {} sent", rest.len());
        assert!(most(&times) <= limit.max(before.parse().unwrap()), "{before}, then {after}: {}", most(&times));
    }
}

/// They take turns with the minute of their provider; a target of its own has its own.
#[test]
fn targets_of_one_quota_group_share_the_minute() {
    let trace = trace(
        "
        say e items=90
        say f items=90
        say g items=90
        targets x=99:requests=60:group=g:class=x y=99:requests=60:group=g:class=y z=99:requests=60:class=z
        submit r1 e foreach max=90 class=x
        submit r2 f foreach max=90 class=y
        submit r3 g foreach max=90 class=z
        wait 2m
    ",
    );
    let [x, y, z] = ["x", "y", "z"].map(|target| times(&trace, target));
    let mut both = [x.clone(), y.clone()].concat();
    both.sort_unstable();
    assert!(most(&both) <= 60 && most(&z) <= 60, "{} and {}", most(&both), most(&z));
    assert_eq!((both.len(), z.len()), (118, 90));
    assert!(x.len() > 20 && y.len() > 20, "{} and {}", x.len(), y.len());
}

/// 106 of 600 tokens are set aside at first; what was not used lets the next go sooner. From the eighth on what was used counts.
#[test]
fn tokens_are_set_aside_by_the_worst_case_and_settled() {
    assert_snapshot!(dialogue("
        targets t=9:tokens=600:cap=100
        submit r1 a; b; c
        wait 1s
        ok a tokens=100
        view r1
        wait 20s
        ok b tokens=10
        wait 1s
    "), @"
       0ms dispatch r1/a#1 on t cap=100
    1000ms > ok a tokens=100
    1000ms r1 is running, spent $0, held $0
    1000ms   a succeeded
    1000ms   b waiting on limit
    1000ms   c waiting on order
    11589ms woken: the pace of a target
    11589ms dispatch r1/b#1 on t cap=100
    21000ms > ok b tokens=10
    21000ms dispatch r1/c#1 on t cap=100
    ");
}

#[test]
fn what_was_used_counts_once_some_have_ended() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let ends: String = names.map(|name| format!("wait 15s\nok {name} tokens=10\n")).concat();
    let trace = trace(&format!(
        "
        targets t=1:tokens=600:cap=100
        submit r1 {}; i; j; k; l; m; n; o; p; q; r; s; t; u; v
        {ends}
        targets t=9:tokens=600:cap=100
        wait 1m
    ",
        names.join("; ")
    ));
    let times: Vec<_> = times(&trace, "t").iter().skip(8).map(u64::to_string).collect();
    assert_eq!(times.join(" "), "120000 120000 120000 120000 120697 120697 121962 123230 124493");
}

/// A failure that says nothing of tokens may have used all that was set aside; one that says it is settled.
#[test]
fn a_failure_is_settled_for_what_it_says() {
    for (failure, wanted) in [("unavailable", 11_830), ("unavailable tokens=6", 1_000)] {
        let trace = trace(&format!(
            "
            targets t=9:tokens=600:cap=100
            submit r1 a
            submit r2 b
            wait 1s
            fail a {failure}
            wait 1m
        "
        ));
        assert_eq!(times(&trace, "t")[1..], [wanted], "{failure}");
    }
}

/// Whoever can use another target does.
#[test]
fn what_must_wait_for_a_pace_goes_where_it_need_not() {
    assert_snapshot!(dialogue("
        targets t=9:requests=60 x=9
        submit r1 a; b; c allow=t
        wait 2s
    "), @"
       0ms dispatch r1/a#1 on t
       0ms dispatch r1/b#1 on x
    1016ms woken: the pace of a target
    1016ms dispatch r1/c#1 on t
    ");
}

/// Who waits when its limit is lifted goes at once.
#[test]
fn a_table_without_the_limit_lets_go_what_waits() {
    assert_snapshot!(dialogue("
        targets t=9:requests=6
        submit r1 a; b; c
        wait 2s
        targets t=9
        wait 1m
    "), @"
       0ms dispatch r1/a#1 on t
    2000ms dispatch r1/b#1 on t
    2000ms dispatch r1/c#1 on t
    ");
}

/// After a restart nothing is known of what was sent.
#[test]
fn a_new_life_begins_with_a_whole_minute() {
    assert_snapshot!(dialogue("
        targets t=9:requests=6
        submit r1 a; b
        wait 2s
        ok a
        restart
        wait 1m
    "), @"
       0ms dispatch r1/a#1 on t
    2000ms > ok a
    2000ms restart
    2000ms dispatch r1/b#1 on t
    14000ms woken: the pace of a target
    ");
}
