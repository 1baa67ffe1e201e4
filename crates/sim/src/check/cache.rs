//! Kept results, seen from outside: who takes one takes what a record of its tenant gave, for the same words, and young enough; and
//! of those that ask for the same one computes at a time.

#![expect(clippy::wildcard_enum_match_arm, reason = "a check names what it speaks of; nothing else is its business")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_core::{Cached, Change, Entry, Keep, Next, Record, Waits};
use agendum_types::graph::{CacheScope, Task, Work};
use agendum_types::{CacheInput, Cause, Effect, Graph, Hash, Outcome, Principal, RunId, Seq, TaskPath, Tenant, Within};

use super::Checker;

/// What was kept, and who computes what.
#[derive(Debug, Default)]
pub(super) struct Copies {
    kept: Vec<Keep>,
    principals: BTreeMap<RunId, Principal>,
    inputs: BTreeMap<(RunId, TaskPath), Hash>,
    /// Tasks on a lower rung.
    lower: BTreeSet<(RunId, TaskPath)>,
    /// What each task computes that is out.
    out: BTreeMap<(RunId, TaskPath), String>,
}

impl Checker {
    /// A result leaves for the store: the record that gave it is durable, and counts.
    pub(crate) fn keeps(&mut self, keep: &Keep, journal: &[Entry], durable: Seq) {
        let hash = keep.copy.output.hash;
        let gave = |entry: &&Entry| {
            let Record::Task { run, change: Change::Finished(finished), .. } = &entry.record else { return false };
            let Outcome::Succeeded(success) = &finished.outcome else { return false };
            *run == keep.copy.run && success.output.hash == hash && entry.at <= keep.copy.at
        };
        let found = journal.iter().filter(|entry| entry.seq <= durable).any(|entry| gave(&entry));
        if !found || keep.key.tenant != whose(journal, keep.copy.run) {
            self.violations.push(format!("run {} keeps what no durable record gave", keep.copy.run));
        }
        self.copies.kept.push(keep.clone());
    }

    /// What a record says of kept results.
    pub(crate) fn copies(&mut self, entry: &Entry, graph: Option<&Graph>) {
        if let Record::RunSubmitted(submitted) = &entry.record {
            self.copies.principals.insert(submitted.run, submitted.principal.clone());
        }
        let (Record::Task { run, path, change }, Some(graph)) = (&entry.record, graph) else { return };
        let place = (*run, path.clone());
        self.note_rung(&place, change);
        let Some(task) = path.node().map(|node| graph.task(node)).filter(|task| task.cache.is_some()) else { return };
        match change {
            Change::Entered(evaluation) => {
                if let Some(input) = &evaluation.payload {
                    self.copies.inputs.insert(place, input.hash);
                }
            }
            Change::Dispatched(sent) if sent.effect == Effect::None && !self.copies.lower.contains(&place) => {
                let words = self.words(&place, entry.tenant.as_ref(), task, graph);
                self.copies.out.remove(&place);
                if self.copies.out.values().any(|other| *other == words) {
                    self.violations.push(format!("{} computes what another does: {words}", graph.path_text(path)));
                }
                self.copies.out.insert(place, words);
            }
            Change::Cached(cached) => {
                let is_good = self.copies.kept.iter().any(|keep| self.counts(keep, cached, entry, &place, task, graph));
                if !is_good {
                    self.violations.push(format!("{} takes what it may not", graph.path_text(path)));
                }
            }
            _ => {}
        }
    }

    fn note_rung(&mut self, place: &(RunId, TaskPath), change: &Change) {
        let next = match change {
            Change::Finished(finished) => &finished.next,
            Change::Judged { next, .. } => next,
            Change::Ended(ended) => &ended.next,
            _ => return,
        };
        self.copies.out.remove(place);
        if matches!(next, Next::Rung { .. }) {
            self.copies.lower.insert(place.clone());
        }
    }

    /// The attempt is not wanted any more, or has ended.
    pub(crate) fn computes_no_more(&mut self, run: RunId, path: &TaskPath) {
        self.copies.out.remove(&(run, path.clone()));
    }

