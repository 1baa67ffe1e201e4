//! Kept results: how they are found, kept and dropped. Which of them count the core decides.
//!
//! Look-ups and keeping answer in any case, and soon: what the store cannot say is nothing. Results are kept in groups, one transaction
//! for all that have gathered while the one before was written.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration as Span;

use agendum_core::{Event, Keep, LookUp};
use agendum_ports::{Dropped, KeptLine, KeptResult, Payload, StoreError, WhichKept, chain};
use agendum_types::{CacheInput, CacheKey, CachedCopy, Duration, Hash, Tenant, Timestamp, Within};
use futures_util::FutureExt as _;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::inbox::Message;
use crate::payloads::{Made, Payloads};
use crate::reader::Reader;
use crate::shard::Surroundings;

/// Look-ups at once; more wait for their turn.
pub(crate) const LOOK_UPS_MAX: usize = 64;
/// How long a look-up may take before it counts as in vain.
const LOOK_UP_TIME_MAX: Span = Span::from_secs(2);
/// How long keeping a group may take before those that wait for it go on without.
const KEEP_TIME_MAX: Span = Span::from_secs(10);
/// Results in one group.
const GROUP_MAX: usize = 64;
/// The latest things that were forgotten and are remembered while results may be computed that fall under them.
const FORGOTTEN_MAX: usize = 1_000;
/// Lines of a list at most.
const LINES_MAX: u32 = 1_000;
/// Results that are dropped in one transaction.
const DROPPED_MAX: u32 = 256;
/// Between two of those.
const DROP_PAUSE: Span = Span::from_millis(2);

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// What is older is dropped.
    pub age: Duration,
    /// Bytes of all tenants together; beyond them the oldest is dropped.
    pub bytes_max: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { age: Duration::secs(30 * 24 * 3_600), bytes_max: 1 << 30 }
    }
}

/// The address of what was asked for, under the key of its tenant: the same words under another tenant have another.
pub(crate) fn address(payloads: &Payloads, key: &CacheKey) -> Hash {
    let CacheKey { tenant, within, capability, input, requirement, output_cap } = key;
    let within = match within {
        Within::Run(run) => json!(["run", run.to_string()]),
        Within::User(user) => json!(["user", &*user.0]),
        Within::Tenant => json!(["tenant", &*tenant.0]),
    };
    let input = match input {
        CacheInput::Payload(hash) => *hash,
        CacheInput::Constant(text) => payloads.address_of(tenant, text.as_bytes()),
    };
    let allow: Vec<&str> = requirement.allow.iter().map(|name| &**name).collect();
    let class = requirement.class.as_deref();
    let text = json!(["agendum cache key v1", within, capability.word(), input.to_string(), class, allow, output_cap])
        .to_string();
    payloads.address_of(tenant, text.as_bytes())
}

/// Looks for a kept result, and makes its payload one of the run that asks.
pub(crate) async fn look_up(around: Arc<Surroundings>, life: u64, asked: Box<LookUp>) {
    let looks = in_turn(&around.look_ups, LOOK_UP_TIME_MAX, find(&around, &asked.key));
    let found = AssertUnwindSafe(looks).catch_unwind().await.ok().flatten();
    let (found, made) = found.map_or((None, None), |(copy, made)| (Some(Box::new(copy)), Some(made)));
    let LookUp { run, path, number, .. } = *asked;
    let looked = Box::new(Event::LookedUp { run, path, number, found });
    around.inbox.send(Message::LookedUp { life, looked, made });
}

/// What is found when its turn has come, if that does not take longer. Waiting for the turn does not count: each of those before it is
/// given up in time.
pub(crate) async fn in_turn<T>(turns: &Semaphore, longest: Span, finds: impl Future<Output = Option<T>>) -> Option<T> {
    let _turn = turns.acquire().await.ok()?;
    tokio::time::timeout(longest, finds).await.ok().flatten()
}

async fn find(around: &Surroundings, key: &CacheKey) -> Option<(CachedCopy, Made)> {
    let (tenant, payloads) = (&key.tenant, &around.payloads);
    let found = around.store.look_up(tenant, address(payloads, key)).await;
    let KeptResult { copy, bytes, .. } = found.inspect_err(told).ok().flatten()?;
    let bytes = match bytes {
        Some(bytes) => bytes,
        None => payloads.blob(tenant, &copy.output).await.inspect_err(told).ok()?,
    };
    let made = payloads.make(tenant, Payload { media: copy.output.media.clone(), bytes }).await;
    let made = made.inspect_err(told).ok()?;
    if made.reference.hash != copy.output.hash {
        tracing::warn!(hash = %copy.output.hash, "a kept result is not what was kept, and is not used");
        return None;
    }
    Some((copy, made))
}

