//! The third beat: forty calls at once under a cap that cannot pay for all of them, and what the provider charged.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::{Value as Json, json};

use super::meter::{Meter, Price};
use super::own::{Own, run_of};
use super::{Found, dollars};
use crate::client::Client;
use crate::failure::Failure;

const CALLS: usize = 40;
const CAP_USD: f64 = 0.5;
/// An answer costs some two cents, and may cost four.
const PRICE: Price = Price { input: 20, output: 1_000 };
const THINKS: Duration = Duration::from_millis(150);
/// How often the run is asked what it has spent and holds.
const LOOK: Duration = Duration::from_millis(2);

const DOCUMENT: &str = r#"
version: 1
name: forty-calls
tasks:
  calls:
    foreach: "${{ range(40) | list }}"
    max_parallel: 40
    tolerate_failures: 40
    uses: chat
    with:
      max_tokens: 40
      prompt: |
        <text>Order ${{ item }} was paid this morning. The parcel leaves tomorrow at noon.
        ${{ 'It arrives in two days.' if item is odd else '' }}</text>
output: "${{ tasks.calls.output | length }}"
"#;

pub(super) async fn play() -> Result<Found, Failure> {
    let (mut meter, mut own) = (Meter::new(PRICE, THINKS), Own::new()?);
    own.start(&format!(
        "offline = false\n[targets.model]\nkind = \"chat\"\nbase_url = \"http://{}/v1\"\nmodel = \"offline/extractive\"\n\
         classes = [\"small\", \"large\"]\nconcurrency = 64\nprice = {}\n",
        meter.open().await?,
        PRICE.toml()
    ))?;
    let client = own.ready().await?;
    let mut submission = run_of(DOCUMENT, Json::Null);
    submission.budget_usd = Some(CAP_USD);
    let id = client.submit(&submission).await?.id;
    let began = Instant::now();
    let mut seen = Seen::default();
    loop {
        let run = client.status(&id).await?;
        seen.samples += 1;
        seen.held_most = seen.held_most.max(micros(run.held_usd));
        seen.committed_most = seen.committed_most.max(micros(run.spent_usd) + micros(run.held_usd));
        seen.spent = micros(run.spent_usd);
        if run.done {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    seen.took = began.elapsed();
    seen.count(&client, &id).await?;
    Ok(seen.found(&meter))
}

/// Money in microdollars.
#[derive(Default)]
struct Seen {
    samples: usize,
    spent: i64,
    held_most: i64,
    committed_most: i64,
    waited: usize,
    refused: usize,
    took: Duration,
}

fn micros(usd: f64) -> i64 {
    (usd * 1e6).round() as i64
}

impl Seen {
    /// What the run's events say of its calls.
    async fn count(&mut self, client: &Client, id: &str) -> Result<(), Failure> {
        let mut events = std::pin::pin!(client.events(id, 0).await?);
        while let Some(event) = events.next().await {
            let for_money = event.waited.iter().any(|(cause, ms)| cause == "budget" && *ms > 0.0);
            let is_budget = event.error.as_ref().is_some_and(|error| error.class == "budget_exceeded");
            self.waited += usize::from(event.kind == "task.started" && for_money);
            self.refused += usize::from(event.kind == "task.failed" && is_budget);
        }
        Ok(())
    }

    fn found(&self, meter: &Meter) -> Found {
        let books = meter.books();
        let (made, charged) = (books.answers.len(), i64::try_from(books.charged).unwrap_or(i64::MAX));
        let cap = micros(CAP_USD);
        let over = self.committed_most.max(charged) - cap;
        let (waited, refused) = (self.waited, self.refused);
        let figures = vec![
            (dollars(charged), "spent, as the provider counts".to_owned()),
            (dollars(self.held_most), "held at most for calls that were out".to_owned()),
            (
                dollars(over.max(0)),
                format!("over the cap; spent and held were {} at most", dollars(self.committed_most)),
            ),
            (
                format!("{made} of {CALLS}"),
                format!("calls were made, {waited} of them once others had cost less than they might"),
            ),
            (refused.to_string(), "were refused: what was left did not cover them".to_owned()),
        ];
        let usd = |micros: i64| micros as f64 / 1e6;
        let data = json!({
            "cap_usd": CAP_USD, "calls": CALLS, "spent_usd": usd(charged), "booked_usd": usd(self.spent),
            "held_most_usd": usd(self.held_most), "committed_most_usd": usd(self.committed_most), "over_usd": usd(over),
            "made": made, "waited": waited, "refused": refused, "samples": self.samples,
            "took_ms": self.took.as_secs_f64() * 1e3,
        });
        Found { figures, data, ..Found::default() }
    }
}
