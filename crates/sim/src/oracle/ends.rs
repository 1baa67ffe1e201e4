//! The core's decisions that end something: a task without an outcome, a run, its answer.

use agendum_core::{Answered, Change, End, Ended, Next, Step};
use agendum_types::graph::Section;
use agendum_types::{Class, Duration, Effect, Fate, Labels, RunId, RunStatus, TaskPath};

use super::downs::tells_downtime;
use super::labels::quoted;
use super::ladder::May;
use super::outlook::Outlook;
use super::place::Purse;
use super::records::Checked;
use super::state::{How, Inst, Phase, Running, State};
use super::{Heard, Reference, ensure};

impl Reference {
    pub(super) fn ended(&mut self, id: RunId, path: &TaskPath, ended: &Ended) -> Checked {
        let (end, next) = (ended.end, &ended.next);
        let run = &self.runs[&id];
        let inst = run.tasks[path].clone();
        let spent = self.now.since(inst.ready_at);
        let over = inst.expires.is_some_and(|expires| expires <= self.now);
        let task = run.task(path);
        self.accounts(&inst, ended)?;
        ensure(ended.short.is_none() || end == End::Unaffordable, "it was not short of money")?;
        let late = if task.within.is_some_and(|within| spent >= within) {
            Some(Class::DeadlineExceeded)
        } else {
            task.timeouts.task.filter(|limit| spent >= *limit).map(|_| Class::Timeout)
        };
        match (end, inst.state) {
            (End::Pruned, _) => {
                ensure(over && late.is_none() && task.optional, "there is time for it")?;
                self.settle(id, path, How::Pruned, None);
                Ok(())
            }
            (End::Expired, _) => {
                ensure(over, "its time is not over")?;
                let class = late.ok_or("it is to be dropped, and has not failed")?;
                let class = if self.once_is_out(id, path) { Class::Uncertain } else { class };
                self.falls(id, path, class, true, next)
            }
            (End::Unaffordable, State::Queued(..) | State::Short(_)) => self.cannot_pay(id, path, ended),
            (End::Hopeless, State::Queued(..) | State::Short(_)) => {
                self.comes_up(id, path)?;
                ensure(matches!(self.outlook(id, path), Outlook::Hopeless), "it can still be in time")?;
                self.falls(id, path, Class::DeadlineExceeded, false, next)
            }
            (End::Unaffordable, State::Begs) => {
                ensure(self.runs[&id].refused, "nobody has refused it")?;
                self.falls(id, path, Class::BudgetExceeded, false, next)
            }
            (End::Unevaluable, State::Asking(step)) => {
                let Some(Heard::Evaluated(asked, Err(()))) = self.heard.take() else {
                    return Err("no evaluation failed".to_owned());
                };
                ensure((asked.run, &asked.path, asked.step) == (id, path, step), "another evaluation")?;
                self.quoted = self.quoted_by(&asked, next);
                self.falls(id, path, Class::Permanent, true, next)
            }
            (End::Ineligible, State::Ready | State::InLine(_)) => {
                ensure(inst.entered && self.eligible(id, path).is_none(), "a target may see it")?;
                self.falls(id, path, Class::Permanent, false, next)
            }
            (End::NoCopy, State::LookingUp(_)) => {
                let none = self.heard.take() == Some(Heard::LookedUp(id, path.clone(), None));
                ensure(none && self.takes_last(id, path), "there is a copy, or none is wanted")?;
                let class = inst.failure.as_ref().map_or(Class::Unavailable, |failure| failure.class);
                let is_unproven = inst.failure.as_ref().is_none_or(|failure| !failure.no_effect);
                self.quoted = quoted(inst.failure.as_ref());
                self.falls(id, path, class, late.is_some() || (inst.last_effect == Effect::Once && is_unproven), next)
            }
            (End::Done, State::Ready) => self.was_done(id, path, next),
            (End::Preempted, State::Running(_)) => self.gives_way(id, path, ended),
            (End::Lost | End::Uncertain, State::Running(running)) => {
                self.leaves_rival(id, path);
                self.lost(id, path, end, &running, next)
            }
            (end, state) => Err(format!("{end:?} does not fit {state:?}")),
        }
    }

