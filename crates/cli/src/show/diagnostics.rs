//! What is said of a text, in that text: by our own check, or by a server that it was sent to.

use std::io::Write;

use agendum_spec::{Diagnostic, File, Report};
use serde_json::Value as Json;

use super::err;
use super::harmless::{blotted, pictured};

/// Said behind a list of diagnostics that was cut.
pub(crate) const MORE: &str = "there are more than these";

/// All of them on stderr, with snippets.
pub(crate) fn diagnostics(name: &str, text: &str, mut said: Vec<Diagnostic>) -> std::io::Result<()> {
    let mut err = err();
    if !err.is_terminal() {
        return snippets(&mut err, Report::new(name, text, said));
    }
    for one in &mut said {
        one.message = pictured(&one.message).into();
        one.help = one.help.as_deref().map(pictured).map(Into::into);
    }
    let file = |file: &File| File { path: pictured(&file.path).into(), text: blotted(&file.text).into() };
    Diagnostic::map_files(&mut said, file);
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
