//! Bytes by reference: made durable before the commit that names them, kept in memory while they are likely to be read again.
//!
//! A small payload travels inside the journal row of the record that names it; until that row is durable it is pinned here. A larger
//! one is a blob, durable before its record is decided.

mod claims;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agendum_ports::{BlobError, Blobs, InlinePayload, Payload, Store, StoreError, TenantKey};
use agendum_spec::NormalDocument;
use agendum_types::{Class, Hash, Labels, Limits, MediaType, PayloadRef, RunId, Tenant};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use tokio::sync::Notify;

use claims::{Claim, Claims};

/// What payloads may take in memory, parsed values included. Pinned ones are not counted: their number is bounded by the records that
/// may wait for the disk.
const CACHE_BYTES_MAX: usize = 64 << 20;
/// What takes more than this is kept apart, so that it does not drive everything else out.
const LARGE: usize = 8 << 20;
/// What large payloads may take in memory together; one may take more, if it is the only one.
const LARGE_BYTES_MAX: usize = 128 << 20;
/// Blobs that are known to be kept, at most.
const KEPT_MAX: usize = 16_384;
/// What is larger takes a while to hash.
const LARGE_HASH: usize = 1 << 20;
/// What an entry takes besides its content.
const ENTRY_BYTES: usize = 256;
/// A parsed value takes about this many times its text.
const VALUE_FACTOR: usize = 8;

/// The payloads of one shard.
pub(crate) struct Payloads {
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    inline_max: usize,
    size_max: u64,
    table: Shared,
    opened: Notify,
}

type Shared = Arc<Mutex<Table>>;

/// A payload that was just made, and what its journal row must carry.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) reference: PayloadRef,
    pub(crate) inline: Option<Arc<Pinned>>,
    /// Of a blob: held until the record that names it is decided.
    _claim: Option<Arc<Claim>>,
}

/// A small payload that stays in memory as long as this does: until the row that carries it is durable, or no row will.
pub(crate) struct Pinned {
    pub(crate) payload: InlinePayload,
    tenant: Tenant,
    table: Shared,
}

impl Pinned {
    fn new(table: &Shared, tenant: &Tenant, hash: Hash, held: Held) -> Self {
        let payload = InlinePayload { hash, bytes: held.bytes.clone() };
        locked(table).pin((tenant.clone(), hash), held);
        Self { payload, tenant: tenant.clone(), table: Arc::clone(table) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        locked(&self.table).unpin((self.tenant.clone(), self.payload.hash));
    }
}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pinned").field(&self.payload.hash).finish()
    }
}

/// Why a payload could not be made or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("a payload of {size} bytes is larger than the limit of {limit}")]
    TooLarge { size: u64, limit: u64 },
    #[error("payload {0} is missing from the store")]
    Missing(Hash),
    #[error("payload {0} is no text")]
    NoText(Hash),
    #[error("payload {hash} is not JSON: {message}")]
    NotJson { hash: Hash, message: String },
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PayloadError {
    /// What a failure for this reason is: of the payload itself, or of what shall keep it.
    pub(crate) const fn class(&self) -> Class {
        match self {
            Self::TooLarge { .. } | Self::NoText(_) | Self::NotJson { .. } => Class::Permanent,
            Self::Missing(_) | Self::Blob(_) | Self::Store(_) => Class::Unavailable,
        }
    }
}

pub(crate) type Address = (Tenant, Hash);

/// What memory holds. Two generations instead of a list of uses: what was read since the last turn survives the next.
#[derive(Default)]
struct Table {
    keys: FxHashMap<Tenant, TenantKey>,
    pinned: FxHashMap<Address, (Held, u32)>,
    claims: Claims,
    young: FxHashMap<Address, Held>,
    old: FxHashMap<Address, Held>,
    young_bytes: usize,
    /// The latest used first.
    large: VecDeque<(Address, Held)>,
}

#[derive(Clone)]
struct Held {
    bytes: Bytes,
    value: Option<Arc<Json>>,
    /// Where the elements of a list lie in the bytes.
    elements: Option<Arc<[Range<u32>]>>,
}

