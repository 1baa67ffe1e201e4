//! Many short runs of a kind in the background, and some that are urgent.

use serde_json::json;

use crate::chance::Chance;

/// The name of the graph whose calls take long.
pub(crate) const SLOW: &str = "rush-slow";

/// Documents of one call each: those of a kind are the same graph, so that it is soon known how long they take.
pub(crate) fn runs(chance: &mut Chance) -> Vec<String> {
    let (model, urgent) = (chance.of(&["small", "small", "large"]), chance.of(&["interactive", "standard"]));
    let deadline = format!("{}ms", 40 + chance.below(200));
    let of = |name: &str, priority: &str| {
        let work = json!({ "uses": "chat", "model": { "class": model }, "with": { "prompt": name } });
        json!({ "version": 1, "name": name, "inputs": { "type": "object" }, "priority": priority, "tasks": { "work": work } })
    };
    let background = of(SLOW, "background");
    let mut soon = of("rush-soon", urgent);
    soon["deadline"] = json!(deadline);
    if chance.hits(40) {
        soon["tasks"]["then"] = json!({ "uses": "exec", "with": { "argv": ["tool", "x"] }, "needs": ["work"] });
    }
    let many = 10 + chance.below(20);
    let mut all = vec![background.to_string(); many as usize];
    all.extend(vec![soon.to_string(); 8 + chance.below(12) as usize]);
    all
}
