//! What every driver does: reads commands from its standard input, lets its peer run workflows, checks each result, and says
//! how long they took. One command and one answer a line, JSON. Also compiled into the example `peer` of Agendum itself.

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{BufRead as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

/// Steps of the workflow whose engine is killed, and what each takes.
pub(crate) const SLOW_STEPS: u64 = 30;
const SLOW: Duration = Duration::from_millis(20);
/// How long a driver waits for the result of a workflow that was killed.
const ATTACH: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(10);

/// The workflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Ten steps, each of which adds one to what the one before gave.
    Seq,
    /// A hundred steps side by side; the i-th adds i to the input. The result is their sum.
    Fan,
    /// As `Seq`, longer, each step noted in a file and as long as a sleep.
    Slow,
}

impl Flow {
    pub(crate) const ALL: [Self; 3] = [Self::Seq, Self::Fan, Self::Slow];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Seq => "seq",
            Self::Fan => "fan",
            Self::Slow => "slow",
        }
    }

    /// What it must give for this input.
    const fn right(self, number: u64) -> u64 {
        match self {
            Self::Seq => number + 10,
            Self::Fan => 100 * number + 4_950,
            Self::Slow => number + SLOW_STEPS,
        }
    }
}

/// Something that runs these workflows.
pub(crate) trait Peer: Clone + Send + Sync + 'static {
    /// Runs one to its result.
    fn run(&self, flow: Flow, number: u64) -> impl Future<Output = Result<u64, String>> + Send;
    /// Starts `Slow`, durably, and says by what it is found again.
    fn start(&self, number: u64) -> impl Future<Output = Result<String, String>> + Send;
    /// The result of one that was started, perhaps by a process that was killed.
    fn attach(&self, id: &str) -> impl Future<Output = Result<u64, String>> + Send;
}

/// Obeys until there are no more commands. A wrong result ends the process.
pub(crate) async fn obey<P: Peer>(peer: P) -> Result<(), String> {
    let mut out = std::io::stdout();
    say(&mut out, &json!({"ready": true}))?;
    for line in std::io::stdin().lock().lines() {
        let command: Json = serde_json::from_str(&line.map_err(told)?).map_err(told)?;
        let answer = match command["do"].as_str() {
            Some("load") => load(&peer, &command).await?,
            Some("start") => json!({"id": peer.start(7).await?}),
            Some("attach") => attach(&peer, command["id"].as_str().unwrap_or_default()).await?,
            _ => return Err(format!("what is {command}?")),
        };
        say(&mut out, &answer)?;
    }
    Ok(())
}

fn say(out: &mut std::io::Stdout, answer: &Json) -> Result<(), String> {
    writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(told)
}

/// Runs workflows for so long, so many at once, and waits for those that have begun.
async fn load<P: Peer>(peer: &P, command: &Json) -> Result<Json, String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let flow = Flow::ALL.into_iter().find(|flow| command["flow"] == flow.word()).ok_or("no such flow")?;
    let at_once = command["at_once"].as_u64().ok_or("how many at once?")?;
    let span = Duration::from_secs_f64(command["seconds"].as_f64().ok_or("how long?")?);
    let began = Instant::now();
    let runner = |_| {
        let peer = peer.clone();
        tokio::spawn(async move {
            let mut millis = Vec::new();
            // One at least, however late this one comes to it.
            while millis.is_empty() || began.elapsed() < span {
                let number = NUMBER.fetch_add(1, Ordering::Relaxed) % 1_000_000;
                let one = Instant::now();
                let value = peer.run(flow, number).await?;
                millis.push(one.elapsed().as_secs_f64() * 1e3);
                check(flow, number, value)?;
            }
            Ok::<_, String>(millis)
        })
    };
    let runners: Vec<_> = (0..at_once).map(runner).collect();
    let mut millis = Vec::new();
    for runner in runners {
        millis.extend(runner.await.map_err(told)??);
    }
    let seconds = began.elapsed().as_secs_f64();
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| millis[((millis.len() - 1) as f64 * share) as usize];
    Ok(json!({"runs": millis.len(), "seconds": seconds, "p50_ms": at(0.5), "p99_ms": at(0.99)}))
}

async fn attach<P: Peer>(peer: &P, id: &str) -> Result<Json, String> {
    let began = Instant::now();
    loop {
        match peer.attach(id).await {
            Ok(value) => return check(Flow::Slow, 7, value).map(|()| json!({"value": value})),
            Err(failed) if began.elapsed() > ATTACH => return Err(failed),
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

fn check(flow: Flow, number: u64, value: u64) -> Result<(), String> {
    let right = flow.right(number);
    if value == right { Ok(()) } else { Err(format!("{} of {number} gave {value} instead of {right}", flow.word())) }
}

/// Where slow steps are noted: the file that `PEERS_STEPS` names.
pub(crate) struct Steps(Option<File>);

impl Steps {
    pub(crate) fn open() -> Self {
        let file = std::env::var_os("PEERS_STEPS");
        Self(file.and_then(|file| OpenOptions::new().append(true).create(true).open(file).ok()))
    }

    /// One slow step: notes when it begins, in nanoseconds of the clock, and sleeps.
    pub(crate) async fn slow(&self, number: u64) -> Result<u64, String> {
        let mut file = self.0.as_ref().ok_or("PEERS_STEPS names no file")?;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_err(told)?.as_nanos();
        file.write_all(format!("{at}\n").as_bytes()).map_err(told)?;
        tokio::time::sleep(SLOW).await;
        Ok(number + 1)
    }
}

pub(crate) fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
