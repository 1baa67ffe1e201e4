//! What every store must do, as a suite that each implementation runs.

mod feedback;
mod notices;
mod plans;
mod results;
mod spending;

use std::sync::Arc;

use agendum_ports::{
    Append, Appended, BlobName, Blobs, Forgotten, InlinePayload, Row, RunChange, RunFilter, RunUpdate, Store,
};
use agendum_types::target::Bound;
use agendum_types::{
    Hash, Incarnation, Money, Parent, Partition, RunId, RunStatus, Seq, ShardId, SubmissionKey, Tenant, Timestamp,
};
use bytes::Bytes;

const SHARD: ShardId = ShardId(0);

/// A run id that sorts by `number`.
#[must_use]
pub fn run_id(number: u64) -> RunId {
    RunId::compose(Timestamp(number * 1_000), Partition(7), u128::from(number))
}

/// A batch of plain rows of one run.
#[must_use]
pub fn batch(incarnation: Incarnation, expected: u64, count: u64, tenant: &Tenant, run: RunId) -> Append {
    let rows = (expected..expected + count).map(|seq| Row {
        seq: Seq(seq),
        at: Timestamp(seq * 10),
        incarnation,
        tenant: Some(tenant.clone()),
        run: Some(run),
        kind: 3,
        version: 1,
        body: Bytes::from(format!("{{\"seq\":{seq}}}")),
        payload: None,
    });
    Append {
        shard: SHARD,
        incarnation,
        expected: Seq(expected),
        rows: rows.collect(),
        runs: Vec::new(),
        settled: Vec::new(),
        noted: Vec::new(),
        judged: Vec::new(),
        learned: None,
    }
}

/// That a run was accepted.
#[must_use]
pub fn submitted(tenant: &Tenant, run: RunId, graph: &str) -> RunUpdate {
    keyed(tenant, run, graph, None)
}

fn keyed(tenant: &Tenant, run: RunId, graph: &str, key: Option<&str>) -> RunUpdate {
    let key = key.map(Arc::from);
    let change = RunChange::Submitted {
        graph: Arc::from(graph),
        graph_hash: Hash([9; 32]),
        key,
        parent: None,
        at: Timestamp(5),
    };
    RunUpdate { tenant: tenant.clone(), run, change }
}

/// That a run was accepted for a task of another one.
fn child(tenant: &Tenant, run: RunId, of: RunId) -> RunUpdate {
    let mut update = keyed(tenant, run, "g", None);
    begun_by(&mut update, Some(of));
    update
}

fn begun_by(update: &mut RunUpdate, of: Option<RunId>) {
    if let RunChange::Submitted { parent, .. } = &mut update.change {
        *parent = of.map(|run| Parent { run, task: Arc::from("a/b") });
    }
}

/// Runs the whole suite on an empty store.
///
/// # Panics
///
/// If the store breaks a promise of the port.
pub async fn conforms(store: &dyn Store) {
    appends_in_order_and_fences(store).await;
    reads_only_open_runs_and_only_the_tenant(store).await;
    lists_runs(store).await;
    finds_runs_by_their_key(store).await;
    forgets_runs(store).await;
    keeps_retries(store).await;
    keeps_children(store).await;
    reads_the_shards_own_rows(store).await;
    spending::counts(store).await;
    spending::reconciles_with_bills(store).await;
    notices::conforms(store).await;
    feedback::adds_up_feedback(store).await;
    feedback::reads_verdicts_once(store).await;
    results::keeps_results(store).await;
    keeps_what_was_learned(store).await;
    plans::keeps_plans(store).await;
}

