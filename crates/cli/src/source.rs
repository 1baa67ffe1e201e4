//! The text of a document that somebody names on the command line or in the configuration.

use std::io::Read as _;
use std::path::Path;

use agendum_types::Limits;

use crate::failure::Failure;

/// Its name and its text, which is cut where it is too long for any document; `-` is standard input.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<(String, String), Failure> {
    let bytes_max = limits.document_bytes_max as u64 + 1;
    let mut text = String::new();
    let name = path.display().to_string();
    if name == "-" {
        std::io::stdin()
            .take(bytes_max)
            .read_to_string(&mut text)
            .map_err(|error| Failure::usage(format!("standard input: {error}")))?;
        return Ok((name, text));
    }
    if path.is_dir() {
        return Err(not_a_file(path, &format!("{name} is a folder")));
    }
    let file = std::fs::File::open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            not_a_file(path, &format!("there is no file {name}"))
        } else {
            Failure::usage(format!("cannot read {name}: {error}"))
        }
    })?;
    file.take(bytes_max)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    Ok((name, text))
}

/// What there is instead: the usual document of a folder, or the same name with another ending.
fn not_a_file(path: &Path, what: &str) -> Failure {
    let instead = ["yaml", "yml", "json"].iter().flat_map(|ending| {
        [path.join(format!("graph.{ending}")), path.with_extension(ending), path.with_added_extension(ending)]
    });
    match instead.into_iter().find(|other| other != path && other.is_file()) {
        Some(other) => Failure::usage(what).hint(format!("did you mean {}?", other.display())),
        None if path.is_dir() => Failure::usage(what).hint("name the document inside it"),
        None => Failure::usage(what),
    }
}
