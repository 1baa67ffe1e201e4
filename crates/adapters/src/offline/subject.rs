//! What a prompt is about, found out once however many values of a schema want to know it.

use std::cell::OnceCell;

use serde_json::Value as Json;

use super::lexicon::Judged;
use super::prompt::Asked;
use super::{answer, language, moderation};

/// A prompt and what was found out about it.
pub(super) struct Subject<'a> {
    pub(super) asked: &'a Asked,
    judged: OnceCell<Judged>,
    moderated: OnceCell<Json>,
    quality: OnceCell<f64>,
    language: OnceCell<&'static str>,
    missing: OnceCell<String>,
    answer: OnceCell<String>,
}

impl<'a> Subject<'a> {
    pub(super) const fn new(asked: &'a Asked) -> Self {
        Self {
            asked,
            judged: OnceCell::new(),
            moderated: OnceCell::new(),
            quality: OnceCell::new(),
            language: OnceCell::new(),
            missing: OnceCell::new(),
            answer: OnceCell::new(),
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.asked.subject()
    }

    pub(super) fn judged(&self) -> &Judged {
        self.judged.get_or_init(|| Judged::of(self.text()))
    }

    pub(super) fn moderated(&self) -> &Json {
        self.moderated.get_or_init(|| moderation::moderate(self.text()))
    }

    /// 0 to 1: how much of the question the text covers.
    pub(super) fn quality(&self) -> f64 {
        *self.quality.get_or_init(|| answer::quality(self.asked))
    }

    pub(super) fn language(&self) -> &'static str {
        self.language.get_or_init(|| language::of(self.text()))
    }

    /// What the text does not say of what was asked.
    pub(super) fn missing(&self) -> &str {
        self.missing.get_or_init(|| match answer::missing(self.asked).as_slice() {
            [] => "nothing is missing".to_owned(),
            missing => format!("says nothing about: {}", missing.join(", ")),
        })
    }

    /// What the passages answer.
    pub(super) fn answer(&self) -> &str {
        self.answer.get_or_init(|| answer::answer(self.asked).text)
    }

    /// The text for a field of this name.
    pub(super) fn field(&self, name: &str) -> &str {
        match name {
            "notes" | "feedback" | "reason" => self.missing(),
            "language" => self.language(),
            // What to look for is what was asked, not what is known already.
            "query" | "question" | "q" => &self.asked.question,
            _ if self.asked.passages.is_empty() => self.text(),
            _ => self.answer(),
        }
    }
}
