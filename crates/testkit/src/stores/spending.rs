//! Suites of the counters of what was spent.

use agendum_ports::{Appended, Invoice, LostCalls, Settled, SpentBy, Store};
use agendum_types::{Booked, Money, Tenant, Timestamp, Waste};

use super::{SHARD, batch, run_id, submitted};

/// What was spent, by hour and name: of each tenant, from an hour on.
pub(super) async fn counts(store: &dyn Store) {
    const HOUR: u64 = 3_600_000_000;
    let (one, other) = (Tenant::new("spender"), Tenant::new("zz-spender"));
    let life = store.open(SHARD).await.unwrap();
    let mut rows = batch(life.incarnation, life.last.0 + 1, 1, &one, run_id(30));
    rows.runs.push(submitted(&one, run_id(30), "dear"));
    rows.runs.push(submitted(&other, run_id(31), "cheap"));
    let settled = |tenant: &Tenant, run, target: &str, taken, cost, waste| Settled {
        tenant: tenant.clone(),
        run: run_id(run),
        booked: Booked {
            target: target.into(),
            taken: Timestamp(taken),
            cost: Money(cost),
            tokens: cost / 10,
            over: Money(1),
            waste,
        },
        moved: false,
    };
    rows.settled = vec![
        settled(&one, 30, "a", 5 * HOUR - 1, 10, None),
        settled(&one, 30, "a", 5 * HOUR, 20, None),
        settled(&one, 30, "b", 6 * HOUR - 1, 40, Some(Waste::Failed)),
        settled(&one, 30, "b", 7 * HOUR, 80, None),
        settled(&other, 31, "a", 5 * HOUR, 160, None),
    ];
    assert_eq!(store.append(rows).await, Appended::Durable);
    let hours = store.spent_since(Timestamp(5 * HOUR)).await.unwrap();
    let hour = |tenant: &Tenant, hour, money, tokens| (tenant.clone(), Timestamp(hour * HOUR), Money(money), tokens);
    assert_eq!(hours, [hour(&one, 5, 60, 6), hour(&one, 7, 80, 8), hour(&other, 5, 160, 16)]);
    assert!(store.spent_since(Timestamp(8 * HOUR)).await.unwrap().is_empty());
    let by = async |by| -> Vec<(String, u64, u64, u64)> {
        let lines = store.spent(&one, Timestamp(5 * HOUR + 7), by).await.unwrap();
        lines.into_iter().map(|line| (line.name, line.attempts, line.cost.0, line.wasted.0)).collect()
    };
    assert_eq!(by(SpentBy::Target).await, [("a".to_owned(), 1, 20, 0), ("b".to_owned(), 2, 120, 40)]);
    assert_eq!(by(SpentBy::Graph).await, [("dear".to_owned(), 3, 140, 40)]);
    assert_eq!(by(SpentBy::Tenant).await, [("spender".to_owned(), 3, 140, 40)]);
    assert_eq!(by(SpentBy::Day).await, [("1970-01-01".to_owned(), 3, 140, 40)]);
    assert_eq!(by(SpentBy::Waste).await, [(String::new(), 2, 100, 0), ("failed".to_owned(), 1, 40, 40)]);

    // What was of use may turn out not to be: it is counted once, as waste.
    let mut later = batch(life.incarnation, life.last.0 + 2, 1, &one, run_id(30));
    let wasted = settled(&one, 30, "a", 5 * HOUR, 20, Some(Waste::Superseded));
    later.settled = vec![Settled { moved: true, ..wasted }];
    assert_eq!(store.append(later).await, Appended::Durable);
    let (failed, superseded) = (("failed".to_owned(), 1, 40, 40), ("superseded".to_owned(), 1, 20, 20));
    assert_eq!(by(SpentBy::Waste).await, [(String::new(), 1, 80, 0), failed, superseded]);
    assert_eq!(by(SpentBy::Target).await, [("a".to_owned(), 1, 20, 20), ("b".to_owned(), 2, 120, 40)]);

    // Hours become days, some at a time, and nothing of it is lost.
    assert!(!store.fold_spent(Timestamp(0), 9).await.unwrap());
    assert_eq!(store.spent_since(Timestamp(5 * HOUR)).await.unwrap().len(), 3, "none is so old");
    assert!(store.fold_spent(Timestamp(24 * HOUR), 2).await.unwrap());
    while store.fold_spent(Timestamp(24 * HOUR), 2).await.unwrap() {}
    let days = store.spent_since(Timestamp(0)).await.unwrap();
    assert_eq!(days, [hour(&one, 0, 150, 15), hour(&other, 0, 160, 16)]);
    let lines = store.spent(&one, Timestamp(0), SpentBy::Target).await.unwrap();
    let lines = lines.iter().map(|line| (&*line.name, line.attempts, line.cost.0, line.wasted.0, line.over.0));
    assert_eq!(lines.collect::<Vec<_>>(), [("a", 2, 30, 20, 2), ("b", 2, 120, 40, 2)]);
}

