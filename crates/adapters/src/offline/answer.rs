//! An answer made of the sentences that fit a question best.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::prompt::Passage;
use super::words;

/// BM25's two constants, as everybody uses them.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// A sentence below this share of the best is left out.
const SHARE_MIN: f64 = 0.45;
/// A passage that search ranked lower counts less: retrieval has seen the whole corpus.
const RANK_DECAY: f64 = 0.93;

/// Sentences with what they cite.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The sentences, each followed by the passage it is from: `… [p1]`.
    pub text: String,
    /// `[{id, source}]`, in the order of the text.
    pub citations: Vec<Json>,
}

/// The best sentences, in the order of the passages.
#[must_use]
pub fn answer(question: &str, passages: &[Passage], count_max: usize) -> Answer {
    let sentences: Vec<(usize, String)> = passages
        .iter()
        .enumerate()
        .flat_map(|(place, passage)| words::sentences(&passage.text).into_iter().map(move |sentence| (place, sentence)))
        .filter(|(_, sentence)| sentence.split_whitespace().count() >= 4)
        .collect();
    let terms: Vec<Vec<String>> = sentences.iter().map(|(_, sentence)| words::telling(sentence)).collect();
    let scores = scores(question, &sentences, &terms);
    let mut order: Vec<usize> = (0..sentences.len()).filter(|place| scores[*place] > 0.0).collect();
    order.sort_by(|one, other| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other)));
    let best = order.first().map_or(0.0, |place| scores[*place]);
    let mut chosen: Vec<usize> = Vec::new();
    for place in order {
        let repeats = chosen.iter().any(|other| overlap(&terms[*other], &terms[place]) > 0.7);
        if chosen.len() < count_max && scores[place] >= SHARE_MIN * best && !repeats {
            chosen.push(place);
        }
    }
    chosen.sort_unstable();
    let mut answer = Answer::default();
    for place in chosen {
        let (from, sentence) = &sentences[place];
        let passage = &passages[*from];
        if !answer.text.is_empty() {
            answer.text.push('\n');
        }
        answer.text.push_str(&format!("{sentence} [{}]", passage.id));
        let citation = json!({ "id": passage.id, "source": passage.source });
        if !answer.citations.contains(&citation) {
            answer.citations.push(citation);
        }
    }
    answer
}

fn scores(question: &str, sentences: &[(usize, String)], terms: &[Vec<String>]) -> Vec<f64> {
    let asked = words::telling_set(question);
    let count = sentences.len() as f64;
    let mean = terms.iter().map(Vec::len).sum::<usize>() as f64 / count.max(1.0);
    let mut having: BTreeMap<&str, f64> = BTreeMap::new();
    for word in &asked {
        let number = terms.iter().filter(|terms| terms.contains(word)).count() as f64;
        having.insert(word, ((count - number + 0.5) / (number + 0.5) + 1.0).ln());
    }
    let score = |((place, _), terms): (&(usize, String), &Vec<String>)| {
        let length = terms.len() as f64;
        let of_word = |(word, idf): (&&str, &f64)| {
            let often = terms.iter().filter(|term| term == word).count() as f64;
            idf * often * (K1 + 1.0) / (often + K1 * (1.0 - B + B * length / mean.max(1.0)))
        };
        having.iter().map(of_word).sum::<f64>() * RANK_DECAY.powi(i32::try_from(*place).unwrap_or(i32::MAX))
    };
    sentences.iter().zip(terms).map(score).collect()
}

fn overlap(one: &[String], other: &[String]) -> f64 {
    let shared = other.iter().filter(|word| one.contains(word)).count() as f64;
    shared / other.len().max(1) as f64
}
