//! Reasons in words: why a task stands as it does, and a run's whole story in one sentence.

use agendum_core::why::TaskReasons;
use agendum_core::{CALLED_OFF, Heard, RanOut, Reason, Reasons, RunFailure};
use agendum_types::{Duration, Graph, Money, RunId, RunStatus, Segment, TaskPath, WaitFor};

use super::instant;

/// Tasks of a chain that a sentence names.
const CHAIN_MAX: usize = 12;

/// Why a task stands as it does, where that is not plain: who decided, and what follows from that.
pub(super) fn reason(graph: &Graph, task: &TaskReasons) -> Option<String> {
    let heard = task.heard.as_ref().and_then(heard);
    let reason = plain(graph, task);
    match (heard, reason) {
        (Some(heard), Some(reason)) => Some(format!("{heard}; {reason}")),
        (heard, reason) => heard.or(reason),
    }
}

/// Who ended a wait.
fn heard(heard: &Heard) -> Option<String> {
    let by = heard.by.as_ref()?;
    let what = match (heard.wait.of, heard.approved) {
        (_, Some(true)) => "approved",
        (_, Some(false)) => "refused",
        (WaitFor::Webhook, None) => "called",
        (WaitFor::Approval | WaitFor::Signal | WaitFor::Time | WaitFor::Effect | WaitFor::Money, None) => "sent",
    };
    Some(format!("{what} by {by} after {}", heard.waited))
}

fn plain(graph: &Graph, task: &TaskReasons) -> Option<String> {
    let text = match task.reason.as_ref()? {
        Reason::Condition if task.path.node().is_some_and(|node| graph.is_tool(node)) => {
            "a tool that this call does not name, or could not be made".to_owned()
        }
        Reason::Condition if is_of_agent(graph, &task.path) => "the model called no tool".to_owned(),
        Reason::Condition => "its `if` was false".to_owned(),
        Reason::NotGood => "`good_if` refused its result".to_owned(),
        Reason::Replaced(by) => format!("replaced by {by}"),
        Reason::Withdrawn(planner) => {
            format!("withdrawn: it ran ahead of the plan of `{planner}`, which came to nothing or differs")
        }
        Reason::Dropped => "optional, and dropped to make the deadline".to_owned(),
        Reason::Failed(class, message) => told(class.word(), message),
        Reason::Caught(class, message) => {
            let after = told(class.word(), message);
            if let Some((from, age, saved)) = task.last_good {
                return Some(format!("`catch` took the last good result after {after}: {}", kept(from, age, saved)));
            }
            match task.attempts.last().filter(|attempt| attempt.failed.is_none()) {
                Some(attempt) => format!("`catch` sent it to {} after {after}", attempt.target),
                None => format!("`catch` gave its output after {after}"),
            }
        }
        Reason::RanOut(how, round) => {
            let why = match how {
                RanOut::Rounds => format!("ran out after {round} rounds"),
                RanOut::Same => format!("gave in round {round} what it had given before"),
                RanOut::Budget => format!("had spent its budget after {round} rounds"),
                RanOut::Deadline => format!("was in round {round} when its deadline passed"),
            };
            format!("its loop {why}: `on_exhausted` says which output counts")
        }
        Reason::EndedFirst(Some(culprit)) => format!("`{}` failed", graph.path_text(culprit)),
        Reason::CalledOff => "the run was cancelled".to_owned(),
        Reason::Reused(from) => format!("reused from {from}"),
        Reason::Cached(from, age, saved) => format!("cached: {}", kept(*from, *age, *saved)),
        Reason::EndedFirst(None) => "what it belongs to ended first".to_owned(),
        Reason::Needs(needs) => {
            let names: Vec<&str> = needs.iter().map(|need| &*graph.task(*need).name).collect();
            format!("waits for {}", names.join(", "))
        }
        Reason::Window(window, until) => {
            format!("the {}'s budget of `[budgets]` is used up: it may go on from {}", window.word(), instant(*until))
        }
        Reason::Pauses(until, false) => format!("its next attempt is made at {}", instant(*until)),
        Reason::Pauses(until, true) => format!(
            "all of its targets fail: its last attempt is made at {}, or as soon as one of them is well again",
            instant(*until)
        ),
        Reason::Purse(of) => {
            format!("calls in {of} hold the rest of its budget: it may go on when one of them has ended")
        }
        Reason::Held => "its run waits for its turn: see `concurrency` of the graph".to_owned(),
        Reason::Turn => "waits until earlier items have ended, for its `foreach` has `max_parallel`".to_owned(),
    };
    let ends = matches!(task.reason, Some(Reason::EndedFirst(_) | Reason::CalledOff));
    let last = task.attempts.last().filter(|_| ends).and_then(|attempt| attempt.failed.as_ref());
    Some(last.map_or_else(|| text.clone(), |(_, message)| format!("{text}; {message}")))
}

