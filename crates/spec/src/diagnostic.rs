//! What is wrong with a document: where, what, and how to mend it.

mod others;
mod position;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::scalar::Scalar;
use crate::tree::Node;
use position::Position;

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

impl Severity {
    /// The word for machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::NotYet => "not_yet",
            Self::Warning => "warning",
        }
    }
}

/// One thing to say about a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable, for machines: `unknown_key`, `cycle`, ….
    pub code: Cow<'static, str>,
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The file it is about, if that is not the document itself but one that it names.
    pub file: Option<Arc<File>>,
    /// The bytes it is about.
    pub span: Range<usize>,
    /// The line of its first byte, from 1.
    pub line: usize,
    /// The column of its first byte, in characters, from 1.
    pub column: usize,
}

impl Diagnostic {
    /// Puts another file in the place of each; diagnostics of one file share what came of it, as [`Report::new`] expects.
    pub fn map_files(all: &mut [Self], map: impl Fn(&File) -> File) {
        // A file's come one after the other.
        let mut last: Option<(Arc<File>, Arc<File>)> = None;
        for file in all.iter_mut().filter_map(|one| one.file.as_mut()) {
            let mapped = match &last {
                Some((same, mapped)) if Arc::ptr_eq(same, file) => Arc::clone(mapped),
                _ => Arc::new(map(file)),
            };
            last = Some((std::mem::replace(file, Arc::clone(&mapped)), mapped));
        }
    }

    /// As JSON for machines; `offset` and `length` count bytes of the text that `file` names, or of the document itself.
    #[must_use]
    pub fn json(&self) -> Json {
        json!({
            "code": self.code, "severity": self.severity.word(), "message": self.message, "help": self.help,
            "file": self.file.as_ref().map(|file| &file.path), "line": self.line, "column": self.column,
            "offset": self.span.start, "length": self.span.len(),
        })
    }

    /// As a server told it of the text that it was sent; what is missing is empty.
    #[must_use]
    pub fn from_json(told: &Json) -> Self {
        let text = |key: &str| told[key].as_str().map(str::to_owned);
        let number = |key: &str| told[key].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
        let severities = [Severity::NotYet, Severity::Warning];
        let severity = severities.into_iter().find(|one| told["severity"] == one.word()).unwrap_or(Severity::Error);
        Self {
            code: text("code").unwrap_or_default().into(),
            severity,
            message: text("message").unwrap_or_default(),
            help: text("help"),
            file: None,
            span: number("offset")..number("offset").saturating_add(number("length")),
            line: number("line"),
            column: number("column"),
        }
    }
}

/// A file that a document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, as the document has it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Diagnostics under way.
///
/// Spans count through the document and then through the files that it names, one after the other.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    text: String,
    found: Vec<Diagnostic>,
    /// How many of each severity.
    kept: [usize; 3],
    /// The files by the first byte of where the document names them.
    files: BTreeMap<usize, Mention>,
    files_end: usize,
    /// What is said of other documents, with the first byte of where this one names them.
    of_others: Vec<(usize, Diagnostic)>,
    /// Comparisons of words that are left.
    comparisons: usize,
}

/// A file that a document names.
#[derive(Debug)]
struct Mention {
    place: Range<usize>,
    /// The number of its first byte.
    first: usize,
    file: Arc<File>,
}

/// Diagnostics of each severity, counted on their own: warnings and words that are not run yet must not crowd out an error. All errors
/// of a document are told at once, unless hardly anything of it is right.
const KEPT_MAX: [usize; 3] = [1_000, 100, 50];
/// Bytes of a message or a help; the rest of a hostile name is left out.
const TEXT_MAX: usize = 2_000;
/// Words that a document's suggestions are sought among: thousands of names, a thousand times, would keep a machine busy.
const COMPARISONS_MAX: usize = 20_000;
/// Known words that a help lists.
const LISTED_MAX: usize = 50;

impl Diagnostics {
    pub(crate) fn new(text: &str) -> Self {
        let (text, files_end) = (text.to_owned(), text.len() + 1);
        Self {
            text,
            found: Vec::new(),
            kept: [0; 3],
            files: BTreeMap::new(),
            files_end,
            of_others: Vec::new(),
            comparisons: COMPARISONS_MAX,
        }
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
        if self.is_full_of(severity) || self.found.iter().any(|known| known.span == *span && known.message == message) {
            return;
        }
        // What lies behind the document lies in a file.
        let end = if span.start > self.text.len() { self.files_end } else { self.text.len() };
        let span = span.start.min(end)..span.end.min(end);
        self.kept[severity as usize] += 1;
        let code = Cow::Borrowed(code);
        self.found.push(Diagnostic { code, severity, message, help, file: None, span, line: 1, column: 1 });
    }

