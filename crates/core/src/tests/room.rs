//! A target that has no room for an attempt while it works on others.

use insta::assert_snapshot;

use super::dialogue;

/// Two attempts are out for 15 seconds on a target that says it takes 20.
fn at_work(scenario: &str) -> String {
    at_work_under("", scenario)
}

fn at_work_under(policy: &str, scenario: &str) -> String {
    let told = dialogue(&format!(
        "policy hedge=0 {policy}\ntargets t=20:expected=10s\nsubmit r1 a\nsubmit r2 a\nwait 15s\n{scenario}"
    ));
    let from = told.lines().position(|line| line.trim_start().starts_with("15000ms")).unwrap();
    told.lines().skip(from).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_is_turned_away_stands_where_it_stood() {
    assert_snapshot!(at_work("
        submit r3 a
        fail r3/a overloaded
        submit r4 a
        view targets
        queueing r3
        ok r1/a
        view r3
        ok r3/a
        attempts r3
    "), @"
    15000ms dispatch r3/a#1 on t
    15000ms > fail r3/a overloaded
    15000ms targets: t 2/20 learned 2
    15000ms   a stands by gittins, 0 ahead, 1 beside: t 12s limited
    15000ms > ok r1/a
    15000ms dispatch r3/a#2 on t
    15000ms answer r1 succeeded
    15000ms close r1
    15000ms r3 is running, spent $0, held $0
    15000ms   a running
    15000ms > ok r3/a
    15000ms dispatch r4/a#1 on t
    15000ms answer r3 succeeded
    15000ms close r3
    15000ms   attempt of a: $0, 0 tokens: overloaded: turned away, no try: no luck
    15000ms   attempt of a: $0, 0 tokens
    15000ms     balanced gittins 15s, 0 ahead, 1 behind
    ");
}

#[test]
fn it_was_no_try() {
    assert_snapshot!(at_work("
        submit r3 a retry=1
        fail r3/a overloaded
        ok r1/a
        fail r3/a overloaded
        ok r2/a
        fail r3/a overloaded
        why r3
    "), @r#"
    15000ms dispatch r3/a#1 on t
    15000ms > fail r3/a overloaded
    15000ms > ok r1/a
    15000ms dispatch r3/a#2 on t
    15000ms answer r1 succeeded
    15000ms close r1
    15000ms > fail r3/a overloaded
    15000ms > ok r2/a
    15000ms dispatch r3/a#3 on t
    15000ms answer r2 succeeded
    15000ms close r2
    15000ms > fail r3/a overloaded
    15000ms answer r3 failed overloaded in a: no luck
    15000ms close r3
    15000ms why r3: 0µs:; critical a
    15000ms   a failed (Failed(Overloaded, "no luck")):
    "#);
}

#[test]
fn after_a_while_one_more_is_tried() {
    assert_snapshot!(at_work("
        submit r3 a
        fail r3/a overloaded
        submit r4 a
        wait 20ms
        wait 20ms
        fail r4/a overloaded
        wait 39ms
        view targets
        wait 1ms
        view targets
        wait 21s
        view targets
    "), @"
    15000ms dispatch r3/a#1 on t
    15000ms > fail r3/a overloaded
    15020ms woken: a target may have room for one more
    15020ms dispatch r3/a#2 on t
    15040ms woken: a target may have room for one more
    15040ms dispatch r4/a#1 on t
    15040ms > fail r4/a overloaded
    15079ms targets: t 3/20 learned 3
    15080ms woken: a target may have room for one more
    15080ms dispatch r4/a#2 on t
    15080ms targets: t 4/20 learned 4
    15120ms woken: a target may have room for one more
    15140ms woken: a target may have room for one more
    16140ms woken: a target may have room for one more
    17140ms woken: a target may have room for one more
    18140ms woken: a target may have room for one more
    19140ms woken: a target may have room for one more
    20140ms woken: a target may have room for one more
    21140ms woken: a target may have room for one more
    22140ms woken: a target may have room for one more
    23140ms woken: a target may have room for one more
    24140ms woken: a target may have room for one more
    25140ms woken: a target may have room for one more
    26140ms woken: a target may have room for one more
    27140ms woken: a target may have room for one more
    28140ms woken: a target may have room for one more
    29140ms woken: a target may have room for one more
    30140ms woken: a target may have room for one more
    31140ms woken: a target may have room for one more
    32140ms woken: a target may have room for one more
    33140ms woken: a target may have room for one more
    34140ms woken: a target may have room for one more
    35140ms woken: a target may have room for one more
    36080ms targets: t 4/20
    ");
}

#[test]
fn who_was_tried_often_waits_for_more_ends() {
    let many: String = (10..=40).map(|run| format!("submit r{run} a\n")).collect();
    let turns: String = (10..=32).map(|run| format!("ok r{run}/a\nfail r3/a overloaded\n")).collect();
    let ends = "ok r33/a\nok r34/a\nview r3";
    let told = dialogue(&format!(
        "policy hedge=0\ntargets t=40:expected=10s\n{many}wait 15s\nsubmit r3 a\nfail r3/a overloaded\n{turns}{ends}"
    ));
    let from = told.lines().position(|line| line.contains("ok r32/a")).unwrap();
    assert_snapshot!(told.lines().skip(from).collect::<Vec<_>>().join("\n"), @"
    15000ms > ok r32/a
    15000ms dispatch r3/a#24 on t
    15000ms answer r32 succeeded
    15000ms close r32
    15000ms > fail r3/a overloaded
    15000ms > ok r33/a
    15000ms answer r33 succeeded
    15000ms close r33
    15000ms > ok r34/a
    15000ms dispatch r3/a#25 on t
    15000ms answer r34 succeeded
    15000ms close r34
    15000ms r3 is running, spent $0, held $0
    15000ms   a running
    ");
}

#[test]
fn one_that_works_on_nothing_or_asks_for_a_pause_is_another_matter() {
    let of = |scenario: &str| at_work(scenario).lines().last().unwrap_or_default().to_owned();
    let seen = [
        of("submit r3 a retry=1\nfail r3/a overloaded\nview r3"),
        of("submit r3 a retry=1\nfail r3/a overloaded after 1s\nview r3"),
        of("submit r3 a retry=1\nfail r3/a unavailable\nview r3"),
        of("ok r1/a\nok r2/a\nsubmit r3 a retry=1\nfail r3/a overloaded\nview r3"),
        of("submit r3 a retry=1\nwait 3s\nfail r3/a overloaded\nview r3"),
    ];
    assert_snapshot!(seen.join("\n"), @"
    15000ms   a waiting on limit
    15000ms r3 is not live
    15000ms r3 is not live
    15000ms r3 is not live
    18000ms r3 is not live
    ");
    let off = at_work_under("turned_away=0", "submit r3 a retry=1\nfail r3/a overloaded\nview r3");
    assert_snapshot!(off.lines().last().unwrap_or_default(), @"15000ms r3 is not live");
}

#[test]
fn neither_breaker_nor_means_are_the_worse_for_it() {
    let turns: String = (0..30).map(|_| "fail r3/a overloaded\nwait 1s\n").collect();
    assert_snapshot!(at_work(&format!("submit r3 a\n{turns}view targets")).lines().last().unwrap_or_default(), @"45000ms targets: t 3/20 learned 4");
}

/// A provider that refuses for its limit and answers others is at work; one that answers nobody is not.
#[test]
fn a_refusal_for_a_limit_is_no_try_while_others_are_answered() {
    let told = |before: &str, times: usize, between: &str| {
        let refused = format!("fail r3/a rate_limited\nwait {between}\n");
        let scenario = format!(
            "policy hedge=0\ntargets t=20\nsubmit r1 a\n{before}submit r3 a retry=2\n{}view r3\nattempts r3",
            refused.repeat(times)
        );
        let told = dialogue(&scenario);
        let from = told.lines().position(|line| line.contains(" r3 is ") || line.contains("no run")).unwrap_or(0);
        told.lines().skip(from).map(str::trim).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(told("ok r1/a\n", 4, "1s"), @"
    4000ms r3 is running, spent $0, held $0
    4000ms   a running
    4000ms   attempt of a: $0, 0 tokens: rate_limited: turned away, no try: no luck
    4000ms   attempt of a: $0, 0 tokens: rate_limited: turned away, no try: no luck
    4000ms   attempt of a: $0, 0 tokens: rate_limited: turned away, no try: no luck
    4000ms   attempt of a: $0, 0 tokens: rate_limited: turned away, no try: no luck
    4000ms   attempt of a: $0, 0 tokens
    ");
    assert_snapshot!(told("ok r1/a\n", 3, "40s"), @"
    120000ms r3 is running, spent $0, held $0
    120000ms   a running
    120000ms   attempt of a: $0, 0 tokens: rate_limited: turned away, no try: no luck
    120000ms   attempt of a: $0, 0 tokens: rate_limited: turned away, no try: no luck
    120000ms   attempt of a: $0, 0 tokens: rate_limited: no luck
    120000ms   attempt of a: $0, 0 tokens
    ");
    assert_snapshot!(told("", 2, "1100ms"), @"
    2200ms r3 is not live
    2200ms   attempt of a: $0, 0 tokens: rate_limited: no luck
    2200ms   attempt of a: $0, 0 tokens: rate_limited: no luck
    ");
}

/// What waits for a provider that refuses all since it is not back yet costs one task its tries, and not each.
#[test]
fn one_is_tried_where_nobody_was_answered() {
    assert_snapshot!(dialogue("
        targets t=3
        submit r1 a retry=3; b retry=3; c retry=3
        fail a rate_limited
        fail b rate_limited
        fail c rate_limited
        wait 1s
        fail a rate_limited
        wait 1s
        ok a
        wait 100ms
        ok b
        ok c
        attempts r1
    "), @"
       0ms dispatch r1/a#1 on t
       0ms dispatch r1/b#1 on t
       0ms dispatch r1/c#1 on t
       0ms > fail a rate_limited
       0ms > fail b rate_limited
       0ms > fail c rate_limited
    1000ms woken: a task may start
    1000ms dispatch r1/a#2 on t
    1000ms > fail a rate_limited
    2000ms woken: a task may start
    2000ms dispatch r1/a#3 on t
    2000ms > ok a
    2000ms dispatch r1/b#2 on t
    2050ms woken: a target may have room for one more
    2050ms dispatch r1/c#2 on t
    2090ms woken: a target may have room for one more
    2100ms > ok b
    2100ms > ok c
    2100ms answer r1 succeeded
    2100ms close r1
    2100ms   attempt of a: $0, 0 tokens: rate_limited: no luck
    2100ms   attempt of a: $0, 0 tokens: rate_limited: no luck
    2100ms   attempt of a: $0, 0 tokens
    2100ms     balanced gittins 0µs, 0 ahead, 2 behind
    2100ms   attempt of b: $0, 0 tokens: rate_limited: no luck
    2100ms   attempt of b: $0, 0 tokens
    2100ms     balanced gittins 0µs, 2 ahead, 1 behind
    2100ms   attempt of c: $0, 0 tokens: rate_limited: no luck
    2100ms   attempt of c: $0, 0 tokens
    2100ms     balanced gittins 0µs, 3 ahead, 0 behind
    ");
}
