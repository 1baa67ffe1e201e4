//! The output of a task that adds others, read as further tasks of its run: the document is the one that the run's records name last.

use std::sync::Arc;

use agendum_core::{Addition, Evaluate};
use agendum_spec::{NormalDocument, Unloadable, planned};
use agendum_types::{Hash, PayloadRef, RunId, Tenant};
use agendum_wire::journal::Kind;

use super::{EvaluateError, Evaluations, Given};
use crate::pages::Pages;
use crate::rows;

/// Records that name a document.
const NAMING: [Kind; 3] = [Kind::RunSubmitted, Kind::TasksAdded, Kind::TasksAhead];

impl Evaluations {
    /// Reads the output as tasks: they are kept, or it is said why there are none.
    pub(super) async fn plan(
        &self,
        asked: &Evaluate,
        output: &PayloadRef,
        given: &mut Given,
    ) -> Result<(), EvaluateError> {
        let (of, document) = self.document(&asked.tenant, asked.run).await?;
        let labels = output.labels.clone();
        let output = self.payloads.value(&asked.tenant, asked.run, output).await?;
        let (task, ahead, limits) = (asked.graph.path_text(&asked.path), asked.ahead, self.limits.clone());
        // What it takes grows with the document and with what a model wrote.
        let read = self.pool.compute(move || planned(&document, &task, &output, (&labels, ahead), &limits)).await?;
        match read.map_err(EvaluateError::Unloadable)? {
            Ok(accepted) => {
                let made = self.payloads.make_blob(&asked.tenant, &accepted.document.0).await?;
                let (graph, document) = (Arc::clone(&accepted.graph), made.reference.clone());
                given.evaluation.added = Some(Box::new(Addition { of, graph, document }));
                given.made = Some(made);
            }
            Err(refused) => given.evaluation.refused = Some(refused.into()),
        }
        Ok(())
    }

    /// The document of the run as its durable records have it, and the hash of its graph.
    pub(crate) async fn document(&self, tenant: &Tenant, run: RunId) -> Result<(Hash, NormalDocument), EvaluateError> {
        let mut pages = Pages::new(&*self.store, tenant, run, &NAMING);
        let mut last = None;
        while let Some(page) = pages.next().await.map_err(EvaluateError::Store)? {
            for row in &page {
                let entry = rows::entry(row).map_err(EvaluateError::Decode)?;
                last = entry.record.names_graph().map(|(_, graph, document)| (graph, document.clone())).or(last);
            }
        }
        let missing = || Unloadable("the run has none".to_owned());
        let (graph, document) = last.ok_or_else(missing).map_err(EvaluateError::Unloadable)?;
        Ok((graph, self.payloads.document(tenant, &document).await?))
    }
}
