//! Figures of what happened and of each replay, and how far a replay of the past itself is off: a difference below that is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_spec::policy::otherwise;
use agendum_types::graph::Work;
use agendum_types::{Capability, Duration, Policy, RunId, RunStatus, Target, Timestamp};
use serde::Serialize;

use super::past::Life;
use super::world::{Course, MadeUp, Played};
use super::{Asked, Past, Places};
use crate::lab::chart::Bar;

/// All that came of a replay.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// When the first of the runs came, and the last was answered.
    pub from: String,
    /// See `from`.
    pub to: String,
    /// Runs that were run again, without child runs.
    pub runs: usize,
    /// Their child runs.
    pub child_runs: usize,
    /// The attempts that the journal has of them.
    pub attempts: usize,
    /// Runs that were left out, by why.
    pub left_out: BTreeMap<&'static str, usize>,
    /// What those had of the targets.
    pub places: Places,
    /// What is not known and was assumed, and all constants.
    pub assumptions: Vec<String>,
    /// What there was to run on.
    pub targets: Vec<TargetSaid>,
    /// How well the past is reproduced.
    pub accuracy: Accuracy,
    /// What happened.
    pub happened: Row,
    /// What each policy would have done; first the old one.
    pub policies: Vec<Row>,
    /// For charts: what lay where, of what happened and of each policy.
    #[serde(skip)]
    pub(super) bars: Vec<(String, Vec<Bar>)>,
}

/// A target of the replay.
#[derive(Clone, Debug, Serialize)]
pub struct TargetSaid {
    /// Its name.
    pub name: String,
    /// Attempts at once.
    pub concurrency: u32,
    /// The greatest number that was out at once in the journal.
    pub seen: u32,
    /// What its provider lets through in a minute.
    pub requests_per_minute: Option<u64>,
    /// The same in tokens.
    pub tokens_per_minute: Option<u64>,
    /// True if the configuration has it; else all is from the journal, and it counts as free.
    pub configured: bool,
}

/// How well the replay under the old policy reproduces what happened: the error bar.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Accuracy {
    /// Half of the runs are off by no more than this, in parts of what they really took.
    pub median: f64,
    /// Nineteen of twenty are.
    pub p95: f64,
    /// How much longer they take in the replay, on the mean.
    pub bias: f64,
    /// Runs that were answered, in both.
    pub compared: usize,
    /// Runs whose answer is of the same kind: succeeded, failed, cancelled.
    pub same_answer: usize,
    /// Runs with a deadline,
    pub deadlines: usize,
    /// of which so many were kept, or missed, in both.
    pub same_deadline: usize,
}

/// A policy, or what happened.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub policy: String,
    /// Its hash; none of what happened.
    pub hash: Option<String>,
    /// What it has otherwise than `balanced`.
    pub rules: Option<String>,
    /// Of all that was sent.
    pub decision_hash: Option<String>,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// By tenant.
    pub tenants: Vec<TenantRow>,
    /// Attempts that were sent.
    pub attempts: u64,
    /// What never happened.
    pub made_up: Option<MadeUp>,
    /// Nanoseconds of the core for each event, and for each attempt that was sent.
    pub ns_per_event: Option<f64>,
    /// See `ns_per_event`.
    pub ns_per_attempt: Option<f64>,
    /// Every hundredth of how long runs took, in seconds.
    pub curve: Vec<f64>,
    /// Run by run, as they came: for whoever weighs rules and not for people.
    #[serde(skip)]
    pub runs: Vec<agendum_planner::Course>,
}

/// A figure.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    /// Its name; seconds, dollars or a count.
    pub name: &'static str,
    /// What it is.
    pub value: f64,
    /// Of a policy that is compared: by how much it differs from the replay under the old one.
    pub difference: Option<f64>,
    /// How far the replay under the old policy is off, and a percent of the figure at least: a difference that is not greater says nothing.
    pub error: f64,
    /// True if the difference is greater than that.
    pub counts: bool,
}

