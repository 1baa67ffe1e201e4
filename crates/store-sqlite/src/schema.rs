//! The tables, how a database is opened, and how an older one is brought up to date.
//!
//! Each commit writes every page that it touches, so rows are added where rows were added just before. The journal's key is its place:
//! shard and sequence in one integer. Keys that speak of a run are (tenant, run): a run's id holds its time, then its partition, then
//! chance, so that the partition is in the key and the order is still that of time (partition before time made a step a fifth dearer).
//! A small payload has no index: it is looked for among the rows of its run.

use std::path::Path;

use agendum_ports::StoreError;
use rusqlite::{Connection, OpenFlags};

/// `PRAGMA application_id` of our databases: "AGND".
const APPLICATION: u32 = 0x4147_4E44;

/// One script for each schema version, applied in order.
pub(crate) const MIGRATIONS: [&str; 12] = [
    "
    CREATE TABLE shards (
        shard INTEGER PRIMARY KEY,
        incarnation INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE journal (
        place INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        incarnation INTEGER NOT NULL,
        tenant TEXT,
        run BLOB,
        kind INTEGER NOT NULL,
        version INTEGER NOT NULL,
        body BLOB NOT NULL,
        payload_hash BLOB,
        payload BLOB
    ) STRICT;
    CREATE INDEX journal_run ON journal (tenant, run) WHERE run IS NOT NULL;
    CREATE TABLE runs (
        tenant TEXT NOT NULL,
        run BLOB NOT NULL,
        partition INTEGER NOT NULL,
        shard INTEGER NOT NULL,
        graph TEXT NOT NULL,
        graph_hash BLOB NOT NULL,
        status TEXT NOT NULL,
        degraded INTEGER NOT NULL,
        submitted INTEGER NOT NULL,
        answered INTEGER,
        done INTEGER,
        spent INTEGER NOT NULL,
        PRIMARY KEY (tenant, run)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX runs_open ON runs (tenant, run, shard) WHERE done IS NULL;
",
    "
    ALTER TABLE runs ADD COLUMN key TEXT;
    CREATE INDEX runs_key ON runs (tenant, key, run) WHERE key IS NOT NULL;
",
    "
    ALTER TABLE shards ADD COLUMN named INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE forgotten (
        tenant TEXT NOT NULL,
        run BLOB NOT NULL,
        shard INTEGER NOT NULL,
        PRIMARY KEY (tenant, run)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE blobs (
        tenant TEXT NOT NULL,
        hash BLOB NOT NULL,
        run BLOB NOT NULL,
        PRIMARY KEY (tenant, hash, run)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX blobs_run ON blobs (tenant, run);
    CREATE TABLE loose (
        tenant TEXT NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (tenant, hash)
    ) STRICT, WITHOUT ROWID;
",
    // Of runs before attempts were counted it is known what they spent, and about when.
    "
    ALTER TABLE runs ADD COLUMN above INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN bound TEXT;
    CREATE TABLE spent (
        tenant TEXT NOT NULL,
        hour INTEGER NOT NULL,
        graph TEXT NOT NULL,
        target TEXT NOT NULL,
        waste TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        above INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        PRIMARY KEY (tenant, hour, graph, target, waste)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO spent SELECT tenant, ifnull(answered, submitted) / 3600000000 * 3600000000, graph, '', '',
        count(*), CAST(min(total(spent), 9e18) AS INTEGER), 0, 0
        FROM runs WHERE spent > 0 GROUP BY 1, 2, 3;
",
    // Kept results: without bytes, the output is a blob.
    "
    CREATE TABLE results (
        tenant TEXT NOT NULL,
        key BLOB NOT NULL,
        capability TEXT NOT NULL,
        hash BLOB NOT NULL,
        size INTEGER NOT NULL,
        media TEXT NOT NULL,
        labels TEXT NOT NULL,
        at INTEGER NOT NULL,
        target TEXT NOT NULL,
        digest BLOB NOT NULL,
        run BLOB NOT NULL,
        cost INTEGER NOT NULL,
        tags TEXT NOT NULL,
        bytes BLOB
    ) STRICT;
    CREATE UNIQUE INDEX results_key ON results (tenant, key);
    CREATE INDEX results_at ON results (at, size);
    CREATE INDEX results_blob ON results (tenant, hash) WHERE bytes IS NULL;
    CREATE TABLE result_tags (
        tenant TEXT NOT NULL,
        tag TEXT NOT NULL,
        key BLOB NOT NULL,
        PRIMARY KEY (tenant, tag, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX result_tags_key ON result_tags (tenant, key);
",
    "
    CREATE TABLE endpoints (
        name TEXT PRIMARY KEY,
        mark TEXT NOT NULL,
        disabled INTEGER NOT NULL DEFAULT 0,
        delivered INTEGER NOT NULL DEFAULT 0,
        given_up INTEGER NOT NULL DEFAULT 0,
        delivered_at INTEGER,
        failed_at INTEGER,
        error TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE notices (
        endpoint TEXT NOT NULL,
        place INTEGER NOT NULL,
        id TEXT NOT NULL,
        tenant TEXT NOT NULL,
        run BLOB NOT NULL,
        graph TEXT NOT NULL,
        status TEXT NOT NULL,
        degraded INTEGER NOT NULL,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        next INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (endpoint, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX notices_tried ON notices (endpoint, place) WHERE attempts > 0;
    CREATE TABLE feedback (
        number INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        run BLOB NOT NULL,
        task TEXT,
        graph TEXT NOT NULL,
        graph_hash BLOB NOT NULL,
        target TEXT,
        policy TEXT NOT NULL,
        principal TEXT NOT NULL,
        at INTEGER NOT NULL,
        score INTEGER NOT NULL,
        label TEXT,
        comment TEXT
    ) STRICT;
    CREATE INDEX feedback_run ON feedback (tenant, run);
    CREATE INDEX feedback_graph ON feedback (tenant, graph, graph_hash, score);
    CREATE INDEX feedback_at ON feedback (at);
",
    // What judges said: that it is to be read, and where it is feedback, whose.
    "
    CREATE TABLE verdicts (
        place INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        run BLOB NOT NULL,
        graph TEXT NOT NULL,
        graph_hash BLOB NOT NULL,
        judge TEXT NOT NULL,
        task TEXT NOT NULL,
        target TEXT,
        principal TEXT NOT NULL,
        at INTEGER NOT NULL,
        hash BLOB NOT NULL,
        size INTEGER NOT NULL,
        media TEXT NOT NULL,
        labels TEXT NOT NULL,
        score TEXT NOT NULL,
        label TEXT NOT NULL,
        comment TEXT NOT NULL
    ) STRICT;
    ALTER TABLE feedback ADD COLUMN judge TEXT;
    CREATE UNIQUE INDEX feedback_judge ON feedback (tenant, run, judge) WHERE judge IS NOT NULL;
",
    // For which task of which run it runs.
    "
    ALTER TABLE runs ADD COLUMN parent BLOB;
    ALTER TABLE runs ADD COLUMN parent_task TEXT;
",
    // What bills have released of what was lost.
    "
    ALTER TABLE spent ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE spent ADD COLUMN released_tokens INTEGER NOT NULL DEFAULT 0;
",
    // The shard's own rows: when its lives began. Few beside those of runs.
    "
    CREATE INDEX journal_own ON journal (kind) WHERE run IS NULL;
",
    // What each shard has learned, as it was appended last.
    "
    CREATE TABLE learned (
        shard INTEGER PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE plans (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        hash BLOB NOT NULL,
        policy TEXT NOT NULL,
        document TEXT NOT NULL,
        changes TEXT NOT NULL,
        description TEXT,
        flags TEXT NOT NULL,
        principal TEXT NOT NULL,
        at INTEGER NOT NULL,
        until INTEGER NOT NULL,
        withdrawn INTEGER,
        withdrawn_by TEXT,
        why TEXT
    ) STRICT;
",
];

/// Opens the database for its owner, making or migrating it.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    let db = Connection::open(path).map_err(failed("open the database"))?;
    prepare(&db, path)?;
    migrate(&db, path)?;
    Ok(db)
}

/// Opens the database for reading beside its owner.
pub(crate) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(failed("open the database for reading"))?;
    let setup = db.execute_batch("PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON;");
    setup.map_err(|error| corrupt_or(path, error))?;
    check_version(&db, path)?;
    Ok(db)
}

fn prepare(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let setup = "PRAGMA busy_timeout = 5000;
        PRAGMA trusted_schema = OFF;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA wal_autocheckpoint = 4000;
        PRAGMA journal_size_limit = 67108864;
        PRAGMA cache_size = -16384;";
    db.execute_batch(setup).map_err(|error| corrupt_or(path, error))?;
    let mode: String = pragma(db, path, "journal_mode")?;
    let synchronous: u32 = pragma(db, path, "synchronous")?;
    if mode != "wal" || synchronous != 2 {
        return Err(StoreError::Io {
            doing: "make commits durable",
            source: format!(
                "SQLite reports journal_mode={mode}, synchronous={synchronous} instead of wal, 2: is the data \
                 directory on a network file system? Put it on a local disk"
            )
            .into(),
        });
    }
    Ok(())
}

fn check_version(db: &Connection, path: &Path) -> Result<u32, StoreError> {
    let found: u32 = pragma(db, path, "user_version")?;
    let known = MIGRATIONS.len() as u32;
    if found > known {
        return Err(StoreError::TooNew { path: path.display().to_string(), found, known });
    }
    let application: u32 = pragma(db, path, "application_id")?;
    let objects: u32 = db
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| corrupt_or(path, error))?;
    if (found > 0 || objects > 0) && application != APPLICATION {
        return Err(StoreError::Corrupt {
            path: path.display().to_string(),
            message: "it is a database of another program".to_owned(),
        });
    }
    Ok(found)
}

fn migrate(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = check_version(db, path)?;
    for (place, script) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let version = place + 1;
        let text = format!(
            "BEGIN IMMEDIATE; {script} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version}; COMMIT;"
        );
        db.execute_batch(&text).map_err(failed("bring the database up to date"))?;
    }
    Ok(())
}

fn pragma<T: rusqlite::types::FromSql>(db: &Connection, path: &Path, name: &str) -> Result<T, StoreError> {
    db.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).map_err(|error| corrupt_or(path, error))
}

pub(crate) fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Io { doing, source: Box::new(source) }
}

fn corrupt_or(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            StoreError::Corrupt { path: path.display().to_string(), message: error.to_string() }
        }
        _ => failed("open the database")(error),
    }
}
