//! Where in a growing JSON text the tasks of a plan end: `{"tasks": {NAME: {…}, …}}`, bare or in the text's first fence.
//!
//! It looks at each byte once, and knows strings and brackets and nothing else of JSON: whoever parses a task says whether it is one.

use std::borrow::Borrow;
use std::ops::Range;

/// A task that is whole: its name and what it does, as JSON texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    name: String,
    task: String,
}

/// The map of these tasks.
pub(super) fn object<T: Borrow<Item>>(items: impl IntoIterator<Item = T>) -> String {
    let entry = |item: T| format!("{}:{}", item.borrow().name, item.borrow().task);
    let entries: Vec<String> = items.into_iter().map(entry).collect();
    format!("{{{}}}", entries.join(","))
}

/// How far the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the plan: it begins with the text, or in its first fence.
    Head,
    Plan,
    /// What comes is of no interest.
    Over,
}

/// The tasks of one text.
pub(super) struct Items {
    text: String,
    bytes_max: usize,
    at: At,
    /// Everything before this byte was looked at.
    next: usize,
    depth: usize,
    /// Where the string begins that this is inside, and whether a backslash stands before the next byte.
    string: Option<usize>,
    is_escaped: bool,
    /// The last string that may be a key, and whether its colon has come.
    key: Range<usize>,
    has_key: bool,
    /// Inside the map of tasks.
    in_tasks: bool,
    /// Where the present task begins.
    begun: usize,
}

