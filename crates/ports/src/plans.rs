//! Plans that were published: who changed the rules for a while, how, and on what grounds. What is kept is the audit log, and what a start
//! reads to know which one is in force.

use std::sync::Arc;

use agendum_types::{Hash, Principal, Timestamp};
use futures_util::future::BoxFuture;

use crate::store::StoreError;

/// Plans that a store keeps; the oldest go first.
pub const PLANS_MAX: u64 = 10_000;

/// Bytes of documents that a page of plans holds, and one plan more.
pub const PAGE_BYTES: usize = 4 << 20;

/// A plan that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    /// Its number: they count up, and are given by the store.
    pub number: u64,
    /// Its name.
    pub name: Arc<str>,
    /// Of its normal document.
    pub hash: Hash,
    /// The policy that it was made for.
    pub policy: Arc<str>,
    /// Its normal document.
    pub document: Arc<str>,
    /// What it has otherwise than that policy: `path: value → value`.
    pub changes: Vec<String>,
    /// What its author says of it.
    pub description: Option<Arc<str>>,
    /// What the linter had to say when it was taken.
    pub flags: Vec<String>,
    /// Who published it.
    pub by: Principal,
    /// When.
    pub at: Timestamp,
    /// From when on it is over in any case.
    pub until: Timestamp,
    /// Who took it back, if somebody did.
    pub withdrawn: Option<Withdrawal>,
}

/// A plan was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Principal,
    /// Why, where somebody said.
    pub why: Option<String>,
}

impl PlanRow {
    /// True while it counts, if no later one was published: that takes its place, and if the later one is withdrawn the policy counts alone.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.withdrawn.is_none() && now < self.until
    }
}

/// The part of a store that keeps plans.
pub trait Plans: Send + Sync {
    /// Keeps a plan under the next number, which it answers with; of more than [`PLANS_MAX`] the oldest are forgotten.
    fn keep_plan(&self, plan: PlanRow) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Notes that a plan was taken back. False if it is not known, or was before.
    fn withdraw_plan(&self, number: u64, withdrawal: Withdrawal) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Plans with numbers below that, latest first, up to so many, and none after [`PAGE_BYTES`] of documents.
    fn plans(&self, before: Option<u64>, count_max: u32) -> BoxFuture<'_, Result<Vec<PlanRow>, StoreError>>;
}
