//! A report as one page that needs nothing else: the error bar, tables, curves, series over time, Gantt charts, what was assumed.

use std::fmt::Write as _;

use super::text::{accuracy, head, named, of_made_up, rules, short, told};
use super::{Figure, Report, Row};
use crate::lab::report::html::{curves, escaped, head as begin};
use crate::lab::report::plots::plots;

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut page = begin("What another policy would have done");
    let _ = writeln!(page, "<p>{}.</p>", head(report));
    for (why, count) in &report.left_out {
        let _ = writeln!(page, "<p>Left out: {count} {why}.</p>");
    }
    if let Some(said) = report.places.sentence() {
        let _ = writeln!(page, "<p>{}.</p>", escaped(&said));
    }
    let _ = writeln!(page, "<h2>How well the past is reproduced</h2>\n<ul>");
    for line in accuracy(report) {
        let _ = writeln!(page, "<li>{}</li>", escaped(&line));
    }
    let _ = writeln!(page, "</ul>\n<h2>Figures</h2>");
    figures(&mut page, report);
    tenants(&mut page, report);
    let rows: Vec<(&str, &[f64])> = rows(report).map(|row| (row.policy.as_str(), row.curve.as_slice())).collect();
    curves(&mut page, "runs", &rows);
    let _ = writeln!(page, "<h2>Over time</h2>");
    plots(&mut page, &report.bars);
    targets(&mut page, report);
    let _ = writeln!(page, "<h2>Rules, otherwise than balanced</h2>\n<ul>");
    for line in rules(report) {
        let _ = writeln!(page, "<li>{}</li>", escaped(&line));
    }
    let _ = writeln!(page, "</ul>\n<h2>Assumed</h2>\n<ul>");
    for line in &report.assumptions {
        let _ = writeln!(page, "<li>{}</li>", escaped(line));
    }
    let _ = writeln!(page, "</ul>\n</body></html>");
    page
}

fn rows(report: &Report) -> impl Iterator<Item = &Row> + Clone {
    std::iter::once(&report.happened).chain(&report.policies)
}

fn figures(page: &mut String, report: &Report) {
    let old = report.policies.first();
    let _ = write!(page, "<div class=\"wide\"><table>\n<thead><tr><th></th>");
    for row in rows(report) {
        let _ = write!(page, "<th scope=\"col\">{}</th>", escaped(&row.policy));
    }
    let _ = writeln!(page, "<th scope=\"col\">error</th></tr></thead>\n<tbody>");
    for (place, figure) in told(report) {
        let _ = write!(page, "<tr><th scope=\"row\">{}</th>", named(figure));
        for row in rows(report) {
            let _ = write!(page, "<td>{}</td>", cell(&row.figures[place]));
        }
        let error = old.map_or(0.0, |old| old.figures[place].error);
        let _ = writeln!(page, "<td>{}</td></tr>", short(error));
    }
    for (name, of) in of_made_up() {
        let _ = write!(page, "<tr><th scope=\"row\">{}</th>", name.trim());
        for row in rows(report) {
            let _ = write!(page, "<td><small>{}</small></td>", of(row));
        }
        let _ = writeln!(page, "<td></td></tr>");
    }
    let _ = writeln!(
        page,
        "</tbody></table></div>\n<p class=\"soft\">Below a value is the difference from {}: bold and with * where it is \
         greater than the error.</p>",
        old.map_or_else(String::new, |old| escaped(&old.policy))
    );
}

fn cell(figure: &Figure) -> String {
    let value = short(figure.value);
    let Some(difference) = figure.difference else { return value };
    let sign = if difference < 0.0 { "−" } else { "+" };
    let by = format!("{sign}{}", short(difference.abs()));
    if figure.counts { format!("{value}<br><b>{by} *</b>") } else { format!("{value}<br><small>{by}</small>") }
}

fn tenants(page: &mut String, report: &Report) {
    if report.happened.tenants.len() < 2 {
        return;
    }
    let _ = writeln!(page, "<h2>Tenants</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>tenant</th><th></th>");
    for name in ["runs", "mean", "p95", "slowdown", "cost"] {
        let _ = write!(page, "<th scope=\"col\">{name}</th>");
    }
    let _ = writeln!(page, "</tr></thead>\n<tbody>");
    for (place, tenant) in report.happened.tenants.iter().enumerate() {
        for row in rows(report) {
            let Some(of) = row.tenants.get(place) else { continue };
            let _ =
                write!(page, "<tr><th scope=\"row\">{}</th><td>{}</td>", escaped(&tenant.tenant), escaped(&row.policy));
            let _ = write!(page, "<td>{}</td>", of.runs);
            for value in [of.mean, of.p95, of.slowdown, of.cost] {
                let _ = write!(page, "<td>{}</td>", short(value));
            }
            let _ = writeln!(page, "</tr>");
        }
    }
    let _ = writeln!(page, "</tbody></table></div>");
}

fn targets(page: &mut String, report: &Report) {
    let _ = writeln!(page, "<h2>Targets</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>target</th>");
    for name in ["at once", "seen at once", "requests a minute", "tokens a minute", "from"] {
        let _ = write!(page, "<th scope=\"col\">{name}</th>");
    }
    let _ = writeln!(page, "</tr></thead>\n<tbody>");
    let limit = |of: Option<u64>| of.map_or_else(|| "–".to_owned(), |of| of.to_string());
    for target in &report.targets {
        let from = if target.configured { "configuration" } else { "journal" };
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{from}</td></tr>",
            escaped(&target.name),
            target.concurrency,
            target.seen,
            limit(target.requests_per_minute),
            limit(target.tokens_per_minute),
        );
    }
    let _ = writeln!(page, "</tbody></table></div>");
}
