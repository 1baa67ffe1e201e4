//! Runs that take over what a run before them did.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn an_effect_beside_one_that_was_taken_back_is_not_done_again_unasked() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 g { p effect=once compensate; m effect=idempotent needs p }; z needs g
        ok g/p
        ok g/m
        fail z permanent
        ok g/p/compensate
        again r2 r1
        again r3 r1 do=g
    "), @r#"
    0ms dispatch r1/g/p#1 on t
    0ms > ok g/p
    0ms dispatch r1/g/m#1 on t
    0ms > ok g/m
    0ms dispatch r1/z#1 on t
    0ms > fail z permanent
    0ms answer r1 failed permanent in z: no luck
    0ms dispatch r1/g/p/compensate#1 on t
    0ms > ok g/p/compensate
    0ms close r1
    0ms > r1 is not taken over: task "g" would run again, and "g/m" took effect or may have: find out, and say `--again g` (`again` of the API) if it shall be done again
    0ms dispatch r3/g/p#1 on t
    "#);
}

#[test]
fn what_was_given_on_a_condition_is_given_on_with_it() {
    // Paid with another input in between: never what was paid first.
    assert_snapshot!(dialogue("
        targets t=9
        say pay input=7
        submit r1 pay effect=once input
        ok pay
        say pay input=9
        again r2 r1 other
        again r3 r2
        say pay input=7
        again r4 r3 other
        again r5 r3 do=pay
    "), @"
    0ms dispatch r1/pay#1 on t
    0ms > ok pay
    0ms answer r1 succeeded
    0ms close r1
    0ms answer r2 failed permanent in pay: it took effect before with another input (run 00000000000000000000000001): `--again pay` does it again
    0ms close r2
    0ms answer r3 failed permanent in pay: it took effect before with another input (run 00000000000000000000000002): `--again pay` does it again
    0ms close r3
    0ms answer r4 succeeded
    0ms close r4
    0ms dispatch r5/pay#1 on t
    ");
}

#[test]
fn what_was_skipped_or_never_come_to_does_not_give_what_it_gave_before() {
    // Skipped in between: skipped it stays.
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 x if; z input
        ok x
        ok z
        say x if=false
        say z input=9
        again r2 r1 other
        fail z permanent
        again r3 r2
        view r3
    "), @"
    0ms dispatch r1/x#1 on t
    0ms dispatch r1/z#1 on t
    0ms > ok x
    0ms > ok z
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r2/z#1 on t
    0ms > fail z permanent
    0ms answer r2 failed permanent in z: no luck
    0ms close r2
    0ms dispatch r3/z#1 on t key of r2
    0ms r3 is running, spent $0, held $0
    0ms   x skipped
    0ms   z running
    ");
    // Not come to in between: it runs, for its input is another one.
    assert_snapshot!(dialogue("
        targets t=1
        submit r1 a input; x input
        ok a
        ok x
        say a input=9
        say x input=9
        again r2 r1 other
        fail a permanent
        again r3 r2
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms dispatch r1/x#1 on t
    0ms > ok x
    0ms answer r1 succeeded
    0ms close r1
    0ms dispatch r2/a#1 on t
    0ms > fail a permanent
    0ms answer r2 failed permanent in a: no luck
    0ms close r2
    0ms dispatch r3/a#1 on t key of r2
    ");
}

#[test]
fn each_run_tells_its_own_end() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 a; z input needs a; on_failure: n effect=once input; finally: f effect=once input
        ok a
        fail z permanent
        ok n
        ok f
        again r2 r1
        fail z permanent
        ok n
        ok f
    "), @"
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms dispatch r1/z#1 on t
    0ms > fail z permanent
    0ms answer r1 failed permanent in z: no luck
    0ms dispatch r1/n#1 on t
    0ms > ok n
    0ms dispatch r1/f#1 on t
    0ms > ok f
    0ms close r1
    0ms dispatch r2/z#1 on t key of r1
    0ms > fail z permanent
    0ms answer r2 failed permanent in z: no luck
    0ms dispatch r2/n#1 on t
    0ms > ok n
    0ms dispatch r2/f#1 on t
    0ms > ok f
    0ms close r2
    ");
}

#[test]
fn who_decided_about_some_inputs_did_not_decide_about_others() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 w wait=approval; b needs w
        approve r1 w
        fail b permanent
        again r2 r1
        again r3 r1 other
        waits
    "), @"
    0ms > approve r1 w
    0ms dispatch r1/b#1 on t
    0ms > fail b permanent
    0ms answer r1 failed permanent in b: no luck
    0ms close r1
    0ms dispatch r2/b#1 on t key of r1
    0ms r3/w waits for approval since 0ms
    ");
}

#[test]
fn an_attempt_that_may_have_taken_effect_is_not_forgotten_for_a_later_one_that_has_not() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 m effect=idempotent input retry=2 catch=unavailable,rate_limited:output
        fail m unavailable
        wait 10s
        fail m rate_limited no_effect
        wait 10s
        say m input=9
        again r2 r1 other
    "), @"
       0ms dispatch r1/m#1 on t
       0ms > fail m unavailable
     200ms woken: a task may start
     200ms dispatch r1/m#2 on t
    10000ms > fail m rate_limited no_effect
    10000ms answer r1 succeeded degraded
    10000ms close r1
    11000ms woken: a target reopens
    11050ms woken: a target may have room for one more
    12050ms woken: a target may have room for one more
    13050ms woken: a target may have room for one more
    14050ms woken: a target may have room for one more
    15050ms woken: a target may have room for one more
    16050ms woken: a target may have room for one more
    17050ms woken: a target may have room for one more
    18050ms woken: a target may have room for one more
    19050ms woken: a target may have room for one more
    20000ms answer r2 failed permanent in m: it took effect before with another input (run 00000000000000000000000001): `--again m` does it again
    20000ms close r2
    ");
}

#[test]
fn what_may_have_been_done_is_tried_again_with_the_same_input_only() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 m effect=idempotent input; k effect=idempotent input
        fail m timeout
        fail k permanent no_effect
        again r2 r1 from=k
        fail m unavailable no_effect
        fail k permanent no_effect
        say m input=9
        say k input=9
        again r3 r2 other
        again r4 r2 other do=m
    "), @"
    0ms dispatch r1/m#1 on t
    0ms dispatch r1/k#1 on t
    0ms > fail m timeout
    0ms stop r1/k#1
    0ms answer r1 failed timeout in m: no luck
    0ms > fail k permanent no_effect
    0ms close r1
    0ms dispatch r2/m#1 on t key of r1
    0ms dispatch r2/k#1 on t key of r1
    0ms > fail m unavailable no_effect
    0ms stop r2/k#1
    0ms answer r2 failed unavailable in m: no luck
    0ms > fail k permanent no_effect
    0ms close r2
    0ms answer r3 failed permanent in m: it may have taken effect before with another input (run 00000000000000000000000002): `--again m` does it again
    0ms close r3
    0ms dispatch r4/m#1 on t
    0ms dispatch r4/k#1 on t
    ");
    // Inside a whole that would run again with other inputs.
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 g { m effect=idempotent }
        fail g/m timeout
        again r2 r1
        again r3 r1 other
        again r4 r1 other do=g
    "), @r#"
    0ms dispatch r1/g/m#1 on t
    0ms > fail g/m timeout
    0ms answer r1 failed timeout in g: no luck
    0ms close r1
    0ms dispatch r2/g/m#1 on t key of r1
    0ms > r1 is not taken over: task "g" would run again, and "g/m" took effect or may have: find out, and say `--again g` (`again` of the API) if it shall be done again
    0ms dispatch r4/g/m#1 on t
    "#);
}

