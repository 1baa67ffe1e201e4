//! Results that are kept: a list of them, and how they are forgotten.

use std::sync::Arc;

use agendum_ports::{KeptLine, WhichKept};
use agendum_types::Hash;
use agendum_wire::v1::{self, Cache, CacheForgotten, CacheLine};
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::Service;
use crate::reply::{Asked, Refused};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    all: Option<bool>,
}

/// Digits of a key that are enough, if no other begins so.
const DIGITS_MIN: usize = 8;
/// Keys that are named where several begin so.
const NAMED_MAX: u32 = 5;

/// The key that these digits begin.
async fn key_of(service: &Service, digits: &str) -> Result<WhichKept, Refused> {
    let bad = |detail: String| Refused::bad("which", "not one of them", detail);
    let is_key = digits.len() >= DIGITS_MIN && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    let found = match is_key {
        true => service.reader.keys_like(&service.tenant, digits, NAMED_MAX).await?,
        false => None,
    };
    let found = found.ok_or_else(|| bad(format!("a `key` has {DIGITS_MIN} to 64 hexadecimal digits")))?;
    match &found[..] {
        [key] => Ok(WhichKept::Key(*key)),
        [] if digits.len() == 64 => Hash::from_hex(digits).map(WhichKept::Key).ok_or_else(|| bad(digits.to_owned())),
        [] => Err(bad(format!("nothing is kept whose key begins with {digits}: GET /v1/cache tells them"))),
        several => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(bad(format!("several keys begin with {digits}, give more of one: {}", several.join(", "))))
        }
    }
}

impl Which {
    /// What is meant; `None` if nothing is named.
    async fn kept(self, service: &Service) -> Result<Option<WhichKept>, Refused> {
        let one = |detail: &str| Err(Refused::bad("which", "not one of them", detail));
        match (self.tag, self.key, self.all.unwrap_or(false)) {
            (None, None, false) => Ok(None),
            (None, None, true) => Ok(Some(WhichKept::All)),
            (Some(tag), None, false) => Ok(Some(WhichKept::Tagged(tag.into()))),
            (None, Some(key), false) => key_of(service, &key).await.map(Some),
            _ => one("name one of `tag`, `key` and `all=true`"),
        }
    }
}

pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    Asked(Query(asked)): Asked<Query<Which>>,
) -> Result<Json<Cache>, Refused> {
    let which = asked.kept(&service).await?.unwrap_or(WhichKept::All);
    let (lines, all) = service.reader.kept(&service.tenant, which).await?;
    Ok(Json(Cache { count: all.count, bytes: all.bytes, results: lines.iter().map(line).collect() }))
}

pub(crate) async fn forget(
    State(service): State<Arc<Service>>,
    Asked(Query(asked)): Asked<Query<Which>>,
) -> Result<Json<CacheForgotten>, Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let Some(which) = asked.kept(&service).await? else {
        return Err(Refused::bad("which", "nothing is named", "name one of `tag`, `key` and `all=true`"));
    };
    let dropped = engine.drop_kept(&service.tenant, which).await?;
    Ok(Json(CacheForgotten { count: dropped.count, bytes: dropped.bytes }))
}

fn line(kept: &KeptLine) -> CacheLine {
    CacheLine {
        key: kept.key.to_string(),
        capability: kept.capability.to_string(),
        target: kept.target.to_string(),
        run: kept.run.to_string(),
        kept: v1::instant(kept.at),
        cost_usd: v1::dollars(kept.cost),
        bytes: kept.size,
        tags: kept.tags.iter().map(ToString::to_string).collect(),
    }
}
