//! Policy documents: YAML or JSON text in, a checked [`Policy`] out, or diagnostics that point at the place.
//!
//! The way is that of a graph: text → tree → words and types by the published schema → policy. Each part is a table of fields: a new
//! parameter is a word of the schema, a field of its type, a row here. What a document leaves out is as in the built-in `balanced`. Its
//! normal document says everything, so that its hash names the rules, however they were written and whatever a later release has for `balanced`.

mod fields;
mod parameters;
pub mod plan;

use std::sync::{Arc, LazyLock};

use agendum_types::graph::Priority;
use agendum_types::policy::{Index, Policy};
use agendum_types::{Hash, Limits};
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::{self, Node};
use crate::{NormalDocument, hash_of, schema};

pub use parameters::{Difference, Parameter, differences, otherwise, parameters};

/// The JSON Schema of policy documents: the one list of words.
pub const SCHEMA: &str = include_str!("../schema/policy.schema.json");

static WORDS: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(SCHEMA).expect("the schema is JSON: a test reads it"));

/// Words of a policy document that are no parameters.
const HEAD: [&str; 4] = ["$schema", "version", "policy", "description"];

const BALANCED: &str = include_str!("../policies/balanced.yaml");

/// The built-in policies: `balanced`, and that with one index for all runs, by the word of the index.
static ACCEPTED: LazyLock<Vec<Accepted>> = LazyLock::new(|| {
    let read = |text: &str| {
        let mut diagnostics = Diagnostics::new(text);
        accepted(&tree::parse(text, &Limits::STANDARD, &mut diagnostics)?, &Limits::STANDARD, &mut diagnostics)
    };
    let texts = std::iter::once(BALANCED.to_owned()).chain(Index::ALL.into_iter().map(with_index));
    texts.map(|text| read(&text).expect("a built-in policy is one: a test reads it")).collect()
});

/// The document of `balanced` with one index for all runs, with or without a deadline: to compare with.
fn with_index(index: Index) -> String {
    let word = index.word();
    let band = json!({ "index": word, "deadline_index": word });
    let order: Map<String, Json> = Priority::ALL.into_iter().map(|of| (of.word().to_owned(), band.clone())).collect();
    let description = format!(
        "`balanced`, but for who goes first among the runs of a tenant: `{word}` says that for all. To compare with."
    );
    json!({ "version": 1, "policy": word, "description": description, "order": order }).to_string()
}

/// What came of checking a document of a policy, or of a plan for one.
#[derive(Debug)]
pub struct Checked<A = Accepted> {
    /// What it says, unless there are errors or words that this release does not run yet.
    pub accepted: Option<A>,
    /// Everything there is to say, in the order of the text; as many as of a graph.
    pub diagnostics: Vec<Diagnostic>,
    /// True if there are more than these.
    pub more: bool,
}

/// A policy and the document it was made of.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The rules, with their name and hash.
    pub policy: Arc<Policy>,
    /// What it says of itself, for people.
    pub description: Option<Arc<str>>,
    /// Its canonical document: every parameter in one way of writing, without the description.
    pub document: NormalDocument,
}

impl<A> Checked<A> {
    fn of(text: &str, limits: &Limits, accepts: impl FnOnce(&Node, &mut Diagnostics) -> Option<A>) -> Self {
        let mut diagnostics = Diagnostics::new(text);
        let accepted = tree::parse(text, limits, &mut diagnostics).and_then(|tree| accepts(&tree, &mut diagnostics));
        let (diagnostics, more) = diagnostics.finish();
        Self { accepted, diagnostics, more }
    }
}

/// Checks a document: all there is to say about it at once.
#[must_use]
pub fn check(text: &str, limits: &Limits) -> Checked {
    Checked::of(text, limits, |tree, diagnostics| {
        let accepted = accepted(tree, limits, diagnostics)?;
        taken_name(tree, &accepted.policy, diagnostics);
        no_tenant(tree, diagnostics);
        Some(accepted)
    })
}

