//! The same as one page that needs nothing else: tables, and how the times are spread as curves, light and dark. Curves differ by dashes as well
//! as by colour.

use std::fmt::Write as _;

use super::plots::plots;
use super::summary::{head as meant, ratio, summary};
use super::{FIGURES, Figure, Ran, Row, Table, ratios, seeds, short, within};

const STYLE: &str = include_str!("page.css");
/// Dashes of the curves, in the order of the colours.
const DASHES: [&str; 8] = ["none", "9 4", "2 3", "12 4 2 4", "6 3", "4 4", "14 3", "1 4"];
/// The plot, in units of its picture.
pub(super) const LEFT: f64 = 46.0;
pub(super) const RIGHT: f64 = 880.0;
pub(super) const TOP: f64 = 12.0;
pub(super) const BOTTOM: f64 = 300.0;

/// The page of a scenario: what was played and what came of it in short, then everything, then the scenario as it is written.
#[must_use]
pub fn page(ran: &Ran, scenario: &str, tables: &[Table]) -> String {
    let mut page = head(&ran.about);
    summary(&mut page, ran, tables);
    for (number, table) in tables.iter().enumerate() {
        let drawn = if table.is_generated { " The work was drawn, anew for each seed: there was no data." } else { "" };
        let _ = writeln!(
            page,
            "<h2 id=\"t{number}\">{}</h2>\n<p class=\"soft\">{}; {}.{drawn} Comes: {}.</p>",
            table.title(),
            seeds(table.seeds),
            escaped(&ratios(&table.baseline)),
            table.comes.sentence()
        );
        for (twins, of) in table.twins() {
            let (twins, of) = (escaped(&twins), escaped(of));
            let _ = writeln!(
                page,
                "<p><b>{twins}</b>: the same decisions as <b>{of}</b> in all seeds, and so the same figures.</p>"
            );
        }
        figures(&mut page, table);
        let rows: Vec<(&str, &[f64])> = table.shown().map(|row| (row.policy.as_str(), row.curve.as_slice())).collect();
        let _ = writeln!(page, "<h3>How the times are spread</h3>");
        curves(&mut page, "jobs", &rows);
        if table.pictures.iter().any(|(_, bars)| !bars.is_empty()) {
            let _ = writeln!(page, "<h3>Over time, with the first seed</h3>");
        }
        plots(&mut page, &table.pictures);
    }
    let _ = writeln!(
        page,
        "<h2>The scenario as it is written</h2>\n<pre>{}</pre>\n</body></html>",
        escaped(scenario.trim_end())
    );
    page
}

/// How a page begins.
pub(crate) fn head(name: &str) -> String {
    let name = escaped(name);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{name}</title>\n<style>\n{STYLE}</style></head>\n<body>\n<h1>{name}</h1>\n"
    )
}

fn figures(page: &mut String, table: &Table) {
    let _ = write!(page, "<div class=\"wide\"><table>\n<thead><tr><th></th>");
    let class = |row: &Row| if row.policy == table.baseline { " class=\"baseline\"" } else { "" };
    for row in table.shown() {
        let _ = write!(page, "<th scope=\"col\"{}>{}</th>", class(row), escaped(&row.policy));
    }
    let _ = writeln!(page, "</tr></thead>\n<tbody>");
    for known in &FIGURES {
        let cells: Vec<Option<&Figure>> = table.shown().map(|row| row.figure(known.name)).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(page, "<tr>{}", meant(known));
        for (row, figure) in table.shown().zip(cells) {
            let _ = write!(page, "<td{}>", class(row));
            if let Some(figure) = figure {
                let own = within(figure.is.within);
                let _ = write!(page, "{} <small>± {own}</small>", short(figure.is.mean));
                if row.policy != table.baseline {
                    page.push_str(&ratio(known, figure));
                }
            }
            let _ = write!(page, "</td>");
        }
        let _ = writeln!(page, "</tr>");
    }
    let _ = write!(page, "<tr><th scope=\"row\">decisions<span>a hash of all that was sent, in order</span></th>");
    for row in table.shown() {
        let _ = write!(page, "<td{}><small>{}</small></td>", class(row), row.decision_hash.as_deref().unwrap_or("–"));
    }
    let _ = writeln!(page, "</tr>\n</tbody></table></div>");
}

/// The share of jobs, or whatever they are, that are done within a time, over its logarithm.
pub(crate) fn curves(page: &mut String, what: &str, rows: &[(&str, &[f64])]) {
    let all = || rows.iter().flat_map(|(_, curve)| curve.iter().copied()).filter(|secs| *secs > 0.0);
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
    if most <= least {
        return;
    }
    let across = |secs: f64| LEFT + (RIGHT - LEFT) * (secs.max(least) / least).ln() / (most / least).ln();
    let up = |percent: f64| BOTTOM - (BOTTOM - TOP) * percent / 100.0;
    let height = BOTTOM + 44.0 + 20.0 * rows.len().div_ceil(4) as f64;
    let _ = writeln!(
        page,
        "<figure><figcaption>Share of {what} that are done within a time</figcaption>\n\
         <svg viewBox=\"0 0 900 {height}\" role=\"img\" aria-label=\"share of {what} that are done within a time\">"
    );
    for percent in [0, 25, 50, 75, 95, 100] {
        let y = up(f64::from(percent));
        let _ = writeln!(page, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        let _ =
            writeln!(page, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>", LEFT - 6.0, y + 4.0);
    }
    let decades = (-3..7).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
    for secs in decades.filter(|secs| (least..=most).contains(secs)) {
        let x = across(secs);
        let _ = writeln!(page, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>");
        let _ = writeln!(page, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{secs} s</text>", BOTTOM + 16.0);
    }
    for (number, (name, curve)) in rows.iter().enumerate() {
        let points =
            curve.iter().enumerate().map(|(percent, secs)| format!("{:.1},{:.1}", across(*secs), up(percent as f64)));
        let points: Vec<String> = points.collect();
        let name = escaped(name);
        let _ = writeln!(
            page,
            "<polyline {} points=\"{}\"><title>{name}</title></polyline>",
            stroke(number),
            points.join(" ")
        );
        key(page, number, &name);
    }
    let _ = writeln!(page, "</svg></figure>");
}

/// What a line stands for, below the plot.
pub(super) fn key(page: &mut String, number: usize, name: &str) {
    let (x, y) = (LEFT + 210.0 * (number % 4) as f64, BOTTOM + 40.0 + 20.0 * (number / 4) as f64);
    let _ = writeln!(page, "<polyline {} points=\"{x},{y} {},{y}\"/>", stroke(number), x + 34.0);
    let _ = writeln!(page, "<text x=\"{}\" y=\"{}\">{name}</text>", x + 40.0, y + 4.0);
}

pub(super) fn stroke(number: usize) -> String {
    let place = number % DASHES.len();
    format!("style=\"stroke: var(--c{place})\" stroke-dasharray=\"{}\"", DASHES[place])
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
