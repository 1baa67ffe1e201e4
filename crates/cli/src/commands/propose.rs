//! `plan propose`: the journal, played again under other rules, and the best of them as a plan.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agendum_engine::Reader;
use agendum_planner::{Asked, Bench, Course, Figure, Outcome, Part, Played, Proposal, Trial, propose as search};
use agendum_ports::{Clock as _, PlanRow, Wall};
use agendum_sim::replay::{self, Past, RunSaid, Setting};
use agendum_spec::policy::plan;
use agendum_types::{Limits, Plan, Policy, Timestamp};
use serde_json::{Value as Json, json};

use super::Context;
use super::plan::{changes, in_force, publish_text};
use super::replay::{Reading, There, read, setting};
use crate::args::Propose;
use crate::failure::Failure;
use crate::hosting::{signalled, tell};
use crate::{next, show};

/// Of a hundred runs so many are for choosing; the rest judges.
const EARLIER: usize = 60;
/// Rules that are played between two looks at the clock.
const AT_ONCE: usize = 8;
/// Plans that are looked through for the one that was in force.
const PLANS_MAX: u32 = 100;
/// A plan lasts so long where nobody says.
const LASTS: agendum_types::Duration = agendum_types::Duration::secs(3_600);

pub(super) async fn propose(context: &Context, asked: &Propose) -> Result<(), Failure> {
    let Some(every) = &asked.every else { return once(context, asked).await };
    let caught = signalled();
    tokio::pin!(caught);
    loop {
        // What cannot be found now may be found later: a journal that is still empty, an owner that is being started.
        if let Err(failure) = once(context, asked).await {
            failure.print(context.json);
        }
        tokio::select! {
            () = tokio::time::sleep(every.0.to_std()) => {}
            signal = &mut caught => {
                signal?;
                tell("stopped; the plan in force runs out by itself");
                return Ok(());
            }
        }
    }
}

async fn once(context: &Context, asked: &Propose) -> Result<(), Failure> {
    let (now, began) = (Wall.now(), Instant::now());
    let policy = in_force(context)?;
    let there = There::of(context);
    let since = asked.since.before(now);
    let Reading { past, reader, notes, .. } = read(context, since).await?;
    let old = was_in_force(&reader, &policy, since, now, &context.config.limits.0).await?;
    let (from, runs) = (past.from().unwrap_or(since), past.len());
    let how = format!(
        "replay of {runs} runs from {from} on; chosen on the earlier {EARLIER} of a hundred, judged by the later"
    );
    let (earlier, later) = past.split(EARLIER);
    let mut bench = Replayed {
        parts: [earlier, later],
        setting: setting(there.config.as_ref().unwrap_or(&context.config)),
        old,
        until: began + asked.think.0.to_std(),
        late: false,
        began,
        silent: context.json,
    };
    let wanted = Asked {
        name: asked.name.as_str().into(),
        goal: Figure::from_word(&asked.goal).unwrap_or(Figure::Mean),
        gain_min: asked.gain / 100.0,
        harm_max: asked.harm / 100.0,
        confidence_min: asked.sure / 100.0,
        steps_max: asked.steps.into(),
        lasts: asked.lasts.map_or_else(
            || asked.every.map_or(LASTS, |every| agendum_types::Duration::micros(every.0.0.saturating_mul(2))),
            |lasts| lasts.0,
        ),
        how: how.into(),
    };
    let proposal = search(&policy, &wanted, &mut bench);
    let is_late = bench.late;
    let document = match &proposal.outcome {
        Outcome::Plan(plan) => Some(written(plan, &policy, &context.config.limits.0)?),
        Outcome::Nothing(_) => None,
    };
    if let Some((file, document)) = asked.output.as_ref().zip(document.as_ref()) {
        let text = format!("{:#}\n", serde_json::from_str::<Json>(document)?);
        std::fs::write(file, text)
            .map_err(|error| Failure::usage(format!("cannot write {}: {error}", file.display())))?;
    }
    if context.json {
        show::json(&said(&proposal, &policy, document.as_deref(), is_late, &notes))?;
    } else {
        notes.iter().for_each(|note| tell(&format!("note: {note}")));
        table(&proposal, &policy, &wanted, is_late)?;
        afterwards(asked, document.is_some());
    }
    match document.filter(|_| asked.publish) {
        Some(document) => publish_text(context, document).await,
        None => Ok(()),
    }
}

