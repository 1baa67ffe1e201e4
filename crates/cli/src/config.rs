//! `agendum.toml`: targets, indexes, limits. Keys are never in it: they come from the environment or from files.

mod age;
mod budgets;
mod cache;
mod environment;
mod faults;
mod further;
mod limits;
mod notices;
mod openai;
mod policy;
mod pools;
mod prices;
mod retention;
mod timeouts;
mod webhooks;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use agendum_adapters::offline::Temper;
use serde::Deserialize;

use crate::config::environment::Override;
use crate::failure::Failure;

pub(crate) use age::Age;
pub(crate) use budgets::Budgets;
pub(crate) use cache::CacheConfig;
pub(crate) use faults::{Fault, failure as faulty};
pub(crate) use limits::Intake;
pub(crate) use notices::NoticesConfig;
pub(crate) use pools::Pools;
pub(crate) use retention::Retention;
pub(crate) use timeouts::TimeoutConfig;
use timeouts::Wait;
pub(crate) use webhooks::WebhooksConfig;

const FILE: &str = "agendum.toml";
const HINT: &str = "docs/configuration.md lists every key";

/// The configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where journal, blobs and indexes are, relative to the file.
    #[serde(default)]
    pub(crate) data: Option<PathBuf>,
    /// By which rules the scheduler chooses: a built-in policy by its name, or a file, relative to this one.
    #[serde(default)]
    pub(crate) policy: Option<PathBuf>,
    /// Folders to search in, by index name.
    #[serde(default)]
    pub(crate) indexes: BTreeMap<String, IndexConfig>,
    /// What serves tasks, by target name.
    #[serde(default)]
    pub(crate) targets: BTreeMap<String, TargetConfig>,
    /// `[pools]`: units that attempts hold beside their target, by pool.
    #[serde(default)]
    pub(crate) pools: Pools,
    /// `[limits]`: of what is taken in.
    #[serde(default)]
    pub(crate) limits: Intake,
    /// `[budgets]`: what may be spent in an hour, a day, a month.
    #[serde(default)]
    pub(crate) budgets: Budgets,
    /// `[retention]`: how long what is done is kept.
    #[serde(default)]
    pub(crate) retention: Retention,
    /// `[notices.NAME]`: whom to tell what becomes of runs.
    #[serde(default)]
    pub(crate) notices: BTreeMap<String, NoticesConfig>,
    /// `[cache]`: how much is kept of what tasks gave, and for how long.
    #[serde(default)]
    pub(crate) cache: CacheConfig,
    /// `[webhooks]`: what webhooks in are signed with.
    #[serde(default)]
    pub(crate) webhooks: WebhooksConfig,
    /// False: no offline targets beside the configured ones.
    #[serde(default = "yes")]
    pub(crate) offline: bool,
    /// The folder of the file; what relative paths are relative to.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    /// The file, if there is one.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// Variables of the environment that changed something.
    #[serde(skip)]
    pub(crate) overrides: Vec<String>,
    /// True: a target was added because a key is in the environment.
    #[serde(skip)]
    pub(crate) has_key_target: bool,
}

const fn yes() -> bool {
    true
}

/// `[indexes.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexConfig {
    /// Folders or files, relative to the configuration.
    pub(crate) paths: Vec<PathBuf>,
}

/// What kind of adapter a target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Chat,
    Moderate,
    Translate,
    Http,
    Exec,
}

