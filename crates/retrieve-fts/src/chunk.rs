//! Documents into passages: blocks of one section, with their headings and lines.

use std::ops::Range;
use std::path::Path;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::html;

/// A passage ends with the block that takes it beyond this many bytes.
const SIZE_WANTED: usize = 900;
/// A block longer than this becomes several; nobody cites a page as one sentence.
const SIZE_MAX: usize = 4_000;

/// Bytes of a heading that every passage under it repeats.
const HEADING_MAX: usize = 300;

/// Around code, so that a reader can tell it from prose.
const FENCE: &str = "```";

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CommonMark.
    Markdown,
    /// Paragraphs between empty lines.
    Text,
    /// HTML.
    Html,
}

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The headings it stands under, outermost first, joined by ` › `.
    pub heading: String,
    /// Its text, without markup.
    pub text: String,
    /// Its first line, counted from 1.
    pub first_line: u32,
    /// Its last line.
    pub last_line: u32,
}

impl Format {
    /// The format of a file by its ending; `None` if it is not one that is indexed.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Some(Self::Markdown),
            "txt" | "rst" | "adoc" => Some(Self::Text),
            "html" | "htm" | "xhtml" => Some(Self::Html),
            _ => None,
        }
    }
}

/// The passages of a document, in order.
#[must_use]
pub fn passages(format: Format, text: &str) -> Vec<Passage> {
    let mut gather = Gather { lines: Lines::of(text), headings: Vec::new(), done: Vec::new(), open: None };
    match format {
        Format::Markdown => markdown(text, &mut gather),
        Format::Text => plain(text, &mut gather),
        Format::Html => html::read(text, &mut gather),
    }
    gather.close();
    gather.done
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most events of the parser are markup that a passage drops")]
fn markdown(text: &str, gather: &mut Gather) {
    let mut block = String::new();
    let mut begin = 0;
    let mut end = 0;
    let mut level = None;
    let flush = |block: &mut String, gather: &mut Gather, begin: usize, end: usize| {
        gather.block(std::mem::take(block).trim(), begin, end);
    };
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level: of, .. }) => {
                flush(&mut block, gather, begin, end);
                level = Some(of);
            }
            Event::Start(Tag::CodeBlock(_)) => {
                flush(&mut block, gather, begin, end);
                begin = range.start;
                block.push_str(FENCE);
                block.push('\n');
            }
            Event::End(TagEnd::CodeBlock) => {
                end = range.end;
                block.truncate(block.trim_end().len());
                block.push('\n');
                block.push_str(FENCE);
                flush(&mut block, gather, begin, end);
            }
            Event::End(TagEnd::Heading(_)) => {
                gather.heading(level.take().map_or(1, depth), std::mem::take(&mut block).trim());
            }
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableRow | TagEnd::TableHead) => {
                end = range.end;
                flush(&mut block, gather, begin, end);
            }
            Event::End(TagEnd::TableCell) => block.push_str(" · "),
            Event::Text(piece) => {
                if block.is_empty() {
                    begin = range.start;
                }
                end = range.end;
                block.push_str(&piece);
            }
            Event::Code(piece) => {
                if block.is_empty() {
                    begin = range.start;
                }
                end = range.end;
                block.push_str(&format!("`{piece}`"));
            }
            Event::SoftBreak | Event::HardBreak => block.push(' '),
            _ => {}
        }
    }
    flush(&mut block, gather, begin, end);
}

const fn depth(level: HeadingLevel) -> usize {
    level as usize
}

fn plain(text: &str, gather: &mut Gather) {
    let (mut block, mut begin, mut end, mut at) = (String::new(), 0, 0, 0);
    for line in text.split_inclusive('\n') {
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() {
            gather.block(&std::mem::take(&mut block), begin, end);
        } else {
            if block.is_empty() {
                begin = at;
            } else {
                block.push(' ');
            }
            block.push_str(&words);
            end = at + line.len();
        }
        at += line.len();
    }
    gather.block(&block, begin, end);
}

/// Where each line begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// Where this line begins.
    fn begin(&self, line: u64) -> usize {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        self.0.get(index).or_else(|| self.0.last()).copied().unwrap_or_default()
    }

    fn line(&self, at: usize) -> u32 {
        u32::try_from(self.0.partition_point(|begin| *begin <= at)).unwrap_or(u32::MAX)
    }
}

/// Passages while their document is read.
pub(crate) struct Gather {
    lines: Lines,
    headings: Vec<(usize, String)>,
    done: Vec<Passage>,
    open: Option<Passage>,
}

impl Gather {
    /// A block between these lines, counted from 1.
    pub(crate) fn lines(&mut self, text: &str, first: u64, last: u64) {
        let (begin, end) = (self.lines.begin(first), self.lines.begin(last) + 1);
        self.block(text, begin, end);
    }

    pub(crate) fn heading(&mut self, level: usize, text: &str) {
        self.close();
        self.headings.retain(|(of, _)| *of < level);
        self.headings.push((level, text[..text.floor_char_boundary(HEADING_MAX)].to_owned()));
    }

    fn block(&mut self, text: &str, begin: usize, end: usize) {
        let code = text.strip_prefix(FENCE).and_then(|rest| rest.strip_suffix(FENCE));
        let body = code.unwrap_or(text);
        for piece in pieces(body) {
            // Where a piece of a block stands is told by its share: what was read is not what is written, byte for byte.
            let place = |at: usize| begin + (end - begin) * at / body.len();
            let (first, behind) = (place(piece.start), place(piece.end));
            let (first_line, last_line) =
                (self.lines.line(first), self.lines.line(behind.saturating_sub(1).max(first)));
            let piece = &body[piece];
            match code {
                Some(_) => {
                    self.piece(&format!("{FENCE}\n{}\n{FENCE}", piece.trim_matches('\n')), first_line, last_line)
                }
                None => self.piece(piece.trim(), first_line, last_line),
            }
        }
    }

    fn piece(&mut self, text: &str, first_line: u32, last_line: u32) {
        let heading = || self.headings.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" › ");
        let passage = match &mut self.open {
            Some(passage) => {
                passage.text.push('\n');
                passage
            }
            None => self.open.insert(Passage { heading: heading(), text: String::new(), first_line, last_line }),
        };
        passage.text.push_str(text);
        passage.last_line = last_line.max(passage.last_line);
        if passage.text.len() >= SIZE_WANTED {
            self.close();
        }
    }

    fn close(&mut self) {
        self.done.extend(self.open.take());
    }
}

/// A text in pieces of [`SIZE_MAX`] at most, cut at the end of a line, else of a word.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while !text[at..].trim().is_empty() {
        let rest = &text[at..];
        let mut size = rest.len();
        if size > SIZE_MAX {
            let most = &rest[..rest.floor_char_boundary(SIZE_MAX)];
            let cut = most.rfind('\n').or_else(|| most.rfind(' ')).filter(|cut| *cut > 0);
            size = cut.map_or(most.len(), |cut| cut + 1);
        }
        found.push(at..at + size);
        at += size;
    }
    found
}
