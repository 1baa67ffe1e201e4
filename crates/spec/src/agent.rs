//! `uses: agent`, written out: a loop whose rounds ask the model and run what it calls.
//!
//! `NAME` becomes a group with a `loop` of two tasks: `turn`, a `chat` that is told of the tools and of what they gave so far, and
//! `calls`, a `foreach` over the calls of that turn with one task for each tool, of which the one runs that is called. So an agent is
//! made of what every scheduler of this document knows, and its calls are tasks like others. The normal document has this form: what
//! was accepted does not change when this does.

mod scope;
mod tool;

use std::ops::Range;

use agendum_types::Limits;
use agendum_types::graph::{AGENT_TURN, RESULT_BYTES_MAX, Section};
use serde_json::{Value as Json, json};

use crate::agent::scope::{Scope, moved};
use crate::diagnostic::Diagnostics;
use crate::expr;
use crate::files::get_mut;
use crate::tree::{Key, Node, Value, from_json};

/// The word of documents.
pub(crate) const AGENT: &str = "agent";
/// The task that asks the model, and the one that runs what it calls.
pub(crate) const TURN: &str = "turn";
const CALLS: &str = "calls";
/// Tools of an agent at most: the model is told of all of them in each turn.
const TOOLS_MAX: usize = 64;
/// Calls that run at once where the document does not say.
const PARALLEL: u64 = 4;

/// Words of an agent that say something of each turn, and of the whole.
const OF_TURN: [&str; 5] = ["retry", "model", "live", "no_fallback", "risk"];
const OF_WHOLE: [&str; 14] = [
    "if",
    "needs",
    "catch",
    "as",
    "optional",
    "value",
    "not_before",
    "delay",
    "within",
    "deadline",
    "description",
    "no_fallback",
    "risk",
    "judges",
];

/// The calls of a turn as a text: the same in two turns in a row is no progress.
const ASKED: &str = "{% for call in tasks.turn.output.tool_calls %}${{ call.name }} ${{ call.arguments | default(none) | tojson }} \
    ${{ call.error }};{% endfor %}";

/// Writes out all agents of a document whose words are right.
pub(crate) fn expand(tree: &mut Node, limits: &Limits, diagnostics: &mut Diagnostics) {
    for section in Section::ALL {
        if let Some(tasks) = get_mut(tree, section.word()) {
            expand_tasks(tasks, false, limits, diagnostics);
        }
    }
}

/// The same for the tasks of one map, which stand in a `foreach` or do not.
pub(crate) fn expand_tasks(tasks: &mut Node, is_each: bool, limits: &Limits, diagnostics: &mut Diagnostics) {
    let Value::Map(tasks) = &mut tasks.value else { return };
    for (key, task) in tasks {
        let is_each_inside = is_each || task.get("foreach").is_some();
        if let Some(inner) = get_mut(task, "tasks") {
            expand_tasks(inner, is_each_inside, limits, diagnostics);
        }
        if task.get("uses").and_then(Node::text) == Some(AGENT)
            && let Some(group) = (Expansion { key, agent: task, is_each, limits, diagnostics }).group()
        {
            *task = group;
        }
    }
}

/// An agent on its way to a group.
struct Expansion<'a> {
    key: &'a Key,
    agent: &'a Node,
    /// It stands in a `foreach`, whose item goes with each call.
    is_each: bool,
    limits: &'a Limits,
    diagnostics: &'a mut Diagnostics,
}

