//! What comes of a scenario, as text, as JSON and as a page.

pub(crate) mod front;
pub(crate) mod html;
pub(crate) mod plots;

use std::fmt::Write as _;

use agendum_types::{Duration, Hash};
use serde::Serialize;

use super::chart::Bar;
use super::measure::Estimate;

pub use html::page;

/// One load of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// How much of the slots is used, on the mean; or how many workers there are.
    pub load: f64,
    /// Which of these it is, in a word.
    pub of: &'static str,
    /// Over how many seeds.
    pub seeds: u64,
    /// With whom the others are compared.
    pub baseline: String,
    /// True if there was no data, and the workload was drawn.
    pub is_generated: bool,
    /// Who was compared, in the order of the scenario.
    pub rows: Vec<Row>,
    /// The policies of the Pareto front: none other is at least as good in all that counts and better in something.
    pub front: Vec<String>,
    /// What lay where with the first seed, for charts, in the order of the rows; nothing of who is no core.
    #[serde(skip)]
    pub pictures: Vec<(String, Vec<Bar>)>,
}

/// One of those that are compared.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Who.
    pub policy: String,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// Of all that was sent over all seeds; nothing for who is no core.
    pub decision_hash: Option<String>,
    /// Every hundredth of how long jobs took over all seeds, in seconds: the curve.
    pub curve: Vec<f64>,
}

/// A figure over all seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub is: Estimate,
    /// And in relation to the baseline of the same seeds.
    pub ratio: Option<Estimate>,
}

