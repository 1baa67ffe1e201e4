//! `run`: submit, follow, print the answer and where the time went.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;

use agendum_spec::Accepted;
use agendum_spec::inputs::Declared;
use agendum_store_sqlite::{Directory, private_file};
use agendum_wire::v1::Submit;
use serde_json::{Map, Value as Json};
use tokio::time::{Duration, Instant};

use super::attend::{Telling, attend};
use super::{Context, check};
use crate::args::Run;
use crate::client::Submitted;
use crate::failure::{Failure, UNREACHABLE};
use crate::host::data_folder;
use crate::hosting::{Need, Session, tell};
use crate::in_force::InForce;
use crate::{next, show};

/// How long a server in the background may take to listen, and how often it is looked for.
const START_WAIT: Duration = Duration::from_secs(5);
const START_LOOK: Duration = Duration::from_millis(50);
/// Bytes of a file with inputs: a request holds no more.
const INPUT_BYTES_MAX: u64 = 16 << 20;

pub(crate) async fn run(context: &Context, graph: &Path, asked: &Run, telling: Telling<'_>) -> Result<(), Failure> {
    let accepted = check::read(graph, &context.config.limits.0)?.runnable(context.json)?;
    let submission = submission(asked, &accepted)?;
    if asked.detach {
        start_server(context).await?;
    }
    let session = Session::open(&context.config, &context.data, Need::Engine).await?;
    let agreed = match telling {
        Telling::Whole => agree(context, &session, &accepted, &submission),
        Telling::Brief(_) => free(context, &session, &accepted),
    };
    if let Err(failure) = agreed {
        return Err(session.refused(failure, context.json).await);
    }
    if asked.detach {
        detach(context, session, &submission).await
    } else {
        attend(context, session, &submission, telling).await
    }
}

pub(super) fn submission(asked: &Run, accepted: &Accepted) -> Result<Submit, Failure> {
    let declared = Declared::of(&accepted.document);
    let schema = declared.schema();
    let given = inputs(asked, schema)?;
    let inputs = declared.prepare(given.clone()).map_err(|error| Failure::usage(error).hint(wanted(schema, &given)))?;
    let deadline_ms = asked.deadline.as_deref().map(milliseconds).transpose()?;
    Ok(Submit {
        document: Json::String(accepted.document.to_string()),
        inputs,
        priority: asked.priority.clone(),
        deadline_ms,
        budget_usd: asked.budget,
        strict: asked.strict,
        key: asked.key.clone(),
    })
}

/// What was typed, with what is missing; or, if it was not that alone, what kind of value each input is.
fn wanted(schema: &Json, given: &Json) -> String {
    let is_known = |name: &String| schema["properties"].get(name).is_some();
    let all_known = given.as_object().is_some_and(|given| given.keys().all(is_known));
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let missing: Vec<String> =
        required.filter(|name| given.get(*name).is_none()).map(|name| format!("--input {name}=…")).collect();
    if missing.is_empty() || !all_known {
        let known = schema["properties"].as_object().into_iter().flatten();
        let known: Vec<String> = known.map(|(name, one)| format!("{name} {}", kind(one))).collect();
        if known.is_empty() {
            return "leave --input out, or declare it under `inputs` of the document".to_owned();
        }
        return format!(
            "inputs of the graph: {}; a text that reads as JSON is quoted twice: -i name='\"42\"'",
            known.join(", ")
        );
    }
    let typed: Vec<String> = std::env::args().skip(1).map(|word| next::quoted(&word)).collect();
    format!("agendum {} {}", typed.join(" "), missing.join(" "))
}

fn kind(property: &Json) -> String {
    property
        .get("type")
        .map_or_else(|| "any".to_owned(), |kind| kind.as_str().map_or_else(|| kind.to_string(), str::to_owned))
}

/// What a person meant by the text of an input: JSON where the graph takes such a value, else the text itself if it takes texts.
pub(super) fn meant(property: &Json, text: String) -> Json {
    let Ok(parsed) = serde_json::from_str::<Json>(&text) else { return Json::String(text) };
    let name = match &parsed {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    let takes = |wanted: &str| match &property["type"] {
        Json::String(one) => one == wanted || (one == "number" && wanted == "integer"),
        Json::Array(some) => some.iter().any(|one| one == wanted || (one == "number" && wanted == "integer")),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => true,
    };
    if !takes(name) && takes("string") { Json::String(text) } else { parsed }
}

/// A span of time on the command line.
fn milliseconds(text: &str) -> Result<u64, Failure> {
    let span = agendum_spec::span(text).map(|span| span.0 / 1_000);
    span.ok_or_else(|| {
        Failure::usage(format!("--deadline {text} is no span of time")).hint(agendum_spec::no_span(text))
    })
}

/// `name=value` pairs over the object of a file.
fn inputs(asked: &Run, schema: &Json) -> Result<Json, Failure> {
    let (mut inputs, mut named) = (Map::new(), BTreeSet::new());
    if let Some(path) = &asked.inputs_file {
        let text =
            input_file(path).map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
        inputs = serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    }
    for pair in &asked.inputs {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| Failure::usage(format!("--input {pair}: expected NAME=VALUE")))?;
        let text = match value.strip_prefix('@') {
            Some(path) => input_file(Path::new(path))
                .map_err(|error| Failure::usage(format!("--input {name}: cannot read {path}: {error}")))?,
            None => value.to_owned(),
        };
        if !named.insert(name) {
            return Err(Failure::usage(format!("--input {name} is given twice")));
        }
        inputs.insert(name.to_owned(), meant(&schema["properties"][name], text));
    }
    Ok(Json::Object(inputs))
}

