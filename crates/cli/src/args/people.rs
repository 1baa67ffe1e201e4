//! What waits for people, and what they say.

#[derive(Debug, clap::Args)]
pub(crate) struct Waits {
    /// Only approvals in this queue
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// Only this run and its child runs: its id, or as much of it as is clear; `last` for the newest that is no child run
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// Begin with this run: where the list before ended
    #[arg(long, value_name = "ID")]
    pub(crate) from: Option<String>,
    /// At most this many, and all of a run that is begun
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) limit: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Decide {
    /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
    pub(crate) run: String,
    /// The task that waits; may be left out where only one does, in it or in its child runs
    pub(crate) task: Option<String>,
    /// Why, for people
    #[arg(long)]
    pub(crate) comment: Option<String>,
    /// A value for the tasks that follow, JSON
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub(crate) value: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Resolve {
    /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
    pub(crate) run: String,
    /// The task that is in doubt; may be left out where only one is
    pub(crate) task: Option<String>,
    /// The attempt that was looked for, as `waits` tells it [default: the one that is in doubt now]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) attempt: Option<u32>,
    #[command(flatten)]
    pub(crate) told: Happened,
    /// What the task gives, if it took effect, JSON [default: null]
    #[arg(long, value_name = "JSON", allow_hyphen_values = true, requires = "happened")]
    pub(crate) output: Option<String>,
}

/// What somebody knows of an effect.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Happened {
    /// It took effect: the task has succeeded
    #[arg(long)]
    pub(crate) happened: bool,
    /// It did not: the task runs again, as often as its `retry` says
    #[arg(long)]
    pub(crate) nothing: bool,
    /// Nobody can tell: the task fails as uncertain
    #[arg(long)]
    pub(crate) unknown: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Send {
    /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
    pub(crate) run: String,
    /// The signal's name
    pub(crate) name: String,
    /// What it brings, JSON; - for standard input [default: null]
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("decision").required(true).multiple(true).args(["usd", "tokens", "refuse"]))]
pub(crate) struct Raise {
    /// The run's id, or as much of it as is clear; `last` for the newest that is no child run
    pub(crate) run: String,
    /// The path of a loop that is under way, or of a task that waits for its child run, instead of the run
    #[arg(long, value_name = "PATH")]
    pub(crate) task: Option<String>,
    /// Dollars more
    #[arg(long, value_parser = super::budget)]
    pub(crate) usd: Option<f64>,
    /// Tokens more
    #[arg(long, value_name = "N")]
    pub(crate) tokens: Option<u64>,
    /// Nothing more: what asks fails with budget_exceeded
    #[arg(long, conflicts_with_all = ["usd", "tokens", "task"])]
    pub(crate) refuse: bool,
}
