//! Changes of a text by place: small ones inside the tasks, and whole tasks moved into a loop, in the style they are written in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use super::Unfixable;
use super::loops::{self, Loop};
use crate::tree::{Key, Node, Value};

/// A text with changes that do not overlap.
pub(super) struct Edits<'t> {
    pub(super) text: &'t str,
    /// By first byte: the byte behind, and what stands there instead.
    changes: BTreeMap<usize, (usize, String)>,
}

impl<'t> Edits<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, changes: BTreeMap::new() }
    }

    pub(super) fn replace(&mut self, bytes: Range<usize>, text: String) {
        self.changes.insert(bytes.start, (bytes.end, text));
    }

    /// The changed text of some bytes.
    pub(super) fn emit(&self, bytes: Range<usize>) -> String {
        let mut emitted = String::new();
        let mut at = bytes.start;
        for (start, (end, text)) in self.changes.range(bytes.clone()) {
            emitted.push_str(&self.text[at..*start]);
            emitted.push_str(text);
            at = *end;
        }
        emitted.push_str(&self.text[at..bytes.end]);
        emitted
    }

    /// One change in the place of all those inside.
    fn supersede(&mut self, bytes: Range<usize>, text: String) {
        let inside: Vec<usize> = self.changes.range(bytes.clone()).map(|(start, _)| *start).collect();
        inside.iter().for_each(|start| drop(self.changes.remove(start)));
        self.replace(bytes, text);
    }

    /// Writes a task's `needs` or `publish_after` anew; without names it goes.
    pub(super) fn set_names(&mut self, task: &Node, key: &Key, value: &Node, names: &[String]) {
        let end = self.end_of(key, value);
        if !names.is_empty() {
            let quoted = |name: &String| if self.is_quoted(key) { format!("\"{name}\"") } else { name.clone() };
            let list = names.iter().map(quoted).collect::<Vec<_>>().join(", ");
            return self.replace(key.span.end..end, format!(": [{list}]"));
        }
        if !self.is_flow(task) {
            return self.replace(self.line_start(key.span.start)..self.line_end(end), String::new());
        }
        let entries = task.entries();
        let place = entries.iter().position(|(known, _)| known.span == key.span).unwrap_or(0);
        match (entries.get(place + 1), place.checked_sub(1).map(|before| &entries[before])) {
            (Some((next, _)), _) => self.replace(key.span.start..next.span.start, String::new()),
            (None, Some((key, value))) => self.replace(self.end_of(key, value)..end, String::new()),
            (None, None) => self.replace(key.span.start..end, String::new()),
        }
    }

    fn is_quoted(&self, key: &Key) -> bool {
        self.text[key.span.start..].starts_with('"')
    }

    /// True for a map or list between brackets.
    fn is_flow(&self, node: &Node) -> bool {
        self.text[node.span.start..].starts_with(['{', '['])
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The byte behind the line's end.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// The white space that a line begins with.
    fn indent(&self, at: usize) -> &'t str {
        let line = &self.text[self.line_start(at)..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// The byte behind an entry of a map.
    fn end_of(&self, key: &Key, value: &Node) -> usize {
        let colon = self.text[key.span.end..].find(':').map_or(key.span.end, |colon| key.span.end + colon + 1);
        self.end(value).max(colon)
    }

    /// The byte behind a value: the tree knows where maps and lists begin.
    fn end(&self, node: &Node) -> usize {
        let last = match &node.value {
            Value::Map(entries) => entries.last().map(|(key, value)| self.end_of(key, value)),
            Value::List(items) => items.last().map(|item| self.end(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
                return node.span.start + self.text[node.span.clone()].trim_end().len();
            }
        };
        if !self.is_flow(node) {
            return last.unwrap_or(node.span.end);
        }
        let close = if self.text[node.span.start..].starts_with('{') { '}' } else { ']' };
        let mut at = last.unwrap_or(node.span.start + 1);
        while let Some(here) = self.text[at..].chars().next() {
            match here {
                '#' => at = self.line_end(at),
                _ if here == close => return at + 1,
                _ => at += here.len_utf8(),
            }
        }
        at
    }
}

/// Puts the tasks of each cycle of a scope into their loop.
pub(super) fn wrap(edits: &mut Edits<'_>, tree: &Node, groups: &[String], all: &[&Loop]) -> Result<(), Unfixable> {
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    for (section, tasks) in loops::scope(tree, &groups) {
        let entries = tasks.entries();
        let places: BTreeMap<&str, usize> = entries.iter().enumerate().map(|(at, (key, _))| (&*key.name, at)).collect();
        let Some((first, _)) = entries.first() else { continue };
        let style = Style::of(edits, section, first);
        let is_flow = edits.is_flow(tasks);
        let begins = if is_flow { Vec::new() } else { begins(edits, entries, &style)? };
        for of in all {
            let mut inside: Vec<usize> = of.tasks.iter().filter_map(|task| places.get(&**task).copied()).collect();
            inside.sort_unstable();
            if inside.is_empty() {
                continue;
            }
            if is_flow {
                wrap_flow(edits, entries, &inside, of, &style);
            } else {
                wrap_block(edits, entries, &begins, &inside, of, &style);
            }
        }
    }
    Ok(())
}

/// How the tasks of a map are written.
struct Style {
    /// In front of a task.
    indent: String,
    /// One level more.
    unit: String,
    newline: &'static str,
    is_quoted: bool,
    /// True if each task begins a line.
    has_lines: bool,
}

impl Style {
    fn of(edits: &Edits<'_>, section: usize, key: &Key) -> Self {
        let (outer, indent) = (edits.indent(section), edits.indent(key.span.start));
        let unit = indent.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or("  ");
        let newline = if edits.text.contains("\r\n") { "\r\n" } else { "\n" };
        let has_lines = edits.text[edits.line_start(key.span.start)..key.span.start].trim().is_empty();
        Self { indent: indent.into(), unit: unit.into(), newline, is_quoted: edits.is_quoted(key), has_lines }
    }

    fn at(&self, levels: usize) -> String {
        format!("{}{}", self.indent, self.unit.repeat(levels))
    }

    /// Moves lines two levels in.
    fn moved(&self, text: &str) -> String {
        let by = self.unit.repeat(2);
        let line = |line: &str| {
            if line.trim_end_matches(['\r', '\n']).is_empty() { line.into() } else { format!("{by}{line}") }
        };
        text.split_inclusive('\n').map(line).collect()
    }
}

/// What `until` and `on_exhausted` say.
fn head(of: &Loop, word: impl Fn(&str) -> String) -> (String, String) {
    let until = format!("${{{{ {} }}}}", of.until.as_deref().unwrap_or("false"));
    let exhausted = match &of.best_by {
        Some(by) => format!("{{ {}: {}, {}: \"${{{{ {by} }}}}\" }}", word("use"), word("best"), word("by")),
        None => format!("{{ {}: {} }}", word("use"), word("last")),
    };
    (until, exhausted)
}

fn wrap_block(
    edits: &mut Edits<'_>,
    entries: &[(Key, Node)],
    begins: &[usize],
    inside: &[usize],
    of: &Loop,
    style: &Style,
) {
    let range = |edits: &Edits<'_>, place: usize| {
        let (key, value) = &entries[place];
        let end = begins.get(place + 1).copied().unwrap_or_else(|| edits.line_end(edits.end_of(key, value)));
        begins[place]..end
    };
    let (until, exhausted) = head(of, str::to_owned);
    let (one, two, newline) = (style.at(1), style.at(2), style.newline);
    let mut text = format!("{}{}:{newline}", style.indent, of.name);
    if !of.needs.is_empty() {
        let needs: Vec<&str> = of.needs.iter().map(String::as_str).collect();
        let _never = write!(text, "{one}needs: [{}]{newline}", needs.join(", "));
    }
    let _never = write!(text, "{one}loop:{newline}");
    if of.until.is_none() {
        let _never =
            write!(text, "{two}# Fill in when a round is good enough: until then it runs max_iterations.{newline}");
    }
    let _never = write!(text, "{two}until: {until}{newline}");
    let _never = write!(text, "{two}max_iterations: {}{newline}{two}on_exhausted: {exhausted}{newline}", of.rounds_max);
    let _never = write!(text, "{one}output:{newline}");
    for task in &of.tasks {
        let key = plain_key(task);
        let _never = write!(text, "{two}{key}: ${{{{ tasks.{task}.output }}}}{newline}");
    }
    let _never = write!(text, "{one}tasks:{newline}");
    for place in inside {
        let mut entry = edits.emit(range(edits, *place));
        if !entry.ends_with('\n') {
            entry.push_str(newline);
        }
        text.push_str(&style.moved(&entry));
    }
    for place in inside.iter().skip(1) {
        edits.supersede(range(edits, *place), String::new());
    }
    edits.supersede(range(edits, inside[0]), text);
}

/// A name as a key of YAML: three words mean something else.
fn plain_key(name: &str) -> String {
    let is_other = ["null", "true", "false"].iter().any(|word| name.eq_ignore_ascii_case(word));
    if is_other { format!("\"{name}\"") } else { name.to_owned() }
}

/// Where the lines of each entry begin.
fn begins(edits: &Edits<'_>, entries: &[(Key, Node)], style: &Style) -> Result<Vec<usize>, Unfixable> {
    for (key, _) in entries {
        if !edits.text[edits.line_start(key.span.start)..key.span.start].trim().is_empty() {
            return Err(Unfixable(format!("task `{}` does not begin a line of its own", key.name)));
        }
    }
    Ok((0..entries.len()).map(|place| begin_of_entry(edits, entries, place, style)).collect())
}

/// Where an entry's lines begin: with the comments right above it.
fn begin_of_entry(edits: &Edits<'_>, entries: &[(Key, Node)], place: usize, style: &Style) -> usize {
    let mut begin = edits.line_start(entries[place].0.span.start);
    let least = place.checked_sub(1).map_or(0, |before| {
        let (key, value) = &entries[before];
        edits.line_end(edits.end_of(key, value))
    });
    while begin > least {
        let above = edits.line_start(begin - 1);
        let line = &edits.text[above..begin];
        if !line.trim_start().starts_with('#') || edits.indent(above).len() > style.indent.len() || above < least {
            break;
        }
        begin = above;
    }
    begin
}

fn wrap_flow(edits: &mut Edits<'_>, entries: &[(Key, Node)], inside: &[usize], of: &Loop, style: &Style) {
    let range = |edits: &Edits<'_>, place: usize| {
        let (key, value) = &entries[place];
        key.span.start..edits.end_of(key, value)
    };
    let word = |word: &str| if style.is_quoted { format!("\"{word}\"") } else { word.to_owned() };
    let (until, exhausted) = head(of, word);
    let mut parts = Vec::new();
    if !of.needs.is_empty() {
        let needs: Vec<String> = of.needs.iter().map(|need| word(need)).collect();
        parts.push(format!("{}: [{}]", word("needs"), needs.join(", ")));
    }
    parts.push(format!(
        "{}: {{ {}: \"{until}\", {}: {}, {}: {exhausted} }}",
        word("loop"),
        word("until"),
        word("max_iterations"),
        of.rounds_max,
        word("on_exhausted")
    ));
    let outputs = of.tasks.iter().map(|task| format!("\"{task}\": \"${{{{ tasks.{task}.output }}}}\"")).collect();
    parts.push(format!("{}: {}", word("output"), braces(outputs, style, 1)));
    let tasks = inside.iter().map(|place| {
        let entry = edits.emit(range(edits, *place));
        // The first line follows the indentation that is written anyway.
        if style.has_lines { style.moved(&entry).trim_start().to_owned() } else { entry }
    });
    let tasks: Vec<String> = tasks.collect();
    parts.push(format!("{}: {}", word("tasks"), braces(tasks, style, 1)));
    let text = format!("{}: {}", word(&of.name), braces(parts, style, 0));
    for place in inside.iter().skip(1) {
        let (key, value) = &entries[place - 1];
        let before = edits.end_of(key, value);
        edits.supersede(before..edits.end_of(&entries[*place].0, &entries[*place].1), String::new());
    }
    edits.supersede(range(edits, inside[0]), text);
}

/// A map in braces, over lines if its surroundings are.
fn braces(parts: Vec<String>, style: &Style, level: usize) -> String {
    if !style.has_lines {
        return format!("{{ {} }}", parts.join(", "));
    }
    let (inner, newline) = (style.at(level + 1), style.newline);
    let lines: Vec<String> = parts.into_iter().map(|part| format!("{inner}{part}")).collect();
    format!("{{{newline}{}{newline}{}}}", lines.join(&format!(",{newline}")), style.at(level))
}
