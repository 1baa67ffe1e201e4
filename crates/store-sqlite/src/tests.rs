//! What a database keeps, what it refuses, and what it says when it cannot write.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use agendum_ports::{Append, Appended, Backup as _, Blobs as _, Opened, RunFilter, Store as _, StoreError};
use agendum_testkit::stores;
use agendum_types::{Incarnation, Seq, ShardId, Tenant};
use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::write::{self, Job};
use crate::{Copier, Directory, FileBlobs, SqliteStore, check_backup, restore, schema};

#[tokio::test]
async fn the_memory_store_conforms() {
    stores::conforms(&agendum_ports::memory::MemoryStore::default()).await;
    stores::blobs_conform(&agendum_ports::memory::MemoryBlobs::new([1; 32])).await;
}

#[tokio::test]
async fn the_sqlite_store_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::own(folder.path()).unwrap();
    stores::conforms(&SqliteStore::open(&directory).unwrap()).await;
    stores::blobs_conform(&FileBlobs::new(directory.blobs(), directory.secret().unwrap())).await;
}

#[tokio::test]
async fn what_was_durable_is_there_for_the_next_process_and_for_readers() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = Tenant::default();
    {
        let directory = Directory::own(folder.path()).unwrap();
        let store = SqliteStore::open(&directory).unwrap();
        let opened = store.open(ShardId(0)).await.unwrap();
        let rows = stores::batch(opened.incarnation, 1, 5, &tenant, stores::run_id(1));
        assert_eq!(store.append(rows).await, Appended::Durable);
        let beside = SqliteStore::open(&Directory::look(folder.path())).unwrap();
        assert_eq!(beside.read_run(&tenant, stores::run_id(1), Seq(0), &[], 10).await.unwrap().len(), 5);
        assert!(beside.open(ShardId(0)).await.is_err(), "a reader opens no journal");
        let batch = Append { rows: Vec::new(), ..stores::batch(opened.incarnation, 6, 1, &tenant, stores::run_id(1)) };
        assert!(matches!(beside.append(batch).await, Appended::Failed { .. }));
    }
    let directory = Directory::own(folder.path()).unwrap();
    let store = SqliteStore::open(&directory).unwrap();
    let opened = store.open(ShardId(0)).await.unwrap();
    assert_eq!((opened.incarnation.0, opened.last.0), (2, 5));
}

#[tokio::test]
async fn a_database_of_an_earlier_schema_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::own(folder.path()).unwrap();
    let (tenant, run) = (Tenant::default(), stores::run_id(1));
    drop(SqliteStore::open(&directory).unwrap());
    for file in ["agendum.db", "agendum.db-wal", "agendum.db-shm"] {
        let _absent = std::fs::remove_file(folder.path().join(file));
    }
    // What schema 1 looked like, and a run of that time.
    let db = Connection::open(directory.database()).unwrap();
    db.execute_batch(schema::MIGRATIONS[0]).unwrap();
    db.execute_batch("PRAGMA application_id = 0x41474E44; PRAGMA user_version = 1;").unwrap();
    let line = "INSERT INTO runs VALUES (?1, ?2, 0, 0, 'g', zeroblob(32), 'queued', 0, 5, NULL, NULL, 0)";
    db.execute(line, rusqlite::params![&*tenant.0, run.0.to_be_bytes()]).unwrap();
    drop(db);
    let store = SqliteStore::open(&directory).unwrap();
    assert_eq!(store.run(&tenant, run).await.unwrap().map(|row| row.graph.to_string()), Some("g".to_owned()));
    assert_eq!(store.run_of_key(&tenant, "g").await.unwrap(), None);
}

#[test]
fn a_directory_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Directory::look(folder.path()).owner(), None);
    let directory = Directory::own(folder.path()).unwrap();
    directory.introduce("127.0.0.1:7400", "secret", serde_json::Value::Null).unwrap();
    let owner = Directory::look(folder.path()).owner().unwrap();
    assert_eq!((owner.pid, owner.address.as_str()), (std::process::id(), "127.0.0.1:7400"));
    let refused = Directory::own(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("in use by process") && refused.contains("127.0.0.1:7400"), "{refused}");
    assert!(!refused.contains("secret"));
    drop(directory);
    assert_eq!(Directory::look(folder.path()).owner(), None);
    Directory::own(folder.path()).unwrap();
}

