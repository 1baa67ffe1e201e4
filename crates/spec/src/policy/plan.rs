//! Plan documents: other parameters of a policy for a while, with what speaks for them.
//!
//! The words of `rules` are those of a policy document, and come from its schema. What `rules` leaves out is as in the policy that the plan is
//! checked against. A normal document says every parameter, so that whoever reads it later needs no other.

use std::sync::{Arc, LazyLock};

use agendum_types::plan::{Evidence, MILLION};
use agendum_types::{Hash, Limits, Plan, Policy};
use serde_json::{Map, Value as Json, json};

use super::{Diagnostics, HEAD, WORDS as OF_POLICIES, crossed, normal as of_policy, read_into, unread};
use crate::schema::check_against;
use crate::tree::{Node, Value};
use crate::{NormalDocument, hash_of, values};

/// The schema but for the parameters of a policy, which it takes from that of policies.
const OWN: &str = include_str!("../../schema/plan.schema.json");

static WORDS: LazyLock<Json> = LazyLock::new(|| {
    let mut own: Json = serde_json::from_str(OWN).expect("the schema is JSON: a test reads it");
    let of_policies = OF_POLICIES["properties"].as_object().into_iter().flatten();
    let parameters = of_policies.filter(|(word, _)| !HEAD.contains(&word.as_str()));
    own["properties"]["rules"]["properties"] = parameters.map(|(word, of)| (word.clone(), of.clone())).collect();
    own["$defs"] = OF_POLICIES["$defs"].clone();
    own
});

static SCHEMA: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", *WORDS));

/// The JSON Schema of plan documents.
#[must_use]
pub fn schema() -> &'static str {
    &SCHEMA
}

/// What came of checking a plan document.
pub type Checked = super::Checked<Accepted>;

/// A plan and the document it was made of.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// What it has otherwise, and why.
    pub plan: Arc<Plan>,
    /// What it says of itself, for people.
    pub description: Option<Arc<str>>,
    /// Its canonical document: every parameter in one way of writing, without the description.
    pub document: NormalDocument,
}

/// Checks a document as changes to that policy: all there is to say about it at once. Whether the plan is for that policy, and worth it, is another's
/// question: the planner's linter answers it.
#[must_use]
pub fn check(text: &str, policy: &Policy, limits: &Limits) -> Checked {
    Checked::of(text, limits, |tree, diagnostics| accepted(tree, policy, limits, diagnostics))
}

/// The document of a plan that was made otherwise than by hand.
#[must_use]
pub fn written(plan: &Plan) -> NormalDocument {
    NormalDocument(normal(plan).to_string().into())
}

fn accepted(tree: &Node, policy: &Policy, limits: &Limits, diagnostics: &mut Diagnostics) -> Option<Accepted> {
    check_against(&WORDS, tree, limits, diagnostics);
    if diagnostics.has_errors() || diagnostics.has_any(&["not_yet"]) {
        return None;
    }
    let mut rules = policy.clone();
    if let Some(own) = tree.get("rules") {
        read_into(&mut rules, own);
        unread(own, &rules, diagnostics);
        crossed(own, &rules, diagnostics);
    }
    rules.hash = hash_of(&of_policy(&rules).to_string());
    let mut plan = lowered(tree, policy, Arc::new(rules));
    let document = written(&plan);
    plan.hash = hash_of(&document.0);
    let description = tree.get("description").and_then(Node::text).map(Arc::from);
    Some(Accepted { plan: Arc::new(plan), description, document })
}

fn lowered(tree: &Node, policy: &Policy, rules: Arc<Policy>) -> Plan {
    let text = |word: &str| tree.get(word).and_then(Node::text);
    let span = |word: &str| text(word).and_then(values::span);
    let lasts = span("lasts").unwrap_or_default();
    let evidence = tree.get("evidence");
    let of_evidence = |word: &str| evidence.and_then(|node| node.get(word));
    let count = |word: &str| of_evidence(word).and_then(Node::whole).unwrap_or_default();
    Plan {
        name: text("plan").unwrap_or_default().into(),
        hash: Hash::default(),
        policy: text("policy").map_or_else(|| policy.version().into(), Arc::from),
        rules,
        lasts,
        horizon: span("horizon").unwrap_or(lasts),
        evidence: Evidence {
            how: of_evidence("how").and_then(Node::text).unwrap_or_default().into(),
            runs: count("runs"),
            attempts: count("attempts"),
        },
        confidence: tree.get("confidence").and_then(parts).and_then(|parts| parts.try_into().ok()).unwrap_or_default(),
        expected: tree
            .get("expected")
            .map(Node::entries)
            .into_iter()
            .flatten()
            .filter_map(|(figure, node)| Some((figure.name.as_str().into(), parts(node)?)))
            .collect(),
        risks: tree.get("risks").map(Node::items).into_iter().flatten().filter_map(Node::text).map(Arc::from).collect(),
    }
}

/// A number in parts of a million; the schema has its bounds.
fn parts(node: &Node) -> Option<i64> {
    let Value::Number(number) = &node.value else { return None };
    Some((number.as_f64()? * MILLION as f64).round() as i64)
}

fn normal(plan: &Plan) -> Json {
    let number = |parts: i64| Json::from(parts as f64 / MILLION as f64);
    let mut rules = of_policy(&plan.rules);
    if let Some(words) = rules.as_object_mut() {
        words.retain(|word, _| !HEAD.contains(&word.as_str()));
    }
    let Evidence { how, runs, attempts } = &plan.evidence;
    let expected: Map<String, Json> =
        plan.expected.iter().map(|(figure, parts)| (figure.to_string(), number(*parts))).collect();
    json!({
        "version": 1,
        "plan": &*plan.name,
        "policy": &*plan.policy,
        "lasts": values::written_span(plan.lasts),
        "horizon": values::written_span(plan.horizon),
        "rules": rules,
        "evidence": { "how": &**how, "runs": runs, "attempts": attempts },
        "confidence": number(plan.confidence.into()),
        "expected": expected,
        "risks": plan.risks.iter().map(|risk| &**risk).collect::<Vec<_>>(),
    })
}
