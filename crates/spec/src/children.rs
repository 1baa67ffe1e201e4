//! `uses: graph`: a graph inside a graph. Its document, read from a file or as it stands, is checked as any other is, and becomes a part
//! of the one around it: with all files that it names, relative to itself.

use agendum_types::Limits;
use agendum_types::graph::{Child, Section};

use crate::diagnostic::Diagnostics;
use crate::expr::{Text, classify};
use crate::files::{self, Resolver, get_mut};
use crate::served::Serving;
use crate::tree::{Key, Node, Value, from_json};
use crate::{agent, check_inside};

/// The word of documents.
pub(crate) const GRAPH: &str = "graph";
/// The argument that names a file.
const FILE: &str = "file";
/// The endings of documents.
const ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];
/// Values inside values of a document with the graphs inside it: a stored one is read by a parser that goes no deeper than 128.
const DEPTH_MAX: usize = 100;

/// What stands around a document.
pub(crate) struct Nest<'r> {
    resolver: &'r dyn Resolver,
    /// The files around it, the outermost first: none contains itself.
    around: Vec<String>,
    /// The folder of the last of them, from that of the outermost document: empty, or with `/` at its end.
    folder: String,
    /// Graphs around it.
    depth: usize,
}

/// Reads what a document names that lies in another folder than the outermost one.
struct Below<'r> {
    resolver: &'r dyn Resolver,
    folder: &'r str,
}

impl Resolver for Below<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.resolver.read(&format!("{}{path}", self.folder))
    }
}

impl<'r> Nest<'r> {
    /// Nothing stands around it.
    pub(crate) const fn new(resolver: &'r dyn Resolver) -> Self {
        Self { resolver, around: Vec::new(), folder: String::new(), depth: 0 }
    }

    /// Puts everything into a document whose words are right that it names or stands for: files, agents, graphs inside it.
    pub(crate) fn fill(
        &self,
        tree: &mut Node,
        left: &mut usize,
        (limits, serving): (&Limits, Option<Serving<'_>>),
        diagnostics: &mut Diagnostics,
    ) {
        let below = Below { resolver: self.resolver, folder: &self.folder };
        files::inline(tree, &below, left, diagnostics);
        agent::expand(tree, limits, diagnostics);
        let mut inlining = Inlining { nest: self, left, limits, serving, diagnostics };
        for section in Section::ALL {
            if let Some(tasks) = get_mut(tree, section.word()) {
                inlining.tasks(tasks);
            }
        }
    }

    /// The same for the graphs inside the tasks of one map.
    pub(crate) fn inline_tasks(
        &self,
        tasks: &mut Node,
        left: &mut usize,
        limits: &Limits,
        diagnostics: &mut Diagnostics,
    ) {
        Inlining { nest: self, left, limits, serving: None, diagnostics }.tasks(tasks);
    }
}

/// The graphs inside a document on their way into it.
struct Inlining<'a, 'r> {
    nest: &'a Nest<'r>,
    left: &'a mut usize,
    limits: &'a Limits,
    serving: Option<Serving<'a>>,
    diagnostics: &'a mut Diagnostics,
}

impl Inlining<'_, '_> {
    fn tasks(&mut self, tasks: &mut Node) {
        let Value::Map(tasks) = &mut tasks.value else { return };
        for (_, task) in tasks {
            if let Some(inner) = get_mut(task, "tasks") {
                self.tasks(inner);
            }
            if task.get("uses").and_then(Node::text) == Some(GRAPH)
                && let Some(with) = get_mut(task, "with")
            {
                self.call(with);
            }
        }
    }

    fn call(&mut self, with: &mut Node) {
        let place = |key: &str| with.entries().iter().find(|(known, _)| known.name == key).map(|(key, _)| &key.span);
        let (file, graph) = (place(FILE), place(GRAPH));
        if let (Some(_), Some(span)) = (file, graph) {
            let message = "a child run has its graph from a `file` or as it stands";
            return self.diagnostics.error("both", span, message, "leave one of them out");
        }
        let Some(span) = file.or(graph).cloned() else { return };
        if self.nest.depth >= Child::DEPTH_MAX {
            let message = format!("graphs stand inside graphs more than {} deep", Child::DEPTH_MAX);
            return self.diagnostics.error("too_deep", &span, message, "submit a run of its own instead");
        }
        match file.is_some() {
            true => self.of_file(with),
            false => self.as_it_stands(with),
        }
        if with.get(GRAPH).is_some_and(|graph| depth(graph) > DEPTH_MAX) {
            let message =
                format!("with its graphs the document has values more than {DEPTH_MAX} deep inside each other");
            self.diagnostics.error("too_deep", &span, message, "submit a run of its own instead");
        }
    }

