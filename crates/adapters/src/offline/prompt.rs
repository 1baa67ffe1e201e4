//! What a prompt asks, and of what: `<passage id="…" source="…">…</passage>`, `<question>…</question>`, `<text>…</text>`.

/// A passage of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What an answer cites.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// Its text.
    pub text: String,
}

/// A prompt, read.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) question: String,
    pub(super) passages: Vec<Passage>,
    /// What shall be judged or rewritten.
    pub(super) text: Option<String>,
    /// The prompt without its passages.
    rest: String,
}

impl Asked {
    pub(super) fn read(prompt: &str) -> Self {
        let (passages, rest) = passages(prompt);
        let text = tagged(&rest, "text");
        let question = tagged(&rest, "question").unwrap_or_else(|| {
            let asking = rest.lines().rev().map(str::trim).find(|line| line.ends_with('?'));
            asking.map_or_else(|| rest.trim().to_owned(), str::to_owned)
        });
        Self { question, passages, text, rest }
    }

    /// What it says when it has no passage to answer from.
    pub(super) fn echo(&self) -> String {
        match &self.text {
            Some(text) => text.clone(),
            None if self.passages.is_empty() => {
                let begin = self.rest.trim();
                format!(
                    "{}\n(no passages were given, and this model composes nothing of its own)",
                    &begin[..begin.floor_char_boundary(400)]
                )
            }
            None => "None of the given passages answers the question.".to_owned(),
        }
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
