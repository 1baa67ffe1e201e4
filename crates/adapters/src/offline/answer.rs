//! An answer made of the sentences that fit a question best, or none.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::glossary::{self, Term};
use super::prompt::{Asked, Passage};
use super::{language, words};

/// Sentences of an answer at most.
const SENTENCES_MAX: usize = 3;
/// Sentences that a rewritten answer has at most.
const REWRITTEN_MAX: usize = 4;
/// Words of a sentence: less says nothing, more is no sentence.
const WORDS: std::ops::RangeInclusive<usize> = 4..=80;
/// A sentence answers if it covers this share of what was asked, rare words counting more. Below it, saying so is the better answer.
const COVER_MIN: f64 = 0.65;
/// Beside the best sentence, others of its passage must cover this share of what it covers; those of other passages by themselves.
const SHARE_MIN: f64 = 0.75;
/// A word found only in a heading above the sentence counts less, one found only in the sentences beside it still less.
const OF_HEADING: f64 = 0.85;
const OF_NEIGHBOUR: f64 = 0.15;
/// No word weighs more: one that is nowhere to be found must not outweigh all others.
const WEIGHT_MAX: f64 = 2.5;
/// A passage that search ranked lower counts less: retrieval has seen the whole corpus.
const RANK_DECAY: f64 = 0.97;
/// A sentence is left out if so much of it has been said.
const REPEATS: f64 = 0.7;
/// A sentence that begins so says nothing without the one before it.
const LEANING: [&str; 16] = [
    "it",
    "its",
    "they",
    "their",
    "this",
    "these",
    "that",
    "those",
    "such",
    "then",
    "he",
    "she",
    "both",
    "otherwise",
    "so",
    "but",
];

/// What may stand before the word that a sentence is about.
const ARTICLES: [&str; 4] = ["a", "an", "the", "no"];
/// Words of it at most, before it says what the thing is.
const SUBJECT_MAX: usize = 5;
/// What may open a sentence that says what follows from something.
const OPENING: [&str; 5] = ["after", "when", "if", "before", "during"];
/// What asks for a number.
const HOW_MANY: [&[&str]; 5] = [&["how", "many"], &["wie", "viele"], &["combien", "de"], &["cuantos"], &["cuantas"]];
/// Signs of code and tables, and pieces of code that prose holds at most.
const CODE_SIGNS: [char; 3] = ['{', '|', '['];
const CODE_MAX: usize = 4;

/// Sentences with what they cite.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// The sentences, each followed by the passage it is from: `… [p1]`; or that there are none.
    pub(super) text: String,
    /// `[{id, source}]`, in the order of the text.
    pub(super) citations: Vec<Json>,
    /// False if no passage answers.
    pub(super) answered: bool,
    /// ISO 639-1 of the language of the sentences.
    pub(super) language: &'static str,
}

struct Sentence {
    /// Its passage.
    from: usize,
    text: String,
    words: BTreeSet<String>,
    /// Of the heading right above its passage.
    heading: BTreeSet<String>,
    /// It comes right after the sentence before it in this list.
    follows: bool,
}

/// The answer to what a prompt asks. A text that shall be rewritten is kept, and gets what it misses.
pub(super) fn answer(asked: &Asked) -> Answer {
    let speaks = language::of(&asked.question);
    let sentences = gather(&asked.passages);
    let chosen = match &asked.text {
        Some(text) => rewrite(text, &asked.question, &sentences),
        None => choose(&asked.question, &sentences),
    };
    if chosen.is_empty() {
        let text = language::nothing(speaks).to_owned();
        return Answer { text, citations: Vec::new(), answered: false, language: speaks };
    }
    let mut answer = Answer { answered: true, ..Answer::default() };
    let mut lines = Vec::new();
    for place in chosen {
        let Sentence { from, text, .. } = &sentences[place];
        let Passage { id, source, .. } = &asked.passages[*from];
        lines.push(format!("{text} [{id}]"));
        let citation = json!({ "id": id, "source": source });
        if !answer.citations.contains(&citation) {
            answer.citations.push(citation);
        }
    }
    answer.language = language::of(&lines.join(" "));
    if answer.language != speaks {
        lines.insert(0, language::untranslated(speaks).to_owned());
    }
    answer.text = lines.join("\n");
    answer
}

/// The sentences of prose: no headings, code, tables.
fn gather(passages: &[Passage]) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    for (from, passage) in passages.iter().enumerate() {
        let (mut heading, mut code, mut follows) = (BTreeSet::new(), false, false);
        for line in passage.text.lines() {
            let line = line.trim();
            if line.starts_with("```") {
                code = !code;
            } else if let Some(titles) = line.strip_prefix('#') {
                let title = titles.rsplit('›').next().unwrap_or(titles);
                heading = words::telling(title).into_iter().collect();
            } else if !code && !line.contains(" · ") && !line.starts_with('|') {
                for text in words::sentences(line) {
                    // What leans on a sentence that is none cannot be quoted.
                    let is_prose = is_prose(&text) && (follows || !leans(&text));
                    if is_prose {
                        let words = words::telling(&text).into_iter().collect();
                        sentences.push(Sentence { from, text, words, heading: heading.clone(), follows });
                    }
                    follows = is_prose;
                }
                continue;
            }
            follows = false;
        }
    }
    sentences
}

