//! Whether a run can still be answered in time.

use agendum_types::{Duration, RunId, TaskPath, Timestamp};

use super::Reference;
use super::state::{Inst, State};

pub(super) enum Outlook {
    Good,
    /// It may be late: what it takes on average.
    Risky(Duration),
    Hopeless,
}

impl Reference {
    pub(super) fn outlook(&self, id: RunId, path: &TaskPath) -> Outlook {
        let Some((deadline, [mean, slow])) = self.prospects_of_run(id, path) else { return Outlook::Good };
        let own = self.prospects(id, path).map(|(_, [quick, ..])| quick);
        let left = deadline.since(self.now);
        let estimate = &self.estimates[&self.runs[&id].graph.hash];
        let silent = self.now.since(estimate.seen_at.max(estimate.asked_at)).0;
        if own.is_some_and(|quick| quick > left && silent < 60_000_000 + 2 * quick.0) {
            Outlook::Hopeless
        } else if slow > left && !self.runs[&id].started {
            Outlook::Risky(mean)
        } else {
            Outlook::Good
        }
    }

    /// It may be dropped, or is on a rung of `catch`.
    fn is_for_itself(&self, id: RunId, path: &TaskPath) -> bool {
        self.runs[&id].task(path).optional || self.runs[&id].tasks[path].rung > 0
    }

    /// Until the run has begun, of the task that is queued and takes longest: on average, and if it is slow. Of one that is for itself, its own.
    fn prospects_of_run(&self, id: RunId, path: &TaskPath) -> Option<(Timestamp, [Duration; 2])> {
        let run = &self.runs[&id];
        let is_alone = run.started || self.is_for_itself(id, path);
        let counts = |at: &TaskPath, inst: &Inst| {
            at == path || !is_alone && matches!(inst.state, State::Queued(..)) && !self.is_for_itself(id, at)
        };
        let of = run.tasks.iter().filter(|(at, inst)| counts(at, inst)).filter_map(|(at, _)| self.prospects(id, at));
        let all: Vec<_> = of.collect();
        let longest = |place: usize| all.iter().map(|(_, of)| of[place]).max().unwrap_or_default();
        all.first().map(|(deadline, _)| (*deadline, [longest(1), longest(2)]))
    }

    /// It is sent, though it would be late.
    pub(super) fn asks_how_it_is(&mut self, id: RunId, path: &TaskPath) {
        let now = self.now;
        let estimate = &self.estimates[&self.runs[&id].graph.hash];
        let is_old = now.since(estimate.seen_at.max(estimate.asked_at)).0 >= 60_000_000;
        let prospects = self.prospects(id, path).filter(|_| is_old);
        let is_late = prospects.is_some_and(|(deadline, [quick, ..])| quick > deadline.since(now));
        if let Some(estimate) = self.estimates.get_mut(&self.runs[&id].graph.hash).filter(|_| is_late) {
            estimate.asked_at = now;
        }
    }

    /// Of the first that wait for the same as this one, the longest up to one that is late if those before it go first.
    fn in_the_way(&self, id: RunId, path: &TaskPath) -> Option<(RunId, TaskPath, Duration)> {
        let all = self.queued();
        let (.., own, targets) = all.iter().find(|(of, at, ..)| (*of, *at) == (id, path))?;
        if own.0 || self.runs[&id].submitted.deadline.is_none() {
            return None;
        }
        let needs = |id: &RunId, path: &TaskPath| self.runs[id].task(path).resources.clone();
        let mut alike: Vec<_> = all
            .iter()
            .filter(|(of, at, rank, others)| {
                let is_of = self.account(*of, at) == self.account(id, path) && needs(of, at) == needs(&id, path);
                !rank.0 && is_of && others == targets
            })
            .collect();
        alike.sort_by_key(|(of, at, rank, _)| (**rank, self.runs[of].tasks[*at].ready_at, (*at).clone()));
        alike.truncate(self.policy.admission.look as usize);
        let slots: u64 = targets.iter().map(|target| self.at_once(*target) as u64).sum();
        // As it seemed when they were queued.
        let known = alike.into_iter().filter_map(|(of, at, ..)| Some((*of, *at, self.runs[of].tasks[*at].must_go?)));
        let known: Vec<_> = known.collect();
        let late = (0..known.len()).find(|place| {
            let before: u64 = known[..*place].iter().map(|(.., (takes, _))| takes.0).sum();
            self.now.after(Duration(before / slots.max(1))) > known[*place].2.1
        })?;
        // Of two that are as long the first.
        let stays = |of: &RunId, at: &TaskPath| self.runs[of].started || self.runs[of].tasks[at].stopped.is_some();
        let may = known[..=late].iter().rev().filter(|(of, at, _)| !stays(of, at));
        let (of, at, (takes, _)) = may.max_by_key(|(.., (takes, _))| *takes)?;
        let mean = self.prospects_of_run(*of, at).map_or(*takes, |(_, [mean, _])| mean);
        Some((*of, (*at).clone(), mean))
    }

