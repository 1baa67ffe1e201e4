//! Single calls with a deadline: the format of the Azure LLM inference traces (`TIMESTAMP,ContextTokens,GeneratedTokens`).

use agendum_types::Duration;
use serde::Deserialize;

use super::{Call, Job, Round, Workload};

/// What a call of a file is: how long it takes a slot, and by when it has to be answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// The name of the kind; its file is `NAME.csv.gz` or `NAME.csv`.
    pub name: String,
    /// Milliseconds from when it comes to when it has to be answered.
    pub deadline_ms: u64,
    /// Milliseconds that each call takes at least,
    pub base_ms: u64,
    /// with so many input tokens a second
    pub tokens_in_per_s: u64,
    /// and so many output tokens.
    pub tokens_out_per_s: u64,
}

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(rename = "TIMESTAMP")]
    at: String,
    #[serde(rename = "ContextTokens")]
    tokens_in: u32,
    #[serde(rename = "GeneratedTokens")]
    tokens_out: u32,
}

/// Reads the files, each with its kind, into one record that begins with the first of all calls.
///
/// # Errors
///
/// If a text is not such a file.
pub fn read(files: &[(&Kind, String)]) -> Result<Workload, String> {
    let mut workload = Workload { tenants: vec!["all".into()], ..Workload::default() };
    for (class, (kind, text)) in (0..).zip(files) {
        workload.classes.push(kind.name.clone());
        for row in csv::Reader::from_reader(text.as_bytes()).deserialize::<Row>() {
            let row = row.map_err(|error| format!("{}: {error}", kind.name))?;
            let micros = |tokens: u32, per_s: u64| u64::from(tokens) * 1_000_000 / per_s.max(1);
            let service = kind.base_ms * 1_000
                + micros(row.tokens_in, kind.tokens_in_per_s)
                + micros(row.tokens_out, kind.tokens_out_per_s);
            let call =
                Call { service: Duration(service), tokens_in: row.tokens_in, tokens_out: row.tokens_out, said: None };
            let round = Round { call, ..Round::default() };
            let deadline = Some(Duration::millis(kind.deadline_ms));
            workload.jobs.push(Job { at: of_day(&row.at)?, tenant: 0, class, deadline, rounds: vec![round] });
        }
    }
    workload.jobs.sort_by_key(|job| job.at);
    let first = workload.jobs.first().map_or(Duration::ZERO, |job| job.at);
    workload.jobs.iter_mut().for_each(|job| job.at = job.at.minus(first));
    Ok(workload)
}

/// The time of the day of `2023-11-16 18:17:03.9799600`; traces of this kind stay within one.
fn of_day(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a date and a time");
    let (_, time) = text.split_once(' ').ok_or_else(wrong)?;
    let mut parts = time.split(':');
    let mut next = || parts.next().ok_or_else(wrong);
    let (hours, minutes, secs) = (next()?, next()?, next()?);
    let whole = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    Ok(Duration::secs(whole(hours)? * 3_600 + whole(minutes)? * 60).plus(super::secs(secs)?))
}

#[cfg(test)]
mod tests {
    use super::{Kind, read};

    #[test]
    fn a_call_takes_what_its_tokens_take() {
        let kind = Kind {
            name: "code".into(),
            deadline_ms: 8_000,
            base_ms: 150,
            tokens_in_per_s: 6_000,
            tokens_out_per_s: 40,
        };
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:18:03.9799600,60,40
";
        let read = read(&[(&kind, text.to_owned())]).unwrap();
        let shown: Vec<(u64, u64)> = read.jobs.iter().map(|job| (job.at.0, job.work().0)).collect();
        assert_eq!(shown, [(0, 1_201_333), (52_000, 880_000), (60_000_000, 1_160_000)]);
    }
}
