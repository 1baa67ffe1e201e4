//! What every store must do with notices and with feedback.

use std::sync::Arc;

use agendum_ports::{Appended, Due, EndpointRow, Forgotten, Noted, RunChange, RunUpdate, Sent, Store};
use agendum_types::{Money, RunStatus, Seq, Tenant, Timestamp};

use super::{SHARD, batch, run_id, submitted};

const OF_ALL: &str = "all";
const OF_G: &str = "only-g";

/// Runs the suite on a store, which may hold other things.
///
/// # Panics
///
/// If the store breaks a promise of the port.
pub(super) async fn conforms(store: &dyn Store) {
    keeps_notices_with_their_records(store).await;
}

fn noted(endpoint: &str, graph: Option<&str>, seq: u64, tenant: &Tenant, run: u64) -> Noted {
    Noted {
        endpoint: Arc::from(endpoint),
        graph: graph.map(Arc::from),
        seq: Seq(seq),
        id: format!("{run}-{seq}").into(),
        tenant: tenant.clone(),
        run: run_id(run),
        at: Timestamp(seq * 10),
        kind: Arc::from("run.answered"),
        detail: Arc::from("{}"),
    }
}

async fn keeps_notices_with_their_records(store: &dyn Store) {
    let tenant = Tenant::new("g");
    let marks = |mark: u8| vec![(Arc::from(OF_ALL), mark.to_string()), (Arc::from(OF_G), "7".to_owned())];
    let rows = store.set_endpoints(marks(1), Timestamp(0)).await.unwrap();
    assert_eq!(rows.iter().map(|row| (&*row.name, row.due)).collect::<Vec<_>>(), [(OF_ALL, 0), (OF_G, 0)]);

    let life = store.open(SHARD).await.unwrap();
    let first = life.last.0 + 1;
    let at = |place: u64| first + place;
    let mut both = batch(life.incarnation, first, 6, &tenant, run_id(50));
    both.runs.extend([submitted(&tenant, run_id(50), "g"), submitted(&tenant, run_id(51), "h")]);
    let (at_time, spent) = (Timestamp(5), Money::ZERO);
    let change =
        RunChange::Answered { status: RunStatus::Failed, degraded: true, at: at_time, spent, over: spent, bound: None };
    both.runs.push(RunUpdate { tenant: tenant.clone(), run: run_id(50), change });
    for (place, run) in [(0, 50), (1, 51), (2, 50), (3, 50)] {
        both.noted.push(noted(OF_ALL, None, at(place), &tenant, run));
        both.noted.push(noted(OF_G, Some("g"), at(place), &tenant, run));
    }
    both.noted.push(noted(OF_ALL, None, at(4), &tenant, 99));
    assert_eq!(store.append(both).await, Appended::Durable);

    let fresh = async |endpoint, after, count| -> Vec<Due> {
        store.notices_fresh(SHARD, endpoint, Seq(after), count).await.unwrap()
    };
    let places = |due: &[Due]| due.iter().map(|due| due.seq.0 - first).collect::<Vec<_>>();
    let all = fresh(OF_ALL, 0, 9).await;
    assert_eq!(places(&all), [0, 1, 2, 3], "a run that is not in the index has none");
    let told = (&*all[0].id, &*all[0].graph, all[0].status, all[0].degraded, all[0].attempts);
    assert_eq!(told, (&*format!("50-{first}"), "g", RunStatus::Failed, true, 0));
    assert_eq!((&*all[1].graph, all[1].status), ("h", RunStatus::Queued));
    assert_eq!(places(&fresh(OF_G, 0, 9).await), [0, 2, 3], "the other graph is not its");
    assert_eq!(places(&fresh(OF_ALL, at(1), 1).await), [2]);
    let other = store.notices_fresh(agendum_types::ShardId(9), OF_ALL, Seq(0), 9).await.unwrap();
    assert!(other.is_empty(), "another journal has others");

    let later = Sent::Later { attempts: 2, next: Timestamp(777) };
    let sent = vec![(Seq(at(0)), later), (Seq(at(1)), Sent::Delivered), (Seq(at(2)), Sent::GivenUp)];
    store.notices_sent(SHARD, OF_ALL, Timestamp(60), sent, Some("HTTP 500".to_owned())).await.unwrap();
    assert_eq!(places(&fresh(OF_ALL, 0, 9).await), [3]);
    let tried = store.notices_tried(SHARD, OF_ALL, 9).await.unwrap();
    assert_eq!((places(&tried), tried[0].attempts, tried[0].next), (vec![0], 2, Timestamp(777)));
    let row = async |endpoint: &str| -> EndpointRow {
        store.endpoints().await.unwrap().into_iter().find(|row| *row.name == *endpoint).unwrap()
    };
    let counted = row(OF_ALL).await;
    assert_eq!((counted.due, counted.delivered, counted.given_up), (2, 1, 1));
    assert_eq!((counted.delivered_at, counted.failed_at), (Some(Timestamp(60)), Some(Timestamp(60))));
    assert_eq!((counted.error.as_deref(), counted.oldest), (Some("HTTP 500"), Some(Timestamp(first * 10))));
    store.notices_sent(SHARD, OF_ALL, Timestamp(70), vec![(Seq(at(0)), Sent::Delivered)], None).await.unwrap();
    assert_eq!((row(OF_ALL).await.error, row(OF_ALL).await.delivered), (None, 2));

    // What is too old goes, then what is too much.
    assert_eq!(store.notices_expire(SHARD, OF_G, Timestamp(at(2) * 10), Seq(0), 9).await.unwrap(), 1);
    let excess = async |kept_max| store.notices_excess(SHARD, OF_G, kept_max).await.unwrap();
    assert_eq!((excess(9).await, excess(2).await, excess(1).await), (None, None, Some(Seq(at(2)))));
    assert_eq!(store.notices_excess(SHARD, "no such", 0).await.unwrap(), None);
    assert_eq!(store.notices_expire(SHARD, OF_G, Timestamp(0), Seq(0), 9).await.unwrap(), 0);
    assert_eq!(store.notices_expire(SHARD, OF_G, Timestamp(0), Seq(at(2)), 9).await.unwrap(), 1);
    assert_eq!((places(&fresh(OF_G, 0, 9).await), row(OF_G).await.given_up), (vec![3], 2));

    forgets_endpoints(store, marks, first).await;
}

