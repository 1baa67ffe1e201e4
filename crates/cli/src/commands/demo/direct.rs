//! Agents that call the provider themselves: at once, and again when they may after a 429, as the usual SDKs do.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use reqwest::{Client, StatusCode, header};
use serde_json::json;

use super::quota::Limited;
use super::rate::{Agent, Ran, TURNS, prompt};
use crate::failure::{FAILED, Failure};

/// The first pause where the provider names none; each further one is twice as long, up to the last.
const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(8);
/// A pause is longer by up to this part of it, inverted, so that agents do not come back in step.
const JITTER: u64 = 4;

/// Lets all of them work. They never give up.
pub(super) async fn work(agents: &[Agent], provider: &Limited) -> Result<Vec<Ran>, Failure> {
    let http = Client::builder().no_proxy().build()?;
    let url = format!("http://{}/v1/chat/completions", provider.address);
    try_join_all(agents.iter().map(|agent| run(agent, &http, &url))).await
}

async fn run(agent: &Agent, http: &Client, url: &str) -> Result<Ran, Failure> {
    tokio::time::sleep(agent.comes).await;
    let (began, mut refused_most) = (Instant::now(), 0);
    for (_, text) in TURNS {
        refused_most = refused_most.max(call(http, url, &prompt(text, &agent.name)).await?);
    }
    Ok(Ran { tenant: agent.tenant, id: String::new(), took: began.elapsed(), is_answered: true, refused_most })
}

/// Calls until there is an answer; how often there was none.
async fn call(http: &Client, url: &str, prompt: &str) -> Result<u32, Failure> {
    let body = json!({ "model": "offline/extractive", "messages": [{ "role": "user", "content": prompt }] });
    for refused in 0.. {
        let response = http.post(url).json(&body).send().await?;
        if response.status() != StatusCode::TOO_MANY_REQUESTS {
            response.error_for_status()?.bytes().await?;
            return Ok(refused);
        }
        let named = response.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        let doubled = || FIRST.saturating_mul(2_u32.saturating_pow(refused)).min(LAST);
        tokio::time::sleep(jittered(named.map_or_else(doubled, Duration::from_secs))?).await;
    }
    Err(Failure::new(FAILED, "the provider of the demo answers nothing"))
}

fn jittered(pause: Duration) -> Result<Duration, Failure> {
    let chance = getrandom::u64().map_err(|error| Failure::new(FAILED, error))?;
    let most = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX) / JITTER;
    Ok(pause + Duration::from_micros(chance % most.max(1)))
}
