//! `provider`: what the offline model is told when it is served.

use std::net::SocketAddr;

/// Shown below the flags.
pub(super) const HELP: &str = "\
It serves GET /v1/models, and, counting each as a call:
  POST /v1/chat/completions   streamed or not, tools, response_format: json_schema
  POST /v1/moderations

Example: slow, every third call fails; and the target in agendum.toml that speaks to it:
  agendum provider --listen 127.0.0.1:7421 --word-ms 30 --fail-every 3

  [targets.shaky]
  kind = \"chat\"
  base_url = \"http://127.0.0.1:7421/v1\"
  model = \"offline/extractive\"";

/// Where it listens, how much it takes, and how badly it behaves.
#[derive(Debug, clap::Args)]
pub(crate) struct Provider {
    /// Where to listen; a busy port is moved
    #[arg(long, default_value = "127.0.0.1:7421", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Requests that it lets through in a minute, at least 1: what comes above them gets a 429, and each answer says how many are left
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) requests_per_minute: Option<u32>,
    /// Calls that it works on at once until their first word, at least 1: the others wait inside, in the order in which they came
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) at_once: Option<u16>,
    /// What comes above --at-once is answered 503 at once, and does not wait inside
    #[arg(long, requires = "at_once")]
    pub(crate) turn_away: bool,
    #[command(flatten)]
    pub(crate) temper: Misbehave,
}

/// How badly the offline model behaves: the words of `temper` in agendum.toml.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Told to misbehave, for demonstrations and tests")]
pub(crate) struct Misbehave {
    /// Milliseconds before the first word
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub(crate) delay_ms: u64,
    /// Milliseconds between words
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub(crate) word_ms: u64,
    /// Every N-th call fails (500); 0 for none
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) fail_every: u32,
    /// Every N-th call is told to come back in a second (429); 0 for none
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) rate_limit_every: u32,
    /// Every N-th stream ends in the middle, without its finish marker; 0 for none
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) cut_every: u32,
}
