//! Documents into passages: blocks of one section, with their headings and lines.

use std::path::Path;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use scraper::{Html, Node};

/// A passage ends with the block that takes it beyond this many bytes.
const SIZE_WANTED: usize = 900;
/// A block longer than this is cut; nobody cites a page as one sentence.
const SIZE_MAX: usize = 4_000;

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
        Format::Html => html(text, &mut gather),
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
    let mut at = 0;
    for paragraph in text.split("\n\n") {
        gather.block(&paragraph.split_whitespace().collect::<Vec<_>>().join(" "), at, at + paragraph.len());
        at += paragraph.len() + 2;
    }
}

/// Elements whose text is one block.
const BLOCKS: [&str; 10] = ["p", "li", "pre", "td", "th", "dt", "dd", "blockquote", "figcaption", "caption"];
const SILENT: [&str; 5] = ["script", "style", "nav", "template", "noscript"];

fn html(text: &str, gather: &mut Gather) {
    let tree = Html::parse_document(text);
    let mut at = 0;
    for node in tree.tree.root().descendants() {
        let Node::Element(element) = node.value() else { continue };
        let name = element.name();
        let level = name.strip_prefix('h').and_then(|level| level.parse::<usize>().ok()).filter(|level| *level <= 6);
        let inner = BLOCKS.contains(&name)
            && node
                .descendants()
                .skip(1)
                .any(|below| matches!(below.value(), Node::Element(e) if BLOCKS.contains(&e.name())));
        let silent =
            node.ancestors().any(|above| matches!(above.value(), Node::Element(e) if SILENT.contains(&e.name())));
        if silent || inner || (level.is_none() && !BLOCKS.contains(&name)) {
            continue;
        }
        let pieces: Vec<&str> =
            node.descendants().filter_map(|below| below.value().as_text().map(|text| &**text)).collect();
        let block = pieces.concat().split_whitespace().collect::<Vec<_>>().join(" ");
        // The parser keeps no places: the block's first words are looked for from the last place on.
        let begin = pieces.iter().map(|piece| piece.trim()).find(|piece| !piece.is_empty());
        let begin = begin.and_then(|piece| text[at..].find(piece)).map_or(at, |found| at + found);
        at = begin;
        match level {
            Some(level) => gather.heading(level, &block),
            None => gather.block(&block, begin, begin + 1),
        }
    }
}

/// Where each line begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn line(&self, at: usize) -> u32 {
        u32::try_from(self.0.partition_point(|begin| *begin <= at)).unwrap_or(u32::MAX)
    }
}

struct Gather {
    lines: Lines,
    headings: Vec<(usize, String)>,
    done: Vec<Passage>,
    open: Option<Passage>,
}

impl Gather {
    fn heading(&mut self, level: usize, text: &str) {
        self.close();
        self.headings.retain(|(of, _)| *of < level);
        self.headings.push((level, text.to_owned()));
    }

    fn block(&mut self, text: &str, begin: usize, end: usize) {
        if text.is_empty() {
            return;
        }
        let text = &text[..text.floor_char_boundary(SIZE_MAX)];
        let (first_line, last_line) = (self.lines.line(begin), self.lines.line(end.saturating_sub(1).max(begin)));
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
