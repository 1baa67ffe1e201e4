//! A policy: the rules by which the scheduler chooses, as a versioned document says them.
//!
//! Policies choose among what is possible, and never what is allowed: budgets, effects, limits of targets and clearance hold under each of
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::graph::Priority;
use crate::id::Tenant;
use crate::money::Money;
use crate::payload::Hash;
use crate::time::Duration;

/// The rules of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How it is called.
    pub name: Arc<str>,
    /// Of its normal document: with the name, its identity.
    pub hash: Hash,
    /// Who goes first, for each priority in the order of [`Priority::ALL`].
    pub bands: [Band; 3],
    /// What each tenant gets.
    pub fairness: Fairness,
    /// Which runs with a deadline stand behind others, or are given up.
    pub admission: Admission,
    /// Which of the targets that are free an attempt goes to.
    pub placement: Placement,
    /// When a second attempt is sent beside a slow one.
    pub hedging: Hedging,
    /// When a running attempt gives way to more urgent work.
    pub preemption: Preemption,
    /// When runs are refused because too much waits already.
    pub overload: Overload,
    /// What is sent to a target that fails.
    pub limits: Limits,
}

/// When runs are refused because too much waits already. What was accepted is never dropped for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// So many ready tasks of a tenant wait to be sent in one priority at most; at least 1.
    pub waiting: u32,
    /// Runs without a deadline are refused while the tasks of their priority stand in the queue for longer than that on average; zero: never.
    pub stand: Duration,
    /// For how long that has to have been so.
    pub interval: Duration,
}

/// What is sent to a target that fails, of those that serve models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A target is left alone once so many of a hundred of its latest 20 attempts failed through its own fault; 0: never.
    pub failures: u8,
    /// And so many of its latest 20 at least; from 1 to 20.
    pub failures_min: u8,
    /// And if for so long none has succeeded: what does part of its work is not left alone.
    pub failing_for: Duration,
    /// For how long at first. Then one attempt tries it, and begins a pause twice as long, until one has succeeded.
    pub pause: Duration,
    /// For how long at most: each try doubles it.
    pub pause_max: Duration,
    /// Attempts that follow on a failure of a target are so many of a hundred that are sent there first.
    pub retries: u8,
    /// And so many in a second in any case; at least 1.
    pub retries_per_s: u32,
    /// A target that turns away at once so many of a hundred attempts gets no more at once than it has held lately, and a few; 0: never.
    pub turned_away: u8,
    /// A target gets no more at once than beyond which three times as many bring less than so many percent more; 0: that is not looked at.
    pub gain: u8,
}

/// When a second attempt is sent beside a slow one, of what may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedging {
    /// Once it has taken longer than so many of a hundred attempts of its task; 0: never.
    pub after: u8,
    /// Second attempts are so many of a hundred first ones at most.
    pub share: u8,
}

/// When a running attempt gives way to a task of a more urgent priority whose deadline would pass otherwise; of what leaves no effect. Never, if one of
/// these is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preemption {
    /// It has had less than so many of a hundred parts of the time that it was expected to take.
    pub spent: u8,
    /// Its task has given way less often than that.
    pub times: u8,
    /// Attempts that give way are so many of a hundred that are sent at most.
    pub share: u8,
}

impl Preemption {
    /// True if some may give way.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.spent > 0 && self.times > 0 && self.share > 0
    }
}

/// What counts beside price and speed where several targets are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// How much longer an attempt is thought to take on a target that is all but full, in percent: so that all are used alike.
    pub crowd: u32,
    /// How many tokens of an input a target reads in a second that it has not read lately; at least 1.
    pub tokens_per_s: u32,
}

/// Which runs with a deadline stand behind others, or are given up, by what attempts have taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Attempts of a task from which something is concluded; at least 1.
    pub samples: u32,
    /// A run is given up if it would be late even where what is before it takes no longer than so many of a hundred attempts took; from 1 to 100.
    pub quick: u8,
    /// A run that has not begun stands behind the others if it would be late where what is before it takes as long as all but the slowest took: so many of a
    /// hundred are not slower; from 1 to 100.
    pub slow: u8,
    /// So many of the first tasks of a tenant are looked at: where one of them would be late for those before it, the longest stands behind; 0: none.
    pub look: u32,
}

/// The order of the runs of one priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// Which run goes first, of those that nobody has to answer by a certain time.
    pub index: Index,
    /// The same of those with a deadline.
    pub deadline_index: Index,
    /// How much later a run may have come, for each second less that it will take, and still go first: at least 1. The greater, the more short
    /// runs are favoured. Nothing waits for ever.
    pub aging: u32,
    /// Its part of the attempts, in relation to the shares of the other priorities that have something to send; at least 1.
    pub share: u32,
    /// By when a run without a deadline is to be answered: where an index asks for that, and beside runs that have one.
    pub patience: Duration,
    /// How much time a dollar is worth: of two targets the dearer is taken if it saves more than that for each dollar that it costs more.
    pub dollar: Duration,
}