/// The built-in policy of this name: `balanced`, or the word of an index.
#[must_use]
pub fn built_in(name: &str) -> Option<&'static Accepted> {
    ACCEPTED.iter().find(|accepted| *accepted.policy.name == *name)
}

/// The names of the built-in policies; what another leaves out is as in the first.
pub fn built_in_names() -> impl Iterator<Item = &'static str> {
    ACCEPTED.iter().map(|accepted| &*accepted.policy.name)
}

fn accepted(tree: &Node, limits: &Limits, diagnostics: &mut Diagnostics) -> Option<Accepted> {
    schema::check_against(&WORDS, tree, limits, diagnostics);
    if diagnostics.has_errors() || diagnostics.has_any(&["not_yet"]) {
        return None;
    }
    let mut policy = lowered(tree);
    unread(tree, &policy, diagnostics);
    crossed(tree, &policy, diagnostics);
    let document = normal(&policy).to_string();
    policy.hash = hash_of(&document);
    let description = tree.get("description").and_then(Node::text).map(Arc::from);
    Some(Accepted { policy: Arc::new(policy), description, document: NormalDocument(document.into()) })
}

/// A copy of a built-in document that was changed is another policy: in `doctor` and beside decisions its name would mislead.
fn taken_name(tree: &Node, policy: &Policy, diagnostics: &mut Diagnostics) {
    let other = built_in(&policy.name).filter(|own| own.policy.hash != policy.hash);
    if let (Some(_), Some(name)) = (other, tree.get("policy")) {
        let message = format!("a built-in policy is called `{}`, and has other rules", policy.name);
        diagnostics.warning("taken_name", &name.span, message, "give it a name of its own");
    }
}

/// A weight that nobody can have is a slip of who wrote it.
fn no_tenant(tree: &Node, diagnostics: &mut Diagnostics) {
    let weights = tree.get("fairness").and_then(|fairness| fairness.get("weights")).map(Node::entries);
    for (key, _) in weights.into_iter().flatten().filter(|(key, _)| key.name.trim().is_empty()) {
        let message = format!("no tenant is called {:?}: nobody has this weight", key.name);
        diagnostics.warning("no_tenant", &key.span, message, "write the tenant's name, or leave it out");
    }
}

/// The rules of a document in which every word is right; without their hash.
fn lowered(tree: &Node) -> Policy {
    let mut policy = Policy { hash: Hash::default(), ..Policy::default() };
    if let Some(name) = tree.get("policy").and_then(Node::text) {
        policy.name = name.into();
    }
    read_into(&mut policy, tree);
    policy
}

/// Takes over what a document says of its parameters; the rest stays.
fn read_into(policy: &mut Policy, tree: &Node) {
    for priority in Priority::ALL {
        let node = tree.get("order").and_then(|order| order.get(priority.word()));
        fields::read(&fields::OF_BAND, &mut policy.bands[priority as usize], node);
    }
    fields::read(&fields::OF_FAIRNESS, &mut policy.fairness, tree.get("fairness"));
    fields::read(&fields::OF_ADMISSION, &mut policy.admission, tree.get("admission"));
    fields::read(&fields::OF_PLACEMENT, &mut policy.placement, tree.get("placement"));
    fields::read(&fields::OF_HEDGING, &mut policy.hedging, tree.get("hedging"));
    fields::read(&fields::OF_PREEMPTION, &mut policy.preemption, tree.get("preemption"));
    fields::read(&fields::OF_OVERLOAD, &mut policy.overload, tree.get("overload"));
    fields::read(&fields::OF_LIMITS, &mut policy.limits, tree.get("limits"));
}

