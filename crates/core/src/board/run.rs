//! Records about a whole run.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::graph::{NodeId, Section};
use agendum_types::{Cause, Class, Failure, Hash, Incarnation, RunId, RunStatus, Seq, Tenant};

use crate::action::RunFailure;
use crate::board::{Board, Todo};
use crate::inst::{Inst, Layer, Settled, State};
use crate::record::{Answered, RunSubmitted};
use crate::run::{InstId, Phase, Run, Slot};
use crate::timers::Timer;

impl Board {
    pub(super) fn submit(&mut self, tenant: Tenant, submitted: &RunSubmitted, seq: Seq) {
        let plan = self.plans.find(submitted.graph).expect("the driver teaches a graph before its runs");
        self.plans.take(plan);
        let labels = self.plans.get(plan).graph.labels.clone();
        let shared_from = self.sharing[submitted.priority as usize].comes();
        let slot = self.add(Run {
            id: submitted.run,
            tenant,
            key: submitted.key.as_ref().map(|key| Arc::clone(&key.key)),
            principal: submitted.principal.clone(),
            parent: submitted.parent.clone(),
            origin: submitted.origin.clone(),
            plan,
            inputs: submitted.inputs.clone(),
            labels,
            priority: submitted.priority,
            strict: submitted.strict,
            paused: None,
            quarantined: false,
            crashed: (Incarnation(0), 0),
            degraded: false,
            phase: Phase::Main,
            status: RunStatus::Queued,
            submitted: self.at,
            deadline: submitted.deadline,
            budget: submitted.budget.map(Box::new),
            spent: Default::default(),
            service: Default::default(),
            shared_from,
            tenant_no: None,
            held: Default::default(),
            tokens: 0,
            held_tokens: 0,
            over: Default::default(),
            estimated: false,
            refused: false,
            last: seq,
            floor: Seq(0),
            failure: None,
            escalation: None,
            orphans: Vec::new(),
            effects: Default::default(),
            kept: Default::default(),
            webhooks: Default::default(),
            awaiting: Default::default(),
            insts: Vec::new(),
            free: Vec::new(),
            scopes: Default::default(),
            broke: Vec::new(),
            held_back: Vec::new(),
            served: BTreeMap::new(),
            turn: None,
            ahead: BTreeMap::new(),
            pleas: BTreeMap::new(),
        });
        if let Some(deadline) = submitted.deadline {
            self.timers.set(deadline, Timer::Deadline(slot));
        }
        match &submitted.concurrency {
            Some(concurrency) => self.hold(slot, concurrency, seq),
            None => self.open_section(slot, Section::Main),
        }
    }

    /// Makes the instances of a section and readies those that need nothing.
    pub(super) fn open_section(&mut self, slot: Slot, section: Section) {
        let graph = Arc::clone(&self.plan(slot).graph);
        let nodes = graph.section(section);
        let inst = |node: &NodeId| {
            let pending = u32::try_from(graph.task(*node).needs.len()).expect("limited by the document's checker");
            Inst { pending, ..Inst::new(InstId::TOP, *node, Layer::Node) }
        };
        let run = self.run_mut(slot);
        *run.scope_mut(section) = run.add_row(nodes.iter().map(inst));
        self.live_tasks += nodes.len() as u64;
        if nodes.is_empty() {
            return self.section_settled(slot, section);
        }
        if section == Section::Main {
            self.skip_replaced(slot);
        }
        for node in nodes {
            let id = self.top(slot, *node);
            // Settling one may settle others and, in a section that goes on, end the section.
            if section == Section::OnFailure && self.is_passed_over(slot, id) {
                self.settle(slot, id, Settled::Skipped, None);
            } else if self.run(slot).inst(id).pending == 0 && matches!(self.run(slot).inst(id).state, State::Waiting) {
                self.make_ready(slot, id);
            }
        }
    }

    /// True if a loop that ran out asked for another task of `on_failure`, or if this one waits for such a loop only.
    fn is_passed_over(&self, slot: Slot, id: InstId) -> bool {
        let run = self.run(slot);
        let node = run.inst(id).node;
        match run.escalation {
            Some(wanted) => wanted != node,
            None => self.plan(slot).is_escalation(node),
        }
    }

