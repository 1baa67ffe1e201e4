//! Conversations of nobody in particular, given to tenants: each conversation has one, the first tenant the most.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::Prefix;

use super::{Job, Workload};
use crate::chance::Chance;

/// Blocks that more than one of so many calls begin with are nobody's own.
const COMMON: usize = 20;

impl Workload {
    /// Gives its conversations to so many tenants; the part of the n-th is one n-th of that of the first.
    pub fn among(&mut self, tenants: u32) {
        let mut calls: BTreeMap<u64, usize> = BTreeMap::new();
        let blocks = |job: &Job| job.rounds.iter().filter_map(|round| round.prefix.clone()).next().unwrap_or_default();
        for job in &self.jobs {
            blocks(job).0.iter().for_each(|block| *calls.entry(*block).or_default() += 1);
        }
        let common = self.jobs.len() / COMMON;
        let parts: Vec<u64> = (1..=u64::from(tenants)).map(|of| 1_000_000 / of).collect();
        for job in &mut self.jobs {
            let own = blocks(job).0.iter().copied().find(|block| calls[block] <= common).unwrap_or_default();
            let mut at = Chance::new(own).below(parts.iter().sum::<u64>().max(1));
            let first = parts.iter().position(|part| at.checked_sub(*part).map(|rest| at = rest).is_none());
            job.tenant = first.map_or(0, |tenant| tenant as u32);
            // What two tenants write alike has not the same hash.
            let of = u64::from(job.tenant);
            for prefix in job.rounds.iter_mut().filter_map(|round| round.prefix.as_mut()) {
                *prefix = Arc::new(Prefix(
                    prefix.0.iter().map(|block| block.wrapping_mul(tenants.into()).wrapping_add(of)).collect(),
                ));
            }
        }
        self.tenants = (1..=tenants).map(|number| format!("tenant {number}")).collect();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agendum_types::{Duration, Prefix};

    use super::super::{Job, Round, Workload};

    #[test]
    fn a_conversation_has_one_tenant_and_the_first_has_most() {
        let call = |own: u64, more: u64| {
            let prefix = Some(Arc::new(Prefix([0].into_iter().chain(own * 9..=own * 9 + more).collect())));
            Job {
                at: Duration::ZERO,
                tenant: 0,
                class: 0,
                deadline: None,
                rounds: vec![Round { prefix, ..Round::default() }],
            }
        };
        let jobs = (1..400).flat_map(|own| [call(own, 0), call(own, 3)]).collect();
        let mut of = Workload { jobs, tenants: vec!["all".into()], ..Workload::default() };
        of.among(3);
        assert!(of.jobs.chunks(2).all(|pair| pair[0].tenant == pair[1].tenant));
        let count = |tenant: u32| of.jobs.iter().filter(|job| job.tenant == tenant).count();
        assert!(count(0) > count(1) && count(1) > count(2) && count(2) > 50, "{} {} {}", count(0), count(1), count(2));
        assert_eq!(of.tenants, ["tenant 1", "tenant 2", "tenant 3"]);
    }
}
