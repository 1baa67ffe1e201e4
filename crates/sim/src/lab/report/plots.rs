//! What waited and what was busy over time, and a window of it as a Gantt chart: who lay on which slot when.
//!
//! Who is told apart by a pattern and a number as well as by colour.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use agendum_types::{RunId, Tenant, Timestamp};

use super::html::{BOTTOM, LEFT, RIGHT, TOP, escaped, key, stroke};
use crate::lab::chart::{Bar, Laid, laid, series};

/// Parts of the span in a plot over time.
const PARTS: usize = 240;
/// Targets that have a plot, those that were busy longest.
const TARGETS_MAX: usize = 4;
/// Bars of a Gantt chart, and lanes of a target, at most.
const BARS_MAX: usize = 160;
const LANES_MAX: usize = 24;
/// The height of a lane.
const LANE: f64 = 15.0;
/// The narrowest bar that has its number in it.
const LABELLED: f64 = 22.0;

/// Who is shown: a name, and what lay where.
pub(crate) type Picture = (String, Vec<Bar>);

/// Waiting and busy over time, then a window as Gantt charts.
pub(crate) fn plots(page: &mut String, pictures: &[Picture]) {
    let all = || pictures.iter().flat_map(|(_, bars)| bars);
    let Some(from) = all().map(|bar| bar.ready).min() else { return };
    let to = all().map(|bar| bar.ended).max().unwrap_or(from);
    let waits = |bars: &[Bar]| series(bars.iter().map(|bar| (bar.ready, bar.began)), from, to, PARTS);
    let mut busy: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
    for bar in all() {
        if let Some(target) = &bar.target {
            *busy.entry(target).or_default() += bar.ended.since(bar.began).as_micros();
        }
    }
    // Each keeps its colour, also where nothing is known of one before it.
    let rows = |of: &dyn Fn(&[Bar]) -> Vec<f64>| -> Vec<Line<'_>> {
        let known = pictures.iter().enumerate().filter(|(_, (_, bars))| !bars.is_empty());
        known.map(|(number, (name, bars))| (number, name.as_str(), of(bars))).collect()
    };
    over_time(page, "Tasks that wait for others, a limit or a target", &rows(&waits), (from, to));
    let mut targets: Vec<(&Arc<str>, u64)> = busy.into_iter().collect();
    targets.sort_by_key(|(_, busy)| std::cmp::Reverse(*busy));
    for (target, _) in targets.into_iter().take(TARGETS_MAX) {
        let on = |bar: &&Bar| bar.target.as_ref() == Some(target);
        let busy = |bars: &[Bar]| series(bars.iter().filter(on).map(|bar| (bar.began, bar.ended)), from, to, PARTS);
        over_time(page, &format!("Attempts out on {target}"), &rows(&busy), (from, to));
    }
    let first = pictures.iter().find(|(_, bars)| !bars.is_empty()).map_or(&[][..], |(_, bars)| bars);
    gantt(page, pictures, window(first, from, to));
}

/// The number of its colour, a name, values.
type Line<'p> = (usize, &'p str, Vec<f64>);

