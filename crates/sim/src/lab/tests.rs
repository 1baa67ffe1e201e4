//! Small drawn scenarios: everything ends, the same twice, and the laboratory agrees with a queue that is written down in ten lines.

use agendum_core::thinking::Thinking;

use super::fleet::Fleet;
use super::flows::project;
use super::measure::Seen;
use super::provider::Counts;
use super::report;
use super::scenario::{Scenario, Wishes};
use super::workload::{Job, Workload};
use super::{Contender, SHIPPED};

/// A shipped scenario, without data.
fn drawn(name: &str) -> (Scenario, Workload) {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap();
    // Unoptimised, a search takes its time.
    let text = text.replace("projects: 60", "projects: 12").replace("search: 6000", "search: 600");
    let scenario = Scenario::read(&text).unwrap();
    let workload = scenario.workload(None).unwrap();
    (scenario, workload)
}

fn jobs(scenario: &Scenario, workload: &Workload, count: usize) -> Vec<Job> {
    let mut jobs = scenario.arrivals.jobs(workload, 1, 0.95, scenario.fleet.slots());
    jobs.truncate(count);
    jobs
}

fn play(name: &str, scenario: &Scenario, workload: &Workload, jobs: &[Job]) -> Seen {
    Contender::named(name).unwrap().play(workload, jobs, (&scenario.fleet, scenario.loads[0]), &|| 0).unwrap()
}

#[test]
fn every_job_ends_under_every_policy_and_the_same_twice() {
    for (name, count) in [("e1", 60), ("e3", 200), ("e4-j30", 6), ("e5", 6)] {
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
            let jobs = scenario.arrivals.jobs(&workload, seed, 1.0, scenario.fleet.slots());
            let (used, refused, _) = play("balanced", &scenario, &workload, &jobs).quota.unwrap();
            assert!(used >= 0.98 && refused == 0, "{counts:?} {seed}: {used} used, {refused} refused");
        }
        let jobs = jobs(&scenario, &workload, 2_000);
        let (_, refused, _) = play("unpaced:balanced", &scenario, &workload, &jobs).quota.unwrap();
        assert!(refused > 100, "who does not know it is refused");
    }
}

#[test]
fn the_page_holds_all_and_needs_nothing() {
    let wishes = Wishes { seeds: Some(1), loads: Vec::new(), policies: vec!["balanced".into(), "<i>".into()] };
    let (mut scenario, _) = drawn("e3");
    scenario = scenario.with(Wishes { policies: vec!["balanced".into()], ..wishes.clone() });
    let tables = super::run(&scenario, None, &|| 0).unwrap();
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == "e3").unwrap();
    let page = report::page("a <b>", text, &tables);
    assert!(
        page.contains("<h1>a &lt;b&gt;</h1>") && page.contains("lighter half") && page.contains("tokens_max: 10000")
    );
    // A curve and its key each; of the core also what waited and what was busy.
    assert_eq!(page.matches("<polyline").count(), 2 * tables[0].rows.len() + 4);
    assert!(page.contains("Attempts out on models") && page.contains("balanced: the slots of each target"));
    assert!(!page.contains("http") && !page.contains("<script"), "one page alone");
    assert_eq!(super::run(&scenario.with(wishes), None, &|| 0).unwrap_err(), "no policy is called \"<i>\"");
}

#[test]
fn a_scenario_says_what_is_wrong_with_it() {
    let text = SHIPPED[0].1.replace("baseline: call-fifo", "baseline: none");
    assert_eq!(Scenario::read(&text).unwrap_err(), "baseline \"none\" is none of the policies");
    let message = Contender::named("best").unwrap_err();
    assert_eq!(message, "no policy is called \"best\"");
}
