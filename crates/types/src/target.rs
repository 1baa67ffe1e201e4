//! What can serve a task: a model at a provider, an index, a local program.

use std::fmt;
use std::sync::Arc;

use crate::effect::Effect;
use crate::graph::Requirement;
use crate::money::Money;
use crate::outcome::Price;
use crate::payload::{Hash, Labels};
use crate::time::Duration;

/// How often a request of `http` is sent on to where an answer points.
pub const HTTP_REDIRECTS_MAX: u64 = 5;

/// What a task needs done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// A call to a language model.
    Chat,
    /// Full-text or vector search over an index.
    Retrieve,
    /// Text into another language.
    Translate,
    /// May this text be shown?
    Moderate,
    /// An HTTP request.
    Http,
    /// A local program.
    Exec,
    /// A person, a signal, a webhook, an instant: no target serves it, and no attempt is made.
    Wait,
    /// A child run: a target of the driver's own serves it, and every configuration has that.
    Graph,
}

impl Capability {
    /// Every capability that this release runs.
    pub const ALL: [Self; 8] =
        [Self::Chat, Self::Retrieve, Self::Translate, Self::Moderate, Self::Http, Self::Exec, Self::Wait, Self::Graph];

    /// The word used in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Retrieve => "retrieve",
            Self::Translate => "translate",
            Self::Moderate => "moderate",
            Self::Http => "http",
            Self::Exec => "exec",
            Self::Wait => "wait",
            Self::Graph => "graph",
        }
    }

    /// The capability with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.word() == word)
    }

    /// True if a target serves it.
    #[must_use]
    pub const fn has_targets(self) -> bool {
        match self {
            Self::Chat | Self::Retrieve | Self::Translate | Self::Moderate | Self::Http | Self::Exec | Self::Graph => {
                true
            }
            Self::Wait => false,
        }
    }

    /// True if a model serves it: the time that such calls take is what a run has been served.
    #[must_use]
    pub const fn is_served_by_models(self) -> bool {
        match self {
            Self::Chat | Self::Translate | Self::Moderate => true,
            Self::Retrieve | Self::Http | Self::Exec | Self::Wait | Self::Graph => false,
        }
    }

    /// Bytes of all request bodies of an attempt at most, for an input of so many: adapters send no more. What they make of it is the
    /// input in a frame of 4 KiB at most; `http` may be sent on, as often as its adapter follows.
    #[must_use]
    pub const fn egress_max(self, input_bytes: u64) -> u64 {
        let body = input_bytes.saturating_add(4 << 10);
        match self {
            Self::Chat | Self::Translate | Self::Moderate => body,
            Self::Http => body.saturating_mul(1 + HTTP_REDIRECTS_MAX),
            Self::Retrieve | Self::Exec | Self::Wait | Self::Graph => 0,
        }
    }

    /// The effect of an attempt unless the graph or the target says otherwise. `http` counts as a write here; the document's
    /// checker knows the method and sets `none` for GET and HEAD.
    #[must_use]
    pub const fn default_effect(self) -> Effect {
        match self {
            Self::Chat | Self::Retrieve | Self::Translate | Self::Moderate | Self::Wait => Effect::None,
            Self::Graph => Effect::Idempotent,
            Self::Http | Self::Exec => Effect::Once,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The place of a target in the core's table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub u16);

/// Something that can serve capabilities. Published to the core as a table; adapters are found by `name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name in configuration, journals and answers, such as `openai/gpt-5.6-terra`.
    pub name: Arc<str>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// The classes of model it counts as, such as `small` and `large`. A task that asks for no class takes any.
    pub classes: Vec<Arc<str>>,
    /// What it asks for.
    pub price: Price,
    /// Attempts it may run at once; at least 1.
    pub concurrency_max: u32,
    /// Targets with the same group share one provider limit: a 429 on one holds back all.
    pub quota_group: Option<Arc<str>>,
    /// What its provider lets through in a minute: of targets with one quota group that is one limit.
    pub rate: Rate,
    /// The labels of data it may see.
    pub clearance: Labels,
    /// Overrides the effect of the capability, where a target knows better.
    pub effect: Option<Effect>,
    /// The output cap, in tokens, where the task names none. Zero for targets whose output is not counted in tokens.
    pub output_cap: u32,
    /// The least number of input bytes that make one token; with it the core bounds the input's cost before the call.
    pub bytes_per_token_min: u32,
    /// How long an attempt takes, before anything was observed.
    pub expected: Duration,
    /// The longest that an attempt may take: its adapter ends it then. `None` if only the graph's `timeout` does.
    pub attempt_max: Option<Duration>,
    /// What an attempt costs at most, where its provider or its owner says so: that is set aside then, and nothing is reckoned.
    pub max_cost: Option<Money>,
    /// Whether what is set aside is surely enough.
    pub bound: Bound,
    /// A digest of all in its definition that can change what it answers: a kept result counts only as long as this is the same.
    pub digest: Hash,
    /// What it answers depends on the run, as where each has its own folder: what it gave serves no other.
    pub per_run: bool,
    /// It is taken only where no other is free.
    pub last_resort: bool,
    /// How many tokens of the inputs that it has read it remembers, and need not read again.
    pub remembers: u64,
    /// How it goes cold, where it does.
    pub cold: Option<Cold>,
    /// How many bytes of an input reach it in a second, at least 1; `None` where that takes no time to speak of.
    pub bytes_per_s: Option<u64>,
}

/// A target that has had nothing to do for some time has to load its model first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cold {
    /// For how long it had nothing to do.
    pub after: Duration,
    /// How long it loads.
    pub start: Duration,
}

