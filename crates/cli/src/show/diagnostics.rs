//! What is said of a text, in that text: by our own check, or by a server that it was sent to.

use std::io::Write;
use std::sync::Arc;

use agendum_spec::{Diagnostic, File, Report};
use serde_json::Value as Json;

use super::err;
use super::harmless::{blotted, pictured};

/// All of them on stderr, with snippets.
pub(crate) fn diagnostics(name: &str, text: &str, said: Vec<Diagnostic>) -> std::io::Result<()> {
    let mut err = err();
    if !err.is_terminal() {
        return snippets(&mut err, Report::new(name, text, said));
    }
    let file = |file: Arc<File>| File { path: pictured(&file.path).into(), text: blotted(&file.text).into() };
    let shown = |one: Diagnostic| Diagnostic {
        message: pictured(&one.message).into(),
        help: one.help.as_deref().map(pictured).map(Into::into),
        file: one.file.map(file).map(Arc::new),
        ..one
    };
    let said = said.into_iter().map(shown).collect();
    snippets(&mut err, Report::new(&pictured(name), &blotted(text), said))
}

fn snippets(err: &mut impl Write, report: Report) -> std::io::Result<()> {
    for located in report.diagnostics {
        writeln!(err, "{:?}", miette::Report::new(located))?;
    }
    Ok(())
}

/// One in a line, where the text is not at hand or what is wrong has no place in it.
pub(crate) fn diagnostic(said: &Json) -> String {
    let Diagnostic { message, help, line, column, .. } = Diagnostic::from_json(said);
    let help = help.map_or(String::new(), |help| format!(" ({help})"));
    let place = if line > 0 { format!("{line}:{column}: ") } else { String::new() };
    format!("{place}{message}{help}")
}
