//! References inside the texts of a document, and where in the bytes they stand.

use std::ops::Range;

use crate::expr;
use crate::tree::{Node, Value};

/// A chain of names in an expression, such as `outer.tasks.a.output.text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// The names, each with its bytes in the document.
    pub(super) names: Vec<(String, Range<usize>)>,
}

/// A character as it is read, and the bytes that it is written in.
type Written = (char, Range<usize>);

/// The chains of a text that stand in code.
pub(super) fn chains(text: &str, node: &Node) -> Vec<Chain> {
    let Value::Text(value) = &node.value else { return Vec::new() };
    if expr::classify(value) == expr::Text::Plain {
        return Vec::new();
    }
    let written = written(text, node, value);
    let mut found = Vec::new();
    let mut at = 0;
    while at < written.len() {
        let close = match (char_at(&written, at), char_at(&written, at + 1), char_at(&written, at + 2)) {
            (Some('$'), Some('{'), Some('{')) => ['}', '}'],
            (Some('{'), Some('%'), _) => ['%', '}'],
            _ => {
                at += 1;
                continue;
            }
        };
        at = code(&written, at + 2, close, &mut found);
    }
    found
}

/// Reads code up to its delimiter; gives where it ends.
fn code(written: &[Written], mut at: usize, close: [char; 2], found: &mut Vec<Chain>) -> usize {
    let mut open = 0_usize;
    let mut before = ' ';
    while let Some(here) = char_at(written, at) {
        if open == 0 && here == close[0] && char_at(written, at + 1) == Some(close[1]) {
            return at + 2;
        }
        match here {
            '"' | '\'' => {
                at += 1;
                while char_at(written, at).is_some_and(|inside| inside != here) {
                    at += if char_at(written, at) == Some('\\') { 2 } else { 1 };
                }
            }
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ if is_word(here) => {
                let begin = at;
                while char_at(written, at).is_some_and(is_word)
                    || char_at(written, at) == Some('.') && char_at(written, at + 1).is_some_and(is_word)
                {
                    at += 1;
                }
                if before != '.' {
                    found.push(chain(&written[begin..at]));
                }
                before = 'x';
                continue;
            }
            _ => {}
        }
        before = if here.is_whitespace() { before } else { here };
        at += 1;
    }
    at
}

fn chain(written: &[Written]) -> Chain {
    let of_name = |name: &[Written]| {
        let bytes = name.first().map_or(0, |(_, bytes)| bytes.start)..name.last().map_or(0, |(_, bytes)| bytes.end);
        (name.iter().map(|(character, _)| *character).collect(), bytes)
    };
    Chain { names: written.split(|(character, _)| *character == '.').map(of_name).collect() }
}

fn char_at(written: &[Written], at: usize) -> Option<char> {
    written.get(at).map(|(character, _)| *character)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The characters of a text where they are written: in quotes, some take more than one.
fn written(text: &str, node: &Node, value: &str) -> Vec<Written> {
    let raw = &text[node.span.clone()];
    // A block of lines may begin with a quote; then so does its value.
    let is_double = raw.starts_with('"') && (!value.starts_with('"') || raw.starts_with("\"\\\""));
    let is_single = raw.starts_with('\'') && (!value.starts_with('\'') || raw.starts_with("'''"));
    let start = node.span.start;
    let mut found = Vec::new();
    let mut characters = raw.char_indices().peekable();
    if is_double || is_single {
        characters.next();
    }
    while let Some((at, character)) = characters.next() {
        let second = match character {
            '\\' if is_double => characters.next(),
            '\'' if is_single => characters.next_if(|(_, next)| *next == '\''),
            _ => None,
        };
        let read = match second {
            // Which character an escape stands for matters for quotes only: names are written as they are.
            Some((_, escaped)) if is_double => {
                if matches!(escaped, '"' | '\'' | '\\' | '/') {
                    escaped
                } else {
                    ' '
                }
            }
            _ => character,
        };
        let (last_at, last) = second.unwrap_or((at, character));
        let end = last_at + last.len_utf8();
        found.push((read, start + at..start + end));
    }
    found
}
