//! Expressions and templates: how a text is read, and what it reads.

use std::collections::BTreeSet;

use agendum_types::graph::{DataRef, Form};
use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;

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
    let syntax = SyntaxConfig::builder().variable_delimiters("${{", "}}").build().expect("the delimiters differ");
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_recursion_limit(64);
    // In a loop it would make values that are deeper than any stack: each inside the next.
    environment.remove_global("namespace");
    environment
}

/// The names that a source reads, as dotted paths such as `tasks.a.output.text`.
pub(crate) fn names(environment: &Environment<'_>, form: Form, source: &str) -> Result<BTreeSet<String>, String> {
    if form != Form::Constant {
        crate::shape::check(source, form == Form::Tree)?;
    }
    let found = match form {
        Form::Expression => {
            environment.compile_expression(source).map(|expression| expression.undeclared_variables(true))
        }
        Form::Tree => environment.template_from_str(source).map(|template| template.undeclared_variables(true)),
        Form::Constant => return Ok(BTreeSet::new()),
    };
    let mut found: BTreeSet<String> =
        found.map_err(|error| error.detail().unwrap_or("it cannot be read").to_owned())?.into_iter().collect();
    found.extend(crate::slices::names(source, form == Form::Tree));
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    Ok(found.into_iter().filter(|name| !globals.contains(name.split('.').next().unwrap_or_default())).collect())
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
    /// Not understood; the second says what would be.
    Unknown(&'static str),
}

pub(crate) fn name(path: &str) -> Name<'_> {
    let mut parts = path.split('.').peekable();
    let mut outer = 0;
    while parts.next_if_eq(&"outer").is_some() {
        outer += 1;
    }
    match (parts.next(), parts.next(), parts.next()) {
        (Some("tasks"), Some(name), part) => of_task(outer, name, part),
        (Some("tasks"), None, _) => Name::Unknown("name the task: tasks.NAME.output (a name cannot be computed)"),
        (Some("inputs"), ..) => Name::Data(DataRef::Inputs),
        (Some("item"), ..) => Name::Data(DataRef::Item),
        (Some("item_index"), ..) => Name::Data(DataRef::ItemIndex),
        (Some("output"), ..) => Name::Data(DataRef::Candidate),
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
