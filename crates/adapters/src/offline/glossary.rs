//! A glossary in place of translation: word by word, and honest about what it does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value as Json, json};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{language, words};

/// What a translation says it was made by.
const MODEL: &str = "offline/glossary";
const NOTE: &str = "word by word from a glossary, no neural network was used";

/// Endings of German, French and Spanish words, cut so that forms of one word meet; longest first.
const ENDINGS: [&str; 30] = [
    "iendo", "ando", "ados", "adas", "ieren", "iert", "ons", "ent", "ado", "ada", "ten", "ez", "er", "ir", "ar", "en",
    "em", "es", "et", "te", "st", "os", "as", "an", "e", "n", "s", "t", "o", "a",
];

struct Glossary {
    /// By language and folded word.
    exact: BTreeMap<(&'static str, String), &'static str>,
    /// By language and root.
    roots: BTreeMap<(&'static str, String), &'static str>,
    /// Languages without spaces between words: looked for inside the text, longest first.
    inside: Vec<(&'static str, &'static str, &'static str)>,
}

static GLOSSARY: LazyLock<Glossary> = LazyLock::new(|| {
    let mut glossary = Glossary { exact: BTreeMap::new(), roots: BTreeMap::new(), inside: Vec::new() };
    let lines = include_str!("data/glossary.txt").lines().filter(|line| !line.starts_with('#'));
    for (code, line) in lines.filter_map(|line| line.split_once(": ")) {
        let Some((foreign, english)) = line.split_once(" = ") else { continue };
        for word in foreign.split_whitespace() {
            if code == "ja" {
                glossary.inside.push((code, word, english));
                continue;
            }
            let word = words::fold(word);
            glossary.roots.entry((code, root(&word))).or_insert(english);
            glossary.exact.entry((code, word)).or_insert(english);
        }
    }
    glossary.inside.sort_by_key(|(_, word, _)| std::cmp::Reverse(word.len()));
    glossary
});

fn root(word: &str) -> String {
    let long = |rest: &&str| rest.chars().count() >= 4;
    ENDINGS.iter().find_map(|ending| word.strip_suffix(ending).filter(long)).unwrap_or(word).to_owned()
}

/// The English of a word, folded; several words where it has several meanings.
fn english(code: &'static str, word: &str) -> Option<&'static str> {
    let exact = GLOSSARY.exact.get(&(code, word.to_owned()));
    // Words that hold a sentence together are too short to have endings.
    let by_root = || {
        let known = !language::is_function_word(code, word) && word.chars().count() >= 4;
        GLOSSARY.roots.get(&(code, root(word))).filter(|_| known)
    };
    exact.or_else(by_root).copied()
}

/// The languages in which the glossary has exactly this word; English too, where it is the same there.
pub(super) fn languages(word: &str) -> BTreeSet<&'static str> {
    let mut having = BTreeSet::new();
    for code in ["de", "fr", "es"] {
        if let Some(english) = GLOSSARY.exact.get(&(code, word.to_owned())) {
            having.insert(code);
            having.extend(english.split_whitespace().any(|english| english == word).then_some("en"));
        }
    }
    having
}

/// A word of a question with what it may be called in English.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// As it was asked, folded.
    pub(super) word: String,
    /// The base forms that count as this word.
    pub(super) forms: BTreeSet<String>,
}

/// The words of a text that tell it apart, in the order of the text, each once.
pub(super) fn terms(text: &str) -> Vec<Term> {
    let code = language::of(text);
    let mut terms: Vec<Term> = Vec::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut take = |word: String, english: Option<&str>| {
        // What only holds an English sentence together tells nothing of what was asked.
        if english.is_some_and(|english| english.split_whitespace().all(|word| language::is_function_word("en", word)))
        {
            return;
        }
        let mut forms: BTreeSet<String> =
            english.into_iter().flat_map(str::split_whitespace).map(words::stem).collect();
        if english.is_none() || code != "ja" {
            forms.insert(words::stem(&word));
        }
        if taken.is_disjoint(&forms) {
            taken.extend(forms.iter().cloned());
            terms.push(Term { word, forms });
        }
    };
    if matches!(code, "ja" | "zh") {
        let mut rest = text.to_owned();
        for (_, word, english) in GLOSSARY.inside.iter().filter(|(of, _, _)| *of == code) {
            if rest.contains(word) {
                rest = rest.replace(word, " ");
                take((*word).to_owned(), Some(english));
            }
        }
        // Names in Latin letters are words as everywhere.
        for word in words::tokens(&rest).into_iter().filter(|word| word.is_ascii()) {
            take(word, None);
        }
        return terms;
    }
    for word in words::tokens(text) {
        if !language::is_function_word(code, &word) {
            let english = english(code, &word);
            take(word, english);
        }
    }
    terms
}

/// Into English, word by word; `{text, from, to, translated, words, model, note}`. Only a text whose every word is known counts as
/// translated, any other is given back as it is; `words` are those that are known, to search with.
#[must_use]
pub fn translate(text: &str, to: &str) -> Json {
    let from = language::of(text);
    let reply = |text: &str, translated: bool, words: &str| {
        json!({
            "text": text, "from": from, "to": to, "translated": translated, "words": words, "model": MODEL, "note": NOTE,
        })
    };
    if to != "en" || from == to {
        return reply(text, false, "");
    }
    let mut translated = String::new();
    let mut complete = from != "ja" && from != "zh";
    for piece in text.split_word_bounds() {
        let known = words::tokens(piece).iter().map(|word| english(from, word)).collect::<Option<Vec<_>>>();
        match known {
            Some(known) if !known.is_empty() => {
                let first = |english: &'static str| english.split_once(' ').map_or(english, |(first, _)| first);
                translated.push_str(&known.into_iter().map(first).collect::<Vec<_>>().join(" "));
            }
            _ => {
                complete &= !piece.chars().any(char::is_alphabetic) || is_name(piece);
                translated.push_str(piece);
            }
        }
    }
    let known =
        terms(text).into_iter().filter_map(|term| match english(from, &term.word).or_else(|| inside(&term.word)) {
            Some(english) => Some(english.to_owned()),
            None => is_name(&term.word).then_some(term.word),
        });
    let known = known.collect::<Vec<_>>().join(" ");
    if complete { reply(&translated, true, &known) } else { reply(text, false, &known) }
}

fn inside(word: &str) -> Option<&'static str> {
    GLOSSARY.inside.iter().find(|(_, of, _)| *of == word).map(|(_, _, english)| *english)
}

/// What is the same in every language: our own name, and words with digits or capitals inside.
pub(super) fn is_name(word: &str) -> bool {
    word.eq_ignore_ascii_case("agendum")
        || word.chars().any(|letter| letter.is_ascii_digit())
        || word.chars().skip(1).any(char::is_uppercase)
}
