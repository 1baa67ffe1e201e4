//! The tasks of one class and band, by tenant.

use std::collections::BTreeSet;

use super::Rank;
use super::shares::{TenantNo, Virtual};

/// Where a task stands among all of its band: by what its tenant has had, then by its rank.
pub(crate) type Place = (Virtual, Rank);

/// Tasks by tenant, whoever has had least first.
#[derive(Debug, Default)]
pub(super) struct Lane {
    tasks: BTreeSet<(TenantNo, Rank)>,
    /// The first task of each tenant.
    firsts: BTreeSet<Place>,
}

impl Lane {
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        self.tasks.len() as u64
    }

    pub(super) fn first(&self) -> Option<Place> {
        self.firsts.first().copied()
    }

    /// The first task of each tenant.
    pub(super) fn firsts(&self) -> impl Iterator<Item = &Place> {
        self.firsts.iter()
    }

    /// True if the tenant had nothing here.
    pub(super) fn insert(&mut self, tenant: TenantNo, time: Virtual, rank: Rank) -> bool {
        let before = self.first_of(tenant);
        let added = self.tasks.insert((tenant, rank));
        assert!(added, "a task is queued once");
        if before.is_none_or(|before| rank < before) {
            before.map(|before| self.firsts.remove(&(time, before)));
            self.firsts.insert((time, rank));
        }
        before.is_none()
    }

    /// True if the tenant has nothing here any more.
    pub(super) fn remove(&mut self, tenant: TenantNo, time: Virtual, rank: &Rank) -> bool {
        let removed = self.tasks.remove(&(tenant, *rank));
        assert!(removed, "a ticket stands for a queued task");
        let next = self.first_of(tenant);
        if self.firsts.remove(&(time, *rank)) {
            self.firsts.extend(next.map(|next| (time, next)));
        }
        next.is_none()
    }

    /// A tenant that has tasks here has had more, or less.
    pub(super) fn shift(&mut self, tenant: TenantNo, before: Virtual, after: Virtual) {
        if let Some(first) = self.first_of(tenant) {
            self.firsts.remove(&(before, first));
            self.firsts.insert((after, first));
        }
    }

    pub(super) fn ranks(&self) -> impl Iterator<Item = &Rank> {
        self.tasks.iter().map(|(_, rank)| rank)
    }

    /// Those of a tenant, the first of them first.
    pub(super) fn of(&self, tenant: TenantNo) -> impl Iterator<Item = &Rank> {
        let of = self.tasks.range((tenant, Rank::FIRST)..);
        of.take_while(move |(no, _)| *no == tenant).map(|(_, rank)| rank)
    }

    fn first_of(&self, tenant: TenantNo) -> Option<Rank> {
        let (of, rank) = self.tasks.range((tenant, Rank::FIRST)..).next()?;
        (*of == tenant).then_some(*rank)
    }
}