fn over_time(page: &mut String, name: &str, rows: &[Line<'_>], (from, to): (Timestamp, Timestamp)) {
    let most = rows.iter().flat_map(|(_, _, values)| values.iter().copied()).fold(0.0, f64::max);
    if most <= 0.0 {
        return;
    }
    let name = escaped(name);
    let height = BOTTOM + 44.0 + 20.0 * rows.last().map_or(0, |(number, ..)| number / 4 + 1) as f64;
    let _ = writeln!(
        page,
        "<figure><figcaption>{name}: the mean of each {PARTS}th of the time</figcaption>\n\
         <svg viewBox=\"0 0 900 {height}\" role=\"img\" aria-label=\"{name}, over time\">"
    );
    let most = round(most);
    for part in 0..=4 {
        let y = BOTTOM - (BOTTOM - TOP) * f64::from(part) / 4.0;
        let value = short(most * f64::from(part) / 4.0);
        let _ = writeln!(page, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        let _ = writeln!(page, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>", LEFT - 6.0, y + 4.0);
    }
    times(page, (from, from, to), BOTTOM);
    for (number, name, values) in rows {
        let across = |part: usize| LEFT + (RIGHT - LEFT) * (part as f64 + 0.5) / values.len() as f64;
        let up = |value: f64| BOTTOM - (BOTTOM - TOP) * value / most;
        let points = values.iter().enumerate().map(|(part, value)| format!("{:.1},{:.1}", across(part), up(*value)));
        let points = points.collect::<Vec<_>>().join(" ");
        let name = escaped(name);
        let _ = writeln!(page, "<polyline {} points=\"{points}\"><title>{name}</title></polyline>", stroke(*number));
        key(page, *number, &name);
    }
    let _ = writeln!(page, "</svg></figure>");
}

/// Where an axis ends that is parted in four: at or above that, so that its marks are short numbers.
fn round(most: f64) -> f64 {
    const STEPS: [f64; 10] = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let ten = 10_f64.powf((most / 4.0).log10().floor());
    4.0 * ten * STEPS.into_iter().find(|step| 4.0 * step * ten >= most * 0.999_999).unwrap_or(10.0)
}

/// A number at an axis: three digits at most, no zeros behind.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if digits > 0 { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Marks of time since the beginning.
fn times(page: &mut String, (zero, from, to): (Timestamp, Timestamp, Timestamp), bottom: f64) {
    let span = to.since(from).as_micros() as f64 / 1e6;
    let begin = from.since(zero).as_micros() as f64 / 1e6;
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        let (x, secs) = (LEFT + (RIGHT - LEFT) * share, begin + span * share);
        let _ = writeln!(page, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>");
        let anchor = if part == 4 { "end" } else { "middle" };
        let secs = short(secs);
        let _ = writeln!(page, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{secs} s</text>", bottom + 16.0);
    }
}

/// A window around the time at which most waited, with no more than some bars of it.
fn window(bars: &[Bar], from: Timestamp, to: Timestamp) -> (Timestamp, Timestamp, Timestamp) {
    let waiting = series(bars.iter().map(|bar| (bar.ready, bar.began)), from, to, PARTS);
    let busiest = (0..waiting.len()).max_by(|one, other| waiting[*one].total_cmp(&waiting[*other])).unwrap_or(0);
    let mut span = to.since(from).as_micros();
    let middle = from.0 + span * (2 * busiest as u64 + 1) / (2 * PARTS as u64);
    loop {
        let begin = middle.saturating_sub(span / 2).max(from.0);
        let (begin, end) = (Timestamp(begin), Timestamp(begin + span));
        let inside = bars.iter().filter(|bar| bar.target.is_some() && bar.began < end && bar.ended > begin).count();
        if inside <= BARS_MAX || span < 1_000 {
            return (from, begin, end);
        }
        span = span * 3 / 4;
    }
}

/// Who is told apart: tenants where there are several, else runs. Each has a number.
struct Who<'b> {
    tenants: Vec<&'b Tenant>,
    runs: BTreeMap<RunId, usize>,
}

impl<'b> Who<'b> {
    fn of(pictures: &'b [Picture], from: Timestamp, to: Timestamp) -> Self {
        let inside = pictures.iter().flat_map(|(_, bars)| bars).filter(|bar| bar.began < to && bar.ended > from);
        let tenants: BTreeSet<&Tenant> = inside.clone().map(|bar| &bar.tenant).collect();
        let runs: BTreeSet<RunId> = inside.map(|bar| bar.run).collect();
        let runs = runs.into_iter().zip(1..).collect();
        Self { tenants: tenants.into_iter().collect(), runs }
    }

    fn kind(&self, bar: &Bar) -> usize {
        match self.tenants.iter().position(|tenant| **tenant == bar.tenant) {
            Some(place) if self.tenants.len() > 1 => place % 8,
            _ => self.runs.get(&bar.run).copied().unwrap_or(0) % 8,
        }
    }
}

fn gantt(page: &mut String, pictures: &[Picture], (zero, from, to): (Timestamp, Timestamp, Timestamp)) {
    let who = Who::of(pictures, from, to);
    page.push_str(PATTERNS);
    for (name, bars) in pictures {
        let targets = laid(bars, from, to);
        if targets.is_empty() {
            continue;
        }
        let lanes = |laid: &[Laid]| laid.iter().map(|laid| laid.lane + 1).max().unwrap_or(0).min(LANES_MAX);
        let rows: usize = targets.values().map(|laid| lanes(laid) + 1).sum();
        let (name, bottom) = (escaped(name), TOP + LANE * rows as f64);
        let height = bottom + 24.0;
        let said = if who.tenants.len() > 1 { "tenants" } else { "runs" };
        let _ = writeln!(
            page,
            "<figure><figcaption>{name}: the slots of each target in the window in which most waited at first; numbers are runs, in the order in which \
             they came; colours and patterns are {said}</figcaption>\n<svg viewBox=\"0 0 900 {height}\" role=\"img\" aria-label=\"{name}: a window\">"
        );
        times(page, (zero, from, to), bottom);
        let mut top = TOP;
        for (target, laid) in &targets {
            let more = laid.iter().map(|laid| laid.lane + 1).max().unwrap_or(0) - lanes(laid);
            let more = if more > 0 { format!(", {more} more lanes not shown") } else { String::new() };
            let _ = writeln!(page, "<text x=\"{LEFT}\" y=\"{:.1}\">{}{more}</text>", top + LANE - 4.0, escaped(target));
            for laid in laid.iter().filter(|laid| laid.lane < LANES_MAX) {
                bar(page, &who, laid, top + LANE * (laid.lane + 1) as f64, (from, to));
            }
            top += LANE * (lanes(laid) + 1) as f64;
        }
        let _ = writeln!(page, "</svg></figure>");
    }
    tenants(page, &who);
}

fn bar(page: &mut String, who: &Who<'_>, laid: &Laid, y: f64, (from, to): (Timestamp, Timestamp)) {
    let bar = &laid.bar;
    let whole = to.since(from).as_micros().max(1) as f64;
    let across = |at: Timestamp| LEFT + (RIGHT - LEFT) * at.max(from).min(to).since(from).as_micros() as f64 / whole;
    let (x, width) = (across(bar.began), (across(bar.ended) - across(bar.began)).max(0.8));
    let (kind, number) = (who.kind(bar), who.runs.get(&bar.run).copied().unwrap_or(0));
    let (took, waited) = (bar.ended.since(bar.began), bar.began.since(bar.ready));
    let height = LANE - 2.0;
    let _ = writeln!(
        page,
        "<g><title>run {number} ({}), {}: {took}, waited {waited}</title>\
         <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" style=\"fill: var(--c{kind})\"/>\
         <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"url(#p{kind})\"/>",
        bar.run,
        escaped(&bar.tenant.to_string()),
    );
    if width >= LABELLED {
        let _ = write!(page, "<text class=\"on\" x=\"{:.1}\" y=\"{:.1}\">{number}</text>", x + 3.0, y + height - 2.5);
    }
    let _ = writeln!(page, "</g>");
}

/// Which tenant has which colour and pattern.
fn tenants(page: &mut String, who: &Who<'_>) {
    if who.tenants.len() < 2 {
        return;
    }
    let height = 22.0 * who.tenants.len().min(32).div_ceil(4) as f64;
    let _ = writeln!(page, "<figure><svg viewBox=\"0 0 900 {height}\" role=\"img\" aria-label=\"tenants\">");
    for (place, tenant) in who.tenants.iter().enumerate().take(32) {
        let (x, y, kind) = (LEFT + 210.0 * (place % 4) as f64, 22.0 * (place / 4) as f64 + 3.0, place % 8);
        let _ = writeln!(
            page,
            "<rect x=\"{x}\" y=\"{y}\" width=\"34\" height=\"13\" style=\"fill: var(--c{kind})\"/>\
             <rect x=\"{x}\" y=\"{y}\" width=\"34\" height=\"13\" fill=\"url(#p{kind})\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            x + 40.0,
            y + 11.0,
            escaped(&tenant.to_string())
        );
    }
    let _ = writeln!(page, "</svg></figure>");
}

/// Laid over the colours, in the colour of the page.
const PATTERNS: &str = r#"<svg width="0" height="0" style="position: absolute; width: 0; min-width: 0" aria-hidden="true"><defs>
<pattern id="p0" width="8" height="8" patternUnits="userSpaceOnUse"></pattern>
<pattern id="p1" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V7"/></pattern>
<pattern id="p2" width="6" height="6" patternUnits="userSpaceOnUse"><circle class="dot" cx="3" cy="3" r="1.1"/></pattern>
<pattern id="p3" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><path class="hatch" d="M0 0V7"/></pattern>
<pattern id="p4" width="6" height="6" patternUnits="userSpaceOnUse"><path class="hatch" d="M3 0V6"/></pattern>
<pattern id="p5" width="5" height="5" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 2H5"/></pattern>
<pattern id="p6" width="8" height="8" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 4H8M4 0V8"/></pattern>
<pattern id="p7" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 4H8M4 0V8"/></pattern>
</defs></svg>
"#;

#[cfg(test)]
mod tests {
    use super::round;

    #[test]
    fn an_axis_ends_at_four_short_steps() {
        let ends = [16.0, 24.9, 34.1, 0.7, 1.0, 4096.0].map(round);
        assert_eq!(ends.map(|end| (end / 4.0 * 100.0).round() / 100.0), [4.0, 8.0, 10.0, 0.2, 0.25, 1500.0]);
    }
}
