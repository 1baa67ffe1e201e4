//! The capability `retrieve`: `{index, query, top_k}` in, `{documents, best_score}` out.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as Span;

use agendum_ports::{Adapter, Attempt, Failed, Finished, Payload, chain};
use agendum_types::{Class, MediaType, Usage};
use bytes::Bytes;
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
pub struct Retrieve(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
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
    /// Over these indexes, and what is not known yet from this folder: an index may be made while this serves.
    #[must_use]
    pub fn new(indexes: BTreeMap<String, Arc<Index>>, folder: Option<PathBuf>) -> Self {
        Self(Arc::new(Known { indexes: Mutex::new(indexes), folder }))
    }
}

impl Known {
    fn index(&self, name: Option<&str>) -> Result<Arc<Index>, Failed> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = name.filter(|name| !indexes.contains_key(*name))
            && let Some(index) = self.later(name)?
        {
            indexes.insert(name.to_owned(), Arc::new(index));
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

    fn later(&self, name: &str) -> Result<Option<Index>, Failed> {
        let (Ok(name), Some(folder)) = (name.parse::<IndexName>(), &self.folder) else { return Ok(None) };
        let file = name.file(folder);
        let index = file.is_file().then(|| Index::open(&file)).transpose();
        index.map_err(|error| unavailable(&error))
    }

    /// Blocks: an index may have to be opened first.
    fn search(&self, input: &Input) -> Result<Bytes, Failed> {
        let index = self.index(input.index.as_deref())?;
        let results =
            index.search(&input.query, input.top_k.clamp(1, COUNT_MAX)).map_err(|error| unavailable(&error))?;
        serde_json::to_vec(&results).map(Bytes::from).map_err(|error| unavailable(&error))
    }
}

fn unavailable(error: &(dyn Error + 'static)) -> Failed {
    Failed::new(Class::Unavailable, chain(error)).without_effect()
}

impl Adapter for Retrieve {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let parsed = serde_json::from_slice::<Input>(&attempt.input.bytes).map_err(|error| {
            Failed::new(Class::Permanent, format!("`with` of a retrieve task is {{index, query, top_k}}: {error}"))
                .without_effect()
        });
        let known = Arc::clone(&self.0);
        async move {
            let input = parsed?;
            let searched = tokio::task::spawn_blocking(move || known.search(&input));
            let bytes = tokio::select! {
                searched = searched => searched.map_err(|error| unavailable(&error))??,
                () = attempt.cancel.cancelled() => {
                    return Err(Failed::new(Class::Cancelled, "told to stop").without_effect());
                }
                () = tokio::time::sleep(WHOLE) => {
                    return Err(Failed::new(Class::Timeout, format!("no passages within {WHOLE:?}")).without_effect());
                }
            };
            let usage = Usage { calls: 1, ..Usage::default() };
            Ok(Finished { output: Payload { media: MediaType::Json, bytes }, usage, raw_usage: None })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use agendum_ports::{Adapter as _, Attempt, ChunkSink, Payload, RateSink, ReferenceSink};
    use agendum_types::{AttemptId, AttemptNo, Incarnation, Labels, MediaType, Principal, RunId, TaskPath, Tenant};
    use tokio_util::sync::CancellationToken;

    use super::Retrieve;

    fn attempt(index: &str) -> (Attempt, CancellationToken) {
        let cancel = CancellationToken::new();
        let attempt = Attempt {
            id: AttemptId {
                run: RunId(1),
                path: TaskPath::default(),
                attempt: AttemptNo(1),
                incarnation: Incarnation(1),
            },
            tenant: Tenant::default(),
            principal: Principal::new("test"),
            idempotency_key: "key".into(),
            forward_key: false,
            output_cap: None,
            labels: Labels::NONE,
            input: Payload {
                media: MediaType::Json,
                bytes: format!(r#"{{"index":"{index}","query":"crash"}}"#).into(),
            },
            chunks: ChunkSink::channel(1).0,
            references: ReferenceSink::channel().0,
            rates: RateSink::channel().0,
            cancel: cancel.clone(),
        };
        (attempt, cancel)
    }

    #[tokio::test]
    async fn an_index_that_cannot_be_opened_is_there_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spoilt.db"), "no database, but long enough to look like one: ".repeat(9))
            .unwrap();
        let retrieve = Retrieve::new(BTreeMap::new(), Some(folder.path().to_owned()));
        let mut told = String::new();
        for index in ["spoilt", "missing"] {
            let failed = retrieve.start(attempt(index).0).await.unwrap_err();
            told += &format!("{}: {}\n", failed.class, failed.message);
        }
        insta::assert_snapshot!(told, @r#"
        unavailable: the index database failed: file is not a database: Error code 26: file is not a database
        permanent: there is no index "missing"; known: none. Make one with `agendum index add NAME PATH` or `[indexes.NAME]` in agendum.toml
        "#);
    }

    #[tokio::test]
    async fn a_search_that_is_not_wanted_any_more_is_not_waited_for() {
        let retrieve = Retrieve::new(BTreeMap::new(), None);
        let known = Arc::clone(&retrieve.0);
        // As if another search opened an index and did not come to an end.
        let (begins, begun) = channel();
        let (release, held) = channel::<()>();
        std::thread::spawn(move || {
            let _opening = known.indexes.lock().unwrap();
            begins.send(()).unwrap();
            held.recv().is_err()
        });
        begun.recv().unwrap();
        let (attempt, cancel) = attempt("docs");
        let search = retrieve.start(attempt);
        cancel.cancel();
        assert_eq!(search.await.unwrap_err().class.word(), "cancelled");
        drop(release);
    }
}
