//! A model for machines without a key: extractive, deterministic, honest.
//!
//! It composes nothing: it answers with sentences of the passages in its prompt, classifies by shared words and a lexicon, and fills
//! a JSON schema from what it finds. Its outputs name the model `offline/extractive`, and say that no neural network was used.

mod answer;
mod fill;
mod glossary;
mod language;
mod lexicon;
mod moderation;
mod prompt;
mod spelled;
mod subject;
mod temper;
mod words;

use std::time::Duration as Span;

use agendum_ports::{Adapter, Attempt, Chunk, Failed, Finished};
use agendum_types::{Class, Duration, Usage};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::aside::aside;
use crate::input::{self, ChatInput};
use crate::timeouts::{Timeouts, over};
use crate::turn::{Answered, Heard, Turn};

use answer::Answer;
use prompt::Asked;

pub use glossary::translate;
pub use moderation::{CATEGORIES, moderate};
pub use temper::{Counted, Mood, RETRY_AFTER_MS, Temper};

/// What the model calls itself.
pub const MODEL: &str = "offline/extractive";
/// What every free text of it carries beside it.
pub const NOTE: &str = "extractive answer: sentences of the given passages, no neural network was used";

/// What stands beside its name on the wire, where there is no place for the note.
pub const FINGERPRINT: &str = "extractive, no neural network";

/// Bytes of a text at most, a prompt with its passages included.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Words of a question times words of its passages at most: each is sought among all.
const COMPARISONS_MAX: u64 = 20_000_000;

/// Which of its skills a target offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skill {
    /// `chat`.
    Chat,
    /// `moderate`.
    Moderate,
    /// `translate`.
    Translate,
}

/// The offline model as an adapter.
#[derive(Clone, Debug)]
pub struct Offline {
    skill: Skill,
    temper: Counted,
    whole: Span,
}

/// What comes of a call, before its temper.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The text as it is streamed.
    pub text: String,
    /// The value that tasks read.
    pub output: Json,
    /// The tools it calls: one where the request says that it must, or those that the prompt spells out.
    pub calls: Vec<ToolCall>,
    /// `stop`, `length` or `tool_calls`.
    pub finish_reason: &'static str,
    /// Words in.
    pub tokens_in: u64,
    /// Words out.
    pub tokens_out: u64,
}

/// A call of a tool, its arguments filled or taken from the prompt.
#[derive(Clone, Debug)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// A value that follows the tool's schema.
    pub arguments: Json,
}

impl ToolCall {
    fn shown(&self, index: usize) -> Json {
        json!({ "id": format!("call_{}", index + 1), "name": self.name, "arguments": self.arguments })
    }
}

impl Offline {
    /// The model with one of its skills.
    #[must_use]
    pub fn new(skill: Skill, temper: Temper) -> Self {
        Self { skill, temper: Counted::new(temper), whole: Timeouts::CHAT.whole }
    }

    /// With another limit of a whole attempt: a bad temper may make it slow.
    #[must_use]
    pub fn within(self, whole: Span) -> Self {
        Self { whole, ..self }
    }
}

/// What the chat model replies; a pure function of its input.
///
/// # Errors
///
/// If there is nothing to read, or the schema cannot be followed.
pub fn reply(given: &Json) -> Result<Reply, String> {
    let given: ChatInput = serde_json::from_value(given.clone()).map_err(|error| error.to_string())?;
    chat_reply(&given).map_err(|refused| refused.message)
}

/// Why there is no reply.
struct Refused {
    class: Class,
    message: String,
}

impl Refused {
    const fn new(class: Class, message: String) -> Self {
        Self { class, message }
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::new(refused.class, refused.message).without_effect()
    }
}

/// Refuses what would keep a machine busy for minutes; nothing is cut in silence.
fn readable(text: &str) -> Result<(), Refused> {
    match text.len() {
        0..=TEXT_BYTES_MAX => Ok(()),
        more => {
            let message = format!("the offline model reads {TEXT_BYTES_MAX} bytes at most, these are {more}");
            Err(Refused::new(Class::Permanent, message))
        }
    }
}

fn comparable(asked: &Asked) -> Result<(), Refused> {
    let questions = words::count(&asked.question);
    let passages = asked.passages.iter().map(|passage| words::count(&passage.text)).sum::<u64>();
    if questions * passages <= COMPARISONS_MAX {
        return Ok(());
    }
    let message = format!(
        "the offline model cannot look for a question of {questions} words in passages of {passages}: ask a shorter one"
    );
    Err(Refused::new(Class::Permanent, message))
}

