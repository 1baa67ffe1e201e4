//! What is told of the choice of an attempt.

use std::sync::Arc;

use agendum_core::{Choice, Dispatched, Passed};
use agendum_types::graph::Work;
use agendum_types::{Duration, RunId, TaskPath};

use super::records::Checked;
use super::state::{Rank, State};
use super::{Reference, ensure};

impl Reference {
    /// It says what it was expected to take, by which rule it stood where, and which targets were passed over for what.
    pub(super) fn is_well_told(&self, id: RunId, path: &TaskPath, target: usize, said: &Dispatched) -> Checked {
        let (run, inst) = (&self.runs[&id], &self.runs[&id].tasks[path]);
        let usual = self.estimates[&run.graph.hash].usual(inst.node, self.bytes(id, path), self.policy.admission);
        ensure(said.expected == usual.filter(|_| inst.rung == 0), "something else was to be expected")?;
        let (rank, targets) = match &inst.state {
            State::Queued(rank, targets) => (*rank, inst.of_best(self.now).unwrap_or(targets).to_vec()),
            State::Short(rank) => (*rank, self.eligible(id, path).unwrap_or_default()),
            _ => return Err("it was not queued".to_owned()),
        };
        let scores = self.weighed(id, path, &targets);
        let passed = self.passed_over(id, path, (&targets, &scores), target);
        let is_freed = self.freed_for().is_some();
        let is_first = is_freed || self.first().contains(&(id, path.clone()));
        let may_be_near = !is_freed && self.goes_for_another(id, path);
        let Some(choice) = &said.choice else {
            return ensure(passed.is_empty() && scores.is_empty() && is_first, "it does not say what was passed over");
        };
        ensure(if choice.near { may_be_near } else { is_first }, "it went for what was read, or did not")?;
        let told = |(place, score): &(usize, Duration)| (Arc::clone(&self.targets[*place].name), *score);
        let is_weighed = choice.scores.iter().eq(&scores.iter().take(4).map(told).collect::<Vec<_>>());
        ensure(is_weighed, &format!("{scores:?}, and not {:?}", choice.scores))?;
        ensure(choice.passed == passed, &format!("passed over was {passed:?}, and not {:?}", choice.passed))?;
        let is_free =
            !choice.near && choice.ahead + choice.behind == 0 && passed.is_empty() && choice.scores.is_empty();
        ensure(!is_free, "there was nothing to choose")?;
        self.stands_as_told(id, path, rank, choice)
    }

    fn stands_as_told(&self, id: RunId, path: &TaskPath, rank: Rank, choice: &Choice) -> Checked {
        let rules = &self.policy.bands[self.band(id, path)];
        let has_deadline = self.runs[&id].submitted.deadline.is_some();
        let index = if has_deadline { rules.deadline_index } else { rules.index };
        ensure(choice.index == index && *choice.policy == *self.published.version(), "another rule")?;
        let told = (choice.risky, choice.rank);
        let says = if rank.0 { rank.1 } else { rank.1.saturating_sub(self.beside_due(id, path)) };
        ensure(told == (rank.0, says), &format!("its rank is {:?}, and not {told:?}", (rank.0, says)))
    }

    fn passed_over(
        &self,
        id: RunId,
        path: &TaskPath,
        (targets, scores): (&[usize], &[(usize, Duration)]),
        chosen: usize,
    ) -> Vec<(Arc<str>, Passed)> {
        let name = |place: usize| Arc::clone(&self.targets[place].name);
        let why = |place: usize| {
            let running = self.flights.iter().filter(|flight| flight.target == place).count();
            if self.closed[place] > self.now {
                Passed::Closed
            } else if self.is_shut(place) {
                Passed::Broken
            } else if running >= self.targets[place].concurrency_max as usize {
                Passed::Full
            } else if self.accounts.learned.at_once(place) <= running {
                Passed::Limited
            } else if running >= self.at_once(place) {
                Passed::Crowded
            } else if self.is_in_pace(place) {
                Passed::Dear
            } else {
                Passed::Paced
            }
        };
        let least = scores.iter().find(|(place, _)| *place == chosen).map(|(_, score)| *score);
        let worse: Vec<_> = scores.iter().skip_while(|(place, _)| *place != chosen).collect();
        let is_last = |place: usize| self.targets[place].last_resort;
        let passes = |place: usize| match worse.iter().find(|(of, _)| *of == place) {
            Some((_, score)) if Some(*score) < least && is_last(place) == is_last(chosen) => {
                let is_later = self.is_late(id, path, place) && !self.is_late(id, path, chosen);
                let has_failed = self.has_failed_on(id, path, place) && !is_later;
                Some(if has_failed { Passed::Failed } else { Passed::Late })
            }
            Some(_) => None,
            None => Some(why(place)),
        };
        let until = if scores.is_empty() { Some(chosen) } else { None };
        let before = targets.iter().take_while(|place| Some(**place) != until).filter(|place| **place != chosen);
        let before: Vec<usize> = before.copied().collect();
        let mut passed: Vec<_> = before.iter().filter_map(|place| Some((name(*place), passes(*place)?))).collect();
        let run = &self.runs[&id];
        if self.is_listed(id, path) && !run.tasks[path].failed_on.is_empty() {
            // Those that the graph lists before it had their turn.
            let able = self.able(id, path).unwrap_or_default().into_iter().take_while(|place| *place != chosen);
            let earlier = able.filter(|place| self.has_failed_on(id, path, *place) && !before.contains(place));
            passed.extend(earlier.map(|place| (name(place), Passed::Failed)));
        }
        if let Work::Call(call) = &run.task(path).work
            && run.tasks[path].rung == 0
        {
            let labels = run.labels(path);
            let all = super::place::candidates(&self.targets, call.capability, &call.requirement);
            let blind = all.into_iter().filter(|place| !self.targets[*place].may_see(&labels));
            passed.extend(blind.map(|place| (name(place), Passed::Uncleared)));
        }
        passed
    }
}