/// What a tenant had.
#[derive(Clone, Debug, Serialize)]
pub struct TenantRow {
    /// Which.
    pub tenant: String,
    /// Its runs.
    pub runs: usize,
    /// How long those took that succeeded, in seconds.
    pub mean: f64,
    /// See `mean`.
    pub p95: f64,
    /// How many times longer than alone, on the mean.
    pub slowdown: f64,
    /// What they cost, in dollars.
    pub cost: f64,
}

/// How long runs take that are alone.
type Alone = BTreeMap<RunId, Duration>;

/// What became of runs.
type Courses = BTreeMap<RunId, Course>;

/// How long each run takes alone: no longer than it took anywhere, since what is made up for it may be longer than what happened.
fn shortest<'c>(alone: &Courses, all: impl Iterator<Item = &'c Courses>) -> Alone {
    let mut least: Alone = alone.iter().filter_map(|(run, course)| Some((*run, took(course)?))).collect();
    for (run, course) in all.flatten() {
        if let Some((least, took)) = least.get_mut(run).zip(took(course)) {
            *least = took.min(*least);
        }
    }
    least
}

pub(super) fn report(
    past: &Past,
    asked: &Asked,
    (targets, lacking): (Vec<TargetSaid>, Vec<Arc<str>>),
    alone: &Played,
    played: Vec<(Arc<Policy>, Played)>,
) -> Report {
    let real = past.courses();
    let all = std::iter::once(&real).chain(played.iter().map(|(_, played)| &played.courses));
    let alone = shortest(&alone.courses, all);
    let attempts = past.lives.values().map(Life::attempts).sum();
    let happened = row("what happened", &real, &alone, attempts as u64);
    let old = played.first().map(|(_, played)| played.courses.clone()).unwrap_or_default();
    let accuracy = accuracy(&real, &old);
    let from = past.lives.values().map(|life| life.at).min().unwrap_or_default();
    let to = past.lives.values().map(|life| life.answered.0).max().unwrap_or_default();
    let (mut policies, mut bars): (Vec<Row>, _) = (Vec::new(), vec![(happened.policy.clone(), past.bars())]);
    for (policy, played) in played {
        let mut own = row(&policy.name, &played.courses, &alone, played.attempts);
        own.hash = Some(policy.hash.to_string());
        own.rules = Some(otherwise(&policy));
        own.decision_hash = Some(played.hash.to_string()[..16].to_owned());
        own.made_up = Some(played.made_up);
        let spent = played.costs.iter().sum::<u64>() as f64;
        own.ns_per_event = Some(spent / played.costs.len().max(1) as f64);
        own.ns_per_attempt = Some(spent / played.attempts.max(1) as f64);
        let base = policies.first().map_or(&own.figures, |old| &old.figures).clone();
        judge(&mut own.figures, &happened.figures, &base, &accuracy, policies.is_empty());
        bars.push((policy.name.to_string(), played.bars));
        policies.push(own);
    }
    let left_out = past.left_out.iter().map(|(why, count)| (why.sentence(), *count)).collect();
    Report {
        from: from.to_string(),
        to: to.to_string(),
        runs: real.len(),
        child_runs: past.lives.len() - real.len(),
        attempts,
        left_out,
        places: Places::of(past, from, to),
        assumptions: assumptions(past, asked, &targets, &lacking),
        targets,
        accuracy,
        happened,
        policies,
        bars,
    }
}

/// Every constant, and what the journal does not say.
fn assumptions(past: &Past, asked: &Asked, targets: &[TargetSaid], lacking: &[Arc<str>]) -> Vec<String> {
    let mut told = asked.notes.clone();
    told.push(format!("the policy that was in force: {}; {}", asked.old.1, past.says_of(&asked.old.0)));
    for target in targets.iter().filter(|target| !target.configured) {
        told.push(format!(
            "target {} is not in the present configuration: it takes {} at once, the most that was out, and no price is known",
            target.name, target.concurrency
        ));
    }
    for pool in lacking {
        told.push(format!(
            "the present configuration has fewer units of pool {pool} than a task asks for: they are not limited"
        ));
    }
    told.push("concurrency, rates and prices of the other targets are those of the present configuration".to_owned());
    let rest = [
        "what the core learns (histograms, shares of tenants) begins with nothing",
        "limits that a provider stated in its headers or that were found out are not played: where runs waited for those, write `rate` and `concurrency`",
        "pauses before a retry are those of the record after failures that say nothing of a target's pause; others are drawn anew",
        "what never happened is made up: it succeeds, after the median of that task on that target; a stopped attempt costs what it cost",
        "people answer as long after they are asked as they did; callers cancel as long after they submitted",
        "disks, evaluations and the process are as quick as they were; times in which the process was down are not repeated",
        "a difference counts if it is greater than the error: how far the replay of the past is off there, or the median run, or one percent",
        "the error says how well the past is reproduced: what is made up, and how one day differs from another, come on top",
    ];
    told.extend(rest.map(str::to_owned));
    told
}

