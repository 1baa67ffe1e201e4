//! What a caller sees while a run goes on: durable records, and the provisional text of tasks marked `live`.
//!
//! Text is addressed by attempt and offset. It lives in a bounded log for each task until the run is closed; text that is held back
//! joins the stream when it is published. A later attempt of the same task starts over, and readers are told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agendum_core::{Dispatch, Entry};
use agendum_types::{AttemptId, RunId, Seq, TaskPath};
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
    runs: Mutex<Runs>,
}

#[derive(Default)]
struct Runs {
    watched: FxHashMap<RunId, Watched>,
    /// The last record of this life that readers were told; `None` before the first.
    told: Option<Seq>,
}

/// What a reader of a run is given from now on, and what there is.
pub(crate) struct Subscribed {
    pub(crate) notices: broadcast::Receiver<Notice>,
    pub(crate) texts: Vec<Notice>,
    /// Later records are told; this one and those before it are in the journal. `None`: whether they are told is not known.
    pub(crate) told: Option<Seq>,
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
    /// An attempt whose text is to be seen begins: what an earlier one of the task said does not count any more.
    pub(crate) fn begin(&self, dispatch: &Dispatch) {
        let mut runs = self.runs();
        let watched = runs.watched.entry(dispatch.attempt.run).or_default();
        let path = &dispatch.attempt.path;
        let released = watched.released.iter().any(|released| path.is_within(released));
        let log = Log {
            attempt: Arc::new(dispatch.attempt.clone()),
            text: String::new(),
            held_back: dispatch.held_back && !released,
        };
        let Some(void) = watched.texts.insert(path.clone(), log) else { return };
        watched.bytes -= void.text.len();
        if !void.held_back && !void.text.is_empty() {
            watched.tell(Notice::Restarted { path: path.clone() });
        }
    }

    /// Text of a running attempt. That of one which is not awaited any more is nobody's.
    pub(crate) fn text(&self, attempt: &AttemptId, text: &str) {
        let mut runs = self.runs();
        let Some(watched) = runs.watched.get_mut(&attempt.run) else { return };
        let bytes = watched.bytes;
        let Some(log) = watched.texts.get_mut(&attempt.path).filter(|log| *log.attempt == *attempt) else { return };
        let left = (LOG_BYTES_MAX - log.text.len()).min(RUN_BYTES_MAX - bytes);
        let room = text.floor_char_boundary(left.min(text.len()));
        if room == 0 {
            return;
        }
        let notice = log.notice(log.text.len(), &text[..room]);
        log.text.push_str(&text[..room]);
        let held_back = log.held_back;
        watched.bytes += room;
        if !held_back {
            watched.tell(notice);
        }
    }

    /// The text of this task may be shown, and that of its items and rounds.
    pub(crate) fn publish(&self, run: RunId, path: &TaskPath) {
        let mut runs = self.runs();
        let watched = runs.watched.entry(run).or_default();
        watched.released.insert(path.clone());
        let mut shown = Vec::new();
        for (of, log) in watched.texts.iter_mut().filter(|(of, _)| of.is_within(path)) {
            if std::mem::take(&mut log.held_back) && !log.text.is_empty() {
                shown.push((of.clone(), log.notice(0, &log.text)));
            }
        }
        shown.sort_by(|(one, _), (other, _)| one.cmp(other));
        shown.into_iter().for_each(|(_, notice)| watched.tell(notice));
    }

    /// A record has become durable.
    pub(crate) fn entry(&self, entry: Entry) {
        let mut runs = self.runs();
        runs.told = Some(entry.seq);
        let watched = entry.record.run().and_then(|run| runs.watched.get(&run));
        if let Some(watched) = watched {
            watched.tell(Notice::Entry(Arc::new(entry)));
        }
    }

    /// The last record that readers were told.
    pub(crate) fn told(&self) -> Option<Seq> {
        self.runs().told
    }

    /// Nothing more will happen to the run; readers see the end.
    pub(crate) fn close(&self, run: RunId) {
        self.runs().watched.remove(&run);
    }

    /// The shard begins a new life: provisional text is void, readers go back to the journal.
    pub(crate) fn reset(&self) {
        let mut runs = self.runs();
        // Each has readers of its own: their order is nothing to anybody.
        runs.watched.values().for_each(Watched::void);
        *runs = Runs::default();
    }

    /// From now on, and the text so far.
    pub(crate) fn subscribe(&self, run: RunId) -> Subscribed {
        let mut runs = self.runs();
        let told = runs.told;
        let watched = runs.watched.entry(run).or_default();
        let notices = watched.readers.get_or_insert_with(|| broadcast::Sender::new(BACKLOG_MAX)).subscribe();
        let shown = |log: &&Log| !log.held_back && !log.text.is_empty();
        let mut texts: Vec<&Log> = watched.texts.values().filter(shown).collect();
        texts.sort_by(|one, other| one.attempt.path.cmp(&other.attempt.path));
        let texts = texts.into_iter().map(|log| log.notice(0, &log.text)).collect();
        Subscribed { notices, texts, told }
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        // Every change of the table is complete before anything in it can panic.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Nothing of the text that was shown counts.
    fn void(&self) {
        let shown = self.texts.iter().filter(|(_, log)| !log.held_back && !log.text.is_empty());
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