fn chat_reply(given: &ChatInput) -> Result<Reply, Refused> {
    if let Some(turn) = &given.turn {
        turn.fits().map_err(|why| Refused::new(Class::Permanent, why))?;
    }
    let text = given.text();
    if text.trim().is_empty() {
        return Err(Refused::new(Class::Permanent, "there is neither a `prompt` nor `messages`".to_owned()));
    }
    readable(&text)?;
    let asked = Asked::read(given);
    comparable(&asked)?;
    let tokens_in = words::count(&text);
    let filled = |schema: &Json| {
        let value = fill::value(schema, &asked)?;
        let text = value.to_string();
        match given.max_tokens.filter(|cap| words::cut(&text, u64::from(*cap)).is_some()) {
            Some(cap) => Err(Refused::new(
                Class::InvalidOutput,
                format!("the value that follows the schema is longer than the output cap of {cap} tokens"),
            )),
            None => Ok((value, text)),
        }
    };
    let reply = |text: String, output: Json, calls: Vec<ToolCall>, finish_reason, tokens_out| {
        let text_of_turn = text.clone();
        let of_turn = |turn: &Turn| {
            let heard = |(index, call): (usize, &ToolCall)| Heard {
                id: format!("call_{}", index + 1),
                name: call.name.clone(),
                arguments: call.arguments.to_string(),
            };
            let heard: Vec<Heard> = calls.iter().enumerate().map(heard).collect();
            let value = given.schema.as_ref().filter(|_| heard.is_empty()).map(|_| output.clone());
            let answered = Answered { text: &text_of_turn, model: MODEL, reason: finish_reason, calls: heard, value };
            turn.output(answered, given.tools.as_ref())
        };
        let output = given.turn.as_ref().map_or_else(|| output.clone(), of_turn);
        Reply { text, output, calls, finish_reason, tokens_in, tokens_out }
    };
    let called = |calls: Vec<ToolCall>, tokens_out| {
        let shown: Vec<Json> = calls.iter().enumerate().map(|(index, call)| call.shown(index)).collect();
        let finish_reason = "tool_calls";
        let output =
            json!({ "text": "", "model": MODEL, "finish_reason": finish_reason, "tool_calls": shown, "note": NOTE });
        reply(String::new(), output, calls, finish_reason, tokens_out)
    };
    if let Some(calls) = spelled::due(given) {
        let tokens_out = calls.iter().map(|call| words::count(&call.arguments.to_string())).sum();
        return Ok(called(calls, tokens_out));
    }
    if let Some(schema) = &given.schema {
        let (output, text) = filled(schema)?;
        let tokens_out = words::count(&text);
        return Ok(reply(text, output, Vec::new(), "stop", tokens_out));
    }
    if let Some(tool) = due(given).map_err(|error| Refused::new(Class::Permanent, error))? {
        let nothing = json!({ "type": "object" });
        let (arguments, said) = filled(tool.get("parameters").unwrap_or(&nothing))?;
        let name = tool["name"].as_str().unwrap_or_default().to_owned();
        return Ok(called(vec![ToolCall { name, arguments }], words::count(&said)));
    }
    let answer = spelled::results(given).unwrap_or_else(|| free_text(&asked));
    let cut = given.max_tokens.and_then(|cap| words::cut(&answer.text, u64::from(cap)));
    let finish_reason = if cut.is_some() { "length" } else { "stop" };
    let text = cut.unwrap_or(&answer.text).to_owned();
    let tokens_out = words::count(&text);
    let output = json!({
        "text": text, "citations": answer.citations, "answered": answer.answered, "language": answer.language,
        "model": MODEL, "finish_reason": finish_reason, "note": NOTE,
    });
    Ok(reply(text, output, Vec::new(), finish_reason, tokens_out))
}

/// An answer from the passages; without any, the first sentences of the text that it was given to rewrite.
fn free_text(asked: &Asked) -> Answer {
    match &asked.text {
        Some(text) if asked.passages.is_empty() => {
            let text = answer::lead(text);
            Answer { language: language::of(&text), text, citations: Vec::new(), answered: true }
        }
        _ => answer::answer(asked),
    }
}

