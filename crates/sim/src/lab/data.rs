//! Files of public traces, plain or gzipped.

use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

/// Bytes of a file, unpacked: one that unpacks to more fills the memory.
const BYTES_MAX: u64 = 4 << 30;

/// Files of a folder.
const FILES_MAX: usize = 100_000;

/// Bytes of a document that says what is to be done.
const DOCUMENT_MAX: u64 = 1 << 20;

/// The text of a file, or of the file with `.gz` behind its name, of one member or several.
///
/// # Errors
///
/// If neither can be read, or there is nothing in it, or more than 4 GiB.
pub fn text(path: &Path) -> Result<String, String> {
    let is_plain = path.is_file();
    let mut name = path.as_os_str().to_owned();
    if !is_plain {
        name.push(".gz");
    }
    let told =
        |error: &dyn std::fmt::Display| format!("{}{}: {error}", path.display(), if is_plain { "" } else { "[.gz]" });
    let file = std::fs::File::open(Path::new(&name)).map_err(|error| told(&error))?;
    let text =
        if is_plain { bounded(file, BYTES_MAX) } else { bounded(flate2::read::MultiGzDecoder::new(file), BYTES_MAX) };
    text.map_err(|error| told(&error))
}

/// True if there is such a file, plain or gzipped.
pub(crate) fn is_there(path: &Path) -> bool {
    let mut packed = path.as_os_str().to_owned();
    packed.push(".gz");
    path.is_file() || Path::new(&packed).is_file()
}

/// The files below a folder whose names end so, gzipped or not (once where both are there), in the order of their names: the paths from the folder,
/// with `/`.
///
/// # Errors
///
/// If there are none or more than 100,000, one cannot be read, or all together have more than 4 GiB.
pub(crate) fn files(folder: &Path, end: &str) -> Result<Vec<(String, String)>, String> {
    let (mut found, mut size) = (Vec::new(), 0);
    let mut left = vec![(folder.to_owned(), String::new())];
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    while let Some((place, before)) = left.pop() {
        for entry in std::fs::read_dir(&place).map_err(|error| told(&place, error))? {
            let path = entry.map_err(|error| told(&place, error))?.path();
            let name = format!("{before}{}", path.file_name().unwrap_or_default().to_string_lossy());
            let plain = name.strip_suffix(".gz").unwrap_or(&name);
            if path.is_dir() && !path.is_symlink() {
                left.push((path, format!("{name}/")));
            } else if plain.ends_with(end) && !(plain.len() < name.len() && path.with_extension("").is_file()) {
                let text = text(&path.with_file_name(plain.rsplit('/').next().unwrap_or_default()))?;
                size += text.len() as u64;
                found.push((plain.to_owned(), text));
            }
            if found.len() > FILES_MAX || size > BYTES_MAX {
                return Err(format!("{}: more than {FILES_MAX} files or {BYTES_MAX} bytes", folder.display()));
            }
        }
    }
    found.sort();
    if found.is_empty() { Err(format!("{}: no file in it ends with {end}", folder.display())) } else { Ok(found) }
}

/// The text of a scenario or of a policy.
///
/// # Errors
///
/// If it cannot be read, or there is nothing in it, or more than a mebibyte.
pub fn document(path: &Path) -> Result<String, String> {
    bounded(std::fs::File::open(path).map_err(|error| error.to_string())?, DOCUMENT_MAX)
}

fn bounded(file: impl Read, most: u64) -> Result<String, String> {
    let mut text = String::new();
    file.take(most + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    match text.len() as u64 {
        size if size > most => Err(format!("more than {most} bytes: give a part of it")),
        _ if text.trim().is_empty() => Err("there is nothing in it".into()),
        _ => Ok(text),
    }
}

/// Reads a CSV text row by row, below its header.
///
/// # Errors
///
/// If a row is none, or is refused by who takes it, with its line; or if there is none.
pub(crate) fn rows<T: DeserializeOwned>(
    text: &str,
    mut take: impl FnMut(T) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut is_empty = true;
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = record.deserialize::<T>(Some(&header)).map_err(|error| error.to_string());
        row.and_then(&mut take).map_err(|error| format!("line {line}: {error}"))?;
        is_empty = false;
    }
    if is_empty { Err("there are no rows in it".into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::bounded;

    #[test]
    fn a_file_is_unpacked_up_to_a_bound() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&[b'a'; 10_000]).unwrap();
        let packed = packed.finish().unwrap();
        let unpacked = |most| bounded(flate2::read::GzDecoder::new(packed.as_slice()), most);
        assert_eq!(unpacked(10_000).unwrap().len(), 10_000);
        assert!(unpacked(9_999).unwrap_err().contains("more than 9999 bytes"));
        assert_eq!(bounded(&b" \n"[..], 9).unwrap_err(), "there is nothing in it");
    }
}
