//! A run as lines of JSON: its line in the list, its document, whatever happened with what it gave, what was said of it; last `end`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use agendum_engine::{Exported, Settles, Wanted};
use agendum_ports::FeedbackFilter;
use agendum_types::{Graph, PayloadRef, RunId, Seq};
use agendum_wire::v1;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use serde_json::{Value, json};

use crate::reply::{Asked, Refused};
use crate::runs::{line, run_id};
use crate::{Service, feedback};

/// The version of what is written.
const FORMAT: u32 = 1;
/// Opinions of a page.
const OPINIONS: u32 = 256;

pub(crate) async fn export(
    State(service): State<Arc<Service>>,
    Asked(Path(id)): Asked<Path<String>>,
) -> Result<Response, Refused> {
    let run = run_id(&id)?;
    let scanned =
        service.reader.scan(&service.tenant, run, Wanted::Answer).await?.ok_or_else(|| Refused::no_run(run))?;
    let document = service.reader.document_told(&service.tenant, &scanned.told).await?;
    let document: Value = serde_json::from_str(&document.0).unwrap_or_default();
    let head = [
        json!({ "type": "run", "format": FORMAT, "run": line(&scanned.row) }),
        json!({ "type": "document", "document": document }),
    ];
    let ready = head.into_iter().map(Line::Ready).collect();
    let export = Export { service, run, graph: scanned.graph, after: Seq(0), before: None, ready, ended: false };
    let lines = unfold(export, |mut export| async {
        let mut text = export.next().await?.to_string();
        text.push('\n');
        Some((Ok::<_, Infallible>(Bytes::from(text)), export))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// Where an export stands.
struct Export {
    service: Arc<Service>,
    run: RunId,
    /// With all additions: they come at its end, so that it names what was there before them as well.
    graph: Arc<Graph>,
    after: Seq,
    /// Of the feedback, which comes behind all records: the last that was written.
    before: Option<u64>,
    ready: VecDeque<Line>,
    ended: bool,
}

enum Line {
    Ready(Value),
    /// Read when it is its turn: outputs may be large.
    Payload(Settles, PayloadRef),
}

impl Export {
    async fn next(&mut self) -> Option<Value> {
        while self.ready.is_empty() && !self.ended {
            match self.service.reader.export(&self.service.tenant, self.run, self.after).await {
                Ok(page) if page.is_empty() => self.feedback().await,
                Ok(page) => page.into_iter().for_each(|one| self.take(one)),
                Err(error) => self.end(json!({ "type": "broken", "message": error.to_string() })),
            }
        }
        match self.ready.pop_front()? {
            Line::Ready(line) => Some(line),
            Line::Payload(settles, reference) => Some(self.payload(&settles, &reference).await),
        }
    }

    /// What was said of the run, latest first, and the end.
    async fn feedback(&mut self) {
        let Self { service, run, .. } = self;
        let of = FeedbackFilter { run: Some(*run), before: self.before, ..FeedbackFilter::default() };
        match service.reader.opinions(&service.tenant, &of, OPINIONS).await {
            Ok(page) if page.is_empty() => self.end(json!({ "type": "end" })),
            Ok(page) => {
                self.before = page.last().map(|(number, _)| *number);
                let line = |kept| Line::Ready(json!({ "type": "feedback", "feedback": feedback::said(kept) }));
                self.ready.extend(page.iter().map(|(_, kept)| line(kept)));
            }
            Err(error) => self.end(json!({ "type": "broken", "message": error.to_string() })),
        }
    }

    fn end(&mut self, line: Value) {
        self.ended = true;
        self.ready.push_back(Line::Ready(line));
    }

    fn take(&mut self, Exported { entry, settles }: Exported) {
        self.after = entry.seq;
        if let Some(event) = v1::event(&self.graph, &entry) {
            self.ready.push_back(Line::Ready(json!({ "type": "event", "event": event })));
        }
        self.ready.extend(settles.map(|(settles, reference)| Line::Payload(settles, reference)));
    }

    async fn payload(&mut self, settles: &Settles, reference: &PayloadRef) -> Value {
        let bytes = match self.service.reader.payload(&self.service.tenant, self.run, reference).await {
            Ok(bytes) => bytes,
            Err(error) => {
                self.ready.clear();
                self.ended = true;
                return json!({ "type": "broken", "message": error.to_string() });
            }
        };
        let value: Value =
            serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into()));
        match settles {
            Settles::Inputs => json!({ "type": "inputs", "inputs": value }),
            Settles::Task(path) => json!({ "type": "output", "task": self.graph.path_text(path), "output": value }),
            Settles::Run => json!({ "type": "result", "output": value }),
        }
    }
}