fn is_prose(text: &str) -> bool {
    let code = text.matches('`').count() / 2;
    WORDS.contains(&words::tokens(text).len()) && !text.ends_with(':') && !text.contains(CODE_SIGNS) && code <= CODE_MAX
}

/// True for a sentence that says nothing without the one before it.
fn leans(text: &str) -> bool {
    words::tokens(text).first().is_some_and(|first| LEANING.contains(&first.as_str()))
}

/// What was asked, each word with its weight.
struct Question {
    terms: Vec<(Term, f64)>,
    whole: f64,
    /// A name that no passage has: whatever is said of the other words answers another question.
    stranger: bool,
    /// It asks how many.
    counts: bool,
}

impl Question {
    fn new(question: &str, sentences: &[Sentence]) -> Self {
        let count = sentences.len() as f64;
        let weigh = |term: Term| {
            let having = sentences.iter().filter(|one| has(&one.words, &term)).count() as f64;
            let weight = (1.0 + (count - having + 0.5) / (having + 0.5)).ln().min(WEIGHT_MAX);
            (term, weight)
        };
        let terms: Vec<_> = glossary::terms(question).into_iter().map(weigh).collect();
        let whole = terms.iter().map(|(_, weight)| weight).sum();
        let known = |term: &Term| sentences.iter().any(|one| has(&one.words, term) || has(&one.heading, term));
        let names = names(question);
        let stranger = terms.iter().any(|(term, _)| names.contains(&term.word) && !known(term));
        let tokens = words::tokens(question);
        let counts = HOW_MANY.iter().any(|row| tokens.windows(row.len()).any(|window| window == *row));
        Self { terms, whole, stranger, counts }
    }

    /// True if the heading above a sentence asks much the same, so that its words count for what stands below.
    fn is_headed(&self, one: &Sentence) -> bool {
        let asked = one.heading.iter().filter(|word| self.terms.iter().any(|(term, _)| term.forms.contains(*word)));
        asked.count() * 2 >= one.heading.len()
    }

    /// 0 to 1: the share of what was asked that a sentence covers by itself.
    fn cover_alone(&self, one: &Sentence) -> f64 {
        let covered = self.terms.iter().filter(|(term, _)| has(&one.words, term)).map(|(_, weight)| weight);
        covered.sum::<f64>() / self.whole.max(f64::MIN_POSITIVE)
    }

    /// 0 to 1: the share of what was asked that a sentence covers, with what stands around it.
    fn cover(&self, place: usize, sentences: &[Sentence]) -> f64 {
        let one = &sentences[place];
        let before = one.follows.then(|| &sentences[place - 1]);
        let after = sentences.get(place + 1).filter(|next| next.follows);
        let beside = |term: &Term| before.into_iter().chain(after).any(|other| has(&other.words, term));
        let is_headed = self.is_headed(one);
        let of_term = |(term, weight): &(Term, f64)| match () {
            () if has(&one.words, term) => *weight,
            () if is_headed && has(&one.heading, term) => weight * OF_HEADING,
            () if beside(term) => weight * OF_NEIGHBOUR,
            () => 0.0,
        };
        self.terms.iter().map(of_term).sum::<f64>() / self.whole.max(f64::MIN_POSITIVE)
    }

    /// One word alone proves little: it must be what the section is about, or what the sentence begins with.
    fn is_about(&self, one: &Sentence) -> bool {
        let [(term, _)] = self.terms.as_slice() else { return !self.terms.is_empty() };
        let tokens = words::tokens(&one.text);
        let mut begin = tokens.iter().filter(|word| !ARTICLES.contains(&word.as_str()));
        let is_term = |word: &String| term.forms.contains(&words::stem(word));
        let by_title = has(&one.heading, term) && one.heading.len() == 1;
        by_title
            || match begin.next() {
                Some(first) if is_term(first) => {
                    begin.take(SUBJECT_MAX).any(|word| matches!(word.as_str(), "is" | "are"))
                }
                Some(first) if OPENING.contains(&first.as_str()) => begin.next().is_some_and(is_term),
                _ => false,
            }
    }

    /// "How many" is answered by a number only.
    fn is_counted(&self, one: &Sentence) -> bool {
        !self.counts || words::tokens(&one.text).iter().any(|word| word.chars().all(|letter| letter.is_ascii_digit()))
    }

