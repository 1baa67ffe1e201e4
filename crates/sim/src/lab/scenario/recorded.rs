//! Where recorded work lies below the folder that `--traces` names: in one file, as scenarios say, or as whoever made it publishes it.

use std::path::{Path, PathBuf};

use super::Kind;
use crate::lab::data;
use crate::lab::workload::{Workload, agents, azure, flows, mooncake, psplib, servegen, vtc};

/// Reads what is recorded; nothing where a kind of work is always drawn.
pub(super) fn read(kind: &Kind, folder: &Path) -> Result<Option<Workload>, String> {
    if !folder.is_dir() {
        return Err(format!("--traces: there is no folder {}", folder.display()));
    }
    let read = match kind {
        Kind::Agents { data, .. } => of_file(folder, data, agents::read),
        Kind::Mooncake { data, takes, .. } => of_file(folder, data, |text| mooncake::read(text, *takes)),
        Kind::Flows { data, .. } => match published_in(folder, data) {
            Some(place) => flows::read_published(&data::files(&place, ".json")?),
            None => of_file(folder, data, flows::read),
        },
        Kind::Psplib { data, .. } => match published_in(folder, data) {
            Some(place) => projects(&place),
            None => of_file(folder, data, psplib::read),
        },
        Kind::Vtc { data, experiment, policy, .. } => {
            // Beside the one file that scenarios name.
            let results = format!("fair_bench/{policy}/all_results_{experiment}.jsonl");
            let place = folder.join(data).with_file_name(results);
            if data::is_there(&folder.join(data)) || !data::is_there(&place) {
                of_file(folder, data, |text| vtc::read(text, experiment, policy))
            } else {
                let read = vtc::read_published(&data::text(&place)?, experiment, policy);
                read.map_err(|error| format!("{}: {error}", place.display()))
            }
        }
        Kind::Servegen { data, model, lengths, .. } => clients(&folder.join(data), model, lengths),
        Kind::Azure { data: Some(data), kinds } => calls(&folder.join(data), kinds),
        Kind::Azure { data: None, .. } => return Ok(None),
    };
    let hint = "docs/policies.md says under \"Traces\" what belongs there; without --traces the work is drawn";
    read.map(Some).map_err(|error| format!("{error}\nhint: {hint}"))
}

/// Reads a file below the folder of data; what is wrong with it is told with its name.
fn of_file(folder: &Path, name: &str, read: impl FnOnce(&str) -> Result<Workload, String>) -> Result<Workload, String> {
    read(&data::text(&folder.join(name))?).map_err(|error| format!("{name}: {error}"))
}

/// The folder of that name without its ending, where the file is not there: `psplib/j30` or `psplib/j30.sm` for `psplib/j30.jsonl`.
fn published_in(folder: &Path, name: &str) -> Option<PathBuf> {
    let file = folder.join(name);
    let places = [file.with_extension(""), file.with_extension("sm")];
    places.into_iter().find(|place| !data::is_there(&file) && place.is_dir())
}

/// Projects of a folder, and the tables of what is known of them, in it or beside it.
fn projects(place: &Path) -> Result<Workload, String> {
    // Beside projects (`j301_1.sm`) and what is known of them lie other tables, such as bounds (`j30lb.sm`).
    let is_known = |name: &str| ["opt.sm", "hrs.sm"].iter().any(|end| name.ends_with(end));
    let mut files = data::files(place, ".sm")?;
    let mut tables: Vec<String> = Vec::new();
    files.retain(|(name, text)| {
        tables.extend(is_known(name).then(|| text.clone()));
        name.rsplit('/').next().is_some_and(|name| name.contains('_'))
    });
    if files.is_empty() {
        return Err(format!("{}: no project in it, such as j301_1.sm", place.display()));
    }
    let set = place.with_extension("");
    for end in ["opt.sm", "opt.sm.txt", "hrs.sm", "hrs.sm.txt"] {
        for near in [place.join(set.file_name().unwrap_or_default()), set.clone()] {
            let mut table = near.into_os_string();
            table.push(end);
            let table = PathBuf::from(table);
            tables.extend(table.is_file().then(|| data::text(&table)).transpose()?);
        }
    }
    let known = tables.iter().flat_map(|table| psplib::published::references(table)).collect();
    psplib::read_published(&files, &known)
}

fn clients(place: &Path, model: &str, lengths: &servegen::Lengths) -> Result<Workload, String> {
    let groups = place.join("data");
    if data::is_there(&place.join("client_rates.csv")) || !groups.is_dir() {
        let text = |name: &str| data::text(&place.join(name));
        let (rates, sizes) = (text("client_rates.csv")?, text("client_token_quantiles.jsonl")?);
        return servegen::read(&rates, &sizes, model, lengths).map_err(|error| format!("{}: {error}", place.display()));
    }
    let traces: Vec<_> = data::files(&groups, "-trace.csv")?
        .into_iter()
        .filter_map(|(name, trace)| {
            let (of, chunk) = name.strip_suffix("-trace.csv")?.rsplit_once("/chunk-")?;
            (of.rsplit('/').next() == Some(model)).then(|| Some((chunk.parse().ok()?, of.to_owned(), trace)))?
        })
        .collect();
    let mut clients = Vec::new();
    for (client, of, trace) in traces {
        let spread = groups.join(of).join(format!("chunk-{client}-dataset.json"));
        // Of some nobody has said how long their calls are.
        let spread = if data::is_there(&spread) { data::text(&spread)? } else { "{}".to_owned() };
        clients.push((client, trace, spread));
    }
    servegen::read_published(&clients, model, lengths).map_err(|error| format!("{}: {error}", groups.display()))
}

/// A file for each kind of calls, by its name or as Azure calls it.
fn calls<'a>(place: &Path, kinds: &'a [azure::Kind]) -> Result<Workload, String> {
    let file = |kind: &'a azure::Kind| -> Result<(&'a azure::Kind, String), String> {
        let name = &kind.name;
        let [own, theirs] = [format!("{name}.csv"), format!("AzureLLMInferenceTrace_{name}.csv")];
        let name =
            if data::is_there(&place.join(&own)) || !data::is_there(&place.join(&theirs)) { own } else { theirs };
        Ok((kind, data::text(&place.join(name))?))
    };
    let files = kinds.iter().map(file).collect::<Result<Vec<_>, String>>()?;
    azure::read(&files).map_err(|error| format!("{}: {error}", place.display()))
}
