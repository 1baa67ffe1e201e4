//! What is known of the fields of data: of the inputs by their schema, of a task's output by its capability. A field that is none is
//! undefined for ever, and most likely misspelt.
//!
//! Shapes are JSON Schemas; `null` is one of which nothing is known.

use std::collections::BTreeMap;
use std::ops::Range;

use agendum_types::graph::{DataRef, NodeId};
use agendum_types::{Capability, WaitFor};
use serde_json::{Map, Value as Json, json};

use crate::expr::{self, Text};
use crate::json_schema::{declared, names_all};
use crate::lower::Lower;
use crate::lower::reads::Place;
use crate::names::{Part, Read};
use crate::schema;
use crate::tree::{Node, Value, to_json};

/// What an expression reads of some data.
#[derive(Debug)]
pub(super) struct Sight {
    data: DataRef,
    /// The task whose expression it is.
    reader: Option<NodeId>,
    /// The fields that follow the data's own name; `None` is anything in brackets.
    fields: Vec<(Option<String>, Range<usize>)>,
}

impl Lower<'_, '_> {
    pub(super) fn sight(
        &mut self,
        data: DataRef,
        read: &Read<'_>,
        at: &impl Fn(&Range<usize>) -> Range<usize>,
        place: &Place,
    ) {
        let outer = read.head().take_while(|(name, _)| *name == "outer").count();
        let own = match data {
            DataRef::Inputs | DataRef::Candidate => 1,
            DataRef::Output(_) => outer + 3,
            DataRef::Previous(_) => outer + 5,
            DataRef::Round
            | DataRef::Item
            | DataRef::ItemIndex
            | DataRef::Key
            | DataRef::RunId
            | DataRef::RunError
            | DataRef::PartialOutput
            | DataRef::Caught => return,
        };
        let fields: Vec<_> = read
            .parts
            .iter()
            .skip(own)
            .map(|part| match part {
                Part::Field((name, range)) => (Some((*name).to_owned()), at(range)),
                Part::Item => (None, 0..0),
            })
            .collect();
        // Without a place it was accepted before, and is not judged again.
        if fields.iter().any(|(_, span)| !span.is_empty()) {
            // What takes a task back reads the output of one item or round, as the task's own conditions do.
            let own = |reader: &NodeId| {
                let task = self.graph.task(*reader);
                task.parent.filter(|of| task.is_compensation() && data == DataRef::Output(*of)).unwrap_or(*reader)
            };
            self.sights.push(Sight { data, reader: place.task.as_ref().map(own), fields });
        }
    }

    /// Judges everything that was seen.
    pub(super) fn judge(&mut self, tree: &Node) {
        let inputs = tree.get("inputs").map_or(Json::Null, to_json);
        let mut shapes = BTreeMap::new();
        for sight in std::mem::take(&mut self.sights) {
            if self.diagnostics.is_full() {
                return;
            }
            let Sight { data, reader, fields } = sight;
            match data {
                DataRef::Inputs => self.inputs(&inputs, &fields),
                DataRef::Output(node) | DataRef::Previous(node) if reader != Some(node) => {
                    let shape = shapes.entry(node).or_insert_with(|| self.shape(node)).clone();
                    let what = format!("the output of `{}`", self.graph.task(node).name);
                    self.fields(&shape, &fields, what);
                }
                DataRef::Candidate | DataRef::Output(_) => {
                    let Some(node) = reader.filter(|node| self.nodes[node.0 as usize].get("race").is_none()) else {
                        continue;
                    };
                    let shape = self.body(node);
                    self.fields(&shape, &fields, format!("the output of `{}`", self.graph.task(node).name));
                }
                // Nothing else is kept, and the last round of the reader itself may have failed.
                DataRef::Previous(_)
                | DataRef::Round
                | DataRef::Item
                | DataRef::ItemIndex
                | DataRef::Key
                | DataRef::RunId
                | DataRef::RunError
                | DataRef::PartialOutput
                | DataRef::Caught => {}
            }
        }
    }

    /// A run refuses inputs that are not declared, so that nothing can ever be in them.
    fn inputs(&mut self, inputs: &Json, fields: &[(Option<String>, Range<usize>)]) {
        let Some(((Some(name), span), rest)) = fields.split_first().map(|(first, rest)| (first.clone(), rest)) else {
            return;
        };
        match (inputs["properties"].get(&name), declared(inputs)) {
            (Some(shape), _) => self.fields(shape, rest, format!("the input `{name}`")),
            (None, Some(known)) if known.is_empty() => {
                let message = format!("there is no input `{name}`: the document declares none");
                let help = format!("add `inputs: {{ properties: {{ {name}: {{ type: string }} }} }}`");
                self.diagnostics.error("unknown_input", &span, message, help);
            }
            (None, Some(known)) => {
                let words: Vec<&str> = known.keys().map(String::as_str).collect();
                let help = self.diagnostics.suggestion(&name, &words, "inputs");
                let message = format!("there is no input `{name}` among the `properties` of `inputs`");
                self.diagnostics.error("unknown_input", &span, message, help);
            }
            (None, None) => {}
        }
    }

