//! Versioned formats: what the journal holds, and what the HTTP API and `--json` speak.
//!
//! A crate of its own because it is a published contract: a journal written by one release is read by later ones, and clients parse
//! [`v1`]. Its structs are plain copies of the vocabulary, so that a type of the core may change without changing a format.
//!
//! [`checkpoint`] is what a life of a shard has learned.
//!
//! [`journal`] turns records into rows' bodies and back; `golden/` holds a journal of every kind that must stay readable. A new
//! field is optional; what cannot be optional makes a new version of its kind beside the old one.

pub mod checkpoint;
pub mod journal;
pub mod v1;
