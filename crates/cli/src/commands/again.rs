//! `runs retry`, `runs fork`: a new run that takes over what another one did.

use std::io::Write as _;

use reqwest::Response;
use serde_json::{Map, Value as Json, json};

use super::run::meant;
use super::{Context, attend};
use crate::args::Anew;
use crate::failure::{Failure, USAGE};
use crate::hosting::{Session, tell};
use crate::{next, show};

pub(super) async fn retry(context: &Context, session: &mut Session, run: &str, anew: Anew) -> Result<(), Failure> {
    let id = session.client.resolve(run).await?;
    let asked = json!({ "from": anew.from, "again": anew.again });
    follow(context, session, &id, "retry", &asked).await
}

pub(super) async fn fork(
    context: &Context,
    session: &mut Session,
    run: &str,
    inputs: &[String],
    anew: Anew,
) -> Result<(), Failure> {
    let id = session.client.resolve(run).await?;
    let schema = schema(session, &id).await?;
    let mut changed = Map::new();
    for pair in inputs {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| Failure::usage(format!("--input {pair}: expected NAME=VALUE")))?;
        changed.insert(name.to_owned(), meant(&schema["properties"][name], value.to_owned()));
    }
    let asked = json!({ "from": anew.from, "again": anew.again, "inputs": changed });
    follow(context, session, &id, "fork", &asked).await
}

/// What the run's graph takes: its document is the second line of what is exported.
async fn schema(session: &Session, id: &str) -> Result<Json, Failure> {
    let begun = lines(session.client.export(id).await?, 2).await?;
    let document = begun.split(|byte| *byte == b'\n').nth(1).and_then(|line| serde_json::from_slice::<Json>(line).ok());
    Ok(document.map_or(Json::Null, |line| line["document"]["inputs"].clone()))
}

/// What an answer begins with: so many lines, and no more is read of it than their last piece.
async fn lines(mut answer: Response, count: usize) -> Result<Vec<u8>, Failure> {
    let (mut read, mut ended) = (Vec::new(), 0);
    while ended < count {
        let Some(piece) = answer.chunk().await? else { break };
        ended += piece.iter().filter(|byte| **byte == b'\n').count();
        read.extend_from_slice(&piece);
    }
    Ok(read)
}

/// Submits it, and follows it to its end as `runs watch` does.
async fn follow(context: &Context, session: &mut Session, id: &str, how: &str, asked: &Json) -> Result<(), Failure> {
    let (new, kept) = match session.client.run_again(id, how, asked).await {
        Ok(new) => new,
        Err(failure) => return Err(taken_over(session, id, failure).await),
    };
    if !context.json {
        tell(&format!("{how} of {id}: run {new}"));
    }
    if !kept.is_null() {
        of_kept(context, &kept)?;
    }
    let mut follower = show::Follower::new(&new, context.json);
    let detail = attend::answer(context, session, &mut follower, &new, context.json).await?;
    let verdict = attend::conclude(context, session, &new, &detail, attend::Telling::Whole).await?;
    // What follows the answer is of this run, and so is what it takes back.
    attend::after(session, &mut follower).await?;
    verdict
}

/// The task from which it was to run again keeps what it gave.
fn of_kept(context: &Context, kept: &Json) -> Result<(), Failure> {
    if context.json {
        let line = json!({ "type": "kept", "task": kept["task"], "why": kept["why"] });
        return Ok(writeln!(show::out(), "{line}")?);
    }
    tell(&kept_line(kept));
    Ok(())
}

fn kept_line(kept: &Json) -> String {
    let task = kept["task"].as_str().unwrap_or_default();
    let why = if kept["why"] == "child" {
        "it is a run of its own, which may have had an effect"
    } else {
        "it had an effect"
    };
    format!("{task} itself is kept, for {why} that is not repeated unasked: to run it again, say --again {task}")
}

/// A refusal, with the command that goes on where another run has gone on already.
async fn taken_over(session: &Session, id: &str, failure: Failure) -> Failure {
    let other = if failure.code == USAGE { session.client.run(id, 0).await.ok() } else { None };
    match other.and_then(|detail| detail.went_on) {
        Some(other) => failure.or_hint(format!("{} runs retry {other}", next::hosting())),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::{kept_line, lines};

    #[test]
    fn what_is_kept_is_told_with_what_to_say_instead() {
        let told = ["child", "effect"].map(|why| kept_line(&serde_json::json!({ "task": "pay", "why": why })));
        let rest = "that is not repeated unasked: to run it again, say --again pay";
        assert_eq!(
            told[0],
            format!("pay itself is kept, for it is a run of its own, which may have had an effect {rest}")
        );
        assert_eq!(told[1], format!("pay itself is kept, for it had an effect {rest}"));
    }

    /// A large run's export takes long: here it never ends.
    #[tokio::test]
    async fn no_more_is_read_than_is_needed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let mut caller = listener.accept().unwrap().0;
            let read = caller.read(&mut [0; 4_096]).unwrap();
            for piece in ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\na\nb\r\n", "3\r\nc\nd\r\n"] {
                caller.write_all(piece.as_bytes()).unwrap();
            }
            // Until the caller hangs up.
            (read, caller.read(&mut [0; 16]).unwrap_or(0))
        });
        let begun = lines(reqwest::get(url).await.unwrap(), 2).await.unwrap();
        assert!(begun.starts_with(b"a\nbc\n"), "{begun:?}");
        let (asked, more) = tokio::task::spawn_blocking(|| served.join().unwrap()).await.unwrap();
        assert!(asked > 0 && more == 0);
    }
}
