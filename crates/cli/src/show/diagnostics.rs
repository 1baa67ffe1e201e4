//! What is said of a text, in that text: by our own check, or by a server that it was sent to.

use std::io::Write as _;

use agendum_spec::{Diagnostic, Report};
use serde_json::Value as Json;

/// All of them on stderr, with snippets.
pub(crate) fn diagnostics(name: &str, text: &str, said: Vec<Diagnostic>) -> std::io::Result<()> {
    let mut err = anstream::stderr();
    for located in Report::new(name, text, said).diagnostics {
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
