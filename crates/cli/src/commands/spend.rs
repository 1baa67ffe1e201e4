//! `spend`: what was spent, and on what.

use std::io::Write as _;

use agendum_ports::{Clock as _, Wall};
use agendum_types::Timestamp;
use agendum_wire::v1::{Spend, SpendLine, SpendWindow};
use unicode_width::UnicodeWidthStr as _;

use super::{Context, runs};
use crate::config::Age;
use crate::failure::Failure;
use crate::hosting::{Need, Session, tell};
use crate::show::{self, dollars};

pub(crate) async fn spend(context: &Context, since: Age, by: &str) -> Result<(), Failure> {
    let since = Timestamp(Wall.now().0.saturating_sub(since.0.0)).to_string();
    runs::in_session(context, Need::Reading, async |session: &mut Session| {
        let spend = session.client.spend(&since, by).await?;
        if context.json { show::json(&spend) } else { table(&spend) }
    })
    .await
}

fn table(spend: &Spend) -> Result<(), Failure> {
    let mut out = show::out();
    let uncounted = |line: &SpendLine| line.name.is_empty().then(|| "(before targets were counted)".to_owned());
    let name = |line: &SpendLine| uncounted(line).unwrap_or_else(|| line.name.clone());
    let width = spend.lines.iter().chain([&spend.total]).map(|line| name(line).width()).max().unwrap_or_default();
    writeln!(out, "since {}, by {}", spend.since, spend.by)?;
    writeln!(out, "{:width$}  {:>10}  {:>10}  {:>8}  {:>10}", "", "cost", "of no use", "attempts", "tokens")?;
    for line in spend.lines.iter().chain([&spend.total]) {
        let name = name(line);
        let space = " ".repeat(width - name.width());
        let above = || format!("  {} billed above the hold", dollars(line.over_usd));
        let over = if line.over_usd > 0.0 { above() } else { String::new() };
        let (cost, wasted) = (dollars(line.cost_usd), dollars(line.wasted_usd));
        writeln!(out, "{name}{space}  {cost:>10}  {wasted:>10}  {:>8}  {:>10}{over}", line.attempts, line.tokens)?;
    }
    windows(&spend.windows)
}

/// The windows of `[budgets]`: money, then tokens, of what each limits.
fn windows(windows: &[SpendWindow]) -> Result<(), Failure> {
    let mut out = show::out();
    if windows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:14}  {:>10}  {:>10}  {:>10}  {:>10}  until", "[budgets]", "limit", "spent", "held", "left")?;
    for of in windows {
        let mut line = |unit: &str, [limit, spent, held, left]: [Option<String>; 4]| {
            let told = |of: Option<String>| of.unwrap_or_else(|| "?".to_owned());
            let name = format!("{}{unit}", of.window);
            let (limit, spent, held, left) = (told(limit), told(spent), told(held), told(left));
            writeln!(out, "{name:14}  {limit:>10}  {spent:>10}  {held:>10}  {left:>10}  {}", of.ends)
        };
        let (usd, count) = (|of: Option<f64>| of.map(dollars), |of: Option<u64>| of.map(|of| of.to_string()));
        if of.limit_usd.is_some() {
            line("", [usd(of.limit_usd), usd(Some(of.spent_usd)), usd(of.held_usd), usd(of.left_usd)])?;
        }
        if of.limit_tokens.is_some() {
            let tokens = [count(of.limit_tokens), count(Some(of.tokens)), count(of.held_tokens), count(of.left_tokens)];
            line(", tokens", tokens)?;
        }
    }
    if windows.iter().any(|of| of.held_usd.is_none()) {
        tell("what attempts hold that were out is not known while no process has the data directory");
    }
    Ok(())
}
