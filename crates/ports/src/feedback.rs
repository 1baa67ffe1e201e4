//! Feedback: how good an answer was, told afterwards, beside what gave it. It outlasts its run.

use std::sync::Arc;

use agendum_types::{Hash, Principal, RunId, Tenant, Timestamp};
use futures_util::future::BoxFuture;

use crate::store::StoreError;

/// The policy that decided in runs of this release.
pub const BUILT_IN_POLICY: &str = "built-in";

/// What somebody thinks of a run, or of one of its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Whose run.
    pub tenant: Tenant,
    /// Which run.
    pub run: RunId,
    /// The path of a task; the run as a whole where absent.
    pub task: Option<String>,
    /// The name of the graph.
    pub graph: Arc<str>,
    /// The hash of the graph.
    pub graph_hash: Hash,
    /// Of a task: the target of its last attempt.
    pub target: Option<String>,
    /// The policy that decided.
    pub policy: String,
    /// Who says so.
    pub principal: Principal,
    /// When.
    pub at: Timestamp,
    /// From 0 to a million.
    pub score: u32,
    /// A word for it.
    pub label: Option<String>,
    /// For people.
    pub comment: Option<String>,
}

/// What feedback is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackBy {
    /// The name of the graph.
    Graph,
    /// The name of the graph and its hash.
    Version,
    /// The target; empty for what was said of runs.
    Target,
    /// The label; empty for none.
    Label,
}

impl FeedbackBy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Graph, Self::Version, Self::Target, Self::Label];

    /// Its word in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Version => "version",
            Self::Target => "target",
            Self::Label => "label",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.word() == word)
    }
}

/// What was said under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The name.
    pub name: String,
    /// Of a version: the hash of the graph.
    pub version: Option<Hash>,
    /// How often.
    pub count: u64,
    /// The sum of the scores.
    pub sum: u64,
    /// The lowest score.
    pub min: u32,
    /// The highest.
    pub max: u32,
}

/// The part of a store that keeps feedback.
pub trait Feedbacks: Send + Sync {
    /// Keeps it, unless its run has so much already: false then.
    fn keep_feedback(&self, feedback: Feedback, of_run_max: u32) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// What a tenant has kept, of one graph or of all, by name: the names with most of it first, up to so many.
    fn feedback(
        &self,
        tenant: &Tenant,
        graph: Option<&str>,
        by: FeedbackBy,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Judged>, StoreError>>;

    /// Forgets up to so much of what was said before that time; true if there may be more.
    fn forget_feedback(&self, before: Timestamp, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>>;
}