async fn appends_in_order_and_fences(store: &dyn Store) {
    let tenant = Tenant::new("a");
    let first = store.open(SHARD).await.unwrap();
    assert_eq!((first.incarnation, first.last), (Incarnation(1), Seq(0)));
    let mut one = batch(first.incarnation, 1, 3, &tenant, run_id(1));
    one.runs.push(submitted(&tenant, run_id(1), "g"));
    // Two in flight: the second builds on the first.
    let two = batch(first.incarnation, 4, 2, &tenant, run_id(1));
    let (one, two) = (store.append(one), store.append(two));
    assert_eq!((one.await, two.await), (Appended::Durable, Appended::Durable));
    let gap = store.append(batch(first.incarnation, 9, 1, &tenant, run_id(1))).await;
    assert!(matches!(gap, Appended::Fenced(_)), "a gap is refused: {gap:?}");
    let after = store.append(batch(first.incarnation, 6, 1, &tenant, run_id(1))).await;
    assert!(after != Appended::Durable, "an incarnation that failed stays failed");
    let second = store.open(SHARD).await.unwrap();
    assert_eq!((second.incarnation, second.last, second.high_water), (Incarnation(2), Seq(5), Timestamp(50)));
    assert!(first.last_kind.is_none() && second.last_kind == Some(3), "{first:?} {second:?}");
    let old = store.append(batch(first.incarnation, 6, 1, &tenant, run_id(1))).await;
    assert!(matches!(old, Appended::Fenced(_)), "an earlier incarnation is fenced off: {old:?}");
    let new = store.append(batch(second.incarnation, 6, 1, &tenant, run_id(1))).await;
    assert_eq!(new, Appended::Durable, "and the one of now is none the worse for it");
}

async fn reads_only_open_runs_and_only_the_tenant(store: &dyn Store) {
    let (one, other) = (Tenant::new("a"), Tenant::new("b"));
    let life = store.open(SHARD).await.unwrap();
    let next = life.last.0 + 1;
    let mut mixed = batch(life.incarnation, next, 4, &other, run_id(2));
    mixed.runs.push(submitted(&other, run_id(2), "h"));
    mixed.rows[1].payload = Some(InlinePayload { hash: Hash([3; 32]), bytes: Bytes::from_static(b"small") });
    mixed.rows[2].tenant = None;
    mixed.rows[2].run = None;
    let written = mixed.rows.clone();
    assert_eq!(store.append(mixed).await, Appended::Durable);
    let seqs = |rows: &[Row]| rows.iter().map(|row| row.seq.0).collect::<Vec<_>>();
    assert_eq!(store.last_at(SHARD).await.unwrap(), written.last().map(|row| row.at));
    assert_eq!(store.last_at(ShardId(99)).await.unwrap(), None);
    let open = store.read_open(SHARD, Seq(0), 100).await.unwrap();
    assert_eq!(seqs(&open), [1, 2, 3, 4, 5, 6, next, next + 1, next + 3]);
    assert_eq!(seqs(&store.read_open(SHARD, Seq(5), 2).await.unwrap()), [6, next]);
    assert_eq!(open[7], written[1], "a row comes back as it went");
    assert_eq!(seqs(&store.read_run(&other, run_id(2), Seq(next), &[], 10).await.unwrap()), [next + 1, next + 3]);
    let kind = open[7].kind;
    assert_eq!(seqs(&store.read_run(&other, run_id(2), Seq(next), &[kind, 99], 1).await.unwrap()), [next + 1]);
    assert!(store.read_run(&other, run_id(2), Seq(next), &[99], 10).await.unwrap().is_empty(), "none of this kind");
    assert!(
        store.read_run(&one, run_id(2), Seq(0), &[], 10).await.unwrap().is_empty(),
        "no tenant reads another's run"
    );
    let small = async |tenant, run| store.inline_payload(tenant, run, Hash([3; 32])).await.unwrap();
    assert_eq!(small(&other, run_id(2)).await.as_deref(), Some(&b"small"[..]));
    assert_eq!((small(&one, run_id(2)).await, small(&other, run_id(1)).await), (None, None));
    let mut done = batch(life.incarnation, next + 4, 1, &one, run_id(1));
    let change = RunChange::Answered {
        status: RunStatus::Succeeded,
        degraded: true,
        at: Timestamp(77),
        spent: Money(12),
        over: Money(2),
        bound: Some(Bound::Hard),
    };
    done.runs.push(RunUpdate { tenant: one.clone(), run: run_id(1), change });
    let change = RunChange::Done { at: Timestamp(78), spent: Money(13), over: Money(3), bound: Some(Bound::Estimated) };
    done.runs.push(RunUpdate { tenant: one.clone(), run: run_id(1), change });
    assert_eq!(store.append(done).await, Appended::Durable);
    assert_eq!(seqs(&store.read_open(SHARD, Seq(0), 100).await.unwrap()), [next, next + 1, next + 3]);
    let row = store.run(&one, run_id(1)).await.unwrap().unwrap();
    assert_eq!(
        (row.status, row.degraded, row.answered, row.done, row.spent, row.partition),
        (RunStatus::Succeeded, true, Some(Timestamp(77)), Some(Timestamp(78)), Money(13), Partition(7))
    );
    assert_eq!(store.run(&other, run_id(1)).await.unwrap(), None);
}

