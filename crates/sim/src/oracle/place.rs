//! Which task goes next, where, and for how much.

use std::sync::Arc;

use agendum_types::graph::{OnExceeded, Requirement, Rung, Section, Task, Work};
use agendum_types::{Capability, Money, RunId, Segment, Target, TaskPath, Timestamp, Window};

use super::Reference;
use super::state::{Rank, State};

/// An output cap is not lowered below this.
pub(super) const OUTPUT_CAP_MIN: u64 = 64;
/// How far a band goes with each task that it sends, at a share of 1.
const STRIDE: u64 = 1 << 20;

/// What an attempt sets aside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hold {
    pub money: Money,
    pub tokens: u64,
    pub cap: Option<u32>,
}

/// What the purse says to the task that is next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Purse {
    /// To this target; true if it is a lower one.
    Sends(usize, Hold, bool),
    /// Until other attempts have settled, of its run or of this loop.
    Waits(Option<TaskPath>),
    /// Until the windows cover it.
    Lacks,
    /// Until one of these is free, or more is left.
    Settles(Vec<usize>),
    /// Until a person has raised the budget.
    Asks,
    /// This loop has run out.
    Spent(TaskPath),
    Refuses,
}

/// Who pays.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Payer {
    Loop(TaskPath),
    Run,
    Window(Window),
}

/// Targets that will do, the best first: in the order of `allow`, else of the table.
pub(super) fn candidates(targets: &[Target], capability: Capability, wanted: &Requirement) -> Vec<usize> {
    let able = |place: &usize| targets[*place].capabilities.contains(&capability);
    let all = (0..targets.len()).filter(able);
    if wanted.allow.is_empty() {
        let fits = |target: &Target| match &wanted.class {
            Some(class) => target.classes.contains(class) || target.name == *class,
            None => true,
        };
        return all.filter(|place| fits(&targets[*place])).collect();
    }
    let named = |name: &Arc<str>| all.clone().find(|place| targets[*place].name == *name);
    wanted.allow.iter().filter_map(named).collect()
}

