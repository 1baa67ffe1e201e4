//! A report for the terminal.

use std::fmt::Write as _;

use super::{Figure, Report, Row};

/// A replay whose median run is off by more is none of the past.
const FAR_OFF: f64 = 0.25;

/// The report as text: first how well the past is reproduced.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut text = format!("{}\n", head(report));
    for (why, count) in &report.left_out {
        let _ = writeln!(text, "left out: {count} {why}");
    }
    if let Some(said) = report.places.sentence() {
        let _ = writeln!(text, "{said}");
    }
    let _ = writeln!(text, "\nhow well the past is reproduced: the error bar of all below");
    for line in accuracy(report) {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text);
    figures(&mut text, report);
    tenants(&mut text, report);
    let _ = writeln!(text, "\ntargets");
    for target in &report.targets {
        let from = if target.configured { "" } else { ", not configured" };
        let _ = writeln!(text, "  {:<28} {} at once, {} seen{from}", target.name, target.concurrency, target.seen);
    }
    let _ = writeln!(text, "\nrules");
    for line in rules(report) {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "\nassumed");
    for line in &report.assumptions {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// What was run again.
pub(super) fn head(report: &Report) -> String {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!(
        "{} ({}, {}), {} to {}",
        counted(report.runs, "run"),
        counted(report.child_runs, "child run"),
        counted(report.attempts, "attempt"),
        report.from,
        report.to
    )
}

/// How well the past is reproduced, in sentences.
pub(super) fn accuracy(report: &Report) -> Vec<String> {
    let of = &report.accuracy;
    let old = report.policies.first().map_or("", |row| &row.policy);
    let mut lines = vec![
        format!(
            "time of a run under {old}: off by {} in the median, {} at p95; {} on the mean",
            percent(of.median),
            percent(of.p95),
            signed_percent(of.bias)
        ),
        format!("answers: {} of {} as they were", of.same_answer, of.compared),
    ];
    if of.median > FAR_OFF {
        lines.push(
            "so far off, the past was limited by what the replay does not know, and what follows says little: a limit that a provider stated, or that was \
             found out, is written as `rate` and `concurrency` of the target"
                .to_owned(),
        );
    }
    if of.deadlines > 0 {
        lines.push(format!("deadlines: {} of {} kept or missed as they were", of.same_deadline, of.deadlines));
    }
    lines
}

/// The rules of each policy, by what they have otherwise than `balanced`.
pub(super) fn rules(report: &Report) -> impl Iterator<Item = String> {
    report.policies.iter().filter_map(|row| Some(format!("{}: {}", row.policy, row.rules.as_ref()?)))
}

fn figures(text: &mut String, report: &Report) {
    let rows: Vec<&Row> = std::iter::once(&report.happened).chain(&report.policies).collect();
    let widths: Vec<usize> = rows.iter().map(|row| row.policy.chars().count().max(20)).collect();
    let head: Vec<String> = rows.iter().zip(&widths).map(|(row, width)| format!("{:>width$}", row.policy)).collect();
    let _ = writeln!(text, "{:<18} {}   error", "", head.join(" "));
    for (place, figure) in told(report) {
        let cells = rows.iter().zip(&widths).map(|(row, width)| format!("{:>width$}", cell(&row.figures[place])));
        let cells: Vec<String> = cells.collect();
        let error = report.policies.first().map_or(0.0, |old| old.figures[place].error);
        let _ = writeln!(text, "{:<18} {}   {}", named(figure), cells.join(" "), short(error));
    }
    let mut more = |name: &str, of: &dyn Fn(&Row) -> String| {
        let cells = rows.iter().zip(&widths).map(|(row, width)| format!("{:>width$}", of(row)));
        let _ = writeln!(text, "{name:<18} {}", cells.collect::<Vec<_>>().join(" "));
    };
    for (name, of) in of_made_up() {
        more(name, &of);
    }
    let _ = writeln!(
        text,
        "in brackets the difference from {}, with * where it is greater than the error",
        report.policies[0].policy
    );
}

/// The figures that say something, with their places: how even tenants have it is of several.
pub(super) fn told(report: &Report) -> impl Iterator<Item = (usize, &Figure)> {
    let has_tenants = report.happened.tenants.len() > 1;
    report.happened.figures.iter().enumerate().filter(move |(_, figure)| has_tenants || figure.name != "jain")
}

/// A figure with its unit.
pub(super) fn named(figure: &Figure) -> String {
    let unit = match figure.name {
        "mean" | "p50" | "p95" | "p99" => "s",
        "slowdown" | "slowdown p99" => "times",
        "jain" => "0 to 1",
        "cost" => "$",
        _ => "runs",
    };
    format!("{}, {unit}", figure.name)
}

/// A name, and what a row says of it.
type Line = (&'static str, fn(&Row) -> String);

/// What there is to say of a row besides its figures.
pub(super) fn of_made_up() -> [Line; 7] {
    const NONE: &str = "–";
    let lines: [Line; 7] = [
        ("attempts", |row| row.attempts.to_string()),
        ("made up", |row| row.made_up.map_or_else(|| NONE.to_owned(), |of| of.attempts.to_string())),
        ("  evaluations", |row| row.made_up.map_or_else(|| NONE.to_owned(), |of| of.evaluations.to_string())),
        ("  did not fit", |row| row.made_up.map_or_else(|| NONE.to_owned(), |of| of.lost.to_string())),
        ("ns/event", |row| row.ns_per_event.map_or_else(|| NONE.to_owned(), short)),
        ("ns/attempt", |row| row.ns_per_attempt.map_or_else(|| NONE.to_owned(), short)),
        ("decisions", |row| row.decision_hash.clone().unwrap_or_else(|| NONE.to_owned())),
    ];
    lines
}

fn tenants(text: &mut String, report: &Report) {
    if report.happened.tenants.len() < 2 {
        return;
    }
    let _ = writeln!(
        text,
        "\n{:<24} {:<20} {:>6} {:>10} {:>10} {:>10} {:>12}",
        "tenant", "", "runs", "mean", "p95", "slowdown", "cost"
    );
    for (place, tenant) in report.happened.tenants.iter().enumerate() {
        for row in std::iter::once(&report.happened).chain(&report.policies) {
            let Some(of) = row.tenants.get(place) else { continue };
            let _ = writeln!(
                text,
                "{:<24} {:<20} {:>6} {:>10} {:>10} {:>10} {:>12}",
                tenant.tenant,
                row.policy,
                of.runs,
                short(of.mean),
                short(of.p95),
                short(of.slowdown),
                short(of.cost)
            );
        }
    }
}

fn cell(figure: &Figure) -> String {
    let value = short(figure.value);
    match figure.difference {
        None => value,
        Some(difference) => {
            format!(
                "{value} ({}{}){}",
                if difference < 0.0 { "−" } else { "+" },
                short(difference.abs()),
                if figure.counts { "*" } else { " " }
            )
        }
    }
}

pub(super) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        of if of.fract() == 0.0 && of < 1e9 => format!("{value:.0}"),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        0.001.. => format!("{value:.4}"),
        0.000_001.. => format!("{value:.6}"),
        _ => format!("{value:.2e}"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn signed_percent(share: f64) -> String {
    format!("{:+.1} %", 100.0 * share)
}
