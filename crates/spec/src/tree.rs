//! A document as values with their places. Knows no word of the language.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::ops::Range;

use agendum_types::Limits;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Spanned, budget::Budget};

use crate::diagnostic::Diagnostics;

/// A value and the bytes it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Range<usize>,
}

/// What a document can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(serde_json::Number),
    /// Any text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the text.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The word.
    pub name: String,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Node {
    /// The value under a key, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(known, _)| known.name == key).map(|(_, value)| value)
    }

    /// The entries of a map; none for other values.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// The elements of a list; none for other values.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => &[],
        }
    }

    /// The text, if this is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The truth value, if this is one.
    #[must_use]
    pub const fn bool(&self) -> Option<bool> {
        if let Value::Bool(truth) = &self.value { Some(*truth) } else { None }
    }

    /// The whole number, if this is one and not negative.
    #[must_use]
    pub fn whole(&self) -> Option<u64> {
        if let Value::Number(number) = &self.value { number.as_u64() } else { None }
    }

    /// What this is, for diagnostics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// The same as JSON.
#[must_use]
pub fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => number.clone().into(),
        Value::Text(text) => text.clone().into(),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.name.clone(), to_json(value))).collect(),
    }
}

/// A tree of a JSON value, which has no places.
pub(crate) fn from_json(value: serde_json::Value) -> Node {
    let value = match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(truth),
        serde_json::Value::Number(number) => Value::Number(number),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => Value::Map(entries.into_iter().map(placeless).collect()),
    };
    Node { value, span: 0..0 }
}

fn placeless((name, value): (String, serde_json::Value)) -> (Key, Node) {
    (Key { name, span: 0..0 }, from_json(value))
}

/// Values inside values. The parser is recursive and the stack of a server's thread small; groups to the greatest
/// depth that a configuration may allow, 10 of two levels each, leave eleven for what the innermost task says.
const DEPTH_MAX: usize = 32;
/// Values of a document.
const VALUES_MAX: usize = 250_000;

/// Reads a text. A hostile one costs no more than its bounded size.
pub(crate) fn parse(text: &str, limits: &Limits, diagnostics: &mut Diagnostics) -> Option<Node> {
    if text.len() > limits.document_bytes_max {
        // Whoever read it stopped when it was too much: how long it is nobody knows.
        let message = format!("the document has more than {} bytes", limits.document_bytes_max);
        diagnostics.error("too_large", &(0..0), message, "move long prompts and data into files or inputs");
        return None;
    }
    let mut budget = Budget::default();
    budget.max_reader_input_bytes = Some(limits.document_bytes_max);
    budget.max_depth = DEPTH_MAX;
    budget.max_nodes = VALUES_MAX;
    budget.max_events = 2 * VALUES_MAX;
    budget.max_aliases = 0;
    budget.max_anchors = 0;
    let options = serde_saphyr::options! { budget: Some(budget), strict_booleans: true, duplicate_keys: DuplicateKeyPolicy::PassThrough };
    let readable = Readable::new(text);
    match serde_saphyr::from_str_with_options::<Node>(&readable.text, options) {
        Ok(mut node) => {
            readable.put_back(&mut node);
            unique(&mut node, diagnostics);
            Some(node)
        }
        Err(error) => {
            let (at, message, help) = explain(&readable.text, &error);
            diagnostics.error("syntax", &readable.written(&(at..at)), message, help);
            None
        }
    }
}

/// A text as the parser takes it. JSON may hold characters in its texts that YAML does not, or reads otherwise: they are escaped, which
/// both read alike.
struct Readable<'t> {
    text: Cow<'t, str>,
    /// Where each escape ends, in `text` and in what was written.
    escapes: Vec<(usize, usize)>,
}

