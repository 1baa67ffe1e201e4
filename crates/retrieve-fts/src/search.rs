//! Questions into queries, rows into passages with a score that means something.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, params};
use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::index::{Index, IndexError};

/// Words of a question that are looked for; more are dropped.
const WORDS_MAX: usize = 64;
/// A word that every passage has still counts this much.
const RARITY_MIN: f64 = 0.02;

/// Words of questions that stand in every text and tell nothing apart, in the languages that most questions come in.
const STOP: [&str; 4] = [
    "a about am an and any are as at be been but by can could did do does doesn't don't for from get had has have how i i'm if in \
     into is isn't it its just me my need not of on or our please shall should so some tell than that the their then there these \
     they this those to up us use was we were what what's when where which while who whom whose why will with would you your",
    "als am an auch auf aus bei beim bin bis bitte da das dass dem den der des dich die dir du durch ein eine einem einen einer \
     eines er es für gibt hat habe haben ich ihr im in ist kann können könnte man mein meine meinem meinen meiner mich mir mit muss \
     nach nicht oder sein sich sie sind so und uns vom von wann warum was welche welcher welches wenn wer wie wir wird wo zu zum zur",
    "au aux avec ce ces cette comment combien dans de des du elle en est et il ils je la le les leur ma mes mon ne nous on ou où \
     par pas peut peux pour pourquoi quand que quel quelle quelles quels qui quoi sa se ses si son sont sur un une vous y",
    "al como cómo con cual cuál cuales cuando cuándo cuánto de del dónde el ella en es esta está este hay la las lo los me mi mis \
     no para pero por puede puedo que qué quién se si sin sobre son su sus un una y yo",
];

/// A passage that matches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// Its place among the results, `p1` first; what an answer cites.
    pub id: String,
    /// Its text.
    pub text: String,
    /// The headings it stands under.
    pub heading: String,
    /// File and lines, as editors open them: `docs/durability.md:12-20`.
    pub source: String,
    /// The file, relative to the current folder where it lies below it.
    pub file: String,
    /// Its first line.
    pub first_line: u32,
    /// Its last line.
    pub last_line: u32,
    /// 0 to 1: how sure it is that the passage is about the question, see [`Scale`].
    pub score: f64,
}

/// What a search gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// The passages, the highest score first; among equals the one that the database finds best.
    pub documents: Vec<Found>,
    /// The score of the best; 0 without any.
    pub best_score: f64,
}

impl Index {
    /// The passages that match a question best.
    ///
    /// # Errors
    ///
    /// If the database fails. No question is a syntax error: its words are looked for, whatever else it holds.
    pub fn search(&self, question: &str, count_max: u32) -> Result<Results, IndexError> {
        let (words, telling) = words(question);
        if words.is_empty() {
            return Ok(Results { documents: Vec::new(), best_score: 0.0 });
        }
        let db = self.db();
        let total: f64 = db.query_row("SELECT count(*) FROM passages", [], |row| row.get(0))?;
        let scale = if telling { Scale::of(&db, &words, total)? } else { Scale { having: Vec::new() } };
        let query = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" OR ");
        let mut statement = db.prepare_cached(
            "SELECT passages.id, text, heading, file, first_line, last_line
             FROM words JOIN passages ON passages.id = words.rowid
             WHERE words MATCH ?1 ORDER BY bm25(words, 2.0, 1.0), passages.id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![query, count_max], |row| {
            let (file, first_line, last_line) = (shown(&row.get::<_, String>(3)?), row.get(4)?, row.get(5)?);
            Ok(Found {
                id: String::new(),
                text: row.get(1)?,
                heading: row.get(2)?,
                source: format!("{file}:{first_line}-{last_line}"),
                file,
                first_line,
                last_line,
                score: (scale.score(row.get(0)?) * 1_000.0).round() / 1_000.0,
            })
        })?;
        let mut documents: Vec<Found> = rows.collect::<Result<_, _>>()?;
        // The database ranks by more than the score says: among the best of it the surest comes first.
        documents.sort_by(|one, other| other.score.total_cmp(&one.score));
        for (place, found) in documents.iter_mut().enumerate() {
            found.id = format!("p{}", place + 1);
        }
        let best_score = documents.first().map_or(0.0, |best| best.score);
        Ok(Results { documents, best_score })
    }
}

/// What makes a score: coverage times evidence.
///
/// *Coverage* is the share of the question's words that a passage has, rare words counting more. *Evidence* is `1 - 2^-k`, where `k`
/// counts the words that it has: a word that no other passage has as one, a word that is everywhere as almost nothing. So a single
/// word gives 0.5 at most, however well it fits; 0.9 takes four rare words, and no word of the question missing.
/// A question of words that are in every text scores 0.
struct Scale {
    /// For each word how rare it is, 0 to 1, and the passages that have it.
    having: Vec<(f64, BTreeSet<i64>)>,
}

impl Scale {
    fn of(db: &Connection, words: &[String], total: f64) -> Result<Self, IndexError> {
        let mut having = Vec::with_capacity(words.len());
        for word in words {
            let mut statement = db.prepare_cached("SELECT rowid FROM words WHERE words MATCH ?1 LIMIT 100000")?;
            let rows = statement.query_map(params![quoted(word)], |row| row.get::<_, i64>(0))?;
            let rows: BTreeSet<i64> = rows.collect::<Result<_, _>>()?;
            let rarity = ((total + 1.0) / (rows.len() as f64 + 0.5)).ln() / ((total + 1.0) / 1.5).ln();
            having.push((rarity.clamp(RARITY_MIN, 1.0), rows));
        }
        Ok(Self { having })
    }

    fn score(&self, passage: i64) -> f64 {
        let whole: f64 = self.having.iter().map(|(rarity, _)| rarity).sum();
        let has: f64 = self.having.iter().filter(|(_, rows)| rows.contains(&passage)).map(|(rarity, _)| rarity).sum();
        if whole > 0.0 { has / whole * (1.0 - (-has).exp2()) } else { 0.0 }
    }
}

/// The words of a question that tell texts apart, and true; all of them and false if it has none.
fn words(question: &str) -> (Vec<String>, bool) {
    let mut seen = BTreeSet::new();
    let all = question.unicode_words().map(str::to_lowercase).filter(|word| seen.insert(word.clone()));
    let all: Vec<String> = all.take(WORDS_MAX).collect();
    let telling: Vec<String> = all.iter().filter(|word| !is_stop(word)).cloned().collect();
    if telling.is_empty() { (all, false) } else { (telling, true) }
}

fn is_stop(word: &str) -> bool {
    STOP.iter().any(|list| list.split_whitespace().any(|stop| stop == word))
}

/// A word as an FTS5 string: nothing in it is syntax.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}

fn shown(path: &str) -> String {
    let below = std::env::current_dir().ok().and_then(|here| {
        Path::new(path).strip_prefix(here.canonicalize().ok()?).ok().map(|below| below.display().to_string())
    });
    below.unwrap_or_else(|| path.to_owned())
}
