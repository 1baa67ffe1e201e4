//! The data directory: who owns it, its secret, where its files are.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agendum_ports::StoreError;
use serde::{Deserialize, Serialize};

use crate::blobs;

const LOCK: &str = "owner.lock";
const OWNER: &str = "owner.json";
const SECRET: &str = "secret";
/// There while a backup is made into a data directory.
const RESTORING: &str = "restoring";
/// How long to try for the lock, and how often: it is held for a moment by whoever looks for an owner, and by a process that was
/// killed until the kernel has put it away.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The process that has a data directory open for writing, as it tells others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Where it listens; empty if it does not.
    #[serde(default)]
    pub address: String,
    /// What a client must show; readable by the same user only.
    #[serde(default)]
    pub token: String,
    /// What else it tells of itself, such as the configuration in force; the store does not read it.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub about: serde_json::Value,
}

/// A data directory. Owned (locked for this process) or only looked at.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    lock: Option<File>,
}

impl Directory {
    /// Creates the directory if it is missing and takes possession of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Owned`] if another process has it, [`StoreError::Io`] if it cannot be made.
    pub fn own(path: &Path) -> Result<Self, StoreError> {
        let failed = |doing| move |source: io::Error| StoreError::Io { doing, source: Box::new(source) };
        private_folder(path).map_err(failed("make the data directory"))?;
        let lock = private_file(&path.join(LOCK)).map_err(failed("open the lock of the data directory"))?;
        let mut tries = 0;
        let locked = loop {
            tries += 1;
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => std::thread::sleep(LOCK_PAUSE),
                locked => break locked,
            }
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = Self::look(path).owner();
                return Err(StoreError::Owned {
                    path: path.display().to_string(),
                    pid: owner.as_ref().map_or_else(|| "unknown".to_owned(), |owner| owner.pid.to_string()),
                    address: owner.map_or_else(String::new, |owner| owner.address),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock the data directory")(error)),
        }
        if path.join(RESTORING).exists() {
            let message =
                "a restore was broken off here, or had failed: remove this folder, and restore again".to_owned();
            return Err(StoreError::Corrupt { path: path.display().to_string(), message });
        }
        let directory = Self { path: path.to_owned(), lock: Some(lock) };
        directory.close_to_others().map_err(failed("close the data directory to other users"))?;
        blobs::sweep(&directory.blobs()).map_err(failed("sweep the folder of blobs"))?;
        directory.introduce("", "", serde_json::Value::Null)?;
        Ok(directory)
    }

    /// From now until [`Directory::end_restore`] nobody else makes this directory its own, however this process ends.
    pub(crate) fn begin_restore(&self) -> io::Result<()> {
        private_file(&self.path.join(RESTORING))?;
        sync_folder(&self.path)
    }

    /// All that was to be restored is there.
    ///
    /// # Errors
    ///
    /// If the disk does not take it.
    pub fn end_restore(&self) -> Result<(), StoreError> {
        let done = std::fs::remove_file(self.path.join(RESTORING)).and_then(|()| sync_folder(&self.path));
        done.map_err(|source| StoreError::Io { doing: "complete the data directory", source: Box::new(source) })
    }

    /// What earlier releases left readable to other users is theirs no more; the database is made before SQLite would make it, which
    /// gives its companions (`-wal`, `-shm`) the database's mode.
    fn close_to_others(&self) -> io::Result<()> {
        private_file(&self.database())?;
        for name in ["agendum.db", "agendum.db-wal", "agendum.db-shm", "serve.log"] {
            tighten(&self.path.join(name), 0o600)?;
        }
        for name in ["blobs", "indexes"] {
            tighten(&self.path.join(name), 0o700)?;
        }
        Ok(())
    }

    /// The directory as a reader sees it; nothing is created or locked.
    #[must_use]
    pub fn look(path: &Path) -> Self {
        Self { path: path.to_owned(), lock: None }
    }

    /// True if there is a database in it.
    #[must_use]
    pub fn exists(&self) -> bool {
        // The file is made empty, for its mode; SQLite fills it.
        std::fs::metadata(self.database()).is_ok_and(|found| found.len() > 0)
    }

    /// Tries whether [`own`](Self::own) finds it, or could make it: the folder, or the nearest above it that is there, must take another.
    ///
    /// Only the file system knows, for permissions do not tell of one that is full, or takes none (`/proc`): a folder with a name that
    /// is no one else's is made in it, and goes at once. What is missing stays so, what is there keeps its permissions.
    ///
    /// # Errors
    ///
    /// What making it would fail with.
    pub fn try_make(&self) -> io::Result<()> {
        let tried = self.nearest().join(format!(".agendum-{}", std::process::id()));
        std::fs::create_dir(&tried)?;
        std::fs::remove_dir(tried)
    }

    /// Who owns it now, if anybody does.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        let lock = File::open(self.path.join(LOCK)).ok()?;
        // A shared lock is only to be had while nobody owns the directory.
        if lock.try_lock_shared().is_ok() {
            return None;
        }
        serde_json::from_slice(&std::fs::read(self.path.join(OWNER)).ok()?).ok()
    }

