//! `check --fix`: cycles become loops; the difference is shown, the file written.

use std::io::Write;
use std::path::Path;

use agendum_spec::fix::{self, Fixed, Written};
use agendum_types::Limits;
use owo_colors::OwoColorize as _;
use serde_json::json;

use super::check::{self, Document};
use crate::failure::Failure;
use crate::show::Outlet;
use crate::{next, show};

/// Rewrites a document; `-` reads standard input and writes the text to standard output.
pub(crate) fn fix(json: bool, path: &Path, dry_run: bool, limits: &Limits) -> Result<(), Failure> {
    let document = check::read(path, limits)?;
    let is_stdin = document.is_stdin();
    let fixed = match document.fix(limits) {
        Ok(Some(fixed)) => fixed,
        Ok(None) if is_stdin && !json => {
            text_as_it_is(document.text())?;
            return document.runnable(false).map(drop);
        }
        Ok(None) => return check::say(json, document, &check::explain(path)),
        Err(unfixable) => {
            document.report(json, true)?;
            return Err(Failure::usage(unfixable));
        }
    };
    let writes = !dry_run && !is_stdin;
    if writes {
        write_beside(path, &fixed.text)?;
    }
    show(json, &document, &fixed, writes, is_stdin && !dry_run)
}

fn show(json: bool, document: &Document, fixed: &Fixed, written: bool, is_text: bool) -> Result<(), Failure> {
    let name = document.name();
    let difference = fix::difference(name, document.text(), &fixed.text);
    let mut out = show::out();
    if json {
        let of = |one: &Written| json!({ "name": one.name, "tasks": one.tasks, "until": one.until, "max_iterations": one.rounds_max });
        let loops: Vec<_> = fixed.loops.iter().map(of).collect();
        let text = is_text.then_some(&fixed.text);
        let said =
            json!({ "document": name, "written": written, "loops": loops, "difference": difference, "text": text });
        writeln!(out, "{said}")?;
        return Ok(());
    }
    if is_text {
        text_as_it_is(&fixed.text)?;
        coloured(&mut show::err(), &difference)?;
    } else {
        coloured(&mut out, &difference)?;
    }
    let mut err = show::err();
    for one in &fixed.loops {
        let tasks = one.tasks.join(", ");
        match &one.until {
            Some(until) => writeln!(
                err,
                "loop `{}` ({tasks}): at most {} rounds, until {}: see that this is what you mean",
                one.name,
                one.rounds_max,
                err.harmless(until)
            )?,
            None => writeln!(
                err,
                "loop `{}` ({tasks}): always {} rounds: fill in its `until`, for nothing in the document says when a round is good enough",
                one.name, one.rounds_max
            )?,
        }
    }
    match (written, is_text) {
        (true, _) => writeln!(err, "{name} is written; next: {} check {}", next::graph(), next::quoted(name))?,
        (false, true) => {}
        (false, false) => writeln!(err, "nothing is written: leave --dry-run out to write it")?,
    }
    Ok(())
}

fn text_as_it_is(text: &str) -> std::io::Result<()> {
    let mut out = show::plain();
    let text = out.harmless(text);
    write!(out, "{text}")
}

fn coloured<W: Write>(out: &mut Outlet<W>, difference: &str) -> std::io::Result<()> {
    let difference = out.harmless(difference);
    for line in difference.lines() {
        match line.chars().next() {
            Some('-') => writeln!(out, "{}", line.red())?,
            Some('+') => writeln!(out, "{}", line.green())?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// Writes a file so that a crash leaves the old text or the new one, never half of one.
fn write_beside(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
    // A link stays one: what it leads to is written.
    let target = path.canonicalize().map_err(failed)?;
    let mut beside = target.clone().into_os_string();
    beside.push(".agendum-fix");
    let write = || {
        let permissions = std::fs::metadata(&target)?.permissions();
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(permissions)?;
        file.sync_all()?;
        std::fs::rename(&beside, &target)
    };
    write().map_err(|error| {
        let _gone = std::fs::remove_file(&beside);
        failed(error)
    })
}

#[cfg(test)]
mod tests {
    use agendum_types::Limits;

    use super::check;

    #[test]
    fn a_fix_is_held_to_the_limits_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("graph.yaml");
        let task = |need: &str| format!("{{ uses: chat, with: {{ prompt: '${{{{ tasks.{need}.output }}}}' }} }}");
        let text = format!("version: 1\nname: x\ntasks:\n  a: {}\n  b: {}\n", task("b"), task("a"));
        std::fs::write(&path, text).unwrap();
        let tasks = |count: u32| {
            let limits = Limits { graph_tasks_max: count, ..Limits::STANDARD };
            check::read(&path, &limits).unwrap().fix(&limits).map(|fixed| fixed.is_some()).ok()
        };
        assert_eq!((tasks(3), tasks(2)), (Some(true), None), "the loop is a task as well");
    }
}