impl<'t> Readable<'t> {
    fn new(written: &'t str) -> Self {
        let is_rare = |character: char| {
            matches!(character, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        };
        let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(written).is_ok();
        let mut escapes = Vec::new();
        if !written.trim_start().starts_with(['{', '[']) || !written.contains(is_rare) || !is_json() {
            return Self { text: Cow::Borrowed(written), escapes };
        }
        let mut text = String::with_capacity(written.len() + 64);
        for (at, character) in written.char_indices() {
            if is_rare(character) {
                let _never = write!(text, "\\u{:04x}", u32::from(character));
                escapes.push((text.len(), at + character.len_utf8()));
            } else {
                text.push(character);
            }
        }
        Self { text: Cow::Owned(text), escapes }
    }

    /// Gives everything the place at which it was written.
    fn put_back(&self, node: &mut Node) {
        if self.escapes.is_empty() {
            return;
        }
        node.span = self.written(&node.span);
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.put_back(item)),
            Value::Map(entries) => {
                for (key, value) in entries {
                    key.span = self.written(&key.span);
                    self.put_back(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }

    /// Escapes lie inside of texts: no place is inside of one.
    fn written(&self, span: &Range<usize>) -> Range<usize> {
        let place = |at: usize| {
            let before = self.escapes.partition_point(|(end, _)| *end <= at);
            before.checked_sub(1).map_or(at, |last| at - self.escapes[last].0 + self.escapes[last].1)
        };
        place(span.start)..place(span.end)
    }
}

/// What the parser says of the commonest slips, and what mends them.
const SLIPS: [(&str, &str); 10] = [
    ("tabs disallowed", "indent with spaces"),
    ("unclosed bracket", "close it: every `{` needs its `}` and every `[` its `]`"),
    ("mismatched bracket", "close the inner bracket first"),
    ("misplaced bracket", "take it away, or open it first"),
    ("unclosed quote", "close the quote"),
    (
        "expected ',' or '}'",
        "put a `,` between entries, close the `}` of the line before, or put a text with `{` in quotes",
    ),
    (
        "expected ',' or ']'",
        "put a `,` between elements, close the `]` of the line before, or put a text with `[` in quotes",
    ),
    ("did not find expected key", "indent it as far as the keys beside it"),
    ("mapping values are not allowed", "put a text that holds `: ` in quotes"),
    ("trailing content", "write \\\" for a quote inside quotes"),
];

/// Keys are given once. The first one counts, so that all else can be checked as well.
fn unique(node: &mut Node, diagnostics: &mut Diagnostics) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| unique(item, diagnostics)),
        Value::Map(entries) => {
            let mut seen = BTreeSet::new();
            entries.retain(|(key, _)| {
                let is_new = seen.insert(key.name.clone());
                if !is_new {
                    let message = format!("the key `{}` stands here a second time", key.name);
                    diagnostics.error("syntax", &key.span, message, "give it another name, or merge the two");
                }
                is_new
            });
            entries.iter_mut().for_each(|(_, value)| unique(value, diagnostics));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

/// Where and what, in our words; the parser appends the place to its message.
fn explain(text: &str, error: &serde_saphyr::Error) -> (usize, String, &'static str) {
    let message = error.without_snippet().to_string();
    let line = message.lines().next().unwrap_or_default();
    let (what, place) = line.rsplit_once(" at line ").unwrap_or((line, "1, column 1"));
    let mut numbers = place.split(", column ").filter_map(|number| number.parse::<usize>().ok());
    let (line, column) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1));
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(before..).unwrap_or_default();
    let at = before + rest.char_indices().nth(column.saturating_sub(1)).map_or(0, |(offset, _)| offset);
    match what {
        _ if what.contains("Anchors") || what.contains("Aliases") => {
            (at, "anchors and aliases are not allowed".into(), "write the value out, or use an input")
        }
        _ if what.starts_with("multiple YAML documents") => {
            (at, "a second document begins in this file".into(), "write one in each file: take the `---` away")
        }
        _ if what.starts_with("budget breached") => {
            (at, "the document is nested too deeply or has too many values".into(), "")
        }
        _ => {
            let help = SLIPS.iter().find(|(part, _)| what.contains(part)).map_or("", |(_, help)| *help);
            (at, format!("not readable as YAML or JSON: {what}"), help)
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Raw>::deserialize(deserializer)?;
        Ok(Self { value: spanned.value.0, span: range(&spanned.referenced) })
    }
}

fn range(location: &serde_saphyr::Location) -> Range<usize> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset().unwrap_or_else(|| span.offset())).unwrap_or(0);
    let len = usize::try_from(span.byte_len().unwrap_or_else(|| span.len())).unwrap_or(0);
    start..start + len
}

struct Raw(Value);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<Node>()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let value = map.next_value::<Node>()?;
            entries.push((Key { span: range(&key.referenced), name: key.value }, value));
        }
        Ok(Value::Map(entries))
    }
}
