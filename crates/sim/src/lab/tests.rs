//! Small drawn scenarios: everything ends, the same twice, and the laboratory agrees with a queue that is written down in ten lines.

mod published;
mod refused;
mod tenancy;
mod told;
mod wrong;

use agendum_core::thinking::Thinking;

use super::fleet::Fleet;
use super::flows::project;
use super::measure::Seen;
use super::provider::Counts;
use super::scenario::Scenario;
use super::workload::{Job, Workload};
use super::world::Met;
use super::{Contender, SHIPPED};

/// A shipped scenario, without data.
fn drawn(name: &str) -> (Scenario, Workload) {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap();
    // Unoptimised, a search takes its time.
    let text = text.replace("projects: 60", "projects: 12").replace("search: 6000", "search: 600");
    let scenario = Scenario::read(&text).unwrap();
    let workload = scenario.workload(None, 0).unwrap();
    (scenario, workload)
}

fn jobs(scenario: &Scenario, workload: &Workload, count: usize) -> Vec<Job> {
    let mut jobs = scenario.arrivals.jobs(workload, 1, 0.95, scenario.fleet.slots());
    jobs.truncate(count);
    jobs
}

fn play(name: &str, scenario: &Scenario, workload: &Workload, jobs: &[Job]) -> Seen {
    let (fleet, faults) = (&scenario.fleet, &scenario.faults);
    let met = Met { fleet, slots: fleet.slots_at(scenario.loads[0]).unwrap(), faults };
    Contender::named(name).unwrap().play(workload, jobs, met, &|| 0).unwrap()
}

#[test]
fn every_job_ends_under_every_policy_and_the_same_twice() {
    for (name, count) in [("e1", 60), ("e3", 200), ("e3-servegen", 200), ("e4-j30", 6), ("e5", 6)] {
        let (mut scenario, workload) = drawn(name);
        let jobs = jobs(&scenario, &workload, count);
        if let Fleet::Slots(slots) = &mut scenario.fleet {
            *slots = 4;
        }
        let mut hashes = Vec::new();
        for policy in &scenario.policies {
            let seen = play(policy, &scenario, &workload, &jobs);
            assert!(seen.ended.iter().all(|job| job.took().is_some()), "{name} {policy}");
            let again = play(policy, &scenario, &workload, &jobs);
            assert_eq!((seen.hash, seen.took()), (again.hash, again.took()), "{name} {policy}");
            hashes.extend(seen.hash.map(|hash| (hash, policy.as_str())));
        }
        hashes.sort();
        hashes.dedup_by_key(|(hash, _)| *hash);
        assert!(hashes.len() > 1, "{name}: policies differ: {hashes:?}");
    }
}

#[test]
fn the_core_as_a_queue_of_calls_does_what_a_queue_of_calls_does() {
    let (scenario, mut workload) = drawn("e1");
    // One in three has a helper in its first round.
    for job in workload.jobs.iter_mut().step_by(3) {
        job.rounds[0].side = job.rounds.clone();
    }
    let jobs = jobs(&scenario, &workload, 150);
    let [core, plain] = ["call-fifo", "reference:call-fifo"].map(|name| play(name, &scenario, &workload, &jobs).took());
    let sum = |all: &[agendum_types::Duration]| all.iter().map(|span| span.as_micros()).sum::<u64>() as f64;
    let apart = (sum(&core) / sum(&plain) - 1.0).abs();
    assert!(apart < 0.01, "but for ties they are the same: {} and {}", sum(&core), sum(&plain));
}

#[test]
fn nothing_is_quicker_than_alone() {
    let (scenario, workload) = drawn("e1");
    let jobs = jobs(&scenario, &workload, 60);
    let seen = play("balanced", &scenario, &workload, &jobs);
    for (job, ended) in jobs.iter().zip(&seen.ended) {
        assert!(ended.took().unwrap() >= job.ideal());
    }
    let figures = seen.figures();
    assert!(figures["slowdown"] >= 1.0 && figures["jain"] <= 1.0 + 1e-9, "{figures:?}");
}

