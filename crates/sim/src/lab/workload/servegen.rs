//! Clients that each send in their own way: the format of `servegen` (how often and how regularly each sends in every window of ten minutes, and
//! quantiles of the lengths of its calls), or drawn with a published skew. Nothing here is a recorded call: each seed draws its own.

mod published;

use std::collections::BTreeMap;

use agendum_types::Duration;
use serde::Deserialize;

use super::quantiles::{Quantiles, share};
use super::{Call, Job, Round, Workload};
use crate::chance::Chance;
use crate::lab::data;
use crate::lab::scenario::check::{JOBS_MAX, SECS_MAX};

/// How long a window is.
const WINDOW: f64 = 600.0;
/// The process of a client is drawn from so many of its usual gaps before the beginning on, so that it does not begin with a call.
const GAPS_BEFORE: f64 = 20.0;
/// That takes so many draws at most.
const DRAWS_MAX: u32 = 10_000_000;
/// How even or uneven gaps are: outside of that their mean cannot be told.
const SHAPES: std::ops::RangeInclusive<f64> = 1e-4..=1e6;

/// Whose calls, and what is said of their lengths where the data does not.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    /// Longer inputs are cut, in tokens: those that an engine would refuse.
    pub tokens_in_max: u32,
    /// Longer outputs are cut.
    pub tokens_out_max: u32,
    /// Input tokens of clients of which the data has no lengths.
    pub tokens_in: Quantiles,
    /// Output tokens of those.
    pub tokens_out: Quantiles,
}

/// What is drawn where there is no data.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// How many clients.
    pub clients: u32,
    /// The shares of the first of them in all calls, in hundredths. Of what is left the n-th of the others has 1/n of what the first of them has.
    pub percent: Vec<f64>,
    /// How irregular a client sends: the deviation of its gaps over their mean.
    pub cv: Quantiles,
    /// Medians of the clients' input tokens,
    pub tokens_in: Quantiles,
    /// and of their output tokens.
    pub tokens_out: Quantiles,
    /// How many times its client's median a call has.
    pub spread: Quantiles,
}

/// How gaps between calls are distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gaps {
    /// Gamma, of this shape.
    Gamma(f64),
    /// Weibull, of this shape.
    Weibull(f64),
}

/// How a client sends for ten minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    /// Calls a second.
    rate: f64,
    gaps: Gaps,
}

/// One of those who send.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// By the number of the window; it sends nothing in those that are not there.
    windows: BTreeMap<u64, Window>,
    tokens_in: Quantiles,
    tokens_out: Quantiles,
    /// Longer ones are cut: of inputs and of outputs.
    most: [u32; 2],
}

impl Gaps {
    /// A gap whose mean is 1.
    fn draw(self, chance: &mut Chance) -> f64 {
        match self {
            Self::Gamma(shape) => gamma(shape, chance) / shape,
            Self::Weibull(shape) => (-share(chance).ln()).powf(1.0 / shape) / ln_gamma(1.0 + 1.0 / shape).exp(),
        }
    }
}

/// Of the Gamma distribution of this shape (Marsaglia and Tsang 2000).
fn gamma(shape: f64, chance: &mut Chance) -> f64 {
    if shape < 1.0 {
        return gamma(shape + 1.0, chance) * share(chance).powf(1.0 / shape);
    }
    let least = shape - 1.0 / 3.0;
    loop {
        let normal = (-2.0 * share(chance).ln()).sqrt() * (std::f64::consts::TAU * share(chance)).cos();
        let cube = (1.0 + normal / (9.0 * least).sqrt()).powi(3);
        if cube > 0.0 && share(chance).ln() < 0.5 * normal * normal + least * (1.0 - cube + cube.ln()) {
            return least * cube;
        }
    }
}

/// The logarithm of the Gamma function above zero, by Stirling's series from 8 on.
fn ln_gamma(value: f64) -> f64 {
    if value < 8.0 {
        return ln_gamma(value + 1.0) - value.ln();
    }
    let square = value * value;
    let series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1_260.0 * square)) / square) / value;
    (value - 0.5) * value.ln() - value + 0.5 * std::f64::consts::TAU.ln() + series
}

impl Client {
    /// How many calls it sends within these seconds, on the mean, and the same for each window of them: when it begins and ends, and how it sends.
    fn parts(&self, (from, until): (f64, f64)) -> impl Iterator<Item = (f64, f64, Window)> {
        let (first, last) = ((from / WINDOW) as u64, (until / WINDOW) as u64);
        self.windows.range(first..=last).map(move |(number, window)| {
            let begins = *number as f64 * WINDOW;
            (begins.max(from), (begins + WINDOW).min(until), *window)
        })
    }

