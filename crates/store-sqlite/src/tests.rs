use agendum_ports::{Append, Appended, Blobs as _, Store as _, StoreError};
use agendum_testkit::stores;
use agendum_types::{ShardId, Tenant};
use bytes::Bytes;

use crate::{Directory, FileBlobs, SqliteStore};

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
        assert_eq!(beside.read_run(&tenant, stores::run_id(1), agendum_types::Seq(0), 10).await.unwrap().len(), 5);
        assert!(beside.open(ShardId(0)).await.is_err(), "a reader opens no journal");
        let batch = Append { rows: Vec::new(), ..stores::batch(opened.incarnation, 6, 1, &tenant, stores::run_id(1)) };
        assert!(matches!(beside.append(batch).await, Appended::Failed { .. }));
    }
    let directory = Directory::own(folder.path()).unwrap();
    let store = SqliteStore::open(&directory).unwrap();
    let opened = store.open(ShardId(0)).await.unwrap();
    assert_eq!((opened.incarnation.0, opened.last.0), (2, 5));
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
    let db = rusqlite::Connection::open(directory.database()).unwrap();
    db.execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(matches!(SqliteStore::open(&directory).unwrap_err(), StoreError::TooNew { found: 99, known: 1, .. }));
    db.execute_batch("PRAGMA user_version = 1; PRAGMA application_id = 5").unwrap();
    assert!(matches!(SqliteStore::open(&directory).unwrap_err(), StoreError::Corrupt { .. }));
    drop(db);
    for file in ["agendum.db", "agendum.db-wal", "agendum.db-shm"] {
        let _absent = std::fs::remove_file(folder.path().join(file));
    }
    std::fs::write(directory.database(), "this is no database, but long enough to look like one, at any rate").unwrap();
    assert!(matches!(SqliteStore::open(&directory).unwrap_err(), StoreError::Corrupt { .. }));
}

#[tokio::test]
async fn a_damaged_blob_is_not_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::new(folder.path().to_owned(), [4; 32]);
    let tenant = Tenant::default();
    let hash = blobs.put(&tenant, Bytes::from_static(b"precious")).await.unwrap();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { std::fs::write(path, b"spoilt").unwrap() }
        }
    }
    assert!(blobs.get(&tenant, hash).await.is_err());
}

#[tokio::test]
async fn nobody_else_can_read_what_is_in_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
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
