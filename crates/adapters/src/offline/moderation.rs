//! Moderation by word lists.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value as Json, json};

use super::words;

/// What moderation knows of.
pub const CATEGORIES: [&str; 6] = ["harassment", "violence", "self_harm", "sexual", "hate", "credentials"];
/// What every judgement carries beside it.
const NOTE: &str = "judged by word lists, no neural network was used: what is not in them passes";
/// Words that `~` in a phrase stands for at most.
const GAP_MAX: usize = 3;

/// Beginnings of keys; looked for as they are written.
const KEYS: [&str; 9] = [
    "-----begin private key",
    "-----begin rsa private key",
    "-----begin ec private key",
    "-----begin openssh private key",
    "aws_secret_access_key",
    "sk-proj-",
    "ghp_",
    "github_pat_",
    "xoxb-",
];

enum Part {
    Word(String),
    Beginning(String),
    Gap,
}

static PHRASES: LazyLock<Vec<(&str, Vec<Part>)>> = LazyLock::new(|| {
    let lines = include_str!("data/moderation.txt").lines().filter(|line| !line.starts_with('#'));
    let lists = lines.filter_map(|line| line.split_once(": "));
    let phrases = lists.flat_map(|(head, list)| {
        let category = head.split_once(' ').map_or(head, |(category, _)| category);
        list.split(", ").map(move |phrase| (category, phrase.split_whitespace().map(part).collect()))
    });
    phrases.collect()
});

fn part(piece: &str) -> Part {
    match (piece, piece.strip_suffix('*')) {
        ("~", _) => Part::Gap,
        (_, Some(beginning)) => Part::Beginning(words::fold(beginning)),
        (word, None) => Part::Word(words::fold(word)),
    }
}

/// May this text be shown? `{allowed, categories, model, note}`.
#[must_use]
pub fn moderate(text: &str) -> Json {
    let tokens = words::tokens(text);
    let lower = text.to_lowercase();
    let mut found = BTreeSet::new();
    for place in 0..tokens.len() {
        found.extend(
            PHRASES.iter().filter(|(_, parts)| matches(parts, &tokens[place..])).map(|(category, _)| *category),
        );
    }
    if KEYS.iter().any(|key| lower.contains(key)) {
        found.insert("credentials");
    }
    let categories: Vec<&str> = CATEGORIES.into_iter().filter(|category| found.contains(category)).collect();
    json!({ "allowed": categories.is_empty(), "categories": categories, "model": "offline/lexicon", "note": NOTE })
}

/// True if the phrase stands at the beginning of these words.
fn matches(parts: &[Part], tokens: &[String]) -> bool {
    let Some((part, rest)) = parts.split_first() else { return true };
    let fits = |is: &dyn Fn(&String) -> bool| tokens.first().is_some_and(is) && matches(rest, &tokens[1..]);
    match part {
        Part::Word(word) => fits(&|token| token == word),
        Part::Beginning(beginning) => fits(&|token| token.starts_with(beginning)),
        Part::Gap => (0..=GAP_MAX.min(tokens.len())).any(|gap| matches(rest, &tokens[gap..])),
    }
}
