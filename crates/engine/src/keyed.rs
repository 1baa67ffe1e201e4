//! Submissions under a caller's key: what is sent twice is run once.
//!
//! The key is part of the record of the submission and found through the index of runs. From the look into the index to the commit
//! nobody else of this process submits under the same key; should the commit's fate be unknown, the core knows the keys of live runs.

use std::hash::{BuildHasher as _, BuildHasherDefault};
use std::sync::Arc;

use agendum_core::{Record, Rejected};
use agendum_ports::chain;
use agendum_types::{RunId, Seq, SubmissionKey, Tenant};
use agendum_wire::journal::Kind;
use rustc_hash::FxHasher;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::again::Given;
use crate::engine::{Engine, Request};
use crate::refused::SubmitError;
use crate::rows;

/// Submissions under different keys that wait for their commit at once; those beyond that may wait for each other.
const TURNS: usize = 256;

/// What came of a submission under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The run.
    pub run: RunId,
    /// True if an earlier submission made it.
    pub replayed: bool,
    /// True if it was there: the submission joined it, as its group's `on_new: join` says.
    pub joined: bool,
}

impl Submitted {
    /// A new run.
    pub(crate) const fn anew(run: RunId) -> Self {
        Self { run, replayed: false, joined: false }
    }

    /// The run of an earlier submission.
    pub(crate) const fn earlier(run: RunId) -> Self {
        Self { run, replayed: true, joined: false }
    }
}

/// One submission at a time for each key.
pub(crate) struct Turns(Box<[Arc<Mutex<()>>]>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..TURNS).map(|_| Arc::default()).collect())
    }
}

impl Turns {
    pub(crate) async fn take(&self, tenant: &Tenant, key: &str) -> OwnedMutexGuard<()> {
        let hash = BuildHasherDefault::<FxHasher>::default().hash_one((tenant, key));
        Arc::clone(&self.0[hash as usize % TURNS]).lock_owned().await
    }
}

fn unread(error: impl std::error::Error + 'static) -> SubmitError {
    SubmitError::Unread(chain(&error))
}

impl Engine {
    /// Accepts a run, or finds the run that the same request under the same key is already: durable on return.
    ///
    /// # Errors
    ///
    /// As [`Engine::submit`], and if the key belongs to another request.
    pub async fn submit_once(&self, request: Request, key: SubmissionKey) -> Result<Submitted, SubmitError> {
        let run = self.new_run_id();
        self.submit_keyed(run, request, key, Given::default()).await
    }

    /// The same for a run that takes over what another one did.
    pub(crate) async fn submit_keyed(
        &self,
        run: RunId,
        request: Request,
        key: SubmissionKey,
        given: Given,
    ) -> Result<Submitted, SubmitError> {
        let (tenant, asked) = (request.tenant.clone(), key.clone());
        let turn = self.around.turns.take(&request.tenant, &key.key).await;
        if let Some(run) = self.replayed(&request.tenant, &key).await? {
            return Ok(Submitted::earlier(run));
        }
        let reply = self.send_submission(run, request, Some(key), None, given).await?;
        // A caller that goes away leaves its turn to the commit.
        let told = tokio::spawn(async move { (reply.await, turn).0 }).await;
        match told {
            Ok(Ok(Ok(()))) => Ok(Submitted::anew(run)),
            // Its key is not kept: sent again it joins again, or is a run of its own.
            Ok(Ok(Err(Rejected::Joined(other)))) => Ok(Submitted { joined: true, ..Submitted::anew(other) }),
            // The life before did not know whether it was committed: it was.
            Ok(Ok(Err(Rejected::Keyed(live)))) => {
                let run = self.replayed(&tenant, &asked).await?.unwrap_or(live);
                Ok(Submitted::earlier(run))
            }
            Ok(Ok(Err(rejected))) => Err(rejected.into()),
            Ok(Err(_)) | Err(_) => Err(self.takes_nothing()),
        }
    }

    /// The run that was submitted under this key, if it was the same request.
    ///
    /// # Errors
    ///
    /// If it was another request, or what was asked for cannot be read.
    pub async fn replayed(&self, tenant: &Tenant, key: &SubmissionKey) -> Result<Option<RunId>, SubmitError> {
        let store = &self.around.store;
        let Some(run) = store.run_of_key(tenant, &key.key).await.map_err(unread)? else {
            return Ok(None);
        };
        let kinds = [Kind::RunSubmitted as u16];
        let rows = store.read_run(tenant, run, Seq(0), &kinds, 1).await.map_err(unread)?;
        let entry = rows.first().map(rows::entry).transpose().map_err(unread)?;
        let Some(Record::RunSubmitted(submitted)) = entry.map(|entry| entry.record) else {
            return Err(SubmitError::Unread(format!("run {run} has no record of its submission")));
        };
        let parts = submitted.key.map(|known| known.differences(key)).unwrap_or_default();
        if parts.is_empty() { Ok(Some(run)) } else { Err(SubmitError::OtherRequest { run, parts }) }
    }
}
