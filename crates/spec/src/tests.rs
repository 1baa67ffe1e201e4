//! Documents in, diagnostics or graphs out. Every test goes through [`crate::check`].

#![expect(clippy::wildcard_enum_match_arm, reason = "a test may fail where it likes, and names what it means")]

mod accepted;
mod agents;
mod ahead;
mod alike;
mod all_at_once;
mod bounded;
mod cached;
mod cannot_work;
mod caught;
mod children;
mod compensated;
mod concurrency;
mod contrary;
mod evaluated;
mod extended;
mod fixed;
mod fixtures;
mod fuzzed;
mod judges;
mod places;
mod planned;
mod plans;
mod policies;
mod refused;
mod resources;
mod rules_for_a_while;
mod served;
mod touched;
mod vocabulary;
mod waits;

use agendum_types::Limits;

use crate::{Checked, Diagnostic, NoFiles, Severity, Source, check};

/// Checks a text, with a head if it has none.
fn checked(text: &str) -> Checked {
    let text = with_head(text);
    check(Source { name: "graph.yaml", text: &text }, &NoFiles, &Limits::STANDARD)
}

/// The diagnostics of a text, one a line: place, code, message, help.
fn said(text: &str) -> String {
    shown(checked(text))
}

fn shown(checked: Checked) -> String {
    listed(checked.diagnostics)
}

fn listed(diagnostics: Vec<Diagnostic>) -> String {
    let lines = diagnostics.into_iter().map(|found| {
        let mark = match found.severity {
            Severity::Error => "",
            Severity::NotYet => " (not yet)",
            Severity::Warning => " (warning)",
        };
        let help = found.help.map_or(String::new(), |help| format!("\n    help: {help}"));
        let file = found.file.map_or(String::new(), |file| format!("{}:", file.path));
        format!("{file}{}:{} {}{mark}: {}{help}", found.line, found.column, found.code, found.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// With the head that each document has, and open to any input where it reads some and declares none.
fn with_head(text: &str) -> String {
    let body = text.strip_prefix('\n').unwrap_or(text);
    let indent = body.len() - body.trim_start_matches(' ').len();
    let body: Vec<&str> = body.lines().map(|line| line.get(indent..).unwrap_or_default()).collect();
    if text.contains("version:") || text.contains("\"version\"") {
        body.join("\n")
    } else {
        let is_open = text.contains("inputs.") && !text.contains("inputs:");
        let inputs = if is_open { "\ninputs: { additionalProperties: true }" } else { "" };
        format!("version: 1\nname: test\n{}{inputs}", body.join("\n"))
    }
}
