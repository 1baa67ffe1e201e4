//! How spans and instants print, and that arithmetic saturates.

use super::{Duration, Timestamp};

#[test]
fn spans_print_in_the_unit_a_reader_expects() {
    let shown =
        |micros: &[u64]| micros.iter().map(|micros| Duration(*micros).to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(
        shown(&[0, 850, 12_340, 123_400, 2_660_000, 8_000_000, 59_990_000]),
        "0µs 850µs 12.3ms 123ms 2.66s 8s 59.9s"
    );
    assert_eq!(shown(&[184_000_000, 7_500_000_000]), "3m 04s 2h 05m");
}

#[test]
fn instants_print_as_rfc_3339() {
    assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000Z");
    assert_eq!(Timestamp(1_709_164_800_000_001).to_string(), "2024-02-29T00:00:00.000001Z");
}

#[test]
fn arithmetic_saturates() {
    assert_eq!(Timestamp::MAX.after(Duration(1)), Timestamp::MAX);
    assert_eq!(Timestamp(5).before(Duration(9)), Timestamp(0));
    assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
}
