//! `run --watch`: a run anew with every edit, which takes the place of the one before.

mod echo;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use agendum_spec::Accepted;
use agendum_types::OnNew;
use agendum_wire::v1::Submit;
use serde_json::{Value as Json, json};
use tokio::time::timeout;

use super::attend::{CANCEL_WAIT, Telling, answer, conclude};
use super::{Context, check, run};
use crate::args::Run;
use crate::failure::{Failure, INTERRUPTED, UNREACHABLE};
use crate::hosting::{Need, Session, Signal, signalled, tell};
use crate::watched::Watched;
use crate::{next, show};
use echo::{Echoes, Follows};

/// Where the document says nothing of concurrency: how long an edit settles before it is run.
const SETTLE: &str = "200ms";
/// How long after the end of a run it may have been the run that changed something: so much later at most that is seen.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// Files that are named in one sentence.
const NAMED_MAX: usize = 4;

type Signalled = Pin<Box<dyn Future<Output = std::io::Result<Signal>>>>;

/// The run that is followed.
struct Following {
    id: String,
    follower: show::Follower,
    /// The next run takes its place.
    gives_way: bool,
}

struct Watching<'a> {
    context: &'a Context,
    graph: &'a Path,
    asked: &'a Run,
    paths: &'a [PathBuf],
    session: Session,
    watched: Watched,
    /// The group of this session's runs, if the document names none.
    key: String,
    /// What the owner of the data directory has was compared.
    agreed: bool,
    echoes: Echoes,
    /// When the last run began, and when it ended.
    begun: Instant,
    ended: Option<Instant>,
}

pub(crate) async fn watch(context: &Context, graph: &Path, asked: &Run, paths: &[PathBuf]) -> Result<(), Failure> {
    if let Some(missing) = paths.iter().map(PathBuf::as_path).chain([graph]).find(|path| !path.exists()) {
        return Err(Failure::usage(format!("there is nothing to watch at {}", missing.display())));
    }
    let mut signal: Signalled = Box::pin(signalled());
    let session = Session::open(&context.config, &context.data, Need::Engine).await?;
    let key = format!("watch {} {}", std::process::id(), jiff::Timestamp::now().as_microsecond());
    let watched = Watched::new(&context.data);
    let (agreed, echoes, begun, ended) = (false, Echoes::default(), Instant::now(), None);
    let mut watching = Watching { context, graph, asked, paths, session, watched, key, agreed, echoes, begun, ended };
    match watching.go(&mut signal).await {
        Ok(Signal::Interrupt) => {
            watching.session.close().await?;
            Err(Failure::silent(INTERRUPTED))
        }
        Ok(Signal::Terminate) => {
            watching.session.stop().await;
            Err(Failure::silent(INTERRUPTED))
        }
        Err(failure) => Err(watching.session.refused(failure, context.json).await),
    }
}

