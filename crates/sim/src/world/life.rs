//! The process dies or is stopped, and comes back: at a crash or a stop of the seed, or at any cut of its journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Checkpoint, Entry, Event, Record, Scheduler, Wake};
use agendum_types::{Duration, Graph, Money, RunId, Seq, Target, Tenant, Timestamp, Window};

use super::{Coming, Faults, Planned, Played, World};
use crate::check::{Checker, kinds, of_task};
use crate::oracle::Reference;

/// What a world was like after one of its records.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) seq: Seq,
    pub(super) reference: Reference,
}

impl World {
    /// The process dies. Of what was on its way to the disk a beginning may have arrived.
    pub(super) fn crash(&mut self) {
        let live = self.core.digest();
        if self.restored(Seq(u64::MAX), None).digest() != live {
            self.broken(format!("applied records differ from live handling at record {}", self.core.last_seq()));
        }
        let unsynced = self.core.last_seq().0.saturating_sub(self.durable.0);
        let kept = Seq(self.durable.0 + self.chance.below(unsynced + 1));
        self.again_from(kept);
    }

    /// The process is told to stop: it says so in its journal, and all of that is durable.
    pub(super) fn stop(&mut self) {
        self.tell(Event::Stopping);
        self.tell(Event::Closed);
        self.takes_checkpoint(true);
        self.again_from(self.core.last_seq());
    }

    /// The next life begins with the journal up to this record, after a while.
    fn again_from(&mut self, kept: Seq) {
        self.cut(kept);
        self.played.crashes += 1;
        let down = self.chance.below(2_000_000);
        self.now = self.now.after(Duration(down));
        self.open();
        // A caller whose word was lost says it again.
        for run in self.runs.keys().copied().collect::<Vec<_>>() {
            self.at(500_000, Coming::Told(Event::ResumeRequested(run)));
        }
    }

    /// Goes back to what the journal said at this record; nothing that came later has happened.
    fn cut(&mut self, kept: Seq) {
        self.journal.retain(|entry| entry.seq <= kept);
        self.durable = kept;
        self.gated.clear();
        self.flying.clear();
        self.checker.crashed(&self.journal, &self.runs);
        let (checkpoint, memory) = self.tells(kept).map(super::soft::Taken::into_parts).unzip();
        self.core = self.restored(kept, checkpoint);
        let then = self.kept.iter().rev().find(|then| then.seq <= kept);
        self.reference = then.map_or_else(|| Reference::new(self.limits.clone()), |then| then.reference.clone());
        self.kept.retain(|then| then.seq <= kept);
        self.digests.retain(|seq, _| *seq <= kept);
        self.reference.dies();
        self.reference.remembers(memory);
        let billed = |again| self.billed.iter().filter(move |of| of.again == again);
        let [released, recharged] =
            [false, true].map(|again| billed(again).map(|of| (of.hour, of.money, of.tokens)).collect());
        self.reference.has_billed(released, recharged);
    }

    /// A fresh core with the journal up to this record applied, and with what an earlier one had learned.
    pub(super) fn restored(&self, last: Seq, checkpoint: Option<Checkpoint>) -> Scheduler {
        let mut core = Scheduler::new(self.limits.clone());
        checkpoint.into_iter().for_each(|checkpoint| core.remember(checkpoint));
        for graph in self.graphs.values() {
            core.learn_graph(graph);
        }
        let journal = || self.journal.iter().filter(|entry| entry.seq <= last);
        let done: Vec<RunId> = journal()
            .filter_map(|entry| if let Record::Done { run } = entry.record { Some(run) } else { None })
            .collect();
        for entry in journal().filter(|entry| entry.record.run().is_none_or(|run| !done.contains(&run))) {
            core.apply(entry);
        }
        self.tell_spending(&mut core, last);
        core
    }

    /// What a store would have added up: every settlement up to this record, in each of its windows.
    fn tell_spending(&self, core: &mut Scheduler, last: Seq) {
        let mut sums = BTreeMap::<(Tenant, Window, Timestamp), (Money, u64)>::new();
        for entry in self.journal.iter().filter(|entry| entry.seq <= last) {
            let own = entry.booked.as_ref().filter(|booked| *booked.target != *Target::CHILD);
            let (Some(booked), Some(tenant)) = (own, &entry.tenant) else { continue };
            for window in Window::ALL {
                let sum = sums.entry((tenant.clone(), window, window.start(booked.taken))).or_default();
                *sum = (sum.0.plus(booked.cost), sum.1 + booked.tokens);
            }
        }
        for of in self.billed.iter().filter(|of| of.seq <= last) {
            for window in Window::ALL {
                let key = (of.tenant.clone(), window, window.start(of.hour));
                let sum = sums.get_mut(&key).expect("what was released was spent");
                *sum = if of.again {
                    (sum.0.plus(of.money), sum.1 + of.tokens)
                } else {
                    (sum.0.minus(of.money), sum.1 - of.tokens)
                };
            }
        }
        for ((tenant, window, start), (money, tokens)) in sums {
            core.learn_spending(&tenant, window, start, money, tokens);
        }
    }

    pub(super) fn open(&mut self) {
        self.incarnation.0 += 1;
        // Who was asked for money may not have been heard.
        self.pleas.clear();
        let seed = self.chance.number();
        let (last, at) = self.journal.last().map_or_else(Default::default, |entry| (entry.seq, entry.at));
        // Or the disk refused a record: the process lives, and no run is to blame.
        let refused = self.chance.clone().hits(30);
        let crashed = !refused && self.journal.last().is_some_and(|entry| entry.record != Record::Closed);
        self.tell(Event::Opened { incarnation: self.incarnation, last, at, crashed, seed });
        self.tell(Event::WindowsPublished(self.windows));
        self.tell(Event::PoolsPublished(self.pools.clone()));
        self.tell(Event::PolicyPublished(Arc::clone(&self.policy)));
        if let Some((plan, until)) = self.plan.clone() {
            self.tell(Event::PlanPublished { plan, until });
        }
        self.tell(Event::TargetsPublished(self.targets.clone()));
        self.asked_still();
        self.bill(last);
    }

