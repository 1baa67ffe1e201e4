//! Calls of many tenants: the format of the artifact of the Virtual Token Counter (`vtc-fairness`), or drawn with a skew.

mod published;

use agendum_types::Duration;
use serde::Deserialize;

use super::quantiles::{Quantiles, share};
use super::{Call, Job, Round, Workload, number_of, secs};
use crate::chance::Chance;
use crate::lab::data;

/// What is drawn where there is no data.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// How many tenants. The share of the n-th is 1/n of that of the first.
    pub tenants: u32,
    /// How many calls in all.
    pub calls: u32,
    /// Within how many seconds they come, each tenant's evenly spread by chance.
    pub secs: u64,
    /// Input tokens of a call.
    pub tokens_in: Quantiles,
    /// Output tokens of a call.
    pub tokens_out: Quantiles,
}

impl Generator {
    /// Calls of one kind.
    ///
    /// # Errors
    ///
    /// If some quantiles do not rise from 0 to 1.
    pub fn draw(&self, seed: u64) -> Result<Workload, String> {
        self.tokens_in.check()?;
        self.tokens_out.check()?;
        let mut chance = Chance::new(seed);
        let whole: f64 = (1..=self.tenants).map(|number| 1.0 / f64::from(number)).sum();
        let mut jobs = Vec::new();
        for _ in 0..self.calls {
            let mut left = share(&mut chance) * whole;
            let passes = |number: &u32| {
                left -= 1.0 / f64::from(*number);
                left > 0.0
            };
            let tenant = (1..self.tenants).take_while(passes).count() as u32;
            let (tokens_in, tokens_out) = (self.tokens_in.draw(&mut chance), self.tokens_out.draw(&mut chance));
            let at = Duration(chance.below(self.secs * 1_000_000));
            jobs.push(job(tenant, at, (tokens_in as u32).max(1), (tokens_out as u32).max(1)));
        }
        jobs.sort_by_key(|job| job.at);
        let tenants = (0..self.tenants).map(|number| format!("t{number}")).collect();
        Ok(Workload { classes: vec!["call".into()], tenants, jobs, is_generated: true, ..Workload::default() })
    }
}

fn job(tenant: u32, at: Duration, tokens_in: u32, tokens_out: u32) -> Job {
    let call = Call { service: Duration::ZERO, tokens_in, tokens_out, said: None };
    Job { at, tenant, class: 0, deadline: None, rounds: vec![Round { call, ..Round::default() }] }
}

#[derive(Debug, Deserialize)]
struct Row {
    experiment: String,
    policy: String,
    client: String,
    req_time_s: String,
    prompt_tokens: u32,
    output_tokens: u32,
}

/// Reads the calls of one experiment, as they came when it was run with one policy.
///
/// # Errors
///
/// If the text is not such a file, or holds none of them.
pub fn read(text: &str, experiment: &str, policy: &str) -> Result<Workload, String> {
    let mut workload = of_calls();
    data::rows(text, |row: Row| {
        if row.experiment == experiment && row.policy == policy { take(&mut workload, &row) } else { Ok(()) }
    })?;
    if workload.jobs.is_empty() {
        return Err(format!("no calls of {experiment:?} under {policy:?}"));
    }
    Ok(in_order(workload))
}

/// The same from the file of that experiment and that policy as it is published.
///
/// # Errors
///
/// If the text is not such a file.
pub(crate) fn read_published(text: &str, experiment: &str, policy: &str) -> Result<Workload, String> {
    let mut workload = of_calls();
    published::rows(text, experiment, policy)?.iter().try_for_each(|row| take(&mut workload, row))?;
    Ok(in_order(workload))
}

fn of_calls() -> Workload {
    Workload { classes: vec!["call".into()], ..Workload::default() }
}

fn take(workload: &mut Workload, row: &Row) -> Result<(), String> {
    let tenant = number_of(&mut workload.tenants, &row.client);
    workload.jobs.push(job(tenant, secs(&row.req_time_s)?, row.prompt_tokens, row.output_tokens));
    Ok(())
}

fn in_order(mut workload: Workload) -> Workload {
    workload.jobs.sort_by_key(|job| job.at);
    workload
}

#[cfg(test)]
mod tests {
    use super::{read, read_published};

    #[test]
    fn what_is_published_is_the_same() {
        let text = r#"{"config": {}, "result": {"total_time": 9.1, "responses": [
            {"adapter_dir": "dummy-lora-7b-rank-8-1", "prompt_len": 256, "output_len": 10, "request_latency": 9.1, "req_time": 2.5},
            {"adapter_dir": "dummy-lora-7b-rank-8-0", "prompt_len": 20, "output_len": 30, "request_latency": 9.1, "req_time": 1.0}]}}"#;
        let read = read_published(&text.replace('\n', " "), "real", "FCFS").unwrap();
        let shown: Vec<_> = read.jobs.iter().map(|job| (job.at.0, job.tenant, job.cost())).collect();
        assert_eq!(
            (shown, read.tenants),
            (vec![(1_000_000, 1, 80), (2_500_000, 0, 276)], vec!["c1".into(), "c0".into()])
        );
        assert!(read_published("{}\n{}\n", "real", "FCFS").unwrap_err().starts_with("2 runs in it"));
    }

    #[test]
    fn the_calls_of_one_experiment_are_taken() {
        let text =
            "experiment,policy,client,req_time_s,prompt_tokens,output_tokens,first_token_latency_s,request_latency_s
real,FCFS,c1,2.5,256,10,0.1,9.1
real,FCFS,c0,1.0,20,30,0.1,9.1
real,VTC,c0,1.0,20,30,0.1,9.1
";
        let read = read(text, "real", "FCFS").unwrap();
        let shown: Vec<_> = read.jobs.iter().map(|job| (job.at.0, job.tenant, job.cost())).collect();
        assert_eq!(
            (shown, read.tenants),
            (vec![(1_000_000, 1, 80), (2_500_000, 0, 276)], vec!["c1".into(), "c0".into()])
        );
    }
}
