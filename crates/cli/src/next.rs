//! How the next command begins: a hint names the data directory and the configuration of this command where a bare one would look
//! elsewhere, so that it works as it is printed.

use std::env::var_os;
use std::path::{Path, PathBuf, absolute};
use std::sync::OnceLock;

use crate::config::Config;

/// Known once the command line and the configuration are read.
static BEGINNINGS: OnceLock<Beginnings> = OnceLock::new();

#[derive(Debug, PartialEq, Eq)]
struct Beginnings {
    reading: String,
    hosting: String,
    graph: String,
}

/// Remembers where this command looks: as its flags say, and what came of them.
pub(crate) fn remember(flags: [Option<&Path>; 2], config: &Config, data: Option<&Path>) {
    let usual = [var_os("AGENDUM_DATA").map(PathBuf::from), var_os("AGENDUM_CONFIG").map(PathBuf::from)];
    let here = Config::find(usual[1].as_deref(), None).ok();
    let usual_data = here.as_ref().and_then(|here| here.data(usual[0].as_deref()).ok());
    let usual_file = here.as_ref().and_then(|here| here.file.as_deref());
    let data = data.filter(|data| !is_same(data, usual_data.as_deref()));
    let file = config.file.as_deref().filter(|file| !is_same(file, usual_file));
    let [typed_data, typed_file] = [0, 1].map(|at| flags[at].filter(|given| usual[at].as_deref() != Some(*given)));
    let beginnings = Beginnings {
        reading: beginning(data, None),
        hosting: beginning(data, file),
        graph: beginning(typed_data, typed_file),
    };
    // The first command line is the only one.
    let _known = BEGINNINGS.set(beginnings);
}

/// However they are written: `./agendum.toml` is `agendum.toml`.
fn is_same(one: &Path, other: Option<&Path>) -> bool {
    other.is_some_and(|other| absolute(one).ok() == absolute(other).ok())
}

fn beginning(data: Option<&Path>, config: Option<&Path>) -> String {
    let mut words = "agendum".to_owned();
    for (flag, path) in [("--data", data), ("--config", config)] {
        words.extend(path.map(|path| format!(" {flag} {}", quoted(&path.display().to_string()))));
    }
    words
}

fn known(beginning: fn(&Beginnings) -> &str) -> &'static str {
    BEGINNINGS.get().map_or("agendum", beginning)
}

/// Of a command that looks at what the data directory holds.
pub(crate) fn reading() -> &'static str {
    known(|beginnings| &beginnings.reading)
}

/// Of a command that may have to run what is open there: it needs the targets as well.
pub(crate) fn hosting() -> &'static str {
    known(|beginnings| &beginnings.hosting)
}

/// Of a command that names a graph, beside which its configuration is found.
pub(crate) fn graph() -> &'static str {
    known(|beginnings| &beginnings.graph)
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{beginning, quoted};

    #[test]
    fn words_are_as_a_shell_takes_them() {
        let words = ["graph.yaml", "name=a b", "it's", ""].map(quoted).join(" ");
        assert_eq!(words, r"graph.yaml 'name=a b' 'it'\''s' ''");
        let said = beginning(Some(Path::new("my data")), Some(Path::new("x/agendum.toml")));
        assert_eq!(said, "agendum --data 'my data' --config x/agendum.toml");
    }
}
