//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::programs::Example;

/// Shown below the commands.
const HELP: &str = "\
First steps:
  agendum demo                       a finished, explained run
  agendum check graph.yaml           what is wrong with a document
  agendum run graph.yaml -i k=v      run it
  agendum why last                   where its time went

Exit codes: 0 ok, 1 run failed, 2 usage, 3 not reachable, 4 deadline or budget, 130 interrupted.";

/// Runs graphs of tasks for AI agents: durably, within a deadline and a budget, and explains every decision.
#[derive(Debug, Parser)]
#[command(name = "agendum", version, after_help = HELP)]
pub(crate) struct Args {
    /// Machine-readable output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where journal, blobs and indexes are [default: the platform's data folder]
    #[arg(long, global = true, env = "AGENDUM_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Configuration [default: agendum.toml beside the graph, else in the current folder]
    #[arg(long, global = true, env = "AGENDUM_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a built-in example and explain it
    Demo,
    /// Run a graph: live progress on stderr, the output on stdout
    Run(Run),
    /// Check a document: everything that is wrong, and how to mend it
    Check {
        /// The document, YAML or JSON; - for standard input
        graph: PathBuf,
        /// Rewrite cycles as loops and show the difference; from standard input, the text goes to standard output
        #[arg(long)]
        fix: bool,
        /// With --fix: show the difference only
        #[arg(short = 'n', long, requires = "fix")]
        dry_run: bool,
    },
    /// Forecast a graph without running it: waves, critical path, latency, cost
    Explain {
        /// The document
        graph: PathBuf,
    },
    /// Why a run, or one of its tasks, took the time it took
    Why {
        /// The run's id; `last` for the newest
        run: String,
        /// Only this task
        task: Option<String>,
    },
    /// List, show, watch and steer runs
    #[command(subcommand)]
    Runs(Runs),
    /// Full-text indexes for `uses: retrieve`
    #[command(subcommand)]
    Index(Index),
    /// Serve the HTTP API on loopback; other commands become its clients
    Serve {
        /// Where to listen; a busy port is moved
        #[arg(long, default_value = "127.0.0.1:7420", value_name = "ADDRESS")]
        listen: SocketAddr,
    },
    /// Serve the offline model in OpenAI's wire format
    Provider {
        /// Where to listen; a busy port is moved
        #[arg(long, default_value = "127.0.0.1:7421", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// Milliseconds before each word
        #[arg(long, default_value_t = 0)]
        word_ms: u64,
    },
    /// Print the JSON Schema of graph documents, for editors
    Schema,
    /// Look at the configuration
    #[command(subcommand)]
    Config(Config),
    /// What is present on this machine, what is not, and how to get it
    Doctor {
        /// Only what this example needs, with versions; exit code 1 if something is missing
        example: Option<Example>,
    },
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The document, YAML or JSON
    pub(crate) graph: PathBuf,
    /// An input; JSON where it parses as JSON, text otherwise; @FILE reads a file
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// All inputs, a JSON object in a file
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs_file: Option<PathBuf>,
    /// interactive, standard or background
    #[arg(long)]
    pub(crate) priority: Option<String>,
    /// From submission to answer, such as 8s
    #[arg(long)]
    pub(crate) deadline: Option<String>,
    /// US dollars that it may spend
    #[arg(long, value_name = "USD")]
    pub(crate) budget: Option<f64>,
    /// Commit every step before the next begins
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the run's id and leave it to a server in the background
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// List runs, newest first
    Ls {
        /// Only this status
        #[arg(long)]
        status: Option<String>,
        /// Only this graph
        #[arg(long)]
        graph: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show a run: status, tasks, output
    Show {
        /// The run's id; `last` for the newest
        run: String,
    },
    /// Follow a run to its end
    Watch {
        /// The run's id; `last` for the newest
        run: String,
    },
    /// Add tasks to a live run
    Add {
        /// The run's id; `last` for the newest
        run: String,
        /// A document with `tasks`; - for standard input
        tasks: PathBuf,
    },
    /// Cancel a run
    Cancel {
        /// The run's id; `last` for the newest
        run: String,
    },
    /// Start nothing more of a run
    Pause {
        /// The run's id; `last` for the newest
        run: String,
    },
    /// Go on with a paused run
    Resume {
        /// The run's id; `last` for the newest
        run: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Index {
    /// Index folders or files under a name
    Add {
        /// The index's name
        name: String,
        /// Folders or files of Markdown, text, HTML
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// List indexes
    Ls,
    /// Bring an index up to date
    Update {
        /// The index's name
        name: String,
    },
    /// Search an index
    Search {
        /// The index's name
        name: String,
        /// What to look for
        #[arg(required = true)]
        question: Vec<String>,
    },
    /// Delete an index
    Rm {
        /// The index's name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check the configuration and show what it amounts to
    Check,
}