    /// Tells others where the owner listens and what to show there.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn introduce(&self, address: &str, token: &str, about: serde_json::Value) -> Result<(), StoreError> {
        let failed = |source: io::Error| StoreError::Io { doing: "write owner.json", source: Box::new(source) };
        let owner = Owner { pid: std::process::id(), address: address.to_owned(), token: token.to_owned(), about };
        let text = serde_json::to_vec(&owner).unwrap_or_default();
        // It is written anew by every process, and says nothing of one that is gone.
        replace(&self.path.join("owner.json.new"), &self.path.join(OWNER), &text, Lasts::WithProcess).map_err(failed)
    }

    /// The secret that the addresses of payloads derive from; made while there is nothing yet that depends on it.
    ///
    /// # Errors
    ///
    /// If it cannot be read or made, is damaged, or missing beside data.
    pub fn secret(&self) -> Result<[u8; 32], StoreError> {
        let failed = |source: io::Error| StoreError::Io { doing: "read its secret", source: Box::new(source) };
        let path = self.path.join(SECRET);
        let corrupt = |message: &str| StoreError::Corrupt { path: path.display().to_string(), message: message.into() };
        if !path.exists() {
            if self.exists() || self.holds_blobs() {
                let lost =
                    "the secret is missing: payloads cannot be found without it; restore this file from a backup";
                return Err(corrupt(lost));
            }
            if self.is_owned() {
                self.make_secret(&path).map_err(failed)?;
            }
        }
        let mut secret = Vec::new();
        File::open(&path).and_then(|file| file.take(64).read_to_end(&mut secret)).map_err(failed)?;
        let damaged = "the secret is not 32 bytes long; payloads cannot be found without it";
        secret.try_into().map_err(|_| corrupt(damaged))
    }

    fn holds_blobs(&self) -> bool {
        std::fs::read_dir(self.blobs()).is_ok_and(|mut blobs| blobs.next().is_some())
    }

    /// Refuses to begin anew where runs were.
    ///
    /// # Errors
    ///
    /// If there is no journal beside payloads.
    pub fn has_not_lost_its_journal(&self) -> Result<(), StoreError> {
        if self.exists() || !self.holds_blobs() {
            return Ok(());
        }
        let message = "the journal is missing or empty, and payloads of its runs are there: restore this file from a backup, or use \
             another data directory";
        Err(StoreError::Corrupt { path: self.database().display().to_string(), message: message.to_owned() })
    }

    fn make_secret(&self, path: &Path) -> io::Result<()> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
        replace(&self.path.join("secret.new"), path, &secret, Lasts::ThroughPowerLoss)
    }

    /// Where the directory is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that may still be written there, or where it would be made.
    ///
    /// # Errors
    ///
    /// If the file system does not say.
    pub fn room(&self) -> io::Result<u64> {
        room(self.nearest())
    }

    /// The folder itself, or the nearest above it that is there.
    fn nearest(&self) -> &Path {
        self.path.ancestors().find(|folder| folder.symlink_metadata().is_ok()).unwrap_or_else(|| Path::new("."))
    }

    /// Where the journal is.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join("agendum.db")
    }

    /// Where blobs are.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    pub(crate) const fn is_owned(&self) -> bool {
        self.lock.is_some()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.lock.is_some() {
            let _absent = std::fs::remove_file(self.path.join(OWNER));
        }
    }
}

/// Opens a file for reading and writing that only this user can read, making it if it is missing.
///
/// # Errors
///
/// If it cannot be opened or made.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Bytes that this user may still write on the file system of a folder.
pub(crate) fn room(path: &Path) -> io::Result<u64> {
    let said = nix::sys::statvfs::statvfs(path)?;
    if said.blocks() == 0 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the file system counts no blocks"));
    }
    Ok((said.blocks_available() as u64).saturating_mul(said.fragment_size() as u64))
}

/// How long what is written must last.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasts {
    /// As long as the process that writes it.
    WithProcess,
    /// Through a power loss after the call.
    ThroughPowerLoss,
}

/// Puts a file in its place as a whole, or not at all. `temporary` is this call's alone; what a process that was killed left of it is
/// written over.
pub(crate) fn replace(temporary: &Path, path: &Path, bytes: &[u8], lasts: Lasts) -> io::Result<()> {
    let written = private_file(temporary).and_then(|mut file| {
        file.set_len(0)?;
        file.write_all(bytes)?;
        if lasts == Lasts::ThroughPowerLoss { file.sync_all() } else { Ok(()) }
    });
    written.and_then(|()| std::fs::rename(temporary, path)).inspect_err(|_| {
        let _absent = std::fs::remove_file(temporary);
    })?;
    match (lasts, path.parent()) {
        (Lasts::ThroughPowerLoss, Some(folder)) => sync_folder(folder),
        (Lasts::ThroughPowerLoss, None) | (Lasts::WithProcess, _) => Ok(()),
    }
}

/// Makes a folder, and those above it, that only this user can look into. One that is there is closed to others if it is empty or
/// already holds our data: a folder that is used for something else as well stays as it is, only our files in it are private.
///
/// # Errors
///
/// If it cannot be made or closed.
pub fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let ours = path.join(LOCK).exists() || std::fs::read_dir(path)?.next().is_none();
    if ours { tighten(path, 0o700) } else { Ok(()) }
}

/// Takes from others what they could do with a file or folder, if it is there.
fn tighten(path: &Path, mode: u32) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Makes renames in the folder survive a power loss.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