async fn reads_the_shards_own_rows(store: &dyn Store) {
    let tenant = Tenant::new("own");
    let life = store.open(SHARD).await.unwrap();
    let first = life.last.0 + 1;
    let mut mixed = batch(life.incarnation, first, 6, &tenant, run_id(60));
    for row in [0, 2, 3, 5] {
        (mixed.rows[row].tenant, mixed.rows[row].run, mixed.rows[row].kind) = (None, None, 60);
    }
    mixed.rows[3].kind = 61;
    // A run's row of that kind is the run's.
    mixed.rows[4].kind = 60;
    let written = mixed.rows.clone();
    assert_eq!(store.append(mixed).await, Appended::Durable);
    let own = async |shard, kind, count| store.read_own(shard, kind, count).await.unwrap();
    assert_eq!(own(SHARD, 60, 9).await, [&written[0], &written[2], &written[5]].map(Row::clone));
    assert_eq!(own(SHARD, 60, 2).await, [&written[2], &written[5]].map(Row::clone), "the latest, in their order");
    assert_eq!(own(SHARD, 61, 9).await, [written[3].clone()]);
    assert!(own(SHARD, 62, 9).await.is_empty() && own(ShardId(99), 60, 9).await.is_empty());
}

/// What was learned is there with the rows that it came with, or without rows, and not if those were refused.
async fn keeps_what_was_learned(store: &dyn Store) {
    let (tenant, run) = (Tenant::new("learned"), run_id(91));
    let opened = store.open(SHARD).await.unwrap();
    let next = opened.last.0 + 1;
    let of = |count, bytes: &'static [u8]| Append {
        learned: Some(Bytes::from_static(bytes)),
        ..batch(opened.incarnation, next, count, &tenant, run)
    };
    let learned = async || store.learned(SHARD).await.unwrap().map(|bytes| bytes.to_vec());
    assert_eq!(store.append(of(0, b"one")).await, Appended::Durable);
    assert_eq!(learned().await.as_deref(), Some(&b"one"[..]));
    assert_eq!(store.append(of(2, b"two")).await, Appended::Durable);
    let plain = batch(opened.incarnation, next + 2, 1, &tenant, run);
    assert_eq!(store.append(plain).await, Appended::Durable);
    assert_eq!(learned().await.as_deref(), Some(&b"two"[..]));
    assert!(matches!(store.append(of(1, b"late")).await, Appended::Fenced(_)), "its place is taken");
    assert_eq!(learned().await.as_deref(), Some(&b"two"[..]));
    assert_eq!(store.learned(ShardId(SHARD.0 + 1)).await.unwrap(), None, "each shard has its own");
}

