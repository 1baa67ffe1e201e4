//! `targets` on the real binary: what is out there, of the process that has the data directory.

use serde_json::json;

use crate::place::{Place, Server};

#[test]
fn what_is_out_is_told_by_who_has_it_out() {
    let place = Place::new(&[
        ("agendum.toml", "[targets.tools]\nkind = \"exec\"\nallow = [\"sh\"]\nconcurrency = 7\n[pools]\ngpu = 4\n"),
        (
            "one.yaml",
            "version: 1\nname: one\ntasks:\n  t: { uses: exec, effect: none, resources: { gpu: 3 }, with: { argv: [sh, -c, 'touch began; until [ -e go ]; do sleep 0.05; done'] } }\n",
        ),
    ]);
    let (code, out, err) = place.run(&["targets"]);
    assert!(code == 3 && out.is_empty() && err.contains("no process has the data directory"), "{code} {out} {err}");
    let (code, out, err) = place.run(&["targets", "--json"]);
    assert!(code == 3 && out.is_empty() && err.contains("\"code\":3"), "nothing that looks idle: {code} {out} {err}");
    let _server = Server::start(&place, &[]);
    let accepted = place.json(&["run", "one.yaml", "--detach"]);
    place.wait_for("began");
    let (code, out, err) = place.run(&["targets"]);
    assert!(code == 0 && out.contains("tools  1 of 7 at once\n"), "{code} {out} {err}");
    assert!(out.ends_with("pool gpu  3 of 4 units held\n") && !out.contains("graph  "), "{out}");
    let shown = place.json(&["targets"]);
    let is_tools = |target: &&serde_json::Value| target["target"] == "tools";
    let tools = shown["targets"].as_array().unwrap().iter().find(is_tools).unwrap();
    assert_eq!((&tools["running"], &tools["concurrency"], tools.get("learned")), (&json!(1), &json!(7), None));
    assert_eq!(shown["pools"], json!([{ "pool": "gpu", "units": 4, "held": 3 }]));
    assert!(shown["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{shown}");
    // Of four units three are held: another one waits.
    let second = place.json(&["run", "one.yaml", "--detach"]);
    let waits = || place.json(&["targets"])["queued"] == 1;
    assert!((0..200).any(|_| waits() || {
        std::thread::sleep(std::time::Duration::from_millis(25));
        false
    }));
    assert!(place.run(&["targets"]).1.ends_with("1 task waits to be sent\n"));
    place.write("go", "");
    let (code, _, err) = place.run(&["runs", "watch", second["id"].as_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = place.run(&["runs", "watch", accepted["id"].as_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(place.json(&["targets"])["pools"][0]["held"], 0);
}

/// One request a minute: after a stop the next may go when it might have gone before; after a crash nobody knows whether one went just then.
#[test]
fn what_was_sent_counts_after_a_stop_and_after_a_crash() {
    let exec = |name: &str, target: &str| {
        format!(
            "version: 1\nname: {name}\ntasks:\n  t: {{ uses: exec, effect: none, model: {{ allow: [{target}] }}, with: {{ argv: [sh, -c, 'sleep 0.1'] }} }}\n"
        )
    };
    let targets = "[targets.slow]\nkind = \"exec\"\nallow = [\"sh\"]\nrate = { requests = 1 }\n[targets.tools]\nkind = \"exec\"\nallow = [\"sh\"]\n";
    let place = Place::new(&[
        ("agendum.toml", targets),
        ("slow.yaml", &exec("slow", "slow")),
        ("quick.yaml", &exec("quick", "tools")),
    ]);
    let paced_until = || {
        let shown = place.json(&["targets"]);
        let slow = shown["targets"].as_array().unwrap().iter().find(|target| target["target"] == "slow").unwrap();
        slow["paced_until"].as_str().map(str::to_owned)
    };
    let server = Server::start(&place, &[]);
    assert_eq!(paced_until(), None);
    place.json(&["run", "slow.yaml"]);
    let first = paced_until().expect("one a minute");
    server.stop();
    let mut server = Server::start(&place, &[]);
    assert_eq!(paced_until(), Some(first.clone()));
    // What was learned goes with a commit that is a second later.
    for _ in 0..25 {
        place.json(&["run", "quick.yaml"]);
    }
    server.kill();
    let _server = Server::start(&place, &[]);
    assert!(paced_until().is_some_and(|until| until > first), "as if one had gone just then");
}
