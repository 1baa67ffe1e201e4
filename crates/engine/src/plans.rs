//! Plans: other parameters for a while, published from outside, kept before they count.

use std::sync::Arc;

use agendum_planner::{Finding, Lint, lint};
use agendum_ports::{PlanRow, StoreError, Withdrawal};
use agendum_spec::Diagnostic;
use agendum_spec::policy::{differences, plan};
use agendum_types::{Limits, Plan, Policy, Principal, Timestamp};
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::inbox::Message;
use crate::shard::{Health, Surroundings};

/// Bytes of the document of a plan at most: as many as 10,000 weights of tenants take.
pub(crate) const DOCUMENT_MAX: usize = 512 << 10;

/// A plan that counts, by its number.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    pub(crate) number: u64,
    pub(crate) plan: Arc<Plan>,
    pub(crate) until: Timestamp,
}

/// Why a plan was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The document is wrong.
    #[error("the document is not a plan: {}", first(.0))]
    Document(Vec<Diagnostic>),
    /// The document is longer than any plan has to be.
    #[error("the document has {0} bytes: a plan has {DOCUMENT_MAX} at most")]
    TooLong(usize),
    /// It is a plan that may not be taken.
    #[error("{}", sentences(.0))]
    Refused(Vec<Finding>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The shard takes nothing now; what was kept counts with its next life.
    #[error("the engine takes nothing now ({0}): look at `agendum plan ls` before you publish again")]
    Unavailable(Health),
}

fn first(diagnostics: &[Diagnostic]) -> String {
    diagnostics.first().map_or_else(String::new, |one| format!("{}:{}: {}", one.line, one.column, one.message))
}

fn sentences(findings: &[Finding]) -> String {
    findings.iter().map(|finding| &*finding.message).collect::<Vec<_>>().join("; ")
}

impl Engine {
    /// Takes a plan: it is checked, kept, and counts when this returns, in place of the one before. With what the linter has to say of it.
    ///
    /// # Errors
    ///
    /// If the document is no plan for the policy in force, the store fails, or the shard takes no work now.
    pub async fn publish_plan(&self, document: &str, by: Principal) -> Result<PlanRow, PlanError> {
        let policy = &self.around.policy;
        if document.len() > DOCUMENT_MAX {
            return Err(PlanError::TooLong(document.len()));
        }
        let checked = plan::check(document, policy, &self.around.limits);
        let Some(accepted) = checked.accepted else { return Err(PlanError::Document(checked.diagnostics)) };
        let Lint { refused, flags } = lint(&accepted.plan, policy);
        if !refused.is_empty() {
            return Err(PlanError::Refused(refused));
        }
        let plan = accepted.plan;
        let row = PlanRow {
            number: 0,
            name: Arc::clone(&plan.name),
            hash: plan.hash,
            policy: Arc::clone(&plan.policy),
            document: accepted.document.0,
            changes: differences(policy, &plan.rules).iter().map(ToString::to_string).collect(),
            description: accepted.description,
            flags: flags.into_iter().map(|flag| flag.message).collect(),
            by,
            at: Timestamp(0),
            until: Timestamp(0),
            withdrawn: None,
        };
        self.to_the_end(async move |around| {
            let _alone = around.plans.lock().await;
            let at = around.later();
            let row = PlanRow { at, until: at.after(plan.lasts), ..row };
            let number = around.store.keep_plan(row.clone()).await?;
            tell(&around, Planned::Published(Counts { number, plan, until: row.until })).await?;
            tracing::info!(plan = %row.name, number, by = %row.by, until = %row.until, "a plan is in force");
            Ok(PlanRow { number, ..row })
        })
        .await
    }

    /// Takes back the plan in force, if there is one. Of one that was taken back before the shard is told once more.
    ///
    /// # Errors
    ///
    /// If the store fails, or the shard takes no work now.
    pub async fn withdraw_plan(&self, by: Principal, why: Option<String>) -> Result<Option<PlanRow>, PlanError> {
        self.to_the_end(async move |around| {
            let _alone = around.plans.lock().await;
            let now = around.later();
            let Some(row) = around.store.plans(None, 1).await?.pop() else { return Ok(None) };
            let withdrawal = Withdrawal { at: now, by, why };
            let is_taken = row.is_in_force(now) && around.store.withdraw_plan(row.number, withdrawal.clone()).await?;
            tell(&around, Planned::Withdrawn(row.number)).await?;
            if !is_taken {
                return Ok(None);
            }
            tracing::info!(plan = %row.name, number = row.number, by = %withdrawal.by, "a plan is withdrawn");
            Ok(Some(PlanRow { withdrawn: Some(withdrawal), ..row }))
        })
        .await
    }

    /// What was kept is told to the shard, whether or not whoever asked is still there to hear of it.
    async fn to_the_end<T: Send + 'static, F>(&self, does: impl FnOnce(Arc<Surroundings>) -> F) -> Result<T, PlanError>
    where
        F: Future<Output = Result<T, PlanError>> + Send + 'static,
    {
        let done = self.around.runtime.spawn(does(Arc::clone(&self.around))).await;
        done.map_err(|_| PlanError::Unavailable(self.health()))?
    }

    /// The policy in force, whatever a plan has otherwise.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.around.policy
    }
}

/// Tells the shard, and waits until it has heard.
async fn tell(around: &Surroundings, planned: Planned) -> Result<(), PlanError> {
    let permit = around.permit().await;
    let (reply, told) = oneshot::channel();
    around.inbox.send(Message::Plan { planned, reply, permit });
    told.await.map_err(|_| PlanError::Unavailable(around.health()))
}

/// What the shard is told of plans.
#[derive(Debug)]
pub(crate) enum Planned {
    /// This one counts, unless a later one does.
    Published(Counts),
    /// The one with this number counts no more.
    Withdrawn(u64),
}

/// The number of the latest plan, and the plan itself if it counts when a life begins. Without it the policy counts alone: that one cannot be read
/// keeps nobody from beginning.
pub(crate) async fn in_force(around: &Surroundings) -> (u64, Option<Counts>) {
    let lost = |why: String| tracing::warn!(why, "the plan in force is left out: the policy counts alone");
    let latest = match around.store.plans(None, 1).await {
        Ok(mut rows) => rows.pop(),
        Err(error) => {
            lost(error.to_string());
            None
        }
    };
    let Some(row) = latest else { return (0, None) };
    let counts = row.is_in_force(around.later()).then(|| counts(around, &row).map_err(lost).ok()).flatten();
    (row.number, counts)
}

/// A plan that was kept, for the policy in force now; why it does not count, else.
fn counts(around: &Surroundings, row: &PlanRow) -> Result<Counts, String> {
    let limits = Limits { document_bytes_max: row.document.len(), ..around.limits.clone() };
    let checked = plan::check(&row.document, &around.policy, &limits);
    let accepted = checked.accepted.ok_or_else(|| first(&checked.diagnostics))?;
    let Lint { refused, .. } = lint(&accepted.plan, &around.policy);
    if !refused.is_empty() {
        return Err(sentences(&refused));
    }
    Ok(Counts { number: row.number, plan: accepted.plan, until: row.until })
}
