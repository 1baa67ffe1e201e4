//! The table of allowed dependencies, checked transitively over what a build links (development dependencies aside).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};

/// A crate of ours: what it may use of ours, directly, and what it must never reach.
struct Layer {
    name: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static str],
}

const RUNTIME: &[&str] = &["tokio", "rusqlite", "reqwest", "axum", "getrandom", "rand"];

const LAYERS: &[Layer] = &[
    Layer { name: "types", may_use: &[], never: RUNTIME },
    // A schema validator brings getrandom along for its hash maps; it is never called for an outcome.
    Layer { name: "schemas", may_use: &[], never: &["tokio", "rusqlite", "reqwest", "axum"] },
    Layer { name: "spec", may_use: &["types", "schemas"], never: &["tokio", "rusqlite", "reqwest", "axum"] },
    Layer {
        name: "core",
        may_use: &["types"],
        never: &["tokio", "rusqlite", "reqwest", "axum", "getrandom", "rand", "agendum-wire", "agendum-ports"],
    },
    Layer {
        name: "planner",
        may_use: &["types"],
        never: &[
            "tokio",
            "rusqlite",
            "reqwest",
            "axum",
            "getrandom",
            "rand",
            "agendum-wire",
            "agendum-ports",
            "agendum-core",
        ],
    },
    Layer { name: "wire", may_use: &["types", "core"], never: &["tokio", "rusqlite", "reqwest", "axum"] },
    Layer {
        name: "ports",
        may_use: &["types"],
        never: &["agendum-core", "agendum-wire", "rusqlite", "reqwest", "axum"],
    },
    Layer {
        name: "store-sqlite",
        may_use: &["ports", "types"],
        never: &["agendum-core", "agendum-wire", "agendum-engine", "reqwest", "axum"],
    },
    Layer {
        name: "retrieve-fts",
        may_use: &["ports", "types"],
        never: &["agendum-core", "agendum-wire", "agendum-engine", "reqwest", "axum"],
    },
    Layer {
        name: "adapters",
        may_use: &["ports", "schemas", "types"],
        never: &["agendum-core", "agendum-spec", "agendum-wire", "agendum-engine", "rusqlite", "axum"],
    },
    Layer {
        name: "engine",
        may_use: &["types", "spec", "core", "planner", "wire", "ports"],
        never: &["axum", "reqwest", "rusqlite"],
    },
    Layer {
        name: "sim",
        may_use: &["types", "spec", "core", "planner", "wire"],
        never: &["tokio", "agendum-ports", "rusqlite", "reqwest"],
    },
    Layer { name: "server", may_use: &["engine", "wire", "ports", "spec", "types"], never: &["rusqlite", "reqwest"] },
    Layer { name: "testkit", may_use: &["ports", "types"], never: &["agendum-core", "rusqlite", "reqwest"] },
    Layer {
        name: "cli",
        may_use: &[
            "types",
            "spec",
            "core",
            "planner",
            "wire",
            "ports",
            "store-sqlite",
            "retrieve-fts",
            "adapters",
            "engine",
            "server",
            "sim",
        ],
        never: &["agendum-testkit"],
    },
];

/// Checks the table.
pub(crate) fn check() -> Result<()> {
    let metadata = MetadataCommand::new().exec()?;
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let mut links: BTreeMap<&PackageId, Vec<&PackageId>> = BTreeMap::new();
    for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
        let normal = |dependency: &&cargo_metadata::NodeDep| {
            dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
        };
        links.insert(&node.id, node.deps.iter().filter(normal).map(|dependency| &dependency.pkg).collect());
    }
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(name) = package.name.strip_prefix("agendum-") else { continue };
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
            wrong.push(format!("{name} is not in the table of layers (xtask/src/layers.rs)"));
            continue;
        };
        for used in links.get(&package.id).into_iter().flatten().filter_map(|id| names[*id].strip_prefix("agendum-")) {
            if !layer.may_use.contains(&used) {
                wrong.push(format!("{name} uses {used}, which its layer does not allow"));
            }
        }
        wrong.extend(
            reached(&package.id, &links, &names, layer.never)
                .into_iter()
                .map(|way| format!("{name} must never reach {way}")),
        );
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

/// The ways on which a crate reaches what it must not.
fn reached(
    from: &PackageId,
    links: &BTreeMap<&PackageId, Vec<&PackageId>>,
    names: &BTreeMap<&PackageId, &str>,
    never: &[&str],
) -> Vec<String> {
    let mut ways = Vec::new();
    let mut seen: BTreeSet<&PackageId> = BTreeSet::new();
    let mut queue: VecDeque<(&PackageId, String)> = VecDeque::from([(from, names[from].to_owned())]);
    while let Some((at, way)) = queue.pop_front() {
        for next in links.get(at).into_iter().flatten() {
            let name = names[*next];
            let longer = format!("{way} → {name}");
            if never.contains(&name) {
                ways.push(format!("{name} ({longer})"));
            } else if seen.insert(next) {
                queue.push_back((next, longer));
            }
        }
    }
    ways
}
