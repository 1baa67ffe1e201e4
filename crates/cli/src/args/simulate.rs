//! What the policy laboratory is asked.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(override_usage = "agendum simulate [OPTIONS] <SCENARIO>")]
pub(crate) struct Simulate {
    /// e1 (agent programs), e2 (overload; also e2-runs, e2-said, e2-noise, e2-outage, e2-storm, e2-urgent), e3 (tenants; e3-ahead, e3-deep,
    /// e3-servegen, e3-weights), e4-j30, e4-j60 and e4-j120 (projects that hold units of pools; e4-online), e5 (workflows; e5-regions), e9 (second attempts;
    /// e9-luck), e10 (prefixes; e10-cold, e10-tenants), quota (a provider's limit), or a file
    #[arg(required_unless_present = "compare")]
    pub(crate) scenario: Option<String>,
    /// Policies to compare, besides the scenario's baseline: a document (rules.yaml), balanced, an index (gittins, gittins@8), oracle, reference:vtc
    #[arg(long, alias = "policy", value_name = "POLICY", num_args = 1..)]
    pub(crate) compare: Vec<String>,
    /// The folder of public traces; without it the workload is drawn from published quantiles
    #[arg(long, value_name = "DIR")]
    pub(crate) traces: Option<PathBuf>,
    /// How many seeds [default: the scenario's]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) seeds: Option<u64>,
    /// Only this load, once or more
    #[arg(long = "load", value_name = "LOAD", allow_negative_numbers = true)]
    pub(crate) loads: Vec<f64>,
    /// Where to write one page of HTML with everything: curves, series over time, Gantt charts
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}