    fn is_answered_by(&self, place: usize, sentences: &[Sentence]) -> bool {
        let one = &sentences[place];
        self.cover(place, sentences) >= COVER_MIN && self.is_about(one) && self.is_counted(one)
    }
}

fn has(words: &BTreeSet<String>, term: &Term) -> bool {
    !words.is_disjoint(&term.forms)
}

/// Words of a question that are names: written large inside a sentence, where not every noun is.
fn names(question: &str) -> BTreeSet<String> {
    let code = language::of(question);
    let large = |word: &&str| word.starts_with(char::is_uppercase) && code != "de";
    let inside = question.split_whitespace().skip(1).filter(large);
    let odd = question.split_whitespace().filter(|word| glossary::is_name(word));
    inside.chain(odd).flat_map(words::tokens).collect()
}

/// The places of the best sentences, in the order of the passages.
fn choose(question: &str, sentences: &[Sentence]) -> Vec<usize> {
    let asked = Question::new(question, sentences);
    if asked.stranger {
        return Vec::new();
    }
    let mut order: Vec<(f64, f64, usize)> = Vec::new();
    for (place, one) in sentences.iter().enumerate() {
        if asked.is_answered_by(place, sentences) {
            let cover = asked.cover(place, sentences);
            let rank = RANK_DECAY.powi(i32::try_from(one.from).unwrap_or(i32::MAX));
            order.push((cover * rank, cover, place));
        }
    }
    order.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.2.cmp(&other.2)));
    let Some((_, most, best)) = order.first().copied() else { return Vec::new() };
    let mut chosen = BTreeSet::new();
    for (_, cover, place) in order {
        let one = &sentences[place];
        let cover = if one.from == sentences[best].from { cover } else { asked.cover_alone(one) };
        if chosen.len() < SENTENCES_MAX && cover >= SHARE_MIN * most && !is_said(one, &chosen, sentences) {
            take(place, sentences, SENTENCES_MAX, &mut chosen);
        }
    }
    chosen.into_iter().collect()
}

/// Takes a sentence, and the one before it if it leans on that.
fn take(place: usize, sentences: &[Sentence], count_max: usize, chosen: &mut BTreeSet<usize>) {
    chosen.insert(place);
    let one = &sentences[place];
    if one.follows && leans(&one.text) && chosen.len() < count_max {
        chosen.insert(place - 1);
    }
}

fn is_said(one: &Sentence, chosen: &BTreeSet<usize>, sentences: &[Sentence]) -> bool {
    chosen.iter().any(|other| {
        let shared = one.words.intersection(&sentences[*other].words).count() as f64;
        shared / one.words.len().max(1) as f64 > REPEATS
    })
}

/// The sentences that a text already quotes, and the best one for each word of the question that it misses.
fn rewrite(text: &str, question: &str, sentences: &[Sentence]) -> Vec<usize> {
    let quoted = (0..sentences.len()).filter(|place| text.contains(&sentences[*place].text));
    let mut chosen: BTreeSet<usize> = quoted.collect();
    if chosen.is_empty() {
        return choose(question, sentences);
    }
    let asked = Question::new(question, sentences);
    for (term, _) in &asked.terms {
        let misses = !chosen.iter().any(|place| has(&sentences[*place].words, term));
        if misses && chosen.len() < REWRITTEN_MAX {
            let having = (0..sentences.len()).filter(|place| has(&sentences[*place].words, term));
            let fits = having.filter(|place| asked.is_answered_by(*place, sentences));
            let best = fits.max_by(|one, other| {
                let cover = |place: &usize| asked.cover(*place, sentences);
                cover(one).total_cmp(&cover(other)).then(other.cmp(one))
            });
            if let Some(place) = best {
                take(place, sentences, REWRITTEN_MAX, &mut chosen);
            }
        }
    }
    chosen.into_iter().collect()
}

/// 0 to 1: how much of a question a text covers, and whether it cites. Words that every answer must have count alike.
pub(super) fn quality(asked: &Asked) -> f64 {
    if language::says_nothing(asked.subject()) {
        return 0.0;
    }
    let terms = glossary::terms(&asked.question);
    let covered = terms.len() - missing(asked).len();
    let cites = if asked.subject().contains("[p") { 0.4 } else { 0.0 };
    0.6 * covered as f64 / terms.len().max(1) as f64 + cites
}

/// The question's words that the text does not have.
pub(super) fn missing(asked: &Asked) -> Vec<String> {
    let has_words: BTreeSet<String> = words::telling(asked.subject()).into_iter().collect();
    let terms = glossary::terms(&asked.question).into_iter();
    terms.filter(|term| !has(&has_words, term)).map(|term| term.word).collect()
}

/// The first sentences of a text.
pub(super) fn lead(text: &str) -> String {
    words::sentences(text).into_iter().take(SENTENCES_MAX).collect::<Vec<_>>().join("\n")
}
