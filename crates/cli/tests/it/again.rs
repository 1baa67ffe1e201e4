//! Runs that take over what another one did.

use serde_json::Value as Json;

use crate::place::Place;

const ORDER: &str = r#"
version: 1
name: order
inputs: { type: object, properties: { who: { type: string, default: ann } } }
tasks:
  plan: { uses: exec, effect: none, with: { argv: [sh, -c, "echo plan >> log; echo plan ${{ inputs.who }}"] } }
  reserve: { uses: exec, effect: idempotent, needs: [plan], with: { argv: [sh, -c, "echo reserve $AGENDUM_IDEMPOTENCY_KEY >> log; echo seat"] } }
  pay: { uses: exec, effect: once, on_uncertain: fail, needs: [reserve], with: { argv: [sh, -c, "echo pay >> log; echo paid"] } }
  ship: { uses: exec, effect: idempotent, with: { argv: [sh, -c, "echo ship $AGENDUM_IDEMPOTENCY_KEY >> log; test -f ok", "${{ tasks.pay.output.stdout }}"] } }
  letter: { uses: exec, effect: once, on_uncertain: fail, needs: [ship], with: { argv: [sh, -c, "echo letter >> log", "${{ tasks.plan.output.stdout }}"] } }
output: "${{ tasks.pay.output.stdout }}"
"#;

impl Place {
    /// With what the tasks of a first run wrote; it failed in `ship`.
    fn failed() -> (Self, Vec<String>) {
        let place = Self::with_shell();
        place.write("order.yaml", ORDER);
        assert_eq!(place.run(&["run", "order.yaml"]).0, 1);
        let log = place.log();
        (place, log)
    }

    fn log(&self) -> Vec<String> {
        std::fs::read_to_string(self.path("log")).unwrap().lines().map(str::to_owned).collect()
    }

