//! Names of indexes, which are names of files as well.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Characters of a name at most.
const LENGTH_MAX: usize = 64;

/// The name of an index: letters, digits, `-` and `_`, so that its file is where indexes are and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexName(String);

/// What is no name of an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no index name: use 1 to {LENGTH_MAX} letters, digits, - and _")]
pub struct NotAName(String);

impl FromStr for IndexName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if (1..=LENGTH_MAX).contains(&text.len()) && text.chars().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAName(text.chars().take(LENGTH_MAX).collect()))
        }
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl IndexName {
    /// Its file in the folder of indexes.
    #[must_use]
    pub fn file(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.db", self.0))
    }

    /// The names of the indexes in a folder, in order.
    #[must_use]
    pub fn all(folder: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<Self> =
            entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".db")?.parse().ok()).collect();
        names.sort();
        names
    }
}