    /// A task is next, and nobody pays for it.
    fn cannot_pay(&mut self, id: RunId, path: &TaskPath, ended: &Ended) -> Checked {
        let next = &ended.next;
        self.comes_up(id, path)?;
        let purse = self.purse(id, path);
        if let (Purse::Spent(of), Some(short)) = (&purse, &ended.short) {
            ensure(of == short, "another loop has run out")?;
            self.short = Some((id, of.clone()));
            return self.falls(id, path, Class::BudgetExceeded, false, next);
        }
        ensure(purse == Purse::Refuses && ended.short.is_none(), &format!("the purse says {purse:?}"))?;
        let mut may = self.caught_or(id, path, Class::BudgetExceeded, false);
        let degrades = self.degrades(id, path);
        if let (true, [May::Fail(_)], Some(rung)) = (degrades, may.as_slice(), self.any_output(id, path)) {
            may = vec![May::Rung(rung)];
        }
        self.follow(id, path, &may, next)
    }

    /// An attempt that is lost ran until the earlier life's last record; a task that was to be sent has waited since it was free.
    fn accounts(&self, inst: &Inst, ended: &Ended) -> Checked {
        let waited: u64 = ended.waits.iter().map(|(_, span)| span.0).sum();
        let (away, wait) = match &inst.state {
            State::Running(running) if matches!(ended.end, End::Lost | End::Uncertain) => {
                (self.was_down(running.since), Duration::ZERO)
            }
            _ if inst.is_unsent() => (Duration::ZERO, self.now.since(inst.freed_at())),
            // What waits inside it was free at some time.
            State::Open => (Duration::ZERO, Duration(waited.min(self.now.since(inst.ready_at).0))),
            _ => (Duration::ZERO, Duration::ZERO),
        };
        ensure(ended.away == away, &format!("it was away for {away}"))?;
        ensure(waited == wait.0, "its waits do not add up")?;
        if inst.is_unsent() { tells_downtime(self.was_down_while(inst), &ended.waits) } else { Ok(()) }
    }

    fn falls(&mut self, id: RunId, path: &TaskPath, class: Class, outputs_only: bool, next: &Next) -> Checked {
        let may = self.caught_or(id, path, class, outputs_only);
        self.follow(id, path, &may, next)
    }

    /// An attempt that may leave an effect is out, here or inside.
    pub(super) fn once_is_out(&self, id: RunId, path: &TaskPath) -> bool {
        let once = |(of, running): (&TaskPath, &Running)| of.0.starts_with(&path.0) && running.effect == Effect::Once;
        let doubted = |of: &TaskPath| {
            let inst = &self.runs[&id].tasks[of];
            let checks = inst.state == State::Open && self.runs[&id].is_call(of);
            of.0.starts_with(&path.0) && (checks || inst.asks_for_effect() || matches!(inst.state, State::Checked(_)))
        };
        self.runs[&id].running().any(once) || self.runs[&id].tasks.keys().any(doubted)
    }