impl Watching<'_> {
    async fn go(&mut self, signal: &mut Signalled) -> Result<Signal, Failure> {
        let (mut current, mut edited) = (None::<Following>, true);
        loop {
            if edited && current.as_ref().is_none_or(|run| run.gives_way) {
                edited = false;
                if let Some(new) = self.submit().await? {
                    current = Some(self.replaces(current, new)?);
                }
            }
            let Some(run) = &mut current else {
                tokio::select! {
                    changed = self.watched.changed() => edited = self.follows(changed?, false),
                    caught = &mut *signal => return Ok(caught?),
                }
                continue;
            };
            let json = self.context.json;
            tokio::select! {
                answered = answer(self.context, &mut self.session, &mut run.follower, &run.id, json) => {
                    let detail = answered?;
                    let id = run.id.clone();
                    let verdict = conclude(self.context, &mut self.session, &id, &detail, Telling::Whole).await?;
                    if let Err(failure) = verdict {
                        failure.print(json);
                    }
                    (current, self.ended) = (None, Some(Instant::now()));
                    if !edited {
                        tell(&format!("watching {}; Ctrl-C ends this", show::counted(self.watched.count(), "file")));
                    }
                }
                changed = self.watched.changed() => match changed {
                    Ok(files) => edited |= self.follows(files, true),
                    Err(failure) => {
                        run.follower.close()?;
                        self.leaves(&run.id.clone(), Signal::Interrupt).await;
                        return Err(failure);
                    }
                },
                caught = &mut *signal => {
                    let caught = caught?;
                    run.follower.close()?;
                    self.leaves(&run.id.clone(), caught).await;
                    return Ok(caught);
                }
            }
        }
    }

    /// True if a run follows a change. One that each run makes itself begins none in the end, and that is said once.
    fn follows(&mut self, files: BTreeSet<PathBuf>, under_way: bool) -> bool {
        let at_work = under_way || self.ended.is_some_and(|ended| ended.elapsed() < AFTERWARDS);
        match self.echoes.changed(files, at_work.then(|| self.begun.elapsed())) {
            Follows::Run => true,
            Follows::Nothing(told) => {
                told.iter().for_each(|(files, runs)| tell(&echoed(files, *runs)));
                false
            }
        }
    }

    /// The run that is under way is not wanted any more; or, where the machine wants this process to go, is left open.
    async fn leaves(&mut self, id: &str, caught: Signal) {
        if caught == Signal::Terminate {
            tell(&format!("stopped: run {id} is left open; next: {} runs watch {id}", next::hosting()));
            return;
        }
        tell(&format!("cancelling {id} …"));
        // It may just have ended.
        let _ended = self.session.client.command(id, "cancel").await;
        let _answered = timeout(CANCEL_WAIT, self.session.client.answer(id, false)).await;
    }

    /// Says whose place a new run takes.
    fn replaces(&self, current: Option<Following>, new: Following) -> Result<Following, Failure> {
        if let Some(mut old) = current.filter(|old| old.id != new.id) {
            old.follower.close()?;
            if self.context.json {
                show::json(&json!({ "type": "replaced", "run": old.id, "by": new.id }))?;
            } else {
                tell(&format!("{} is replaced by {}", old.id, new.id));
            }
        }
        Ok(new)
    }

    /// Reads everything anew and submits it. `None` if it cannot be run as it is now: that was said, and the next edit may mend it.
    async fn submit(&mut self) -> Result<Option<Following>, Failure> {
        match self.submitted().await {
            Ok(following) => Ok(Some(following)),
            // With no files to watch nothing could mend it.
            Err(failure) if failure.code == UNREACHABLE || self.watched.count() == 0 => Err(failure),
            Err(failure) => {
                failure.print(self.context.json);
                tell(&format!("watching {}: the next edit may mend it", show::counted(self.watched.count(), "file")));
                Ok(None)
            }
        }
    }

    async fn submitted(&mut self) -> Result<Following, Failure> {
        // What is edited from here on is an edit of its own.
        if self.watched.count() == 0 {
            self.watched.name(self.names(Vec::new())).await?;
        }
        let document = check::read(self.graph, &self.context.config.limits.0)?;
        self.watched.name(self.names(document.files())).await?;
        let accepted = document.runnable(self.context.json)?;
        let mut submission = run::submission(self.asked, &accepted)?;
        if !std::mem::replace(&mut self.agreed, true) {
            run::agree(self.context, &self.session, &accepted, &submission)?;
        }
        let gives_way = self.group(&accepted, &mut submission)?;
        let id = self.session.submit(&self.context.config, &submission).await?.id;
        self.echoes.begun();
        self.begun = Instant::now();
        let follower = show::Follower::new(&id, self.context.json);
        Ok(Following { id, follower, gives_way })
    }

    /// The document, what it names, where its inputs come from, and what the caller named.
    fn names(&self, files: Vec<PathBuf>) -> Vec<PathBuf> {
        let of_inputs = self.asked.inputs.iter().filter_map(|pair| pair.split_once("=@"));
        let of_inputs = of_inputs.map(|(_, path)| PathBuf::from(path)).chain(self.asked.inputs_file.clone());
        files.into_iter().chain(of_inputs).chain([self.graph.to_owned()]).chain(self.paths.to_vec()).collect()
    }

    /// Puts the run into the group of this session, if its document names none; true if it gives way to the next.
    fn group(&self, accepted: &Accepted, submission: &mut Submit) -> Result<bool, Failure> {
        if let Some((_, turns)) = accepted.graph.concurrency {
            return Ok(turns.on_new == OnNew::Replace);
        }
        let mut document: Json = serde_json::from_str(&accepted.document.to_string())?;
        document["concurrency"] = json!({ "key": self.key, "on_new": "replace", "settle": SETTLE });
        submission.document = Json::String(document.to_string());
        Ok(true)
    }
}

/// What is said of files that runs write themselves.
fn echoed(files: &[PathBuf], runs: u32) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let name = |file: &PathBuf| next::quoted(&file.strip_prefix(&here).unwrap_or(file).display().to_string());
    let mut named: Vec<String> = files.iter().take(NAMED_MAX).map(name).collect();
    named.extend((files.len() > NAMED_MAX).then(|| "…".to_owned()));
    let (named, them) = (named.join(", "), if files.len() == 1 { "it" } else { "them" });
    format!(
        "{named} changed while each of the last {runs} runs was at work: they seem to write {them}, and that begins none any more. Save \
         {them} again when no run is under way, or watch other folders: --watch PATH"
    )
}
