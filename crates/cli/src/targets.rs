//! From configuration to targets with their adapters.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use agendum_adapters::chat::{Profile, Secret};
use agendum_adapters::exec::Guard;
use agendum_adapters::http::Timeouts;
use agendum_adapters::offline::{Skill, Temper};
use agendum_adapters::{Chat, Exec, Http, Offline};
use agendum_ports::Adapter;
use agendum_retrieve_fts::{Index, Retrieve};
use agendum_types::outcome::Price;
use agendum_types::{Capability, Duration, Labels, Money, Target};

use crate::config::{Config, Kind, PriceConfig, TargetConfig, TimeoutConfig};
use crate::failure::Failure;

/// Attempts at once where the configuration says nothing.
const CONCURRENCY: u32 = 16;
const OUTPUT_CAP: u32 = 1_024;

pub(crate) type Table = Vec<(Target, Arc<dyn Adapter>)>;

/// The targets with the code that speaks to them, in the order of preference; `data` holds the indexes.
pub(crate) fn table(config: &Config, data: &Path, indexes: BTreeMap<String, Arc<Index>>) -> Result<Table, Failure> {
    config.sound()?;
    let mut table: Table = Vec::new();
    // One for all of them; its process starts with the first program.
    let guard = Arc::new(Guard::new(std::env::current_exe()?, ["exec-guard".into()]));
    for (name, given) in &config.targets {
        table.push((target(name, given), adapter(name, given, &config.folder, &guard)?));
    }
    table.push((search(), Arc::new(Retrieve::new(indexes).with_folder(data.join("indexes")))));
    for (target, skill) in offline(config) {
        table.push((target, Arc::new(Offline::new(skill, Temper::default()))));
    }
    Ok(table)
}

/// The same without what serves them: no key is needed to know what there is.
pub(crate) fn declared(config: &Config) -> Vec<Target> {
    let configured = config.targets.iter().map(|(name, given)| target(name, given));
    configured.chain([search()]).chain(offline(config).into_iter().map(|(target, _)| target)).collect()
}

fn search() -> Target {
    plain("local/fts", Capability::Retrieve, 8)
}

/// Not chosen before a configured target: the table's order is the order of preference.
fn offline(config: &Config) -> Vec<(Target, Skill)> {
    if !config.offline {
        return Vec::new();
    }
    let model = |name: &str, class: &str| {
        let mut target = plain(name, Capability::Chat, CONCURRENCY);
        target.classes = vec![class.into()];
        target.output_cap = OUTPUT_CAP;
        target.bytes_per_token_min = 1;
        target
    };
    vec![
        (model("offline/small", "small"), Skill::Chat),
        (model("offline/large", "large"), Skill::Chat),
        (plain("offline/moderate", Capability::Moderate, CONCURRENCY), Skill::Moderate),
        (plain("offline/translate", Capability::Translate, CONCURRENCY), Skill::Translate),
    ]
}

fn plain(name: &str, capability: Capability, concurrency_max: u32) -> Target {
    Target {
        name: name.into(),
        capabilities: vec![capability],
        classes: Vec::new(),
        price: Price::FREE,
        concurrency_max,
        quota_group: None,
        clearance: Labels::NONE,
        effect: None,
        output_cap: 0,
        bytes_per_token_min: 1,
        expected: Duration::millis(5),
    }
}

fn target(name: &str, given: &TargetConfig) -> Target {
    let capability = match given.kind {
        Kind::Chat => Capability::Chat,
        Kind::Moderate => Capability::Moderate,
        Kind::Translate => Capability::Translate,
        Kind::Http => Capability::Http,
        Kind::Exec => Capability::Exec,
    };
    let counts_tokens = given.model.is_some();
    Target {
        classes: given.classes.iter().map(|class| class.as_str().into()).collect(),
        price: price(&given.price),
        quota_group: given.quota_group.as_deref().map(Into::into),
        clearance: Labels::new(given.clearance.iter().map(String::as_str)),
        output_cap: given.output_cap.unwrap_or(if counts_tokens { OUTPUT_CAP } else { 0 }),
        expected: Duration::millis(if counts_tokens { 2_000 } else { 200 }),
        ..plain(name, capability, given.concurrency.unwrap_or(CONCURRENCY))
    }
}

fn price(given: &PriceConfig) -> Price {
    let per_million = |dollars: f64| Money((dollars * (Money::PER_DOLLAR / 1_000_000) as f64) as u64);
    Price {
        token_in: per_million(given.input),
        token_cached: per_million(given.cached.unwrap_or(given.input)),
        token_out: per_million(given.output),
        call: Money((given.call * Money::PER_DOLLAR as f64) as u64),
    }
}

fn adapter(name: &str, given: &TargetConfig, folder: &Path, guard: &Arc<Guard>) -> Result<Arc<dyn Adapter>, Failure> {
    let model = |profile, skill| -> Result<Arc<dyn Adapter>, Failure> {
        match given.base_url.as_deref() {
            Some("offline") => Ok(Arc::new(Offline::new(skill, given.temper))),
            Some(base) => {
                let model = given.model.as_deref().ok_or_else(|| missing(name, "model"))?;
                let chat = Chat::new(base, model, key(name, given, folder)?, profile)?;
                Ok(Arc::new(chat.with_timeouts(given.timeout.or(Timeouts::CHAT))?))
            }
            None => Err(missing(name, "base_url")),
        }
    };
    match given.kind {
        Kind::Chat => model(Profile::Chat, Skill::Chat),
        Kind::Moderate => model(Profile::Moderate, Skill::Moderate),
        Kind::Translate => model(Profile::Translate, Skill::Translate),
        Kind::Http => {
            let http = Http::new(given.allow.clone(), given.private)?;
            Ok(Arc::new(http.with_timeouts(given.timeout.or(Timeouts::HTTP))?))
        }
        Kind::Exec => {
            let mut exec = Exec { allow: given.allow.clone(), ..Exec::default() };
            exec.folder = given.folder.as_ref().map_or_else(|| folder.to_owned(), |below| folder.join(below));
            exec.per_run = given.per_run;
            exec.environment.extend(given.environment.iter().cloned());
            exec.env_allow.clone_from(&given.env_allow);
            exec.guard = Some(Arc::clone(guard));
            let TimeoutConfig { connect: None, idle: None, whole } = given.timeout else {
                return Err(Failure::usage(format!("target {name:?}: of `timeout`, programs have `whole` only")));
            };
            exec.whole = whole.map(|wait| wait.0);
            Ok(Arc::new(exec))
        }
    }
}

fn missing(name: &str, key: &str) -> Failure {
    Failure::usage(format!("target {name:?} has no `{key}`")).hint("docs/configuration.md shows a complete target")
}

fn key(name: &str, given: &TargetConfig, folder: &Path) -> Result<Option<Secret>, Failure> {
    if let Some(variable) = &given.key_env {
        let value = std::env::var(variable).map_err(|_| {
            Failure::usage(format!(
                "target {name:?} wants its key in the environment variable {variable}, which is not set"
            ))
            .hint(format!("export {variable}=…, or remove the target"))
        })?;
        return Ok(Some(Secret::new(&value)));
    }
    let Some(file) = &given.key_file else { return Ok(None) };
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("target {name:?}: cannot read its key from {}: {error}", path.display()))
    })?;
    Ok(Some(Secret::new(&text)))
}