/// `[targets."NAME"]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetConfig {
    pub(crate) kind: Kind,
    /// `https://api.openai.com/v1`; `offline` for the built-in model.
    #[serde(default)]
    pub(crate) base_url: Option<String>,
    #[serde(default)]
    pub(crate) model: Option<String>,
    /// The environment variable that holds the key.
    #[serde(default)]
    pub(crate) key_env: Option<String>,
    /// A file that holds the key.
    #[serde(default)]
    pub(crate) key_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) classes: Vec<String>,
    #[serde(default)]
    pub(crate) concurrency: Option<u32>,
    /// Tokens of the inputs that it has read which it need not read again.
    #[serde(default)]
    pub(crate) remembers: Option<u64>,
    /// How it goes cold.
    #[serde(default)]
    pub(crate) cold: Option<ColdConfig>,
    /// How many bytes of an input reach it in a second.
    #[serde(default)]
    pub(crate) bytes_per_s: Option<NonZeroU64>,
    #[serde(default)]
    pub(crate) quota_group: Option<String>,
    /// What its provider lets through in a minute, of its quota group together.
    #[serde(default)]
    pub(crate) rate: RateConfig,
    /// Labels of data it may see.
    #[serde(default)]
    pub(crate) clearance: Vec<String>,
    /// Where absent, the public price of the model, if there is one.
    #[serde(default)]
    pub(crate) price: Option<PriceConfig>,
    /// US dollars that an attempt costs at most, where its provider says so: that is set aside instead of what the price gives.
    #[serde(default)]
    pub(crate) max_cost: Option<f64>,
    /// Output tokens where the task names no cap.
    #[serde(default)]
    pub(crate) output_cap: Option<u32>,
    /// Hosts (`http`) or programs (`exec`) that graphs may name.
    #[serde(default)]
    pub(crate) allow: Vec<String>,
    /// `http`: addresses of private networks are allowed.
    #[serde(default)]
    pub(crate) private: bool,
    /// `exec`: where programs start, relative to the configuration.
    #[serde(default)]
    pub(crate) folder: Option<PathBuf>,
    /// `exec`: each run has its own folder below that.
    #[serde(default)]
    pub(crate) per_run: bool,
    /// `exec`: variables of our environment that programs see besides PATH, HOME, LANG, LC_ALL, TMPDIR, TZ.
    #[serde(default)]
    pub(crate) environment: Vec<String>,
    /// `exec`: variables that graphs may set with `env`.
    #[serde(default)]
    pub(crate) env_allow: Vec<String>,
    /// How long it may keep an attempt waiting.
    #[serde(default)]
    pub(crate) timeout: TimeoutConfig,
    /// `base_url = "offline"`: how badly it behaves.
    #[serde(default)]
    pub(crate) temper: Temper,
}

/// `cold` of a target: it has to load its model once it had nothing to do for some time.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColdConfig {
    /// For how long.
    pub(crate) after: Wait,
    /// How long that takes.
    pub(crate) start: Wait,
}

impl TargetConfig {
    /// What it costs: as configured, else as in the table of public prices, else as much as it may cost, else nothing.
    pub(crate) fn price(&self) -> PriceConfig {
        let public = || prices::of(self.base_url.as_deref()?, self.model.as_deref()?);
        let declared = || Some(PriceConfig { call: self.max_cost?, ..PriceConfig::default() });
        self.price.or_else(public).or_else(declared).unwrap_or_default()
    }

    /// True if what an attempt costs at most is sure: it is declared, or its price is known.
    pub(crate) fn is_bounded(&self) -> bool {
        let base = self.base_url.as_deref().unwrap_or_default();
        let known = || prices::of(base, self.model.as_deref().unwrap_or_default()).is_some();
        let sends_no_bill =
            || matches!(self.kind, Kind::Http | Kind::Exec) || self.is_offline() || prices::is_own(base);
        self.max_cost.is_some() || self.price.is_some() || sends_no_bill() || known()
    }

    /// True if the built-in model serves it.
    pub(crate) fn is_offline(&self) -> bool {
        self.base_url.as_deref() == Some("offline")
    }

    /// `exec`: where its programs start; `base` is the configuration's folder.
    pub(crate) fn folder_below(&self, base: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| base.to_owned(), |below| base.join(below))
    }

    /// One of which nothing else is said.
    pub(crate) const fn of(kind: Kind) -> Self {
        Self {
            kind,
            base_url: None,
            model: None,
            key_env: None,
            key_file: None,
            classes: Vec::new(),
            concurrency: None,
            remembers: None,
            cold: None,
            bytes_per_s: None,
            quota_group: None,
            rate: RateConfig { requests: None, tokens: None },
            clearance: Vec::new(),
            price: None,
            output_cap: None,
            max_cost: None,
            allow: Vec::new(),
            private: false,
            folder: None,
            per_run: false,
            environment: Vec::new(),
            env_allow: Vec::new(),
            timeout: TimeoutConfig { connect: None, idle: None, whole: None },
            temper: Temper { delay_ms: 0, word_ms: 0, fail_every: 0, rate_limit_every: 0, cut_every: 0 },
        }
    }
}

/// What a provider lets through in a minute.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RateConfig {
    /// Requests.
    pub(crate) requests: Option<u64>,
    /// Tokens, in and out.
    pub(crate) tokens: Option<u64>,
}

/// US dollars.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PriceConfig {
    /// Per million input tokens.
    pub(crate) input: f64,
    /// Per million input tokens read from the provider's cache; `input` where absent.
    pub(crate) cached: Option<f64>,
    /// Per million input tokens written into the provider's cache; `input` where absent.
    pub(crate) cache_write: Option<f64>,
    /// Per million output tokens.
    pub(crate) output: f64,
    /// Per call.
    pub(crate) call: f64,
    /// Per GiB of request bodies.
    pub(crate) egress_gib: f64,
}

