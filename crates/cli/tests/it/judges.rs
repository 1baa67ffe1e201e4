//! What tasks that judge others say, end to end: kept with their success, listed, added up, exported.

use serde_json::{Value as Json, json};

use crate::place::Place;

const GRAPH: &str = "
version: 1
name: judged
tasks:
  draft: { uses: chat, model: { class: small }, with: { prompt: '<text>The sea is calm.</text>' } }
  each:
    foreach: [one, two]
    tasks:
      text: { uses: chat, model: { class: small }, with: { prompt: '<text>${{ item }}</text>' } }
      fine: { uses: moderate, judges: { task: text, score: allowed }, with: { text: '${{ tasks.text.output.text }}' } }
after:
  late: { uses: moderate, judges: { task: draft, score: allowed }, with: { text: '${{ tasks.draft.output.text }}' } }
  wrong: { judges: { task: draft, score: text }, tasks: { again: { uses: chat, with: { prompt: '<text>no</text>' } } }, output: '${{ tasks.again.output }}' }
";

#[test]
fn what_judges_say_is_kept_with_their_success() {
    let place = Place::new(&[("judged.yaml", GRAPH)]);
    let (code, _, err) = place.run(&["run", "judged.yaml"]);
    assert!(code == 0 && err.contains("judge"), "{code} {err}");
    let told = place.json(&["feedback", "ls"]);
    let line = |one: &Json| {
        let word = |field: &str| one[field].as_str().unwrap_or("-").trim().to_owned();
        format!(
            "{} {} on {} of {}: {} {}",
            word("source"),
            word("judge"),
            word("task"),
            word("target"),
            one["score"],
            word("comment")
        )
    };
    let mut lines: Vec<String> = told["opinions"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    insta::assert_snapshot!(lines.join("\n"), @"
    judge each[0]/fine on each[0]/text of offline/small: 1.0 -
    judge each[1]/fine on each[1]/text of offline/small: 1.0 -
    judge late on draft of offline/small: 1.0 -
    ");
    assert_eq!(place.run(&["runs", "feedback", "last", "--score", "0.5", "--comment", "a person's"]).0, 0);
    let lines = place.json(&["feedback", "--by", "source"])["lines"].clone();
    let names: Vec<_> =
        lines.as_array().unwrap().iter().map(|line| (line["name"].clone(), line["count"].clone())).collect();
    assert_eq!(names, [(json!("judge"), json!(3)), (json!("people"), json!(1))]);
    let (_, out, _) = place.run(&["feedback", "ls", "last", "--source", "people"]);
    assert!(out.contains("0.500") && out.contains("a person's") && !out.contains("judge "), "{out}");
    let (_, out, _) = place.run(&["feedback", "ls", "-n", "1", "--graph", "judged"]);
    assert!(out.contains("by local"), "{out}");
    let (_, out, _) = place.run(&["export", "last"]);
    let kinds: Vec<Json> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<&Json> = kinds.iter().filter(|line| line["type"] == "feedback").collect();
    assert!(said.len() == 4 && said[0]["feedback"]["comment"] == "a person's", "{said:?}");
    assert_eq!(kinds.last().unwrap()["type"], "end");
    let (_, out, err) = place.run(&["feedback", "ls", "--graph", "other"]);
    assert!(out.is_empty() && err.contains("nothing of that kind"), "{out} {err}");
}
