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
    /// Comparisons of words that are left.
    comparisons: usize,
}

/// More are not of use to anybody.
const COUNT_MAX: usize = 100;
/// Bytes of a message or a help; the rest of a hostile name is left out.
const TEXT_MAX: usize = 2_000;
/// Words that a document's suggestions are sought among: did-you-mean over thousands of names, a thousand times, would be a way to
/// keep a machine busy.
const COMPARISONS_MAX: usize = 20_000;
/// Known words that a help lists.
const LISTED_MAX: usize = 50;

impl Diagnostics {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), found: Vec::new(), comparisons: COMPARISONS_MAX }
    }

    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: &Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        let (message, help) = (shortened(message), help.map(shortened));
        if self.is_full() || self.found.iter().any(|known| known.span == *span && known.message == message) {
            return;
        }
        self.found.push(Diagnostic { code, severity, message, help, span: span.clone(), line: 1, column: 1 });
    }

    /// True if what is found from now on is not kept.
    pub(crate) const fn is_full(&self) -> bool {
        self.found.len() >= COUNT_MAX
    }

    /// A help for a word that is not known: the nearest that is, or what there is.
    pub(crate) fn suggestion(&mut self, word: &str, known: &[&str], what: &str) -> String {
        let affordable = known.len() <= self.comparisons;
        self.comparisons = self.comparisons.saturating_sub(known.len());
        match nearest(word, known.iter().copied().filter(|_| affordable)) {
            Some(best) => format!("did you mean `{best}`?"),
            None if known.len() <= LISTED_MAX => format!("{what}: {}", known.join(", ")),
            None => format!("{what}: {} and {} more", known[..LISTED_MAX].join(", "), known.len() - LISTED_MAX),
        }
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

    /// In the order of the text, each with its line and column.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.severity));
        let (mut line, mut line_start, mut seen) = (1, 0, 0);
        for diagnostic in &mut self.found {
            let at = self.text.floor_char_boundary(diagnostic.span.start.min(self.text.len()));
            let between = &self.text[seen..at];
            line += between.matches('\n').count();
            line_start = between.rfind('\n').map_or(line_start, |newline| seen + newline + 1);
            seen = at;
            diagnostic.line = line;
            diagnostic.column = self.text[line_start..at].chars().count() + 1;
        }
        self.found
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        text.truncate(text.floor_char_boundary(TEXT_MAX));
        text.push('…');
    }
    text
}

/// Bytes of a word that is compared: no name is longer, and a hostile word may be.
const COMPARED_MAX: usize = 256;

/// The best candidate for a word that is not known, if one is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > COMPARED_MAX {
        return None;
    }
    let count = word.chars().count();
    let bound = 1 + count / 3;
    let is_prefix = |known: &str| word.len() >= 3 && (known.starts_with(word) || word.starts_with(known));
    // Two words differ at least as much as their lengths do.
    let could_be = |known: &&str| is_prefix(known) || known.chars().count().abs_diff(count) <= bound;
    let scored = known.into_iter().filter(could_be).map(|known| (strsim::damerau_levenshtein(word, known), known));
    let (distance, best) = scored.min()?;
    (distance <= bound || is_prefix(best)).then_some(best)
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
