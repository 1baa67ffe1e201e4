//! What was authorised: of each attempt what it holds, and once it is settled what it cost, up to what it held. At no record may the sum
//! exceed a limit. What a provider bills beyond that is no authorisation of ours, and neither is what a later bill charges again: from then on
//! it counts, and above the limit nothing more may be authorised.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Change, End, Entry, Raised, Record};
use agendum_types::graph::{Section, Work};
use agendum_types::{
    AttemptNo, Graph, Incarnation, Money, Outcome, RunId, Segment, Seq, Target, TaskPath, Timestamp, Window, Windows,
};

/// What was decided about a budget.
pub(super) fn kind(raised: &Raised) -> &'static str {
    if raised.refused { "no more money" } else { "a budget raised" }
}

/// Whose it was, if not the run's.
pub(crate) fn of_task(raised: &Raised, graph: &Graph) -> Option<&'static str> {
    match &graph.task(raised.path.node()?).work {
        Work::Call(call) if call.child.is_some() => Some("more set aside for a child run"),
        Work::Call(_) | Work::Group(_) => Some("the budget of a loop raised"),
    }
}

/// An attempt that was sent.
#[derive(Clone, Debug)]
struct Sent {
    run: RunId,
    path: TaskPath,
    attempt: AttemptNo,
    incarnation: Incarnation,
    at: Timestamp,
    /// What it may cost: less once it is settled.
    money: Money,
    tokens: u64,
    is_settled: bool,
    /// It is a run of its own, which is paid for in the windows by its own attempts.
    is_child: bool,
}

/// Everything that was authorised.
#[derive(Debug, Default)]
pub(super) struct Authorised {
    windows: Windows,
    sent: Vec<Sent>,
    /// What people have added to the budgets of runs.
    raised: BTreeMap<RunId, (Money, u64)>,
    /// And to those of loops.
    raised_loops: BTreeMap<(RunId, TaskPath), (Money, u64)>,
    /// What bills have said was never spent of what was lost, by the hour. No crash forgets it.
    released: Vec<(Timestamp, (Money, u64))>,
    /// And what later ones have charged again, behind which record.
    recharged: Vec<(Seq, Timestamp, (Money, u64))>,
}

impl Authorised {
    pub(super) fn under(windows: Windows) -> Self {
        Self { windows, ..Self::default() }
    }

    pub(super) fn forget(&mut self) {
        self.sent.clear();
        self.raised.clear();
        self.raised_loops.clear();
    }

    pub(super) fn released(&mut self, hour: Timestamp, of: (Money, u64)) {
        self.released.push((hour, of));
    }

    pub(super) fn recharged(&mut self, last: Seq, hour: Timestamp, of: (Money, u64)) {
        self.recharged.push((last, hour, of));
    }

    /// Takes in a record; says which limit it breaks.
    pub(super) fn recorded(&mut self, entry: &Entry, graph: Option<&Arc<Graph>>) -> Option<String> {
        if let Record::Raised(raised) = &entry.record {
            let of = if raised.path.0.is_empty() {
                self.raised.entry(raised.run).or_default()
            } else {
                self.raised_loops.entry((raised.run, raised.path.clone())).or_default()
            };
            let (money, tokens) = of;
            (*money, *tokens) = (money.plus(raised.money), *tokens + raised.tokens);
            return self.holds_more(raised, graph?);
        }
        let Record::Task { run, path, change } = &entry.record else { return None };
        match change {
            Change::Dispatched(sent) => {
                // What goes on under a new number holds what it held, since when it held it.
                let before = self.sent.iter().rposition(|of| of.run == *run && of.path == *path && !of.is_settled);
                let (at, held) = match before.filter(|_| sent.reattached) {
                    Some(place) => {
                        let of = self.sent.remove(place);
                        (of.at, (of.money, of.tokens))
                    }
                    None => (entry.at, (Money::ZERO, 0)),
                };
                let is_child = *sent.target == *Target::CHILD;
                let more = (sent.hold.minus(held.0), sent.hold_tokens.saturating_sub(held.1));
                self.sent.push(Sent {
                    run: *run,
                    path: path.clone(),
                    attempt: sent.attempt,
                    incarnation: sent.incarnation,
                    at,
                    money: sent.hold,
                    tokens: sent.hold_tokens,
                    is_settled: false,
                    is_child,
                });
                let breaks = if is_child { None } else { self.breaks(at, entry.seq, more) };
                let breaks = breaks.or_else(|| self.breaks_budget(*run, path, graph?));
                return breaks.or_else(|| self.breaks_loops(*run, path, graph?));
            }
            Change::Finished(of) => {
                let usage = match &of.outcome {
                    Outcome::Succeeded(success) => success.usage,
                    Outcome::Failed(failure) => failure.usage,
                };
                let tokens = if of.unreported { u64::MAX } else { usage.tokens() };
                self.settle(*run, path, Some((of.attempt, of.incarnation)), (of.cost, tokens));
            }
            Change::Abandoned { attempt, incarnation, cost, tokens, .. } => {
                self.settle(*run, path, Some((*attempt, *incarnation)), (*cost, *tokens));
            }
            Change::Ended(ended) if matches!(ended.end, End::Lost | End::Uncertain) => {
                self.settle(*run, path, None, (Money::MAX, u64::MAX));
            }
            Change::Entered(_)
            | Change::Referenced { .. }
            | Change::Judged { .. }
            | Change::Caught { .. }
            | Change::RoundJudged { .. }
            | Change::Composed { .. }
            | Change::Ended(_)
            | Change::Waited(_)
            | Change::Reminded
            | Change::Pleaded(_)
            | Change::Reused { .. }
            | Change::Cached(_)
            | Change::Resolved(_) => {}
        }
        None
    }

