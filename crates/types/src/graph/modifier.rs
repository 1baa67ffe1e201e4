//! What a document may say about a task besides what it does.

use std::fmt;
use std::sync::Arc;

use crate::class::ClassSet;
use crate::graph::{ExprId, NodeId};
use crate::money::Money;
use crate::target::Capability;
use crate::time::Duration;

/// The urgency of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Somebody waits for the answer.
    Interactive,
    /// The default.
    #[default]
    Standard,
    /// When there is room.
    Background,
}

impl Priority {
    /// Every priority, most urgent first.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Standard, Self::Background];

    /// The word used in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Standard => "standard",
            Self::Background => "background",
        }
    }

    /// The priority with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.word() == word)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// `foreach`, `max_parallel`, `tolerate_failures`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Foreach {
    /// Evaluates to a list.
    pub items: ExprId,
    /// Items that run at once.
    pub parallel_max: u32,
    /// Items that may fail; the outputs of the others count.
    pub failures_max: u32,
}

/// `loop`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loop {
    /// Evaluated after each round; true ends the loop.
    pub until: ExprId,
    /// Rounds at most, at least 1.
    pub rounds_max: u32,
    /// What happens when the rounds, the time or the money of the loop are spent without `until`.
    pub exhausted: Exhausted,
    /// From the start of the first round.
    pub deadline: Option<Duration>,
    /// What the loop may spend, out of the run's budget.
    pub budget: Option<Budget>,
    /// Two rounds in a row with the same value count as exhausted.
    pub stop_if_same: Option<ExprId>,
}

/// `on_exhausted`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Exhausted {
    /// The task fails with class `permanent`.
    Fail,
    /// The task fails and this task of `on_failure` runs; the other tasks of `on_failure` do not.
    Escalate(NodeId),
    /// The round with the greatest value of the expression counts, degraded.
    UseBest(ExprId),
    /// The last round counts, degraded.
    UseLast,
}

/// `race` over the tasks of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Race {
    /// Good results that end it, at least 1.
    pub first: u32,
    /// What makes a result good; without it, any success.
    pub good_if: Option<ExprId>,
    /// The others are cancelled then; else they run to their end, and their results are dropped.
    pub cancel_rest: bool,
}

/// `timeout`. A missing one does not end the attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// One attempt, from dispatch to outcome.
    pub attempt: Option<Duration>,
    /// From dispatch to the first chunk of output.
    pub first_output: Option<Duration>,
    /// Between two chunks of output.
    pub idle: Option<Duration>,
    /// All attempts and the waiting between them, from the moment the task is ready.
    pub task: Option<Duration>,
}

/// `retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retry {
    /// Attempts on each rung, the first included; at least 1.
    pub attempts_max: u32,
    /// The first pause.
    pub initial_delay: Duration,
    /// What each further pause is multiplied with, in hundredths: 200 doubles.
    pub backoff_percent: u32,
    /// The longest pause.
    pub delay_max: Duration,
    /// Full jitter: the pause is drawn between zero and its bound.
    pub jitter: bool,
    /// The classes that are tried again.
    pub on: ClassSet,
}

impl Retry {
    /// One attempt and no more.
    pub const NEVER: Self = Self { attempts_max: 1, ..Self::STANDARD };

    /// What a compensation without `retry` gets: whoever it speaks to may be away for some minutes.
    pub const PATIENT: Self =
        Self { attempts_max: 10, initial_delay: Duration::secs(1), delay_max: Duration::secs(60), ..Self::STANDARD };

    /// What a task without `retry` gets: three attempts for transient classes.
    pub const STANDARD: Self = Self {
        attempts_max: 3,
        initial_delay: Duration::millis(200),
        backoff_percent: 200,
        delay_max: Duration::secs(10),
        jitter: true,
        on: ClassSet::TRANSIENT,
    };
}

/// One entry of `catch`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Catch {
    /// The classes it takes.
    pub on: ClassSet,
    /// What it does.
    pub rung: Rung,
}

