//! The arguments of `index`.

use std::path::PathBuf;

use agendum_retrieve_fts::IndexName;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Index {
    /// Index folders or files under a name
    Add {
        /// The index's name
        name: IndexName,
        /// Folders or files of Markdown, text, HTML
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// List indexes
    Ls,
    /// Bring an index up to date
    Update {
        /// The index's name
        name: IndexName,
    },
    /// Search an index
    Search {
        /// The index's name
        name: IndexName,
        /// What to look for
        #[arg(required = true)]
        question: Vec<String>,
    },
    /// Delete an index
    Rm {
        /// The index's name
        name: IndexName,
    },
}