impl Config {
    /// Reads the named file, else the one beside the graph, else the one here, and what the environment says otherwise; without
    /// any, the defaults.
    pub(crate) fn find(named: Option<&Path>, graph: Option<&Path>) -> Result<Self, Failure> {
        let beside = graph.and_then(Path::parent).map(|folder| folder.join(FILE));
        let here = PathBuf::from(FILE);
        let found = || beside.into_iter().chain([here]).find(|path| path.is_file());
        Self::open(named.map(Path::to_owned).or_else(found))
    }

    /// Reads this file, and what the environment says otherwise; without one, the defaults.
    pub(crate) fn open(file: Option<PathBuf>) -> Result<Self, Failure> {
        let text = match &file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?,
        };
        let name = file.as_ref().map_or_else(|| FILE.to_owned(), |path| path.display().to_string());
        let mut config = Self::read(&name, &text, std::env::vars_os())?;
        config.folder = folder_of(file.as_deref());
        config.file = file;
        Ok(config)
    }

    /// No file, no environment: the built-in targets.
    pub(crate) fn plain() -> Self {
        Self { offline: true, folder: PathBuf::from("."), ..Self::default() }
    }

    /// What this text says, wherever it comes from: no file, no environment.
    pub(crate) fn told(text: &str) -> Result<Self, Failure> {
        Ok(Self { folder: PathBuf::from("."), ..Self::parse(FILE, text, Vec::new())? })
    }

    /// Reads the text of a file, then what the variables say otherwise.
    fn read(name: &str, text: &str, variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, Failure> {
        let variables: Vec<(OsString, OsString)> = variables.collect();
        let mut config = Self::parse(name, text, environment::overrides(variables.iter().cloned())?)?;
        openai::add(&mut config, |wanted| {
            let found = variables.iter().find(|(variable, _)| variable == wanted);
            found.and_then(|(_, value)| value.to_str()).map(str::to_owned)
        });
        Ok(config)
    }

    fn parse(name: &str, text: &str, overrides: Vec<Override>) -> Result<Self, Failure> {
        let mut config: Self = toml::from_str(text).map_err(|error| further::unread(name, text, &error))?;
        if overrides.is_empty() {
            return Ok(config);
        }
        config = overridden(text, overrides.iter()).map_err(|failure| match failure {
            Wrong::Override(failure) => failure,
            Wrong::Value(message) => {
                // Whoever can be left out to make it right is wrong; else all of them together are.
                let cured = |one: &&Override| overridden(text, overrides.iter().filter(|other| other != one)).is_ok();
                let culprit = overrides.iter().find(cured).map(|one| one.variable.clone());
                let all = || overrides.iter().map(|one| one.variable.as_str()).collect::<Vec<_>>().join(", ");
                let hint = suggestion(&message).unwrap_or_else(|| HINT.to_owned());
                Failure::usage(format!("{}: {message}", culprit.unwrap_or_else(all))).hint(hint)
            }
        })?;
        config.overrides = overrides.into_iter().map(|one| one.variable).collect();
        Ok(config)
    }

    /// Where the data is: flag or environment, configuration, platform.
    pub(crate) fn data(&self, named: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(path) = named {
            return Ok(path.to_owned());
        }
        if let Some(path) = &self.data {
            return Ok(self.folder.join(path));
        }
        let known = directories::ProjectDirs::from("", "", "agendum");
        let known = known.map(|known| known.data_dir().to_owned());
        known.ok_or_else(|| Failure::usage("this machine has no home folder").hint("name one with --data DIR"))
    }
}

fn folder_of(file: Option<&Path>) -> PathBuf {
    match file.and_then(Path::parent) {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What is wrong with overrides.
enum Wrong {
    /// One of them cannot be applied.
    Override(Failure),
    /// What comes out is no configuration.
    Value(String),
}

fn overridden<'o>(text: &str, overrides: impl Iterator<Item = &'o Override>) -> Result<Config, Wrong> {
    let wrong = |error: toml::de::Error| Wrong::Value(error.message().to_owned());
    let mut tree: toml::Table = toml::from_str(text).map_err(wrong)?;
    for one in overrides {
        one.apply(&mut tree).map_err(Wrong::Override)?;
    }
    tree.try_into().map_err(wrong)
}

/// Did you mean …? Serde says which words it knows: "unknown field `limit`, expected one of `data`, `limits`".
fn suggestion(message: &str) -> Option<String> {
    let words = message.strip_prefix("unknown field ").or_else(|| message.strip_prefix("unknown variant "))?;
    let mut words = words.split('`').skip(1).step_by(2);
    let word = words.next()?;
    agendum_spec::diagnostic::nearest(word, words).map(|best| format!("did you mean `{best}`?"))
}

#[cfg(test)]
mod tests;
