//! One task of the document.

use agendum_types::graph::{
    COMPENSATE, Call, Catch, Exhausted, Foreach, Loop, NodeId, NotBefore, Race, Retry, Rung, Section, Work,
};
use agendum_types::{Capability, Class, ClassSet, Effect};

use crate::diagnostic::nearest;
use crate::expr::{self, Text};
use crate::lower::reads::Place;
use crate::lower::{Lower, ONE_EXPRESSION, words};
use crate::tree::{Node, Value};
use crate::values;

impl<'t> Lower<'t, '_> {
    pub(super) fn task(&mut self, id: NodeId) {
        let node: &'t Node = self.nodes[id.0 as usize];
        if !matches!(node.value, Value::Map(_)) {
            return;
        }
        if self.graph.task(id).is_compensation() {
            return self.compensation(id, node);
        }
        self.work(id, node);
        self.conditions(id, node);
        self.ladder(id, node);
        self.resources(id, node);
        self.cache(id, node);
        self.adds(id, node);
        self.plain(id, node);
        self.needs(id, node);
        self.judges(id, node);
        // What was accepted before has no place, and is not judged again.
        if !self.names[id.0 as usize].is_empty() {
            self.contrary(id, node);
        }
    }

    /// Where an expression stands that is evaluated before the task runs.
    pub(super) fn before(&self, id: NodeId) -> Place {
        let task = self.graph.task(id);
        // What takes a task back sees what that sees.
        let scope = task.parent.filter(|_| !task.is_compensation()).or_else(|| self.graph.task(task.parent?).parent);
        Place { task: Some(id), scope, before: true, judges: false, catches: false, decides: false }
    }

    /// Where one stands that is evaluated over what the task gave: a group's own tasks are `tasks` there.
    pub(super) fn within(&self, id: NodeId) -> Place {
        let scope = if self.is_group(id) { Some(id) } else { self.graph.task(id).parent };
        Place { task: Some(id), scope, before: false, judges: false, catches: false, decides: true }
    }

    fn work(&mut self, id: NodeId, node: &'t Node) {
        let name = self.names[id.0 as usize].clone();
        match (node.get("uses"), node.get("tasks")) {
            (Some(uses), None) => self.call(id, node, uses),
            (None, Some(_)) => self.group(id, node),
            (Some(uses), Some(_)) => {
                self.diagnostics.error(
                    "both",
                    &uses.span,
                    "a task either `uses` something or holds `tasks`",
                    "move `uses` into a task inside",
                );
            }
            // What is misspelt is not missing as well.
            (None, None) if node.entries().iter().any(|(key, _)| misspelt(&key.name, &["uses", "tasks"])) => {}
            (None, None) => {
                let help = "write `uses: chat` (or retrieve, http, exec, …), or `tasks:` for a group";
                self.diagnostics.error(
                    "missing_key",
                    &name,
                    "the task does nothing: it has neither `uses` nor `tasks`",
                    help,
                );
            }
        }
    }

    pub(super) fn call(&mut self, id: NodeId, node: &'t Node, uses: &Node) {
        // What this release does not run was refused by the schema; the rest of the task is checked all the same.
        let capability = uses.text().and_then(Capability::from_word).unwrap_or(Capability::Chat);
        let place = self.before(id);
        let with = node.get("with");
        let input = match with {
            with if capability == Capability::Graph => self.child_inputs(with, place),
            Some(with) => {
                let mut reads = Vec::new();
                let dynamic = self.with_reads(uses, with, &place, &mut reads);
                reads.sort_unstable();
                reads.dedup();
                let form =
                    if dynamic { agendum_types::graph::Form::Tree } else { agendum_types::graph::Form::Constant };
                self.push(form, &crate::tree::to_json(with).to_string(), reads)
            }
            None => self.push(agendum_types::graph::Form::Constant, "{}", Vec::new()),
        };
        let output_cap = with
            .and_then(|with| with.get("max_tokens"))
            .and_then(Node::whole)
            .map(|cap| cap.min(u64::from(u32::MAX)) as u32);
        let requirement = words::requirement(node.get("model"));
        let child = with.filter(|_| capability == Capability::Graph).and_then(|with| self.child(with));
        let kind = super::alike::kind(capability, &requirement, with, child.as_deref());
        let declared = node.get("effect").and_then(Node::text).and_then(Effect::from_word);
        let task = &mut self.graph.tasks[id.0 as usize];
        task.work = Work::Call(Call { capability, input, requirement, output_cap, child, kind });
        task.effect = declared.unwrap_or_else(|| words::default_effect(capability, with));
        task.effect_declared = declared.is_some();
        for word in ["race", "output"] {
            if let Some(extra) = node.get(word) {
                self.diagnostics.error(
                    "group_only",
                    &extra.span,
                    format!("`{word}` belongs to a group"),
                    "put the task into `tasks:` of a group",
                );
            }
        }
        self.on_uncertain(id, node);
        self.compensated(id, node);
        let is_doubtful = declared == Some(Effect::Once) && !self.graph.task(id).is_compensation();
        if is_doubtful && node.get("on_uncertain").is_none() {
            let span = node.get("effect").map_or_else(|| uses.span.clone(), |effect| effect.span.clone());
            let help = "write `on_uncertain: fail`, `ask` or `{check: TASK}`: what shall happen when nobody knows whether it took effect";
            self.diagnostics.error("missing_key", &span, "`effect: once` needs `on_uncertain`", help);
        }
    }

    fn group(&mut self, id: NodeId, node: &'t Node) {
        for word in ["with", "model", "retry", "effect", "live", "timeout", "resources", COMPENSATE] {
            let allowed = word == "timeout"
                && node
                    .get("timeout")
                    .is_some_and(|timeout| timeout.get("task").is_some() && timeout.entries().len() == 1);
            if let Some(extra) = node.get(word).filter(|_| !allowed) {
                let help = if word == "timeout" {
                    "write `timeout: {task: …}`, or `within`"
                } else {
                    "give it to the tasks inside"
                };
                self.diagnostics.error(
                    "call_only",
                    &extra.span,
                    format!("`{word}` belongs to a task with `uses`"),
                    help,
                );
            }
        }
        let place = self.within(id);
        let output = node.get("output").map(|output| self.value(output, place));
        let race = node.get("race").map(|race| Race {
            first: race.get("first").and_then(Node::whole).unwrap_or(1) as u32,
            good_if: race.get("good_if").map(|good| {
                let place = Place { judges: true, ..place };
                self.condition(good, place)
            }),
            cancel_rest: race.get("cancel_rest").and_then(Node::bool).unwrap_or(true),
        });
        let Work::Group(group) = &mut self.graph.tasks[id.0 as usize].work else { return };
        let count = group.tasks.len();
        group.output = output;
        group.race = race;
        if let (Some(race), Some(text)) = (race, node.get("race"))
            && race.first as usize > count
        {
            let message = format!("the race wants {} good results of {count} tasks", race.first);
            let help = format!("write `first: {count}` at most, or add tasks");
            self.diagnostics.error("out_of_range", &text.span, message, help);
        }
    }

    fn conditions(&mut self, id: NodeId, node: &'t Node) {
        let before = self.before(id);
        if let Some(condition) = node.get("if") {
            let expr = self.condition(condition, Place { decides: true, ..before });
            self.graph.tasks[id.0 as usize].condition = Some(expr);
        }
        if let Some(items) = node.get("foreach") {
            if items.text().is_some_and(|text| expr::classify(text) == Text::Template) {
                let message = "`foreach` is a text here; it must be a list";
                self.diagnostics.error("no_list", &items.span, message, ONE_EXPRESSION);
            }
            // The list is read before there is an item.
            let expr = self.value(items, before);
            self.graph.tasks[id.0 as usize].foreach = Some(Foreach {
                items: expr,
                parallel_max: node
                    .get("max_parallel")
                    .and_then(Node::whole)
                    .map_or(self.limits.foreach_parallel_default, |count| count as u32),
                failures_max: node.get("tolerate_failures").and_then(Node::whole).unwrap_or(0).min(u64::from(u32::MAX))
                    as u32,
            });
        } else {
            for word in ["max_parallel", "tolerate_failures"] {
                if let Some(extra) = node.get(word) {
                    self.diagnostics.error("foreach_only", &extra.span, format!("`{word}` belongs to a `foreach`"), "");
                }
            }
        }
        if let Some(repeat) = node.get("loop") {
            self.repeat(id, repeat);
        }
        if let Some(fail_if) = node.get("fail_if") {
            let place = Place { judges: true, ..self.within(id) };
            let expr = self.condition(fail_if, place);
            let class = node.get("as").and_then(Node::text).and_then(Class::from_word).unwrap_or(Class::InvalidOutput);
            self.graph.tasks[id.0 as usize].fail_if = Some((expr, class));
        } else if let Some(class) = node.get("as") {
            self.diagnostics.error("fail_if_only", &class.span, "`as` belongs to a `fail_if`", "");
        }
        if let Some(instant) = node.get("not_before") {
            self.not_before(id, instant, before);
        }
    }

    fn not_before(&mut self, id: NodeId, node: &Node, place: Place) {
        let Some(text) = node.text() else { return };
        let start = match expr::classify(text) {
            Text::Expression(source) => NotBefore::Expr(self.expression(source, node, place)),
            Text::Plain | Text::Template => match values::instant(text) {
                Some(instant) => NotBefore::At(instant),
                None => {
                    let help = "write it as 2026-12-01T09:00:00Z, or as an expression that gives such a text";
                    return self.diagnostics.error("no_instant", &node.span, format!("{text:?} is no instant"), help);
                }
            },
        };
        self.graph.tasks[id.0 as usize].not_before = Some(start);
    }

    fn repeat(&mut self, id: NodeId, node: &Node) {
        let within = self.within(id);
        let Some(until) = node.get("until") else { return };
        let until = self.condition(until, within);
        let exhausted = node.get("on_exhausted").map_or(Exhausted::Fail, |exhausted| self.exhausted(exhausted, within));
        let stop_if_same = node.get("stop_if_same").map(|same| self.value(same, within));
        self.graph.tasks[id.0 as usize].repeat = Some(Loop {
            until,
            rounds_max: node.get("max_iterations").and_then(Node::whole).unwrap_or(1) as u32,
            exhausted,
            deadline: words::span(node.get("deadline")),
            budget: words::budget(node.get("budget")),
            stop_if_same,
        });
    }

    fn exhausted(&mut self, node: &Node, place: Place) -> Exhausted {
        match &node.value {
            Value::Text(word) if word == "fail" => Exhausted::Fail,
            Value::Text(name) => {
                match self.graph.on_failure.iter().copied().find(|task| *self.graph.task(*task).name == **name) {
                    Some(task) => Exhausted::Escalate(task),
                    None => {
                        let help =
                            "write fail, {use: best, by: …}, {use: last}, or the name of a task under on_failure";
                        self.diagnostics.error(
                            "unknown_task",
                            &node.span,
                            format!("on_failure has no task `{name}`"),
                            help,
                        );
                        Exhausted::Fail
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) => Exhausted::Fail,
            Value::Map(_) if node.get("use").and_then(Node::text) == Some("last") => Exhausted::UseLast,
            Value::Map(_) => match node.get("by") {
                Some(by) => Exhausted::UseBest(self.condition(by, place)),
                None if node.get("use").is_none() => Exhausted::Fail,
                None => {
                    let help = "write {use: best, by: \"${{ tasks.review.output.score }}\"}";
                    self.diagnostics.error(
                        "missing_key",
                        &node.span,
                        "`use: best` needs `by`: what makes a round the best",
                        help,
                    );
                    Exhausted::Fail
                }
            },
        }
    }

    fn ladder(&mut self, id: NodeId, node: &'t Node) {
        let Some(catch) = node.get("catch") else { return };
        let place = Place { catches: true, ..self.before(id) };
        let mut rungs = Vec::new();
        for entry in catch.items() {
            let rung = match (entry.get("output"), entry.get("target").and_then(Node::text), entry.get("use")) {
                (Some(output), None, None) => Rung::Output(self.value(output, place)),
                (None, Some(target), None) => Rung::Target(target.into()),
                (None, None, Some(word)) if word.text() == Some("cached") => Rung::Cached,
                (None, None, Some(_)) => continue,
                _ if entry.entries().iter().any(|(key, _)| misspelt(&key.name, &["output", "target", "use"])) => {
                    continue;
                }
                _ => {
                    let help = "write `output: …`, `target: NAME` or `use: cached`";
                    self.diagnostics.error(
                        "missing_key",
                        &entry.span,
                        "an entry of `catch` does exactly one thing",
                        help,
                    );
                    continue;
                }
            };
            let is_target = matches!(rung, Rung::Target(_));
            if is_target && (self.is_group(id) || node.get("loop").is_some()) {
                let help = "catch inside the group, or give an `output`";
                self.diagnostics.error("call_only", &entry.span, "a group or a loop has no target to change", help);
            } else if is_target && self.is_wait(id) {
                let help = "give an `output`";
                self.diagnostics.error("call_only", &entry.span, "a `wait` has no target to change", help);
            }
            if rung == Rung::Cached {
                self.catches_cached(node, entry);
            }
            let on = entry.get("on").map(words::classes).unwrap_or_default();
            rungs.push(Catch { on, rung });
        }
        if !rungs.is_empty() && node.get("no_fallback").and_then(Node::bool) == Some(true) {
            self.no_catch("no_fallback: true", catch);
        }
        self.graph.tasks[id.0 as usize].catch = rungs;
    }

    fn plain(&mut self, id: NodeId, node: &'t Node) {
        let flag = |word: &str| node.get(word).and_then(Node::bool).unwrap_or(false);
        let high_risk = node.get("risk").and_then(Node::text) == Some("high");
        let within = words::span(node.get("within")).or_else(|| words::span(node.get("deadline")));
        if let (Some(deadline), Section::Main) = (node.get("deadline"), self.graph.task(id).section) {
            let help = "write `within`: how long after what it needs it must settle";
            self.diagnostics.error(
                "after_only",
                &deadline.span,
                "a `deadline` belongs to the run, to a loop, or to a task of `after`",
                help,
            );
        }
        let task = &mut self.graph.tasks[id.0 as usize];
        task.timeouts = words::timeouts(node.get("timeout"));
        // A model can mend a plan that was refused: it is told why.
        let on = if task.adds.is_some() { ClassSet::TRANSIENT.with(Class::InvalidOutput) } else { Retry::STANDARD.on };
        task.retry = words::retry(node.get("retry"), Retry { on, ..Retry::STANDARD });
        task.optional = flag("optional");
        task.value = node.get("value").and_then(Node::whole).unwrap_or(50).min(100) as u8;
        task.no_fallback = flag("no_fallback") || high_risk;
        task.live = flag("live");
        task.delay = words::span(node.get("delay"));
        task.within = within;
    }

    /// `needs` and `publish_after`: names of tasks beside this one.
    fn needs(&mut self, id: NodeId, node: &'t Node) {
        let place = self.before(id);
        let names = node
            .get("needs")
            .map(|needs| if needs.text().is_some() { std::slice::from_ref(needs) } else { needs.items() });
        for name in names.unwrap_or_default() {
            if let Some(found) = self.beside(id, name) {
                self.need(found, &name.span, &place);
            }
        }
        for name in node.get("publish_after").map(Node::items).unwrap_or_default() {
            if let Some(found) = self.beside(id, name) {
                self.graph.tasks[id.0 as usize].publish_after.push(found);
            }
        }
        if let (Some(text), Some(_)) = (node.get("publish_after"), self.graph.task(id).parent) {
            let help = "move the task out of its group, or leave `publish_after` out";
            self.diagnostics.error("top_only", &text.span, "`publish_after` belongs to a task at the top", help);
        }
    }

    pub(super) fn beside(&mut self, id: NodeId, name: &Node) -> Option<NodeId> {
        let text = name.text()?;
        let scope = self.graph.task(id).parent;
        let found = self.find_for(id, scope, text);
        if found.is_none() {
            self.unknown_task(text, scope, Some(id), &name.span);
        }
        found
    }
}

/// True if a word is none of these and was meant to be.
pub(super) fn misspelt(word: &str, known: &[&str]) -> bool {
    !known.contains(&word) && nearest(word, known.iter().copied()).is_some()
}
