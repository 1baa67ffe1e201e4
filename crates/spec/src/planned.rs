//! The output of a task with `adds`, read as further tasks of its run. What is wrong with it is told so that a model can mend it.

use std::fmt::Write as _;

use agendum_types::{Failure, Labels, Limits};
use serde_json::Value as Json;

use crate::extend::{Planner, Stage, extend_by};
use crate::{Accepted, Diagnostic, NormalDocument, Severity, Unloadable, plans};

/// Bytes of what a model is told at most.
const TOLD_BYTES_MAX: usize = Failure::REFUSAL_BYTES_MAX;
/// Longer names do not show where something is wrong.
const NAME_MAX: usize = 32;
/// Fields of an output in which an answer stands as text: of a chat, a program, a server.
const TEXTS: [&str; 3] = ["text", "stdout", "json"];

const NO_TASKS: &str = "it holds no tasks: give {\"tasks\": {NAME: {\"uses\": …, \"with\": {…}, \"needs\": [NAME, …]}, …}} as JSON and nothing else";

/// The document with the tasks that this output of the task gives: a document with `tasks`, or an agent's plan in any shape that is read,
/// as it is or as the text of an answer; the run has its labels from then on. What was added ahead of it ([`crate::planned_ahead`]) and
/// `counts` stays, where the plan holds the same. `Err` inside says what is wrong with it, in [`Failure::REFUSAL_BYTES_MAX`] bytes.
///
/// # Errors
///
/// If the document is none that this or an earlier release has accepted.
pub fn planned(
    document: &NormalDocument,
    task: &str,
    output: &Json,
    (labels, counts): (&Labels, bool),
    limits: &Limits,
) -> Result<Result<Accepted, String>, Unloadable> {
    let Some(text) = text_of(output) else { return Ok(Err(NO_TASKS.to_owned())) };
    // Of steps as of tasks: nothing is left to do.
    let text = if text.trim() == "[]" { "{\"tasks\":{}}".to_owned() } else { text };
    let plan = match plans::document_for(&text, &format!("{task}_s"), limits) {
        Ok(plan) => plan,
        Err(wrong) => return Ok(Err(told("", &wrong, false))),
    };
    let text = plan.map_or(text, |plan| plan.to_string());
    let planner = Planner { task, labels, stage: Stage::Whole { counts } };
    let checked = extend_by(document, &text, Some(planner), limits)?;
    Ok(match checked.runnable() {
        Some(accepted) => Ok(accepted.clone()),
        None => Err(told(&text, &checked.diagnostics, checked.more)),
    })
}

/// The text of the plan: of a value that is one, or that holds one as a text.
fn text_of(output: &Json) -> Option<String> {
    match output {
        Json::String(text) => Some(bare(text).to_owned()),
        Json::Array(_) => Some(output.to_string()),
        Json::Object(object) => {
            let is_plan = ["tasks", "nodes", "links", "task_nodes", "task_links", "task_steps"]
                .iter()
                .any(|word| object.contains_key(*word));
            if is_plan {
                return Some(output.to_string());
            }
            let inner = TEXTS.iter().find_map(|word| object.get(*word))?;
            match inner {
                Json::String(text) => Some(bare(text).to_owned()),
                Json::Array(_) | Json::Object(_) => Some(inner.to_string()),
                Json::Null | Json::Bool(_) | Json::Number(_) => None,
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => None,
    }
}

/// What stands in the first fence of a text, or all of it: models like to fence what they were asked to give bare.
fn bare(text: &str) -> &str {
    let fenced = text.split_once("```").and_then(|(_, rest)| {
        let (language, rest) = rest.split_once('\n')?;
        let is_word = language.trim().chars().all(|letter| letter.is_ascii_alphanumeric());
        rest.rsplit_once("```").map(|(inside, _)| inside).filter(|_| is_word)
    });
    fenced.unwrap_or(text).trim()
}

/// Everything that is wrong, a line each, as far as there is room.
fn told(text: &str, wrong: &[Diagnostic], more: bool) -> String {
    let errors: Vec<&Diagnostic> = wrong.iter().filter(|one| one.severity != Severity::Warning).collect();
    let (mut said, mut left) = (String::new(), errors.len());
    for one in errors {
        let mut line = String::new();
        if one.line > 0 {
            let _infallible = write!(line, "{}:{}", one.line, one.column);
            // A name shows where it is; values stay out of messages.
            let word = text.get(one.span.clone()).unwrap_or_default().trim_matches('"');
            let is_name = word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            if is_name && (1..=NAME_MAX).contains(&word.len()) {
                let _infallible = write!(line, " at `{word}`");
            }
            line.push_str(": ");
        }
        line.push_str(&one.message);
        if let Some(help) = &one.help {
            let _infallible = write!(line, " ({help})");
        }
        line.push('\n');
        if said.len() + line.len() > TOLD_BYTES_MAX - 64 {
            break;
        }
        said.push_str(&line);
        left -= 1;
    }
    if left > 0 || more {
        let _infallible = write!(said, "and {left}{} more", if more { " or" } else { "" });
    }
    let said = said.trim_end();
    said[..said.floor_char_boundary(TOLD_BYTES_MAX)].to_owned()
}
