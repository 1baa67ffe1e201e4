//! A copy of a data directory, and a data directory from a copy.
//!
//! A copy is a folder like a data directory, without lock and logs: `agendum.db` (one file), `secret`, `blobs/`, and `backup.json`, which is
//! written last and holds the hashes of the first two. The journal is copied as it is at one moment (a read transaction holds it still, and
//! the write-ahead log grows meanwhile); blobs are copied after it, so that every one that it names is there. They never change.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agendum_ports::{Backup, Clock as _, Copied, StoreError, Wall};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::blobs;
use crate::directory::{Directory, Lasts, private_file, private_folder, replace, sync_folder};
use crate::schema::{self, failed};

/// The file of a copy that says what is in it; it is written last.
pub const MANIFEST: &str = "backup.json";
const DATABASE: &str = "agendum.db";
const SECRET: &str = "secret";
const FORMAT: u32 = 1;
/// Pages copied in one step.
const PAGES: i32 = 1_024;
/// A copy begins behind every life that its original can come to: more lives than anybody starts.
const LIVES: u32 = 1 << 20;

/// What says that a copy is complete.
#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    /// When it was begun; RFC 3339.
    at: String,
    /// BLAKE3 of each, in hexadecimal digits.
    files: BTreeMap<String, String>,
}

/// Copies this data directory.
#[derive(Debug)]
pub struct Copier(PathBuf);

impl Copier {
    /// Of this directory, which the process owns.
    #[must_use]
    pub fn new(directory: &Directory) -> Self {
        Self(directory.path().to_owned())
    }
}

impl Backup for Copier {
    fn copy(&self, to: PathBuf) -> BoxFuture<'_, Result<Copied, StoreError>> {
        let from = self.0.clone();
        async move {
            let copied = tokio::task::spawn_blocking(move || copy(&Directory::look(&from), &to)).await;
            copied.unwrap_or_else(|error| Err(StoreError::Io { doing: "copy", source: Box::new(error) }))
        }
        .boxed()
    }
}

fn io_failed(doing: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Io { doing, source: Box::new(source) }
}

/// Refuses a folder with something in it.
fn is_free(path: &Path) -> Result<(), StoreError> {
    let is_empty = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if is_empty {
        return Ok(());
    }
    let found = Directory::look(path);
    let but = match found.owner() {
        Some(owner) if owner.pid != std::process::id() => {
            format!(", it is a data directory in use by process {}", owner.pid)
        }
        Some(_) | None if found.exists() => ", it is a data directory".to_owned(),
        Some(_) | None => String::new(),
    };
    Err(StoreError::NotEmpty { path: path.display().to_string(), but })
}

/// Copies beside the place, and puts the whole there; into a folder that is there and empty, as it may be where a disk is mounted. What
/// fails leaves nothing.
fn copy(from: &Directory, to: &Path) -> Result<Copied, StoreError> {
    is_free(to)?;
    let Some(name) = to.file_name().filter(|_| !to.exists()) else {
        return copy_into(from, to).inspect_err(|_| empty(to));
    };
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside = to.with_file_name(beside);
    let placed = copy_into(from, &beside).and_then(|copied| {
        let placed = std::fs::rename(&beside, to).and_then(|()| to.parent().map_or(Ok(()), sync_folder));
        placed.map_err(io_failed("put the backup in its place"))?;
        Ok(copied)
    });
    placed.inspect_err(|_| {
        // It is the reason that counts.
        let _left = std::fs::remove_dir_all(&beside);
    })
}

/// Takes away what is in a folder that was empty, as far as that goes.
fn empty(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let _left = if is_folder { std::fs::remove_dir_all(entry.path()) } else { std::fs::remove_file(entry.path()) };
    }
}

fn copy_into(from: &Directory, to: &Path) -> Result<Copied, StoreError> {
    let at = Wall.now().to_string();
    private_folder(to).map_err(io_failed("make the folder of the backup"))?;
    let database = to.join(DATABASE);
    journal(&from.database(), &database)?;
    let secret = std::fs::read(from.path().join(SECRET)).map_err(io_failed("read the secret"))?;
    let kept = replace(&to.join("secret.new"), &to.join(SECRET), &secret, Lasts::ThroughPowerLoss);
    kept.map_err(io_failed("copy the secret"))?;
    let mut copied = Copied { blobs: 0, bytes: length(&database) };
    blobs(&from.blobs(), &to.join("blobs"), &mut copied).map_err(io_failed("copy blobs"))?;
    let mut files = BTreeMap::new();
    for name in [DATABASE, SECRET] {
        files.insert(name.to_owned(), hash(&to.join(name)).map_err(io_failed("read the copy"))?);
    }
    let manifest = serde_json::to_vec(&Manifest { format: FORMAT, at, files }).unwrap_or_default();
    let kept = replace(&to.join("backup.json.new"), &to.join(MANIFEST), &manifest, Lasts::ThroughPowerLoss);
    kept.map_err(io_failed("complete the copy"))?;
    Ok(copied)
}

