//! Why a request came to nothing.

use std::sync::Arc;

use agendum_core::Rejected;
use agendum_spec::group::NoKey;
use agendum_types::RunId;

use crate::pool::Unfinished;
use crate::room::Room;
use crate::shard::Health;

/// Why a run was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The core refused it; nothing has changed.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Its inputs or its document are more than may be kept.
    #[error("the run's inputs cannot be kept: {0}")]
    Payload(String),
    /// Its inputs or its document could not be kept now.
    #[error("the run's inputs could not be kept: {0}")]
    Unkept(String),
    /// There is no room for it on the disk; nothing of it was written.
    #[error(transparent)]
    DiskFull(#[from] Room),
    /// The engine has stopped, or its journal is being opened anew.
    #[error("the engine takes no work now: {0}")]
    Unavailable(Health),
    /// Another request was sent under the same key.
    #[error("run {run} was submitted under this key, and the request differs in {}: use another key for another request", named(.parts))]
    OtherRequest {
        /// The run of the key.
        run: RunId,
        /// The parts that differ.
        parts: Vec<Arc<str>>,
    },
    /// The inputs name no group of runs.
    #[error(transparent)]
    NoGroup(#[from] NoKey),
    /// Whether they do could not be found out.
    #[error("the key of its group was not evaluated: {0}")]
    Unfinished(#[from] Unfinished),
    /// Whether the key is in use cannot be read.
    #[error("what was submitted under this key cannot be read: {0}")]
    Unread(String),
}

/// Why a payload was not kept.
pub(crate) enum Unkept {
    /// It is more than may be kept.
    Never(String),
    /// It could not be kept now.
    Now(String),
    /// There is no room for it.
    DiskFull(Room),
}

impl From<Unkept> for SubmitError {
    fn from(unkept: Unkept) -> Self {
        match unkept {
            Unkept::Never(why) => Self::Payload(why),
            Unkept::Now(why) => Self::Unkept(why),
            Unkept::DiskFull(room) => Self::DiskFull(room),
        }
    }
}

fn named(parts: &[Arc<str>]) -> String {
    let named: Vec<String> = parts.iter().map(|part| format!("`{part}`")).collect();
    named.join(", ")
}

impl SubmitError {
    /// True for tasks added to a run whose graph has grown otherwise meanwhile: the addition may be made again to what it is now.
    #[must_use]
    pub const fn is_overtaken(&self) -> bool {
        matches!(self, Self::Rejected(Rejected::NotAnExtension { .. }))
    }
}

/// The run is unknown to this tenant, or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("run {0} is not live")]
pub struct NotLive(pub RunId);

/// Why a command was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such live run.
    #[error(transparent)]
    NotLive(#[from] NotLive),
    /// The shard takes no work now: whether the command took effect is not known.
    #[error("the engine takes no commands now ({0}): ask again")]
    Unavailable(Health),
}
