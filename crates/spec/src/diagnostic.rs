//! What is wrong with a document: where, what, and how to mend it.

use std::fmt;
use std::ops::Range;

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The document is wrong.
    Error,
    /// The document is right, but this release does not run this word yet.
    NotYet,
    /// It runs, but probably not as meant.
    Warning,
}

/// One thing to say about a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable, for machines: `unknown_key`, `cycle`, ….
    pub code: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The bytes it is about.
    pub span: Range<usize>,
    /// The line of its first byte, from 1.
    pub line: usize,
    /// The column of its first byte, in characters, from 1.
    pub column: usize,
}

/// Diagnostics under way.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    text: String,
    found: Vec<Diagnostic>,
}

/// More are not of use to anybody.
const COUNT_MAX: usize = 100;

impl Diagnostics {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), found: Vec::new() }
    }

    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: &Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        if self.found.len() >= COUNT_MAX
            || self.found.iter().any(|known| known.span == *span && known.message == message)
        {
            return;
        }
        let (line, column) = place(&self.text, span.start);
        self.found.push(Diagnostic { code, severity, message, help, span: span.clone(), line, column });
    }

    pub(crate) fn error(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = help.into();
        self.add(Severity::Error, code, span, message.into(), Some(help).filter(|help| !help.is_empty()));
    }

    pub(crate) fn not_yet(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let help = help.into();
        self.add(Severity::NotYet, "not_yet", span, message.into(), Some(help).filter(|help| !help.is_empty()));
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// In the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.severity));
        self.found
    }
}

/// Line and column, from 1, of a byte.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at.min(text.len()))];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The best candidate for a word that is not known, if one is near.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    let (distance, best) = scored.min()?;
    let near = distance <= 1 + word.chars().count() / 3;
    let prefix = word.len() >= 3 && (best.starts_with(word) || word.starts_with(best));
    (near || prefix).then_some(best)
}

/// All diagnostics of a document, for rendering with snippets.
#[derive(Debug, thiserror::Error)]
pub struct Report {
    /// The document's name.
    pub name: String,
    /// What there is to say.
    pub diagnostics: Vec<Located>,
}

/// A diagnostic that carries its source, as miette wants it.
#[derive(Debug, thiserror::Error)]
#[error("{}", .diagnostic.message)]
pub struct Located {
    diagnostic: Diagnostic,
    source_code: miette::NamedSource<String>,
}

impl Report {
    /// A report over a document.
    #[must_use]
    pub fn new(name: &str, text: &str, diagnostics: Vec<Diagnostic>) -> Self {
        let source = miette::NamedSource::new(name, text.to_owned());
        let located = |diagnostic| Located { diagnostic, source_code: source.clone() };
        Self { name: name.to_owned(), diagnostics: diagnostics.into_iter().map(located).collect() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} says {} things", self.name, self.diagnostics.len())
    }
}

impl miette::Diagnostic for Located {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::NotYet | Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let span = self.diagnostic.span.start..self.diagnostic.span.end.max(self.diagnostic.span.start + 1);
        Some(Box::new(std::iter::once(miette::LabeledSpan::underline(span))))
    }
}