#[test]
fn a_later_schema_and_a_foreign_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::own(folder.path()).unwrap();
    drop(SqliteStore::open(&directory).unwrap());
    let db = Connection::open(directory.database()).unwrap();
    db.execute_batch("PRAGMA user_version = 99").unwrap();
    let latest = schema::MIGRATIONS.len() as u32;
    let refused = SqliteStore::open(&directory).unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 99, known, .. } if known == latest), "{refused}");
    db.execute_batch("PRAGMA user_version = 2; PRAGMA application_id = 5").unwrap();
    assert!(matches!(SqliteStore::open(&directory).unwrap_err(), StoreError::Corrupt { .. }));
    drop(db);
    for file in ["agendum.db", "agendum.db-wal", "agendum.db-shm"] {
        let _absent = std::fs::remove_file(folder.path().join(file));
    }
    std::fs::write(directory.database(), "this is no database, but long enough to look like one, at any rate").unwrap();
    assert!(matches!(SqliteStore::open(&directory).unwrap_err(), StoreError::Corrupt { .. }));
}

#[tokio::test]
async fn a_journal_that_is_gone_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::own(folder.path()).unwrap();
    drop(SqliteStore::open(&directory).unwrap());
    let blobs = FileBlobs::new(directory.blobs(), directory.secret().unwrap());
    blobs.put(&Tenant::default(), Bytes::from_static(b"of a run")).await.unwrap();
    for companion in ["agendum.db-wal", "agendum.db-shm"] {
        let _absent = std::fs::remove_file(folder.path().join(companion));
    }
    for lost in [true, false] {
        if lost {
            std::fs::remove_file(directory.database()).unwrap()
        } else {
            std::fs::write(directory.database(), "").unwrap()
        }
        assert!(matches!(SqliteStore::open(&directory).unwrap_err(), StoreError::Corrupt { .. }));
    }
    Connection::open(directory.database()).unwrap().execute_batch("CREATE TABLE z (a)").unwrap();
    assert!(matches!(SqliteStore::open(&directory).unwrap_err(), StoreError::Corrupt { .. }));
}

#[tokio::test]
async fn one_damaged_row_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::own(folder.path()).unwrap();
    let store = SqliteStore::open(&directory).unwrap();
    let (tenant, run) = (Tenant::default(), stores::run_id);
    let opened = store.open(ShardId(0)).await.unwrap();
    for (number, first) in [(1, 1), (2, 4), (3, 7)] {
        let mut rows = stores::batch(opened.incarnation, first, 3, &tenant, run(number));
        rows.runs.push(stores::submitted(&tenant, run(number), "g"));
        assert_eq!(store.append(rows).await, Appended::Durable);
    }
    let db = Connection::open(directory.database()).unwrap();
    db.execute_batch("UPDATE runs SET status = 'bogus' WHERE run = (SELECT max(run) FROM runs)").unwrap();
    db.execute_batch("UPDATE journal SET incarnation = -3 WHERE place = (SELECT min(place) + 4 FROM journal)").unwrap();
    let listed = store.runs(&tenant, RunFilter { count_max: 9, ..RunFilter::default() }).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.run).collect::<Vec<_>>(), [run(2), run(1)]);
    let rows = store.read_open(ShardId(0), Seq(0), 99).await.unwrap();
    let without_body: Vec<_> = rows.iter().filter(|row| row.body.is_empty()).map(|row| (row.seq, row.run)).collect();
    assert_eq!((rows.len(), without_body), (9, vec![(Seq(5), Some(run(2)))]));
}

#[tokio::test]
async fn a_damaged_blob_is_not_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::new(folder.path().to_owned(), [4; 32]);
    let tenant = Tenant::default();
    let hash = blobs.put(&tenant, Bytes::from_static(b"precious")).await.unwrap();
    for file in files(folder.path()) {
        std::fs::write(file, b"spoilt").unwrap();
    }
    assert!(blobs.get(&tenant, hash).await.is_err());
}

#[tokio::test]
async fn what_a_killed_process_left_behind_spoils_no_blob() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blobs");
    std::fs::create_dir(&root).unwrap();
    let left = root.join(format!(".new-{}-0", std::process::id()));
    std::fs::write(&left, "longer than what is written over it").unwrap();
    let (blobs, tenant) = (FileBlobs::new(root.clone(), [4; 32]), Tenant::default());
    let short = Bytes::from_static(b"short");
    let hash = blobs.put(&tenant, short.clone()).await.unwrap();
    assert_eq!(blobs.get(&tenant, hash).await.unwrap().as_ref(), Some(&short));
    std::fs::write(&left, "begun").unwrap();
    drop(Directory::own(folder.path()).unwrap());
    assert!(!left.exists(), "swept");
    assert_eq!(blobs.get(&tenant, hash).await.unwrap(), Some(short));
}

