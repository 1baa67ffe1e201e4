//! Which text may be shown, and when.

use insta::assert_snapshot;

use super::dialogue;

#[test]
fn live_text_is_held_back_until_the_check_has_passed() {
    assert_snapshot!(dialogue("
        submit r1 check; draft live publish_after=check
        ok check
        ok draft
    "), @"
    0ms dispatch r1/check#1 on t
    0ms dispatch r1/draft#1 on t held back
    0ms > ok check
    0ms publish r1/draft
    0ms > ok draft
    0ms answer r1 succeeded
    0ms close r1
    ");
}

#[test]
fn only_what_a_check_has_seen_is_shown() {
    // A check that was caught has passed nothing; one that another target made has.
    assert_snapshot!(dialogue("
        policy dollar=0s crowd=0
        targets t=1 u=1
        submit r1 draft live publish_after=check; check catch=any:output
        ok draft
        fail check permanent
        submit r2 draft live publish_after=check allow=t; check needs draft allow=t catch=any:u
        ok draft
        fail check permanent
        ok check
    "), @"
    0ms > policy dollar=0s crowd=0
    0ms dispatch r1/draft#1 on t held back
    0ms dispatch r1/check#1 on u
    0ms > ok draft
    0ms > fail check permanent
    0ms answer r1 succeeded degraded
    0ms close r1
    0ms dispatch r2/draft#1 on t held back
    0ms > ok draft
    0ms dispatch r2/check#1 on t
    0ms > fail check permanent
    0ms dispatch r2/check#2 on u
    0ms > ok check
    0ms publish r2/draft
    0ms answer r2 succeeded degraded
    0ms close r2
    ");
    // A text that `catch` replaced, or whose task failed, was seen by no check.
    assert_snapshot!(dialogue("
        targets t=9 u=1
        submit r1 draft live publish_after=check catch=any:output; check needs draft
        fail draft permanent
        ok check
        submit r2 draft live publish_after=check allow=t catch=any:u; check needs draft allow=t
        fail draft permanent
        ok draft
        ok check
        submit r3 draft live publish_after=check optional value=1; check
        fail draft permanent
        ok check
    "), @"
    0ms dispatch r1/draft#1 on t held back
    0ms > fail draft permanent
    0ms dispatch r1/check#1 on t
    0ms > ok check
    0ms answer r1 succeeded degraded
    0ms close r1
    0ms dispatch r2/draft#1 on t held back
    0ms > fail draft permanent
    0ms dispatch r2/draft#2 on u held back
    0ms > ok draft
    0ms dispatch r2/check#1 on t
    0ms > ok check
    0ms publish r2/draft
    0ms answer r2 succeeded degraded
    0ms close r2
    0ms dispatch r3/draft#1 on t held back
    0ms dispatch r3/check#1 on u
    0ms > fail draft permanent
    0ms > ok check
    0ms answer r3 succeeded degraded
    0ms close r3
    ");
}
