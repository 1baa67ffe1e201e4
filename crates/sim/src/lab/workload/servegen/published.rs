//! Clients as ServeGen publishes them: for each a table without a head (`chunk-5-trace.csv`: seconds, calls a second, deviation, distribution, its two
//! parameters) and, by parts of the day, how its tokens are spread (`chunk-5-dataset.json`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Row, SHARES, Sizes};

/// What a client sends in its windows; nothing in those of which it says none.
pub(super) fn rows(text: &str, model: &str, client: u32) -> Result<Vec<Row>, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.deserialize() {
        let (t_s, rate_req_s, _, dist, p1, _): (f64, f64, Option<f64>, String, Option<f64>, Option<f64>) =
            record.map_err(|error| error.to_string())?;
        if rate_req_s > 0.0 {
            let p1 = p1.ok_or_else(|| format!("{t_s} s: no parameter of {dist:?}"))?;
            rows.push(Row { model: model.to_owned(), client, t_s, rate_req_s, dist, p1 });
        }
    }
    Ok(rows)
}

/// How many tokens, and in which share of the calls: `{224: 0.25, 225: 0.75}`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    input_tokens: String,
    output_tokens: String,
}

/// Quantiles of a client's tokens, on the mean over the parts of the day of which there are any.
pub(super) fn sizes(text: &str, model: &str, client: u32) -> Result<Sizes, String> {
    let parts: BTreeMap<String, Part> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let of = |said: fn(&Part) -> &str| -> Result<Vec<f64>, String> {
        let all = parts.values().map(|part| spread(said(part))).collect::<Result<Vec<_>, _>>()?;
        let quantiles: Vec<[f64; 9]> = all.iter().filter(|of| !of.is_empty()).map(at_shares).collect();
        let mean = |place: usize| quantiles.iter().map(|of| of[place]).sum::<f64>() / quantiles.len() as f64;
        Ok(if quantiles.is_empty() { Vec::new() } else { (0..SHARES.len()).map(mean).collect() })
    };
    let (input_tokens, output_tokens) = (of(|part| &part.input_tokens)?, of(|part| &part.output_tokens)?);
    Ok(Sizes { model: model.to_owned(), client, input_tokens, output_tokens })
}

/// Tokens and shares, the fewest tokens first.
fn spread(said: &str) -> Result<BTreeMap<u64, f64>, String> {
    let inner = said.trim().trim_start_matches('{').trim_end_matches('}');
    let pair = |pair: &str| {
        let (tokens, share) = pair.split_once(':')?;
        Some((tokens.trim().parse().ok()?, share.trim().parse().ok().filter(|share: &f64| share.is_finite())?))
    };
    let pairs = inner.split(',').filter(|of| !of.trim().is_empty());
    pairs.map(|of| pair(of).ok_or_else(|| format!("{of:?} is no number of tokens with its share"))).collect()
}

fn at_shares(spread: &BTreeMap<u64, f64>) -> [f64; 9] {
    let whole: f64 = spread.values().sum();
    SHARES.map(|share| {
        let mut left = share * whole;
        let reached = spread.iter().find(|(_, of)| {
            left -= **of;
            left <= whole * 1e-9
        });
        reached.or_else(|| spread.last_key_value()).map_or(0.0, |(tokens, _)| *tokens as f64)
    })
}

#[cfg(test)]
mod tests {
    use super::{rows, sizes};

    #[test]
    fn windows_without_calls_are_left_out_and_parts_of_the_day_are_averaged() {
        let read = rows("0,1.5,8.6,Weibull,0.37,0.39\n600,0,0,,0,0\n1200,2,1,Gamma,0.5,1\n", "m", 5).unwrap();
        let told: Vec<_> = read.iter().map(|row| (row.t_s, row.rate_req_s, &*row.dist, row.p1, row.client)).collect();
        assert_eq!(told, [(0.0, 1.5, "Weibull", 0.37, 5), (1200.0, 2.0, "Gamma", 0.5, 5)]);
        assert!(rows("0,1.5,8.6,Weibull,,\n", "m", 5).unwrap_err().contains("no parameter"));
        let text = r#"{"0": {"input_tokens": "{10: 0.5, 30: 0.5}", "output_tokens": "{}"}, "600": {"input_tokens": "{20: 1.0}"}}"#;
        let read = sizes(text, "m", 5).unwrap();
        assert_eq!(read.input_tokens, [15.0, 15.0, 15.0, 15.0, 25.0, 25.0, 25.0, 25.0, 25.0]);
        assert!(read.output_tokens.is_empty());
        let wrong = sizes(r#"{"0": {"input_tokens": "{ten: 1}"}}"#, "m", 5).err().unwrap_or_default();
        assert!(wrong.contains("no number of tokens"), "{wrong}");
    }
}
