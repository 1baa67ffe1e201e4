//! `judges`: a task whose output says how good that of another is. What it says is read once it is there: nothing fails for want of it.

use std::ops::Range;

use agendum_types::Capability;
use agendum_types::graph::{AGENT_TURN, Fields, Judges, NodeId, Section, Work};
use serde_json::Value as Json;

use crate::agent::TURN;
use crate::json_schema::names_all;
use crate::lower::Lower;
use crate::tree::{Node, to_json};

/// What a schema says that promises a score.
const PROMISE: &str = "give it a `schema` that requires `score: { type: number, minimum: 0, maximum: 1 }`";
/// Where no schema can.
const NUMBER: &str =
    "name a field that is a truth value or a number from 0 to 1, or let a `chat` judge, whose `schema` says so";

impl<'t> Lower<'t, '_> {
    pub(super) fn judges(&mut self, id: NodeId, node: &'t Node) {
        let Some(word) = node.get("judges") else { return };
        // What is no name the schema has said.
        let Some(name) = word.get("task").or_else(|| word.text().map(|_| word)) else { return };
        let Some(text) = name.text() else { return };
        let scope = self.graph.task(id).parent;
        let Some(task) = self.find(scope, text) else {
            let known = self.graph.siblings(scope, self.graph.task(id).section).iter().filter(|task| **task != id);
            let known: Vec<String> = known.map(|task| self.graph.task(*task).name.to_string()).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let help = match &known[..] {
                [] => "`judges` names a task of the same group: let both stand in one".to_owned(),
                known => self.diagnostics.suggestion(text, known, "tasks beside it"),
            };
            let message = format!("there is no task `{text}` beside `{}` to be judged", self.graph.task(id).name);
            return self.diagnostics.error("unknown_task", &name.span, message, help);
        };
        let mut fields = Fields::default();
        for (word, field) in
            [("score", &mut fields.score), ("label", &mut fields.label), ("comment", &mut fields.comment)]
                .map(|(key, field)| (word.get(key), field))
        {
            let Some((span, text)) = word.and_then(|word| Some((&word.span, word.text()?))) else { continue };
            if text.is_empty() || text.len() > Fields::BYTES_MAX || text.split('.').any(str::is_empty) {
                let message = format!("a field is a name of 1 to {} bytes, and this is {text:?}", Fields::BYTES_MAX);
                self.diagnostics.error("out_of_range", span, message, "write a name, or names parted by dots");
            }
            *field = text.into();
        }
        self.graph.tasks[id.0 as usize].judges = Some(Box::new(Judges { task, fields }));
    }

    /// Judges the judges of all tasks, once it is known what each needs. One that was accepted before is not judged again.
    pub(super) fn judge_judges(&mut self) {
        for index in 0..self.graph.tasks.len() {
            let id = NodeId(index as u32);
            let Some(judges) = self.graph.tasks[index].judges.as_deref().cloned() else { continue };
            let Some(word) = self.nodes[index].get("judges").filter(|_| !self.names[index].is_empty()) else {
                continue;
            };
            let name = word.get("task").map_or(&word.span, |name| &name.span);
            if let Some((code, message, help)) = self.no_judge(id, judges.task) {
                self.diagnostics.error(code, name, message, help);
                continue;
            }
            self.says_score(id, word, &judges.fields);
        }
    }

    /// Why this task cannot judge that one, and what to do about it.
    fn no_judge(&self, id: NodeId, judged: NodeId) -> Option<(&'static str, String, String)> {
        let (task, of) = (self.graph.task(id), self.graph.task(judged));
        let (name, theirs) = (&task.name, &of.name);
        if id == judged {
            let message = format!("`{name}` judges itself");
            return Some(("contradiction", message, "name the task whose output it looks at".to_owned()));
        }
        if of.section != task.section {
            let message = format!("task `{theirs}` runs in another section");
            let help = "only the tasks of `tasks` can be judged from other sections".to_owned();
            return (of.section != Section::Main).then_some(("wrong_section", message, help));
        }
        if self.needs_of(id).contains(&judged) {
            return None;
        }
        let message = format!("`{name}` does not wait for `{theirs}`: there would be nothing to judge yet");
        Some(("not_read", message, format!("read tasks.{theirs}.output in its `with`")))
    }

    /// Says where its output has no score, or may have none.
    fn says_score(&mut self, id: NodeId, word: &Node, fields: &Fields) {
        let shape = self.of_agent(id).unwrap_or_else(|| self.body(id));
        let at = |key: &str| word.get(key).map_or_else(|| word.span.clone(), |word| word.span.clone());
        for (key, field) in [("score", &fields.score), ("label", &fields.label), ("comment", &fields.comment)] {
            let is_named = word.get(key).is_some() || key == "score";
            if let Some(part) = missing(&shape, field).filter(|_| is_named) {
                return self.no_field(id, &at(key), &part, &shape);
            }
        }
        let name = &self.graph.task(id).name;
        let field = &fields.score;
        let found = resolved(&shape, field);
        if let Some(kind) = found["type"].as_str().filter(|kind| !["number", "integer", "boolean"].contains(kind)) {
            let message = format!("`{field}` of the output of `{name}` is a {kind}: a score is a number from 0 to 1");
            let help = "name a number or a truth value: `judges: { task: …, score: FIELD }`";
            return self.diagnostics.error("wrong_type", &at("score"), message, help);
        }
        // What a capability gives by itself is there.
        let is_own = !self.is_group(id) && !self.has_schema(id);
        let is_there = is_own || requires(&shape, field);
        if !(is_there && is_within(found)) {
            let message = format!(
                "nothing promises that the output of `{name}` has a number from 0 to 1 in `{field}`: without one it is no verdict"
            );
            let help = if self.is_group(id) || self.takes_schema(id) { PROMISE } else { NUMBER };
            self.diagnostics.warning("no_promise", &at("score"), message, help.to_owned());
        }
    }

    /// True if its `with` may say what it gives.
    fn takes_schema(&self, id: NodeId) -> bool {
        matches!(&self.graph.task(id).work, Work::Call(call) if call.capability == Capability::Chat)
    }

    fn has_schema(&self, id: NodeId) -> bool {
        self.nodes[id.0 as usize].get("with").is_some_and(|with| with.get("schema").is_some())
    }

    /// What an agent gives whose model answers by a schema: it is written out as a group.
    fn of_agent(&self, id: NodeId) -> Option<Json> {
        let turn = self.nodes[id.0 as usize].get("tasks")?.get(TURN)?.get("with")?;
        turn.get(AGENT_TURN)?;
        turn.get("schema").map(to_json)
    }

    fn no_field(&mut self, id: NodeId, span: &Range<usize>, field: &str, shape: &Json) {
        let name = &self.graph.task(id).name;
        let message = format!("the output of `{name}` has no field `{field}`");
        let words: Vec<&str> = shape["properties"].as_object().into_iter().flatten().map(|(word, _)| &**word).collect();
        let help = if self.is_group(id) || self.has_schema(id) || !self.takes_schema(id) {
            self.diagnostics.suggestion(field, &words, "it has")
        } else {
            PROMISE.to_owned()
        };
        self.diagnostics.error("unknown_field", span, message, help);
    }
}

