//! The beat that is asked for: forty agents of two tenants, one rate limit, first each by itself and then through Agendum, in figures side by side.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::Found;
use super::direct;
use super::quota::{Limited, PER_SECOND};
use super::through::Through;
use crate::failure::{FAILED, Failure};
use crate::show;

pub(super) const TITLE: &str = "40 agents of two tenants, and a provider that lets 20 requests a second through";

pub(super) const TENANTS: [&str; 2] = [HEAVY, LIGHT];
const HEAVY: &str = "heavy";
const LIGHT: &str = "light";
/// All at once.
const HEAVY_AGENTS: u32 = 32;
/// One after the other, while the others are at work.
const LIGHT_AGENTS: u32 = 8;
const LIGHT_FIRST: Duration = Duration::from_millis(300);
const LIGHT_APART: Duration = Duration::from_millis(400);
/// The turns of an agent, each with what it asks.
pub(super) const TURNS: [(&str, &str); 3] = [
    ("read", "<text>{} reads the order. It was paid this morning.</text>"),
    ("look", "<text>{} looks for the parcel. It leaves tomorrow at noon.</text>"),
    ("write", "<text>{} writes to the customer. The parcel arrives in two days.</text>"),
];
/// What a call of the model takes.
const THINKS: Duration = Duration::from_millis(200);
/// By when an answer is wanted. Neither side is told: nothing is given up for it.
const WANTED: Duration = Duration::from_secs(5);
/// Refusals of one call that the usual SDKs bear by default.
const RETRIES: u32 = 2;
/// How often it is told how far they are.
const LOOK: Duration = Duration::from_millis(200);

/// An agent that is to come.
pub(super) struct Agent {
    pub(super) tenant: &'static str,
    pub(super) name: String,
    pub(super) comes: Duration,
}

/// What became of an agent, as seen by whoever waited for it.
pub(super) struct Ran {
    pub(super) tenant: &'static str,
    /// Of its run, if it had one.
    pub(super) id: String,
    /// From its coming to its answer.
    pub(super) took: Duration,
    pub(super) is_answered: bool,
    /// How often the call that was refused most was refused, where the agent itself was told.
    pub(super) refused_most: u32,
}

pub(super) fn prompt(text: &str, agent: &str) -> String {
    text.replacen("{}", agent, 1)
}

fn agents() -> Vec<Agent> {
    let named = |tenant, number: u32, comes| Agent { tenant, name: format!("Agent {tenant} {number}"), comes };
    let heavy = (0..HEAVY_AGENTS).map(|number| named(HEAVY, number, Duration::ZERO));
    let light = (0..LIGHT_AGENTS).map(|number| named(LIGHT, number, LIGHT_FIRST + LIGHT_APART * number));
    heavy.chain(light).collect()
}

pub(super) async fn play(json: bool) -> Result<Found, Failure> {
    let agents = agents();
    let provider = Limited::open(THINKS).await?;
    let direct = Side::of(followed(json, "direct", &provider, direct::work(&agents, &provider)).await?, &provider);
    let provider = Limited::open(THINKS).await?;
    let through = Through::open(&provider).await?;
    let agendum = Side::of(followed(json, "Agendum", &provider, through.work(&agents)).await?, &provider);
    let slowest = agendum.runs.iter().max_by_key(|ran| ran.took);
    let why = through.why(slowest.ok_or_else(|| Failure::new(FAILED, "nothing ran"))?).await?;
    through.close().await;
    let mut data = json!({
        "agents": agents.len(), "calls": agents.len() * TURNS.len(), "same_calls": direct.calls == agendum.calls,
        "requests_per_second": PER_SECOND, "wanted_ms": millis(WANTED),
        "direct": direct.json(), "agendum": agendum.json(), "slowest": why,
    });
    data["direct"]["beyond_retries"] = json!(direct.beyond_retries());
    Ok(Found { figures: figures(&direct, &agendum), data, note: note(&direct, &agendum), why: Some(why) })
}

/// What came of one of the two ways.
struct Side {
    runs: Vec<Ran>,
    /// The prompts that were answered, sorted.
    calls: Vec<String>,
    requests: usize,
    refused: usize,
}

impl Side {
    fn of(runs: Vec<Ran>, provider: &Limited) -> Self {
        let books = provider.books();
        let mut calls = books.answered.clone();
        calls.sort();
        Self { runs, calls, requests: books.requests(), refused: books.refused() }
    }

    fn answered(&self) -> usize {
        self.runs.iter().filter(|ran| ran.is_answered).count()
    }

    fn in_time(&self) -> usize {
        self.runs.iter().filter(|ran| ran.is_answered && ran.took <= WANTED).count()
    }

