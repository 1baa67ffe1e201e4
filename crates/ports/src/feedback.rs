//! Feedback: how good an answer was, beside what gave it: told afterwards by people, or by the tasks of a run that judge others. It
//! outlasts its run.
//!
//! What a judge said is read from its output once the record of its success is durable. That it is to be read lies in the commit of that
//! record ([`Judgement`]); reading it takes this out and puts the feedback in, in one transaction: once each.

use std::sync::Arc;

use agendum_types::graph::Fields;
use agendum_types::{Hash, PayloadRef, Principal, RunId, Seq, ShardId, Tenant, Timestamp, Verdict};
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
    /// Who says so; of a judge, on whose behalf its run is.
    pub principal: Principal,
    /// The path of the task of the run that says so; absent where a person does.
    pub judge: Option<String>,
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
    /// [`FeedbackSource::word`].
    Source,
}

/// Whose feedback it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackSource {
    /// Of people, and of programs outside.
    People,
    /// Of tasks that judge others.
    Judge,
}

impl FeedbackSource {
    /// Both.
    pub const ALL: [Self; 2] = [Self::People, Self::Judge];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Judge => "judge",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.word() == word)
    }
}

impl Feedback {
    /// Whose it is.
    #[must_use]
    pub const fn source(&self) -> FeedbackSource {
        if self.judge.is_some() { FeedbackSource::Judge } else { FeedbackSource::People }
    }
}

/// Which feedback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedbackFilter {
    /// Of runs of this graph.
    pub graph: Option<String>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this source.
    pub source: Option<FeedbackSource>,
    /// Only what was kept before this: the cursor of the next page.
    pub before: Option<u64>,
}

/// A verdict beside the record that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The record of the judge's success.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Whose run.
    pub tenant: Tenant,
    /// Which run.
    pub run: RunId,
    /// What it judges, and where it says how good that is.
    pub verdict: Verdict,
}

/// A verdict that is durable and was not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The record of the judge's success.
    pub seq: Seq,
    /// What is known of it so far: its score is none.
    pub feedback: Feedback,
    /// What the judge gave.
    pub output: PayloadRef,
    /// Where in that its score stands.
    pub fields: Fields,
}

impl FeedbackBy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Graph, Self::Version, Self::Target, Self::Label, Self::Source];

    /// Its word in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Version => "version",
            Self::Target => "target",
            Self::Label => "label",
            Self::Source => "source",
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
    /// Keeps what a person says, unless the run has so much of people already: false then.
    fn keep_feedback(&self, feedback: Feedback, of_run_max: u32) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// What a tenant has kept, by name: the names with most of it first, up to so many. Pages there are none: `before` means nothing.
    fn feedback(
        &self,
        tenant: &Tenant,
        of: &FeedbackFilter,
        by: FeedbackBy,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<Judged>, StoreError>>;

    /// The same one by one, latest first, up to so many, each with its number.
    fn opinions(
        &self,
        tenant: &Tenant,
        of: &FeedbackFilter,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<(u64, Feedback)>, StoreError>>;

    /// Up to so many verdicts that were not read yet, in the order of the journal.
    fn unread(&self, shard: ShardId, count_max: u32) -> BoxFuture<'_, Result<Vec<Unread>, StoreError>>;

    /// These verdicts were read: each is feedback from now on, or nothing. Of a judge's path in its run the first counts.
    fn verdicts_read(
        &self,
        shard: ShardId,
        read: Vec<(Seq, Option<Feedback>)>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Forgets up to so much of what was said before that time; true if there may be more.
    fn forget_feedback(&self, before: Timestamp, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>>;
}
