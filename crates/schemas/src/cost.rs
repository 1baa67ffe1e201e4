//! What a schema may cost: counted before anything is checked against it.
//!
//! A validator follows a `$ref` wherever it stands. Thirty definitions that name the next one twice are a thousand million steps, and
//! a schema that names itself costs what the values let it. So every `$ref` leads to a place in the same schema and never back, and
//! what a schema holds is counted with all of them followed.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// References that lead to references.
const CHAIN_MAX: usize = 32;
/// Lists and maps inside each other, with every `$ref` followed: a validator goes as deep, on the stack of a thread.
const DEPTH_MAX: usize = 128;

/// Refuses a schema of more words than this, with every `$ref` followed as often as the text leads to it.
pub(super) fn check(schema: &Json, words_max: u32) -> Result<(), String> {
    let max = u64::from(words_max);
    let mut count = Count { schema, known: BTreeMap::new(), open: Vec::new(), max };
    if count.size(schema, 0)?.words > max {
        return Err(format!("it has more than {max} words with every `$ref` followed: let fewer of them lead on"));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Size {
    words: u64,
    depth: usize,
}

struct Count<'a> {
    schema: &'a Json,
    /// What lies behind the references that were followed.
    known: BTreeMap<&'a str, Size>,
    /// The references that are being followed.
    open: Vec<&'a str>,
    max: u64,
}

impl<'a> Count<'a> {
    /// The size of a part that stands so deep.
    fn size(&mut self, json: &'a Json, at: usize) -> Result<Size, String> {
        let mut size = Size { words: 1, depth: 1 };
        deep_enough(at, size)?;
        let mut add = |inner: Size| {
            size.words = size.words.saturating_add(inner.words);
            size.depth = size.depth.max(inner.depth + 1);
        };
        match json {
            Json::Object(entries) => {
                for (key, value) in entries {
                    add(self.size(value, at + 1)?);
                    match (key.as_str(), value) {
                        ("$ref", Json::String(place)) => add(self.behind(place, at + 1)?),
                        ("$dynamicRef" | "$recursiveRef" | "$id" | "$anchor" | "$dynamicAnchor", Json::String(_)) => {
                            return Err(format!(
                                "`{key}` is not known here: write `$ref` with a place such as #/$defs/NAME"
                            ));
                        }
                        _ => {}
                    }
                }
            }
            Json::Array(items) => {
                for item in items {
                    add(self.size(item, at + 1)?);
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
        Ok(size)
    }

    fn behind(&mut self, place: &'a str, at: usize) -> Result<Size, String> {
        if let Some(size) = self.known.get(place) {
            return deep_enough(at, *size);
        }
        if self.open.contains(&place) || self.open.len() >= CHAIN_MAX {
            let message = format!(
                "`$ref: {place}` leads back to itself, or through more than {CHAIN_MAX} others: write out how deep it may go"
            );
            return Err(message);
        }
        let found = place.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer));
        let found =
            found.ok_or_else(|| format!("`$ref: {place}` leads to no place of this schema: write #/$defs/NAME"))?;
        self.open.push(place);
        let size = self.size(found, at)?;
        self.open.pop();
        let size = Size { words: size.words.min(self.max + 1), ..size };
        self.known.insert(place, size);
        Ok(size)
    }
}

fn deep_enough(at: usize, size: Size) -> Result<Size, String> {
    match at + size.depth {
        0..=DEPTH_MAX => Ok(size),
        _ => Err(format!("it is more than {DEPTH_MAX} lists and maps deep with every `$ref` followed")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::bounded;

    const WORDS_MAX: u32 = 20_000;

    fn verdict(schema: &Json) -> String {
        let built =
            bounded(schema, WORDS_MAX).and_then(|options| options.build(schema).map_err(|error| error.to_string()));
        built.err().unwrap_or_default()
    }

    /// Definitions of which each names the next one twice.
    fn doubling(count: usize) -> Json {
        let next = |index: usize| json!({ "$ref": format!("#/$defs/d{index}") });
        let mut schema = json!({ "$defs": {}, "properties": { "x": next(0) } });
        for index in 0..count {
            schema["$defs"][format!("d{index}")] = json!({ "anyOf": [next(index + 1), next(index + 1)] });
        }
        schema["$defs"][format!("d{count}")] = json!({ "type": "string" });
        schema
    }

    #[test]
    fn what_multiplies_is_refused() {
        assert_eq!(verdict(&doubling(8)), "");
        insta::assert_snapshot!(verdict(&doubling(30)), @"it has more than 20000 words with every `$ref` followed: let fewer of them lead on");
    }

    #[test]
    fn references_lead_inside_and_not_back() {
        let of = |place: &str| {
            verdict(
                &json!({ "properties": { "x": { "$ref": place } }, "$defs": { "a": { "items": { "$ref": "#/$defs/a" } }, "b": {} } }),
            )
        };
        assert_eq!(verdict(&json!({ "properties": { "x": { "$ref": "#/$defs/b" } }, "$defs": { "b": {} } })), "");
        assert!(of("#/$defs/a").contains("leads back to itself"));
        assert!(of("#").contains("leads back to itself"));
        assert!(of("#/$defs/c").contains("no place"));
        assert!(of("https://example.com/schema").contains("no place"));
        assert!(verdict(&json!({ "$dynamicRef": "#x" })).contains("not known here"));
        // The same place, written otherwise, on its way back.
        let disguised = json!({ "$defs": { "a": { "items": { "$ref": "#/%24defs/a" } } }, "properties": { "x": { "$ref": "#/$defs/a" } } });
        assert!(verdict(&disguised).contains("no place"));
    }

    /// Definitions of so many `allOf` inside each other, of which each leads to the next one; in this order or the other.
    fn deep(definitions: usize, levels: usize, backwards: bool) -> Json {
        let mut schema = json!({ "$defs": {}, "allOf": [{ "$ref": "#/$defs/d0" }] });
        let mut order: Vec<usize> = (0..definitions).collect();
        if backwards {
            order.reverse();
        }
        for at in order {
            let mut inner = match at + 1 == definitions {
                true => json!({ "type": "string" }),
                false => json!({ "$ref": format!("#/$defs/d{}", at + 1) }),
            };
            for _ in 0..levels {
                inner = json!({ "allOf": [inner] });
            }
            schema["$defs"][format!("d{at}")] = inner;
        }
        schema
    }

    #[test]
    #[expect(clippy::disallowed_types, reason = "a stack of a known size")]
    fn what_is_accepted_fits_the_stack() {
        let tried = |schema: Json| {
            // A quarter of what a thread of the program has.
            let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(move || {
                let said = verdict(&schema);
                if said.is_empty() {
                    let built = bounded(&schema, WORDS_MAX).unwrap().build(&schema).unwrap();
                    assert!(built.is_valid(&json!("x")) && !built.is_valid(&json!(1)));
                }
                said
            });
            thread.unwrap().join().unwrap()
        };
        let refused = "it is more than 128 lists and maps deep with every `$ref` followed";
        for (definitions, levels, expected) in
            [(30, 50, refused), (3, 50, refused), (1, 60, ""), (2, 29, ""), (30, 1, "")]
        {
            for backwards in [false, true] {
                assert_eq!(tried(deep(definitions, levels, backwards)), expected, "{definitions} × {levels}");
            }
        }
    }

    #[test]
    fn patterns_take_linear_time() {
        let schema = json!({ "properties": { "x": { "type": "string", "pattern": "^(a+)+$" } } });
        assert_eq!(verdict(&schema), "");
        assert!(
            !bounded(&schema, 100)
                .unwrap()
                .build(&schema)
                .unwrap()
                .is_valid(&json!({ "x": format!("{}!", "a".repeat(100_000)) }))
        );
        assert!(!verdict(&json!({ "properties": { "x": { "pattern": "(?=a)b" } } })).is_empty());
        assert!(!verdict(&json!({ "properties": { "x": { "pattern": "((a{1000}){1000}){1000}" } } })).is_empty());
    }
}
