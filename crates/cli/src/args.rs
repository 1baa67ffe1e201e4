//! The command line.

mod check;
mod graph;
mod index;
mod people;
mod plan;
mod policy;
mod provider;
mod replay;
mod simulate;
mod spend;

use std::net::SocketAddr;
use std::path::PathBuf;

use agendum_ports::{FeedbackBy, SpentBy};
use agendum_types::SubmissionKey;
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::Age;
use crate::programs::Example;
pub(crate) use check::Check;
pub(crate) use index::Index;
pub(crate) use people::{Decide, Raise, Resolve, Send, Waits};
pub(crate) use plan::{Plan, Propose};
pub(crate) use policy::{Policy, SchemaOf};
pub(crate) use provider::{Misbehave, Provider};
pub(crate) use replay::Replay;
pub(crate) use simulate::Simulate;
pub(crate) use spend::Spend;

/// Shown below the commands.
const HELP: &str = "\
First steps:
  agendum demo                       a finished, explained run; a crash; a budget
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
    /// True if `--data` was typed, and is not the environment's.
    #[arg(skip)]
    pub(crate) names_data: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// What was typed. Ends the process where that is wrong, or asks for help.
    pub(crate) fn read() -> Self {
        let typed = Self::command().get_matches();
        let args = Self::from_arg_matches(&typed).unwrap_or_else(|error| error.exit());
        Self { names_data: typed.value_source("data") == Some(ValueSource::CommandLine), ..args }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a built-in example, to be explained with `why last`; then kill a server of its own, and spend against a cap (`--beat` for more)
    Demo {
        /// Only this part; all but the first have a data directory of their own, which goes with them
        #[arg(long, value_name = "BEAT")]
        beat: Option<Beat>,
    },
    /// Run a graph: live progress on stderr, the output on stdout
    Run(Run),
    /// Check a document: everything that is wrong, and how to mend it
    Check(Check),
    /// Forecast a graph without running it: waves, critical path, latency, cost
    Explain {
        /// The document
        graph: PathBuf,
    },
    /// Why a run, or one of its tasks, took the time it took
    ///
    /// Tells where the time went, by cause: the parts add up to the whole. Of each attempt it tells what it cost, how long it was expected to take, who went
    /// before it and who waited on, by which policy, and why it was not sent to another target (docs/policies.md).
    Why {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
        /// Only this task, and what is inside it
        task: Option<String>,
        /// Begin the list of tasks behind so many
        #[arg(long, default_value_t = 0, value_name = "N")]
        from: usize,
    },
    /// List, show, watch and steer runs
    #[command(subcommand)]
    Runs(Runs),
    /// Write a run as lines of JSON: its document, inputs, events, outputs
    Export {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
        /// Where to, instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Copy the data directory, also while it is in use: journal, blobs and secret, not the indexes
    Backup {
        /// A folder that is missing or empty
        dest: PathBuf,
    },
    /// Make a data directory (--data DIR, missing or empty) of a backup
    Restore {
        /// The backup
        src: PathBuf,
        /// Pause its open runs, so that nothing is done twice while the original works
        #[arg(long)]
        paused: bool,
    },
    /// List what waits for a person, a signal or a webhook
    Waits(Waits),
    /// How the targets and pools are used of the process that has the data directory
    ///
    /// Exit code 1 if a target gets nothing, since it fails or asked for a pause; 3 if there is no such process.
    Targets,
    /// Approve what a run waits for
    Approve(Decide),
    /// Refuse what a run waits for
    Reject(Decide),
    /// Tell whether an attempt took effect of which nobody knows
    Resolve(Resolve),
    /// Send a signal to a run: to the task that waits for that name, or to the next that will
    Signal(Send),
    /// What was spent: by graph, target, day, or what it bought
    #[command(args_conflicts_with_subcommands = true)]
    Spend {
        #[command(subcommand)]
        command: Option<Spend>,
        /// For how long back, such as 7d or 12h; from the full hour
        #[arg(long, default_value = "7d", value_name = "AGE")]
        since: Age,
        /// graph, target, day, waste or tenant
        #[arg(long, default_value = "graph", value_parser = SpentBy::ALL.map(SpentBy::word))]
        by: String,
    },
    /// What endpoints outside are told: how they stand, and a try of one
    Notices {
        #[command(subcommand)]
        command: Option<Notices>,
    },
    /// What was said of runs, added up
    #[command(args_conflicts_with_subcommands = true)]
    Feedback {
        #[command(subcommand)]
        command: Option<Feedback>,
        #[command(flatten)]
        of: FeedbackOf,
        /// graph, version, target, label or source
        #[arg(long, default_value = "graph", value_parser = FeedbackBy::ALL.map(FeedbackBy::word))]
        by: String,
    },
    /// Results that tasks with `cache` have kept
    #[command(subcommand)]
    Cache(Cache),
    /// Full-text indexes for `uses: retrieve`
    #[command(subcommand)]
    Index(Index),
    /// Serve the HTTP API on loopback; other commands become its clients
    Serve {
        /// Where to listen; a busy port is moved
        #[arg(long, default_value = "127.0.0.1:7420", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// End when standard input does: with whoever holds its other end, however that ends
        #[arg(long, hide = true)]
        attached: bool,
    },
    /// Serve the offline model in OpenAI's wire format
    #[command(after_help = provider::HELP)]
    Provider(Provider),
    /// The rules by which the scheduler chooses: check, compare and show them
    #[command(subcommand, after_help = policy::HELP)]
    Policy(Policy),
    /// Other parameters for a while: check, publish, withdraw and list plans, or find one in the journal
    #[command(subcommand, after_help = plan::HELP)]
    Plan(Plan),
    /// Print the JSON Schema of documents, for editors
    Schema {
        /// Of which documents
        #[arg(value_enum, default_value_t)]
        of: SchemaOf,
    },
    /// What another policy would have done: run the journal again in virtual time
    #[command(after_help = replay::HELP)]
    Replay(Replay),
    /// Compare scheduling policies in virtual time, on public traces or drawn workloads
    Simulate(Simulate),
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

/// A part of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Beat {
    /// A question is answered from a page of this project
    Answer,
    /// A server of its own is killed under forty agents
    Crash,
    /// Forty calls at once under a cap of fifty cents
    Budget,
    /// Forty agents of two tenants against one rate limit, without and with Agendum: some fifteen seconds, and only when it is asked for
    RateLimit,
}

/// A sum that a run may spend.
fn budget(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(dollars) if dollars.is_finite() && dollars >= 0.0 => Ok(dollars),
        Ok(_) | Err(_) => Err("a budget is a number of US dollars, 0 or more, such as 0.05".to_owned()),
    }
}

