//! Plan documents: what is said of them, and what they become beside the policy that they change.

use agendum_types::{Duration, Hash, Limits, Policy};
use insta::assert_snapshot;

use super::listed;
use crate::policy::built_in;
use crate::policy::plan::{Accepted, check, written};

fn accepted(text: &str, policy: &Policy) -> Accepted {
    let checked = check(text, policy, &Limits::STANDARD);
    checked.accepted.unwrap_or_else(|| panic!("{}", listed(checked.diagnostics)))
}

const WHOLE: &str = "
version: 1
plan: busy-hours
description: ours
lasts: 2h
horizon: 3h
rules: { hedging: { share: 2 }, order: { background: { index: fifo } } }
evidence: { how: yesterday, runs: 800, attempts: 5000 }
confidence: 0.9
expected: { mean: -0.08, p99: 0.02 }
risks: [a slow target is noticed later]
";

#[test]
fn what_it_leaves_out_is_as_in_the_policy_that_it_changes() {
    let fifo = &built_in("fifo").unwrap().policy;
    for policy in [&Policy::default(), &**fifo] {
        let Accepted { plan, description, .. } = accepted(WHOLE, policy);
        let mut rules = policy.clone();
        rules.hedging.share = 2;
        rules.bands[2].index = agendum_types::policy::Index::Fifo;
        assert_eq!(Policy { hash: policy.hash, ..(*plan.rules).clone() }, rules);
        assert_ne!(plan.rules.hash, policy.hash);
        assert_eq!((&*plan.policy, description.as_deref()), (&*policy.version(), Some("ours")));
        assert_eq!((plan.lasts, plan.horizon), (Duration::secs(7_200), Duration::secs(10_800)));
        assert_eq!((&*plan.evidence.how, plan.evidence.runs, plan.evidence.attempts), ("yesterday", 800, 5_000));
        assert_eq!(
            (plan.confidence, &plan.expected[..]),
            (900_000, &[("mean".into(), -80_000), ("p99".into(), 20_000)][..])
        );
        assert_eq!(&*plan.risks[0], "a slow target is noticed later");
    }
    let little = accepted("version: 1\nplan: x\nlasts: 1m\nrules: { hedging: { share: 1 } }", &Policy::default());
    assert_eq!(
        (little.plan.horizon, little.plan.confidence),
        (Duration::secs(60), 0),
        "as long as it lasts; nobody is sure"
    );
}

#[test]
fn its_normal_document_says_all_and_means_the_same_beside_any_policy() {
    let balanced = Policy::default();
    let Accepted { plan, document, .. } = accepted(WHOLE, &balanced);
    let fifo = &built_in("fifo").unwrap().policy;
    for policy in [&balanced, &**fifo] {
        let again = accepted(&document.0, policy);
        let named = Policy { name: plan.rules.name.clone(), hash: plan.rules.hash, ..(*again.plan.rules).clone() };
        assert_eq!((&named, &again.document), (&*plan.rules, &document));
        assert_eq!((again.plan.hash, &again.plan.policy), (plan.hash, &plan.policy));
    }
    let other = accepted(&WHOLE.replace("2h", "120m").replace(": ours", ": theirs"), &balanced);
    assert_eq!((other.plan.hash, &other.document), (plan.hash, &document), "however it is written");
    assert_ne!(accepted(&WHOLE.replace("0.9", "0.8"), &balanced).plan.hash, plan.hash);
    assert_eq!(written(&plan), document);
    assert_ne!(plan.hash, Hash::default());
    assert_eq!(plan.decides(), format!("{}+busy-hours@{}", balanced.version(), &plan.hash.to_string()[..8]));
}

#[test]
fn what_is_wrong_has_a_place_and_a_help() {
    let said = |text: &str| listed(check(text, &Policy::default(), &Limits::STANDARD).diagnostics);
    assert_snapshot!(said("version: 1\nplan: Busy\nlasts: 25h\nrules: {}\nconfidence: 2\nexpected: { mean: -2, mena: 0 }\nrisk: [a]\npolicy: ours"), @r#"
    2:7 bad_name: `plan` "Busy" must match ^[a-z0-9][a-z0-9-]{0,63}$
    3:8 out_of_range: `lasts` is 25h; it must be between 1s and 24h
        help: for how long it is in force after it was published; from then on the policy counts alone
    5:13 out_of_range: `confidence` is 2; it must be between 0 and 1
        help: how sure its author is that it does what is expected
    6:19 out_of_range: `mean` is -2; it must be between -1 and 1000
        help: by what part the mean of how long runs take is expected to change
    6:23 unknown_key: unknown key `mena` in `expected`
        help: did you mean `mean`?
    7:1 unknown_key: unknown key `risk` in the document
        help: did you mean `risks`?
    "#);
    assert_snapshot!(said("version: 1\nplan: x\nlasts: 1h\nrules: { version: 1, hedgin: {}, hedging: { share: 101 }, order: { standard: { index: fif } } }"), @"
    4:10 unknown_key: unknown key `version` in `rules`
        help: known keys: order, fairness, admission, preemption, placement, hedging, overload, limits, estimates
    4:22 unknown_key: unknown key `hedgin` in `rules`
        help: did you mean `hedging`?
    4:52 out_of_range: `share` is 101; it must be between 0 and 100
        help: second attempts are so many of a hundred first ones at most
    4:87 unknown_value: `index` knows no `fif`
        help: did you mean `fifo`?
    ");
    assert_snapshot!(said("version: 1\nplan: x\nlasts: 1h\nrules: { limits: { pause: 60s }, order: { standard: { index: fifo, deadline_index: fifo, aging: 9 } } }"), @"
    4:20 crossed (warning): `pause` is more than `pause_max`: no pause is longer than that
        help: make `pause_max` the greater
    4:90 unread (warning): nothing reads the `aging` of `standard`: its indexes need none
        help: take it out; it is for attained-service, gittins, virtual-finish and value-density
    ");
    assert_snapshot!(said("plan: x"), @"
    1:1 missing_key: the document lacks `version`
        help: the version of this schema
    1:1 missing_key: the document lacks `lasts`
        help: for how long it is in force after it was published; from then on the policy counts alone
    1:1 missing_key: the document lacks `rules`
        help: parameters as in a policy document; what is not here stays as the policy has it
    ");
}
