//! Plans: other parameters of the policy for a while.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A plan to be published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Its document: its text (YAML or JSON), or the object itself.
    pub document: Json,
}

/// Plans that were published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plans {
    /// Latest first.
    pub plans: Vec<PlanLine>,
    /// The `before` of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What was withdrawn: nothing where no plan was in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanLine>,
}

/// A plan that was published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanLine {
    /// They count up.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// Of its normal document.
    pub hash: String,
    /// `in_force`; `over`, `withdrawn`, or `replaced` by a later one, whichever came first; `other_policy` while another policy than its own is in force.
    pub state: String,
    /// The policy that it was made for.
    pub policy: String,
    /// What it has otherwise: `path: value → value`.
    pub changes: Vec<String>,
    /// What its author says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the linter had to say when it was taken.
    pub flags: Vec<String>,
    /// Who published it.
    pub by: String,
    /// When.
    pub at: String,
    /// From when on it is over in any case.
    pub until: String,
    /// When it counted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// When it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_by: Option<String>,
    /// Why, where somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Its normal document: evidence, confidence and what is expected are in it.
    pub document: Json,
}

impl PlanLine {
    /// The word for a plan that counts now.
    pub const IN_FORCE: &'static str = "in_force";
}
