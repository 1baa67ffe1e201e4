//! From configuration to targets with their adapters.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use agendum_adapters::chat::{Profile, Secret};
use agendum_adapters::offline::{Skill, Temper};
use agendum_adapters::{Chat, Exec, Http, Offline};
use agendum_ports::Adapter;
use agendum_retrieve_fts::{Index, Retrieve};
use agendum_types::outcome::Price;
use agendum_types::{Capability, Duration, Labels, Money, Target};

use crate::config::{Config, Kind, PriceConfig, TargetConfig};
use crate::failure::Failure;

/// Attempts at once where the configuration says nothing.
const CONCURRENCY: u32 = 16;
const OUTPUT_CAP: u32 = 1_024;
/// The built-in target that searches indexes.
const SEARCH: &str = "local/fts";

pub(crate) type Table = Vec<(Target, Arc<dyn Adapter>)>;

/// Everything that can serve tasks: configured targets first, then search, then the offline model. Their order is that of preference.
pub(crate) fn rows(config: &Config) -> Vec<Target> {
    let mut rows: Vec<Target> = config.targets.iter().map(|(name, given)| target(name, given)).collect();
    rows.push(plain(SEARCH, Capability::Retrieve, 8));
    if config.offline {
        let model = |name: &str, class: &str| {
            let mut target = plain(name, Capability::Chat, CONCURRENCY);
            target.classes = vec![class.into()];
            target.output_cap = OUTPUT_CAP;
            target.bytes_per_token_min = 1;
            target
        };
        rows.push(model("offline/small", "small"));
        rows.push(model("offline/large", "large"));
        rows.push(plain("offline/moderate", Capability::Moderate, CONCURRENCY));
        rows.push(plain("offline/translate", Capability::Translate, CONCURRENCY));
    }
    rows
}

/// The targets with the code that speaks to them; `data` holds the indexes.
pub(crate) fn table(config: &Config, data: &Path, indexes: BTreeMap<String, Arc<Index>>) -> Result<Table, Failure> {
    config.sound()?;
    let mut search = Some(Retrieve::new(indexes).with_folder(data.join("indexes")));
    let mut table: Table = Vec::new();
    for target in rows(config) {
        let adapter: Arc<dyn Adapter> =
            match (config.targets.get(&*target.name), search.take_if(|_| *target.name == *SEARCH)) {
                (Some(given), _) => adapter(&target.name, given, &config.folder)?,
                (None, Some(search)) => Arc::new(search),
                (None, None) => Arc::new(Offline::new(skill(&target), Temper::default())),
            };
        table.push((target, adapter));
    }
    Ok(table)
}

/// What a built-in target is good at.
fn skill(target: &Target) -> Skill {
    match target.capabilities.first() {
        Some(Capability::Moderate) => Skill::Moderate,
        Some(Capability::Translate) => Skill::Translate,
        _ => Skill::Chat,
    }
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

fn adapter(name: &str, given: &TargetConfig, folder: &Path) -> Result<Arc<dyn Adapter>, Failure> {
    let model = |profile, skill| -> Result<Arc<dyn Adapter>, Failure> {
        match given.base_url.as_deref() {
            Some("offline") => Ok(Arc::new(Offline::new(skill, given.temper))),
            Some(base) => {
                let model = given.model.as_deref().ok_or_else(|| missing(name, "model"))?;
                Ok(Arc::new(Chat::new(base, model, key(name, given, folder)?, profile)?))
            }
            None => Err(missing(name, "base_url")),
        }
    };
    match given.kind {
        Kind::Chat => model(Profile::Chat, Skill::Chat),
        Kind::Moderate => model(Profile::Moderate, Skill::Moderate),
        Kind::Translate => model(Profile::Translate, Skill::Translate),
        Kind::Http => Ok(Arc::new(Http::new(given.allow.clone(), given.private)?)),
        Kind::Exec => {
            let mut exec = Exec { allow: given.allow.clone(), ..Exec::default() };
            exec.folder = given.folder.as_ref().map_or_else(|| folder.to_owned(), |below| folder.join(below));
            exec.per_run = given.per_run;
            exec.environment.extend(given.environment.iter().cloned());
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
