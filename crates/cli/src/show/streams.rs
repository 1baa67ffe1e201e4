//! Texts of tasks as they come: one as it is, several line by line with the name of their task. Whose a line is stands in it, unless
//! the line above says so.

use std::collections::BTreeMap;

/// Characters after which a line of several is broken, at a space.
const WIDTH: usize = 72;

/// The texts under way.
#[derive(Default)]
pub(super) struct Streams {
    /// What of a task's text is not shown yet; of the only one nothing is kept back.
    held: BTreeMap<String, Held>,
    /// The task whose line is not finished.
    open: Option<String>,
    /// Whose name was read last.
    named: Option<String>,
}

/// The end of a text that is not shown yet.
#[derive(Default)]
struct Held {
    text: String,
    begins: Begins,
}

/// What stands before it.
#[derive(Clone, Copy, Default)]
enum Begins {
    /// Nothing: a model begins with a space, which is none of the text.
    #[default]
    Text,
    /// The end of a line: its indentation counts.
    Line,
    /// A part of its line.
    Within,
}

impl Held {
    fn push(&mut self, text: &str) {
        let is_first = matches!(self.begins, Begins::Text) && self.text.is_empty();
        self.text.push_str(if is_first { text.strip_prefix(' ').unwrap_or(text) } else { text });
    }

    /// So much of it is shown now.
    fn drain(&mut self, end: usize) -> String {
        let shown: String = self.text.drain(..end).collect();
        if !shown.is_empty() {
            self.begins = if shown.ends_with('\n') { Begins::Line } else { Begins::Within };
        }
        shown
    }

    /// The same as a line of its own.
    fn line(&mut self, task: &str, end: usize) -> String {
        let goes_on = matches!(self.begins, Begins::Within);
        let line = self.drain(end);
        let line = if goes_on { line.trim_start() } else { line.trim_start_matches('\r') };
        format!("  {task} │ {}\n", line.trim_end())
    }
}

impl Streams {
    /// What to show of a piece of text.
    pub(super) fn take(&mut self, task: &str, text: &str) -> String {
        let is_only = self.held.keys().all(|other| other == task);
        if is_only {
            let held = self.held.entry(task.to_owned()).or_default();
            held.push(text);
            // With what was kept back while there were others.
            let all = held.drain(held.text.len());
            return self.flow(task, &all);
        }
        let mut shown = self.break_off();
        let held = self.held.entry(task.to_owned()).or_default();
        held.push(text);
        while let Some(end) = line_end(&held.text) {
            shown.push_str(&held.line(task, end));
            self.named = Some(task.to_owned());
        }
        shown
    }

    /// The only text goes on where it stopped, or begins a line.
    fn flow(&mut self, task: &str, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let begin = match (&self.open, &self.named) {
            (Some(_), _) => String::new(),
            (None, Some(named)) if named == task => "  │ ".to_owned(),
            (None, _) => format!("  {task} │ "),
        };
        self.named = Some(task.to_owned());
        let (lines, end) = text.strip_suffix('\n').map_or((text, ""), |lines| (lines, "\n"));
        self.open = end.is_empty().then(|| task.to_owned());
        format!("{begin}{}{end}", lines.replace('\n', "\n  │ "))
    }

    /// The task has ended, or something is to be said of it: what is left of its text, and the end of its line.
    pub(super) fn end(&mut self, task: &str) -> String {
        let mut shown = if self.open.as_deref() == Some(task) { self.break_off() } else { String::new() };
        if let Some(mut held) = self.held.remove(task).filter(|held| !held.text.trim().is_empty()) {
            shown.push_str(&self.break_off());
            shown.push_str(&held.line(task, held.text.len()));
            self.named = Some(task.to_owned());
        }
        shown
    }

    /// Ends the line that is not finished, for something else to be said.
    pub(super) fn close(&mut self) -> String {
        self.break_off()
    }

    /// A line of its own names this task, or none.
    pub(super) fn named(&mut self, task: Option<&str>) {
        self.named = task.map(str::to_owned);
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn break_off(&mut self) -> String {
        if self.open.take().is_some() { "\n".to_owned() } else { String::new() }
    }
}

/// Where the first whole line ends.
fn line_end(text: &str) -> Option<usize> {
    if let Some(end) = text.find('\n') {
        return Some(end + 1);
    }
    let (width, _) = text.char_indices().nth(WIDTH)?;
    Some(text[..width].rfind(' ').map_or(width, |space| space + 1))
}

#[cfg(test)]
mod tests {
    use super::Streams;

    #[test]
    fn one_text_flows_and_several_are_labelled() {
        let mut streams = Streams::default();
        let mut shown = String::new();
        for (task, text) in
            [("a", "alone, "), ("a", "and\nfree"), ("b", "begins"), ("a", " goes on"), ("b", " here\nand")]
        {
            shown.push_str(&streams.take(task, text));
        }
        shown.push_str(&streams.take("a", &" a long line".repeat(8)));
        shown.push_str(&streams.end("a"));
        shown.push_str(&streams.take("b", " alone"));
        shown.push_str(&streams.end("b"));
        shown.push_str(&streams.take("c", "alone again"));
        shown.push_str(&streams.close());
        insta::assert_snapshot!(shown, @"
        a │ alone, and
        │ free
        b │ begins here
        a │ goes on a long line a long line a long line a long line a long line a
        a │ long line a long line a long line
        b │ and alone
        c │ alone again
        ");
    }

    #[test]
    fn lines_keep_their_indentation_and_texts_lose_the_space_that_models_begin_with() {
        let mut streams = Streams::default();
        let mut shown = String::new();
        for (task, text) in [
            ("a", " def f():\n    return 1\n"),
            ("b", " - one\n"),
            ("a", "    if x:\n        y\n"),
            ("b", "   - two  \n\n  three"),
            ("b", " and four\n"),
        ] {
            shown.push_str(&streams.take(task, text));
        }
        shown.push_str(&streams.end("a"));
        shown.push_str(&streams.take("b", "  five\n"));
        insta::assert_snapshot!(shown, @"
    a │ def f():
    │     return 1
    b │ - one
    a │     if x:
    a │         y
    b │    - two
    b │ 
    b │   three and four
    │   five
    ");
    }

    #[test]
    fn whose_a_line_is_stands_in_it_or_above_it() {
        let mut streams = Streams::default();
        let mut shown = String::new();
        for (said, text) in [
            ("name a", ""),
            ("a", "one\n"),
            ("a", "two"),
            ("name b", ""),
            ("a", "three\n"),
            ("end a", ""),
            ("b", "four\nfi"),
            ("b", "ve\n"),
            ("end b", ""),
            ("name a", ""),
            ("c", "six\n\nseven\n"),
        ] {
            match said.split_once(' ') {
                Some(("name", task)) => {
                    shown.push_str(&streams.close());
                    shown.push_str(&format!("▸ {task}\n"));
                    streams.named(Some(task));
                }
                Some((_, task)) => shown.push_str(&streams.end(task)),
                None => shown.push_str(&streams.take(said, text)),
            }
        }
        insta::assert_snapshot!(shown, @"
        ▸ a
          │ one
          │ two
        ▸ b
          a │ three
          b │ four
          │ five
        ▸ a
          c │ six
          │ 
          │ seven
        ");
    }
}
