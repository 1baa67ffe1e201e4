//! Calls with a deadline, single ones or so many in a run: the format of the Azure LLM inference traces (`TIMESTAMP,ContextTokens,GeneratedTokens`), or
//! drawn from quantiles.

use agendum_types::Duration;
use agendum_types::graph::Priority;
use serde::Deserialize;

use super::quantiles::Quantiles;
use super::{Call, Job, Round, Workload};
use crate::chance::Chance;
use crate::lab::data;

/// What a call of a file is: how long it takes a slot, and by when it has to be answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// The name of the kind; its file is `NAME.csv.gz` or `NAME.csv`.
    pub name: String,
    /// Milliseconds from when it comes to when it has to be answered, if it has to be.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    /// How urgent it is: `interactive`, `standard` or `background`; `standard` where nothing is said.
    #[serde(default)]
    pub priority: Option<String>,
    /// Milliseconds that each call takes at least,
    pub base_ms: u64,
    /// with so many input tokens a second
    pub tokens_in_per_s: u64,
    /// and so many output tokens.
    pub tokens_out_per_s: u64,
    /// How many calls a run has, one after the other: so many rows that follow each other. All of them have to be made within the deadline.
    #[serde(default = "one")]
    pub calls: u32,
    /// Which rows of the file; all where nothing is said.
    #[serde(default)]
    pub part: Option<Part>,
    /// Where there is no file.
    pub generate: Generator,
}

/// Rows of a record that is too long to be played whole.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// So many seconds after the first row,
    #[serde(default)]
    pub from_s: u64,
    /// for so long.
    pub secs: u64,
}

const fn one() -> u32 {
    1
}

/// Calls to be drawn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// How many rows.
    pub rows: u32,
    /// Within how many seconds they come, evenly spread by chance.
    pub secs: u64,
    /// Input tokens of a call.
    pub tokens_in: Quantiles,
    /// Output tokens of a call.
    pub tokens_out: Quantiles,
}

impl Generator {
    fn draw(&self, chance: &mut Chance) -> Result<Vec<(Duration, u32, u32)>, String> {
        self.tokens_in.check()?;
        self.tokens_out.check()?;
        let tokens = |of: &Quantiles, chance: &mut Chance| (of.draw(chance) as u32).max(1);
        let mut row = |_| {
            let at = Duration(chance.below(self.secs.max(1) * 1_000_000));
            (at, tokens(&self.tokens_in, chance), tokens(&self.tokens_out, chance))
        };
        let mut rows: Vec<_> = (0..self.rows).map(&mut row).collect();
        rows.sort_unstable();
        Ok(rows)
    }
}

impl Kind {
    fn call(&self, tokens_in: u32, tokens_out: u32) -> Round {
        let micros = |tokens: u32, per_s: u64| u64::from(tokens) * 1_000_000 / per_s.max(1);
        let service =
            self.base_ms * 1_000 + micros(tokens_in, self.tokens_in_per_s) + micros(tokens_out, self.tokens_out_per_s);
        let call = Call { service: Duration(service), tokens_in, tokens_out, said: None };
        Round { call, ..Round::default() }
    }

    /// The rows of a file that are asked for.
    ///
    /// # Errors
    ///
    /// If the text is no such file, or none of its rows is asked for.
    fn rows(&self, text: &str) -> Rows {
        let (mut rows, mut first, mut last) = (Vec::new(), None, Duration::ZERO);
        data::rows(text, |row: Row| {
            let at = instant(&row.at)?;
            let since = at.minus(*first.get_or_insert(at));
            last = last.max(since);
            if self.part.is_none_or(|part| part.holds(since)) {
                rows.push((at, row.tokens_in, row.tokens_out));
            }
            Ok(())
        })?;
        match self.part {
            Some(Part { from_s, .. }) if rows.is_empty() => {
                let lasts = last.as_micros().div_ceil(1_000_000);
                Err(format!(
                    "no row is in `part`, which begins {from_s} s after the first: the last comes after {lasts} s"
                ))
            }
            Some(_) | None => Ok(rows),
        }
    }

    /// Runs of so many rows each, which come with the first of theirs; what is left at the end is no run.
    fn jobs(&self, class: u32, rows: &[(Duration, u32, u32)]) -> Vec<Job> {
        let deadline = self.deadline_ms.map(Duration::millis);
        let job = |rows: &[(Duration, u32, u32)]| Job {
            at: rows[0].0,
            tenant: 0,
            class,
            deadline,
            rounds: rows.iter().map(|(_, tokens_in, tokens_out)| self.call(*tokens_in, *tokens_out)).collect(),
        };
        rows.chunks_exact(self.calls.max(1) as usize).map(job).collect()
    }
}

