//! `cache`: results that are kept, and how they are forgotten.

use std::io::Write as _;

use agendum_wire::v1::{Cache, CacheLine};
use unicode_width::UnicodeWidthStr as _;

use super::{Context, runs};
use crate::args::Cache as Command;
use crate::failure::Failure;
use crate::hosting::{Need, Session};
use crate::show::{self, dollars};

pub(crate) async fn cache(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Ls { tag } => {
            let query: Vec<_> = tag.map(|tag| ("tag", tag)).into_iter().collect();
            runs::in_session(context, Need::Reading, async |session: &mut Session| {
                let cache = session.client.cache(&query).await?;
                if context.json { show::json(&cache) } else { table(&cache) }
            })
            .await
        }
        Command::Forget { tag, key, all } => {
            let named = [("tag", tag), ("key", key), ("all", all.then(|| "true".to_owned()))];
            let query: Vec<_> = named.into_iter().filter_map(|(word, value)| Some((word, value?))).collect();
            runs::in_session(context, Need::Engine, async |session: &mut Session| {
                let forgotten = session.client.forget_cached(&query).await?;
                if context.json {
                    return show::json(&forgotten);
                }
                writeln!(show::err(), "forgotten: {}", sum(forgotten.count, forgotten.bytes))?;
                Ok(())
            })
            .await
        }
    }
}

fn sum(count: u64, bytes: u64) -> String {
    format!("{count} result{}, {bytes} bytes", if count == 1 { "" } else { "s" })
}

fn table(cache: &Cache) -> Result<(), Failure> {
    let mut out = show::out();
    writeln!(out, "{} kept", sum(cache.count, cache.bytes))?;
    let width = |text: fn(&CacheLine) -> &str| cache.results.iter().map(|line| text(line).width()).max().unwrap_or(0);
    let (of, at) = (width(|line| &line.capability), width(|line| &line.target));
    for line in &cache.results {
        let CacheLine { key, capability, target, run, kept, cost_usd, bytes, tags } = line;
        let space = " ".repeat(at - target.width());
        let (key, cost, tags) = (&key[..12], dollars(*cost_usd), tags.join(", "));
        let row = format!("{key}  {kept}  {capability:of$}  {target}{space}  {cost:>10}  {bytes:>8}  {run}  {tags}");
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}
