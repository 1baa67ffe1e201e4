//! What an expression reads: names resolved in their scope, and the dependencies that follow.

use std::collections::BTreeSet;
use std::ops::Range;

use agendum_types::graph::{DataRef, Form, NodeId, Section, Work};

use crate::expr::{self, Name};
use crate::files::is_path;
use crate::lower::Lower;
use crate::names::{Read, Unreadable};
use crate::tree::{Node, Value};

/// Where an expression stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The task that it belongs to; `None` for the run's output.
    pub(super) task: Option<NodeId>,
    /// The group whose tasks it calls `tasks`; `None` for the top.
    pub(super) scope: Option<NodeId>,
    /// True if what it reads must settle before the task: false for what is evaluated after the task.
    pub(super) before: bool,
    /// True where `output` is the result being judged.
    pub(super) judges: bool,
    /// True where `error` is what failed: in an output of `catch`.
    pub(super) catches: bool,
    /// True where a clock or a purse might be tempting.
    pub(super) decides: bool,
}

/// The arguments of a `with` that its prompt sees as variables.
#[derive(Debug, Default)]
pub(super) struct Locals<'n> {
    pub(super) names: BTreeSet<&'n str>,
    /// Those that it reads.
    pub(super) read: BTreeSet<String>,
    /// True if what it reads is not known.
    pub(super) unreadable: bool,
}

impl Place {
    pub(super) const fn of_run() -> Self {
        Self { task: None, scope: None, before: false, judges: false, catches: false, decides: false }
    }
}

impl Lower<'_, '_> {
    /// Collects what the texts of a tree read; true if any has something to evaluate.
    pub(super) fn tree_reads(&mut self, node: &Node, place: &Place, reads: &mut Vec<DataRef>) -> bool {
        self.tree_reads_with(node, place, reads, &mut Locals::default())
    }

