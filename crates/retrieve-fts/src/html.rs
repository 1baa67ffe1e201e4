//! HTML into blocks and headings, token by token: no tree is built, so that a page nested 100,000 deep costs what its bytes cost.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

use crate::chunk::Gather;

/// Elements inside a block; every other one begins and ends blocks.
const INLINE: [&str; 29] = [
    "a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img", "ins", "kbd",
    "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "u",
];
/// Elements whose text is for no reader.
const SILENT: [&str; 8] = ["head", "title", "script", "style", "nav", "svg", "template", "noscript"];
/// The place of `head` among them.
const IN_HEAD: usize = 0;
/// What stands in a head; anything else ends it, for its own end may be left out.
const HEAD: [&str; 10] =
    ["head", "title", "meta", "link", "base", "script", "style", "noscript", "template", "basefont"];

/// Reads a page.
pub(crate) fn read(text: &str, gather: &mut Gather) {
    let page = Page {
        gather,
        block: String::new(),
        has_words: false,
        first: 1,
        last: 1,
        silent: Vec::new(),
        silent_of: [0; SILENT.len()],
        heading: None,
    };
    let reader = Tokenizer::new(Reader(RefCell::new(page)), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(text));
    let _ended = reader.feed(&input);
    reader.end();
    reader.sink.0.into_inner().close();
}

struct Reader<'g>(RefCell<Page<'g>>);

/// What is being read.
struct Page<'g> {
    gather: &'g mut Gather,
    block: String,
    /// True if there is more in it than white space.
    has_words: bool,
    /// The lines of the block's text.
    first: u64,
    last: u64,
    /// Silent elements that are open, outermost first, by their place in [`SILENT`]; how many of each.
    silent: Vec<usize>,
    silent_of: [usize; SILENT.len()],
    heading: Option<usize>,
}

impl TokenSink for Reader<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => page.tag(&tag),
            Token::CharacterTokens(text) => {
                page.text(&text, line);
                TokenSinkResult::Continue
            }
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => TokenSinkResult::Continue,
        }
    }
}

impl Page<'_> {
    fn text(&mut self, text: &str, line: u64) {
        let has_words = !text.trim().is_empty();
        // Its end may be left out, and that of a body's beginning too.
        if has_words && self.silent.last() == Some(&IN_HEAD) {
            self.unsilence(self.silent.len() - 1);
        }
        if !self.silent.is_empty() {
            return;
        }
        if has_words {
            // The line is that of the text's end.
            let inside = |text: &str| text.matches('\n').count() as u64;
            if !self.has_words {
                self.first = line.saturating_sub(inside(text.trim_start()));
            }
            self.has_words = true;
            self.last = line.saturating_sub(inside(text) - inside(text.trim_end()));
        }
        self.block.push_str(text);
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        // What closes itself is over, as in XHTML.
        let (name, opens) = (&*tag.name, tag.kind == TagKind::StartTag && !tag.self_closing);
        if opens && self.silent.last() == Some(&IN_HEAD) && !HEAD.contains(&name) {
            self.unsilence(self.silent.len() - 1);
        }
        if opens && name == "main" {
            // A navigation that was left open ends here at the latest.
            self.unsilence(0);
        }
        if let Some(kind) = SILENT.iter().position(|silent| *silent == name) {
            if opens {
                self.silent.push(kind);
                self.silent_of[kind] += 1;
            } else if self.silent_of[kind] > 0
                && !tag.self_closing
                && let Some(open) = self.silent.iter().rposition(|open| *open == kind)
            {
                self.unsilence(open);
            }
        }
        let level = name.strip_prefix('h').and_then(|level| level.parse::<usize>().ok()).filter(|level| *level <= 6);
        if name == "br" {
            self.block.push(' ');
        } else if self.heading.is_some() && opens && name == "p" {
            // A heading that was left open holds no paragraph.
            self.close();
        } else if level.is_some() || self.heading.is_none() && !INLINE.contains(&name) {
            self.close();
            self.heading = level.filter(|_| opens);
        }
        match name {
            "script" if opens => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" if opens => TokenSinkResult::RawData(RawKind::Rawtext),
            "title" | "textarea" if opens => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    /// Closes the silent elements from this one on.
    fn unsilence(&mut self, from: usize) {
        self.silent.drain(from..).for_each(|kind| self.silent_of[kind] -= 1);
    }

    fn close(&mut self) {
        self.has_words = false;
        let whole = std::mem::take(&mut self.block).split_whitespace().collect::<Vec<_>>().join(" ");
        match self.heading.take() {
            Some(level) => self.gather.heading(level, &whole),
            None => self.gather.lines(&whole, self.first, self.last),
        }
    }
}
