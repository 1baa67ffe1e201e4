//! `plan propose`: the journal, played again under other rules, and the best of them as a plan.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agendum_planner::lint::LASTS_MAX;
use agendum_planner::propose::{EARLIER, RUNS_MIN, judging};
use agendum_planner::{Asked, Bench, Course, Figure, Outcome, Played, Proposal, Trial, propose as search};
use agendum_ports::{Clock as _, Wall};
use agendum_sim::replay::{self, Past, Published, Report, Setting};
use agendum_spec::policy::plan;
use agendum_types::{Limits, Plan, Policy};
use serde_json::{Value as Json, json};

use super::Context;
use super::plan::{changes, in_force, publish_text, told_of};
use super::replay::{Reading, There, published, read, setting};
use crate::args::Propose;
use crate::config::Age;
use crate::failure::{FAILED, Failure};
use crate::hosting::{signalled, tell};
use crate::{next, show};

/// Rules that are played between two looks at the clock.
const AT_ONCE: usize = 8;
/// A plan lasts so long where nobody says.
const LASTS: agendum_types::Duration = agendum_types::Duration::secs(3_600);

pub(super) async fn propose(context: &Context, asked: &Propose) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let Some(every) = &asked.every else {
        let is_found = once(context, asked, &stop).await?;
        // Whoever goes on with the plan shall not go on without one.
        return if is_found || asked.output.is_none() && !asked.publish {
            Ok(())
        } else {
            Err(Failure::silent(FAILED))
        };
    };
    let caught = signalled();
    tokio::pin!(caught);
    loop {
        let ended = async {
            // What cannot be found now may be found later: a journal that is still empty, an owner that is being started.
            if let Err(failure) = once(context, asked, &stop).await {
                failure.print(context.json);
            }
            tokio::time::sleep(every.0.to_std()).await;
        };
        tokio::select! {
            () = ended => {}
            signal = &mut caught => {
                // What is being played ends with the rules that it has begun, and nothing of it is published.
                stop.store(true, Ordering::Relaxed);
                signal?;
                tell("stopped; a plan that is in force runs out by itself");
                return Ok(());
            }
        }
    }
}

/// For how long a plan is in force: as asked, else twice the time until the next look, and a day at most.
fn lasts(asked: &Propose) -> agendum_types::Duration {
    let twice = |every: Age| agendum_types::Duration::micros(every.0.0.saturating_mul(2)).min(LASTS_MAX);
    asked.lasts.map_or_else(|| asked.every.map_or(LASTS, twice), |lasts| lasts.0)
}

/// Looks for a plan once; true if there is one.
async fn once(context: &Context, asked: &Propose, stop: &Arc<AtomicBool>) -> Result<bool, Failure> {
    let (now, began) = (Wall.now(), Instant::now());
    asked.output.as_deref().map_or(Ok(()), may_be_written)?;
    let policy = in_force(context)?;
    let there = There::of(context);
    let since = asked.since.before(now);
    let Reading { past, reader, mut notes, .. } = read(context, since).await?;
    notes.extend(too_few(past.len()));
    if !context.json {
        notes.iter().for_each(|note| tell(&format!("note: {note}")));
    }
    let plans = published(&reader, &policy, since, &context.config.limits.0).await?;
    let (from, runs) = (past.from().unwrap_or(since), past.len());
    let how = format!(
        "replay of {runs} runs from {from} on; chosen by the earlier {EARLIER} of a hundred, judged by the later"
    );
    let bench = Replayed {
        past,
        setting: setting(there.config.as_ref().unwrap_or(&context.config)),
        old: (Arc::clone(&policy), plans),
        happened: Vec::new(),
        again: Vec::new(),
        until: began + asked.think.0.to_std(),
        late: false,
        began,
        silent: context.json,
        stop: Arc::clone(stop),
    };
    let wanted = wanted(asked, &how);
    let (proposal, is_late) = searched(&policy, &wanted, bench).await?;
    let document = match &proposal.outcome {
        Outcome::Plan(plan) => Some(written(plan, &policy, &context.config.limits.0)?),
        Outcome::Nothing(_) => None,
    };
    if let Some((file, document)) = asked.output.as_ref().zip(document.as_ref()) {
        let text = format!("{:#}\n", serde_json::from_str::<Json>(document)?);
        std::fs::write(file, text)
            .map_err(|error| Failure::usage(format!("cannot write {}: {error}", file.display())))?;
    }
    let mut said = said(&proposal, &policy, document.as_deref(), is_late, &notes);
    if !context.json {
        table(&proposal, &policy, &wanted, is_late)?;
        afterwards(asked, document.is_some());
    }
    let is_found = document.is_some();
    let Some(document) = document.filter(|_| asked.publish) else {
        if context.json {
            show::json(&said)?;
        }
        return Ok(is_found);
    };
    publish_text(context, document, async |line| {
        if !context.json {
            return told_of(context, line);
        }
        said["published"] = serde_json::to_value(line)?;
        show::json(&said)
    })
    .await?;
    Ok(true)
}

fn wanted(asked: &Propose, how: &str) -> Asked {
    Asked {
        name: asked.name.as_str().into(),
        goal: Figure::from_word(&asked.goal).unwrap_or(Figure::Mean),
        gain_min: asked.gain / 100.0,
        harm_max: asked.harm / 100.0,
        confidence_min: asked.sure / 100.0,
        steps_max: asked.steps.into(),
        lasts: lasts(asked),
        how: how.into(),
    }
}

