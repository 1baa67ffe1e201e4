//! What was paid for once serves again, on the real binary and a provider that sends bills.

use serde_json::json;

use crate::place::{Place, Server};

const GRAPH: &str = "
version: 1
name: NAME
tasks: { a: { uses: chat, with: { prompt: \"<text>a b</text>\" }, cache: { ttl: 1h, tags: [letters] }, retry: { max_attempts: 1 }, catch: [{ on: [unavailable], use: cached }] } }
";

fn configured(place: &Place, base: &str, model: &str) {
    let target = format!("[targets.paid]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"{model}\"\n");
    place.write(
        "agendum.toml",
        &format!("offline = false\n{target}price = {{ call = 0.01 }}\n[cache]\nkeep = \"7d\"\n"),
    );
}

/// Each run has a process of its own, and its own graph.
#[test]
fn what_was_paid_for_is_found_by_other_processes_until_it_is_forgotten() {
    let place = Place::new(&[]);
    place.write("one.yaml", &GRAPH.replace("NAME", "one"));
    place.write("two.yaml", &GRAPH.replace("NAME", "two"));
    let (_provider, base) = Server::provider(&place, &[]);
    configured(&place, &base, "offline/extractive");
    let (code, first, err) = place.run(&["run", "one.yaml"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(place.json(&["runs", "show", "last"])["spent_usd"], json!(0.01));

    let events = place.lines(&["run", "two.yaml"]);
    let cached = events.iter().find(|event| event["type"] == "task.cached").unwrap();
    assert!(cached["note"].as_str().unwrap().contains("saved $0.0100") && cached["target"] == "paid", "{cached}");
    let (code, again, err) = place.run(&["run", "two.yaml"]);
    assert_eq!((code, &again), (0, &first), "{err}");
    assert!(err.contains("kept: from run ") && err.contains("saved $0.0100"), "{err}");
    assert_eq!(place.json(&["runs", "show", "last"])["spent_usd"], json!(0.0));
    let (_, why, _) = place.run(&["why", "last"]);
    assert!(why.contains("cached: from run "), "{why}");
    let (_, explained, _) = place.run(&["explain", "two.yaml"]);
    assert!(explained.contains("may take a kept result up to 1h 00m old"), "{explained}");

    let kept = place.json(&["cache", "ls"]);
    assert_eq!((&kept["count"], &kept["results"][0]["tags"]), (&json!(1), &json!(["letters"])), "{kept}");
    let (code, table, _) = place.run(&["cache", "ls", "--tag", "letters"]);
    assert!(code == 0 && table.contains("$0.0100") && table.contains("letters"), "{table}");
    assert_ne!(place.run(&["cache", "forget"]).0, 0, "of what, it must be said");
    assert_eq!(place.json(&["cache", "forget", "--tag", "other"])["count"], 0);

    let key = kept["results"][0]["key"].as_str().unwrap().to_owned();
    assert!(table.contains(&key[..12]));
    for (digits, said) in [(&key[..7], "8 to 64"), ("00000000zz", "8 to 64"), ("0000000011", "nothing is kept")] {
        let (code, _, err) = place.run(&["cache", "forget", "--key", digits]);
        assert!(code == 2 && err.contains(said), "{digits}: {code} {err}");
    }
    assert_eq!(place.json(&["cache", "forget", "--key", &key[..8]])["count"], 1);
    assert_eq!(place.run(&["run", "two.yaml"]).0, 0);

    // Another model behind the same name has answered nothing yet.
    configured(&place, &base, "offline/other");
    assert_eq!(place.run(&["run", "two.yaml"]).0, 0);
    assert_eq!(place.json(&["runs", "show", "last"])["spent_usd"], json!(0.01));
    assert_eq!(place.json(&["cache", "forget", "--all"])["count"], 1);
    assert_eq!(place.run(&["run", "two.yaml"]).0, 0);
    assert_eq!(place.json(&["runs", "show", "last"])["spent_usd"], json!(0.01));
}

/// The provider is gone: what it said last serves, and the run says so.
#[test]
fn the_last_good_result_serves_when_its_provider_is_gone() {
    let place = Place::new(&[]);
    place.write("one.yaml", &GRAPH.replace("NAME", "one").replace("ttl: 1h", "ttl: 1ms"));
    let (provider, base) = Server::provider(&place, &[]);
    configured(&place, &base, "offline/extractive");
    let (code, first, err) = place.run(&["run", "one.yaml"]);
    assert_eq!(code, 0, "{err}");
    drop(provider);
    let (code, last, err) = place.run(&["run", "one.yaml"]);
    assert_eq!((code, last), (0, first), "{err}");
    let shown = place.json(&["runs", "show", "last"]);
    assert_eq!(shown["degraded"], true, "{shown}");
    assert!(err.contains("kept: the last good result: from run "), "{err}");
    let (_, why, _) = place.run(&["why", "last"]);
    assert!(
        why.contains("`catch` took the last good result after unavailable") && why.contains(" old, saved $0.0100"),
        "{why}"
    );
}