/// What a provider lets through in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    /// Requests at most; at least 1.
    pub requests: Option<u64>,
    /// Tokens at most, in and out; at least 1.
    pub tokens: Option<u64>,
}

impl Rate {
    /// True if nothing is limited.
    #[must_use]
    pub fn is_unlimited(self) -> bool {
        self == Self::default()
    }
}

/// What is known of the cost of an attempt before it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// It cannot cost more than is set aside: the price is known, and a cap goes with every request; or a greatest cost is declared.
    #[default]
    Hard,
    /// It may: its price, or how much it gives, is not known for sure.
    Estimated,
}

impl Bound {
    /// The word in answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Estimated => "estimated",
        }
    }

    /// The bound with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Hard, Self::Estimated].into_iter().find(|bound| bound.word() == word)
    }
}

impl Target {
    /// One that costs nothing, counts no tokens and asks for no clearance: what is otherwise is set on top of it.
    #[must_use]
    pub fn free(name: &str, capability: Capability, concurrency_max: u32) -> Self {
        Self {
            name: name.into(),
            capabilities: vec![capability],
            classes: Vec::new(),
            price: Price::FREE,
            concurrency_max,
            quota_group: None,
            rate: Rate::default(),
            clearance: Labels::NONE,
            effect: None,
            output_cap: 0,
            bytes_per_token_min: 1,
            expected: Duration::millis(1),
            attempt_max: None,
            max_cost: None,
            bound: Bound::Hard,
            digest: Hash::default(),
            per_run: false,
            last_resort: false,
            remembers: 0,
            cold: None,
            bytes_per_s: None,
        }
    }

    /// The name of the one that serves `graph`: a child run, which is paid for by its own attempts.
    pub const CHILD: &'static str = "graph";

    /// The one that serves `graph`: as many child runs as there may be runs.
    #[must_use]
    pub fn of_children() -> Self {
        Self {
            clearance: Labels::new([Self::EVERYTHING]),
            expected: Duration::secs(1),
            digest: Hash::default(),
            ..Self::free(Self::CHILD, Capability::Graph, u32::MAX)
        }
    }

