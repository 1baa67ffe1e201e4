//! Expressions and templates: how a text is read, and what it reads.

use std::collections::BTreeSet;

use agendum_types::graph::{DataRef, Form};
use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;

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
    let syntax = SyntaxConfig::builder().variable_delimiters("${{", "}}").build().expect("the delimiters differ");
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_recursion_limit(64);
    // In a loop it would make values that are deeper than any stack: each inside the next.
    environment.remove_global("namespace");
    environment
}

/// What a source reads and calls.
pub(crate) fn names<'s>(environment: &Environment<'_>, form: Form, source: &'s str) -> Result<Names<'s>, Unreadable> {
    if form != Form::Constant {
        crate::shape::check(source, form == Form::Tree).map_err(|why| Unreadable { why, at: None })?;
    }
    let mut found = names::of(environment, form, source)?;
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    found.reads.retain(|read| read.head().next().is_none_or(|(root, _)| !globals.contains(root)));
    found.calls.retain(|(call, (name, _))| *call != Call::Function || !globals.contains(name));
    Ok(found)
}

/// The filters and tests there are, for suggestions; a test holds that they are there.
const FILTERS: [&str; 44] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "default",
    "dictsort",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "upper",
];
const TESTS: [&str; 22] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "none",
    "number",
    "odd",
    "string",
    "undefined",
];

/// `None` if there is such a filter, test or function; else what there is instead.
pub(crate) fn unknown(environment: &Environment<'_>, call: Call, name: &str) -> Option<Vec<&'static str>> {
    use minijinja::ErrorKind::{UnknownFilter, UnknownTest};
    let mut state = environment.empty_state();
    let is_unknown = match call {
        Call::Filter => state.apply_filter(name, &[]).is_err_and(|error| error.kind() == UnknownFilter),
        Call::Test => state.perform_test(name, &[]).is_err_and(|error| error.kind() == UnknownTest),
        Call::Function => true,
    };
    let known = match call {
        Call::Filter => FILTERS.to_vec(),
        Call::Test => TESTS.to_vec(),
        Call::Function => vec!["range", "dict"],
    };
    is_unknown.then_some(known)
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

#[cfg(test)]
mod tests {
    use super::{FILTERS, TESTS, environment, unknown};
    use crate::names::Call;

    #[test]
    fn what_is_suggested_is_there() {
        let environment = environment();
        for (call, names) in [(Call::Filter, &FILTERS[..]), (Call::Test, &TESTS[..])] {
            for name in names {
                assert_eq!(unknown(&environment, call, name), None, "{name}");
            }
            assert!(unknown(&environment, call, "nothing_of_the_kind").is_some());
        }
    }
}
