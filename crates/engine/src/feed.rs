//! What a caller sees while a run goes on: durable records, and the provisional text of tasks marked `live`.
//!
//! Text is addressed by attempt and offset. It lives in a bounded log for each task until the run is closed; text that is held back
//! joins the stream when it is published, unless its attempt has failed by then. A later attempt of the same task starts over, and
//! readers are told. What the tasks of the latest runs that ended have said is kept a little longer, for readers that come late.

mod ended;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agendum_core::{Dispatch, Entry};
use agendum_types::{AttemptId, RunId, Seq, TaskPath};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::broadcast;

use ended::Ended;

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
    ended: Ended,
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
    readers: Readers,
    /// By path: a task stands before its items and rounds, and these before the next task.
    texts: BTreeMap<TaskPath, Log>,
    /// Tasks whose text may be shown although their attempt was sent off with the order to hold it back.
    released: FxHashSet<TaskPath>,
    /// Of all texts together.
    bytes: usize,
}

#[derive(Default)]
struct Readers(Option<broadcast::Sender<Notice>>);

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
        if void.is_shown() {
            watched.readers.tell(Notice::Restarted { path: path.clone() });
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
            watched.readers.tell(notice);
        }
    }

    /// The task's last attempt has come to nothing: what it said and is still held back will not be shown.
    pub(crate) fn withdraw(&self, run: RunId, path: &TaskPath) {
        let mut runs = self.runs();
        let Some(watched) = runs.watched.get_mut(&run) else { return };
        if watched.texts.get(path).is_some_and(|log| log.held_back)
            && let Some(void) = watched.texts.remove(path)
        {
            watched.bytes -= void.text.len();
        }
    }

    /// The text of this task may be shown, and that of its items and rounds.
    pub(crate) fn publish(&self, run: RunId, path: &TaskPath) {
        let mut runs = self.runs();
        let watched = runs.watched.entry(run).or_default();
        watched.released.insert(path.clone());
        for (_, log) in watched.texts.range_mut::<TaskPath, _>(path..).take_while(|(of, _)| of.is_within(path)) {
            if std::mem::take(&mut log.held_back) && log.is_shown() {
                watched.readers.tell(log.notice(0, &log.text));
            }
        }
    }

    /// A record has become durable.
    pub(crate) fn entry(&self, entry: Entry) {
        let mut runs = self.runs();
        runs.told = Some(entry.seq);
        let watched = entry.record.run().and_then(|run| runs.watched.get(&run));
        if let Some(watched) = watched {
            watched.readers.tell(Notice::Entry(Arc::new(entry)));
        }
    }

    /// The last record that readers were told.
    pub(crate) fn told(&self) -> Option<Seq> {
        self.runs().told
    }

    /// Nothing more will happen to the run; readers see the end.
    pub(crate) fn close(&self, run: RunId) {
        let mut runs = self.runs();
        let Some(watched) = runs.watched.remove(&run).filter(|watched| Ended::takes(watched.bytes)) else { return };
        let texts = watched.so_far();
        runs.ended.keep(run, texts, watched.bytes);
    }

    /// The run is not to be found any more.
    pub(crate) fn forget(&self, run: RunId) {
        self.runs().ended.forget(run);
    }

    /// What the tasks of a run have said whose last record is durable, if it is one of the latest.
    pub(crate) fn late(&self, run: RunId) -> Vec<Notice> {
        let runs = self.runs();
        // Its last record may be read a moment before it is told here.
        runs.watched.get(&run).map_or_else(|| runs.ended.texts(run), Watched::so_far)
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
        // It may have ended a moment ago.
        let texts = runs.watched.get(&run).map_or_else(|| runs.ended.texts(run), Watched::so_far);
        let watched = runs.watched.entry(run).or_default();
        let notices = watched.readers.0.get_or_insert_with(|| broadcast::Sender::new(BACKLOG_MAX)).subscribe();
        Subscribed { notices, texts, told }
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        // Every change of the table is complete before anything in it can panic.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn shown(&self) -> impl Iterator<Item = &Log> {
        self.texts.values().filter(|log| log.is_shown())
    }

    fn so_far(&self) -> Vec<Notice> {
        self.shown().map(|log| log.notice(0, &log.text)).collect()
    }

    /// Nothing of the text that was shown counts.
    fn void(&self) {
        self.shown().for_each(|log| self.readers.tell(Notice::Restarted { path: log.attempt.path.clone() }));
    }
}

impl Readers {
    fn tell(&self, notice: Notice) {
        if let Some(readers) = &self.0 {
            let _nobody = readers.send(notice);
        }
    }
}

impl Log {
    fn is_shown(&self) -> bool {
        !self.held_back && !self.text.is_empty()
    }

    fn notice(&self, offset: usize, text: &str) -> Notice {
        Notice::Text { attempt: Arc::clone(&self.attempt), offset: offset as u64, text: Arc::from(text) }
    }
}
