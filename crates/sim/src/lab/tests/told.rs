//! What is drawn for which seed, and what reports and those who wait are told.

use std::cell::RefCell;

use super::drawn;
use crate::lab::report::{self, Ran, Table};
use crate::lab::scenario::{Scenario, Wishes};
use crate::lab::workload::{Job, Workload};
use crate::lab::{SHIPPED, Step, run};

fn text(name: &str) -> &'static str {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap().1
}

fn wishes(seeds: u64, loads: &[f64], policies: &[&str]) -> Wishes {
    let policies = policies.iter().map(|name| (*name).to_owned()).collect();
    Wishes { seeds: Some(seeds), loads: loads.to_vec(), policies }
}

/// How long everything is, whenever it comes.
fn sizes(workload: &Workload) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut jobs: Vec<String> = workload.jobs.iter().map(|job| format!("{:?}", job.rounds)).collect();
    jobs.sort();
    let debug = |of: &dyn std::fmt::Debug| format!("{of:?}");
    (jobs, workload.flows.iter().map(|of| debug(of)).collect(), workload.clients.iter().map(|of| debug(of)).collect())
}

#[test]
fn what_is_drawn_is_drawn_anew_for_each_seed() {
    for (name, _) in SHIPPED {
        let (scenario, first) = drawn(name);
        assert!(first.is_generated, "{name}");
        let other = scenario.workload(None, 1).unwrap();
        assert!(sizes(&first) != sizes(&other), "{name}: each seed has its own");
        assert!(sizes(&other) == sizes(&scenario.workload(None, 1).unwrap()), "{name}: and the same twice");
    }
}

#[test]
fn what_was_recorded_is_turned_round_and_what_was_drawn_is_not() {
    let (scenario, drawn) = drawn("e3");
    let recorded = Workload { is_generated: false, ..drawn.clone() };
    let times = |workload: &Workload, seed: u64| -> Vec<u64> {
        scenario.arrivals.jobs(workload, seed, 1.0, 0).iter().map(|job: &Job| job.at.as_micros()).collect()
    };
    assert_eq!(times(&recorded, 0), times(&drawn, 0));
    assert_eq!(times(&drawn, 1), times(&drawn, 0), "another seed has drawn others");
    assert_ne!(times(&recorded, 1), times(&recorded, 0));
}

fn small() -> Scenario {
    let text = text("e2").replace("rows: 5900", "rows: 300").replace("rows: 12900", "rows: 300");
    Scenario::read(&text).unwrap()
}

#[test]
fn each_play_is_told_before_it_begins() {
    let told = RefCell::new(Vec::new());
    let tells = |step: &Step<'_>| {
        let Step { load, policy, seed, seeds, done, of } = *step;
        told.borrow_mut().push(format!("{done} of {of}: load {load}, seed {seed} of {seeds}, {policy}"));
    };
    run(&small().with(wishes(2, &[0.5, 0.7], &["edf"])), None, &|| 0, &tells).unwrap();
    let told = told.into_inner();
    assert_eq!(told.len(), 8);
    insta::assert_snapshot!([&*told[0], &told[3], &told[7]].join("\n"), @"
    0 of 8: load 0.5, seed 1 of 2, fifo
    3 of 8: load 0.5, seed 2 of 2, edf
    7 of 8: load 0.7, seed 2 of 2, edf
    ");
}

#[test]
fn who_decides_alike_is_told_as_such_and_has_no_row_of_its_own() {
    let written = small();
    let scenario = written.clone().with(wishes(2, &[1.5], &["edf", "edf@7", "edf@5"]));
    let tables = run(&scenario, None, &|| 0, &|_| {}).unwrap();
    let ran = Ran::of(&written, &scenario, &tables);
    let same = |table: &Table| -> Vec<(String, Option<String>)> {
        table.rows.iter().map(|row| (row.policy.clone(), row.same_as.clone())).collect()
    };
    let alike: Vec<_> =
        same(&tables[0]).into_iter().filter_map(|(name, of)| Some(format!("{name} as {}", of?))).collect();
    assert_eq!(alike, ["edf@7 as edf", "edf@5 as edf"], "{:?}", same(&tables[0]));
    let text = report::text(&ran, "", &tables);
    assert!(text.contains("\nedf@7, edf@5: the same decisions as edf in all seeds"), "{text}");
    assert!(!text.contains("\n  edf@7    "), "{text}");
    let page = report::page(&ran, "", &tables);
    assert!(
        page.contains("<b>edf@7, edf@5</b>: the same decisions as <b>edf</b>")
            && !page.contains("<th scope=\"col\">edf@5")
    );
    // Machines have everything.
    assert_eq!(tables[0].rows.len(), 4);
    assert!(!tables[0].rows[2].figures.is_empty());
}

#[test]
fn of_those_that_decide_alike_the_one_that_ships_has_the_row() {
    let scenario = small().with(wishes(1, &[1.5], &["edf", "slack", "balanced"]));
    let tables = run(&scenario, None, &|| 0, &|_| {}).unwrap();
    let same: Vec<Option<&str>> = tables[0].rows.iter().map(|row| row.same_as.as_deref()).collect();
    assert_eq!(same, [None, Some("balanced"), Some("balanced"), None]);
}

#[test]
fn the_page_holds_all_and_needs_nothing() {
    let (mut written, _) = drawn("e3");
    written.about = "a <b>".into();
    let scenario = written.clone().with(wishes(1, &[], &["balanced"]));
    let tables = run(&scenario, None, &|| 0, &|_| {}).unwrap();
    let page = report::page(&Ran::of(&written, &scenario, &tables), text("e3"), &tables);
    for part in [
        "<h1>a &lt;b&gt;</h1>",
        "<dt>Seeds</dt><dd>1 seed</dd>",
        "seeds: 1 (written: 8)<br>policies: reference:vtc, balanced (written: reference:vtc, reference:fcfs, blind:call-fifo",
        "<dd>drawn anew for each seed, in place of vtc-fairness/requests.csv</dd>",
        "lighter half <i>s</i><span>mean of the tenants that ask for less</span>",
        "Pareto front, by the means: beaten by none are ",
        "tokens_max: 10000",
        "Attempts out on models",
        "balanced: the slots of each target",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // A curve and its key each; of the core also what waited and what was busy.
    assert_eq!(page.matches("<polyline").count(), 2 * tables[0].rows.len() + 4);
    assert!(!page.contains("http") && !page.contains("<script"), "one page alone");
    let wrong = run(&scenario.with(wishes(1, &[], &["<i>"])), None, &|| 0, &|_| {});
    assert!(wrong.unwrap_err().starts_with("no policy is called \"<i>\"; it is"));
}

#[test]
fn only_what_is_a_merit_counts_in_a_front() {
    for name in ["best", "ns/decision"] {
        let text = text("e1").replace("front: [mean,", &format!("front: [{name}, mean,"));
        let said = Scenario::read(&text).unwrap_err();
        assert!(said.starts_with(&format!("`front: {name}`: no figure of that name counts: ")), "{said}");
    }
}