    /// Goes on when nothing in a section is left.
    pub(super) fn section_settled(&mut self, slot: Slot, section: Section) {
        let failed = self.run(slot).failure.is_some();
        match section {
            Section::Main if failed => {
                self.run_mut(slot).phase = Phase::Failing;
                self.todo.push_back(Todo::Fail(slot));
            }
            Section::Main => {
                self.run_mut(slot).phase = Phase::Composing;
                self.todo.push_back(Todo::Compose(slot));
            }
            Section::After | Section::OnFailure => self.enter_section(slot, Section::Finally),
            Section::Compensation => panic!("a compensation stands in no section"),
            Section::Finally => {
                self.run_mut(slot).phase = Phase::Closing;
                self.todo.push_back(Todo::Close(slot));
            }
        }
    }

    pub(super) fn enter_section(&mut self, slot: Slot, section: Section) {
        self.run_mut(slot).phase = Phase::Section(section);
        self.open_section(slot, section);
    }

    pub(super) fn answer(&mut self, slot: Slot, answered: &Answered) {
        if let Some(deadline) = self.run(slot).deadline {
            self.timers.clear(deadline, Timer::Deadline(slot));
        }
        let run = self.run_mut(slot);
        assert!(!run.is_answered(), "a run is answered once");
        let band = run.priority as usize;
        run.status = answered.status;
        run.degraded = answered.degraded;
        // A pause holds what follows the answer too; who cancels a run wants it to end.
        run.paused = run.paused.filter(|_| run.quarantined || answered.status != RunStatus::Cancelled);
        run.broke.clear();
        run.held_back.clear();
        self.sharing[band].goes();
        let run = self.run_mut(slot);
        if answered.compensating {
            run.phase = Phase::Compensating;
            return self.take_back(slot);
        }
        run.effects = Default::default();
        if run.never_began() {
            run.phase = Phase::Closing;
            return self.todo.push_back(Todo::Close(slot));
        }
        match answered.status {
            RunStatus::Succeeded => self.enter_section(slot, Section::After),
            RunStatus::Failed => self.enter_section(slot, Section::OnFailure),
            RunStatus::Cancelled | RunStatus::Queued | RunStatus::Running => self.enter_section(slot, Section::Finally),
        }
    }

    /// Before the answer the run is cancelled; after it the section that runs is, and the next one begins.
    pub(super) fn cancel(&mut self, slot: Slot, replaced_by: Option<RunId>) {
        if let Phase::Section(section) = self.run(slot).phase {
            let run = self.run_mut(slot);
            run.paused = run.paused.filter(|_| run.quarantined);
            return self.end_section(slot, section);
        }
        self.run_mut(slot).status = RunStatus::Cancelled;
        let why = replaced_by.map_or_else(|| crate::CALLED_OFF.to_owned(), |run| format!("replaced by run {run}"));
        self.fail_run(slot, RunFailure { task: None, failure: Failure::new(Class::Cancelled, &why) });
    }

    /// The run fails: nothing of its main tasks is wanted any more.
    pub(super) fn fail_run(&mut self, slot: Slot, failure: RunFailure) {
        let run = self.run_mut(slot);
        if run.failure.is_none() {
            run.failure = Some(Box::new(failure));
        }
        match run.phase {
            Phase::Held => self.give_up_turn(slot),
            Phase::Main => self.end_section(slot, Section::Main),
            Phase::Composing => {
                run.phase = Phase::Failing;
                self.todo.push_back(Todo::Fail(slot));
            }
            Phase::Failing | Phase::Compensating | Phase::Section(_) | Phase::Closing => {}
        }
    }

    /// Nothing more of a section is wanted.
    fn end_section(&mut self, slot: Slot, section: Section) {
        for id in self.run(slot).scope(section).clone().iter() {
            self.drop_instance(slot, id, Settled::Cancelled);
        }
        let run = self.run_mut(slot);
        run.scope_mut(section).unsettled = 0;
        run.broke.clear();
        run.held_back.clear();
        self.section_settled(slot, section);
    }