async fn lists_runs(store: &dyn Store) {
    let tenant = Tenant::new("c");
    let life = store.open(SHARD).await.unwrap();
    let mut many = batch(life.incarnation, life.last.0 + 1, 1, &tenant, run_id(10));
    for number in 10..20 {
        let mut update = submitted(&tenant, run_id(number), if number % 2 == 0 { "even" } else { "odd" });
        begun_by(&mut update, (number >= 18).then(|| run_id(10)));
        many.runs.push(update);
    }
    assert_eq!(store.append(many).await, Appended::Durable);
    let mut done = batch(life.incarnation, life.last.0 + 2, 1, &tenant, run_id(18));
    done.runs.push(RunUpdate {
        tenant: tenant.clone(),
        run: run_id(18),
        change: RunChange::Done { at: Timestamp(5), spent: Money::ZERO, over: Money::ZERO, bound: None },
    });
    assert_eq!(store.append(done).await, Appended::Durable);
    let list = async |filter: RunFilter| -> Vec<RunId> {
        store.runs(&tenant, filter).await.unwrap().into_iter().map(|row| row.run).collect()
    };
    let page = RunFilter { count_max: 3, ..RunFilter::default() };
    assert_eq!(list(page.clone()).await, [run_id(19), run_id(18), run_id(17)]);
    assert_eq!(
        list(RunFilter { before: Some(run_id(17)), ..page.clone() }).await,
        [run_id(16), run_id(15), run_id(14)]
    );
    assert_eq!(
        list(RunFilter { graph: Some("even".to_owned()), ..page.clone() }).await,
        [run_id(18), run_id(16), run_id(14)]
    );
    assert_eq!(list(RunFilter { open: true, ..page.clone() }).await, [run_id(19), run_id(17), run_id(16)]);
    let newest = RunFilter { no_child: true, count_max: 1, ..page.clone() };
    assert_eq!(list(newest.clone()).await, [run_id(17)], "what others have begun is passed over");
    assert_eq!(list(RunFilter { open: true, before: Some(run_id(17)), ..newest }).await, [run_id(16)]);
    assert!(list(RunFilter { status: Some(RunStatus::Failed), ..page }).await.is_empty());
}

/// Runs the suite of blob stores.
///
/// # Panics
///
/// If the store breaks a promise of the port.
pub async fn blobs_conform(blobs: &dyn Blobs) {
    let (one, other) = (Tenant::new("a"), Tenant::new("b/../a"));
    let bytes = Bytes::from(vec![7_u8; 100_000]);
    let hash = blobs.put(&one, bytes.clone()).await.unwrap();
    assert_eq!(hash, blobs.key(&one).address(&bytes));
    assert_eq!(blobs.put(&one, bytes.clone()).await.unwrap(), hash, "keeping it twice is harmless");
    assert_eq!(blobs.get(&one, hash).await.unwrap(), Some(bytes.clone()));
    assert_eq!(blobs.get(&other, hash).await.unwrap(), None, "no tenant reads another's blob");
    assert_ne!(blobs.put(&other, bytes.clone()).await.unwrap(), hash, "no two tenants share an address");
    blobs.remove(&one, hash).await.unwrap();
    assert_eq!(blobs.get(&one, hash).await.unwrap(), None);
    blobs.remove(&one, hash).await.unwrap();
    assert_eq!(blobs.put(&one, bytes.clone()).await.unwrap(), hash, "what was removed can be kept again");
    assert_eq!(blobs.get(&one, hash).await.unwrap(), Some(bytes));
}

async fn finds_runs_by_their_key(store: &dyn Store) {
    let (tenant, other) = (Tenant::new("d"), Tenant::new("e"));
    let life = store.open(SHARD).await.unwrap();
    let mut two = batch(life.incarnation, life.last.0 + 1, 1, &tenant, run_id(30));
    two.runs.push(keyed(&tenant, run_id(30), "g", Some("order 17")));
    two.runs.push(keyed(&tenant, run_id(31), "g", None));
    assert_eq!(store.append(two).await, Appended::Durable);
    let mut done = batch(life.incarnation, life.last.0 + 2, 1, &tenant, run_id(30));
    let change = RunChange::Done { at: Timestamp(5), spent: Money::ZERO, over: Money::ZERO, bound: None };
    done.runs.push(RunUpdate { tenant: tenant.clone(), run: run_id(30), change });
    assert_eq!(store.append(done).await, Appended::Durable);
    assert_eq!(store.run_of_key(&tenant, "order 17").await.unwrap(), Some(run_id(30)), "also when it is over");
    assert_eq!(store.run_of_key(&tenant, "order 1").await.unwrap(), None);
    assert_eq!(store.run_of_key(&other, "order 17").await.unwrap(), None, "another tenant's is another");
}