/// The document of a plan that was found: read again, as whoever publishes it will.
fn written(found: &Plan, policy: &Policy, limits: &Limits) -> Result<String, Failure> {
    let text = plan::written(found).to_string();
    let checked = plan::check(&text, policy, limits);
    let first = checked.diagnostics.first().map_or_else(String::new, |of| of.message.clone());
    match checked.accepted {
        Some(accepted) => Ok(accepted.document.to_string()),
        None => Err(Failure::usage(format!("the plan cannot be written: {first}"))
            .hint("a --name has small letters, digits and -; --lasts is from 1s to 24h")),
    }
}

/// The rules that most of the period was under, and how that is known: the policy's, or a plan's.
async fn was_in_force(
    reader: &Reader,
    policy: &Arc<Policy>,
    since: Timestamp,
    now: Timestamp,
    limits: &Limits,
) -> Result<(Arc<Policy>, String), Failure> {
    let rows = reader.plans(None, PLANS_MAX).await?;
    let mut next = now;
    let mut longest: Option<(agendum_types::Duration, &PlanRow)> = None;
    for row in &rows {
        let withdrawn = row.withdrawn.as_ref().map_or(row.until, |withdrawal| withdrawal.at);
        let counted = withdrawn.min(row.until).min(next).since(row.at.max(since));
        next = row.at;
        if *row.policy == *policy.version() && longest.is_none_or(|(most, _)| counted > most) {
            longest = Some((counted, row));
        }
    }
    let half = agendum_types::Duration::micros(now.since(since).as_micros() / 2);
    let Some((_, row)) = longest.filter(|(counted, _)| *counted > half) else {
        return Ok((Arc::clone(policy), "the one in force now".to_owned()));
    };
    let rules = plan::check(&row.document, policy, limits).accepted.map(|accepted| Arc::clone(&accepted.plan.rules));
    let said = format!("with plan {} ({}), which most of the period was under", row.number, row.name);
    Ok((rules.unwrap_or_else(|| Arc::clone(policy)), said))
}

/// The journal, which can be played again.
struct Replayed {
    /// The earlier and the later part.
    parts: [Past; 2],
    setting: Setting,
    old: (Arc<Policy>, String),
    /// Until then the earlier part is played.
    until: Instant,
    /// Time was up before all was tried.
    late: bool,
    began: Instant,
    silent: bool,
}

/// What takes no longer than this is not told.
const UNTOLD: Duration = Duration::from_millis(500);

impl Bench for Replayed {
    fn play(&mut self, part: Part, rules: &[Arc<Policy>], what: &str) -> Vec<Played> {
        let mut played = Vec::with_capacity(rules.len());
        for chunk in rules.chunks(AT_ONCE) {
            if part == Part::Earlier && Instant::now() >= self.until && !played.is_empty() {
                self.late = true;
                break;
            }
            if !self.silent && self.began.elapsed() >= UNTOLD {
                let where_is = if part == Part::Earlier { "earlier part" } else { "later part" };
                tell(&format!("  … {where_is}, {what} ({} done)", played.len()));
            }
            played.extend(self.of(part, chunk));
        }
        played
    }
}

impl Replayed {
    fn of(&self, part: Part, rules: &[Arc<Policy>]) -> Vec<Played> {
        let past = &self.parts[usize::from(part == Part::Later)];
        if past.is_empty() {
            return vec![Played::default(); rules.len()];
        }
        let asked = replay::Asked { old: self.old.clone(), new: rules.to_vec(), notes: Vec::new() };
        let began = self.began;
        let clock = move || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let report = replay::run(past, &self.setting, &asked, &clock, &|_, _, _| {});
        let error = report.accuracy.median;
        let rows = report.policies.into_iter().skip(1);
        rows.map(|row| Played { courses: row.runs.iter().map(course).collect(), attempts: row.attempts, error })
            .collect()
    }
}