impl Items {
    /// Of a text of so many bytes at most: of a longer one only what those hold.
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self {
            text: String::new(),
            bytes_max,
            at: At::Head,
            next: 0,
            depth: 0,
            string: None,
            is_escaped: false,
            key: 0..0,
            has_key: false,
            in_tasks: false,
            begun: 0,
        }
    }

    /// No further task will come of it.
    pub(super) fn is_over(&self) -> bool {
        self.at == At::Over
    }

    /// The tasks that are whole with this piece.
    pub(super) fn take(&mut self, piece: &str) -> Vec<Item> {
        let mut found = Vec::new();
        if self.text.len() + piece.len() > self.bytes_max {
            self.at = At::Over;
        }
        if self.at == At::Over {
            return found;
        }
        self.text.push_str(piece);
        if self.at == At::Head {
            self.head();
        }
        while self.at == At::Plan && self.next < self.text.len() {
            let place = self.next;
            self.next += 1;
            found.extend(self.byte(place));
        }
        found
    }

    /// Looks for the beginning of the plan.
    fn head(&mut self) {
        let text = self.text.trim_start();
        let Some(first) = text.chars().next() else { return };
        let from = self.text.len() - text.len();
        if first == '{' {
            (self.at, self.next) = (At::Plan, from);
            return;
        }
        // The mark of a fence may come in pieces.
        let Some(fence) = self.text[self.next..].find("```") else {
            self.next = self.text.floor_char_boundary(self.text.len().saturating_sub(2)).max(self.next);
            return;
        };
        self.next += fence;
        let Some(line) = self.text[self.next..].find('\n') else { return };
        let rest = &self.text[self.next + line..];
        let Some(place) = rest.find(|letter: char| !letter.is_ascii_whitespace()) else { return };
        let is_plan = rest[place..].starts_with('{');
        self.next += line + place;
        self.at = if is_plan { At::Plan } else { At::Over };
    }

    fn byte(&mut self, place: usize) -> Option<Item> {
        let byte = self.text.as_bytes()[place];
        if let Some(begin) = self.string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => {
                    self.string = None;
                    self.word(begin..place + 1);
                }
                _ => {}
            }
            return None;
        }
        match byte {
            b'"' => self.string = Some(place),
            b'{' | b'[' => self.open(byte, place),
            b'}' | b']' => return self.close(place),
            b':' if self.is_between() => self.has_key = true,
            b',' if self.is_between() => self.has_key = false,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            // A task is a map.
            _ if self.in_tasks && self.depth == 2 => self.at = At::Over,
            _ => {}
        }
        None
    }

    /// Between the entries of the plan, or of its tasks.
    const fn is_between(&self) -> bool {
        self.depth == 1 || self.in_tasks && self.depth == 2
    }

    fn word(&mut self, place: Range<usize>) {
        if !self.is_between() {
            return;
        }
        if self.has_key && self.in_tasks {
            self.at = At::Over;
        } else if !self.has_key {
            // What is replaced, is replaced with the whole plan.
            let is_replaced = self.depth == 1 && &self.text[place.clone()] == "\"replaces\"";
            self.at = if is_replaced { At::Over } else { self.at };
            self.key = place;
        }
    }

    fn open(&mut self, byte: u8, place: usize) {
        let is_map = byte == b'{' && (self.has_key || self.depth == 0);
        if self.depth == 1 && &self.text[self.key.clone()] == "\"tasks\"" {
            (self.in_tasks, self.has_key) = (is_map, false);
            self.at = if is_map { self.at } else { At::Over };
        } else if self.in_tasks && self.depth == 2 {
            self.begun = place;
            self.at = if is_map { self.at } else { At::Over };
        }
        self.depth += 1;
    }

    fn close(&mut self, place: usize) -> Option<Item> {
        self.depth = self.depth.saturating_sub(1);
        if self.depth < 2 && self.in_tasks || self.depth == 0 {
            self.at = At::Over;
        }
        if !(self.in_tasks && self.depth == 2) {
            return None;
        }
        self.has_key = false;
        let (name, task) = (&self.text[self.key.clone()], &self.text[self.begun..=place]);
        Some(Item { name: name.to_owned(), task: task.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{Items, object};

    /// The names of the tasks that are whole by the time so many bytes are there, when they come in pieces of so many.
    fn names(text: &str, size: usize) -> Vec<(usize, String)> {
        let (mut items, mut names, mut at) = (Items::new(1 << 20), Vec::new(), 0);
        while at < text.len() {
            let end = text.ceil_char_boundary((at + size).min(text.len()));
            for item in items.take(&text[at..end]) {
                let whole: Json = serde_json::from_str(&object([item])).unwrap();
                names.extend(whole.as_object().unwrap().keys().map(|name| (end, name.clone())));
            }
            at = end;
        }
        names
    }

    fn said(text: &str) -> Vec<String> {
        let at_once: Vec<String> = names(text, text.len().max(1)).into_iter().map(|(_, name)| name).collect();
        for size in 1..20 {
            let slowly: Vec<String> = names(text, size).into_iter().map(|(_, name)| name).collect();
            assert_eq!(slowly, at_once, "in pieces of {size}: {text}");
        }
        at_once
    }

    #[test]
    fn tasks_are_found_however_the_text_comes() {
        let odd = json!({ "uses": "chat", "with": { "prompt": "a } \" \\ { [ \u{e9} \n" }, "needs": ["a"] });
        let plan =
            json!({ "about": { "tasks": { "no": {} } }, "tasks": { "a": { "x": [{}, "]"] }, "b\"": odd, "c": {} } });
        let pretty = serde_json::to_string_pretty(&plan).unwrap();
        for text in
            [plan.to_string(), format!("\n {pretty}\nThat is all."), format!("Here:\n```json\n{pretty}\n```\nDone {{")]
        {
            assert_eq!(said(&text), ["a", "b\"", "c"], "{text}");
        }
    }

    /// Each is there with its last bracket, and not before.
    #[test]
    fn a_task_is_there_as_soon_as_it_is_whole() {
        let text = r#"{"tasks": {"a": {"uses": "chat"}, "b": {}}}"#;
        let ends = [text.find("},").unwrap() + 1, text.find("}}}").unwrap() + 1];
        let found: Vec<usize> = names(text, 1).into_iter().map(|(end, _)| end).collect();
        assert_eq!(found, ends);
    }

    #[test]
    fn what_is_no_such_plan_gives_none() {
        let texts = [
            "",
            "I cannot plan that.",
            "tasks:\n  a: { uses: chat }\n",
            r#"[{"id": 1, "tool": "a", "tasks": {"x": {}}}]"#,
            r#"{"tasks": [{"a": {}}], "more": {"b": {}}}"#,
            r#"{"tasks": {"a": [{}], "b": {}}}"#,
            r#"{"tasks": {"a": "b", "c": {}}}"#,
            r#"{"tasks": {"a": 7, "c": {}}}"#,
            r#"{"replaces": ["x"], "tasks": {"a": {}}}"#,
            "```\n[1]\n``` {\"tasks\": {\"a\": {}}}",
            "}}}{\"tasks\": {\"a\": {}}}",
        ];
        for text in texts {
            assert_eq!(said(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(said(r#"{"tasks": {"a": {}, "b": 7, "c": {}}}"#), ["a"]);
        assert_eq!(said(r#"{"tasks": {"a": {}}, "x": {"b": {}}}"#), ["a"]);
    }

    #[test]
    fn only_so_much_is_kept() {
        let mut items = Items::new(64);
        assert_eq!(items.take("{\"tasks\": {\"a\": {},").len(), 1);
        assert!(items.take(&"x".repeat(64)).is_empty() && items.is_over());
    }
}
