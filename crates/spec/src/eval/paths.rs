//! Sources that are one dotted path: their value is found where it lies, without the language.

use agendum_types::Graph;
use agendum_types::graph::DataRef;
use serde_json::Value as Json;

use super::Bindings;

/// The value that a source which is one dotted path stands for. `None` if it is more than that, or leads nowhere: then the language
/// itself must say what it gives.
pub(super) fn find<'a>(graph: &Graph, source: &str, bindings: &'a Bindings) -> Option<&'a Json> {
    let mut words = source.trim().split('.');
    let is_read: Box<dyn Fn(&DataRef) -> bool> = match words.next()? {
        "inputs" => Box::new(|read| matches!(read, DataRef::Inputs)),
        "item" => Box::new(|read| matches!(read, DataRef::Item)),
        "tasks" => {
            let name = words.next()?;
            words.next().filter(|word| *word == "output")?;
            Box::new(move |read| matches!(read, DataRef::Output(node) if *graph.task(*node).name == *name))
        }
        _ => return None,
    };
    let (_, bound) = bindings.iter().find(|(read, _)| is_read(read))?;
    words.try_fold(bound.as_deref()?, |value, word| {
        if word.is_empty() || !word.chars().all(is_of_name) { None } else { value.as_object()?.get(word) }
    })
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
