//! What comes from outside is shown to a terminal, and never steers it: no titles, clipboards, colours, cursors, and no text that reads
//! otherwise than it stands there.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// True for characters that turn the direction of what stands behind them.
pub(crate) const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text that stands in a line of a table, whatever is in it.
pub(crate) fn in_line(text: &str) -> String {
    text.replace(|c: char| c.is_control() || turns(c), " ")
}

fn steers(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t') || turns(c)
}

/// Control characters, but for tabs and the ends of lines, as pictures of themselves.
pub(super) fn pictured(text: &str) -> Cow<'_, str> {
    // Those above ASCII have no pictures, and those that turn directions neither.
    let picture = |c: char| char::from_u32(0x2400 + u32::from(c)).filter(|_| c.is_ascii());
    replaced(text, |c| if c == '\u{7f}' { '\u{2421}' } else { picture(c).unwrap_or('\u{fffd}') })
}

/// Control characters replaced by others of as many bytes: places in the text stay where they are.
pub(super) fn blotted(text: &str) -> Cow<'_, str> {
    replaced(text, |c| match c.len_utf8() {
        1 => '?',
        2 => '¿',
        _ => '\u{fffd}',
    })
}

fn replaced(text: &str, by: impl Fn(char) -> char) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_fine = !steers(c) || c == '\r' && rest.peek() == Some(&'\n');
        shown.push(if is_fine { c } else { by(c) });
    }
    Cow::Owned(shown)
}

/// All texts of a value, pictured.
pub(super) fn pictured_value<T: Clone + Serialize + DeserializeOwned>(value: &T) -> T {
    let read = serde_json::to_value(value).and_then(|json| serde_json::from_value(pictured_json(json)));
    // A value of the API reads what it has written.
    read.unwrap_or_else(|_| value.clone())
}

/// As deep as the value was parsed.
fn pictured_json(value: Json) -> Json {
    match value {
        Json::String(text) => Json::String(pictured(&text).into_owned()),
        Json::Array(list) => list.into_iter().map(pictured_json).collect(),
        Json::Object(object) => {
            object.into_iter().map(|(name, value)| (pictured(&name).into_owned(), pictured_json(value))).collect()
        }
        other @ (Json::Null | Json::Bool(_) | Json::Number(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{blotted, pictured, pictured_json};

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        let cases = [
            ("plain\n\ttext — ünïcode", "plain\n\ttext — ünïcode"),
            ("\x1b]52;c;cm0gLXJm\x07", "␛]52;c;cm0gLXJm␇"),
            ("\x1b]0;title\x1b\\ \x1b[31mred\x1b[0m", "␛]0;title␛\\ ␛[31mred␛[0m"),
            ("two\r\nlines", "two\r\nlines"),
            ("over\rwritten\x08\x7f\0", "over␍written␈␡␀"),
            ("pay \u{202e}evil\u{202c} \u{2067}x\u{2069}", "pay \u{fffd}evil\u{fffd} \u{fffd}x\u{fffd}"),
            ("\u{9b}2J\u{9d}0;t\u{9c}\u{85}", "\u{fffd}2J\u{fffd}0;t\u{fffd}\u{fffd}"),
        ];
        for (given, shown) in cases {
            assert_eq!(pictured(given), shown, "{given:?}");
            assert_eq!(blotted(given).len(), given.len(), "{given:?}");
            assert!(blotted(given).chars().all(|c| !c.is_control() || "\r\n\t".contains(c)), "{given:?}");
        }
        let value = json!({ "a\x1b": ["\x1b[2J", { "b": "\u{9b}" }, 1, null] });
        assert_eq!(pictured_json(value), json!({ "a␛": ["␛[2J", { "b": "\u{fffd}" }, 1, null] }));
    }
}
