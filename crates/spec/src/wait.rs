//! What the `with` of a `wait` says, once its expressions have values: read here, for documents as for runs.

use agendum_types::{Duration, Principal, Timestamp, Wait, WaitFor};
use serde_json::Value as Json;

use crate::values;

/// Characters of a name, a queue or a principal.
const NAME_MAX: usize = 128;
/// Principals that one wait names.
const WHO_MAX: usize = 64;
/// Who is asked is not reminded more often.
const REMINDER_MIN: Duration = Duration::secs(60);

/// The arguments that belong to each of the things to wait for.
pub(crate) const fn arguments(of: WaitFor) -> &'static [&'static str] {
    match of {
        WaitFor::Approval => &["show", "queue", "who", "reminder"],
        WaitFor::Signal | WaitFor::Webhook => &["name"],
        WaitFor::Time => &["until", "after"],
        WaitFor::Effect | WaitFor::Money => &[],
    }
}

/// Reads what a task waits for. What `after` says counts from `now`.
///
/// # Errors
///
/// What is wrong, for people.
pub fn read(with: &Json, now: Timestamp) -> Result<Wait, String> {
    let word = with["for"].as_str().unwrap_or_default();
    let of = WaitFor::from_word(word).ok_or_else(|| format!("`for` knows no {word:?}"))?;
    let given = |key: &str| Some(&with[key]).filter(|value| !value.is_null() && arguments(of).contains(&key));
    let mut wait = Wait::new(of);
    wait.queue = given("queue").map(|value| name("queue", value)).transpose()?.map(Into::into);
    wait.who = given("who").map(who).transpose()?.unwrap_or_default();
    wait.reminder = given("reminder").map(reminder).transpose()?;
    match of {
        WaitFor::Approval | WaitFor::Effect | WaitFor::Money => {}
        WaitFor::Signal | WaitFor::Webhook => {
            let value = given("name").ok_or_else(|| format!("`for: {of}` needs a `name`"))?;
            wait.name = Some(name("name", value)?.into());
        }
        WaitFor::Time => {
            wait.until = Some(match (given("until"), given("after")) {
                (Some(until), None) => instant(until)?,
                (None, Some(after)) => now.after(span("after", after)?),
                (Some(_), Some(_)) | (None, None) => return Err("`for: time` needs `until` or `after`".to_owned()),
            });
        }
    }
    Ok(wait)
}

/// What is wrong with a plain argument of a document.
pub(crate) fn wrong(key: &str, value: &Json) -> Option<String> {
    match key {
        "name" | "queue" => name(key, value).err(),
        "who" => who(value).err(),
        "reminder" => reminder(value).err(),
        "after" => span(key, value).err(),
        "until" => instant(value).err(),
        _ => None,
    }
}

fn name<'v>(key: &str, value: &'v Json) -> Result<&'v str, String> {
    let text = value.as_str().ok_or_else(|| format!("`{key}` is {value}, which is no text"))?;
    let is_name = !text.is_empty() && text.chars().count() <= NAME_MAX && !text.chars().any(char::is_control);
    let said: String = text.chars().take(NAME_MAX).collect();
    is_name.then_some(text).ok_or_else(|| format!("`{key}` is {said:?}: write 1 to {NAME_MAX} characters on one line"))
}

fn who(value: &Json) -> Result<Vec<Principal>, String> {
    let list = value.as_array().ok_or_else(|| format!("`who` is {value}, which is no list"))?;
    if list.is_empty() || list.len() > WHO_MAX {
        return Err(format!("`who` names {} principals: name 1 to {WHO_MAX}, or leave it out", list.len()));
    }
    list.iter().map(|one| name("who", one).map(Principal::new)).collect()
}

fn reminder(value: &Json) -> Result<Duration, String> {
    let span = span("reminder", value)?;
    if span < REMINDER_MIN { Err(format!("`reminder` is {span}: write at least 1m")) } else { Ok(span) }
}

fn span(key: &str, value: &Json) -> Result<Duration, String> {
    let text = value.as_str().unwrap_or_default();
    values::span(text).ok_or_else(|| format!("`{key}` is {value}, which is no span of time: {}", values::no_span(text)))
}

fn instant(value: &Json) -> Result<Timestamp, String> {
    let instant = value.as_str().and_then(values::instant);
    instant.ok_or_else(|| format!("`until` is {value}, which is no instant: write it as 2026-12-01T09:00:00Z"))
}
