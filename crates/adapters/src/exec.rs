//! Local programs: an argument vector and never a shell string, from an allow-list, in a process group of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration as Span;

use agendum_ports::{Adapter, Attempt, Chunk, Failed, Finished};
use agendum_types::{Class, Usage};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::input;

/// How long a program may take to end after SIGTERM.
const GRACE: Span = Span::from_secs(2);
/// Bytes kept of each of its outputs unless configured.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Runs allowed programs.
#[derive(Clone, Debug)]
pub struct Exec {
    /// Names or absolute paths of programs that graphs may run; `*` allows any.
    pub allow: Vec<String>,
    /// The folder that programs start in, and that `cwd` is relative to.
    pub folder: PathBuf,
    /// Each run has a folder of its own below that, named by its id and made when its first program starts: files of one run are
    /// in the way of no other.
    pub per_run: bool,
    /// Variables passed on from our environment; nothing else is.
    pub environment: Vec<String>,
    /// Bytes kept of each output; the rest is read and dropped.
    pub output_bytes_max: usize,
}

impl Default for Exec {
    fn default() -> Self {
        let environment = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"].map(str::to_owned).to_vec();
        let folder = PathBuf::from(".");
        Self { allow: Vec::new(), folder, per_run: false, environment, output_bytes_max: OUTPUT_BYTES_MAX }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    argv: Vec<String>,
    #[serde(default)]
    stdin: Option<String>,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Exit codes that are no failure.
    #[serde(default = "zero")]
    ok_codes: Vec<i32>,
}

fn zero() -> Vec<i32> {
    vec![0]
}

fn refused(message: impl std::fmt::Display) -> Failed {
    Failed::new(Class::PermissionDenied, message).without_effect()
}

/// The folder is known to be there, so what was not found is the program.
fn not_started(program: &str, error: &std::io::Error) -> Failed {
    let message = if error.kind() == std::io::ErrorKind::NotFound {
        format!("{program:?} is not installed, or not on the PATH; `agendum doctor` says how to get it")
    } else {
        format!("cannot start {program:?}: {error}")
    };
    Failed::new(Class::Permanent, message).without_effect()
}

impl Exec {
    /// Where the program starts.
    fn place(&self, given: &Input, attempt: &Attempt) -> Result<PathBuf, Failed> {
        let mut base = self.folder.clone();
        if self.per_run {
            base.push(attempt.id.run.to_string());
            std::fs::create_dir_all(&base)
                .map_err(|error| refused(format!("cannot make the run's folder {}: {error}", base.display())))?;
        }
        let base = base
            .canonicalize()
            .map_err(|error| refused(format!("the target's folder {}: {error}", self.folder.display())))?;
        let Some(below) = &given.cwd else { return Ok(base) };
        let wanted = base.join(below).canonicalize().map_err(|error| refused(format!("cwd {below:?}: {error}")))?;
        if !wanted.starts_with(&base) {
            return Err(refused(format!("cwd {below:?} lies outside the target's folder")));
        }
        Ok(wanted)
    }

    fn command(&self, given: &Input, attempt: &Attempt) -> Result<Command, Failed> {
        let Some((program, arguments)) = given.argv.split_first() else {
            return Err(Failed::new(Class::Permanent, "`argv` is empty").without_effect());
        };
        if !self.allow.iter().any(|allowed| allowed == "*" || allowed == program) {
            let known = if self.allow.is_empty() { "none".to_owned() } else { self.allow.join(", ") };
            return Err(refused(format!(
                "{program:?} is not on the allow-list ({known}); see `allow` of the target in agendum.toml"
            )));
        }
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.place(given, attempt)?).env_clear();
        command.envs(self.environment.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
        command.envs(&given.env).env("AGENDUM_IDEMPOTENCY_KEY", &*attempt.idempotency_key);
        command.stdin(if given.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        Ok(command)
    }
}

impl Adapter for Exec {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let this = self.clone();
        async move {
            let given: Input = input::parse(&attempt, "{argv: [program, …], stdin, cwd, env, ok_codes}")?;
            let mut child =
                this.command(&given, &attempt)?.spawn().map_err(|error| not_started(&given.argv[0], &error))?;
            let group = Group(child.id());
            let cancel = attempt.cancel.clone();
            let ended = tokio::select! {
                ended = watch(&mut child, &given, &attempt, this.output_bytes_max) => ended,
                () = cancel.cancelled() => {
                    group.end(&mut child).await;
                    Err(Failed::new(Class::Cancelled, "told to stop"))
                }
            };
            drop(group);
            ended
        }
        .boxed()
    }
}

/// A program with its children; whatever is left of them goes when this does.
struct Group(Option<u32>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(id) = self.0.and_then(|id| i32::try_from(id).ok()) {
            // The group may be gone already.
            let _gone = killpg(Pid::from_raw(id), signal);
        }
    }

    async fn end(&self, child: &mut Child) {
        self.signal(Signal::SIGTERM);
        let _late = tokio::time::timeout(GRACE, child.wait()).await;
        self.signal(Signal::SIGKILL);
        let _late = tokio::time::timeout(GRACE, child.wait()).await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

async fn watch(child: &mut Child, given: &Input, attempt: &Attempt, bytes_max: usize) -> Result<Finished, Failed> {
    let feed = async {
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), &given.stdin) {
            // A program that does not read its input to the end is no error.
            let _closed = pipe.write_all(text.as_bytes()).await;
        }
    };
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let ((), out, err) = tokio::join!(feed, gather(stdout, bytes_max, Some(attempt)), gather(stderr, bytes_max, None));
    let status = child.wait().await.map_err(|error| Failed::new(Class::Unavailable, error))?;
    let (stdout, stdout_cut) = out;
    let (stderr, stderr_cut) = err;
    let Some(code) = status.code() else {
        return Err(Failed::new(Class::Unavailable, format!("{:?} was killed: {status}", given.argv[0])));
    };
    if !given.ok_codes.contains(&code) {
        let last: Vec<&str> = stderr.lines().rev().take(3).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join(" | ");
        return Err(Failed::new(Class::Permanent, format!("{:?} ended with code {code}: {last}", given.argv[0])));
    }
    let output = json!({ "code": code, "stdout": stdout, "stderr": stderr, "truncated": stdout_cut || stderr_cut });
    Ok(input::finished(&output, Usage { calls: 1, ..Usage::default() }))
}

/// Reads a pipe to its end; the text that is kept, and whether more was dropped.
async fn gather(pipe: Option<impl AsyncRead + Unpin>, bytes_max: usize, live: Option<&Attempt>) -> (String, bool) {
    let Some(mut pipe) = pipe else { return (String::new(), false) };
    let mut kept = Vec::new();
    let mut dropped = false;
    let mut piece = vec![0; 16 << 10];
    while let Ok(count @ 1..) = pipe.read(&mut piece).await {
        let room = count.min(bytes_max.saturating_sub(kept.len()));
        dropped |= room < count;
        kept.extend_from_slice(&piece[..room]);
        if let Some(attempt) = live.filter(|_| room > 0) {
            attempt.chunks.send(Chunk::Text(String::from_utf8_lossy(&piece[..room]).into_owned())).await;
        }
    }
    (String::from_utf8_lossy(&kept).into_owned(), dropped)
}
