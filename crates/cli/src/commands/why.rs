//! `why`: the sentence, then the table.

use agendum_wire::v1::names;

use super::Context;
use super::attend::READING;
use super::patience::patiently;
use crate::failure::Failure;
use crate::hosting::{Need, Session};
use crate::next;
use crate::show;

pub(crate) async fn why(context: &Context, run: &str, task: Option<&str>, from: usize) -> Result<(), Failure> {
    let session = Session::open(&context.config, &context.data, Need::Reading).await?;
    let told = tell(context, &session, run, task, from).await;
    session.stop().await;
    told
}

async fn tell(context: &Context, session: &Session, run: &str, task: Option<&str>, from: usize) -> Result<(), Failure> {
    let id = session.client.resolve(run).await?;
    let mut why = patiently(context.json, READING, session.client.why(&id, task, from)).await?;
    let mut nodes = why.nodes.clone();
    if let Some(task) = task {
        // What is told of all items and rounds belongs to the question only if it is about all of them.
        let below = format!("{task}/");
        nodes.retain(|node| names(task) == task && (node.task == task || node.task.starts_with(&below)));
        if from == 0 && why.tasks.is_empty() && nodes.is_empty() {
            return Err(nothing(&why.run, task));
        }
    }
    if context.json {
        return show::json(&why);
    }
    why.nodes = nodes;
    show::why(&why, task.is_some() || from > 0)
}

/// The graph has such a task, and the run has not: an item that there is not, or one of a task that has not begun.
fn nothing(run: &str, task: &str) -> Failure {
    let all = names(task);
    let why = if all == task { "it has not begun" } else { "there is no such item or round, or it has not begun" };
    Failure::usage(format!("run {run} has nothing of {task:?}: {why}")).hint(format!(
        "{} why {run} {} tells of all that there is",
        next::reading(),
        all.split('/').next().unwrap_or(&all)
    ))
}
