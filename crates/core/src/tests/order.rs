//! Which run of a tenant goes first, under each index of a policy; and what becomes of what waits when another policy is published.

use insta::assert_snapshot;

use super::{dialogue, sent, trace};

/// `x` came first and has been served for 10 seconds when the others wait, all of them for `w`.
#[test]
fn each_index_says_which_run_goes_first() {
    for (index, wanted) in [
        ("fifo", "w x1 x2 y z"),
        // It was ready last.
        ("call-fifo", "w x1 y z x2"),
        // Without a deadline each is patient for as long.
        ("edf", "w x1 x2 y z"),
        // As long, less the way to the end: all have the same.
        ("slack", "w x1 x2 y z"),
        ("attained-service", "w x1 y z x2"),
        // All are of graphs of which nothing is known.
        ("gittins", "w x1 x2 y z"),
        // All are of graphs of which nothing is known; `x` has had its part, and more.
        ("virtual-finish", "w x1 y z x2"),
        // One task is left of each.
        ("value-density", "w x1 x2 y z"),
        ("risk", "w x1 x2 y z"),
    ] {
        let order = sent(&format!(
            "
            policy standard={index}
            targets t=2
            submit r1 w
            submit r2 x1; x2 needs x1
            wait 1s
            targets t=1
            submit r3 y
            wait 1s
            submit r4 z
            wait 8s
            ok x1
            drain 1s
        "
        ));
        assert_eq!(order, wanted, "{index}");
    }
}

#[test]
fn each_index_says_which_run_with_a_deadline_goes_first() {
    for (index, wanted) in [
        ("fifo", "w a b c"),
        ("call-fifo", "w a b c"),
        ("edf", "w b c a"),
        // `c` must start by 15 s, for `d` comes after it; `b` by 17 s.
        ("slack", "w c b a"),
        ("attained-service", "w a b c"),
        ("gittins", "w a b c"),
        ("virtual-finish", "w a b c"),
        // `c` has two tasks, the others one.
        ("value-density", "w a b c"),
        // As `slack`: nothing was seen, so nothing is at risk.
        ("risk", "w c b a"),
    ] {
        let order = sent(&format!(
            "
            policy deadline={index} aging=1
            targets t=1:expected=3s
            submit r1 w
            submit r2 a; run: deadline=30s
            submit r3 b; run: deadline=20s
            submit r4 c; d needs c; run: deadline=21s
            drain 1ms
        "
        ));
        assert_eq!(order.replace(" d", ""), wanted, "{index}");
    }
}

/// What runs of a graph take is known before they begin where it says how many calls there are, and enough have shown it: a second for `s`, ten for `l`.
/// With seven they go as they came.
#[test]
fn short_runs_go_before_long_ones_that_came_first() {
    let goes = |index: &str, seen: usize| {
        let shown = |name: &str, secs: u32, from: usize| -> String {
            (from..from + seen).map(|run| format!("submit r{run} {name}\ndrain {secs}s\n")).collect()
        };
        let history = shown("l", 10, 100) + &shown("s", 1, 200);
        let order = sent(&format!(
            "
            policy standard={index}
            targets t=1
            {history}
            submit r1 w
            submit r2 l
            wait 100ms
            submit r3 s
            ok w
            drain 1s
        "
        ));
        order.split(' ').rev().take(2).collect::<Vec<_>>().join(" after ")
    };
    assert_eq!(["fifo", "gittins"].map(|index| goes(index, 40)), ["s after l", "l after s"]);
    assert_eq!(goes("gittins", 7), "s after l");
}

/// Runs of `p` end with their second call: twenty have shown it. Of those of `u` nothing is known. Both have had one call, `p` the longer.
#[test]
fn what_runs_of_a_graph_take_is_learned_while_they_run() {
    for (index, wanted) in [("fifo", "u2 q"), ("attained-service", "u2 q"), ("gittins", "q u2")] {
        let history: String = (1..=20).map(|run| format!("submit r{run} p; q needs p\ndrain 1s\n")).collect();
        let order = sent(&format!(
            "
            policy standard={index}
            targets t=3
            {history}
            submit r21 u1 delay=1s; u2 needs u1; u3 needs u2; u4 needs u3; u5 needs u4; u6 needs u5
            submit r22 p; q needs p
            submit r23 w
            wait 3s
            targets t=1
            ok p
            ok u1
            ok w
            ok {}
        ",
            &wanted[..wanted.find(' ').unwrap()]
        ));
        assert!(order.ends_with(wanted), "{index}: {order}");
    }
}

