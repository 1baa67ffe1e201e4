//! Limits as a user changes them, on the real binary.

use serde_json::Value as Json;

use crate::place::{Place, said};

const GRAPH: &str = "
version: 1
name: pair
tasks:
  one: { uses: moderate, with: { text: fine } }
  two: { uses: moderate, with: { text: \"${{ tasks.one.output.model }}\" } }
";

#[test]
fn narrower_limits_refuse_what_comes_and_not_what_was_there() {
    let place = Place::new(&[("graph.yaml", GRAPH)]);
    let agendum = |arguments: &[&str], narrow: bool| {
        let mut command = place.agendum(&[&["--json"], arguments].concat());
        if narrow {
            command.env("AGENDUM_LIMITS__GRAPH_TASKS_MAX", "1");
        }
        said(&command.output().unwrap())
    };
    assert_eq!(agendum(&["run", "graph.yaml"], false).0, 0);
    let (code, _, err) = agendum(&["run", "graph.yaml"], true);
    assert!(code == 2 && err.contains("more than 1 tasks"), "{code} {err}");
    let (code, out, err) = agendum(&["runs", "show", "last"], true);
    assert_eq!(code, 0, "{err}");
    let detail: Json = serde_json::from_str(&out).unwrap();
    assert_eq!((&detail["status"], detail["tasks"].as_array().unwrap().len()), (&"succeeded".into(), 2), "{out}");
    let (code, out, _) = agendum(&["config", "check"], true);
    let shown: Json = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["limits"]["graph_tasks_max"]), (0, &"1".into()));
    assert_eq!(shown["overrides"], serde_json::json!(["AGENDUM_LIMITS__GRAPH_TASKS_MAX"]));
}

#[test]
fn an_input_has_an_end_and_is_given_once() {
    let graph = "version: 1\nname: g\ninputs: { properties: { s: { type: string } } }\ntasks: { a: { uses: moderate, with: { text: \"${{ inputs.s }}\" } } }\n";
    let place = Place::new(&[("graph.yaml", graph)]);
    for (inputs, said) in
        [(&["s=@/dev/zero"][..], "larger than 16777216 bytes"), (&["s=a", "s=b"], "--input s is given twice")]
    {
        let flags = inputs.iter().flat_map(|input| ["-i", input]);
        let (code, _, err) = place.run(&["run", "graph.yaml"].into_iter().chain(flags).collect::<Vec<_>>());
        assert!(code == 2 && err.contains(said), "{code} {err}");
    }
}

/// What a provider lets through in a minute is sent at an even pace: the second of two calls waits for the first one's part of it.
#[test]
fn a_rate_that_is_known_is_kept() {
    let graph = "version: 1\nname: two\ntasks:\n  \
                 each: { foreach: [a, b], uses: chat, with: { prompt: \"<text>a b</text>\" } }\n";
    let place = Place::new(&[("graph.yaml", graph)]);
    let target =
        "offline = false\n[targets.slow]\nkind = \"chat\"\nbase_url = \"offline\"\nrate = { requests = 120 }\n";
    place.write("agendum.toml", target);
    assert_eq!(place.run(&["run", "graph.yaml"]).0, 0);
    let parts = place.json(&["why", "last"])["parts"].clone();
    let causes: Vec<&str> = parts.as_array().unwrap().iter().filter_map(|part| part["cause"].as_str()).collect();
    assert!(causes.contains(&"limit"), "{parts}");
}