    fn reused(&self) -> Vec<String> {
        let run = self.json(&["runs", "show", "last"]);
        let of = |task: &Json| task["reason"].as_str().is_some_and(|reason| reason.starts_with("reused from "));
        let tasks = run["tasks"].as_array().unwrap().iter().filter(|task| of(task));
        tasks.map(|task| task["task"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_retry_goes_on_where_the_run_failed() {
    let (place, first) = Place::failed();
    place.write("ok", "");
    let (code, out, err) = place.run(&["runs", "retry", "last"]);
    assert!(code == 0 && out == "paid\n\n" && err.contains("retry of "), "{code} {out} {err}");
    assert_eq!(place.reused(), ["plan", "reserve", "pay"]);
    // What may have happened is repeated under the same key.
    let log = place.log();
    assert_eq!(log[..4], first);
    assert_eq!(log[4..], [first[3].clone(), "letter".to_owned()]);
    // What that run did the first one does not know.
    let runs = place.json(&["runs", "ls"]);
    let (new, old) = (runs[0]["id"].as_str().unwrap(), runs[1]["id"].as_str().unwrap());
    for words in [vec!["runs", "retry", old], vec!["runs", "fork", old], vec!["runs", "retry", old, "--from", "ship"]] {
        let (code, _, err) = place.run(&words);
        assert!(code != 0 && err.contains(&format!("went on as run {new}")), "{words:?}: {code} {err}");
        assert!(err.contains(&format!(" runs retry {new}\n")), "{err}");
    }
    let (_, out, _) = place.run(&["runs", "show", old]);
    assert!(out.contains(&format!("it went on as run {new}")), "{out}");
    assert_eq!(place.log().len(), 6);
    // It is all that tells that the first one is not to be taken over once more.
    let (code, _, err) = place.run(&["runs", "delete", new]);
    assert!(code != 0 && err.contains(&format!("delete {old} first")), "{code} {err}");
    let why = place.json(&["why", "last", "pay"]).to_string();
    assert!(why.contains("reused from") && !why.contains("\"attempts\":[{"), "{why}");
    // The payload lies with the new run: the old one may be forgotten.
    let runs = place.json(&["runs", "ls"]);
    let old = runs[1]["id"].as_str().unwrap();
    assert_eq!(place.run(&["runs", "delete", old]).0, 0);
    let (code, out, err) = place.run(&["runs", "retry", "last", "--from", "ship"]);
    assert!(code == 0 && out == "paid\n\n", "{code} {out} {err}");
    // What took effect is given again unless it is asked for: neither of the two behind `ship` was.
    assert_eq!(
        (place.reused(), place.log().len()),
        (vec!["plan", "reserve", "pay", "ship", "letter"].into_iter().map(str::to_owned).collect(), 6)
    );
    let (code, _, err) = place.run(&["runs", "retry", "last", "--again", "ship", "--again", "letter"]);
    assert_eq!(code, 0, "{err}");
    let log = place.log();
    assert!(log[6].starts_with("ship ") && log[6] != first[3] && log[7..] == ["letter"], "{log:?}");
}

#[test]
fn a_fork_with_other_inputs_repeats_no_effect_unasked() {
    let (place, _) = Place::failed();
    place.write("ok", "");
    assert_eq!(place.run(&["runs", "retry", "last"]).0, 0);
    let before = place.log().len();
    let (code, _, err) = place.run(&["runs", "fork", "last", "-i", "who=bob"]);
    assert!(code == 1 && err.contains("`--again letter` does it again"), "{code} {err}");
    assert_eq!(place.reused(), ["reserve", "pay", "ship"]);
    assert_eq!(place.log()[before..], ["plan"]);
    let (code, _, err) = place.run(&["runs", "fork", "last", "-i", "who=bob", "--again", "letter"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!((place.reused().len(), place.log()[before + 1..].to_vec()), (4, vec!["letter".to_owned()]));
    let (code, _, err) = place.run(&["runs", "fork", "last", "-i", "whom=bob"]);
    assert!(code == 2 && err.contains("the inputs do not fit"), "{code} {err}");
    let (code, _, err) = place.run(&["runs", "retry", "last", "--from", "paz"]);
    assert!(code == 2 && err.contains("no task \"paz\""), "{code} {err}");
}

#[test]
fn what_may_have_happened_is_not_done_again_unasked() {
    let place = Place::with_shell();
    let slow = "uses: exec, on_uncertain: fail, timeout: { attempt: 300ms }, with: { argv: [sh, -c, \"echo pay >> log; test -f ok || sleep 5\"] }";
    let plain = format!("version: 1\nname: doubt\ntasks:\n  pay: {{ {slow} }}\n");
    let group = format!("version: 1\nname: doubt\ntasks:\n  trip:\n    tasks:\n      pay: {{ {slow} }}\n");
    for (text, task, path) in [(plain, "pay", "\"pay\""), (group, "trip", "\"trip/pay\"")] {
        place.write("doubt.yaml", &text);
        let before = if place.path("log").exists() { place.log().len() } else { 0 };
        let _ended = std::fs::remove_file(place.path("ok"));
        assert_eq!(place.run(&["run", "doubt.yaml"]).0, 1);
        place.write("ok", "");
        let (code, _, err) = place.run(&["runs", "retry", "last"]);
        assert!(code == 2 && err.contains(path) && err.contains(&format!("--again {task}")), "{code} {err}");
        assert_eq!(place.log().len(), before + 1);
        let (code, _, err) = place.run(&["runs", "retry", "last", "--again", task]);
        assert_eq!((code, place.log().len()), (0, before + 2), "{err}");
    }
}

/// A group with an effect, items, and a letter that reads an input.
const TRIP: &str = r#"
version: 1
name: trip
inputs: { type: object, properties: { who: { type: string, default: ann }, how: { type: string, default: fast } } }
tasks:
  book:
    tasks:
      seat: { uses: exec, effect: once, on_uncertain: fail, with: { argv: [sh, -c, "echo seat >> log; echo ${{ inputs.how }}"] } }
      bill: { uses: exec, effect: none, needs: [seat], with: { argv: [sh, -c, "echo bill >> log; echo billed"] } }
  maps: { foreach: [north, south], uses: exec, effect: none, with: { argv: [sh, -c, "echo map >> log; echo ${{ item }}"] } }
  letter: { uses: exec, effect: none, needs: [book, maps], with: { argv: [sh, -c, "echo letter >> log; echo dear ${{ inputs.who }}"] } }
output: "${{ tasks.letter.output.stdout }}"
"#;

#[test]
fn a_fork_keeps_whole_what_reads_nothing_that_is_another() {
    let place = Place::with_shell();
    place.write("trip.yaml", TRIP);
    assert_eq!(place.run(&["run", "trip.yaml"]).0, 0);
    let before = place.log().len();
    let (code, out, err) = place.run(&["runs", "fork", "last", "-i", "who=bob"]);
    assert!(code == 0 && out == "dear bob\n\n", "{code} {out} {err}");
    assert_eq!(place.log()[before..], ["letter"]);
    // What the group reads is another: its effect would be repeated.
    let (code, _, err) = place.run(&["runs", "fork", "last", "-i", "how=slow"]);
    assert!(code == 2 && err.contains("\"book\" took effect") && err.contains("--again book"), "{code} {err}");
    // As it is, as often as one likes; from a task on.
    for (words, more) in [(&[][..], 0), (&["--from", "letter"][..], 1), (&["--from", "letter"][..], 1)] {
        let before = place.log().len();
        let (code, out, err) = place.run(&[&["runs", "fork", "last"], words].concat());
        assert!(code == 0 && out == "dear bob\n\n", "{words:?}: {code} {out} {err}");
        assert_eq!(place.log().len(), before + more, "{words:?}");
    }
}
