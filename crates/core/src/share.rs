//! What attempts count for among the tenants of their band: an estimate when they are sent, what they cost when they have ended.

use agendum_types::{Duration, Money, TargetId};

use crate::child;
use crate::inst::{Charged, Flight};
use crate::queue::TenantNo;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// The number of a run's tenant.
    pub(crate) fn tenant_of(&mut self, slot: Slot) -> TenantNo {
        let tenant = self.board.run(slot).tenant.clone();
        self.board.queue.tenant(&tenant, &self.policy)
    }

    /// Counts an attempt that is sent: for what attempts on that target have come to.
    pub(crate) fn charge(&mut self, slot: Slot, id: InstId, target: TargetId, hold: Money) -> Charged {
        let (band, tenant) = (self.band_of(slot, id), self.tenant_of(slot));
        let row = self.targets.row(target);
        let cost = if child::is_target(&row.target.name) {
            0
        } else if row.counted.0 > 0 {
            row.counted.1
        } else if hold > Money::ZERO {
            hold.0
        } else {
            self.time_cost(row.target.expected)
        };
        self.board.queue.charge(tenant, band, (cost, 0));
        Charged { band, tenant, cost }
    }

    /// What of an attempt of an earlier life is still out counts for nothing until it has ended.
    pub(crate) fn charge_nothing(&mut self, slot: Slot) -> Charged {
        Charged { band: self.board.run(slot).priority, tenant: self.tenant_of(slot), cost: 0 }
    }

    /// An attempt has ended: it counts for what it was. A child run counts by its own attempts.
    pub(crate) fn correct(&mut self, flight: Flight, is_child: bool, took: Duration, cost: Money) {
        let Charged { band, tenant, cost: before } = flight.charged;
        let is_free = self.targets.price(flight.price).is_free();
        let cost = if is_child {
            0
        } else if is_free {
            self.time_cost(took)
        } else {
            cost.0
        };
        if !is_child {
            self.targets.row_mut(flight.target).count(cost);
        }
        self.board.queue.charge(tenant, band, (cost, before));
    }

    /// What the time on a target that costs nothing counts for.
    fn time_cost(&self, took: Duration) -> u64 {
        let cost = u128::from(took.as_micros()) * u128::from(self.policy.fairness.free_hour.0) / 3_600_000_000;
        u64::try_from(cost).unwrap_or(u64::MAX)
    }

    /// After a restart nothing is known of what tenants have had: what their open runs have spent counts again.
    pub(crate) fn charge_again(&mut self) {
        for slot in self.board.live_slots() {
            let (tenant, run) = (self.tenant_of(slot), self.board.run(slot));
            let (band, spent) = (run.priority, run.spent.0);
            self.board.queue.charge(tenant, band, (spent, 0));
        }
    }
}
