//! What rules come to: figures over runs, the same for all rules that are compared.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A run, as it went under some rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Whose.
    pub tenant: Arc<str>,
    /// Seconds until its answer, if it succeeded.
    pub took: Option<f64>,
    /// How many times longer than alone.
    pub slowdown: Option<f64>,
    /// True if it had a deadline and missed it.
    pub missed: bool,
    /// US dollars.
    pub cost: f64,
}

/// A figure of which less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Seconds until an answer, on the mean.
    Mean,
    /// Nineteen of twenty take no longer.
    P95,
    /// Ninety-nine of a hundred take no longer.
    P99,
    /// How many times longer than alone, on the mean.
    Slowdown,
    /// The mean of the tenant that waits longest.
    WorstTenant,
    /// Part of the runs that missed their deadline.
    Missed,
    /// Part of the runs that did not succeed.
    Failed,
    /// US dollars in all.
    Cost,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Mean, Self::P95, Self::P99, Self::Slowdown, Self::WorstTenant, Self::Missed, Self::Failed, Self::Cost];

    /// Its word, in documents and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Slowdown => "slowdown",
            Self::WorstTenant => "worst-tenant",
            Self::Missed => "missed",
            Self::Failed => "failed",
            Self::Cost => "cost",
        }
    }

    /// The figure with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.word() == word)
    }

    /// True for parts of all runs: they are compared by how many more there are, and not by the ratio of two small numbers.
    #[must_use]
    pub const fn is_share(self) -> bool {
        matches!(self, Self::Missed | Self::Failed)
    }

    /// What it is of these runs; `None` where there is nothing to tell.
    #[must_use]
    pub fn of(self, courses: &[Course]) -> Option<f64> {
        let took = || courses.iter().filter_map(|course| course.took).collect::<Vec<_>>();
        let part = |is: &dyn Fn(&Course) -> bool| {
            let count = courses.iter().filter(|course| is(course)).count();
            (!courses.is_empty()).then(|| count as f64 / courses.len() as f64)
        };
        match self {
            Self::Mean => mean(&took()),
            Self::P95 => quantile(took(), 0.95),
            Self::P99 => quantile(took(), 0.99),
            Self::Slowdown => mean(&courses.iter().filter_map(|course| course.slowdown).collect::<Vec<_>>()),
            Self::WorstTenant => {
                let mut by_tenant: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
                for course in courses {
                    by_tenant.entry(&course.tenant).or_default().extend(course.took);
                }
                by_tenant.values().filter_map(|took| mean(took)).max_by(f64::total_cmp)
            }
            Self::Missed => part(&|course| course.missed),
            Self::Failed => part(&|course| course.took.is_none()),
            Self::Cost => (!courses.is_empty()).then(|| courses.iter().map(|course| course.cost).sum()),
        }
    }

    /// What it is of the same runs under two sets of rules. Times are of those that succeed under both: who gives slow runs up is not quicker for that.
    #[must_use]
    pub fn of_both(self, old: &[Course], new: &[Course]) -> Option<(f64, f64)> {
        if self.is_share() || self == Self::Cost {
            return Some((self.of(old)?, self.of(new)?));
        }
        let both = old.iter().zip(new).filter(|(old, new)| old.took.is_some() && new.took.is_some());
        let (old, new): (Vec<Course>, Vec<Course>) = both.map(|(old, new)| (old.clone(), new.clone())).unzip();
        Some((self.of(&old)?, self.of(&new)?))
    }

    /// A change as people read it: of shares in points of a hundred runs, else in percent.
    #[must_use]
    pub fn told(self, change: f64) -> String {
        let unit = if self.is_share() { "of 100 runs" } else { "%" };
        format!("{:.1} {unit}", change * 100.0)
    }

    /// By what part it changes from the one to the other: of shares the difference, else the ratio less one.
    #[must_use]
    pub fn change(self, from: f64, to: f64) -> f64 {
        if self.is_share() {
            to - from
        } else if from > 0.0 {
            to / from - 1.0
        } else if to > 0.0 {
            1.0
        } else {
            0.0
        }
    }
}

/// The mean of some numbers.
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let place = (share * values.len() as f64) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied()
}

#[cfg(test)]
mod tests {
    use super::{Course, Figure};

    #[test]
    fn figures_are_of_the_runs_that_they_are_about() {
        let course = |tenant: &str, took: Option<f64>, missed, cost| Course {
            tenant: tenant.into(),
            took,
            slowdown: took.map(|took| took / 2.0),
            missed,
            cost,
        };
        let courses =
            [course("a", Some(2.0), false, 0.5), course("b", Some(4.0), true, 0.5), course("b", None, true, 1.0)];
        let of = |figure: Figure| figure.of(&courses).unwrap();
        assert_eq!(Figure::ALL.map(of), [3.0, 4.0, 4.0, 1.5, 4.0, 2.0 / 3.0, 1.0 / 3.0, 2.0]);
        assert!(Figure::ALL.iter().all(|figure| figure.of(&[]).is_none()));
        assert_eq!(Figure::ALL.map(|figure| Figure::from_word(figure.word())), Figure::ALL.map(Some));
    }

    #[test]
    fn who_gives_slow_runs_up_is_not_quicker() {
        let course =
            |took: Option<f64>| Course { tenant: "a".into(), took, slowdown: took, missed: took.is_none(), cost: 1.0 };
        let old: Vec<Course> = [1.0, 2.0, 9.0].map(|took| course(Some(took))).into();
        let new: Vec<Course> = [Some(1.0), Some(2.0), None].map(course).into();
        let both = |figure: Figure| figure.of_both(&old, &new).unwrap();
        assert_eq!((both(Figure::Mean), both(Figure::P99)), ((1.5, 1.5), (2.0, 2.0)));
        assert_eq!((both(Figure::Failed), both(Figure::Cost)), ((0.0, 1.0 / 3.0), (3.0, 3.0)));
    }

    #[test]
    fn a_share_changes_by_its_difference() {
        assert_eq!((Figure::Mean.change(4.0, 3.0), Figure::Missed.change(0.25, 0.5)), (-0.25, 0.25));
        assert_eq!((Figure::Cost.change(0.0, 0.0), Figure::Cost.change(0.0, 3.0)), (0.0, 1.0));
    }
}
