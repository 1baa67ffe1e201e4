//! Questions into queries, rows into passages with a score that means something.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::params;
use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::index::{Index, IndexError};

/// Words of a question that are looked for; more are dropped.
const WORDS_MAX: usize = 64;

/// Words that stand in every text and tell nothing apart.
const STOP: [&str; 60] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "could", "did", "do", "does", "for", "from", "had",
    "has", "have", "how", "i", "if", "in", "is", "it", "its", "me", "my", "of", "on", "or", "our", "please", "should",
    "so", "tell", "than", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "we", "were",
    "what", "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
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
    /// 0 to 1: the share of the question's words that it has, rarer words counting more.
    pub score: f64,
}

/// What a search gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// The passages, best first.
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
        let words = words(question);
        if words.is_empty() {
            return Ok(Results { documents: Vec::new(), best_score: 0.0 });
        }
        let db = self.db();
        let total: f64 = db.query_row("SELECT count(*) FROM passages", [], |row| row.get(0))?;
        // For each word the passages that have it: how rare it is, and who has it, from one look-up.
        let mut having: Vec<(f64, BTreeSet<i64>)> = Vec::with_capacity(words.len());
        for word in &words {
            let mut statement = db.prepare_cached("SELECT rowid FROM words WHERE words MATCH ?1 LIMIT 100000")?;
            let rows = statement.query_map(params![quoted(word)], |row| row.get::<_, i64>(0))?;
            let rows: BTreeSet<i64> = rows.collect::<Result<_, _>>()?;
            having.push((((total + 1.0) / (rows.len() as f64 + 0.5)).ln().max(0.05), rows));
        }
        let weight: f64 = having.iter().map(|(weight, _)| weight).sum();
        let score =
            |id: i64| having.iter().filter(|(_, rows)| rows.contains(&id)).map(|(w, _)| w).sum::<f64>() / weight;
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
                score: (score(row.get(0)?) * 1_000.0).round() / 1_000.0,
            })
        })?;
        let mut documents: Vec<Found> = rows.collect::<Result<_, _>>()?;
        for (place, found) in documents.iter_mut().enumerate() {
            found.id = format!("p{}", place + 1);
        }
        let best_score = documents.iter().map(|found| found.score).fold(0.0, f64::max);
        Ok(Results { documents, best_score })
    }
}

/// The words of a question that tell texts apart; all of them if it has no others.
fn words(question: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all = question.unicode_words().map(str::to_lowercase).filter(|word| seen.insert(word.clone()));
    let all: Vec<String> = all.take(WORDS_MAX).collect();
    let telling: Vec<String> = all.iter().filter(|word| !STOP.contains(&word.as_str())).cloned().collect();
    if telling.is_empty() { all } else { telling }
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
