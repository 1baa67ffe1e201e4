//! Child runs that end in a scenario.

use std::sync::Arc;

use agendum_testkit::script;
use agendum_types::{AttemptId, Class, Failure, Labels, Outcome, Parent, Success, Usage};

use super::{World, payload, run_id};
use crate::Event;

/// `parent=r1` before what is submitted, or `parent=r1:a/loop#1`: without a path it runs for `a`.
pub(super) fn parent(text: &str) -> (Option<Arc<Parent>>, &str) {
    match text.strip_prefix("parent=").and_then(|text| text.split_once(' ')) {
        Some((run, text)) => {
            let (run, task) = run.split_once(':').unwrap_or((run, "a"));
            (Some(Arc::new(Parent { run: run_id(run), task: task.into() })), text)
        }
        None => (None, text),
    }
}

impl World {
    /// `a`, or `a r2` of a child run.
    pub(super) fn reference(&mut self, rest: &str) {
        let (name, child) = rest.split_once(' ').map_or((rest, None), |(name, run)| (name, Some(run_id(run))));
        let named = |attempt: &&AttemptId| self.name(attempt) == name || self.long_name(attempt) == name;
        let attempt = self.flying.iter().find(named).cloned().unwrap();
        let reference = child.map_or_else(|| "job-7".into(), |run| run.to_string().into());
        self.event(Event::AttemptReferenced { attempt, reference });
    }

    /// `end a spent=3c tokens=5 degraded`, `end a cancelled spent=1c labels=region=eu`
    pub(super) fn end_child(&mut self, rest: &str) {
        let mut words = rest.split_whitespace();
        let name = words.next().unwrap();
        let (mut spent, mut degraded, mut usage, mut failure) = (Default::default(), false, Usage::default(), None);
        let mut labels = Labels::NONE;
        for word in words {
            match word.split_once('=') {
                Some(("spent", value)) => spent = script::cents(value),
                Some(("tokens", value)) => usage.tokens_in = value.parse().unwrap(),
                Some(("labels", value)) => labels = Labels::new([value]),
                None if word == "degraded" => degraded = true,
                _ => failure = Some(Failure::new(Class::from_word(word).unwrap(), "no luck")),
            }
        }
        let place =
            self.flying.iter().position(|attempt| self.name(attempt) == name || self.long_name(attempt) == name);
        let attempt = self.flying.remove(place.unwrap_or_else(|| panic!("no child run of {name} is out")));
        let outcome = match failure {
            None => Outcome::Succeeded(Success { output: payload(8), usage, raw_usage: None }),
            Some(failure) => Outcome::Failed(Failure { usage, ..failure }.labelled(&labels)),
        };
        self.event(Event::ChildEnded { attempt, outcome, spent, degraded });
    }
}
