//! Texts of runs that have just ended: whoever asks about one a moment late still sees what its tasks said.

use std::collections::VecDeque;

use agendum_types::RunId;

use super::Notice;

/// Runs whose texts are kept, and bytes of them together: what is older makes room.
const RUNS_MAX: usize = 64;
const BYTES_MAX: usize = 4 << 20;

/// The latest first.
#[derive(Default)]
pub(super) struct Ended {
    runs: VecDeque<(RunId, Vec<Notice>, usize)>,
    bytes: usize,
}

impl Ended {
    /// True if a run with so much text may be kept at all.
    pub(super) const fn takes(bytes: usize) -> bool {
        0 < bytes && bytes <= BYTES_MAX
    }

    /// Keeps the texts of a run that has ended, so many bytes.
    pub(super) fn keep(&mut self, run: RunId, texts: Vec<Notice>, bytes: usize) {
        self.runs.push_front((run, texts, bytes));
        self.bytes += bytes;
        while self.runs.len() > RUNS_MAX || self.bytes > BYTES_MAX {
            self.bytes -= self.runs.pop_back().map_or(0, |(_, _, bytes)| bytes);
        }
    }

    pub(super) fn forget(&mut self, run: RunId) {
        if let Some(place) = self.runs.iter().position(|(ended, ..)| *ended == run) {
            self.bytes -= self.runs.remove(place).map_or(0, |(_, _, bytes)| bytes);
        }
    }

    /// What the tasks of a run said, if it is among them.
    pub(super) fn texts(&self, run: RunId) -> Vec<Notice> {
        self.runs.iter().find(|(ended, ..)| *ended == run).map_or_else(Vec::new, |(_, texts, _)| texts.clone())
    }
}
