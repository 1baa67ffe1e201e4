//! Feedback: how good an answer was, told afterwards.

use agendum_core::why::{Page, Seen};
use agendum_ports::{BUILT_IN_POLICY, Feedback, StoreError};
use agendum_types::{Principal, RunId, TaskPath, Tenant};

use crate::engine::Engine;
use crate::reader::{ReadError, Wanted};

/// What a run may be told at most.
const OF_RUN_MAX: u32 = 1_000;

/// What somebody thinks of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// Of which run.
    pub run: RunId,
    /// Of one of its tasks; of the whole where absent.
    pub task: Option<String>,
    /// Whose it is.
    pub by: Principal,
    /// From 0 to a million.
    pub score: u32,
    /// A word for it.
    pub label: Option<String>,
    /// For people.
    pub comment: Option<String>,
}

/// Why an opinion was not kept.
#[derive(Debug, thiserror::Error)]
pub enum OpinionError {
    /// It is too early.
    #[error("run {0} is not answered yet: there is nothing to be judged")]
    NotAnswered(RunId),
    /// There is no such task.
    #[error("run {run} has no task {task:?}: `agendum runs show` lists them")]
    NoTask {
        /// The run.
        run: RunId,
        /// What was asked for.
        task: String,
    },
    /// There is enough.
    #[error("run {0} has {OF_RUN_MAX} opinions: no more are kept")]
    TooMany(RunId),
    /// The run cannot be read, or is none.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StoreError> for OpinionError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl Engine {
    /// Keeps what somebody thinks of a run that is answered, beside what gave the answer: its graph, the target of the task's last attempt.
    ///
    /// # Errors
    ///
    /// If there is no such run or task, there is no answer yet, or the store cannot be read or written.
    pub async fn judge(&self, tenant: &Tenant, opinion: Opinion) -> Result<(), OpinionError> {
        let Opinion { run, task, by, score, label, comment } = opinion;
        let row = self.reader().run(tenant, run).await?.ok_or(ReadError::NoRun(run))?;
        if row.answered.is_none() {
            return Err(OpinionError::NotAnswered(run));
        }
        let (task, target) = match &task {
            Some(task) => self.last_target(tenant, run, task).await.map(|(task, target)| (Some(task), target))?,
            None => (None, None),
        };
        let feedback = Feedback {
            tenant: tenant.clone(),
            run,
            task,
            graph: row.graph,
            graph_hash: row.graph_hash,
            target,
            policy: BUILT_IN_POLICY.to_owned(),
            principal: by,
            judge: None,
            at: self.around.clock.now(),
            score,
            label,
            comment,
        };
        let is_kept = self.around.store.keep_feedback(feedback, OF_RUN_MAX).await?;
        is_kept.then_some(()).ok_or(OpinionError::TooMany(run))
    }

    /// The path of a task as it is written, and where the last attempt went, if there was one.
    pub(crate) async fn last_target(
        &self,
        tenant: &Tenant,
        run: RunId,
        task: &str,
    ) -> Result<(String, Option<String>), OpinionError> {
        let no_task = || OpinionError::NoTask { run, task: task.to_owned() };
        let scanned = self.reader().scan(tenant, run, Wanted::Tasks).await?.ok_or(ReadError::NoRun(run))?;
        let path: TaskPath = scanned.graph.parse_path(task).ok_or_else(no_task)?;
        let seen = Seen { now: self.around.clock.now(), live: None, worked_until: None };
        let page = Page { within: path.clone(), ..Page::all() };
        let reasons = scanned.reading.reasons(&scanned.graph, seen, &page).ok_or_else(no_task)?;
        let found = reasons.tasks.iter().find(|told| told.path == path);
        let last = found.and_then(|found| found.attempts.last());
        Ok((scanned.graph.path_text(&path), last.map(|attempt| attempt.target.to_string())))
    }
}
