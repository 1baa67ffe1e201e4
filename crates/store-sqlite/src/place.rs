//! A row's place: its shard and its sequence in one integer, the key of the journal.

use std::ops::RangeInclusive;

use agendum_types::{Seq, ShardId};

/// Sequences of one shard: at a million rows a second they last for nine years.
const SEQ_BITS: u32 = 48;
const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

/// Shards of one database at most; SQLite's integers have a sign.
pub(crate) const SHARDS_MAX: u32 = 1 << (63 - SEQ_BITS);

pub(crate) fn place(shard: ShardId, seq: Seq) -> i64 {
    let shard = i64::from(shard.0 % SHARDS_MAX) << SEQ_BITS;
    shard | seq.0.min(SEQ_MAX) as i64
}

/// Every place of a shard after this one.
pub(crate) fn places(shard: ShardId, after: Seq) -> RangeInclusive<i64> {
    place(shard, after) + 1..=place(shard, Seq(SEQ_MAX))
}

pub(crate) const fn seq(place: i64) -> Seq {
    Seq(place as u64 & SEQ_MAX)
}

pub(crate) const fn shard(place: i64) -> ShardId {
    ShardId((place >> SEQ_BITS) as u32)
}