impl Reference {
    pub(super) fn is_free(&self, target: usize) -> bool {
        let running = self.flights.iter().filter(|flight| flight.target == target).count();
        let is_full = running >= self.at_once(target);
        !is_full && self.closed[target] <= self.now && !self.is_shut(target) && self.is_in_pace(target)
    }

    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.targets.iter().position(|target| &*target.name == name && !target.capabilities.is_empty())
    }

    /// The targets of a task's next attempt: able, allowed by its rung, cleared for its data. `None` if there are some and none is
    /// cleared; where there is none at all, the task waits for another table.
    pub(super) fn eligible(&self, id: RunId, path: &TaskPath) -> Option<Vec<usize>> {
        let mut turn = self.able(id, path)?;
        let inst = &self.runs[&id].tasks[path];
        // Where the graph lists them, whoever comes after the one that has just failed is next.
        let is_last = |target: &usize| inst.failed_on.last() == Some(&self.targets[*target].name);
        if let Some(failed) = turn.iter().position(is_last).filter(|_| self.is_listed(id, path)) {
            let after = turn.split_off(failed + 1);
            turn = [after, turn].concat();
        }
        turn.retain(|target| !inst.avoids.contains(&self.targets[*target].name));
        Some(turn)
    }

    /// The graph says which targets, in which order.
    pub(super) fn is_listed(&self, id: RunId, path: &TaskPath) -> bool {
        matches!(&self.runs[&id].task(path).work, Work::Call(call) if !call.requirement.allow.is_empty())
    }

    /// An attempt of the task failed there, and that was the target's fault.
    pub(super) fn has_failed_on(&self, id: RunId, path: &TaskPath, target: usize) -> bool {
        self.runs[&id].tasks[path].failed_on.contains(&self.targets[target].name)
    }

    /// The targets that it is queued for: for the last attempt none that fails for all, if there are others.
    fn queues_for(&mut self, id: RunId, path: &TaskPath, targets: Vec<usize>) -> Vec<usize> {
        let inst = self.run(id).inst(path);
        let was_spared = !std::mem::take(&mut inst.avoids).is_empty();
        let tries = inst.tries;
        let targets = if was_spared { self.eligible(id, path).unwrap_or_default() } else { targets };
        if tries == 0 || tries + 1 < self.runs[&id].task(path).retry.attempts_max {
            return targets;
        }
        let (fail, well): (Vec<_>, Vec<_>) = targets
            .iter()
            .copied()
            .partition(|target| self.fails_until(*target).is_some() || self.refuses_all(*target));
        if well.is_empty() {
            return targets;
        }
        let names = fail.into_iter().map(|target| Arc::clone(&self.targets[target].name)).collect();
        self.run(id).inst(path).avoids = names;
        well
    }

    /// The same in the order of the table or the graph.
    pub(super) fn able(&self, run: RunId, path: &TaskPath) -> Option<Vec<usize>> {
        let run = &self.runs[&run];
        let (task, rung) = (run.task(path), run.tasks[path].rung);
        let Work::Call(call) = &task.work else { return None };
        let mut found = match rung.checked_sub(1).and_then(|rung| task.catch.get(rung)).map(|rung| &rung.rung) {
            Some(Rung::Target(name)) => {
                let named = Requirement { class: None, allow: vec![name.clone()] };
                candidates(&self.targets, call.capability, &named)
            }
            Some(Rung::Output(_) | Rung::Cached) | None => {
                candidates(&self.targets, call.capability, &call.requirement)
            }
        };
        if task.no_fallback {
            found.truncate(1);
        }
        let (labels, able) = (run.labels(path), !found.is_empty());
        found.retain(|target| self.targets[*target].may_see(&labels));
        if able && found.is_empty() {
            return None;
        }
        if run.is_harmless_only(path) {
            self.harmless(&mut found);
        }
        Some(found)
    }

    pub(super) fn band(&self, id: RunId, path: &TaskPath) -> usize {
        let run = &self.runs[&id];
        if run.task(path).section == Section::After { 2 } else { run.submitted.priority as usize }
    }

    /// Every task that waits for a target.
    pub(super) fn queued(&self) -> Vec<(RunId, &TaskPath, &Rank, &[usize])> {
        let of_run = self.runs.iter().flat_map(|(id, run)| run.tasks.iter().map(move |(path, inst)| (id, path, inst)));
        let queued = of_run.filter_map(|(id, path, inst)| match &inst.state {
            State::Queued(rank, targets) => Some((*id, path, rank, inst.of_best(self.now).unwrap_or(targets))),
            _ => None,
        });
        queued.collect()
    }

    /// A task joins the queue. A band that comes back does not claim the share that it left unused.
    pub(super) fn queue(&mut self, id: RunId, path: &TaskPath, targets: Vec<usize>) {
        let (band, rank) = (self.band(id, path), self.rank(id, path));
        let idle = self.queued().iter().all(|(of, path, ..)| self.band(*of, path) != band);
        if idle && self.short_ones().iter().all(|(of, path, _)| self.band(*of, path) != band) {
            self.turns[band] = self.turns[band].max(self.reached + self.stride(band));
        }
        self.lift(id, path);
        let targets = self.queues_for(id, path, targets);
        let best = self.worth_waiting(id, path, &targets);
        let (now, urgent_at) = (self.now, self.urgent_from(id, path));
        let inst = self.run(id).inst(path);
        (inst.best, inst.queued_at) = (best, now);
        (inst.urgent_at, inst.looks, inst.stopped) = (urgent_at, 0, None);
        inst.passed = (0, 0);
        self.must_go(id, path);
        self.run(id).inst(path).state = State::Queued(rank, targets);
    }

    /// A task of this band goes. One whose turn was before had none that could go, and does not claim the share that it left unused.
    pub(super) fn advance(&mut self, band: usize) {
        self.reached = self.turns[band];
        self.turns[band] += self.stride(band);
        for of in 0..3 {
            if self.turns[of] < self.reached {
                self.turns[of] = self.reached + self.stride(of);
            }
        }
    }

    fn stride(&self, band: usize) -> u64 {
        STRIDE / u64::from(self.policy.bands[band].share)
    }

    /// The tasks of which one goes next: those of the band whose turn it is that must start first. More than one if they are alike.
    pub(super) fn next(&self) -> Vec<(RunId, TaskPath)> {
        match self.freed_for() {
            Some(freed_for) => vec![freed_for],
            None => self.nearest(self.first()),
        }
    }

    /// Those of them that would be first by what their tenants have had alone.
    pub(super) fn first(&self) -> Vec<(RunId, TaskPath)> {
        let mut queued: Vec<_> = self.queued();
        queued.retain(|(id, path, _, targets)| targets.iter().any(|target| self.goes_to(*id, path, *target)));
        let mut can: Vec<_> = queued.into_iter().map(|(id, path, rank, _)| (id, path.clone(), *rank)).collect();
        // Whoever waits for money that is there stands where it stood.
        can.extend(self.short_ones().into_iter().filter(|(id, path, _)| self.is_covered(*id, path)));
        let turn = |id: RunId, path: &TaskPath| {
            let band = self.band(id, path);
            (self.turns[band], band, self.had(id, path))
        };
        let first = can.iter().map(|(id, path, rank)| (turn(*id, path), *rank)).min();
        can.retain(|(id, path, rank)| Some((turn(*id, path), *rank)) == first);
        can.into_iter().map(|(id, path, _)| (id, path)).collect()
    }

    /// How a task stands that the budget does not cover now and that makes room for the next; `None` if it is not one.
    pub(super) fn aside(&self, id: RunId, path: &TaskPath) -> Option<State> {
        self.aside_as(id, path, &self.runs[&id].tasks[path].state)
    }

    /// The same of a task that stands so.
    pub(super) fn aside_as(&self, id: RunId, path: &TaskPath, state: &State) -> Option<State> {
        if matches!(state, State::Short(_)) && self.is_computed(id, path) {
            return Some(State::InLine(self.events));
        }
        match (self.purse_as(id, path, state), state) {
            (Purse::Waits(of), _) => Some(State::Broke(of)),
            (Purse::Lacks, State::Queued(rank, _) | State::Short(rank)) => Some(State::Short(*rank)),
            // Of what was not asked before a record says so.
            (Purse::Asks, _) => self.has_asked(id, path, state).then_some(State::Begs),
            (Purse::Settles(covered), State::Queued(rank, _) | State::Short(rank)) => {
                Some(State::Queued(*rank, covered))
            }
            _ => None,
        }
    }

    /// What becomes of the task that is next, by what is left of its run's budget.
    pub(super) fn purse(&self, id: RunId, path: &TaskPath) -> Purse {
        self.purse_as(id, path, &self.runs[&id].tasks[path].state)
    }

    /// The same of a task that stands so.
    pub(super) fn purse_as(&self, id: RunId, path: &TaskPath, state: &State) -> Purse {
        let run = &self.runs[&id];
        let targets = match state {
            State::Queued(_, targets) => targets.clone(),
            State::Short(_) => self.eligible(id, path).unwrap_or_default(),
            _ => return Purse::Refuses,
        };
        let all = self.eligible(id, path).unwrap_or_default();
        if let Some([best]) = run.tasks[path].of_best(self.now).filter(|_| matches!(state, State::Queued(..)))
            && let Some(hold) = self.hold(id, path, *best)
        {
            return if self.goes_to(id, path, *best) { Purse::Sends(*best, hold, false) } else { Purse::Refuses };
        }
        let weighed = self.weighed(id, path, &targets);
        let best = weighed.first().map(|(target, _)| *target);
        let covered = weighed.into_iter().find_map(|(target, _)| Some((target, self.hold(id, path, target)?)));
        if let Some((target, hold)) = covered {
            return Purse::Sends(target, hold, targets != all || best != Some(target));
        }
        let free: Vec<usize> = targets.iter().copied().filter(|target| self.goes_to(id, path, *target)).collect();
        let Some(best) = free.first().copied() else { return Purse::Refuses };
        let is_ordered = self.is_listed(id, path);
        let is_strict = is_ordered && run.tasks[path].failed_on.is_empty();
        let first = self.able(id, path).and_then(|all| all.first().copied());
        // Whose turn it is after a failure is no choice of the graph's.
        let covered = free.iter().copied().find(|target| self.hold(id, path, *target).is_some());
        let best = covered.filter(|_| is_ordered && !is_strict).unwrap_or(best);
        if let Some(hold) = self.hold(id, path, best) {
            return Purse::Sends(best, hold, targets != all || is_ordered && first != Some(best));
        }
        let short = self.short(id, path, best);
        // The loops come first, and of those that have run out the innermost.
        if let Some((Payer::Loop(of), _)) = short.iter().find(|(of, can)| matches!(of, Payer::Loop(_)) && !can) {
            return Purse::Spent(of.clone());
        }
        let choice = match short.as_slice() {
            [] => return Purse::Refuses,
            short if short.iter().any(|(of, _)| *of == Payer::Run) => {
                let choice = run.submitted.budget.map_or(OnExceeded::Fail, |budget| budget.on_exceeded);
                if choice == OnExceeded::Wait && (run.held() > Money::ZERO || run.held_tokens() > 0) {
                    return Purse::Waits(None);
                }
                if choice == OnExceeded::Ask && self.would_do(id, path, best) {
                    return Purse::Waits(None);
                }
                if choice == OnExceeded::Ask && !run.refused && !self.is_spared(id, path) {
                    return Purse::Asks;
                }
                choice
            }
            [(Payer::Loop(of), _), ..] => return Purse::Waits(Some(of.clone())),
            windows => {
                let can = windows.iter().all(|(_, can)| *can);
                let choice = self.choice_of_windows(run.task(path));
                if choice == OnExceeded::Wait && can {
                    return Purse::Lacks;
                }
                choice
            }
        };
        let covered: Vec<usize> =
            targets.iter().copied().filter(|target| self.hold(id, path, *target).is_some()).collect();
        let cheaper = covered.iter().copied().find(|target| free.contains(target));
        match cheaper.and_then(|target| Some((target, self.hold(id, path, target)?))) {
            _ if covered.is_empty() || choice != OnExceeded::Degrade && is_strict => Purse::Refuses,
            Some((target, hold)) => Purse::Sends(target, hold, true),
            None => Purse::Settles(covered),
        }
    }

    /// Nobody is asked for money for what is optional, with all that stands in it; but to settle what has been done.
    fn is_spared(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let is_optional = |segment: &Segment| match segment {
            Segment::Task(node) => run.graph.task(*node).optional,
            Segment::Item(_) | Segment::Round(_) => false,
        };
        !run.is_check(path) && path.0.iter().any(is_optional)
    }

    /// Which reaction counts when the money is not there.
    pub(super) fn degrades(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let targets = match &run.tasks[path].state {
            State::Queued(_, targets) => targets.clone(),
            State::Short(_) => self.eligible(id, path).unwrap_or_default(),
            _ => return false,
        };
        let Some(best) = targets.iter().copied().find(|target| self.goes_to(id, path, *target)) else { return false };
        let of_run = run.submitted.budget.map_or(OnExceeded::Fail, |budget| budget.on_exceeded);
        let is_of_run = self.short(id, path, best).iter().any(|(of, _)| *of == Payer::Run);
        (if is_of_run { of_run } else { self.choice_of_windows(run.task(path)) }) == OnExceeded::Degrade
    }

    /// A compensation waits for the windows whatever they say.
    fn choice_of_windows(&self, task: &Task) -> OnExceeded {
        if task.is_compensation() { OnExceeded::Wait } else { self.windows.on_exceeded }
    }

    /// What is left in each purse that pays for a task, with what there may be once others have settled, or a window has begun: the
    /// loops around it, the innermost first, the run's budget, then the windows.
    pub(super) fn purses(&self, id: RunId, path: &TaskPath) -> Vec<(Payer, Left, Left)> {
        let run = &self.runs[&id];
        let mut purses = self.purses_of_loops(id, path);
        if let Some(budget) = run.submitted.budget.filter(|_| counts(run.task(path))) {
            let whole = (budget.money.unwrap_or(Money::MAX), budget.tokens.unwrap_or(u64::MAX));
            let used = (run.spent.plus(run.held()), run.tokens + run.held_tokens());
            purses.push((Payer::Run, (whole.0.minus(used.0), whole.1.saturating_sub(used.1)), whole));
        }
        // Its own attempts are paid for there.
        for window in Window::ALL.into_iter().filter(|_| !run.is_child(path)) {
            let cap = self.windows.cap(window);
            let whole = (cap.money.unwrap_or(Money::MAX), cap.tokens.unwrap_or(u64::MAX));
            let used = self.used(window, self.now);
            purses.push((Payer::Window(window), (whole.0.minus(used.0), whole.1.saturating_sub(used.1)), whole));
        }
        purses
    }

    /// What was spent and is held in the window of this instant: every bill and every attempt that is out is looked at.
    pub(super) fn used(&self, window: Window, at: Timestamp) -> Left {
        let mut all = self.bills.clone();
        for run in self.runs.values() {
            let own = run.running().filter(|(path, _)| !run.is_child(path));
            all.extend(own.map(|(_, of)| (of.taken, of.hold, of.hold_tokens)));
            let own = run.orphans.iter().filter(|orphan| !run.is_child(&orphan.id.path));
            all.extend(own.map(|of| (of.taken, of.hold, of.hold_tokens)));
        }
        let (from, to) = (window.start(at), window.end(at));
        let inside = all.into_iter().filter(|(taken, ..)| (from..to).contains(taken));
        let used = inside.fold((Money::ZERO, 0), |sum, (_, money, tokens)| (sum.0.plus(money), sum.1 + tokens));
        let again = self.recharged.iter().filter(|(hour, ..)| (from..to).contains(hour));
        let used = again.fold(used, |sum, (_, money, tokens)| (sum.0.plus(*money), sum.1 + tokens));
        let never = self.released.iter().filter(|(hour, ..)| (from..to).contains(hour));
        never.fold(used, |sum, (_, money, tokens)| (sum.0.minus(*money), sum.1 - tokens))
    }

    /// The purses that do not cover even the least that is of use, and whether they may at some time.
    pub(super) fn short(&self, id: RunId, path: &TaskPath, target: usize) -> Vec<(Payer, bool)> {
        let (with, wanted) = self.cases(id, path, target);
        let least = with(wanted.map(|cap| cap.min(OUTPUT_CAP_MIN as u32)));
        let fits = |left: Left| least.money <= left.0 && least.tokens <= left.1;
        let purses = self.purses(id, path).into_iter();
        purses.filter(|(_, left, _)| !fits(*left)).map(|(of, _, whole)| (of, fits(whole))).collect()
    }

    /// The output cap that is wanted there.
    pub(super) fn cap_wanted(&self, id: RunId, path: &TaskPath, target: usize) -> Option<u32> {
        self.cases(id, path, target).1
    }

    /// How much an attempt is given.
    pub(super) fn bytes(&self, id: RunId, path: &TaskPath) -> u64 {
        let run = &self.runs[&id];
        let constant = match &run.task(path).work {
            Work::Call(call) => run.graph.expr(call.input).source.len() as u64,
            Work::Group(_) => 0,
        };
        let inst = &run.tasks[path];
        inst.input.as_ref().map_or(constant, |input| input.size) + inst.told_bytes()
    }

    /// The worst case of an attempt there by its cap, and the cap that is wanted.
    pub(super) fn cases(
        &self,
        id: RunId,
        path: &TaskPath,
        target: usize,
    ) -> (impl Fn(Option<u32>) -> Hold, Option<u32>) {
        let run = &self.runs[&id];
        let (task, target) = (run.task(path), &self.targets[target]);
        let call = match &task.work {
            Work::Call(call) => Some(call),
            Work::Group(_) => None,
        };
        let bytes = self.bytes(id, path);
        let tokens_in = bytes.div_ceil(u64::from(target.bytes_per_token_min));
        let price = target.price;
        // What is sent is the input in a frame; `http` may be sent on five times.
        let body = bytes + 4_096;
        let sent = match call.map(|call| call.capability) {
            Some(Capability::Chat | Capability::Translate | Capability::Moderate) => body,
            Some(Capability::Http) => 6 * body,
            _ => 0,
        };
        let egress = (u128::from(price.egress_gib.0) * u128::from(sent)).div_ceil(1 << 30);
        let before = price
            .call
            .plus(Money(egress as u64))
            .plus(price.token_in.max(price.token_cached).max(price.token_written).times(tokens_in));
        let declared = target.max_cost;
        let set_aside = run.set_aside(path);
        let with = move |cap: Option<u32>| {
            set_aside.unwrap_or_else(|| Hold {
                money: declared.unwrap_or_else(|| before.plus(price.token_out.times(u64::from(cap.unwrap_or(0))))),
                tokens: cap.map_or(0, |cap| tokens_in + u64::from(cap)),
                cap,
            })
        };
        (with, call.and_then(|call| call.output_cap).or(Some(target.output_cap)).filter(|cap| *cap > 0))
    }

    /// The worst case of an attempt there, with its cap lowered if need be; `None` if a purse does not cover it.
    pub(super) fn hold(&self, id: RunId, path: &TaskPath, target: usize) -> Option<Hold> {
        let (with, wanted) = self.cases(id, path, target);
        let purses = self.purses(id, path);
        let covers = |hold: &Hold| purses.iter().all(|(_, left, _)| hold.money <= left.0 && hold.tokens <= left.1);
        if covers(&with(wanted)) {
            return Some(with(wanted));
        }
        // The greatest cap that is covered, if that is enough to be of use.
        let least = OUTPUT_CAP_MIN.min(u64::from(wanted?)) as u32;
        (least..wanted?).rev().map(|cap| with(Some(cap))).find(covers)
    }
}

/// Money and tokens.
pub(super) type Left = (Money, u64);

/// What comes after the answer lies outside the budget.
fn counts(task: &Task) -> bool {
    task.section == Section::Main
}
