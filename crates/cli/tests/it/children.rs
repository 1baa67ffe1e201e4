//! Runs inside runs, against the binary: killed in the middle, and gone on with.

use serde_json::Value as Json;

use crate::place::{Place, Server};

const PARENT: &str = r#"
version: 1
name: parent
tasks:
  review:
    uses: graph
    with: { file: parts/review.yaml, inputs: { word: hello } }
output: "${{ tasks.review.output }}"
"#;

const REVIEW: &str = r#"
version: 1
name: review
inputs: { properties: { word: { type: string } }, required: [word] }
tasks:
  pay: { uses: exec, effect: once, on_uncertain: fail, with: { argv: [sh, -c, "echo paid >> log; touch began; echo ${{ inputs.word }}"] } }
  rest: { uses: exec, effect: idempotent, needs: [pay], with: { argv: [sh, -c, "touch waits; while ! test -f go; do sleep 0.05; done; echo rested"] } }
output: "${{ tasks.pay.output.stdout }}"
"#;

fn children(place: &Place, parent: &str) -> Vec<Json> {
    let runs = place.json(&["runs", "ls"]);
    let of = |run: &&Json| run["parent"]["run"] == parent;
    runs.as_array().unwrap().iter().filter(of).cloned().collect()
}

#[test]
fn a_killed_server_goes_on_with_the_child_that_it_had_begun() {
    let place = Place::with_shell();
    place.write("parent.yaml", PARENT);
    place.write("parts/review.yaml", REVIEW);
    let mut host = Server::start(&place, &[]);
    let run = place.json(&["run", "parent.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.wait_for("waits");
    host.kill();
    place.write("go", "");
    let _host = Server::start(&place, &[]);
    let shown = loop {
        let shown = place.json(&["runs", "show", &run]);
        if shown["done"] == true {
            break shown;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!((&shown["status"], &shown["output"]), (&Json::from("succeeded"), &Json::from("hello\n")), "{shown}");
    let children = children(&place, &run);
    assert_eq!(children.len(), 1, "{children:?}");
    assert_eq!((&children[0]["graph"], &children[0]["parent"]["task"]), (&Json::from("review"), &Json::from("review")));
    assert_eq!(shown["tasks"][0]["child"], children[0]["id"], "{shown}");
    assert_eq!(std::fs::read_to_string(place.path("log")).unwrap(), "paid\n", "what was paid is paid once");
    let (_, said, _) = place.run(&["runs", "show", children[0]["id"].as_str().unwrap()]);
    assert!(said.contains(&format!("for review of {run}")), "{said}");
    let (code, _, refused) = place.run(&["runs", "retry", children[0]["id"].as_str().unwrap()]);
    assert!(code != 0 && refused.contains(&format!("is a child of run {run}")), "{refused}");
}

#[test]
fn a_cancelled_parent_cancels_its_child_and_check_names_the_file() {
    let place = Place::with_shell();
    place.write("parent.yaml", PARENT);
    place.write("parts/review.yaml", REVIEW);
    let _host = Server::start(&place, &[]);
    let run = place.json(&["run", "parent.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.wait_for("waits");
    place.run(&["runs", "cancel", &run]);
    loop {
        let all = [place.json(&["runs", "show", &run]), children(&place, &run)[0].clone()];
        if all.iter().all(|run| run["done"] == true) {
            assert!(all.iter().all(|run| run["status"] == "cancelled"), "{all:?}");
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    place.write("parts/review.yaml", &REVIEW.replace("uses: exec", "uses: exce"));
    let (code, _, said) = place.run(&["check", "parent.yaml"]);
    assert!(code != 0 && said.contains("parts/review.yaml"), "{said}");
}
