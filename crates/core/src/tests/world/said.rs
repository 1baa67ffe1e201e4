//! What a line says of labels and failures.

use agendum_testkit::script;
use agendum_types::{Class, Failure, Labels};

/// `labels=region=eu,kind=secret` before what is submitted: those of its inputs.
pub(super) fn labels_of(text: &str) -> (Labels, &str) {
    match text.strip_prefix("labels=").and_then(|text| text.split_once(' ')) {
        Some((labels, text)) => (Labels::new(labels.split(',')), text),
        None => (Labels::NONE, text),
    }
}

/// `rate_limited after 2s`, `unavailable no_effect`
pub(super) fn failed(text: &str) -> Failure {
    let mut words = text.split_whitespace();
    let class = Class::from_word(words.next().unwrap()).unwrap();
    let mut failure = Failure::new(class, "no luck");
    while let Some(word) = words.next() {
        match word {
            "after" => failure.retry_after = Some(script::span(words.next().unwrap())),
            "no_effect" => failure.no_effect = true,
            word if word.starts_with("tokens=") => failure.usage.tokens_out = word[7..].parse().unwrap(),
            other => panic!("a failure knows no word {other:?}"),
        }
    }
    failure
}
