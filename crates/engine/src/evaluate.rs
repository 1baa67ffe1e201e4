//! Evaluations: payloads in, a few plain values and at most one payload out. The core asks, and never asks again.

mod collect;

use std::sync::Arc;

use agendum_core::{Bound, Evaluate, Evaluation, Make, Purpose, RunFailure};
use agendum_spec::eval::{EvalError, Evaluator, truthy};
use agendum_types::graph::{DataRef, ExprId, NodeId};
use agendum_types::{Graph, Hash, PayloadRef, Tenant};
use serde_json::{Map, Value as Json, json};

use crate::payloads::{Made, PayloadError, Payloads};
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
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Collect(#[from] CollectError),
}

/// Everything an evaluation reads from.
#[derive(Clone)]
pub(crate) struct Evaluations {
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) store: Arc<dyn agendum_ports::Store>,
    pub(crate) evaluator: Arc<Evaluator>,
    pub(crate) items_max: u32,
}

impl Evaluations {
    /// Performs an evaluation.
    pub(crate) async fn evaluate(&self, asked: &Evaluate) -> Result<Given, EvaluateError> {
        let tenant = &asked.tenant;
        let value = match &asked.make {
            Make::Values { exprs, bindings } => return self.values(asked, exprs, bindings).await,
            Make::Merged(parts) => self.merged(tenant, &asked.graph, parts).await?,
            Make::Object(parts) => self.object(tenant, &asked.graph, parts).await?,
            Make::List(parts) => self.list(tenant, parts).await?,
            Make::Collected { count, succeeded } => {
                let outputs =
                    collect::outputs(&*self.store, tenant, asked.run, &asked.path, *count, *succeeded).await?;
                self.list(tenant, &outputs).await?
            }
        };
        self.only_payload(tenant, value).await
    }

    async fn only_payload(&self, tenant: &Tenant, value: Json) -> Result<Given, EvaluateError> {
        let made = self.payloads.make_value(tenant, value).await?;
        let evaluation = Evaluation { payload: Some(made.reference.clone()), ..Evaluation::default() };
        Ok(Given { evaluation, made: Some(made) })
    }

    async fn values(
        &self,
        asked: &Evaluate,
        exprs: &[(Purpose, ExprId)],
        bindings: &[(DataRef, Bound)],
    ) -> Result<Given, EvaluateError> {
        let bindings = self.resolve(asked, bindings).await?;
        let mut given = Given { evaluation: Evaluation::default(), made: None };
        for (purpose, expr) in exprs {
            let expr = asked.graph.expr(*expr);
            let value = self
                .evaluator
                .evaluate(&asked.graph, expr, &bindings)
                .map_err(|source| EvaluateError::Expression { what: word(*purpose), source })?;
            self.take(&asked.tenant, *purpose, value, &mut given).await?;
            if *purpose == Purpose::Condition && given.evaluation.truth == Some(false) {
                break;
            }
        }
        Ok(given)
    }

    async fn take(
        &self,
        tenant: &Tenant,
        purpose: Purpose,
        value: Json,
        given: &mut Given,
    ) -> Result<(), EvaluateError> {
        let evaluation = &mut given.evaluation;
        match purpose {
            Purpose::Condition | Purpose::FailIf | Purpose::Until => evaluation.truth = Some(truthy(&value)),
            Purpose::GoodIf => evaluation.good = Some(truthy(&value)),
            Purpose::NotBefore => {
                let instant = value.as_str().and_then(agendum_spec::instant);
                evaluation.time =
                    Some(instant.ok_or_else(|| wrong(purpose, &value, "an instant such as 2026-11-23T08:00:00Z"))?);
            }
            Purpose::Score => {
                let score = value.as_f64().map(|score| (score * 1e6).clamp(i64::MIN as f64, i64::MAX as f64));
                evaluation.score = Some(score.map_or(i64::MIN, |score| score as i64));
            }
            Purpose::Same => {
                evaluation.same = Some(Hash(*blake3::hash(value.to_string().as_bytes()).as_bytes()));
            }
            Purpose::Items => {
                let items = value.as_array().ok_or_else(|| wrong(purpose, &value, "a list"))?;
                let count = u32::try_from(items.len()).ok().filter(|count| *count <= self.items_max);
                let count = count.ok_or_else(|| EvaluateError::Type {
                    what: word(purpose),
                    found: format!("{} items", items.len()),
                    expected: "fewer: the limit is `foreach_items_max`",
                })?;
                evaluation.count = Some(count);
                let made = self.payloads.make_value(tenant, value).await?;
                evaluation.payload = Some(made.reference.clone());
                given.made = Some(made);
            }
            Purpose::Input | Purpose::Output => {
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
        let tenant = &asked.tenant;
        Ok(Some(match bound {
            Bound::Undefined => return Ok(None),
            Bound::Payload(reference) => self.payloads.value(tenant, reference).await?,
            Bound::Item { items, index } => {
                let list = self.payloads.value(tenant, items).await?;
                Arc::new(list.get(*index as usize).cloned().unwrap_or_default())
            }
            Bound::Number(number) => Arc::new(Json::from(*number)),
            Bound::Text(text) => Arc::new(Json::from(&**text)),
            Bound::Key { origin } => {
                let path = asked.graph.path_text(&asked.path);
                Arc::new(Json::from(&*self.payloads.idempotency_key(tenant, *origin, &path)))
            }
            Bound::Error(failure) => Arc::new(run_error(&asked.graph, failure)),
            Bound::Outputs(parts) => Arc::new(self.object(tenant, &asked.graph, parts).await?),
        }))
    }

    async fn list(&self, tenant: &Tenant, parts: &[PayloadRef]) -> Result<Json, EvaluateError> {
        let mut list = Vec::with_capacity(parts.len());
        for part in parts {
            list.push(Json::clone(&*self.payloads.value(tenant, part).await?));
        }
        Ok(Json::Array(list))
    }

    async fn object(
        &self,
        tenant: &Tenant,
        graph: &Graph,
        parts: &[(NodeId, PayloadRef)],
    ) -> Result<Json, EvaluateError> {
        let mut object = Map::new();
        for (node, part) in parts {
            let value = self.payloads.value(tenant, part).await?;
            object.insert(graph.task(*node).name.to_string(), Json::clone(&*value));
        }
        Ok(Json::Object(object))
    }

    async fn merged(
        &self,
        tenant: &Tenant,
        graph: &Graph,
        parts: &[(NodeId, PayloadRef)],
    ) -> Result<Json, EvaluateError> {
        let mut merged = Map::new();
        for (node, part) in parts {
            let value = self.payloads.value(tenant, part).await?;
            if let Json::Object(entries) = &*value {
                merged.extend(entries.iter().map(|(key, value)| (key.clone(), value.clone())));
            } else {
                merged.insert(graph.task(*node).name.to_string(), Json::clone(&value));
            }
        }
        Ok(Json::Object(merged))
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
        Purpose::Input => "`with`",
        Purpose::FailIf => "`fail_if`",
        Purpose::GoodIf => "`good_if`",
        Purpose::Until => "`until`",
        Purpose::Same => "`stop_if_same`",
        Purpose::Score => "`by`",
        Purpose::Output => "`output`",
    }
}