/// A bill releases what is counted above it of what was lost, and nothing else.
pub(super) async fn reconciles_with_bills(store: &dyn Store) {
    const DAY: u64 = 86_400_000_000;
    let (one, other) = (Tenant::new("billed"), Tenant::new("zz-billed"));
    let life = store.open(SHARD).await.unwrap();
    let mut rows = batch(life.incarnation, life.last.0 + 1, 1, &one, run_id(70));
    rows.runs.push(submitted(&one, run_id(70), "dear"));
    rows.runs.push(submitted(&other, run_id(71), "cheap"));
    let settled = |tenant: &Tenant, run, target: &str, taken, cost, waste| {
        let (target, taken, cost, tokens) = (target.into(), Timestamp(taken), Money(cost), cost / 10);
        Settled {
            tenant: tenant.clone(),
            run: run_id(run),
            booked: Booked { target, taken, cost, tokens, over: Money(0), waste },
            moved: false,
        }
    };
    let lost = Some(Waste::Lost);
    rows.settled = vec![
        settled(&one, 70, "a", DAY - 1, 1_000, lost),
        settled(&one, 70, "a", DAY, 100, None),
        settled(&one, 70, "a", DAY + 1, 30, lost),
        settled(&one, 70, "a", DAY + 7_200_000_000, 50, lost),
        settled(&one, 70, "a", DAY + 7_200_000_001, 10, Some(Waste::Failed)),
        settled(&one, 70, "b", DAY, 500, lost),
        settled(&one, 70, "c", DAY, 500, None),
        settled(&other, 71, "a", DAY, 2_000, lost),
    ];
    assert_eq!(store.append(rows).await, Appended::Durable);
    let told = |of: LostCalls| {
        (of.day.0 / DAY, of.target.to_string(), of.attempts, of.lost.0.0, of.counted.0.0, of.released.0.0)
    };
    let since = async |since| -> Vec<(u64, String, u64, u64, u64, u64)> {
        let days = store.lost(&one, Timestamp(since)).await.unwrap();
        days.into_iter().map(told).collect()
    };
    let b = || (1, "b".to_owned(), 1, 500, 500, 0);
    assert_eq!(since(DAY + 5).await, [(1, "a".to_owned(), 2, 80, 190, 0), b()]);
    assert_eq!(since(0).await.len(), 3, "the day before is there too");
    let bill = async |target: &str, day, cost, tokens| {
        let invoice = Invoice { target: target.into(), day: Timestamp(day * DAY), cost: Money(cost), tokens };
        store.reconcile(&one, invoice).await.unwrap().map(|of| (of.released, of.recharged, told(of.day)))
    };
    let released = async |target: &str, day, cost, tokens| bill(target, day, cost, tokens).await.unwrap().0;
    assert_eq!(
        bill("a", 1, 150, None).await,
        Some((
            vec![(Timestamp(DAY), Money(30), 0), (Timestamp(DAY + 7_200_000_000), Money(10), 0)],
            Vec::new(),
            (1, "a".to_owned(), 2, 40, 150, 40)
        )),
        "and how the day stands then"
    );
    assert_eq!(since(DAY).await, [(1, "a".to_owned(), 2, 40, 150, 40), b()]);
    assert_eq!(released("a", 1, 150, Some(16)).await, [(Timestamp(DAY), Money(0), 3)], "of tokens it had said nothing");
    assert_eq!(
        released("a", 1, 0, None).await,
        [(Timestamp(DAY + 7_200_000_000), Money(40), 0)],
        "what was answered stays"
    );
    charges_again(store, &one, DAY).await;
    for (target, day) in [("c", 1), ("a", 2), ("none", 1)] {
        assert_eq!(bill(target, day, 0, Some(0)).await, None, "nothing was lost there");
    }
    assert_eq!(since(0).await, [(0, "a".to_owned(), 1, 1_000, 1_000, 0), (1, "a".to_owned(), 2, 0, 110, 80), b()]);
    while store.fold_spent(Timestamp(2 * DAY), 2).await.unwrap() {}
    assert_eq!(since(DAY).await, [(1, "a".to_owned(), 2, 0, 110, 80), b()], "days know it too");
    let days = store.spent_since(Timestamp(DAY)).await.unwrap();
    assert_eq!(days[0], (one.clone(), Timestamp(DAY), Money(1_110), 116), "windows count what is left");
    assert_eq!(store.lost(&other, Timestamp(DAY)).await.unwrap()[0].lost.0, Money(2_000));
}

/// A later bill counts instead: what was released too much is charged again, the latest hour first, and no more than was released.
async fn charges_again(store: &dyn Store, tenant: &Tenant, day: u64) {
    let bill = async |cost, tokens| {
        let invoice = Invoice { target: "a".into(), day: Timestamp(day), cost: Money(cost), tokens };
        let of = store.reconcile(tenant, invoice).await.unwrap().unwrap();
        (of.released, of.recharged, [of.day.lost.0.0, of.day.counted.0.0, of.day.released.0.0])
    };
    let (first, later) = (Timestamp(day), Timestamp(day + 7_200_000_000));
    let less = vec![(later, Money(0), 4)];
    assert_eq!(bill(145, Some(12)).await, (less, vec![(later, Money(35), 0)], [35, 145, 45]));
    assert_eq!(bill(145, Some(12)).await, (vec![], vec![], [35, 145, 45]), "the same bill changes nothing");
    let more = vec![(later, Money(15), 4), (first, Money(30), 3)];
    assert_eq!(bill(1_000, Some(999)).await, (vec![], more, [80, 190, 0]), "as if no bill had come");
    assert_eq!(bill(2_000, None).await, (vec![], vec![], [80, 190, 0]), "no more than was released");
    let less = vec![(first, Money(30), 3), (later, Money(50), 0)];
    assert_eq!(bill(0, Some(16)).await, (less, vec![], [0, 110, 80]));
}