    /// What each life is told anew.
    pub(super) fn keeps(&mut self, event: &Event) {
        if let Event::TargetsPublished(targets) = event {
            self.targets.clone_from(targets);
        }
        if let Event::PoolsPublished(pools) = event {
            self.pools.clone_from(pools);
        }
        if let Event::PolicyPublished(policy) = event {
            self.policy = Arc::clone(policy);
        }
        if let Event::PlanPublished { plan, until } = event {
            self.plan = Some((Arc::clone(plan), *until));
            self.played.kinds.insert("planned for a while");
        }
        if matches!(event, Event::PlanWithdrawn) {
            self.plan = None;
        }
    }

    /// The core is woken as it wished.
    pub(super) fn wakes(&mut self, at: Timestamp) {
        if matches!(self.core.poll_timeout(), Some((_, Wake::Probe))) {
            self.played.kinds.insert("tried after it failed");
        }
        self.now = at;
        self.tell(Event::TimeReached);
    }

    pub(super) fn finish(&mut self) {
        self.checker.nothing_is_held();
        self.checker.whole(&self.journal, &self.fleet);
        self.played.kinds.extend(self.journal.iter().flat_map(|entry| kinds(&entry.record)));
        if self.journal.iter().any(|entry| entry.verdict.is_some()) {
            self.played.kinds.insert("verdict");
        }
        let raised = self.journal.iter().filter_map(|entry| {
            let Record::Raised(raised) = &entry.record else { return None };
            of_task(raised, self.runs.get(&raised.run)?)
        });
        self.played.kinds.extend(raised);
        for (run, graph) in std::mem::take(&mut self.runs) {
            let entries: Vec<Entry> =
                self.journal.iter().filter(|entry| entry.record.run() == Some(run)).cloned().collect();
            if entries.is_empty() {
                continue;
            }
            self.played.runs += 1;
            if let Some(place) = self.checker.ended(run, &graph, &self.graphs, &entries) {
                self.played.answers[place] += 1;
            }
        }
        self.played.violations.append(&mut self.checker.violations);
    }
}

/// Plays a seed, then cuts its journal behind every record: what is restored there is what live handling had, and from there
/// everything comes to an end and no promise is broken.
#[must_use]
pub fn cut_everywhere(seed: u64, planned: &[Planned], faults: Faults) -> Played {
    let mut whole = World::new(seed, faults);
    whole.keeps_all = true;
    for planned in planned {
        whole.submit(planned);
    }
    whole.until_rest();
    let mut all = whole.played.clone();
    let places: Vec<(Seq, Timestamp)> = whole.journal.iter().map(|entry| (entry.seq, entry.at)).collect();
    for (seq, at) in places {
        let digest = whole.restored(seq, None).digest();
        if let Some(live) = whole.digests.get(&seq).filter(|live| **live != digest) {
            all.violations.push(format!("cut at {seq}: applied records give {digest:x}, live handling had {live:x}"));
        }
        let mut cut = whole.cut_at(seq, at);
        cut.until_rest();
        cut.finish();
        all.crashes += 1;
        all.events += cut.played.events;
        all.violations.extend(cut.played.violations.into_iter().map(|broken| format!("cut at {seq}: {broken}")));
    }
    whole.finish();
    all.runs = whole.played.runs;
    all.violations.append(&mut whole.played.violations);
    all
}

impl World {
    /// Another world in which the process died right after this record.
    fn cut_at(&self, seq: Seq, at: Timestamp) -> Self {
        let mut cut = Self::new(seq.0, Faults { crashes: 0, ..self.faults });
        cut.limits = self.limits.clone();
        cut.results.is_on = self.results.is_on;
        cut.targets.clone_from(&self.targets);
        cut.pools.clone_from(&self.pools);
        (cut.windows, cut.checker) = (self.windows, Checker::new(self.windows));
        cut.graphs.clone_from(&self.graphs);
        cut.documents.clone_from(&self.documents);
        cut.journal = self.journal.iter().filter(|entry| entry.seq <= seq).cloned().collect();
        cut.kept = self.kept.iter().filter(|then| then.seq == seq).cloned().collect();
        cut.soft = self.soft.cut(seq);
        let known = |run: &RunId| cut.journal.iter().any(|entry| entry.record.run() == Some(*run));
        cut.runs =
            self.runs.iter().filter(|(run, _)| known(run)).map(|(run, graph)| (*run, Arc::clone(graph))).collect();
        (cut.queue, cut.coming, cut.now) = (Default::default(), Default::default(), at);
        let lives = cut.journal.iter().filter_map(|entry| {
            if let Record::Opened { incarnation, .. } = entry.record { Some(incarnation) } else { None }
        });
        cut.incarnation = lives.max().unwrap_or_default();
        cut.cut(seq);
        cut.checker.doubts(&cut.journal);
        for run in cut.runs.keys().copied().collect::<Vec<_>>() {
            cut.at(100_000, Coming::Told(Event::ResumeRequested(run)));
        }
        cut.open();
        cut
    }

    /// The graph that a run had in the end, for additions.
    pub(super) fn grew(&mut self, run: RunId, graph: &Arc<Graph>) {
        self.graphs.insert(graph.hash, Arc::clone(graph));
        self.runs.insert(run, Arc::clone(graph));
    }
}
