//! Changes that runs make themselves. A file that each run writes anew would begin one after the other, for ever.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Runs in a row that may be begun by the same files, each changed while the run before was at work: where that came after the same time
/// in each, as with a program, and at all, for somebody may save a file again and again while long runs are at work.
const REGULAR_MAX: u32 = 3;
const ECHOES_MAX: u32 = 8;
/// What is the same time: half as much again, and what a busy machine takes.
const SLACK: Duration = Duration::from_millis(300);

/// What changed while runs were at work. Nobody can tell who did it: what changes in one run after the other is taken for their own.
#[derive(Default)]
pub(super) struct Echoes {
    /// While the run that was begun last was at work, or just after; and how long after it began.
    now: (BTreeSet<PathBuf>, Duration),
    streak: Streak,
    /// What begins no run any more.
    own: BTreeSet<PathBuf>,
    told: bool,
}

/// Runs in a row that were begun by the same files.
#[derive(Default)]
struct Streak {
    files: BTreeSet<PathBuf>,
    runs: u32,
    /// How long after the run before began: the least, and the most.
    after: (Duration, Duration),
}

/// What becomes of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// A run.
    Run,
    /// Nothing, for the runs make it: these files, in so many, if that was not said yet.
    Nothing(Option<(Vec<PathBuf>, u32)>),
}

impl Echoes {
    /// These have changed: so long after the last run began, while it was at work; `None` if none was.
    pub(super) fn changed(&mut self, files: BTreeSet<PathBuf>, at_work: Option<Duration>) -> Follows {
        let Some(after) = at_work else {
            // Somebody edits.
            *self = Self::default();
            return Follows::Run;
        };
        if self.now.0.is_empty() {
            self.now.1 = after;
        }
        self.now.0.extend(files);
        if !self.now.0.is_subset(&self.own) {
            return Follows::Run;
        }
        let told = std::mem::replace(&mut self.told, true);
        Follows::Nothing((!told).then(|| (self.own.iter().cloned().collect(), self.streak.runs)))
    }

    /// A run begins for what has changed.
    pub(super) fn begun(&mut self) {
        let (now, after) = std::mem::take(&mut self.now);
        let Streak { files, runs, after: (least, most) } = std::mem::take(&mut self.streak);
        let both: BTreeSet<PathBuf> = files.intersection(&now).cloned().collect();
        self.streak = if both.is_empty() {
            Streak { runs: u32::from(!now.is_empty()), files: now, after: (after, after) }
        } else {
            Streak { files: both, runs: runs + 1, after: (least.min(after), most.max(after)) }
        };
        if self.streak.is_of_runs() {
            self.own = self.streak.files.clone();
        }
    }
}

impl Streak {
    fn is_of_runs(&self) -> bool {
        let (least, most) = self.after;
        let is_regular = most <= least * 3 / 2 + SLACK;
        self.runs >= ECHOES_MAX || self.runs >= REGULAR_MAX && is_regular
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::{Echoes, Follows};

    /// `begin`, or what changed: `900 a b` so many milliseconds after a run began, `edit a` when none was at work.
    fn told(script: &str) -> String {
        let mut echoes = Echoes::default();
        let step = |step: &str| {
            let Some((when, files)) = step.split_once(' ') else {
                echoes.begun();
                return None;
            };
            let at_work = when.parse().ok().map(Duration::from_millis);
            Some(match echoes.changed(files.split(' ').map(PathBuf::from).collect(), at_work) {
                Follows::Run => "run".to_owned(),
                Follows::Nothing(None) => "nothing".to_owned(),
                Follows::Nothing(Some((files, runs))) => format!("nothing, for {files:?} is of {runs} runs"),
            })
        };
        script.split(", ").filter_map(step).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_each_run_changes_begins_a_few_and_no_more() {
        let saved = [4_000, 9_000, 2_000, 30_000, 12_000, 3_000, 5_000, 8_000, 700].map(|ms| format!("begin, {ms} a"));
        let lines = [
            "begin, 900 out, begin, 1100 out, begin, 800 out, begin, 900 out, 950 out, edit out, begin, 900 out",
            "begin, 900 out, begin, 900 log out, begin, 900 out more, begin, 900 out",
            "begin, 900 out, begin, 900 out, begin, 900 out, begin, 900 a.rs out, begin, 900 out",
            "begin, 900 a.rs, begin, 900 b.rs, begin, 900 a.rs, begin, 900 b.rs, begin, 900 a.rs",
            "begin, edit a.rs, begin, edit a.rs, begin, edit a.rs, begin, edit a.rs, begin, 900 a.rs",
            &saved.join(", "),
        ]
        .map(|script| format!("{script}\n  {}", told(script)));
        insta::assert_snapshot!(lines.join("\n"), @r#"
        begin, 900 out, begin, 1100 out, begin, 800 out, begin, 900 out, 950 out, edit out, begin, 900 out
          run, run, run, nothing, for ["out"] is of 3 runs, nothing, run, run
        begin, 900 out, begin, 900 log out, begin, 900 out more, begin, 900 out
          run, run, run, nothing, for ["out"] is of 3 runs
        begin, 900 out, begin, 900 out, begin, 900 out, begin, 900 a.rs out, begin, 900 out
          run, run, run, run, nothing, for ["out"] is of 4 runs
        begin, 900 a.rs, begin, 900 b.rs, begin, 900 a.rs, begin, 900 b.rs, begin, 900 a.rs
          run, run, run, run, run
        begin, edit a.rs, begin, edit a.rs, begin, edit a.rs, begin, edit a.rs, begin, 900 a.rs
          run, run, run, run, run
        begin, 4000 a, begin, 9000 a, begin, 2000 a, begin, 30000 a, begin, 12000 a, begin, 3000 a, begin, 5000 a, begin, 8000 a, begin, 700 a
          run, run, run, run, run, run, run, run, nothing, for ["a"] is of 8 runs
        "#);
    }
}
