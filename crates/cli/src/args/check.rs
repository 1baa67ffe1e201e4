//! The arguments of `check`.

use std::path::PathBuf;

/// Which document, and what is wanted of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The document, YAML or JSON; - for standard input
    pub(crate) graph: PathBuf,
    /// Rewrite cycles as loops and show the difference; from standard input, the text goes to standard output
    #[arg(long)]
    pub(crate) fix: bool,
    /// With --fix: show the difference only
    #[arg(short = 'n', long, requires = "fix")]
    pub(crate) dry_run: bool,
    /// It holds tasks for `runs add`, to a run of this document
    #[arg(long, value_name = "GRAPH", conflicts_with = "fix")]
    pub(crate) added_to: Option<PathBuf>,
}
