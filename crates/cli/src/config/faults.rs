//! Everything that is wrong with a configuration that reads well, at once.

use std::io::Read as _;
use std::path::Path;

use agendum_adapters::exec;
use agendum_adapters::offline::Temper;
use agendum_retrieve_fts::IndexName;
use agendum_types::Target;

use crate::config::{Config, Kind, TargetConfig, prices, webhooks};
use crate::failure::Failure;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The table or the key, as it is written in the file; empty for the file.
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) hint: String,
    /// Nothing can be run with it; else only what needs it will fail.
    pub(crate) fatal: bool,
}

/// Dollars of a price, per whatever it counts: beyond it sums run over.
const PRICE_MAX: f64 = 1e6;

/// Bytes of a file with a key that are looked at.
const KEY_BYTES_MAX: u64 = 64 << 10;
const COMPLETE: &str = "docs/configuration.md shows a complete target";

pub(super) fn fault(message: String, hint: impl ToString, fatal: bool) -> Fault {
    Fault { path: String::new(), message, hint: hint.to_string(), fatal }
}

impl Fault {
    /// About this key of its table.
    pub(super) fn at(self, key: &str) -> Self {
        Self { path: key.to_owned(), ..self }
    }

    /// In this table.
    fn within(self, table: &[&str]) -> Self {
        let path = written(table.iter().copied());
        Self { path: if self.path.is_empty() { path } else { format!("{path}.{}", self.path) }, ..self }
    }
}

/// Keys as they are written one in the other.
pub(super) fn written<'k>(keys: impl Iterator<Item = &'k str>) -> String {
    let is_bare =
        |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let each = keys.map(|key| if is_bare(key) { key.to_owned() } else { format!("{key:?}") });
    each.collect::<Vec<_>>().join(".")
}

impl Config {
    /// What is wrong with targets, indexes and the policy.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut all = Vec::new();
        for (name, target) in &self.targets {
            let mut faults = Vec::new();
            if *name == *Target::CHILD {
                let message = format!("target {name:?} has the name of what runs child runs");
                faults.push(fault(message, "give it another name", true));
            }
            unread(name, target, &mut faults);
            match target.kind {
                Kind::Chat | Kind::Moderate | Kind::Translate => model(name, target, &self.folder, &mut faults),
                Kind::Exec => programs(name, target, &self.folder, &mut faults),
                Kind::Http => {}
            }
            numbers(name, target, &mut faults);
            all.extend(faults.into_iter().map(|fault| fault.within(&["targets", name])));
        }
        if let Err(failure) = self.webhooks.secrets(&self.folder) {
            all.push(fault(failure.message().to_owned(), webhooks::HINT, true).within(&["webhooks"]));
        }
        for (name, failure) in self.notices_faults() {
            let table = ["notices"].into_iter().chain(name).collect::<Vec<_>>();
            all.push(fault(failure.message().to_owned(), failure.hinted(), true).within(&table));
        }
        all.extend(self.policy().err().unwrap_or_default());
        for (name, index) in &self.indexes {
            if let Err(error) = name.parse::<IndexName>() {
                let fault = fault(error.to_string(), "rename it, here and in the graphs that read it", true);
                all.push(fault.within(&["indexes", name]));
            }
            for path in index.paths.iter().map(|path| self.folder.join(path)).filter(|path| !path.exists()) {
                let message = format!("index {name:?} follows {}, which does not exist", path.display());
                let fault = fault(message, "paths are relative to the configuration's folder", true).at("paths");
                all.push(fault.within(&["indexes", name]));
            }
        }
        all
    }

    /// Fails with everything that is fatal.
    pub(crate) fn sound(&self) -> Result<(), Failure> {
        let fatal: Vec<Fault> = self.faults().into_iter().filter(|fault| fault.fatal).collect();
        failure(&fatal).map_or(Ok(()), Err)
    }
}

/// All of them in one message, with the first one's hint; people are told that of each.
pub(crate) fn failure(faults: &[Fault]) -> Option<Failure> {
    let first = faults.first()?;
    let lines: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
    Some(Failure::usage(lines.join("\n  ")).hint(&first.hint).faults(faults.to_vec()).each(each(faults)))
}

/// What is wrong, with what to do.
pub(super) fn each(faults: &[Fault]) -> Vec<(String, String)> {
    faults.iter().map(|fault| (fault.message.clone(), fault.hint.clone())).collect()
}