    fn expected(&self, span: (f64, f64)) -> f64 {
        self.parts(span).map(|(begins, ends, window)| (ends - begins) * window.rate).sum()
    }

    /// When it sends: gaps pass as fast as it sends, so that one that is under way when a window ends goes on in the next.
    fn times(&self, span: (f64, f64), scale: f64, chance: &mut Chance) -> Vec<f64> {
        let mut times = Vec::new();
        let mut left: Option<f64> = None;
        for (begins, ends, window) in self.parts(span) {
            let rate = window.rate * scale;
            let mut at = begins;
            let mut gap = left.take().unwrap_or_else(|| {
                // Of very uneven gaps nearly all are none: it ends all the same.
                let mut sum = -GAPS_BEFORE;
                for _ in 0..DRAWS_MAX {
                    sum += window.gaps.draw(chance);
                    if sum > 0.0 {
                        break;
                    }
                }
                sum.max(0.0)
            });
            while at + gap / rate < ends && times.len() as u64 <= JOBS_MAX {
                at += gap / rate;
                times.push(at - span.0);
                gap = window.gaps.draw(chance);
            }
            left = Some(gap - (ends - at) * rate);
        }
        times
    }

    fn job(&self, tenant: u32, at: f64, chance: &mut Chance) -> Job {
        let draw =
            |of: &Quantiles, most: u32, chance: &mut Chance| (of.draw(chance).round() as u32).clamp(1, most.max(1));
        let tokens_in = draw(&self.tokens_in, self.most[0], chance);
        let tokens_out = draw(&self.tokens_out, self.most[1], chance);
        let call = Call { tokens_in, tokens_out, ..Call::default() };
        let rounds = vec![Round { call, ..Round::default() }];
        Job { at: Duration((at * 1e6) as u64), tenant, class: 0, deadline: None, rounds }
    }
}

/// The calls of these clients within these seconds of the record, which are made so many on the mean; each client is one tenant.
#[must_use]
pub fn jobs(clients: &[Client], (from, until): (f64, f64), count: f64, chance: &mut Chance) -> Vec<Job> {
    let sum: f64 = clients.iter().map(|client| client.expected((from, until))).sum();
    let mut jobs = Vec::new();
    for (tenant, client) in (0..).zip(clients) {
        let times = if sum > 0.0 { client.times((from, until), count / sum, chance) } else { Vec::new() };
        jobs.extend(times.into_iter().map(|at| client.job(tenant, at, chance)));
    }
    jobs.sort_by_key(|job| job.at);
    jobs
}

#[derive(Debug, Deserialize)]
struct Row {
    model: String,
    client: u32,
    t_s: f64,
    rate_req_s: f64,
    dist: String,
    p1: f64,
}

#[derive(Debug, Deserialize)]
struct Sizes {
    model: String,
    client: u32,
    #[serde(default)]
    input_tokens: Vec<f64>,
    #[serde(default)]
    output_tokens: Vec<f64>,
}

/// The shares of which the data has quantiles.
const SHARES: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0];

/// Of a client's quantiles; none where the data has none.
fn quantiles(values: &[f64]) -> Result<Option<Quantiles>, String> {
    if values.is_empty() {
        return Ok(None);
    }
    if values.len() != SHARES.len() {
        return Err(format!("{} quantiles, not {}", values.len(), SHARES.len()));
    }
    let all = std::iter::once((0.0, values[0])).chain(SHARES.into_iter().zip(values.iter().copied()));
    let read = Quantiles(all.collect());
    read.check().map(|()| Some(read))
}

/// Reads the clients of a model: from when they send how (`client_rates.csv`), and how long their calls are (`client_token_quantiles.jsonl`).
/// Time begins with the first window of the file.
///
/// # Errors
///
/// If a text is not such a file, or holds no client of the model.
pub fn read(rates: &str, sizes: &str, model: &str, lengths: &Lengths) -> Result<Workload, String> {
    let mut windows = Windows::new();
    data::rows(rates, |row: Row| take(&mut windows, &row, model))?;
    let lines = (1..).zip(sizes.lines()).filter(|(_, line)| !line.trim().is_empty());
    let line = |(number, line): (u32, &str)| {
        let row: Sizes = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
        Ok((format!("line {number}"), row))
    };
    of_windows(windows, lines.map(line).collect::<Result<_, String>>()?, model, lengths)
}