    fn as_it_stands(&mut self, with: &mut Node) {
        let Nest { resolver, around, folder, depth } = self.nest;
        let inner = Nest { resolver: *resolver, around: around.clone(), folder: folder.clone(), depth: depth + 1 };
        let Some(graph) = get_mut(with, GRAPH).filter(|graph| matches!(graph.value, Value::Map(_))) else { return };
        inner.fill(graph, self.left, (self.limits, self.serving), self.diagnostics);
    }

    /// Puts the normal document in the place of the file's name; takes that out where there is none.
    fn of_file(&mut self, with: &mut Node) {
        let Value::Map(entries) = &mut with.value else { return };
        let Some(place) = entries.iter().position(|(key, _)| key.name == FILE) else { return };
        let (_, named) = entries.remove(place);
        // What is no text was refused as such.
        let Some(name) = named.text() else { return };
        let Some(path) = self.path(name, &named) else { return };
        let Some(text) = self.read(&path, &named) else { return };
        let mut around = self.nest.around.clone();
        around.push(path.clone());
        let folder = path.rfind('/').map_or("", |end| &path[..=end]).to_owned();
        let nest = Nest { resolver: self.nest.resolver, around, folder, depth: self.nest.depth + 1 };
        let mut found = Diagnostics::new(&text);
        // Its inputs come from this graph: which index they name nobody knows yet.
        let serving = self.serving.map(|serving| Serving { inputs: None, ..serving });
        let accepted = check_inside(&text, &nest, self.left, (self.limits, serving), &mut found);
        let accepted = accepted.filter(|_| !found.has_errors());
        // As this document names it: the folder of that is known to whoever reads this.
        self.diagnostics.absorb(&named.span, name, text, found);
        let normal = accepted.and_then(|accepted| serde_json::from_str(&accepted.document.0).ok());
        entries.extend(normal.map(|normal| (Key { name: GRAPH.to_owned(), span: 0..0 }, from_json(normal))));
    }

    /// The path of a file from the folder of the outermost document.
    fn path(&mut self, name: &str, node: &Node) -> Option<String> {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-/".contains(character);
        let mut refuse = |code, message: String, help: &str| self.diagnostics.error(code, &node.span, message, help);
        if classify(name) != Text::Plain {
            let message = "which graph it is must be known before anything runs: this is no name of a file".to_owned();
            refuse("no_expression", message, "write the name, or one task with an `if` for each graph");
            return None;
        }
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            let message = format!("the file {name:?} lies outside the document's folder");
            refuse("file_outside", message, "name a file beside the document or below it");
            return None;
        }
        if name.len() > 256 || !name.chars().all(is_plain) || !ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            let message = format!("{name:?} is no name of a document");
            refuse("no_file", message, "name a .yaml, .yml or .json file: letters, digits, `.`, `_`, `-` and `/`");
            return None;
        }
        let whole = format!("{}{name}", self.nest.folder);
        let path = whole.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/");
        if let Some(first) = self.nest.around.iter().position(|file| *file == path) {
            let chain = [&self.nest.around[first..], std::slice::from_ref(&path)].concat().join(" \u{2192} ");
            let message = format!("the graph contains itself: {chain}");
            refuse("cycle", message, "repeat with a `loop`, or leave it out");
            return None;
        }
        Some(path)
    }

    fn read(&mut self, path: &str, node: &Node) -> Option<String> {
        match self.nest.resolver.read(path) {
            Ok(text) if text.len() <= *self.left => {
                *self.left -= text.len();
                Some(text)
            }
            Ok(_) => {
                self.diagnostics.error("too_large", &node.span, "the document with its files is too large", "");
                None
            }
            Err(why) => {
                let message = format!("cannot read the file {path:?}: {why}");
                let help =
                    if why.contains("came without files") { "write the document itself under `graph`" } else { "" };
                self.diagnostics.error("file", &node.span, message, help);
                None
            }
        }
    }
}

/// Values inside each other.
fn depth(node: &Node) -> usize {
    let inside = match &node.value {
        Value::List(items) => items.iter().map(depth).max(),
        Value::Map(entries) => entries.iter().map(|(_, value)| depth(value)).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => None,
    };
    1 + inside.unwrap_or(0)
}
