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
    writeln!(show::out(), "{}", line(reconciled, bill))?;
    Ok(())
}

/// What a bill has changed, and how its day stands.
fn line(
    Reconciled { released_usd, released_tokens, recharged_usd, recharged_tokens, day }: &Reconciled,
    bill: &Reconcile,
) -> String {
    let changes = [(released_usd, released_tokens, "released"), (recharged_usd, recharged_tokens, "charged again")];
    let changes = changes.into_iter().filter(|(usd, tokens, _)| **usd > 0.0 || **tokens > 0);
    let changes = changes.map(|(usd, tokens, what)| match tokens {
        0 => format!("{} {what}", dollars(*usd)),
        tokens => format!("{} and {tokens} tokens {what}", dollars(*usd)),
    });
    let changes = changes.collect::<Vec<_>>().join(", ");
    let counts = format!(
        "{} on {} counts for {}, {} of it for lost calls",
        day.target,
        day.day,
        dollars(day.counted_usd),
        dollars(day.lost_usd)
    );
    match (changes.is_empty(), bill.usd > day.counted_usd) {
        (false, false) => format!("{changes}: {counts}"),
        (false, true) => format!("{changes}, and the bill says more than ever counted: {counts}"),
        (true, false) => format!("nothing changes: {counts}"),
        (true, true) => format!("nothing changes, the bill says more than ever counted: {counts}"),
    }
}

#[cfg(test)]
mod tests {
    use agendum_wire::v1::{LostDay, Reconcile, Reconciled};

    use super::line;

    #[test]
    fn it_says_which_way_a_bill_has_changed_what_counts() {
        let told = |released: (f64, u64), recharged: (f64, u64), usd| {
            let (target, day) = ("m".to_owned(), "2026-11-23".to_owned());
            let stands = LostDay {
                target: target.clone(),
                day: day.clone(),
                counted_usd: 0.75,
                lost_usd: 0.25,
                ..LostDay::default()
            };
            let reconciled = Reconciled {
                released_usd: released.0,
                released_tokens: released.1,
                recharged_usd: recharged.0,
                recharged_tokens: recharged.1,
                day: stands,
            };
            let line = line(&reconciled, &Reconcile { target, day, usd, tokens: None });
            line.split_once(" m on 2026-11-23 counts for ").unwrap().0.to_owned()
        };
        let none = (0.0, 0);
        assert_eq!(told((0.5, 0), none, 0.75), "$0.5000 released:");
        assert_eq!(told(none, (0.5, 9), 0.75), "$0.5000 and 9 tokens charged again:");
        assert_eq!(told((0.5, 0), (0.0, 9), 0.75), "$0.5000 released, $0 and 9 tokens charged again:");
        assert_eq!(told(none, (0.5, 0), 2.0), "$0.5000 charged again, and the bill says more than ever counted:");
        assert_eq!(told(none, none, 0.75), "nothing changes:");
        assert_eq!(told(none, none, 2.0), "nothing changes, the bill says more than ever counted:");
    }
}