    /// True if it does this at all.
    #[must_use]
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// The clearance of what runs inside this process, or that an operator trusts with everything.
    pub const EVERYTHING: &'static str = "*";

    /// True if it may see data with these labels.
    #[must_use]
    pub fn may_see(&self, labels: &Labels) -> bool {
        labels.is_within(&self.clearance) || self.clearance.words().iter().any(|word| **word == *Self::EVERYTHING)
    }

    /// True if it may serve a task that asks for this.
    #[must_use]
    pub fn serves(&self, capability: Capability, requirement: &Requirement) -> bool {
        self.rank(capability, requirement).is_some()
    }

    /// Where it stands among those that the task allows, from 0; `None` if it may not serve it. Where the task allows certain
    /// targets only these will do; else one of the class, which may also be the name of one target.
    fn rank(&self, capability: Capability, requirement: &Requirement) -> Option<usize> {
        let of_class = |class: &Arc<str>| self.classes.contains(class) || self.name == *class;
        let rank = match requirement.allow.as_slice() {
            [] => requirement.class.as_ref().is_none_or(of_class).then_some(0),
            allow => allow.iter().position(|name| *name == self.name),
        };
        rank.filter(|_| self.can(capability))
    }
}

/// Of a table the targets that may serve a task, best first: in the order of `allow`, else of the table.
pub fn candidates<'t, K>(
    table: impl IntoIterator<Item = (K, &'t Target)>,
    capability: Capability,
    requirement: &Requirement,
) -> Vec<K> {
    let ranked = |(key, target): (K, &Target)| Some((target.rank(capability, requirement)?, key));
    let mut found: Vec<(usize, K)> = table.into_iter().filter_map(ranked).collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, key)| key).collect()
}

/// Says that there is no candidate.
#[must_use]
pub fn unserved(capability: Capability, requirement: &Requirement) -> String {
    match (&requirement.class, requirement.allow.as_slice()) {
        (_, [_, ..]) => format!("none of the targets {} can {capability}", requirement.allow.join(", ")),
        (Some(class), []) => format!("no target of class {class:?} can {capability}"),
        (None, []) => format!("no target can {capability}"),
    }
}

/// Says that no candidate may see the data.
#[must_use]
pub fn uncleared(capability: Capability, labels: &Labels) -> String {
    format!("no target that could {capability} here has clearance for data labelled {}", labels.words().join(", "))
}

#[cfg(test)]
mod tests {
    use super::{Capability, Requirement, Target, candidates, unserved};

    #[test]
    fn who_may_serve_a_task() {
        let target = |name: &str, capability, class: &[&str]| Target {
            classes: class.iter().map(|class| (*class).into()).collect(),
            ..Target::free(name, capability, 1)
        };
        let table = [
            target("a", Capability::Chat, &["small"]),
            target("b", Capability::Chat, &["small", "large"]),
            target("c", Capability::Exec, &["large"]),
            target("d", Capability::Chat, &[]),
        ];
        for (class, allow, expected) in [
            (None, &[] as &[&str], "a b d"),
            (Some("large"), &[], "b"),
            (Some("d"), &[], "d"),
            (Some("huge"), &[], "no target of class \"huge\" can chat"),
            (None, &["d", "c", "a", "d"], "d a"),
            (Some("large"), &["d"], "d"),
            (None, &["c", "e"], "none of the targets c, e can chat"),
        ] {
            let allow = allow.iter().map(|name| (*name).into()).collect();
            let asked = Requirement { class: class.map(Into::into), allow };
            let named = table.iter().map(|target| (&*target.name, target));
            let found = candidates(named, Capability::Chat, &asked);
            let said = if found.is_empty() { unserved(Capability::Chat, &asked) } else { found.join(" ") };
            assert_eq!(said, expected, "{asked:?}");
            assert_eq!(table.iter().any(|target| target.serves(Capability::Chat, &asked)), !found.is_empty());
        }
    }
}