    pub(super) fn crashed(&mut self, slot: Slot, incarnation: Incarnation, in_row: u32, quarantined: bool) {
        let at = self.at;
        let run = self.run_mut(slot);
        run.crashed = (incarnation, in_row);
        if quarantined {
            run.quarantined = true;
            run.paused.get_or_insert(at);
        }
    }

    pub(super) fn resume(&mut self, slot: Slot) {
        let at = self.at;
        self.another_turn(slot);
        let run = self.run_mut(slot);
        let held = run.paused.filter(|_| run.quarantined);
        (run.quarantined, run.crashed, run.paused) = (false, (Incarnation(0), 0), None);
        for inst in run.insts.iter_mut().filter(|inst| held.is_some() && matches!(inst.state, State::Ready)) {
            let since = held.unwrap_or(at).max(inst.known_until()).max(inst.start_at);
            inst.note(Cause::Paused, at.since(since));
        }
        for id in std::mem::take(&mut run.held_back) {
            let inst = self.run_mut(slot).inst_mut(id);
            if let State::Paused(since) = inst.state {
                inst.note(Cause::Paused, at.since(since));
                inst.state = State::Ready;
                self.todo.push_back(Todo::Take(slot, id));
            }
        }
    }

    /// The run's graph has grown at its end.
    pub(super) fn grow(&mut self, slot: Slot, graph: Hash) {
        let plan = self.plans.find(graph).expect("the driver teaches a graph before its runs");
        self.plans.take(plan);
        let before = std::mem::replace(&mut self.run_mut(slot).plan, plan);
        self.plans.release(before);
        // What a model has planned carries what the model was told.
        let labels = self.joined(slot, [&self.plan(slot).graph.labels]);
        let before = std::mem::replace(&mut self.run_mut(slot).labels, labels);
        if before != self.run(slot).labels {
            // What waits for a target may not go to all of those any more.
            let all = (0..).map(InstId).zip(&self.run(slot).insts);
            let waits = all.filter(|(_, inst)| matches!(inst.state, State::Queued(_) | State::Broke(_)));
            let anew: Vec<_> = waits.map(|(id, _)| Todo::Anew(slot, id)).collect();
            self.todo.extend(anew);
        }
        if self.run(slot).phase == Phase::Held {
            return self.set_aside(slot);
        }
        let known = self.run(slot).scope(Section::Main).len();
        let added = self.plan(slot).graph.main[known..].to_vec();
        let mut fresh = Vec::with_capacity(added.len());
        for node in added {
            let id = self.run_mut(slot).add(Inst::new(InstId::TOP, node, Layer::Node));
            self.run_mut(slot).scope_mut(Section::Main).add(id);
            self.live_tasks += 1;
            fresh.push(id);
        }
        self.skip_replaced(slot);
        self.take_up_ahead(slot);
        for id in fresh {
            let needs = self.plan(slot).task(self.run(slot).inst(id).node).needs.clone();
            let unsettled = |need: &&_| self.run(slot).inst(self.top(slot, **need)).settled().is_none();
            let pending =
                u32::try_from(needs.iter().filter(unsettled).count()).expect("limited by the document's checker");
            self.run_mut(slot).inst_mut(id).pending = pending;
            if pending == 0 {
                self.make_ready(slot, id);
            }
        }
    }

    /// The instance of a top-level task.
    pub(crate) fn top(&self, slot: Slot, node: NodeId) -> InstId {
        let plan = self.plan(slot);
        let found = self.run(slot).scope(plan.task(node).section).get(plan.position(node));
        found.expect("a section that was opened holds its tasks")
    }

    /// Forgets a run.
    pub(super) fn close(&mut self, slot: Slot) {
        let run = self.run(slot);
        assert!(run.phase == Phase::Closing && run.orphans.is_empty(), "only a run with nothing left is done");
        self.remove(slot);
    }
}
