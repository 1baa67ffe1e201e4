//! What each tenant gets of a band: as much as its weight says while others wait too.

use super::sent;

/// Tasks of one tenant's run, all of which can be sent at once.
fn run(number: u32, tenant: &str, name: &str, count: u32) -> String {
    let tasks: Vec<_> = (0..count).map(|index| format!("{name}{index}")).collect();
    format!("submit r{number} tenant={tenant} {}\n", tasks.join("; "))
}

/// Whose tasks are sent, one letter for each.
fn whose(scenario: &str) -> String {
    sent(scenario).split(' ').map(|name| name.chars().next().unwrap()).collect()
}

#[test]
fn a_tenant_gets_as_much_as_its_weight_says_while_both_wait() {
    let (a, b) = (run(2, "acme", "a", 6), run(3, "best", "b", 6));
    for (weights, wanted) in [
        ("acme:1,best:1", "wabababababab"),
        ("acme:1,best:2", "wabbabbabbaaa"),
        ("acme:2,best:1", "wabaabaababbb"),
        ("acme:1,best:5", "wabbbbbabaaaa"),
    ] {
        let order = whose(&format!("policy weights={weights}\ntargets t=1:call=1c\nsubmit r1 w\n{a}{b}drain 1s"));
        assert_eq!(order, wanted, "{weights}");
    }
}

/// By what attempts cost where they cost something, else by their time: `b` takes three times as long.
#[test]
fn time_counts_on_a_target_that_costs_nothing() {
    let (a, b) = (run(2, "acme", "a", 8), run(3, "best", "b", 3));
    let mut lines = format!("targets t=1\nsubmit r1 w\n{a}{b}ok w\n");
    for name in ["a0", "b0", "a1", "a2", "a3", "b1", "a4", "a5"] {
        lines += &format!("wait {}s\nok {name}\n", if name.starts_with('b') { 3 } else { 1 });
    }
    assert_eq!(whose(&lines), "wabaaabaaa");
}

#[test]
fn a_tenant_that_comes_back_has_saved_up_no_more_than_a_few_attempts() {
    let (b, a) = (run(2, "best", "b", 20), run(3, "acme", "a", 8));
    let first: String = (0..10).map(|index| format!("wait 1s\nok b{index}\n")).collect();
    let order = [0, 1, 3, 100].map(|credit| {
        whose(&format!("policy credit={credit}\ntargets t=1:call=1c\n{b}{first}{a}drain 1s"))[11..].to_owned()
    });
    assert_eq!(
        order,
        ["babababababababab", "ababababababababb", "aaababababababbbb", "aaaaaaaabbbbbbbbb"],
        "with no credit, one attempt, three, very many"
    );
}

/// The first of `a` costs ten times what was expected: that counts as soon as it is known.
#[test]
fn a_dearer_result_counts_when_it_has_ended() {
    let (a, b) = (run(2, "acme", "a", 3), run(3, "best", "b", 14));
    let scenario = format!("targets t=1:call=1c:token=1c\nsubmit r1 w\n{a}{b}ok w\nok a0 tokens=10\ndrain 1s");
    assert_eq!(whose(&scenario), "wabbbbbbbbbbababbb");
}

/// Until it has ended it counts for what was expected.
#[test]
fn what_is_out_counts_by_an_estimate() {
    let (a, b) = (run(2, "acme", "a", 6), run(3, "best", "b", 6));
    let scenario = format!("targets t=1:call=1c\nsubmit r1 w\n{a}{b}targets t=9:call=1c");
    assert_eq!(whose(&scenario), "wabababab");
}

#[test]
fn other_weights_count_from_now_on() {
    let (a, b) = (run(2, "acme", "a", 10), run(3, "best", "b", 10));
    let scenario = format!(
        "targets t=1:call=1c\nsubmit r1 w\n{a}{b}ok w\nok a0\nok b0\nok a1\nok b1\npolicy weights=best:3\ndrain 1s"
    );
    assert_eq!(whose(&scenario), "wabababbbbabbbabaaaaa");
}

/// Nothing of virtual times is kept over a restart: what open runs have spent counts again, and what they lost.
#[test]
fn after_a_restart_open_runs_count_for_what_they_have_spent() {
    let order = sent(
        "
        targets t=1:call=1c
        submit r1 tenant=acme a; b needs a; c needs b; d needs c
        ok a
        ok b
        ok c
        submit r2 tenant=best e; f; g; h; i; j
        restart
        drain 1s
    ",
    );
    assert_eq!(order, "a b c d e f g d h i j");
}

/// `h` sends ten before anything is known of the target, each counted for far more than it comes to: whoever comes then is not put behind that.
#[test]
fn who_comes_while_nothing_is_known_is_not_put_behind_a_guess() {
    let (heavy, light) = (run(1, "heavy", "h", 40), run(2, "light", "l", 8));
    let ends: String = (0..10).map(|index| format!("ok h{index}\n")).collect();
    let scenario = format!("policy credit=0\ntargets t=10:expected=2s\n{heavy}wait 100ms\n{light}wait 100ms\n{ends}");
    assert_eq!(whose(&scenario), "hhhhhhhhhhllllllllhh");
}