impl Payloads {
    pub(crate) fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>, limits: &Limits) -> Self {
        let (inline_max, size_max) = (limits.inline_payload_bytes_max, limits.payload_bytes_max);
        Self { store, blobs, inline_max, size_max, table: Shared::default(), opened: Notify::new() }
    }

    /// Keeps the payload. A small one is pinned as long as what is given back; a large one is durable on return.
    pub(crate) async fn make(&self, tenant: &Tenant, payload: Payload) -> Result<Made, PayloadError> {
        self.keep(tenant, payload.media, payload.bytes, None).await
    }

    /// The same for a value that was just computed.
    pub(crate) async fn make_value(&self, tenant: &Tenant, value: Json) -> Result<Made, PayloadError> {
        let bytes = Bytes::from(value.to_string());
        self.keep(tenant, MediaType::Json, bytes, Some(Arc::new(value))).await
    }

    async fn keep(
        &self,
        tenant: &Tenant,
        media: MediaType,
        bytes: Bytes,
        value: Option<Arc<Json>>,
    ) -> Result<Made, PayloadError> {
        let size = bytes.len() as u64;
        self.fits(size)?;
        let held = Held { value, ..Held::new(bytes.clone()) };
        let reference = |hash| PayloadRef { hash, size, media, labels: Labels::NONE };
        if bytes.len() <= self.inline_max {
            let hash = self.key(tenant).address(&bytes);
            let inline = Some(Arc::new(Pinned::new(&self.table, tenant, hash, held)));
            return Ok(Made { reference: reference(hash), inline, _claim: None });
        }
        let claim = self.claim((tenant.clone(), self.address(tenant, &bytes).await)).await;
        let hash = self.blobs.put(tenant, bytes).await?;
        self.table().keep(claim.address.clone(), held);
        Ok(Made { reference: reference(hash), inline: None, _claim: Some(Arc::new(claim)) })
    }

    /// The address of a payload; of a large one it is computed beside everything that must not wait.
    async fn address(&self, tenant: &Tenant, bytes: &Bytes) -> Hash {
        let key = self.key(tenant);
        if bytes.len() <= LARGE_HASH {
            return key.address(bytes);
        }
        let (given, there) = (bytes.clone(), key.clone());
        let hashed = tokio::task::spawn_blocking(move || there.address(&given)).await;
        hashed.unwrap_or_else(|_| key.address(bytes))
    }

    /// Refuses what is larger than a payload may be.
    pub(crate) const fn fits(&self, size: u64) -> Result<(), PayloadError> {
        if size > self.size_max { Err(PayloadError::TooLarge { size, limit: self.size_max }) } else { Ok(()) }
    }

    /// Keeps the text as a blob: a document that rows of many runs name.
    pub(crate) async fn make_blob(&self, tenant: &Tenant, text: &str) -> Result<Made, PayloadError> {
        self.copy(tenant, Bytes::copy_from_slice(text.as_bytes())).await
    }

    /// Keeps the bytes as a blob, whatever their size: for rows that name what the row of another run may carry.
    pub(crate) async fn copy(&self, tenant: &Tenant, bytes: Bytes) -> Result<Made, PayloadError> {
        let size = bytes.len() as u64;
        let claim = self.claim((tenant.clone(), self.address(tenant, &bytes).await)).await;
        let reference = PayloadRef { hash: claim.address.1, size, media: MediaType::Json, labels: Labels::NONE };
        // That the same bytes are at hand says nothing: the row of another run may carry them.
        let is_kept = self.table().claims.kept.contains(&claim.address);
        if !is_kept {
            self.blobs.put(tenant, bytes.clone()).await?;
            self.table().keep(claim.address.clone(), Held::new(bytes));
        }
        Ok(Made { reference, inline: None, _claim: Some(Arc::new(claim)) })
    }

    /// The bytes.
    pub(crate) async fn bytes(
        &self,
        tenant: &Tenant,
        run: RunId,
        reference: &PayloadRef,
    ) -> Result<Bytes, PayloadError> {
        Ok(self.held(tenant, run, reference).await?.bytes)
    }

    /// The bytes of a blob that rows only name.
    pub(crate) async fn blob(&self, tenant: &Tenant, reference: &PayloadRef) -> Result<Bytes, PayloadError> {
        let address = (tenant.clone(), reference.hash);
        if let Some(held) = self.table().find(&address) {
            return Ok(held.bytes);
        }
        let bytes = self.blobs.get(tenant, reference.hash).await?.ok_or(PayloadError::Missing(reference.hash))?;
        self.table().cache(address, Held::new(bytes.clone()));
        Ok(bytes)
    }

    /// The document that a blob holds.
    pub(crate) async fn document(
        &self,
        tenant: &Tenant,
        reference: &PayloadRef,
    ) -> Result<NormalDocument, PayloadError> {
        let bytes = self.blob(tenant, reference).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| PayloadError::NoText(reference.hash))?;
        Ok(NormalDocument(text.into()))
    }

    /// What expressions see of it: JSON as it is, text as a text, other bytes as an object that names them.
    pub(crate) async fn value(
        &self,
        tenant: &Tenant,
        run: RunId,
        reference: &PayloadRef,
    ) -> Result<Arc<Json>, PayloadError> {
        let held = self.held(tenant, run, reference).await?;
        if let Some(value) = held.value {
            return Ok(value);
        }
        let value = match &reference.media {
            MediaType::Json => serde_json::from_slice(&held.bytes)
                .map_err(|error| PayloadError::NotJson { hash: reference.hash, message: error.to_string() })?,
            MediaType::Text => Json::String(String::from_utf8_lossy(&held.bytes).into_owned()),
            MediaType::Bytes | MediaType::Other(_) => {
                serde_json::json!({ "media": reference.media.as_str(), "size": reference.size, "hash": reference.hash.to_string() })
            }
        };
        let value = Arc::new(value);
        let parsed = Held { value: Some(Arc::clone(&value)), ..held };
        self.table().learn((tenant.clone(), reference.hash), parsed);
        Ok(value)
    }

    /// One element of a list; null if there is none. The list is cut once and never parsed as a whole.
    pub(crate) async fn item(
        &self,
        tenant: &Tenant,
        run: RunId,
        list: &PayloadRef,
        index: u32,
    ) -> Result<Arc<Json>, PayloadError> {
        let not_json = |error: serde_json::Error| PayloadError::NotJson { hash: list.hash, message: error.to_string() };
        let mut held = self.held(tenant, run, list).await?;
        let elements = match &held.elements {
            Some(elements) => Arc::clone(elements),
            None => {
                let elements = elements(&held.bytes).map_err(not_json)?;
                held.elements = Some(Arc::clone(&elements));
                self.table().learn((tenant.clone(), list.hash), held.clone());
                elements
            }
        };
        let Some(place) = elements.get(index as usize) else { return Ok(Arc::default()) };
        let element = &held.bytes[place.start as usize..place.end as usize];
        serde_json::from_slice(element).map(Arc::new).map_err(not_json)
    }

    /// The bytes of an element, where the list was cut already.
    pub(crate) fn item_size(&self, tenant: &Tenant, list: &PayloadRef, index: u32) -> Option<u64> {
        let elements = self.table().find(&(tenant.clone(), list.hash))?.elements?;
        Some(elements.get(index as usize).map_or(0, |place| u64::from(place.end - place.start)))
    }

    async fn held(&self, tenant: &Tenant, run: RunId, reference: &PayloadRef) -> Result<Held, PayloadError> {
        let PayloadRef { hash, size, .. } = *reference;
        let address = (tenant.clone(), hash);
        if let Some(held) = self.table().find(&address) {
            return Ok(held);
        }
        let found =
            if size <= self.inline_max as u64 { self.store.inline_payload(tenant, run, hash).await? } else { None };
        let bytes = match found {
            Some(bytes) => bytes,
            None => self.blobs.get(tenant, hash).await?.ok_or(PayloadError::Missing(hash))?,
        };
        let held = Held::new(bytes);
        self.table().cache(address, held.clone());
        Ok(held)
    }

    /// The idempotency key of a task: the same for every attempt and every life, different for every task and tenant.
    pub(crate) fn idempotency_key(&self, tenant: &Tenant, origin: RunId, path: &str) -> Arc<str> {
        let text = format!("agendum idempotency key v1\0{origin}\0{path}");
        let mut hex = self.key(tenant).address(text.as_bytes()).to_string();
        hex.truncate(40);
        hex.into()
    }

    /// The address of these bytes under the tenant's key.
    pub(crate) fn address_of(&self, tenant: &Tenant, bytes: &[u8]) -> Hash {
        self.key(tenant).address(bytes)
    }

    pub(crate) fn key(&self, tenant: &Tenant) -> TenantKey {
        let known = self.table().keys.get(tenant).cloned();
        known.unwrap_or_else(|| {
            let key = self.blobs.key(tenant);
            self.table().keys.insert(tenant.clone(), key.clone());
            key
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        locked(&self.table)
    }
}

fn locked(table: &Shared) -> MutexGuard<'_, Table> {
    // Every change of the table is complete before anything in it can panic.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    /// A blob is kept.
    fn keep(&mut self, address: Address, held: Held) {
        if self.claims.kept.len() >= KEPT_MAX {
            self.claims.kept.clear();
        }
        self.claims.kept.insert(address.clone());
        self.cache(address, held);
    }

    fn pin(&mut self, address: Address, held: Held) {
        self.pinned.entry(address).or_insert((held, 0)).1 += 1;
    }

    fn unpin(&mut self, address: Address) {
        let Some(pin) = self.pinned.get_mut(&address) else { return };
        pin.1 -= 1;
        if pin.1 == 0
            && let Some((held, _)) = self.pinned.remove(&address)
        {
            self.cache(address, held);
        }
    }

    fn cache(&mut self, address: Address, held: Held) {
        if held.weight() > LARGE {
            return self.cache_large(address, held);
        }
        if self.large.iter().any(|(known, _)| *known == address) {
            // More is known of it there.
            return;
        }
        self.young_bytes += held.weight();
        if let Some(replaced) = self.young.insert(address, held) {
            self.young_bytes -= replaced.weight();
        }
        if self.young_bytes > CACHE_BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }

    fn cache_large(&mut self, address: Address, held: Held) {
        if let Some(small) = self.young.remove(&address) {
            self.young_bytes -= small.weight();
        }
        self.old.remove(&address);
        self.large.retain(|(known, _)| *known != address);
        self.large.push_front((address, held));
        let mut bytes = 0;
        let kept = self.large.iter().take_while(|(_, held)| {
            let is_first = bytes == 0;
            bytes += held.weight();
            is_first || bytes <= LARGE_BYTES_MAX
        });
        self.large.truncate(kept.count());
    }

    fn find(&mut self, address: &Address) -> Option<Held> {
        if let Some((held, _)) = self.pinned.get(address) {
            return Some(held.clone());
        }
        if let Some(held) = self.young.get(address) {
            return Some(held.clone());
        }
        let large =
            self.large.iter().position(|(known, _)| known == address).and_then(|place| self.large.remove(place));
        let held = large.map(|(_, held)| held).or_else(|| self.old.remove(address))?;
        self.cache(address.clone(), held.clone());
        Some(held)
    }

    /// More is known of a payload than when it was kept.
    fn learn(&mut self, address: Address, known: Held) {
        match self.pinned.get_mut(&address) {
            Some((held, _)) => *held = known,
            None => self.cache(address, known),
        }
    }
}

impl Held {
    const fn new(bytes: Bytes) -> Self {
        Self { bytes, value: None, elements: None }
    }

    fn weight(&self) -> usize {
        let value = if self.value.is_some() { self.bytes.len() * VALUE_FACTOR } else { 0 };
        let elements = self.elements.as_ref().map_or(0, |elements| size_of_val(&**elements));
        ENTRY_BYTES + self.bytes.len() + value + elements
    }
}

/// Cuts a list into its elements.
fn elements(list: &[u8]) -> serde_json::Result<Arc<[Range<u32>]>> {
    let elements: Vec<&RawValue> = serde_json::from_slice(list)?;
    let place = |element: &&RawValue| {
        let text = element.get();
        let start = text.as_ptr().addr() - list.as_ptr().addr();
        start as u32..(start + text.len()) as u32
    };
    Ok(elements.iter().map(place).collect())
}

#[cfg(test)]
mod tests;