/// The same of clients as they are published: of each its number, its table, and how its tokens are spread.
///
/// # Errors
///
/// If a text is not such a file.
pub(crate) fn read_published(
    clients: &[(u32, String, String)],
    model: &str,
    lengths: &Lengths,
) -> Result<Workload, String> {
    let (mut windows, mut sizes) = (Windows::new(), Vec::new());
    for (client, trace, spread) in clients {
        let wrong = |error| format!("chunk {client}: {error}");
        let rows = published::rows(trace, model, *client).map_err(wrong)?;
        rows.iter().try_for_each(|row| take(&mut windows, row, model)).map_err(wrong)?;
        sizes.push((format!("chunk {client}"), published::sizes(spread, model, *client).map_err(wrong)?));
    }
    of_windows(windows, sizes, model, lengths)
}

/// By client: from when on it sends how.
type Windows = BTreeMap<u32, Vec<(f64, Window)>>;

/// What a client of the model sends in a window.
fn take(windows: &mut Windows, row: &Row, model: &str) -> Result<(), String> {
    let is_time = (0.0..=SECS_MAX as f64).contains(&row.t_s);
    if !(is_time && (0.0..=1e9).contains(&row.rate_req_s)) {
        return Err(format!("client {}: {} calls a second from {} s on", row.client, row.rate_req_s, row.t_s));
    }
    if row.model != model || row.rate_req_s <= 0.0 {
        return Ok(());
    }
    let gaps = match row.dist.as_str() {
        _ if !SHAPES.contains(&row.p1) => {
            return Err(format!("client {}: its gaps have the shape {}", row.client, row.p1));
        }
        "Gamma" => Gaps::Gamma(row.p1),
        "Weibull" => Gaps::Weibull(row.p1),
        other => {
            return Err(format!("client {}: gaps that are distributed as {other:?} are not known", row.client));
        }
    };
    windows.entry(row.client).or_default().push((row.t_s, Window { rate: row.rate_req_s, gaps }));
    Ok(())
}

fn of_windows(
    windows: Windows,
    sizes: Vec<(String, Sizes)>,
    model: &str,
    lengths: &Lengths,
) -> Result<Workload, String> {
    let first = windows.values().flatten().map(|(at, _)| *at).fold(f64::INFINITY, f64::min);
    let number = |(at, window): (f64, Window)| (((at - first) / WINDOW) as u64, window);
    let mut known: BTreeMap<u32, [Option<Quantiles>; 2]> = BTreeMap::new();
    for (place, row) in sizes {
        let read = |values: &[f64]| quantiles(values).map_err(|error| format!("{place}: {error}"));
        if row.model == model {
            known.insert(row.client, [read(&row.input_tokens)?, read(&row.output_tokens)?]);
        }
    }
    let mut workload = of_calls(false);
    for (client, windows) in windows {
        let [tokens_in, tokens_out] = known.remove(&client).unwrap_or_default();
        workload.tenants.push(format!("c{client}"));
        workload.clients.push(Client {
            windows: windows.into_iter().map(number).collect(),
            tokens_in: tokens_in.unwrap_or_else(|| lengths.tokens_in.clone()),
            tokens_out: tokens_out.unwrap_or_else(|| lengths.tokens_out.clone()),
            most: [lengths.tokens_in_max, lengths.tokens_out_max],
        });
    }
    if workload.clients.is_empty() { Err(format!("no clients of {model:?}")) } else { Ok(workload) }
}

fn of_calls(is_generated: bool) -> Workload {
    Workload { classes: vec!["call".into()], is_generated, ..Workload::default() }
}

impl Generator {
    /// Clients that send as often at any time.
    ///
    /// # Errors
    ///
    /// If some quantiles do not rise from 0 to 1, or the shares come to more than all.
    pub fn draw(&self, lengths: &Lengths, seed: u64) -> Result<Workload, String> {
        [&self.cv, &self.tokens_in, &self.tokens_out, &self.spread].into_iter().try_for_each(Quantiles::check)?;
        let said: f64 = self.percent.iter().sum();
        if said > 100.0 || self.percent.len() > self.clients as usize {
            return Err(format!("shares of {said} % for {} clients", self.clients));
        }
        let others = self.clients as usize - self.percent.len();
        let whole: f64 = (1..=others).map(|number| 1.0 / number as f64).sum();
        let rest = (1..=others).map(|number| (100.0 - said) / whole / number as f64);
        let mut chance = Chance::new(seed);
        let mut workload = of_calls(true);
        for (number, rate) in self.percent.iter().copied().chain(rest).enumerate() {
            let gaps = Gaps::Gamma(self.cv.draw(&mut chance).powi(-2));
            let around =
                |median: f64| Quantiles(self.spread.0.iter().map(|(share, times)| (*share, median * times)).collect());
            workload.tenants.push(format!("c{number}"));
            workload.clients.push(Client {
                // One week of windows that are alike.
                windows: (0..1_008).map(|number| (number, Window { rate, gaps })).collect(),
                tokens_in: around(self.tokens_in.draw(&mut chance)),
                tokens_out: around(self.tokens_out.draw(&mut chance)),
                most: [lengths.tokens_in_max, lengths.tokens_out_max],
            });
        }
        Ok(workload)
    }
}