/// A retry stays as long as the run that it took over: its key says that this was taken over.
async fn keeps_retries(store: &dyn Store) {
    let tenant = Tenant::new("f");
    let life = store.open(SHARD).await.unwrap();
    let mut both = batch(life.incarnation, life.last.0 + 1, 2, &tenant, run_id(43));
    both.rows[1].run = Some(run_id(44));
    let key = SubmissionKey::retry_of(run_id(43)).key;
    both.runs.extend([keyed(&tenant, run_id(43), "g", None), keyed(&tenant, run_id(44), "g", Some(&key))]);
    for run in [run_id(43), run_id(44)] {
        let change = RunChange::Done { at: Timestamp(9), spent: Money::ZERO, over: Money::ZERO, bound: None };
        both.runs.push(RunUpdate { tenant: tenant.clone(), run, change });
    }
    assert_eq!(store.append(both).await, Appended::Durable);
    let forget = async |run| store.forget(&tenant, run_id(run), Timestamp(9)).await.unwrap();
    assert_eq!(forget(44).await, Forgotten::Retries(run_id(43)));
    assert_eq!(store.run_of_key(&tenant, &key).await.unwrap(), Some(run_id(44)));
    assert_eq!((forget(43).await, forget(44).await), (Forgotten::Yes, Forgotten::Yes));
}

/// A run that is done stays as long as the one for whose task it ran.
async fn keeps_children(store: &dyn Store) {
    let tenant = Tenant::new("family");
    let life = store.open(SHARD).await.unwrap();
    let ends = |run| RunUpdate {
        tenant: tenant.clone(),
        run,
        change: RunChange::Done { at: Timestamp(9), spent: Money::ZERO, over: Money::ZERO, bound: None },
    };
    let (of, run) = (run_id(60), run_id(61));
    let mut one = batch(life.incarnation, life.last.0 + 1, 1, &tenant, run);
    one.runs.extend([keyed(&tenant, of, "g", None), child(&tenant, run, of), ends(run)]);
    assert_eq!(store.append(one).await, Appended::Durable);
    let parent = store.run(&tenant, run).await.unwrap().unwrap().parent;
    assert_eq!(parent, Some(Parent { run: of, task: Arc::from("a/b") }));
    let forget = async || store.forget(&tenant, run, Timestamp(9)).await.unwrap();
    assert_eq!(forget().await, Forgotten::Child(of));
    let mut two = batch(life.incarnation, life.last.0 + 2, 1, &tenant, of);
    two.runs.push(ends(of));
    assert_eq!(store.append(two).await, Appended::Durable);
    assert_eq!(forget().await, Forgotten::Child(of), "a retry of that one asks what it did");
    // Retried twice: whoever goes on asks what was done in the first place.
    let (again, last) = (run_id(62), run_id(63));
    let [first, second] = [of, again].map(|run| SubmissionKey::retry_of(run).key);
    let mut three = batch(life.incarnation, life.last.0 + 3, 2, &tenant, again);
    three.rows[1].run = Some(last);
    three.runs.extend([
        keyed(&tenant, again, "g", Some(&first)),
        ends(again),
        keyed(&tenant, last, "g", Some(&second)),
    ]);
    assert_eq!(store.append(three).await, Appended::Durable);
    let forget_it = async || store.forget(&tenant, of, Timestamp(9)).await.unwrap();
    assert_eq!(forget_it().await, Forgotten::WentOn(last));
    let mut four = batch(life.incarnation, life.last.0 + 5, 1, &tenant, last);
    four.runs.push(ends(last));
    assert_eq!(store.append(four).await, Appended::Durable);
    assert_eq!(forget_it().await, Forgotten::Yes);
    assert_eq!(forget().await, Forgotten::Yes);
}

