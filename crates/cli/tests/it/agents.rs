//! Agents: what their model calls runs as tasks of the run, and what comes of it goes back. The built-in model calls what a prompt
//! spells out, line after line, in-process and over a provider's wire.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::place::{Place, Server, root};

/// An agent that is asked this, with tools of shells: name, line, other words.
fn agent(asked: &str, words: &str, tools: &[(&str, &str, &str)]) -> String {
    let tool = |(name, line, more): &(&str, &str, &str)| {
        let parameters = "{ type: object, properties: { n: { type: integer } }, additionalProperties: false }";
        let argv = json!(["sh", "-c", line, "${{ args.n }}"]);
        format!(
            "      {name}: {{ description: d, parameters: {parameters}, uses: exec, {more}, with: {{ argv: {argv} }} }}\n"
        )
    };
    let tools = tools.iter().map(tool).collect::<String>();
    let asked = json!(asked);
    format!(
        "version: 1\nname: g\ntasks:\n  a:\n    uses: agent\n    with: {{ prompt: {asked} }}\n    {words}\n    tools:\n{tools}"
    )
}

/// Has no lasting effect, and one attempt.
const READS: &str = "effect: none, retry: { max_attempts: 1 }";
const FAIL: &str = "max_turns: 9\n    on_exhausted: fail";

/// What came of its tasks, but for those whose tool was not called, and of the run.
fn played(place: &Place, graph: &str) -> String {
    place.write("graph.yaml", graph);
    let events = place.lines(&["run", "graph.yaml"]);
    let run = &events.last().unwrap()["run"];
    let shown = place.json(&["runs", "show", "last"]);
    let tasks = shown["tasks"].as_array().unwrap().iter().filter(|task| task["status"] != "skipped");
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let line = |task: &Json| {
        let why = text(&task["reason"]);
        format!("{} {} {}", text(&task["task"]), text(&task["status"]), why).trim_end().to_owned()
    };
    let mut lines: Vec<String> = tasks.map(line).collect();
    lines.sort();
    let degraded = if run["degraded"] == true { " degraded" } else { "" };
    lines.push(format!("{}{degraded} {}: {}", text(&run["status"]), run["error"]["class"], run["error"]["message"]));
    let output = &run["output"]["a"];
    if output.is_object() {
        lines.push(format!("turns {} calls {}\n{}", output["turns"], output["calls"], text(&output["text"])));
    }
    lines.join("\n")
}