/// True for what runs the calls of an agent: it is skipped when there are none.
fn is_of_agent(graph: &Graph, path: &TaskPath) -> bool {
    let around = path.node().and_then(|node| graph.task(node).parent);
    around.is_some_and(|agent| graph.is_agent(agent))
}

/// Where a kept result is from, and what it saved.
pub(super) fn kept(from: RunId, age: Duration, saved: Money) -> String {
    let saved = if saved > Money::ZERO { format!(", saved {saved}") } else { String::new() };
    format!("from run {from}, {age} old{saved}")
}

/// Why the run has no output.
pub(super) fn failure(graph: &Graph, failed: &RunFailure) -> String {
    let told = told(failed.failure.class.word(), &failed.failure.message);
    match &failed.task {
        Some(path) => format!("{} failed: {told}", graph.path_text(path)),
        None => told,
    }
}

fn told(class: &str, message: &str) -> String {
    if message.is_empty() { class.to_owned() } else { format!("{class}: {message}") }
}

/// The run in one sentence: how it ended and why, what it waited for, where its time went.
pub(super) fn sentence(graph: &Graph, reasons: &Reasons) -> String {
    let how = match reasons.status {
        Some(RunStatus::Succeeded) => "took",
        Some(RunStatus::Failed) => "failed after",
        Some(RunStatus::Cancelled) => "was cancelled after",
        Some(RunStatus::Queued | RunStatus::Running) | None => "has been going on for",
    };
    let mut text = format!("the run {how} {}", reasons.wall);
    let is_telling = |failed: &&RunFailure| match reasons.status {
        Some(RunStatus::Cancelled) => *failed.failure.message != *CALLED_OFF,
        status => status == Some(RunStatus::Failed),
    };
    if let Some(failed) = reasons.failure.as_ref().filter(is_telling) {
        text.push_str(&format!(" ({})", failure(graph, failed)));
    }
    let wall = reasons.wall.0.max(1);
    let shares: Vec<String> = reasons
        .parts
        .iter()
        .filter(|(_, span)| span.0 * 100 >= wall)
        .map(|(cause, span)| format!("{} % {cause}", (span.0 * 100 + wall / 2) / wall))
        .collect();
    if !shares.is_empty() {
        text.push_str(&format!(": {}", shares.join(", ")));
    }
    let chain = chain(graph, reasons);
    if !chain.is_empty() {
        let waited = if reasons.status.is_some() { "the answer waited for" } else { "it waits for" };
        text.push_str(&format!("; {waited} {}", chain.join(" → ")));
    }
    let lower = lower(graph, reasons);
    if reasons.degraded && !lower.is_empty() {
        text.push_str(&format!("; degraded: {}", lower.join("; ")));
    }
    text
}

fn chain(graph: &Graph, reasons: &Reasons) -> Vec<String> {
    let mut chain: Vec<String> = reasons.critical.iter().map(|path| graph.path_text(path)).collect();
    if chain.len() > CHAIN_MAX {
        // Items behind items: the two ends say which.
        let left_out = chain.len() - CHAIN_MAX;
        chain.splice(CHAIN_MAX / 2..CHAIN_MAX / 2 + left_out, [format!("… {left_out} more …")]);
    }
    chain
}

/// Where the run took a lower rung.
fn lower(graph: &Graph, reasons: &Reasons) -> Vec<String> {
    let of = |task: &TaskReasons| {
        let why = match &task.reason {
            Some(Reason::Caught(..) | Reason::RanOut(..) | Reason::Dropped) => reason(graph, task)?,
            Some(Reason::Failed(class, _)) if is_optional(graph, &task.path) => format!("optional, failed ({class})"),
            Some(Reason::Failed(class, _)) => format!("failed ({class})"),
            Some(
                Reason::Condition
                | Reason::NotGood
                | Reason::Replaced(_)
                | Reason::Withdrawn(_)
                | Reason::EndedFirst(_)
                | Reason::CalledOff
                | Reason::Reused(_)
                | Reason::Cached(..)
                | Reason::Needs(_)
                | Reason::Turn
                | Reason::Window(..)
                | Reason::Purse(_)
                | Reason::Pauses(..)
                | Reason::Held,
            )
            | None => {
                if let Some(child) = task.attempts.last().filter(|attempt| attempt.degraded).and_then(|of| of.child) {
                    return Some(format!("{}: its child run {child} is degraded", graph.path_text(&task.path)));
                }
                let lower = task.attempts.iter().any(|attempt| attempt.lower && attempt.failed.is_none());
                lower.then(|| "a preferred target was passed over".to_owned())?
            }
        };
        Some(format!("{}: {why}", graph.path_text(&task.path)))
    };
    reasons.tasks.iter().filter_map(of).take(CHAIN_MAX).collect()
}

/// True if the task itself may fail, and not only so many items of it.
fn is_optional(graph: &Graph, path: &TaskPath) -> bool {
    matches!(path.segments().last(), Some(Segment::Task(node)) if graph.task(*node).optional)
}