#[tokio::test]
async fn a_blob_that_was_cut_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, tenant) = (FileBlobs::new(folder.path().join("blobs"), [4; 32]), Tenant::default());
    let bytes = Bytes::from_static(b"precious");
    let hash = blobs.put(&tenant, bytes.clone()).await.unwrap();
    for file in files(folder.path()) {
        std::fs::write(file, b"prec").unwrap();
    }
    assert!(blobs.get(&tenant, hash).await.is_err());
    assert_eq!(blobs.put(&tenant, bytes.clone()).await.unwrap(), hash);
    assert_eq!(blobs.get(&tenant, hash).await.unwrap(), Some(bytes));
}

/// The files in a folder and in those inside it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

#[tokio::test]
async fn a_lost_secret_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, kept) = (folder.path().join("secret"), folder.path().join("kept"));
    // What is there besides: nothing, a database, blobs.
    {
        let directory = Directory::own(folder.path()).unwrap();
        directory.secret().unwrap();
        std::fs::remove_file(&secret).unwrap();
        directory.secret().unwrap();
        SqliteStore::open(&directory).unwrap();
        let blobs = FileBlobs::new(directory.blobs(), directory.secret().unwrap());
        blobs.put(&Tenant::default(), Bytes::from_static(b"blob")).await.unwrap();
    }
    std::fs::rename(&secret, &kept).unwrap();
    let directory = Directory::own(folder.path()).unwrap();
    let lost = SqliteStore::open(&directory).unwrap_err().to_string();
    assert!(lost.contains("the secret is missing"), "{lost}");
    std::fs::remove_file(directory.database()).unwrap();
    assert!(directory.secret().is_err(), "blobs are left");
    std::fs::rename(&kept, &secret).unwrap();
    directory.secret().unwrap();
}

#[tokio::test]
async fn nobody_else_can_read_what_is_in_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    std::fs::create_dir(&path).unwrap();
    // As an earlier release left it.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let directory = Directory::own(&path).unwrap();
    let store = SqliteStore::open(&directory).unwrap();
    store.open(ShardId(0)).await.unwrap();
    let blobs = FileBlobs::new(directory.blobs(), directory.secret().unwrap());
    blobs.put(&Tenant::default(), Bytes::from_static(b"secret")).await.unwrap();
    let (mut left, mut seen) = (vec![path], Vec::new());
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        seen.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert!(["agendum.db", "agendum.db-wal", "agendum.db-shm"].iter().all(|name| seen.iter().any(|seen| seen == name)));
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("other"), "").unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o755)).unwrap();
    crate::private_folder(&shared).unwrap();
    assert_eq!(mode(&shared), 0o755, "a folder with something else in it is left as it is");
}

/// A writer on a database of its own, prepared by `prepare`.
fn writer(folder: &Path, prepare: impl FnOnce(&mut Connection)) -> mpsc::Sender<Job> {
    let mut db = schema::open(&folder.join("agendum.db")).unwrap();
    prepare(&mut db);
    let (jobs, receiver) = mpsc::channel();
    std::thread::spawn(move || write::run(db, &receiver));
    jobs
}

async fn opened(jobs: &mpsc::Sender<Job>) -> Result<Opened, StoreError> {
    let (reply, answer) = oneshot::channel();
    jobs.send(Job::Open(ShardId(0), reply)).unwrap();
    answer.await.unwrap()
}

async fn appended(jobs: &mpsc::Sender<Job>, life: Incarnation, expected: u64, count: u64) -> Appended {
    let (reply, answer) = oneshot::channel();
    let batch = stores::batch(life, expected, count, &Tenant::default(), stores::run_id(1));
    jobs.send(Job::Append(Box::new(batch), reply)).unwrap();
    answer.await.unwrap()
}