    /// After a crash nothing is out, and what is known is what the journal says.
    pub(super) fn recall(&mut self, journal: &[Entry], graphs: &BTreeMap<RunId, Arc<Graph>>) {
        let kept = std::mem::take(&mut self.copies).kept;
        self.copies.kept = kept;
        for entry in journal {
            match &entry.record {
                Record::RunSubmitted(submitted) => {
                    self.copies.principals.insert(submitted.run, submitted.principal.clone());
                }
                Record::Task { run, path, change } if graphs.contains_key(run) => {
                    let place = (*run, path.clone());
                    self.note_rung(&place, change);
                    if let Change::Entered(evaluation) = change
                        && let Some(input) = &evaluation.payload
                    {
                        self.copies.inputs.insert(place, input.hash);
                    }
                }
                _ => {}
            }
        }
    }

    /// All that makes two tasks ask for the same.
    fn words(&self, place: &(RunId, TaskPath), tenant: Option<&Tenant>, task: &Task, graph: &Graph) -> String {
        let Work::Call(call) = &task.work else { return String::new() };
        let scope = task.cache.as_ref().map(|cache| cache.scope).unwrap_or_default();
        let whose = match scope {
            CacheScope::Run => place.0.to_string(),
            CacheScope::User => format!("{:?}", self.copies.principals.get(&place.0)),
            CacheScope::Tenant => String::new(),
        };
        let input = match self.copies.inputs.get(place) {
            Some(hash) => format!("{hash}"),
            None => graph.expr(call.input).source.to_string(),
        };
        format!("{tenant:?} {scope:?} {whose} {} {input} {:?} {:?}", call.capability, call.requirement, call.output_cap)
    }

    fn counts(
        &self,
        keep: &Keep,
        cached: &Cached,
        entry: &Entry,
        place: &(RunId, TaskPath),
        task: &Task,
        graph: &Graph,
    ) -> bool {
        let (Work::Call(call), Some(cache)) = (&task.work, &task.cache) else { return false };
        let key = &keep.key;
        let input = match (&key.input, self.copies.inputs.get(place)) {
            (CacheInput::Payload(hash), Some(input)) => hash == input,
            (CacheInput::Constant(text), None) => **text == *graph.expr(call.input).source,
            (CacheInput::Payload(_) | CacheInput::Constant(_), _) => false,
        };
        let scope = match (&key.within, cache.scope) {
            (Within::Run(run), CacheScope::Run) => *run == place.0,
            (Within::User(user), CacheScope::User) => self.copies.principals.get(&place.0) == Some(user),
            (Within::Tenant, CacheScope::Tenant) => true,
            (Within::Run(_) | Within::User(_) | Within::Tenant, _) => false,
        };
        let same =
            (key.capability, &key.requirement, key.output_cap) == (call.capability, &call.requirement, call.output_cap);
        let is_it =
            (keep.copy.run, keep.copy.at, keep.copy.output.hash) == (cached.from, cached.kept, cached.output.hash);
        let is_young = cached.stale || keep.copy.at.after(cache.ttl) > entry.at;
        entry.tenant.as_ref() == Some(&key.tenant) && input && scope && same && is_it && is_young
    }
}

/// The kind of a decision to take a copy.
pub(super) fn kind(cached: &Cached) -> &'static str {
    let depended = cached.waits.iter().any(|(cause, _)| *cause == Cause::Dependency);
    match (cached.stale, depended) {
        (true, _) => "the last good result",
        (false, true) => "cached, once another had it",
        (false, false) => "cached",
    }
}

/// How long each task waited in all until another had computed what it asked for.
pub(super) fn shared(entries: &[Entry]) -> BTreeMap<TaskPath, u64> {
    let mut shared = BTreeMap::new();
    let mut add = |path: &TaskPath, waits: &Waits| {
        let depended = waits.iter().filter(|(cause, _)| *cause == Cause::Dependency);
        *shared.entry(path.clone()).or_default() += depended.map(|(_, span)| span.0).sum::<u64>();
    };
    for entry in entries {
        entry.unsent.iter().for_each(|unsent| add(&unsent.path, &unsent.waits));
        let Record::Task { path, change, .. } = &entry.record else { continue };
        match change {
            Change::Dispatched(sent) => add(path, &sent.waits),
            Change::Cached(cached) => add(path, &cached.waits),
            Change::Ended(ended) => add(path, &ended.waits),
            _ => {}
        }
    }
    shared
}

fn whose(journal: &[Entry], run: RunId) -> Tenant {
    let of = journal.iter().find(|entry| entry.record.run() == Some(run));
    of.and_then(|entry| entry.tenant.clone()).unwrap_or_default()
}
