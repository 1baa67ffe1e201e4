//! The capability `retrieve`: `{index, query, top_k}` in, `{documents, best_score}` out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as Span;

use agendum_ports::{Adapter, Attempt, Failed, Finished, Payload};
use agendum_types::{Class, MediaType, Usage};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::index::Index;
use crate::name::IndexName;

/// Passages in a result at most.
const COUNT_MAX: u32 = 100;

/// How long a search may take, whatever the graph says.
pub const WHOLE: Span = Span::from_secs(30);

/// Serves `retrieve` from named indexes.
#[derive(Debug, Default)]
pub struct Retrieve {
    indexes: Mutex<BTreeMap<String, Arc<Index>>>,
    /// Where indexes are found that were made later.
    folder: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    index: Option<String>,
    query: String,
    #[serde(default = "top_k")]
    top_k: u32,
}

const fn top_k() -> u32 {
    5
}

impl Retrieve {
    /// Over these indexes.
    #[must_use]
    pub const fn new(indexes: BTreeMap<String, Arc<Index>>) -> Self {
        Self { indexes: Mutex::new(indexes), folder: None }
    }

    /// Opens what it does not know yet from this folder: an index may be made while this serves.
    #[must_use]
    pub fn with_folder(mut self, folder: PathBuf) -> Self {
        self.folder = Some(folder);
        self
    }

    fn index(&self, name: Option<&str>) -> Result<Arc<Index>, Failed> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let later = name.filter(|name| !indexes.contains_key(*name)).and_then(|name| self.later(name));
        if let Some((name, index)) = later {
            indexes.insert(name, Arc::new(index));
        }
        let found = match name {
            Some(name) => indexes.get(name),
            None if indexes.len() == 1 => indexes.values().next(),
            None => None,
        };
        found.map(Arc::clone).ok_or_else(|| {
            let known: Vec<&str> = indexes.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let asked = name.map_or_else(|| "`with` names no index".to_owned(), |name| format!("there is no index {name:?}"));
            Failed::new(
                Class::Permanent,
                format!("{asked}; known: {known}. Make one with `agendum index add NAME PATH` or `[indexes.NAME]` in agendum.toml"),
            )
            .without_effect()
        })
    }

    fn later(&self, name: &str) -> Option<(String, Index)> {
        let file = name.parse::<IndexName>().ok()?.file(self.folder.as_deref()?);
        let index = file.is_file().then(|| Index::open(&file))?;
        Some((name.to_owned(), index.ok()?))
    }
}

impl Adapter for Retrieve {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let parsed = serde_json::from_slice::<Input>(&attempt.input.bytes).map_err(|error| {
            Failed::new(Class::Permanent, format!("`with` of a retrieve task is {{index, query, top_k}}: {error}"))
                .without_effect()
        });
        let ready = parsed.and_then(|input| Ok((self.index(input.index.as_deref())?, input)));
        async move {
            let (index, input) = ready?;
            let search = move || index.search(&input.query, input.top_k.clamp(1, COUNT_MAX));
            let failed = |error: String| Failed::new(Class::Unavailable, error).without_effect();
            let searched = tokio::time::timeout(WHOLE, tokio::task::spawn_blocking(search)).await;
            let late = |_| Failed::new(Class::Timeout, format!("no passages within {WHOLE:?}")).without_effect();
            let results = searched.map_err(late)?.map_err(|error| failed(error.to_string()))?;
            let results = results.map_err(|error| failed(format!("{error}")))?;
            let bytes = serde_json::to_vec(&results).map_err(|error| failed(error.to_string()))?;
            let usage = Usage { calls: 1, ..Usage::default() };
            Ok(Finished { output: Payload { media: MediaType::Json, bytes: bytes.into() }, usage, raw_usage: None })
        }
        .boxed()
    }
}
