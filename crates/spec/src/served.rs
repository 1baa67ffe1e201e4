//! What the targets of a configuration cannot do: known to whoever has one, and no fault of the document.

use agendum_types::{Capability, Limits, Target};

use crate::Source;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::SECTIONS;
use crate::tree::{self, Node};

/// The tasks that no target serves as they ask for it, as warnings: a run would be refused. The words are those of the scheduler.
#[must_use]
pub fn unserved(source: Source<'_>, targets: &[Target], limits: &Limits) -> Vec<Diagnostic> {
    // What is wrong with the text itself is said by `check`.
    let Some(tree) = tree::parse(source.text, limits, &mut Diagnostics::new(source.text)) else { return Vec::new() };
    let mut look = Look { targets, diagnostics: Diagnostics::new(source.text) };
    for (section, _) in SECTIONS {
        look.tasks(tree.get(section), limits.depth_max);
    }
    look.diagnostics.finish()
}

struct Look<'l> {
    targets: &'l [Target],
    diagnostics: Diagnostics,
}

impl Look<'_> {
    fn tasks(&mut self, tasks: Option<&Node>, depth: u32) {
        for (_, task) in tasks.map(Node::entries).unwrap_or_default().iter().filter(|_| depth > 0) {
            self.tasks(task.get("tasks"), depth - 1);
            let uses = task.get("uses");
            let capability = uses.and_then(Node::text).and_then(Capability::from_word);
            if let Some((uses, capability)) = uses.zip(capability) {
                self.task(task, uses, capability);
            }
        }
    }

    fn task(&mut self, task: &Node, uses: &Node, capability: Capability) {
        let able: Vec<&Target> =
            self.targets.iter().filter(|target| target.capabilities.contains(&capability)).collect();
        if able.is_empty() {
            let help = format!("add a target with `kind = \"{capability}\"` to agendum.toml");
            return self.warn(uses, format!("no target can {capability}"), help);
        }
        let names: Vec<&str> = able.iter().map(|target| &*target.name).collect();
        let classes = able.iter().flat_map(|target| &target.classes).map(|class| &**class);
        let mut words: Vec<&str> = classes.chain(names.iter().copied()).collect();
        words.sort_unstable();
        words.dedup();
        let allow = task.get("model").and_then(|model| model.get("allow")).map(Node::items).unwrap_or_default();
        if !allow.is_empty() && !allow.iter().filter_map(Node::text).any(|name| names.contains(&name)) {
            let asked: Vec<&str> = allow.iter().filter_map(Node::text).collect();
            let help = self.diagnostics.suggestion(asked.first().unwrap_or(&""), &names, "targets");
            self.warn(&allow[0], format!("none of the targets {} can {capability}", asked.join(", ")), help);
        }
        let class = task.get("model").and_then(|model| model.get("class")).filter(|_| allow.is_empty());
        if let Some((node, class)) = class.and_then(|node| Some((node, node.text()?)))
            && !words.contains(&class)
        {
            let help = self.diagnostics.suggestion(class, &words, "classes and targets");
            self.warn(node, format!("no target of class {class:?} can {capability}"), help);
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

    fn warn(&mut self, node: &Node, message: String, help: String) {
        let message = format!("{message}: a run would be refused with this configuration");
        self.diagnostics.warning("no_target", &node.span, message, help);
    }
}
