//! What a child run that is done means for the task of its parent.

use agendum_core::{Answered, Entry, Record};
use agendum_ports::{Payload, chain};
use agendum_types::graph::{Child, Section};
use agendum_types::{Class, Failure, Money, Outcome, RunId, RunStatus, Success, TaskPath, Timestamp, Usage};
use agendum_wire::journal::Kind;

use super::{Ended, Launch, Unknown};
use crate::pages::Pages;
use crate::rows;

/// Records that say how a run was answered, and those that settle what an attempt has cost.
const TELLING: [Kind; 4] = [Kind::Answered, Kind::Finished, Kind::Ended, Kind::Abandoned];

/// What a child's records tell.
#[derive(Default)]
struct Told {
    /// How it was answered.
    answered: Option<Answered>,
    /// The tokens that its answer has cost.
    tokens: u64,
    /// The money that was spent on what comes after that.
    later: Money,
}

impl Launch {
    pub(super) async fn ended(&self, child: &Child, run: RunId, stopped: Option<Failure>) -> Result<Ended, Unknown> {
        let tenant = &self.dispatch.tenant;
        let row = self.around.store.run(tenant, run).await.map_err(Unknown::from)?;
        let Told { answered, tokens, later } = self.told(child, run).await?;
        let usage = Usage { tokens_in: tokens, calls: 1, ..Usage::default() };
        let Some((row, answered)) = row.zip(answered) else {
            let message = format!("child run {run} was left out, because what is kept of it is damaged");
            return Ok(Ended::failed(Failure::new(Class::Permanent, &message), usage, Money::ZERO));
        };
        // As for any run, what comes after its answer is no budget's: the windows have paid for it.
        let spent = row.spent.minus(later);
        match &answered.output {
            Some(_) if answered.status == RunStatus::Succeeded => self.succeeded(run, spent, &answered, usage).await,
            _ => Ok(Ended::failed(why(child, run, &answered, stopped), usage, spent)),
        }
    }

    /// What its records tell; what its own children have used is booked there as well.
    async fn told(&self, child: &Child, run: RunId) -> Result<Told, Unknown> {
        let mut pages = Pages::new(&*self.around.store, &self.dispatch.tenant, run, &TELLING);
        let (mut told, mut at) = (Told::default(), Timestamp::MAX);
        while let Some(page) = pages.next().await.map_err(Unknown::from)? {
            for row in &page {
                let Entry { record, booked, .. } = rows::entry(row).map_err(Unknown::from)?;
                if let (Some(booked), Record::Task { path, .. }) = (booked, &record) {
                    match told.answered.is_none() || is_main(child, path, booked.taken < at) {
                        true => told.tokens = told.tokens.saturating_add(booked.tokens),
                        false => told.later = told.later.plus(booked.cost),
                    }
                }
                if let Record::Answered(of) = record {
                    (told.answered, at) = (Some(*of), row.at);
                }
            }
        }
        Ok(told)
    }

    /// Its output is the task's: a payload of the parent, which may outlive it.
    async fn succeeded(&self, run: RunId, spent: Money, answered: &Answered, usage: Usage) -> Result<Ended, Unknown> {
        let (payloads, tenant) = (&self.around.payloads, &self.dispatch.tenant);
        let Some(output) = &answered.output else { return Err(Unknown("it succeeded without an output".to_owned())) };
        let bytes = match payloads.bytes(tenant, run, output).await {
            Ok(bytes) => bytes,
            Err(error) if error.class() == Class::Permanent => {
                let message = format!("the output of child run {run} cannot be read: {}", chain(&error));
                return Ok(Ended::failed(Failure::new(Class::Permanent, &message), usage, spent));
            }
            Err(error) => return Err(Unknown::from(error)),
        };
        let made = payloads.make(tenant, Payload { media: output.media.clone(), bytes }).await;
        let mut made = made.map_err(Unknown::from)?;
        made.reference.labels = output.labels.clone();
        let success = Success { output: made.reference.clone(), usage, raw_usage: None };
        Ok(Ended { outcome: Outcome::Succeeded(success), made: Some(made), spent, degraded: answered.degraded })
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
    let known = |path: &&TaskPath| path.node().is_some_and(|node| (node.0 as usize) < child.graph.tasks.len());
    let task = failed.task.as_ref().filter(known).map(|path| format!(" in `{}`", child.graph.path_text(path)));
    let message = format!("child run {run}{}: {}", task.unwrap_or_default(), failed.failure.message);
    Failure::new(failed.failure.class, &message).labelled(&failed.failure.labels)
}

/// True if its budget pays for the task. Of one that was added to it later only the time tells: whether it was begun before the answer.
fn is_main(child: &Child, path: &TaskPath, before: bool) -> bool {
    let task = path.node().and_then(|node| child.graph.tasks.get(node.0 as usize));
    task.map_or(before, |task| task.section == Section::Main)
}