/// The first part of a field that a shape surely has not.
fn missing(shape: &Json, field: &str) -> Option<String> {
    let mut at = shape;
    for part in field.split('.') {
        let known = at["properties"].get(part);
        let required = at["required"].as_array().is_some_and(|words| words.iter().any(|word| word == part));
        if known.is_none() && !required && names_all(at) {
            return Some(part.to_owned());
        }
        at = known?;
    }
    None
}

/// What a shape says of a field; null where it says nothing.
fn resolved<'s>(shape: &'s Json, field: &str) -> &'s Json {
    field.split('.').fold(shape, |at, part| &at["properties"][part])
}

fn requires(shape: &Json, field: &str) -> bool {
    let mut at = shape;
    field.split('.').all(|part| {
        let is_there = at["required"].as_array().is_some_and(|words| words.iter().any(|word| word == part));
        at = &at["properties"][part];
        is_there
    })
}

/// True if all that a shape allows is a score.
fn is_within(shape: &Json) -> bool {
    let fits = |value: &Json| value.as_f64().is_some_and(|value| (0.0..=1.0).contains(&value)) || value.is_boolean();
    let bound = |word: &str| shape[word].as_f64();
    match shape["enum"].as_array() {
        Some(values) => values.iter().all(fits),
        None if shape["type"] == "boolean" => true,
        None => bound("minimum").is_some_and(|least| least >= 0.0) && bound("maximum").is_some_and(|most| most <= 1.0),
    }
}
