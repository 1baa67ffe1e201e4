//! The forecast of a graph without running it: a pure reading of the graph, the table of targets and what earlier runs took.
//!
//! Expected: every `if` holds, every task succeeds at its first attempt, a loop needs one round, unless earlier runs say otherwise.
//! At worst: every attempt lasts to its timeout and is repeated as often as it may be, every loop runs all its rounds. A worst case
//! without an end is said to have none.

mod child;
mod draw;
mod effort;
mod history;
mod order;
mod prompt;
mod turns;

use std::sync::Arc;

use agendum_types::graph::{Call, NodeId, OnExceeded, Section, Work};
use agendum_types::{Duration, Graph, Limits, Money, Target, target};
use serde::Serialize;

pub(crate) use effort::Effort;
pub(crate) use history::{History, Learned};

/// What is expected of a graph.
pub(crate) struct Forecast<'g> {
    graph: &'g Graph,
    /// By the place of the task in the graph.
    nodes: Vec<Node>,
    /// Sections that have tasks; the main one first.
    sections: Vec<Part>,
    dropped: Vec<Dropped>,
    /// Runs that were learned from.
    runs: u32,
}

/// What is expected of one task.
#[derive(Clone, Debug, Default)]
struct Node {
    effort: Effort,
    /// Where it stands among its siblings.
    wave: usize,
    /// True if the expected way to the end of its section leads through it.
    critical: bool,
    /// The target that is tried first; for calls.
    target: Option<Arc<str>>,
    /// Tokens in the constant parts of its prompt, and whether more comes in when it runs.
    prompt: Option<(u64, bool)>,
    /// Items of its `foreach`, where they are known.
    items: Option<u64>,
    /// True if they are known from earlier runs only.
    items_learned: bool,
    /// Runs that its time was learned from.
    learned: u32,
    /// Of a task that is a run of its own: one such run, by its own graph.
    child: Option<Effort>,
}

/// A section as a whole.
struct Part {
    section: Section,
    /// Its tasks in the order of their waves.
    nodes: Vec<NodeId>,
    critical: Vec<NodeId>,
    effort: Effort,
}

/// An optional task, and when it is given up.
#[derive(Clone, Debug, Serialize)]
struct Dropped {
    task: String,
    value: u8,
    /// Not settled so long after the submission, it is dropped; without a deadline, never.
    #[serde(rename = "unless_settled_ms", serialize_with = "optional_millis")]
    latest: Option<Duration>,
    /// True if it is expected to be dropped.
    expected: bool,
}

fn optional_millis<S: serde::Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_micros() / 1_000).serialize(to)
}

/// Looks at a graph.
pub(crate) fn forecast<'g>(graph: &'g Graph, table: &[Target], history: &History, limits: &Limits) -> Forecast<'g> {
    let table: Vec<Target> = table.iter().filter(|target| target.may_see(&graph.labels)).cloned().collect();
    let mut nodes = effort::nodes(graph, &table, history, limits);
    let mut sections = Vec::new();
    for section in Section::ALL {
        let siblings = graph.section(section);
        if siblings.is_empty() {
            continue;
        }
        let critical = order::mark(graph, siblings, &mut nodes);
        let effort = order::together(graph, siblings, &nodes);
        let mut ordered = order::ordered(graph, siblings);
        ordered.sort_by_key(|node| nodes[node.0 as usize].wave);
        sections.push(Part { section, nodes: ordered, critical, effort });
    }
    for index in 0..graph.tasks.len() {
        if let Work::Group(group) = &graph.tasks[index].work {
            order::mark(graph, &group.tasks, &mut nodes);
        }
    }
    let dropped = order::dropped(graph, &nodes);
    Forecast { graph, nodes, sections, dropped, runs: history.runs }
}

/// The targets that may serve a call, in the order in which they are tried.
fn eligible<'t>(call: &Call, table: &'t [Target]) -> Vec<&'t Target> {
    target::candidates(table.iter().map(|target| (target, target)), call.capability, &call.requirement)
}

impl Forecast<'_> {
    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }

    fn main(&self) -> Effort {
        self.sections.iter().find(|part| part.section == Section::Main).map_or_else(Effort::default, |part| part.effort)
    }

    /// Deadline against the worst case: by how much it is exceeded; the longest span for a worst case without an end.
    fn late(&self) -> Option<Duration> {
        let deadline = self.graph.deadline?;
        match self.main().worst {
            None => Some(Duration::MAX),
            Some(worst) => Some(worst.minus(deadline)).filter(|over| *over > Duration::ZERO),
        }
    }

    /// Budget against the worst case: by how much it is exceeded.
    fn dear(&self) -> Option<Money> {
        let budget = self.graph.budget?.money?;
        Some(self.main().cost_max.minus(budget)).filter(|over| *over > Money::ZERO)
    }

    /// Budget of tokens against the worst case: by how many it is exceeded.
    fn many_tokens(&self) -> Option<u64> {
        let budget = self.graph.budget?.tokens?;
        Some(self.main().tokens_max.saturating_sub(budget)).filter(|over| *over > 0)
    }

    /// Main tasks, nested ones included, whose calls may last for ever.
    fn endless(&self) -> Vec<&str> {
        let endless = |index: &usize| {
            let task = &self.graph.tasks[*index];
            task.section == Section::Main
                && matches!(task.work, Work::Call(_))
                && self.nodes[*index].effort.worst.is_none()
        };
        (0..self.graph.tasks.len()).filter(endless).map(|index| &*self.graph.tasks[index].name).collect()
    }

    /// `foreach` tasks whose number of items nobody knows yet.
    fn per_item(&self) -> Vec<&str> {
        let unknown = |index: &usize| self.graph.tasks[*index].foreach.is_some() && self.nodes[*index].items.is_none();
        (0..self.graph.tasks.len()).filter(unknown).map(|index| &*self.graph.tasks[index].name).collect()
    }

    /// Tokens in the constant parts of all prompts, each counted once.
    fn prompt_tokens(&self) -> u64 {
        self.nodes.iter().filter_map(|node| node.prompt).map(|(tokens, _)| tokens).sum()
    }

    fn exceeded_word(&self) -> &'static str {
        self.graph.budget.map_or(OnExceeded::Fail, |budget| budget.on_exceeded).word()
    }
}

#[cfg(test)]
mod tests;