/// Keys that say something which is not so: nothing reads them. What a model at an address needs may stay with the built-in one, so
/// that a variable can put that in its place.
fn unread(name: &str, target: &TargetConfig, faults: &mut Vec<Fault>) {
    const MODELS: &str = "models: chat, moderate, translate";
    const BUILT_IN: &str = "the built-in model: base_url = \"offline\"";
    const PROGRAMS: &str = "kind = \"exec\"";
    let (http, exec) = (target.kind == Kind::Http, target.kind == Kind::Exec);
    let model = !http && !exec;
    let offline = model && target.is_offline();
    let remote = http || (model && !offline);
    let temper = target.temper != Temper::default();
    let keys = [
        ("base_url", target.base_url.is_some(), model, MODELS),
        ("model", target.model.is_some(), model, MODELS),
        ("key_env", target.key_env.is_some(), model, MODELS),
        ("key_file", target.key_file.is_some(), model, MODELS),
        ("output_cap", target.output_cap.is_some(), model, MODELS),
        ("remembers", target.remembers.is_some(), target.kind == Kind::Chat, "kind = \"chat\""),
        ("temper", temper, offline, BUILT_IN),
        ("allow", !target.allow.is_empty(), http || exec, "kind = \"http\" and kind = \"exec\""),
        ("private", target.private, http, "kind = \"http\""),
        ("folder", target.folder.is_some(), exec, PROGRAMS),
        ("per_run", target.per_run, exec, PROGRAMS),
        ("environment", !target.environment.is_empty(), exec, PROGRAMS),
        ("env_allow", !target.env_allow.is_empty(), exec, PROGRAMS),
        ("timeout.connect", target.timeout.connect.is_some(), remote, "targets that are reached over a network"),
        ("timeout.idle", target.timeout.idle.is_some(), remote, "targets that are reached over a network"),
    ];
    for (key, _, _, readers) in keys.into_iter().filter(|(_, given, read, _)| *given && !read) {
        let hint = format!("take it out; it is for {readers}");
        faults.push(fault(format!("target {name:?}: nothing reads its `{key}`"), hint, true).at(key));
    }
}

fn model(name: &str, target: &TargetConfig, folder: &Path, faults: &mut Vec<Fault>) {
    let mut missing = |key: &str| faults.push(fault(format!("target {name:?} has no `{key}`"), COMPLETE, true).at(key));
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
                faults.push(fault(message, hint, true).at("base_url"));
            }
        }
    }
    if !target.is_offline() {
        bill(name, target, faults);
        key(name, target, folder, faults);
    }
}

fn numbers(name: &str, target: &TargetConfig, faults: &mut Vec<Fault>) {
    if target.concurrency == Some(0) {
        let hint = "how many attempts it may run at once; leave it out for 16";
        faults.push(
            fault(format!("target {name:?}: `concurrency` is 0: it would never run anything"), hint, true)
                .at("concurrency"),
        );
    }
    for (word, limit) in [("requests", target.rate.requests), ("tokens", target.rate.tokens)] {
        if limit == Some(0) {
            let message = format!("target {name:?}: `rate.{word}` is 0: it would never run anything");
            let hint = "what its provider lets through in a minute; leave it out where nothing is limited";
            faults.push(fault(message, hint, true).at(&format!("rate.{word}")));
        }
    }
    let is_label = |word: &str| word.split_once('=').is_some_and(|(name, value)| !name.is_empty() && !value.is_empty());
    if let Some(word) = target.clearance.iter().find(|word| *word != Target::EVERYTHING && !is_label(word)) {
        let message = format!("target {name:?}: clearance {word:?} is no label");
        faults.push(fault(message, "name=value, such as region=eu; or * for all of them", true).at("clearance"));
    }
    if target.max_cost.is_some_and(|most| !(0.0..=1e6).contains(&most)) {
        let message = format!("target {name:?}: `max_cost` is no sum");
        faults.push(fault(message, "US dollars that an attempt costs at most, 0 or more", true).at("max_cost"));
    }
    if target.output_cap == Some(0) {
        let message = format!("target {name:?}: `output_cap` is 0: nothing caps what it gives, and no budget holds it");
        faults
            .push(fault(message, "output tokens of an attempt at most; leave it out for 1,024", true).at("output_cap"));
    }
    let price = target.price.unwrap_or_default();
    // The built-in model keeps to a cap, or counts no output.
    let is_model = target.model.is_some() || target.is_offline();
    if price.output > 0.0 && !is_model && target.max_cost.is_none() {
        let message = format!("target {name:?}: `price.output` without a bound: nothing caps what it gives");
        faults.push(fault(message, "say what an attempt costs at most: max_cost = 0.05", true).at("price.output"));
    }
    let each = [
        ("input", Some(price.input)),
        ("cached", price.cached),
        ("cache_write", price.cache_write),
        ("output", Some(price.output)),
        ("call", Some(price.call)),
        ("egress_gib", Some(price.egress_gib)),
    ];
    for (key, value) in each.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        if !value.is_finite() || value < 0.0 {
            let message = format!("target {name:?}: price.{key} is {value}: a price is 0 or more");
            let hint = "US dollars per million tokens; `call` per call, `egress_gib` per GiB sent";
            faults.push(fault(message, hint, true).at(&format!("price.{key}")));
        } else if value > PRICE_MAX {
            let message = format!("target {name:?}: price.{key} is {value:?}: a price is {PRICE_MAX} at most");
            let hint = "US dollars, of which no budget could be reckoned beyond this";
            faults.push(fault(message, hint, true).at(&format!("price.{key}")));
        }
    }
}

