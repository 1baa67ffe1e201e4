//! What a kept result is found by: everything that could change it, and whose it is.

use std::sync::Arc;

use crate::graph::Requirement;
use crate::id::{Principal, RunId, Tenant};
use crate::money::Money;
use crate::payload::{Hash, PayloadRef};
use crate::target::Capability;
use crate::time::Timestamp;

/// What two calls have in common of which one may take the result of the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// Whose data: no key is without it.
    pub tenant: Tenant,
    /// Who else may find it.
    pub within: Within,
    /// What is needed.
    pub capability: Capability,
    /// What it was asked for.
    pub input: CacheInput,
    /// Which targets will do.
    pub requirement: Requirement,
    /// Output tokens at most, where the task says so.
    pub output_cap: Option<u32>,
}

/// `scope` of a cache, with the one whose scope it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Within {
    /// One run.
    Run(RunId),
    /// One principal of the tenant.
    User(Principal),
    /// The tenant.
    Tenant,
}

/// What a call is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CacheInput {
    /// The evaluated `with`.
    Payload(Hash),
    /// A `with` that is a constant of the graph: its text.
    Constant(Arc<str>),
}

/// A kept result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedCopy {
    /// The result, with the labels that it had.
    pub output: PayloadRef,
    /// When it was kept: the clock of the run that paid for it.
    pub at: Timestamp,
    /// The name of the target that gave it.
    pub target: Arc<str>,
    /// The digest of that target's definition then.
    pub digest: Hash,
    /// The run that paid for it.
    pub run: RunId,
    /// What it cost.
    pub cost: Money,
}