    /// It was out when the process died: all that it held counts as spent; it goes again only if it had no lasting effect.
    fn lost(&mut self, id: RunId, path: &TaskPath, end: End, running: &Running, next: &Next) -> Checked {
        ensure(running.incarnation < self.incarnation, "it is out in this life")?;
        let goes_on = running.referenced || self.runs[&id].is_child(path);
        ensure(!goes_on || self.named(&running.name).is_none(), "it left a reference to go on by")?;
        let uncertain = running.effect == Effect::Once;
        ensure((end == End::Uncertain) == uncertain, "the effect says otherwise")?;
        let may = if uncertain {
            self.in_doubt(id, path)
        } else if self.runs[&id].tasks[path].attempts >= self.limits.attempts_max {
            self.caught_or(id, path, Class::Unavailable, true)
        } else {
            vec![May::Retry { from: self.now, to: self.now }]
        };
        let inst = self.run(id).inst(path);
        inst.tries -= u32::from(!uncertain);
        inst.state = State::Ready;
        let fate = if running.effect == Effect::None { Fate::None } else { Fate::Uncertain };
        self.took(id, path, fate, None);
        self.is_booked(id, path, &running.name, running.hold, 0);
        self.book(id, path, (running.taken, running.hold, running.hold_tokens), (running.hold, running.hold_tokens));
        self.follow(id, path, &may, next)
    }

    /// The run as a whole: its deadline, or an output that cannot be made.
    pub(super) fn run_ended(&mut self, id: RunId, change: &Change) -> Checked {
        let Change::Ended(ended) = change else { return Err(format!("{change:?}")) };
        let Next::Fail(failure) = &ended.next else { return Err(format!("{ended:?}")) };
        let run = &self.runs[&id];
        match ended.end {
            End::Expired => {
                let over = run.submitted.deadline.is_some_and(|deadline| deadline <= self.now);
                ensure(over && matches!(run.phase, Phase::Held | Phase::Main | Phase::Composing), "it is not late")?;
                ensure(failure.class == Class::DeadlineExceeded, "another class")?;
            }
            End::Unevaluable => {
                let Some(Heard::Evaluated(asked, Err(()))) = self.heard.take() else {
                    return Err("no evaluation failed".to_owned());
                };
                let is_it = asked.run == id && asked.path.0.is_empty();
                ensure(is_it && run.phase == Phase::Composing, "its output was not asked for")?;
                self.quoted = run.graph.labels.join(&asked.seen);
            }
            end => return Err(format!("{end:?} is no end of a run")),
        }
        self.quotes(&ended.next)?;
        self.fail_run(id, None, failure.class, failure.labels.clone());
        Ok(())
    }

    pub(super) fn answered(&mut self, said: &Answered) -> Checked {
        let run = self.runs.get(&said.run).ok_or("no such run")?;
        ensure(run.degraded == said.degraded, "degraded or not")?;
        match run.phase {
            Phase::Composing => {
                ensure(said.status == RunStatus::Succeeded && said.failure.is_none(), "its main tasks are well")?;
                let asked = self.evaluation(said.run, &TaskPath::default(), Step::Compose)?;
                self.carries(said.run, said.output.as_ref(), &asked)?;
            }
            Phase::Failing => {
                let status = if run.cancelled { RunStatus::Cancelled } else { RunStatus::Failed };
                ensure(said.status == status, "another status")?;
                let why = said.failure.as_ref();
                let why = why.map(|why| (why.task.clone(), why.failure.class, why.failure.labels.clone()));
                let all = |(task, class, labels): &(_, _, Labels)| {
                    (Option::clone(task), *class, labels.join(&run.graph.labels))
                };
                let mine = run.failure.as_ref().map(all);
                ensure(why == mine, &format!("it failed for {mine:?} and not for {why:?}"))?;
            }
            phase => return Err(format!("no answer is due in {phase:?}")),
        }
        let compensating = said.status != RunStatus::Succeeded && self.runs[&said.run].has_effects();
        ensure(said.compensating == compensating, "it has done something, or not")?;
        let section = match said.status {
            RunStatus::Succeeded => Section::After,
            RunStatus::Failed => Section::OnFailure,
            _ => Section::Finally,
        };
        self.answer.push((said.run, said.status));
        let run = self.run(said.run);
        run.paused &= run.quarantined || said.status != RunStatus::Cancelled;
        if compensating {
            run.phase = Phase::Compensating;
        } else if run.never_began() {
            run.phase = Phase::Closing;
        } else {
            self.open_section(said.run, section);
        }
        Ok(())
    }
}
