//! What a seed plays: its graphs, checked like anybody's, and how bad its world is.

use std::sync::Arc;

use agendum_spec::{NoFiles, Source};
use agendum_types::{Graph, Limits};
use serde_json::Value as Json;

use crate::chance::Chance;
use crate::generate;
use crate::world::{Faults, Planned, play};

/// Seeds take turns in how bad their world is.
#[must_use]
pub const fn faults(seed: u64) -> Faults {
    match seed % 4 {
        0 => Faults { failing: 0, slow: 0, evaluations: 0, crashes: 1, unrest: true },
        1 => Faults { failing: 25, slow: 10, evaluations: 2, crashes: 0, unrest: true },
        2 => Faults { failing: 15, slow: 10, evaluations: 1, crashes: 3, unrest: true },
        _ => Faults { failing: 60, slow: 30, evaluations: 5, crashes: 6, unrest: true },
    }
}

/// Makes of a seed the one by which compensations are drawn.
const UNDOING: u64 = 0xC0_FFEE;
/// Makes of a seed the one by which agents are drawn.
const AGENTS: u64 = 0xA6_E475;

/// The same for groups of runs.
const GROUPING: u64 = 0x6A7E;

/// The same for tasks that judge others.
const JUDGING: u64 = 0x1D6E5;

/// Makes of a seed the one by which caches are drawn.
const KEEPING: u64 = 0xCAC4E;

/// Makes of a seed the one by which budgets of loops are drawn.
const PAYING: u64 = 0x9A_1135;

/// True for seeds in which tasks keep what they give: of five about one, with every kind of world.
#[must_use]
pub const fn keeps(seed: u64) -> bool {
    (seed / 4) % 5 == 2
}

/// Makes of a seed the one by which tasks are drawn that add others.
const PLANNING: u64 = 0x9_1A4;

/// True for seeds in which they do: of seven about one, with every kind of world.
const fn has_plans(seed: u64) -> bool {
    (seed / 4) % 7 == 5
}

/// The same for tasks that quote failures.
const QUOTING: u64 = 0x9_007E;

/// Makes of a seed the one by which units of pools are drawn.
const HOLDING: u64 = 0x4_01D;

/// Makes of a seed the one by which child runs are drawn.
const CHILDREN: u64 = 0x000C_411D;

/// The same for runs that are urgent, and many that are not.
const RUSHING: u64 = 0x2054;

/// True for seeds with such runs besides: of twenty about two, with every kind of world.
pub(crate) const fn rushes(seed: u64) -> bool {
    matches!(seed / 50 % 20, 16 | 19)
}

/// A document, and tasks that join its run later.
pub type Texts = (String, Option<String>);

/// The documents of a seed.
#[must_use]
pub fn documents(seed: u64, count: u64) -> Vec<Texts> {
    let mut chance = Chance::new(seed);
    // Of five seeds one has people in it; the others stay what they were.
    let waits = seed.is_multiple_of(5);
    // Of four seeds about one takes back what it has done.
    let undone = matches!((seed / 4) % 7, 0 | 4);
    let mut undoing = Chance::new(seed ^ UNDOING);
    // Of eleven seeds three have runs that wait for their turn.
    let grouped = matches!(seed % 11, 3 | 7 | 8);
    let mut grouping = Chance::new(seed ^ GROUPING);
    // Of eleven seeds one has agents.
    let has_agents = seed % 11 == 10;
    let mut agents = Chance::new(seed ^ AGENTS);
    let mut keeping = Chance::new(seed ^ KEEPING);
    // Of five seeds about one has many loops with tight budgets.
    let pays = matches!((seed / 4) % 10, 5 | 8);
    let mut paying = Chance::new(seed ^ PAYING);
    // Of thirteen seeds two have judges.
    let has_judges = matches!(seed % 13, 5 | 6);
    let mut judging = Chance::new(seed ^ JUDGING);
    let mut planning = Chance::new(seed ^ PLANNING);
    // Of thirteen seeds two have runs inside runs.
    let has_children = matches!(seed % 13, 6 | 7);
    let mut children = Chance::new(seed ^ CHILDREN);
    // Of nine seeds two quote what fails.
    let quotes = matches!((seed / 4) % 9, 1 | 7);
    let mut quoting = Chance::new(seed ^ QUOTING);
    // Of three seeds about one asks for units of pools.
    let holds = (seed / 4) % 3 == 2;
    let mut holding = Chance::new(seed ^ HOLDING);
    let mut make = |number| {
        let mut document = generate::document(&mut chance, number, waits);
        if undone {
            document = generate::with_compensations(&mut undoing, &document);
        }
        if grouped {
            document = generate::with_groups(&mut grouping, &document);
        }
        if has_agents {
            document = generate::with_agent(&mut agents, &document);
        }
        if pays {
            document = generate::with_purses(&mut paying, &document);
        }
        if keeps(seed) {
            document = generate::with_caches(&mut keeping, &document);
        }
        if has_judges {
            document = generate::with_judges(&mut judging, &document);
        }
        if has_plans(seed) {
            document = generate::with_plans(&mut planning, &document);
        }
        if has_children {
            document = generate::with_child(&mut children, &document);
        }
        if quotes {
            document = generate::with_quotes(&mut quoting, &document);
        }
        if holds {
            document = generate::with_resources(&mut holding, &document);
        }
        // Additions stand behind all tasks of the table; with other sections behind `tasks` they would not.
        let last =
            ["after", "on_failure", "finally"].iter().all(|section| !document.contains(&format!("{section:?}:")));
        let addition = (last && chance.hits(30)).then(|| generate::addition(&mut chance));
        (document, addition)
    };
    let mut all: Vec<Texts> = (0..count).map(&mut make).collect();
    // The same graph once more: what was seen of the first run is known to the second.
    if let Some(first) = all.first().filter(|_| chance.hits(30)) {
        all.push((first.0.clone(), None));
    }
    if rushes(seed) {
        all.extend(generate::rush(&mut Chance::new(seed ^ RUSHING)).into_iter().map(|document| (document, None)));
    }
    if grouped {
        let again: Vec<Texts> = all.iter().filter(|_| grouping.hits(60)).cloned().collect();
        all.extend(again);
    }
    all
}