fn took(course: &Course) -> Option<Duration> {
    course.answered.filter(|(_, status)| *status == RunStatus::Succeeded).map(|(took, _)| took)
}

fn secs(span: Duration) -> f64 {
    span.as_micros() as f64 / 1e6
}

fn is_late(course: &Course) -> Option<bool> {
    let deadline = course.deadline?;
    Some(took(course).is_none_or(|took| took > deadline))
}

fn row(name: &str, courses: &Courses, alone: &Alone, attempts: u64) -> Row {
    let of = Of::all(courses.iter(), alone);
    let count = |is: &dyn Fn(&Course) -> bool| courses.values().filter(|course| is(course)).count() as f64;
    let mut tenants: BTreeMap<&agendum_types::Tenant, Vec<(&RunId, &Course)>> = BTreeMap::new();
    for (run, course) in courses {
        tenants.entry(&course.tenant).or_default().push((run, course));
    }
    let tenants: Vec<TenantRow> = tenants
        .into_iter()
        .map(|(tenant, runs)| {
            let of = Of::all(runs.iter().copied(), alone);
            let cost = runs.iter().map(|(_, course)| course.cost.dollars()).sum();
            let (mean, p95, slowdown) = (mean(&of.took), quantile(&of.took, 0.95), mean(&of.slow));
            TenantRow { tenant: tenant.to_string(), runs: runs.len(), mean, p95, slowdown, cost }
        })
        .collect();
    let slow: Vec<f64> = tenants.iter().map(|tenant| tenant.slowdown).filter(|slow| *slow > 0.0).collect();
    let squares: f64 = slow.iter().map(|slow| slow * slow).sum();
    let jain = if squares > 0.0 { slow.iter().sum::<f64>().powi(2) / (squares * slow.len() as f64) } else { 1.0 };
    let status = |of: RunStatus| move |course: &Course| course.answered.is_some_and(|(_, status)| status == of);
    let mut figures = vec![
        ("mean", mean(&of.took)),
        ("p50", quantile(&of.took, 0.5)),
        ("p95", quantile(&of.took, 0.95)),
        ("p99", quantile(&of.took, 0.99)),
        ("slowdown", mean(&of.slow)),
        ("slowdown p99", quantile(&of.slow, 0.99)),
        ("jain", jain),
        ("succeeded", count(&status(RunStatus::Succeeded))),
        ("failed", count(&status(RunStatus::Failed))),
        ("cancelled", count(&status(RunStatus::Cancelled))),
        ("unanswered", count(&|course| course.answered.is_none())),
        ("deadlines", count(&|course| course.deadline.is_some())),
        ("missed", count(&|course| is_late(course) == Some(true))),
        ("hopeless", count(&|course| course.hopeless)),
        ("refused", count(&|course| course.refused)),
    ];
    figures.push(("cost", courses.values().map(|course| course.cost.dollars()).sum()));
    let figure = |(name, value)| Figure { name, value, difference: None, error: 0.0, counts: false };
    Row {
        policy: name.to_owned(),
        hash: None,
        rules: None,
        decision_hash: None,
        figures: figures.into_iter().map(figure).collect(),
        tenants,
        attempts,
        made_up: None,
        ns_per_event: None,
        ns_per_attempt: None,
        runs: courses.iter().map(|(run, course)| said(course, alone.get(run).copied())).collect(),
        curve: if of.took.is_empty() {
            Vec::new()
        } else {
            (0..=100).map(|hundredth| quantile(&of.took, f64::from(hundredth) / 100.0)).collect()
        },
    }
}

