//! What stands first on a page: what was asked, who is best in what counts, and what the policy that ships gives.

use std::fmt::Write as _;

use agendum_types::Policy;

use super::figures::{Better, Known, figure};
use super::html::escaped;
use super::{Figure, Ran, Row, Table, short, within};
use crate::lab::is_document;

/// How a figure stands to the baseline's: outside of the interval of the ratio, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// Better by more than the interval.
    Better,
    /// Worse by more than the interval.
    Worse,
    /// Nothing can be said.
    Alike,
}

impl Stands {
    /// Of one seed nothing can be said.
    pub(super) fn of(known: &Known, figure: &Figure) -> Self {
        let ratio = figure.ratio.and_then(|ratio| Some((ratio.mean, ratio.within?)));
        let Some((mean, within)) = ratio else { return Self::Alike };
        let (less, more) = (mean + within < 1.0, mean - within > 1.0);
        match known.better {
            Better::Less if less => Self::Better,
            Better::Less if more => Self::Worse,
            Better::More if more => Self::Better,
            Better::More if less => Self::Worse,
            Better::Less | Better::More | Better::Neither => Self::Alike,
        }
    }

    /// A mark that needs no colour.
    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::Better => " <b class=\"better\" title=\"better than the baseline by more than the interval\">✓</b>",
            Self::Worse => " <b class=\"worse\" title=\"worse than the baseline by more than the interval\">✗</b>",
            Self::Alike => "",
        }
    }
}

/// What was played, and a table with a part for each load.
pub(super) fn summary(page: &mut String, ran: &Ran, tables: &[Table]) {
    let _ = writeln!(page, "<dl>");
    let rules = if ran.rules.is_empty() { "all have those of balanced".to_owned() } else { ran.rules.join("\n") };
    let otherwise = if ran.otherwise.is_empty() { "nothing".to_owned() } else { ran.otherwise.join("\n") };
    for (name, said) in [
        ("Scenario", &ran.name),
        ("Work", &ran.work),
        ("At", &ran.loads),
        ("Seeds", &ran.seeds),
        ("Compared", &ran.policies),
        ("Rules, otherwise than balanced", &rules),
        ("Otherwise than written", &otherwise),
    ] {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{}</dd>", escaped(said).replace('\n', "<br>"));
    }
    let _ = writeln!(page, "</dl>\n<h2>In short</h2>");
    for (number, table) in tables.iter().enumerate() {
        let _ = writeln!(page, "<h3><a href=\"#t{number}\">{}</a></h3>", table.title());
        of_table(page, table);
    }
    let _ = writeln!(
        page,
        "<p class=\"soft\">These figures count in the Pareto front: in it is who is beaten by nobody in the means of all of them, be it by less than an \
         interval; in what is measured of answered jobs alone who answers fewer is not compared, since what is left is quicker. × is the mean of the ratios to \
         the baseline, seed by seed; ✓ is better and ✗ worse than the baseline by more than the interval. Who is called <i>oracle</i> sees what nobody can, \
         and is never the best.</p>"
    );
}

fn of_table(page: &mut String, table: &Table) {
    let row = |policy: &str| table.rows.iter().find(|row| row.policy == policy);
    let Some(base) = row(&table.baseline) else { return };
    let own = row(Policy::BALANCED).filter(|_| table.baseline != Policy::BALANCED);
    // Whoever wrote one looks for it first.
    let documents = table.rows.iter().filter(|row| is_document(&row.policy) && row.policy != table.baseline);
    let beside: Vec<&Row> = own.into_iter().chain(documents).collect();
    let _ = write!(
        page,
        "<div class=\"wide\"><table>\n<thead><tr><th></th><th scope=\"col\">{}</th>",
        escaped(&base.policy)
    );
    for row in &beside {
        let _ = write!(page, "<th scope=\"col\">{}</th>", escaped(&row.policy));
    }
    let _ = writeln!(page, "<th scope=\"col\">best of the front</th></tr></thead>\n<tbody>");
    for known in table.counts.iter().filter_map(|name| figure(name)) {
        let _ = write!(page, "<tr>{}<td class=\"baseline\">{}</td>", head(known), value(base, known));
        for row in &beside {
            let _ = write!(page, "<td>{}</td>", compared(row, known));
        }
        let named = |row: &Row| match row.policy == base.policy {
            true => format!("{}<br><small>{}</small>", value(row, known), escaped(&row.policy)),
            false => format!("{}<br><small>{}</small>", compared(row, known), escaped(&row.policy)),
        };
        let _ = write!(page, "<td>{}</td>", best(table, known).map_or_else(String::new, named));
        let _ = writeln!(page, "</tr>");
    }
    let _ = writeln!(page, "</tbody></table></div>");
    let stands = match own {
        Some(_) if table.front.iter().any(|name| name == Policy::BALANCED) => "; <b>balanced</b> is in it",
        Some(_) => "; <b>balanced</b> is <b>not</b> in it",
        None => "",
    };
    let names = table.front.iter().map(|name| escaped(name)).collect::<Vec<_>>().join(", ");
    let _ = writeln!(page, "<p>Pareto front, by the means: beaten by none are {names}{stands}.</p>");
}

/// The name of a figure, its unit and its meaning.
pub(super) fn head(known: &Known) -> String {
    format!("<th scope=\"row\">{} <i>{}</i><span>{}</span></th>", known.name, known.unit, known.meaning)
}

fn value(row: &Row, known: &Known) -> String {
    row.figure(known.name).map_or_else(|| "–".to_owned(), |figure| short(figure.is.mean))
}

/// A value, and how it stands to the baseline's.
fn compared(row: &Row, known: &Known) -> String {
    let Some(figure) = row.figure(known.name) else { return "–".to_owned() };
    format!("{}{}", short(figure.is.mean), ratio(known, figure))
}

/// The ratio to the baseline in a line of its own, with what can be said of it.
pub(super) fn ratio(known: &Known, figure: &Figure) -> String {
    figure.ratio.map_or_else(String::new, |ratio| {
        let within = within(ratio.within);
        format!("<br><small>× {:.3} ± {within}</small>{}", ratio.mean, Stands::of(known, figure).mark())
    })
}

/// Who has the best mean in the front: whoever answers less may be quicker, and is not in it by that.
fn best<'t>(table: &'t Table, known: &Known) -> Option<&'t Row> {
    let mean = |row: &Row| row.figure(known.name).map(|figure| figure.is.mean);
    let rows = table.shown().filter(|row| table.front.contains(&row.policy) && mean(row).is_some());
    let by = |one: &&Row, other: &&Row| {
        let (one, other) = (mean(one).unwrap_or_default(), mean(other).unwrap_or_default());
        if known.better == Better::More { other.total_cmp(&one) } else { one.total_cmp(&other) }
    };
    rows.min_by(by)
}