/// The runs of a seed.
///
/// # Errors
///
/// If a generated document is refused: then the generator writes what the language does not have.
pub fn planned(seed: u64, count: u64) -> Result<Vec<Planned>, String> {
    documents(seed, count).iter().map(check).collect::<Result<_, _>>().map_err(|error| format!("seed {seed}: {error}"))
}

fn check((document, addition): &Texts) -> Result<Planned, String> {
    let limits = Limits::STANDARD;
    let checked = agendum_spec::check(Source { name: "generated", text: document }, &NoFiles, &limits);
    let refused = || format!("a generated document is refused: {:?}\n{document}", checked.diagnostics);
    let accepted = checked.runnable().ok_or_else(refused)?;
    let (mut grown, mut documents) = (None, vec![accepted.clone()]);
    if let Some(addition) = addition {
        let extended =
            agendum_spec::extend(&accepted.document, addition, &limits).map_err(|error| error.to_string())?;
        let more = extended.runnable().cloned().ok_or_else(|| format!("{:?}\n{addition}", extended.diagnostics))?;
        grown = Some(Arc::clone(&more.graph));
        documents.push(more);
    }
    Ok(Planned { graph: Arc::clone(&accepted.graph), grown, documents })
}

/// What is left of a seed's documents when everything is taken away without which some promise is still broken.
///
/// # Errors
///
/// If the seed breaks no promise.
pub fn shrink(seed: u64, count: u64) -> Result<String, String> {
    let broken = |texts: &[Texts]| {
        let planned: Vec<Planned> = texts.iter().map(check).collect::<Result<_, _>>().ok()?;
        play(seed, &planned, faults(seed)).violations.into_iter().next()
    };
    let mut texts = documents(seed, count);
    let mut what = broken(&texts).ok_or_else(|| format!("seed {seed} breaks no promise"))?;
    // A smaller whole is looked for until none is found: first without a document, then without an entry of one.
    loop {
        let smaller = without_one(&texts).into_iter().find_map(|fewer| Some((broken(&fewer)?, fewer)));
        let Some((error, fewer)) = smaller else { break };
        (what, texts) = (error, fewer);
    }
    let lines = texts.iter().map(|(document, addition)| format!("{document}\n{}", addition.as_deref().unwrap_or("")));
    Ok(format!("seed {seed}: {what}\n{}", lines.collect::<String>()))
}