/// `x` has had its first call, and then nothing while others were served: by fair sharing it would be further. `y` has just come.
#[test]
fn who_had_less_than_its_share_goes_before_who_has_just_come() {
    for (index, wanted) in
        [("attained-service", "x1 b w y x2"), ("gittins", "x1 b w x2 y"), ("virtual-finish", "x1 b w x2 y")]
    {
        let order = sent(&format!(
            "
            policy standard={index} aging=20
            targets t=1
            submit r1 x1; x2 needs x1 delay=1m
            wait 6s
            ok x1
            submit r2 b
            wait 58s
            ok b
            submit r3 w
            wait 1s
            submit r4 y
            wait 1s
            drain 1s
        "
        ));
        assert_eq!(order, wanted, "{index}");
    }
}

/// `a` takes 3 seconds and is worth twice as much as `b` that takes 2, and `c` that takes 5; nothing is known of `d`, but what its target is said to take.
#[test]
fn the_greatest_value_for_the_time_goes_first() {
    const GRAPHS: [(&str, &str); 3] = [("a value=100", "3s"), ("b", "2s"), ("c", "5s")];
    let history: String = GRAPHS
        .iter()
        .flat_map(|(graph, takes)| (1..=8).map(move |_| (graph, takes)))
        .zip(1..)
        .map(|((graph, takes), run)| format!("submit r{run} {graph}\ndrain {takes}\n"))
        .collect();
    for (index, wanted) in [("fifo", "d c b a"), ("value-density", "a b d c")] {
        let order = sent(&format!(
            "
            policy standard={index}
            targets t=1:expected=4s
            {history}
            submit r50 w
            submit r51 d
            submit r52 c
            submit r53 b
            submit r54 a value=100
            drain 1ms
        "
        ));
        assert!(order.ends_with(&format!("w {wanted}")), "{index}: {order}");
    }
}

/// Half of the calls `q` take 9 seconds, the others one; `s` takes one. Both runs have begun.
#[test]
fn the_greatest_risk_goes_first_and_what_is_hopeless_last() {
    // How long `p` takes: less is left for `q` of 20 seconds. `s` has 7.
    for (index, takes, wanted) in [
        ("slack", "1s", "s q"),
        ("risk", "1s", "s q"),
        ("slack", "11500ms", "s q"),
        ("risk", "11500ms", "q s"),
        ("slack", "19500ms", "s"),
        ("risk", "19500ms", "s"),
    ] {
        let (p, r) = ("p; q needs p; run: deadline=20s", "r; s needs r; run: deadline=7s");
        let history = |number: usize| {
            let takes = if number.is_multiple_of(2) { "1s" } else { "9s" };
            let (first, other) = (2 * number + 1, 2 * number + 2);
            format!("submit r{first} {p}\nok p\nwait {takes}\nok q\nsubmit r{other} {r}\nok r\nwait 1s\nok s\n")
        };
        let history: String = (0..12).map(history).collect();
        let order = sent(&format!(
            "
            policy deadline={index} share=0
            targets t=3
            {history}
            submit r50 {p}
            wait {takes}
            submit r51 {r}
            submit r52 w
            targets t=1
            ok p
            ok r
            drain 1ms
        "
        ));
        assert!(order.ends_with(&format!("w {wanted}")), "{index}, {takes}: {order}");
    }
}

/// `x` was served for a second when the others wait, that came later and later.
#[test]
fn nobody_starves_who_was_served() {
    for (aging, wanted) in [(1, "x1 a x2 b c d"), (3, "x1 a b x2 c d"), (5, "x1 a b c x2 d")] {
        let order = sent(&format!(
            "
            policy standard=attained-service aging={aging}
            targets t=1
            submit r1 x1; x2 needs x1
            wait 500ms
            submit r2 a
            wait 500ms
            ok x1
            wait 500ms
            submit r3 b
            wait 3s
            submit r4 c
            wait 3s
            submit r5 d
            drain 1ms
        "
        ));
        assert_eq!(order, wanted, "{aging}");
    }
}