/// A rung of the fallback ladder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rung {
    /// `output: VALUE`: the task succeeds with this value, degraded.
    Output(ExprId),
    /// `target: NAME`: another round of attempts on this target, degraded if it succeeds.
    Target(Arc<str>),
    /// `use: cached`: the task succeeds with the last good copy of its result, whatever its age, degraded.
    Cached,
}

/// `cache`: what was paid for serves again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cache {
    /// How old a copy may be for this task.
    pub ttl: Duration,
    /// Who may find its result.
    pub scope: CacheScope,
    /// What its copy can be forgotten by.
    pub tags: Vec<Arc<str>>,
}

/// `scope` of a cache. Nothing is found across tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CacheScope {
    /// Tasks of the same run.
    Run,
    /// Runs of the same principal.
    User,
    /// Runs of the same tenant.
    #[default]
    Tenant,
}

impl CacheScope {
    /// Every scope, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Run, Self::User, Self::Tenant];

    /// The word used in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::User => "user",
            Self::Tenant => "tenant",
        }
    }

    /// The scope with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }
}

/// `adds`: what a task gives is read as further tasks of its run, which are written by a model and may do only this.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Adds {
    /// What they may use.
    pub uses: Vec<Capability>,
    /// True if the document names that: then with whatever effect, else without any.
    pub effects: bool,
    /// How many there may be, those inside others included.
    pub tasks_max: u32,
    /// They have been added: the graph holds them.
    pub made: bool,
    /// Those without an effect may run while the plan is still being written.
    pub while_streaming: bool,
}

impl Adds {
    /// What added tasks may use where the document names nothing: no effect, and no address that a model writes.
    pub const USES: [Capability; 4] =
        [Capability::Chat, Capability::Retrieve, Capability::Translate, Capability::Moderate];
    /// How many tasks are added at most where the document does not say.
    pub const TASKS: u32 = 100;
    /// How many tasks of one run may add others.
    pub const PLANS_MAX: usize = 16;

    /// True if what may be added by that may be added by this.
    #[must_use]
    pub fn allows(&self, other: &Self) -> bool {
        let uses = other.uses.iter().all(|capability| self.uses.contains(capability));
        uses && other.effects <= self.effects && other.tasks_max <= self.tasks_max
    }
}

/// `model`: which targets will do. The core keeps the order of `allow`, else the order of the target table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requirement {
    /// `class`: a class of model or the name of one target.
    pub class: Option<Arc<str>>,
    /// `allow`: names of targets, in the order of preference. Empty: any.
    pub allow: Vec<Arc<str>>,
}

/// `budget`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Money at most.
    pub money: Option<Money>,
    /// Tokens at most, in and out.
    pub tokens: Option<u64>,
    /// What happens to an attempt that the rest does not cover.
    pub on_exceeded: OnExceeded,
}

/// `on_uncertain`: what happens when a `once` attempt may have taken effect and nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnUncertain {
    /// The task fails with class `uncertain`.
    #[default]
    Fail,
    /// A person says whether it took effect.
    Ask,
    /// A task beside it finds out.
    Check {
        /// The task, a plain call; its `if` does not count then.
        task: NodeId,
        /// What makes its result a find: the effect is there, and this result is the output.
        found: ExprId,
    },
}

/// `on_exceeded`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnExceeded {
    /// Wait until other attempts have settled for less than they held; fail when none is left. The default: worst cases are set
    /// aside, and together they mostly exceed what comes of them.
    #[default]
    Wait,
    /// Take the next rung: a cheaper eligible target, the `catch`, dropping an optional task; else fail.
    Degrade,
    /// A person is asked for more, once what others hold would not do either.
    Ask,
    /// The task fails with class `budget_exceeded`.
    Fail,
}

impl OnExceeded {
    /// The word used in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Degrade => "degrade",
            Self::Ask => "ask",
            Self::Fail => "fail",
        }
    }

    /// The choice with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Wait, Self::Degrade, Self::Ask, Self::Fail].into_iter().find(|choice| choice.word() == word)
    }
}