/// The document that says all of a policy.
fn normal(policy: &Policy) -> Json {
    let band =
        |priority: Priority| (priority.word().to_owned(), fields::written(&fields::OF_BAND, policy.band(priority)));
    let order: Map<String, Json> = Priority::ALL.into_iter().map(band).collect();
    let fairness = fields::written(&fields::OF_FAIRNESS, &policy.fairness);
    let admission = fields::written(&fields::OF_ADMISSION, &policy.admission);
    let placement = fields::written(&fields::OF_PLACEMENT, &policy.placement);
    let hedging = fields::written(&fields::OF_HEDGING, &policy.hedging);
    let preemption = fields::written(&fields::OF_PREEMPTION, &policy.preemption);
    let overload = fields::written(&fields::OF_OVERLOAD, &policy.overload);
    let limits = fields::written(&fields::OF_LIMITS, &policy.limits);
    json!({
        "version": 1,
        "policy": &*policy.name,
        "order": order,
        "fairness": fairness,
        "admission": admission,
        "placement": placement,
        "hedging": hedging,
        "preemption": preemption,
        "overload": overload,
        "limits": limits,
    })
}

/// True for an index that reads a parameter.
type Reads = fn(Index) -> bool;

/// Parameters that somebody changed for nothing, since no index of their priority reads them.
fn unread(tree: &Node, policy: &Policy, diagnostics: &mut Diagnostics) {
    let balanced = Policy::default();
    for priority in Priority::ALL {
        let Some(node) = tree.get("order").and_then(|order| order.get(priority.word())) else { continue };
        let (band, usual) = (policy.band(priority), balanced.band(priority));
        let changed: [(&str, bool, Reads); 2] =
            [("aging", band.aging != usual.aging, ages), ("patience", band.patience != usual.patience, asks_when_due)];
        for (word, is_changed, is_read) in changed {
            let place = node.entries().iter().find(|(key, _)| key.name == word).map(|(key, _)| key.span.clone());
            let is_for_nothing = is_changed && !is_read(band.index) && !is_read(band.deadline_index);
            let Some(place) = place.filter(|_| is_for_nothing) else { continue };
            let message = format!("nothing reads the `{word}` of `{}`: its indexes need none", priority.word());
            let mut readers: Vec<&str> = Index::ALL.into_iter().filter(|of| is_read(*of)).map(Index::word).collect();
            let last = readers.pop().unwrap_or_default();
            let help = format!("take it out; it is for {} and {last}", readers.join(", "));
            diagnostics.warning("unread", &place, message, help);
        }
    }
}

/// Pairs of parameters of which one leaves the other nothing to say.
fn crossed(tree: &Node, policy: &Policy, diagnostics: &mut Diagnostics) {
    let Policy { admission, limits, .. } = policy;
    let pairs = [
        (
            admission.quick > admission.slow,
            "admission",
            ["quick", "slow"],
            "no run stands behind before it is given up",
        ),
        (limits.pause > limits.pause_max, "limits", ["pause", "pause_max"], "no pause is longer than that"),
    ];
    for (is_crossed, section, words, what) in pairs {
        let mut keys = tree.get(section).map(Node::entries).into_iter().flatten().map(|(key, _)| key);
        let Some(key) = keys.find(|key| words.contains(&&*key.name)).filter(|_| is_crossed) else { continue };
        let message = format!("`{}` is more than `{}`: {what}", words[0], words[1]);
        diagnostics.warning("crossed", &key.span, message, format!("make `{}` the greater", words[1]));
    }
}

/// True for an index under which a run that takes long stands later.
const fn ages(index: Index) -> bool {
    match index {
        Index::AttainedService | Index::Gittins | Index::VirtualFinish | Index::ValueDensity => true,
        Index::Fifo | Index::CallFifo | Index::Edf | Index::Slack | Index::Risk => false,
    }
}

/// True for an index that asks by when a run is to be answered.
const fn asks_when_due(index: Index) -> bool {
    match index {
        Index::Edf | Index::Slack | Index::Risk => true,
        Index::Fifo
        | Index::CallFifo
        | Index::AttainedService
        | Index::Gittins
        | Index::VirtualFinish
        | Index::ValueDensity => false,
    }
}
