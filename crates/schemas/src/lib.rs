//! Validators of JSON Schemas that somebody else wrote, at a bounded cost.
//!
//! A crate of its own to fence off the validator, and because what a schema may cost is decided once: documents hold schemas, and
//! expressions make some that only an attempt sees.

mod cost;

use jsonschema::{PatternOptions, ValidationOptions};
use serde_json::Value as Json;

/// Bytes of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// How to build the validator of a schema that has no more words than this with every `$ref` followed as often as the text leads to
/// it. Its patterns take time in proportion to the text: they have no look-around and no back-references.
///
/// # Errors
///
/// If the schema could cost too much to follow.
pub fn bounded(schema: &Json, words_max: u32) -> Result<ValidationOptions<'static>, String> {
    cost::check(schema, words_max).map(|()| options())
}

/// The same for a schema that was held to its bounds before.
#[must_use]
pub fn options() -> ValidationOptions<'static> {
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    jsonschema::options().with_pattern_options(patterns)
}
