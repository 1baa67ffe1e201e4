//! `export`: a run as lines of JSON, for machines.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::Context;
use crate::failure::{FAILED, Failure};
use crate::hosting::{Need, Session};
use crate::show;

/// How a whole export ends.
const END: &[u8] = b"{\"type\":\"end\"}\n";

pub(crate) async fn export(context: &Context, run: &str, to: Option<&Path>) -> Result<(), Failure> {
    let session = Session::open(&context.config, &context.data, Need::Reading).await?;
    let written = write(&session, run, to).await;
    session.stop().await;
    written
}

async fn write(session: &Session, run: &str, to: Option<&Path>) -> Result<(), Failure> {
    let id = session.client.resolve(run).await?;
    let mut lines = session.client.export(&id).await?;
    let mut out: Box<dyn Write> = match to {
        None => Box::new(show::out()),
        Some(path) => {
            let made = File::create(path);
            Box::new(made.map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))?)
        }
    };
    // The end of what has come: a line may come in pieces.
    let mut tail = Vec::new();
    while let Some(piece) = lines.chunk().await? {
        out.write_all(&piece)?;
        tail.extend_from_slice(&piece);
        let surplus = tail.len().saturating_sub(END.len());
        tail.drain(..surplus);
    }
    out.flush()?;
    if tail == END { Ok(()) } else { Err(Failure::new(FAILED, format!("the export of {id} is not whole"))) }
}
