//! Evaluations: payloads in, a few plain values and at most one payload out. The core asks, and never asks again.

mod collect;
mod plan;
mod prefix;

use std::sync::Arc;
use std::task::Poll;

use agendum_core::{Bound, Evaluate, Evaluation, Make, Purpose, RunFailure};
use agendum_ports::{Payload, Store, StoreError};
use agendum_spec::Unloadable;
use agendum_spec::eval::{Bindings, EvalError, Evaluator, truthy};
use agendum_types::graph::{DataRef, ExprId, NodeId, Work};
use agendum_types::{Capability, Graph, Hash, Limits, MediaType, PayloadRef};
use agendum_wire::journal::DecodeError;
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use crate::payloads::{Made, PayloadError, Payloads};
use crate::pool::{Pool, Unfinished};
use collect::CollectError;

/// What an evaluation gave: the values for the core, and the payload's bytes for the journal row.
pub(crate) struct Given {
    pub(crate) evaluation: Evaluation,
    pub(crate) made: Option<Made>,
}

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvaluateError {
    #[error("{what}: {source}")]
    Expression { what: &'static str, source: EvalError },
    #[error("{what} gave {found}, expected {expected}")]
    Type { what: &'static str, found: String, expected: &'static str },
    #[error("`with` says nothing that can be waited for: {0}")]
    Wait(String),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Collect(#[from] CollectError),
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Decode(DecodeError),
    #[error(transparent)]
    Unloadable(Unloadable),
    #[error("the evaluation gave nothing: {0}")]
    Unfinished(#[from] Unfinished),
}

/// Steps of an evaluation on the shard's own thread, about a tenth of a millisecond; one that needs more moves to the pool.
const QUICK_FUEL: u64 = 2_000;
/// Bytes that an evaluation on the shard's own thread may read: its data, and its sources, which are compiled each time.
const QUICK_BYTES_MAX: u64 = 16 << 10;
const QUICK_SOURCE_BYTES_MAX: usize = 4 << 10;

/// Everything an evaluation reads from.
#[derive(Clone)]
pub(crate) struct Evaluations {
    payloads: Arc<Payloads>,
    store: Arc<dyn Store>,
    quick: Arc<Evaluator>,
    whole: Arc<Evaluator>,
    limits: Limits,
    pool: Arc<Pool>,
}

/// What one expression gave.
struct Computed {
    value: Json,
    /// For the list of a `foreach`: its length, and its text. Each item is read on its own.
    items: Option<(u32, Bytes)>,
}

impl Evaluations {
    pub(crate) fn new(payloads: Arc<Payloads>, store: Arc<dyn Store>, pool: Arc<Pool>, limits: &Limits) -> Self {
        let fuel = limits.evaluation_fuel.min(QUICK_FUEL);
        let quick = Evaluator::new(&Limits { evaluation_fuel: fuel, ..limits.clone() });
        Self {
            payloads,
            store,
            quick: Arc::new(quick),
            whole: Arc::new(Evaluator::new(limits)),
            limits: limits.clone(),
            pool,
        }
    }

    /// Where long computations run.
    pub(crate) const fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Evaluates what needs no payload; where that may take long, on the pool.
    pub(crate) fn evaluator(&self) -> Arc<Evaluator> {
        Arc::clone(&self.whole)
    }

    /// Performs an evaluation. Where the shard polls it, it is pending when it turns out to be long, and wants to be polled further
    /// by the runtime, which leaves the expressions to the pool.
    pub(crate) async fn evaluate(&self, asked: &Evaluate) -> Result<Given, EvaluateError> {
        let is_quick = self.bytes_read(asked) <= QUICK_BYTES_MAX && source_bytes(asked) <= QUICK_SOURCE_BYTES_MAX;
        if is_quick && asked.plan.is_none() {
            match self.with(None, asked).await {
                Err(EvaluateError::Expression { source: EvalError::OutOfFuel, .. }) => {}
                given => return given,
            }
        }
        elsewhere().await;
        let mut given = self.with(Some(&self.pool), asked).await?;
        if let Some(output) = asked.plan.as_ref().filter(|_| given.evaluation.truth != Some(true)) {
            self.plan(asked, output, &mut given).await?;
        }
        Ok(given)
    }

    /// Bytes of the payloads that must be parsed.
    fn bytes_read(&self, asked: &Evaluate) -> u64 {
        match &asked.make {
            Make::Values { bindings, .. } => bindings.iter().map(|(_, bound)| self.bytes_bound(asked, bound)).sum(),
            Make::Merged(parts) | Make::Object(parts) => parts.iter().map(|(_, part)| part.size).sum(),
            Make::List(parts) => parts.iter().map(|part| part.size).sum(),
            Make::Collected { .. } => u64::MAX,
        }
    }

    fn bytes_bound(&self, asked: &Evaluate, bound: &Bound) -> u64 {
        match bound {
            Bound::Payload(reference) => reference.size,
            Bound::Outputs(parts) => parts.iter().map(|(_, part)| part.size).sum(),
            // A list that was cut is kept in pieces; until then the whole must be.
            Bound::Item { items, .. } if items.size <= QUICK_BYTES_MAX => items.size,
            Bound::Item { items, index } => self.payloads.item_size(&asked.tenant, items, *index).unwrap_or(items.size),
            Bound::Undefined | Bound::Number(_) | Bound::Text(_) | Bound::Key { .. } | Bound::Error(_) => 0,
        }
    }

    /// Computes on the pool, or, quickly, here.
    async fn with(&self, pool: Option<&Pool>, asked: &Evaluate) -> Result<Given, EvaluateError> {
        let value = match &asked.make {
            Make::Values { exprs, bindings } => return self.values(pool, asked, exprs, bindings).await,
            Make::Merged(parts) => self.merged(asked, parts).await?,
            Make::Object(parts) => self.object(asked, parts).await?,
            Make::List(parts) => self.list(asked, parts).await?,
            Make::Collected { count, succeeded } => {
                let items = collect::Items::new(asked, *count, *succeeded);
                let list = items.list(&*self.store, &self.payloads).await?;
                let made = self.payloads.make(&asked.tenant, list).await?;
                return Ok(Given::payload(made));
            }
        };
        Ok(Given::payload(self.payloads.make_value(&asked.tenant, value).await?))
    }

    async fn values(
        &self,
        pool: Option<&Pool>,
        asked: &Evaluate,
        exprs: &[(Purpose, ExprId)],
        bindings: &[(DataRef, Bound)],
    ) -> Result<Given, EvaluateError> {
        let bindings = self.resolve(asked, bindings).await?;
        let computed = match pool {
            None => compute(&self.quick, &asked.graph, exprs, &bindings, self.limits.foreach_items_max)?,
            Some(pool) => {
                let (evaluator, graph) = (Arc::clone(&self.whole), Arc::clone(&asked.graph));
                let (exprs, items_max) = (exprs.to_vec(), self.limits.foreach_items_max);
                pool.compute(move || compute(&evaluator, &graph, &exprs, &bindings, items_max)).await??
            }
        };
        let mut given = Given { evaluation: Evaluation::default(), made: None };
        for (computed, (purpose, _)) in computed.into_iter().zip(exprs) {
            self.take(asked, *purpose, computed, &mut given).await?;
        }
        Ok(given)
    }

    async fn take(
        &self,
        asked: &Evaluate,
        purpose: Purpose,
        Computed { value, items }: Computed,
        given: &mut Given,
    ) -> Result<(), EvaluateError> {
        let (evaluation, tenant) = (&mut given.evaluation, &asked.tenant);
        match purpose {
            Purpose::Condition | Purpose::FailIf | Purpose::Until => evaluation.truth = Some(truthy(&value)),
            Purpose::GoodIf => evaluation.good = Some(truthy(&value)),
            Purpose::NotBefore => {
                let instant = value.as_str().and_then(agendum_spec::instant);
                evaluation.time =
                    Some(instant.ok_or_else(|| wrong(purpose, &value, "an instant such as 2026-11-23T08:00:00Z"))?);
            }
            Purpose::Score => {
                let score = value.as_f64().ok_or_else(|| wrong(purpose, &value, "a number"))?;
                evaluation.score = Some((score * 1e6).clamp(i64::MIN as f64, i64::MAX as f64) as i64);
            }
            Purpose::Same => {
                evaluation.same = Some(Hash(*blake3::hash(value.to_string().as_bytes()).as_bytes()));
            }
            Purpose::Items => {
                if let Some((count, bytes)) = items {
                    let made = self.payloads.make(tenant, Payload { media: MediaType::Json, bytes }).await?;
                    evaluation.count = Some(count);
                    evaluation.payload = Some(made.reference.clone());
                    given.made = Some(made);
                }
            }
            Purpose::Wait => {
                let now = asked.now.max(evaluation.time.unwrap_or_default());
                let wait = agendum_spec::wait::read(&value, now).map_err(EvaluateError::Wait)?;
                // Of time it is known now what the task will give.
                let value = wait.until.map_or(value, |until| json!({ "at": until.to_string() }));
                let made = self.payloads.make_value(tenant, value).await?;
                (evaluation.wait, evaluation.payload) = (Some(Box::new(wait)), Some(made.reference.clone()));
                given.made = Some(made);
            }
            Purpose::Input | Purpose::Output => {
                if purpose == Purpose::Input && asked.begins && is_of_model(asked) {
                    evaluation.prefix = prefix::of(&self.payloads.key(tenant), &value).map(Arc::new);
                }
                let made = self.payloads.make_value(tenant, value).await?;
                evaluation.payload = Some(made.reference.clone());
                given.made = Some(made);
            }
        }
        Ok(())
    }

    async fn resolve(
        &self,
        asked: &Evaluate,
        bindings: &[(DataRef, Bound)],
    ) -> Result<Vec<(DataRef, Option<Arc<Json>>)>, EvaluateError> {
        let mut resolved = Vec::with_capacity(bindings.len());
        for (read, bound) in bindings {
            resolved.push((*read, self.bound(asked, bound).await?));
        }
        Ok(resolved)
    }

    async fn bound(&self, asked: &Evaluate, bound: &Bound) -> Result<Option<Arc<Json>>, EvaluateError> {
        let Evaluate { tenant, run, .. } = asked;
        Ok(Some(match bound {
            Bound::Undefined => return Ok(None),
            Bound::Payload(reference) => self.payloads.value(tenant, *run, reference).await?,
            Bound::Item { items, index } => self.payloads.item(tenant, *run, items, *index).await?,
            Bound::Number(number) => Arc::new(Json::from(*number)),
            Bound::Text(text) => Arc::new(Json::from(&**text)),
            Bound::Key { origin, path } => {
                let path = asked.graph.path_text(path);
                Arc::new(Json::from(&*self.payloads.idempotency_key(tenant, *origin, &path)))
            }
            Bound::Error(failure) => Arc::new(run_error(&asked.graph, failure)),
            Bound::Outputs(parts) => Arc::new(self.object(asked, parts).await?),
        }))
    }

    async fn list(&self, asked: &Evaluate, parts: &[PayloadRef]) -> Result<Json, EvaluateError> {
        let mut list = Vec::with_capacity(parts.len());
        for part in parts {
            list.push(Json::clone(&*self.payloads.value(&asked.tenant, asked.run, part).await?));
        }
        Ok(Json::Array(list))
    }

    async fn object(&self, asked: &Evaluate, parts: &[(NodeId, PayloadRef)]) -> Result<Json, EvaluateError> {
        let mut object = Map::new();
        for (node, part) in parts {
            let value = self.payloads.value(&asked.tenant, asked.run, part).await?;
            object.insert(asked.graph.task(*node).name.to_string(), Json::clone(&*value));
        }
        Ok(Json::Object(object))
    }

    async fn merged(&self, asked: &Evaluate, parts: &[(NodeId, PayloadRef)]) -> Result<Json, EvaluateError> {
        let mut merged = Map::new();
        for (node, part) in parts {
            let value = self.payloads.value(&asked.tenant, asked.run, part).await?;
            if let Json::Object(entries) = &*value {
                merged.extend(entries.iter().map(|(key, value)| (key.clone(), value.clone())));
            } else {
                merged.insert(asked.graph.task(*node).name.to_string(), Json::clone(&value));
            }
        }
        Ok(Json::Object(merged))
    }
}

impl Given {
    fn payload(made: Made) -> Self {
        let evaluation = Evaluation { payload: Some(made.reference.clone()), ..Evaluation::default() };
        Self { evaluation, made: Some(made) }
    }
}

/// Evaluates as far as the conditions let it.
fn compute(
    evaluator: &Evaluator,
    graph: &Graph,
    exprs: &[(Purpose, ExprId)],
    bindings: &Bindings,
    items_max: u32,
) -> Result<Vec<Computed>, EvaluateError> {
    let mut computed = Vec::with_capacity(exprs.len());
    for (purpose, expr) in exprs {
        let expr = graph.expr(*expr);
        let failed = |source| EvaluateError::Expression { what: word(*purpose), source };
        if *purpose == Purpose::Items {
            let items = match evaluator.look_up(graph, expr, bindings).map_err(failed)? {
                // Not copied: it may be most of what the run was given.
                Some(list) => list_items(list, items_max)?,
                None => list_items(&evaluator.evaluate(graph, expr, bindings).map_err(failed)?, items_max)?,
            };
            computed.push(Computed { value: Json::Null, items: Some(items) });
            continue;
        }
        let value = evaluator.evaluate(graph, expr, bindings).map_err(failed)?;
        let ends = *purpose == Purpose::Condition && !truthy(&value);
        computed.push(Computed { value, items: None });
        if ends {
            break;
        }
    }
    Ok(computed)
}

fn list_items(value: &Json, items_max: u32) -> Result<(u32, Bytes), EvaluateError> {
    let items = value.as_array().ok_or_else(|| wrong(Purpose::Items, value, "a list"))?;
    let count = u32::try_from(items.len()).ok().filter(|count| *count <= items_max);
    let count = count.ok_or_else(|| EvaluateError::Type {
        what: word(Purpose::Items),
        found: format!("{} items ({items_max} are allowed)", items.len()),
        expected: "fewer: the limit is `foreach_items_max`",
    })?;
    Ok((count, Bytes::from(value.to_string())))
}

/// Pending once. It asks to be polled again at once: the shard's thread does not listen, the runtime does, and under load the runtime
/// is the first to poll.
async fn elsewhere() {
    let mut asked = false;
    let left = std::future::poll_fn(|context| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    left.await;
}

fn source_bytes(asked: &Evaluate) -> usize {
    match &asked.make {
        Make::Values { exprs, .. } => exprs.iter().map(|(_, expr)| asked.graph.expr(*expr).source.len()).sum(),
        Make::Merged(_) | Make::Object(_) | Make::List(_) | Make::Collected { .. } => 0,
    }
}

fn run_error(graph: &Graph, failed: &RunFailure) -> Json {
    json!({
        "class": failed.failure.class.word(),
        "message": &*failed.failure.message,
        "task": failed.task.as_ref().map(|path| graph.path_text(path)),
    })
}

fn wrong(purpose: Purpose, found: &Json, expected: &'static str) -> EvaluateError {
    let mut found = found.to_string();
    found.truncate(found.floor_char_boundary(80));
    EvaluateError::Type { what: word(purpose), found, expected }
}

/// The word of the document that holds the expression.
const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Condition => "`if`",
        Purpose::NotBefore => "`not_before`",
        Purpose::Items => "`foreach`",
        Purpose::Input | Purpose::Wait => "`with`",
        Purpose::FailIf => "`fail_if`",
        Purpose::GoodIf => "`good_if`",
        Purpose::Until => "`until`",
        Purpose::Same => "`stop_if_same`",
        Purpose::Score => "`by`",
        Purpose::Output => "`output`",
    }
}

/// True if what is made is what a model reads.
fn is_of_model(asked: &Evaluate) -> bool {
    asked.path.node().is_some_and(|node| match &asked.graph.task(node).work {
        Work::Call(call) => call.capability == Capability::Chat,
        Work::Group(_) => false,
    })
}
