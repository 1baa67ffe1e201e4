//! `agendum.toml`: targets, indexes, limits. Keys are never in it: they come from the environment or from files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agendum_adapters::offline::Temper;
use serde::Deserialize;

use crate::failure::Failure;

const FILE: &str = "agendum.toml";

/// The configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where journal, blobs and indexes are, relative to the file.
    #[serde(default)]
    pub(crate) data: Option<PathBuf>,
    /// Folders to search in, by index name.
    #[serde(default)]
    pub(crate) indexes: BTreeMap<String, IndexConfig>,
    /// What serves tasks, by target name.
    #[serde(default)]
    pub(crate) targets: BTreeMap<String, TargetConfig>,
    /// False: no offline targets beside the configured ones.
    #[serde(default = "yes")]
    pub(crate) offline: bool,
    /// The folder of the file; what relative paths are relative to.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    /// The file, if there is one.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
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
    #[serde(default)]
    pub(crate) quota_group: Option<String>,
    /// Labels of data it may see.
    #[serde(default)]
    pub(crate) clearance: Vec<String>,
    #[serde(default)]
    pub(crate) price: PriceConfig,
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
    /// `exec`: variables of our environment that programs see besides PATH, HOME, LANG, TMPDIR, TZ.
    #[serde(default)]
    pub(crate) environment: Vec<String>,
    /// `base_url = "offline"`: how badly it behaves.
    #[serde(default)]
    pub(crate) temper: Temper,
}

/// US dollars.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PriceConfig {
    /// Per million input tokens.
    pub(crate) input: f64,
    /// Per million input tokens read from the provider's cache; `input` where absent.
    pub(crate) cached: Option<f64>,
    /// Per million output tokens.
    pub(crate) output: f64,
    /// Per call.
    pub(crate) call: f64,
}

impl Config {
    /// Reads the named file, else the one beside the graph, else the one here; without any, the defaults.
    pub(crate) fn find(named: Option<&Path>, graph: Option<&Path>) -> Result<Self, Failure> {
        if let Some(path) = named {
            return Self::read(path);
        }
        let beside = graph.and_then(Path::parent).map(|folder| folder.join(FILE));
        let here = PathBuf::from(FILE);
        match beside.into_iter().chain([here]).find(|path| path.is_file()) {
            Some(path) => Self::read(&path),
            None => Ok(Self { offline: true, folder: PathBuf::from("."), ..Self::default() }),
        }
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            Failure::usage(format!("{}: {error}", path.display())).hint("docs/configuration.md lists every key")
        })?;
        config.folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        config.file = Some(path.to_owned());
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
