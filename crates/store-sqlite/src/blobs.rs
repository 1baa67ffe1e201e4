//! Blobs as files: `blobs/<tenant>/<two digits>/<address>`, durable before anybody hears of them.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use agendum_ports::{BlobError, Blobs, TenantKey};
use agendum_types::{Hash, Tenant};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::directory::{private_file, sync_folder};

/// Blobs in a folder, addressed per tenant.
#[derive(Debug)]
pub struct FileBlobs {
    root: PathBuf,
    secret: [u8; 32],
    written: AtomicU64,
}

impl FileBlobs {
    /// The blobs under this folder, addressed with keys derived from this secret.
    #[must_use]
    pub const fn new(root: PathBuf, secret: [u8; 32]) -> Self {
        Self { root, secret, written: AtomicU64::new(0) }
    }

    fn path(&self, tenant: &Tenant, hash: Hash) -> PathBuf {
        let address = hash.to_string();
        // A tenant's name is not a safe file name; the address of its name under its own key is.
        let folder = self.key(tenant).address(b"folder").to_string();
        self.root.join(&folder[..16]).join(&address[..2]).join(address)
    }
}

impl Blobs for FileBlobs {
    fn put(&self, tenant: &Tenant, bytes: Bytes) -> BoxFuture<'_, Result<Hash, BlobError>> {
        let key = self.key(tenant);
        let hash = key.address(&bytes);
        let path = self.path(tenant, hash);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        async move {
            let work = move || keep(&path, &bytes, number);
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(lost(error)))?;
            Ok(hash)
        }
        .boxed()
    }

    fn get(&self, tenant: &Tenant, hash: Hash) -> BoxFuture<'_, Result<Option<Bytes>, BlobError>> {
        let (key, path) = (self.key(tenant), self.path(tenant, hash));
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

    fn key(&self, tenant: &Tenant) -> TenantKey {
        TenantKey::derive(&self.secret, tenant)
    }
}

fn lost(error: tokio::task::JoinError) -> BlobError {
    BlobError::Io { doing: "finish", source: io::Error::other(error) }
}

fn keep(path: &Path, bytes: &[u8], number: u64) -> Result<(), BlobError> {
    let failed = |source: io::Error| {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded].contains(&source.kind());
        if full { BlobError::DiskFull } else { BlobError::Io { doing: "write a blob", source } }
    };
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    if !folder.exists() {
        make_folder(folder).map_err(failed)?;
    }
    let temporary = folder.join(format!(".{}-{number}", std::process::id()));
    let written = private_file(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| sync_folder(folder));
    written.map_err(|error| {
        let _absent = std::fs::remove_file(&temporary);
        failed(error)
    })
}

/// Makes a folder whose own entry survives a power loss, and those above it.
fn make_folder(folder: &Path) -> io::Result<()> {
    let above = folder.parent().unwrap_or(folder);
    if !above.exists() {
        make_folder(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync_folder(above),
    }
}
