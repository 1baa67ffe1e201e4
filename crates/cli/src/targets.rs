//! From configuration to targets with their adapters.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration as Span;

use agendum_adapters::chat::{Profile, Secret};
use agendum_adapters::exec::{self, Guard};
use agendum_adapters::offline::{Skill, Temper};
use agendum_adapters::{Chat, Exec, Http, Offline, Timeouts};
use agendum_ports::Adapter;
use agendum_retrieve_fts::{Index, Retrieve};
use agendum_types::outcome::Price;
use agendum_types::target::{Bound, Cold, Rate};
use agendum_types::{Capability, Duration, Hash, Labels, Money, Target};

use crate::config::{Config, Kind, PriceConfig, TargetConfig};
use crate::failure::Failure;
use crate::host::index_folder;

/// Attempts at once where the configuration says nothing.
const CONCURRENCY: u32 = 16;
const OUTPUT_CAP: u32 = 1_024;
/// Tokens of inputs that a model is thought to remember where the configuration says nothing.
const REMEMBERS: u64 = 1_000_000;

pub(crate) type Table = Vec<(Target, Arc<dyn Adapter>)>;

/// The targets with the code that speaks to them, in the order of their names and then the built-in ones; `data` holds the indexes. The configuration is
/// [sound](Config::sound).
pub(crate) fn table(config: &Config, data: &Path, indexes: BTreeMap<String, Arc<Index>>) -> Result<Table, Failure> {
    let mut table: Table = Vec::new();
    // One for all of them; its process starts with the first program.
    let guard = Arc::new(Guard::new(std::env::current_exe()?, [crate::GUARD.into()]));
    for (name, given) in &config.targets {
        table.push((target(name, given, &config.folder), adapter(given, &config.folder, &guard)?));
    }
    table.push((search(), Arc::new(Retrieve::new(indexes, Some(index_folder(data))))));
    for (target, skill) in offline(config) {
        table.push((target, Arc::new(Offline::new(skill, Temper::default()))));
    }
    Ok(table)
}

/// The same without what serves them: no key is needed to know what there is.
pub(crate) fn declared(config: &Config) -> Vec<Target> {
    let configured = config.targets.iter().map(|(name, given)| target(name, given, &config.folder));
    configured.chain([search()]).chain(offline(config).into_iter().map(|(target, _)| target)).collect()
}

fn search() -> Target {
    let attempt_max = Some(longest(agendum_retrieve_fts::WHOLE));
    inside(Target { attempt_max, ..built_in("local/fts", Capability::Retrieve, 8) })
}

/// Taken where no configured target is free.
fn offline(config: &Config) -> Vec<(Target, Skill)> {
    if !config.offline {
        return Vec::new();
    }
    let model = |name: &str, class: &str| {
        let mut target = built_in(name, Capability::Chat, CONCURRENCY);
        target.classes = vec![class.into()];
        target.output_cap = OUTPUT_CAP;
        target.bytes_per_token_min = 1;
        inside(target)
    };
    vec![
        (model("offline/small", "small"), Skill::Chat),
        (model("offline/large", "large"), Skill::Chat),
        (inside(built_in("offline/moderate", Capability::Moderate, CONCURRENCY)), Skill::Moderate),
        (inside(built_in("offline/translate", Capability::Translate, CONCURRENCY)), Skill::Translate),
    ]
}

/// It runs inside this process: what it sees goes nowhere, and what is configured is taken before it.
fn inside(target: Target) -> Target {
    Target { clearance: Labels::new([Target::EVERYTHING]), last_resort: true, ..target }
}

