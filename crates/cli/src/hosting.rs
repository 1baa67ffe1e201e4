//! Client or owner: how a command comes to a server of its data directory, comes back to it, and how long it hosts one.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agendum_ports::{RunRow, StoreError};
use agendum_store_sqlite::{Directory, Owner};
use agendum_wire::v1::{Run, Submit};
use tokio::time::{Instant, sleep};

use crate::client::{Client, Submitted};
use crate::config::Config;
use crate::failure::{Failure, INTERRUPTED, UNREACHABLE};
use crate::host::{Host, data_folder};
use crate::in_force::InForce;
use crate::{next, show};

/// How long an owner may take to listen, or to go.
const OWNER_WAIT: Duration = Duration::from_secs(5);
/// How long a client waits for a server that has gone: a restart.
const RETURN_WAIT: Duration = Duration::from_secs(5);
/// How often whoever waits looks again.
const LOOK: Duration = Duration::from_millis(100);
/// What takes no longer than this is not told.
const UNTOLD: Duration = Duration::from_millis(500);
/// Runs that are named when they are taken up.
const NAMED_MAX: usize = 8;

/// What a command needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Runs graphs: becomes the owner if there is none.
    Engine,
    /// Only reads: opens the database beside whoever owns it.
    Reading,
}

/// Tells whoever watches; what hosts goes on when nobody does.
pub(crate) fn tell(line: &str) {
    let _closed = writeln!(show::err(), "{line}");
}

/// Why a foreground command shall end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C: whoever started it does not want it.
    Interrupt,
    /// SIGTERM: the machine wants the process to go.
    Terminate,
}

/// Until Ctrl-C or SIGTERM. They are caught from the call on, not from the first time that somebody waits.
pub(crate) fn signalled() -> impl Future<Output = std::io::Result<Signal>> {
    use tokio::signal::unix::{SignalKind, signal};
    let caught = signal(SignalKind::interrupt()).and_then(|int| Ok((int, signal(SignalKind::terminate())?)));
    async {
        let (mut int, mut term) = caught?;
        tokio::select! {
            _ = int.recv() => Ok(Signal::Interrupt),
            _ = term.recv() => Ok(Signal::Terminate),
        }
    }
}

/// A client, and the host it speaks to if that is this process.
pub(crate) struct Session {
    pub(crate) client: Client,
    host: Option<Host>,
    owner: Option<Owner>,
    data: PathBuf,
}

