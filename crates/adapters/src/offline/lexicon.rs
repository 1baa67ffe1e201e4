//! Judgements by word lists: classes, sentiment, moderation, and a glossary in place of translation.

use serde_json::{Value as Json, json};
use unicode_segmentation::UnicodeSegmentation as _;

use super::words;

/// Words that speak for a class, for the class names that graphs commonly use.
const CLASSES: [(&str, &str); 12] = [
    ("how_to", "how set up configure install use start make create run enable steps guide example"),
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

/// What moderation knows of.
pub const CATEGORIES: [&str; 4] = ["violence", "self_harm", "hate", "credentials"];

/// Patterns that moderation does not let through, with their category.
const BLOCKED: [(&str, &str); 14] = [
    ("violence", "kill you"),
    ("violence", "build a bomb"),
    ("violence", "how to make a bomb"),
    ("violence", "shoot up"),
    ("self_harm", "kill myself"),
    ("self_harm", "end my life"),
    ("self_harm", "kill yourself"),
    ("hate", "subhuman"),
    ("hate", "vermin people"),
    ("credentials", "-----begin private key"),
    ("credentials", "-----begin rsa private key"),
    ("credentials", "aws_secret_access_key"),
    ("credentials", "sk-proj-"),
    ("credentials", "ghp_"),
];

/// The choice whose words the text shares most; the one that stands for "none" if it shares none, else the last.
pub(super) fn classify(text: &str, choices: &[Json]) -> Option<Json> {
    let has = words::telling(text);
    let raw: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    let score = |choice: &Json| {
        let name = choice.as_str().unwrap_or_default();
        let known = CLASSES.iter().find(|(class, _)| *class == name).map_or("", |(_, words)| *words);
        let named = name.replace(['_', '-'], " ");
        let speaking = known.split_whitespace().chain(named.split_whitespace());
        speaking.filter(|word| raw.iter().any(|of| of == word) || has.contains(&words::stem(word))).count()
    };
    let best = choices.iter().enumerate().map(|(place, choice)| (score(choice), std::cmp::Reverse(place))).max()?;
    if best.0 > 0 {
        return choices.get(best.1.0).cloned();
    }
    let fallback = choices.iter().find(|choice| choice.as_str().is_some_and(|name| FALLBACKS.contains(&name)));
    fallback.or_else(|| choices.last()).cloned()
}

pub(super) fn is_positive(text: &str) -> bool {
    classify(text, &[json!("positive"), json!("negative"), json!("neutral")]) != Some(json!("negative"))
}

/// May this text be shown? `{allowed, categories, model}`.
#[must_use]
pub fn moderate(text: &str) -> Json {
    let lower = text.to_lowercase();
    let mut categories: Vec<&str> =
        BLOCKED.iter().filter(|(_, pattern)| lower.contains(pattern)).map(|(of, _)| *of).collect();
    categories.dedup();
    json!({ "allowed": categories.is_empty(), "categories": categories, "model": "offline/lexicon" })
}

/// ISO 639-1 of the language a text is in; `en` where it is too short to tell.
pub(super) fn language(text: &str) -> &'static str {
    use whatlang::Lang;
    let found = whatlang::detect(text).filter(|found| found.is_reliable() || text.split_whitespace().count() >= 4);
    match found.map(|found| found.lang()) {
        Some(Lang::Deu) => "de",
        Some(Lang::Fra) => "fr",
        Some(Lang::Spa) => "es",
        Some(Lang::Ita) => "it",
        Some(Lang::Por) => "pt",
        Some(Lang::Nld) => "nl",
        Some(Lang::Pol) => "pl",
        Some(Lang::Rus) => "ru",
        Some(Lang::Cmn) => "zh",
        Some(Lang::Jpn) => "ja",
        _ => "en",
    }
}

/// German, French and Spanish words of this field, in English: enough to search with.
const GLOSSARY: [(&str, &str); 64] = [
    ("wie", "how"),
    ("was", "what"),
    ("warum", "why"),
    ("wann", "when"),
    ("überlebt", "survives"),
    ("absturz", "crash"),
    ("einen", "a"),
    ("ein", "a"),
    ("eine", "a"),
    ("der", "the"),
    ("die", "the"),
    ("das", "the"),
    ("ist", "is"),
    ("und", "and"),
    ("aufgabe", "task"),
    ("aufgaben", "tasks"),
    ("lauf", "run"),
    ("kosten", "cost"),
    ("geld", "money"),
    ("frist", "deadline"),
    ("budget", "budget"),
    ("modell", "model"),
    ("antwort", "answer"),
    ("fehler", "error"),
    ("neustart", "restart"),
    ("daten", "data"),
    ("wiederholung", "retry"),
    ("passiert", "happens"),
    ("nach", "after"),
    ("einem", "a"),
    ("installieren", "install"),
    ("comment", "how"),
    ("quoi", "what"),
    ("pourquoi", "why"),
    ("survit", "survives"),
    ("panne", "crash"),
    ("plantage", "crash"),
    ("une", "a"),
    ("un", "a"),
    ("le", "the"),
    ("la", "the"),
    ("tâche", "task"),
    ("tâches", "tasks"),
    ("coût", "cost"),
    ("délai", "deadline"),
    ("modèle", "model"),
    ("réponse", "answer"),
    ("erreur", "error"),
    ("données", "data"),
    ("après", "after"),
    ("cómo", "how"),
    ("qué", "what"),
    ("sobrevive", "survives"),
    ("fallo", "crash"),
    ("caída", "crash"),
    ("tarea", "task"),
    ("tareas", "tasks"),
    ("coste", "cost"),
    ("plazo", "deadline"),
    ("modelo", "model"),
    ("respuesta", "answer"),
    ("después", "after"),
    ("datos", "data"),
    ("el", "the"),
];

/// Word by word from a glossary, into English; other languages are left as they are, and said to be. `{text, from, to, translated}`.
#[must_use]
pub fn translate(text: &str, to: &str) -> Json {
    let from = language(text);
    if from == to || to != "en" {
        return json!({ "text": text, "from": from, "to": to, "translated": false, "model": "offline/glossary" });
    }
    let pieces = text.split_word_bounds().map(|piece| {
        let lower = piece.to_lowercase();
        GLOSSARY.iter().find(|(word, _)| *word == lower).map_or(piece, |(_, english)| english)
    });
    json!({ "text": pieces.collect::<String>(), "from": from, "to": to, "translated": true, "model": "offline/glossary" })
}
