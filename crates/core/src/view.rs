//! What the outside may see of the scheduler's state.

use std::sync::Arc;

use agendum_types::snapshot::{RunView, TaskView};
use agendum_types::{
    Cap, Cause, RunId, Snapshot, TargetId, TaskPath, TaskStatus, Tenant, Timestamp, Window, WindowView,
};

use crate::board::Board;
use crate::effects::Stage;
use crate::inst::{Inst, State};
use crate::purse::Payer;
use crate::run::{InstId, Run, Slot};
use crate::scheduler::Scheduler;

/// Queued tasks of a run of which it is told how they stand: each takes a look at all targets that would do.
const QUEUEING_MAX: usize = 32;

impl Scheduler {
    /// The shard in numbers, as it stands at this moment.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let now = self.now.max(now);
        Snapshot {
            at: now,
            runs: self.board.live_runs() as u64,
            tasks: self.board.live_tasks,
            attempts: self.attempts_out,
            rules: Arc::clone(&self.policy_version),
            queued: self.board.queue.len(),
            targets: self.targets.loads(now),
            pools: self.board.queue.pools(),
        }
    }

    /// A live run, as it stands at this moment, with every instance that is live or settled beside live ones. Cost: linear in its
    /// instances.
    #[must_use]
    pub fn view(&self, run: RunId, now: Timestamp) -> Option<RunView> {
        self.view_within(run, &TaskPath::default(), now)
    }

    /// The same with no instance but this one and those inside it.
    #[must_use]
    pub fn view_within(&self, run: RunId, within: &TaskPath, now: Timestamp) -> Option<RunView> {
        let now = self.now.max(now);
        let slot = self.board.slot(run)?;
        let run = self.board.run(slot);
        let graph = &self.board.plan(slot).graph;
        let outermost: Vec<InstId> = match within.segments() {
            [] => {
                let sections = run.scopes.iter().rev().flat_map(|scope| scope.iter().rev());
                run.effects.out().chain(sections).collect()
            }
            _ => self.board.find(slot, within).into_iter().collect(),
        };
        let status = |id: InstId, path: &TaskPath| match run.effects.stage(path) {
            Some(Stage::Compensated) => TaskStatus::Compensated,
            _ => run.inst(id).status(),
        };
        let mut left = QUEUEING_MAX;
        let mut queueing = |id: InstId| {
            let queueing = if left > 0 { self.queueing(slot, id) } else { None };
            left -= usize::from(queueing.is_some());
            queueing
        };
        let task = |id: InstId| TaskView {
            path: graph.path_text(&run.path(id)),
            status: status(id, &run.path(id)),
            waiting_on: waiting_on(&self.board, run, run.inst(id)),
            waits: self.board.waited(run, id, now).into_vec(),
            attempts: run.inst(id).attempts,
            window: run.inst(id).waits_for_window(now),
            purse: run.inst(id).waits_for_loop().map(|of| graph.path_text(&run.path(of))),
            pause: self.board.pauses(slot, id),
            queueing: queueing(id),
        };
        Some(RunView {
            at: now,
            id: run.id,
            tenant: run.tenant.clone(),
            graph: Arc::clone(&graph.name),
            status: run.status,
            paused: run.paused.is_some(),
            quarantined: run.quarantined,
            submitted: run.submitted,
            deadline: run.deadline,
            spent: run.spent,
            held: run.held,
            over: run.over,
            bound: run.bound(),
            tasks: tree(run, outermost).into_iter().map(task).collect(),
        })
    }

    /// What a tenant has spent and holds in each limited window of this instant.
    #[must_use]
    pub fn windows(&self, tenant: &Tenant, now: Timestamp) -> Vec<WindowView> {
        let (now, ledger) = (self.now.max(now), &self.board.ledger);
        let limited = Window::ALL.into_iter().filter(|window| ledger.windows.cap(*window) != Cap::default());
        let view = |window: Window| {
            let sum = ledger.sum(tenant, window, now);
            WindowView {
                window,
                ends: window.end(now),
                cap: ledger.windows.cap(window),
                spent: (sum.spent, sum.tokens),
                held: Some((sum.held, sum.held_tokens)),
            }
        };
        limited.map(view).collect()
    }

    /// The targets of which a queued task takes the first that is free, the best first; `None` if it is not queued. Fewer than are
    /// eligible while the budget does not cover the others.
    #[must_use]
    pub fn queued_for(&self, run: RunId, path: &TaskPath) -> Option<&[TargetId]> {
        let slot = self.board.slot(run)?;
        let State::Queued(ticket) = &self.board.run(slot).inst(self.board.find(slot, path)?).state else { return None };
        Some(self.board.queue.candidates(ticket.class))
    }
}

/// These instances, of which the last comes first, and all inside them, outer before inner, in the order of the graph.
fn tree(run: &Run, mut stack: Vec<InstId>) -> Vec<InstId> {
    let mut order = Vec::new();
    while let Some(id) = stack.pop() {
        order.push(id);
        stack.extend(run.children(id).into_iter().rev());
    }
    order
}

impl Board {
    /// Until when it pauses before its next attempt, and whether that is put off until a target is well again.
    fn pauses(&self, slot: Slot, id: InstId) -> Option<(Timestamp, bool)> {
        let State::BackingOff(until) = self.run(slot).inst(id).state else { return None };
        Some((until, self.outlasting.contains((slot, id))))
    }
}

impl Inst {
    /// The window whose end it waits for, and when that is.
    pub(crate) fn waits_for_window(&self, now: Timestamp) -> Option<(Window, Timestamp)> {
        let State::Broke(broke) = &self.state else { return None };
        match broke.of {
            Payer::Window(window) => Some((window, window.end(now))),
            Payer::Run | Payer::Loop(_) => None,
        }
    }
}

/// Why a task that is neither running nor settled waits: every such task has a cause.
fn waiting_on(board: &Board, run: &Run, inst: &Inst) -> Option<Cause> {
    match &inst.state {
        State::Ready | State::Asking(_) if run.quarantined => Some(Cause::Paused),
        State::Waiting | State::InLine { .. } => Some(Cause::Dependency),
        State::Ready | State::Asking(_) | State::LookingUp(_) | State::Checked(_) => Some(Cause::Scheduler),
        State::Parked(_) => Some(Cause::Delay),
        State::Paused(_) => Some(Cause::Paused),
        State::Queued(ticket) => Some(inst.blames(board.queue.waiting_on(ticket))),
        State::Broke { .. } => Some(Cause::Budget),
        State::Pleading(_) => Some(Cause::Person),
        State::BackingOff(_) => Some(Cause::Backoff),
        State::Awaiting(_) => Some(inst.awaits()),
        State::Running(_) | State::Open | State::Settled(_) => None,
    }
}