fn said(course: &Course, alone: Option<Duration>) -> agendum_planner::Course {
    let took = took(course).map(secs);
    agendum_planner::Course {
        tenant: course.tenant.to_string().into(),
        took,
        slowdown: took.zip(alone).map(|(took, alone)| times_longer(took, alone)),
        missed: is_late(course) == Some(true),
        cost: course.cost.dollars(),
    }
}

/// How many times longer than alone so many seconds are.
fn times_longer(took: f64, alone: Duration) -> f64 {
    took.max(1e-6) / secs(alone).max(1e-6)
}

/// How long runs took that succeeded, and how many times longer than alone; ordered.
struct Of {
    took: Vec<f64>,
    slow: Vec<f64>,
}

impl Of {
    fn all<'c>(courses: impl Iterator<Item = (&'c RunId, &'c Course)> + Clone, alone: &Alone) -> Self {
        let mut took_all: Vec<f64> = courses.clone().filter_map(|(_, course)| took(course)).map(secs).collect();
        let slow = |(run, course): (&RunId, &Course)| Some(times_longer(secs(took(course)?), *alone.get(run)?));
        let mut slow: Vec<f64> = courses.filter_map(slow).collect();
        took_all.sort_by(f64::total_cmp);
        slow.sort_by(f64::total_cmp);
        Self { took: took_all, slow }
    }
}

/// Figures that are numbers of runs.
const COUNTS: [&str; 8] =
    ["succeeded", "failed", "cancelled", "unanswered", "deadlines", "missed", "hopeless", "refused"];

/// A difference of less than this part of a figure is no news, however well the past is reproduced: another day differs by more.
const LEAST: f64 = 0.01;

/// How far the replay under the old policy is off, and whether a difference is more than that.
fn judge(own: &mut [Figure], happened: &[Figure], old: &[Figure], accuracy: &Accuracy, is_old: bool) {
    let unlike = (accuracy.compared.saturating_sub(accuracy.same_answer)) as f64;
    for ((figure, real), old) in own.iter_mut().zip(happened).zip(old) {
        let off = (old.value - real.value).abs();
        figure.error = match figure.name {
            "succeeded" | "failed" | "cancelled" | "unanswered" | "hopeless" | "refused" => off.max(unlike),
            "missed" => off.max((accuracy.deadlines - accuracy.same_deadline) as f64),
            "deadlines" | "cost" | "jain" => off,
            // Of times: as much as half of the runs are off is no news either.
            _ => off.max(old.value * accuracy.median),
        };
        let least = LEAST * old.value.abs();
        figure.error = figure.error.max(if COUNTS.contains(&figure.name) { least.floor() } else { least });
        if !is_old {
            let difference = figure.value - old.value;
            figure.difference = Some(difference);
            figure.counts = difference.abs() > figure.error + 1e-9 * old.value.abs();
        }
    }
}

