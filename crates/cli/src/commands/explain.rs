//! `explain`: the forecast of a graph, without running it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use agendum_types::graph::{Call, NodeId, Section, Work};
use agendum_types::{Duration, Graph, Money, Target};
use serde_json::json;

use super::{Context, check};
use crate::failure::Failure;
use crate::{show, targets};

/// What is expected of a task.
struct Forecast {
    wave: usize,
    expected: Duration,
    worst: Duration,
    cost_max: Money,
    target: Option<String>,
}

pub(crate) fn explain(context: &Context, path: &Path) -> Result<(), Failure> {
    let accepted = check::read(path)?.runnable(context.json)?;
    let graph = &accepted.graph;
    let table: Vec<Target> =
        targets::table(&context.config, BTreeMap::new())?.into_iter().map(|(target, _)| target).collect();
    let mut forecasts: BTreeMap<NodeId, Forecast> = BTreeMap::new();
    for node in ordered(graph) {
        let task = graph.task(node);
        let wave = task.needs.iter().filter_map(|need| forecasts.get(need)).map(|of| of.wave + 1).max().unwrap_or(0);
        let (expected, worst, cost_max, target) = effort(graph, node, &table, 0);
        forecasts.insert(node, Forecast { wave, expected, worst, cost_max, target });
    }
    let (chain, latency) = longest(graph, &forecasts, |of| of.expected);
    let (_, worst) = longest(graph, &forecasts, |of| of.worst);
    let cost_max = forecasts.values().fold(Money::ZERO, |sum, of| sum.plus(of.cost_max));
    let mut dropped: Vec<NodeId> = graph.main.iter().copied().filter(|node| graph.task(*node).optional).collect();
    dropped.sort_by_key(|node| graph.task(*node).value);
    let names = |nodes: &[NodeId]| nodes.iter().map(|node| graph.task(*node).name.to_string()).collect::<Vec<_>>();
    let worst = graph.deadline.map_or(worst, |deadline| worst.min(deadline));
    if context.json {
        let tasks: Vec<_> = forecasts.iter().map(|(node, of)| json!({
            "task": &*graph.task(*node).name, "wave": of.wave, "target": of.target, "expected_ms": of.expected.0 / 1_000,
            "worst_ms": of.worst.0 / 1_000, "cost_max_usd": agendum_wire::v1::dollars(of.cost_max),
        })).collect();
        return show::json(&json!({
            "graph": &*graph.name, "hash": graph.hash.to_string(), "tasks": tasks, "critical_path": names(&chain),
            "expected_ms": latency.0 / 1_000, "worst_ms": worst.0 / 1_000, "cost_max_usd": agendum_wire::v1::dollars(cost_max),
            "dropped_first": names(&dropped),
        }));
    }
    let mut out = anstream::stdout();
    writeln!(out, "{} ({} tasks, {})", graph.name, graph.tasks.len(), &graph.hash.to_string()[..12])?;
    let waves = forecasts.values().map(|of| of.wave).max().map_or(0, |wave| wave + 1);
    for wave in 0..waves {
        writeln!(out, "\nwave {}", wave + 1)?;
        for (node, of) in forecasts.iter().filter(|(_, of)| of.wave == wave) {
            let task = graph.task(*node);
            let needs = names(&task.needs);
            let needs = if needs.is_empty() { String::new() } else { format!("  ← {}", needs.join(", ")) };
            let mark = if chain.contains(node) { "●" } else { "○" };
            writeln!(
                out,
                "  {mark} {:<14} {:<11} {:<18} ~{}{needs}",
                task.name,
                kind(graph, *node),
                of.target.as_deref().unwrap_or("no target"),
                of.expected
            )?;
        }
    }
    writeln!(out, "\ncritical path  {}", names(&chain).join(" → "))?;
    let budget =
        graph.budget.and_then(|budget| budget.money).map_or(String::new(), |money| format!(" of a budget of {money}"));
    let deadline = graph.deadline.map_or(String::new(), |deadline| format!(", deadline {deadline}"));
    writeln!(out, "latency        ~{latency} expected, {worst} at worst{deadline}")?;
    writeln!(out, "cost           {cost_max} at most{budget}")?;
    if !dropped.is_empty() {
        writeln!(out, "dropped first  {}", names(&dropped).join(", "))?;
    }
    Ok(())
}