impl Part {
    fn holds(self, since: Duration) -> bool {
        let from = Duration::secs(self.from_s);
        since >= from && since < from.plus(Duration::secs(self.secs))
    }
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
pub fn read<'a>(files: &[(&'a Kind, String)]) -> Result<Workload, String> {
    let of =
        |(kind, text): &(&'a Kind, String)| (*kind, kind.rows(text).map_err(|error| format!("{}: {error}", kind.name)));
    let all = files.iter().map(of).collect();
    workload(all, false)
}

/// Draws what there is no file of.
///
/// # Errors
///
/// If some quantiles do not rise from 0 to 1.
pub fn draw(kinds: &[Kind], seed: u64) -> Result<Workload, String> {
    let mut chance = Chance::new(seed);
    workload(kinds.iter().map(|kind| (kind, kind.generate.draw(&mut chance))).collect(), true)
}

type Rows = Result<Vec<(Duration, u32, u32)>, String>;

fn workload(kinds: Vec<(&Kind, Rows)>, is_generated: bool) -> Result<Workload, String> {
    let mut workload = Workload { tenants: vec!["all".into()], is_known: true, is_generated, ..Workload::default() };
    for (class, (kind, rows)) in (0..).zip(kinds) {
        workload.classes.push(kind.name.clone());
        let priority = kind
            .priority
            .as_deref()
            .map(|word| Priority::from_word(word).ok_or_else(|| format!("{}: {word:?} is no priority", kind.name)));
        workload.priorities.push(priority.transpose()?.unwrap_or_default());
        workload.jobs.extend(kind.jobs(class, &rows?));
    }
    workload.jobs.sort_by_key(|job| job.at);
    let first = workload.jobs.first().map_or(Duration::ZERO, |job| job.at);
    workload.jobs.iter_mut().for_each(|job| job.at = job.at.minus(first));
    Ok(workload)
}

/// How long after 1970 it was: `2023-11-16 18:17:03.9799600`, as in 2023, or with the time zone as in 2024 (`2024-05-10 00:00:00.009930+00:00`).
fn instant(text: &str) -> Result<Duration, String> {
    let at = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}Z").parse()).ok();
    let micros = at.and_then(|at| u64::try_from(at.as_microsecond()).ok());
    micros.map(Duration).ok_or_else(|| format!("{text:?} is not a date and a time since 1970"))
}

#[cfg(test)]
mod tests {
    use super::super::quantiles::Quantiles;
    use super::{Generator, Kind, draw, read};

    fn kind(calls: u32) -> Kind {
        let tokens = Quantiles(vec![(0.0, 10.0), (1.0, 1_000.0)]);
        let generate = Generator { rows: 101, secs: 60, tokens_in: tokens.clone(), tokens_out: tokens };
        Kind {
            name: "code".into(),
            deadline_ms: Some(8_000),
            priority: None,
            base_ms: 150,
            tokens_in_per_s: 6_000,
            tokens_out_per_s: 40,
            calls,
            part: None,
            generate,
        }
    }

    const TEXT: &str = "TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:18:03.9799600,60,40
";

    #[test]
    fn a_call_takes_what_its_tokens_take() {
        let shown = |calls| -> Vec<(u64, u64, usize)> {
            let read = read(&[(&kind(calls), TEXT.to_owned())]).unwrap();
            read.jobs.iter().map(|job| (job.at.0, job.work().0, job.rounds.len())).collect()
        };
        assert_eq!(shown(1), [(0, 1_201_333, 1), (52_000, 880_000, 1), (60_000_000, 1_160_000, 1)]);
        assert_eq!(shown(2), [(0, 2_081_333, 2)], "the third is half a run");
    }

    #[test]
    fn a_part_of_a_record_is_asked_for_in_seconds_after_its_first_row() {
        let read = |from_s, secs| {
            let kind = Kind { part: Some(super::Part { from_s, secs }), ..kind(1) };
            read(&[(&kind, TEXT.to_owned())]).map(|read| read.jobs.iter().map(|job| job.at.0).collect::<Vec<_>>())
        };
        assert_eq!(read(0, 60), Ok(vec![0, 52_000]));
        assert_eq!(read(1, 600), Ok(vec![0]), "the first that is asked for comes at once");
        let told = "code: no row is in `part`, which begins 100 s after the first: the last comes after 60 s";
        assert_eq!(read(100, 60).unwrap_err(), told);
    }

    #[test]
    fn traces_of_2024_say_a_time_zone_and_go_on_for_days() {
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 23:59:59.909930+00:00,4808,10
2024-05-11 02:00:00.009930+02:00,3180,8
";
        let read = |text: &str| read(&[(&kind(1), text.to_owned())]);
        assert_eq!(read(text).unwrap().jobs[1].at.0, 100_000);
        let wrong = read(&text.replace("2024-05-11", "2024-15-11")).unwrap_err();
        assert_eq!(wrong, "code: line 3: \"2024-15-11 02:00:00.009930+02:00\" is not a date and a time since 1970");
    }

    #[test]
    fn what_is_drawn_is_the_same_for_a_seed() {
        let drawn = draw(&[kind(2)], 1).unwrap();
        assert_eq!((drawn.jobs.len(), drawn.is_generated, drawn.is_known), (50, true, true));
        assert_eq!(drawn.jobs, draw(&[kind(2)], 1).unwrap().jobs);
        assert_ne!(drawn.jobs, draw(&[kind(2)], 2).unwrap().jobs);
        let mut wrong = kind(1);
        wrong.generate.tokens_in = Quantiles(vec![(0.0, 10.0), (0.5, 1.0)]);
        assert!(draw(&[wrong], 1).unwrap_err().contains("quantiles must rise"));
    }
}
