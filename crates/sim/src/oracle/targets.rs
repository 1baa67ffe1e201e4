//! Another table of targets: what goes by it, and what is looked at anew.

use std::sync::Arc;

use agendum_types::{AttemptId, Class, Duration, Outcome, RunId, Target, TaskPath, Timestamp};

use super::state::State;
use super::{Heard, Reference};

impl Reference {
    pub(super) fn targets_published(&mut self, targets: &[Target]) {
        self.version += 1;
        self.targets.iter_mut().for_each(|target| target.capabilities.clear());
        for target in targets {
            match self.targets.iter_mut().find(|known| known.name == target.name) {
                Some(known) => *known = target.clone(),
                None => {
                    self.targets.push(target.clone());
                    self.closed.push(Timestamp(0));
                }
            }
        }
        self.taking_up = self.reopening;
        if std::mem::take(&mut self.reopening) {
            self.life_begins();
            if std::mem::take(&mut self.crashed) {
                self.met = self.runs.keys().copied().filter(|run| self.is_at_work(*run)).collect();
            }
            for graph in self.runs.values().map(|run| Arc::clone(&run.graph)).collect::<Vec<_>>() {
                self.refresh(&graph);
            }
            self.expire_anew();
        }
        self.begs_anew();
        // Every queued task is looked at anew, one after the other, as they rank.
        let ready = |id: &RunId, path: &TaskPath| self.runs[id].tasks[path].ready_at;
        let mut queued: Vec<_> = self.queued();
        queued.sort_by_key(|(id, path, rank, _)| (**rank, ready(id, path), (*path).clone()));
        let queued: Vec<_> = queued.into_iter().map(|(id, path, ..)| (id, path.clone())).collect();
        let short: Vec<_> = self.short_ones().into_iter().map(|(id, path, _)| (id, path)).collect();
        self.looked_at_anew(queued);
        self.looked_at_anew(short);
    }

    /// Tasks that waited are taken up, one after the other.
    pub(super) fn looked_at_anew(&mut self, waited: Vec<(RunId, TaskPath)>) {
        for (id, path) in waited {
            if matches!(self.runs[&id].tasks[&path].state, State::Short(_)) {
                self.run(id).inst(&path).turn = None;
            }
            self.run(id).inst(&path).state = State::Ready;
            // One that has its turn keeps it; one that had none may share now.
            let keeps_turn = self.runs[&id].tasks[&path].turn.is_some() && self.shares(id, &path).is_some();
            match self.eligible(id, &path) {
                Some(targets) if keeps_turn => self.queue(id, &path, targets),
                Some(_) => drop(self.comes_to_share(id, &path)),
                None => {}
            }
        }
    }

    /// It takes nothing for a while: nobody waits for it who could go elsewhere.
    fn let_go_of(&mut self, target: usize) {
        let now = self.now;
        let insts = self.runs.values_mut().flat_map(|run| run.tasks.values_mut());
        for inst in insts.filter(|inst| matches!(inst.state, State::Queued(..))) {
            if inst.best.is_some_and(|(best, until)| best == target && until > now) {
                (inst.best, inst.queued_at) = (None, now);
            }
        }
    }

    /// An attempt has ended: a provider that asked for a pause is left alone, with all that share its limit.
    pub(super) fn hear_outcome(&mut self, attempt: &AttemptId, outcome: &Outcome) {
        let Some(place) = self.flights.iter().position(|flight| flight.attempt == *attempt) else { return };
        let flight = self.flights.remove(place);
        self.freed.clone_from(&flight.freed);
        let turned_away = self.shows_limit(&flight, outcome);
        self.has_no_room = self.shows_room(&flight, outcome, turned_away);
        self.corrected(attempt, &flight, outcome);
        if !self.has_no_room {
            self.shows_fault(&flight, outcome);
        }
        if self.broken(flight.target).is_some() {
            self.let_go_of(flight.target);
        }
        let is_child = self.runs.get(&attempt.run).is_some_and(|run| run.is_child(&attempt.path));
        let is_refused = matches!(outcome, Outcome::Failed(failure) if failure.class == Class::RateLimited);
        self.is_over_limit =
            is_refused && !is_child && self.goes_one_by_one(flight.target) && self.answers_of_late(flight.target);
        if matches!(outcome, Outcome::Succeeded(_)) {
            self.accounts.answered.insert(flight.target, self.now);
            let until = self.accounts.loads.entry(flight.target).or_default();
            *until = (*until).min(self.now);
        }
        self.shows_knee(&flight, outcome);
        let pause = match outcome {
            // One that is at its limit is left alone, be it for how long it says, be it for a second.
            Outcome::Failed(failure) if failure.class == Class::RateLimited => {
                Some(failure.retry_after.unwrap_or(Duration::secs(1)))
            }
            Outcome::Failed(failure) if failure.class == Class::Overloaded => failure.retry_after,
            _ => None,
        };
        if is_refused && !is_child {
            self.is_refused_by_pace(flight.target);
        }
        if let Some(span) = pause.filter(|_| !is_child) {
            self.closes(flight.target, self.now.after(span));
        }
        if is_refused && !is_child {
            self.gets_one_by_one(&flight);
        }
        if self.runs.contains_key(&attempt.run) {
            self.heard = Some(Heard::Finished(flight, outcome.clone()));
        } else {
            self.outlasts();
        }
    }

    /// A target is closed until then, with all that share its limit.
    pub(super) fn closes(&mut self, target: usize, until: Timestamp) {
        let group = self.targets[target].quota_group.clone();
        let shares = |target: &Target| group.is_some() && target.quota_group == group;
        let all = self.targets.iter().enumerate();
        let closed: Vec<usize> =
            all.filter(|(place, of)| *place == target || shares(of)).map(|(place, _)| place).collect();
        for place in closed {
            self.closed[place] = self.closed[place].max(until);
            self.let_go_of(place);
        }
    }
}