impl Expansion<'_> {
    /// `None` if a word is missing or wrong, which was said.
    fn group(mut self) -> Option<Node> {
        let (with, tools) = (self.agent.get("with")?, self.agent.get("tools")?);
        let (turns, exhausted) = (self.agent.get("max_turns")?, self.agent.get("on_exhausted")?);
        turns.whole()?;
        exhausted.get("use").is_none_or(|word| word.text() == Some("last")).then_some(())?;
        let has_schema = with.get("schema").is_some();
        self.judge(with, tools, exhausted, has_schema)?;
        let mut repeat = vec![
            made("until", json!("${{ not tasks.turn.output.tool_calls }}")),
            named("max_iterations", turns.clone()),
            named("on_exhausted", exhausted.clone()),
        ];
        repeat.extend(self.agent.get("budget").map(|budget| named("budget", budget.clone())));
        if self.agent.get("stop_if_stuck").and_then(Node::bool) != Some(false) {
            repeat.push(made("stop_if_same", json!(ASKED)));
        }
        let inside = vec![(self.at(TURN), self.turn(with, tools)), (self.at(CALLS), self.calls(tools))];
        let output = if has_schema {
            json!("${{ tasks.turn.output.value }}")
        } else {
            json!({ "text": "${{ tasks.turn.output.text }}", "turns": "${{ loop.round }}", "calls": "${{ tasks.turn.output.calls }}" })
        };
        let mut group = vec![named("loop", self.map(repeat)), named("tasks", self.map(inside)), made("output", output)];
        group.extend(self.words(&OF_WHOLE));
        if let Some(fail_if) = self.agent.get("fail_if") {
            group.push(named("fail_if", self.moved(fail_if, Scope::Judge)));
        }
        let whole = self.agent.get("timeout").and_then(|timeout| timeout.get("task"));
        group.extend(whole.map(|task| named("timeout", self.map(vec![named("task", task.clone())]))));
        Some(self.map(group))
    }

    /// What a schema cannot say of an agent. `None` if that would be said once more of what it becomes.
    fn judge(&mut self, with: &Node, tools: &Node, exhausted: &Node, has_schema: bool) -> Option<()> {
        for (key, _) in with.entries().iter().filter(|(key, _)| matches!(&*key.name, "tools" | "tool_choice")) {
            let message = format!("`{}` is no argument of an agent", key.name);
            self.diagnostics.error("unknown_key", &key.span, message, "write `tools` beside `with`, by name");
        }
        if has_schema && exhausted.get("use").is_some() {
            let message = "the last turn has no value that follows the `schema`: the model still calls tools there";
            let help = "write `on_exhausted: fail`, and a `catch` with an `output` that does";
            self.diagnostics.error("contradiction", &exhausted.span, message, help);
        }
        let count = tools.entries().len();
        if count > TOOLS_MAX {
            let message = format!("the agent has {count} tools; it may have {TOOLS_MAX}");
            self.diagnostics.error("too_many", &tools.span, message, "let several agents have their part of them");
        }
        let mut reserved = tools.entries().iter().filter(|(key, _)| [TURN, CALLS].contains(&&*key.name));
        let Some((key, _)) = reserved.next() else { return Some(()) };
        let message = format!("`{}` is a task of every agent, and no name for a tool", key.name);
        self.diagnostics.error("bad_name", &key.span, message, "give it another name");
        None
    }

    /// The task that asks the model: with what the agent is asked, its tools, and what was said since.
    fn turn(&mut self, with: &Node, tools: &Node) -> Node {
        let Value::Map(mut arguments) = self.moved_with(with, Scope::With).value else { return with.clone() };
        arguments.retain(|(key, _)| !matches!(&*key.name, "tools" | "tool_choice" | AGENT_TURN));
        let mut told = Vec::new();
        for (key, tool) in tools.entries() {
            told.push(self.told(key, tool));
        }
        arguments.push(named("tools", Node { value: Value::List(told), span: tools.span.clone() }));
        let result_max = self.agent.get("result_max").and_then(Node::whole);
        let mut goes_on = json!({
            "said": "${{ loop.previous.tasks.turn.output.said }}",
            "results": "${{ loop.previous.tasks.calls.output }}",
            "result_max": result_max,
        });
        if self.is_each {
            goes_on["item"] = json!("${{ item }}");
        }
        arguments.push(made(AGENT_TURN, goes_on));
        let mut turn = vec![
            made("uses", json!("chat")),
            named("with", Node { value: Value::Map(arguments), span: with.span.clone() }),
        ];
        turn.extend(self.words(&OF_TURN));
        if let Some(timeout) = self.agent.get("timeout") {
            let mut timeout = timeout.clone();
            if let Value::Map(entries) = &mut timeout.value {
                entries.retain(|(key, _)| key.name != "task");
            }
            turn.push(named("timeout", timeout));
        }
        self.map(turn)
    }

    /// The task that runs what a turn calls.
    fn calls(&mut self, tools: &Node) -> Node {
        let names: Vec<&str> = tools.entries().iter().map(|(key, _)| &*key.name).collect();
        let mut inside = Vec::new();
        for (key, tool) in tools.entries() {
            inside.push((key.clone(), self.tool(key, tool, &names)));
        }
        let outputs = names.iter().map(|name| format!("tasks.{name}.output")).collect::<Vec<_>>().join(", ");
        let bytes = self.agent.get("result_max").and_then(Node::whole).unwrap_or(RESULT_BYTES_MAX);
        // Cut where it is put together: all results of a turn are read at once.
        let result = json!({ "id": "${{ item.id }}", "error": "${{ item.error }}",
            "output": format!("${{{{ [{outputs}] | select(\"defined\") | first | cut(item.result_max | default({bytes})) }}}}") });
        let parallel = self.agent.get("max_parallel").cloned().unwrap_or_else(|| from_json(json!(PARALLEL)));
        self.map(vec![
            made("if", json!("${{ tasks.turn.output.tool_calls }}")),
            made("foreach", json!("${{ tasks.turn.output.tool_calls }}")),
            named("max_parallel", parallel),
            named("tasks", Node { value: Value::Map(inside), span: tools.span.clone() }),
            made("output", result),
        ])
    }

    /// Those of these words that the agent has.
    fn words(&self, words: &[&str]) -> Vec<(Key, Node)> {
        self.agent.entries().iter().filter(|(key, _)| words.contains(&&*key.name)).cloned().collect()
    }

    fn moved(&mut self, node: &Node, scope: Scope<'_>) -> Node {
        moved(node, scope, &[], self.limits, self.diagnostics)
    }

    /// The same for a `with`, whose `prompt` and `system` see the other arguments first.
    fn moved_with(&mut self, with: &Node, scope: Scope<'_>) -> Node {
        let names: Vec<&str> = with.entries().iter().map(|(key, _)| &*key.name).collect();
        let mut arguments = Vec::new();
        for (key, value) in with.entries() {
            let locals: &[&str] = if expr::is_late(&key.name) { &names } else { &[] };
            arguments.push((key.clone(), moved(value, scope, locals, self.limits, self.diagnostics)));
        }
        Node { value: Value::Map(arguments), span: with.span.clone() }
    }

    /// A key of our own that stands where the agent's name does.
    fn at(&self, name: &str) -> Key {
        Key { name: name.to_owned(), span: self.key.span.clone() }
    }

    fn map(&self, entries: Vec<(Key, Node)>) -> Node {
        Node { value: Value::Map(entries), span: self.key.span.clone() }
    }
}

/// What nobody wrote has no place.
const NOWHERE: Range<usize> = 0..0;

fn named(name: &str, value: Node) -> (Key, Node) {
    (Key { name: name.to_owned(), span: NOWHERE }, value)
}

fn made(name: &str, value: Json) -> (Key, Node) {
    named(name, from_json(value))
}
