//! What was spent.

use std::sync::Arc;

use agendum_ports::{Clock as _, Spent, SpentBy, Wall};
use agendum_types::{Cap, Duration, Money, Timestamp, Window, WindowView};
use agendum_wire::v1::{self, Spend, SpendLine, SpendWindow};
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::Service;
use crate::reply::{Asked, Refused};
use crate::runs::instant;

/// Lines of an answer at most: the dearest, and one for all others.
const LINES_MAX: usize = 1_000;

/// How far back an answer looks that is not told since when.
const SINCE: Duration = Duration::secs(7 * 86_400);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asks {
    since: Option<String>,
    #[serde(default)]
    by: Option<String>,
}

pub(crate) async fn spend(
    State(service): State<Arc<Service>>,
    Asked(Query(asked)): Asked<Query<Asks>>,
) -> Result<Json<Spend>, Refused> {
    let since = Window::Hour.start(since(asked.since.as_deref(), SINCE)?);
    let by = asked.by.as_deref().unwrap_or("graph");
    let unknown = || format!("{by:?}: use {}", SpentBy::ALL.map(SpentBy::word).join(", "));
    let known = SpentBy::from_word(by).ok_or_else(|| Refused::bad("by", "unknown word", unknown()))?;
    let mut spent = service.reader.spent(&service.tenant, since, known).await?;
    let mut total = Spent { name: "total".to_owned(), ..Spent::default() };
    spent.iter().for_each(|line| total.add(line));
    if known != SpentBy::Day {
        spent.sort_by(|one, other| other.cost.cmp(&one.cost).then_with(|| one.name.cmp(&other.name)));
    }
    if spent.len() > LINES_MAX {
        let mut others = Spent { name: "others".to_owned(), ..Spent::default() };
        spent.drain(LINES_MAX - 1..).for_each(|line| others.add(&line));
        spent.push(others);
    }
    let lines = spent.iter().map(|line| told(line, known)).collect();
    let windows = windows(&service).await?.iter().map(SpendWindow::of).collect();
    Ok(Json(Spend { since: v1::instant(since), by: by.to_owned(), total: told(&total, known), lines, windows }))
}

/// The instant that was named, or so long ago.
pub(crate) fn since(named: Option<&str>, ago: Duration) -> Result<Timestamp, Refused> {
    named.map_or_else(|| Ok(Wall.now().before(ago)), |named| instant("since", named))
}

/// As the engine knows them; without one what was counted, and not what is out.
async fn windows(service: &Service) -> Result<Vec<WindowView>, Refused> {
    if let Some(engine) = &service.engine {
        return engine.windows(&service.tenant).await.ok_or_else(|| Refused::unavailable(engine.health()));
    }
    let (now, mut windows) = (Wall.now(), Vec::new());
    for window in Window::ALL.into_iter().filter(|window| service.windows.cap(*window) != Cap::default()) {
        let lines = service.reader.spent(&service.tenant, window.start(now), SpentBy::Tenant).await?;
        let sum = |sum: (Money, u64), line: &Spent| (sum.0.plus(line.cost), sum.1.saturating_add(line.tokens));
        let spent = lines.iter().fold((Money::ZERO, 0), sum);
        windows.push(WindowView { window, ends: window.end(now), cap: service.windows.cap(window), spent, held: None });
    }
    Ok(windows)
}

fn told(spent: &Spent, by: SpentBy) -> SpendLine {
    let used = by == SpentBy::Waste && spent.name.is_empty();
    SpendLine {
        name: if used { "used".to_owned() } else { spent.name.clone() },
        attempts: spent.attempts,
        cost_usd: v1::dollars(spent.cost),
        wasted_usd: v1::dollars(spent.wasted),
        over_usd: v1::dollars(spent.over),
        tokens: spent.tokens,
    }
}
