//! A child run that takes over what an earlier one did: the try before, or the child of the run that its parent takes over.

use agendum_core::{Inherited, Record, Wish};
use agendum_ports::Failed;
use agendum_types::graph::Child;
use agendum_types::{Class, RunId, Seq};
use agendum_wire::journal::Kind;
use bytes::Bytes;

use super::{Launch, Unknown, unkept};
use crate::again::Given;
use crate::reader::{ReadError, Reader};
use crate::rows;

/// Runs before runs before runs, of which each took over the one before it, that are looked through for a child.
const BEFORE_MAX: usize = 32;

impl Launch {
    /// What the run takes over: nothing that took effect is done twice, and what was paid for is kept.
    pub(super) async fn earlier(
        &self,
        child: &Child,
        inherited: &Inherited,
        run: RunId,
        inputs: &Bytes,
    ) -> Result<Result<Given, Failed>, Unknown> {
        let Some(before) = self.before(inherited).await? else { return Ok(Ok(Given::default())) };
        let around = &self.around;
        let reader = Reader::over(
            std::sync::Arc::clone(&around.store),
            std::sync::Arc::clone(&around.payloads),
            around.limits.clone(),
        );
        let tenant = &self.dispatch.tenant;
        let earlier = match reader.earlier(tenant, before).await {
            Ok(earlier) => earlier,
            // It was forgotten meanwhile.
            Err(ReadError::NoRun(_)) => return Ok(Ok(Given::default())),
            Err(error) => return Err(Unknown::from(error)),
        };
        if earlier.accepted.graph.hash != child.graph.hash {
            // Tasks were added to it: what it did is not what this one does.
            let message = format!(
                "child run {before} went another way than its graph: `agendum runs retry {before}` goes on from there"
            );
            return Ok(Err(Failed::new(Class::Permanent, message)));
        }
        let other_inputs = earlier.inputs != *inputs;
        let touched = if other_inputs { earlier.touched(inputs, &around.limits) } else { Default::default() };
        let wish = Wish { other_inputs, touched, ..Wish::default() };
        let origin = match earlier.take_over(run, &wish) {
            Ok(origin) => origin,
            Err(not_taken) => {
                let message = format!("child run {before} cannot be taken over: {not_taken}");
                return Ok(Err(Failed::new(Class::Permanent, message)));
            }
        };
        let size = origin.given.iter().filter_map(|given| given.output.as_ref()).map(|output| output.size).sum();
        if let Err(room) = around.room.take(size) {
            return Ok(Err(Failed::new(Class::Overloaded, room)));
        }
        let mut kept = Vec::new();
        for output in origin.given.iter().filter_map(|given| given.output.as_ref()) {
            let bytes = reader.payload(tenant, before, output).await.map_err(Unknown::from)?;
            match around.payloads.copy(tenant, bytes).await {
                Ok(made) => kept.push(made),
                Err(error) => return Ok(Err(unkept(&error))),
            }
        }
        Ok(Ok(Given { origin: Some(origin), kept, ..Given::default() }))
    }

    /// The child of the try before; of the first try that of the run which the parent takes over, if it does the same again.
    async fn before(&self, inherited: &Inherited) -> Result<Option<RunId>, Unknown> {
        let run = self.dispatch.attempt.run;
        if let Some(found) = self.last_child(run, inherited.number).await? {
            return Ok(Some(found));
        }
        // Under a key of its own the effects of the task are wanted again, or it is asked for something else.
        if self.dispatch.key_origin == run {
            return Ok(None);
        }
        let mut of = run;
        for _ in 0..BEFORE_MAX {
            let Some(before) = self.origin(of).await? else { return Ok(None) };
            if let Some(found) = self.last_child(before, u32::MAX).await? {
                return Ok(Some(found));
            }
            of = before;
        }
        Ok(None)
    }

    /// The child of the last try of the task in a run, below this one.
    async fn last_child(&self, run: RunId, below: u32) -> Result<Option<RunId>, Unknown> {
        let (mut last, most) = (None, self.graph_task().retry.attempts_max);
        for number in (1..below).take(most as usize) {
            let key = self.key(run, number);
            let found = self.around.store.run_of_key(&self.dispatch.tenant, &key.key).await.map_err(Unknown::from)?;
            // A try that was refused has none.
            last = found.or(last);
        }
        Ok(last)
    }

    /// The run that this one takes over.
    async fn origin(&self, run: RunId) -> Result<Option<RunId>, Unknown> {
        let kinds = [Kind::RunSubmitted as u16];
        let rows = self.around.store.read_run(&self.dispatch.tenant, run, Seq(0), &kinds, 1).await;
        let entry = rows.map_err(Unknown::from)?.first().map(rows::entry).transpose().map_err(Unknown::from)?;
        let Some(Record::RunSubmitted(submitted)) = entry.map(|entry| entry.record) else { return Ok(None) };
        Ok(submitted.origin.as_ref().map(|origin| origin.run))
    }
}
