//! What comes of a scenario, as text, as JSON and as a page.

mod comes;
pub mod figures;
pub(crate) mod front;
pub(crate) mod html;
pub(crate) mod plots;
pub mod ran;
mod summary;

use std::fmt::Write as _;

use agendum_types::{Duration, Hash, Policy};
use serde::Serialize;

use super::chart::Bar;
use super::measure::Estimate;

pub use comes::Comes;
use figures::Better;
pub use figures::FIGURES;
pub use html::page;
pub use ran::Ran;

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
    /// True if there was no data, and the workload was drawn, anew for each seed.
    pub is_generated: bool,
    /// What came with the first seed.
    pub comes: Comes,
    /// Who was compared, in the order of the scenario.
    pub rows: Vec<Row>,
    /// The figures that count in the Pareto front: the share that was answered, and those of the scenario.
    pub counts: Vec<&'static str>,
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
    /// What it has otherwise than `balanced`; nothing for that itself, and for who is no core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// Of all that was sent over all seeds; nothing for who is no core.
    pub decision_hash: Option<String>,
    /// Another one that did the same in all seeds, and stands for this one too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
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
        Self { policy: policy.to_owned(), rules: ran::rules(policy), figures, decision_hash, same_as: None, curve }
    }

    /// Says of each that decided as another one in all seeds, with the same outcome, who that is: the baseline, what ships, or who came first.
    pub(crate) fn tell_twins(rows: &mut [Self], baseline: &str) {
        let of = |name: &str| rows.iter().position(|row| row.policy == name);
        let first = of(baseline).into_iter().chain(of(Policy::BALANCED));
        let order: Vec<usize> = first.chain(0..rows.len()).collect();
        let mut known: Vec<usize> = Vec::new();
        for place in order {
            match known.iter().find(|other| rows[**other].does_as(&rows[place])) {
                Some(other) if *other == place => {}
                Some(other) => rows[place].same_as = Some(rows[*other].policy.clone()),
                None => known.push(place),
            }
        }
    }

    /// True if both sent the same, in the same order, and the same came of it, but for what the clock says.
    fn does_as(&self, other: &Self) -> bool {
        let is_of_core = |figure: &&Figure| figures::figure(figure.name).is_none_or(|of| of.better != Better::Neither);
        let own = self.figures.iter().filter(is_of_core).map(|figure| (figure.name, figure.is));
        self.decision_hash.is_some()
            && self.decision_hash == other.decision_hash
            && own.eq(other.figures.iter().filter(is_of_core).map(|figure| (figure.name, figure.is)))
    }

    /// A figure of it.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

/// All tables of a scenario, behind the scenario itself and what of it was played.
#[must_use]
pub fn text(ran: &Ran, scenario: &str, tables: &[Table]) -> String {
    let mut text =
        format!("{}\n\nplayed: {}; {}; {}; {}\n", scenario.trim_end(), ran.loads, ran.seeds, ran.policies, ran.work);
    for line in ran.otherwise.iter().chain(&ran.rules) {
        let _ = writeln!(text, "  {line}");
    }
    for table in tables {
        let drawn = if table.is_generated { ", drawn workload" } else { "" };
        let _ = writeln!(
            text,
            "\n{} {}, {}{drawn}; {}\ncomes: {}",
            table.of,
            table.load,
            seeds(table.seeds),
            ratios(&table.baseline),
            table.comes.sentence()
        );
        for (twins, of) in table.twins() {
            let _ = writeln!(text, "{twins}: the same decisions as {of} in all seeds, and so the same figures");
        }
        for known in FIGURES {
            let cell = |row: &Row| Some(cell(row, row.figure(known.name)?));
            let shown: Vec<String> = table.shown().filter_map(cell).collect();
            if !shown.is_empty() {
                let _ = writeln!(text, "{}, {}: {}\n  {}", known.name, known.unit, known.meaning, shown.join("\n  "));
            }
        }
        let _ =
            writeln!(text, "Pareto front: beaten by none in {}\n  {}", table.counts.join(", "), table.front.join(", "));
        let hashes =
            table.rows.iter().filter_map(|row| Some(format!("{} {}", row.policy, row.decision_hash.as_ref()?)));
        let _ = writeln!(text, "decisions\n  {}", hashes.collect::<Vec<_>>().join("\n  "));
    }
    text
}

impl Table {
    /// Which load it is of.
    pub(super) fn title(&self) -> String {
        format!("{} {}", if self.of == "load" { "Load" } else { "Workers" }, self.load)
    }

    /// The rows that are shown: one of those that did the same.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Row> + Clone {
        self.rows.iter().filter(|row| row.same_as.is_none())
    }

    /// Who did as another one, and as whom.
    pub(super) fn twins(&self) -> Vec<(String, &str)> {
        let of = |name: &str| -> String {
            let is_twin = |row: &&Row| row.same_as.as_deref() == Some(name);
            self.rows.iter().filter(is_twin).map(|row| row.policy.as_str()).collect::<Vec<_>>().join(", ")
        };
        let named = self.rows.iter().map(|row| (of(&row.policy), row.policy.as_str()));
        named.filter(|(twins, _)| !twins.is_empty()).collect()
    }
}

/// What × is.
pub(super) fn ratios(baseline: &str) -> String {
    format!("× is the mean of the ratios to {baseline}, seed by seed")
}

/// How many, and what stands behind each figure; one seed has no interval.
pub(super) fn seeds(count: u64) -> String {
    if count == 1 {
        "1 seed, so no interval".to_owned()
    } else {
        format!("{count} seeds; ± is half of the interval of 95 %")
    }
}

fn cell(row: &Row, figure: &Figure) -> String {
    let own = within(figure.is.within);
    let mut cell = format!("{:<24} {:>10} ± {own:<8}", row.policy, short(figure.is.mean));
    if let Some(ratio) = figure.ratio {
        let _ = write!(cell, " × {:.3} ± {}", ratio.mean, within(ratio.within));
    }
    cell
}

/// Half of an interval; one seed has none.
fn within(half: Option<f64>) -> String {
    half.map_or_else(|| "–".to_owned(), short)
}

fn short(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
