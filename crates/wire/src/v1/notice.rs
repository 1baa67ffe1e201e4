//! Notices: what endpoints outside are told of runs, and how the endpoints stand. A notice says what happened, and nothing of what is in
//! a run: whoever may know more asks for it.

use agendum_core::{Answered, Compensated};
use agendum_types::{RunId, RunStatus, Tenant, Timestamp, WaitFor, WaitView};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{Asks, Awaits, Compensation, instant};

/// The type of a notice that tells nothing: somebody tries an endpoint.
pub const PING: &str = "ping";

/// The body of a notice, as Standard Webhooks has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// `run.answered`, `task.waiting`, …; `ping` for a try.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    pub timestamp: String,
    /// What it tells of.
    pub data: Map<String, Json>,
}

impl Notice {
    /// Of a run: `detail` is what [`NoticeDetail::text`] gave.
    #[must_use]
    pub fn of(kind: &str, at: Timestamp, about: &About<'_>, detail: &str) -> Self {
        let mut data = Map::new();
        data.insert("run".to_owned(), Json::from(about.run.to_string()));
        data.insert("graph".to_owned(), Json::from(about.graph));
        data.insert("tenant".to_owned(), Json::from(&*about.tenant.0));
        if about.status.is_answered() {
            data.insert("status".to_owned(), Json::from(about.status.word()));
            data.insert("degraded".to_owned(), Json::from(about.degraded));
        }
        if let Ok(Json::Object(detail)) = serde_json::from_str(detail) {
            data.extend(detail);
        }
        Self { kind: kind.to_owned(), timestamp: instant(at), data }
    }

    /// Of nothing.
    #[must_use]
    pub fn ping(at: Timestamp) -> Self {
        Self { kind: PING.to_owned(), timestamp: instant(at), data: Map::new() }
    }
}

/// The run of a notice.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// Which.
    pub run: RunId,
    /// The name of its graph.
    pub graph: &'a str,
    /// How it stood.
    pub status: RunStatus,
    /// True if it had taken a lower rung somewhere.
    pub degraded: bool,
}

/// What a record says that a notice repeats.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NoticeDetail {
    /// Why the run has no output: the class, without its message, which may quote anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// `compensating` if what the run has done is taken back from now on; then how far it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    compensation: Option<Compensation>,
    /// Crashes in a row in which the run was at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    crashes: Option<u32>,
    /// The task that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    /// For what.
    #[serde(flatten)]
    awaits: Option<Awaits>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// When it ends without.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// Of an attempt of which nobody knows whether it took effect: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// Of a task that asks for more than the budget of its run: how much.
    #[serde(skip_serializing_if = "Option::is_none")]
    money: Option<Asks>,
    /// And the command that gives that.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

impl NoticeDetail {
    /// Of an answer.
    #[must_use]
    pub fn answered(answered: &Answered) -> Self {
        let error = answered.failure.as_ref().map(|failed| failed.failure.class.to_string());
        Self { error, compensation: Compensation::of_answer(answered), ..Self::default() }
    }

    /// Of what was taken back: how much is left, and not what.
    #[must_use]
    pub fn compensated(compensated: &Compensated) -> Self {
        let of = Compensation::of_count(compensated.count, compensated.left_count);
        Self { compensation: Some(of), ..Self::default() }
    }

    /// Of a run that is held.
    #[must_use]
    pub fn quarantined(crashes: u32) -> Self {
        Self { crashes: Some(crashes), ..Self::default() }
    }

    /// Of a task that waits.
    #[must_use]
    pub fn waiting(view: &WaitView) -> Self {
        Self {
            task: Some(view.task.clone()),
            awaits: Some(Awaits::of(&view.wait)),
            since: Some(instant(view.since)),
            expires: view.expires.map(instant),
            attempt: Some(view.attempt).filter(|_| view.wait.of == WaitFor::Effect),
            money: view.plea.as_ref().map(Asks::of),
            command: view
                .plea
                .as_ref()
                .map(|plea| format!("agendum runs raise {}{}", view.run, Asks::of(plea).enough())),
            ..Self::default()
        }
    }

    /// As a JSON object.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("it is plain data")
    }
}