#[test]
fn what_could_not_be_taken_back_is_taken_back_with_the_retry_that_built_on_it() {
    // Twice it fails, and the third run takes back what the first has done, under the key of that.
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 p effect=once compensate; z needs p
        ok p
        fail z permanent
        fail p/compensate permanent
        again r2 r1
        fail z permanent
        fail p/compensate permanent
        again r3 r2
        fail z permanent
        ok p/compensate
        again r4 r3
    "), @"
    0ms dispatch r1/p#1 on t
    0ms > ok p
    0ms dispatch r1/z#1 on t
    0ms > fail z permanent
    0ms answer r1 failed permanent in z: no luck
    0ms dispatch r1/p/compensate#1 on t
    0ms > fail p/compensate permanent
    0ms close r1
    0ms dispatch r2/z#1 on t key of r1
    0ms > fail z permanent
    0ms answer r2 failed permanent in z: no luck
    0ms dispatch r2/p/compensate#1 on t key of r1
    0ms > fail p/compensate permanent
    0ms close r2
    0ms dispatch r3/z#1 on t key of r1
    0ms > fail z permanent
    0ms answer r3 failed permanent in z: no luck
    0ms dispatch r3/p/compensate#1 on t key of r1
    0ms > ok p/compensate
    0ms close r3
    0ms dispatch r4/p#1 on t
    ");
    // A retry that succeeds needs what it built on, and a fork does not know whether one has.
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 p effect=once compensate; z needs p
        ok p
        fail z permanent
        fail p/compensate permanent
        again r2 r1
        ok z
        again r3 r1 other
        fail z permanent
        again r4 r2 from=z
        fail z permanent
    "), @"
    0ms dispatch r1/p#1 on t
    0ms > ok p
    0ms dispatch r1/z#1 on t
    0ms > fail z permanent
    0ms answer r1 failed permanent in z: no luck
    0ms dispatch r1/p/compensate#1 on t
    0ms > fail p/compensate permanent
    0ms close r1
    0ms dispatch r2/z#1 on t key of r1
    0ms > ok z
    0ms answer r2 succeeded
    0ms close r2
    0ms dispatch r3/z#1 on t
    0ms > fail z permanent
    0ms answer r3 failed permanent in z: no luck
    0ms close r3
    0ms dispatch r4/z#1 on t key of r1
    0ms > fail z permanent
    0ms answer r4 failed permanent in z: no luck
    0ms close r4
    ");
}

