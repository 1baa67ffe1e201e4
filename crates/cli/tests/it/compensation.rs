//! A run that fails takes back what it has done, on the real binary: over a `kill -9`, each effect once, with the key of what is taken back.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::place::{Place, Server};

/// Two flights, a hotel for each guest that needs both, a car that cannot be taken back, and a bill that is refused. To take back the
/// hotels waits for a file, so that the host can be killed meanwhile.
const GRAPH: &str = r#"
version: 1
name: trip
inputs: { properties: { guests: { type: array, default: [ann, ben] }, car: { type: boolean, default: false } } }
tasks:
  out:
    uses: exec
    with: { argv: [sh, -c, "echo do out $0 >> ledger; printf F1", "${{ task.key }}"] }
    compensate: { uses: exec, with: { argv: [sh, -c, "echo undo out $0 $1 >> ledger", "${{ task.key }}", "${{ tasks.out.output.stdout }}"] } }
  back:
    uses: exec
    with: { argv: [sh, -c, "echo do back $0 >> ledger; printf F2", "${{ task.key }}"] }
    compensate: { uses: exec, with: { argv: [sh, -c, "echo undo back $0 $1 >> ledger", "${{ task.key }}", "${{ tasks.back.output.stdout }}"] } }
  hotel:
    needs: [out, back]
    foreach: ${{ inputs.guests }}
    uses: exec
    with: { argv: [sh, -c, "echo do hotel-$1 $0 >> ledger; printf H-$1", "${{ task.key }}", "${{ item }}"] }
    compensate:
      uses: exec
      with: { argv: [sh, -c, "if test -e go; then echo undo hotel-$1 $0 $2 >> ledger; else touch asked-$1; sleep 30; fi", "${{ task.key }}", "${{ item }}", "${{ tasks.hotel.output.stdout }}"] }
  car:
    if: ${{ inputs.car }}
    needs: [hotel]
    uses: exec
    with: { argv: [sh, -c, "echo do car $0 >> ledger", "${{ task.key }}"] }
    compensate: { uses: exec, with: { argv: [sh, -c, "exit 3"] } }
  bill: { uses: exec, effect: none, needs: [car], with: { argv: [sh, -c, "exit 1"] } }
on_failure:
  sorry: { uses: exec, effect: none, with: { argv: [sh, -c, "echo sorry >> ledger"] } }
"#;

impl Place {
    /// The lines of the ledger: what was done, and with which key.
    fn ledger(&self) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.path("ledger")).unwrap_or_default();
        text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }

    fn done(&self, id: &str) -> Json {
        loop {
            let shown = self.json(&["runs", "show", id]);
            if shown["done"] == json!(true) {
                return shown;
            }
        }
    }
}

/// Everything that was done was taken back once, with its key; gives what happened, in order.
fn taken_back(ledger: &[Vec<String>]) -> Vec<String> {
    let mut keys: BTreeMap<&str, (&str, u32)> = BTreeMap::new();
    for line in ledger.iter().filter(|line| line[0] == "do") {
        assert!(keys.insert(&line[1], (&line[2], 0)).is_none(), "{line:?} was done twice: {ledger:?}");
    }
    for line in ledger.iter().filter(|line| line[0] == "undo") {
        let (key, times) = keys.get_mut(line[1].as_str()).unwrap();
        assert_eq!(*key, line[2], "with the key of what is taken back");
        *times += 1;
    }
    assert!(keys.iter().all(|(what, (_, times))| *times == u32::from(*what != "car")), "{ledger:?}");
    ledger.iter().map(|line| line[..line.len().min(2)].join(" ")).collect()
}

#[test]
fn each_effect_is_taken_back_once_over_a_kill() {
    let place = Place::with_shell();
    place.write("trip.yaml", GRAPH);
    let mut host = Server::start(&place, &[]);
    let (code, out, err) = place.run(&["run", "--detach", "trip.yaml"]);
    assert_eq!(code, 0, "{err}");
    let id = out.trim();
    while !(place.path("asked-ann").exists() && place.path("asked-ben").exists()) {}
    let shown = place.json(&["runs", "show", id]);
    assert_eq!(
        (&shown["status"], &shown["compensation"]["status"]),
        (&json!("failed"), &json!("compensating")),
        "{shown}"
    );
    host.kill();
    place.write("go", "");
    let _host = Server::start(&place, &[]);
    let shown = place.done(id);
    assert_eq!(shown["compensation"], json!({ "status": "compensated", "count": 4 }), "{shown}");
    let happened = taken_back(&place.ledger());
    let at = |what: &str| happened.iter().position(|line| line == what).unwrap();
    let (first, last) = (at("undo out").min(at("undo back")), at("undo hotel-ann").max(at("undo hotel-ben")));
    assert!(last < first && at("sorry") + 1 == happened.len(), "{happened:?}");
    let status = |task: &str| {
        let tasks = shown["tasks"].as_array().unwrap().iter().find(|line| line["task"] == task);
        tasks.map_or(Json::Null, |line| line["status"].clone())
    };
    let told = ["out", "hotel[1]", "hotel[1]/compensate", "bill"].map(status);
    assert_eq!(told, ["compensated", "compensated", "succeeded", "failed"].map(Json::from), "{shown}");
    let (_, out, _) = place.run(&["export", id]);
    assert!(out.contains("\"task.compensated\"") && out.contains("\"run.compensated\""), "{out}");
}

#[test]
fn what_is_left_is_told_wherever_the_run_is() {
    let place = Place::with_shell();
    place.write("trip.yaml", GRAPH);
    place.write("go", "");
    let (code, _, err) = place.run(&["run", "trip.yaml", "--input", "car=true"]);
    let left = "still there: car  permanent";
    assert!(code == 1 && err.contains("taken back: 4 effects; still there: 1") && err.contains(left), "{code} {err}");
    taken_back(&place.ledger());
    let (_, out, _) = place.run(&["runs", "ls"]);
    assert!(out.contains("failed") && out.trim_end().ends_with("trip compensation_failed"), "{out}");
    let (_, out, _) = place.run(&["runs", "show", "last"]);
    assert!(out.contains(left), "{out}");
    let (_, out, _) = place.run(&["why", "last"]);
    assert!(out.contains(left) && out.contains("hotel[0]/compensate"), "{out}");
    let (code, out, _) = place.run(&["run", "trip.yaml", "--input", "guests=[]", "--json"]);
    assert!(code == 1 && !out.contains("compensation_failed"), "{out}");
}
