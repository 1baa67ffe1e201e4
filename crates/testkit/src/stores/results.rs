//! Kept results: each tenant's own, dropped by key, tag, age and size, and what they say of blobs.

use std::sync::Arc;

use agendum_ports::{BlobName, Dropped, KeptResult, Store, WhichKept};
use agendum_types::{CachedCopy, Hash, Labels, MediaType, Money, PayloadRef, Seq, Tenant, Timestamp};
use bytes::Bytes;

use super::{SHARD, run_id};

/// A result that was kept at this instant; without bytes, as a blob of that hash.
fn result(tenant: &Tenant, key: u8, at: u64, bytes: Option<&'static str>, tags: &[&str]) -> KeptResult {
    let output = PayloadRef {
        hash: Hash([key; 32]),
        size: bytes.map_or(100, |bytes| bytes.len() as u64),
        media: MediaType::Text,
        labels: Labels::new(["region=eu", "odd=\"a\nb\""]),
    };
    let copy = CachedCopy {
        output,
        at: Timestamp(at),
        target: Arc::from("small"),
        digest: Hash([8; 32]),
        run: run_id(7),
        cost: Money(5),
    };
    KeptResult {
        tenant: tenant.clone(),
        key: Hash([key; 32]),
        capability: Arc::from("chat"),
        copy,
        bytes: bytes.map(|bytes| Bytes::from_static(bytes.as_bytes())),
        tags: tags.iter().map(|tag| Arc::from(*tag)).collect(),
    }
}