/// The tool that must be called. Left the choice, this model calls what the prompt spells out: it cannot judge what a tool is good for.
fn due(given: &ChatInput) -> Result<Option<&Json>, String> {
    let tools = given.tools.as_ref().and_then(Json::as_array).map_or(&[] as &[Json], Vec::as_slice);
    let mut tools = tools.iter().map(|tool| &tool["function"]);
    match given.tool_choice.as_ref() {
        Some(Json::String(word)) if word == "required" => {
            tools.next().map(Some).ok_or_else(|| "`tool_choice` is \"required\" and there are no `tools`".to_owned())
        }
        Some(Json::Object(choice)) => {
            let name = choice.get("function").map_or(&Json::Null, |function| &function["name"]);
            let named = tools.find(|tool| tool["name"] == *name);
            named.map(Some).ok_or_else(|| format!("`tool_choice` names the tool {name}, which is not in `tools`"))
        }
        _ => Ok(None),
    }
}

impl Adapter for Offline {
    fn start(&self, attempt: Attempt) -> BoxFuture<'static, Result<Finished, Failed>> {
        let Self { skill, temper, whole } = self.clone();
        async move {
            let cancel = attempt.cancel.clone();
            tokio::select! {
                ended = serve(skill, &temper, &attempt) => ended,
                late = over(whole) => Err(late.without_effect()),
                () = cancel.cancelled() => Err(Failed::new(Class::Cancelled, "told to stop").without_effect()),
            }
        }
        .boxed()
    }
}

async fn serve(skill: Skill, counted: &Counted, attempt: &Attempt) -> Result<Finished, Failed> {
    let (temper, mood) = (counted.temper, counted.next());
    tokio::time::sleep(Span::from_millis(temper.delay_ms)).await;
    match mood {
        Mood::RateLimited => {
            let failed = Failed::new(Class::RateLimited, "told to rate-limit").without_effect();
            return Err(failed.retry_after(Some(Duration::millis(RETRY_AFTER_MS))));
        }
        Mood::Fails => return Err(Failed::new(Class::Unavailable, "told to fail").without_effect()),
        Mood::Cut | Mood::Fine => {}
    }
    match skill {
        Skill::Chat => {
            let given: ChatInput =
                input::parse(attempt, "{prompt, system, messages, schema, tools, tool_choice, max_tokens}")?;
            let given = ChatInput { max_tokens: given.max_tokens.into_iter().chain(attempt.output_cap).min(), ..given };
            let reply = aside(move || chat_reply(&given)).await??;
            let usage = Usage {
                tokens_in: reply.tokens_in,
                tokens_out: reply.tokens_out,
                calls: 1,
                estimated: true,
                ..Usage::default()
            };
            stream(attempt, &reply.text, temper, mood == Mood::Cut).await?;
            Ok(input::finished(&reply.output, usage))
        }
        Skill::Moderate => {
            let given: TextInput = input::parse(attempt, "{text}")?;
            readable(&given.text)?;
            let judged = aside(move || moderate(&given.text)).await?;
            Ok(input::finished(&judged, Usage { calls: 1, ..Usage::default() }))
        }
        Skill::Translate => {
            let given: TextInput = input::parse(attempt, "{text, to}")?;
            readable(&given.text)?;
            let translated = aside(move || translate(&given.text, given.to.as_deref().unwrap_or("en"))).await?;
            Ok(input::finished(&translated, Usage { calls: 1, ..Usage::default() }))
        }
    }
}

#[derive(Deserialize)]
struct TextInput {
    text: String,
    to: Option<String>,
}

/// Streams sentence by sentence, or word by word where it shall be slow.
async fn stream(attempt: &Attempt, text: &str, temper: Temper, cut: bool) -> Result<(), Failed> {
    let pieces: Vec<&str> = text.split_inclusive(if temper.word_ms > 0 { ' ' } else { '\n' }).collect();
    let count = if cut { pieces.len() / 2 } else { pieces.len() };
    for piece in &pieces[..count] {
        attempt.chunks.send(Chunk::Text((*piece).to_owned())).await;
        if temper.word_ms > 0 {
            tokio::time::sleep(Span::from_millis(temper.word_ms)).await;
        }
    }
    if cut {
        let mut failed = Failed::new(Class::Unavailable, "the stream ended without its finish marker").without_effect();
        failed.partial = Some(agendum_ports::Payload {
            media: agendum_types::MediaType::Text,
            bytes: pieces[..count].concat().into_bytes().into(),
        });
        return Err(failed);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
