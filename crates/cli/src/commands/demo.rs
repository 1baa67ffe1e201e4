//! `demo`: a question answered; then what is promised of crashes and of money, measured here and now.
//!
//! The beats behind the first have a server of their own, with a data directory that goes with it: the same binary on loopback, for the
//! last one in this process. What is counted is counted outside that server, by the services in this process that it calls. Nothing costs money.

mod answer;
mod budget;
mod crash;
mod direct;
mod door;
mod ledger;
mod meter;
mod own;
mod quota;
mod rate;
mod through;

use std::io::Write as _;

use agendum_wire::v1::Why;
use owo_colors::OwoColorize as _;
use serde::Serialize;

use super::Context;
use crate::args::Beat;
use crate::failure::{Failure, INTERRUPTED};
use crate::hosting::signalled;
use crate::{next, show};

/// What a beat found: what it is, a line for each figure, and the same for machines.
#[derive(Default)]
struct Found {
    figures: Vec<(String, String)>,
    data: serde_json::Value,
    /// What a reader of the figures may ask.
    note: Option<String>,
    /// To be explained below the figures.
    why: Option<Why>,
}

/// `named` says that somebody named a data directory for it.
pub(crate) async fn demo(context: Context, only: Option<Beat>, named: bool) -> Result<(), Failure> {
    let Context { json, data, .. } = context;
    if named && only.is_some_and(|beat| beat != Beat::Answer) {
        let what = "note: --data is for the first beat; this one has a data directory of its own, which goes with it";
        writeln!(show::err(), "{what}")?;
    }
    let beats = only.map_or_else(|| vec![Beat::Answer, Beat::Crash, Beat::Budget], |only| vec![only]);
    for beat in beats {
        let found = match beat {
            Beat::Answer => {
                answer::play(json, data.clone()).await?;
                continue;
            }
            Beat::Crash => measured(json, "kill -9, while 40 agents work", crash::play()).await?,
            Beat::Budget => measured(json, "40 calls at once, and $0.50 for all of them", budget::play()).await?,
            Beat::RateLimit => measured(json, rate::TITLE, rate::play(json)).await?,
        };
        tell(json, beat, &found)?;
    }
    if !json && only.is_none() {
        let again = next::reading();
        writeln!(show::err(), "and 40 agents against one rate limit: {again} demo --beat {}", word(Beat::RateLimit))?;
    }
    Ok(())
}

/// Plays a beat; what it has started ends with it, however it ends.
async fn measured(
    json: bool,
    title: &str,
    play: impl Future<Output = Result<Found, Failure>>,
) -> Result<Found, Failure> {
    if !json {
        writeln!(show::out(), "\n{}", title.bold())?;
    }
    tokio::select! {
        found = play => found,
        caught = signalled() => caught.map_err(Failure::from).and(Err(Failure::silent(INTERRUPTED))),
    }
}

const fn word(beat: Beat) -> &'static str {
    match beat {
        Beat::Answer => "answer",
        Beat::Crash => "crash",
        Beat::Budget => "budget",
        Beat::RateLimit => "rate-limit",
    }
}

fn tell(json: bool, beat: Beat, found: &Found) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'a str,
        beat: &'a str,
        #[serde(flatten)]
        data: &'a serde_json::Value,
    }
    if json {
        return show::json(&Line { r#type: "beat", beat: word(beat), data: &found.data });
    }
    let wide = found.figures.iter().map(|(figure, _)| figure.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (figure, what) in &found.figures {
        text.push_str(format!("  {figure:>wide$}  {what}").trim_end());
        text.push('\n');
    }
    write!(show::out(), "{text}")?;
    if let Some(note) = &found.note {
        writeln!(show::out(), "\n  {note}")?;
    }
    if let Some(why) = &found.why {
        writeln!(show::out(), "\n  why of the slowest of Agendum's runs, as `why RUN` tells it")?;
        show::why(why, false)?;
        writeln!(show::err(), "nothing of it is kept; --json tells all figures, and the `why`")?;
    }
    writeln!(show::err(), "again: {} demo --beat {}", next::reading(), word(beat))?;
    Ok(())
}

/// So much of a sum of microdollars as a person reads.
fn dollars(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}${:.4}", micros.unsigned_abs() as f64 / 1e6)
}