/// The main tasks, each after what it needs.
fn ordered(graph: &Graph) -> Vec<NodeId> {
    let mut left: Vec<NodeId> = graph.section(Section::Main).to_vec();
    let mut done: Vec<NodeId> = Vec::new();
    while !left.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) =
            left.iter().partition(|node| graph.task(**node).needs.iter().all(|need| done.contains(need)));
        if ready.is_empty() {
            break;
        }
        done.extend(ready);
        left = waiting;
    }
    done
}

fn kind(graph: &Graph, node: NodeId) -> String {
    let task = graph.task(node);
    let base = match &task.work {
        Work::Call(call) => call.capability.word().to_owned(),
        Work::Group(group) => {
            if group.race.is_some() {
                "race".to_owned()
            } else {
                format!("{} tasks", group.tasks.len())
            }
        }
    };
    match (&task.foreach, &task.repeat) {
        (Some(_), _) => format!("{base} each"),
        (None, Some(repeat)) => format!("{base} ≤{}×", repeat.rounds_max),
        (None, None) => base,
    }
}

/// Expected and worst time, worst cost, and the target that is tried first. Groups are at most as deep as the checker allows.
fn effort(graph: &Graph, node: NodeId, table: &[Target], depth: u32) -> (Duration, Duration, Money, Option<String>) {
    let task = graph.task(node);
    let rounds = task.repeat.as_ref().map_or(1, |repeat| u64::from(repeat.rounds_max));
    let (expected, worst, cost, target) = match &task.work {
        Work::Call(call) => {
            let target = first(call, table);
            let expected = target.map_or(Duration::ZERO, |target| target.expected);
            let attempts = u64::from(task.retry.attempts_max.max(1));
            let attempt = task.timeouts.attempt.unwrap_or_else(|| Duration(expected.0.saturating_mul(10)));
            let worst = task.timeouts.task.unwrap_or_else(|| Duration(attempt.0.saturating_mul(attempts)));
            let cap = u64::from(call.output_cap.unwrap_or_else(|| target.map_or(0, |target| target.output_cap)));
            let cost = target.map_or(Money::ZERO, |target| target.price.token_out.times(cap).plus(target.price.call));
            (expected, worst, cost.times(attempts), target.map(|target| target.name.to_string()))
        }
        Work::Group(group) if depth < 32 => {
            group.tasks.iter().fold((Duration::ZERO, Duration::ZERO, Money::ZERO, None), |sum, inner| {
                let (expected, worst, cost, _) = effort(graph, *inner, table, depth + 1);
                (
                    Duration(sum.0.0 + expected.0),
                    Duration(sum.1.0.saturating_add(worst.0)),
                    sum.2.plus(cost),
                    Some("inside".to_owned()),
                )
            })
        }
        Work::Group(_) => (Duration::ZERO, Duration::ZERO, Money::ZERO, None),
    };
    (expected, Duration(worst.0.saturating_mul(rounds)), cost.times(rounds), target)
}

fn first<'t>(call: &Call, table: &'t [Target]) -> Option<&'t Target> {
    let fits = |target: &&Target| {
        target.capabilities.contains(&call.capability)
            && call
                .requirement
                .class
                .as_ref()
                .is_none_or(|class| target.classes.is_empty() || target.classes.contains(class))
    };
    let allowed =
        call.requirement.allow.iter().find_map(|name| table.iter().filter(fits).find(|target| target.name == *name));
    allowed.or_else(|| table.iter().find(fits))
}

fn longest(
    graph: &Graph,
    forecasts: &BTreeMap<NodeId, Forecast>,
    length: impl Fn(&Forecast) -> Duration,
) -> (Vec<NodeId>, Duration) {
    let mut best: BTreeMap<NodeId, (u64, Option<NodeId>)> = BTreeMap::new();
    for node in ordered(graph) {
        let before =
            graph.task(node).needs.iter().filter_map(|need| best.get(need).map(|(sum, _)| (*sum, *need))).max();
        let own = forecasts.get(&node).map_or(0, |of| length(of).0);
        best.insert(node, (before.map_or(0, |(sum, _)| sum).saturating_add(own), before.map(|(_, need)| need)));
    }
    let Some((last, (sum, _))) = best.iter().max_by_key(|(_, (sum, _))| *sum) else {
        return (Vec::new(), Duration::ZERO);
    };
    let mut chain = vec![*last];
    while let Some((_, Some(before))) = chain.last().and_then(|node| best.get(node)) {
        chain.push(*before);
    }
    chain.reverse();
    (chain, Duration(*sum))
}
