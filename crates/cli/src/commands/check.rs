//! `check`: what is wrong with a document, with places and hints.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use agendum_spec::fix::{Fixed, Unfixable};
use agendum_spec::served::Serving;
use agendum_spec::{Accepted, Checked, Diagnostic, File, Resolver, Severity, Source};
use agendum_types::Limits;
use serde_json::json;

use crate::config::Config;
use crate::failure::{Failure, USAGE};
use crate::host::made_indexes;
use crate::show::MORE;
use crate::{next, show, source, targets};

/// Reads the files that a document names, beside it.
struct Beside {
    folder: PathBuf,
    bytes_max: usize,
    /// Those that were asked for, be they there or not.
    asked: RefCell<BTreeSet<PathBuf>>,
}

impl Beside {
    fn of(document: &Path, limits: &Limits) -> Self {
        let folder = document.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self {
            folder: folder.unwrap_or_else(|| Path::new(".")).to_owned(),
            bytes_max: limits.document_bytes_max,
            asked: RefCell::default(),
        }
    }
}

impl Resolver for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        self.asked.borrow_mut().insert(self.folder.join(path));
        let base = self.folder.canonicalize().map_err(|error| error.to_string())?;
        let file = base.join(path).canonicalize().map_err(|error| error.to_string())?;
        if !file.starts_with(&base) {
            return Err("it lies outside the document's folder".to_owned());
        }
        let told = file.metadata().map_err(|error| error.to_string())?;
        if !told.is_file() {
            // A pipe would be waited for.
            return Err("it is not a file".to_owned());
        }
        if told.len() > self.bytes_max as u64 {
            return Err(format!("it is larger than {} bytes", self.bytes_max));
        }
        std::fs::read_to_string(file).map_err(|error| error.to_string())
    }
}

/// A document that was read and checked.
pub(crate) struct Document {
    name: String,
    text: String,
    beside: Beside,
    checked: Checked,
}

/// Which documents are looked at for what a configuration lacks.
#[derive(Clone, Copy)]
enum Lacking<'s> {
    Never,
    /// Agents' plans: their tasks are programs, which nothing serves unless somebody says so.
    InPlans(Serving<'s>),
    Always(Serving<'s>),
}

/// Reads and checks; `-` is standard input.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Document, Failure> {
    read_for(path, limits, Lacking::Never)
}

fn read_for(path: &Path, limits: &Limits, lacking: Lacking<'_>) -> Result<Document, Failure> {
    let (name, text, is_plan) = text(path, limits)?;
    let serving = match lacking {
        Lacking::Always(serving) => Some(serving),
        Lacking::InPlans(serving) => Some(serving).filter(|_| is_plan),
        Lacking::Never => None,
    };
    let beside = Beside::of(path, limits);
    let mut checked = agendum_spec::check_for(Source { name: &name, text: &text }, &beside, limits, serving);
    let folder = &beside.folder;
    if folder != Path::new(".") {
        // The files of a document are named from where the reader stands.
        let named = |file: &File| File { path: folder.join(&file.path).display().to_string(), text: file.text.clone() };
        Diagnostic::map_files(&mut checked.diagnostics, named);
    }
    Ok(Document { name, text, beside, checked })
}

/// The name and the text of an addition to a live run, with the files that it names inside.
pub(crate) fn addition(path: &Path, limits: &Limits, json: bool) -> Result<(String, String), Failure> {
    let (name, text, _) = text(path, limits)?;
    match agendum_spec::embedded(&text, &Beside::of(path, limits), limits) {
        Ok(whole) => Ok((name, whole)),
        Err(wrong) => {
            let wrong = wrong.iter().map(Diagnostic::json).collect();
            let failure = Failure::usage("no tasks were added").diagnostics(wrong);
            Err(if json { failure } else { failure.located(&name, &text) })
        }
    }
}

/// The name and the text of a document; of an agent's plan (then true), that of the document that it is.
fn text(path: &Path, limits: &Limits) -> Result<(String, String, bool), Failure> {
    let (name, mut text) = source::read(path, limits)?;
    let plan = agendum_spec::plans::document(&text, limits).map_err(|wrong| {
        let wrong = wrong.iter().map(Diagnostic::json).collect();
        Failure::usage(format!("{name} is an agent's plan that cannot be run")).diagnostics(wrong)
    })?;
    let is_plan = plan.is_some();
    if let Some(document) = plan {
        text = serde_json::to_string_pretty(&document)?;
    }
    Ok((name, text, is_plan))
}

