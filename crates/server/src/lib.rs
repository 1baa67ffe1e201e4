//! The border of the product: HTTP on loopback. Submit, read, stream, cancel, decide; webhooks in; problem+json errors; health and readiness.
//!
//! A crate of its own to fence off the HTTP server. Every client, the command line included, goes through it, so that a run hosted by
//! this process and one hosted by another look the same. Without an engine it serves what is read at once:
//! no runs, no commands, no streams.

mod again;
mod backup;
mod cache;
mod children;
mod connections;
mod documents;
mod export;
mod feedback;
mod hooks;
mod key;
mod notices;
mod plans;
mod provider;
mod raise;
mod reconcile;
mod reply;
mod routes;
mod runs;
mod spend;
mod stream;
mod submit;
mod targets;
mod waits;

use std::sync::Arc;

use agendum_engine::{Engine, Reader};
use agendum_ports::Backup;
use agendum_types::{Limits, Tenant, Windows};

pub use documents::Documents;
pub use hooks::{NoSecret, Secrets};
pub use notices::pinged;
pub use provider::{Allowance, Categories, Model, Mood, Reply, provider};
pub use routes::{Server, bind};
pub use tokio_util::sync::CancellationToken;

/// What the routes work with.
pub struct Service {
    /// Runs graphs; absent where the store is only read.
    pub engine: Option<Arc<Engine>>,
    /// Reads runs.
    pub reader: Reader,
    /// Copies the data; absent where it is only read.
    pub backup: Option<Arc<dyn Backup>>,
    /// What a client must show, as `Authorization: Bearer …`.
    pub token: String,
    /// A number for everything that is taken in.
    pub limits: Limits,
    /// Whose runs these are.
    pub tenant: Tenant,
    /// What may be spent in the windows of the calendar, where no engine says it.
    pub windows: Windows,
    /// The version of the policy that would be in force, where no engine says it.
    pub policy: String,
    /// Documents that were submitted of late.
    pub documents: Documents,
    /// What webhooks are signed with; without it none are taken.
    pub webhooks: Option<Secrets>,
}

#[cfg(test)]
mod tests;