impl Row {
    /// From what was seen of all seeds.
    #[must_use]
    pub fn new(
        policy: &str,
        figures: Vec<(&'static str, Estimate, Option<Estimate>)>,
        hashes: &[Hash],
        mut took: Vec<Duration>,
    ) -> Self {
        took.sort_unstable();
        let at = |hundredth: usize| took.get((took.len() * hundredth / 100).min(took.len().saturating_sub(1)));
        let mut hasher = blake3::Hasher::new();
        for hash in hashes {
            hasher.update(&hash.0);
        }
        let decision_hash = (!hashes.is_empty()).then(|| hasher.finalize().to_hex()[..16].to_owned());
        let figures = figures.into_iter().map(|(name, is, ratio)| Figure { name, is, ratio }).collect();
        let curve = (0..=100).filter_map(at).map(|span| span.as_micros() as f64 / 1e6).collect();
        Self { policy: policy.to_owned(), figures, decision_hash, curve }
    }

    /// A figure of it.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

/// The order in which figures are shown.
pub const FIGURES: [&str; 46] = [
    "over reference",
    "over reference p95",
    "solved",
    "thinking",
    "over bound",
    "over bound p95",
    "mean",
    "p50",
    "p95",
    "p99",
    "p99.9",
    "slowdown",
    "slowdown p99",
    "jain",
    "in time",
    "in time at once",
    "urgent in time",
    "others mean",
    "others p95",
    "others/min",
    "gave way",
    "lost",
    "half shed",
    "wasted",
    "done",
    "refused",
    "first wait",
    "lighter half",
    "heavier half",
    "worst tenant",
    "difference",
    "tokens/s",
    "makespan",
    "quota used",
    "429s",
    "429s later",
    "reused",
    "of bound",
    "busiest",
    "again",
    "failed",
    "loads",
    "dollars",
    "extra",
    "ns/decision",
    "ns/event p99",
];

/// All tables of a scenario, behind the scenario itself.
#[must_use]
pub fn text(scenario: &str, tables: &[Table]) -> String {
    let mut text = format!("{}\n", scenario.trim_end());
    for table in tables {
        let drawn = if table.is_generated { ", drawn workload" } else { "" };
        let _ = writeln!(
            text,
            "\n{} {}, {}{drawn}; × is the ratio to {} of the same seeds",
            table.of,
            table.load,
            seeds(table.seeds),
            table.baseline
        );
        for figure in FIGURES {
            let shown: Vec<String> =
                table.rows.iter().filter_map(|row| Some(cell(row, row.figure(figure)?, table.seeds))).collect();
            if !shown.is_empty() {
                let _ = writeln!(text, "{figure}{}\n  {}", legend(figure), shown.join("\n  "));
            }
        }
        let _ = writeln!(
            text,
            "Pareto front: beaten by none in {}\n  {}",
            front::counts(&table.rows).join(", "),
            table.front.join(", ")
        );
        let hashes =
            table.rows.iter().filter_map(|row| Some(format!("{} {}", row.policy, row.decision_hash.as_ref()?)));
        let _ = writeln!(text, "decisions\n  {}", hashes.collect::<Vec<_>>().join("\n  "));
    }
    text
}

/// How many, and what stands behind each figure; one seed has no interval.
pub(super) fn seeds(count: u64) -> String {
    if count == 1 {
        "1 seed, so no interval".to_owned()
    } else {
        format!("{count} seeds; ± is half of the interval of 95 %")
    }
}

/// What a figure is, in a few words, with its unit.
pub(super) fn legend(figure: &str) -> &'static str {
    match figure {
        "mean" | "p50" | "p95" | "p99" | "p99.9" => ", s: from submission to answer",
        "slowdown" | "slowdown p99" => ": how many times longer than alone",
        "over reference" | "over reference p95" => {
            ", %: longer than the shortest schedule that is known, the mean of all jobs"
        }
        "solved" => ": share that is no longer than that",
        "thinking" => ", ms: what the search took for a job, by the clock",
        "over bound" | "over bound p95" => {
            ": times the longest way, or the work of each worker if that is more; the mean of all jobs"
        }
        "jain" => ": evenness of the slowdowns, 1 is even",
        "in time" => ": share answered within the deadline",
        "in time at once" => ": the same of those that did not come again",
        "urgent in time" => ": the same of those that have one",
        "others mean" | "others p95" => ", s: of those without a deadline",
        "others/min" => ": those of them that were answered in a minute",
        "gave way" => ": attempts that were stopped for more urgent ones",
        "lost" => ", s: for how long those had had a slot",
        "again" => ": how often clients came again that were not answered",
        "failed" => ": attempts that outages and errors were to fail",
        "loads" => ": how often a backend loaded its model",
        "dollars" => ": what all calls cost",
        "half shed" => ": share that was begun and not answered in time",
        "wasted" => ": share of the time of the slots that went to what was not answered in time",
        "done" => ": share that was answered",
        "refused" => ": submissions that the scheduler did not take, of those that came again too",
        "first wait" => ", s: from submission to the first call",
        "lighter half" | "heavier half" => ", s: mean of the tenants that ask for less, or for more",
        "worst tenant" => ", s: mean of the tenant that waited most",
        "difference" => ": greatest difference in service of two tenants that both wait",
        "makespan" => ", s: until the last answer",
        "quota used" => ": share of what the provider lets through",
        "429s" => ": calls that were refused",
        "429s later" => ": the same after the first window",
        "reused" => ": share of the blocks of inputs that a backend remembered",
        "of bound" => ": that share of what could have been, were there one memory without end",
        "busiest" => ": how many times the mean the busiest backend had to do",
        "extra" => ": calls that were made a second time, in relation to all",
        "ns/decision" | "ns/event p99" => ": what the core itself takes",
        _ => "",
    }
}

fn cell(row: &Row, figure: &Figure, seeds: u64) -> String {
    let within = |within: f64| if seeds == 1 { "–".to_owned() } else { short(within) };
    let mut cell = format!("{:<24} {:>10} ± {:<8}", row.policy, short(figure.is.mean), within(figure.is.within));
    if let Some(ratio) = figure.ratio {
        let _ = write!(cell, " × {:.3} ± {}", ratio.mean, within(ratio.within));
    }
    cell
}

fn short(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
