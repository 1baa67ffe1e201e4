//! What memory holds of payloads, and for how long.

use agendum_ports::memory::{MemoryBlobs, MemoryStore};

use super::*;

fn address(number: u8) -> Address {
    (Tenant::default(), Hash([number; 32]))
}

fn held(megabytes: usize, parsed: bool) -> Held {
    let value = parsed.then(|| Arc::new(Json::Null));
    Held { value, ..Held::new(Bytes::from(vec![b' '; megabytes << 20])) }
}

#[test]
fn what_is_parsed_stays_parsed_and_what_is_large_has_a_bound() {
    let mut table = Table::default();
    table.cache(address(1), held(2, false));
    table.learn(address(1), held(2, true));
    assert!(table.find(&address(1)).unwrap().value.is_some(), "too large, now, for its earlier place");
    table.cache(address(1), held(2, false));
    assert!(table.find(&address(1)).unwrap().value.is_some(), "kept again as bytes only");
    // 36 MiB each with its value: three fit.
    for number in 2..=5 {
        table.cache(address(number), held(4, true));
    }
    let found: Vec<u8> = (1..=5).filter(|number| table.find(&address(*number)).is_some()).collect();
    assert_eq!(found, [3, 4, 5]);
    table.cache(address(6), held(200, false));
    assert!(table.find(&address(6)).is_some() && table.find(&address(5)).is_none(), "one may be larger than all");
}

#[test]
fn a_pin_lasts_as_long_as_the_last_that_holds_it() {
    let (shared, tenant) = (Shared::default(), Tenant::default());
    let pin = || Arc::new(Pinned::new(&shared, &tenant, Hash([1; 32]), held(0, false)));
    let pins = || locked(&shared).pinned.len();
    let (message, row) = (pin(), pin());
    let of_another_row = Arc::clone(&row);
    drop((message, row));
    assert_eq!(pins(), 1);
    drop(of_another_row);
    assert_eq!(pins(), 0);
    assert!(locked(&shared).find(&address(1)).is_some(), "it is likely to be read again");
}

#[test]
fn what_was_not_read_for_two_turns_is_forgotten() {
    let mut table = Table::default();
    for number in 0..40 {
        table.cache(address(number), held(4, false));
        assert!(table.find(&address(0)).is_some(), "read again and again");
        assert!(table.young_bytes <= CACHE_BYTES_MAX / 2);
    }
    assert!(table.find(&address(1)).is_none());
}

#[tokio::test]
async fn what_is_claimed_is_not_deleted_and_what_may_be_deleted_is_not_claimed() {
    let (store, blobs) = (Arc::new(MemoryStore::default()), Arc::new(MemoryBlobs::new([1; 32])));
    let payloads = Payloads::new(store, Arc::clone(&blobs) as _, &Limits::STANDARD);
    let tenant = Tenant::default();
    let made = payloads.make_blob(&tenant, "{}").await.unwrap();
    let address = (tenant.clone(), made.reference.hash);
    let close = || payloads.close(vec![address.clone()]);
    assert!(close().blobs.is_empty(), "a record is about to name it");
    let other = payloads.make_blob(&tenant, "{}").await.unwrap();
    drop(made);
    assert!(close().blobs.is_empty(), "so is another");
    drop(other);
    let closed = close();
    assert_eq!(closed.blobs, std::slice::from_ref(&address));
    assert!(close().blobs.is_empty(), "once");
    let mut waits = std::pin::pin!(payloads.make_blob(&tenant, "{}"));
    assert!(futures_util::poll!(&mut waits).is_pending());
    payloads.delete(&address).await.unwrap();
    assert!(futures_util::poll!(&mut waits).is_pending() && blobs.count() == 0);
    drop(closed);
    let made = waits.await.unwrap();
    assert_eq!((made.reference.hash, blobs.count()), (address.1, 1), "it is kept anew, though it was known to be kept");
}
