//! The client of the API.

use std::path::Path;

use agendum_wire::v1::{
    Cache, CacheForgotten, Endpoints, Event, FeedbackReport, Lost, Opinions, Pinged, PlanLine, Plans, Problem, Publish,
    Reconcile, Reconciled, Run, RunDetail, Spend, Submit, Targets, WaitLine, Waits, Why, Withdrawn,
};
use eventsource_stream::Eventsource as _;
use futures_util::{Stream, StreamExt as _};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::failure::{FAILED, Failure, UNREACHABLE, USAGE};
use crate::next;
use crate::show::MORE;

/// Speaks to a server on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// The run that came of a submission.
#[derive(Clone, Debug, Default)]
pub(crate) struct Submitted {
    pub(crate) id: String,
    /// It was submitted before, under the same key.
    pub(crate) replayed: bool,
    /// It is another of its group, which this one joins.
    pub(crate) joined: bool,
}

impl Submitted {
    /// What there is to say if no run began.
    pub(crate) fn instead(&self) -> Option<&'static str> {
        if self.replayed {
            return Some("was submitted before under this key: nothing is run again");
        }
        self.joined.then_some("goes on in the same group: this one joins it")
    }
}

impl Client {
    pub(crate) fn new(address: &str, token: &str) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, base: format!("http://{address}"), token: token.to_owned() })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| {
            let why = if error.is_connect() { "nobody listens there" } else { "the connection broke off" };
            tracing::debug!(%error, "no answer");
            let mut failure = Failure::new(UNREACHABLE, format!("no answer from {}: {why}", self.base))
                .hint(format!("{} doctor", next::reading()));
            failure.not_taken = error.is_connect();
            failure
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem: Problem =
            response.json().await.map_err(|_| Failure::new(FAILED, format!("the server answered {status}")))?;
        let mut message = problem.title;
        if !problem.detail.is_empty() && problem.diagnostics.is_empty() {
            message = format!("{message}: {}", problem.detail);
        }
        if problem.more {
            message = format!("{message}; {MORE}");
        }
        let code = code(status.as_u16());
        let mut failure = Failure::new(code, message).diagnostics(problem.diagnostics);
        failure.not_taken = code == UNREACHABLE;
        failure.kept = matches!(&*problem.kind, "key_kept" | "retry" | "child" | "went_on" | "no_run");
        if problem.kind == "disk_full" {
            let doctor = next::reading();
            failure =
                failure.hint(format!("free room on the disk of the data directory: {doctor} doctor says where it is"));
        }
        Err(failure)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        Ok(self.send(request).await?.json().await?)
    }

    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        let request = self.request(Method::GET, "/healthz").timeout(std::time::Duration::from_secs(2));
        self.send(request).await.map(drop)
    }

    /// The run that came of a submission.
    pub(crate) async fn submit(&self, submission: &Submit) -> Result<Submitted, Failure> {
        let mut request = self.request(Method::POST, "/v1/runs").json(submission);
        if let Some(key) = &submission.key {
            request = request.header("Idempotency-Key", key);
        }
        let response = self.send(request).await?;
        let has = |name: &str| response.headers().contains_key(name);
        let (replayed, joined) = (has("Idempotency-Replayed"), has("Agendum-Joined"));
        let accepted: Json = response.json().await?;
        Ok(Submitted { id: accepted["id"].as_str().unwrap_or_default().to_owned(), replayed, joined })
    }

    pub(crate) async fn runs(&self, query: &[(&str, String)]) -> Result<Vec<Run>, Failure> {
        let request = self.request(Method::GET, &format!("/v1/runs?{}", encoded(query)));
        self.json(request).await
    }

    /// Runs that are not done, newest first.
    pub(crate) async fn open_runs(&self) -> Result<Vec<Run>, Failure> {
        self.runs(&[("open", "true".to_owned()), ("limit", "1000".to_owned())]).await
    }

    /// The id that a person meant: `last` is the newest, the beginning of an id is enough if it is clear.
    pub(crate) async fn resolve(&self, word: &str) -> Result<String, Failure> {
        if word.len() == 26 {
            return Ok(word.to_ascii_uppercase());
        }
        if word == "last" {
            return self.newest().await;
        }
        let runs = self.runs(&[("limit", "1000".to_owned())]).await?;
        let upper = word.to_ascii_uppercase();
        let mut fitting = runs.into_iter().filter(|run| run.id.starts_with(&upper) || run.id.ends_with(&upper));
        match (fitting.next(), fitting.next()) {
            (Some(run), None) if !word.is_empty() => Ok(run.id),
            (Some(_), _) => Err(Failure::usage(format!("{word:?} fits several runs"))
                .hint(format!("give more of the id: {} runs ls", next::reading()))),
            (None, _) => Err(Failure::usage(format!("no run {word:?}"))
                .hint(format!("{} runs ls lists them; `last` is the newest", next::reading()))),
        }
    }

    /// What somebody started last, and not what that has started in turn, unless nothing else is left.
    async fn newest(&self) -> Result<String, Failure> {
        for no_child in ["true", "false"] {
            let newest = self.runs(&[("limit", "1".to_owned()), ("no_child", no_child.to_owned())]).await?;
            if let Some(newest) = newest.into_iter().next() {
                return Ok(newest.id);
            }
        }
        Err(Failure::usage("there are no runs yet").hint(format!("start one: {} demo", next::reading())))
    }

    /// A run with a page of its tasks.
    pub(crate) async fn run(&self, id: &str, from: usize) -> Result<RunDetail, Failure> {
        self.json(self.request(Method::GET, &format!("/v1/runs/{id}?from={from}"))).await
    }

    /// The line of a run in the list.
    pub(crate) async fn status(&self, id: &str) -> Result<Run, Failure> {
        self.json(self.request(Method::GET, &format!("/v1/runs/{id}/status"))).await
    }

    /// True if there is such a run.
    pub(crate) async fn is_there(&self, id: &str) -> Result<bool, Failure> {
        match self.status(id).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.kept => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Waits for the answer; with a page of tasks only if they are wanted, for they have to be read.
    pub(crate) async fn answer(&self, id: &str, tasks: bool) -> Result<RunDetail, Failure> {
        let page = if tasks { "" } else { "?limit=0" };
        self.json(self.request(Method::GET, &format!("/v1/runs/{id}/answer{page}"))).await
    }

    /// The reasons behind a run, or one of its tasks, with a page of tasks.
    pub(crate) async fn why(&self, id: &str, task: Option<&str>, from: usize) -> Result<Why, Failure> {
        let mut query = vec![("from", from.to_string())];
        query.extend(task.map(|task| ("task", task.to_owned())));
        self.json(self.request(Method::GET, &format!("/v1/runs/{id}/why?{}", encoded(&query)))).await
    }

    /// The reasons behind a run, without single tasks.
    pub(crate) async fn reasons(&self, id: &str) -> Result<Why, Failure> {
        self.json(self.request(Method::GET, &format!("/v1/runs/{id}/why?limit=0"))).await
    }

    /// A new run that takes over what this one did; gives its id.
    pub(crate) async fn run_again(&self, id: &str, how: &str, asked: &Json) -> Result<(String, Json), Failure> {
        let accepted: Json =
            self.json(self.request(Method::POST, &format!("/v1/runs/{id}/{how}")).body(asked.to_string())).await?;
        Ok((accepted["id"].as_str().unwrap_or_default().to_owned(), accepted["kept"].clone()))
    }

    /// Steers a live run; gives what the server said.
    pub(crate) async fn command(&self, id: &str, command: &str) -> Result<Json, Failure> {
        self.json(self.request(Method::POST, &format!("/v1/runs/{id}/{command}"))).await
    }

    /// Deletes a run that is done; gives what the server said.
    pub(crate) async fn delete(&self, id: &str) -> Result<Json, Failure> {
        self.json(self.request(Method::DELETE, &format!("/v1/runs/{id}"))).await
    }

    /// What was spent since this instant.
    pub(crate) async fn spend(&self, since: &str, by: &str) -> Result<Spend, Failure> {
        let query = encoded(&[("since", since.to_owned()), ("by", by.to_owned())]);
        self.json(self.request(Method::GET, &format!("/v1/spend?{query}"))).await
    }

    /// The days on which calls were lost in a crash.
    pub(crate) async fn lost(&self, since: &str) -> Result<Lost, Failure> {
        let query = encoded(&[("since", since.to_owned())]);
        self.json(self.request(Method::GET, &format!("/v1/spend/lost?{query}"))).await
    }

    /// Says what a bill says.
    pub(crate) async fn reconcile(&self, bill: &Reconcile) -> Result<Reconciled, Failure> {
        self.json(self.request(Method::POST, "/v1/spend/reconcile").json(bill)).await
    }

    /// How the endpoints of notices stand.
    pub(crate) async fn notices(&self) -> Result<Endpoints, Failure> {
        self.json(self.request(Method::GET, "/v1/notices")).await
    }

    /// Has the owner try an endpoint.
    pub(crate) async fn try_notice(&self, name: &str) -> Result<Pinged, Failure> {
        self.json(self.request(Method::POST, &format!("/v1/notices/{name}/test"))).await
    }

    /// What was said of runs.
    pub(crate) async fn feedback(&self, query: &[(&str, String)]) -> Result<FeedbackReport, Failure> {
        self.json(self.request(Method::GET, &format!("/v1/feedback?{}", encoded(query)))).await
    }

    /// The same one by one.
    pub(crate) async fn opinions(&self, query: &[(&str, String)]) -> Result<Opinions, Failure> {
        self.json(self.request(Method::GET, &format!("/v1/feedback/all?{}", encoded(query)))).await
    }

    /// What is kept.
    pub(crate) async fn cache(&self, query: &[(&str, String)]) -> Result<Cache, Failure> {
        self.json(self.request(Method::GET, &format!("/v1/cache?{}", encoded(query)))).await
    }

    /// Forgets what is kept.
    pub(crate) async fn forget_cached(&self, query: &[(&str, String)]) -> Result<CacheForgotten, Failure> {
        self.json(self.request(Method::DELETE, &format!("/v1/cache?{}", encoded(query)))).await
    }

    /// Has the owner copy its data directory into this folder; gives what it said.
    pub(crate) async fn backup(&self, to: &Path) -> Result<Json, Failure> {
        let body = serde_json::json!({ "to": to });
        self.json(self.request(Method::POST, "/v1/backup").json(&body)).await
    }

    /// A run as lines of JSON, to be read piece by piece.
    pub(crate) async fn export(&self, id: &str) -> Result<Response, Failure> {
        self.send(self.request(Method::GET, &format!("/v1/runs/{id}/export"))).await
    }

    /// What waits for people and signals.
    pub(crate) async fn waits(&self, query: &[(&str, String)]) -> Result<Waits, Failure> {
        self.json(self.request(Method::GET, &format!("/v1/waits?{}", encoded(query)))).await
    }

    /// Plans that were published, latest first.
    pub(crate) async fn plans(&self, query: &[(&str, String)]) -> Result<Plans, Failure> {
        self.json(self.request(Method::GET, &format!("/v1/plans?{}", encoded(query)))).await
    }

    /// The plan that counts now. A later one ends the one before.
    pub(crate) async fn plan_in_force(&self) -> Result<Option<PlanLine>, Failure> {
        let plans = self.plans(&[("limit", "1".to_owned())]).await?.plans;
        Ok(plans.into_iter().find(|plan| plan.state == PlanLine::IN_FORCE))
    }

    /// Puts a plan in force.
    pub(crate) async fn publish(&self, plan: &Publish) -> Result<PlanLine, Failure> {
        self.json(self.request(Method::POST, "/v1/plans").json(plan)).await
    }

    /// Takes back the plan in force.
    pub(crate) async fn withdraw(&self, query: &[(&str, String)]) -> Result<Withdrawn, Failure> {
        self.json(self.request(Method::DELETE, &format!("/v1/plans?{}", encoded(query)))).await
    }

    /// How targets and pools are used.
    pub(crate) async fn targets(&self) -> Result<Targets, Failure> {
        self.json(self.request(Method::GET, "/v1/targets")).await
    }

    /// What no event of a run tells that waits in it: for money, or inside a child run.
    pub(crate) async fn asking(&self, id: &str) -> Result<Vec<WaitLine>, Failure> {
        let found = self.waits(&[("run", id.to_owned())]).await?;
        Ok(found.waits.into_iter().filter(|wait| wait.money.is_some() || wait.run != id).collect())
    }

    /// Hands something to a wait of a run; gives what the server said.
    pub(crate) async fn post(&self, id: &str, what: &str, body: &impl Serialize) -> Result<Json, Failure> {
        self.json(self.request(Method::POST, &format!("/v1/runs/{id}/{what}")).json(body)).await
    }

    /// Adds the tasks of a document to a live run; gives what the server said.
    pub(crate) async fn add(&self, id: &str, tasks: String) -> Result<Json, Failure> {
        self.json(self.request(Method::POST, &format!("/v1/runs/{id}/tasks")).body(tasks)).await
    }

    /// What happens to a run behind an event, to its end or to that of the server.
    pub(crate) async fn events(&self, id: &str, after: u64) -> Result<impl Stream<Item = Event> + use<>, Failure> {
        let response = self.send(self.request(Method::GET, &format!("/v1/runs/{id}/events?after={after}"))).await?;
        let events = response.bytes_stream().eventsource();
        Ok(events.filter_map(|event| async move { serde_json::from_str(&event.ok()?.data).ok() }))
    }
}

/// How a command ends that a server refused: what was typed is wrong only if the server says so, and there is room for it.
const fn code(status: u16) -> u8 {
    match status {
        503 => UNREACHABLE,
        429 => FAILED,
        400..=499 => USAGE,
        _ => FAILED,
    }
}

fn encoded(query: &[(&str, String)]) -> String {
    let mut address = reqwest::Url::parse("http://localhost/").expect("a constant address");
    address.query_pairs_mut().extend_pairs(query.iter().map(|(name, value)| (*name, value.as_str())));
    address.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn a_refusal_has_an_exit_code() {
        let codes =
            [400, 401, 404, 409, 422, 429, 500, 502, 503, 507].map(|status| format!("{status} {}", code(status)));
        insta::assert_snapshot!(codes.join(", "), @"400 2, 401 2, 404 2, 409 2, 422 2, 429 1, 500 1, 502 1, 503 3, 507 1");
    }
}