    /// From now on the text of the node that stands there is the file's.
    pub(crate) fn add_file(&mut self, place: &Range<usize>, path: String, text: String) {
        let first = self.files_end;
        self.files_end += text.len() + 1;
        let mention = Mention { place: place.clone(), first, file: Arc::new(File { path, text }) };
        self.files.insert(place.start, mention);
    }

    /// The files, and where the document names them, in its order.
    pub(crate) fn files(&self) -> impl DoubleEndedIterator<Item = (&Range<usize>, &File)> {
        self.files.values().map(|mention| (&mention.place, &*mention.file))
    }

    /// Where the parts of a node's text stand.
    pub(crate) fn parts(&self, node: &Node) -> Parts {
        let whole = node.span.clone();
        if let Some(mention) = self.files.get(&whole.start).filter(|_| !whole.is_empty()) {
            return Parts::File(mention.first);
        }
        let raw = self.text.get(whole.clone()).filter(|raw| !raw.is_empty());
        let scalar = raw.zip(node.text()).and_then(|(raw, text)| Scalar::new(raw, whole.start, text));
        scalar.map_or(Parts::Unknown(whole), Parts::Scalar)
    }

    /// True if what is found wrong from now on is not kept.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full_of(Severity::Error)
    }

    /// One more than is told is kept: there are more then.
    const fn is_full_of(&self, severity: Severity) -> bool {
        self.kept[severity as usize] > KEPT_MAX[severity as usize]
    }

    /// Takes out what is one too many; true if there was such.
    fn cut(&mut self) -> bool {
        let found = self.found.len();
        for severity in [Severity::Error, Severity::NotYet, Severity::Warning] {
            if self.is_full_of(severity)
                && let Some(last) = self.found.iter().rposition(|one| one.severity == severity)
            {
                self.found.remove(last);
            }
        }
        self.found.len() < found
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

    pub(crate) fn has_any(&self, codes: &[&str]) -> bool {
        self.found.iter().any(|diagnostic| codes.contains(&&*diagnostic.code))
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.kept[Severity::Error as usize] > 0
    }

    /// True as long as there is room for more.
    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> bool {
        self.add(Severity::Warning, code, span, message.into(), Some(help.into()));
        !self.is_full_of(Severity::Warning)
    }

    /// In the order of the text, each with its line and column; and whether there are more. A file's come where the document names it.
    pub(crate) fn finish(mut self) -> (Vec<Diagnostic>, bool) {
        let more = self.cut();
        let mut found: Vec<(usize, Diagnostic)> = Vec::with_capacity(self.found.len());
        for mut diagnostic in std::mem::take(&mut self.found) {
            let at = self.to_file(&mut diagnostic).unwrap_or(diagnostic.span.start);
            found.push((at, diagnostic));
        }
        found.sort_by_key(|(at, diagnostic)| (*at, diagnostic.span.start, diagnostic.severity));
        let mut of_document = Position::new(&self.text);
        for (_, diagnostic) in found.iter_mut().filter(|(_, diagnostic)| diagnostic.file.is_none()) {
            of_document.go_to(diagnostic);
        }
        for Mention { file, .. } in self.files.values() {
            let mut of_file = Position::new(&file.text);
            let is_here = |one: &Diagnostic| one.file.as_ref().is_some_and(|other| Arc::ptr_eq(other, file));
            found.iter_mut().filter(|(_, one)| is_here(one)).for_each(|(_, one)| of_file.go_to(one));
        }
        found.append(&mut self.of_others);
        found.sort_by_key(|(at, _)| *at);
        (found.into_iter().map(|(_, diagnostic)| diagnostic).collect(), more)
    }

    /// Counts a span behind the document within its file; gives where the document names that.
    fn to_file(&self, diagnostic: &mut Diagnostic) -> Option<usize> {
        if diagnostic.span.start <= self.text.len() {
            return None;
        }
        let before = self.files.values().filter(|mention| mention.first <= diagnostic.span.start);
        let Mention { place, first, file } = before.max_by_key(|mention| mention.first)?;
        diagnostic.span = diagnostic.span.start - first..diagnostic.span.end - first;
        diagnostic.file = Some(Arc::clone(file));
        Some(place.start)
    }
}

