//! A forecast as text, and as JSON.

use std::fmt::Write as _;

use agendum_types::graph::{NodeId, Section, Work};
use agendum_types::{Duration, Money};
use agendum_wire::v1::dollars;
use serde_json::{Value as Json, json};

use super::history::names;
use super::{Effort, Forecast, Part};
use crate::show::counted;

/// Columns of a task's name with its place in the tree.
const NAME: usize = 22;

impl Forecast<'_> {
    /// The whole forecast, for people.
    pub(crate) fn text(&self) -> String {
        let graph = self.graph;
        let mut text =
            format!("{} ({}, {})\n", graph.name, counted(graph.tasks.len(), "task"), &graph.hash.to_string()[..12]);
        for part in self.sections.iter().filter(|part| part.section == Section::Main) {
            self.waves(&mut text, part);
            let chain: Vec<&str> = part.critical.iter().map(|node| &*graph.task(*node).name).collect();
            text.push_str(&line("critical path", &chain.join(" → ")));
            text.push_str(&line("latency", &self.latency(part.effort)));
            text.push_str(&line("cost", &self.cost(part.effort)));
            if let Some(said) = self.tokens(part.effort) {
                text.push_str(&line("tokens", &said));
            }
        }
        text.push_str(&line("prompts", &self.prompts()));
        text.push_str(&line("dropped first", &self.drops()));
        for name in self.per_item() {
            let said = format!("{name}: for one item; how many there are is known when it runs");
            text.push_str(&line("per item", &said));
        }
        for (task, node) in self.graph.tasks.iter().zip(&self.nodes).filter(|(_, node)| node.items_learned) {
            let said =
                format!("{}: {} items, as in earlier runs; the worst case too", task.name, node.items.unwrap_or(1));
            text.push_str(&line("items", &said));
        }
        if let Some(said) = self.turns() {
            text.push_str(&line("concurrency", &said));
        }
        self.children(&mut text);
        if let Some(said) = self.undone() {
            text.push_str(&line("taken back", &said));
        }
        text.push_str(&line("times", &self.sources()));
        for part in self.sections.iter().filter(|part| part.section != Section::Main) {
            let when = match part.section {
                Section::Main | Section::After => "once the answer is out",
                Section::OnFailure | Section::Compensation => "if there is none",
                Section::Finally => "last, whatever happened",
            };
            let _never = write!(text, "\n{} ({when}; outside of deadline and budget)", part.section.word());
            self.waves(&mut text, part);
            text.push_str(&line("latency", &spans(part.effort)));
            text.push_str(&line("cost", &moneys(part.effort)));
        }
        text
    }

    /// A line for each child run: what one of them takes and costs, which the times of its task hold.
    fn children(&self, text: &mut String) {
        for (task, node) in self.graph.tasks.iter().zip(&self.nodes) {
            if let (Work::Call(call), Some(one)) = (&task.work, node.child)
                && let Some(child) = &call.child
            {
                let said = format!("{} runs {}: {}; cost {}", task.name, child.graph.name, spans(one), moneys(one));
                text.push_str(&line("child run", &said));
            }
        }
    }

    /// The tasks whose effects are taken back.
    fn undone(&self) -> Option<String> {
        let can = self.graph.tasks.iter().filter(|task| task.compensate.is_some());
        let names: Vec<&str> = can.map(|task| &*task.name).collect();
        let when = "if the run fails or is cancelled; outside of deadline and budget";
        (!names.is_empty()).then(|| format!("{}, {when}", names.join(", ")))
    }

    fn waves(&self, text: &mut String, part: &Part) {
        let mut wave = 0;
        for node in &part.nodes {
            if self.node(*node).wave != wave {
                wave = self.node(*node).wave;
                let _never = write!(text, "\nwave {wave}\n");
            }
            self.task(text, *node, 0, true);
        }
        text.push('\n');
    }

    /// A task, and the tasks inside it below it. As deep as the document's checker allows.
    fn task(&self, text: &mut String, id: NodeId, depth: usize, critical: bool) {
        let (task, node) = (self.graph.task(id), self.node(id));
        let critical = critical && node.critical;
        let mark = if critical { "●" } else { "○" };
        let name = format!("{}{mark} {}", "  ".repeat(depth + 1), task.name);
        let target = node.target.as_deref().unwrap_or_else(|| if self.is_call(id) { "no target" } else { "" });
        let needs: Vec<&str> = task.needs.iter().map(|need| &*self.graph.task(*need).name).collect();
        let needs = if needs.is_empty() { String::new() } else { format!("  ← {}", needs.join(", ")) };
        let Effort { expected, worst, .. } = node.effort;
        let worst = worst.map_or_else(|| "no end".to_owned(), |worst| format!("≤{worst}"));
        let row = format!("{name:<NAME$} {:<14} {target:<18} {:>8} {worst:>8}", self.kind(id), format!("~{expected}"));
        let mut marks: Vec<String> =
            [(task.condition.is_some(), "if"), (task.optional, "optional"), (!task.catch.is_empty(), "catch")]
                .iter()
                .filter(|(is, _)| *is)
                .map(|(_, word)| (*word).to_owned())
                .collect();
        marks.extend(task.cache.as_ref().map(|cache| format!("may take a kept result up to {} old", cache.ttl)));
        let marks = if marks.is_empty() { String::new() } else { format!("  {}", marks.join(", ")) };
        let _never = writeln!(text, "{row}{needs}{marks}");
        if let Work::Group(group) = &task.work {
            for inner in super::order::ordered(self.graph, &group.tasks) {
                self.task(text, inner, depth + 1, critical);
            }
        }
    }

    /// True for a call that a target serves.
    fn is_sent(&self, index: usize) -> bool {
        matches!(&self.graph.tasks[index].work, Work::Call(call) if call.capability.has_targets())
    }

    fn is_call(&self, id: NodeId) -> bool {
        matches!(self.graph.task(id).work, Work::Call(_))
    }

    fn kind(&self, id: NodeId) -> String {
        let task = self.graph.task(id);
        let mut kind = match &task.work {
            Work::Call(call) => call.capability.word().to_owned(),
            Work::Group(group) => match group.race {
                Some(race) => format!("race, first {}", race.first),
                None => "group".to_owned(),
            },
        };
        if let Some(repeat) = &task.repeat {
            kind = format!("{kind} ≤{}×", repeat.rounds_max);
        }
        if task.foreach.is_some() {
            let items = self.node(id).items.map_or_else(|| "n".to_owned(), |items| items.to_string());
            kind = format!("{kind} each {items}");
        }
        kind
    }

    fn latency(&self, effort: Effort) -> String {
        let mut said = spans(effort);
        if effort.worst.is_none() {
            said = format!("{said} ({} may last for ever: give it a `timeout`)", self.endless().join(", "));
        }
        let Some(deadline) = self.graph.deadline else { return format!("{said}; no deadline") };
        let judged = match self.late() {
            None => "the worst case keeps it".to_owned(),
            Some(Duration::MAX) => "the worst case exceeds it".to_owned(),
            Some(over) => format!("the worst case exceeds it by {over}"),
        };
        let hopeless = if effort.expected > deadline { ", and so does the expected one" } else { "" };
        format!("{said}; deadline {deadline}: {judged}{hopeless}")
    }

    fn cost(&self, effort: Effort) -> String {
        let said = moneys(effort);
        let Some(budget) = self.graph.budget.and_then(|budget| budget.money) else {
            let none = if self.graph.budget.is_some() { "" } else { "; no budget" };
            return format!("{said}{none}");
        };
        match self.dear() {
            None => format!("{said}; budget {budget}: the worst case keeps it"),
            Some(over) => format!(
                "{said}; budget {budget}: the worst case exceeds it by {over}, then on_exceeded: {}",
                self.exceeded_word()
            ),
        }
    }

    /// What a budget of tokens has to cover; nothing is said where there is none.
    fn tokens(&self, effort: Effort) -> Option<String> {
        let budget = self.graph.budget?.tokens?;
        let Effort { tokens, tokens_max, .. } = effort;
        let judged = match self.many_tokens() {
            None => "the worst case keeps it".to_owned(),
            Some(over) => {
                format!("the worst case exceeds it by {over}, then on_exceeded: {}", self.exceeded_word())
            }
        };
        Some(format!("~{tokens} expected, {tokens_max} at worst; budget {budget}: {judged}"))
    }

    fn prompts(&self) -> String {
        let more = if self.nodes.iter().any(|node| node.prompt.is_some_and(|(_, more)| more)) {
            "; what tasks and inputs put in comes on top"
        } else {
            ""
        };
        format!("~{} tokens in their constant parts (bytes / 4, an estimate){more}", self.prompt_tokens())
    }

    fn drops(&self) -> String {
        if self.dropped.is_empty() {
            return "nothing is optional".to_owned();
        }
        let said = self.dropped.iter().map(|one| {
            let when = one.latest.map_or(String::new(), |latest| format!(" unless settled by {latest}"));
            let expected = if one.expected { ", which is not expected" } else { "" };
            format!("{} (value {}){when}{expected}", one.task, one.value)
        });
        let said = said.collect::<Vec<_>>();
        match self.graph.deadline {
            None => format!("never, there is no deadline: {}", said.join(", ")),
            Some(_) => said.join(&format!("\n{:<15}", "")),
        }
    }

    fn sources(&self) -> String {
        let calls = (0..self.nodes.len()).filter(|index| self.is_sent(*index)).count();
        let learned = self.nodes.iter().filter(|node| node.learned > 0).count();
        let runs = if self.runs == 1 { "one earlier run".to_owned() } else { format!("{} earlier runs", self.runs) };
        match learned {
            0 => "what the targets are expected to take; no earlier run of a graph of this name is known".to_owned(),
            all if all == calls => format!("learned from {runs}"),
            some => format!(
                "learned from {runs} for {some} of {calls} tasks; for the others what their targets are expected to take"
            ),
        }
    }

    /// The whole forecast, for machines. A worst case without an end is null.
    pub(crate) fn json(&self) -> Json {
        let main = self.main();
        let sections: Vec<Json> = self
            .sections
            .iter()
            .map(|part| {
                let chain: Vec<&str> = part.critical.iter().map(|node| &*self.graph.task(*node).name).collect();
                with(json!({ "section": part.section.word(), "critical_path": chain }), part.effort)
            })
            .collect();
        let tasks: Vec<Json> = (0..self.nodes.len()).map(|index| self.task_json(index)).collect();
        let chain = self
            .sections
            .iter()
            .find(|part| part.section == Section::Main)
            .map(|part| part.critical.iter().map(|node| &*self.graph.task(*node).name).collect::<Vec<_>>());
        let late = self.late();
        let whole = json!({
            "graph": &*self.graph.name, "hash": self.graph.hash.to_string(), "critical_path": chain.unwrap_or_default(),
            "concurrency": self.turns_json(),
            "deadline_ms": self.graph.deadline.map(millis), "exceeds_deadline": late.is_some(),
            "exceeds_deadline_by_ms": late.filter(|over| *over < Duration::MAX).map(millis),
            "budget_usd": self.graph.budget.and_then(|budget| budget.money).map(dollars),
            "exceeds_budget": self.dear().is_some(), "exceeds_budget_by_usd": self.dear().map(dollars),
            "budget_tokens": self.graph.budget.and_then(|budget| budget.tokens),
            "exceeds_budget_tokens": self.many_tokens().is_some(), "exceeds_budget_by_tokens": self.many_tokens(),
            "without_end": self.endless(), "per_item": self.per_item(), "prompt_tokens_estimated": self.prompt_tokens(),
            "dropped_first": self.dropped, "learned_from_runs": self.runs, "sections": sections, "tasks": tasks,
        });
        with(whole, main)
    }

    fn task_json(&self, index: usize) -> Json {
        let task = &self.graph.tasks[index];
        let id = NodeId(u32::try_from(index).expect("limited by the document's checker"));
        let node = self.node(id);
        let child = match (&task.work, node.child) {
            (Work::Call(call), Some(one)) => {
                call.child.as_ref().map(|child| with(json!({ "graph": &*child.graph.name }), one))
            }
            (Work::Call(_) | Work::Group(_), _) => None,
        };
        let task = json!({
            "child": child,
            "task": names(self.graph, id), "section": task.section.word(),
            "kind": self.kind(id), "wave": node.wave, "target": node.target.as_deref(), "optional": task.optional,
            "needs": task.needs.iter().map(|need| &*self.graph.task(*need).name).collect::<Vec<_>>(),
            "items": node.items, "items_learned": node.items_learned, "rounds_max": task.repeat.as_ref().map(|repeat| repeat.rounds_max),
            "prompt_tokens_estimated": node.prompt.map(|(tokens, _)| tokens), "learned_from_runs": node.learned,
            "cache_ttl_ms": task.cache.as_ref().map(|cache| millis(cache.ttl)),
        });
        with(task, node.effort)
    }
}

fn with(mut object: Json, effort: Effort) -> Json {
    object["expected_ms"] = json!(millis(effort.expected));
    object["worst_ms"] = json!(effort.worst.map(millis));
    object["cost_usd"] = json!(dollars(effort.cost));
    object["tokens"] = json!(effort.tokens);
    object["tokens_max"] = json!(effort.tokens_max);
    object["cost_max_usd"] = json!(dollars(effort.cost_max));
    object
}

const fn millis(span: Duration) -> u64 {
    span.as_micros() / 1_000
}

fn line(head: &str, said: &str) -> String {
    format!("{head:<14} {said}\n")
}

fn spans(effort: Effort) -> String {
    let worst = effort.worst.map_or_else(|| "without end at worst".to_owned(), |worst| format!("{worst} at worst"));
    format!("~{} expected, {worst}", effort.expected)
}

fn moneys(effort: Effort) -> String {
    if effort.cost_max == Money::ZERO {
        return "nothing".to_owned();
    }
    format!("~{} expected, {} at worst", effort.cost, effort.cost_max)
}