    fn tree_reads_with(
        &mut self,
        node: &Node,
        place: &Place,
        reads: &mut Vec<DataRef>,
        locals: &mut Locals<'_>,
    ) -> bool {
        match &node.value {
            Value::Text(text) => {
                self.dollars(text, node);
                match expr::classify(text) {
                    expr::Text::Plain => false,
                    expr::Text::Expression(source) => {
                        reads.extend(self.source_reads(Form::Expression, source, node, place, locals));
                        true
                    }
                    expr::Text::Template => {
                        reads.extend(self.source_reads(Form::Tree, text, node, place, locals));
                        true
                    }
                }
            }
            Value::List(items) => self.all_reads(items.iter(), place, reads, locals),
            Value::Map(entries) => self.all_reads(entries.iter().map(|(_, value)| value), place, reads, locals),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn all_reads<'n>(
        &mut self,
        nodes: impl Iterator<Item = &'n Node>,
        place: &Place,
        reads: &mut Vec<DataRef>,
        locals: &mut Locals<'_>,
    ) -> bool {
        let mut dynamic = false;
        for node in nodes {
            dynamic |= self.tree_reads_with(node, place, reads, locals);
        }
        dynamic
    }

    /// The same for `with`: its `prompt` and `system` also see the other arguments.
    pub(super) fn with_reads(&mut self, uses: &Node, with: &Node, place: &Place, reads: &mut Vec<DataRef>) -> bool {
        let names: BTreeSet<&str> = with.entries().iter().map(|(key, _)| key.name.as_str()).collect();
        let mut arguments = Locals { names, ..Locals::default() };
        let mut dynamic = false;
        for (key, value) in with.entries() {
            let is_late = expr::is_late(&key.name);
            let locals = if is_late { &mut arguments } else { &mut Locals::default() };
            dynamic |= self.tree_reads_with(value, place, reads, locals);
            // Still the name of a file: it could not be read.
            arguments.unreadable |= is_late && value.text().is_some_and(is_path);
        }
        if !arguments.unreadable {
            self.unread(uses, with, &arguments);
        }
        dynamic
    }

    /// What one source reads. Says what is not understood, and adds the needs that follow.
    pub(super) fn source_reads(
        &mut self,
        form: Form,
        source: &str,
        node: &Node,
        place: &Place,
        locals: &mut Locals<'_>,
    ) -> Vec<DataRef> {
        let parts = self.diagnostics.parts(node);
        // The source is the text of the node, or a part of it.
        let text = node.text().unwrap_or_default();
        let begin = (source.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        let begin = if begin <= text.len() { begin } else { 0 };
        let at = |range: &Range<usize>| parts.place(&(begin + range.start..begin + range.end));
        let names = match expr::names(self.limits, form, source) {
            Ok(names) => names,
            Err(Unreadable { why, at: range }) => {
                locals.unreadable = true;
                let span = at(&range.unwrap_or(0..source.len()));
                let help = "expressions are MiniJinja between ${{ and }}";
                let message = format!("this expression cannot be read: {why}");
                self.diagnostics.error("bad_expression", &span, message, help);
                return Vec::new();
            }
        };
        for (call, (name, range)) in &names.calls {
            self.known_call(*call, name, &at(range));
        }
        let mut reads = Vec::new();
        for read in &names.reads {
            let root = read.head().next().map_or("", |(root, _)| *root);
            if locals.names.contains(root) {
                locals.read.insert(root.to_owned());
            } else if let Some(data) = self.resolve(read, &at, place) {
                self.sight(data, read, &at, place);
                reads.push(data);
            }
        }
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    fn resolve(
        &mut self,
        read: &Read<'_>,
        at: &impl Fn(&Range<usize>) -> Range<usize>,
        place: &Place,
    ) -> Option<DataRef> {
        let path = read.path();
        let path = path.as_str();
        let span = &at(&read.place());
        let name_at = |index| read.head().nth(index).map_or_else(|| span.clone(), |(_, range)| at(range));
        match expr::name(path) {
            Name::Data(DataRef::Candidate) if !place.judges => {
                let message = "`output` is known in fail_if and good_if only";
                self.diagnostics.error("unknown_name", span, message, "write tasks.NAME.output");
                None
            }
            Name::Data(DataRef::Caught) if !place.catches => {
                let help = "in `on_failure` and `finally` write run.error";
                self.diagnostics.error("unknown_name", span, "`error` is known in an output of `catch` only", help);
                None
            }
            Name::Data(DataRef::Item | DataRef::ItemIndex) if !self.inside(place, "foreach") => {
                self.diagnostics.error("unknown_name", span, format!("`{path}` is known inside a `foreach` only"), "");
                None
            }
            Name::Data(DataRef::Round) if !self.inside(place, "loop") => {
                self.diagnostics.error("unknown_name", span, "`loop.round` is known inside a `loop` only", "");
                None
            }
            Name::Data(data) => Some(data),
            Name::Task { outer, name } => {
                self.resolve_task(outer, name, &name_at(outer + 1), place).map(DataRef::Output)
            }
            Name::Previous(name) => {
                let index = path.split('.').count().min(4) - 1;
                self.resolve_previous(name, &name_at(index), place).map(DataRef::Previous)
            }
            Name::Streaming(name) => {
                let help = format!("write tasks.{name}.output, which waits for the end");
                self.diagnostics.not_yet(span, "not yet: this release does not read a task while it streams", help);
                self.resolve_task(0, name, span, place).map(DataRef::Output)
            }
            Name::Policy(word) if place.decides => {
                let message = format!("a condition may not read `{word}`: clocks and purses are the policy's");
                self.diagnostics.error(
                    "no_clock",
                    span,
                    message,
                    "write `optional: true` with a `value`: the task is dropped when time or money run short",
                );
                None
            }
            Name::Policy(_) => {
                self.diagnostics.error(
                    "unknown_name",
                    span,
                    format!("unknown name `{path}`"),
                    "expressions cannot read clocks or purses",
                );
                None
            }
            // A document that was accepted before has no places, and is not judged again.
            Name::Outer if span.is_empty() => None,
            Name::Outer => {
                let help = "hand the value in with the list of the `foreach`, or as the output of a task";
                let message =
                    format!("`{path}` is not known here: `outer` reaches tasks only, outer.tasks.NAME.output");
                self.diagnostics.error("unknown_name", span, message, help);
                None
            }
            Name::Unknown(_) if path.split('.').any(|word| self.pieces.contains(word)) => None,
            Name::Unknown(help) => {
                self.diagnostics.error("unknown_name", span, format!("unknown name `{path}`"), help);
                None
            }
        }
    }

    /// True if the task, or a group around it, has this key.
    fn inside(&self, place: &Place, key: &str) -> bool {
        let mut at = place.task;
        while let Some(node) = at {
            if self.nodes[node.0 as usize].get(key).is_some() {
                return true;
            }
            at = self.graph.task(node).parent;
        }
        false
    }

    fn resolve_previous(&mut self, name: &str, span: &Range<usize>, place: &Place) -> Option<NodeId> {
        if !self.inside(place, "loop") {
            self.diagnostics.error("unknown_name", span, "`loop.previous` is known inside a `loop` only", "");
            return None;
        }
        let mut scope = place.scope;
        while let Some(group) = scope {
            if self.nodes[group.0 as usize].get("loop").is_some() {
                break;
            }
            scope = self.graph.task(group).parent;
        }
        let found = self.find(scope, name).or_else(|| place.task.filter(|task| &*self.graph.task(*task).name == name));
        if found.is_none() {
            self.unknown_task(name, scope, None, span);
        }
        found
    }

    /// The task that a reference means, and the need that follows from it.
    fn resolve_task(&mut self, outer: usize, name: &str, span: &Range<usize>, place: &Place) -> Option<NodeId> {
        let mut scope = place.scope;
        for _ in 0..outer {
            let Some(group) = scope else {
                self.diagnostics.error(
                    "unknown_name",
                    span,
                    "`outer` reaches out of the document",
                    "leave `outer.` out",
                );
                return None;
            };
            scope = self.graph.task(group).parent;
        }
        let own = place.task.filter(|task| outer == 0 && &*self.graph.task(*task).name == name);
        let known = match place.task {
            Some(task) => self.find_for(task, scope, name),
            None => self.find(scope, name),
        };
        let Some(found) = known.or(own) else {
            self.unknown_task(name, scope, place.task, span);
            return None;
        };
        self.need(found, span, place);
        Some(found)
    }

    /// A name that no task has; the reader itself is not meant.
    pub(super) fn unknown_task(
        &mut self,
        name: &str,
        scope: Option<NodeId>,
        reader: Option<NodeId>,
        span: &Range<usize>,
    ) {
        if self.diagnostics.is_full() || self.pieces.contains(name) {
            return;
        }
        let mut further = scope;
        let mut reach = String::new();
        while let Some(group) = further {
            further = self.graph.task(group).parent;
            reach.push_str("outer.");
            if self.find(further, name).is_some() {
                let help = format!("it stands outside this group: write {reach}tasks.{name}");
                return self.diagnostics.error(
                    "unknown_task",
                    span,
                    format!("there is no task `{name}` in this group"),
                    help,
                );
            }
        }
        let in_scope = (scope, "")..(scope.map_or(Some(NodeId(0)), |group| Some(NodeId(group.0 + 1))), "");
        let found = self.places.range(in_scope).map(|(_, node)| *node);
        let mut known: Vec<NodeId> = found.filter(|node| Some(*node) != reader).collect();
        known.sort_unstable();
        let known: Vec<&str> = known.iter().map(|node| &*self.graph.task(*node).name).collect();
        let help =
            if known.is_empty() { String::new() } else { self.diagnostics.suggestion(name, &known, "tasks here") };
        self.diagnostics.error("unknown_task", span, format!("there is no task `{name}`"), help);
    }

    /// A reference is a dependency: of the task itself, or of the group around it that stands beside what is read.
    pub(super) fn need(&mut self, found: NodeId, span: &Range<usize>, place: &Place) {
        let Some(reader) = place.task else {
            if self.graph.task(found).section != Section::Main {
                self.diagnostics.error("wrong_section", span, "the output can read tasks of `tasks` only", "");
            }
            return;
        };
        let (theirs, ours) = (self.graph.task(found).section, self.graph.task(reader).section);
        if theirs != ours {
            if theirs != Section::Main {
                let message = format!("task `{}` runs in another section", self.graph.task(found).name);
                self.diagnostics.error(
                    "wrong_section",
                    span,
                    message,
                    "only the tasks of `tasks` can be read from other sections",
                );
            }
            return;
        }
        let beside = self.graph.task(found).parent;
        let mut at = reader;
        loop {
            if at == found {
                // Itself, or what it stands in. `fail_if` and a loop's conditions read their own task once its output is there.
                if at != reader || place.before {
                    let name = self.graph.task(found).name.clone();
                    let message = format!("task `{name}` needs itself: {name} → {name}");
                    self.cyclic(span, message, "read the last round in a `loop`: loop.previous.tasks.NAME.output");
                    self.selves.insert(found);
                }
                return;
            }
            let parent = self.graph.task(at).parent;
            if parent == beside {
                break;
            }
            match parent {
                Some(parent) => at = parent,
                // What is read stands inside the reader: its own loop or output.
                None => return,
            }
        }
        let needs = &mut self.graph.tasks[at.0 as usize].needs;
        // One more than allowed is kept, and then refused.
        if needs.len() <= self.limits.needs_max as usize && !needs.contains(&found) {
            needs.push(found);
        }
    }

    pub(super) fn is_group(&self, node: NodeId) -> bool {
        matches!(self.graph.task(node).work, Work::Group(_))
    }
}
