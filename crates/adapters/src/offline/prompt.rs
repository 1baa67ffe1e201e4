//! What a prompt asks, and of what: `<passage id="…" source="…">…</passage>`, `<question>…</question>`, `<text>…</text>`.

use crate::input::ChatInput;

/// A passage of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// What an answer cites.
    pub(super) id: String,
    /// Where it comes from.
    pub(super) source: String,
    /// Its text; lines that begin with `#` are the headings that it stands under.
    pub(super) text: String,
}

/// A prompt, read.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) question: String,
    pub(super) passages: Vec<Passage>,
    /// What shall be judged or rewritten.
    pub(super) text: Option<String>,
}

impl Asked {
    pub(super) fn read(given: &ChatInput) -> Self {
        let (passages, rest) = passages(&given.text());
        let text = tagged(&rest, "text");
        // Without tags, what is asked is the last thing that a user said, and of that the last question.
        let question = tagged(&rest, "question").unwrap_or_else(|| {
            let said = self::passages(&given.last_said()).1;
            let asking = said.lines().rev().map(str::trim).find(|line| line.ends_with(['?', '？']));
            asking.map_or_else(|| said.trim().to_owned(), str::to_owned)
        });
        Self { question, passages, text }
    }

    /// What a judgement is about: the text to judge, else the question.
    pub(super) fn subject(&self) -> &str {
        self.text.as_deref().unwrap_or(&self.question)
    }
}

fn tagged(text: &str, tag: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    let (inner, _) = rest.split_once(&format!("</{tag}>"))?;
    Some(inner.trim().to_owned())
}

fn passages(prompt: &str) -> (Vec<Passage>, String) {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut at = prompt;
    while let Some((before, tail)) = at.split_once("<passage") {
        rest.push_str(before);
        let Some((head, body)) = tail.split_once('>') else { break };
        let Some((text, after)) = body.split_once("</passage>") else { break };
        let id = attribute(head, "id").unwrap_or_else(|| format!("p{}", found.len() + 1));
        let source = attribute(head, "source").unwrap_or_default();
        found.push(Passage { id, source, text: text.trim().to_owned() });
        at = after;
    }
    rest.push_str(at);
    (found, rest)
}

fn attribute(head: &str, name: &str) -> Option<String> {
    let (_, rest) = head.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}
