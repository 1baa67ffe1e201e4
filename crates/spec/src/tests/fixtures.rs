//! The three examples of the language's reference: each parses, and checks but for words that this release does not run yet.

use agendum_types::Limits;
use insta::assert_snapshot;

use crate::{Resolver, Severity, Source, check, load};

struct Prompts;

impl Resolver for Prompts {
    #[expect(clippy::disallowed_methods, reason = "as a caller of the crate reads prompts")]
    fn read(&self, path: &str) -> Result<String, String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/");
        std::fs::read_to_string(format!("{folder}{path}")).map_err(|error| error.to_string())
    }
}

fn example(name: &str, text: &str) -> String {
    let checked = check(Source { name, text }, &Prompts, &Limits::STANDARD);
    assert!(checked.diagnostics.iter().all(|found| found.severity != Severity::Error), "{:#?}", checked.diagnostics);
    let accepted = checked.accepted.as_ref().unwrap();
    conforms(&accepted.document.0);
    assert_eq!(
        load(&accepted.document, &Limits::STANDARD).unwrap(),
        accepted.graph,
        "a stored document gives the same graph"
    );
    let said: Vec<String> =
        checked.diagnostics.iter().map(|found| format!("{}: {}", found.line, found.message)).collect();
    format!("{} tasks\n{}", accepted.graph.tasks.len(), said.join("\n"))
}

/// What is accepted here is right for an editor that follows the published schema as well.
fn conforms(document: &str) {
    let validator = jsonschema::validator_for(&serde_json::from_str(crate::schema()).unwrap()).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(&serde_json::from_str(document).unwrap())
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn support_answer() {
    assert_snapshot!(example("support-answer.yaml", include_str!("../../tests/fixtures/support-answer.yaml")), @r"
    9 tasks
    32: nothing reads `passages`: the prompt does not name it
    37: nothing reads `passages`: the prompt does not name it
    37: nothing reads `tone`: the prompt does not name it
    37: nothing reads `language`: the prompt does not name it
    38: not yet: this release does not run `min_quality`
    47: nothing reads `text`: the prompt does not name it
    47: nothing reads `notes`: the prompt does not name it
    48: nothing reads `text`: the prompt does not name it
    ");
}

#[test]
fn campaign_poster() {
    assert_snapshot!(example("campaign-poster.yaml", include_str!("../../tests/fixtures/campaign-poster.yaml")), @"
    8 tasks
    8: nothing reads `brief`: the prompt does not name it
    8: nothing reads `n`: the prompt does not name it
    10: the output of `copy` has no field `variants`: this is always undefined
    21: not yet: this release does not run `uses: image`
    22: nothing reads `image`: the prompt does not name it
    23: not yet: this release does not run moderation of pictures
    25: not yet: this release does not run `uses: publish`
    ");
}

#[test]
fn live_captions() {
    assert_snapshot!(example("live-captions.yaml", include_str!("../../tests/fixtures/live-captions.yaml")), @"
    3 tasks
    5: not yet: this release does not run budgets by the minute
    8: not yet: this release does not run `uses: transcribe`
    10: not yet: this release does not read a task while it streams
    12: not yet: this release does not read a task while it streams
    16: nothing reads `text`: the prompt does not name it
    ");
}