    fn took(&self) -> Spread {
        Spread::of(self.runs.iter().map(|ran| ran.took))
    }

    /// What the light tenant waited for besides the model.
    fn waited(&self) -> Spread {
        let model = THINKS.saturating_mul(u32::try_from(TURNS.len()).unwrap_or(u32::MAX));
        Spread::of(self.runs.iter().filter(|ran| ran.tenant == LIGHT).map(|ran| ran.took.saturating_sub(model)))
    }

    /// Agents that would have given up, had they done as SDKs do by default.
    fn beyond_retries(&self) -> usize {
        self.runs.iter().filter(|ran| ran.refused_most > RETRIES).count()
    }

    fn json(&self) -> Json {
        let (took, waited) = (self.took(), self.waited());
        json!({
            "answered": self.answered(), "in_time": self.in_time(), "requests": self.requests, "refused": self.refused,
            "mean_ms": millis(took.mean), "p95_ms": millis(took.p95), "longest_ms": millis(took.longest),
            "light_wait_mean_ms": millis(waited.mean), "light_wait_longest_ms": millis(waited.longest),
        })
    }
}

/// Spans in three figures.
struct Spread {
    mean: Duration,
    p95: Duration,
    longest: Duration,
}

impl Spread {
    fn of(spans: impl Iterator<Item = Duration>) -> Self {
        let mut spans: Vec<Duration> = spans.collect();
        spans.sort();
        let count = u32::try_from(spans.len()).unwrap_or(u32::MAX).max(1);
        let rank = (spans.len() * 95).div_ceil(100).saturating_sub(1);
        Self {
            mean: spans.iter().sum::<Duration>() / count,
            p95: spans.get(rank).copied().unwrap_or_default(),
            longest: spans.last().copied().unwrap_or_default(),
        }
    }
}

/// Both sides in two columns.
fn figures(direct: &Side, agendum: &Side) -> Vec<(String, String)> {
    let sides = [direct, agendum];
    let count = |of: fn(&Side) -> usize| sides.map(|side| of(side).to_string());
    let span = |of: fn(&Side) -> Duration| sides.map(|side| format!("{:.1} s", of(side).as_secs_f64()));
    let all = sides.map(|side| side.runs.len().to_string())[0].clone();
    let rows = [
        (["direct", "Agendum"].map(str::to_owned), String::new()),
        (count(|side| side.requests), format!("requests sent, for {} calls", direct.calls.len())),
        (count(|side| side.refused), "of them refused with 429".to_owned()),
        (count(Side::answered), format!("of {all} agents answered, all in all")),
        (count(Side::in_time), format!("of them within {} s", WANTED.as_secs())),
        (span(|side| side.took().mean), "an agent took on average".to_owned()),
        (span(|side| side.took().p95), "95 of 100 took no longer".to_owned()),
        (
            span(|side| side.waited().mean),
            format!("the light tenant's {LIGHT_AGENTS} agents waited on average, besides the model"),
        ),
        (span(|side| side.waited().longest), "the one of them that waited longest".to_owned()),
    ];
    let mut figures: Vec<(String, String)> =
        rows.map(|([direct, agendum], what)| (format!("{direct:>6}  {agendum:>7}"), what)).into();
    figures.push((
        format!("{:>6}  {:>7}", direct.beyond_retries(), ""),
        format!("agents would have given up with the {RETRIES} retries that SDKs make by default"),
    ));
    figures
}

/// Why the average is worse, if it is.
fn note(direct: &Side, agendum: &Side) -> Option<String> {
    let longer = agendum.took().mean.checked_sub(direct.took().mean)?;
    (longer >= LOOK / 4).then(|| {
        format!(
            "The {:.1} s that an agent takes longer on average are the first burst. Agendum keeps to an even pace, since a provider\n  \
             that states {} a minute need not let {PER_SECOND} through at once; who tries all at once finds out, and is refused for it.",
            longer.as_secs_f64(),
            60 * PER_SECOND
        )
    })
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// Tells a terminal how far they are.
async fn followed<T>(
    json: bool,
    way: &str,
    provider: &Limited,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let (began, calls) = (Instant::now(), agents().len() * TURNS.len());
    let (mut work, line) = (std::pin::pin!(work), show::Rewritten::new(json));
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(LOOK) => {}
        }
        let (answered, refused) = {
            let books = provider.books();
            (books.answered.len(), books.refused())
        };
        let secs = began.elapsed().as_secs_f64();
        line.tell(|| format!("… {way}: {secs:.1} s, {answered} of {calls} calls answered, {refused} times refused"));
    }
}
