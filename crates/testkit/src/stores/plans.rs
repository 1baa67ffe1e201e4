//! Plans: numbered as they come, listed latest first, taken back once.

use agendum_ports::{PAGE_BYTES, PlanRow, Store, Withdrawal};
use agendum_types::{Hash, Principal, Timestamp};

pub(super) async fn keeps_plans(store: &dyn Store) {
    let plan = |name: &str, flags: &[&str]| PlanRow {
        number: 0,
        name: name.into(),
        hash: Hash([5; 32]),
        policy: "balanced@12345678".into(),
        document: format!("{{\"plan\":\"{name}\"}}").into(),
        changes: vec![format!("{name}: 1 → 2")],
        description: (name == "b").then(|| "for the night".into()),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        by: Principal::new("ann"),
        at: Timestamp(10),
        until: Timestamp(50),
        withdrawn: None,
    };
    let mut numbers = Vec::new();
    for (name, flags) in [("a", &["one", "\"two\""][..]), ("b", &[]), ("c", &[])] {
        numbers.push(store.keep_plan(plan(name, flags)).await.unwrap());
    }
    assert!(numbers.is_sorted_by(|one, next| one < next), "they count up: {numbers:?}");
    let names = |rows: &[PlanRow]| rows.iter().map(|row| row.name.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&store.plans(None, 9).await.unwrap()), "c b a");
    assert_eq!(names(&store.plans(None, 2).await.unwrap()), "c b");
    assert_eq!(names(&store.plans(Some(numbers[1]), 9).await.unwrap()), "a");
    let first = store.plans(Some(numbers[1]), 1).await.unwrap().remove(0);
    assert_eq!(first, PlanRow { number: numbers[0], ..plan("a", &["one", "\"two\""]) }, "as it was given");

    let withdrawal = |at, why: Option<&str>| Withdrawal {
        at: Timestamp(at),
        by: Principal::new("ben"),
        why: why.map(str::to_owned),
    };
    assert!(store.withdraw_plan(numbers[1], withdrawal(20, Some("no"))).await.unwrap());
    assert!(!store.withdraw_plan(numbers[1], withdrawal(30, None)).await.unwrap(), "once");
    assert!(!store.withdraw_plan(numbers[2] + 1, withdrawal(30, None)).await.unwrap(), "nobody knows it");
    let rows = store.plans(None, 9).await.unwrap();
    let taken_back: Vec<_> = rows.iter().map(|row| row.withdrawn.clone()).collect();
    assert_eq!(taken_back, [None, Some(withdrawal(20, Some("no"))), None]);
    // A page ends with the plan that makes it long.
    let long = PlanRow { document: " ".repeat(PAGE_BYTES / 3 * 2).into(), ..plan("long", &[]) };
    for _ in 0..3 {
        store.keep_plan(long.clone()).await.unwrap();
    }
    assert_eq!(names(&store.plans(None, 9).await.unwrap()), "long long");

    let in_force = |now| rows.iter().map(|row| row.is_in_force(Timestamp(now))).collect::<Vec<_>>();
    assert_eq!((in_force(49), in_force(50)), (vec![true, false, true], vec![false; 3]));
}
