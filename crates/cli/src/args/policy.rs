//! The arguments of `policy` and `schema`.

use std::path::PathBuf;

use clap::Subcommand;

/// Shown below the commands of `policy`.
pub(super) const HELP: &str = "\
What a document leaves out is as in `balanced`, which is in force where nothing
else is said. Built in too is that with one index for all runs, by the word of the
index: `fifo`, `gittins` and the others. Example, rules.yaml:

  version: 1
  policy: batches-at-night
  order:
    interactive: { deadline_index: edf }  # who is due first goes first
    background: { share: 8 }              # beside the 16 and 4 of the others
  fairness: { weights: { acme: 2 } }      # twice as much as any other tenant

  agendum policy check rules.yaml         what is wrong with it
  agendum policy diff rules.yaml          what it changes

`policy = \"rules.yaml\"` in agendum.toml puts it in force with the next start.
`agendum schema policy` prints every word; docs/policies.md says when to choose
which.";

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check documents: everything that is wrong, and how to mend it
    Check {
        /// The documents, YAML or JSON; - for standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show every parameter: what it means, its value, and whether that is another than in `balanced`
    Show {
        /// The document, or the name of a built-in policy [default: the one in force]
        #[arg(value_name = "FILE|NAME")]
        policy: Option<PathBuf>,
    },
    /// Show what two policies have otherwise, or what one has otherwise than `balanced`
    Diff {
        /// The one: a document, or the name of a built-in policy; alone it is what stands beside `balanced`
        a: PathBuf,
        /// The other
        b: Option<PathBuf>,
    },
}

/// Which documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SchemaOf {
    /// Of graphs
    #[default]
    Graph,
    /// Of policies
    Policy,
    /// Of plans
    Plan,
}
