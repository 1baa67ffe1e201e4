//! Waits for people, signals and webhooks: what waits, and what is handed to it.

use agendum_types::{Duration, Money, Plea, Timestamp, Wait, WaitView};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Parent, dollars, instant, millis};

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaits {
    /// `approval`, `signal`, `webhook`, `time`; `effect` of an attempt in doubt, `money` of a run whose budget asks.
    #[serde(rename = "for")]
    pub of: String,
    /// Of a signal or a webhook: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of an approval: the queue in which people look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Of an approval: who may decide; anybody where absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// Of time: until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Awaits {
    /// In the API's words.
    #[must_use]
    pub fn of(wait: &Wait) -> Self {
        Self {
            of: wait.of.word().to_owned(),
            name: wait.name.as_deref().map(str::to_owned),
            queue: wait.queue.as_deref().map(str::to_owned),
            who: wait.who.iter().map(ToString::to_string).collect(),
            until: wait.until.map(instant),
        }
    }
}

/// A task that waits for a person, a signal or a webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitLine {
    /// Its run.
    pub run: String,
    /// Of a child run: the task for which it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The name of the graph.
    pub graph: String,
    /// Its path.
    pub task: String,
    /// For what.
    #[serde(flatten)]
    pub awaits: Awaits,
    /// Since when.
    pub since: String,
    /// How long.
    pub waited_ms: f64,
    /// When it ends without: by its own time, or the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Of an attempt in doubt: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why nobody knows what it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// Of one that waits for money: how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Asks>,
    /// The key of its task (`task.key`), to look for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is to be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<Json>,
    /// True if that is too large for a list: ask for the waits of this run alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub show_left_out: bool,
}

impl WaitLine {
    /// The line of a wait as its shard shows it at this instant.
    #[must_use]
    pub fn of(view: &WaitView, now: Timestamp) -> Self {
        Self {
            run: view.run.to_string(),
            parent: view.parent.as_deref().map(Parent::of),
            graph: view.graph.to_string(),
            task: view.task.clone(),
            awaits: Awaits::of(&view.wait),
            since: instant(view.since),
            waited_ms: millis(now.since(view.since)),
            expires: view.expires.map(instant),
            attempt: Some(view.attempt).filter(|_| view.doubt.is_some()),
            doubt: view.doubt.as_deref().map(str::to_owned),
            money: view.plea.as_ref().map(Asks::of),
            key: None,
            show: None,
            show_left_out: false,
        }
    }

    /// How long it has waited.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration((self.waited_ms.max(0.0) * 1_000.0) as u64)
    }
}

/// For how much a task asks. Dollars where the budget limits them, tokens where it limits those.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asks {
    /// What its next attempt may cost at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_usd: Option<f64>,
    /// What is neither spent nor held of the budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_usd: Option<f64>,
    /// The budget, as it was raised so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_usd: Option<f64>,
    /// What its next attempt may use at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_tokens: Option<u64>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_tokens: Option<u64>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_tokens: Option<u64>,
}

/// Dollars that suffice: to the next millionth, so that whoever types them has enough. What a difference of two numbers is off by is
/// none.
fn up(usd: f64) -> f64 {
    (usd * 1e6 - 1e-4).ceil().max(1.0) / 1e6
}

impl Asks {
    /// How much it needs, and what is left.
    #[must_use]
    pub fn sentence(&self) -> String {
        let tokens = |of: Option<u64>| of.unwrap_or_default();
        let usd = |of: Option<f64>| Money::from_dollars(of.unwrap_or_default()).unwrap_or_default().to_string();
        // What is not short is not asked for.
        let of = self.of_usd.filter(|_| self.needs_usd > self.left_usd || self.of_tokens.is_none());
        let (what, needs, left, of) = if of.is_some() {
            let needs = format!("${}", up(self.needs_usd.unwrap_or_default()));
            ("money", needs, usd(self.left_usd), usd(of))
        } else {
            let [needs, left, of] = [self.needs_tokens, self.left_tokens, self.of_tokens].map(tokens);
            ("tokens", needs.to_string(), left.to_string(), of.to_string())
        };
        format!("asks for {what}: needs {needs} at least, {left} left of {of} of the run")
    }

    /// By how much a budget is raised so that it would do, as `runs raise` takes it: of what it limits, what is short.
    #[must_use]
    pub fn enough(&self) -> String {
        let usd = self.of_usd.and(self.needs_usd).unwrap_or_default() - self.left_usd.unwrap_or_default();
        let tokens = self.of_tokens.and(self.needs_tokens).unwrap_or_default();
        let tokens = tokens.saturating_sub(self.left_tokens.unwrap_or_default());
        let by_usd = (usd > 0.0 || self.of_tokens.is_none()).then(|| format!(" --usd {}", up(usd)));
        let by_tokens = (tokens > 0 || by_usd.is_none()).then(|| format!(" --tokens {}", tokens.max(1)));
        [by_usd, by_tokens].into_iter().flatten().collect()
    }

    pub(super) fn of(plea: &Plea) -> Self {
        let (money, tokens) = (plea.budget.money, plea.budget.tokens);
        Self {
            needs_usd: money.map(|_| dollars(plea.needs)),
            left_usd: money.map(|_| dollars(plea.left)),
            of_usd: money.map(dollars),
            needs_tokens: tokens.map(|_| plea.needs_tokens),
            left_tokens: tokens.map(|_| plea.left_tokens),
            of_tokens: tokens,
        }
    }
}

/// What a person decides about a budget.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// The path of a `loop` that is under way, or of a task that waits for its child run; the run where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Dollars more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// Tokens more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Nothing more: what asks fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refuse: bool,
}

/// A page of what waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waits {
    /// By run.
    pub waits: Vec<WaitLine>,
    /// Where the next page begins (`?from=`), if there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A signal to a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Its name: for the first wait of that name, or for the next that comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Instead: the task that waits for a signal now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// What the task gives then.
    #[serde(default)]
    pub value: Json,
}

/// What a person knows of an attempt of which nobody knew whether it took effect.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The task that is in doubt; may be left out where only one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Which attempt is meant: `waits` says it. One that is no longer in doubt is not told of twice.
    pub attempt: u32,
    /// Whether it took effect; null if that person cannot tell either: the task fails then.
    pub happened: Option<bool>,
    /// What the task gives, if it took effect.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub output: Json,
}

/// A person's decision.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The task that waits for it; may be left out where only one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// False refuses.
    pub approved: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// For the tasks that read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
}
