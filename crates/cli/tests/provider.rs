//! `agendum provider` over HTTP, and the same model in-process, as graphs meet them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

fn agendum() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agendum"));
    command.env_remove("AGENDUM_DATA").env_remove("AGENDUM_CONFIG").env_remove("OPENAI_API_KEY").env("NO_COLOR", "1");
    command
}

/// A provider that goes with the test.
struct Provider(Child);

impl Provider {
    /// Starts it; gives its base URL.
    fn start(flags: &[&str]) -> (Self, String) {
        let mut command = agendum();
        command.args(["provider", "--listen", "127.0.0.1:0"]).args(flags).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
        let base = said.split_once("http://").map(|(_, rest)| format!("http://{rest}")).unwrap();
        (Self(child), base)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Runs a graph on these targets; its events, and its result last.
fn run(targets: &str, tasks: &str) -> Vec<Json> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("agendum.toml"), format!("offline = false\n{targets}")).unwrap();
    std::fs::write(folder.path().join("graph.yaml"), format!("version: 1\nname: g\ntasks:\n{tasks}")).unwrap();
    let mut command = agendum();
    command.current_dir(folder.path()).args(["--json", "--data"]).arg(folder.path().join("data"));
    let output = command.args(["run", "graph.yaml"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A line for each event of a task, and the output.
fn trace(events: &[Json]) -> String {
    let mut lines = String::new();
    for event in events {
        let kind = event["type"].as_str().unwrap();
        if kind == "result" {
            lines.push_str(&format!("{} {}\n", event["run"]["status"].as_str().unwrap(), event["run"]["output"]));
        } else if let Some(task) = event["task"].as_str() {
            let error = &event["error"];
            let why = error["class"].as_str().map_or(String::new(), |class| format!(": {class}: {}", error["message"]));
            lines.push_str(&format!("{kind} {task}{why}\n"));
        }
    }
    lines
}

const TWO: &str = "
  one: { uses: chat, with: { prompt: \"<text>a</text>\" }, retry: { max_attempts: 2, initial_delay: 1ms } }
  two: { uses: chat, with: { prompt: \"<text>b</text>\" }, needs: [one], retry: { max_attempts: 2, initial_delay: 1ms } }
  end: { uses: chat, with: { prompt: \"${{ tasks.two.output.text }}\", schema: { const: fine } } }
";

fn shaky(base: &str) -> String {
    format!("[targets.shaky]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"offline/extractive\"\n")
}

#[test]
fn a_provider_that_fails_is_asked_again() {
    let (_provider, base) = Provider::start(&["--fail-every", "2"]);
    insta::assert_snapshot!(trace(&run(&shaky(&base), TWO)), @r#"
    task.started one
    task.succeeded one
    task.started two
    task.retrying two: unavailable: "HTTP 500: told to fail"
    task.started two
    task.succeeded two
    task.started end
    task.retrying end: unavailable: "HTTP 500: told to fail"
    task.started end
    task.succeeded end
    succeeded {"one":{"text":"a","model":"offline/extractive","finish_reason":"stop"},"two":{"text":"b","model":"offline/extractive","finish_reason":"stop"},"end":"fine"}
    "#);
}

#[test]
fn a_provider_that_says_when_is_asked_then() {
    let (_provider, base) = Provider::start(&["--rate-limit-every", "2"]);
    let events = run(&shaky(&base), TWO);
    insta::assert_snapshot!(trace(&events), @r#"
    task.started one
    task.succeeded one
    task.started two
    task.retrying two: rate_limited: "HTTP 429: told to rate-limit"
    task.started two
    task.succeeded two
    task.started end
    task.retrying end: rate_limited: "HTTP 429: told to rate-limit"
    task.started end
    task.succeeded end
    succeeded {"one":{"text":"a","model":"offline/extractive","finish_reason":"stop"},"two":{"text":"b","model":"offline/extractive","finish_reason":"stop"},"end":"fine"}
    "#);
    let retrying = events.iter().find(|event| event["type"] == "task.retrying").unwrap();
    let at: jiff::Timestamp = retrying["at"].as_str().unwrap().parse().unwrap();
    let again: jiff::Timestamp = retrying["note"].as_str().unwrap().strip_prefix("again at ").unwrap().parse().unwrap();
    assert!(again.duration_since(at).as_millis() >= 999, "`Retry-After: 1` outweighs `initial_delay: 1ms`: {retrying}");
}

#[test]
fn a_cut_stream_is_a_failure() {
    let (_provider, base) = Provider::start(&["--cut-every", "1"]);
    let tasks = "
  one: { uses: chat, with: { prompt: \"<text>a b c d</text>\" }, catch: [{ on: [unavailable], output: caught }] }
";
    insta::assert_snapshot!(trace(&run(&shaky(&base), tasks)), @r#"
    task.started one
    task.retrying one: unavailable: "the stream ended without its finish marker"
    task.started one
    task.retrying one: unavailable: "the stream ended without its finish marker"
    task.started one
    task.catching one: unavailable: "the stream ended without its finish marker"
    task.caught one
    succeeded {"one":"caught"}
    "#);
}

#[test]
fn a_slow_provider_runs_into_first_output() {
    let (_provider, base) = Provider::start(&["--delay-ms", "60000"]);
    let tasks = "
  one: { uses: chat, with: { prompt: a }, timeout: { first_output: 100ms }, catch: [{ on: [timeout], output: late }] }
";
    insta::assert_snapshot!(trace(&run(&shaky(&base), tasks)), @r#"
    task.started one
    task.retrying one: timeout: "`timeout.first_output` has passed"
    task.started one
    task.retrying one: timeout: "`timeout.first_output` has passed"
    task.started one
    task.catching one: timeout: "`timeout.first_output` has passed"
    task.caught one
    succeeded {"one":"late"}
    "#);
}

#[test]
fn a_slow_stream_runs_into_idle() {
    let (_provider, base) = Provider::start(&["--word-ms", "60000"]);
    let tasks = "
  one: { uses: chat, with: { prompt: \"<text>a b c</text>\" }, timeout: { idle: 300ms }, catch: [{ on: [timeout], output: late }] }
";
    insta::assert_snapshot!(trace(&run(&shaky(&base), tasks)), @r#"
    task.started one
    task.retrying one: timeout: "`timeout.idle` has passed"
    task.started one
    task.retrying one: timeout: "`timeout.idle` has passed"
    task.started one
    task.catching one: timeout: "`timeout.idle` has passed"
    task.caught one
    succeeded {"one":"late"}
    "#);
}

#[test]
fn the_same_model_is_started_on_demand_in_process() {
    let target = |kind: &str, temper: &str| {
        format!("[targets.{kind}]\nkind = \"{kind}\"\nbase_url = \"offline\"\ntemper = {{ {temper} }}\n")
    };
    let targets = target("chat", "fail_every = 2")
        + &target("moderate", "delay_ms = 1")
        + &target("translate", "rate_limit_every = 0");
    let tasks = TWO.replace("${{ tasks.two.output.text }}", "x ${{ tasks.two.output.text }}")
        + "
  safe: { uses: moderate, with: { text: \"ghp_12\" } }
  english: { uses: translate, with: { text: \"Wie überlebt der Lauf einen Absturz?\", to: en } }
output: [\"${{ tasks.end.output }}\", \"${{ tasks.safe.output.categories }}\", \"${{ tasks.english.output.text }}\"]
";
    let mut lines: Vec<String> = trace(&run(&targets, &tasks)).lines().map(str::to_owned).collect();
    // Three of them run side by side, in any order.
    lines.retain(|line| line.contains("two") || line.starts_with("succeeded"));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    task.started two
    task.retrying two: unavailable: "told to fail"
    task.started two
    task.succeeded two
    succeeded ["fine",["credentials"],"how survives the run a crash?"]
    "#);
}
