//! Reading a run: what the journal holds, then what happens.

use std::collections::VecDeque;
use std::sync::Arc;

use agendum_core::{Change, Record};
use agendum_ports::Row;
use agendum_types::{RunId, Seq, Tenant};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::feed::Notice;
use crate::reader::ReadError;
use crate::rows;
use crate::shard::Surroundings;

/// Records that are read and not handed out yet, at most: each of many readers has them.
const READ_AHEAD: u32 = 64;

/// The notices of one run, from a place in its journal to its end.
pub struct Watch {
    around: Arc<Surroundings>,
    tenant: Tenant,
    run: RunId,
    /// The last record that was read or heard of.
    after: Seq,
    /// Read or heard of, and not handed out yet.
    ready: VecDeque<Notice>,
    /// The journal holds what is not read yet; what is live comes after it.
    behind: bool,
    live: Option<Receiver<Notice>>,
    /// What had been said when this began. Of an attempt that has ended it comes before its end, else behind what was read.
    texts: Vec<Notice>,
    /// What is older is read from the journal; the rest is told, each text in its place among the records. `None`: nothing is told.
    told_after: Option<Seq>,
    ended: bool,
}

impl Watch {
    pub(crate) async fn begin(
        around: Arc<Surroundings>,
        tenant: Tenant,
        run: RunId,
        after: Seq,
    ) -> Result<Self, ReadError> {
        let row = around.store.run(&tenant, run).await?.ok_or(ReadError::NoRun(run))?;
        let (ready, texts) = (VecDeque::new(), Vec::new());
        let (live, told_after) = (None, None);
        let mut watch = Self { around, tenant, run, after, ready, behind: true, live, texts, told_after, ended: false };
        if row.done.is_none() {
            watch.subscribe()?;
        } else {
            watch.texts = watch.around.feed.late(run);
        }
        watch.read_page().await?;
        Ok(watch)
    }

    fn subscribe(&mut self) -> Result<(), ReadError> {
        let subscribed = self.around.feed.subscribe(self.run);
        // Asked behind the subscription: an opening that leaves the run out says so first, and closes it then.
        if self.around.left_out(&self.tenant, self.run) {
            self.around.feed.close(self.run);
            return Err(ReadError::LeftOut(self.run));
        }
        (self.live, self.texts, self.told_after) = (Some(subscribed.notices), subscribed.texts, subscribed.told);
        Ok(())
    }

    /// What is to be said before this record.
    fn say_before(&mut self, record: &Record) {
        let is_over = self.live.is_none();
        let is_due = |text: &Notice| match (text, record) {
            (Notice::Text { .. }, Record::Answered(_)) => is_over,
            (Notice::Text { attempt, .. }, Record::Task { path, change: Change::Finished(finished), .. }) => {
                attempt.path == *path && attempt.attempt == finished.attempt
            }
            (Notice::Text { .. } | Notice::Entry(_) | Notice::Restarted { .. }, _) => false,
        };
        self.ready.extend(self.texts.extract_if(.., |text| is_due(text)));
    }

    async fn read_page(&mut self) -> Result<(), ReadError> {
        let page = self.around.store.read_run(&self.tenant, self.run, self.after, &[], READ_AHEAD).await?;
        let is_untold = |row: &&Row| self.told_after.is_none_or(|told| row.seq <= told);
        let untold: Vec<&Row> = page.iter().take_while(is_untold).collect();
        for row in &untold {
            self.after = row.seq;
            let entry = rows::entry(row)?;
            if !self.texts.is_empty() {
                self.say_before(&entry.record);
            }
            self.ready.push_back(Notice::Entry(Arc::new(entry)));
        }
        if untold.len() < page.len() || page.is_empty() {
            self.behind = false;
            // What was said of a run that is over stands before its answer, which the reader has.
            let left = std::mem::take(&mut self.texts).into_iter().filter(|_| self.live.is_some());
            self.ready.extend(left);
        }
        Ok(())
    }

    /// The next notice; `None` after the run's last.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, or the run was left out meanwhile.
    pub async fn next(&mut self) -> Result<Option<Notice>, ReadError> {
        loop {
            if let Some(notice) = self.ready.pop_front() {
                if let Notice::Entry(entry) = &notice {
                    self.ended = matches!(entry.record, Record::Done { .. });
                }
                return Ok(Some(notice));
            }
            if self.behind {
                self.read_page().await?;
                continue;
            }
            let Some(live) = self.live.as_mut().filter(|_| !self.ended) else {
                self.forget_unless_live();
                return Ok(None);
            };
            match live.recv().await {
                Ok(Notice::Entry(entry)) if entry.seq <= self.after => {}
                Ok(notice) => {
                    if let Notice::Entry(entry) = &notice {
                        self.after = entry.seq;
                    }
                    self.ready.push_back(notice);
                }
                Err(RecvError::Lagged(_)) => (self.behind, self.told_after) = (true, self.around.feed.told()),
                Err(RecvError::Closed) => {
                    // The run has ended, or the shard began a new life: the index knows which, the journal the rest.
                    (self.live, self.behind, self.told_after) = (None, true, None);
                    if self.around.store.run(&self.tenant, self.run).await?.is_some_and(|row| row.done.is_none()) {
                        self.subscribe()?;
                    }
                }
            }
        }
    }

    /// A subscription to a run that ended before it was made would stay in the feed for ever.
    fn forget_unless_live(&mut self) {
        if self.live.take().is_some() && self.ended {
            self.around.feed.close(self.run);
        }
    }
}
