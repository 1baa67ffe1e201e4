//! A child run that takes over what an earlier one did: the try before, or the child of the run that its parent takes over.

use std::sync::Arc;

use agendum_core::{Inherited, NotTaken, Origin, Record, Wish};
use agendum_ports::Failed;
use agendum_spec::{Accepted, NormalDocument};
use agendum_types::graph::Child;
use agendum_types::{Class, Graph, Parent, RunId, Seq};
use agendum_wire::journal::Kind;
use bytes::Bytes;

use super::{Launch, Unknown, unkept};
use crate::again::{Given, plans_anew};
use crate::reader::{ReadError, Reader};
use crate::rows;

/// Runs before runs before runs, of which each took over the one before it, that are looked through for a child.
const BEFORE_MAX: usize = 32;

impl Launch {
    /// What the run takes over: nothing that took effect is done twice, and what was paid for is kept. With the graph that it then has:
    /// that of the one before, whatever was added to it.
    pub(super) async fn earlier(
        &self,
        child: &Child,
        inherited: &Inherited,
        run: RunId,
        inputs: &Bytes,
    ) -> Result<Result<(Given, Accepted), Failed>, Unknown> {
        let as_written =
            || Accepted { graph: Arc::clone(&child.graph), document: NormalDocument(Arc::clone(&child.document)) };
        let Some(before) = self.before(inherited).await? else { return Ok(Ok((Given::default(), as_written()))) };
        let around = &self.around;
        let reader = Reader::over(Arc::clone(&around.store), Arc::clone(&around.payloads), around.limits.clone());
        let tenant = &self.dispatch.tenant;
        let earlier = match reader.earlier(tenant, before).await {
            Ok(earlier) => earlier,
            // It was forgotten meanwhile.
            Err(ReadError::NoRun(_)) => return Ok(Ok((Given::default(), as_written()))),
            Err(error) => return Err(Unknown::from(error)),
        };
        let other_inputs = earlier.inputs != *inputs;
        let touched = if other_inputs { earlier.touched(inputs, &around.limits) } else { Default::default() };
        let wish = Wish { other_inputs, touched, ..Wish::default() };
        let taken = if has_grown_from(&child.graph, &earlier.accepted.graph) {
            earlier.take_over(run, &wish).map_err(|not_taken| match not_taken {
                NotTaken::NotDone(_) => not_taken.to_string(),
                NotTaken::Effect { task, path } => {
                    format!("its task {task:?} would run again, and {path:?} took effect or may have: find that out")
                }
            })
        } else {
            Err("it was one of another graph".to_owned())
        };
        let planned = |origin: &Origin| {
            let task = plans_anew(&earlier.accepted.graph, origin, wish.other_inputs)?;
            Some(format!("its task {task:?} would plan anew, and what it had planned is part of that run"))
        };
        let taken = taken.and_then(|origin| planned(&origin).map_or(Ok(origin), Err));
        let origin = match taken {
            Ok(origin) => origin,
            Err(why) => return Ok(Err(self.not_taken(before, &why).await?)),
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
        Ok(Ok((Given { origin: Some(origin), kept, ..Given::default() }, earlier.accepted)))
    }

    /// Why it is not begun, and what begins one anew: that is told of the outermost run, which alone is retried.
    async fn not_taken(&self, before: RunId, why: &str) -> Result<Failed, Unknown> {
        let mut of = Parent { run: self.dispatch.attempt.run, task: self.task().into() };
        for _ in 0..Child::DEPTH_MAX {
            let row = self.around.store.run(&self.dispatch.tenant, of.run).await.map_err(Unknown::from)?;
            let Some(around) = row.and_then(|row| row.parent) else { break };
            of = around;
        }
        let (run, task) = (of.run, of.top());
        let again = format!("`agendum runs retry {run} --again {task}` begins it anew, and does again what it did");
        Ok(Failed::new(Class::Permanent, format!("child run {before} cannot be taken over: {why}; {again}")))
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

/// True if one graph is the other, or that with more tasks behind: additions leave those before them where they stood.
fn has_grown_from(written: &Graph, now: &Graph) -> bool {
    written.hash == now.hash
        || written.tasks.len() <= now.tasks.len()
            && written
                .tasks
                .iter()
                .zip(&now.tasks)
                .all(|(one, other)| (&one.name, one.parent) == (&other.name, other.parent))
}