async fn forgets_runs(store: &dyn Store) {
    let tenant = Tenant::new("f");
    let life = store.open(SHARD).await.unwrap();
    let first = life.last.0 + 1;
    let mut batch_of = batch(life.incarnation, first, 6, &tenant, run_id(40));
    // 40 and 41 take turns, a record of the shard stands between, and 42 goes on.
    for (place, run) in [(1, 41), (3, 41), (4, 42), (5, 40)] {
        batch_of.rows[place].run = Some(run_id(run));
    }
    (batch_of.rows[2].tenant, batch_of.rows[2].run) = (None, None);
    batch_of.runs.extend([
        keyed(&tenant, run_id(40), "g", Some("k")),
        keyed(&tenant, run_id(41), "g", None),
        keyed(&tenant, run_id(42), "g", None),
    ]);
    let done = |run| RunUpdate {
        tenant: tenant.clone(),
        run,
        change: RunChange::Done { at: Timestamp(9), spent: Money::ZERO, over: Money::ZERO, bound: None },
    };
    batch_of.runs.extend([done(run_id(40)), done(run_id(41))]);
    assert_eq!(store.append(batch_of).await, Appended::Durable);
    let expired = RunFilter { done_before: Some(Timestamp(10)), count_max: 9, ..RunFilter::default() };
    let listed: Vec<RunId> =
        store.runs(&tenant, expired.clone()).await.unwrap().into_iter().map(|row| row.run).collect();
    assert_eq!(listed, [run_id(41), run_id(40)]);
    assert!(store.runs(&tenant, RunFilter { done_before: Some(Timestamp(9)), ..expired }).await.unwrap().is_empty());

    let forget = async |tenant: &Tenant, run| store.forget(tenant, run, Timestamp(4)).await.unwrap();
    assert!(!store.has_forgotten().await.unwrap());
    assert_eq!(forget(&tenant, run_id(42)).await, Forgotten::NotDone);
    assert_eq!(forget(&Tenant::new("e"), run_id(41)).await, Forgotten::NoRun, "another tenant's is another");
    assert_eq!(forget(&tenant, run_id(40)).await, Forgotten::Keyed(Timestamp(5)));
    assert_eq!(store.forget(&tenant, run_id(40), Timestamp(5)).await.unwrap(), Forgotten::Yes);
    assert_eq!(forget(&tenant, run_id(41)).await, Forgotten::Yes);
    assert_eq!(forget(&tenant, run_id(41)).await, Forgotten::NoRun, "once");
    assert!(store.has_forgotten().await.unwrap());
    assert_eq!(
        (store.run(&tenant, run_id(40)).await.unwrap(), store.run_of_key(&tenant, "k").await.unwrap()),
        (None, None)
    );

    let all = async || -> Vec<u64> {
        store.read_all(SHARD, Seq(first - 1), 99).await.unwrap().iter().map(|row| row.seq.0 - first).collect()
    };
    assert!(!store.sweep(SHARD, 99).await.unwrap(), "what they name is not known yet");
    let name = |run, hash| BlobName { tenant: tenant.clone(), hash: Hash([hash; 32]), run: run_id(run) };
    let names = vec![name(40, 1), name(41, 1), name(41, 2), name(41, 3), name(42, 2)];
    let last = Seq(first + 5);
    store.name_blobs(SHARD, last, names).await.unwrap();
    assert_eq!(store.named_until(SHARD).await.unwrap(), last);
    assert!(store.sweep(SHARD, 1).await.unwrap(), "a row at a time");
    assert_eq!(all().await.len(), 5);
    while store.sweep(SHARD, 2).await.unwrap() {}
    assert_eq!(all().await, [2, 4, 5], "the shard's, the open run's, and the last, which says where the next one goes");
    let loose = async || -> Vec<u8> {
        store.loose_blobs(None, 9).await.unwrap().into_iter().map(|(_, hash)| hash.0[0]).collect()
    };
    assert_eq!(loose().await, [3], "2 is named by the open run, 1 by the run whose last row is there");
    let life = store.open(SHARD).await.unwrap();
    assert_eq!(life.last, last, "a journal with holes opens where it was");
    assert_eq!(store.append(batch(life.incarnation, last.0 + 1, 1, &tenant, run_id(42))).await, Appended::Durable);
    while store.sweep(SHARD, 99).await.unwrap() {}
    assert_eq!((all().await, loose().await), (vec![2, 4, 6], vec![1, 3]));
    let open = store.read_open(SHARD, Seq(first - 1), 99).await.unwrap();
    assert_eq!(open.iter().map(|row| row.seq.0 - first).collect::<Vec<_>>(), [4, 6]);

    store.name_blobs(SHARD, Seq(last.0 + 1), vec![name(42, 1)]).await.unwrap();
    assert_eq!(loose().await, [3], "what is named again is not loose any more");
    assert!(store.loose_blobs(Some((tenant.clone(), Hash([3; 32]))), 9).await.unwrap().is_empty());
    store.drop_loose(vec![(tenant.clone(), Hash([3; 32]))]).await.unwrap();
    assert!(loose().await.is_empty() && !store.has_forgotten().await.unwrap());
}
