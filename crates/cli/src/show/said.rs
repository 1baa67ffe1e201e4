//! What of the texts of tasks was shown: a reader that comes back is told them from their beginning.

use std::collections::BTreeMap;

use agendum_wire::v1::Event;

/// By task: of which attempt, and how many bytes.
#[derive(Default)]
pub(super) struct Said(BTreeMap<String, (u32, u64)>);

impl Said {
    /// Takes from an event what was shown of its text; false if that was all.
    pub(super) fn is_new(&mut self, event: &mut Event) -> bool {
        if event.kind == "text.restarted"
            && let Some(task) = &event.task
        {
            self.0.remove(task);
        }
        let Some(text) = event.text.as_mut().filter(|_| event.kind == "text") else { return true };
        let (attempt, offset) = (event.attempt.unwrap_or_default(), event.offset.unwrap_or_default());
        let said = self.0.entry(event.task.clone().unwrap_or_default()).or_insert((attempt, 0));
        if said.0 != attempt {
            *said = (attempt, 0);
        }
        let shown = usize::try_from(said.1.saturating_sub(offset)).unwrap_or(usize::MAX);
        if shown > 0 && shown >= text.len() {
            return false;
        }
        said.1 = offset + text.len() as u64;
        // It was cut between characters before.
        *text = text.split_off(text.ceil_char_boundary(shown));
        event.offset = Some(said.1 - text.len() as u64);
        true
    }
}

#[cfg(test)]
mod tests {
    use agendum_wire::v1::Event;

    use super::Said;

    #[test]
    fn what_is_told_again_is_not_shown_again() {
        let mut said = Said::default();
        let told = [
            ("a", 1, 0, "one "),
            ("a", 1, 4, "two "),
            ("b", 1, 0, "other "),
            ("a", 1, 0, "one two "),
            ("a", 1, 0, "one two three"),
            ("a", 1, 13, " four"),
            ("a", 2, 0, "one "),
            ("restarted", 2, 0, ""),
            ("a", 2, 0, "one "),
        ]
        .map(|(task, attempt, offset, text)| {
            let (kind, task) = if task == "restarted" { ("text.restarted", "a") } else { ("text", task) };
            let (text, offset) = (Some(text.to_owned()), Some(offset));
            let (kind, task) = (kind.to_owned(), Some(task.to_owned()));
            let mut event = Event { kind, task, attempt: Some(attempt), text, offset, ..Event::default() };
            let is_new = said.is_new(&mut event);
            format!("{is_new} {} {:?}", event.offset.unwrap(), event.text.unwrap())
        });
        insta::assert_snapshot!(told.join("\n"), @r#"
        true 0 "one "
        true 4 "two "
        true 0 "other "
        false 0 "one two "
        true 8 "three"
        true 13 " four"
        true 0 "one "
        true 0 ""
        true 0 "one "
        "#);
    }
}
