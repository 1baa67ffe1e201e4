//! What was learned by one release is read by the next, as long as its version is known.

use std::sync::Arc;

use agendum_core::Checkpoint;
use agendum_core::checkpoint::{
    BandKept, BreakerKept, GraphKept, LimitKept, PaceKept, ServiceKept, SketchKept, TargetKept, TaskKept, TenantKept,
    UsualKept,
};
use agendum_types::graph::{Kind, NodeId};
use agendum_types::target::Rate;
use agendum_types::{Duration, Hash, Incarnation, Seq, Tenant, Timestamp};

use super::{Learned, Stated, decode, encode};

fn whole() -> Learned {
    let rate = Rate { requests: Some(60), tokens: None };
    Learned { core: core(), stated: vec![Stated { target: Arc::from("small"), rate, at: Timestamp(29) }] }
}

fn core() -> Checkpoint {
    let sketch = SketchKept { sum: 70, steps: vec![(3, 1), (111, 2)] };
    Checkpoint {
        seq: Seq(12),
        at: Timestamp(34),
        incarnation: Incarnation(56),
        is_last: true,
        bands: [1, 2, 3].map(|band| BandKept { reached: band * 10, usual: (32, band) }),
        tenants: vec![TenantKept { tenant: Tenant::new("a \"c\" me"), times: [0, u64::MAX, 5] }],
        targets: vec![TargetKept {
            name: Arc::from("small"),
            closed_until: Timestamp(7),
            paces: [PaceKept { paid: 8, largest: 1, lent: 3 }, PaceKept { paid: 9, largest: 400, lent: 0 }],
            breaker: BreakerKept {
                latest: 5,
                seen: 3,
                failing_since: Some(Timestamp(6)),
                broken: Some((Timestamp(40), Duration(50))),
            },
            limit: LimitKept { until: Timestamp(33), parts: [[1, 2, 3]; 10], answers: 11, limit: Some(4) },
            does_most_with: Some((9, Timestamp(39))),
            used: Some(Timestamp(38)),
            retries: (100, 13),
            tokens: UsualKept { all: (8, 350), by_size: vec![(40, (5, 351)), (44, (3, 352))] },
            counted: UsualKept { all: (9, 1_000), by_size: Vec::new() },
            speed: (14, 15),
        }],
        served: (16, Duration(17)),
        kinds: vec![(Kind(u64::MAX), (1, 18))],
        graphs: vec![GraphKept {
            graph: Hash([0xab; 32]),
            tasks: vec![TaskKept {
                node: NodeId(2),
                means: [(1, 19), (2, 20), (3, 21)],
                all: sketch.clone(),
                by_size: vec![(40, sketch)],
            }],
            service: ServiceKept { calls: (22, Duration(23)), ended: 24, steps: vec![[1, 2, 3, 4, 5]; 16] },
        }],
    }
}

/// As the first release wrote it.
const FIRST: &str = include_str!("../../golden/checkpoint.json");

#[test]
fn what_was_learned_comes_back_and_the_first_version_stays_readable() {
    assert_eq!(decode(&encode(&whole())).unwrap(), whole());
    let mut first = whole();
    for target in &mut first.core.targets {
        (target.does_most_with, target.used) = (None, None);
        target.paces.iter_mut().for_each(|pace| pace.lent = 0);
    }
    assert_eq!(String::from_utf8(encode(&first)).unwrap(), FIRST.trim_end());
    assert_eq!(decode(FIRST.as_bytes()).unwrap(), first);
    assert_eq!(decode(&encode(&Learned::default())).unwrap(), Learned::default());
}

#[test]
fn what_cannot_be_read_is_told() {
    let told = |text: &str| decode(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(told(&FIRST.replace("\"version\":1", "\"version\":2")), "version 2 is not known to this release");
    assert!(told(&FIRST[..FIRST.len() / 2]).starts_with("EOF"));
    assert!(told(&FIRST.replace("\"seq\":12", "\"seq\":-12")).contains("invalid value"));
    assert!(told("").starts_with("EOF") && told("[1]").contains("invalid"));
    let foreign = FIRST.replace("abab", "zzzz");
    assert_eq!(decode(foreign.as_bytes()).unwrap().core.graphs, [], "a graph without a hash is none");
}
