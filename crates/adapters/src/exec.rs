//! Local programs: an argument vector and never a shell string, from an allow-list, in a process group of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration as Span;

use agendum_ports::{Adapter, Attempt, Failed, Finished};
use agendum_types::{Class, Usage};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use crate::exec::family::{Family, MARK, mark};
use crate::exec::outputs::{Ended, watch};
use crate::input::{self, Word};
use crate::timeouts::over;

mod family;
pub mod guard;
mod outputs;
mod program;

pub use guard::Guard;

/// Bytes kept of each of its outputs unless configured.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// How long a program may run unless configured.
pub const WHOLE: Span = Span::from_secs(3_600);

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
    /// Variables that graphs may set. None unless configured: one may name another program (`PATH`) or load code into it
    /// (`LD_PRELOAD`), and only whoever configures a program knows which of its own do no harm.
    pub env_allow: Vec<String>,
    /// Bytes kept of each output; the rest is read and dropped.
    pub output_bytes_max: usize,
    /// How long a program may run.
    pub whole: Span,
    /// Ends the programs if this process is killed; without one they run on.
    pub guard: Option<Arc<Guard>>,
}

impl Default for Exec {
    fn default() -> Self {
        let environment = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"].map(str::to_owned).to_vec();
        Self {
            allow: Vec::new(),
            folder: PathBuf::from("."),
            per_run: false,
            environment,
            env_allow: Vec::new(),
            output_bytes_max: OUTPUT_BYTES_MAX,
            whole: WHOLE,
            guard: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    argv: Vec<Word>,
    #[serde(default)]
    stdin: Option<String>,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, Word>,
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

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The file that [`Exec`] starts for a program's name: a name is looked up in our own PATH (absolute entries only), a path leads on
/// from the target's folder. `None` if there is no such file, or none that may be executed.
#[must_use]
pub fn find(program: &str, folder: &Path) -> Option<PathBuf> {
    program::find(program, folder, std::env::var_os("PATH").as_deref())
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

    fn command(&self, given: &Input, attempt: &Attempt, mark: &str) -> Result<Command, Failed> {
        let Some((Word(program), arguments)) = given.argv.split_first() else {
            return Err(Failed::new(Class::Permanent, "`argv` is empty").without_effect());
        };
        if !self.allow.iter().any(|allowed| allowed == "*" || allowed == program) {
            let known = listed(&self.allow);
            return Err(refused(format!(
                "{program:?} is not on the allow-list ({known}); see `allow` of the target in agendum.toml"
            )));
        }
        if let Some(name) = given.env.keys().find(|name| !self.env_allow.contains(name)) {
            let known = listed(&self.env_allow);
            return Err(refused(format!(
                "graphs may not set the variable {name:?} (they may: {known}); see `env_allow` of the target in agendum.toml"
            )));
        }
        let place = self.place(given, attempt)?;
        let file = find(program, &self.folder).ok_or_else(|| {
            let message =
                format!("{program:?} is not installed, or not on the PATH; `agendum doctor` says how to get it");
            Failed::new(Class::Permanent, message).without_effect()
        })?;
        let mut command = Command::new(file);
        command.arg0(program).args(arguments.iter().map(|word| &word.0)).current_dir(place).env_clear();
        command.envs(self.environment.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
        command
            .envs(given.env.iter().map(|(name, value)| (name, &value.0)))
            .env("AGENDUM_IDEMPOTENCY_KEY", &*attempt.idempotency_key)
            .env(MARK, mark);
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
            let mark = mark();
            let mut command = this.command(&given, &attempt, &mark)?;
            if let Some(guard) = &this.guard {
                guard.ready();
            }
            let mut child = command.spawn().map_err(|error| {
                Failed::new(Class::Permanent, format!("cannot start {:?}: {error}", given.argv[0].0)).without_effect()
            })?;
            let family = Family::new(&child, mark, this.guard.clone());
            let cancel = attempt.cancel.clone();
            let stopped = tokio::select! {
                ended = watch(&mut child, &family, given.stdin.as_deref(), &attempt, this.output_bytes_max) => {
                    return outcome(&given, &ended.map_err(|error| Failed::new(Class::Unavailable, error))?);
                }
                () = cancel.cancelled() => Failed::new(Class::Cancelled, "told to stop"),
                late = over(this.whole) => late,
            };
            family.end(&mut child).await;
            Err(stopped)
        }
        .boxed()
    }
}

fn outcome(given: &Input, ended: &Ended) -> Result<Finished, Failed> {
    let Ended { status, out, err } = ended;
    let program = &given.argv[0].0;
    let Some(code) = status.code() else {
        return Err(Failed::new(Class::Unavailable, format!("{program:?} was killed: {status}")));
    };
    let stderr = err.text();
    if !given.ok_codes.contains(&code) {
        let last: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).rev().take(3).collect();
        let said = match last.is_empty() {
            true => ", and nothing on stderr".to_owned(),
            false => format!(": {}", last.into_iter().rev().collect::<Vec<_>>().join(" | ")),
        };
        return Err(Failed::new(Class::Permanent, format!("{program:?} ended with code {code}{said}")));
    }
    let output = json!({ "code": code, "stdout": out.text(), "stderr": stderr, "truncated": out.cut || err.cut });
    Ok(input::finished(&output, Usage { calls: 1, ..Usage::default() }))
}
