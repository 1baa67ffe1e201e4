//! What was spent: counters that a store keeps beside the journal, so that nothing of it is forgotten with the runs.
//!
//! A store adds up what records settle in the transaction of those records: by the hour in which the money was set aside, the graph, the
//! target, and whether it was of use.

use std::sync::Arc;

use agendum_types::{Booked, Money, RunId, Tenant, Timestamp};
use futures_util::future::BoxFuture;

use crate::store::StoreError;

/// An attempt of a run that was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whose run.
    pub tenant: Tenant,
    /// Which run.
    pub run: RunId,
    /// What was settled.
    pub booked: Booked,
    /// It was settled before as of use, and is waste from now on.
    pub moved: bool,
}

/// What a tenant has spent in the hour that began then: money and tokens.
pub type HourSpent = (Tenant, Timestamp, Money, u64);

/// What a bill changes in what the hour counts for that began then: money and tokens.
pub type HourChange = (Timestamp, Money, u64);

/// What spending is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpentBy {
    /// The name of the graph.
    Graph,
    /// The name of the target; empty for what was spent before targets were counted.
    Target,
    /// The day in UTC, as `2026-11-23`.
    Day,
    /// The word of the waste; empty for what was of use.
    Waste,
    /// The tenant.
    Tenant,
}

impl SpentBy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Graph, Self::Target, Self::Day, Self::Waste, Self::Tenant];

    /// Its word in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Target => "target",
            Self::Day => "day",
            Self::Waste => "waste",
            Self::Tenant => "tenant",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.word() == word)
    }
}

/// What was spent under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// The name.
    pub name: String,
    /// Attempts that were settled. Of runs before attempts were counted: the runs.
    pub attempts: u64,
    /// What they cost.
    pub cost: Money,
    /// How much of that bought nothing.
    pub wasted: Money,
    /// How much of it was billed above what had been set aside.
    pub over: Money,
    /// What they used in tokens.
    pub tokens: u64,
}

impl Spent {
    /// Takes in a line of the counters.
    pub fn add(&mut self, other: &Self) {
        self.attempts = self.attempts.saturating_add(other.attempts);
        self.cost = self.cost.plus(other.cost);
        self.wasted = self.wasted.plus(other.wasted);
        self.over = self.over.plus(other.over);
        self.tokens = self.tokens.saturating_add(other.tokens);
    }
}

/// What the bill of a provider says of one target on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// The name of the target.
    pub target: Arc<str>,
    /// The beginning of the day, in UTC.
    pub day: Timestamp,
    /// What it bills in all.
    pub cost: Money,
    /// The tokens that it counts in all; `None` where it does not say, and what is counted stays.
    pub tokens: Option<u64>,
}

/// What is counted of one target on one day on which calls to it were lost in a crash. Those count for their worst case until a bill says less.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostCalls {
    /// The beginning of the day, in UTC.
    pub day: Timestamp,
    /// The name of the target.
    pub target: Arc<str>,
    /// How many calls were lost.
    pub attempts: u64,
    /// What they count for still: money and tokens.
    pub lost: (Money, u64),
    /// What everything counts for that was sent there on that day.
    pub counted: (Money, u64),
    /// What bills have released.
    pub released: (Money, u64),
}

impl LostCalls {
    /// What is counted above a bill: of tokens only where it says how many.
    #[must_use]
    pub fn over(&self, bill: &Invoice) -> (Money, u64) {
        let tokens = bill.tokens.map_or(0, |billed| self.counted.1.saturating_sub(billed));
        (self.counted.0.minus(bill.cost), tokens)
    }

    /// What a bill says above what is counted: of tokens only where it says how many.
    #[must_use]
    pub fn under(&self, bill: &Invoice) -> (Money, u64) {
        let tokens = bill.tokens.map_or(0, |billed| billed.saturating_sub(self.counted.1));
        (bill.cost.minus(self.counted.0), tokens)
    }

    /// So much of what was lost was never spent.
    pub fn release(&mut self, of: (Money, u64)) {
        let less = |sum: (Money, u64)| (sum.0.minus(of.0), sum.1.saturating_sub(of.1));
        (self.lost, self.counted) = (less(self.lost), less(self.counted));
        self.released = (self.released.0.plus(of.0), self.released.1.saturating_add(of.1));
    }

    /// So much of what was released was spent after all.
    pub fn recharge(&mut self, of: (Money, u64)) {
        let more = |sum: (Money, u64)| (sum.0.plus(of.0), sum.1.saturating_add(of.1));
        (self.lost, self.counted) = (more(self.lost), more(self.counted));
        self.released = (self.released.0.minus(of.0), self.released.1.saturating_sub(of.1));
    }
}

/// What came of a bill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// What it has released of which hour, the earliest first.
    pub released: Vec<HourChange>,
    /// What earlier bills had released, and it charges again, the latest hour first.
    pub recharged: Vec<HourChange>,
    /// How its day stands now.
    pub day: LostCalls,
}

/// Takes off what is to be spread over counters what one of them has room for: that part of it.
#[must_use]
pub fn part(whole: &mut (Money, u64), (money, tokens): (Money, u64)) -> (Money, u64) {
    let part = (whole.0.min(money), whole.1.min(tokens));
    *whole = (whole.0.minus(part.0), whole.1 - part.1);
    part
}

/// The part of a store that knows what was spent.
pub trait Spending: Send + Sync {
    /// What each tenant has spent in each hour from this full one on, in the order of tenants and hours; an hour without spending is left
    /// out. What was spent before is not read.
    fn spent_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<HourSpent>, StoreError>>;

    /// What a tenant has spent since this instant (from the full hour before it), by name, in the order of names. An hour has one
    /// counter for each graph, target and waste, and so has a day once its hours are put together: that bounds what is read, however many
    /// runs there were.
    fn spent(&self, tenant: &Tenant, since: Timestamp, by: SpentBy) -> BoxFuture<'_, Result<Vec<Spent>, StoreError>>;

    /// Puts up to so many counters of hours before this time, the beginning of a day, together with those of the first hour of their days;
    /// true if there may be more.
    fn fold_spent(&self, before: Timestamp, count_max: u32) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// The days, from that of this instant on, and targets of a tenant on which calls were lost, in the order of days and names.
    fn lost(&self, tenant: &Tenant, since: Timestamp) -> BoxFuture<'_, Result<Vec<LostCalls>, StoreError>>;

    /// Releases what is counted above this bill, of what was lost, and no more than that: the earliest hour first. Or charges again what the bill
    /// says above what is counted, of what earlier ones have released, and no more than that: the latest hour first. So of several bills the last
    /// counts, as if there had been no other. Says what of which hour, and how the day stands then; `None` where nothing was lost. The same bill
    /// again changes nothing. Other days are not read.
    fn reconcile(&self, tenant: &Tenant, invoice: Invoice)
    -> BoxFuture<'_, Result<Option<Reconciliation>, StoreError>>;
}
