//! The group of a run: evaluated before it is submitted, and what comes of one that joins another.

use std::sync::Arc;

use agendum_core::Rejected;
use agendum_spec::group;
use agendum_types::Concurrency;
use bytes::Bytes;
use serde_json::Value as Json;

use crate::again::Given;
use crate::engine::{Engine, Request};
use crate::keyed::Submitted;
use crate::refused::SubmitError;

impl Engine {
    /// Accepts a run, or finds the run of its group that it joins: durable on return.
    ///
    /// # Errors
    ///
    /// As [`Engine::submit`].
    pub async fn submit_or_join(&self, request: Request) -> Result<Submitted, SubmitError> {
        let run = self.new_run_id();
        let reply = self.send_submission(run, request, None, None, Given::default()).await?;
        match reply.await.map_err(|_| self.takes_nothing())? {
            Ok(()) => Ok(Submitted::anew(run)),
            Err(Rejected::Joined(other)) => Ok(Submitted { joined: true, ..Submitted::anew(other) }),
            Err(rejected) => Err(rejected.into()),
        }
    }

    /// The group in which the run waits for its turn, if its graph says so.
    pub(crate) async fn group(&self, request: &Request) -> Result<Option<Concurrency>, SubmitError> {
        let graph = &request.accepted.graph;
        if graph.concurrency.is_none() {
            return Ok(None);
        }
        let (evaluator, graph, inputs) =
            (self.around.evaluations.evaluator(), Arc::clone(graph), Bytes::clone(&request.inputs));
        let group = self.compute(move || {
            let inputs: Json = serde_json::from_slice(&inputs).unwrap_or_default();
            group::of(&evaluator, &graph, &Arc::new(inputs))
        });
        Ok(group.await??)
    }
}
