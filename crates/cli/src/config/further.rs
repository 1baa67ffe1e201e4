//! What else is wrong with a file: the parser stops at the first.

use toml::{Table, Value};

use super::{Config, suggestion};

/// Faults that are told at most.
const FAULTS_MAX: usize = 32;

/// A line for each, but for what was said.
pub(super) fn further(text: &str, said: &str) -> String {
    let Ok(mut tree) = toml::from_str::<Table>(text) else { return String::new() };
    let (mut found, mut spoilt) = (Vec::<(String, String)>::new(), Vec::<Vec<String>>::new());
    while found.len() < FAULTS_MAX {
        let Err(error) = tree.clone().try_into::<Config>() else { break };
        let message = error.message().to_owned();
        let shown = error.to_string();
        let place = shown.rsplit_once("in `").map_or("", |(_, place)| place.trim_end().trim_end_matches('`'));
        let mut path = path(&tree, place);
        let is_unknown = message.starts_with("unknown field ");
        let is_missing = message.starts_with("missing field ");
        path.extend(message.split('`').nth(1).filter(|_| is_unknown).map(str::to_owned));
        // Something is missing where the wrong was taken out.
        if !(is_missing && spoilt.contains(&path)) {
            let holder = if is_unknown { &path[..path.len() - 1] } else { &path };
            found.push((named(holder), message));
        }
        if !remove(&mut tree, &path) {
            break;
        }
        path.pop();
        spoilt.push(path);
    }
    // Of several that read the same nobody knows which was meant.
    let same = found.iter().filter(|(_, message)| message == said).count();
    let others = found.iter().filter(|(_, message)| same > 1 || message != said);
    others.map(|(place, message)| format!("\n{place}{}", told(message))).collect()
}

/// The list of all words helps only where none is near.
fn told(message: &str) -> String {
    let wrong = message.split(", expected one of").next().unwrap_or_default();
    suggestion(message).map_or_else(|| message.to_owned(), |meant| format!("{wrong}: {meant}"))
}

/// The keys of `a.b.c`, each as it stands in its table: it may hold dots itself.
fn path(tree: &Table, place: &str) -> Vec<String> {
    let (mut table, mut rest, mut path) = (tree, place, Vec::new());
    while !rest.is_empty() {
        let is_next =
            |key: &&String| rest.strip_prefix(key.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('.'));
        let Some(key) = table.keys().filter(is_next).max_by_key(|key| key.len()) else { break };
        rest = rest[key.len()..].trim_start_matches('.');
        path.push(key.clone());
        let Value::Table(inner) = &table[key] else { break };
        table = inner;
    }
    path
}

fn remove(tree: &mut Table, path: &[String]) -> bool {
    let Some((last, holders)) = path.split_last() else { return false };
    let mut table = tree;
    for key in holders {
        let Some(Value::Table(inner)) = table.get_mut(key) else { return false };
        table = inner;
    }
    table.remove(last).is_some()
}

/// A table, as people call it.
fn named(path: &[String]) -> String {
    match path {
        [] => String::new(),
        [targets, name] if targets == "targets" => format!("target {name:?}: "),
        [targets, name, rest @ ..] if targets == "targets" => format!("target {name:?}, {}: ", rest.join(".")),
        path => format!("[{}]: ", path.join(".")),
    }
}
