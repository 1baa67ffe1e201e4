//! Everything that is wrong with a file that cannot be read: the parser stops at the first. What can be read of it is looked at too.

use std::path::Path;

use toml::de::Error;
use toml::{Table, Value};

use super::faults::{Fault, each, written};
use super::{Config, HINT, folder_of, suggestion};
use crate::failure::Failure;

/// Faults that are told at most.
const FAULTS_MAX: usize = 32;

/// Tables and keys in which something was taken out.
type Spoilt = Vec<Vec<String>>;

/// One thing that cannot be read.
struct Found {
    /// The table or the key.
    path: Vec<String>,
    /// As people call the table in which it is.
    place: String,
    message: String,
}

/// The first with its place in the text, and a line for each of the others.
pub(super) fn unread(name: &str, text: &str, error: &Error) -> Failure {
    let hint = |message: &str| suggestion(message).unwrap_or_else(|| HINT.to_owned());
    let (found, rest) = all(text);
    let said = error.message();
    // Of several that read the same nobody knows which was meant.
    let same = found.iter().filter(|found| found.message == said).count();
    let others = found.iter().filter(|found| same > 1 || found.message != said);
    let others: Vec<_> =
        others.map(|found| (format!("{}{}", found.place, told(&found.message)), hint(&found.message))).collect();
    let faults = rest.map(|(config, spoilt)| sound(name, config, &spoilt)).unwrap_or_default();
    let others: Vec<_> = others.into_iter().chain(each(&faults)).collect();
    let lines: String = others.iter().map(|(message, _)| format!("\n{message}")).collect();
    let unread = |found: Found| Fault {
        path: written(found.path.iter().map(String::as_str)),
        hint: hint(&found.message),
        message: format!("{}{}", found.place, told(&found.message)),
        fatal: true,
    };
    let mut listed: Vec<Fault> = found.into_iter().map(unread).collect();
    if same == 0 {
        // It is no TOML, or stands where a text would do.
        let (path, message) = (String::new(), error.to_string());
        listed.insert(0, Fault { path, message, hint: hint(said), fatal: true });
    }
    listed.extend(faults);
    let first = (format!("{name}: {error}").trim_end().to_owned(), hint(said));
    Failure::usage(format!("{name}: {error}{lines}"))
        .hint(hint(said))
        .faults(listed)
        .each([first].into_iter().chain(others).collect())
}

/// What is wrong with the rest of it. Of a table from which something was taken out nobody knows what it would have said.
fn sound(name: &str, mut config: Config, spoilt: &[Vec<String>]) -> Vec<Fault> {
    config.folder = folder_of(Some(Path::new(name)));
    let spoilt: Vec<String> = spoilt.iter().filter(|path| path.len() > 1).map(|path| table(path)).collect();
    let is_whole = |fault: &Fault| {
        let is_in = |table: &String| {
            fault.path.strip_prefix(table.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        !spoilt.iter().any(is_in)
    };
    config.faults().into_iter().filter(is_whole).collect()
}

/// `targets.NAME`, whatever in it is meant.
fn table(path: &[String]) -> String {
    written(path.iter().take(2).map(String::as_str))
}

/// All of them, and what the file says without, with the tables and keys in which something was taken out.
fn all(text: &str) -> (Vec<Found>, Option<(Config, Spoilt)>) {
    let Some((mut tree, large)) = tree(text) else { return (Vec::new(), None) };
    let (mut found, mut spoilt) = (Vec::<Found>::new(), Spoilt::new());
    while found.len() < FAULTS_MAX {
        let error = match tree.clone().try_into::<Config>() {
            Ok(config) => return (found, Some((config, spoilt))),
            Err(error) => error,
        };
        let as_it_stands = |message: String, number: &String| {
            message.replace(&format!("string {number:?}"), &format!("integer `{number}` as i128"))
        };
        let message = large.iter().fold(error.message().to_owned(), as_it_stands);
        let shown = error.to_string();
        let place = shown.rsplit_once("in `").map_or("", |(_, place)| place.trim_end().trim_end_matches('`'));
        let mut path = path(&tree, place);
        let is_unknown = message.starts_with("unknown field ");
        let is_missing = message.starts_with("missing field ");
        path.extend(message.split('`').nth(1).filter(|_| is_unknown).map(str::to_owned));
        // Something is missing where the wrong was taken out.
        if !(is_missing && spoilt.contains(&path)) {
            let holder = if is_unknown { &path[..path.len() - 1] } else { &path };
            found.push(Found { place: named(holder), path: path.clone(), message });
        }
        if !remove(&mut tree, &path) {
            break;
        }
        path.pop();
        spoilt.push(path);
    }
    (found, None)
}

/// What the text holds, and the integers that no TOML value holds, which stand there as texts: nothing takes them, and what stands beside
/// them is read nonetheless.
fn tree(text: &str) -> Option<(Table, Vec<String>)> {
    let (mut text, mut large) = (text.to_owned(), Vec::new());
    for _ in 0..FAULTS_MAX {
        let error = match toml::from_str::<Table>(&text) {
            Ok(tree) => return Some((tree, large)),
            Err(error) => error,
        };
        let instead = if error.message() == "u64 value was too large" {
            // Whoever takes so many takes as many as a value holds.
            i64::MAX.to_string()
        } else {
            let number = error.message().strip_prefix("invalid type: integer `")?.split_once("` as i128")?.0;
            large.push(number.to_owned());
            format!("{number:?}")
        };
        text.replace_range(error.span()?, &instead);
    }
    None
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