/// The documents with one thing less, in every way.
fn without_one(texts: &[Texts]) -> Vec<Vec<Texts>> {
    let mut all = Vec::new();
    for place in 0..texts.len() {
        let mut fewer = texts.to_vec();
        fewer.remove(place);
        all.push(fewer);
        if texts[place].1.is_some() {
            let mut fewer = texts.to_vec();
            fewer[place].1 = None;
            all.push(fewer);
        }
    }
    for (place, (document, addition)) in texts.iter().enumerate() {
        let Ok(whole) = serde_json::from_str::<Json>(document) else { continue };
        for pointer in pointers(&whole, "") {
            let mut less = whole.clone();
            let (outer, key) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(Json::Object(entries)) = less.pointer_mut(outer) {
                entries.remove(key);
            }
            let mut fewer = texts.to_vec();
            fewer[place] = (less.to_string(), addition.clone());
            all.push(fewer);
        }
    }
    all
}

/// Every entry of every map, the outermost first.
fn pointers(node: &Json, at: &str) -> Vec<String> {
    let Json::Object(entries) = node else { return Vec::new() };
    let own = entries.keys().map(|key| format!("{at}/{key}"));
    let deeper = entries.iter().flat_map(|(key, node)| pointers(node, &format!("{at}/{key}")));
    own.chain(deeper).collect()
}

/// Words of the language, and whether a graph uses them: each must come up among the seeds.
#[must_use]
pub fn words(graph: &Graph) -> Vec<&'static str> {
    use agendum_types::graph::{Exhausted, NotBefore, OnUncertain, Rung, Task, Work};
    let mut words = Vec::new();
    let mut says = |word, holds| {
        if holds {
            words.push(word);
        }
    };
    says(graph.priority.word(), true);
    says("concurrency", graph.concurrency.is_some());
    says("labels", !graph.labels.words().is_empty());
    says("budget.tokens", graph.budget.is_some_and(|budget| budget.tokens.is_some()));
    for task in &graph.tasks {
        let (timeouts, repeat) = (&task.timeouts, task.repeat.as_ref());
        let around = std::iter::successors(task.parent, |parent| graph.task(*parent).parent);
        let has_budget = |task: &Task| task.repeat.as_ref().is_some_and(|repeat| repeat.budget.is_some());
        let is_nested = has_budget(task) && around.into_iter().any(|outer| has_budget(graph.task(outer)));
        says("loop.budget inside loop.budget", is_nested);
        says("catch: target", task.catch.iter().any(|rung| matches!(rung.rung, Rung::Target(_))));
        says("cache", task.cache.is_some());
        says("resources of several pools", task.resources.len() > 1);
        says("judges", task.judges.is_some());
        says("adds", task.adds.is_some());
        let reads = |what| match &task.work {
            Work::Call(call) => graph.expr(call.input).reads.contains(&what),
            Work::Group(_) => false,
        };
        says("run.error", reads(agendum_types::graph::DataRef::RunError));
        says("catch: cached", task.catch.iter().any(|rung| rung.rung == Rung::Cached));
        says("fail_if: as", task.fail_if.is_some_and(|(_, class)| class != agendum_types::Class::InvalidOutput));
        says("first_output, idle", timeouts.first_output.is_some() && timeouts.idle.is_some());
        says("not_before: constant", matches!(task.not_before, Some(NotBefore::At(_))));
        says("not_before: expression", matches!(task.not_before, Some(NotBefore::Expr(_))));
        says("publish_after", !task.publish_after.is_empty());
        says("no_fallback", task.no_fallback);
        says("compensate", task.compensate.is_some());
        says("tools of an agent", &*task.name == "pay" && task.parent.is_some());
        says("on_uncertain: check", matches!(task.on_uncertain, OnUncertain::Check { .. }));
        says("optional under a deadline", task.optional && graph.deadline.is_some());
        says("on_exhausted: TASK", repeat.is_some_and(|repeat| matches!(repeat.exhausted, Exhausted::Escalate(_))));
        says("loop.deadline", repeat.is_some_and(|repeat| repeat.deadline.is_some()));
        says("loop.budget", repeat.is_some_and(|repeat| repeat.budget.is_some()));
        says("stop_if_same", repeat.is_some_and(|repeat| repeat.stop_if_same.is_some()));
        match &task.work {
            Work::Call(call) => {
                says("model.allow", call.requirement.allow.len() > 1);
                says("a run inside a run", call.child.is_some());
            }
            Work::Group(group) => {
                let race = group.race.as_ref();
                says("race: good_if", race.is_some_and(|race| race.good_if.is_some()));
                says("race: first of several", race.is_some_and(|race| race.first > 1));
                says("race: the rest runs on", race.is_some_and(|race| !race.cancel_rest));
                says("foreach of groups with loops", task.foreach.is_some() && repeat.is_some());
                says("output of a group", group.output.is_some());
            }
        }
    }
    words
}
