//! The worker of one endpoint: it sends what is kept, in rounds.
//!
//! A round takes a page of what was never sent and what is to be sent again by now, sends the notices of some runs at a time, and notes
//! what came of them in one transaction. A notice that was not taken holds back those of its run behind it; an endpoint that does not
//! answer holds back all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as Span;

use agendum_ports::{Due, Receipt, Sent, StoreError, chain};
use agendum_types::{Duration, RunId, Seq, Tenant, Timestamp};
use agendum_wire::v1::{About, Notice};
use futures_util::StreamExt as _;
use futures_util::stream;

use super::{Desk, parcel};
use crate::shard::Surroundings;

/// Notices of a round.
const PAGE: u32 = 64;
/// Runs whose notices are on their way to one endpoint at once.
const CONCURRENT: usize = 4;
/// Notices that wait for an endpoint that failed before nothing new is tried.
const HELD_MAX: usize = 256;
/// Notices that an endpoint refused and is sent again; of more the oldest are given up.
const REFUSED_MAX: usize = 1_024;
/// Notices that are given up in one transaction.
const EXPIRE_STEP: u32 = 1_000;
/// How long a courier may take, whatever it promises.
const SEND_MAX: Span = Span::from_secs(30);
/// How often is looked although nobody said that something is due.
const IDLE: Duration = Duration::secs(60);
/// The pause when the store could not be read.
const STORE_PAUSE: Span = Span::from_secs(5);

type Run = (Tenant, RunId);

/// Who sends to one endpoint.
pub(super) struct Worker {
    around: Arc<Surroundings>,
    desk: Arc<Desk>,
    /// Up to where notices that were never sent have been looked at.
    after: Seq,
    /// The first notice of each run that was not taken.
    held: BTreeMap<Run, Held>,
    is_loaded: bool,
    /// Rounds in a row in which the endpoint took nothing.
    failures: u32,
    /// Nothing is sent before.
    until: Timestamp,
    /// When what is kept was counted last.
    counted: Option<Timestamp>,
}

/// A notice that was not taken.
struct Held {
    due: Due,
    /// It was refused itself: that says nothing of others. Of one that an earlier process sent nobody knows, and this is assumed.
    is_refused: bool,
}

/// What came of a notice: `None` if it was not sent, because one before it was not taken.
type Outcome = (Due, Option<Receipt>);

/// What to do behind a round.
enum Then {
    GoOn,
    WaitUntil(Timestamp),
}

impl Worker {
    pub(super) fn new(around: Arc<Surroundings>, desk: Arc<Desk>) -> Self {
        let (held, until) = (BTreeMap::new(), Timestamp(0));
        Self { around, desk, after: Seq(0), held, is_loaded: false, failures: 0, until, counted: None }
    }

