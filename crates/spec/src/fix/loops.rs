//! What each cycle becomes: the order of a round, the end, the name.

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::Limits;
use agendum_types::graph::Section;

use super::Written;
use crate::lower::Cycle;
use crate::tree::{Node, Value};

/// Fields that say by themselves whether a round was good, the plainest first.
const VERDICTS: [&str; 9] = ["approved", "accepted", "passed", "allowed", "valid", "good_enough", "done", "good", "ok"];
/// The part of the best possible score that is good enough where nobody has said more.
const GOOD_SCORE: f64 = 0.8;

/// A loop to be written.
#[derive(Debug)]
pub(super) struct Loop {
    /// The groups around it, from the top.
    pub(super) groups: Vec<String>,
    /// Its name.
    pub(super) name: String,
    /// The names of the tasks inside, in the order of the text.
    pub(super) tasks: Vec<String>,
    /// The place of each in a round.
    pub(super) rank: Vec<usize>,
    /// When it ends, without delimiters.
    pub(super) until: Option<String>,
    /// What makes a round the best, without delimiters.
    pub(super) best_by: Option<String>,
    /// Tasks outside that those inside need, for order without data.
    pub(super) needs: BTreeSet<String>,
    /// Rounds at most.
    pub(super) rounds_max: u32,
}

/// All loops of a document.
#[derive(Debug)]
pub(super) struct Loops {
    pub(super) all: Vec<Loop>,
    /// The loop of a task, and its place in the loop's `tasks`, by path.
    members: BTreeMap<String, (usize, usize)>,
}

impl Loops {
    /// The loop that a task goes into.
    pub(super) fn of(&self, groups: &[&str], name: &str) -> Option<(usize, usize)> {
        self.members.get(&path(groups, name)).copied()
    }

    /// Those of each scope, the innermost scopes first.
    pub(super) fn by_scope(&self) -> Vec<(&[String], Vec<&Loop>)> {
        let mut scopes: BTreeMap<&[String], Vec<&Loop>> = BTreeMap::new();
        for one in &self.all {
            scopes.entry(&one.groups).or_default().push(one);
        }
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort_by_key(|(groups, _)| std::cmp::Reverse(groups.len()));
        scopes
    }

    pub(super) fn written(self) -> Vec<Written> {
        let written = |one: Loop| {
            let mut tasks: Vec<(usize, String)> = one.rank.iter().copied().zip(one.tasks).collect();
            tasks.sort_unstable();
            let tasks = tasks.into_iter().map(|(_, task)| task).collect();
            Written { name: one.name, tasks, until: one.until, rounds_max: one.rounds_max }
        };
        self.all.into_iter().map(written).collect()
    }
}

fn path(groups: &[&str], name: &str) -> String {
    format!("{}/{name}", groups.join("/"))
}

/// Decides on every cycle.
pub(super) fn plan(tree: &Node, cycles: &[Cycle], limits: &Limits) -> Loops {
    let mut names = BTreeSet::new();
    Section::ALL.iter().filter_map(|section| tree.get(section.word())).for_each(|tasks| all_names(tasks, &mut names));
    let mut loops = Loops { all: Vec::new(), members: BTreeMap::new() };
    for cycle in cycles {
        let groups: Vec<&str> = cycle.groups.iter().map(String::as_str).collect();
        let node = |name: &String| scope(tree, &groups).find_map(|(_, tasks)| tasks.get(name));
        let nodes: Vec<Option<&Node>> = cycle.tasks.iter().map(node).collect();
        let judge = judge(cycle, &nodes);
        let rank = rank(&cycle.needs, judge.as_ref().map(|judge| judge.task));
        let first = rank.iter().position(|place| *place == 0).unwrap_or(0);
        for (place, task) in cycle.tasks.iter().enumerate() {
            loops.members.insert(path(&groups, task), (loops.all.len(), place));
        }
        loops.all.push(Loop {
            name: free_name(&cycle.tasks[first], &mut names),
            groups: cycle.groups.clone(),
            tasks: cycle.tasks.clone(),
            rank,
            until: judge.as_ref().map(|judge| judge.until.clone()),
            best_by: judge.and_then(|judge| judge.score),
            needs: BTreeSet::new(),
            rounds_max: limits.loop_rounds_default,
        });
    }
    loops
}

/// The maps of tasks of a scope, each with the place of its key: several at the top, one in a group.
pub(super) fn scope<'t>(tree: &'t Node, groups: &[&str]) -> impl Iterator<Item = (usize, &'t Node)> {
    let inside = |node: &'t Node, word: &str| {
        node.entries().iter().find(|(key, _)| key.name == *word).map(|(key, value)| (key.span.start, value))
    };
    let mut maps: Vec<(usize, &Node)> =
        Section::ALL.iter().filter_map(|section| inside(tree, section.word())).collect();
    for group in groups {
        let next = maps.iter().find_map(|(_, tasks)| inside(tasks.get(group)?, "tasks"));
        maps = next.into_iter().collect();
    }
    maps.into_iter()
}

