//! Effects of which nobody knows whether they took place: a check asks the world outside.

use crate::place::Place;

const GRAPH: &str = r#"
version: 1
name: payment
tasks:
  pay:
    uses: exec
    effect: once
    on_uncertain: { check: paid }
    timeout: 400ms
    retry: { initial_delay: 10ms }
    with: { argv: [sh, -c, LINE] }
  paid:
    if: ${{ false }}
    uses: exec
    effect: none
    with: { argv: [sh, -c, 'grep "$0" ledger', "${{ task.key }}"] }
    catch: [{ on: [permanent], output: false }]
output: "${{ tasks.pay.output.stdout }}"
"#;

/// The program books under the key that it is given, and never answers: the check finds the booking. Or it does not book at first: the
/// check finds nothing, and it runs again.
#[test]
fn what_is_in_doubt_is_booked_once() {
    let books_silently = r#"'echo $AGENDUM_IDEMPOTENCY_KEY >> ledger; exec sleep 60'"#;
    let books_later = r#"'if mkdir tried; then touch ledger; exec sleep 60; fi; echo $AGENDUM_IDEMPOTENCY_KEY >> ledger; cat ledger'"#;
    for (line, attempts) in [(books_silently, 1), (books_later, 2)] {
        let place = Place::with_shell();
        place.write("graph.yaml", &GRAPH.replace("LINE", line));
        let (code, out, err) = place.run(&["run", "graph.yaml"]);
        assert_eq!(code, 0, "{err}");
        let ledger = std::fs::read_to_string(place.path("ledger")).unwrap();
        assert_eq!((ledger.lines().count(), out.trim()), (1, ledger.trim()), "{line}");
        let why = place.json(&["why", "last"]);
        let pay = why["tasks"].as_array().unwrap().iter().find(|task| task["task"] == "pay").unwrap();
        assert_eq!(pay["attempts"].as_array().unwrap().len(), attempts, "{why}");
    }
}