/// Copies the database as it is at one moment.
fn journal(from: &Path, to: &Path) -> Result<(), StoreError> {
    let doing = failed("copy the journal");
    let source = schema::open_read_only(from)?;
    source.execute_batch("BEGIN; SELECT count(*) FROM shards;").map_err(&doing)?;
    private_file(to).map_err(io_failed("make the copy of the journal"))?;
    let mut target = Connection::open(to).map_err(&doing)?;
    let backup = rusqlite::backup::Backup::new(&source, &mut target).map_err(&doing)?;
    backup.run_to_completion(PAGES, Duration::ZERO, None).map_err(&doing)?;
    drop(backup);
    // One file, that can be read where nothing can be written.
    let mode: String = target.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).map_err(&doing)?;
    if mode != "delete" {
        return Err(StoreError::Io { doing: "copy the journal", source: format!("its mode stays {mode}").into() });
    }
    target.close().map_err(|(_, error)| doing(error))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(io_failed("sync the copy of the journal"))
}

/// Copies a folder of blobs with those in it. Each is synced, then its folder.
fn blobs(from: &Path, to: &Path, copied: &mut Copied) -> io::Result<()> {
    let entries = match std::fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    private_folder(to)?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            blobs(&entry.path(), &target, copied)?;
        } else if !entry.file_name().to_string_lossy().starts_with(blobs::TEMPORARY) {
            let mut file = private_file(&target)?;
            copied.bytes += io::copy(&mut File::open(entry.path())?, &mut file)?;
            file.sync_all()?;
            copied.blobs += 1;
        }
    }
    sync_folder(to)
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Refuses what is no complete copy, or was changed since. Blobs carry their own hashes, and whoever knows which are named looks at them.
///
/// # Errors
///
/// [`StoreError::Corrupt`] with what is wrong.
pub fn check_backup(path: &Path) -> Result<(), StoreError> {
    let corrupt =
        |name: &str, message: String| StoreError::Corrupt { path: path.join(name).display().to_string(), message };
    let manifest = std::fs::read(path.join(MANIFEST));
    let manifest = manifest.map_err(|error| corrupt(MANIFEST, format!("this is no complete backup: {error}")))?;
    let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|error| corrupt(MANIFEST, error.to_string()))?;
    if manifest.format > FORMAT {
        let found = manifest.format;
        return Err(StoreError::TooNew { path: path.join(MANIFEST).display().to_string(), found, known: FORMAT });
    }
    for name in [DATABASE, SECRET] {
        let found = hash(&path.join(name)).map_err(|error| corrupt(name, error.to_string()))?;
        if manifest.files.get(name) != Some(&found) {
            return Err(corrupt(name, "it is not what was backed up".to_owned()));
        }
    }
    let db = schema::open_read_only(&path.join(DATABASE))?;
    let said: String = db
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| corrupt(DATABASE, error.to_string()))?;
    if said == "ok" { Ok(()) } else { Err(corrupt(DATABASE, said)) }
}

/// Makes a data directory of a copy, where nothing is yet. Its journal begins behind every life that the original can come to, so that no
/// outcome of one is taken for the other's. The caller has [checked](check_backup) the copy, and says when what it does to the directory
/// is done ([`Directory::end_restore`]): until then nobody else can use it.
///
/// # Errors
///
/// If the folder is not empty, or cannot be written; then nothing is left in it.
pub fn restore(from: &Path, to: &Path) -> Result<Directory, StoreError> {
    is_free(to)?;
    let was_there = to.exists();
    let directory = Directory::own(to)?;
    match restore_into(from, to, &directory) {
        Ok(()) => Ok(directory),
        Err(error) => {
            drop(directory);
            empty(to);
            if !was_there {
                let _left = std::fs::remove_dir(to);
            }
            Err(error)
        }
    }
}

fn restore_into(from: &Path, to: &Path, directory: &Directory) -> Result<(), StoreError> {
    directory.begin_restore().map_err(io_failed("make the data directory"))?;
    let mut copied = Copied { blobs: 0, bytes: 0 };
    blobs(&from.join("blobs"), &directory.blobs(), &mut copied).map_err(io_failed("copy blobs"))?;
    // The journal comes last: blobs without one are refused.
    for name in [SECRET, DATABASE] {
        let place = io::copy(
            &mut File::open(from.join(name)).map_err(io_failed("read the backup"))?,
            &mut private_file(&to.join(name)).map_err(io_failed("make the data directory"))?,
        );
        place.map_err(io_failed("copy the backup"))?;
        File::open(to.join(name)).and_then(|file| file.sync_all()).map_err(io_failed("sync the data directory"))?;
    }
    sync_folder(to).map_err(io_failed("sync the data directory"))?;
    let mut chance = [0; 4];
    getrandom::fill(&mut chance).map_err(|error| io_failed("find chance")(io::Error::other(error.to_string())))?;
    // Two that were made of the same copy are strangers to each other as well.
    let lives = LIVES + u32::from_le_bytes(chance) % LIVES;
    let db = schema::open(&directory.database())?;
    db.execute("UPDATE shards SET incarnation = incarnation + ?1", params![lives])
        .map_err(failed("begin a new life"))?;
    Ok(())
}
