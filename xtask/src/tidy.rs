//! The house rules that no lint knows.

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

/// Checks every tracked source file and manifest.
pub(crate) fn check() -> Result<()> {
    let mut wrong = Vec::new();
    for root in ["crates", "xtask"] {
        let mut files = Vec::new();
        gather(Path::new(root), &mut files)?;
        for file in files {
            source(&file, &mut wrong)?;
        }
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

fn source(file: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
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
