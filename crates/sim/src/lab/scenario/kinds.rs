//! What a workload may be drawn from, and what may come of one that was read.

use super::check::{CALLS_MAX, JOBS_MAX, MS_MAX, PAIRS_MAX, RATE_MAX, ROUNDS_MAX, SECS_MAX, SPAN_MAX, TASKS_MAX};
use super::check::{TENANTS_MAX, TOKENS_MAX, all, drawn, within};
use super::{Kind, Scenario};
use crate::lab::workload::{
    Job, Workload, agents, azure, calls, flows, mooncake, psplib, quantiles, servegen, vtc, work,
};

/// Jobs that are kept over all seeds and policies: a few hundred bytes each.
const KEPT_MAX: u64 = 20_000_000;
/// Clients, each of which is drawn for a week.
const CLIENTS_MAX: u64 = 2_000;
/// Blocks of the inputs of all conversations.
const BLOCKS_MAX: f64 = 100_000_000.0;

impl Kind {
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Agents { generate, .. } => of_agents(generate),
            Self::Azure { kinds, .. } => {
                if kinds.is_empty() {
                    return Err("`azure: kinds` is empty: name one at least".into());
                }
                kinds.iter().try_for_each(of_azure)?;
                let rows = kinds.iter().map(|kind| u64::from(kind.generate.rows)).sum();
                within("azure: rows of all kinds", rows, 1, JOBS_MAX)
            }
            Self::Flows { generate, .. } => of_flows(generate),
            Self::Psplib { generate, .. } => of_projects(generate),
            Self::Mooncake { takes, generate, tenants, .. } => {
                within("mooncake: tenants", (*tenants).into(), 1, CLIENTS_MAX)?;
                of_conversations(*takes, generate)
            }
            Self::Servegen { lengths, generate, .. } => of_clients(lengths, generate),
            Self::Vtc { generate, .. } => of_tenants(generate),
        }
    }
}

fn of_agents(of: &agents::Generator) -> Result<(), String> {
    within("generate: sessions", of.sessions.into(), 1, JOBS_MAX)?;
    drawn(&[("generate: calls", &of.calls)], ROUNDS_MAX)?;
    drawn(&[("generate: call_s", &of.call_s), ("generate: tools_s", &of.tools_s)], SECS_MAX)?;
    drawn(&[("generate: tokens_in", &of.tokens_in), ("generate: tokens_out", &of.tokens_out)], TOKENS_MAX)?;
    product("sessions times calls", f64::from(of.sessions) * mean(&of.calls), CALLS_MAX as f64)
}

fn of_azure(of: &azure::Kind) -> Result<(), String> {
    within("azure: calls", of.calls.into(), 1, ROUNDS_MAX)?;
    within("azure: base_ms", of.base_ms, 0, MS_MAX)?;
    if let Some(azure::Part { from_s, secs }) = of.part {
        within("part: from_s", from_s, 0, SECS_MAX)?;
        within("part: secs", secs, 1, SECS_MAX)?;
    }
    within("azure: deadline_ms", of.deadline_ms.unwrap_or(0), 0, MS_MAX)?;
    all(&[("tokens_in_per_s", of.tokens_in_per_s), ("tokens_out_per_s", of.tokens_out_per_s)], 1, RATE_MAX)?;
    within("generate: rows", of.generate.rows.into(), of.calls.into(), JOBS_MAX)?;
    within("generate: secs", of.generate.secs, 1, SECS_MAX)?;
    let (tokens_in, tokens_out) = (&of.generate.tokens_in, &of.generate.tokens_out);
    drawn(&[("generate: tokens_in", tokens_in), ("generate: tokens_out", tokens_out)], TOKENS_MAX)
}