fn accuracy(real: &Courses, replayed: &Courses) -> Accuracy {
    let mut accuracy = Accuracy::default();
    let (mut off, mut sum) = (Vec::new(), 0.0);
    for (run, real) in real {
        let Some(replayed) = replayed.get(run) else { continue };
        if let (Some((_, one)), other) = (real.answered, replayed.answered) {
            accuracy.compared += 1;
            accuracy.same_answer += usize::from(other.is_some_and(|(_, other)| one == other));
        }
        if let Some((one, other)) = is_late(real).zip(is_late(replayed)) {
            accuracy.deadlines += 1;
            accuracy.same_deadline += usize::from(one == other);
        }
        if let Some((one, other)) = took(real).zip(took(replayed)) {
            let apart = (secs(other) - secs(one)) / secs(one).max(1e-6);
            sum += apart;
            off.push(apart.abs());
        }
    }
    off.sort_by(f64::total_cmp);
    accuracy.bias = sum / off.len().max(1) as f64;
    (accuracy.median, accuracy.p95) = (quantile(&off, 0.5), quantile(&off, 0.95));
    accuracy
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Of ordered values.
fn quantile(values: &[f64], share: f64) -> f64 {
    let place = (share * values.len() as f64) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// The table of targets: as configured, and behind them those that only the journal knows.
pub(super) fn targets(past: &Past, configured: &[Target]) -> (Vec<Target>, Vec<TargetSaid>) {
    let mut used: BTreeMap<Arc<str>, Target> = BTreeMap::new();
    for life in past.lives.values() {
        for ((path, _), attempt) in &life.tries {
            let graph =
                life.graphs.values().find(|graph| path.node().is_some_and(|node| graph.tasks.len() > node.0 as usize));
            let Some((graph, node)) = graph.zip(path.node()) else { continue };
            let Work::Call(call) = &graph.task(node).work else { continue };
            let target = used.entry(Arc::clone(&attempt.target)).or_insert_with(|| Target {
                clearance: agendum_types::Labels::new([Target::EVERYTHING]),
                ..Target::free(&attempt.target, call.capability, 1)
            });
            if !target.capabilities.contains(&call.capability) {
                target.capabilities.push(call.capability);
            }
            target.classes.extend(call.requirement.class.clone().filter(|class| !target.classes.contains(class)));
        }
    }
    let seen = at_once(&past.bars);
    let mut table: Vec<Target> = configured.to_vec();
    for (name, mut target) in used {
        if table.iter().all(|known| known.name != name) && *name != *Target::CHILD {
            target.concurrency_max = seen.get(&name).copied().unwrap_or(1).max(1);
            table.push(target);
        }
    }
    let said = table.iter().filter(|target| !target.can(Capability::Graph)).map(|target| TargetSaid {
        name: target.name.to_string(),
        concurrency: target.concurrency_max,
        seen: seen.get(&target.name).copied().unwrap_or(0),
        requests_per_minute: target.rate.requests,
        tokens_per_minute: target.rate.tokens,
        configured: configured.iter().any(|known| known.name == target.name),
    });
    let said = said.collect();
    (table, said)
}

/// The greatest number of attempts that were out at once, by target.
fn at_once(bars: &[Bar]) -> BTreeMap<Arc<str>, u32> {
    let mut events: BTreeMap<Arc<str>, Vec<(Timestamp, i32)>> = BTreeMap::new();
    for bar in bars {
        if let Some(target) = &bar.target {
            events.entry(Arc::clone(target)).or_default().extend([(bar.began, 1), (bar.ended, -1)]);
        }
    }
    let most = |mut events: Vec<(Timestamp, i32)>| {
        events.sort_unstable();
        let (mut out, mut most) = (0_i32, 0);
        for (_, step) in events {
            out += step;
            most = most.max(out);
        }
        most.unsigned_abs()
    };
    events.into_iter().map(|(target, events)| (target, most(events))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Accuracy, Figure, judge};

    #[test]
    fn what_is_below_its_error_or_a_percent_does_not_count() {
        let of = |name: &'static str, value| Figure { name, value, difference: None, error: 0.0, counts: false };
        let accuracy = |median| Accuracy { median, compared: 1_000, same_answer: 1_000, ..Accuracy::default() };
        // What is new, what was replayed, what happened, half of the runs are off by so much: how much is the error, and does it count?
        let told = |name, [new, old, real]: [f64; 3], median| {
            let mut own = [of(name, new)];
            judge(&mut own, &[of(name, real)], &[of(name, old)], &accuracy(median), false);
            (own[0].error, own[0].counts)
        };
        assert_eq!(told("mean", [100.9, 100.0, 100.0], 0.0), (1.0, false), "a day differs by more");
        assert_eq!(told("mean", [101.1, 100.0, 100.0], 0.0), (1.0, true));
        assert_eq!(told("mean", [104.0, 100.0, 100.0], 0.05), (5.0, false), "half of the runs are off by more");
        assert_eq!(told("p99", [104.0, 100.0, 94.0], 0.0), (6.0, false), "this figure is off by more");
        assert_eq!(told("cost", [2.01, 2.0, 2.0], 0.5), (0.02, false));
        assert_eq!(told("missed", [15.0, 14.0, 14.0], 0.0), (0.0, true), "a run is a run");
        assert_eq!(told("succeeded", [991.0, 1_000.0, 1_000.0], 0.0), (10.0, false));
    }
}
