//! `backup` and `restore`: a data directory as a copy, and back.

use std::io::Write as _;
use std::path::Path;

use agendum_ports::{Backup as _, Copied, StoreError};
use agendum_store_sqlite::{Copier, Directory, FileBlobs, MANIFEST, SqliteStore, check_backup};
use agendum_types::ShardId;
use serde_json::json;

use super::Context;
use crate::failure::{FAILED, Failure};
use crate::hosting::reach;
use crate::{next, show};

/// How to come by a copy.
const MAKE_ONE: &str = "a copy is a folder that was made with: agendum backup DIR";

/// Copies the data directory: through its owner if there is one, else as its owner for so long.
pub(crate) async fn backup(context: &Context, to: &Path) -> Result<(), Failure> {
    let directory = Directory::look(&context.data);
    let to = std::path::absolute(to)?;
    let said = if let Some(owner) = directory.owner() {
        reach(&owner, &context.data).await?.backup(&to).await?
    } else if directory.exists() {
        let directory = Directory::own(&context.data)?;
        // As an owner would open it: what an earlier release left is brought up to date, and what a crash left is there.
        let _store = SqliteStore::open(&directory)?;
        let Copied { blobs, bytes } =
            Copier::new(&directory).copy(to.clone()).await.map_err(|error| not_written(error, "backup DIR"))?;
        json!({ "to": to, "blobs": blobs, "bytes": bytes })
    } else {
        directory.has_not_lost_its_journal()?;
        return Err(Failure::usage(format!("there is nothing in {} to back up", context.data.display())));
    };
    if context.json {
        return show::json(&said);
    }
    writeln!(show::err(), "backed up: {}, {} blobs, {} bytes", to.display(), said["blobs"], said["bytes"])?;
    writeln!(show::err(), "it holds the data directory's secret: keep it as private as the directory itself")?;
    Ok(())
}

/// What to do where something is in the way.
fn not_written(error: StoreError, command: &str) -> Failure {
    match error {
        StoreError::NotEmpty { .. } | StoreError::Owned { .. } => {
            Failure::usage(error).hint(format!("agendum {command}: with a folder that is missing or empty"))
        }
        StoreError::TooNew { .. } | StoreError::Corrupt { .. } | StoreError::Io { .. } => error.into(),
    }
}

/// Makes a data directory of a copy.
pub(crate) async fn restore(context: &Context, from: &Path, paused: bool) -> Result<(), Failure> {
    if !from.is_dir() {
        return Err(Failure::usage(format!("there is no folder {}", from.display())).hint(MAKE_ONE));
    }
    if !from.join(MANIFEST).exists() {
        let said = format!("{} is no complete backup: there is no {MANIFEST} in it", from.display());
        return Err(Failure::usage(said).hint(MAKE_ONE));
    }
    check_backup(from)?;
    let copy = Directory::look(from);
    let (store, blobs) = (SqliteStore::open(&copy)?, FileBlobs::new(copy.blobs(), copy.secret()?));
    let damaged = |error| Failure::new(FAILED, format!("{} is damaged: {error}; nothing was restored", from.display()));
    agendum_engine::verify(&store, &blobs, ShardId(0)).await.map_err(damaged)?;
    drop(store);
    let directory = agendum_store_sqlite::restore(from, &context.data)
        .map_err(|error| not_written(error, "--data DIR restore COPY"))?;
    let store = SqliteStore::open(&directory)?;
    let open = if paused { Some(agendum_engine::pause_all(&store, ShardId(0)).await?) } else { None };
    directory.end_restore()?;
    if context.json {
        return show::json(&json!({ "from": from, "data": context.data, "paused": open }));
    }
    writeln!(show::err(), "restored: {}", context.data.display())?;
    match open {
        Some(count) => writeln!(show::err(), "paused: {count} open runs; {} runs resume RUN goes on", next::hosting())?,
        None => writeln!(
            show::err(),
            "open runs go on as soon as something is run here: if the original still works, what they do is done twice (--paused keeps them)"
        )?,
    }
    Ok(())
}
