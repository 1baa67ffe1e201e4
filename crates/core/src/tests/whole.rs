//! Forks keep groups, items and rounds whole where nothing in them reads what is another.

use insta::assert_snapshot;

use super::dialogue;

/// A group, a `foreach` and a loop behind a task, all done.
const DONE: &str = "
    targets t=9
    say p input=7
    say e items=2
    say l until=true
    submit r1 p input; g needs p { a; b needs a }; e foreach max=2 needs p; l loop=3 needs p; z needs g,e,l
    ok p
    ok g/a
    ok e[0]
    ok e[1]
    ok l/loop#1
    ok g/b
    ok z
";

fn then(more: &str) -> String {
    let told = dialogue(&format!("{DONE}{more}"));
    // What the run before did is the same each time.
    told.split_once("close r1\n").map(|(_, after)| after.to_owned()).unwrap_or(told)
}

#[test]
fn what_reads_nothing_that_is_another_is_kept_whole() {
    assert_snapshot!(then("again r2 r1 other\n view r2"), @"
    0ms answer r2 succeeded
    0ms close r2
    0ms r2 is not live
    ");
}

#[test]
fn what_reads_it_runs_again_and_so_does_what_needs_that() {
    assert_snapshot!(then("again r2 r1 other reads=g\n say z input=1\n view r2"), @"
    0ms dispatch r2/g/a#1 on t
    0ms r2 is running, spent $0, held $0
    0ms   p succeeded
    0ms   g running
    0ms   g/a running
    0ms   g/b waiting on dependency
    0ms   e succeeded
    0ms   l succeeded
    0ms   z waiting on dependency
    ");
}

#[test]
fn what_its_need_gives_may_be_another() {
    assert_snapshot!(then("say p input=8\n again r2 r1 other\n ok p\n view r2"), @"
    0ms dispatch r2/p#1 on t
    0ms > ok p
    0ms dispatch r2/g/a#1 on t
    0ms dispatch r2/e[0]#1 on t
    0ms dispatch r2/e[1]#1 on t
    0ms dispatch r2/l/loop#1#1 on t
    0ms r2 is running, spent $0, held $0
    0ms   p succeeded
    0ms   g running
    0ms   g/a running
    0ms   g/b waiting on dependency
    0ms   e running
    0ms   e[0] running
    0ms   e[1] running
    0ms   l running
    0ms   l/loop#1 running
    0ms   z waiting on dependency
    ");
}

#[test]
fn an_effect_in_a_group_is_kept_or_stands_in_the_way() {
    let done = "
        targets t=9
        say p input=7
        submit r1 p input catch=permanent:output; g needs p { w effect=once; x effect=idempotent }; z needs g
        ok p
        ok g/w
        ok g/x
        ok z
    ";
    assert_snapshot!(dialogue(&format!("{done}
        again r2 r1 other
        restart
        say p input=8
        again r3 r1 other
        fail r3/p permanent
        again r4 r1 other reads=g
        again r5 r1 other from=g
        again r6 r3
    ")), @r#"
    0ms dispatch r1/p#1 on t
    0ms > ok p
    0ms dispatch r1/g/w#1 on t
    0ms dispatch r1/g/x#1 on t
    0ms > ok g/w
    0ms > ok g/x
    0ms dispatch r1/z#1 on t
    0ms > ok z
    0ms answer r1 succeeded
    0ms close r1
    0ms answer r2 succeeded
    0ms close r2
    0ms restart
    0ms dispatch r3/p#1 on t
    0ms > fail r3/p permanent
    0ms answer r3 failed degraded permanent in g: it took effect before with another input (run 00000000000000000000000001): `--again g` does it again
    0ms close r3
    0ms > r1 is not taken over: task "g" would run again, and "g/w" took effect or may have: find out, and say `--again g` (`again` of the API) if it shall be done again
    0ms > r1 is not taken over: task "g" would run again, and "g/w" took effect or may have: find out, and say `--again g` (`again` of the API) if it shall be done again
    0ms answer r6 failed degraded permanent in g: it took effect before with another input (run 00000000000000000000000003): `--again g` does it again
    0ms close r6
    "#);
}

#[test]
fn whoever_decided_in_it_is_asked_again_unless_it_took_effect() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 g { w wait=approval }; h { w wait=approval; x effect=once needs w }
        approve r1 g/w
        approve r1 h/w
        ok h/x
        again r2 r1 other
        waits
    "), @"
    0ms > approve r1 g/w
    0ms > approve r1 h/w
    0ms dispatch r1/h/x#1 on t
    0ms > ok h/x
    0ms answer r1 succeeded
    0ms close r1
    0ms r2/g/w waits for approval since 0ms
    ");
}

#[test]
fn a_fork_of_what_succeeded_needs_no_other_inputs() {
    assert_snapshot!(then("again r2 r1 fork\n again r3 r1 fork from=g\n ok r3/g/a\n view r3"), @"
    0ms answer r2 succeeded
    0ms close r2
    0ms dispatch r3/g/a#1 on t
    0ms > ok r3/g/a
    0ms dispatch r3/g/b#1 on t
    0ms r3 is running, spent $0, held $0
    0ms   p succeeded
    0ms   g running
    0ms   g/a succeeded
    0ms   g/b running
    0ms   e succeeded
    0ms   l succeeded
    0ms   z waiting on dependency
    ");
}

/// `p` and `f` give what is decided after their results; nothing was caught in `q`.
#[test]
fn a_call_whose_output_is_made_of_what_is_another_runs_again() {
    let done = "
        targets t=9
        say f fail_if=false
        say w fail_if=false
        submit r1 p catch=permanent:output; q catch=permanent:output; f fail_if=invalid_output; w effect=once fail_if=invalid_output
        fail r1/p permanent
        ok q
        ok f
        ok w
    ";
    assert_snapshot!(dialogue(&format!("{done}
        again r2 r1 other reads=p reads=q reads=f
        view r2
        again r3 r1 other reads=w
        again r4 r1 other reads=w do=w
    ")), @r#"
    0ms dispatch r1/p#1 on t
    0ms dispatch r1/q#1 on t
    0ms dispatch r1/f#1 on t
    0ms dispatch r1/w#1 on t
    0ms > fail r1/p permanent
    0ms > ok q
    0ms > ok f
    0ms > ok w
    0ms answer r1 succeeded degraded
    0ms close r1
    0ms dispatch r2/p#1 on t
    0ms dispatch r2/f#1 on t
    0ms r2 is running, spent $0, held $0
    0ms   p running
    0ms   q succeeded
    0ms   f running
    0ms   w succeeded
    0ms > r1 is not taken over: task "w" would run again, and "w" took effect or may have: find out, and say `--again w` (`again` of the API) if it shall be done again
    0ms dispatch r4/w#1 on t
    "#);
}