/// As the core reckons.
fn longest(span: Span) -> Duration {
    Duration::micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

/// One that is built in, and takes milliseconds.
fn built_in(name: &str, capability: Capability, concurrency_max: u32) -> Target {
    Target {
        expected: Duration::millis(5),
        attempt_max: Some(longest(Timeouts::CHAT.whole)),
        // What is built in is what it is until the next release.
        digest: hashed(&format!("{name} {}", env!("CARGO_PKG_VERSION"))),
        ..Target::free(name, capability, concurrency_max)
    }
}

fn target(name: &str, given: &TargetConfig, folder: &Path) -> Target {
    let capability = match given.kind {
        Kind::Chat => Capability::Chat,
        Kind::Moderate => Capability::Moderate,
        Kind::Translate => Capability::Translate,
        Kind::Http => Capability::Http,
        Kind::Exec => Capability::Exec,
    };
    let counts_tokens = given.model.is_some();
    let cap = if counts_tokens || is_capped(given) { OUTPUT_CAP } else { 0 };
    Target {
        classes: given.classes.iter().map(|class| class.as_str().into()).collect(),
        price: price(&given.price()),
        quota_group: given.quota_group.as_deref().map(Into::into),
        rate: Rate { requests: given.rate.requests, tokens: given.rate.tokens },
        clearance: Labels::new(given.clearance.iter().map(String::as_str)),
        output_cap: given.output_cap.unwrap_or(cap),
        expected: Duration::millis(if counts_tokens { 2_000 } else { 200 }),
        attempt_max: Some(longest(timeouts(given).whole)),
        max_cost: given.max_cost.and_then(Money::from_dollars),
        bound: if given.is_bounded() { Bound::Hard } else { Bound::Estimated },
        digest: digest(name, given, folder),
        per_run: given.per_run,
        cold: given.cold.map(|cold| Cold { after: longest(cold.after.0), start: longest(cold.start.0) }),
        bytes_per_s: given.bytes_per_s.map(NonZeroU64::get),
        remembers: given.remembers.unwrap_or(if given.kind == Kind::Chat && counts_tokens { REMEMBERS } else { 0 }),
        ..built_in(name, capability, given.concurrency.unwrap_or(CONCURRENCY))
    }
}

/// The built-in model keeps to the cap of a `chat` as any other does, and needs no name for that.
fn is_capped(given: &TargetConfig) -> bool {
    given.kind == Kind::Chat && given.is_offline()
}

/// Of all that can change what it answers: another model, another address, other programs, or the same in another place. Not of what it
/// costs, how much it takes, or whose key pays for it.
fn digest(name: &str, given: &TargetConfig, folder: &Path) -> Hash {
    let own = if given.is_offline() { env!("CARGO_PKG_VERSION") } else { "" };
    let of = (&given.base_url, &given.model, given.per_run, &given.allow, given.private);
    let more = (&given.env_allow, given.output_cap, own);
    let around = (given.kind == Kind::Exec).then(|| surroundings(given, folder));
    hashed(&format!("{name} {:?} {of:?} {more:?} {around:?}", given.kind))
}

/// Where programs start, and what they see of our environment: two projects with one data directory may write both alike and mean others.
fn surroundings(given: &TargetConfig, folder: &Path) -> (PathBuf, BTreeMap<String, Option<OsString>>) {
    let place = given.folder_below(folder);
    // A folder for each run is made with its first program.
    let place = place.canonicalize().or_else(|_| std::path::absolute(&place)).unwrap_or(place);
    // Where temporary files lie changes from session to session, and no answer.
    let seen = Exec::default().environment.into_iter().filter(|name| name != "TMPDIR");
    let seen = seen.chain(given.environment.iter().cloned());
    let values = seen.map(|name| (name.clone(), std::env::var_os(name))).collect();
    (place, values)
}

fn hashed(text: &str) -> Hash {
    Hash(*blake3::hash(text.as_bytes()).as_bytes())
}

fn price(given: &PriceConfig) -> Price {
    let money = |dollars: f64| Money::from_dollars(dollars).unwrap_or_default();
    let per_million = |dollars: f64| money(dollars / 1e6);
    Price {
        token_in: per_million(given.input),
        token_cached: per_million(given.cached.unwrap_or(given.input)),
        token_written: per_million(given.cache_write.unwrap_or(given.input)),
        token_out: per_million(given.output),
        call: money(given.call),
        egress_gib: money(given.egress_gib),
    }
}

fn adapter(given: &TargetConfig, folder: &Path, guard: &Arc<Guard>) -> Result<Arc<dyn Adapter>, Failure> {
    let model = |profile, skill| -> Result<Arc<dyn Adapter>, Failure> {
        if given.is_offline() {
            return Ok(Arc::new(Offline::new(skill, given.temper).within(timeouts(given).whole)));
        }
        let (base, model) = given.base_url.as_deref().zip(given.model.as_deref()).expect("sound: a model has both");
        let chat = Chat::new(base, model, key(given, folder)?, profile)?;
        Ok(Arc::new(chat.with_timeouts(timeouts(given))?))
    };
    match given.kind {
        Kind::Chat => model(Profile::Chat, Skill::Chat),
        Kind::Moderate => model(Profile::Moderate, Skill::Moderate),
        Kind::Translate => model(Profile::Translate, Skill::Translate),
        Kind::Http => {
            let http = Http::new(given.allow.clone(), given.private)?;
            Ok(Arc::new(http.with_timeouts(timeouts(given))?))
        }
        Kind::Exec => {
            let mut exec = Exec { allow: given.allow.clone(), ..Exec::default() };
            exec.folder = given.folder_below(folder);
            exec.per_run = given.per_run;
            exec.environment.extend(given.environment.iter().cloned());
            exec.env_allow.clone_from(&given.env_allow);
            exec.guard = Some(Arc::clone(guard));
            exec.whole = timeouts(given).whole;
            Ok(Arc::new(exec))
        }
    }
}

/// The limits of time of a target.
fn timeouts(given: &TargetConfig) -> Timeouts {
    given.timeout.or(match given.kind {
        Kind::Chat | Kind::Moderate | Kind::Translate => Timeouts::CHAT,
        Kind::Http => Timeouts::HTTP,
        Kind::Exec => Timeouts { whole: exec::WHOLE, ..Timeouts::HTTP },
    })
}

/// The key, if it has one.
fn key(given: &TargetConfig, folder: &Path) -> Result<Option<Secret>, Failure> {
    let text = match (&given.key_env, &given.key_file) {
        (Some(variable), _) => std::env::var(variable)?,
        (None, Some(file)) => std::fs::read_to_string(folder.join(file))?,
        (None, None) => return Ok(None),
    };
    Ok(Some(Secret::new(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_another_place_or_with_other_variables_is_another() {
        let folders = tempfile::tempdir().expect("a folder");
        let (here, there) = (folders.path().join("a"), folders.path().join("b"));
        for folder in [&here, &there] {
            std::fs::create_dir_all(folder.join("sub")).expect("a folder below");
        }
        let exec = TargetConfig { folder: Some("sub".into()), ..TargetConfig::of(Kind::Exec) };
        let first = digest("t", &exec, &here);
        assert_eq!(first, digest("t", &exec, &here.join("sub/..")), "the same folder in other words");
        assert_ne!(first, digest("t", &exec, &there), "the same words in another folder");
        let sees = |name: &str| TargetConfig { environment: vec![name.to_owned()], ..exec.clone() };
        let values = surroundings(&sees("CARGO_PKG_NAME"), &here).1;
        assert_eq!(values["CARGO_PKG_NAME"], std::env::var_os("CARGO_PKG_NAME"), "the value counts");
        assert_ne!(digest("t", &sees("CARGO_PKG_NAME"), &here), digest("t", &sees("NOBODY_SETS_THIS"), &here));
        let chat = TargetConfig::of(Kind::Chat);
        assert_eq!(digest("t", &chat, &here), digest("t", &chat, &there), "a model answers alike everywhere");
    }
}