fn course(run: &RunSaid) -> Course {
    let RunSaid { tenant, took, slowdown, missed, cost } = run;
    Course { tenant: Arc::clone(tenant), took: *took, slowdown: *slowdown, missed: *missed, cost: *cost }
}

fn said(proposal: &Proposal, policy: &Policy, document: Option<&str>, is_late: bool, notes: &[String]) -> Json {
    let Proposal { outcome, steps, trials, judged, confidence, error, runs } = proposal;
    let judged = judged.iter().map(|(figure, old, new)| {
        json!({ "figure": figure.word(), "policy": old, "plan": new, "change": figure.change(*old, *new) })
    });
    let trial = |Trial { steps, goal, change, harms }: &Trial| {
        let harms = harms.map(|(figure, rise)| json!({ "figure": figure.word(), "rise": rise }));
        json!({ "steps": steps, "goal": goal, "change": change, "harms": harms })
    };
    let (rules, why) = match outcome {
        Outcome::Plan(plan) => (Some(&plan.rules), None),
        Outcome::Nothing(why) => (None, Some(why)),
    };
    json!({
        "policy": policy.version(),
        "plan": document.and_then(|text| serde_json::from_str::<Json>(text).ok()),
        "changes": rules.map(|rules| changes(policy, rules)),
        "why_not": why,
        "steps": steps,
        "judged": judged.collect::<Vec<_>>(),
        "confidence": confidence,
        "replay_error": error,
        "runs": { "earlier": runs.0, "later": runs.1 },
        "trials": trials.iter().map(trial).collect::<Vec<_>>(),
        "time_was_up": is_late,
        "notes": notes,
    })
}

fn table(proposal: &Proposal, policy: &Policy, asked: &Asked, is_late: bool) -> Result<(), Failure> {
    let mut out = show::out();
    let (earlier, later) = proposal.runs;
    writeln!(out, "policy  {}, in force", policy.version())?;
    writeln!(
        out,
        "past    {earlier} runs to choose on, {later} to judge by; half of them are replayed within {:.1} %",
        proposal.error * 100.0
    )?;
    let tried = proposal.trials.len();
    let late = if is_late { "; time was up before all was tried (--think)" } else { "" };
    let steps = if proposal.steps.is_empty() { "none".to_owned() } else { proposal.steps.join(", ") };
    writeln!(out, "tried   {}{late}; kept: {steps}", show::counted(tried, "variant"))?;
    if !proposal.judged.is_empty() {
        writeln!(out, "\n{:14}  {:>12}  {:>12}  {:>8}", "later part", "policy", "plan", "change")?;
        for (figure, old, new) in &proposal.judged {
            let mark = if *figure == asked.goal { "*" } else { " " };
            let change = figure.change(*old, *new) * 100.0;
            let name = format!("{mark} {}", figure.word());
            writeln!(out, "{name:14}  {:>12}  {:>12}  {change:>+6.1} %", value(*figure, *old), value(*figure, *new))?;
        }
    }
    match (&proposal.outcome, proposal.confidence) {
        (Outcome::Plan(_), confidence) => {
            let sure = confidence.unwrap_or_default() * 100.0;
            writeln!(out, "\none may be sure by {sure:.0} % that it lowers {}", asked.goal.word())?;
        }
        (Outcome::Nothing(why), _) => writeln!(out, "\nno plan: {why}")?,
    }
    Ok(())
}

/// With its unit.
fn value(figure: Figure, value: f64) -> String {
    match figure {
        Figure::Mean | Figure::P95 | Figure::P99 | Figure::WorstTenant => format!("{value:.3} s"),
        Figure::Slowdown => format!("{value:.2} ×"),
        Figure::Missed | Figure::Failed => format!("{:.2} %", value * 100.0),
        Figure::Cost => show::dollars(value),
    }
}

fn afterwards(asked: &Propose, is_found: bool) {
    match (&asked.output, is_found && !asked.publish) {
        (Some(file), true) => {
            let file = next::quoted(&file.display().to_string());
            tell(&format!("next: {} plan publish {file}", next::hosting()));
        }
        (None, true) => tell("next: the same with -o plan.json writes it, with --publish puts it in force"),
        (_, false) => {}
    }
}
