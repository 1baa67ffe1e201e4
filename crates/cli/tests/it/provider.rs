//! `agendum provider` over HTTP, and the same model in-process, as graphs meet them.

use serde_json::Value as Json;

use crate::place::{Place, Server};

/// Runs a graph on these targets; its events, and its result last.
fn run(place: &Place, targets: &str, tasks: &str) -> Vec<Json> {
    place.write("agendum.toml", &format!("offline = false\n{targets}"));
    place.write("graph.yaml", &format!("version: 1\nname: g\ntasks:\n{tasks}"));
    place.lines(&["run", "graph.yaml"])
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

/// A task that is caught when it fails with this class.
fn caught(class: &str, more: &str) -> String {
    format!(
        "  one: {{ uses: chat, with: {{ prompt: \"<text>a b c d</text>\" }}, catch: [{{ on: [{class}], output: caught }}]{more} }}\n"
    )
}

/// Retries go on to the next rung, whatever the provider does; as often as it does that.
#[test]
fn a_provider_that_misbehaves_is_borne() {
    let place = Place::new(&[]);
    let mut seen = String::new();
    for (flags, tasks) in [
        (["--rate-limit-every", "2"], TWO.to_owned()),
        (["--cut-every", "1"], caught("unavailable", "")),
        (["--delay-ms", "60000"], caught("timeout", ", timeout: { first_output: 100ms }")),
        (["--word-ms", "60000"], caught("timeout", ", timeout: { idle: 300ms }")),
    ] {
        let (_provider, base) = Server::provider(&place, &flags);
        let target =
            format!("[targets.shaky]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"offline/extractive\"\n");
        let events = run(&place, &target, &tasks);
        seen.push_str(&format!("{}\n{}\n", flags.join(" "), trace(&events)));
        // A provider that has just answered and refuses for its limit: no try, and nothing is sent before it said.
        if let Some(refused) = events.iter().position(|event| event["type"] == "task.turned_away") {
            let at = |event: &Json| event["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            let again = events[refused..].iter().find(|event| event["type"] == "task.started").unwrap();
            let waits = at(again).duration_since(at(&events[refused])).as_millis();
            assert!(waits >= 990, "`Retry-After: 1` outweighs `initial_delay: 1ms`: {again}");
        }
    }
    insta::assert_snapshot!(seen, @r#"
    --rate-limit-every 2
    task.started one
    task.succeeded one
    task.started two
    task.turned_away two: rate_limited: "HTTP 429: told to rate-limit"
    task.started two
    task.succeeded two
    task.started end
    task.turned_away end: rate_limited: "HTTP 429: told to rate-limit"
    task.started end
    task.succeeded end
    succeeded {"one":{"text":"a","model":"offline/extractive","finish_reason":"stop"},"two":{"text":"b","model":"offline/extractive","finish_reason":"stop"},"end":"fine"}

    --cut-every 1
    task.started one
    task.retrying one: unavailable: "the stream ended without its finish marker"
    task.started one
    task.retrying one: unavailable: "the stream ended without its finish marker"
    task.started one
    task.catching one: unavailable: "the stream ended without its finish marker"
    task.caught one
    succeeded {"one":"caught"}

    --delay-ms 60000
    task.started one
    task.retrying one: timeout: "`timeout.first_output` has passed"
    task.started one
    task.retrying one: timeout: "`timeout.first_output` has passed"
    task.started one
    task.catching one: timeout: "`timeout.first_output` has passed"
    task.caught one
    succeeded {"one":"caught"}

    --word-ms 60000
    task.started one
    task.retrying one: timeout: "`timeout.idle` has passed"
    task.started one
    task.retrying one: timeout: "`timeout.idle` has passed"
    task.started one
    task.catching one: timeout: "`timeout.idle` has passed"
    task.caught one
    succeeded {"one":"caught"}
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
    let mut lines: Vec<String> = trace(&run(&Place::new(&[]), &targets, &tasks)).lines().map(str::to_owned).collect();
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

/// What comes above what it works on is turned away, costs no try, and goes once there is room.
#[test]
fn a_provider_that_keeps_none_waiting_is_filled_and_loses_nobody() {
    let place = Place::new(&[]);
    let (_provider, base) = Server::provider(&place, &["--delay-ms", "100", "--at-once", "2", "--turn-away"]);
    let target = format!(
        "[targets.busy]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"offline/extractive\"\nconcurrency = 16\n"
    );
    let each = "  each:
    uses: chat
    foreach: [a, b, c, d, e, f, g, h, i, j, k, l]
    max_parallel: 12
    retry: { max_attempts: 9 }
    with: { prompt: \"<text>${{ item }}</text>\" }
";
    let events = run(&place, &target, each);
    let turned_away = events.iter().find(|event| event["type"] == "task.turned_away").expect("ten have no room");
    assert_eq!(turned_away["error"]["class"], "overloaded", "{turned_away}");
    assert_eq!(turned_away["note"], "turned away by a target that is at work: this was no try");
    let result = events.last().unwrap();
    assert_eq!(result["run"]["status"], "succeeded", "{result}");
    assert_eq!(result["run"]["output"]["each"].as_array().map(Vec::len), Some(12), "{result}");
}
