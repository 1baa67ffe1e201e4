//! Plans on the command line: checked, published, named in what is decided, withdrawn; and found in a journal.

use serde_json::Value as Json;

use crate::place::{Place, Server};

const CONFIG: &str = "[targets.tools]\nkind = \"exec\"\nallow = [\"sh\"]\nconcurrency = 1\n";
const GRAPH: &str = "
version: 1
name: waits
tasks:
  a: { uses: exec, effect: none, with: { argv: [sh, -c, exit 0] } }
  b: { uses: exec, effect: none, with: { argv: [sh, -c, exit 0] } }
";
const CALM: &str = "version: 1
plan: calm
lasts: 1h
rules: { hedging: { share: 1 } }
evidence: { how: a test, runs: 100 }
confidence: 0.9
";

fn place() -> Place {
    Place::new(&[
        ("agendum.toml", CONFIG),
        ("graph.yaml", GRAPH),
        ("calm.yaml", CALM),
        ("bold.yaml", "version: 1\nplan: bold\nlasts: 1m\nrules: { limits: { failures: 0 } }\n"),
        ("same.yaml", "version: 1\nplan: same\nlasts: 1m\nrules: { hedging: { share: 5 } }\n"),
        ("wrong.yaml", "version: 1\nplan: wrong\nlasts: 1m\nrules: { hedgin: { share: 5 } }\n"),
    ])
}

#[test]
fn documents_are_checked_against_the_policy_in_force() {
    let place = place();
    let (code, out, err) = place.run(&["plan", "check", "calm.yaml", "bold.yaml"]);
    assert!(
        code == 0 && out.contains("changes 1 parameter of balanced@") && out.contains("hedging.share"),
        "{out} {err}"
    );
    assert!(err.contains("bold.yaml: note: it says nothing of what speaks for it"), "{err}");
    assert!(err.contains("bold.yaml: note: targets that fail are no longer left alone"), "{err}");
    let (code, _, err) = place.run(&["plan", "check", "same.yaml", "wrong.yaml"]);
    assert!(code == 2 && err.contains("it changes nothing") && err.contains("did you mean `hedging`?"), "{err}");
    let told = place.json(&["plan", "check", "bold.yaml"]);
    assert_eq!((&told["publishable"], &told["flags"][1]["code"]), (&true.into(), &"guard".into()), "{told}");
    let (code, out, _) = place.run(&["schema", "plan"]);
    assert!(
        code == 0 && out.contains("\"tokens_per_s\"") && out.contains("\"confidence\""),
        "with the words of policies"
    );
}