pub(super) async fn keeps_results(store: &dyn Store) {
    let (one, other) = (Tenant::new("one"), Tenant::new("other"));
    let find = async |tenant: &Tenant, key: u8| store.look_up(tenant, Hash([key; 32])).await.unwrap();
    let keys = async |tenant: &Tenant, which| -> Vec<u8> {
        store.kept(tenant, which, 9).await.unwrap().0.iter().map(|line| line.key.0[0]).collect()
    };
    let loose = async || -> Vec<u8> {
        let loose = store.loose_blobs(None, 99).await.unwrap();
        loose.into_iter().filter(|(tenant, _)| *tenant == one).map(|(_, hash)| hash.0[0]).collect()
    };
    assert_eq!(find(&one, 1).await, None);
    let first = result(&one, 1, 10, Some("first"), &["x", "y"]);
    store
        .keep(vec![first.clone(), result(&one, 2, 20, None, &["y"]), result(&other, 3, 5, Some("b"), &["x"])])
        .await
        .unwrap();
    assert_eq!(find(&one, 1).await, Some(first), "as it was kept");
    assert_eq!((find(&other, 1).await, find(&one, 3).await), (None, None), "another tenant's is another's");
    assert_eq!(keys(&one, WhichKept::All).await, [2, 1], "the latest first");
    assert_eq!(keys(&one, WhichKept::Tagged("x".into())).await, [1]);
    assert_eq!(keys(&one, WhichKept::Key(Hash([2; 32]))).await, [2]);
    let within = async |tenant: &Tenant, first: u8, last: u8, most| -> Vec<u8> {
        let within = (Hash([first; 32]), Hash([last; 32]));
        store.keys_within(tenant, within, most).await.unwrap().iter().map(|key| key.0[0]).collect()
    };
    assert_eq!((within(&one, 0, 9, 9).await, within(&one, 2, 9, 9).await), (vec![1, 2], vec![2]));
    assert_eq!((within(&one, 0, 9, 1).await, within(&other, 0, 2, 9).await), (vec![1], vec![]));
    let (lines, whole) = store.kept(&one, WhichKept::All, 1).await.unwrap();
    assert_eq!((lines.len(), whole), (1, Dropped { count: 2, bytes: 105 }), "a page, and how much there is in all");
    let tagged = store.kept(&one, WhichKept::Tagged("x".into()), 9).await.unwrap().1;
    assert_eq!(tagged.count, 1, "how much of that there is");
    assert_eq!(store.kept(&one, WhichKept::Tagged("nope".into()), 9).await.unwrap().1, Dropped::default());
    assert_eq!((&*lines[0].target, lines[0].cost, lines[0].run), ("small", Money(5), run_id(7)));

    // Another result under the same key, with other tags and other bytes.
    store.keep(vec![result(&one, 1, 30, Some("second"), &["z"])]).await.unwrap();
    assert_eq!(find(&one, 1).await.unwrap().bytes, Some(Bytes::from_static(b"second")));
    assert!(keys(&one, WhichKept::Tagged("x".into())).await.is_empty());

    // A blob that a copy names is not loose, be it that the last run that named it is forgotten.
    store
        .name_blobs(SHARD, Seq(0), vec![BlobName { tenant: one.clone(), hash: Hash([4; 32]), run: run_id(70) }])
        .await
        .unwrap();
    store.keep(vec![result(&one, 4, 25, None, &[])]).await.unwrap();
    let drop_some = async |which, count_max| store.drop_kept(&one, which, count_max).await.unwrap();
    assert_eq!(drop_some(WhichKept::Key(Hash([4; 32])), 9).await, Dropped { count: 1, bytes: 100 });
    assert!(loose().await.is_empty(), "a run names it");
    assert_eq!(drop_some(WhichKept::Tagged("y".into()), 9).await, Dropped { count: 1, bytes: 100 });
    assert_eq!(loose().await, [2], "nothing names it");
    store.keep(vec![result(&one, 2, 40, None, &[])]).await.unwrap();
    assert!(loose().await.is_empty(), "it is kept again");

    // What is old goes, then the oldest beyond the size, a few at a time.
    store.keep(vec![result(&one, 5, 50, Some("12345"), &[]), result(&one, 6, 60, Some("123456"), &[])]).await.unwrap();
    assert_eq!(store.kept_bytes().await.unwrap(), 118, "of all tenants");
    assert_eq!(store.trim(Timestamp(31), 0, 9).await.unwrap(), Dropped { count: 2, bytes: 7 });
    assert_eq!((keys(&one, WhichKept::All).await, keys(&other, WhichKept::All).await), (vec![6, 5, 2], vec![]));
    assert_eq!(store.trim(Timestamp(0), 105, 1).await.unwrap(), Dropped { count: 1, bytes: 100 }, "a step");
    assert_eq!((keys(&one, WhichKept::All).await, loose().await), (vec![6, 5], vec![2]));
    assert_eq!(store.trim(Timestamp(0), 5, 9).await.unwrap(), Dropped { count: 1, bytes: 5 }, "and no more than that");
    assert_eq!((keys(&one, WhichKept::All).await, store.kept_bytes().await.unwrap()), (vec![6], 6));
    assert_eq!(store.trim(Timestamp(0), 0, 9).await.unwrap(), Dropped::default(), "nothing is to be dropped");

    // What is forgotten goes a few at a time, too.
    store
        .keep(vec![result(&one, 7, 70, Some("7"), &["w", "v"]), result(&one, 8, 80, Some("8"), &["w"])])
        .await
        .unwrap();
    assert_eq!(drop_some(WhichKept::Tagged("w".into()), 1).await, Dropped { count: 1, bytes: 1 });
    assert_eq!(drop_some(WhichKept::Tagged("w".into()), 9).await, Dropped { count: 1, bytes: 1 });
    assert_eq!(drop_some(WhichKept::Key(Hash([9; 32])), 9).await, Dropped::default());
    store.keep(vec![result(&one, 7, 70, Some("7"), &[])]).await.unwrap();
    assert_eq!(drop_some(WhichKept::All, 1).await.count, 1);
    assert_eq!((drop_some(WhichKept::All, 1).await.count, drop_some(WhichKept::All, 1).await.count), (1, 0));
    store.drop_loose(vec![(one.clone(), Hash([2; 32]))]).await.unwrap();
}
