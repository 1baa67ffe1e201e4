//! Submissions that the scheduler does not take.

use std::collections::BTreeMap;

use agendum_types::{Duration, Policy};

use super::{SLOTS, broken};
use crate::lab::measure::Ended;
use crate::lab::scenario::{Scenario, Wishes};
use crate::lab::world::{Met, View};
use crate::lab::{Contender, report, run};

/// 300 calls at that load, under that policy.
fn figures(scenario: &Scenario, load: f64, policy: &Policy) -> BTreeMap<&'static str, f64> {
    let workload = scenario.workload(None, 0).unwrap();
    let mut jobs = scenario.arrivals.jobs(&workload, 1, load, 8);
    jobs.truncate(300);
    let met = Met { fleet: &scenario.fleet, slots: 8, faults: &scenario.faults };
    let contender = Contender::Core(Box::new(policy.clone()), View::default());
    let seen = contender.play(&workload, &jobs, met, &|| 0).unwrap();
    assert!(seen.ended.iter().all(Ended::is_over), "everything ends");
    seen.figures()
}

#[test]
fn what_is_refused_is_not_answered_and_counts() {
    let (mut few, mut short) = (Policy::default(), Policy::default());
    few.overload.waiting = 5;
    (short.overload.stand, short.overload.interval) = (Duration::secs(1), Duration::secs(1));
    let [with, without] = [broken(SLOTS, "{}"), {
        let mut scenario = broken(SLOTS, "{}");
        scenario.without_deadlines();
        scenario
    }];
    for (name, scenario, policy) in [("waiting", &with, &few), ("stand", &without, &short)] {
        let figures = figures(scenario, 3.0, policy);
        assert!(figures["refused"] > 10.0 && figures["done"] < 1.0 && figures["done"] > 0.2, "{name}: {figures:?}");
    }
    assert_eq!(figures(&with, 0.1, &Policy::default())["refused"], 0.0);
}

#[test]
fn whoever_is_refused_comes_again_so_many_times() {
    let mut few = Policy::default();
    few.overload.waiting = 5;
    let of = |faults: &str| figures(&broken(SLOTS, faults), 3.0, &few);
    let (once, thrice) = (of("{}"), of("{ again: { times: 3, after_ms: 1000 } }"));
    assert!(thrice["again"] > 10.0 && thrice["refused"] > once["refused"], "{once:?} {thrice:?}");
}

#[test]
fn a_deadline_of_nothing_is_refused_and_makes_no_figure_of_nothing() {
    let mut scenario = broken(SLOTS, "{ again: { times: 1, after_ms: 10 } }");
    scenario.deadlines(Some(0));
    let all = figures(&scenario, 0.5, &Policy::default());
    assert_eq!((all["refused"], all["done"], all["in time"], all["again"]), (600.0, 0.0, 0.0, 300.0));
    assert!(all.values().all(|value| value.is_finite()) && !all.contains_key("mean"), "{all:?}");
    let wishes = Wishes { seeds: Some(2), loads: vec![0.5], policies: vec!["balanced".into()] };
    scenario.shorten(300);
    let scenario = scenario.with(wishes);
    let tables = run(&scenario, None, &|| 0, &|_| {}).unwrap();
    let text = report::text(&report::Ran::of(&scenario, &scenario, &tables), "", &tables);
    assert!(text.contains("refused, submissions") && !text.contains("NaN") && !text.contains("inf"), "{text}");
}

impl Scenario {
    fn deadlines(&mut self, millis: Option<u64>) {
        let crate::lab::scenario::Kind::Azure { kinds, .. } = &mut self.workload else {
            panic!("calls with deadlines")
        };
        kinds.iter_mut().for_each(|kind| kind.deadline_ms = millis);
    }

    fn without_deadlines(&mut self) {
        self.deadlines(None);
    }

    fn shorten(&mut self, rows: u32) {
        let crate::lab::scenario::Kind::Azure { kinds, .. } = &mut self.workload else {
            panic!("calls with deadlines")
        };
        kinds.iter_mut().for_each(|kind| kind.generate.rows = rows);
    }
}
