//! `export`: a run as lines of JSON, for machines.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

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
    let mut out = Out::new(to)?;
    // The end of what has come: a line may come in pieces.
    let mut tail = Vec::new();
    while let Some(piece) = lines.chunk().await? {
        out.writer().write_all(&piece)?;
        tail.extend_from_slice(&piece);
        let surplus = tail.len().saturating_sub(END.len());
        tail.drain(..surplus);
    }
    if tail != END {
        return Err(Failure::new(FAILED, format!("the export of {id} is not whole")));
    }
    out.complete()
}

/// Where it goes.
enum Out<'a> {
    /// A terminal, a pipe, a device.
    Stream(Box<dyn Write>),
    /// A file, which takes its name once it is whole: what has that name already stays until then. Only this user can read it.
    File(NamedTempFile, &'a Path),
}

impl<'a> Out<'a> {
    fn new(to: Option<&'a Path>) -> Result<Self, Failure> {
        let Some(path) = to else { return Ok(Self::Stream(Box::new(show::out()))) };
        let cannot = |error| Failure::usage(format!("cannot write {}: {error}", path.display()));
        if path.exists() && !path.is_file() {
            return Ok(Self::Stream(Box::new(File::create(path).map_err(cannot)?)));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        Ok(Self::File(NamedTempFile::new_in(folder).map_err(cannot)?, path))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stream(stream) => stream,
            Self::File(file, _) => file,
        }
    }

    fn complete(mut self) -> Result<(), Failure> {
        self.writer().flush()?;
        match self {
            Self::Stream(_) => Ok(()),
            Self::File(file, path) => {
                let kept = file.persist(path);
                kept.map(drop).map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))
            }
        }
    }
}