/// As much as a request may hold.
fn input_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > INPUT_BYTES_MAX {
        return Err(std::io::Error::other(format!("it is larger than {INPUT_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// Whose configuration is in force if another process owns the data directory: says so where it differs from this one, and refuses
/// what the owner cannot do.
pub(super) fn agree(
    context: &Context,
    session: &Session,
    accepted: &Accepted,
    submission: &Submit,
) -> Result<(), Failure> {
    let Some((owner, theirs)) = session.in_force() else { return Ok(()) };
    let ours = InForce::of(&context.config);
    let differences = theirs.differences(&ours);
    if differences.is_empty() {
        return Ok(());
    }
    let lacks = theirs.lacks(accepted, &submission.inputs, &context.data, &context.config.limits.0);
    if lacks.is_empty() {
        tell(&theirs.note(owner, &context.data, &ours, &differences));
        return Ok(());
    }
    let hosted = theirs.hosted(owner, &context.data);
    let lacks = lacks.into_iter().collect::<Vec<_>>().join("; ");
    let again = context.config.file.as_ref().map_or_else(String::new, |file| {
        format!(" and start it with --config {}", next::quoted(&file.display().to_string()))
    });
    Err(Failure::usage(format!("{hosted}, and that has not what the graph needs: {lacks}"))
        .hint(format!("stop it (kill {}){again}, or use another data directory: --data DIR", owner.pid)))
}

/// What shall cost nothing is not left to an owner whose targets might.
fn free(context: &Context, session: &Session, accepted: &Accepted) -> Result<(), Failure> {
    let Some((owner, theirs)) = session.in_force() else { return Ok(()) };
    let Some(target) = theirs.stranger(&InForce::of(&context.config), &accepted.graph) else { return Ok(()) };
    let hosted = theirs.hosted(owner, &context.data);
    Err(Failure::usage(format!("{hosted}, whose target {target} may cost money"))
        .hint("use another data directory: --data DIR"))
}

/// Starts a server in the background if nobody owns the data directory.
async fn start_server(context: &Context) -> Result<(), Failure> {
    if Directory::look(&context.data).owner().is_some() {
        return Ok(());
    }
    context.config.sound()?;
    let program = std::env::current_exe()?;
    let mut command = std::process::Command::new(program);
    command.arg("serve").arg("--data").arg(&context.data);
    if let Some(file) = &context.config.file {
        command.arg("--config").arg(file);
    }
    data_folder(&context.data)?;
    let log = private_file(&context.data.join("serve.log"))?;
    log.set_len(0)?;
    use std::os::unix::process::CommandExt as _;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
    let mut child = command.spawn()?;
    let mut said = format!("the server in the background did not start within {} s", START_WAIT.as_secs());
    let until = Instant::now() + START_WAIT;
    while Instant::now() < until {
        tokio::time::sleep(START_LOOK).await;
        if let Some(owner) = Directory::look(&context.data).owner().filter(|owner| !owner.address.is_empty()) {
            if !context.json {
                let pid = owner.pid;
                tell(&format!(
                    "started a server in the background; kill {pid} stops it, and what is open goes on later"
                ));
            }
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            said = format!("the server in the background did not start: {status}");
            break;
        }
    }
    let log = next::quoted(&context.data.join("serve.log").display().to_string());
    Err(Failure::new(UNREACHABLE, said).hint(format!("it may have said why: cat {log}")))
}

/// Leaves the run to the server of the data directory.
async fn detach(context: &Context, mut session: Session, submission: &Submit) -> Result<(), Failure> {
    let Submitted { id, replayed, joined } = session.submit(&context.config, submission).await?;
    session.close().await?;
    if context.json {
        let mut told = serde_json::json!({ "id": id });
        for (word, _) in [("replayed", replayed), ("joined", joined)].into_iter().filter(|(_, holds)| *holds) {
            told[word] = true.into();
        }
        writeln!(show::out(), "{told}")?;
    } else {
        writeln!(show::out(), "{id}")?;
        writeln!(show::err(), "next: {} runs watch {id}", next::hosting())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::meant;

    #[test]
    fn an_input_is_what_the_graph_takes() {
        let text = json!({ "type": "string" });
        let number = json!({ "type": "number" });
        let either = json!({ "type": ["string", "integer"] });
        let cases = [
            (&text, "42"),
            (&text, "true"),
            (&text, "\"42\""),
            (&text, "{}"),
            (&number, "42"),
            (&number, "x"),
            (&either, "42"),
            (&either, "4.2"),
            (&json!(null), "[1]"),
            (&json!(null), "a b"),
        ];
        let lines: Vec<String> = cases
            .iter()
            .map(|(property, given)| {
                format!("{given} as {} is {}", super::kind(property), meant(property, (*given).to_owned()))
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        42 as string is "42"
        true as string is "true"
        "42" as string is "42"
        {} as string is "{}"
        42 as number is 42
        x as number is "x"
        42 as ["string","integer"] is 42
        4.2 as ["string","integer"] is "4.2"
        [1] as any is [1]
        a b as any is "a b"
        "#);
    }
}
