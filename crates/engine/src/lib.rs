//! The driver: ports into events, actions into ports. Real clock, threads, channels, group commit.
//!
//! One shard = one core on a thread of its own, fed by one inbox. Attempts run on the caller's tokio runtime, evaluations on
//! threads of the [`pool`] where they are not quick; both report to that inbox. Records gather in [`shard`]'s commit and go to the
//! store's writer, several batches on their way at once. Nothing here decides: what runs, when, and what waits for the disk is the
//! core's.
//!
//! Deliberately absent: policies, prices, retries (the core's), concrete stores and adapters (the composition root's).

mod again;
mod ahead;
mod attempt;
mod cache;
mod child;
mod collect;
mod engine;
mod evaluate;
mod export;
mod feed;
mod feedback;
mod group;
mod hand;
mod inbox;
mod keyed;
mod loads;
mod notices;
mod pages;
mod payloads;
mod plans;
mod pool;
mod raise;
mod reader;
mod refused;
mod room;
mod rows;
mod shard;
#[cfg(test)]
mod tests;
mod verdicts;
mod verify;
mod watch;

pub use again::{AgainError, Anew, Earlier, Kept, TakenOver};
pub use agendum_core::why::{Page, Reading, Seen, TaskReasons, Timeline};
pub use agendum_core::{Addressee, NotTaken, Raise, Rejected, Standing};
pub use cache::CacheLimits;
pub use collect::{ForgetError, KEY_KEPT};
pub use engine::{Engine, Parts, Request};
pub use export::{Exported, Settles};
pub use feed::Notice;
pub use feedback::{Opinion, OpinionError};
pub use hand::{HandError, Handed};
pub use inbox::{Command, WaitsAsked};
pub use keyed::Submitted;
pub use notices::{ENDPOINTS_MAX, Endpoint, GIVE_UP_MAX, Patience, ping};
pub use plans::PlanError;
pub use pool::Unfinished;
pub use raise::{RaiseError, ReconcileError};
pub use reader::{Compensation, Ended, ReadError, Reader, Scanned, Told, Wanted};
pub use refused::{CommandError, NotLive, SubmitError};
pub use room::Room;
pub use shard::{Health, RestoreError, STOP_GRACE};
pub use verdicts::{COMMENT_MAX, LABEL_MAX, MILLION};
pub use verify::{pause_all, verify};
pub use watch::Watch;
