//! What models cost whose price the configuration does not say: a table of public prices, which ships with the binary.

use super::PriceConfig;

/// Written by `cargo xtask prices`.
const TABLE: &str = include_str!("../../data/prices.tsv");
/// Picodollars per token in a dollar per million tokens.
const PER_MILLION: f64 = 1e6;

/// The price of a model at this address, if it is known.
pub(crate) fn of(base_url: &str, model: &str) -> Option<PriceConfig> {
    let url = reqwest::Url::parse(base_url).ok()?;
    at(url.host_str()?, model)
}

/// The price of a model at this host.
pub(super) fn at(host: &str, model: &str) -> Option<PriceConfig> {
    rows().find(|row| row.host == host && row.model == model).map(|row| row.price)
}

/// The highest prices at this host: who is not known costs no more.
pub(super) fn dearest(host: &str) -> PriceConfig {
    let highest = |one: PriceConfig, row: Row<'_>| PriceConfig {
        input: one.input.max(row.price.input),
        cached: None,
        cache_write: one.cache_write.into_iter().chain(row.price.cache_write).reduce(f64::max),
        output: one.output.max(row.price.output),
        call: 0.0,
        egress_gib: 0.0,
    };
    rows().filter(|row| row.host == host).fold(PriceConfig::default(), highest)
}

/// True if the address is one of this machine or of a private network: what runs there sends no bill.
pub(super) fn is_own(base_url: &str) -> bool {
    let url = reqwest::Url::parse(base_url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(std::net::IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(std::net::IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        // A name without a dot is found in a network of one's own only.
        Err(_) => !host.contains('.') || host.ends_with(".local") || host.ends_with(".internal"),
    }
}

struct Row<'t> {
    host: &'t str,
    model: &'t str,
    price: PriceConfig,
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.split('\t');
        let (host, model) = (cells.next()?, cells.next()?);
        let mut price = || cells.next()?.parse::<u64>().ok().map(|price| price as f64 / PER_MILLION);
        let (input, cached, output) = (price()?, price()?, price()?);
        // Few ask more for what they keep.
        let cache_write = price();
        Some(Row {
            host,
            model,
            price: PriceConfig { input, cached: Some(cached), cache_write, output, call: 0.0, egress_gib: 0.0 },
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{TABLE, at, dearest, is_own, of, rows};

    #[test]
    fn the_table_is_whole_and_known_prices_are_found() {
        assert_eq!(rows().count(), TABLE.lines().filter(|line| !line.starts_with('#')).count());
        let shown = |base: &str, model: &str| format!("{model}: {:?}", of(base, model));
        let lines = [
            shown("https://api.openai.com/v1", "gpt-5-mini"),
            shown("https://api.deepseek.com", "deepseek-chat"),
            shown("https://example.com/v1", "gpt-5-mini"),
            shown("no address", "gpt-5-mini"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        gpt-5-mini: Some(PriceConfig { input: 0.25, cached: Some(0.025), cache_write: None, output: 2.0, call: 0.0, egress_gib: 0.0 })
        deepseek-chat: Some(PriceConfig { input: 0.28, cached: Some(0.028), cache_write: None, output: 0.42, call: 0.0, egress_gib: 0.0 })
        gpt-5-mini: None
        gpt-5-mini: None
        ");
        let most = dearest("api.openai.com");
        let all = rows().filter(|row| row.host == "api.openai.com").map(|row| row.price.output).fold(0.0, f64::max);
        assert!(most.output >= all && at("api.openai.com", "nobody-knows").is_none());
    }

    #[test]
    fn what_runs_at_home_sends_no_bill() {
        let home = [
            "http://127.0.0.1:8000/v1",
            "http://[::1]:1",
            "http://10.1.2.3/v1",
            "http://gpu-box:11434",
            "http://llm.internal",
        ];
        let away = ["https://api.openai.com/v1", "http://8.8.8.8"];
        assert!(home.iter().all(|base| is_own(base)) && !away.iter().any(|base| is_own(base)));
    }
}
