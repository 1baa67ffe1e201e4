//! Words and sentences.

use unicode_segmentation::UnicodeSegmentation as _;

use super::language;

/// English endings that are cut so that forms of one word meet; longest first.
const ENDINGS: [&str; 17] = [
    "ations", "ements", "ation", "ement", "ments", "ingly", "ment", "ings", "ing", "ers", "ied", "ies", "er", "ed",
    "es", "ly", "s",
];
/// What is cut of a word after its ending; letters that forms of one word differ in.
const TAIL: [char; 3] = ['e', 'y', 'i'];
/// What is left of a word has so many letters at least.
const ROOT_MIN: usize = 3;

/// Tokens, as this model counts them: words.
pub(super) fn count(text: &str) -> u64 {
    text.unicode_words().count() as u64
}

/// The beginning of a text that has so many words at most; `None` if it has no more anyway.
pub(super) fn cut(text: &str, count_max: u64) -> Option<&str> {
    let count_max = usize::try_from(count_max).unwrap_or(usize::MAX);
    text.unicode_word_indices().nth(count_max)?;
    let end = count_max.checked_sub(1).and_then(|last| text.unicode_word_indices().nth(last));
    Some(end.map_or("", |(at, word)| &text[..at + word.len()]))
}

/// The words of a text, in lower case and without accents; what stands before an apostrophe is a word of its own.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let pieces = text.unicode_words().flat_map(|word| word.split(['\'', '’']));
    pieces.filter(|piece| !piece.is_empty()).map(fold).collect()
}

/// Lower case, without the accents of Latin letters.
pub(super) fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for letter in word.chars().flat_map(char::to_lowercase) {
        match letter {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ą' => folded.push('a'),
            'ç' | 'ć' => folded.push('c'),
            'è' | 'é' | 'ê' | 'ë' | 'ę' => folded.push('e'),
            'ì' | 'í' | 'î' | 'ï' => folded.push('i'),
            'ñ' | 'ń' => folded.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => folded.push('o'),
            'ù' | 'ú' | 'û' | 'ü' => folded.push('u'),
            'ß' => folded.push_str("ss"),
            'œ' => folded.push_str("oe"),
            'ł' => folded.push('l'),
            'ś' => folded.push('s'),
            'ż' | 'ź' => folded.push('z'),
            other => folded.push(other),
        }
    }
    folded
}

/// The words of a text that tell it apart, in their base form.
pub(super) fn telling(text: &str) -> Vec<String> {
    let code = language::of(text);
    tokens(text).iter().filter(|word| !language::is_function_word(code, word)).map(|word| stem(word)).collect()
}

/// The base form of an English word; other words lose an ending as well, in texts and questions alike.
pub(super) fn stem(word: &str) -> String {
    let long = |rest: &&str| rest.chars().count() >= ROOT_MIN;
    let rest = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending).filter(long)).unwrap_or(word);
    let rest = rest.strip_suffix(TAIL).filter(long).unwrap_or(rest);
    let mut letters = rest.chars().rev();
    let doubled = letters.next().filter(|last| last.is_alphabetic() && letters.next() == Some(*last));
    doubled.and_then(|last| rest.strip_suffix(last)).filter(long).unwrap_or(rest).to_owned()
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
