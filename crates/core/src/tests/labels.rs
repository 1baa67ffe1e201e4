//! Labels go with the words of a failure: whoever repeats them to a target must find one that may see them.

use super::trace;

/// Where the attempts of each task went, in the order of the trace: `a home, b abroad`.
fn sent(scenario: &str) -> String {
    let fleet = "targets abroad=9 home=9:clearance=region=eu child=9:child:clearance=region=eu";
    let whole = trace(&format!("{fleet}\nsay e items=1\n{}", scenario.replace(" / ", "\n")));
    let sent = whole.lines().filter_map(|line| line.split_once("dispatch r1/")?.1.split_once(" on "));
    let named = |(attempt, target): (&str, &str)| {
        let (task, _) = attempt.rsplit_once('#').unwrap();
        format!("{task} {}", target.split(' ').next().unwrap())
    };
    sent.map(named).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_is_caught_carries_the_labels_of_what_the_attempt_was_told() {
    for (graph, what, expected) in [
        ("a reads=inputs catch=any:output; b needs a", "fail a permanent", "a home, b home"),
        // Of a group, a loop and a list it is that of a task inside, wherever the rung is.
        ("g catch=any:output { a reads=inputs }; b needs g", "fail g/a permanent", "g/a home, b home"),
        ("g catch=any:output { h { a reads=inputs } }; b needs g", "fail g/h/a permanent", "g/h/a home, b home"),
        (
            "l loop=3 catch=any:output { a reads=inputs }; b needs l",
            "fail l/loop#1/a permanent",
            "l/loop#1/a home, b home",
        ),
        (
            "e foreach max=1 catch=any:output { a reads=inputs }; b needs e",
            "fail e[0]/a permanent",
            "e[0]/a home, b home",
        ),
        // What is told of a failure that is told of another.
        (
            "a reads=inputs effect=once doubt=ask catch=any:output; b needs a",
            "fail a timeout / tell r1/a no",
            "a home, b home",
        ),
        (
            "a reads=inputs retry=2 on=timeout catch=deadline_exceeded:output; b needs a; run: deadline=1ms",
            "fail a timeout",
            "a home, b home",
        ),
    ] {
        let of_run = |labels: &str| sent(&format!("submit r1 {labels}{graph} / {what}"));
        assert_eq!(of_run("labels=region=eu "), expected, "{graph}");
        // A run that holds no such data may go anywhere.
        assert_eq!(of_run(""), expected.replace("home", "abroad"), "{graph}");
    }
}

#[test]
fn the_error_of_a_run_carries_them_too_over_restarts() {
    let graph = "submit r1 labels=region=eu g { a reads=inputs }; on_failure: n reads=error; finally: f reads=error";
    let expected = "g/a home, n home, f home";
    assert_eq!(sent(&format!("{graph} / fail g/a permanent / ok n")), expected);
    assert_eq!(sent(&format!("{graph} / fail g/a permanent / restart / ok n")), "g/a home, n home, n home, f home");
    // One that nobody told of such data does not.
    let graph = "submit r1 labels=region=eu a; b reads=inputs; finally: f reads=error";
    assert_eq!(sent(&format!("{graph} / fail a permanent / ok b")), "a abroad, b home, f abroad");
}

#[test]
fn a_rung_that_was_taken_before_a_restart_knows_them() {
    let scenario = "submit r1 labels=region=eu a reads=inputs effect=once catch=any:output; b needs a";
    assert_eq!(sent(&format!("{scenario} / fail a permanent / restart")), "a home, b home, b home");
    // What was in doubt, and what was found out about it, quote what made it doubtful.
    let doubt = "submit r1 labels=region=eu a reads=inputs effect=once doubt=ask catch=any:output; b needs a";
    let told = "fail a timeout / restart / tell r1/a no";
    assert_eq!(sent(&format!("{doubt} / {told}")), "a home, b home");
}

#[test]
fn an_evaluation_may_quote_all_that_it_has_read() {
    for (graph, what, expected) in [
        ("g catch=any:output { a reads=inputs }; b needs g", "", "b home"),
        // A condition goes into no payload, and may be quoted all the same.
        ("g catch=any:output { c reads=inputs; a needs c if }; b needs g", " / ok g/c", "g/c home, b home"),
    ] {
        let of_run = |labels: &str| sent(&format!("say g/a error=yes / submit r1 {labels}{graph}{what}"));
        assert_eq!(of_run("labels=region=eu "), expected, "{graph}");
        assert_eq!(of_run(""), expected.replace("home", "abroad"), "{graph}");
    }
}

#[test]
fn the_schedulers_own_words_carry_none() {
    for (graph, what) in [
        ("a reads=inputs timeout=5s catch=any:output; b needs a", "wait 5s"),
        ("a reads=inputs optional within=5s; b; finally: f reads=error", "wait 5s / fail b permanent"),
        ("a reads=inputs; run: deadline=5s; finally: f reads=error", "wait 5s"),
        ("a reads=inputs; finally: f reads=error", "cancel r1"),
    ] {
        let found = sent(&format!("submit r1 labels=region=eu {graph} / {what}"));
        assert!(found.contains("a home") && found.ends_with(" abroad"), "{graph}: {found}");
    }
}

#[test]
fn a_child_run_gives_those_of_its_error() {
    let graph = "submit r1 a child catch=any:output; b needs a";
    assert_eq!(sent(&format!("{graph} / end a permanent labels=region=eu")), "a child, b home");
    assert_eq!(sent(&format!("{graph} / end a permanent")), "a child, b abroad");
}
