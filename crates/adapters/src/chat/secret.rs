//! The key of a provider, and how it is kept out of everything the provider says back.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde_json::Value as Json;

/// A part of the key of so many bytes is the key; shorter ones are in many words.
const PART: usize = 8;
/// What stands in its place.
const HIDDEN: &str = "[key]";
/// Bytes held back at most while a part of the key may still go on.
const HELD_MAX: usize = 1 << 10;
/// What providers put in front of their keys is this long at most: `sk-proj-`, `sk-ant-api03-`.
const PREFIX_MAX: usize = 16;

/// A key that nothing prints.
#[derive(Clone)]
pub struct Secret {
    key: String,
    /// Bytes in front that are in everybody's key, and in many a manual.
    public: usize,
    /// Its parts, sorted. A key of fewer than [`PART`] bytes has none: it is the placeholder of a server without keys.
    parts: Vec<[u8; PART]>,
}

impl Secret {
    /// Keeps the key.
    #[must_use]
    pub fn new(key: &str) -> Self {
        let key = key.trim().to_owned();
        let public = public_prefix(&key);
        let mut parts: Vec<[u8; PART]> = key.as_bytes().windows(PART).filter_map(|part| part.try_into().ok()).collect();
        parts.sort_unstable();
        parts.dedup();
        Self { key, public, parts }
    }

    pub(super) fn expose(&self) -> &str {
        &self.key
    }