#[test]
fn another_policy_ranks_what_waits_anew_and_touches_nothing_that_is_out() {
    assert_snapshot!(dialogue("
        policy deadline=fifo
        targets t=1
        submit r1 w
        submit r2 a; run: deadline=30s
        submit r3 b; run: deadline=25s
        submit r4 c; run: deadline=20s
        ok w
        policy deadline=edf
        view r3
        wait 1s
        ok a
        ok c
    "), @"
       0ms > policy deadline=fifo
       0ms dispatch r1/w#1 on t
       0ms > ok w
       0ms dispatch r2/a#1 on t
       0ms answer r1 succeeded
       0ms close r1
       0ms > policy deadline=edf
       0ms r3 is queued, spent $0, held $0
       0ms   b waiting on order
    1000ms > ok a
    1000ms dispatch r4/c#1 on t
    1000ms answer r2 succeeded
    1000ms close r2
    1000ms > ok c
    1000ms dispatch r3/b#1 on t
    1000ms answer r4 succeeded
    1000ms close r4
    ");
}

/// `c` waits for a place, `b` for its back-off, `d` for what it needs, `e` for money of the hour.
#[test]
fn another_policy_moves_only_what_waits_for_a_target() {
    assert_snapshot!(dialogue("
        windows hour=2c
        targets t=2:most=2c:call=1c:class=t x=1
        submit r1 a class=t; d class=t needs a
        submit r2 b retry=2 allow=x
        fail b unavailable
        submit r3 c allow=x; f allow=x
        submit r4 e class=t
        policy standard=edf
        view r1
        view r2
        view r3
        view r4
        wait 1s
        ok c
    "), @"
       0ms dispatch r1/a#1 on t
       0ms dispatch r2/b#1 on x
       0ms > fail b unavailable
       0ms dispatch r3/c#1 on x
       0ms > policy standard=edf
       0ms r1 is running, spent $0, held $0.0200
       0ms   a running
       0ms   d waiting on dependency
       0ms r2 is running, spent $0, held $0
       0ms   b backing_off on backoff
       0ms r3 is running, spent $0, held $0
       0ms   c running
       0ms   f waiting on limit
       0ms r4 is queued, spent $0, held $0
       0ms   e waiting on budget
     200ms woken: a task may start
    1000ms > ok c
    1000ms dispatch r2/b#2 on x
    ");
}

#[test]
fn another_life_begins_with_the_same_policy() {
    assert_snapshot!(dialogue("
        policy standard=fifo deadline=edf
        targets t=1
        submit r1 x1; x2 needs x1
        submit r2 y; run: deadline=30s
        submit r3 z; run: deadline=20s
        wait 5s
        ok x1
        restart
        ok z
        ok y
        ok x2
    "), @"
       0ms > policy standard=fifo deadline=edf
       0ms dispatch r1/x1#1 on t
    5000ms > ok x1
    5000ms dispatch r3/z#1 on t
    5000ms restart
    5000ms dispatch r3/z#2 on t
    5000ms > ok z
    5000ms dispatch r2/y#1 on t
    5000ms answer r3 succeeded
    5000ms close r3
    5000ms > ok y
    5000ms dispatch r1/x2#1 on t
    5000ms answer r2 succeeded
    5000ms close r2
    5000ms > ok x2
    5000ms answer r1 succeeded
    5000ms close r1
    ");
}

/// Of those that wait the one with the longest way to the end goes first. Nothing is known of `b` and `c`, but what was seen of calls that are alike, in
/// another run or in this one.
#[test]
fn what_was_seen_of_calls_that_are_alike_ranks_those_that_were_not() {
    let seen = "submit r1 s kind=2\nwait 9s\nok s";
    for (before, [b, c], wanted) in [
        // All are expected to take as long.
        ("", [1, 2], "w x y a b c"),
        (seen, [1, 2], "s w y x c a b"),
        (seen, [2, 1], "s w x y b a c"),
        (seen, [2, 2], "s w x y b c a"),
    ] {
        let order = sent(&format!(
            "
            policy standard=fifo
            targets t=1:expected=2s
            {before}
            submit r2 w
            submit r3 a kind=9; x; b needs x kind={b}; y; c needs y kind={c}
            drain 2s
        "
        ));
        assert_eq!(order, wanted, "{b} {c} after {before:?}");
    }
    let order = sent(
        "
        policy standard=fifo
        targets t=1:expected=2s
        submit r1 s kind=2; w needs s; x needs s delay=1s; b needs x kind=1; y needs s delay=1s; c needs y kind=2
        wait 9s
        ok s
        drain 2s
    ",
    );
    assert_eq!(order, "s w y x c b");
}

/// Runs of three calls each come one by one while one place is taken: who came first is answered first, be it known how many calls they have or not.
#[test]
fn runs_that_are_alike_are_answered_in_the_order_in_which_they_came() {
    let comes: String = (1..=40).map(|run| format!("submit r{run} a; b needs a; c needs b\nwait 1s\n")).collect();
    let told = trace(&format!("policy standard=gittins\ntargets t=1\nsubmit r99 w\n{comes}ok w\ndrain 1s\n"));
    let answered: Vec<u32> =
        told.lines().filter_map(|line| line.split_once(" answer r")?.1.split(' ').next()?.parse().ok()).collect();
    // What was queued before it was known stands a little before what is queued then.
    let places = answered.iter().skip(1).zip(1..).map(|(run, place): (&u32, u32)| run.abs_diff(place));
    assert_eq!((answered.len(), answered[..30].is_sorted_by_key(|run| run % 99)), (41, true), "{answered:?}");
    assert!(places.max() <= Some(3), "{answered:?}");
}
