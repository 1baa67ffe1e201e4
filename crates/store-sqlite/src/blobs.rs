//! Blobs as files: `blobs/<tenant>/<two digits>/<address>`, durable before anybody hears of them.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use agendum_ports::{BlobError, Blobs, TenantKey};
use agendum_types::{Hash, Tenant};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::directory::{Lasts, replace, sync_folder};

/// Blobs in a folder, addressed per tenant.
#[derive(Clone, Debug)]
pub struct FileBlobs(Arc<Files>);

#[derive(Debug)]
struct Files {
    root: PathBuf,
    secret: [u8; 32],
    written: AtomicU64,
    /// Folders whose own entries this process has seen synced: that a folder is there does not say so.
    settled: Mutex<BTreeSet<PathBuf>>,
}

impl FileBlobs {
    /// The blobs under this folder, addressed with keys derived from this secret.
    #[must_use]
    pub fn new(root: PathBuf, secret: [u8; 32]) -> Self {
        Self(Arc::new(Files { root, secret, written: AtomicU64::new(0), settled: Mutex::default() }))
    }
}

impl Blobs for FileBlobs {
    fn put(&self, tenant: &Tenant, bytes: Bytes) -> BoxFuture<'_, Result<Hash, BlobError>> {
        let (files, tenant) = (Arc::clone(&self.0), tenant.clone());
        async move {
            // Hashing is work as well.
            let work = move || files.keep(&tenant, &bytes);
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(lost(error)))
        }
        .boxed()
    }

    fn get(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<Option<Bytes>, BlobError>> {
        let (key, path) = (self.key(tenant), self.0.path(tenant, hash));
        async move {
            let work = move || match std::fs::read(path) {
                Ok(bytes) if key.address(&bytes) == hash => Ok(Some(Bytes::from(bytes))),
                Ok(_) => Err(BlobError::Corrupt(hash)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(BlobError::Io { doing: "read a blob", source }),
            };
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(lost(error)))
        }
        .boxed()
    }

    fn remove(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<(), BlobError>> {
        let path = self.0.path(tenant, hash);
        async move {
            let work = move || match std::fs::remove_file(path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    Err(BlobError::Io { doing: "delete a blob", source })
                }
                Ok(()) | Err(_) => Ok(()),
            };
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(lost(error)))
        }
        .boxed()
    }

    fn key(&self, tenant: &Tenant) -> TenantKey {
        self.0.key(tenant)
    }
}

fn lost(error: tokio::task::JoinError) -> BlobError {
    BlobError::Io { doing: "finish", source: io::Error::other(error) }
}

impl Files {
    fn key(&self, tenant: &Tenant) -> TenantKey {
        TenantKey::derive(&self.secret, tenant)
    }

    fn path(&self, tenant: &Tenant, hash: Hash) -> PathBuf {
        let address = hash.to_string();
        // A tenant's name is not a safe file name; the address of its name under its own key is.
        let folder = self.key(tenant).address(b"folder").to_string();
        self.root.join(&folder[..16]).join(&address[..2]).join(address)
    }

    fn keep(&self, tenant: &Tenant, bytes: &[u8]) -> Result<Hash, BlobError> {
        let hash = self.key(tenant).address(bytes);
        let written = self.write(&self.path(tenant, hash), bytes);
        written.map(|()| hash).map_err(|source| {
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded].contains(&source.kind());
            if full { BlobError::DiskFull } else { BlobError::Io { doing: "write a blob", source } }
        })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        self.settle(folder)?;
        if std::fs::metadata(path).is_ok_and(|found| found.len() == bytes.len() as u64) {
            // Whoever renamed it may not have come to sync the folder.
            return sync_folder(folder);
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let temporary = self.root.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
        replace(&temporary, path, bytes, Lasts::ThroughPowerLoss)
    }

    /// Makes a folder, and those above it, whose own entries survive a power loss.
    fn settle(&self, folder: &Path) -> io::Result<()> {
        let settled = || self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if settled().contains(folder) {
            return Ok(());
        }
        let above = folder.parent().unwrap_or(folder);
        if folder != self.root {
            self.settle(above)?;
        } else if !above.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(above)?;
        }
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => sync_folder(above)?,
        }
        settled().insert(folder.to_owned());
        Ok(())
    }
}

/// How the names of files begin that are not blobs yet.
pub(crate) const TEMPORARY: &str = ".new-";

/// Removes what a process that was killed had begun to write.
pub(crate) fn sweep(root: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