/// A model somewhere else that nobody knows the price of counts as free.
fn bill(name: &str, target: &TargetConfig, faults: &mut Vec<Fault>) {
    let (None, None, Some(base), Some(model)) =
        (target.price, target.max_cost, target.base_url.as_deref(), target.model.as_deref())
    else {
        return;
    };
    if !prices::is_own(base) && prices::of(base, model).is_none() {
        let message =
            format!("target {name:?}: what {model} costs at {base} is not known: no budget in dollars holds it");
        let hint = "price = { input = …, output = … }, US dollars per million tokens; 0 if it is free";
        faults.push(fault(message, hint, false).at("price"));
    }
}

fn key(name: &str, target: &TargetConfig, folder: &Path, faults: &mut Vec<Fault>) {
    if let Some(variable) = target.key_env.as_ref().filter(|variable| std::env::var(variable).is_err()) {
        let message = format!("target {name:?} wants its key in the environment variable {variable}, which is not set");
        faults.push(fault(message, format!("export {variable}=…, or remove the target"), true).at("key_env"));
    } else if let Some(path) =
        target.key_file.as_ref().filter(|_| target.key_env.is_none()).map(|file| folder.join(file))
    {
        match key_file(&path) {
            Ok(key) => unsendable(name, (&key, "key_file"), &path.display().to_string(), faults),
            Err(error) => {
                let message = format!("target {name:?}: cannot read its key from {}: {error}", path.display());
                faults.push(fault(message, "a file with nothing but the key", true).at("key_file"));
            }
        }
    } else if let Some((variable, key)) = target.key_env.as_ref().and_then(|of| Some((of, std::env::var(of).ok()?))) {
        unsendable(name, (&key, "key_env"), variable, faults);
    }
}

fn key_file(path: &Path) -> std::io::Result<String> {
    let mut key = String::new();
    std::fs::File::open(path)?.take(KEY_BYTES_MAX).read_to_string(&mut key)?;
    Ok(key)
}

/// A key with characters that no header may have, such as a second line, is never sent: every call would fail.
fn unsendable(name: &str, (key, named): (&str, &str), place: &str, faults: &mut Vec<Fault>) {
    if key.trim().bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        let message = format!("target {name:?}: its key in {place} holds characters that no header may have");
        faults.push(fault(message, "one line, with nothing but the key", true).at(named));
    }
}

fn programs(name: &str, target: &TargetConfig, base: &Path, faults: &mut Vec<Fault>) {
    if target.allow.is_empty() {
        faults.push(fault(format!("target {name:?} allows no program"), "allow = [\"git\"]", false).at("allow"));
    }
    let folder = target.folder_below(base);
    for program in target.allow.iter().filter(|program| *program != "*" && exec::find(program, &folder).is_none()) {
        let (missing, hint) = if program.contains('/') {
            ("is no program that can be started", "a path leads on from the target's `folder`; it must be executable")
        } else {
            (
                "is not installed, or not on the PATH",
                "install it, or take it from `allow`; agendum doctor knows the packages of the examples",
            )
        };
        faults.push(fault(format!("target {name:?}: {program:?} {missing}"), hint, false).at("allow"));
    }
    // A target with a folder for each run makes its own.
    if target.folder.is_some() && !target.per_run && !folder.is_dir() {
        let message = format!("target {name:?}: its folder {} does not exist", folder.display());
        let hint = "it is relative to the configuration's folder; make it, or name another";
        faults.push(fault(message, hint, false).at("folder"));
    }
}