    /// The text without any part of the key.
    pub(super) fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let public = &self.key[..self.public];
        let spans = self.spans(text.as_bytes());
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut shown = Vec::with_capacity(text.len());
        let mut from = 0;
        for span in spans.into_iter().filter(|span| !text.get(span.clone()).is_some_and(|part| public.contains(part))) {
            shown.extend_from_slice(&text.as_bytes()[from..span.start]);
            shown.extend_from_slice(HIDDEN.as_bytes());
            from = span.end;
        }
        shown.extend_from_slice(&text.as_bytes()[from..]);
        Cow::Owned(String::from_utf8_lossy(&shown).into_owned())
    }

    /// The value without any part of the key in its texts and names.
    pub(super) fn hide_in(&self, value: &mut Json) {
        match value {
            Json::String(text) => {
                if let Cow::Owned(hidden) = self.hide(text) {
                    *text = hidden;
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Json::Object(members) => {
                members.values_mut().for_each(|member| self.hide_in(member));
                if members.keys().any(|name| matches!(self.hide(name), Cow::Owned(_))) {
                    let all = std::mem::take(members);
                    members.extend(all.into_iter().map(|(name, member)| (self.hide(&name).into_owned(), member)));
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    /// Where parts of the key are; spans that touch are one.
    fn spans(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        if self.parts.is_empty() {
            return spans;
        }
        for (start, window) in text.windows(PART).enumerate() {
            if self.parts.binary_search_by(|part| part.as_slice().cmp(window)).is_err() {
                continue;
            }
            match spans.last_mut().filter(|last| start <= last.end) {
                Some(last) => last.end = start + PART,
                None => spans.push(start..start + PART),
            }
        }
        spans
    }

    /// Where the end of the text begins that more text may turn into a part of the key.
    fn open(&self, text: &[u8]) -> usize {
        let begins = |tail: &[u8]| {
            let at = self.parts.partition_point(|part| part.as_slice() < tail);
            self.parts.get(at).is_some_and(|part| part.starts_with(tail))
        };
        (text.len().saturating_sub(PART - 1)..text.len()).find(|start| begins(&text[*start..])).unwrap_or(text.len())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How long the words in front of the key are.
fn public_prefix(key: &str) -> usize {
    let mut length = 0;
    for word in key.split_inclusive(['-', '_']) {
        let name = word.trim_end_matches(['-', '_']);
        let is_word =
            name.len() < word.len() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !is_word || length + word.len() > PREFIX_MAX {
            break;
        }
        length += word.len();
    }
    length
}

/// Lets text through piece by piece, and holds back what may become a part of the key.
#[derive(Debug, Default)]
pub(super) struct Screen {
    held: String,
}

impl Screen {
    /// Takes a piece, gives what is safe to show by now.
    pub(super) fn push(&mut self, secret: Option<&Secret>, piece: &str) -> String {
        let Some(secret) = secret.filter(|secret| !secret.parts.is_empty()) else { return piece.to_owned() };
        self.held.push_str(piece);
        let text = self.held.as_bytes();
        let mut safe = secret.open(text);
        if let Some(last) = secret.spans(text).last().filter(|last| last.end > safe) {
            safe = last.start;
        }
        if text.len() - safe > HELD_MAX {
            safe = text.len();
        }
        let safe = self.held.floor_char_boundary(safe);
        let shown = secret.hide(&self.held[..safe]).into_owned();
        self.held.drain(..safe);
        shown
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self, secret: Option<&Secret>) -> String {
        let held = std::mem::take(&mut self.held);
        secret.map_or_else(|| held.clone(), |secret| secret.hide(&held).into_owned())
    }
}

/// The text without what follows `Bearer`, be it our key or another.
pub(crate) fn without_tokens(text: &str) -> Cow<'_, str> {
    const WORD: &str = "bearer ";
    let lower = text.to_ascii_lowercase();
    if !lower.contains(WORD) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(WORD) {
        let start = at + WORD.len();
        let token = text[start..].find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c)));
        let end = token.map_or(text.len(), |length| start + length);
        let token = &text[start..end];
        // "Bearer authentication is needed" names none.
        if start < from || token.len() < PART || token.bytes().all(|byte| byte.is_ascii_lowercase()) {
            continue;
        }
        shown.push_str(&text[from..start]);
        shown.push('…');
        from = end;
    }
    shown.push_str(&text[from..]);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::{HELD_MAX, Screen, Secret, without_tokens};

    const KEY: &str = "sk-proj-Zq81LmN0pXr7";

    #[test]
    fn parts_of_the_key_are_hidden() {
        let secret = Secret::new(&format!(" {KEY}\n"));
        let hide = |text: &str| secret.hide(text).into_owned();
        insta::assert_snapshot!(hide(&format!("wrong key {KEY}, or {KEY}{KEY}?")), @"wrong key [key], or [key]?");
        insta::assert_snapshot!(hide("it ends with LmN0pXr7"), @"it ends with [key]");
        insta::assert_snapshot!(hide("it ends with mN0pXr7"), @"it ends with mN0pXr7");
        insta::assert_snapshot!(hide("OpenAI's keys begin with sk-proj-"), @"OpenAI's keys begin with sk-proj-");
        assert_eq!(Secret::new("ollama").hide("ollama is not ollamaollama"), "ollama is not ollamaollama");
        assert_eq!(Secret::new("lëttersßüé").hide("a lëttersßüé b"), "a [key] b");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        let escaped = KEY.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect::<String>();
        let mut value: serde_json::Value =
            serde_json::from_str(&format!(r#"{{"{escaped}":["{escaped}",1],"a":{{"b":"{escaped}"}}}}"#)).unwrap();
        secret.hide_in(&mut value);
        assert_eq!(value.to_string(), r#"{"[key]":["[key]",1],"a":{"b":"[key]"}}"#);
    }

    #[test]
    fn a_key_in_pieces_is_hidden_and_other_text_is_whole() {
        let secret = Secret::new(KEY);
        let text = format!("héllo {KEY}; Zq81LmN and mN0pXr7 are too short, {} is not", &KEY[5..17]);
        for size in 1..30 {
            let (mut screen, mut shown) = (Screen::default(), String::new());
            let letters: Vec<char> = text.chars().collect();
            for piece in letters.chunks(size) {
                shown += &screen.push(Some(&secret), &piece.iter().collect::<String>());
                assert!(
                    !KEY.as_bytes()
                        .windows(8)
                        .any(|part| part != &KEY.as_bytes()[..8] && shown.as_bytes().windows(8).any(|of| of == part))
                );
            }
            shown += &screen.rest(Some(&secret));
            assert_eq!(shown, secret.hide(&text), "in pieces of {size}");
        }
    }

    #[test]
    fn little_is_held_back() {
        let secret = Secret::new(&"a".repeat(40));
        let mut screen = Screen::default();
        for _ in 0..1_000 {
            assert!(!screen.push(Some(&secret), "aaaaaaaaaa").contains("aaaaaaaa"));
            assert!(screen.held.len() <= HELD_MAX);
        }
        assert_eq!(Screen::default().push(None, "all"), "all");
    }

    #[test]
    fn bearer_tokens_are_hidden() {
        insta::assert_snapshot!(without_tokens("wrong: Bearer sk-abcdefgh1, bearer ABCDEFGH."), @"wrong: Bearer …, bearer …");
        insta::assert_snapshot!(without_tokens("Bearer authentication is needed"), @"Bearer authentication is needed");
        insta::assert_snapshot!(without_tokens("Bearer Bearer abcdefgh12"), @"Bearer Bearer …");
    }
}
