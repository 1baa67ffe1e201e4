//! Where the characters of a text stand in the document: texts are quoted, escaped, folded and indented there.

use std::ops::Range;

/// The places of a text's characters in the raw scalar it was read from.
///
/// Only what is no white space is matched up, one by one: folding and indentation change nothing else.
#[derive(Debug)]
pub(crate) struct Scalar {
    /// For each byte of the text that begins a visible character: where that stands in the document. Ascending.
    marks: Vec<(usize, Range<usize>)>,
}

impl Scalar {
    /// Matches a text with the raw scalar that begins at `start` of the document. `None` if they do not agree.
    pub(crate) fn new(raw: &str, start: usize, text: &str) -> Option<Self> {
        let mut marks = Vec::new();
        let mut written = Written::new(raw);
        for (at, character) in text.char_indices().filter(|(_, character)| !is_blank(*character)) {
            let (place, found) = written.find(|(_, found)| !is_blank(*found))?;
            if found != character {
                return None;
            }
            marks.push((at, start + place.start..start + place.end));
        }
        Some(Self { marks })
    }

    /// Where a part of the text stands in the document. `None` if nothing visible is in it or behind it.
    pub(crate) fn place(&self, part: &Range<usize>) -> Option<Range<usize>> {
        let first = self.marks.partition_point(|(at, _)| *at < part.start);
        let behind = self.marks.partition_point(|(at, _)| *at < part.end);
        let start = self.marks.get(first).or_else(|| self.marks.last())?.1.clone();
        if behind <= first {
            return Some(start);
        }
        Some(start.start..self.marks[behind - 1].1.end)
    }
}

const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The characters that a raw scalar stands for, with the bytes that write each.
struct Written<'r> {
    raw: &'r str,
    at: usize,
    quote: Option<char>,
}

impl<'r> Written<'r> {
    fn new(raw: &'r str) -> Self {
        let quote = raw.chars().next().filter(|first| matches!(first, '"' | '\''));
        let at = match raw.as_bytes().first() {
            Some(b'"' | b'\'') => 1,
            // The text of a block begins on the line behind its head.
            Some(b'|' | b'>') => raw.find('\n').map_or(raw.len(), |end| end + 1),
            _ => 0,
        };
        Self { raw, at, quote }
    }

    /// `\n`, `\u0041`, …: the character, and how many bytes write it.
    fn escaped(rest: &str) -> Option<(char, usize)> {
        let kind = rest.chars().nth(1)?;
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            'n' | 't' | 'r' | 'N' | 'L' | 'P' | '_' | ' ' | '\t' | '\n' | '\r' => {
                return Some((' ', 1 + kind.len_utf8()));
            }
            '0' => return Some(('\0', 2)),
            'a' => return Some(('\u{7}', 2)),
            'b' => return Some(('\u{8}', 2)),
            'e' => return Some(('\u{1b}', 2)),
            'f' => return Some(('\u{c}', 2)),
            'v' => return Some(('\u{b}', 2)),
            other => return Some((other, 1 + other.len_utf8())),
        };
        let number = |from: usize| u32::from_str_radix(rest.get(from..from + digits)?, 16).ok();
        let high = number(2)?;
        if let Some(character) = char::from_u32(high) {
            return Some((character, 2 + digits));
        }
        // JSON writes what lies above U+FFFF as two.
        let low = rest.get(6..8).filter(|next| *next == "\\u").and_then(|_| number(8))?;
        let code = 0x1_0000 + ((high.checked_sub(0xD800)?) << 10) + low.checked_sub(0xDC00)?;
        Some((char::from_u32(code)?, 12))
    }
}

impl Iterator for Written<'_> {
    type Item = (Range<usize>, char);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.raw[self.at..];
        let first = rest.chars().next()?;
        let (character, length) = match (self.quote, first) {
            (Some('"'), '\\') => Self::escaped(rest)?,
            (Some('\''), '\'') if rest[1..].starts_with('\'') => ('\'', 2),
            (Some(quote), end) if quote == end => return None,
            _ => (first, first.len_utf8()),
        };
        let place = self.at..self.at + length;
        self.at = place.end;
        Some((place, character))
    }
}

#[cfg(test)]
mod tests {
    use super::Scalar;

    #[test]
    fn a_part_is_found_however_the_text_is_written() {
        for (raw, text, part, expected) in [
            ("say ${{ x }} now", "say ${{ x }} now", "${{ x }}", "${{ x }}"),
            (r#""a \"b\" ${{ x }}""#, "a \"b\" ${{ x }}", "x", "x"),
            ("'it''s ${{ x }}'", "it's ${{ x }}", "${{ x", "${{ x"),
            ("|\n    one\n      two ${{ x }}\n", "one\n  two ${{ x }}\n", "two ${{", "two ${{"),
            (">-\n  folded\n  ${{ x\n  + y }}\n", "folded ${{ x + y }}", "x + y", "x\n  + y"),
            ("\"tab\\t\\u00e9 ${{ x }}\"", "tab\té ${{ x }}", "é ${{", "\\u00e9 ${{"),
            ("\"\\ud83d\\ude00 x\"", "😀 x", "😀", "\\ud83d\\ude00"),
            ("\"a\\\n   b x\"", "ab x", "b x", "b x"),
        ] {
            let scalar = Scalar::new(raw, 0, text).unwrap();
            let at = text.find(part).unwrap();
            assert_eq!(&raw[scalar.place(&(at..at + part.len())).unwrap()], expected, "{raw}");
        }
        assert!(Scalar::new("another text", 0, "text").is_none());
    }
}
