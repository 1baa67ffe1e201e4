//! What comes, in a sentence: a rule that is of something else changes nothing, and whoever compares it should see why.

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::graph::Priority;
use serde::Serialize;

use crate::lab::workload::{Job, Workload};

/// What comes with the first seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comes {
    /// How many jobs,
    pub jobs: usize,
    /// of how many tenants,
    pub tenants: usize,
    /// of which priorities, and how many of each,
    pub priorities: BTreeMap<&'static str, usize>,
    /// and how many of them with a deadline.
    pub with_deadline: usize,
}

impl Comes {
    pub(crate) fn of(workload: &Workload, jobs: &[Job]) -> Self {
        let mut priorities = BTreeMap::new();
        for job in jobs {
            let priority: Priority = workload.priorities.get(job.class as usize).copied().unwrap_or_default();
            *priorities.entry(priority.word()).or_default() += 1;
        }
        Self {
            jobs: jobs.len(),
            tenants: jobs.iter().map(|job| job.tenant).collect::<BTreeSet<_>>().len(),
            priorities,
            with_deadline: jobs.iter().filter(|job| job.deadline.is_some()).count(),
        }
    }

    /// The same for people.
    pub(super) fn sentence(&self) -> String {
        let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let priorities: Vec<String> = match self.priorities.len() {
            1 => self.priorities.keys().map(|word| format!("all of priority {word}")).collect(),
            _ => self.priorities.iter().map(|(word, count)| format!("{count} {word}")).collect(),
        };
        let deadlines = match self.with_deadline {
            0 => "no deadline".to_owned(),
            all if all == self.jobs => "all with a deadline".to_owned(),
            some => format!("{some} with a deadline"),
        };
        let (jobs, tenants) = (counted(self.jobs, "job"), counted(self.tenants, "tenant"));
        format!("{jobs} of {tenants}, {}, {deadlines}", priorities.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::Comes;

    #[test]
    fn what_comes_is_told_in_a_sentence() {
        let alike = Comes { jobs: 400, tenants: 1, priorities: [("standard", 400)].into(), with_deadline: 0 };
        let urgent = Comes { with_deadline: 400, ..alike.clone() };
        let mixed = Comes {
            tenants: 27,
            priorities: [("background", 100), ("interactive", 300)].into(),
            with_deadline: 300,
            jobs: 400,
        };
        insta::assert_snapshot!([alike, urgent, mixed].map(|comes| comes.sentence()).join("\n"), @"
        400 jobs of 1 tenant, all of priority standard, no deadline
        400 jobs of 1 tenant, all of priority standard, all with a deadline
        400 jobs of 27 tenants, 100 background, 300 interactive, 300 with a deadline
        ");
    }
}
