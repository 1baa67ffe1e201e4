//! What a child run that is done means for the task of its parent.

use agendum_core::{Answered, Record};
use agendum_ports::{Payload, RunRow, chain};
use agendum_types::graph::Child;
use agendum_types::{Class, Failure, Outcome, RunId, RunStatus, Success, Usage};
use agendum_wire::journal::Kind;

use super::{Ended, Launch, Unknown};
use crate::pages::Pages;
use crate::rows;

/// Records that say how a run was answered, and those that settle what an attempt has cost.
const TELLING: [Kind; 4] = [Kind::Answered, Kind::Finished, Kind::Ended, Kind::Abandoned];

impl Launch {
    pub(super) async fn ended(&self, child: &Child, run: RunId, stopped: Option<Failure>) -> Result<Ended, Unknown> {
        let tenant = &self.dispatch.tenant;
        let row = self.around.store.run(tenant, run).await.map_err(Unknown::from)?;
        let (answered, tokens) = self.told(run).await?;
        let usage = Usage { tokens_in: tokens, calls: 1, ..Usage::default() };
        let Some((row, answered)) = row.zip(answered) else {
            let message = format!("child run {run} was left out, because what is kept of it is damaged");
            return Ok(Ended::failed(Failure::new(Class::Permanent, &message), usage, agendum_types::Money::ZERO));
        };
        match &answered.output {
            Some(_) if answered.status == RunStatus::Succeeded => self.succeeded(run, &row, &answered, usage).await,
            _ => Ok(Ended::failed(why(child, run, &answered, stopped), usage, row.spent)),
        }
    }

    /// How it was answered, and the tokens that it has used: those of its own children are booked there as well.
    async fn told(&self, run: RunId) -> Result<(Option<Answered>, u64), Unknown> {
        let mut pages = Pages::new(&*self.around.store, &self.dispatch.tenant, run, &TELLING);
        let (mut answered, mut tokens) = (None, 0_u64);
        while let Some(page) = pages.next().await.map_err(Unknown::from)? {
            for row in &page {
                let entry = rows::entry(row).map_err(Unknown::from)?;
                tokens = tokens.saturating_add(entry.booked.as_ref().map_or(0, |booked| booked.tokens));
                if let Record::Answered(of) = entry.record {
                    answered = Some(*of);
                }
            }
        }
        Ok((answered, tokens))
    }

    /// Its output is the task's: a payload of the parent, which may outlive it.
    async fn succeeded(&self, run: RunId, row: &RunRow, answered: &Answered, usage: Usage) -> Result<Ended, Unknown> {
        let (payloads, tenant) = (&self.around.payloads, &self.dispatch.tenant);
        let Some(output) = &answered.output else { return Err(Unknown("it succeeded without an output".to_owned())) };
        let bytes = match payloads.bytes(tenant, run, output).await {
            Ok(bytes) => bytes,
            Err(error) if error.class() == Class::Permanent => {
                let message = format!("the output of child run {run} cannot be read: {}", chain(&error));
                return Ok(Ended::failed(Failure::new(Class::Permanent, &message), usage, row.spent));
            }
            Err(error) => return Err(Unknown::from(error)),
        };
        let made = payloads.make(tenant, Payload { media: output.media.clone(), bytes }).await;
        let mut made = made.map_err(Unknown::from)?;
        made.reference.labels = output.labels.clone();
        let success = Success { output: made.reference.clone(), usage, raw_usage: None };
        Ok(Ended {
            outcome: Outcome::Succeeded(success),
            made: Some(made),
            spent: row.spent,
            degraded: answered.degraded,
        })
    }
}

/// The class is the child's, unless it was stopped from here; the message names it, and its task.
fn why(child: &Child, run: RunId, answered: &Answered, stopped: Option<Failure>) -> Failure {
    if let Some(stopped) = stopped {
        return Failure::new(stopped.class, &format!("{}: child run {run} has ended", stopped.message));
    }
    let Some(failed) = &answered.failure else {
        return Failure::new(Class::Cancelled, &format!("child run {run} was cancelled"));
    };
    // Of a task that was added to it later the graph here knows nothing.
    let known =
        |path: &&agendum_types::TaskPath| path.node().is_some_and(|node| (node.0 as usize) < child.graph.tasks.len());
    let task = failed.task.as_ref().filter(known).map(|path| format!(" in `{}`", child.graph.path_text(path)));
    let message = format!("child run {run}{}: {}", task.unwrap_or_default(), failed.failure.message);
    Failure::new(failed.failure.class, &message).labelled(&failed.failure.labels)
}
