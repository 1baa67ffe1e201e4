//! Verdicts: what tasks that judge others have said becomes feedback.
//!
//! That a judge's output is to be read lies in the commit of the record of its success. One worker reads what lies there, in the order of
//! the journal, and keeps what it finds in one transaction with taking it out: after a crash the rest is read, and nothing twice. An
//! output that holds no score is nothing, and the log says so; no run waits for this, or fails by it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration as Span;

use agendum_ports::{Feedback, StoreError, Unread, chain};
use agendum_types::Seq;
use agendum_types::graph::Fields;
use serde_json::Value as Json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::payloads::PayloadError;
use crate::shard::Surroundings;

/// Verdicts that are read at once.
const PAGE: u32 = 64;
/// How long a stopping engine waits for what is to be read.
const STOP_GRACE: Span = Span::from_secs(3);
/// How often is looked although nobody said that something is there.
const IDLE: Span = Span::from_secs(60);
/// The pause when something could not be read.
const PAUSE: Span = Span::from_secs(5);
/// How often an output is tried that the store does not give.
const TRIES_MAX: u32 = 20;

/// Characters of a label at most.
pub const LABEL_MAX: usize = 64;
/// Characters of a comment at most.
pub const COMMENT_MAX: usize = 2_000;
/// What a score is kept in.
pub const MILLION: f64 = 1e6;

/// Who reads verdicts, as the shard knows it.
#[derive(Default)]
pub(crate) struct Verdicts {
    wake: Notify,
    /// What is there is read, and nothing more is waited for.
    ending: AtomicBool,
}

impl Verdicts {
    /// Some are durable.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }
}

/// The worker of an engine.
#[derive(Default)]
pub(crate) struct Reading(Mutex<Option<JoinHandle<()>>>);

impl Reading {
    pub(crate) fn start(&self, around: &Arc<Surroundings>) {
        let worker = Worker { around: Arc::clone(around), tries: BTreeMap::new() };
        *self.task() = Some(around.runtime.spawn(worker.run()));
    }

    /// Reads what is there, and ends.
    pub(crate) async fn finish(&self, around: &Surroundings) {
        around.verdicts.ending.store(true, Ordering::Release);
        around.verdicts.wake();
        let Some(task) = self.task().take() else { return };
        let late = task.abort_handle();
        let _ended = tokio::time::timeout(STOP_GRACE, task).await;
        late.abort();
    }

    fn task(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(task) = self.task().take() {
            task.abort();
        }
    }
}

struct Worker {
    around: Arc<Surroundings>,
    /// How often those were tried in vain that are still there.
    tries: BTreeMap<Seq, u32>,
}

impl Worker {
    async fn run(mut self) {
        let verdicts = &Arc::clone(&self.around).verdicts;
        loop {
            let ending = verdicts.ending.load(Ordering::Acquire);
            let pause = match self.round().await {
                Ok(true) => continue,
                Ok(false) if self.tries.is_empty() => IDLE,
                Ok(false) => PAUSE,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "what judges said is read later");
                    PAUSE
                }
            };
            if ending {
                return;
            }
            tokio::select! {
                () = verdicts.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Reads a page; true if there may be more.
    async fn round(&mut self) -> Result<bool, StoreError> {
        let store = Arc::clone(&self.around.store);
        let page = store.unread(self.around.shard, PAGE).await?;
        let mut read = Vec::with_capacity(page.len());
        for unread in &page {
            match self.around.payloads.value(&unread.feedback.tenant, unread.feedback.run, &unread.output).await {
                Ok(value) => read.push((unread.seq, kept(unread, &value))),
                Err(error) if self.waits_for(unread.seq, &error) => {}
                Err(error) => {
                    says_nothing(unread, &chain(&error));
                    read.push((unread.seq, None));
                }
            }
        }
        for (seq, _) in &read {
            self.tries.remove(seq);
        }
        let goes_on = !read.is_empty();
        if goes_on {
            store.verdicts_read(self.around.shard, read).await?;
        }
        Ok(goes_on)
    }

    /// True if an output may be there another time.
    fn waits_for(&mut self, seq: Seq, error: &PayloadError) -> bool {
        if !matches!(error, PayloadError::Blob(_) | PayloadError::Store(_)) {
            return false;
        }
        let tries = self.tries.entry(seq).or_default();
        *tries += 1;
        *tries < TRIES_MAX
    }
}

fn kept(unread: &Unread, output: &Json) -> Option<Feedback> {
    match said(output, &unread.fields) {
        Ok((score, label, comment)) => Some(Feedback { score, label, comment, ..unread.feedback.clone() }),
        Err(why) => {
            says_nothing(unread, &why);
            None
        }
    }
}

fn says_nothing(unread: &Unread, why: &str) {
    let Feedback { run, judge, task, .. } = &unread.feedback;
    let (judge, task) = (judge.as_deref().unwrap_or_default(), task.as_deref().unwrap_or_default());
    tracing::warn!(%run, judge, task, why, "a judge has given no verdict: nothing is kept of it");
}

/// Score, label and comment of an output, or why it has no score. What is no text is no label; what is too long is cut.
fn said(output: &Json, fields: &Fields) -> Result<(u32, Option<String>, Option<String>), String> {
    let at = |field: &str| field.split('.').try_fold(output, |at, part| at.get(part));
    let text = |field: &str, most: usize| {
        let text = at(field)?.as_str().filter(|text| !text.is_empty())?;
        Some(text.chars().take(most).collect::<String>())
    };
    let field = &fields.score;
    let score = match at(field) {
        Some(Json::Bool(truth)) => f64::from(u8::from(*truth)),
        Some(Json::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
        Some(_) => return Err(format!("`{field}` of its output is no number")),
        None => return Err(format!("its output has no `{field}`")),
    };
    if !(0.0..=1.0).contains(&score) {
        return Err(format!("`{field}` of its output is {score}, and a score is a number from 0 to 1"));
    }
    Ok(((score * MILLION).round() as u32, text(&fields.label, LABEL_MAX), text(&fields.comment, COMMENT_MAX)))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_score_is_a_number_or_a_truth() {
        let deep = Fields { score: "json.score".into(), ..Fields::default() };
        let line = |output: Json, fields: &Fields| match said(&output, fields) {
            Ok((score, label, comment)) => format!("{score} {label:?} {}", comment.map_or(0, |text| text.len())),
            Err(why) => why,
        };
        let plain = Fields::default();
        let lines = [
            line(json!({ "score": 0.25, "label": "poor", "comment": "x".repeat(3_000) }), &plain),
            line(json!({ "score": true, "label": 7, "comment": "" }), &plain),
            line(json!({ "score": 1, "label": "ä".repeat(99) }), &plain),
            line(json!({ "json": { "score": false } }), &deep),
            line(json!({ "json": 1 }), &deep),
            line(json!({ "score": "0.5" }), &plain),
            line(json!({ "score": 7 }), &plain),
            line(json!({ "score": -0.1 }), &plain),
            line(json!([1]), &plain),
            line(json!(null), &plain),
        ];
        assert_snapshot!(lines.join("\n").replace(&"ä".repeat(64), "ä×64"), @r#"
        250000 Some("poor") 2000
        1000000 None 0
        1000000 Some("ä×64") 0
        0 None 0
        its output has no `json.score`
        `score` of its output is no number
        `score` of its output is 7, and a score is a number from 0 to 1
        `score` of its output is -0.1, and a score is a number from 0 to 1
        its output has no `score`
        its output has no `score`
        "#);
    }
}
