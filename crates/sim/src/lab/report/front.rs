//! Who is beaten by nobody: the Pareto front of a table.

use super::Row;

/// What counts, of what is there, and whether more of it is better.
const COUNTS: [(&str, bool); 7] = [
    ("over reference", false),
    ("over bound", false),
    ("mean", false),
    ("slowdown", false),
    ("p95", false),
    ("in time", true),
    ("lighter half", false),
];

/// What a clairvoyant rule is called: it is no choice.
const ORACLE: &str = "oracle";

/// The figures that count of these rows.
pub(super) fn counts(rows: &[Row]) -> Vec<&'static str> {
    let is_there = |(name, _): &&(&str, bool)| rows.iter().any(|row| row.figure(name).is_some());
    COUNTS.iter().filter(is_there).map(|(name, _)| *name).collect()
}

/// The policies to which no other is preferable, being at least as good in all that counts and better in something; by the means over all seeds.
#[must_use]
pub(crate) fn front(rows: &[Row]) -> Vec<String> {
    let rows: Vec<&Row> = rows.iter().filter(|row| !row.policy.contains(ORACLE)).collect();
    let is_beaten = |row: &&Row| rows.iter().any(|other| beats(other, row));
    rows.iter().filter(|row| !is_beaten(row)).map(|row| row.policy.clone()).collect()
}

fn beats(one: &Row, other: &Row) -> bool {
    let mut is_better = false;
    for (name, more) in COUNTS {
        let (Some(mine), Some(theirs)) = (one.figure(name), other.figure(name)) else { continue };
        let (mine, theirs) = if more { (theirs.is.mean, mine.is.mean) } else { (mine.is.mean, theirs.is.mean) };
        if mine > theirs {
            return false;
        }
        is_better |= mine < theirs;
    }
    is_better
}

#[cfg(test)]
mod tests {
    use super::{super::Figure, Row, counts, front};
    use crate::lab::measure::Estimate;

    fn row(policy: &str, figures: &[(&'static str, f64)]) -> Row {
        let figure = |(name, value): &(&'static str, f64)| Figure { name, is: Estimate::of(&[*value]), ratio: None };
        let figures = figures.iter().map(figure).collect();
        Row { policy: policy.into(), figures, decision_hash: None, curve: Vec::new() }
    }

    #[test]
    fn who_is_beaten_by_nobody() {
        let rows = [
            row("quick", &[("mean", 1.0), ("p95", 9.0), ("jain", 0.1)]),
            row("even", &[("mean", 2.0), ("p95", 3.0), ("jain", 0.9)]),
            row("beaten", &[("mean", 2.0), ("p95", 4.0), ("jain", 1.0)]),
            row("its twin", &[("mean", 1.0), ("p95", 9.0), ("jain", 0.2)]),
            row("oracle", &[("mean", 0.5), ("p95", 1.0), ("jain", 1.0)]),
        ];
        assert_eq!(front(&rows), ["quick", "even", "its twin"]);
        assert_eq!(counts(&rows), ["mean", "p95"]);
        let late = [row("a", &[("mean", 1.0), ("in time", 0.5)]), row("b", &[("mean", 1.0), ("in time", 0.9)])];
        assert_eq!(front(&late), ["b"]);
    }
}
