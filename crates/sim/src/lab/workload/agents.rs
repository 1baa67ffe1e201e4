//! Sessions of coding agents: the format of `agent-swe-traces`, or drawn from published quantiles.
//!
//! A row is a call of a model or of a tool. Tools of one step run side by side; a thread beside the main one belongs to the tool call (`Task`)
//! within whose time it stands, and its calls go through the same slots. Durations hold the waiting of the original run.

use std::collections::BTreeMap;

use agendum_types::Duration;
use serde::Deserialize;

use super::quantiles::Quantiles;
use super::{Call, Job, Round, Workload, number_of, secs};
use crate::chance::Chance;
use crate::lab::data;

/// What is drawn where there is no data.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// How many sessions there are to draw from.
    pub sessions: u32,
    /// Calls of a session.
    pub calls: Quantiles,
    /// Seconds of a call.
    pub call_s: Quantiles,
    /// Seconds of the tools after it.
    pub tools_s: Quantiles,
    /// Input tokens of a call.
    pub tokens_in: Quantiles,
    /// Output tokens of a call.
    pub tokens_out: Quantiles,
}

impl Generator {
    /// Sessions of one kind.
    ///
    /// # Errors
    ///
    /// If some quantiles do not rise from 0 to 1.
    pub fn draw(&self, seed: u64) -> Result<Workload, String> {
        let all = [&self.calls, &self.call_s, &self.tools_s, &self.tokens_in, &self.tokens_out];
        all.into_iter().try_for_each(Quantiles::check)?;
        let mut chance = Chance::new(seed);
        let span = |of: &Quantiles, chance: &mut Chance| Duration((of.draw(chance) * 1e6) as u64);
        let jobs = (0..self.sessions).map(|_| {
            let rounds = (0..(self.calls.draw(&mut chance).round() as u32).max(1)).map(|_| {
                let call = Call {
                    service: span(&self.call_s, &mut chance),
                    tokens_in: self.tokens_in.draw(&mut chance) as u32,
                    tokens_out: self.tokens_out.draw(&mut chance) as u32,
                    said: None,
                };
                Round { call, tools: span(&self.tools_s, &mut chance), side: Vec::new(), prefix: None }
            });
            Job { at: Duration::ZERO, tenant: 0, class: 0, deadline: None, rounds: rounds.collect() }
        });
        let jobs = jobs.collect();
        let (classes, tenants) = (vec!["drawn".into()], vec!["all".into()]);
        Ok(Workload { classes, tenants, jobs, is_generated: true, ..Workload::default() })
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Row {
    session: String,
    side_thread: u32,
    step: u32,
    kind: String,
    name: String,
    start_s: String,
    dur_s: String,
    in_tokens: Option<u32>,
    out_tokens: Option<u32>,
}

/// A row with its times.
#[derive(Clone, Debug)]
struct Step {
    thread: u32,
    step: u32,
    is_call: bool,
    is_helper: bool,
    from: Duration,
    took: Duration,
    tokens: (u32, u32),
}

impl Step {
    fn until(&self) -> Duration {
        self.from.plus(self.took)
    }
}

/// Reads sessions; the kind of a session is the first part of its name. They come at no time: an arrival process says when.
///
/// # Errors
///
/// If the text is not such a file.
pub fn read(text: &str) -> Result<Workload, String> {
    let mut sessions: Vec<(String, Vec<Step>)> = Vec::new();
    // Rows may lie in the order of sessions or of time.
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    data::rows(text, |row: Row| {
        let step = Step {
            thread: row.side_thread,
            step: row.step,
            is_call: row.kind == "llm",
            is_helper: matches!(row.name.as_str(), "Task" | "Agent"),
            from: secs(&row.start_s)?,
            took: secs(&row.dur_s)?,
            tokens: (row.in_tokens.unwrap_or(0), row.out_tokens.unwrap_or(0)),
        };
        let place = *places.entry(row.session).or_insert_with_key(|name| {
            sessions.push((name.clone(), Vec::new()));
            sessions.len() - 1
        });
        sessions[place].1.push(step);
        Ok(())
    })?;
    let mut workload = Workload { tenants: vec!["all".into()], ..Workload::default() };
    for (name, steps) in sessions {
        let class = number_of(&mut workload.classes, name.split('/').next().unwrap_or_default());
        let rounds = session(&steps);
        if !rounds.is_empty() {
            workload.jobs.push(Job { at: Duration::ZERO, tenant: 0, class, deadline: None, rounds });
        }
    }
    Ok(workload)
}

/// The rounds of a session: its main thread, with the threads beside it where they were called.
fn session(steps: &[Step]) -> Vec<Round> {
    let mut threads: BTreeMap<u32, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        threads.entry(step.thread).or_default().push(step);
    }
    let main = threads.remove(&0).unwrap_or_default();
    let second = Duration::secs(1);
    let mut helpers: Vec<(&Step, Vec<&Step>)> = Vec::new();
    for thread in threads.into_values() {
        let from = thread.iter().map(|step| step.from).min().unwrap_or_default();
        let calls = main.iter().filter(|step| step.is_helper && !step.is_call);
        let near = calls.filter(|step| step.from <= from.plus(second) && from <= step.until().plus(second));
        let is_free = |step: &&Step| helpers.iter().all(|(taken, _)| !std::ptr::eq(*taken, *step));
        let of = near.copied().filter(is_free).min_by_key(|step| step.from.0.abs_diff(from.0));
        // One that nobody called is left out.
        helpers.extend(of.map(|of| (of, thread)));
    }
    rounds(&main, &helpers)
}

fn rounds(thread: &[&Step], helpers: &[(&Step, Vec<&Step>)]) -> Vec<Round> {
    let mut by_step: BTreeMap<u32, Vec<&Step>> = BTreeMap::new();
    for step in thread {
        by_step.entry(step.step).or_default().push(step);
    }
    let mut rounds: Vec<Round> = Vec::new();
    for steps in by_step.into_values() {
        let calls = || steps.iter().filter(|step| step.is_call);
        let begins = steps.iter().map(|step| step.from).min().unwrap_or_default();
        let over = calls().map(|step| step.until()).max().unwrap_or(begins);
        let (mut tools, mut side) = (Duration::ZERO, Vec::new());
        for tool in steps.iter().filter(|step| !step.is_call) {
            let Some((_, helper)) = helpers.iter().find(|(of, _)| std::ptr::eq(*of, *tool)) else {
                tools = tools.max(Duration(tool.until().0.saturating_sub(over.0)));
                continue;
            };
            side = self::rounds(helper, &[]);
            // What the tool takes beyond its thread comes behind the last round of that.
            let last = helper.iter().map(|step| step.until()).max().unwrap_or_default();
            if let Some(round) = side.last_mut() {
                round.tools = round.tools.plus(tool.took.minus(last.minus(tool.from)));
            }
        }
        let Some(first) = calls().next() else {
            // Tools without a call belong to the round before.
            if let Some(round) = rounds.last_mut() {
                round.tools = round.tools.plus(tools);
            }
            continue;
        };
        let service = calls().fold(Duration::ZERO, |sum, step| sum.plus(step.took));
        let call = Call { service, tokens_in: first.tokens.0, tokens_out: first.tokens.1, said: None };
        rounds.push(Round { call, tools, side, prefix: None });
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn tools_run_side_by_side_and_a_helper_through_the_slots() {
        let read = read(
            "session,side_thread,step,kind,name,start_s,dur_s,in_tokens,cached_in_tokens,out_tokens,out_chars,result_chars,is_error
a/x,0,0,llm,m,0.0,2.0,100,0,7,,,
a/x,0,0,tool,Read,2.0,0.5,,,,,160,0
a/x,0,0,tool,Task,2.0,9.0,,,,,160,0
a/x,1,0,llm,m,2.5,3.0,10,0,1,,,
a/x,1,0,tool,Bash,5.5,1.0,,,,,160,1
b/y,0,0,llm,m,0.0,1.0,1,0,1,,,
",
        )
        .unwrap();
        let mut shown = String::new();
        for job in &read.jobs {
            shown += &format!("{}\n", read.classes[job.class as usize]);
            for round in &job.rounds {
                shown += &format!("  {:?}, tools {}\n", round.call, round.tools);
                for side in &round.side {
                    shown += &format!("    {:?}, tools {}\n", side.call, side.tools);
                }
            }
        }
        insta::assert_snapshot!(shown, @r"
        a
          Call { service: Duration(2000000), tokens_in: 100, tokens_out: 7, said: None }, tools 500ms
            Call { service: Duration(3000000), tokens_in: 10, tokens_out: 1, said: None }, tools 5.5s
        b
          Call { service: Duration(1000000), tokens_in: 1, tokens_out: 1, said: None }, tools 0µs
        ");
    }
}
