//! Whose configuration is in force: the owner's of the data directory. A client says when it would have used another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use agendum_spec::Accepted;
use agendum_spec::policy;
use agendum_spec::served::{self, Serving};
use agendum_store_sqlite::{Directory, Owner};
use agendum_types::graph::{Catch, Rung, Work};
use agendum_types::{Capability, Graph, Limits, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::config::Config;
use crate::failure::{FAILED, Failure};
use crate::host::made_indexes;
use crate::policies::Found;
use crate::targets;

/// A configuration as the owner tells it to its clients: names and definitions, no keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InForce {
    /// The file; none for the defaults.
    file: Option<PathBuf>,
    targets: Vec<Served>,
    /// Definitions by name.
    indexes: BTreeMap<String, String>,
    /// Values by name.
    limits: BTreeMap<String, String>,
    /// What endpoints are told, by name.
    #[serde(default)]
    notices: BTreeMap<String, String>,
    /// None of an owner that knew of no policies, and where it cannot be read.
    #[serde(default)]
    policy: Option<Rules>,
}

/// A policy: its identity, and all that it says, whatever becomes of its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rules {
    name: String,
    hash: String,
    file: Option<PathBuf>,
    document: String,
}

impl Rules {
    fn of(found: &Found) -> Self {
        Self {
            name: found.name().to_owned(),
            hash: found.hash(),
            file: found.file.as_deref().map(absolute),
            document: found.accepted.document.to_string(),
        }
    }

