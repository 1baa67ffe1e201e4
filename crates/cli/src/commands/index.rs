//! `index`: full-text indexes.

use std::io::Write as _;

use agendum_retrieve_fts::{Index, Update};
use serde_json::json;

use super::Context;
use crate::args::Index as Command;
use crate::failure::Failure;
use crate::host::{index_names, index_path};
use crate::show;

pub(crate) fn index(context: &Context, command: Command) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    match command {
        Command::Add { name, paths } => {
            if name.is_empty()
                || !name.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '_'))
            {
                return Err(Failure::usage(format!("{name:?} is no index name")).hint("use letters, digits, - and _"));
            }
            let index = Index::open(&index_path(&context.data, &name))?;
            report(context, &name, index.add(&paths)?)?;
            writeln!(anstream::stderr(), "next: agendum index search {name} …")?;
        }
        Command::Ls => {
            let mut list = Vec::new();
            for name in index_names(&context.data) {
                let folders = Index::open(&index_path(&context.data, &name))?.folders()?;
                list.push(json!({ "name": name, "paths": folders }));
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
            for found in results.documents {
                let text: String = found.text.chars().take(160).collect();
                writeln!(
                    out,
                    "{:.2}  {}  {}\n      {}",
                    found.score,
                    found.source,
                    found.heading,
                    text.replace('\n', " ")
                )?;
            }
        }
        Command::Rm { name } => {
            open(context, &name)?;
            for ending in ["", "-wal", "-shm"] {
                let mut path = index_path(&context.data, &name).into_os_string();
                path.push(ending);
                // The database is there, or `open` had said so; its companions may not be.
                let _absent = std::fs::remove_file(path);
            }
            writeln!(anstream::stderr(), "removed index {name}")?;
        }
    }
    Ok(())
}

fn open(context: &Context, name: &str) -> Result<Index, Failure> {
    let path = index_path(&context.data, name);
    if !path.exists() {
        let known = index_names(&context.data).join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        return Err(Failure::usage(format!("there is no index {name:?}"))
            .hint(format!("known: {known}; agendum index add NAME PATH")));
    }
    Ok(Index::open(&path)?)
}

fn report(context: &Context, name: &str, update: Update) -> Result<(), Failure> {
    if context.json {
        return show::json(&update);
    }
    let Update { added, changed, removed, unchanged, skipped, passages } = update;
    writeln!(
        anstream::stdout(),
        "{name}: {passages} passages; files: {added} new, {changed} changed, {unchanged} unchanged, {removed} gone, {skipped} skipped"
    )?;
    Ok(())
}
