//! A program with everything that it started.
//!
//! Its group goes with it. What left the group (`setsid`) is found by a variable that all of them inherited; what cleared its
//! environment as well is out of reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration as Span, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

use crate::exec::guard::Guard;

/// The variable that a program and all that it starts have in common.
pub(super) const MARK: &str = "AGENDUM_EXEC_ID";
/// How long a program may take to end after SIGTERM.
const GRACE: Span = Span::from_secs(2);
/// How long strays are looked for: each may have started another while we looked, and one that the kernel cannot end yet is found every
/// time. With both graces it is less than an attempt has to stop.
const SWEEPS: Span = Span::from_millis(900);
/// Looks that must find nothing, one after the other: what goes on in ever new processes may just not have been there.
const SWEEPS_CLEAN: usize = 3;

/// A value of the mark that no other program has.
pub(super) fn mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{}.{count}", std::process::id(), now.as_micros())
}

/// A program with its children; whatever is left of its group goes when this does.
pub(super) struct Family {
    leader: Option<Pid>,
    mark: String,
    guard: Option<Arc<Guard>>,
}

impl Family {
    pub(super) fn new(child: &Child, mark: String, guard: Option<Arc<Guard>>) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        if let (Some(guard), Some(leader)) = (&guard, leader) {
            guard.add(&mark, leader);
        }
        Self { leader, mark, guard }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // The group may be gone already.
            let _gone = killpg(leader, signal);
        }
    }

    /// Ends all of them: politely, then for certain.
    pub(super) async fn end(&self, child: &mut Child) {
        self.signal(Signal::SIGTERM);
        let _late = tokio::time::timeout(GRACE, child.wait()).await;
        self.signal(Signal::SIGKILL);
        let _late = tokio::time::timeout(GRACE, child.wait()).await;
        self.kill().await;
    }

    /// Ends what is left of them, also of those that have left the group.
    pub(super) async fn kill(&self) {
        self.signal(Signal::SIGKILL);
        let mark = self.mark.clone();
        // It reads a file for each process of the machine.
        let _failed = tokio::task::spawn_blocking(move || kill_strays(&mark)).await;
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        if let Some(guard) = &self.guard {
            guard.remove(&self.mark);
        }
    }
}

/// Kills what carries the mark, wherever it is. Without `/proc` nothing is found.
pub(super) fn kill_strays(mark: &str) {
    let entry = format!("{MARK}={mark}");
    let (begun, mut clean) = (Instant::now(), 0);
    while clean < SWEEPS_CLEAN && begun.elapsed() < SWEEPS {
        clean = if kill_marked(&entry) { 0 } else { clean + 1 };
    }
}

/// Kills each as soon as it is found, the newest first: one that replaces itself without end is only there for a moment.
fn kill_marked(entry: &str) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    let ids = processes.filter_map(|process| process.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let mut ids: Vec<i32> = ids.filter(|id| *id != Pid::this().as_raw()).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    let mut found = false;
    for id in ids {
        // Processes of others cannot be read, and are none of ours.
        let variables = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        if variables.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes()) {
            let _gone = kill(Pid::from_raw(id), Signal::SIGKILL);
            found = true;
        }
    }
    found
}