impl Session {
    /// A client of the owner of the data directory; of this process if there is none.
    pub(crate) async fn open(config: &Config, data: &Path, need: Need) -> Result<Self, Failure> {
        let until = Instant::now() + OWNER_WAIT;
        loop {
            let looked = Directory::look(data);
            if let Some(owner) = looked.owner() {
                match reach(&owner, data).await {
                    Ok(client) => return Ok(Self { client, host: None, owner: Some(owner), data: data.to_owned() }),
                    // It has just begun, or is about to go.
                    Err(failure) if Instant::now() >= until => return Err(failure),
                    Err(_) => {}
                }
                sleep(LOOK).await;
                continue;
            }
            let started = match need {
                Need::Reading if !looked.exists() => {
                    looked.has_not_lost_its_journal()?;
                    return Err(nothing(data));
                }
                Need::Reading => Host::read(config, looked).await?,
                Need::Engine => {
                    // Before it is made: a configuration that cannot be run leaves nothing behind.
                    config.sound()?;
                    data_folder(data)?;
                    match Directory::own(data) {
                        Ok(directory) => {
                            Host::start(config, directory, data, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?
                        }
                        // Another command was faster.
                        Err(StoreError::Owned { .. }) if Instant::now() < until => {
                            sleep(LOOK).await;
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            took_up(&started.left);
            return Ok(Self { client: started.client, host: Some(started.host), owner: None, data: data.to_owned() });
        }
    }

    /// Submits a run; to the next owner, or as the next owner, if this one is about to go.
    pub(crate) async fn submit(&mut self, config: &Config, submission: &Submit) -> Result<Submitted, Failure> {
        let until = Instant::now() + OWNER_WAIT;
        loop {
            match self.client.submit(submission).await {
                Err(failure) if failure.not_taken && self.host.is_none() && Instant::now() < until => {
                    sleep(LOOK).await;
                    let data = self.data.clone();
                    *self = Self::open(config, &data, Need::Engine).await?;
                }
                submitted => {
                    let accepted = submitted?;
                    if let Some(what) = accepted.instead() {
                        tell(&format!("{} {what}", accepted.id));
                    }
                    return Ok(accepted);
                }
            }
        }
    }

    /// True if the engine lives in this process.
    pub(crate) fn is_host(&self) -> bool {
        self.host.as_ref().is_some_and(Host::runs)
    }

    /// True if runs go on, here or with the owner; false if nobody hosts them.
    pub(crate) fn is_hosted(&self) -> bool {
        self.host.as_ref().is_none_or(Host::runs)
    }

    /// The configuration of the owner, if that is another process.
    pub(crate) fn in_force(&self) -> Option<(&Owner, InForce)> {
        self.owner.as_ref().and_then(|owner| Some((owner, InForce::read(&owner.about)?)))
    }

    /// The owner has gone with its work done: what it left can be read by anybody.
    pub(crate) async fn read_on(&mut self, config: &Config) -> Result<(), Failure> {
        let data = self.data.clone();
        *self = Self::open(config, &data, Need::Reading).await?;
        Ok(())
    }

    /// Waits for a server that has gone, for as long as a restart takes.
    pub(crate) async fn come_back(&mut self, id: &str) -> Result<(), Failure> {
        let until = Instant::now() + RETURN_WAIT;
        while self.host.is_none() && Instant::now() < until {
            if let Some(owner) = Directory::look(&self.data).owner()
                && let Ok(client) = reach(&owner, &self.data).await
            {
                (self.client, self.owner) = (client, Some(owner));
                return Ok(());
            }
            sleep(LOOK).await;
        }
        Err(Failure::new(UNREACHABLE, format!("the server stopped; run {id} goes on when it is started again"))
            .hint(format!("{} runs watch {id}", next::hosting())))
    }

    /// Ends what this process hosts: at once if it only reads, else when the runs that go on in it have ended. Says what it still does;
    /// Ctrl-C and SIGTERM leave the rest to the next owner.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        let _closed = std::io::stdout().flush();
        let lingered = if self.host.as_ref().is_some_and(Host::runs) { linger(&self.client).await } else { Ok(()) };
        self.stop().await;
        lingered
    }

    /// Says at once why the command failed, and only then waits for what this process hosts: it took up runs of others, and what is out
    /// for them would be lost. The exit code is left.
    pub(crate) async fn refused(self, failure: Failure, json: bool) -> Failure {
        let _closed = std::io::stdout().flush();
        failure.print(json);
        // It is the reason that counts.
        let _closed = self.close().await;
        Failure::silent(failure.code)
    }

    /// Ends what this process hosts at once. Open runs go on with the next owner.
    pub(crate) async fn stop(self) {
        if let Some(host) = self.host {
            host.stop().await;
        }
    }
}

fn nothing(data: &Path) -> Failure {
    Failure::usage(format!("there are no runs in {} yet", data.display())).hint(format!(
        "start one: {} demo. A graph beside an agendum.toml keeps its runs where that says: name it with --config",
        next::reading()
    ))
}

/// The owner's client, if it answers.
pub(crate) async fn reach(owner: &Owner, data: &Path) -> Result<Client, Failure> {
    if owner.address.is_empty() {
        let message =
            format!("process {} has the data directory {} and does not listen yet", owner.pid, data.display());
        return Err(Failure::new(UNREACHABLE, message).hint("try again in a moment, or use another --data DIR"));
    }
    let client = Client::new(&owner.address, &owner.token)?;
    client.ping().await.map_err(|_| {
        let message = format!("process {} owns {} but does not answer at {}", owner.pid, data.display(), owner.address);
        Failure::new(UNREACHABLE, message)
            .hint(format!("is it stopped? `kill {}` frees the data directory; nothing is lost", owner.pid))
    })?;
    Ok(client)
}

fn runs_word(count: usize) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{count} runs") }
}

/// Says which runs an earlier owner left.
pub(crate) fn took_up(left: &[RunRow]) {
    if left.is_empty() {
        return;
    }
    let named: Vec<String> = left.iter().take(NAMED_MAX).map(|row| format!("{} {}", row.run, row.graph)).collect();
    let more = if left.len() > NAMED_MAX { ", …" } else { "" };
    let word = runs_word(left.len()).replacen("run", "open run", 1);
    tell(&format!("took up {word}: {}{more}", named.join(", ")));
}

/// Until nothing goes on any more that a host is needed for.
async fn linger(client: &Client) -> Result<(), Failure> {
    let (begun, mut told) = (Instant::now(), BTreeSet::new());
    let mut signal = std::pin::pin!(signalled());
    loop {
        let Open { going, stuck, asking, poor, held } = open(client).await?;
        if going.is_empty() {
            for run in stuck {
                tell(&format!(
                    "left open: {} {}: it waits for a target that this configuration does not have",
                    run.id, run.graph
                ));
            }
            for run in asking {
                tell(&format!(
                    "left open: {} {}: it waits for a person or a signal; {} waits --run {} says for what",
                    run.id,
                    run.graph,
                    next::reading(),
                    run.id
                ));
            }
            for run in held {
                let ahead = run.waits_for_turn.map_or(0, |turn| turn.ahead);
                tell(&format!(
                    "left open: {} {}: it waits for its turn behind {}",
                    run.id,
                    run.graph,
                    runs_word(ahead as usize)
                ));
            }
            for run in poor {
                let from = run.waits_for_window.as_deref().unwrap_or_default();
                tell(&format!(
                    "left open: {} {}: [budgets] is used up; it may go on from {from}, while {} serve is there",
                    run.id,
                    run.graph,
                    next::hosting()
                ));
            }
            return Ok(());
        }
        if begun.elapsed() >= UNTOLD && going.iter().any(|run| !told.contains(&run.id)) {
            tell(&format!(
                "still hosting {} of another command; Ctrl-C stops this, what is open goes on when the data directory is opened again",
                runs_word(going.len())
            ));
            told.extend(going.iter().map(|run| run.id.clone()));
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            caught = &mut signal => {
                caught?;
                let left: Vec<&str> = going.iter().map(|run| run.id.as_str()).collect();
                tell(&format!("left open: {}; {} serve takes it up", left.join(", "), next::hosting()));
                return Err(Failure::silent(INTERRUPTED));
            }
        }
    }
}

/// Open runs, by whether a host is needed for them now. Paused ones that have nothing under way are neither.
struct Open {
    going: Vec<Run>,
    /// They wait for a target that this configuration does not have.
    stuck: Vec<Run>,
    /// They wait for a person, a signal or a webhook: whoever brings it hosts them.
    asking: Vec<Run>,
    /// They wait for the next window of a budget.
    poor: Vec<Run>,
    /// They wait for their turn behind others, which go on or do not.
    held: Vec<Run>,
}

async fn open(client: &Client) -> Result<Open, Failure> {
    let mut open =
        Open { going: Vec::new(), stuck: Vec::new(), asking: Vec::new(), poor: Vec::new(), held: Vec::new() };
    for run in client.open_runs().await? {
        if !run.under_way && (run.paused || run.waits_for_resume.as_ref().is_some_and(|child| child.alone)) {
            // Whoever resumes it, or the child run that it waits for, hosts it.
        } else if run.damaged {
            // It was told of when the directory was opened, and goes on with no host.
        } else if run.waits_for_target {
            open.stuck.push(run);
        } else if run.waits_for_person {
            open.asking.push(run);
        } else if run.waits_for_turn.as_ref().is_some_and(|turn| !turn.settling) {
            open.held.push(run);
        } else if run.waits_for_window.is_some() {
            open.poor.push(run);
        } else {
            open.going.push(run);
        }
    }
    Ok(open)
}
