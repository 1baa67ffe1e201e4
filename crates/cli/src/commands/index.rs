//! `index`: full-text indexes.

use std::io::Write as _;

use agendum_retrieve_fts::{Format, Index, IndexName, Update};
use serde_json::json;

use super::Context;
use crate::args::Index as Command;
use crate::failure::Failure;
use crate::host::{index_folder, open_index};
use crate::{next, show};

/// Characters of a passage that are shown.
const PASSAGE_MAX: usize = 160;

pub(crate) fn index(context: &Context, command: Command) -> Result<(), Failure> {
    let mut out = show::out();
    match command {
        Command::Add { name, paths } => {
            if let Some(path) = paths.iter().find(|path| !path.exists()) {
                return Err(Failure::usage(format!("there is no file or folder {}", path.display())));
            }
            // A folder may hold anything; a file that is named shall be read.
            if let Some(path) = paths.iter().find(|path| path.is_file() && Format::of(path).is_none()) {
                return Err(Failure::usage(format!("{} is of no format that is indexed", path.display()))
                    .hint("Markdown (.md), text (.txt) and HTML (.html) are"));
            }
            let index = open_index(&context.data, &name)?;
            report(context, &name, index.add(&paths)?)?;
            if !context.json {
                writeln!(show::err(), "next: {} index search {name} WORDS", next::reading())?;
            }
        }
        Command::Ls => {
            let mut list = Vec::new();
            for name in IndexName::all(&index_folder(&context.data)) {
                let folders = open_index(&context.data, &name)?.folders()?;
                list.push(json!({ "name": name.to_string(), "paths": folders }));
            }
            if context.json {
                return show::json(&list);
            }
            for one in list {
                let paths: Vec<_> =
                    one["paths"].as_array().into_iter().flatten().filter_map(|path| path.as_str()).collect();
                writeln!(out, "{:<16} {}", one["name"].as_str().unwrap_or_default(), paths.join(", "))?;
            }
        }
        Command::Update { name } => report(context, &name, open(context, &name)?.update()?)?,
        Command::Search { name, question } => {
            let results = open(context, &name)?.search(&question.join(" "), 8)?;
            if context.json {
                return show::json(&results);
            }
            if results.documents.is_empty() {
                writeln!(show::err(), "no passage of {name} has these words")?;
            }
            for found in results.documents {
                let text = show::one_line(&found.text, PASSAGE_MAX);
                let said = format!("{:.2}  {}  {}\n      {text}", found.score, found.source, found.heading);
                writeln!(out, "{}", out.harmless(&said))?;
            }
        }
        Command::Rm { name } => {
            open(context, &name)?;
            for ending in ["", "-wal", "-shm"] {
                let mut path = name.file(&index_folder(&context.data)).into_os_string();
                path.push(ending);
                // The database is there, or `open` had said so; its companions may not be.
                let _absent = std::fs::remove_file(path);
            }
            if context.json {
                return show::json(&json!({ "removed": name.to_string() }));
            }
            writeln!(show::err(), "removed index {name}")?;
        }
    }
    Ok(())
}

fn open(context: &Context, name: &IndexName) -> Result<Index, Failure> {
    let folder = index_folder(&context.data);
    if !name.file(&folder).exists() {
        let known: Vec<String> = IndexName::all(&folder).iter().map(ToString::to_string).collect();
        let near = agendum_spec::diagnostic::nearest(&name.to_string(), known.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Failure::usage(format!("there is no index {name}"))
            .hint(format!("{near}known: {known}; {} index add NAME PATH", next::reading())));
    }
    open_index(&context.data, name)
}

fn report(context: &Context, name: &IndexName, update: Update) -> Result<(), Failure> {
    if context.json {
        return show::json(&update);
    }
    let Update { added, changed, removed, unchanged, skipped, passages } = update;
    writeln!(
        show::out(),
        "{name}: {}; files: {added} new, {changed} changed, {unchanged} unchanged, {removed} gone, {skipped} skipped",
        show::counted(passages as usize, "passage")
    )?;
    Ok(())
}
