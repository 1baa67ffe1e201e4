//! Results as the artifact of the Virtual Token Counter has them (`fair_bench/FCFS/all_results_real.jsonl`): a run in a line, with all of its answers.

use serde::Deserialize;

use super::Row;

#[derive(Deserialize)]
struct Run {
    result: Results,
}

#[derive(Deserialize)]
struct Results {
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    adapter_dir: String,
    prompt_len: u32,
    output_len: u32,
    req_time: f64,
}

/// The calls of the one run of such a file.
pub(super) fn rows(text: &str, experiment: &str, policy: &str) -> Result<Vec<Row>, String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let [line] = lines[..] else { return Err(format!("{} runs in it: leave the one that is meant", lines.len())) };
    let run: Run = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let row = |of: Response| Row {
        experiment: experiment.to_owned(),
        policy: policy.to_owned(),
        // Clients have an adapter each, by number.
        client: format!("c{}", of.adapter_dir.rsplit('-').next().unwrap_or_default()),
        req_time_s: of.req_time.to_string(),
        prompt_tokens: of.prompt_len,
        output_tokens: of.output_len,
    };
    Ok(run.result.responses.into_iter().map(row).collect())
}
