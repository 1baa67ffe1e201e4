//! Tenants with weights, and calls that are less urgent: what is seen of them, and that it is what was asked for.

use agendum_types::Duration;
use agendum_types::graph::Priority;

use super::{drawn, play};
use crate::lab::meter::Meter;
use crate::lab::workload::tenancy::Account;

#[test]
fn service_is_compared_by_weight_among_what_is_equally_urgent() {
    let of = |band, weight| Account { band, weight };
    let standard = [of(Priority::Standard, 1), of(Priority::Standard, 3)];
    let mut meter = Meter::new([standard.to_vec(), vec![of(Priority::Background, 1)]].concat());
    (0..3).for_each(|account| meter.waits(account));
    for half_second in 0..=4 {
        meter.looks(Duration::millis(500 * half_second));
        [(0, 100), (1, 300), (2, 100)].into_iter().for_each(|(account, cost)| meter.serves(account, cost));
    }
    // The background gets as much as the first, which is nobody's concern.
    assert_eq!((meter.difference(), meter.least_urgent()), (0, Some(0.2)));
    meter.serves(1, 90);
    meter.looks(Duration::secs(9));
    assert_eq!(meter.difference(), 30);
    meter.goes(1);
    meter.serves(0, 1_000);
    meter.looks(Duration::secs(10));
    assert_eq!(meter.difference(), 30, "who has nothing waiting is not passed over");
}

#[test]
fn who_weighs_more_gets_more_and_the_background_its_share() {
    let (scenario, workload) = drawn("e3-weights");
    let mut jobs = scenario.arrivals.jobs(&workload, 0, 1.0, 0);
    jobs.iter_mut().for_each(|job| job.at = Duration::ZERO);
    scenario.tenancy.as_ref().unwrap().urges(&mut jobs, &workload, 0);
    let background = jobs.iter().filter(|job| job.class == 1).count();
    assert!((350..550).contains(&background), "{background} of {} are 30 %", jobs.len());
    let seen = |name| play(name, &scenario, &workload, &jobs);
    let [told, untold, vtc] = ["balanced", "alike:balanced", "reference:vtc"].map(seen);
    let [told, untold, vtc] = [&told, &untold, &vtc].map(|seen| (seen.difference.unwrap(), seen.least_urgent.unwrap()));
    assert!(told.0 < 40_000 && vtc.0 < 40_000, "within the bound: {told:?}, {vtc:?}");
    assert!(untold.0 > 2 * told.0, "{untold:?} where weights are not known, {told:?}");
    for (_, background) in [told, vtc] {
        assert!((0.15..0.30).contains(&background), "4 to 1 are 0.2: {background}");
    }
}
