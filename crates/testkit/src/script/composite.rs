//! Words of what is made of other tasks: `foreach`, loops, races.

use agendum_types::graph::{Budget, DataRef, Exhausted, Foreach, Loop, NodeId, Race, Work};

use super::{Builder, NO_BUDGET, cents, number, span};

impl Builder {
    pub(super) fn foreach_word(&mut self, index: usize, key: &str, value: &str) {
        if self.graph.tasks[index].foreach.is_none() {
            let items = self.expression("items");
            self.graph.tasks[index].foreach = Some(Foreach { items, parallel_max: 8, failures_max: 0 });
        }
        let foreach = self.graph.tasks[index].foreach.as_mut().expect("just made");
        match key {
            "max" => foreach.parallel_max = number(value),
            "tolerate" => foreach.failures_max = number(value),
            _ => {}
        }
    }

    pub(super) fn loop_word(&mut self, index: usize, key: &str, value: &str) {
        if self.graph.tasks[index].repeat.is_none() {
            let until = self.expression("until");
            self.graph.tasks[index].repeat = Some(Loop {
                until,
                rounds_max: 3,
                exhausted: Exhausted::Fail,
                deadline: None,
                budget: None,
                stop_if_same: None,
            });
        }
        let by = (key == "best").then(|| self.expression("by"));
        let same = (key == "same").then(|| self.expression("same"));
        let escalation = self.graph.find(None, value);
        let repeat = self.graph.tasks[index].repeat.as_mut().expect("just made");
        match key {
            "loop" => repeat.rounds_max = number(value),
            "best" => repeat.exhausted = Exhausted::UseBest(by.expect("made for this word")),
            "last" => repeat.exhausted = Exhausted::UseLast,
            "escalate" => repeat.exhausted = Exhausted::Escalate(escalation.expect("write on_failure first")),
            "loop_deadline" => repeat.deadline = Some(span(value)),
            "loop_tokens" => {
                repeat.budget = Some(Budget { tokens: value.parse().ok(), ..repeat.budget.unwrap_or(NO_BUDGET) });
            }
            "loop_budget" => {
                repeat.budget = Some(Budget { money: Some(cents(value)), ..repeat.budget.unwrap_or(NO_BUDGET) });
            }
            _ => repeat.stop_if_same = same,
        }
    }

    pub(super) fn race_word(&mut self, node: NodeId, key: &str, value: &str) {
        self.open(node);
        let good = (key == "good").then(|| self.expression("good"));
        if let Some(good) = good {
            self.graph.exprs[good.0 as usize].reads.push(DataRef::Candidate);
        }
        let Work::Group(group) = &mut self.graph.tasks[node.0 as usize].work else { return };
        let race = group.race.get_or_insert(Race { first: 1, good_if: None, cancel_rest: true });
        match key {
            "race" => race.first = number(value),
            "good" => race.good_if = good,
            _ => race.cancel_rest = false,
        }
    }
}
