//! Everything that is wrong with a configuration that reads well, at once.

use std::path::Path;

use agendum_retrieve_fts::IndexName;

use crate::config::{Config, Kind, TargetConfig, prices};
use crate::failure::Failure;
use crate::programs;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) hint: String,
    /// Nothing can be run with it; else only what needs it will fail.
    pub(crate) fatal: bool,
}

const COMPLETE: &str = "docs/configuration.md shows a complete target";

fn fault(message: String, hint: impl ToString, fatal: bool) -> Fault {
    Fault { message, hint: hint.to_string(), fatal }
}

impl Config {
    /// What is wrong with targets and indexes.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (name, target) in &self.targets {
            model(name, target, &mut faults);
            numbers(name, target, &mut faults);
            bill(name, target, &mut faults);
            key(name, target, &self.folder, &mut faults);
            if target.kind == Kind::Exec {
                exec(name, target, &self.folder, &mut faults);
            }
        }
        for (name, index) in &self.indexes {
            if let Err(error) = name.parse::<IndexName>() {
                faults.push(fault(error.to_string(), "rename it, here and in the graphs that read it", true));
            }
            for path in index.paths.iter().map(|path| self.folder.join(path)).filter(|path| !path.exists()) {
                let message = format!("index {name:?} follows {}, which does not exist", path.display());
                faults.push(fault(message, "paths are relative to the configuration's folder", true));
            }
        }
        faults
    }

    /// Fails with everything that is fatal.
    pub(crate) fn sound(&self) -> Result<(), Failure> {
        let fatal: Vec<Fault> = self.faults().into_iter().filter(|fault| fault.fatal).collect();
        failure(&fatal).map_or(Ok(()), Err)
    }
}

/// All of them in one message, with the first one's hint.
pub(crate) fn failure(faults: &[Fault]) -> Option<Failure> {
    let first = faults.first()?;
    let lines: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
    Some(Failure::usage(lines.join("\n  ")).hint(&first.hint))
}

fn model(name: &str, target: &TargetConfig, faults: &mut Vec<Fault>) {
    let mut missing = |key: &str| faults.push(fault(format!("target {name:?} has no `{key}`"), COMPLETE, true));
    if !matches!(target.kind, Kind::Chat | Kind::Moderate | Kind::Translate) {
        return;
    }
    match target.base_url.as_deref() {
        None => {
            missing("base_url");
            if target.model.is_none() {
                missing("model");
            }
        }
        Some("offline") => {}
        Some(base) => {
            if target.model.is_none() {
                missing("model");
            }
            if !base.starts_with("http://") && !base.starts_with("https://") {
                let message = format!("target {name:?}: base_url {base:?} is no address");
                let near = agendum_spec::diagnostic::nearest(base, ["offline"]);
                let hint =
                    near.map_or("it begins with http:// or https://, or is `offline`", |_| "did you mean `offline`?");
                faults.push(fault(message, hint, true));
            }
        }
    }
}

fn numbers(name: &str, target: &TargetConfig, faults: &mut Vec<Fault>) {
    if target.concurrency == Some(0) {
        let hint = "how many attempts it may run at once; leave it out for 16";
        faults.push(fault(format!("target {name:?}: `concurrency` is 0: it would never run anything"), hint, true));
    }
    let price = target.price.unwrap_or_default();
    let each = [
        ("input", Some(price.input)),
        ("cached", price.cached),
        ("output", Some(price.output)),
        ("call", Some(price.call)),
    ];
    for (key, value) in each.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        if !value.is_finite() || value < 0.0 {
            let message = format!("target {name:?}: price.{key} is {value}: a price is 0 or more");
            faults.push(fault(message, "US dollars per million tokens; `call` per call", true));
        }
    }
}

/// A model somewhere else that nobody knows the price of counts as free.
fn bill(name: &str, target: &TargetConfig, faults: &mut Vec<Fault>) {
    let (None, Some(base), Some(model)) = (target.price, target.base_url.as_deref(), target.model.as_deref()) else {
        return;
    };
    if base != "offline" && !prices::is_own(base) && prices::of(base, model).is_none() {
        let message =
            format!("target {name:?}: what {model} costs at {base} is not known: no budget in dollars holds it");
        faults.push(fault(
            message,
            "price = { input = …, output = … }, US dollars per million tokens; 0 if it is free",
            false,
        ));
    }
}

fn key(name: &str, target: &TargetConfig, folder: &Path, faults: &mut Vec<Fault>) {
    if let Some(variable) = target.key_env.as_ref().filter(|variable| std::env::var(variable).is_err()) {
        let message = format!("target {name:?} wants its key in the environment variable {variable}, which is not set");
        faults.push(fault(message, format!("export {variable}=…, or remove the target"), true));
    } else if let Some(path) =
        target.key_file.as_ref().filter(|_| target.key_env.is_none()).map(|file| folder.join(file))
        && let Err(error) = std::fs::File::open(&path)
    {
        let message = format!("target {name:?}: cannot read its key from {}: {error}", path.display());
        faults.push(fault(message, "a file with nothing but the key", true));
    }
}

fn exec(name: &str, target: &TargetConfig, base: &Path, faults: &mut Vec<Fault>) {
    if target.allow.is_empty() {
        faults.push(fault(format!("target {name:?} allows no program"), "allow = [\"git\"]", false));
    }
    for program in target.allow.iter().filter(|program| *program != "*" && programs::place(program).is_none()) {
        let hint = "install it, or take it from `allow`; agendum doctor knows the packages of the examples";
        faults.push(fault(format!("target {name:?}: {program:?} is not installed, or not on the PATH"), hint, false));
    }
    // A target with a folder for each run makes its own.
    if let Some(folder) = target.folder.as_ref().filter(|_| !target.per_run).map(|below| base.join(below))
        && !folder.is_dir()
    {
        let message = format!("target {name:?}: its folder {} does not exist", folder.display());
        faults.push(fault(message, "it is relative to the configuration's folder; make it, or name another", false));
    }
}
