//! The vocabulary of Agendum: ids, time, money, limits, checked graphs, targets, outcomes.
//!
//! A crate of its own because it is a published contract and carries a ban: no IO, no clock, no runtime, no serde. Durable and
//! public formats live in `wire`; a document becomes a [`Graph`] in `spec`. What a word means
//! stands at its item, and nowhere else.
//!
//! Reading order: [`time`] and [`money`] (integers only), [`id`] and [`path`] (who is who), [`payload`] (bytes by reference),
//! [`graph`] (what shall be done), [`target`] (what can do it), [`pool`] (what it holds besides), [`wait`] (what no target does), [`outcome`]
//! (what came of it), [`status`] and [`cause`] (how we speak of it), [`limits`] (a number for everything).

pub mod cached;
pub mod cause;
pub mod class;
pub mod concurrency;
pub mod cut;
pub mod effect;
pub mod graph;
pub mod id;
pub mod limits;
pub mod money;
pub mod notice;
pub mod outcome;
pub mod path;
pub mod payload;
pub mod plan;
pub mod policy;
pub mod pool;
pub mod snapshot;
pub mod status;
pub mod submission;
pub mod target;
pub mod time;
pub mod verdict;
pub mod wait;
pub mod window;

pub use cached::{CacheInput, CacheKey, CachedCopy, Within};
pub use cause::Cause;
pub use class::{Class, ClassSet};
pub use concurrency::{Concurrency, OnNew, Turns};
pub use cut::cut;
pub use effect::{Effect, Fate};
pub use graph::Graph;
pub use graph::child::Parent;
pub use id::{AttemptId, AttemptNo, Incarnation, Partition, Principal, RunId, Seq, ShardId, Tenant};
pub use limits::Limits;
pub use money::Money;
pub use notice::NoticeKind;
pub use outcome::{Failure, Outcome, Success, Usage};
pub use path::{Segment, TaskPath};
pub use payload::{Hash, Labels, MediaType, PayloadRef, Prefix};
pub use plan::Plan;
pub use policy::Policy;
pub use pool::{Need, Pool};
pub use snapshot::{Plea, RunView, Snapshot, WaitView};
pub use status::{RunStatus, TaskStatus};
pub use submission::SubmissionKey;
pub use target::{Capability, Target, TargetId};
pub use time::{Duration, Timestamp};
pub use verdict::Verdict;
pub use wait::{Wait, WaitFor};
pub use window::{Booked, Cap, Waste, Window, WindowView, Windows};
