//! `doctor`: what is present, what is not, how to get it.

use std::io::Write as _;

use agendum_store_sqlite::Directory;
use owo_colors::OwoColorize as _;
use serde_json::json;

use super::Context;
use crate::client::Client;
use crate::failure::Failure;
use crate::host::index_names;
use crate::{show, targets};

/// Programs that the examples use, and the Debian packages that hold them.
const PROGRAMS: [(&str, &str); 8] = [
    ("git", "git"),
    ("rg", "ripgrep"),
    ("flite", "flite"),
    ("pocketsphinx_continuous", "pocketsphinx"),
    ("pocketsphinx", "pocketsphinx"),
    ("apertium", "apertium-eng-spa"),
    ("tesseract", "tesseract-ocr"),
    ("povray", "povray"),
];

struct Finding {
    what: String,
    ok: bool,
    said: String,
}

pub(crate) async fn doctor(context: &Context) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let mut add = |what: &str, ok: bool, said: String| findings.push(Finding { what: what.to_owned(), ok, said });
    let file =
        context.config.file.as_ref().map_or_else(|| "none: defaults".to_owned(), |file| file.display().to_string());
    add("configuration", true, file);
    match targets::table(&context.config, Default::default()) {
        Ok(table) => {
            let names: Vec<_> = table.iter().map(|(target, _)| target.name.to_string()).collect();
            add("targets", true, names.join(", "));
        }
        Err(_) => add("targets", false, "the configuration is not complete: agendum config check".to_owned()),
    }
    let directory = Directory::look(&context.data);
    add("data", true, format!("{}{}", context.data.display(), if directory.exists() { "" } else { " (not made yet)" }));
    match directory.owner() {
        None => add("owner", true, "none: commands host the engine themselves".to_owned()),
        Some(owner) => {
            let answers = match Client::new(&owner.address, &owner.token) {
                Ok(client) => client.ping().await.is_ok(),
                Err(_) => false,
            };
            let said = if answers { "answers" } else { "does not answer: is it stopped?" };
            add("owner", answers, format!("process {} at {}: {said}", owner.pid, owner.address));
        }
    }
    let indexes = index_names(&context.data);
    add(
        "indexes",
        true,
        if indexes.is_empty() { "none: agendum index add NAME PATH".to_owned() } else { indexes.join(", ") },
    );
    add("model", true, "offline/extractive is built in; add a target to agendum.toml for a neural one".to_owned());
    for (program, package) in PROGRAMS {
        let found = std::env::var_os("PATH")
            .and_then(|path| std::env::split_paths(&path).map(|folder| folder.join(program)).find(|at| at.is_file()));
        match found {
            Some(at) => add(program, true, at.display().to_string()),
            None => add(program, false, format!("only some examples want it: apt-get install {package}")),
        }
    }
    if context.json {
        let list: Vec<_> =
            findings.iter().map(|one| json!({ "what": one.what, "ok": one.ok, "detail": one.said })).collect();
        return show::json(&list);
    }
    let mut out = anstream::stdout();
    for Finding { what, ok, said } in findings {
        let mark = if ok { "✓".green().to_string() } else { "–".yellow().to_string() };
        writeln!(out, "{mark} {what:<24} {said}")?;
    }
    Ok(())
}