    fn fields(&mut self, shape: &Json, fields: &[(Option<String>, Range<usize>)], mut what: String) {
        let mut shape = shape;
        for (field, span) in fields {
            let Some(name) = field else {
                shape = &shape["items"];
                continue;
            };
            let known = shape["properties"].as_object();
            if let Some(next) = known.and_then(|known| known.get(name)) {
                what = format!("`{name}` of {what}");
                shape = next;
                continue;
            }
            let required = shape["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
            let words: Vec<&str> = known.into_iter().flatten().map(|(word, _)| word.as_str()).chain(required).collect();
            let (message, help) = match shape["type"].as_str() {
                Some("array") => {
                    (format!("{what} is a list, which has no field `{name}`"), "write [0] for its first".to_owned())
                }
                Some(of @ ("string" | "number" | "integer" | "boolean")) => {
                    (format!("{what} is a {of}, which has no field `{name}`"), format!("leave `.{name}` out"))
                }
                _ if names_all(shape) && !words.contains(&name.as_str()) => {
                    let help = self.diagnostics.suggestion(name, &words, "it has");
                    (format!("{what} has no field `{name}`: this is always undefined"), help)
                }
                _ => return,
            };
            self.diagnostics.warning("unknown_field", span, message, help);
            return;
        }
    }

    /// What a task gives.
    fn shape(&self, id: NodeId) -> Json {
        let body = self.body(id);
        if self.nodes[id.0 as usize].get("foreach").is_some() {
            json!({ "type": "array", "items": body })
        } else {
            body
        }
    }

    /// What a task gives, for one item if it runs for many.
    pub(super) fn body(&self, id: NodeId) -> Json {
        let node = self.nodes[id.0 as usize];
        let made = if node.get("tasks").is_some() { self.of_group(id, node) } else { of_call(node) };
        let rungs = node.get("catch").map(Node::items).unwrap_or_default().iter().filter_map(|rung| rung.get("output"));
        rungs.fold(made, |shape, output| either(shape, of_value(output)))
    }

    fn of_group(&self, id: NodeId, node: &Node) -> Json {
        if let Some(output) = node.get("output") {
            return of_value(output);
        }
        let race = node.get("race");
        if race.and_then(|race| race.get("first")).and_then(Node::whole).is_some_and(|first| first != 1) {
            return json!({ "type": "array" });
        }
        // The objects of its tasks merged; what is no object stands under its task's name.
        let mut merged = Map::new();
        for inner in self.graph.siblings(Some(id), agendum_types::graph::Section::Main) {
            match self.shape(*inner) {
                shape if names_all(&shape) => {
                    merged.extend(shape["properties"].as_object().cloned().unwrap_or_default());
                    let required = shape["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
                    for word in required.map(str::to_owned).collect::<Vec<_>>() {
                        merged.entry(word).or_insert(Json::Null);
                    }
                }
                shape if shape["type"].is_string() && shape["type"] != "object" => {
                    merged.insert(self.graph.task(*inner).name.to_string(), shape);
                }
                _ => return Json::Null,
            }
        }
        json!({ "type": "object", "properties": merged })
    }
}

fn of_call(node: &Node) -> Json {
    let takes = node.get("uses").and_then(Node::text).and_then(schema::arguments);
    match node.get("with").and_then(|with| with.get("schema")) {
        Some(schema) if schema.text().is_some() => Json::Null,
        Some(schema) => to_json(schema),
        None if node.get("uses").and_then(Node::text) == Some(Capability::Wait.word()) => of_wait(node),
        None => takes.map_or(Json::Null, |takes| takes["x-output"].clone()),
    }
}

/// What came with a signal or a webhook is for its sender to say.
fn of_wait(node: &Node) -> Json {
    match node.get("with").and_then(|with| with.get("for")).and_then(Node::text).and_then(WaitFor::from_word) {
        Some(WaitFor::Approval) => {
            schema::arguments(Capability::Wait.word()).map_or(Json::Null, |takes| takes["x-output"].clone())
        }
        Some(WaitFor::Time) => {
            json!({ "type": "object", "properties": { "at": { "type": "string" } }, "additionalProperties": false })
        }
        Some(WaitFor::Signal | WaitFor::Webhook | WaitFor::Effect | WaitFor::Money) | None => Json::Null,
    }
}

/// What a value of the document looks like.
fn of_value(node: &Node) -> Json {
    match &node.value {
        Value::Map(entries) => {
            let of = |(key, value): &(crate::tree::Key, Node)| (key.name.clone(), of_value(value));
            json!({ "type": "object", "properties": entries.iter().map(of).collect::<Map<_, _>>() })
        }
        Value::Text(text) if expr::classify(text) == Text::Plain => json!({ "type": "string" }),
        Value::Number(_) => json!({ "type": "number" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::List(_) => json!({ "type": "array" }),
        Value::Text(_) | Value::Null => Json::Null,
    }
}

/// What is one or the other: the fields of both. Where they are of different kinds, each may be read for the case that it is there.
fn either(one: Json, other: Json) -> Json {
    let is_object = |shape: &Json| shape["type"] == "object" || shape.get("properties").is_some();
    if one.is_null() || (other.is_null()) {
        return Json::Null;
    }
    match (is_object(&one), is_object(&other)) {
        (true, true) if names_all(&one) => {
            let mut both = one;
            for (name, value) in other["properties"].as_object().into_iter().flatten() {
                if !both["properties"].is_object() {
                    both["properties"] = json!({});
                }
                let kept = both["properties"].get(name).cloned();
                both["properties"][name] = kept.map_or(Json::Null, |kept| either(kept, value.clone()));
            }
            both
        }
        (true, false) if names_all(&one) => one,
        _ if one["type"] == other["type"] => one,
        _ => Json::Null,
    }
}