impl Document {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The files that it names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.beside.asked.borrow().iter().cloned().collect()
    }

    pub(crate) fn is_stdin(&self) -> bool {
        self.name == "-"
    }

    /// Its text with loops for cycles.
    pub(crate) fn fix(&self, limits: &Limits) -> Result<Option<Fixed>, Unfixable> {
        agendum_spec::fix::fix(Source { name: &self.name, text: &self.text }, &self.beside, limits)
    }

    /// Says what there is to say on stderr; the graph if it can be run.
    pub(crate) fn runnable(self, json: bool) -> Result<Accepted, Failure> {
        let accepted = self.checked.runnable().cloned();
        let more = self.checked.more && accepted.is_none() && !json;
        self.report(json, accepted.is_none())?;
        if more {
            writeln!(show::err(), "{MORE}")?;
        }
        accepted.ok_or_else(|| Failure::silent(USAGE))
    }

    pub(crate) fn report(self, json: bool, all: bool) -> Result<(), Failure> {
        let more = self.checked.more;
        let diagnostics: Vec<_> = self
            .checked
            .diagnostics
            .into_iter()
            .filter(|one| all || one.severity != Severity::Warning || !json)
            .collect();
        if json && !diagnostics.is_empty() {
            let list: Vec<_> = diagnostics.iter().map(Diagnostic::json).collect();
            writeln!(show::err(), "{}", json!({ "document": self.name, "diagnostics": list, "more": more }))?;
            return Ok(());
        }
        Ok(show::diagnostics(&self.name, &self.text, diagnostics)?)
    }
}

/// `data` is where indexes were made; nothing is known of them where it is not.
pub(crate) fn check(json: bool, path: &Path, config: &Config, data: Option<&Path>) -> Result<(), Failure> {
    let limits = &config.limits.0;
    let made = data.map(made_indexes).unwrap_or_default();
    let indexes = config.indexes.keys().cloned().chain(made).collect();
    let targets = targets::declared(config);
    let pools = config.pools.all();
    let pools = config.file.is_some().then_some(pools.as_slice());
    let serving = Serving { targets: &targets, indexes: &indexes, pools, inputs: None };
    let lacking = if config.file.is_some() { Lacking::Always(serving) } else { Lacking::InPlans(serving) };
    say(json, read_for(path, limits, lacking)?, &explain(path))
}

/// An addition, as if a run of this document had been given it before any of its tasks has begun.
pub(crate) fn addition_to(json: bool, path: &Path, of: &Path, limits: &Limits) -> Result<(), Failure> {
    let graph = read(of, limits)?.runnable(json)?;
    let (name, text) = addition(path, limits, json)?;
    let checked = agendum_spec::extend(&graph.document, &text, limits)
        .map_err(|error| Failure::usage(format!("{}: {error}", of.display())))?;
    let add = format!("{} runs add RUN {}", next::hosting(), next::quoted(&name));
    say(json, Document { name, text, beside: Beside::of(path, limits), checked }, &add)
}

/// What comes after a document that is right.
pub(crate) fn explain(path: &Path) -> String {
    format!("{} explain {}", next::graph(), next::quoted(&path.display().to_string()))
}

/// Says what came of checking, on stdout and stderr, and what comes next.
pub(crate) fn say(json: bool, document: Document, next: &str) -> Result<(), Failure> {
    let count = |severity| document.checked.diagnostics.iter().filter(|one| one.severity == severity).count();
    let (errors, not_yet, warnings) = (count(Severity::Error), count(Severity::NotYet), count(Severity::Warning));
    let more = if document.checked.more { format!("; {MORE}") } else { String::new() };
    let mut out = show::out();
    if json {
        let list: Vec<_> = document.checked.diagnostics.iter().map(Diagnostic::json).collect();
        let graph = document.checked.accepted.as_ref().map(|accepted| {
            json!({ "name": &*accepted.graph.name, "hash": accepted.graph.hash.to_string(), "tasks": accepted.graph.tasks.len() })
        });
        writeln!(
            out,
            "{}",
            json!({
                "document": document.name, "runnable": errors + not_yet == 0, "graph": graph, "diagnostics": list,
                "more": document.checked.more,
            })
        )?;
        return if errors + not_yet == 0 { Ok(()) } else { Err(Failure::silent(USAGE)) };
    }
    let (name, is_stdin) = (document.name.clone(), document.is_stdin());
    match document.checked.accepted.clone() {
        Some(accepted) if errors + not_yet == 0 => {
            document.report(false, true)?;
            let warned = if warnings > 0 { format!(", {}", show::counted(warnings, "warning")) } else { String::new() };
            writeln!(
                out,
                "{name}: {} with {}, {}{warned}{more}",
                accepted.graph.name,
                show::counted(accepted.graph.tasks.len(), "task"),
                &accepted.graph.hash.to_string()[..12]
            )?;
            if !is_stdin {
                writeln!(show::err(), "next: {next}")?;
            }
            Ok(())
        }
        _ => {
            document.report(false, true)?;
            let mut parts = Vec::new();
            parts.extend((errors > 0).then(|| show::counted(errors, "error")));
            parts.extend((not_yet > 0).then(|| format!("{not_yet} not yet supported")));
            parts.extend((warnings > 0).then(|| show::counted(warnings, "warning")));
            Err(Failure::new(USAGE, format!("{name}: {}{more}", parts.join(", "))))
        }
    }
}