fn key(text: &str) -> Result<String, String> {
    let is_key =
        (1..=SubmissionKey::BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let wrong = || format!("a key is 1 to {} visible ASCII characters, such as order-17", SubmissionKey::BYTES_MAX);
    is_key.then(|| text.to_owned()).ok_or_else(wrong)
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "agendum run [OPTIONS] <GRAPH>")]
pub(crate) struct Run {
    /// The document, YAML or JSON
    #[arg(required_unless_present = "watch")]
    pub(crate) graph: Option<PathBuf>,
    /// An input; JSON where it parses as JSON and the graph takes that, text otherwise; @FILE reads a file
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
    #[arg(long, value_name = "USD", allow_hyphen_values = true, value_parser = budget)]
    pub(crate) budget: Option<f64>,
    /// Commit every step before the next begins
    #[arg(long)]
    pub(crate) strict: bool,
    /// What is submitted twice under the same key is run once
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub(crate) key: Option<String>,
    /// Print the run's id and leave it to a server in the background
    #[arg(long)]
    pub(crate) detach: bool,
    /// Run it anew with every edit of the document, of files that it or an input names, and of what is in these paths
    #[arg(long, value_name = "PATH", num_args = 0.., conflicts_with_all = ["detach", "key"])]
    pub(crate) watch: Option<Vec<PathBuf>>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Anew {
    /// Run this task too, and all that depends on it
    #[arg(long, value_name = "TASK")]
    pub(crate) from: Option<String>,
    /// A task that took effect, or may have, and shall do it again; may be repeated
    #[arg(long, value_name = "TASK")]
    pub(crate) again: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// List what is kept, the latest first
    Ls {
        /// Only what has this tag
        #[arg(long)]
        tag: Option<String>,
    },
    /// Forget what is kept: who asks again pays again
    #[command(group(clap::ArgGroup::new("which").required(true)))]
    Forget {
        /// What has this tag
        #[arg(long, group = "which")]
        tag: Option<String>,
        /// The result with this key: 8 of its digits or more, as `cache ls` tells them
        #[arg(long, group = "which")]
        key: Option<String>,
        /// All of it
        #[arg(long, group = "which")]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// List runs, newest first
    Ls {
        /// Only this status: queued, running, paused, succeeded, failed or cancelled
        #[arg(long)]
        status: Option<String>,
        /// Only this graph
        #[arg(long)]
        graph: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Show a run: status, tasks, output
    Show {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
        /// Begin the list of tasks behind so many
        #[arg(long, default_value_t = 0, value_name = "N")]
        from: usize,
        /// With the tools that a call of an agent does not name
        #[arg(long)]
        all: bool,
    },
    /// Follow a run to its end
    Watch {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
    },
    /// Add tasks to a live run
    Add {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
        /// A document with `tasks`; - for standard input
        tasks: PathBuf,
    },
    /// Run again what failed, and what depends on it: a new run that takes over the rest
    Retry {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
        #[command(flatten)]
        anew: Anew,
    },
    /// Run again with other inputs: a new run that takes over what they do not change
    Fork {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
        /// An input that is another one; the rest is as it was
        #[arg(short, long = "input", value_name = "NAME=VALUE")]
        inputs: Vec<String>,
        #[command(flatten)]
        anew: Anew,
    },
    /// Say how good the answer of a run was
    Feedback(Opinion),
    /// Cancel a run
    Cancel {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
    },
    /// Start nothing more of a run
    Pause {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
    },
    /// Delete runs that are done, with all that is kept of them
    Delete {
        /// Their ids, or as much of them as is clear; `last` for the newest that is no child run
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<String>,
    },
    /// Delete all runs that have been done for so long
    Prune {
        /// For how long, such as 30d or 12h
        #[arg(long, value_name = "AGE")]
        older_than: Age,
        /// Only say which
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
    /// Go on with a paused run
    Resume {
        /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
        run: String,
    },
    /// Raise the budget of a live run, or refuse what asks for more
    Raise(Raise),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Notices {
    /// Send an endpoint a notice that tells nothing
    Test {
        /// Its name in the configuration
        name: String,
    },
}

/// A number from 0 to 1.
fn score(text: &str) -> Result<f64, String> {
    let score = text.parse::<f64>().ok().filter(|score| (0.0..=1.0).contains(score));
    score.ok_or_else(|| "a score is a number from 0 to 1, such as 0.8".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Feedback {
    /// List it one by one, the latest first, with its comments
    Ls {
        /// Of this run: its id, or as much of it as is clear; `last` for the newest that is no child run
        run: Option<String>,
        #[command(flatten)]
        of: FeedbackOf,
        /// How many at most
        #[arg(short = 'n', long, default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
}

/// Which feedback.
#[derive(Debug, clap::Args)]
pub(crate) struct FeedbackOf {
    /// Only this graph
    #[arg(long)]
    pub(crate) graph: Option<String>,
    /// Only what people said, or tasks that judge others: people or judge
    #[arg(long, value_parser = ["people", "judge"])]
    pub(crate) source: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Opinion {
    /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
    pub(crate) run: String,
    /// From 0, of no use, to 1
    #[arg(long, allow_hyphen_values = true, value_parser = score)]
    pub(crate) score: f64,
    /// A word for it
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Of this task, and not of the whole
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Why, for people
    #[arg(long)]
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check the configuration and show what it amounts to
    Check,
}