fn of_flows(of: &flows::Generator) -> Result<(), String> {
    within("generate: each", of.each.into(), 1, JOBS_MAX)?;
    drawn(&[("generate: width", &of.width), ("generate: length", &of.length)], TASKS_MAX)?;
    product("width times length", of.width.at(1.0) * of.length.at(1.0), TASKS_MAX as f64)?;
    let tasks = 3.0 * f64::from(of.each) * mean(&of.width) * mean(&of.length);
    product("each times width times length, of three shapes", tasks, JOBS_MAX as f64)?;
    drawn(&[("generate: program_s", &of.program_s), ("generate: task_times", &of.task_times)], SECS_MAX)?;
    drawn(&[("generate: bytes", &of.bytes)], 1_000 * RATE_MAX)
}

fn of_projects(of: &psplib::Generator) -> Result<(), String> {
    within("generate: projects", of.projects.into(), 1, JOBS_MAX)?;
    within("generate: tasks", of.tasks.into(), 1, TASKS_MAX)?;
    product("projects times tasks", f64::from(of.projects) * f64::from(of.tasks), JOBS_MAX as f64)?;
    within("generate: secs_max", of.secs_max, 1, SECS_MAX)?;
    within("generate: resources", of.resources as u64, 0, 100)?;
    within("generate: units_max", of.units_max, 1, u64::from(agendum_types::pool::UNITS_MAX) / 2)?;
    within("generate: takes_percent_max", of.takes_percent_max, 0, 100)?;
    within("generate: takes_percent_min", of.takes_percent_min, 0, of.takes_percent_max)?;
    within("generate: search", of.search, 1, 10_000_000)
}

fn of_conversations(takes: mooncake::Takes, of: &mooncake::Generator) -> Result<(), String> {
    within("takes: base_ms", takes.base_ms, 0, MS_MAX)?;
    all(&[("tokens_in_per_s", takes.tokens_in_per_s), ("tokens_out_per_s", takes.tokens_out_per_s)], 1, RATE_MAX)?;
    within("generate: conversations", of.conversations.into(), 1, JOBS_MAX)?;
    within("generate: secs", of.secs, 1, SECS_MAX)?;
    within("generate: common", of.common.into(), 0, TOKENS_MAX / 512)?;
    drawn(&[("generate: calls", &of.calls), ("generate: blocks", &of.blocks)], TOKENS_MAX / 512)?;
    drawn(&[("generate: gap_s", &of.gap_s)], SECS_MAX)?;
    drawn(&[("generate: tokens_out", &of.tokens_out)], TOKENS_MAX)?;
    let calls = f64::from(of.conversations) * mean(&of.calls);
    product("conversations times calls", calls, JOBS_MAX as f64)?;
    // Each call holds what all before it had.
    let blocks = calls * (f64::from(of.common) + of.calls.at(1.0) * mean(&of.blocks) / 2.0);
    product("blocks of all calls", blocks, BLOCKS_MAX)
}

fn of_clients(lengths: &servegen::Lengths, of: &servegen::Generator) -> Result<(), String> {
    all(
        &[("tokens_in_max", lengths.tokens_in_max.into()), ("tokens_out_max", lengths.tokens_out_max.into())],
        1,
        TOKENS_MAX,
    )?;
    drawn(&[("lengths: tokens_in", &lengths.tokens_in), ("lengths: tokens_out", &lengths.tokens_out)], TOKENS_MAX)?;
    within("generate: clients", of.clients.into(), 1, CLIENTS_MAX)?;
    if let Some(percent) = of.percent.iter().find(|percent| !(0.0..=100.0).contains(*percent)) {
        return Err(format!("`generate: percent: {percent}`: write numbers from 0 to 100"));
    }
    drawn(&[("generate: cv", &of.cv)], 100)?;
    drawn(&[("generate: tokens_in", &of.tokens_in), ("generate: tokens_out", &of.tokens_out)], TOKENS_MAX)?;
    drawn(&[("generate: spread", &of.spread)], TOKENS_MAX)
}