/// What decides which of two runs of a tenant goes first. Inside a run the task with the longest way to the end does, or the greatest rank
/// where tasks hold units of pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Index {
    /// Who came first.
    Fifo,
    /// Whose task was ready first, whatever its run: what a plain queue of calls does.
    CallFifo,
    /// Whose deadline comes first.
    Edf,
    /// Whose task must end first to make the deadline: that, less the longest way from its end to the answer.
    Slack,
    /// Who has been served least: by the time that its calls of models have taken, in steps that double.
    AttainedService,
    /// Who gives most answers for the time that it will take, by how many calls runs of its graph have taken, and how many it has had.
    Gittins,
    /// Who would be answered first if all runs that are live shared alike in what is served.
    VirtualFinish,
    /// Whose answer is worth most for the time that it still takes, among those that can be in time.
    ValueDensity,
    /// Who is most likely to miss the deadline, and may yet make it.
    Risk,
}

impl Index {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Fifo,
        Self::CallFifo,
        Self::Edf,
        Self::Slack,
        Self::AttainedService,
        Self::Gittins,
        Self::VirtualFinish,
        Self::ValueDensity,
        Self::Risk,
    ];

    /// Its word in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::CallFifo => "call-fifo",
            Self::Edf => "edf",
            Self::Slack => "slack",
            Self::AttainedService => "attained-service",
            Self::Gittins => "gittins",
            Self::VirtualFinish => "virtual-finish",
            Self::ValueDensity => "value-density",
            Self::Risk => "risk",
        }
    }

    /// The index with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|index| index.word() == word)
    }
}

/// What each tenant gets of what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fairness {
    /// A tenant with twice the weight of another gets twice as much while both wait; at least 1.
    pub weights: BTreeMap<Tenant, u32>,
    /// The weight of any other.
    pub weight: u32,
    /// What an hour of a target counts for that costs nothing.
    pub free_hour: Money,
    /// How many usual attempts a tenant has saved up at most that had nothing to send for a while.
    pub credit: u32,
    /// So many usual attempts a tenant may be ahead of the one that has had least and go first all the same, where a target has read how its task's input
    /// begins, and so many of its own tasks may go before its first for that; 0: none does.
    pub locality_quantum: u32,
}

impl Fairness {
    /// The weight of a tenant.
    #[must_use]
    pub fn weight_of(&self, tenant: &Tenant) -> u32 {
        self.weights.get(tenant).copied().unwrap_or(self.weight).max(1)
    }
}

impl Policy {
    /// The name of the built-in one.
    pub const BALANCED: &'static str = "balanced";
    /// The hash of its normal document: a test of the crate that reads documents holds it.
    const BALANCED_HASH: &'static str = "be50e5918fb51b9ad51b6313be82cc1290982f244a5b7927166260550a5e5e9a";

    /// Its name with the beginning of its hash: what records and answers name it by.
    #[must_use]
    pub fn version(&self) -> String {
        let hash = self.hash.to_string();
        format!("{}@{}", self.name, &hash[..8])
    }

    /// True if both say the same, however they are called.
    #[must_use]
    pub fn has_the_rules_of(&self, other: &Self) -> bool {
        let Self { name: _, hash: _, bands, fairness, admission, placement, hedging, preemption, overload, limits } =
            self;
        (bands, fairness, admission, placement) == (&other.bands, &other.fairness, &other.admission, &other.placement)
            && (hedging, preemption, overload, limits)
                == (&other.hedging, &other.preemption, &other.overload, &other.limits)
    }

    /// The rules of this priority.
    #[must_use]
    pub const fn band(&self, priority: Priority) -> &Band {
        &self.bands[priority as usize]
    }
}

impl Default for Policy {
    /// The built-in one.
    fn default() -> Self {
        let band = |share, dollar| Band {
            index: Index::Gittins,
            deadline_index: Index::Slack,
            aging: 5,
            share,
            patience: Duration::secs(600),
            dollar: Duration::secs(dollar),
        };
        Self {
            name: Self::BALANCED.into(),
            hash: Hash::from_hex(Self::BALANCED_HASH).unwrap_or_default(),
            bands: [band(16, 120), band(4, 1_200), band(1, 18_000)],
            fairness: Fairness {
                weights: BTreeMap::new(),
                weight: 1,
                free_hour: Money(100_000_000_000),
                credit: 6,
                locality_quantum: 8,
            },
            admission: Admission { samples: 8, quick: 10, slow: 95, look: 64 },
            placement: Placement { crowd: 20, tokens_per_s: 8_000 },
            hedging: Hedging { after: 95, share: 5 },
            preemption: Preemption { spent: 25, times: 2, share: 5 },
            overload: Overload { waiting: 1_000_000, stand: Duration::ZERO, interval: Duration::secs(60) },
            limits: Limits {
                failures: 50,
                failures_min: 5,
                failing_for: Duration::secs(5),
                pause: Duration::secs(1),
                pause_max: Duration::secs(30),
                retries: 20,
                retries_per_s: 30,
                turned_away: 20,
                gain: 20,
            },
        }
    }
}
