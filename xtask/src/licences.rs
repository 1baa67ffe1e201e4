//! Every dependency has a licence that `deny.toml` allows, without a second tool.

use std::fs;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::MetadataCommand;

/// Checks all packages of the lock file.
pub(crate) fn check() -> Result<()> {
    let deny: toml::Table = toml::from_str(&fs::read_to_string("deny.toml")?)?;
    let allowed = deny.get("licenses").and_then(|licences| licences.get("allow")).and_then(toml::Value::as_array);
    let allowed: Vec<&str> =
        allowed.context("deny.toml has no `licenses.allow`")?.iter().filter_map(toml::Value::as_str).collect();
    let mut wrong = Vec::new();
    for package in &MetadataCommand::new().exec()?.packages {
        let licence = package.license.as_deref().unwrap_or("none");
        if !is_allowed(licence, &allowed) {
            wrong.push(format!("{} {}: {licence}", package.name, package.version));
        }
    }
    if !wrong.is_empty() {
        bail!("licences that nobody has looked at:\n{}", wrong.join("\n"));
    }
    Ok(())
}

/// An expression is allowed if each part joined by AND offers a licence that is.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|one| allowed.contains(&one.trim())))
}