/// How an endpoint stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeLine {
    /// Its name in the configuration.
    pub endpoint: String,
    /// Notices that were delivered.
    pub delivered: u64,
    /// Notices that are due.
    pub due: u64,
    /// When the oldest of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// Notices that were given up.
    pub given_up: u64,
    /// When one was delivered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<String>,
    /// When sending failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<String>,
    /// Why, if nothing was delivered since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// True if it said that it is gone: nothing is sent until its configuration changes.
    pub disabled: bool,
}

/// The endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// By name.
    pub endpoints: Vec<NoticeLine>,
}

/// What came of a try.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinged {
    /// Which endpoint.
    pub endpoint: String,
    /// True if it took the notice.
    pub delivered: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agendum_core::{Answered, Compensated, RunFailure};
    use agendum_types::{
        Class, Failure, Principal, RunId, RunStatus, TaskPath, Tenant, Timestamp, Wait, WaitFor, WaitView,
    };

    use super::{About, Notice, NoticeDetail};

    fn told(kind: &str, status: RunStatus, detail: &NoticeDetail) -> String {
        let tenant = Tenant::default();
        let about = About { tenant: &tenant, run: RunId(1), graph: "g", status, degraded: false };
        let body = Notice::of(kind, Timestamp(1_000_000), &about, &detail.text());
        let is_whose = |name: &&String| matches!(name.as_str(), "run" | "graph" | "tenant");
        let whose: Vec<String> = body.data.keys().filter(is_whose).map(|name| body.data[name].to_string()).collect();
        assert_eq!(whose, [r#""00000000000000000000000001""#, r#""g""#, r#""default""#]);
        let said = body.data.iter().filter(|(name, _)| !is_whose(name)).map(|(name, value)| format!("{name} {value}"));
        format!("{} {}\n  {}", body.kind, body.timestamp, said.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn a_body_says_what_happened_and_nothing_of_what_is_in_the_run() {
        let failure = Failure::new(Class::ContentBlocked, "quotes the answer");
        let answered = Answered {
            run: RunId(1),
            status: RunStatus::Failed,
            output: None,
            failure: Some(RunFailure { task: Some(TaskPath::default()), failure: failure.clone() }),
            degraded: false,
            compensating: true,
        };
        let left = vec![(TaskPath::default(), failure)];
        let compensated = Compensated { run: RunId(1), count: 2, left, left_count: 1 };
        let who = vec![Principal::new("local")];
        let wait = Wait { queue: Some(Arc::from("legal")), who, ..Wait::new(WaitFor::Approval) };
        let view = WaitView {
            run: RunId(1),
            parent: None,
            graph: Arc::from("g"),
            task: "ask[2]".to_owned(),
            wait,
            since: Timestamp(0),
            expires: Some(Timestamp(9_000_000)),
            input: None,
            attempt: 1,
            doubt: Some(Arc::from("quotes the request")),
            plea: None,
        };
        let doubt = WaitView { wait: Wait::new(WaitFor::Effect), expires: None, ..view.clone() };
        let bodies = [
            told("run.answered", RunStatus::Failed, &NoticeDetail::answered(&answered)),
            told("run.compensation_failed", RunStatus::Failed, &NoticeDetail::compensated(&compensated)),
            told("task.waiting", RunStatus::Queued, &NoticeDetail::waiting(&view)),
            told("task.waiting", RunStatus::Queued, &NoticeDetail::waiting(&doubt)),
            told("run.quarantined", RunStatus::Queued, &NoticeDetail::quarantined(3)),
            serde_json::to_string(&Notice::ping(Timestamp(0))).unwrap(),
        ];
        insta::assert_snapshot!(bodies.join("\n"), @r#"
        run.answered 1970-01-01T00:00:01.000Z
          status "failed", degraded false, error "content_blocked", compensation {"status":"compensating"}
        run.compensation_failed 1970-01-01T00:00:01.000Z
          status "failed", degraded false, compensation {"status":"compensation_failed","count":2,"left_count":1}
        task.waiting 1970-01-01T00:00:01.000Z
          task "ask[2]", for "approval", queue "legal", who ["local"], since "1970-01-01T00:00:00.000Z", expires "1970-01-01T00:00:09.000Z"
        task.waiting 1970-01-01T00:00:01.000Z
          task "ask[2]", for "effect", since "1970-01-01T00:00:00.000Z", attempt 1
        run.quarantined 1970-01-01T00:00:01.000Z
          crashes 3
        {"type":"ping","timestamp":"1970-01-01T00:00:00.000Z","data":{}}
        "#);
    }
}
