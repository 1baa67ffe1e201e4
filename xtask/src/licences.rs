//! Every dependency has a licence that allows what we do with it.

use anyhow::{Result, bail};
use cargo_metadata::MetadataCommand;

/// Licences that ask for a notice and nothing else; the same list as in `deny.toml`.
const ALLOWED: [&str; 12] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "MPL-2.0",
    "CDLA-Permissive-2.0",
];
/// Public-domain-like.
const FREE: [&str; 3] = ["CC0-1.0", "Unlicense", "BSL-1.0"];

/// Checks all packages of the lock file.
pub(crate) fn check() -> Result<()> {
    let metadata = MetadataCommand::new().exec()?;
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let licence = package.license.as_deref().unwrap_or("none");
        if !is_allowed(licence) {
            wrong.push(format!("{} {}: {licence}", package.name, package.version));
        }
    }
    if !wrong.is_empty() {
        bail!("licences that nobody has looked at:\n{}", wrong.join("\n"));
    }
    Ok(())
}

/// An expression is allowed if each part joined by AND offers a licence that is.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain
        .split(" AND ")
        .all(|part| part.split(" OR ").map(str::trim).any(|one| ALLOWED.contains(&one) || FREE.contains(&one)))
}
