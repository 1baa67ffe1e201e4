//! What a document needs and a configuration lacks, targets and indexes: known to whoever has one, and no fault of the document.

use std::collections::BTreeSet;

use agendum_types::graph::{COMPENSATE, Section};
use agendum_types::{Capability, Labels, Limits, Pool, Target, target};
use serde_json::Value as Json;

use crate::children::GRAPH;
use crate::diagnostic::{Diagnostics, nearest};
use crate::expr::{Text, classify};
use crate::lower::{self, words};
use crate::tree::Node;
use crate::{NormalDocument, agent, parsed};

/// What a configuration has.
#[derive(Clone, Copy, Debug)]
pub struct Serving<'a> {
    /// Its targets.
    pub targets: &'a [Target],
    /// The names of its indexes, and of those made before.
    pub indexes: &'a BTreeSet<String>,
    /// Its pools; `None` where nothing is to be said of them.
    pub pools: Option<&'a [Pool]>,
    /// The inputs of a run, where there is one: they may name an index.
    pub inputs: Option<&'a Json>,
}

/// What an accepted document lacks: lines without places.
#[must_use]
pub fn lacks(document: &NormalDocument, serving: Serving<'_>, limits: &Limits) -> BTreeSet<String> {
    let Ok(tree) = parsed(document) else { return BTreeSet::new() };
    look(&tree, serving, limits, &mut Diagnostics::new(""))
}

/// The tasks that no target serves as they ask for it, and the indexes that are not there, as warnings: a run would be refused, or
/// fail; and the units that no pool has: a task would wait. The words are those of the scheduler.
pub(crate) fn look(
    tree: &Node,
    serving: Serving<'_>,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> BTreeSet<String> {
    let labels = lower::labels(tree.get("labels"));
    let mut look = Look { serving, labels, depth_max: limits.depth_max, diagnostics, lacks: BTreeSet::new() };
    for section in Section::ALL {
        look.tasks(tree.get(section.word()), limits.depth_max);
    }
    look.lacks
}

struct Look<'l, 'd> {
    serving: Serving<'l>,
    /// Of everything that a run of it reads and makes.
    labels: Labels,
    depth_max: u32,
    diagnostics: &'d mut Diagnostics,
    lacks: BTreeSet<String>,
}

impl Look<'_, '_> {
    fn tasks(&mut self, tasks: Option<&Node>, depth: u32) {
        for (_, task) in tasks.map(Node::entries).unwrap_or_default().iter().filter(|_| depth > 0) {
            self.tasks(task.get("tasks"), depth - 1);
            let tools = task.get("tools").map(Node::entries).unwrap_or_default().iter().map(|(_, tool)| tool);
            let calls = [task].into_iter().chain(tools).flat_map(|call| [Some(call), call.get(COMPENSATE)]);
            calls.flatten().for_each(|call| self.call(call));
        }
    }

    fn call(&mut self, task: &Node) {
        let uses = task.get("uses");
        let word = uses.and_then(Node::text);
        let capability =
            word.and_then(if word == Some(agent::AGENT) { |_| Some(Capability::Chat) } else { Capability::from_word });
        self.units(task);
        if capability == Some(Capability::Graph) {
            return self.child(task);
        }
        if let Some((uses, capability)) = uses.zip(capability).filter(|(_, capability)| capability.has_targets()) {
            self.task(task, uses, capability);
        }
        if capability == Some(Capability::Retrieve) {
            self.index(task);
        }
    }

    /// What the graph of a child run lacks: one from a file says so itself. Its inputs are known to the run.
    fn child(&mut self, task: &Node) {
        let Some(graph) = task.get("with").and_then(|with| with.get(GRAPH)) else { return };
        let labels = self.labels.join(&lower::labels(graph.get("labels")));
        let outer = (self.serving, std::mem::replace(&mut self.labels, labels));
        self.serving.inputs = None;
        for section in Section::ALL {
            self.tasks(graph.get(section.word()), self.depth_max);
        }
        (self.serving, self.labels) = outer;
    }