/// Each of two tools waits for the other. A wrong argument and a failure go back to the model, which goes on.
#[test]
fn tools_run_side_by_side_and_their_failures_go_back() {
    let asked =
        "Do left {\"n\": 1} and right {\"n\": 2}.\nThen left {\"n\": \"x\"}, broken {\"n\": 0}.\nThen left {\"n\": 3}.";
    let tools = [
        ("left", "touch l; while ! test -e r; do sleep 0.01; done; echo left $0", READS),
        ("right", "touch r; while ! test -e l; do sleep 0.01; done; echo right $0", READS),
        ("broken", "echo no such thing >&2; exit 3", READS),
    ];
    let graph = agent(asked, FAIL, &tools);
    let place = Place::with_shell();
    let seen = played(&place, &graph);
    insta::assert_snapshot!(seen, @r#"
    a/loop#1/calls[0]/left succeeded
    a/loop#1/calls[1]/right succeeded
    a/loop#1/turn succeeded
    a/loop#2/calls[1]/broken succeeded `catch` gave its output after permanent: "sh" ended with code 3: no such thing
    a/loop#2/turn succeeded
    a/loop#3/calls[0]/left succeeded
    a/loop#3/turn succeeded
    a/loop#4/turn succeeded
    succeeded degraded null: null
    turns 4 calls 5
    left: {"code":0,"stdout":"left 1\n","stderr":"","truncated":false}
    right: {"code":0,"stdout":"right 2\n","stderr":"","truncated":false}
    left: error: the arguments do not follow the tool's parameters at /n: "x" is not of type "integer"
    broken: {"error":"permanent: \"sh\" ended with code 3: no such thing"}
    left: {"code":0,"stdout":"left 3\n","stderr":"","truncated":false}
    "#);
    // Each call has a task for each tool: those that it does not name are counted.
    let (_, out, _) = place.run(&["runs", "show", "last"]);
    let is_uncalled = |line: &str| line.contains("]/") && line.contains("skipped");
    assert!(out.contains("11 tools that a call does not name: --all shows them"), "{out}");
    assert!(!out.lines().any(is_uncalled) && out.contains("skipped  the model called no tool"), "{out}");
    let (_, out, _) = place.run(&["runs", "show", "last", "--all"]);
    assert!(out.contains("skipped  a tool that this call does not name, or could not be made"), "{out}");
    // The same over a provider's wire.
    let (_provider, base) = Server::provider(&place, &[]);
    let target = format!("[targets.model]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"offline/extractive\"\n");
    let shell = "[targets.tools]\nkind = \"exec\"\nallow = [\"sh\"]\n";
    place.write("agendum.toml", &format!("offline = false\n{target}{shell}"));
    assert_eq!(played(&place, &graph), seen);
}

/// Turns that are spent, and turns that ask for the same, end as the document says.
#[test]
fn an_agent_that_comes_to_no_end_is_ended() {
    let place = Place::with_shell();
    let look = [("look", "echo $0 >> seen", READS)];
    let three = "look {\"n\": 1}\nlook {\"n\": 2}\nlook {\"n\": 3}";
    let same = "look {\"n\": 1}\nlook {\"n\": 1}\nlook {\"n\": 1}";
    let mut told = Vec::new();
    for (asked, words) in [
        (three, "max_turns: 2\n    on_exhausted: fail"),
        (three, "max_turns: 2\n    on_exhausted: { use: last }"),
        (same, FAIL),
        (same, "max_turns: 9\n    on_exhausted: fail\n    stop_if_stuck: false"),
    ] {
        let seen = played(&place, &agent(asked, words, &look));
        told.push(seen.lines().filter(|line| !line.contains(" succeeded")).collect::<Vec<_>>().join("\n"));
    }
    insta::assert_snapshot!(told.join("\n\n"), @r#"
    a failed permanent: the model still called tools after 2 turns
    failed "permanent": "the model still called tools after 2 turns"

    succeeded degraded null: null
    turns 2 calls 2

    a failed permanent: rounds 1 and 2 gave the same: no progress
    failed "permanent": "rounds 1 and 2 gave the same: no progress"

    succeeded null: null
    turns 4 calls 3
    look: {"code":0,"stdout":"","stderr":"","truncated":false}
    look: {"code":0,"stdout":"","stderr":"","truncated":false}
    look: {"code":0,"stdout":"","stderr":"","truncated":false}
    "#);
}

/// What may have happened does not go back to the model, which would ask for it again; and what is forbidden does not either.
#[test]
fn what_is_in_doubt_ends_the_agent() {
    let place = Place::with_shell();
    let pays = ("pay", "echo paid >> ledger; exec sleep 60", "effect: once, on_uncertain: fail, timeout: 300ms");
    let seen = played(&place, &agent("pay {\"n\": 1}\npay {\"n\": 2}", FAIL, &[pays]));
    insta::assert_snapshot!(seen, @r#"
    a failed uncertain: no definite answer (timeout: `timeout.attempt` has passed): the attempt may have taken effect
    a/loop#1 failed uncertain: no definite answer (timeout: `timeout.attempt` has passed): the attempt may have taken effect
    a/loop#1/calls failed uncertain: no definite answer (timeout: `timeout.attempt` has passed): the attempt may have taken effect
    a/loop#1/calls[0] failed uncertain: no definite answer (timeout: `timeout.attempt` has passed): the attempt may have taken effect
    a/loop#1/calls[0]/pay failed uncertain: no definite answer (timeout: `timeout.attempt` has passed): the attempt may have taken effect
    a/loop#1/turn succeeded
    failed "uncertain": "no definite answer (timeout: `timeout.attempt` has passed): the attempt may have taken effect"
    "#);
    assert_eq!(std::fs::read_to_string(place.path("ledger")).unwrap().lines().count(), 1);
    let graph = agent("run {\"n\": 0}", FAIL, &[("run", "true", READS)]).replace("\"sh\",", "\"rm\",");
    insta::assert_snapshot!(played(&place, &graph), @r#"
    a failed permission_denied: "rm" is not on the allow-list (sh); see `allow` of the target in agendum.toml
    a/loop#1 failed permission_denied: "rm" is not on the allow-list (sh); see `allow` of the target in agendum.toml
    a/loop#1/calls failed permission_denied: "rm" is not on the allow-list (sh); see `allow` of the target in agendum.toml
    a/loop#1/calls[0] failed permission_denied: "rm" is not on the allow-list (sh); see `allow` of the target in agendum.toml
    a/loop#1/calls[0]/run failed permission_denied: "rm" is not on the allow-list (sh); see `allow` of the target in agendum.toml
    a/loop#1/turn succeeded
    failed "permission_denied": "\"rm\" is not on the allow-list (sh); see `allow` of the target in agendum.toml"
    "#);
}

fn copy(from: &Path, place: &Place) {
    for name in ["agendum.toml", "graph.yaml", "orders.csv", "rules.md", "prompts/case.md"] {
        place.write(name, &std::fs::read_to_string(from.join(name)).unwrap());
    }
}

/// The example: two tools at once, then one that pays, once.
#[test]
fn the_example_pays_back_once() {
    let place = Place::new(&[]);
    copy(&root().join("examples/tool-agent"), &place);
    let (code, out, err) = place.run(&["run", "graph.yaml"]);
    assert!(code == 0 && out.contains("refund: ") && out.contains("\"calls\": 3"), "{out} {err}");
    let ledger = std::fs::read_to_string(place.path("refunds.csv")).unwrap();
    assert!(ledger.starts_with("A-1001,4990,") && ledger.lines().count() == 1, "{ledger}");
    let (code, _, err) = place.run(&["run", "graph.yaml", "-i", "order=A-1009"]);
    assert_eq!(code, 0, "an order that is not there is told to the model: {err}");
}

/// Its process dies behind a payment: the next one goes on in the same turn, and pays nothing again.
#[test]
fn an_agent_goes_on_after_a_crash() {
    let place = Place::with_shell();
    let tools = [
        ("pay", "echo $AGENDUM_IDEMPOTENCY_KEY >> ledger", "effect: once, on_uncertain: fail"),
        ("slow", "touch begun; test -e calm || exec sleep 60", READS),
    ];
    place.write("graph.yaml", &agent("pay {\"n\": 1}\nslow {\"n\": 0}\npay {\"n\": 2}", FAIL, &tools));
    let mut server = Server::start(&place, &[]);
    let run = place.json(&["run", "graph.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.wait_for("begun");
    server.kill();
    place.write("calm", "");
    let server = Server::start(&place, &[]);
    while place.json(&["runs", "show", &run])["status"] != "succeeded" {
        std::thread::sleep(Duration::from_millis(10));
    }
    let ledger = std::fs::read_to_string(place.path("ledger")).unwrap();
    let keys: std::collections::BTreeSet<&str> = ledger.lines().collect();
    assert_eq!((ledger.lines().count(), keys.len()), (2, 2), "{ledger}");
    server.stop();
}

/// Two agents, each for an item: whom a tool works for, its model does not say.
#[test]
fn a_tool_works_for_the_item_of_its_agent() {
    let place = Place::with_shell();
    let asked = "Say tell {\"n\": 1}";
    let graph = agent(asked, FAIL, &[("tell", "echo $0 >> told", READS)]);
    let graph = graph.replace("${{ args.n }}", "${{ item.name }} ${{ args.n }}").replace('\n', "\n    ");
    let (head, tasks) = graph.split_once("tasks:\n").unwrap();
    let head = head.replace("    ", "");
    let graph = format!("{head}tasks:\n  each:\n    foreach: [{{ name: ann }}, {{ name: ben }}]\n    tasks:\n{tasks}");
    place.write("graph.yaml", &graph);
    let (code, out, err) = place.run(&["run", "graph.yaml"]);
    assert_eq!(code, 0, "{graph}{out}{err}");
    let mut told: Vec<String> =
        std::fs::read_to_string(place.path("told")).unwrap().lines().map(str::to_owned).collect();
    told.sort();
    assert_eq!(told, ["ann 1", "ben 1"]);
}

/// What tools print may be much more than goes back: it is cut before all of it comes together.
#[test]
fn long_results_are_cut_before_they_are_put_together() {
    let place = Place::with_shell();
    let asked = (0..32).map(|n| format!("long {{\"n\": {n}}}")).collect::<Vec<_>>().join(" and ");
    let long = [("long", "head -c 1048576 /dev/zero | tr '\\0' x", READS)];
    let seen = played(&place, &agent(&format!("Do {asked}."), &format!("{FAIL}\n    result_max: 30"), &long));
    let last: Vec<&str> = seen.lines().rev().take(34).collect();
    insta::assert_snapshot!(format!("{}\n{}\n{}", last.last().unwrap(), last[1], last[0]), @r#"
    long: {"code":0,"stdout":"xxxxxxxxxx
    long: {"code":0,"stdout":"xxxxxxxxxx
    [cut: the first 30 of 1048628 bytes]
    "#);
}
