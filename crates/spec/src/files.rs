//! Files that a document names: prompts, and what a program reads. Read through a [`Resolver`], and from then on a part of the document.

use agendum_types::Limits;
use agendum_types::graph::{COMPENSATE, Section};

use serde_json::Value as Json;

use crate::children::Nest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::{self, Node, Value};

/// Reads the files that a document names, relative to the document.
pub trait Resolver {
    /// The text of a file. The path is relative, without `..` and without a root.
    ///
    /// # Errors
    ///
    /// A line that says why not: no such file, no right, not UTF-8, too large.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// For documents that come without files, such as those over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Resolver for NoFiles {
    fn read(&self, _path: &str) -> Result<String, String> {
        Err("this document came without files: put the text inline".into())
    }
}

/// An addition for a live run with every file that it names inside, for whoever sends it to where the files are not. What else is wrong
/// with it is left to whoever [`extend`](crate::extend)s the run.
///
/// # Errors
///
/// What is wrong with the files.
pub fn embedded(addition: &str, resolver: &dyn Resolver, limits: &Limits) -> Result<String, Vec<Diagnostic>> {
    let parse = |text: &str| tree::parse(text, limits, &mut Diagnostics::new(text));
    let (mut diagnostics, mut left) = (Diagnostics::new(addition), limits.document_bytes_max);
    let Some(mut whole) = parse(addition) else { return Ok(addition.to_owned()) };
    if let Some(tasks) = get_mut(&mut whole, "tasks") {
        inline_tasks(tasks, resolver, &mut left, &mut diagnostics);
        Nest::new(resolver).inline_tasks(tasks, &mut left, limits, &mut diagnostics);
    }
    if diagnostics.has_errors() {
        return Err(diagnostics.finish().0);
    }
    // In the text as it stands, so that lines stay what they are; from behind, so that places do.
    let mut text = addition.to_owned();
    for (place, file) in diagnostics.files().rev() {
        text.replace_range(place.clone(), &Json::from(&*file.text).to_string());
    }
    let (whole, same) = (tree::to_json(&whole), parse(&text).map(|node| tree::to_json(&node)));
    Ok(if same.as_ref() == Some(&whole) { text } else { whole.to_string() })
}

/// The arguments that may be the name of a file.
const ARGUMENTS: [&str; 3] = ["prompt", "system", "stdin"];
/// The endings that make them one.
const ENDINGS: [&str; 4] = [".md", ".txt", ".j2", ".jinja"];

/// Puts the text of every named file into the document.
pub(crate) fn inline(tree: &mut Node, resolver: &dyn Resolver, left: &mut usize, diagnostics: &mut Diagnostics) {
    for section in Section::ALL {
        if let Some(tasks) = get_mut(tree, section.word()) {
            inline_tasks(tasks, resolver, left, diagnostics);
        }
    }
}

/// The same for the tasks of one map.
pub(crate) fn inline_tasks(tasks: &mut Node, resolver: &dyn Resolver, left: &mut usize, diagnostics: &mut Diagnostics) {
    let Value::Map(tasks) = &mut tasks.value else { return };
    for (_, task) in tasks {
        if let Some(inner) = get_mut(task, "tasks") {
            inline_tasks(inner, resolver, left, diagnostics);
        }
        inline_call(task, resolver, left, diagnostics);
        if let Some(Node { value: Value::Map(tools), .. }) = get_mut(task, "tools") {
            tools.iter_mut().for_each(|(_, tool)| inline_call(tool, resolver, left, diagnostics));
        }
    }
}

/// What a task says, and what takes it back.
fn inline_call(task: &mut Node, resolver: &dyn Resolver, left: &mut usize, diagnostics: &mut Diagnostics) {
    inline_arguments(task, resolver, left, diagnostics);
    if let Some(compensate) = get_mut(task, COMPENSATE) {
        inline_arguments(compensate, resolver, left, diagnostics);
    }
}

fn inline_arguments(task: &mut Node, resolver: &dyn Resolver, left: &mut usize, diagnostics: &mut Diagnostics) {
    let Some(with) = get_mut(task, "with") else { return };
    for key in ARGUMENTS {
        if let Some(value) = get_mut(with, key) {
            inline_value(value, resolver, left, diagnostics);
        }
    }
}

fn inline_value(value: &mut Node, resolver: &dyn Resolver, left: &mut usize, diagnostics: &mut Diagnostics) {
    let Some(path) = value.text().filter(|text| is_path(text)).map(str::to_owned) else { return };
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        let message = format!("the file {path:?} lies outside the document's folder");
        return diagnostics.error("file_outside", &value.span, message, "name a file beside the document or below it");
    }
    match resolver.read(&path) {
        Ok(text) if text.len() <= *left => {
            *left -= text.len();
            diagnostics.add_file(&value.span, path, text.clone());
            value.value = Value::Text(text);
        }
        Ok(_) => diagnostics.error("too_large", &value.span, "the document with its files is too large", ""),
        Err(why) => diagnostics.error("file", &value.span, format!("cannot read the file {path:?}: {why}"), ""),
    }
}

pub(crate) fn is_path(text: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "._-/".contains(character);
    text.len() <= 256 && text.chars().all(plain) && ENDINGS.iter().any(|ending| text.ends_with(ending))
}

pub(crate) fn get_mut<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().find(|(known, _)| known.name == key).map(|(_, value)| value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
    }
}