    pub(super) async fn run(mut self) {
        while !self.desk.gone.load(Ordering::Relaxed) {
            let ending = self.desk.ending.load(Ordering::Acquire);
            let pause = match self.round().await {
                Ok(Then::GoOn) => continue,
                Ok(Then::WaitUntil(at)) => at.since(self.around.clock.now()).to_std(),
                Err(error) => {
                    let endpoint = &self.desk.endpoint.name;
                    tracing::warn!(%endpoint, error = chain(&error), "notices are sent later");
                    // What was sent may not have been noted: the store says what is due.
                    self.look_anew();
                    STORE_PAUSE
                }
            };
            if ending {
                return;
            }
            tokio::select! {
                () = self.desk.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn round(&mut self) -> Result<Then, StoreError> {
        let now = self.around.clock.now();
        if now < self.until {
            return Ok(Then::WaitUntil(self.until));
        }
        let groups = self.groups(now).await?;
        if groups.is_empty() {
            let next = self.held.values().map(|held| held.due.next).min().unwrap_or(Timestamp::MAX);
            return Ok(Then::WaitUntil(next.min(now.after(IDLE))));
        }
        let outcomes = self.send(groups).await;
        self.settle(outcomes).await?;
        Ok(Then::GoOn)
    }

    /// What is to be sent now, by run, in the order of the journal.
    async fn groups(&mut self, now: Timestamp) -> Result<Vec<Vec<Due>>, StoreError> {
        let Surroundings { store, shard, .. } = &*self.around;
        let name = &self.desk.endpoint.name;
        if !self.is_loaded {
            let tried = store.notices_tried(*shard, name, (HELD_MAX + REFUSED_MAX) as u32 + PAGE).await?;
            let held = |due: Due| ((due.tenant.clone(), due.run), Held { due, is_refused: true });
            self.held.extend(tried.into_iter().map(held));
            self.is_loaded = true;
        }
        let again = self.held.values().map(|held| &held.due).filter(|due| due.next <= now).take(PAGE as usize).cloned();
        let mut groups: Vec<Vec<Due>> = again.map(|due| vec![due]).collect();
        if self.held.values().filter(|held| !held.is_refused).count() >= HELD_MAX {
            return Ok(groups);
        }
        let mut of_run = BTreeMap::<Run, usize>::new();
        loop {
            let page = store.notices_fresh(*shard, name, self.after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(groups) };
            self.after = last.seq;
            for due in page {
                let run = (due.tenant.clone(), due.run);
                if self.held.contains_key(&run) {
                    continue;
                }
                let place = *of_run.entry(run).or_insert_with(|| {
                    groups.push(Vec::new());
                    groups.len() - 1
                });
                groups[place].push(due);
            }
            if !groups.is_empty() {
                return Ok(groups);
            }
        }
    }

    async fn send(&self, groups: Vec<Vec<Due>>) -> Vec<Outcome> {
        // Once the endpoint does not answer, nothing more of the round is begun.
        let is_down = AtomicBool::new(false);
        let send = async |group: Vec<Due>| -> Vec<Outcome> {
            let (mut outcomes, mut is_held) = (Vec::with_capacity(group.len()), false);
            for due in group {
                if is_held || is_down.load(Ordering::Relaxed) {
                    outcomes.push((due, None));
                    continue;
                }
                let receipt = self.send_one(&due).await;
                is_held = receipt != Receipt::Delivered;
                if is_held && !matches!(receipt, Receipt::Failed { of_notice: true, .. }) {
                    is_down.store(true, Ordering::Relaxed);
                }
                outcomes.push((due, Some(receipt)));
            }
            outcomes
        };
        let sent: Vec<Vec<Outcome>> = stream::iter(groups).map(send).buffer_unordered(CONCURRENT).collect().await;
        sent.into_iter().flatten().collect()
    }

    async fn send_one(&self, due: &Due) -> Receipt {
        let about =
            About { tenant: &due.tenant, run: due.run, graph: &due.graph, status: due.status, degraded: due.degraded };
        let notice = Notice::of(&due.kind, due.at, &about, &due.detail);
        let parcel = parcel(Arc::clone(&due.id), self.around.clock.now(), &notice);
        let sent = tokio::time::timeout(SEND_MAX, self.desk.endpoint.courier.send(parcel)).await;
        let late = || Receipt::Failed { message: "no answer in time".to_owned(), after: None, of_notice: false };
        sent.unwrap_or_else(|_| late())
    }

    /// Notes what came of a round, and when to go on.
    async fn settle(&mut self, outcomes: Vec<Outcome>) -> Result<(), StoreError> {
        let (now, patience) = (self.around.clock.now(), self.desk.endpoint.patience);
        let (mut sent, mut error) = (Vec::new(), None);
        let (mut took_one, mut down, mut asked) = (false, false, None::<Duration>);
        for (due, receipt) in outcomes {
            let run = (due.tenant.clone(), due.run);
            let Some(receipt) = receipt else {
                // It is looked for again, behind the one that holds it back.
                self.after = self.after.min(Seq(due.seq.0 - 1));
                continue;
            };
            match receipt {
                Receipt::Delivered => {
                    took_one = true;
                    self.release(&run, &due);
                    sent.push((due.seq, Sent::Delivered));
                }
                Receipt::Gone(message) => return self.gone(now, &message).await,
                Receipt::Failed { message, after, of_notice } => {
                    down |= !of_notice;
                    asked = asked.max(after.filter(|_| !of_notice));
                    let attempts = due.attempts.saturating_add(1);
                    if patience.ends(attempts, due.at, now) {
                        self.warn_of(&due, &message);
                        self.release(&run, &due);
                        sent.push((due.seq, Sent::GivenUp));
                    } else {
                        let next = now.after(patience.pause(attempts, chance(), after));
                        sent.push((due.seq, Sent::Later { attempts, next }));
                        let due = Due { attempts, next, ..due };
                        self.held.insert(run, Held { due, is_refused: of_notice });
                    }
                    error = Some(message);
                }
            }
        }
        sent.extend(self.crowded_out());
        self.failures = if took_one { 0 } else { self.failures.saturating_add(u32::from(down)) };
        if down {
            self.until = now.after(patience.pause(self.failures.max(1), chance(), asked));
        }
        let (store, shard, name) = (&self.around.store, self.around.shard, &self.desk.endpoint.name);
        // Of an endpoint that stays away this is said once.
        if let Some(error) = error.as_ref().filter(|_| !down || self.failures == 1) {
            tracing::warn!(endpoint = %name, error, "a notice was not taken: it is sent again");
        }
        store.notices_sent(shard, name, now, sent, error).await?;
        self.expire(now).await
    }

    /// Gives up the oldest of what is refused where that is too much.
    fn crowded_out(&mut self) -> Vec<(Seq, Sent)> {
        if self.held.len() <= REFUSED_MAX {
            return Vec::new();
        }
        let mut refused: Vec<Due> =
            self.held.values().filter(|held| held.is_refused).map(|held| held.due.clone()).collect();
        refused.sort_by_key(|due| due.seq);
        refused.truncate(refused.len().saturating_sub(REFUSED_MAX));
        for due in &refused {
            self.warn_of(due, "too many others are refused");
            self.release(&(due.tenant.clone(), due.run), due);
        }
        refused.into_iter().map(|due| (due.seq, Sent::GivenUp)).collect()
    }

    /// What was held back behind this notice is looked for again.
    fn release(&mut self, run: &Run, due: &Due) {
        if self.held.remove(run).is_some() {
            self.after = self.after.min(due.seq);
        }
    }

    fn warn_of(&self, due: &Due, error: &str) {
        let (endpoint, id) = (&self.desk.endpoint.name, &due.id);
        tracing::warn!(%endpoint, %id, error, "a notice is given up");
    }

    async fn gone(&self, now: Timestamp, message: &str) -> Result<(), StoreError> {
        let endpoint = &self.desk.endpoint.name;
        tracing::warn!(%endpoint, "the endpoint says that it is gone: it is told nothing more until its configuration changes");
        self.desk.gone.store(true, Ordering::Relaxed);
        self.around.store.disable_endpoint(endpoint, now, message).await?;
        self.give_up(Timestamp::MAX, Seq(0)).await.map(drop)
    }

    /// Gives up what is too old, once the endpoint has failed for long, and what is too much, however it does.
    async fn expire(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let patience = self.desk.endpoint.patience;
        let before = patience.expired(self.failures, now);
        let is_counted = self.counted.is_some_and(|at| at <= now && now.since(at) < IDLE);
        let excess = if is_counted { None } else { self.excess(patience.kept_max).await? };
        if !is_counted {
            self.counted = Some(now);
        }
        if before.is_none() && excess.is_none() {
            return Ok(());
        }
        let gone = self.give_up(before.unwrap_or(Timestamp(0)), excess.unwrap_or(Seq(0))).await?;
        if gone > 0 {
            let endpoint = &self.desk.endpoint.name;
            tracing::warn!(%endpoint, gone, "notices are given up: the endpoint has not taken any for too long, or too slowly");
            self.look_anew();
        }
        Ok(())
    }

    async fn excess(&self, kept_max: u32) -> Result<Option<Seq>, StoreError> {
        self.around.store.notices_excess(self.around.shard, &self.desk.endpoint.name, kept_max).await
    }

    /// Gives up what happened before that time, and all up to that record, a step at a time: others want the store too.
    async fn give_up(&self, before: Timestamp, until: Seq) -> Result<u32, StoreError> {
        let (around, name) = (&self.around, &self.desk.endpoint.name);
        let mut gone = 0_u32;
        loop {
            let count = around.store.notices_expire(around.shard, name, before, until, EXPIRE_STEP).await?;
            gone = gone.saturating_add(count);
            if count < EXPIRE_STEP {
                return Ok(gone);
            }
        }
    }

    fn look_anew(&mut self) {
        (self.held, self.after, self.is_loaded) = (BTreeMap::new(), Seq(0), false);
    }
}

fn chance() -> u64 {
    getrandom::u64().unwrap_or_default()
}