#[test]
fn a_plan_is_in_force_until_it_is_withdrawn() {
    let place = place();
    let server = Server::start(&place, &[]);
    let (code, _, err) = place.run(&["plan", "show"]);
    assert!(code == 2 && err.contains("no plan was published yet"), "{err}");
    let published = place.json(&["plan", "publish", "calm.yaml"]);
    assert_eq!((&published["number"], &published["state"]), (&1.into(), &"in_force".into()));
    assert_eq!(published["changes"], serde_json::json!(["hedging.share: 5 → 1"]));
    let (code, _, err) = place.run(&["plan", "publish", "same.yaml"]);
    assert!(code == 2 && err.contains("it changes nothing"), "{err}");
    assert!(place.json(&["targets"])["rules"].as_str().unwrap().contains("+calm@"));

    let shown = || {
        let shown = place.json(&["policy", "show"]);
        let row =
            shown["parameters"].as_array().unwrap().iter().find(|row| row["path"] == "hedging.share").cloned().unwrap();
        format!("{} {} {}", shown["plan"]["name"], row["value"], row["without_plan"])
    };
    assert_eq!(shown(), r#""calm" 1 5"#);
    let (_, out, _) = place.run(&["policy", "show"]);
    assert!(
        out.contains("with plan calm, number 1, in force until") && out.contains("policy: 5, balanced: 5"),
        "{out}"
    );

    assert_eq!(place.run(&["run", "graph.yaml"]).0, 0);
    let why = place.json(&["why", "last"]).to_string();
    assert!(
        why.contains("+calm@"),
        "one of the two tasks had to wait for the other, and by which rules is told: {why}"
    );
    let (_, out, _) = place.run(&["plan", "show"]);
    assert!(out.contains("in force until") && out.contains("evidence: 100 runs, sure by 90 %; a test"), "{out}");

    // The next process goes by it too.
    drop(server);
    assert_eq!(shown(), r#""calm" 1 5"#, "also where nobody serves");
    let server = Server::start(&place, &[]);
    assert!(place.json(&["targets"])["rules"].as_str().unwrap().contains("+calm@"));
    let doctor = place.json(&["doctor"]).to_string();
    assert!(doctor.contains("calm, number 1, until"), "{doctor}");
    let (_, out, _) = place.run(&["plan", "show", "1"]);
    assert!(out.contains("in force until"), "{out}");
    let (code, out, _) = place.run(&["plan", "withdraw", "--why", "no help"]);
    assert!(code == 0 && out.contains("withdrawn") && out.contains("by local: no help"), "{out}");
    assert!(!place.json(&["targets"])["rules"].as_str().unwrap().contains('+'));
    assert_eq!(shown(), "null 5 null");
    let (code, _, err) = place.run(&["plan", "withdraw"]);
    assert!(code == 0 && err.contains("no plan is in force"), "{err}");
    // What is over is over, and not replaced by what came later.
    assert_eq!(place.run(&["plan", "publish", "bold.yaml"]).0, 0);
    assert_eq!(place.run(&["plan", "publish", "calm.yaml"]).0, 0);
    let states = |plans: &Json| {
        let states = plans["plans"].as_array().unwrap().iter().map(|plan| plan["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(states(&place.json(&["plan", "ls"])), "in_force replaced withdrawn");
    drop(server);
    place.write("agendum.toml", &format!("policy = \"fifo\"\n{CONFIG}"));
    let server = Server::start(&place, &[]);
    assert_eq!(states(&place.json(&["plan", "ls"])), "other_policy replaced withdrawn");
    drop(server);
    assert_eq!(states(&place.json(&["plan", "ls"])), "other_policy replaced withdrawn", "also where nobody serves");
    let page = |count: &str| place.json(&["plan", "ls", "-n", count])["next"].clone();
    assert_eq!((page("2"), page("3"), page("9")), (2.into(), Json::Null, Json::Null));
    let listed = place.json(&["plan", "ls"]);
    assert_eq!((listed["plans"].as_array().unwrap().len(), &listed["plans"][2]["why"]), (3, &"no help".into()));
}

#[test]
fn what_is_proposed_says_what_it_was_found_from() {
    let place = place();
    let (code, _, err) = place.run(&["plan", "propose"]);
    assert!(code == 2 && err.contains("there are no runs in"), "{err}");
    for _ in 0..3 {
        assert_eq!(place.run(&["run", "graph.yaml"]).0, 0);
    }
    let told = place.json(&["plan", "propose", "--since", "1h", "--for", "p95"]);
    assert_eq!((&told["plan"], &told["runs"]["earlier"]), (&Json::Null, &1.into()), "{told}");
    assert!(told["why_not"].as_str().unwrap().starts_with("no step that harms no other figure lowers p95"), "{told}");
    assert!(told["trials"].as_array().unwrap().len() > 20, "{told}");
    let (code, out, err) = place.run(&["plan", "propose", "--since", "1h"]);
    assert!(code == 0 && out.contains("no plan: no step that harms no other figure lowers mean"), "{out} {err}");
    assert!(err.starts_with("note: of 3 runs the later 2 would judge, and 30 at least are needed"), "{err}");
    let (code, _, err) = place.run(&["plan", "propose", "--since", "1h", "-o", "plan.json"]);
    assert!(code == 1 && err.contains("nothing is written to plan.json") && !place.path("plan.json").exists(), "{err}");
    assert_eq!(place.run(&["plan", "propose", "--since", "1h", "--publish"]).0, 1);
    let (code, _, err) = place.run(&["plan", "propose", "--for", "speed"]);
    assert!(code == 2 && err.contains("worst-tenant"), "{err}");
}