/// Rows in the journal as another connection sees them.
fn rows(folder: &Path) -> u32 {
    let db = schema::open_read_only(&folder.join("agendum.db")).unwrap();
    db.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_full_disk_fails_the_append_as_a_whole_and_ends_the_incarnation() {
    let folder = tempfile::tempdir().unwrap();
    // As if the disk had room for some pages more than the empty tables take.
    let jobs = writer(folder.path(), |db| {
        let pages: u32 = db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let _: u32 = db.query_row(&format!("PRAGMA max_page_count = {}", pages + 4), [], |row| row.get(0)).unwrap();
    });
    let life = opened(&jobs).await.unwrap().incarnation;
    assert_eq!(appended(&jobs, life, 1, 10).await, Appended::Durable);
    let full = appended(&jobs, life, 11, 1_000).await;
    assert!(matches!(full, Appended::Failed { disk_full: true, .. }), "{full:?}");
    assert_eq!(rows(folder.path()), 10, "nothing of the batch is there");
    let after = appended(&jobs, life, 11, 1).await;
    assert!(matches!(after, Appended::Fenced(_)), "this incarnation writes no more: {after:?}");
    let next = opened(&jobs).await.unwrap();
    assert_eq!((next.incarnation.0, next.last.0), (2, 10));
    assert_eq!(appended(&jobs, next.incarnation, 11, 1).await, Appended::Durable, "there is room for a little");
}

#[tokio::test]
async fn a_commit_that_fails_leaves_the_outcome_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let failing = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&failing);
    let jobs = writer(folder.path(), move |db| {
        db.commit_hook(Some(move || fails.load(Ordering::SeqCst))).unwrap();
    });
    let life = opened(&jobs).await.unwrap().incarnation;
    assert_eq!(appended(&jobs, life, 1, 2).await, Appended::Durable);
    failing.store(true, Ordering::SeqCst);
    let unknown = appended(&jobs, life, 3, 2).await;
    assert!(matches!(unknown, Appended::Unknown(_)), "{unknown:?}");
    assert!(opened(&jobs).await.is_err(), "a journal whose incarnation cannot be committed is not open");
    failing.store(false, Ordering::SeqCst);
    assert!(matches!(appended(&jobs, life, 3, 2).await, Appended::Fenced(_)), "a later success would hide the loss");
    assert_eq!(opened(&jobs).await.unwrap().last.0, 2);
}

#[tokio::test]
async fn what_is_restored_begins_behind_every_life_of_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::own(&folder.path().join("data")).unwrap();
    let store = SqliteStore::open(&directory).unwrap();
    let life = store.open(ShardId(0)).await.unwrap();
    let batch = stores::batch(life.incarnation, 1, 3, &Tenant::default(), stores::run_id(1));
    assert_eq!(store.append(batch).await, Appended::Durable);
    let copy = folder.path().join("copy");
    Copier::new(&directory).copy(copy.clone()).await.unwrap();
    check_backup(&copy).unwrap();
    let mut lives = Vec::new();
    for name in ["one", "two"] {
        let restored = restore(&copy, &folder.path().join(name)).unwrap();
        let opened = SqliteStore::open(&restored).unwrap().open(ShardId(0)).await.unwrap();
        assert_eq!(opened.last, Seq(3));
        lives.push(opened.incarnation.0);
    }
    assert!(lives.iter().all(|life| *life > 1 << 20) && lives[0] != lives[1], "{lives:?}");
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let directory = Directory::own(&at("data")).unwrap();
    let _store = SqliteStore::open(&directory).unwrap();
    directory.secret().unwrap();
    Copier::new(&directory).copy(at("good")).await.unwrap();
    std::fs::create_dir(at("there")).unwrap();
    let names = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    // The journal is copied before the secret is missed.
    for home in ["data", "good"] {
        std::fs::rename(at(home).join("secret"), at("secret")).unwrap();
        for to in ["there", "new"] {
            let error = match home {
                "data" => Copier::new(&directory).copy(at(to)).await.unwrap_err(),
                _ => restore(&at("good"), &at(to)).unwrap_err(),
            };
            assert!(matches!(error, StoreError::Io { .. }), "{error}");
            assert_eq!(names(), ["data", "good", "secret", "there"]);
            assert!(std::fs::read_dir(at("there")).unwrap().next().is_none(), "{home}");
        }
        std::fs::rename(at("secret"), at(home).join("secret")).unwrap();
    }
    Copier::new(&directory).copy(at("there")).await.unwrap();
    check_backup(&at("there")).unwrap();
}

#[tokio::test]
async fn journals_of_two_shards_lie_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&Directory::own(folder.path()).unwrap()).unwrap();
    let tenant = Tenant::default();
    for (shard, run) in [(ShardId(0), 1), (ShardId(1_023), 2)] {
        let life = store.open(shard).await.unwrap();
        assert_eq!((life.incarnation.0, life.last.0), (1, 0));
        let batch = stores::batch(life.incarnation, 1, 3, &tenant, stores::run_id(run));
        assert_eq!(store.append(Append { shard, ..batch }).await, Appended::Durable);
        let read = store.read_run(&tenant, stores::run_id(run), Seq(1), &[], 10).await.unwrap();
        assert_eq!(read.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [2, 3]);
    }
    assert_eq!(store.open(ShardId(1_023)).await.unwrap().last.0, 3);
    let refused = store.open(ShardId(1 << 15)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Io { .. }), "{refused}");
}