/// What is found, and whether time was up before all was tried. It computes for a while: signals are heard meanwhile.
async fn searched(policy: &Arc<Policy>, wanted: &Asked, mut bench: Replayed) -> Result<(Proposal, bool), Failure> {
    let (policy, wanted) = (Arc::clone(policy), wanted.clone());
    let searched = tokio::task::spawn_blocking(move || {
        bench.begin();
        (search(&policy, &wanted, &mut bench), bench.late)
    });
    searched.await.map_err(|error| Failure::new(FAILED, format!("the search broke off: {error}")))
}

/// What is known of the end before the search begins.
fn too_few(runs: usize) -> Option<String> {
    let judging = judging(runs);
    (judging < RUNS_MIN).then(|| {
        format!(
            "of {} the later {judging} would judge, and {RUNS_MIN} at least are needed: what is found is shown, and is no plan yet",
            show::counted(runs, "run")
        )
    })
}

/// Before anything is searched for: what is found shall not be lost for that.
fn may_be_written(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if file.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(Failure::usage(format!("cannot write {}", file.display()))
            .hint("-o names a file in a folder that is there"));
    }
    Ok(())
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

/// The journal, which can be played again.
struct Replayed {
    past: Past,
    setting: Setting,
    /// What was in force, and what was published beside it.
    old: (Arc<Policy>, Vec<Published>),
    /// What happened, and what comes of it under that.
    happened: Vec<Course>,
    again: Vec<Course>,
    /// Until then other rules are tried.
    until: Instant,
    /// Time was up before all was tried.
    late: bool,
    began: Instant,
    silent: bool,
    /// Nobody waits for it any more.
    stop: Arc<AtomicBool>,
}

/// What takes no longer than this is not told.
const UNTOLD: Duration = Duration::from_millis(500);

impl Replayed {
    /// How the past is reproduced.
    fn begin(&mut self) {
        let report = self.replay(&self.old.0, self.old.1.clone(), Vec::new());
        self.happened = report.happened.runs;
        self.again = report.policies.into_iter().next().map(|row| row.runs).unwrap_or_default();
    }

    fn replay(&self, first: &Arc<Policy>, plans: Vec<Published>, new: Vec<Arc<Policy>>) -> Report {
        let asked = replay::Asked { old: (Arc::clone(first), String::new()), plans, new, notes: Vec::new() };
        let began = self.began;
        let clock = move || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        replay::run(&self.past, &self.setting, &asked, &clock, &|_, _, _| {})
    }
}

impl Bench for Replayed {
    fn past(&self) -> (&[Course], &[Course]) {
        (&self.happened, &self.again)
    }

    fn play(&mut self, rules: &[Arc<Policy>], what: &str) -> Vec<Played> {
        let mut played = Vec::with_capacity(rules.len());
        for chunk in rules.chunks(AT_ONCE) {
            // What is in force is played in any case.
            if rules.len() > 1 && (Instant::now() >= self.until || self.stop.load(Ordering::Relaxed)) {
                self.late = true;
                break;
            }
            if !self.silent && self.began.elapsed() >= UNTOLD {
                tell(&format!("  … {what}: {} of {}", played.len(), rules.len()));
            }
            // The first is tried in the place of what was in force: so many less are played.
            let (first, rest) = chunk.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
            let Some(first) = first else { break };
            let report = self.replay(first, Vec::new(), rest.to_vec());
            played.extend(report.policies.into_iter().map(|row| Played { courses: row.runs, attempts: row.attempts }));
        }
        played
    }
}

fn said(proposal: &Proposal, policy: &Policy, document: Option<&str>, is_late: bool, notes: &[String]) -> Json {
    let Proposal { outcome, steps, trials, judged, confidence, errors, runs } = proposal;
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
        "replay_error": { "earlier": errors[0], "later": errors[1] },
        "runs": { "earlier": runs[0], "later": runs[1] },
        "trials": trials.iter().map(trial).collect::<Vec<_>>(),
        "time_was_up": is_late,
        "notes": notes,
    })
}

fn table(proposal: &Proposal, policy: &Policy, asked: &Asked, is_late: bool) -> Result<(), Failure> {
    let mut out = show::out();
    let ([earlier, later], [one, other]) = (proposal.runs, proposal.errors.map(|error| asked.goal.told(error)));
    let word = asked.goal.word();
    writeln!(out, "policy  {}, in force", policy.version())?;
    writeln!(
        out,
        "past    {earlier} runs to choose by and {later} to judge by; the replay's {word} is off by {one} and {other}"
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
            let unit = if figure.is_share() { "points" } else { "%" };
            let name = format!("{mark} {}", figure.word());
            writeln!(
                out,
                "{name:14}  {:>12}  {:>12}  {change:>+6.1} {unit}",
                value(*figure, *old),
                value(*figure, *new)
            )?;
        }
    }
    match (&proposal.outcome, proposal.confidence) {
        (Outcome::Plan(_), confidence) => {
            let sure = confidence.unwrap_or_default() * 100.0;
            writeln!(out, "\none may be sure by {sure:.1} % that it lowers {}", asked.goal.word())?;
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
        (Some(file), false) if !is_found => tell(&format!("nothing is written to {}", file.display())),
        (_, false) => {}
    }
}
