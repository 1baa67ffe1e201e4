//! What the core refuses to take.

use std::sync::Arc;

use agendum_core::{Rejected, RunSubmitted};
use agendum_types::graph::{Requirement, Rung, Task, Work};
use agendum_types::{Capability, Duration, Target, Tenant, Timestamp};

use super::share::Came;
use super::state::Run;
use super::{Heard, Reference, ensure, place};

impl Reference {
    /// Something was refused: was there a reason?
    pub(super) fn refuses(&mut self, said: &Rejected) -> Result<(), String> {
        match self.heard.take() {
            Some(Heard::Submitted(submitted, graph, tenant)) => {
                let full = self.runs.len() >= self.limits.live_runs_max as usize;
                let late = submitted.deadline == Some(self.now);
                let is_taken = self.is_taken(&submitted, &tenant);
                let is_too_much = self.too_much_waits(&submitted, &tenant);
                let reasons = [full, late, is_taken, is_too_much, !self.can_serve(&graph.tasks)];
                ensure(reasons.contains(&true), "a run was refused without a reason")?;
                let again = self.has_room_in(submitted.priority as usize);
                match said {
                    Rejected::QueueFull { retry_after, .. } | Rejected::Overloaded { retry_after, .. } => ensure(
                        is_too_much && *retry_after == again,
                        &format!("it may come again in {again}, and not in {retry_after}"),
                    ),
                    _ => Ok(()),
                }
            }
            Some(Heard::Added(run, graph)) => {
                let live = self.runs.get(&run).filter(|run| run.takes_tasks());
                ensure(!live.is_some_and(|run| self.fits(run, &graph)), "an addition was refused without a reason")
            }
            Some(Heard::Streamed(attempt, added)) => self.refuses_stream(&attempt, &added),
            Some(Heard::Signalled(signal)) => self.refuses_signal(&signal),
            Some(Heard::Raised(raise, _)) => self.refuses_raise(&raise),
            other => Err(format!("only submissions, additions and signals are refused, and not {other:?}")),
        }
    }

    /// True if too much waits for this to be let in.
    pub(super) fn too_much_waits(&self, submitted: &RunSubmitted, tenant: &Tenant) -> bool {
        let band = submitted.priority as usize;
        let queued = self.queued().into_iter().map(|(id, path, ..)| (id, path.clone()));
        let waiting: Vec<_> = queued.chain(self.short_ones().into_iter().map(|(id, path, _)| (id, path))).collect();
        let of_band: Vec<_> = waiting.iter().filter(|(id, path)| self.band(*id, path) == band).collect();
        let own = of_band.iter().filter(|(id, _)| self.runs[id].tenant == *tenant).count();
        let rules = self.policy.overload;
        let is_long = |since: Timestamp| self.now.since(since) >= rules.interval;
        let stands = rules.stand > Duration::ZERO && self.accounts.long_since[band].is_some_and(is_long);
        let is_shut = stands && submitted.deadline.is_none() && !of_band.is_empty();
        submitted.parent.is_none() && (own >= rules.waiting as usize || is_shut)
    }

    /// When there will be room: what waits in this band and before it, done one after the other by all that it waits for.
    fn has_room_in(&self, band: usize) -> Duration {
        let queued = self.queued();
        let waiting = queued.iter().filter(|(id, path, ..)| self.band(*id, path) <= band).count();
        let places = 0..self.targets.len();
        let wanted = places.filter(|place| queued.iter().any(|(.., of)| of.contains(place)));
        let does = wanted.filter(|place| *self.targets[*place].name != *Target::CHILD).map(|place| self.does(place));
        let takes = (waiting as u128 * 1_000_000_000_000).checked_div(does.sum()).unwrap_or_default() as u64;
        Duration(takes.max(self.accounts.stood[band].1).clamp(1_000_000, 3_600_000_000))
    }

    /// What a target does in a million seconds.
    fn does(&self, place: usize) -> u128 {
        let target = &self.targets[place];
        let each = self.accounts.out.get(&target.name).map_or(target.expected.0, |(_, mean)| *mean).max(1);
        let tokens = self.accounts.tokens.get(&target.name).map_or(0, Came::mean).max(1);
        let at_once = self.at_once(place) as u128 * 1_000_000_000_000 / u128::from(each);
        let requests = target.rate.requests.map(|most| u128::from(most) * 1_000_000_000_000 / 60_000_000);
        let by_tokens =
            target.rate.tokens.map(|most| u128::from(most) * 1_000_000_000_000 / 60_000_000 / u128::from(tokens));
        at_once.min(requests.unwrap_or(u128::MAX)).min(by_tokens.unwrap_or(u128::MAX))
    }

    /// A task of this band was sent that had stood for so long.
    pub(super) fn stands(&mut self, band: usize, span: u64) {
        super::share::mean(&mut self.accounts.stood[band], span);
        let most = self.policy.overload.stand.0;
        let is_long = most > 0 && self.accounts.stood[band].1 > most;
        self.accounts.long_since[band] = if is_long { self.accounts.long_since[band].or(Some(self.now)) } else { None };
    }

    /// True if a live run has the same key, or is there in its stead.
    pub(super) fn is_taken(&self, submitted: &RunSubmitted, tenant: &Tenant) -> bool {
        let same = |run: &Run| run.submitted.key == submitted.key && run.tenant == *tenant;
        let is_known = submitted.key.is_some() && self.runs.values().any(same);
        is_known || self.joins(submitted, tenant).is_some()
    }

    /// Every call has a target that could serve it, and so has every rung that names one.
    pub(super) fn can_serve(&self, tasks: &[Task]) -> bool {
        tasks.iter().all(|task| {
            let Work::Call(call) = &task.work else { return true };
            if call.capability == Capability::Wait {
                return true;
            }
            let can = |wanted: &Requirement| !place::candidates(&self.targets, call.capability, wanted).is_empty();
            let rungs = task.catch.iter().all(|rung| match &rung.rung {
                Rung::Target(name) => can(&Requirement { class: None, allow: vec![Arc::clone(name)] }),
                Rung::Output(_) | Rung::Cached => true,
            });
            let inside = call.child.as_ref().is_none_or(|child| self.can_serve(&child.graph.tasks));
            rungs && inside && can(&call.requirement)
        })
    }
}