#[test]
fn workflows_come_in_turn_and_no_rule_is_below_the_bound() {
    let (scenario, workload) = drawn("e5");
    let orders = [1, 2].map(|seed| scenario.arrivals.jobs(&workload, seed, 4.0, 0));
    assert_ne!(orders[0], orders[1], "each seed has its own order");
    let jobs = &orders[0][..8];
    let figures = |name: &str| play(name, &scenario, &workload, jobs).figures();
    let over = |name: &str| figures(name)["over bound"];
    assert!(over("oracle:times") >= 1.0 && over("oracle:times") <= over("reference:fifo"));
    assert!(over("balanced") >= 1.0 && figures("balanced")["done"] >= 1.0);
    let text =
        SHIPPED.iter().find(|(name, _)| *name == "e5").unwrap().1.replace("fleet: workers", "fleet: { slots: 4 }");
    assert!(Scenario::read(&text).unwrap_err().contains("belong together"));
}

#[test]
fn who_is_told_what_is_far_away_brings_less_there() {
    let (scenario, workload) = drawn("e5-regions");
    let jobs = scenario.arrivals.jobs(&workload, 1, 16.0, 0);
    let met = Met { fleet: &scenario.fleet, slots: 16, faults: &scenario.faults };
    let played = |name: &str| Contender::named(name).unwrap().play(&workload, &jobs, met, &|| 0);
    let figures = |name: &str| played(name).unwrap().figures();
    let names = ["reference:near", "reference:fifo", "unwarned:balanced", "balanced", "oracle:times"];
    let [near, fifo, blind, told, oracle] = names.map(figures);
    assert_eq!(near["moved"], 0.0);
    assert!(told["moved"] < blind["moved"] && told["moved"] < fifo["moved"], "{told:?} {blind:?} {fifo:?}");
    let over = [&oracle, &told, &fifo, &near].map(|figures| figures["over bound"]);
    assert!(over.is_sorted(), "{over:?}");
    assert!(played("oracle:means").unwrap_err().contains("in one place"));
}

#[test]
fn projects_that_share_pools_are_not_held_up_by_those_that_came_later() {
    let (scenario, workload) = drawn("e4-online");
    let jobs = scenario.arrivals.jobs(&workload, 1, 0.95, scenario.fleet.slots());
    let figures = |name: &str| play(name, &scenario, &workload, &jobs[..150]).figures();
    let [calls, runs] = ["call-fifo", "balanced"].map(figures);
    assert!(runs["mean"] < calls["mean"] && runs["slowdown"] >= 1.0, "{runs:?} {calls:?}");
    let narrow =
        SHIPPED.iter().find(|(name, _)| *name == "e4-online").unwrap().1.replace("[60, 60, 60, 60]", "[60, 60, 60]");
    let said = Scenario::read(&narrow).unwrap().workload(None, 0).unwrap_err();
    assert!(said.contains("units of pool 4, and `fleet: pools` has fewer"), "{said}");
    // The busiest pool is busy for as long as all that it holds takes, and the load is of that.
    let work: f64 = jobs.iter().map(|job| job.work().as_micros() as f64).sum();
    let until = jobs.iter().map(|job| job.at).max().unwrap().as_micros() as f64;
    assert!((work / until / 0.95 - 1.0).abs() < 0.15, "{}", work / until);
}

#[test]
fn projects_are_played_by_rank_and_kept_to_what_was_thought_out() {
    let (scenario, workload) = drawn("e4-j30");
    let jobs = scenario.arrivals.jobs(&workload, 1, 1.0, 0);
    let over = |name: &str| play(name, &scenario, &workload, &jobs[..12]).figures()["over reference"];
    let [fifo, plain, ranked] = ["reference:fifo", "plain:balanced", "balanced"].map(over);
    assert!(ranked < plain && plain < fifo, "{ranked} {plain} {fifo}");
    // What it thinks out is what is played.
    let search = |count: u64| {
        let spans = jobs[..12].iter().map(|job| {
            let flow = &workload.flows[job.class as usize];
            let mut thinking = Thinking::new(project(flow, u32::MAX), 1);
            thinking.go_on(count);
            thinking.end().0 as f64 / flow.reference.unwrap().0 as f64 - 1.0
        });
        spans.sum::<f64>() / 12.0 * 100.0
    };
    let (thought, said) = (over("thinking:900"), search(900));
    assert!(thought < ranked / 2.0 && thought <= said + 1e-9, "{thought} {said} {ranked}");
    let seen = play("thinking:900", &scenario, &workload, &jobs[..12]);
    assert!(seen.figures()["done"] >= 1.0 && seen.thought.len() == workload.flows.len());
    assert!(Contender::named("thinking:soon").unwrap_err().contains("soon"));
}

