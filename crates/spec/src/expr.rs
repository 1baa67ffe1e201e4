//! Expressions and templates: how a text is read, and what it reads.

pub(crate) mod guard;
mod words;

use agendum_types::Limits;
use agendum_types::graph::{DataRef, Form};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, State, filters};

use crate::names::{self, Call, Names, Unreadable};

/// A text of a document, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    /// Nothing to evaluate.
    Plain,
    /// Exactly one `${{ … }}`: keeps its type.
    Expression(&'a str),
    /// Text around expressions, or with `{% … %}`.
    Template,
}

pub(crate) fn classify(text: &str) -> Text<'_> {
    let trimmed = text.trim();
    if let Some(inner) = trimmed.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"))
        && !inner.contains("${{")
        && !inner.contains("}}")
    {
        return Text::Expression(inner.trim());
    }
    if text.contains("${{") || text.contains("{%") || text.contains("{#") { Text::Template } else { Text::Plain }
}

/// The environment of all evaluations: GitHub's delimiters, soft chains, no escaping, nothing that reads a clock or chance.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_syntax(syntax());
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_recursion_limit(64);
    words::FUNCTIONS_OUT.iter().for_each(|name| environment.remove_global(name));
    words::FILTERS_OUT.iter().for_each(|name| environment.remove_filter(name));
    words::TESTS_OUT.iter().for_each(|name| environment.remove_test(name));
    environment.add_filter("int", |state: &State<'_, '_>, value: &Value, default, base, others: Kwargs| {
        filters::int(state, value, default, base, others).map_err(|error| no_number(value, error))
    });
    environment.add_filter("float", |state: &State<'_, '_>, value: &Value, default, others: Kwargs| {
        filters::float(state, value, default, others).map_err(|error| no_number(value, error))
    });
    environment
}

/// Characters that an error shows of what is no number.
const SHOWN_MAX: usize = 40;

/// Which text is no number: MiniJinja says only that one is none. What it says of an argument stays.
fn no_number(value: &Value, error: Error) -> Error {
    let cause = |text: &str| text.parse::<f64>().err().map(|cause| cause.to_string());
    let is_told = |text: &&str| cause(text).is_some_and(|cause| error.detail() == Some(&cause));
    let Some(text) = value.as_str().filter(is_told) else { return error };
    let mut shown = text.chars();
    let begin: String = shown.by_ref().take(SHOWN_MAX).collect();
    let rest = if shown.as_str().is_empty() { "" } else { "…" };
    let help = if cause(text.trim()).is_none() { ": take the white space away with `| trim`" } else { "" };
    Error::new(error.kind(), format!("{begin:?}{rest} cannot be read as a number{help}"))
}

/// What a source reads and calls. One that calls what there is may still hold what is refused: see [`guard`].
pub(crate) fn names<'s>(limits: &Limits, form: Form, source: &'s str) -> Result<Names<'s>, Unreadable> {
    let mut found = names::of(limits, form, source)?;
    found.reads.retain(|read| read.head().next().is_none_or(|(root, _)| !words::FUNCTIONS.contains(root)));
    found.calls.retain(|(call, (name, _))| *call != Call::Function || !words::FUNCTIONS.contains(name));
    let all_known = found.calls.iter().all(|(call, (name, _))| unknown(*call, name).is_none());
    if form != Form::Constant && all_known {
        guard::guard(source, form).map_err(|why| Unreadable { why, at: None })?;
    }
    Ok(found)
}

/// `None` if there is such a filter, test or function; else what there is instead.
pub(crate) fn unknown(call: Call, name: &str) -> Option<&'static [&'static str]> {
    let known: &[&str] = match call {
        Call::Filter => &words::FILTERS,
        Call::Test => &words::TESTS,
        Call::Function => &words::FUNCTIONS,
    };
    (!known.contains(&name)).then_some(known)
}

pub(crate) fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder().variable_delimiters("${{", "}}").build().expect("the delimiters differ")
}

/// True for the arguments of a `with` that are evaluated last, and see the others as variables: over data of the same name.
pub(crate) fn is_late(argument: &str) -> bool {
    matches!(argument, "prompt" | "system")
}

/// What MiniJinja says of a source.
pub(crate) fn message(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// What a dotted path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// Known without the document's names.
    Data(DataRef),
    /// `tasks.X.output`, reaching out this many groups.
    Task { outer: usize, name: &'a str },
    /// `loop.previous.tasks.X.output`.
    Previous(&'a str),
    /// `.stream` or `.first`: waits for a part of the output.
    Streaming(&'a str),
    /// A clock or a purse: conditions may not read them.
    Policy(&'a str),
    /// Data that is not a task's, of a group further out: `outer` does not reach it.
    Outer,
    /// Not understood; the second says what would be.
    Unknown(&'static str),
}

pub(crate) fn name(path: &str) -> Name<'_> {
    let mut parts = path.split('.').peekable();
    let mut outer = 0;
    while parts.next_if_eq(&"outer").is_some() {
        outer += 1;
    }
    if outer > 0 && parts.peek().is_some_and(|first| *first != "tasks") {
        return Name::Outer;
    }
    match (parts.next(), parts.next(), parts.next()) {
        (Some("tasks"), Some(name), part) => of_task(outer, name, part),
        (Some("tasks"), None, _) => Name::Unknown("name the task: tasks.NAME.output (a name cannot be computed)"),
        (Some("inputs"), ..) => Name::Data(DataRef::Inputs),
        (Some("item"), ..) => Name::Data(DataRef::Item),
        (Some("item_index"), ..) => Name::Data(DataRef::ItemIndex),
        (Some("output"), ..) => Name::Data(DataRef::Candidate),
        (Some("error"), ..) => Name::Data(DataRef::Caught),
        (Some("task"), Some("key"), _) => Name::Data(DataRef::Key),
        (Some("run"), Some("id"), _) => Name::Data(DataRef::RunId),
        (Some("run"), Some("error"), _) => Name::Data(DataRef::RunError),
        (Some("run"), Some("partial_output"), _) => Name::Data(DataRef::PartialOutput),
        (Some("loop"), Some("round"), _) => Name::Data(DataRef::Round),
        (Some("loop"), Some("previous"), Some("tasks")) => {
            let name = path.split('.').nth(3 + outer);
            name.map_or(Name::Unknown("write loop.previous.tasks.NAME.output"), Name::Previous)
        }
        (Some("run" | "task" | "loop"), ..) => Name::Unknown(
            "known: run.id, run.error, run.partial_output, task.key, loop.round, loop.previous.tasks.NAME.output",
        ),
        (Some(word @ ("now" | "time" | "date" | "deadline" | "budget" | "cost" | "elapsed")), ..) => Name::Policy(word),
        _ => Name::Unknown(
            "known: inputs, tasks.NAME.output, outer.tasks.NAME.output, item, item_index, loop, output, task.key, run",
        ),
    }
}

fn of_task<'a>(outer: usize, name: &'a str, part: Option<&'a str>) -> Name<'a> {
    match part {
        Some("output") => Name::Task { outer, name },
        Some("stream" | "first") => Name::Streaming(name),
        Some(_) => Name::Unknown("of a task only its output can be read: tasks.NAME.output"),
        None => Name::Unknown("write tasks.NAME.output"),
    }
}
