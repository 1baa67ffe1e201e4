//! `why`: the sentence, then the table.

use super::Context;
use crate::failure::Failure;
use crate::host::{Need, Session};
use crate::show;

pub(crate) async fn why(context: &Context, run: &str, task: Option<&str>) -> Result<(), Failure> {
    let session = Session::open(&context.config, &context.data, Need::Reading).await?;
    let told = tell(context, &session, run, task).await;
    session.close().await;
    told
}

async fn tell(context: &Context, session: &Session, run: &str, task: Option<&str>) -> Result<(), Failure> {
    let id = session.client.resolve(run).await?;
    let mut why = session.client.why(&id).await?;
    if let Some(task) = task {
        let known: Vec<String> = why.tasks.iter().map(|one| one.task.clone()).collect();
        let inside = format!("{task}/");
        let items = format!("{task}[");
        why.tasks.retain(|one| one.task == task || one.task.starts_with(&inside) || one.task.starts_with(&items));
        if why.tasks.is_empty() {
            return Err(Failure::usage(format!("run {id} has no task {task:?}"))
                .hint(format!("its tasks: {}", known.join(", "))));
        }
    }
    if context.json { show::json(&why) } else { show::why(&why) }
}
