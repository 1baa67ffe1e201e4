//! What attempts count for among the tenants of their band: an estimate when they are sent, what they cost when they have ended.

use agendum_types::target::Rate;
use agendum_types::{Duration, Money, TargetId};

use crate::checkpoint::Mean;
use crate::child;
use crate::inst::{Charged, Flight};
use crate::pace::Pace;
use crate::queue::TenantNo;
use crate::run::{InstId, Slot};
use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// Attempts on a target after which what they have used counts instead of the worst case.
const SEEN_MIN: u32 = 8;

/// No mean of an earlier life is more: nothing takes nine years, or costs so much.
const NUMBER_MAX: u64 = 1 << 48;

/// A mean is over about so many, and does not count further.
pub(crate) const MEAN_OF: u32 = 32;

/// Takes a number into a mean over about the last [`MEAN_OF`].
pub(crate) fn take_into((count, mean): &mut (u32, u64), number: u64) {
    *count = count.saturating_add(1).min(MEAN_OF);
    let weight = u64::from(*count);
    *mean = mean.saturating_mul(weight - 1).saturating_add(number) / weight;
}

/// A mean of an earlier life.
pub(crate) fn mean_of((count, mean): Mean) -> Mean {
    (count.min(MEAN_OF), mean.min(NUMBER_MAX))
}

impl Scheduler {
    /// The number of a run's tenant.
    pub(crate) fn tenant_of(&mut self, slot: Slot) -> TenantNo {
        let run = self.board.run(slot);
        if let Some(number) = run.tenant_no {
            return number;
        }
        let tenant = run.tenant.clone();
        let number = self.board.queue.tenant(&tenant, &self.policy);
        self.board.run_mut(slot).tenant_no = Some(number);
        number
    }

    /// Counts an attempt that is sent with so many bytes: for what such attempts on that target have come to.
    pub(crate) fn charge(&mut self, (slot, id): (Slot, InstId), target: TargetId, hold: Money, bytes: u64) -> Charged {
        let (band, tenant) = (self.band_of(slot, id), self.tenant_of(slot));
        let is_child = child::is_target(&self.targets.row(target).target.name);
        let cost = if is_child { 0 } else { self.estimate(Some(target), hold, Some(bytes)) };
        let is_guess = !is_child && self.targets.row(target).counted.of_all().is_none();
        if !is_child {
            self.board.queue.sent(band, cost);
        }
        self.board.queue.charge(tenant, band, (cost, 0), if is_guess { (cost, 0) } else { (0, 0) });
        Charged { band, tenant, cost, is_guess }
    }

    /// What an attempt on this target counts for until it has ended, that was given so many bytes if that is known; of a target that is not known it is
    /// what it holds.
    pub(crate) fn estimate(&self, target: Option<TargetId>, hold: Money, bytes: Option<u64>) -> u64 {
        let Some(row) = target.map(|target| self.targets.row(target)) else { return hold.0 };
        let usual = bytes.map_or_else(|| row.counted.of_all(), |bytes| row.counted.of(bytes, 1));
        let unseen = || if hold == Money::ZERO { self.time_cost(row.target.expected) } else { hold.0 };
        usual.unwrap_or_else(unseen)
    }

    /// An attempt is sent to a target whose provider limits what comes in a minute: the tokens that are set aside for it.
    pub(crate) fn keep_pace(&mut self, target: TargetId, worst: u64, bytes: u64) -> u64 {
        let row = self.targets.row(target);
        if row.target.rate.is_unlimited() {
            return 0;
        }
        let tokens = row.tokens.of(bytes, SEEN_MIN).unwrap_or(worst);
        let now = self.now;
        self.pace(target, |pace, rate| pace.take(rate, now, tokens));
        tokens
    }

    /// It has ended, and has used so many; nobody knows it where nothing was told.
    pub(crate) fn settle_pace(&mut self, flight: Flight, used: Option<u64>) {
        let Flight { target, tokens, bytes, .. } = flight;
        if self.targets.row(target).target.rate.is_unlimited() {
            return;
        }
        if let Some(used) = used {
            self.targets.row_mut(target).tokens.take(bytes, used);
            self.pace(target, |pace, rate| pace.settle(rate, tokens, used));
        }
    }

    /// Its provider has refused an attempt for what comes in a minute: nothing is lent for a while.
    pub(crate) fn calm_pace(&mut self, target: TargetId) {
        if !self.targets.row(target).target.rate.is_unlimited() {
            let now = self.now;
            self.pace(target, |pace, _| pace.calm(now));
        }
    }

    /// The limits may be others in a moment, and with them when each target may be called again.
    pub(crate) fn forget_paces(&mut self) {
        for target in self.targets.ids() {
            self.board.timers.clear(self.targets.opens(target), Timer::Pace(target));
        }
    }

    /// They are known.
    pub(crate) fn pace_anew(&mut self) {
        for target in self.targets.ids() {
            let at = self.targets.opens(target);
            if at > self.now {
                self.board.timers.set(at, Timer::Pace(target));
            }
        }
    }

    fn pace(&mut self, target: TargetId, change: impl Fn(&mut Pace, Rate)) {
        for (moved, before, after) in self.targets.pace(target, change) {
            self.board.timers.clear(before, Timer::Pace(moved));
            if after > self.now {
                self.board.timers.set(after, Timer::Pace(moved));
            } else if before > self.now {
                self.board.queue.wake(moved, self.now);
            }
        }
    }

    /// What of an attempt of an earlier life is still out counts for nothing until it has ended.
    pub(crate) fn charge_nothing(&mut self, slot: Slot) -> Charged {
        Charged { band: self.board.run(slot).priority, tenant: self.tenant_of(slot), cost: 0, is_guess: false }
    }

    /// An attempt has ended: it counts for what it was. A child run counts by its own attempts.
    pub(crate) fn correct(
        &mut self,
        flight: Flight,
        (is_child, has_no_room): (bool, bool),
        took: Duration,
        cost: Money,
    ) {
        let Charged { band, tenant, cost: before, is_guess } = flight.charged;
        let is_free = self.targets.price(flight.price).is_free();
        let cost = if is_child {
            0
        } else if is_free {
            self.time_cost(took)
        } else {
            cost.0
        };
        if !is_child && !has_no_room {
            let row = self.targets.row_mut(flight.target);
            row.counted.take(flight.bytes, cost);
            take_into(&mut row.out, took.as_micros());
        }
        self.board.queue.charge(tenant, band, (cost, before), (0, if is_guess { before } else { 0 }));
    }

    /// What the time on a target that costs nothing counts for.
    pub(crate) fn time_cost(&self, took: Duration) -> u64 {
        let second = self.policy.fairness.free_hour.0 / 3_600;
        took.as_micros().saturating_mul(second) / 1_000_000
    }

    /// Nothing is known of what tenants have had: what their open runs have spent counts again.
    pub(crate) fn charge_again(&mut self) {
        for slot in self.board.live_slots() {
            let (tenant, run) = (self.tenant_of(slot), self.board.run(slot));
            let (band, spent) = (run.priority, run.spent.0);
            self.board.queue.charge(tenant, band, (spent, 0), (0, 0));
        }
    }
}
