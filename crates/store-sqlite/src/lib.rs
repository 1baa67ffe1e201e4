//! The embedded store: one SQLite database (WAL, synchronous=FULL) for the journal and the index of runs, and files for blobs.
//!
//! A crate of its own to fence off a heavy dependency. One thread writes: appends that arrive while a transaction is being synced
//! gather and go into the next one, so that a single fsync serves them all. One thread reads, in short transactions, so that no
//! reader pins the write-ahead log. A data directory has one owner at a time; others open it read-only or go through the owner.

mod backup;
mod blobs;
mod directory;
mod feedback;
mod forget;
mod index;
mod notices;
mod place;
mod plans;
mod read;
mod results;
mod retention;
mod schema;
mod spending;
mod store;
mod write;

pub use backup::{Copier, MANIFEST, check_backup, restore};
pub use blobs::FileBlobs;
pub use directory::{Directory, Owner, private_file, private_folder};
pub use store::SqliteStore;

#[cfg(test)]
mod tests;
