//! Policies as people name them: a built-in one by its name, any other by its file.

use std::fmt;
use std::path::{Path, PathBuf};

use agendum_spec::diagnostic::nearest;
use agendum_spec::policy::{self, Accepted, Checked};
use agendum_types::Limits;

use crate::failure::Failure;
use crate::source;

/// Digits of a hash that people see.
const DIGITS: usize = 12;

/// What somebody names.
pub(crate) enum Named {
    BuiltIn(&'static Accepted),
    File(PathBuf),
}

impl Named {
    /// A name of a built-in policy is that one; a file that is called the same is `./NAME`.
    pub(crate) fn of(word: &Path) -> Self {
        let built_in = word.to_str().and_then(policy::built_in);
        built_in.map_or_else(|| Self::File(word.to_owned()), Self::BuiltIn)
    }
}

/// A document of a policy that was read and checked.
pub(crate) struct Document {
    /// A path, or `-`.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) checked: Checked,
}

impl Document {
    pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Self, Failure> {
        let (name, text) = source::read(path, limits).map_err(|failure| failure.or_hint(instead(path)))?;
        let checked = policy::check(&text, limits);
        Ok(Self { name, text, checked })
    }
}

/// A policy, and where it comes from.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) accepted: Accepted,
    /// Its file; none of a built-in one.
    pub(crate) file: Option<PathBuf>,
}

impl Found {
    pub(crate) fn built_in(accepted: &Accepted) -> Self {
        Self { accepted: accepted.clone(), file: None }
    }

    pub(crate) fn name(&self) -> &str {
        &self.accepted.policy.name
    }

    pub(crate) fn hash(&self) -> String {
        self.accepted.policy.hash.to_string()
    }

    /// Where it comes from, as people read it.
    pub(crate) fn place(&self) -> String {
        self.file.as_ref().map_or_else(|| "built in".to_owned(), |file| file.display().to_string())
    }
}

impl fmt::Display for Found {
    /// `fifo, 1a2b3c4d5e6f, built in`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.name(), &self.hash()[..DIGITS], self.place())
    }
}

/// What could have been meant by a file that is not there.
fn instead(path: &Path) -> String {
    let word = path.to_string_lossy();
    match nearest(&word, policy::built_in_names()) {
        Some(best) if best == word => format!("`{best}` is built in, and right: `agendum policy show {best}` shows it"),
        Some(best) => format!("did you mean `{best}`, which is built in?"),
        None => format!("name the file of a policy, or one that is built in: {}", built_in()),
    }
}

/// The names of those that are built in.
pub(crate) fn built_in() -> String {
    policy::built_in_names().collect::<Vec<_>>().join(", ")
}
