//! In which language a text is, and what this model says of its own in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::{glossary, words};

/// What is said where the words of a text do not tell.
const DEFAULT: &str = "en";
/// Statistics of letters guess wrong on shorter texts.
const LETTERS_MIN: usize = 40;
/// A language must lead the next one by this much.
const LEAD: f64 = 1.25;
/// Words of a text that are looked at; more tell nothing new.
const WORDS_MAX: usize = 400;

static FUNCTION_WORDS: LazyLock<BTreeMap<&str, BTreeSet<String>>> = LazyLock::new(|| {
    let lines = include_str!("data/languages.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(": "))
        .map(|(code, list)| (code, list.split_whitespace().map(words::fold).collect()))
        .collect()
});

/// True for a word, folded, that only holds sentences of this language together.
pub(super) fn is_function_word(code: &str, word: &str) -> bool {
    FUNCTION_WORDS.get(code).is_some_and(|list| list.contains(word))
}

/// ISO 639-1 of the language a text is in; English where it is too short to tell.
pub(super) fn of(text: &str) -> &'static str {
    if let Some(code) = by_script(text) {
        return code;
    }
    let scores = by_words(text);
    let next = scores.get(1).map_or(0.0, |(score, _)| *score);
    if let Some((score, code)) = scores.first()
        && *score > next * LEAD
    {
        return code;
    }
    let letters = text.chars().filter(|letter| letter.is_alphabetic()).count();
    let guess = whatlang::detect(text).filter(|guess| letters >= LETTERS_MIN && guess.is_reliable());
    guess.and_then(|guess| code_of(guess.lang())).unwrap_or(DEFAULT)
}

/// Languages with a script of their own.
fn by_script(text: &str) -> Option<&'static str> {
    let (mut letters, mut kana, mut han, mut cyrillic) = (0_usize, 0, 0, 0);
    for letter in text.chars().filter(|letter| letter.is_alphabetic()) {
        letters += 1;
        match letter {
            '\u{3040}'..='\u{30ff}' => kana += 1,
            '\u{4e00}'..='\u{9fff}' => han += 1,
            '\u{0400}'..='\u{04ff}' => cyrillic += 1,
            _ => {}
        }
    }
    // Names in Latin letters are common in them: a third of the letters is enough.
    let many = |count: usize| count > 0 && count * 3 >= letters;
    match (many(kana + han), many(cyrillic)) {
        (true, _) => Some(if kana > 0 { "ja" } else { "zh" }),
        (false, true) => Some("ru"),
        (false, false) => None,
    }
}

/// The languages that words of the text speak for, the likeliest first. A word counts the less, the more languages have it.
fn by_words(text: &str) -> Vec<(f64, &'static str)> {
    let mut scores: BTreeMap<&'static str, f64> = BTreeMap::new();
    for word in words::tokens(text).iter().take(WORDS_MAX) {
        let holding: Vec<&str> =
            FUNCTION_WORDS.iter().filter(|(_, list)| list.contains(word)).map(|(code, _)| *code).collect();
        for code in &holding {
            *scores.entry(code).or_default() += 1.0 / holding.len() as f64;
        }
        // What a text is about tells less: languages share such words.
        let naming = glossary::languages(word);
        for code in naming.iter().filter(|_| holding.is_empty()) {
            *scores.entry(code).or_default() += 0.25 / naming.len() as f64;
        }
    }
    for (sign, code) in
        [('¿', "es"), ('¡', "es"), ('ñ', "es"), ('ß', "de"), ('ç', "fr"), ('œ', "fr"), ('ã', "pt"), ('ł', "pl")]
    {
        if text.contains(sign) {
            *scores.entry(code).or_default() += 0.5;
        }
    }
    let mut scores: Vec<_> = scores.into_iter().map(|(code, score)| (score, code)).collect();
    scores.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    scores
}

fn code_of(lang: whatlang::Lang) -> Option<&'static str> {
    use whatlang::Lang;
    const CODES: [(Lang, &str); 8] = [
        (Lang::Eng, "en"),
        (Lang::Deu, "de"),
        (Lang::Fra, "fr"),
        (Lang::Spa, "es"),
        (Lang::Ita, "it"),
        (Lang::Por, "pt"),
        (Lang::Nld, "nl"),
        (Lang::Pol, "pl"),
    ];
    CODES.iter().find(|(of, _)| *of == lang).map(|(_, code)| *code)
}

/// What the model says of its own: that the pages hold no answer, and that what follows is in another language than the question.
const SAYINGS: [(&str, &str, &str); 11] = [
    ("en", "Nothing in the pages answers this.", "The pages say (not translated):"),
    ("de", "Dazu steht nichts auf den Seiten.", "Dazu steht auf den Seiten (nicht übersetzt):"),
    ("fr", "Rien dans les pages ne répond à cette question.", "Les pages disent à ce sujet (non traduit) :"),
    ("es", "Nada en las páginas responde a esta pregunta.", "Las páginas dicen al respecto (sin traducir):"),
    ("it", "Niente nelle pagine risponde a questa domanda.", "Le pagine dicono al riguardo (non tradotto):"),
    ("pt", "Nada nas páginas responde a esta pergunta.", "As páginas dizem sobre isto (não traduzido):"),
    ("nl", "Op de pagina's staat hier niets over.", "Daarover staat op de pagina's (niet vertaald):"),
    ("pl", "Na stronach nie ma odpowiedzi na to pytanie.", "Na stronach jest o tym napisane (bez tłumaczenia):"),
    ("ru", "На страницах нет ответа на этот вопрос.", "На страницах об этом сказано (без перевода):"),
    ("ja", "ページにはこの質問への答えがありません。", "ページには次のように書かれています（未翻訳）："),
    ("zh", "页面上没有这个问题的答案。", "页面上的相关内容（未翻译）："),
];

fn saying(code: &str) -> (&'static str, &'static str) {
    let of = |code: &str| SAYINGS.iter().find(|(of, _, _)| *of == code);
    of(code).or_else(|| of(DEFAULT)).map_or(("", ""), |(_, nothing, untranslated)| (nothing, untranslated))
}

/// "Nothing in the pages answers this."
pub(super) fn nothing(code: &str) -> &'static str {
    saying(code).0
}

/// What stands before a quotation in another language.
pub(super) fn untranslated(code: &str) -> &'static str {
    saying(code).1
}

/// True for a text that says no more than that the pages hold no answer.
pub(super) fn says_nothing(text: &str) -> bool {
    SAYINGS.iter().any(|(_, nothing, _)| *nothing == text.trim())
}
