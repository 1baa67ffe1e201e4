//! What a caller sees while a run goes on: durable records, and the provisional text of tasks marked `live`.
//!
//! Text is addressed by attempt and offset. It lives in a bounded log for each task until the run is closed; text that is held back
//! joins the stream when it is published. A later attempt of the same task starts over, and readers are told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agendum_core::{Dispatch, Entry};
use agendum_types::{AttemptId, RunId, TaskPath};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::broadcast;

/// Bytes of text kept for a task; what comes later is in its output.
const LOG_BYTES_MAX: usize = 256 << 10;
/// Bytes of text kept for all tasks of a run together.
const RUN_BYTES_MAX: usize = 8 << 20;
/// Notices that a reader may be behind before it is sent back to the journal.
const BACKLOG_MAX: usize = 1_024;

/// Something to tell the readers of a run.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A record that is durable.
    Entry(Arc<Entry>),
    /// Text of a running attempt, provisional.
    Text {
        /// Whose.
        attempt: Arc<AttemptId>,
        /// Where in the attempt's text it begins, in bytes.
        offset: u64,
        /// The text.
        text: Arc<str>,
    },
    /// An earlier attempt's text does not count any more.
    Restarted {
        /// Which task.
        path: TaskPath,
    },
}

/// The notices of all live runs of a shard.
#[derive(Default)]
pub(crate) struct Feed {
    runs: Mutex<FxHashMap<RunId, Watched>>,
}

#[derive(Default)]
struct Watched {
    readers: Option<broadcast::Sender<Notice>>,
    texts: FxHashMap<TaskPath, Log>,
    /// Tasks whose text may be shown although their attempt was sent off with the order to hold it back.
    released: FxHashSet<TaskPath>,
    /// Of all texts together.
    bytes: usize,
}

struct Log {
    attempt: Arc<AttemptId>,
    text: String,
    held_back: bool,
}

impl Feed {
    /// Text of a running attempt.
    pub(crate) fn text(&self, dispatch: &Dispatch, text: &str) {
        let mut runs = self.runs();
        let watched = runs.entry(dispatch.attempt.run).or_default();
        let path = &dispatch.attempt.path;
        let restarted = watched.texts.get(path).is_some_and(|log| *log.attempt != dispatch.attempt);
        if restarted {
            let void = watched.texts.remove(path);
            watched.bytes -= void.as_ref().map_or(0, |log| log.text.len());
            if void.is_some_and(|log| !log.held_back) {
                watched.tell(Notice::Restarted { path: path.clone() });
            }
        }
        let log = watched.texts.entry(path.clone()).or_insert_with(|| Log {
            attempt: Arc::new(dispatch.attempt.clone()),
            text: String::new(),
            held_back: dispatch.held_back && !watched.released.contains(path),
        });
        let left = (LOG_BYTES_MAX - log.text.len()).min(RUN_BYTES_MAX - watched.bytes);
        let room = text.floor_char_boundary(left.min(text.len()));
        if room == 0 {
            return;
        }
        watched.bytes += room;
        let notice = log.notice(log.text.len(), &text[..room]);
        log.text.push_str(&text[..room]);
        if !log.held_back {
            watched.tell(notice);
        }
    }

    /// The text of this task may be shown.
    pub(crate) fn publish(&self, run: RunId, path: &TaskPath) {
        let mut runs = self.runs();
        let watched = runs.entry(run).or_default();
        watched.released.insert(path.clone());
        let Some(log) = watched.texts.get_mut(path) else { return };
        if std::mem::take(&mut log.held_back) {
            let notice = log.notice(0, &log.text);
            watched.tell(notice);
        }
    }

    /// A record has become durable.
    pub(crate) fn entry(&self, run: RunId, entry: Entry) {
        let runs = self.runs();
        let Some(readers) = runs.get(&run).and_then(|watched| watched.readers.as_ref()) else { return };
        let _nobody = readers.send(Notice::Entry(Arc::new(entry)));
    }

    /// Nothing more will happen to the run; readers see the end.
    pub(crate) fn close(&self, run: RunId) {
        self.runs().remove(&run);
    }

    /// The shard begins a new life: provisional text is void, readers go back to the journal.
    pub(crate) fn reset(&self) {
        let mut runs = self.runs();
        // Each has readers of its own: their order is nothing to anybody.
        runs.values().for_each(Watched::void);
        runs.clear();
    }

    /// From now on, and the text so far.
    pub(crate) fn subscribe(&self, run: RunId) -> (broadcast::Receiver<Notice>, Vec<Notice>) {
        let mut runs = self.runs();
        let watched = runs.entry(run).or_default();
        let receiver = watched.readers.get_or_insert_with(|| broadcast::Sender::new(BACKLOG_MAX)).subscribe();
        let mut texts: Vec<&Log> = watched.texts.values().filter(|log| !log.held_back).collect();
        texts.sort_by(|one, other| one.attempt.path.cmp(&other.attempt.path));
        (receiver, texts.into_iter().map(|log| log.notice(0, &log.text)).collect())
    }

    fn runs(&self) -> MutexGuard<'_, FxHashMap<RunId, Watched>> {
        // Every change of the table is complete before anything in it can panic.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Nothing of the text that was shown counts.
    fn void(&self) {
        let shown = self.texts.iter().filter(|(_, log)| !log.held_back);
        let mut paths: Vec<&TaskPath> = shown.map(|(path, _)| path).collect();
        paths.sort();
        paths.into_iter().for_each(|path| self.tell(Notice::Restarted { path: path.clone() }));
    }

    fn tell(&self, notice: Notice) {
        if let Some(readers) = &self.readers {
            let _nobody = readers.send(notice);
        }
    }
}

impl Log {
    fn notice(&self, offset: usize, text: &str) -> Notice {
        Notice::Text { attempt: Arc::clone(&self.attempt), offset: offset as u64, text: Arc::from(text) }
    }
}
