//! Policy documents: what is said of them, what they become, and what is built in.

use agendum_types::policy::{Index, Policy};
use agendum_types::{Limits, Money, Tenant};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::{listed, with_head};
use crate::policy::{Accepted, SCHEMA, built_in, built_in_names, check, differences, parameters};

/// What is said of a text; `version` and `policy` go before one that lacks them.
fn said(text: &str) -> String {
    let text = if text.contains("version") { with_head(text) } else { format!("version: 1\npolicy: test\n{text}") };
    listed(check(&text, &Limits::STANDARD).diagnostics)
}

fn accepted(text: &str) -> Accepted {
    let checked = check(&format!("version: 1\npolicy: test\n{text}"), &Limits::STANDARD);
    checked.accepted.unwrap_or_else(|| panic!("{}", listed(checked.diagnostics)))
}

#[test]
fn a_document_says_what_it_wants_and_balanced_the_rest() {
    let Accepted { policy, description, document } = accepted(
        "description: ours
order:
  interactive: { index: fifo, deadline_index: edf, share: 1000, patience: 1h30m }
  background: { aging: 7 }
fairness: { weights: { acme: 2, 'a.b c': 9 }, free_hour_usd: 1 }",
    );
    let usual = Policy::default();
    assert_eq!((&*policy.name, description.as_deref()), ("test", Some("ours")));
    let band = &policy.bands[0];
    assert_eq!((band.index, band.deadline_index, band.share, band.aging), (Index::Fifo, Index::Edf, 1_000, 5));
    assert_eq!(policy.bands[1], usual.bands[1]);
    assert_eq!(policy.bands[2], agendum_types::policy::Band { aging: 7, ..usual.bands[2].clone() });
    let weight = |name: &str| policy.fairness.weight_of(&Tenant::new(name));
    assert_eq!(["acme", "a.b c", "other"].map(weight), [2, 9, 1]);
    assert_eq!(policy.fairness.free_hour, Money(Money::PER_DOLLAR));
    assert_snapshot!(document, @r#"{"version":1,"policy":"test","order":{"interactive":{"index":"fifo","deadline_index":"edf","share":1000,"aging":5,"patience":"1h30m","dollar":"2m"},"standard":{"index":"gittins","deadline_index":"slack","share":4,"aging":5,"patience":"10m","dollar":"20m"},"background":{"index":"gittins","deadline_index":"slack","share":1,"aging":7,"patience":"10m","dollar":"5h"}},"fairness":{"weight":1,"weights":{"a.b c":9,"acme":2},"free_hour_usd":1.0,"credit":6,"locality_quantum":8},"admission":{"samples":8,"quick":10,"slow":95,"look":64},"placement":{"crowd":20,"tokens_per_s":8000},"hedging":{"after":95,"share":5},"preemption":{"spent":25,"times":2,"share":5},"overload":{"waiting":1000000,"stand":"0s","interval":"1m"},"limits":{"failures":50,"failures_min":5,"failing_for":"5s","pause":"1s","pause_max":"30s","retries":20,"retries_per_s":30,"turned_away":20,"gain":20}}"#);
}

#[test]
fn a_hash_names_rules_and_not_their_writing() {
    let one = accepted(
        "order: { standard: { share: 8, patience: 90m } }\nfairness: { weights: { b: 1, a: 2 }, free_hour_usd: 0.2 }",
    );
    let other = accepted(
        "description: x\nfairness: { free_hour_usd: 2.0e-1, weights: { a: 2, b: 1 } }\norder: { standard: { patience: PT1H30M, share: 8 } }",
    );
    assert_eq!((&one.document, &one.policy), (&other.document, &other.policy));
    let again = check(&one.document.0, &Limits::STANDARD).accepted.unwrap();
    assert_eq!((again.document, again.policy), (one.document.clone(), one.policy.clone()));
    let changed = accepted(
        "order: { standard: { share: 8, patience: 90m } }\nfairness: { weights: { b: 1, a: 3 }, free_hour_usd: 0.2 }",
    );
    assert_ne!(changed.policy.hash, one.policy.hash);
}

#[test]
fn what_is_wrong_has_a_place_and_a_help() {
    assert_snapshot!(
        said(
            "
        version: 2
        policy: My Rules
        ordr: {}
        order:
          interactive: { index: gitins, share: 0, aging: 1001, patience: 999ms }
          urgent: { share: 1 }
          standard: { share: 1.5, patience: 721h, deadline_index: 7, patience: 1m }
          background: { patience: 5, share: \"4\" }
        fairness: { weights: { acme: 0, b: many }, weight: -1, free_hour_usd: -0.5 }
    "
        ),
        @r#"
    1:10 unknown_value: `version` is 2; this release knows 1
    2:9 bad_name: `policy` "My Rules" must match ^[a-z0-9][a-z0-9-]{0,63}$
    3:1 unknown_key: unknown key `ordr` in the document
        help: did you mean `order`?
    5:25 unknown_value: `index` knows no `gitins`
        help: did you mean `gittins`?
    5:40 out_of_range: `share` is 0; it must be between 1 and 1000
        help: its part of the attempts, in relation to the shares of the other priorities that have something to send
    5:50 out_of_range: `aging` is 1001; it must be between 1 and 1000
        help: for each second less that a run will take, it may have come so many seconds later and still go first
    5:66 out_of_range: `patience` is 999ms; it must be between 1s and 720h
        help: by when a run without a deadline is to be answered, beside those that have one
    6:3 unknown_key: unknown key `urgent` in `order`
        help: known keys: interactive, standard, background
    7:22 wrong_type: `share` is 1.5; it must be a whole number between 1 and 1000
        help: its part of the attempts, in relation to the shares of the other priorities that have something to send
    7:37 out_of_range: `patience` is 721h; it must be between 1s and 720h
        help: by when a run without a deadline is to be answered, beside those that have one
    7:59 wrong_type: `deadline_index` is a number; it must be a text
        help: put it in quotes
    7:62 syntax: the key `patience` stands here a second time
        help: give it another name, or merge the two
    8:27 wrong_type: `patience` is a number; it must be a text
        help: write `5s`
    8:37 wrong_type: `share` is a text; it must be a whole number between 1 and 1000
    9:30 out_of_range: `acme` is 0; it must be between 1 and 1000
        help: the weight of this tenant: with twice that of another it gets twice as much while both wait
    9:36 wrong_type: `b` is a text; it must be a whole number between 1 and 1000
    9:52 wrong_type: `weight` is -1; it must be a whole number between 1 and 1000
        help: the weight of each tenant that `weights` does not name
    9:71 out_of_range: `free_hour_usd` is -0.5; it must be between 0 and 1000000
        help: US dollars that an hour of a target counts for which costs nothing, so that its time is shared too
    "#
    );
    assert_snapshot!(said("order: [1"), @"
    3:8 syntax: not readable as YAML or JSON: unclosed bracket '['
        help: close it: every `{` needs its `}` and every `[` its `]`
    ");
    assert_snapshot!(listed(check("", &Limits::STANDARD).diagnostics), @"
    1:1 wrong_type: the document is nothing; it must be a map
        help: write `version: 1` and `policy: …`
    ");
    assert_snapshot!(said("version: 1\npolcy: x"), @"
    2:1 unknown_key: unknown key `polcy` in the document
        help: did you mean `policy`?
    ");
    let many: Vec<String> = (0..=10_000).map(|number| format!("t{number}: 1")).collect();
    assert_snapshot!(said(&format!("fairness: {{ weights: {{ {} }} }}", many.join(", "))), @"
    3:22 out_of_range: `weights` has 10001 entries; it may have 10000
        help: weights by tenant: who has twice the weight of another gets twice as much while both wait
    ");
    let fits = format!("fairness: {{ weights: {{ {} }} }}", many[1..].join(", "));
    assert_eq!(accepted(&fits).policy.fairness.weights.len(), 10_000);
}

#[test]
fn a_document_of_another_kind_is_told_as_such_and_nothing_else() {
    let graph = "version: 1\nname: g\ntasks: { t: { uses: chat, with: { prompt: hi } } }";
    let plan = "version: 1\nplan: p\nlasts: 1h\npolicy: balanced@be50e591\nrules: {}";
    let policy = "version: 1\npolicy: p";
    let scenario = "name: s\nworkload: {}";
    let found = [graph, plan, scenario].map(|text| listed(check(text, &Limits::STANDARD).diagnostics));
    let as_graph = [policy, plan].map(|text| {
        listed(crate::check(crate::Source { name: "x", text }, &crate::NoFiles, &Limits::STANDARD).diagnostics)
    });
    let of_plan = |text| crate::policy::plan::check(text, &Policy::default(), &Limits::STANDARD);
    let as_plan = [policy, graph].map(|text| listed(of_plan(text).diagnostics));
    assert_snapshot!([found.join("\n"), as_graph.join("\n"), as_plan.join("\n")].join("\n"), @"
    3:1 other_kind: this is a graph, and no policy
        help: `agendum check` checks it, `agendum run` runs it
    2:1 other_kind: this is a plan, and no policy
        help: `agendum plan check` checks it
    2:1 other_kind: this is a scenario, and no policy
        help: `agendum simulate` plays it
    2:1 other_kind: this is a policy, and no graph
        help: `agendum policy check` checks it, `agendum simulate e2 --compare` plays by it
    2:1 other_kind: this is a plan, and no graph
        help: `agendum plan check` checks it
    2:1 other_kind: this is a policy, and no plan
        help: `agendum policy check` checks it, `agendum simulate e2 --compare` plays by it
    3:1 other_kind: this is a graph, and no plan
        help: `agendum check` checks it, `agendum run` runs it
    ");
}

#[test]
fn what_is_not_run_yet_is_told_as_such() {
    let text = "admission: {}
limits: {}
preemption: {}
placement: { stickiness: 1 }
hedging: {}
estimates: {}";
    assert_snapshot!(said(text), @"
    6:14 unknown_key: unknown key `stickiness` in `placement`
        help: known keys: crowd, tokens_per_s
    8:12 not_yet (not yet): not yet: this release does not run rules of estimates
    ");
    assert!(check(&format!("version: 1\npolicy: test\n{text}"), &Limits::STANDARD).accepted.is_none());
}

#[test]
fn what_nothing_reads_and_names_that_are_taken_are_warned_of() {
    assert_snapshot!(
        said(
            "order:
  interactive: { index: fifo, deadline_index: edf, aging: 6, patience: 1m }
  standard: { index: gittins, deadline_index: fifo, aging: 6, patience: 1m }
  background: { index: slack, aging: 9 }"
        ),
        @"
        4:52 unread (warning): nothing reads the `aging` of `interactive`: its indexes need none
            help: take it out; it is for attained-service, gittins, virtual-finish and value-density
        5:63 unread (warning): nothing reads the `patience` of `standard`: its indexes need none
            help: take it out; it is for edf, slack and risk
        6:31 unread (warning): nothing reads the `aging` of `background`: its indexes need none
            help: take it out; it is for attained-service, gittins, virtual-finish and value-density
        "
    );
    assert_snapshot!(said("version: 1\npolicy: fifo"), @"
    2:9 taken_name (warning): a built-in policy is called `fifo`, and has other rules
        help: give it a name of its own
    ");
    assert_snapshot!(said("version: 1\npolicy: balanced\norder: { background: { share: 1 } }"), @"");
    assert_snapshot!(said("version: 1\npolicy: gittins"), @"
    2:9 taken_name (warning): a built-in policy is called `gittins`, and has other rules
        help: give it a name of its own
    ");
    assert_snapshot!(said("version: 1\npolicy: mine\nfairness: { weights: { '': 2, ' ': 3, a: 4 } }"), @r#"
    3:24 no_tenant (warning): no tenant is called "": nobody has this weight
        help: write the tenant's name, or leave it out
    3:31 no_tenant (warning): no tenant is called " ": nobody has this weight
        help: write the tenant's name, or leave it out
    "#);
}

#[test]
fn parameters_of_which_one_leaves_the_other_nothing_are_warned_of() {
    assert_snapshot!(said("admission: { quick: 99, slow: 5 }\nlimits: { pause: 1h }"), @"
    3:14 crossed (warning): `quick` is more than `slow`: no run stands behind before it is given up
        help: make `slow` the greater
    4:11 crossed (warning): `pause` is more than `pause_max`: no pause is longer than that
        help: make `pause_max` the greater
    ");
    assert_snapshot!(said("admission: { quick: 50, slow: 50 }"), @"");
}

#[test]
fn what_is_built_in_is_what_its_document_says() {
    let indexes = Index::ALL.map(Index::word);
    assert!(built_in_names().eq(std::iter::once("balanced").chain(indexes)));
    let balanced = built_in(Policy::BALANCED).unwrap();
    let usual = Policy::default();
    assert_eq!(usual.hash, balanced.policy.hash, "in types, `BALANCED_HASH` is to be {}", balanced.policy.hash);
    assert_eq!(usual, *balanced.policy);
    let said: Json = serde_json::from_str(&balanced.document.0).unwrap();
    let text = include_str!("../../policies/balanced.yaml");
    let mut written: Json = crate::tree::to_json(
        &crate::tree::parse(text, &Limits::STANDARD, &mut crate::diagnostic::Diagnostics::new(text)).unwrap(),
    );
    written.as_object_mut().unwrap().remove("description");
    assert_eq!(written, said, "the document of `balanced` leaves nothing out");
    for name in built_in_names() {
        let document = &built_in(name).unwrap().document;
        assert!(check(&document.0, &Limits::STANDARD).diagnostics.is_empty(), "{name}");
    }
}

#[test]
fn every_index_is_a_word_or_is_not_run_yet() {
    let schema: Json = serde_json::from_str(SCHEMA).unwrap();
    let index = &schema["$defs"]["index"];
    let words = index["enum"].as_array().unwrap().iter().filter_map(Json::as_str);
    let run: Vec<&str> = words.filter(|word| index["x-not-yet"].get(word).is_none()).collect();
    assert_eq!(run, Index::ALL.map(Index::word));
}

#[test]
fn parameters_say_what_they_mean_and_differences_where_they_lie() {
    let policy = accepted("order: { interactive: { share: 3 } }\nfairness: { weights: { acme: 2, b: 1 } }").policy;
    let all = parameters(&policy);
    assert!(all.iter().all(|one| !one.meaning.is_empty()), "{all:?}");
    let lines: Vec<String> = all.iter().map(|one| format!("{} {}", one.path, one.value)).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    order.interactive.index "gittins"
    order.interactive.deadline_index "slack"
    order.interactive.share 3
    order.interactive.aging 5
    order.interactive.patience "10m"
    order.interactive.dollar "2m"
    order.standard.index "gittins"
    order.standard.deadline_index "slack"
    order.standard.share 4
    order.standard.aging 5
    order.standard.patience "10m"
    order.standard.dollar "20m"
    order.background.index "gittins"
    order.background.deadline_index "slack"
    order.background.share 1
    order.background.aging 5
    order.background.patience "10m"
    order.background.dollar "5h"
    fairness.weight 1
    fairness.weights.acme 2
    fairness.weights.b 1
    fairness.free_hour_usd 0.1
    fairness.credit 6
    fairness.locality_quantum 8
    admission.samples 8
    admission.quick 10
    admission.slow 95
    admission.look 64
    placement.crowd 20
    placement.tokens_per_s 8000
    hedging.after 95
    hedging.share 5
    preemption.spent 25
    preemption.times 2
    preemption.share 5
    overload.waiting 1000000
    overload.stand "0s"
    overload.interval "1m"
    limits.failures 50
    limits.failures_min 5
    limits.failing_for "5s"
    limits.pause "1s"
    limits.pause_max "30s"
    limits.retries 20
    limits.retries_per_s 30
    limits.turned_away 20
    limits.gain 20
    "#);
    let other = accepted("fairness: { weights: { acme: 3, c: 4 }, weight: 2 }").policy;
    let found = differences(&policy, &other);
    let lines: Vec<String> = found.iter().map(|one| format!("{} {}", one.path, json!(one.values))).collect();
    assert_snapshot!(lines.join("\n"), @"
    order.interactive.share [3,16]
    fairness.weight [1,2]
    fairness.weights.acme [2,3]
    fairness.weights.b [1,null]
    fairness.weights.c [null,4]
    ");
    assert!(differences(&policy, &policy).is_empty());
}