    fn found(&self) -> Option<Found> {
        let limits = Limits { document_bytes_max: self.document.len(), ..Limits::STANDARD };
        let accepted = policy::check(&self.document, &limits).accepted;
        accepted.map(|accepted| Found { accepted, file: self.file.clone() })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Served {
    name: String,
    can: Vec<String>,
    classes: Vec<String>,
    definition: String,
}

impl Served {
    /// As far as it says what may be served.
    fn target(&self) -> Target {
        let capabilities = self.can.iter().filter_map(|word| Capability::from_word(word)).collect();
        let classes = self.classes.iter().map(|class| class.as_str().into()).collect();
        Target { capabilities, classes, ..Target::free(&self.name, Capability::Chat, 1) }
    }
}

impl InForce {
    pub(crate) fn of(config: &Config) -> Self {
        let served = |target: Target| Served {
            can: target.capabilities.iter().map(|capability| capability.word().to_owned()).collect(),
            classes: target.classes.iter().map(ToString::to_string).collect(),
            definition: config.targets.get(&*target.name).map_or_else(String::new, |given| {
                let relative = given.folder.is_some() || given.key_file.is_some();
                let from = if relative { absolute(&config.folder) } else { PathBuf::new() };
                format!("{given:?} {}", from.display())
            }),
            name: target.name.to_string(),
        };
        let paths = |paths: &[PathBuf]| -> BTreeSet<PathBuf> {
            paths.iter().map(|path| absolute(&config.folder.join(path))).collect()
        };
        Self {
            file: config.file.as_deref().map(absolute),
            targets: targets::declared(config).into_iter().map(served).collect(),
            indexes: config
                .indexes
                .iter()
                .map(|(name, index)| (name.clone(), format!("{:?}", paths(&index.paths))))
                .collect(),
            limits: {
                let limits = config.limits.lines().into_iter().map(|(name, value, ..)| (name.to_owned(), value));
                let budgets = config.budgets.lines().into_iter();
                let cache = config.cache.lines().into_iter().map(|(name, value)| (format!("cache.{name}"), value));
                let pools = config.pools.lines().map(|(name, units)| (format!("pools.{name}"), units.to_string()));
                limits
                    .chain(pools)
                    .chain(budgets.map(|(name, value)| (format!("budgets.{name}"), value)))
                    .chain(cache)
                    .collect()
            },
            notices: config.notices_lines().into_iter().map(|(name, line)| (name.to_owned(), line)).collect(),
            policy: config.policy().ok().map(|found| Rules::of(&found)),
        }
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// As the owner told it; `None` from an owner that tells nothing.
    pub(crate) fn read(about: &Json) -> Option<Self> {
        serde_json::from_value(about.clone()).ok()
    }

    /// Its file, as people read it.
    pub(crate) fn name(&self) -> String {
        self.file.as_ref().map_or_else(|| "the defaults".to_owned(), |file| file.display().to_string())
    }

    /// What the owner of a data directory has in force, if that is another process, and what is not as it is in ours.
    pub(crate) fn other(data: &Path, ours: &Self) -> Option<(Owner, Self, Vec<String>)> {
        let owner = Directory::look(data).owner()?;
        let theirs = Self::read(&owner.about)?;
        let differences = theirs.differences(ours);
        Some((owner, theirs, differences))
    }

    /// That it is in force for this data directory, whose owner has it, and what our configuration has otherwise.
    pub(crate) fn note(&self, owner: &Owner, data: &Path, ours: &Self, differences: &[String]) -> String {
        let (hosted, differ) = (self.hosted(owner, data), differences.join(", "));
        let name = match &self.file {
            file if *file != ours.file => ours.name(),
            Some(_) => "what this command makes of that file and its environment".to_owned(),
            None => "what this command makes of its environment".to_owned(),
        };
        format!("note: {hosted}, which is in force, not {name}; different: {differ}")
    }

    /// Which process hosts this data directory with it.
    pub(crate) fn hosted(&self, owner: &Owner, data: &Path) -> String {
        format!("process {} hosts {} with {}", owner.pid, data.display(), self.name())
    }

    /// The whole configuration, keys included, if its file and this environment still say the same.
    pub(crate) fn whole(&self) -> Option<Config> {
        let read = Config::open(self.file.clone()).ok();
        // A `demo` heeds no environment.
        read.into_iter().chain([Config::plain()]).find(|config| Self::of(config) == *self)
    }

    /// Its policy. An error where it does not tell one that this release can read.
    pub(crate) fn policy(&self) -> Result<Found, Failure> {
        let read = self.policy.as_ref().and_then(Rules::found);
        read.ok_or_else(|| {
            Failure::new(FAILED, "the process that owns the data directory tells no policy that can be read here")
        })
    }

    /// What another configuration has that is not here, or is here otherwise.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let [here, there] = [self, other].map(|of| of.policy.as_ref().map(|rules| (&*rules.name, &*rules.hash)));
        if here != there {
            let [here, there] = [here, there].map(|of| of.map_or("none", |(name, _)| name));
            found.push(if here == there { format!("policy {here}") } else { format!("policy {here} (not {there})") });
        }
        let names: BTreeSet<&str> =
            self.targets.iter().chain(&other.targets).map(|target| target.name.as_str()).collect();
        for name in names {
            let of = |all: &Self| all.targets.iter().find(|target| target.name == name).cloned();
            if of(self) != of(other) {
                found.push(format!("target {name}"));
            }
        }
        let named = [
            ("index", &self.indexes, &other.indexes),
            ("limit", &self.limits, &other.limits),
            ("notices", &self.notices, &other.notices),
        ];
        for (kind, ours, theirs) in named {
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            let other = names.into_iter().filter(|name| ours.get(*name) != theirs.get(*name));
            found.extend(other.map(|name| format!("{kind} {name}")));
        }
        found
    }

    /// What the graph needs and the owner does not have; `data` is where indexes were made.
    pub(crate) fn lacks(&self, accepted: &Accepted, inputs: &Json, data: &Path, limits: &Limits) -> BTreeSet<String> {
        let targets: Vec<Target> = self.targets.iter().map(Served::target).collect();
        let indexes = self.indexes.keys().cloned().chain(made_indexes(data)).collect();
        let serving = Serving { targets: &targets, indexes: &indexes, pools: None, inputs: Some(inputs) };
        served::lacks(&accepted.document, serving, limits)
    }

    /// A target that the graph might be served by, and that another configuration does not have.
    pub(crate) fn stranger(&self, other: &Self, graph: &Graph) -> Option<&str> {
        let serves = |served: &&Served| {
            let target = served.target();
            graph.tasks.iter().any(|task| match &task.work {
                Work::Call(call) => {
                    let named = |rung: &Catch| matches!(&rung.rung, Rung::Target(name) if *name == target.name);
                    target.serves(call.capability, &call.requirement)
                        || target.can(call.capability) && task.catch.iter().any(named)
                }
                Work::Group(_) => false,
            })
        };
        let strange = |served: &&Served| !other.targets.contains(served);
        self.targets.iter().filter(strange).find(serves).map(|served| served.name.as_str())
    }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}
