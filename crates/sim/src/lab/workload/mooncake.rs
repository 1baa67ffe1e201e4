//! Calls of conversations that go on, so that each begins as an earlier one did: the format of the Mooncake traces (FAST'25), a JSON object on each line,
//! `{"timestamp": ms, "input_length": tokens, "output_length": tokens, "hash_ids": [a block of 512 tokens each]}`; or drawn from quantiles.

use std::sync::Arc;

use agendum_types::{Duration, Prefix};
use serde::Deserialize;

use super::quantiles::Quantiles;
use super::{Call, Job, Round, Workload};
use crate::chance::Chance;

/// How long a call takes a slot that has read nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Takes {
    /// Milliseconds at least,
    pub base_ms: u64,
    /// with so many input tokens a second
    pub tokens_in_per_s: u64,
    /// and so many output tokens.
    pub tokens_out_per_s: u64,
}

/// What is drawn where there is no data.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// How many conversations.
    pub conversations: u32,
    /// Within how many seconds they begin, evenly spread by chance.
    pub secs: u64,
    /// Blocks that all of them begin with.
    pub common: u32,
    /// Calls of a conversation.
    pub calls: Quantiles,
    /// Blocks that each call has more than the one before it.
    pub blocks: Quantiles,
    /// Seconds between two of its calls.
    pub gap_s: Quantiles,
    /// Output tokens of a call.
    pub tokens_out: Quantiles,
}

impl Takes {
    fn job(self, at: Duration, (tokens_in, tokens_out): (u32, u32), blocks: Vec<u64>) -> Job {
        let micros = |tokens: u32, per_s: u64| u64::from(tokens) * 1_000_000 / per_s.max(1);
        let read = micros(tokens_in, self.tokens_in_per_s);
        let service = Duration(self.base_ms * 1_000 + read + micros(tokens_out, self.tokens_out_per_s));
        let call = Call { service, tokens_in, tokens_out, said: None };
        let round = Round { call, prefix: Some(Arc::new(Prefix(blocks))), ..Round::default() };
        Job { at, tenant: 0, class: 0, deadline: None, rounds: vec![round] }
    }
}

impl Generator {
    /// Conversations of one tenant.
    ///
    /// # Errors
    ///
    /// If some quantiles do not rise from 0 to 1.
    pub fn draw(&self, takes: Takes, seed: u64) -> Result<Workload, String> {
        [&self.calls, &self.blocks, &self.gap_s, &self.tokens_out].into_iter().try_for_each(Quantiles::check)?;
        let mut chance = Chance::new(seed);
        let mut next = u64::from(self.common);
        let mut jobs = Vec::new();
        for _ in 0..self.conversations {
            let mut at = Duration(chance.below(self.secs.max(1) * 1_000_000));
            let mut blocks: Vec<u64> = (0..u64::from(self.common)).collect();
            for _ in 0..(self.calls.draw(&mut chance) as u32).max(1) {
                let more = (self.blocks.draw(&mut chance) as u64).max(1);
                blocks.extend(next..next + more);
                next += more;
                let tokens_in = u32::try_from(blocks.len() as u64 * Prefix::BLOCK_TOKENS).unwrap_or(u32::MAX);
                let tokens_out = (self.tokens_out.draw(&mut chance) as u32).max(1);
                jobs.push(takes.job(at, (tokens_in, tokens_out), blocks.clone()));
                at = at.plus(Duration((self.gap_s.draw(&mut chance) * 1e6) as u64));
            }
        }
        Ok(workload(jobs, true))
    }
}

#[derive(Debug, Deserialize)]
struct Row {
    timestamp: u64,
    input_length: u32,
    output_length: u32,
    hash_ids: Vec<u64>,
}

/// Reads them.
///
/// # Errors
///
/// If a line is no such object, or there is none.
pub fn read(text: &str, takes: Takes) -> Result<Workload, String> {
    let row = |(number, line): (usize, &str)| {
        let row: Row = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
        Ok(takes.job(Duration::millis(row.timestamp), (row.input_length, row.output_length.max(1)), row.hash_ids))
    };
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let jobs = lines.map(row).collect::<Result<Vec<_>, String>>()?;
    if jobs.is_empty() { Err("no calls".into()) } else { Ok(workload(jobs, false)) }
}

fn workload(mut jobs: Vec<Job>, is_generated: bool) -> Workload {
    jobs.sort_by_key(|job| job.at);
    let (classes, tenants) = (vec!["call".into()], vec!["all".into()]);
    Workload { classes, tenants, jobs, is_known: true, is_generated, ..Workload::default() }
}

#[cfg(test)]
mod tests {
    use super::super::quantiles::Quantiles;
    use super::{Generator, Takes, read};

    const TAKES: Takes = Takes { base_ms: 100, tokens_in_per_s: 8_000, tokens_out_per_s: 40 };

    #[test]
    fn a_line_is_a_call() {
        let text = "{\"timestamp\": 27, \"input_length\": 800, \"output_length\": 4, \"hash_ids\": [0, 7]}\n\n";
        let read = read(text, TAKES).unwrap();
        let round = &read.jobs[0].rounds[0];
        assert_eq!((read.jobs[0].at.0, round.call.service.0), (27_000, 300_000));
        assert_eq!(round.prefix.as_ref().map(|prefix| prefix.0.clone()), Some(vec![0, 7]));
        assert!(super::read("{}", TAKES).unwrap_err().starts_with("line 1: "));
        assert!(super::read("", TAKES).is_err());
    }

    #[test]
    fn a_conversation_goes_on_as_it_began() {
        let of = |low: f64, high: f64| Quantiles(vec![(0.0, low), (1.0, high)]);
        let generate = Generator {
            conversations: 9,
            secs: 60,
            common: 2,
            calls: of(1.0, 9.0),
            blocks: of(1.0, 20.0),
            gap_s: of(1.0, 30.0),
            tokens_out: of(10.0, 500.0),
        };
        let drawn = generate.draw(TAKES, 1).unwrap();
        assert_eq!(drawn.jobs, generate.draw(TAKES, 1).unwrap().jobs);
        let prefixes: Vec<_> = drawn.jobs.iter().filter_map(|job| job.rounds[0].prefix.as_ref()).collect();
        let goes_on = |(number, of): (usize, &&std::sync::Arc<agendum_types::Prefix>)| {
            prefixes[..number].iter().any(|before| before.0.len() > 2 && of.0.starts_with(&before.0))
        };
        assert!(prefixes.iter().all(|prefix| prefix.0.starts_with(&[0, 1])));
        assert_eq!(prefixes.iter().enumerate().filter(|of| !goes_on((of.0, of.1))).count(), 9, "one begins each");
    }
}
