//! Groups of runs, seen in the journal: never more at once than the limit, in order, and nobody begins whose place was taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agendum_core::{Entry, Record};
use agendum_types::{Concurrency, RunId, Tenant, Timestamp};

/// What the records said so far.
#[derive(Default)]
struct Told {
    /// Runs that wait for their turn or have had it, in order of submission.
    members: Vec<Member>,
    paused: BTreeSet<RunId>,
    broken: Vec<String>,
}

struct Member {
    run: RunId,
    group: (Option<Tenant>, Arc<str>, Arc<str>),
    concurrency: Concurrency,
    submitted: Timestamp,
    begun: bool,
    /// It was cancelled or its answer is settled.
    ended: bool,
}

/// The promises that a whole journal breaks.
pub(super) fn violations(journal: &[Entry]) -> Vec<String> {
    let mut told = Told::default();
    for entry in journal {
        told.take(entry);
    }
    let left: BTreeMap<RunId, bool> = told.members.iter().map(|member| (member.run, member.begun)).collect();
    told.broken.extend(left.iter().map(|(run, begun)| format!("run {run} is left in its group (begun: {begun})")));
    told.broken
}

impl Told {
    fn take(&mut self, entry: &Entry) {
        match &entry.record {
            Record::RunSubmitted(submitted) => {
                let Some(concurrency) = submitted.concurrency.clone() else { return };
                let group = (entry.tenant.clone(), Arc::clone(&submitted.graph_name), Arc::clone(&concurrency.key));
                let (run, submitted) = (submitted.run, entry.at);
                self.members.push(Member { run, group, concurrency, submitted, begun: false, ended: false });
            }
            Record::Begun { run } => self.begun(*run, entry.at),
            Record::Task { run, path, .. } => {
                let held = self.member(*run).is_some_and(|member| !member.begun);
                if held && !path.segments().is_empty() {
                    self.broken.push(format!("a task of run {run} was taken up before its turn"));
                }
            }
            Record::CancelRequested { run, .. } => self.end(*run),
            Record::Answered(answered) => self.end(answered.run),
            Record::Done { run } => self.members.retain(|member| member.run != *run),
            Record::Paused { run } => drop(self.paused.insert(*run)),
            Record::Resumed { run } => drop(self.paused.remove(run)),
            Record::Opened { .. }
            | Record::Closed
            | Record::ClockJumped { .. }
            | Record::TasksAdded { .. }
            | Record::TasksAhead { .. }
            | Record::Crashed { .. }
            | Record::SignalKept(_)
            | Record::Raised(_)
            | Record::Compensated(_) => {}
        }
    }

    fn member(&self, run: RunId) -> Option<&Member> {
        self.members.iter().find(|member| member.run == run)
    }

    fn end(&mut self, run: RunId) {
        self.members.iter_mut().filter(|member| member.run == run).for_each(|member| member.ended = true);
    }

    fn begun(&mut self, run: RunId, at: Timestamp) {
        let Some(place) = self.members.iter().position(|member| member.run == run) else {
            return self.broken.push(format!("run {run} began and waits in no group"));
        };
        let member = &self.members[place];
        let turns = member.concurrency.turns;
        let beside = |other: &&Member| other.group == member.group;
        let going = self.members.iter().filter(beside).filter(|other| other.begun).count();
        let passed = self.members[..place].iter().filter(beside);
        let passed = passed.filter(|other| !other.begun && !other.ended && !self.paused.contains(&other.run)).count();
        let wrong = [
            (member.begun, "began twice"),
            (member.ended, "began when its end was decided"),
            (going >= turns.limit as usize, "began beside as many as may go on"),
            (passed > 0, "began before one that was submitted before it"),
            (at < member.submitted.after(turns.settle), "began before it had settled"),
        ];
        self.broken.extend(wrong.iter().filter(|(holds, _)| *holds).map(|(_, what)| format!("run {run} {what}")));
        self.members[place].begun = true;
    }
}
