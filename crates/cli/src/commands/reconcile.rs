//! `spend lost` and `spend reconcile`: what was lost in crashes, and what bills say of it.

use std::io::Write as _;

use agendum_ports::{Clock as _, Wall};
use agendum_types::Timestamp;
use agendum_wire::v1::{Lost, Reconcile, Reconciled};

use super::{Context, runs};
use crate::args::Spend;
use crate::failure::Failure;
use crate::hosting::{Need, Session, tell};
use crate::show::{self, dollars};

pub(crate) async fn of_lost(context: &Context, command: Spend) -> Result<(), Failure> {
    match command {
        Spend::Lost { since } => {
            let since = Timestamp(Wall.now().0.saturating_sub(since.0.0)).to_string();
            runs::in_session(context, Need::Reading, async |session: &mut Session| {
                let lost = session.client.lost(&since).await?;
                if context.json { show::json(&lost) } else { table(&lost) }
            })
            .await
        }
        Spend::Reconcile { target, day, usd, tokens } => {
            let bill = Reconcile { target, day, usd, tokens };
            runs::in_session(context, Need::Engine, async |session: &mut Session| {
                let reconciled = session.client.reconcile(&bill).await?;
                if context.json { show::json(&reconciled) } else { said(&reconciled, &bill) }
            })
            .await
        }
    }
}

fn table(lost: &Lost) -> Result<(), Failure> {
    let mut out = show::out();
    if lost.days.is_empty() {
        return Ok(writeln!(out, "no call was lost in a crash")?);
    }
    writeln!(out, "{:10}  {:>5}  {:>10}  {:>10}  {:>10}  target", "day", "lost", "count for", "released", "of all")?;
    for day in &lost.days {
        let [lost, released, all] = [day.lost_usd, day.released_usd, day.counted_usd].map(dollars);
        writeln!(out, "{:10}  {:>5}  {lost:>10}  {released:>10}  {all:>10}  {}", day.day, day.attempts, day.target)?;
    }
    tell("what a provider did not bill: agendum spend reconcile TARGET DAY --usd WHAT-IT-BILLS");
    Ok(())
}

fn said(reconciled: &Reconciled, bill: &Reconcile) -> Result<(), Failure> {
    let Reconciled { released_usd, released_tokens, day } = reconciled;
    let tokens = if *released_tokens > 0 { format!(" and {released_tokens} tokens") } else { String::new() };
    let counts = format!(
        "{} on {} counts for {}, {} of it for lost calls",
        day.target,
        day.day,
        dollars(day.counted_usd),
        dollars(day.lost_usd)
    );
    let mut out = show::out();
    if *released_usd > 0.0 || *released_tokens > 0 {
        writeln!(out, "{}{tokens} released: {counts}", dollars(*released_usd))?;
    } else if bill.usd > day.counted_usd {
        writeln!(out, "nothing released, the bill says more than is counted: {counts}")?;
    } else {
        writeln!(out, "nothing released: {counts}")?;
    }
    Ok(())
}
