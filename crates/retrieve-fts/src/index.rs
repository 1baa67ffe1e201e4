//! One index: a database of passages, and the folders it follows.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::chunk::{Format, passages};

/// Files larger than this are skipped and counted.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Counted up when passages are cut differently: an older index is filled anew.
const VERSION: u32 = 3;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS folders (path TEXT PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, hash BLOB, size INTEGER, modified INTEGER) STRICT;
    CREATE TABLE IF NOT EXISTS passages (
        id INTEGER PRIMARY KEY, file TEXT NOT NULL, first_line INTEGER NOT NULL, last_line INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS passages_file ON passages (file);
    CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (heading, text, tokenize = 'porter unicode61 remove_diacritics 2');
";

/// A full-text index over folders and files.
#[derive(Debug)]
pub struct Index {
    db: Mutex<Connection>,
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Update {
    /// Files read for the first time.
    pub added: u64,
    /// Files read again because they changed.
    pub changed: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Files as they were.
    pub unchanged: u64,
    /// Files that could not be read as text, are too large, or were named and are of no format that is indexed.
    pub skipped: u64,
    /// Passages in the index now.
    pub passages: u32,
}

/// Why an index could not be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A folder or file that it shall follow is not there.
    #[error("there is no file or folder {0}")]
    NoPath(String),
    /// The database failed.
    #[error("the index database failed")]
    Database(#[from] rusqlite::Error),
    /// A file or folder could not be read.
    #[error("cannot read {path}")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Index {
    /// Opens an index, making it if it is missing.
    ///
    /// # Errors
    ///
    /// If the database cannot be opened or made.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|source| IndexError::Io { path: folder.display().to_string(), source })?;
        }
        Self::with(Connection::open(path)?)
    }

    /// An index that is forgotten with the process.
    ///
    /// # Errors
    ///
    /// If memory runs out.
    pub fn in_memory() -> Result<Self, IndexError> {
        Self::with(Connection::open_in_memory()?)
    }

    fn with(db: Connection) -> Result<Self, IndexError> {
        // An index can be made again at any time: no sync is worth waiting for.
        db.execute_batch("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA trusted_schema = OFF;")?;
        let found: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        db.execute_batch(SCHEMA)?;
        if found != VERSION {
            db.execute_batch(&format!(
                "BEGIN; DELETE FROM files; DELETE FROM passages; DELETE FROM words; PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        }
        Ok(Self { db: Mutex::new(db) })
    }

    /// Adds folders or files to what the index follows, and brings it up to date.
    ///
    /// # Errors
    ///
    /// If a path does not exist or the database fails.
    pub fn add(&self, paths: &[PathBuf]) -> Result<Update, IndexError> {
        self.extend(&absolute(paths)?)?;
        self.update()
    }

    /// Follows these folders and files and no others, and brings the index up to date.
    ///
    /// # Errors
    ///
    /// If a path does not exist or the database fails.
    pub fn follow(&self, paths: &[PathBuf]) -> Result<Update, IndexError> {
        let names = absolute(paths)?;
        self.db().execute("DELETE FROM folders", [])?;
        self.extend(&names)?;
        self.update()
    }

    fn extend(&self, names: &[String]) -> Result<(), IndexError> {
        for name in names {
            self.db().execute("INSERT OR IGNORE INTO folders (path) VALUES (?1)", params![name])?;
        }
        Ok(())
    }

    /// No longer follows this path; its passages go.
    ///
    /// # Errors
    ///
    /// If it was not followed or the database fails.
    pub fn remove(&self, path: &Path) -> Result<Update, IndexError> {
        let name = path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string();
        if self.db().execute("DELETE FROM folders WHERE path = ?1", params![name])? == 0 {
            return Err(IndexError::NoPath(name));
        }
        self.update()
    }

    /// The folders and files it follows.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub fn folders(&self) -> Result<Vec<PathBuf>, IndexError> {
        let db = self.db();
        let mut statement = db.prepare("SELECT path FROM folders ORDER BY path")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0).map(PathBuf::from))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Brings the index to the state of its folders.
    ///
    /// # Errors
    ///
    /// If the database fails. A file that cannot be read is skipped and counted.
    pub fn update(&self) -> Result<Update, IndexError> {
        let folders = self.folders()?;
        let mut db = self.db();
        let work = db.transaction()?;
        let mut update = Update::default();
        work.execute_batch("CREATE TEMP TABLE IF NOT EXISTS seen (path TEXT PRIMARY KEY); DELETE FROM seen;")?;
        for folder in &folders {
            let found = files(folder);
            // A folder may hold anything; a file that was named and cannot be indexed is told.
            update.skipped += u64::from(found.is_empty() && folder.is_file());
            for file in found {
                let name = file.display().to_string();
                if work.execute("INSERT OR IGNORE INTO seen (path) VALUES (?1)", params![name])? == 1 {
                    take(&work, &file, &name, &mut update)?;
                }
            }
        }
        let gone: Vec<String> = {
            let mut statement = work.prepare("SELECT path FROM files WHERE path NOT IN (SELECT path FROM seen)")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        for name in gone {
            forget(&work, &name)?;
            update.removed += 1;
        }
        update.passages = work.query_row("SELECT count(*) FROM passages", [], |row| row.get(0))?;
        work.commit()?;
        Ok(update)
    }

    pub(crate) fn db(&self) -> MutexGuard<'_, Connection> {
        // Transactions that a panic interrupts are rolled back when they are dropped.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn absolute(paths: &[PathBuf]) -> Result<Vec<String>, IndexError> {
    let name = |path: &PathBuf| match path.canonicalize() {
        Ok(path) => Ok(path.display().to_string()),
        Err(_) => Err(IndexError::NoPath(path.display().to_string())),
    };
    paths.iter().map(name).collect()
}

/// The files of a folder that can be indexed, in a fixed order; what `.gitignore` names and what is hidden is left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    // Above the folder only the repository around it says what to ignore, as for git: the `.gitignore` of a home is none of ours.
    let is_in_repository = folder.ancestors().any(|above| above.join(".git").exists());
    let mut walk = ignore::WalkBuilder::new(folder);
    let walk = walk.require_git(is_in_repository).parents(is_in_repository).sort_by_file_path(Path::cmp).build();
    let found = walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    found.map(ignore::DirEntry::into_path).filter(|path| Format::of(path).is_some()).collect()
}

fn take(work: &Connection, file: &Path, name: &str, update: &mut Update) -> Result<(), IndexError> {
    let Ok(metadata) = file.metadata() else {
        update.skipped += 1;
        return Ok(());
    };
    let size = i64::try_from(metadata.len()).unwrap_or(i64::MAX);
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let modified = modified.and_then(|at| i64::try_from(at.as_nanos()).ok()).unwrap_or(0);
    let known: Option<([u8; 32], i64, i64)> = work
        .prepare_cached("SELECT hash, size, modified FROM files WHERE path = ?1")?
        .query_row(params![name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if known.is_some_and(|(_, of, at)| of == size && at == modified) {
        update.unchanged += 1;
        return Ok(());
    }
    let text = if metadata.len() > FILE_BYTES_MAX { None } else { std::fs::read_to_string(file).ok() };
    let (Some(text), Some(format)) = (text, Format::of(file)) else {
        forget(work, name)?;
        update.skipped += 1;
        return Ok(());
    };
    let hash = *blake3::hash(text.as_bytes()).as_bytes();
    let same = known.is_some_and(|(of, _, _)| of == hash);
    work.prepare_cached("INSERT OR REPLACE INTO files (path, hash, size, modified) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![name, hash, size, modified])?;
    if same {
        update.unchanged += 1;
        return Ok(());
    }
    match known {
        Some(_) => update.changed += 1,
        None => update.added += 1,
    }
    drop_passages(work, name)?;
    for passage in passages(format, &text) {
        work.prepare_cached("INSERT INTO passages (file, first_line, last_line) VALUES (?1, ?2, ?3)")?
            .execute(params![name, passage.first_line, passage.last_line])?;
        work.prepare_cached("INSERT INTO words (rowid, heading, text) VALUES (?1, ?2, ?3)")?.execute(params![
            work.last_insert_rowid(),
            passage.heading,
            passage.text
        ])?;
    }
    Ok(())
}

fn forget(work: &Connection, name: &str) -> rusqlite::Result<()> {
    drop_passages(work, name)?;
    work.execute("DELETE FROM files WHERE path = ?1", params![name]).map(drop)
}

fn drop_passages(work: &Connection, name: &str) -> rusqlite::Result<()> {
    work.execute("DELETE FROM words WHERE rowid IN (SELECT id FROM passages WHERE file = ?1)", params![name])?;
    work.execute("DELETE FROM passages WHERE file = ?1", params![name]).map(drop)
}
