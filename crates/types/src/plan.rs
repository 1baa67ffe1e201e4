//! A plan: other parameters for a policy, for a while, with what speaks for them. The deliberative tier publishes it, the core chooses by it
//! until it runs out or is withdrawn, and by the policy alone from then on.

use std::sync::Arc;

use crate::payload::Hash;
use crate::policy::Policy;
use crate::time::Duration;

/// Parts of a whole: what shares and changes are counted in.
pub const MILLION: i64 = 1_000_000;

/// What the deliberative tier publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How it is called.
    pub name: Arc<str>,
    /// Of its normal document: with the name, its identity.
    pub hash: Hash,
    /// The policy that it changes, as [`Policy::version`] says it: it counts under no other.
    pub policy: Arc<str>,
    /// That policy with what the plan has otherwise.
    pub rules: Arc<Policy>,
    /// For how long it is in force after it was published.
    pub lasts: Duration,
    /// How far ahead it reckons.
    pub horizon: Duration,
    /// What speaks for it.
    pub evidence: Evidence,
    /// How sure whoever made it is that it does what is expected, in parts of a [`MILLION`].
    pub confidence: u32,
    /// By what part each figure is expected to change, in parts of a [`MILLION`]: less than 0 is less.
    pub expected: Vec<(Arc<str>, i64)>,
    /// What it may make worse, in sentences.
    pub risks: Vec<Arc<str>>,
}

/// What a plan was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// How, in a sentence; empty where nobody said.
    pub how: Arc<str>,
    /// From how many runs.
    pub runs: u64,
    /// And attempts of them.
    pub attempts: u64,
}

impl Plan {
    /// One of which nothing is said but what it changes, and for how long; its hash is its document's to give.
    #[must_use]
    pub fn bare(name: &str, policy: &str, rules: Arc<Policy>, lasts: Duration) -> Self {
        Self {
            name: name.into(),
            hash: Hash::default(),
            policy: policy.into(),
            rules,
            lasts,
            horizon: lasts,
            evidence: Evidence::default(),
            confidence: 0,
            expected: Vec::new(),
            risks: Vec::new(),
        }
    }

    /// Its name with the beginning of its hash: what answers name it by.
    #[must_use]
    pub fn version(&self) -> String {
        let hash = self.hash.to_string();
        format!("{}@{}", self.name, &hash[..8])
    }

    /// The policy with it, as decisions name what they were taken by.
    #[must_use]
    pub fn decides(&self) -> String {
        format!("{}+{}", self.policy, self.version())
    }
}
