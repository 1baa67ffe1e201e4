//! `why`: the sentence, then the table.

use super::Context;
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
    let mut why = session.client.why(&id, task, from).await?;
    if context.json {
        return show::json(&why);
    }
    if let Some(task) = task {
        // What is told of all items and rounds belongs to the question only if it is about all of them.
        let names = task.split('/').filter(|part| !part.starts_with("loop#")).collect::<Vec<_>>().join("/");
        let all = names == task && !task.contains('[');
        why.nodes.retain(|node| all && (node.task == names || node.task.starts_with(&format!("{names}/"))));
    }
    show::why(&why, task.is_some() || from > 0)
}
