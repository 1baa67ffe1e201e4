//! A process that outlives ours, to end the programs that a killed process leaves behind.
//!
//! A process that is killed (`kill -9`, out of memory) ends nothing, and its programs would run on beside their own repetition. So a
//! second process of the same binary holds the other end of a pipe. It is told which programs run; when the pipe closes, it kills
//! those that still do, and ends.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::exec::family::kill_strays;

/// Our end of it. The other one starts with the first program.
pub struct Guard {
    program: PathBuf,
    arguments: Vec<OsString>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    process: Option<Child>,
    /// Programs that run, by their marks.
    running: BTreeMap<String, Pid>,
}

impl Guard {
    /// A guard that is this command; its process has to call [`keep`] with its standard input.
    #[must_use]
    pub fn new(program: PathBuf, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self { program, arguments: arguments.into_iter().collect(), state: Mutex::default() }
    }

    /// Sees to it that the process is there: a program shall not run unguarded while it starts.
    pub(super) fn ready(&self) {
        let mut state = self.lock();
        if state.process.is_none() {
            self.start(&mut state);
        }
    }

    pub(super) fn add(&self, mark: &str, leader: Pid) {
        let mut state = self.lock();
        state.running.insert(mark.to_owned(), leader);
        self.say(&mut state, &added(mark, leader));
    }

    pub(super) fn remove(&self, mark: &str) {
        let mut state = self.lock();
        state.running.remove(mark);
        self.say(&mut state, &format!("- {mark}\n"));
    }

    fn say(&self, state: &mut State, line: &str) {
        let Some(pipe) = state.process.as_mut().and_then(|process| process.stdin.as_mut()) else { return };
        if pipe.write_all(line.as_bytes()).is_err() {
            // Somebody ended it. The next one is told everything.
            reap(state);
            self.start(state);
        }
    }

    fn start(&self, state: &mut State) {
        let mut command = Command::new(&self.program);
        // A group of its own, so that what the terminal sends to ours does not end it first; no folder kept in use.
        command.args(&self.arguments).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let told: String = state.running.iter().map(|(mark, leader)| added(mark, *leader)).collect();
        let started = command.spawn().and_then(|mut process| {
            if let Some(pipe) = process.stdin.as_mut() {
                pipe.write_all(told.as_bytes())?;
            }
            Ok(process)
        });
        match started {
            Ok(process) => state.process = Some(process),
            Err(error) => tracing::warn!(
                "programs are not guarded, and run on if this process is killed: cannot start {}: {error}",
                self.program.display()
            ),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        reap(&mut self.lock());
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("program", &self.program).finish_non_exhaustive()
    }
}

fn reap(state: &mut State) {
    if let Some(mut process) = state.process.take() {
        drop(process.stdin.take());
        let _ended = process.wait();
    }
}

fn added(mark: &str, leader: Pid) -> String {
    format!("+ {leader} {mark}\n")
}

/// The guard's own process: reads to the end which programs started and ended, and kills those that did not.
pub fn keep(said: impl BufRead) {
    let mut running = BTreeMap::new();
    for line in said.lines().map_while(Result::ok) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["+", leader, mark] => {
                // 0 and 1 are no groups of ours.
                if let Some(leader) = leader.parse::<i32>().ok().filter(|leader| *leader > 1) {
                    running.insert(mark.to_owned(), Pid::from_raw(leader));
                }
            }
            ["-", mark] => {
                running.remove(mark);
            }
            _ => {}
        }
    }
    for (mark, leader) in running {
        let _gone = killpg(leader, Signal::SIGKILL);
        kill_strays(&mark);
    }
}
