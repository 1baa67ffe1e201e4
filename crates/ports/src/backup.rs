//! Copies of a whole installation, made while it works.

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use crate::store::StoreError;

/// What a copy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Blobs in it.
    pub blobs: u64,
    /// Bytes in all.
    pub bytes: u64,
}

/// Copies an installation.
pub trait Backup: Send + Sync {
    /// Copies the journal as it is at one moment, and all that it names, into a folder that is missing or empty. Complete when the future is
    /// done with `Ok`, and then it survives a power loss. No blob may be deleted meanwhile.
    fn copy(&self, to: PathBuf) -> BoxFuture<'_, Result<Copied, StoreError>>;
}
