//! A run's events as server-sent events; resumed by `Last-Event-ID` or `?after=`.

use std::convert::Infallible;
use std::sync::Arc;

use agendum_engine::{Notice, Wanted, Watch};
use agendum_types::{Graph, RunId, Seq};
use agendum_wire::v1;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::Service;
use crate::reply::{Asked, Refused};
use crate::routes::Streams;
use crate::runs::run_id;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct From {
    after: Option<u64>,
}

pub(crate) async fn events(
    State(service): State<Arc<Service>>,
    Extension(streams): Extension<Streams>,
    Asked(Path(id)): Asked<Path<String>>,
    Asked(Query(from)): Asked<Query<From>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let engine = service.engine.as_ref().ok_or_else(Refused::read_only)?;
    let run = run_id(&id)?;
    let after = match headers.get("last-event-id") {
        None => from.after,
        Some(value) => Some(value.to_str().ok().and_then(|value| value.parse().ok()).ok_or_else(|| {
            Refused::bad("last_event_id", "not the id of an event", "Last-Event-ID is a number, as events carry it")
        })?),
    };
    let Streams { stop, places } = streams;
    let place = places.try_acquire_owned().map_err(|_| Refused::busy())?;
    let watch = engine.watch(&service.tenant, run, Seq(after.unwrap_or(0))).await?;
    let scanned =
        service.reader.scan(&service.tenant, run, Wanted::Answer).await?.ok_or_else(|| Refused::no_run(run))?;
    let reading = Reading { service, watch, graph: scanned.graph, stop, run, _place: place };
    Ok(Sse::new(unfold(reading, |mut reading| async { reading.next().await.map(|event| (Ok(event), reading)) }))
        .keep_alive(KeepAlive::default()))
}

struct Reading {
    service: Arc<Service>,
    watch: Watch,
    graph: Arc<Graph>,
    stop: CancellationToken,
    run: RunId,
    /// One of the streams that may be open at once.
    _place: OwnedSemaphorePermit,
}

impl Reading {
    async fn next(&mut self) -> Option<Event> {
        loop {
            let notice = tokio::select! {
                notice = self.watch.next() => notice,
                () = self.stop.cancelled() => return None,
            };
            let event = match notice {
                Ok(Some(Notice::Entry(entry))) => {
                    let event = v1::event(&self.graph, &entry);
                    if event.as_ref().is_some_and(|event| [v1::TASKS_ADDED, v1::TASKS_AHEAD].contains(&&*event.kind)) {
                        self.learn().await;
                    }
                    event
                }
                Ok(Some(Notice::Text { attempt, offset, text })) => {
                    Some(v1::text(&self.graph, &attempt, offset, &text))
                }
                Ok(Some(Notice::Restarted { path })) => Some(v1::Event {
                    kind: "text.restarted".to_owned(),
                    task: Some(self.graph.path_text(&path)),
                    ..v1::Event::default()
                }),
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(%error, "a stream of events ends early");
                    return None;
                }
            };
            if let Some(event) = event {
                let sent = Event::default().event(event.kind.as_str());
                let sent = if event.seq > 0 { sent.id(event.seq.to_string()) } else { sent };
                return sent.json_data(&event).ok();
            }
        }
    }

    /// The graph has grown.
    async fn learn(&mut self) {
        let reader = &self.service.reader;
        if let Ok(Some(scanned)) = reader.scan(&self.service.tenant, self.run, Wanted::Answer).await {
            self.graph = scanned.graph;
        }
    }
}