fn all_names(tasks: &Node, names: &mut BTreeSet<String>) {
    for (key, task) in tasks.entries() {
        names.insert(key.name.clone());
        if let Some(inner) = task.get("tasks") {
            all_names(inner, names);
        }
    }
}

/// A name that neither a task nor another loop has.
fn free_name(first: &str, names: &mut BTreeSet<String>) -> String {
    let base = &first[..first.len().min(50)];
    let mut name = format!("{base}_loop");
    for count in 2.. {
        if names.insert(name.clone()) {
            break;
        }
        name = format!("{base}_loop_{count}");
    }
    name
}

/// The task that says when it is good enough.
struct Judge {
    task: usize,
    until: String,
    score: Option<String>,
}

fn judge(cycle: &Cycle, nodes: &[Option<&Node>]) -> Option<Judge> {
    let found = |of: &dyn Fn(&str, &Node) -> Option<Judge>| {
        cycle.tasks.iter().zip(nodes).enumerate().find_map(|(place, (name, node))| {
            // A task that runs for each item of a list gives a list, and a group what its tasks give.
            let node = node.filter(|node| node.get("foreach").is_none() && node.get("tasks").is_none())?;
            of(name, node).map(|judge| Judge { task: place, ..judge })
        })
    };
    found(&|name, node| {
        let verdict = if node.get("uses").and_then(Node::text) == Some("moderate") {
            "allowed"
        } else {
            VERDICTS.into_iter().find(|word| field(node, word).is_some_and(|kind| matches!(kind, "boolean" | "")))?
        };
        Some(Judge { task: 0, until: format!("tasks.{name}.output.{verdict}"), score: None })
    })
    .or_else(|| {
        found(&|name, node| {
            field(node, "score").filter(|kind| matches!(*kind, "number" | "integer" | ""))?;
            let most = schema(node)?.get("properties").and_then(|known| known.get("score")?.get("maximum"));
            let most = match most.map(|most| &most.value) {
                Some(Value::Number(number)) => number.as_f64().filter(|most| *most > 0.0)?,
                _ => 1.0,
            };
            let score = format!("tasks.{name}.output.score");
            // Two digits are what a person would write: 80 and 0.8, never 0.8000000000000002.
            let good = (most * GOOD_SCORE * 100.0).round() / 100.0;
            Some(Judge { task: 0, until: format!("{score} >= {good}"), score: Some(score) })
        })
    })
}

fn schema(task: &Node) -> Option<&Node> {
    task.get("with")?.get("schema")
}

/// The type of a field that a task's schema names; empty if it says none.
fn field<'t>(task: &'t Node, word: &str) -> Option<&'t str> {
    let schema = schema(task)?;
    match schema.get("properties").and_then(|known| known.get(word)) {
        Some(property) => Some(property.get("type").and_then(Node::text).unwrap_or("")),
        None => schema.get("required")?.items().iter().find(|one| one.text() == Some(word)).map(|_| ""),
    }
}

/// The place of each task in a round. Where every task left needs another, the one that needs least besides the judge's verdict goes
/// first, then the first of the text: people write down what happens first.
fn rank(needs: &[Vec<usize>], judge: Option<usize>) -> Vec<usize> {
    let mut missing: Vec<BTreeSet<usize>> = needs.iter().map(|needs| needs.iter().copied().collect()).collect();
    let mut needed_by = vec![Vec::new(); needs.len()];
    for (task, missing) in missing.iter_mut().enumerate() {
        missing.remove(&task);
        missing.iter().for_each(|need| needed_by[*need].push(task));
    }
    let mut left: BTreeSet<usize> = (0..needs.len()).collect();
    let mut ready: BTreeSet<usize> = left.iter().copied().filter(|task| missing[*task].is_empty()).collect();
    let mut rank = vec![0; needs.len()];
    while !left.is_empty() {
        let stuck = || {
            let open = |task: &usize| missing[*task].iter().filter(|need| Some(**need) != judge).count();
            left.iter().copied().min_by_key(|task| (Some(*task) == judge, open(task), *task))
        };
        let Some(next) = ready.pop_first().or_else(stuck) else { break };
        rank[next] = needs.len() - left.len();
        left.remove(&next);
        for waiting in &needed_by[next] {
            missing[*waiting].remove(&next);
            if missing[*waiting].is_empty() && left.contains(waiting) {
                ready.insert(*waiting);
            }
        }
    }
    rank
}
