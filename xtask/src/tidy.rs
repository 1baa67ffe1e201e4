//! The house rules that no lint knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Lines of a source file at most.
const LINES_MAX: usize = 500;
/// Characters of a line at most, where the formatter leaves a line alone.
const WIDTH_MAX: usize = 160;
/// Module and file names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helpers", "manager", "misc"];
/// Marks of work that is not done; put together here so that this file does not hold them.
const UNDONE: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Checks every source file and manifest of the workspace.
pub(crate) fn check() -> Result<()> {
    let (mut wrong, mut all) = (Vec::new(), BTreeSet::new());
    let mut crates: Vec<PathBuf> =
        fs::read_dir("crates")?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    crates.sort();
    crates.push(PathBuf::from("xtask"));
    for folder in crates {
        let mut files = Vec::new();
        gather(&folder, &mut files)?;
        let mut words = BTreeSet::new();
        for file in files {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            source(&file, &text, &mut wrong);
            words.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
        }
        unused(&folder, &words, &mut wrong)?;
        all.append(&mut words);
    }
    manifest(&mut wrong)?;
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE",
        "BENCHMARKS.md",
        "docs/status.md",
    ] {
        if !Path::new(name).exists() {
            wrong.push(format!("{name} is missing"));
        }
    }
    links(&mut wrong)?;
    guarantees(&all, &mut wrong)?;
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn source(file: &Path, text: &str, wrong: &mut Vec<String>) {
    let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_test = file.components().any(|part| part.as_os_str() == "tests") || name == "tests";
    if EMPTY_NAMES.contains(&name) {
        wrong.push(format!("{}: the name says nothing", file.display()));
    }
    if !is_test && !text.starts_with("//!") {
        wrong.push(format!("{}: a file begins with `//!` and says what it is", file.display()));
    }
    let count = text.lines().count();
    if count > LINES_MAX {
        wrong.push(format!("{}: {count} lines, {LINES_MAX} at most", file.display()));
    }
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", file.display(), number + 1);
        if let Some(mark) = UNDONE.iter().find(|mark| line.contains(**mark)) {
            wrong.push(format!("{place}: {mark} belongs into an issue"));
        }
        if line.chars().count() > WIDTH_MAX && !is_test {
            wrong.push(format!("{place}: {} characters, {WIDTH_MAX} at most", line.chars().count()));
        }
    }
}

/// Each dependency of a crate is named in its sources.
fn unused(folder: &Path, words: &BTreeSet<String>, wrong: &mut Vec<String>) -> Result<()> {
    let file = folder.join("Cargo.toml");
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(&file)?)?;
    for section in ["dependencies", "dev-dependencies"] {
        for name in manifest.get(section).and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys) {
            if !words.contains(&name.replace('-', "_")) {
                wrong.push(format!("{}: nothing in the crate uses {name}", file.display()));
            }
        }
    }
    Ok(())
}

/// Each dependency of the workspace says why it is there.
fn manifest(wrong: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string("Cargo.toml")?;
    let section =
        text.split("[workspace.dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or_default();
    for line in
        section.lines().filter(|line| line.contains('=') && !line.starts_with("agendum-") && !line.starts_with('#'))
    {
        if !line.contains("# ") {
            wrong.push(format!("Cargo.toml: say why: {line}"));
        }
    }
    Ok(())
}

/// Links between pages lead somewhere.
fn links(wrong: &mut Vec<String>) -> Result<()> {
    let mut pages: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(PathBuf::from).to_vec();
    pages.extend(fs::read_dir("docs")?.filter_map(|entry| entry.ok().map(|entry| entry.path())));
    for page in pages.iter().filter(|page| page.exists()) {
        let text = fs::read_to_string(page)?;
        let folder = page.parent().unwrap_or_else(|| Path::new("."));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                wrong.push(format!("{}: the link to {target} leads nowhere", page.display()));
            }
        }
    }
    Ok(())
}

/// What the page of guarantees names is there.
fn guarantees(words: &BTreeSet<String>, wrong: &mut Vec<String>) -> Result<()> {
    let page = fs::read_to_string("docs/guarantees.md")?;
    let is_test = |name: &&str| name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    for name in page.split('`').skip(1).step_by(2).filter(is_test) {
        if !words.contains(name) {
            wrong.push(format!("docs/guarantees.md: there is no test {name}"));
        }
    }
    Ok(())
}
