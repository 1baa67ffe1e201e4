//! What was spent.

use std::sync::Arc;

use agendum_ports::{Spent, SpentBy};
use agendum_types::Window;
use agendum_wire::v1::{self, SPEND_BY, Spend, SpendLine};
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::Service;
use crate::reply::{Asked, Refused};
use crate::runs::instant;

/// Lines of an answer at most: the dearest, and one for all others.
const LINES_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asks {
    since: String,
    #[serde(default)]
    by: Option<String>,
}

pub(crate) async fn spend(
    State(service): State<Arc<Service>>,
    Asked(Query(asked)): Asked<Query<Asks>>,
) -> Result<Json<Spend>, Refused> {
    let since = Window::Hour.start(instant("since", &asked.since)?);
    let by = asked.by.as_deref().unwrap_or("graph");
    let known = match by {
        "graph" => SpentBy::Graph,
        "target" => SpentBy::Target,
        "day" => SpentBy::Day,
        "waste" => SpentBy::Waste,
        _ => return Err(Refused::bad("by", "unknown word", format!("{by:?}: use {}", SPEND_BY.join(", ")))),
    };
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
    Ok(Json(Spend { since: v1::instant(since), by: by.to_owned(), total: told(&total, known), lines }))
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