    fn task(&mut self, task: &Node, uses: &Node, capability: Capability) {
        let able: Vec<&Target> = self.serving.targets.iter().filter(|target| target.can(capability)).collect();
        let names: Vec<&str> = able.iter().map(|target| &*target.name).collect();
        let requirement = words::requirement(task.get("model"));
        if !able.iter().any(|target| target.serves(capability, &requirement)) {
            let model = |word: &str| task.get("model").and_then(|model| model.get(word));
            let (node, help) = match (requirement.allow.first(), &requirement.class) {
                _ if able.is_empty() => {
                    (Some(uses), format!("add a target with `kind = \"{capability}\"` to agendum.toml"))
                }
                (Some(name), _) => (
                    model("allow").and_then(|allow| allow.items().first()),
                    self.diagnostics.suggestion(name, &names, "targets"),
                ),
                (None, class) => {
                    let classes = able.iter().flat_map(|target| &target.classes).map(|class| &**class);
                    let mut known: Vec<&str> = classes.chain(names.iter().copied()).collect();
                    known.sort_unstable();
                    known.dedup();
                    let class = class.as_deref().unwrap_or_default();
                    (model("class"), self.diagnostics.suggestion(class, &known, "classes and targets"))
                }
            };
            self.warn(node.unwrap_or(uses), target::unserved(capability, &requirement), help);
            if able.is_empty() {
                return;
            }
        } else if !able.iter().any(|target| target.serves(capability, &requirement) && target.may_see(&self.labels)) {
            let help = format!("add `clearance = {:?}` to a target that may see it", self.labels.words());
            let message = format!("{}: the task would fail", target::uncleared(capability, &self.labels));
            self.diagnostics.warning("no_clearance", &uses.span, message, help);
        }
        for rung in task.get("catch").map(Node::items).unwrap_or_default() {
            if let Some((node, name)) = rung.get("target").and_then(|node| Some((node, node.text()?)))
                && !names.contains(&name)
            {
                let help = self.diagnostics.suggestion(name, &names, "targets");
                let message = format!("`catch` names target {name:?}, and no such target can {capability}");
                self.warn(node, message, help);
            }
        }
    }

    /// An index that an expression names is known only to the run; if it is no more than an input, once that is known.
    fn index(&mut self, task: &Node) {
        let named = task.get("with").and_then(|with| with.get("index")).and_then(|node| Some((node, node.text()?)));
        let known = named.and_then(|(node, text)| match classify(text) {
            Text::Plain => Some((node, text)),
            Text::Expression(source) => {
                Some((node, self.serving.inputs?.get(source.strip_prefix("inputs.")?)?.as_str()?))
            }
            Text::Template => None,
        });
        if let Some((node, name)) = known.filter(|(_, name)| !self.serving.indexes.contains(*name)) {
            let help = match nearest(name, self.serving.indexes.iter().map(String::as_str)) {
                Some(best) => format!("did you mean `{best}`?"),
                None => format!("make it with `agendum index add {name} PATH`, or under `[indexes]` in agendum.toml"),
            };
            let lack = format!("there is no index {name:?}");
            self.diagnostics.warning("no_index", &node.span, format!("{lack}: the task would fail"), help);
            self.lacks.insert(lack);
        }
    }

    /// Units that the pools do not have, whoever holds any.
    fn units(&mut self, task: &Node) {
        let Some(pools) = self.serving.pools else { return };
        for (key, units) in task.get("resources").map(Node::entries).unwrap_or_default() {
            let Some(asked) = units.whole() else { continue };
            let (message, help) = match pools.iter().find(|pool| *pool.name == key.name) {
                Some(pool) if u64::from(pool.units) >= asked => continue,
                Some(pool) => {
                    let help =
                        format!("ask for fewer, or write `{} = {asked}` under `[pools]` in agendum.toml", key.name);
                    (
                        format!(
                            "pool `{}` has {} of the {asked} units that are asked for: the task would wait for more",
                            key.name, pool.units
                        ),
                        help,
                    )
                }
                None => {
                    let help = match nearest(&key.name, pools.iter().map(|pool| &*pool.name)) {
                        Some(best) => format!("did you mean `{best}`?"),
                        None => format!("write `{} = {asked}` under `[pools]` in agendum.toml", key.name),
                    };
                    (format!("there is no pool `{}`: the task would wait for one", key.name), help)
                }
            };
            self.diagnostics.warning("no_pool", &key.span, message, help);
        }
    }

    fn warn(&mut self, node: &Node, lack: String, help: String) {
        let message = format!("{lack}: a run would be refused with this configuration");
        self.diagnostics.warning("no_target", &node.span, message, help);
        self.lacks.insert(lack);
    }
}