/// However the provider counts its minutes, and whenever they begin.
#[test]
fn a_known_quota_is_used_up_and_never_exceeded() {
    let (mut scenario, workload) = drawn("quota");
    for counts in [Counts::Bucket, Counts::Minutes] {
        let Fleet::Provider(quota) = &mut scenario.fleet else { panic!("its fleet is a provider") };
        quota.counts = counts;
        for seed in 1..4 {
            let workload = scenario.workload(None, seed).unwrap();
            let jobs = scenario.arrivals.jobs(&workload, seed, 1.0, scenario.fleet.slots());
            let (used, refused, _) = play("balanced", &scenario, &workload, &jobs).quota.unwrap();
            assert!(used >= 0.98 && refused == 0, "{counts:?} {seed}: {used} used, {refused} refused");
        }
        let jobs = jobs(&scenario, &workload, usize::MAX);
        let (_, refused, _) = play("unpaced:balanced", &scenario, &workload, &jobs).quota.unwrap();
        assert!(refused > 100, "who does not know it is refused: {refused}");
    }
}

#[test]
fn a_scenario_says_what_is_wrong_with_it() {
    let text = SHIPPED[0].1.replace("baseline: call-fifo", "baseline: none");
    assert_eq!(
        Scenario::read(&text).unwrap_err(),
        "baseline \"none\" is none of the policies: call-fifo, reference:call-fifo, fifo, attained-service, gittins@8, balanced, oracle"
    );
    let message = Contender::named("best").unwrap_err();
    insta::assert_snapshot!(message, @r#"no policy is called "best"; it is a document (rules.yaml), balanced, one of fifo, call-fifo, edf, slack, attained-service, gittins, virtual-finish, value-density, risk, or oracle, oracle:means, oracle:sizes, oracle:times, reference:call-fifo, reference:fcfs, reference:vtc, reference:lcf, reference:least-loaded, reference:sticky, reference:preble, reference:fifo, reference:near"#);
    insta::assert_snapshot!(Contender::named("reference:prebl").unwrap_err(), @r#"no policy is called "reference:prebl"; did you mean reference:preble?"#);
    assert_eq!(Contender::named("unread:blind:balanced"), Contender::named("blind:unread:balanced"));
    insta::assert_snapshot!(Contender::named("gitins").unwrap_err(), @r#"no policy is called "gitins"; did you mean gittins?"#);
}

/// Faults of a small fleet.
fn broken(fleet: &str, faults: &str) -> Scenario {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == "e2").unwrap();
    let text = text.replace("fleet: { slots: 32 }", &format!("fleet: {fleet}\nfaults: {faults}"));
    Scenario::read(&text).unwrap()
}

const SLOTS: &str = "{ slots: 8 }";
const BACKENDS: &str = "{ backends: { count: 2, slots: 4, remembers: 0, tokens_in_per_s: 6000 } }";

/// What 300 calls come to at half of what there is: 300 s, of which faults of the second hundred are well inside.
fn figures(fleet: &str, faults: &str) -> std::collections::BTreeMap<&'static str, f64> {
    let scenario = broken(fleet, faults);
    let workload = scenario.workload(None, 0).unwrap();
    let mut jobs = scenario.arrivals.jobs(&workload, 1, 0.5, 8);
    jobs.truncate(300);
    let (seen, again) = (play("balanced", &scenario, &workload, &jobs), play("balanced", &scenario, &workload, &jobs));
    assert_eq!((seen.hash, seen.took()), (again.hash, again.took()), "{faults}: the same twice");
    assert!(seen.ended.iter().all(super::measure::Ended::is_over), "{faults}: everything ends");
    seen.figures()
}

#[test]
fn what_is_gone_fails_and_what_is_left_goes_on() {
    let well = figures(SLOTS, "{}");
    let outage = |more: &str| format!("{{ outages: [{{ from_s: 100, secs: 100, {more} }}] }}");
    let refused = figures(SLOTS, &outage("percent: 50, as: unavailable, after_ms: 100"));
    let hung = figures(SLOTS, &outage("percent: 50, as: timeout, after_ms: 20000"));
    let told = figures(SLOTS, &outage("percent: 50, as: unavailable, after_ms: 100, told: true"));
    assert!(
        !well.contains_key("failed") && told["failed"] <= 4.0,
        "who is told sends nothing to what is gone: {told:?}"
    );
    let found = figures(SLOTS, &outage("percent: 50, as: overloaded, after_ms: 100, found: true"));
    assert!(found["failed"] > told["failed"] && found["failed"] < refused["failed"], "{found:?} {refused:?}");
    assert!(refused["failed"] > told["failed"] && hung["failed"] > told["failed"]);
    assert!(well["in time"] >= told["in time"] && told["in time"] > hung["in time"], "{well:?} {told:?} {hung:?}");
    // Of two backends the other does all of it.
    let one = figures(BACKENDS, &outage("backend: 2, percent: 100, as: unavailable, after_ms: 100"));
    assert!(one["failed"] > 0.0 && one["done"] > 0.8, "{one:?}");
}

#[test]
fn errors_cold_starts_and_prices_are_met() {
    let errors =
        figures(SLOTS, "{ errors: [{ from_s: 100, secs: 100, per_mille: 200, as: overloaded, after_ms: 50 }] }");
    assert!(errors["failed"] > 5.0 && errors["done"] > 0.95, "{errors:?}");
    let cold = figures(BACKENDS, "{ cold: { idle_s: 5, ms: 3000 } }");
    let by_kind = figures(BACKENDS, "{ cold: { idle_s: 5, ms: 3000, by_kind: true } }");
    assert!(cold["loads"] >= 2.0 && by_kind["loads"] > cold["loads"], "{cold:?} {by_kind:?}");
    assert!(by_kind["mean"] > cold["mean"] && cold["mean"] > figures(BACKENDS, "{}")["mean"]);
    let [cheap, dear] = ["100", "200"].map(|percent| {
        let later: u64 = 10_000 * percent.parse::<u64>().unwrap();
        let at = |from_s: u64, price: u64| format!("{{ from_s: {from_s}, token_in: {price}, token_out: {price} }}");
        figures(BACKENDS, &format!("{{ prices: [{}, {}] }}", at(0, 1_000_000), at(100, later)))["dollars"]
    });
    assert!(cheap > 0.0 && dear > 1.2 * cheap && dear < 2.0 * cheap, "{cheap} {dear}");
    // From then on calls go where they cost less.
    let moves = "{ prices: [{ from_s: 0, token_in: 1000000, token_out: 1000000 }, { from_s: 100, backend: 1, token_in: 200000000, token_out: 200000000 }] }";
    let stays = moves.replace("backend: 1, ", "");
    assert!(figures(BACKENDS, moves)["dollars"] < 0.7 * figures(BACKENDS, &stays)["dollars"]);
}

#[test]
fn whoever_is_not_answered_comes_again_so_many_times() {
    let of = |again: u32, load: f64| {
        let scenario = broken(SLOTS, &format!("{{ again: {{ times: {again}, after_ms: 1000 }} }}"));
        let workload = scenario.workload(None, 0).unwrap();
        let mut jobs = scenario.arrivals.jobs(&workload, 1, load, 8);
        jobs.truncate(600);
        let figures = play("balanced", &scenario, &workload, &jobs).figures();
        [figures.get("again").copied().unwrap_or(0.0), figures["in time"], figures["p99.9"]]
    };
    let ([never, _, _], [thrice, in_time, longest]) = (of(0, 2.0), of(3, 2.0));
    assert!(never == 0.0 && thrice > 20.0, "{thrice}");
    assert!(in_time > of(0, 2.0)[1] && longest > 30.0, "the time from the first submission counts: {longest}");
}

#[test]
fn faults_say_what_is_wrong_with_them() {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == "e2-storm").unwrap();
    let wrong = |from: &str, to: &str| Scenario::read(&text.replace(from, to)).unwrap_err();
    let provider = "fleet: { provider: { requests: 1, tokens: 1, counts: minutes, skew_ms: 0, jitter_ms: 0, slots: 1, base_ms: 1, tokens_out_per_s: 1 } }";
    assert!(wrong("fleet: { slots: 32 }", provider).contains("`faults` are of slots and of backends"));
    let backend = "{ prices: [{ from_s: 1, backend: 2, token_in: 1, token_out: 1 }] }";
    assert_eq!(wrong("{ again: { times: 3, after_ms: 1000 } }", backend), "`faults` name backend 2, and there are 1");
    assert!(wrong("{ again: { times: 3, after_ms: 1000 } }", "{ outages: [{ from_s: 1 }] }").contains("missing field"));
    let scenario = Scenario::read(&text.replace("policies: [", "policies: [oracle, ")).unwrap();
    assert_eq!(super::run(&scenario, None, &|| 0, &|_| {}).unwrap_err(), "oracle: only the core meets `faults`");
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == "e5").unwrap();
    let message = Scenario::read(&text.replace("loads: [4, 16]", "loads: [4.5]")).unwrap_err();
    assert_eq!(message, "4.5 workers: a load is how many there are, from 1 on");
}