#[test]
fn what_is_given_says_nothing_that_could_be_shown() {
    assert_snapshot!(dialogue("
        targets t=9
        submit r1 check; text publish_after=check; z needs text
        ok text
        ok check
        fail z permanent
        again r2 r1
    "), @"
    0ms dispatch r1/text#1 on t held back
    0ms dispatch r1/check#1 on t
    0ms > ok text
    0ms dispatch r1/z#1 on t
    0ms > ok check
    0ms publish r1/text
    0ms > fail z permanent
    0ms answer r1 failed permanent in z: no luck
    0ms close r1
    0ms dispatch r2/z#1 on t key of r1
    ");
}

#[test]
fn a_copy_that_a_fork_took_is_what_its_retry_goes_on_with() {
    assert_snapshot!(dialogue("
        targets t=9
        say a input=7
        submit r1 a cache=60s input; z needs a
        ok a
        ok z
        say a input=9
        submit r2 a cache=60s input
        ok r2/a
        again r3 r1 other
        fail r3/z permanent
        store forgets
        again r4 r3
    "), @r#"
    0ms look up r1/a
    0ms dispatch r1/a#1 on t
    0ms > ok a
    0ms keep for default: of r1, t gave it for $0, tags ["tag"]
    0ms dispatch r1/z#1 on t
    0ms > ok z
    0ms answer r1 succeeded
    0ms close r1
    0ms look up r2/a
    0ms dispatch r2/a#1 on t
    0ms > ok r2/a
    0ms keep for default: of r2, t gave it for $0, tags ["tag"]
    0ms answer r2 succeeded
    0ms close r2
    0ms look up r3/a
    0ms dispatch r3/z#1 on t
    0ms > fail r3/z permanent
    0ms answer r3 failed permanent in z: no luck
    0ms close r3
    0ms > store forgets
    0ms dispatch r4/z#1 on t key of r3
    "#);
}