async fn forgets_endpoints(store: &dyn Store, marks: impl Fn(u8) -> Vec<(Arc<str>, String)>, first: u64) {
    store.disable_endpoint(OF_ALL, Timestamp(80), "HTTP 410").await.unwrap();
    // What is due to it is given up apart, a few at a time.
    let expire = async || store.notices_expire(SHARD, OF_ALL, Timestamp::MAX, Seq(0), 1).await.unwrap();
    assert_eq!((expire().await, expire().await), (1, 0));
    let rows = store.set_endpoints(marks(1), Timestamp(0)).await.unwrap();
    assert!(rows[0].disabled && !rows[1].disabled, "the same configuration does not wake it");
    assert_eq!((rows[0].due, rows[0].given_up, rows[0].error.as_deref()), (0, 2, Some("HTTP 410")));
    assert!(!store.set_endpoints(marks(2), Timestamp(0)).await.unwrap()[0].disabled, "another one does");
    // A notice outlasts its run, and for a while its endpoint.
    let tenant = Tenant::new("g");
    let life = store.open(SHARD).await.unwrap();
    let mut done = batch(life.incarnation, life.last.0 + 1, 1, &tenant, run_id(50));
    let change = RunChange::Done { at: Timestamp(5), spent: Money::ZERO, over: Money::ZERO, bound: None };
    done.runs.push(RunUpdate { tenant: tenant.clone(), run: run_id(50), change });
    assert_eq!(store.append(done).await, Appended::Durable);
    assert_eq!(store.forget(&tenant, run_id(50), Timestamp(9)).await.unwrap(), Forgotten::Yes);
    store.name_blobs(SHARD, Seq(first + 6), Vec::new()).await.unwrap();
    while store.sweep(SHARD, 99).await.unwrap() {}
    assert_eq!(store.notices_fresh(SHARD, OF_G, Seq(0), 9).await.unwrap().len(), 1);
    let at = Timestamp((first + 3) * 10);
    let left = store.set_endpoints(Vec::new(), at).await.unwrap();
    assert_eq!(left.iter().map(|row| (&*row.name, row.due)).collect::<Vec<_>>(), [(OF_G, 1)], "all has nothing left");
    assert_eq!(store.notices_fresh(SHARD, OF_G, Seq(0), 9).await.unwrap().len(), 1);
    assert!(store.set_endpoints(Vec::new(), Timestamp(at.0 + 1)).await.unwrap().is_empty());
    assert!(store.notices_fresh(SHARD, OF_G, Seq(0), 9).await.unwrap().is_empty());
}
