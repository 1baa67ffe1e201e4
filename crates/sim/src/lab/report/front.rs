//! Who is beaten by nobody: the Pareto front of a table.
//!
//! A scenario says which figures count. One counts always: the share of the jobs that was answered, in time where some have a deadline. What is measured
//! of the answered jobs alone (`Of::Answered`: times, what they cost) speaks for a policy only against those that answered no more than it did: who answers
//! less is quicker with what is left, and that is no merit.

use super::Row;
use super::figures::{ANSWERED, Better, FIGURES, Known, Of, figure};

/// What counts where a scenario does not say it.
pub(crate) const USUAL: [&str; 6] = ["over reference", "over bound", "mean", "slowdown", "p95", "lighter half"];

/// What a clairvoyant rule is called: it is no choice.
const ORACLE: &str = "oracle";

/// Counts that are not shown where there are none.
const NONE_IS_ZERO: [&str; 2] = ["refused", "extra"];

/// So much less of all jobs is as many.
const AS_MANY: f64 = 0.001;

/// So much more or less of a figure, in relation to it, is as much: nobody is in front by what no interval tells.
const AS_MUCH: f64 = 0.001;

/// Of the figures that a scenario names those that these rows have, behind the share that was answered.
pub(crate) fn counts(rows: &[Row], asked: &[String]) -> Vec<&'static str> {
    let is_there = |name: &&str| rows.iter().any(|row| row.figure(name).is_some());
    let share = ANSWERED.into_iter().find(|name| is_there(name));
    let asked: Vec<&str> = if asked.is_empty() { USUAL.to_vec() } else { asked.iter().map(String::as_str).collect() };
    let asked = FIGURES.iter().map(|known| known.name).filter(|name| asked.contains(name) && Some(*name) != share);
    share.into_iter().chain(asked.filter(is_there)).collect()
}

/// The policies to which no other is preferable, being at least as good in all that counts and better in something; by the means over all seeds.
#[must_use]
pub(crate) fn front(rows: &[Row], counts: &[&str]) -> Vec<String> {
    let rows: Vec<&Row> = rows.iter().filter(|row| !row.policy.contains(ORACLE)).collect();
    let counts: Vec<&Known> = counts.iter().filter_map(|name| figure(name)).collect();
    let is_beaten = |row: &&Row| rows.iter().any(|other| beats(other, row, &counts));
    rows.iter().filter(|row| !is_beaten(row)).map(|row| row.policy.clone()).collect()
}

fn beats(one: &Row, other: &Row, counts: &[&Known]) -> bool {
    let share = |row: &Row| ANSWERED.iter().find_map(|name| value(row, name)).unwrap_or(1.0);
    let answers_less = share(other) < share(one) - AS_MANY;
    let mut is_better = false;
    for known in counts {
        let (Some(mine), Some(theirs)) = (value(one, known.name), value(other, known.name)) else { continue };
        let (mine, theirs) = match known.better {
            Better::Less => (mine, theirs),
            Better::More => (theirs, mine),
            Better::Neither => continue,
        };
        let apart = AS_MUCH * mine.abs().max(theirs.abs());
        if mine > theirs + apart && !(answers_less && known.of == Of::Answered) {
            return false;
        }
        is_better |= mine < theirs - apart;
    }
    is_better
}

fn value(row: &Row, name: &str) -> Option<f64> {
    let none = NONE_IS_ZERO.contains(&name).then_some(0.0);
    row.figure(name).map(|figure| figure.is.mean).or(none)
}

#[cfg(test)]
mod tests {
    use super::{Row, counts, front};
    use crate::lab::measure::Estimate;

    fn row(policy: &str, figures: &[(&'static str, f64)]) -> Row {
        let figure = |(name, value): &(&'static str, f64)| (*name, Estimate::of(&[*value]), None);
        Row::new(policy, figures.iter().map(figure).collect(), &[], Vec::new())
    }

    fn best(rows: &[Row], asked: &[&str]) -> Vec<String> {
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        front(rows, &counts(rows, &asked))
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
        assert_eq!(best(&rows, &[]), ["quick", "even", "its twin"]);
        assert_eq!(counts(&rows, &[]), ["mean", "p95"]);
        assert_eq!(best(&rows, &["jain"]), ["beaten"], "a scenario says what counts");
        let late = [row("a", &[("mean", 1.0), ("in time", 0.5)]), row("b", &[("mean", 1.0), ("in time", 0.9)])];
        assert_eq!(best(&late, &[]), ["b"]);
        let alike = [row("a", &[("mean", 1.0), ("p95", 2.0)]), row("b", &[("mean", 0.9999), ("p95", 2.5)])];
        assert_eq!(best(&alike, &[]), ["a"], "a part of ten thousand is nothing to be in front by");
        let twice = [row("once", &[("mean", 2.0)]), row("twice", &[("mean", 2.0), ("extra", 0.1)])];
        assert_eq!(best(&twice, &["mean", "extra"]), ["once"], "no second attempts are none");
    }

    #[test]
    fn who_answers_less_is_not_in_front_by_that() {
        let all = row("all", &[("done", 1.0), ("mean", 5.0), ("p95", 20.0)]);
        let sheds = row("sheds", &[("done", 0.4), ("mean", 1.0), ("p95", 2.0), ("refused", 600.0)]);
        let nothing = row("nothing", &[("done", 0.0), ("refused", 1000.0)]);
        let nearly = row("nearly", &[("done", 0.9995), ("mean", 4.0), ("p95", 20.0)]);
        let rows = [all, sheds, nothing, nearly];
        assert_eq!(counts(&rows, &["refused".into(), "mean".into()]), ["done", "mean", "refused"]);
        assert_eq!(best(&rows, &[]), ["nearly"], "a job of 2,000 more or less is as many: it is quicker");
        // Where some have a deadline it is who is in time that counts: an answer that is late is none.
        let late = row("late", &[("done", 1.0), ("in time", 0.6), ("mean", 9.0), ("wasted", 0.4)]);
        let prompt = row("prompt", &[("done", 0.9), ("in time", 0.9), ("mean", 3.0), ("wasted", 0.1)]);
        let idle = row("idle", &[("done", 0.1), ("in time", 0.1), ("mean", 1.0), ("wasted", 0.0)]);
        assert_eq!(best(&[late, prompt, idle], &["mean", "wasted"]), ["prompt"]);
    }
}
