//! Whose configuration is in force: the owner's of the data directory. A client says when it would have used another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use agendum_retrieve_fts::IndexName;
use agendum_spec::Accepted;
use agendum_types::graph::{Rung, Work};
use agendum_types::{Capability, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::config::Config;
use crate::host::index_folder;
use crate::targets;

/// A configuration as the owner tells it to its clients: names and definitions, no keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InForce {
    /// The file; none for the defaults.
    file: Option<PathBuf>,
    targets: Vec<Served>,
    /// Definitions by name.
    indexes: BTreeMap<String, String>,
    limits: String,
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
            limits: format!("{:?}", config.limits.0),
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

    /// What another configuration has that is not here, or is here otherwise.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let names: BTreeSet<&str> =
            self.targets.iter().chain(&other.targets).map(|target| target.name.as_str()).collect();
        for name in names {
            let of = |all: &Self| all.targets.iter().find(|target| target.name == name).cloned();
            if of(self) != of(other) {
                found.push(format!("target {name}"));
            }
        }
        let names: BTreeSet<&String> = self.indexes.keys().chain(other.indexes.keys()).collect();
        found.extend(
            names
                .into_iter()
                .filter(|name| self.indexes.get(*name) != other.indexes.get(*name))
                .map(|name| format!("index {name}")),
        );
        if self.limits != other.limits {
            found.push("limits".to_owned());
        }
        found
    }

    /// What the graph needs and the owner does not have.
    pub(crate) fn lacks(&self, accepted: &Accepted, inputs: &Json, data: &Path) -> BTreeSet<String> {
        let targets: Vec<Target> = self.targets.iter().map(Served::target).collect();
        let mut lacks = BTreeSet::new();
        for task in &accepted.graph.tasks {
            let Work::Call(call) = &task.work else { continue };
            let (capability, asked) = (call.capability, &call.requirement);
            if !targets.iter().any(|target| target.serves(capability, asked)) {
                lacks.insert(match (asked.allow.as_slice(), &asked.class) {
                    ([], Some(class)) => format!("a target of class {class} for {capability}"),
                    ([], None) => format!("a target for {capability}"),
                    (allow, _) => format!("target {}", allow.join(" or ")),
                });
            }
            for rung in &task.catch {
                if let Rung::Target(name) = &rung.rung
                    && !targets.iter().any(|target| target.name == *name && target.can(capability))
                {
                    lacks.insert(format!("target {name}"));
                }
            }
        }
        let document: Json = serde_json::from_str(&accepted.document.0).unwrap_or_default();
        for name in indexes(&document, inputs) {
            let made = || name.parse::<IndexName>().is_ok_and(|name| name.file(&index_folder(data)).is_file());
            if !self.indexes.contains_key(&name) && !made() {
                lacks.insert(format!("index {name}"));
            }
        }
        lacks
    }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// The indexes that a document names outright, or by an input. What it computes is not known before it runs.
fn indexes(document: &Json, inputs: &Json) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut left = vec![document];
    while let Some(value) = left.pop() {
        if value["uses"] == "retrieve"
            && let Some(index) = value["with"]["index"].as_str()
        {
            let input = index.strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}"));
            let name = input.map_or(Some(index), |input| inputs[input].as_str());
            names.extend(name.filter(|name| !name.contains("${{")).map(str::to_owned));
        }
        match value {
            Json::Object(fields) => left.extend(fields.values()),
            Json::Array(items) => left.extend(items),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    names
}
