//! Files of public traces, plain or gzipped.

use std::io::Read as _;
use std::path::Path;

/// The text of a file, or of the file with `.gz` behind its name.
///
/// # Errors
///
/// If neither can be read.
pub fn text(path: &Path) -> Result<String, String> {
    if path.is_file() {
        return std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    }
    let mut packed = path.as_os_str().to_owned();
    packed.push(".gz");
    let told = |error: std::io::Error| format!("{}[.gz]: {error}", path.display());
    let file = std::fs::File::open(Path::new(&packed)).map_err(told)?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).map_err(told)?;
    Ok(text)
}
