//! The second beat: forty agents at work, their server killed in the middle, and what two services outside have seen of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Found;
use super::ledger::Ledger;
use super::meter::{Meter, Price};
use super::own::{Own, run_of};
use crate::failure::{FAILED, Failure};

const AGENTS: u32 = 40;
/// Of the model's answers, after which the server is killed: half of all.
const ANSWERS_BEFORE: usize = 80;
/// What a call of the model takes.
const THINKS: Duration = Duration::from_millis(200);
/// Between two agents, so that they do not walk in step.
const APART: Duration = Duration::from_millis(10);
const PRICE: Price = Price { input: 10, output: 100 };
/// How long half of the work may take.
const WORK_WAIT: Duration = Duration::from_secs(60);

/// Four calls of the model and three tools; one of the tools honours no key, and a check finds out what became of it.
const AGENT: &str = r#"
version: 1
name: agent
inputs: { type: object, required: [agent, ledger], properties: { agent: { type: integer }, ledger: { type: string } } }
tasks:
  plan: { uses: chat, with: { prompt: "<text>Agent ${{ inputs.agent }} plans the order. It reserves a seat first.</text>" } }
  reserve:
    needs: [plan]
    uses: http
    effect: idempotent
    with: { method: POST, url: "http://${{ inputs.ledger }}/keyed/reserve", json: { agent: "${{ inputs.agent }}" } }
  decide:
    needs: [reserve]
    uses: chat
    with: { prompt: "<text>Agent ${{ inputs.agent }} has a seat. It decides to pay for it.</text>" }
  pay:
    needs: [decide]
    uses: http
    effect: once
    on_uncertain: { check: paid, happened: "${{ output.json.booked }}" }
    with: { method: POST, url: "http://${{ inputs.ledger }}/once/pay", json: { agent: "${{ inputs.agent }}" } }
  paid: { if: "${{ false }}", uses: http, with: { url: "http://${{ inputs.ledger }}/booked/pay/${{ inputs.agent }}" } }
  write:
    needs: [pay]
    uses: chat
    with: { prompt: "<text>Agent ${{ inputs.agent }} has paid. It writes to the customer.</text>" }
  send:
    needs: [write]
    uses: http
    effect: idempotent
    with: { method: POST, url: "http://${{ inputs.ledger }}/keyed/send", json: { agent: "${{ inputs.agent }}" } }
  report:
    needs: [send]
    uses: chat
    with: { prompt: "<text>Agent ${{ inputs.agent }} has sent the letter. It reports what it did.</text>" }
output: "${{ tasks.report.output.text }}"
"#;

pub(super) async fn play() -> Result<Found, Failure> {
    let (ledger, mut meter, mut own) = (Ledger::open().await?, Meter::new(PRICE, THINKS), Own::new()?);
    let doors = [meter.open().await?, meter.open().await?];
    let config = |door: usize| {
        format!(
            "offline = false\n[targets.model]\nkind = \"chat\"\nbase_url = \"http://{}/v1\"\nmodel = \"offline/extractive\"\n\
             classes = [\"small\", \"large\"]\nconcurrency = 64\noutput_cap = 64\nprice = {}\n\
             [targets.ledger]\nkind = \"http\"\nallow = [\"{}\"]\nconcurrency = 64\n",
            doors[door],
            PRICE.toml(),
            ledger.address
        )
    };
    own.start(&config(0))?;
    let client = own.ready().await?;
    for agent in 1..=AGENTS {
        client.submit(&run_of(AGENT, json!({ "agent": agent, "ledger": ledger.address.to_string() }))).await?;
        tokio::time::sleep(APART).await;
    }
    let until = Instant::now() + WORK_WAIT;
    while meter.books().answers.len() < ANSWERS_BEFORE {
        if Instant::now() > until {
            return Err(Failure::new(FAILED, "the agents of the demo do not come forward"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let chance = getrandom::u32().map_err(|error| Failure::new(FAILED, error))?;
    tokio::time::sleep(Duration::from_micros(u64::from(chance) % 50_000)).await;
    let killed = Instant::now();
    own.kill()?;
    own.start(&config(1))?;
    let client = own.ready().await?;
    let open = client.open_runs().await?;
    own.done(&client).await?;
    let runs = client.runs(&[("limit", "1000".to_owned())]).await?;
    let succeeded = runs.iter().filter(|run| run.status == "succeeded").count();
    Ok(found(&Seen { ledger, meter, killed, open: open.len(), runs: runs.len(), succeeded }))
}

/// What was seen, from outside but for how the runs ended.
struct Seen {
    ledger: Ledger,
    meter: Meter,
    killed: Instant,
    /// Runs that were open when the second server was first asked.
    open: usize,
    runs: usize,
    succeeded: usize,
}

fn found(seen: &Seen) -> Found {
    let (calls, booked) = (seen.meter.books(), seen.ledger.books());
    let (mut before, after) = (calls.answered(0), calls.answered(1));
    before.retain(|_, given| *given <= seen.killed);
    // Given, but not durable when the server died: what the model was asked again.
    let lost: Vec<Duration> = before
        .iter()
        .filter(|(prompt, _)| after.contains_key(*prompt))
        .map(|(_, given)| seen.killed.saturating_duration_since(*given))
        .collect();
    let (paid, kept) = (before.len(), before.len() - lost.len());
    let cut = calls.calls.get(&0).map_or(0, |calls| calls.saturating_sub(paid));
    let gap_ms = calls.first.get(&1).map(|first| millis(first.duration_since(seen.killed)));
    let lost_ms = lost.iter().max().map(|age| millis(*age));
    let done: usize = booked.effects.values().sum();
    let twice = booked.effects.values().filter(|times| **times > 1).count();
    let paid_for = match lost_ms {
        None => "answers kept that were paid for before the kill".to_owned(),
        Some(ms) => format!("answers kept that were paid for before the kill; the rest came in the last {ms:.1} ms"),
    };
    let gap = gap_ms.map_or_else(|| "none".to_owned(), |ms| format!("{ms:.0} ms"));
    let figures = vec![
        (format!("{} of {AGENTS}", seen.succeeded), "agents went on and ended well".to_owned()),
        (gap, "from the kill to the next call of the model, by a new process".to_owned()),
        (format!("{kept} of {paid}"), paid_for),
        (twice.to_string(), format!("of {done} effects done twice, by the ledger of a service outside")),
        (booked.doubts.len().to_string(), doubtful(&booked.doubts)),
    ];
    let data = json!({
        "runs": seen.runs, "open_after_restart": seen.open, "succeeded": seen.succeeded, "gap_ms": gap_ms,
        "paid_before": paid, "kept": kept, "lost_ms": lost_ms, "cut_off": cut,
        "charged_usd": calls.charged as f64 / 1e6, "effects": done, "effects_twice": twice, "doubts": booked.doubts,
    });
    Found { figures, data, ..Found::default() }
}

/// The payments of which nobody knew whether they had been made, and what a look into the ledger said.
fn doubtful(doubts: &BTreeMap<u32, bool>) -> String {
    let named = |booked: bool| {
        let agents: Vec<String> =
            doubts.iter().filter(|(_, said)| **said == booked).map(|(agent, _)| agent.to_string()).collect();
        agents.join(", ")
    };
    let mut text = "payments in doubt, and looked up".to_owned();
    for (booked, words) in [(true, "had paid"), (false, "had not")] {
        let agents = named(booked);
        if !agents.is_empty() {
            text.push_str(&format!("; agent {agents} {words}"));
        }
    }
    text
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