fn told(error: &(impl std::error::Error + 'static)) {
    tracing::warn!(error = chain(error), "a kept result cannot be read: it is computed again");
}

/// Results that wait to be kept, and whether a group is on its way.
#[derive(Default)]
pub(crate) struct Keeping {
    waiting: Vec<Keep>,
    is_busy: bool,
}

impl Keeping {
    /// One more.
    pub(crate) fn push(&mut self, keep: Keep) {
        self.waiting.push(keep);
    }

    /// The group that was on its way is kept.
    pub(crate) const fn is_done(&mut self) {
        self.is_busy = false;
    }

    /// The next group, if none is on its way.
    pub(crate) fn group(&mut self) -> Option<Vec<Keep>> {
        if self.is_busy || self.waiting.is_empty() {
            return None;
        }
        self.is_busy = true;
        let rest = self.waiting.split_off(self.waiting.len().min(GROUP_MAX));
        Some(std::mem::replace(&mut self.waiting, rest))
    }
}

/// Keeps a group of results, as far as that can be done.
pub(crate) async fn keep(around: Arc<Surroundings>, life: u64, group: Vec<Keep>) {
    let kept = AssertUnwindSafe(tokio::time::timeout(KEEP_TIME_MAX, keep_all(&around, &group))).catch_unwind().await;
    match kept {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(error = chain(&error), "results could not be kept"),
        Ok(Err(_)) | Err(_) => tracing::warn!("results could not be kept in time"),
    }
    let keys = group.into_iter().map(|keep| keep.key).collect();
    around.inbox.send(Message::Kept { life, keys });
}

async fn keep_all(around: &Surroundings, group: &[Keep]) -> Result<(), StoreError> {
    // What is full takes no copies.
    if around.room.short().is_some() {
        return Ok(());
    }
    let (mut results, mut claims) = (Vec::with_capacity(group.len()), Vec::new());
    let mut since = Vec::new();
    for Keep { key, copy, tags, began } in group {
        let (tenant, payloads) = (&key.tenant, &around.payloads);
        let made = match payloads.bytes(tenant, copy.run, &copy.output).await {
            Ok(bytes) => payloads.make(tenant, Payload { media: copy.output.media.clone(), bytes }).await,
            Err(error) => Err(error),
        };
        let Ok(made) = made.inspect_err(|error| tracing::warn!(error = chain(error), "a result could not be kept"))
        else {
            continue;
        };
        results.push(KeptResult {
            tenant: tenant.clone(),
            key: address(payloads, key),
            capability: key.capability.word().into(),
            copy: copy.clone(),
            bytes: made.inline.as_ref().map(|inline| inline.payload.bytes.clone()),
            tags: tags.clone(),
        });
        since.push(*began);
        // Until the store knows that it is named, nobody deletes its blob.
        claims.push(made);
    }
    let kept: Vec<_> = results.iter().map(|kept| (kept.tenant.clone(), kept.key, kept.tags.clone())).collect();
    around.store.keep(results).await?;
    // Asked when all is kept: who forgets says so first, and drops what is there then.
    for ((tenant, key, tags), began) in kept.into_iter().zip(since) {
        let is_forgotten = around.forgotten().names(&tenant, key, &tags, began);
        if is_forgotten {
            around.store.drop_kept(&tenant, WhichKept::Key(key), 1).await?;
        }
    }
    Ok(())
}

/// What was forgotten, and when: a result that is computed meanwhile is not kept.
#[derive(Debug, Default)]
pub(crate) struct Forgotten(VecDeque<(Tenant, WhichKept, Timestamp)>);

impl Forgotten {
    fn note(&mut self, tenant: &Tenant, which: &WhichKept, at: Timestamp) {
        self.0.retain(|(of, what, _)| (of, what) != (tenant, which));
        self.0.push_back((tenant.clone(), which.clone(), at));
        if self.0.len() > FORGOTTEN_MAX {
            self.0.pop_front();
        }
    }

    fn names(&self, tenant: &Tenant, key: Hash, tags: &[Arc<str>], began: Timestamp) -> bool {
        let is_it = |which: &WhichKept| match which {
            WhichKept::All => true,
            WhichKept::Tagged(tag) => tags.contains(tag),
            WhichKept::Key(of) => *of == key,
        };
        self.0.iter().any(|(of, which, at)| of == tenant && began <= *at && is_it(which))
    }
}

impl Surroundings {
    fn forgotten(&self) -> MutexGuard<'_, Forgotten> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// What of that is kept for a tenant, the latest first, up to a thousand lines; and how much of it there is in all.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn kept(&self, tenant: &Tenant, which: WhichKept) -> Result<(Vec<KeptLine>, Dropped), StoreError> {
        self.store.kept(tenant, which, LINES_MAX).await
    }

    /// Up to so many keys of what is kept for a tenant that begin with these hexadecimal digits; `None` if these are none, or too many.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn keys_like(
        &self,
        tenant: &Tenant,
        digits: &str,
        count_max: u32,
    ) -> Result<Option<Vec<Hash>>, StoreError> {
        let (first, last) = (format!("{digits:0<64}"), format!("{digits:f<64}"));
        let (Some(first), Some(last)) = (Hash::from_hex(&first), Hash::from_hex(&last)) else { return Ok(None) };
        self.store.keys_within(tenant, (first, last), count_max).await.map(Some)
    }
}

impl Engine {
    /// Keeps these results of a tenant no longer, nor those that are being computed. A task that has taken one has it.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn drop_kept(&self, tenant: &Tenant, which: WhichKept) -> Result<Dropped, StoreError> {
        // By the shard's clock, if that is ahead: what it times is compared with this.
        self.around.forgotten().note(tenant, &which, self.around.later());
        let (around, tenant) = (Arc::clone(&self.around), tenant.clone());
        // It goes on when whoever asked for it is gone.
        let dropped = self.around.runtime.spawn(async move { drop_all(&around, &tenant, &which).await }).await;
        let dropped =
            dropped.map_err(|error| StoreError::Io { doing: "drop kept results", source: Box::new(error) })??;
        self.collect_soon();
        Ok(dropped)
    }
}

/// A few at a time: others want the store too.
async fn drop_all(around: &Surroundings, tenant: &Tenant, which: &WhichKept) -> Result<Dropped, StoreError> {
    let mut all = Dropped::default();
    loop {
        let Dropped { count, bytes } = around.store.drop_kept(tenant, which.clone(), DROPPED_MAX).await?;
        all = Dropped { count: all.count + count, bytes: all.bytes.saturating_add(bytes) };
        if count < u64::from(DROPPED_MAX) {
            return Ok(all);
        }
        tokio::time::sleep(DROP_PAUSE).await;
    }
}