fn of_tenants(of: &vtc::Generator) -> Result<(), String> {
    within("generate: tenants", of.tenants.into(), 1, TENANTS_MAX)?;
    within("generate: calls", of.calls.into(), 1, JOBS_MAX)?;
    within("generate: tenants times calls", u64::from(of.tenants) * u64::from(of.calls), 1, PAIRS_MAX)?;
    within("generate: secs", of.secs, 1, SECS_MAX)?;
    drawn(&[("generate: tokens_in", &of.tokens_in), ("generate: tokens_out", &of.tokens_out)], TOKENS_MAX)
}

/// About what is drawn in the mean.
fn mean(of: &quantiles::Quantiles) -> f64 {
    (0..100).map(|place| of.at((f64::from(place) + 0.5) / 100.0)).sum::<f64>() / 100.0
}

/// What several numbers come to, which is too much for the memory of a machine.
fn product(what: &str, count: f64, most: f64) -> Result<(), String> {
    if count <= most {
        return Ok(());
    }
    Err(format!("{what} come to {count:.0}, more than {most:.0}: write less of one of them"))
}

impl Scenario {
    /// What is wrong with what there is, read or drawn.
    pub(super) fn check_workload(&self, workload: &Workload) -> Result<(), String> {
        if workload.jobs.is_empty() && workload.clients.is_empty() {
            return Err("the workload has no jobs: its data has no rows of the kind that is asked for".into());
        }
        if let Some(call) = workload
            .jobs
            .iter()
            .flat_map(|job| calls(&job.rounds))
            .find(|call| u64::from(call.tokens_in.max(call.tokens_out)) > TOKENS_MAX)
        {
            let (tokens_in, tokens_out) = (call.tokens_in, call.tokens_out);
            return Err(format!(
                "a call of {tokens_in} tokens in and {tokens_out} out: more than {TOKENS_MAX} are too many"
            ));
        }
        let spans = workload.flows.iter().flat_map(|flow| &flow.tasks).map(|task| task.takes.as_micros());
        spanned(spans, "all tasks")
    }

    /// What is wrong with the jobs of a seed: more than can be played, or kept.
    ///
    /// # Errors
    ///
    /// If there are none or too many, or they take too long.
    pub fn check_jobs(&self, workload: &Workload, jobs: &[Job]) -> Result<(), String> {
        if jobs.is_empty() {
            return Err("nothing comes".into());
        }
        let may_be_part = matches!(self.workload, Kind::Azure { .. });
        let hint =
            if may_be_part { ": `part: { from_s: 0, secs: 3600 }` of a kind takes an hour of its file" } else { "" };
        let told = |fault: String| fault + hint;
        within("jobs of a seed", jobs.len() as u64, 1, JOBS_MAX).map_err(told)?;
        let kept = jobs.len() as f64 * self.seeds as f64 * self.policies.len() as f64;
        product("jobs times seeds times policies", kept, KEPT_MAX as f64)?;
        let pairs = jobs.len() as f64 * workload.tenants.len() as f64;
        product("jobs times tenants", pairs, PAIRS_MAX as f64)?;
        let count: usize = jobs.iter().map(|job| calls(&job.rounds).count()).sum();
        within("calls of a seed", count as u64, 1, CALLS_MAX)?;
        let span = |job: &Job| {
            let tools = job.rounds.iter().flat_map(|round| std::iter::once(round).chain(&round.side));
            tools.fold(work(&job.rounds), |sum, round| sum.plus(round.tools)).as_micros()
        };
        spanned(jobs.iter().map(span), "all jobs")?;
        spanned(jobs.iter().map(|job| job.at.as_micros()).max().into_iter(), "the time until the last job comes")
    }
}

/// Sums of these microseconds are far from where they would overflow.
fn spanned(mut spans: impl Iterator<Item = u64>, what: &str) -> Result<(), String> {
    match spans.try_fold(0_u64, u64::checked_add).filter(|sum| *sum <= SPAN_MAX) {
        Some(_) => Ok(()),
        None => Err(format!("{what}: more than {} s, which is too long to be played", SPAN_MAX / 1_000_000)),
    }
}