/// Where the parts of a text stand, in the numbers of [`Diagnostics`].
#[derive(Debug)]
pub(crate) enum Parts {
    /// In a file, from this byte on.
    File(usize),
    /// In the document, however it is written there.
    Scalar(Scalar),
    /// Somewhere in here.
    Unknown(Range<usize>),
}

impl Parts {
    pub(crate) fn place(&self, part: &Range<usize>) -> Range<usize> {
        match self {
            Self::File(first) => first + part.start..first + part.end,
            Self::Scalar(scalar) => scalar.place(part).unwrap_or(0..0),
            Self::Unknown(whole) => whole.clone(),
        }
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
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > COMPARED_MAX {
        return None;
    }
    let count = word.chars().count();
    // Of one letter every other is as near.
    let bound = if count < 2 { 0 } else { 1 + count / 3 };
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
    source_code: Excerpts,
}

/// A document of which a terminal shows lines, and of long ones a part.
#[derive(Clone, Debug)]
struct Excerpts {
    name: Arc<str>,
    text: Arc<str>,
    /// The first byte of each line: nothing is read from the beginning for each of a thousand places.
    lines: Arc<[usize]>,
}

/// Bytes of a snippet that are shown whole.
const SNIPPET_MAX: usize = 2_000;
/// Bytes on each side of a place in a longer one.
const AROUND: usize = 60;

impl Excerpts {
    fn new(name: &str, text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.into(), text: text.into(), lines }
    }

    /// The line of a byte, from 0.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).saturating_sub(1)
    }
}

impl miette::SourceCode for Excerpts {
    fn read_span<'a>(
        &'a self,
        span: &miette::SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        let last = self.line(span.offset() + span.len().saturating_sub(1)) + after + 1;
        let mut line = self.line(span.offset()).saturating_sub(before);
        let (mut start, mut end) = (self.lines[line], self.lines.get(last).copied().unwrap_or(self.text.len()));
        let mut column = 0;
        if end - start > SNIPPET_MAX {
            start = self.text.floor_char_boundary(span.offset().saturating_sub(AROUND).max(start));
            end = self.text.ceil_char_boundary((span.offset() + AROUND).min(end));
            line = self.line(start);
            column = start - self.lines[line];
        }
        let around = self.text.get(start..end).ok_or(miette::MietteError::OutOfBounds)?;
        let contents = around.read_span(&(span.offset().saturating_sub(start), span.len()).into(), before, after)?;
        let bytes: miette::SourceSpan = (start + contents.span().offset(), contents.span().len()).into();
        column = contents.column() + if contents.line() == 0 { column } else { 0 };
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.name.to_string(),
            &self.text.as_bytes()[bytes.offset()..bytes.offset() + bytes.len()],
            bytes,
            line + contents.line(),
            column,
            contents.line_count(),
        )))
    }
}

impl Report {
    /// A report over a document.
    #[must_use]
    pub fn new(name: &str, text: &str, diagnostics: Vec<Diagnostic>) -> Self {
        let source = Excerpts::new(name, text);
        // A file's come one after the other.
        let mut last: Option<(Arc<File>, Excerpts)> = None;
        let mut located = |diagnostic: Diagnostic| {
            let source_code = match (&diagnostic.file, &last) {
                (None, _) => source.clone(),
                (Some(file), Some((same, excerpts))) if Arc::ptr_eq(file, same) => excerpts.clone(),
                (Some(file), _) => last.insert((Arc::clone(file), Excerpts::new(&file.path, &file.text))).1.clone(),
            };
            Located { diagnostic, source_code }
        };
        Self { name: name.to_owned(), diagnostics: diagnostics.into_iter().map(&mut located).collect() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} says {} things", self.name, self.diagnostics.len())
    }
}

impl miette::Diagnostic for Located {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error | Severity::NotYet => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        // A long value is marked where it begins.
        let Range { start, end } = self.diagnostic.span;
        let span = start..end.clamp(start + 1, start + AROUND);
        Some(Box::new(std::iter::once(miette::LabeledSpan::underline(span))))
    }
}
