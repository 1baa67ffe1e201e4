//! A run that takes over what another one did: a retry, or a fork with other inputs.
//!
//! What the run before gave is kept as blobs of the new run before that is submitted: its record names them, so that they stay as long
//! as it does, whatever becomes of the run before.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use agendum_core::{Before, NotTaken, Origin, Record, Reuse, Wish};
use agendum_spec::{Accepted, touched};
use agendum_types::graph::{NodeId, Work};
use agendum_types::{Graph, Labels, Limits, Principal, RunId, SubmissionKey, Tenant, Timestamp};
use bytes::Bytes;

use crate::engine::{Engine, Request};
use crate::keyed::Submitted;
use crate::pages::Pages;
use crate::payloads::Made;
use crate::reader::{ReadError, Reader, Told};
use crate::refused::SubmitError;
use crate::rows;

/// Retries of retries that are followed.
const RETRIES_MAX: usize = 1_000;

/// What a submission takes over.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) origin: Option<Origin>,
    pub(crate) kept: Vec<Made>,
    /// Of the inputs of the run before: other inputs may hold some of them.
    pub(crate) labels: Labels,
}

/// A run that is over, as it was submitted and as it went.
#[derive(Debug)]
pub struct Earlier {
    run: RunId,
    before: Before,
    submitted: Timestamp,
    /// Its document, with all additions.
    pub accepted: Accepted,
    /// Its inputs.
    pub inputs: Bytes,
}

impl Earlier {
    /// What a new run of the same graph takes over of it.
    pub(crate) fn take_over(&self, new: RunId, wish: &Wish) -> Result<Origin, NotTaken> {
        self.before.take_over(new, wish)
    }

    /// The tasks at the top in which something reads what is another in these inputs.
    pub(crate) fn touched(&self, inputs: &Bytes, limits: &Limits) -> BTreeSet<NodeId> {
        let [before, now] = [&self.inputs, inputs].map(|bytes| serde_json::from_slice(bytes).unwrap_or_default());
        touched(&self.accepted.graph, &before, &now, limits)
    }
}

/// What is wanted anew.
#[derive(Clone, Debug)]
pub struct Anew {
    /// On whose behalf.
    pub principal: Principal,
    /// This task at the top runs, and all that depends on it.
    pub from: Option<String>,
    /// The effects of these tasks are to happen again.
    pub again: Vec<String>,
    /// Other inputs, prepared.
    pub inputs: Option<Bytes>,
    /// A run of its own: where the one before succeeded or is a child, also with the same inputs. Another one goes on.
    pub is_fork: bool,
}

/// A run that takes over another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Its id.
    pub run: RunId,
    /// The task from which it was to run again, where what that gave is kept nonetheless.
    pub kept: Option<Kept>,
}

/// A task whose effect is not repeated unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub task: Arc<str>,
    /// It was a child run, which may have had an effect; else it had one itself.
    pub is_child: bool,
}

impl Kept {
    /// `from`, if it is given what it gave. What is tried under its old key runs again.
    fn of(graph: &Graph, from: Option<NodeId>, origin: &Origin) -> Option<Self> {
        let node = from?;
        origin.given(node).filter(|given| given.reuse != Reuse::Tried)?;
        let task = graph.task(node);
        let is_child = matches!(&task.work, Work::Call(call) if call.child.is_some());
        Some(Self { task: Arc::clone(&task.name), is_child })
    }
}

/// Why a run was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// It is not over, or an effect would be repeated.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// Another run took over what it did, and went on.
    #[error("run {run} went on as run {other}: retry that one")]
    GoesOn {
        /// The run.
        run: RunId,
        /// The one that took it over; or took that one over, and so on.
        other: RunId,
    },
    /// Nobody would hear what came of it: its parent goes on from what it did.
    #[error("run {run} is a child of run {parent}: retry that one, whose task {task:?} goes on from what this one did")]
    Child {
        /// The run.
        run: RunId,
        /// The one for which it ran.
        parent: RunId,
        /// The task there.
        task: Arc<str>,
    },
    /// The graph has no such task at its top.
    #[error("the graph has no task {0:?} at its top")]
    NoTask(String),
    /// A task would plan anew, and what it had planned is there.
    #[error(
        "task {0:?} would run again, and the tasks that its output gave are part of the run: submit the graph anew"
    )]
    Planned(String),
    /// What it gave cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The new run was not accepted.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl Reader {
    /// The retry of this run that is last: it took this one over, or one that did. `None` if nobody has retried it.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn went_on(&self, tenant: &Tenant, run: RunId) -> Result<Option<RunId>, ReadError> {
        let mut last = None;
        for _ in 0..RETRIES_MAX {
            let Some(next) = self.store.run_of_key(tenant, &SubmissionKey::retry_of(last.unwrap_or(run)).key).await?
            else {
                break;
            };
            last = Some(next);
        }
        Ok(last)
    }

    /// Reads a run to be taken over.
    ///
    /// # Errors
    ///
    /// If this tenant has no such run, or what is kept of it is damaged.
    pub async fn earlier(&self, tenant: &Tenant, run: RunId) -> Result<Earlier, ReadError> {
        let (mut told, mut graph, mut before) = (Told::default(), None, Before::new(self.limits.clone()));
        let mut submitted = None;
        let mut pages = Pages::new(&*self.store, tenant, run, &[]);
        while let Some(page) = pages.next().await? {
            for row in &page {
                let entry = rows::entry(row)?;
                if told.take(&entry) {
                    graph = None;
                }
                if let Record::RunSubmitted(record) = &entry.record {
                    submitted = Some((entry.at, record.inputs.clone()));
                }
                let known = self.learn(tenant, &told, &mut graph).await?;
                // It applies what was decided before: of a journal that is damaged nothing is known.
                let read = catch_unwind(AssertUnwindSafe(|| before.take(known, &entry)));
                read.map_err(|_said| ReadError::Payload(format!("row {} does not follow from those before", row.seq)))?;
            }
        }
        let (submitted, inputs) = submitted.ok_or(ReadError::NoRun(run))?;
        let document = self.document_told(tenant, &told).await?;
        let graph = Arc::clone(self.learn(tenant, &told, &mut graph).await?);
        let inputs = self.payload(tenant, run, &inputs).await?;
        Ok(Earlier { run, before, submitted, accepted: Accepted { graph, document }, inputs })
    }
}

