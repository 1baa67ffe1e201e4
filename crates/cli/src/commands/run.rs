//! `run`: submit, follow, print the answer and where the time went.

use std::io::Write as _;
use std::process::Stdio;

use agendum_wire::v1::{RunDetail, Submit};
use serde_json::{Map, Value as Json};

use super::{Context, check};
use crate::args::Run;
use crate::failure::{FAILED, Failure, INTERRUPTED, LIMIT};
use crate::host::{Need, Session};
use crate::programs::Example;
use crate::show;

pub(crate) async fn run(context: &Context, asked: &Run) -> Result<(), Failure> {
    let accepted = check::read(&asked.graph, &context.config.limits.0)?.runnable(context.json)?;
    let inputs = inputs(asked)?;
    let schema = agendum_spec::inputs::schema(&accepted.document);
    let inputs = agendum_spec::inputs::prepare(&schema, inputs).map_err(|error| {
        let named = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let example: Vec<String> = named.map(|name| format!("--input {name}=…")).collect();
        Failure::usage(error).hint(format!("agendum run {} {}", asked.graph.display(), example.join(" ")))
    })?;
    let deadline_ms = match asked.deadline.as_deref() {
        None => None,
        Some(text) => {
            let span: jiff::SignedDuration =
                text.parse().map_err(|error| Failure::usage(format!("--deadline {text}: {error}")))?;
            Some(u64::try_from(span.as_millis()).map_err(|_| Failure::usage("--deadline must not be negative"))?)
        }
    };
    let submission = Submit {
        document: Json::String(accepted.document.to_string()),
        inputs,
        priority: asked.priority.clone(),
        deadline_ms,
        budget_usd: asked.budget,
        strict: asked.strict,
    };
    if asked.detach {
        return detach(context, &submission).await;
    }
    let session = Session::open(&context.config, &context.data, Need::Engine).await?;
    let ended = attend(context, &session, &submission).await;
    session.close().await;
    ended
}

/// `name=value` pairs over the object of a file.
fn inputs(asked: &Run) -> Result<Json, Failure> {
    let mut inputs = Map::new();
    if let Some(path) = &asked.inputs_file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
        inputs = serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    }
    for pair in &asked.inputs {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| Failure::usage(format!("--input {pair}: expected NAME=VALUE")))?;
        let text = match value.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("--input {name}: cannot read {path}: {error}")))?,
            None => value.to_owned(),
        };
        inputs.insert(name.to_owned(), serde_json::from_str(&text).unwrap_or(Json::String(text)));
    }
    Ok(Json::Object(inputs))
}

async fn attend(context: &Context, session: &Session, submission: &Submit) -> Result<(), Failure> {
    let client = &session.client;
    let id = client.submit(submission).await?;
    let following = async {
        show::follow(client, &id, context.json).await?;
        client.answer(&id, context.json).await
    };
    let detail = tokio::select! {
        detail = following => detail?,
        _ = tokio::signal::ctrl_c() => {
            writeln!(anstream::stderr(), "cancelling {id} …")?;
            // It may just have ended.
            let _ended = client.command(&id, "cancel").await;
            let grace = std::time::Duration::from_secs(5);
            let _late = tokio::time::timeout(grace, client.answer(&id, false)).await;
            return Err(Failure::silent(INTERRUPTED));
        }
    };
    let why = client.why(&id, None, 0).await?;
    if context.json {
        let line = serde_json::json!({ "type": "result", "run": detail, "why": why });
        writeln!(anstream::stdout(), "{line}")?;
    } else {
        show::timeline(&mut anstream::stderr(), &why, &detail)?;
        show::output(&detail)?;
        writeln!(anstream::stderr(), "\nnext: agendum why {}", id)?;
    }
    if session.is_host() {
        settle(session, &id).await?;
    }
    verdict(&detail)
}

/// The answer is out; what the document wants done after it still needs this process.
async fn settle(session: &Session, id: &str) -> Result<(), Failure> {
    let mut told = false;
    while !session.client.status(id).await?.done {
        if !std::mem::replace(&mut told, true) {
            writeln!(
                anstream::stderr(),
                "still running: what comes after the answer; Ctrl-C leaves it to the next command"
            )?;
        }
        tokio::select! {
            () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
    Ok(())
}

/// The exit code of a run.
pub(crate) fn verdict(detail: &RunDetail) -> Result<(), Failure> {
    match detail.run.status.as_str() {
        "succeeded" => Ok(()),
        "cancelled" => Err(Failure::new(FAILED, format!("run {} was cancelled", detail.run.id))),
        _ => {
            let (class, message) = detail
                .error
                .as_ref()
                .map_or(("", "without a reason"), |error| (error.class.as_str(), error.message.as_str()));
            let code = if matches!(class, "deadline_exceeded" | "budget_exceeded") { LIMIT } else { FAILED };
            let task = detail
                .error
                .as_ref()
                .and_then(|error| error.task.as_ref())
                .map_or(String::new(), |task| format!(" in {task}"));
            let hint = match Example::named(&detail.run.graph).filter(|example| example.lacks_a_program()) {
                Some(example) => format!("agendum doctor {} says which programs are missing", example.name()),
                None => format!("agendum why {}", detail.run.id),
            };
            Err(Failure::new(code, format!("the run failed{task}: {class}: {message}")).hint(hint))
        }
    }
}

/// Hands the run to the server of the data directory, starting one if there is none.
async fn detach(context: &Context, submission: &Submit) -> Result<(), Failure> {
    use agendum_store_sqlite::Directory;
    if Directory::look(&context.data).owner().is_none() {
        let program = std::env::current_exe()?;
        let mut command = std::process::Command::new(program);
        command.arg("serve").arg("--data").arg(&context.data);
        if let Some(file) = &context.config.file {
            command.arg("--config").arg(file);
        }
        std::fs::create_dir_all(&context.data)?;
        let log = std::fs::File::create(context.data.join("serve.log"))?;
        use std::os::unix::process::CommandExt as _;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0).spawn()?;
        for _ in 0..100 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            if Directory::look(&context.data).owner().is_some_and(|owner| !owner.address.is_empty()) {
                break;
            }
        }
    }
    let session = Session::open(&context.config, &context.data, Need::Engine).await?;
    let id = session.client.submit(submission).await?;
    session.close().await;
    if context.json {
        writeln!(anstream::stdout(), "{}", serde_json::json!({ "id": id }))?;
    } else {
        writeln!(anstream::stdout(), "{id}")?;
        writeln!(anstream::stderr(), "next: agendum runs watch {id}")?;
    }
    Ok(())
}