    /// It is queued: how long it takes, and when it has to go.
    pub(super) fn must_go(&mut self, id: RunId, path: &TaskPath) {
        let of = self.prospects(id, path);
        self.run(id).inst(path).must_go = of.map(|(deadline, expected)| (expected[3], deadline.before(expected[4])));
    }

    /// True if the task, which is next, stands behind the others from now on, or one that stands in the way.
    pub(super) fn is_put_behind(&mut self, id: RunId, path: &TaskPath) -> bool {
        match self.outlook(id, path) {
            Outlook::Risky(mean) => self.stands_behind(id, path, mean),
            Outlook::Good => {
                let behind = self.in_the_way(id, path);
                behind.is_some_and(|(id, path, mean)| self.stands_behind(id, &path, mean))
            }
            Outlook::Hopeless => false,
        }
    }

    /// With it all that is queued of its run.
    fn stands_behind(&mut self, id: RunId, path: &TaskPath, mean: Duration) -> bool {
        let is_put = self.one_stands_behind(id, path, mean);
        if self.is_for_itself(id, path) {
            return is_put;
        }
        let others = self.runs[&id].tasks.iter().filter(|(_, inst)| matches!(inst.state, State::Queued(..)));
        for other in others.map(|(other, _)| other.clone()).collect::<Vec<_>>() {
            self.one_stands_behind(id, &other, mean);
        }
        is_put
    }

    /// A run has begun with a task that waited for these: what else of it waits for the same stands as usual, and what is in time by itself.
    pub(super) fn stands_as_usual(&mut self, id: RunId, path: &TaskPath, targets: &[usize]) {
        let now = self.now;
        let needs = |at: &TaskPath| self.runs[&id].task(at).resources.clone();
        let of_class = |(at, inst): &(&TaskPath, &Inst)| match &inst.state {
            State::Queued(rank, waits) => {
                let is_alike = inst.of_best(now).unwrap_or(waits) == targets && needs(at) == needs(path);
                let of = self.prospects(id, at);
                rank.0 && (is_alike || of.is_none_or(|(deadline, [_, _, slow, ..])| slow <= deadline.since(now)))
            }
            _ => false,
        };
        let others = self.runs[&id].tasks.iter().filter(of_class).map(|(at, _)| at.clone());
        for other in others.collect::<Vec<_>>() {
            self.must_go(id, &other);
            let stands = self.rank(id, &other);
            if let State::Queued(rank, _) = &mut self.run(id).inst(&other).state {
                *rank = stands;
            }
        }
    }

    fn one_stands_behind(&mut self, id: RunId, path: &TaskPath, mean: Duration) -> bool {
        if self.runs[&id].tasks[path].stopped.is_some() {
            return false;
        }
        let (rank, targets) = match &self.runs[&id].tasks[path].state {
            State::Queued(rank, targets) if !rank.0 => (*rank, targets.clone()),
            // What others compute it waits for.
            State::Short(rank) if !rank.0 && !self.is_computed(id, path) => {
                (*rank, self.eligible(id, path).unwrap_or_default())
            }
            _ => return false,
        };
        if matches!(self.runs[&id].tasks[path].state, State::Short(_)) {
            self.run(id).inst(path).turn = self.shares(id, path);
            let now = self.now;
            let inst = self.run(id).inst(path);
            inst.stands(State::Ready, now);
        }
        let (_, _, at, run, tail) = rank;
        self.run(id).inst(path).state = State::Queued((true, mean.0, at, run, tail), targets);
        true
    }
}
