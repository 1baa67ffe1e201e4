//! Judgements by word lists: classes and sentiment.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{glossary, moderation, words};

/// Words that speak for a class, for the class names that graphs commonly use.
const CLASSES: [(&str, &str); 12] = [
    (
        "how_to",
        "how set up configure install use start make create run enable steps guide example cancel pause resume add",
    ),
    ("what_is", "what mean meaning define definition explain difference"),
    ("billing", "invoice bill billing price pay payment charge refund cost subscription money card"),
    ("outage", "down outage unavailable error fail broken crash timeout stopped offline incident"),
    ("bug", "bug wrong crash panic error unexpected incorrect broken"),
    ("angry", "angry terrible awful worst unacceptable ridiculous hate useless furious"),
    ("negative", "bad terrible awful worst broken hate angry useless disappointed annoying slow wrong fail frustrated"),
    ("positive", "good great thanks thank love excellent perfect nice happy awesome wonderful works"),
    ("security", "password secret key token leak attack vulnerability login permission"),
    ("feature", "feature request support add wish would like missing could"),
    ("spam", "free winner prize click offer buy now casino"),
    ("other", ""),
];

/// Class names that stand for "none of the others".
const FALLBACKS: [&str; 5] = ["other", "neutral", "unknown", "none", "general"];
/// Class names that abuse speaks for, whatever its words.
const HOSTILE: [&str; 3] = ["angry", "negative", "hostile"];

/// A text as far as judgements need it.
pub(super) struct Judged {
    /// Its words, in every form.
    words: BTreeSet<String>,
    is_abuse: bool,
}

impl Judged {
    pub(super) fn of(text: &str) -> Self {
        let mut words: BTreeSet<String> = words::tokens(text).iter().map(|word| words::stem(word)).collect();
        words.extend(glossary::terms(text).into_iter().flat_map(|term| term.forms));
        let is_abuse = moderation::moderate(text)["categories"].as_array().is_some_and(|found| !found.is_empty());
        Self { words, is_abuse }
    }

    /// The choice whose words the text shares most; the one that stands for "none" if it shares none, else the last.
    pub(super) fn classify(&self, choices: &[Json]) -> Option<Json> {
        let score = |choice: &Json| {
            let name = choice.as_str().unwrap_or_default();
            let known = CLASSES.iter().find(|(class, _)| *class == name).map_or("", |(_, words)| *words);
            let named = name.replace(['_', '-'], " ");
            let speaking = known.split_whitespace().chain(named.split_whitespace()).map(words::stem);
            let speaking: BTreeSet<String> = speaking.collect();
            speaking.intersection(&self.words).count() + 3 * usize::from(self.is_abuse && HOSTILE.contains(&name))
        };
        let best = choices.iter().enumerate().map(|(place, choice)| (score(choice), std::cmp::Reverse(place))).max()?;
        if best.0 > 0 {
            return choices.get(best.1.0).cloned();
        }
        let fallback = choices.iter().find(|choice| choice.as_str().is_some_and(|name| FALLBACKS.contains(&name)));
        fallback.or_else(|| choices.last()).cloned()
    }

    pub(super) fn is_positive(&self) -> bool {
        self.classify(&[json!("positive"), json!("negative"), json!("neutral")]) != Some(json!("negative"))
    }
}
