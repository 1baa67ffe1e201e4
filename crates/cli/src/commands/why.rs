//! `why`: the sentence, then the table.

use agendum_wire::v1::names;

use super::Context;
use super::attend::READING;
use super::patience::patiently;
use crate::failure::Failure;
use crate::hosting::{Need, Session};
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
    if context.json {
        return show::json(&why);
    }
    if let Some(task) = task {
        // What is told of all items and rounds belongs to the question only if it is about all of them.
        let below = format!("{task}/");
        why.nodes.retain(|node| names(task) == task && (node.task == task || node.task.starts_with(&below)));
    }
    show::why(&why, task.is_some() || from > 0)
}
