//! Words and sentences.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation as _;

/// Endings that are cut so that forms of one word meet; longest first.
const ENDINGS: [&str; 10] = ["ations", "ation", "ings", "ing", "ies", "ed", "es", "ly", "s", "e"];

const STOP: [&str; 52] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "could", "did", "do", "doe", "does", "for", "from",
    "had", "has", "have", "how", "i", "if", "in", "is", "it", "its", "me", "my", "of", "on", "or", "our", "so", "than",
    "that", "the", "their", "this", "to", "was", "we", "what", "when", "where", "which", "who", "why", "will", "with",
    "you", "your",
];

pub(super) fn count(text: &str) -> u64 {
    text.unicode_words().count() as u64
}

/// The words of a text that tell it apart, in their base form.
pub(super) fn telling(text: &str) -> Vec<String> {
    let words = text.unicode_words().map(str::to_lowercase).filter(|word| !STOP.contains(&word.as_str()));
    words.map(|word| stem(&word)).collect()
}

pub(super) fn telling_set(text: &str) -> BTreeSet<String> {
    telling(text).into_iter().collect()
}

pub(super) fn stem(word: &str) -> String {
    let cut = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending).filter(|rest| rest.chars().count() >= 3));
    cut.unwrap_or(word).to_owned()
}

/// The sentences of a text; a line ends a sentence, for what is no prose.
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut open = false;
        for piece in line.unicode_sentences().map(str::trim) {
            // "e.g." and the like end no sentence: a piece that begins in lower case belongs to the one before.
            match joined.last_mut() {
                Some(last) if open && piece.starts_with(char::is_lowercase) => {
                    last.push(' ');
                    last.push_str(piece);
                }
                _ => joined.push(piece.to_owned()),
            }
            open = true;
        }
    }
    joined
}
