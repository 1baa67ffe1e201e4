//! Plans that agents wrote: every one is checked, the valid ones run to the end on simulated tools.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agendum_spec::{NoFiles, Source};
use agendum_types::{Duration, Graph, Limits};
use serde_json::Value as Json;

use crate::world::{Faults, play};

/// Virtual time for a plan: far more than the longest chain of the slowest tools.
const DEADLINE: Duration = Duration::secs(3_600);

/// What a folder of plans came to.
#[derive(Default)]
struct Tally {
    plans: u64,
    accepted: u64,
    finished: u64,
    refused: BTreeMap<String, u64>,
    cycles: Vec<String>,
}

/// Reads every `.json` and `.jsonl` of a folder and says what came of the plans in it, and what was left unread.
///
/// # Errors
///
/// If the folder cannot be read, holds no plan, or an accepted plan does not succeed in time.
pub fn run(folder: &Path) -> Result<String, String> {
    within(DEADLINE, folder)
}

/// The same with another deadline for each plan.
///
/// # Errors
///
/// As for [`run`].
pub(crate) fn within(deadline: Duration, folder: &Path) -> Result<String, String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    files.sort();
    let is_plans = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json" || ending == "jsonl");
    let (files, unread): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(is_plans);
    let mut report = String::new();
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let whole = if text.lines().count() > 1 && file.extension().is_some_and(|ending| ending == "jsonl") {
            None
        } else {
            Some(text.as_str())
        };
        let mut tally = Tally::default();
        for (number, line) in whole.map_or_else(|| text.lines().collect(), |whole| vec![whole]).into_iter().enumerate()
        {
            tally.plan(line, deadline).map_err(|error| format!("{}:{}: {error}", file.display(), number + 1))?;
        }
        seen += tally.plans;
        tally.tell(&name(&file), &mut report);
    }
    if !unread.is_empty() {
        let names: Vec<String> = unread.iter().map(|file| name(file)).collect();
        let _ = writeln!(report, "not read, for only .json and .jsonl are (unpack the .gz): {}", names.join(", "));
    }
    if seen == 0 {
        return Err(format!("{report}there are no plans in {}", folder.display()));
    }
    let _ = write!(report, "{seen} plans in all");
    Ok(report)
}

fn name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

impl Tally {
    fn tell(&self, name: &str, report: &mut String) {
        let Self { plans, accepted, finished, .. } = self;
        let refused = plans - accepted;
        let _ = writeln!(report, "{name}: {plans} plans, {accepted} accepted, {finished} finished, {refused} refused");
        for (reason, count) in &self.refused {
            let _ = writeln!(report, "  {count:>5}  {reason}");
        }
        for cycle in self.cycles.iter().take(3) {
            let _ = writeln!(report, "         e.g. {cycle}");
        }
    }

    fn plan(&mut self, text: &str, deadline: Duration) -> Result<(), String> {
        let Some(read) = agendum_spec::plans::read(text) else { return Ok(()) };
        self.plans += 1;
        let document = match read {
            Ok(document) => document,
            Err(reasons) => {
                for reason in reasons {
                    self.cycles.extend(Some(&reason).filter(|reason| reason.contains("cycle")).cloned());
                    *self.refused.entry(kind(&reason)).or_default() += 1;
                }
                return Ok(());
            }
        };
        let graph = checked(&document, deadline)?;
        self.accepted += 1;
        let calm = Faults { failing: 0, slow: 0, evaluations: 0, crashes: 0, unrest: false };
        let played = play(self.plans, &[graph.into()], calm);
        if let Some(violation) = played.violations.first() {
            return Err(violation.clone());
        }
        if played.answers != [1, 0, 0] {
            let [succeeded, failed, cancelled] = played.answers;
            return Err(format!("it did not end well: {succeeded} succeeded, {failed} failed, {cancelled} cancelled"));
        }
        self.finished += 1;
        Ok(())
    }
}

fn checked(document: &Json, deadline: Duration) -> Result<Arc<Graph>, String> {
    let mut document = document.clone();
    document["deadline"] = Json::String(format!("{}ms", deadline.0 / 1_000));
    let text = document.to_string();
    let checked = agendum_spec::check(Source { name: "plan", text: &text }, &NoFiles, &Limits::STANDARD);
    let accepted = checked.runnable().map(|accepted| Arc::clone(&accepted.graph));
    accepted.ok_or_else(|| format!("a plan that was read is refused as a document: {:?}", checked.diagnostics))
}

/// A refusal without the names of its plan.
fn kind(reason: &str) -> String {
    let head = reason.split(": ").next().unwrap_or(reason);
    let mut plain = String::new();
    for (place, part) in head.split('"').enumerate() {
        plain.push_str(if place % 2 == 0 { part } else { "…" });
    }
    plain
}