#[cfg(test)]
mod tests {
    use super::super::quantiles::Quantiles;
    use super::{Gaps, Lengths, jobs, ln_gamma, read};
    use crate::chance::Chance;

    const RATES: &str = "model,client,t_s,rate_req_s,cv,dist,p1,p2
m,7,1200,3.0,1.2,Gamma,0.7,0.47
m,7,1800,1.0,1.2,Gamma,0.7,1.4
m,3,1800,2.0,2.2,Weibull,0.5,0.25
other,1,0,9.0,1.0,Gamma,1.0,0.1
";
    const SIZES: &str = r#"{"model": "m", "client": 3, "missing": true}
{"model": "m", "client": 7, "input_tokens": [5, 5, 5, 5, 5, 5, 5, 9, 4000], "output_tokens": [1, 1, 1, 1, 1, 1, 1, 1, 1]}
{"model": "other", "client": 1, "text_tokens": [1]}
"#;

    fn lengths() -> Lengths {
        let of = |low: f64, high: f64| Quantiles(vec![(0.0, low), (1.0, high)]);
        Lengths { tokens_in_max: 100, tokens_out_max: 60, tokens_in: of(20.0, 30.0), tokens_out: of(50.0, 90.0) }
    }

    #[test]
    fn each_client_sends_in_its_own_way() {
        let read = read(RATES, SIZES, "m", &lengths()).unwrap();
        assert_eq!(read.tenants, ["c3", "c7"]);
        // Of 20 minutes, one client is there in the second half only: as often as the other in both together.
        let mut counts = [[0_usize; 2]; 2];
        for seed in 0..40 {
            for job in jobs(&read.clients, (0.0, 1_200.0), 900.0, &mut Chance::new(seed)) {
                counts[job.tenant as usize][usize::from(job.at.as_micros() >= 600_000_000)] += 1;
                let call = job.rounds[0].call;
                let is_known = job.tenant == 1;
                assert_eq!(is_known, call.tokens_out == 1, "the data says how long they are, or the scenario");
                assert!(call.tokens_in <= 100 && call.tokens_out <= 60 && (is_known || call.tokens_in >= 20));
            }
        }
        let [[none, late], [first, second]] = counts.map(|of| of.map(|count| count as f64 / 40.0));
        assert_eq!(none, 0.0);
        for (count, expected) in [(late, 300.0), (first, 450.0), (second, 150.0)] {
            assert!((count / expected - 1.0).abs() < 0.1, "{count} of {expected}");
        }
    }

    #[test]
    fn gaps_are_as_irregular_as_is_said() {
        assert!(
            (ln_gamma(6.0).exp() - 120.0).abs() < 1e-6
                && (ln_gamma(0.5).exp().powi(2) - std::f64::consts::PI).abs() < 1e-6
        );
        // Squares of deviations: of Gamma 1 / shape, of Weibull at a half 5.
        for (gaps, expected) in [(Gaps::Gamma(0.25), 4.0), (Gaps::Gamma(4.0), 0.25), (Gaps::Weibull(0.5), 5.0)] {
            let mut chance = Chance::new(1);
            let drawn: Vec<f64> = (0..100_000).map(|_| gaps.draw(&mut chance)).collect();
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let square = drawn.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
            assert!((mean - 1.0).abs() < 0.03 && (square / expected - 1.0).abs() < 0.1, "{gaps:?}: {mean} {square}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |rates: &str, sizes: &str, model| read(rates, sizes, model, &lengths()).unwrap_err();
        assert_eq!(wrong(RATES, SIZES, "x"), "no clients of \"x\"");
        let rates = RATES.replace("Weibull", "Pareto");
        assert_eq!(
            wrong(&rates, SIZES, "m"),
            "line 4: client 3: gaps that are distributed as \"Pareto\" are not known"
        );
        assert_eq!(wrong(RATES, &SIZES.replace("9, 4000", "4000"), "m"), "line 2: 8 quantiles, not 9");
    }
}
