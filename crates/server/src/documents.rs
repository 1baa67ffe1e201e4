//! Documents that were submitted of late, as they were read: a program submits the same text again and again, with other inputs.

use std::fmt;
use std::sync::Arc;

use agendum_spec::inputs::Declared;
use agendum_spec::{Accepted, NoFiles, Source, plans};
use agendum_types::Limits;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::reply::Refused;
use crate::submit::{no_graph, not_right};

/// Documents that are kept, about.
const COUNT: usize = 256;
/// Bytes of their texts; their graphs take some ten times as much.
const BYTES_MAX: u64 = 2 << 20;
/// A text that is longer is read each time.
const TEXT_BYTES_MAX: usize = 256 << 10;

/// Documents that may be run, by their text to the byte. What is refused is read again: it is mended before it is sent again.
pub struct Documents(Cache<Box<str>, Arc<Known>, Bytes>);

/// A document as it was read.
pub(crate) struct Known {
    pub(crate) accepted: Accepted,
    pub(crate) inputs: Declared,
}

#[derive(Clone)]
struct Bytes;

impl Documents {
    /// What a text says: a document, or the plan of an agent.
    pub(crate) fn of(&self, text: String, limits: &Limits) -> Result<Arc<Known>, Refused> {
        if let Some(known) = self.0.get(text.as_str()) {
            return Ok(known);
        }
        let known = Arc::new(read(&text, limits)?);
        if text.len() <= TEXT_BYTES_MAX {
            self.0.insert(text.into(), Arc::clone(&known));
        }
        Ok(known)
    }
}

impl Default for Documents {
    fn default() -> Self {
        Self(Cache::with_weighter(COUNT, BYTES_MAX, Bytes))
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Documents").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

impl Weighter<Box<str>, Arc<Known>> for Bytes {
    fn weight(&self, text: &Box<str>, _known: &Arc<Known>) -> u64 {
        text.len() as u64
    }
}

fn read(text: &str, limits: &Limits) -> Result<Known, Refused> {
    let plan = plans::document(text, limits).map_err(|wrong| not_right(&wrong, "the plan cannot be run"))?;
    let plan = plan.map(|document| document.to_string());
    let text = plan.as_deref().unwrap_or(text);
    let checked = agendum_spec::check(Source { name: "document", text }, &NoFiles, limits);
    let accepted = checked.runnable().cloned().ok_or_else(|| no_graph(&checked, "the document cannot be run"))?;
    Ok(Known { inputs: Declared::of(&accepted.document), accepted })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_read_once_and_its_inputs_are_looked_at_each_time() {
        let documents = Documents::default();
        let of = |text: &str| documents.of(text.to_owned(), &Limits::STANDARD).ok();
        let text = |name: &str| {
            format!(
                "version: 1\nname: {name}\ninputs: {{ properties: {{ n: {{ type: integer }} }} }}\ntasks: {{ a: {{ uses: chat, with: {{ prompt: a }} }} }}"
            )
        };
        let first = of(&text("one")).unwrap();
        assert!(Arc::ptr_eq(&first, &of(&text("one")).unwrap()), "it is there");
        assert_eq!(&*of(&text("two")).unwrap().accepted.graph.name, "two");
        assert!(of("version: 1").is_none() && of("version: 1").is_none(), "what is wrong stays wrong");
        assert!(first.inputs.prepare(json!({ "n": 1 })).is_ok());
        assert!(first.inputs.prepare(json!({ "n": "x" })).is_err());
        let long = text(&format!("one # {}", "x".repeat(TEXT_BYTES_MAX)));
        assert!(!Arc::ptr_eq(&of(&long).unwrap(), &of(&long).unwrap()), "it would take the room of all others");
    }
}
