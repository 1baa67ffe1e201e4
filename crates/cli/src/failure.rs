//! Why a command failed: a line, a hint, an exit code.

use std::io::{ErrorKind, Write as _};

use agendum_ports::chain;
use agendum_spec::Diagnostic;
use owo_colors::OwoColorize as _;
use serde_json::Value as Json;

use crate::config::Fault;
use crate::{next, show};

/// The run failed, or something else did.
pub(crate) const FAILED: u8 = 1;
/// The command line, a document or the configuration is wrong.
pub(crate) const USAGE: u8 = 2;
/// The process that owns the data directory cannot be reached.
pub(crate) const UNREACHABLE: u8 = 3;
/// The deadline or the budget was exceeded.
pub(crate) const LIMIT: u8 = 4;
/// Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// A command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    message: String,
    hint: Option<String>,
    /// The server did not take the request: it may be sent again.
    pub(crate) not_taken: bool,
    /// A run that was to be deleted is kept for a while, or was gone already.
    pub(crate) kept: bool,
    /// What a server says of a text that it was sent.
    diagnostics: Vec<Json>,
    /// What is wrong with the configuration, one by one; the message says it all.
    faults: Vec<Fault>,
    /// The same for people, where it is several things: each with what to do.
    each: Vec<(String, String)>,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl ToString) -> Self {
        Self { message: message.to_string(), ..Self::silent(code) }
    }

    pub(crate) fn usage(message: impl ToString) -> Self {
        Self::new(USAGE, message)
    }

    /// Everything was said already; only the code is left.
    pub(crate) const fn silent(code: u8) -> Self {
        Self {
            code,
            message: String::new(),
            hint: None,
            not_taken: false,
            kept: false,
            diagnostics: Vec::new(),
            faults: Vec::new(),
            each: Vec::new(),
        }
    }

    pub(crate) fn hint(mut self, hint: impl ToString) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// What to do, if nobody has said so.
    pub(crate) fn or_hint(mut self, hint: impl ToString) -> Self {
        self.hint.get_or_insert_with(|| hint.to_string());
        self
    }

    pub(crate) fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.faults = faults;
        self
    }

    /// What is wrong, one by one, with what to do, as people read it.
    pub(crate) fn each(mut self, each: Vec<(String, String)>) -> Self {
        self.each = each;
        self
    }

    /// What is wrong and what to do, as it is printed: one thing after the other, and what to do about several once.
    fn lines(&self) -> Vec<(&str, Option<&str>)> {
        let hint = self.hint.as_deref();
        if self.each.is_empty() {
            return vec![(&self.message, hint)];
        }
        let next = self.each.iter().skip(1).map(|(_, hint)| Some(hint)).chain([None]);
        let each = self.each.iter().zip(next);
        each.map(|((message, hint), next)| (message.as_str(), Some(hint.as_str()).filter(|_| next != Some(hint))))
            .collect()
    }

    /// What is wrong with the configuration, for machines.
    pub(crate) fn listed(&self) -> Option<Json> {
        (!self.faults.is_empty()).then(|| listed(&self.faults))
    }

    pub(crate) fn diagnostics(mut self, diagnostics: Vec<Json>) -> Self {
        self.diagnostics = diagnostics;
        self
    }

    /// Says the diagnostics with their places in the text that was sent; the rest of the failure is left.
    pub(crate) fn located(mut self, name: &str, text: &str) -> Self {
        // Nobody is left to tell if stderr is closed.
        let told = std::mem::take(&mut self.diagnostics);
        let _closed = show::diagnostics(name, text, told.iter().map(Diagnostic::from_json).collect());
        self
    }

    /// What is wrong, without what to do.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do, without what is wrong.
    pub(crate) fn hinted(&self) -> &str {
        self.hint.as_deref().unwrap_or_default()
    }

    /// All that is printed, as tests read it.
    #[cfg(test)]
    pub(crate) fn printed(&self) -> String {
        let hint = |hint: &str| format!("hint: {hint}\n");
        let told = |(message, of): (&str, Option<&str>)| {
            format!("error: {}\n{}", message.trim_end(), of.map(hint).unwrap_or_default())
        };
        self.lines().into_iter().map(told).collect()
    }

    /// Message and hint, as tests read them.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        format!("{}\nhint: {}", self.message, self.hint.as_deref().unwrap_or("none"))
    }

    pub(crate) fn print(&self, json: bool) {
        if self.message.is_empty() {
            return;
        }
        let mut out = show::err();
        // Nobody is left to tell if stderr is closed.
        if json {
            let _closed = writeln!(
                out,
                "{}",
                serde_json::json!({
                    "error": self.message, "hint": self.hint, "code": self.code, "diagnostics": self.diagnostics,
                })
            );
            return;
        }
        for (message, hint) in self.lines() {
            let _closed = writeln!(out, "{} {}", "error:".red().bold(), out.harmless(message));
            for diagnostic in &self.diagnostics {
                let _closed = writeln!(out, "  {}", out.harmless(&show::diagnostic(diagnostic)));
            }
            if let Some(hint) = hint {
                let _closed = writeln!(out, "{} {}", "hint:".cyan(), out.harmless(hint));
            }
        }
    }
}

/// Faults for machines.
pub(crate) fn listed(faults: &[Fault]) -> Json {
    let object =
        |fault: &Fault| serde_json::json!({ "path": fault.path, "message": fault.message, "hint": fault.hint });
    faults.iter().map(object).collect()
}

/// Any other error, with its causes.
impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let failure = Self::new(FAILED, chain(&error));
        if is_full(&error) {
            let doctor = next::reading();
            return failure
                .hint(format!("a disk is full: free room on it; {doctor} doctor says where the data directory is"));
        }
        failure
    }
}

/// True if a disk had no room for something.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == ErrorKind::StorageFull)
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use agendum_ports::StoreError;

    use super::Failure;

    #[test]
    fn a_full_disk_is_said_with_what_to_do() {
        let hints = [ErrorKind::StorageFull, ErrorKind::PermissionDenied].map(|kind| {
            let error = StoreError::Io { doing: "write owner.json", source: Box::new(Error::from(kind)) };
            Failure::from(error).hinted().to_owned()
        });
        assert!(hints[0].starts_with("a disk is full: free room on it;") && hints[1].is_empty(), "{hints:?}");
    }
}
