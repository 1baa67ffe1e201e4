//! `spend`: what was spent, and on what.

use std::io::Write as _;

use agendum_ports::{Clock as _, Wall};
use agendum_types::Timestamp;
use agendum_wire::v1::{Spend, SpendLine};
use unicode_width::UnicodeWidthStr as _;

use super::{Context, runs};
use crate::config::Age;
use crate::failure::Failure;
use crate::hosting::{Need, Session};
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
    Ok(())
}