impl Engine {
    /// Submits a run of the same graph that takes over what the earlier one did: durable on return.
    ///
    /// # Errors
    ///
    /// If the earlier run is not over, an effect of it would be repeated unasked, or the new run is not accepted.
    pub async fn run_again(&self, tenant: &Tenant, earlier: Earlier, anew: Anew) -> Result<TakenOver, AgainError> {
        let Some(record) = earlier.before.submitted() else { return Err(ReadError::NoRun(earlier.run).into()) };
        let graph = &earlier.accepted.graph;
        let inputs = anew.inputs.filter(|inputs| *inputs != earlier.inputs);
        let wish = Wish {
            from: anew.from.as_deref().map(|name| top(graph, name)).transpose()?,
            again: anew.again.iter().map(|name| top(graph, name)).collect::<Result<_, _>>()?,
            other_inputs: inputs.is_some(),
            touched: inputs.as_ref().map(|inputs| earlier.touched(inputs, &self.around.limits)).unwrap_or_default(),
            is_fork: inputs.is_some() || anew.is_fork && (earlier.before.has_succeeded() || record.parent.is_some()),
        };
        if let Some(parent) = record.parent.as_deref().filter(|_| !wish.is_fork) {
            return Err(AgainError::Child { run: earlier.run, parent: parent.run, task: Arc::clone(&parent.task) });
        }
        let run = self.new_run_id();
        let origin = earlier.before.take_over(run, &wish)?;
        if let Some(task) = plans_anew(graph, &origin, inputs.is_some()) {
            return Err(AgainError::Planned(task));
        }
        let kept_task = Kept::of(graph, wish.from, &origin);
        let size = origin.given.iter().filter_map(|given| given.output.as_ref()).map(|output| output.size).sum();
        self.around.room.take(size).map_err(SubmitError::from)?;
        let mut kept = Vec::new();
        for output in origin.given.iter().filter_map(|given| given.output.as_ref()) {
            let bytes = self.reader().payload(tenant, earlier.run, output).await?;
            let made = self.around.payloads.copy(tenant, bytes).await;
            kept.push(made.map_err(|error| SubmitError::from(self.unkept(&error)))?);
        }
        let request = Request {
            tenant: tenant.clone(),
            principal: anew.principal,
            inputs: inputs.unwrap_or(earlier.inputs),
            priority: Some(record.priority),
            deadline: record.deadline.map(|at| at.since(earlier.submitted)),
            budget: record.budget,
            strict: record.strict,
            accepted: earlier.accepted,
        };
        let given = Given { origin: Some(origin), kept, labels: record.inputs.labels.clone() };
        if wish.is_fork {
            let reply = self.send_submission(run, request, None, None, given).await?;
            reply.await.map_err(|_| self.takes_nothing())?.map_err(SubmitError::from)?;
            return Ok(TakenOver { run, kept: kept_task });
        }
        match self.submit_keyed(run, request, SubmissionKey::retry_of(earlier.run), given).await {
            Ok(submitted) if submitted.run == run => Ok(TakenOver { run, kept: kept_task }),
            Ok(Submitted { run: other, .. }) | Err(SubmitError::OtherRequest { run: other, .. }) => {
                let other = self.reader().went_on(tenant, other).await?.unwrap_or(other);
                Err(AgainError::GoesOn { run: earlier.run, other })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A task that has added others and would run again: what it plans then would be lost beside what it had planned.
pub(crate) fn plans_anew(graph: &Graph, origin: &Origin, other_inputs: bool) -> Option<String> {
    let nodes = (0_u32..).map(NodeId).zip(&graph.tasks);
    let mut planners = nodes.filter(|(_, task)| task.adds.as_ref().is_some_and(|adds| adds.made));
    let again = planners.find(|(node, _)| other_inputs || origin.given(*node).is_none());
    again.map(|(_, task)| task.name.to_string())
}

fn top(graph: &Graph, name: &str) -> Result<NodeId, AgainError> {
    let found = graph.tasks.iter().position(|task| task.parent.is_none() && *task.name == *name);
    let place = found.and_then(|place| u32::try_from(place).ok());
    place.map(NodeId).ok_or_else(|| AgainError::NoTask(name.to_owned()))
}