    /// More is set aside for a child run: within what there is around it.
    fn holds_more(&mut self, raised: &Raised, graph: &Graph) -> Option<String> {
        let (run, path) = (raised.run, &raised.path);
        let is = |of: &&mut Sent| of.is_child && !of.is_settled && of.run == run && of.path == *path;
        let of = self.sent.iter_mut().rev().find(is)?;
        (of.money, of.tokens) = (of.money.plus(raised.money), of.tokens + raised.tokens);
        self.breaks_budget(run, path, graph).or_else(|| self.breaks_loops(run, path, graph))
    }

    fn settle(&mut self, run: RunId, path: &TaskPath, id: Option<(AttemptNo, Incarnation)>, cost: (Money, u64)) {
        let is = |of: &&mut Sent| {
            of.run == run
                && of.path == *path
                && !of.is_settled
                && id.is_none_or(|id| id == (of.attempt, of.incarnation))
        };
        // Without a number it is the last one.
        if let Some(of) = self.sent.iter_mut().rev().find(is) {
            (of.money, of.tokens, of.is_settled) = (of.money.min(cost.0), of.tokens.min(cost.1), true);
        }
    }

    fn sum<'a>(all: impl Iterator<Item = &'a Sent>) -> (Money, u64) {
        all.fold((Money::ZERO, 0), |sum, of| (sum.0.plus(of.money), sum.1 + of.tokens))
    }

    /// If so much more is authorised in the windows of this instant by this record.
    fn breaks(&self, at: Timestamp, seq: Seq, more: (Money, u64)) -> Option<String> {
        Window::ALL.into_iter().find_map(|window| {
            let (from, to) = (window.start(at), window.end(at));
            let used = Self::sum(self.sent.iter().filter(|of| !of.is_child && (from..to).contains(&of.at)));
            let again = self.recharged.iter().filter(|(last, hour, _)| *last < seq && (from..to).contains(hour));
            let used = again.fold(used, |used, (.., (money, tokens))| (used.0.plus(*money), used.1 + tokens));
            let never = self.released.iter().filter(|(hour, _)| (from..to).contains(hour));
            let used =
                never.fold(used, |used, (_, (money, tokens))| (used.0.minus(*money), used.1.saturating_sub(*tokens)));
            let cap = self.windows.cap(window);
            let is_over = more.0 > Money::ZERO && cap.money.is_some_and(|most| used.0 > most)
                || more.1 > 0 && cap.tokens.is_some_and(|most| used.1 > most);
            is_over.then(|| format!("the {} since {from} authorises {used:?} of {cap:?}", window.word()))
        })
    }

    /// A run's budget counts until its answer, and pays for nothing else.
    fn breaks_budget(&self, run: RunId, path: &TaskPath, graph: &Graph) -> Option<String> {
        let main = |path: &TaskPath| path.node().is_some_and(|node| graph.task(node).section == Section::Main);
        let budget = graph.budget.filter(|_| main(path))?;
        let used = Self::sum(self.sent.iter().filter(|of| of.run == run));
        let (more, more_tokens) = self.raised.get(&run).copied().unwrap_or_default();
        let is_over = budget.money.is_some_and(|most| used.0 > most.plus(more))
            || budget.tokens.is_some_and(|most| used.1 > most + more_tokens);
        is_over
            .then(|| format!("run {run} authorises {used:?} of {budget:?}, raised by {more} and {more_tokens} tokens"))
    }

    /// The budget of a loop counts for all that was ever sent from inside it; what takes that back later is none of it.
    fn breaks_loops(&self, run: RunId, path: &TaskPath, graph: &Graph) -> Option<String> {
        path.around().filter(|_| !graph.undoes(path)).find_map(|of| {
            let opens = matches!(path.0.get(of.0.len()), Some(Segment::Round(_)));
            let budget = graph.task(of.node()?).repeat.as_ref()?.budget.filter(|_| opens)?;
            let inside = |sent: &&Sent| {
                sent.run == run && sent.path != of && sent.path.is_within(&of) && !graph.undoes(&sent.path)
            };
            let used = Self::sum(self.sent.iter().filter(inside));
            let (more, more_tokens) = self.raised_loops.get(&(run, of.clone())).copied().unwrap_or_default();
            let is_over = budget.money.is_some_and(|most| used.0 > most.plus(more))
                || budget.tokens.is_some_and(|most| used.1 > most + more_tokens);
            let name = || graph.path_text(&of);
            is_over.then(|| format!("loop {} of run {run} authorises {used:?} of {budget:?}", name()))
        })
    }

    /// What is still held, though all has ended.
    pub(super) fn left(&self) -> Option<String> {
        let held = self.sent.iter().find(|of| !of.is_settled)?;
        Some(format!("an attempt of run {} still holds {}", held.run, held.money))
    }
}
