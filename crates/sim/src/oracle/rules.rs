//! What follows without anybody deciding: joins, groups, windows, rounds, races, sections. Each rule looks at the whole scope that it
//! speaks of; all are tried over and over until none applies.

use agendum_core::Step;
use agendum_types::graph::{Exhausted, Form, NodeId, NotBefore, Rung, Section, Work};
use agendum_types::{Class, Duration, Failure, Labels, RunId, Segment, TaskPath, Timestamp};

use super::Reference;
use super::labels::quoted;
use super::state::{How, Inst, Phase, Rounds, State, beside, is_round, parent};

impl Reference {
    /// Applies every rule to every task until nothing follows any more.
    pub(super) fn consequences(&mut self, id: RunId) {
        // Whom a crash has met may be held for it: that is told first.
        while self.runs.contains_key(&id) && !self.met.contains(&id) {
            let paths: Vec<TaskPath> = self.runs[&id].tasks.keys().cloned().collect();
            let mut moved = self.ahead_rule(id) || self.section_rule(id) || self.compensation_rule(id);
            for path in paths {
                moved |= self.runs[&id].tasks.contains_key(&path) && self.task_rule(id, &path);
            }
            if !moved {
                return;
            }
        }
    }

    fn task_rule(&mut self, id: RunId, path: &TaskPath) -> bool {
        match self.runs[&id].tasks[path].state {
            State::Waiting => self.join_rule(id, path),
            State::Ready => self.ready_rule(id, path),
            State::Held if !self.runs[&id].paused => self.becomes(id, path, State::Ready),
            State::BackingOff(at) if at <= self.now && !self.reopening && !self.is_over_before(id, path, at) => {
                self.becomes(id, path, State::Ready)
            }
            State::Open if self.runs[&id].is_each(path) => self.each_rule(id, path),
            State::Open if self.runs[&id].is_loop(path) => self.loop_rule(id, path),
            State::Open if self.runs[&id].is_call(path) => self.check_rule(id, path),
            State::Open => self.group_rule(id, path),
            _ => false,
        }
    }

    /// True if its time, or that of what it stands in, was over before then: that is decided first, and it never comes to wait for a target.
    fn is_over_before(&self, id: RunId, path: &TaskPath, at: Timestamp) -> bool {
        let run = &self.runs[&id];
        let of_run = run.submitted.deadline.filter(|_| run.task(path).section == Section::Main && !run.is_answered());
        let around = (1..=path.0.len()).map(|depth| TaskPath(path.0[..depth].into()));
        let expires = around.filter_map(|path| run.tasks.get(&path).and_then(|inst| inst.expires));
        expires.chain(of_run).any(|over| over < at)
    }

    fn becomes(&mut self, id: RunId, path: &TaskPath, state: State) -> bool {
        self.run(id).inst(path).state = state;
        true
    }

    /// True if a failure here does not end what stands beside it: in a race, and in the sections after the answer.
    fn goes_on(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        match run.tasks.get(&parent(path)).map(|group| &run.graph.task(group.node).work) {
            Some(Work::Group(group)) => group.race.is_some(),
            _ => run.task(path).section != Section::Main,
        }
    }

    /// A task goes on when everything it needs has settled; not at all if something failed and the others go on.
    fn join_rule(&mut self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let needs: Vec<&Inst> = run.task(path).needs.iter().map(|need| &run.tasks[&beside(path, *need)]).collect();
        if needs.iter().any(|need| need.how().is_none()) {
            return false;
        }
        let failed = |need: &&Inst| need.how() == Some(How::Failed) && !run.graph.task(need.node).optional;
        if needs.iter().any(|need| need.poisoned || failed(need)) {
            if !self.goes_on(id, path) || self.is_won(id, &parent(path)) {
                return false;
            }
            self.run(id).inst(path).poisoned = true;
            self.settle(id, path, How::Skipped, None);
        } else {
            self.readies(id, path);
        }
        true
    }

    pub(super) fn readies(&mut self, id: RunId, path: &TaskPath) {
        let now = self.now;
        let run = &self.runs[&id];
        let task = run.task(path);
        let mut start_at = now;
        if run.is_outermost(path) || run.is_check(path) {
            start_at = start_at.max(now.after(task.delay.unwrap_or_default()));
        }
        if let Some(NotBefore::At(instant)) = task.not_before.filter(|_| run.is_outermost(path)) {
            start_at = start_at.max(instant);
        }
        let inst = self.run(id).inst(path);
        (inst.ready_at, inst.free_at, inst.start_at, inst.state) = (now, now, start_at, State::Ready);
        self.expires(id, path);
    }

    /// When a task's time is over: by its own limits, or because what must follow it needs the rest of the run's.
    pub(super) fn expires(&mut self, id: RunId, path: &TaskPath) {
        let run = &self.runs[&id];
        let (task, node) = (run.task(path), run.tasks[path].node);
        let mut expires = self.own_limit(id, path);
        if let Some(deadline) = run.submitted.deadline.filter(|_| !run.is_answered() && run.is_outermost(path))
            && task.optional
        {
            // Making the answer takes a part of the time too.
            let margin = Duration::millis(50).min(Duration(deadline.since(run.at).0 / 10));
            let latest = deadline.before(margin).before(self.estimates[&run.graph.hash].after(&run.graph, node));
            expires = Some(expires.map_or(latest, |expires| expires.min(latest)));
        }
        self.run(id).inst(path).expires = expires;
    }

    /// When a task's time is over by its own limits.
    fn own_limit(&self, id: RunId, path: &TaskPath) -> Option<Timestamp> {
        let run = &self.runs[&id];
        let (task, ready_at) = (run.task(path), run.tasks[path].ready_at);
        let limits = [task.timeouts.task, task.within].into_iter().flatten().filter(|_| run.is_outermost(path));
        limits.min().map(|span| ready_at.after(span))
    }

    /// Of a task that looks for its last copy no record says that it was short of time for others: its own limits count again, if they were not over
    /// when it began to look.
    pub(super) fn limits_count_again(&mut self) {
        for id in self.runs.keys().copied().collect::<Vec<_>>() {
            let looks = |(path, inst): &(&TaskPath, &Inst)| {
                inst.expires.is_none() && inst.how().is_none() && self.takes_last(id, path)
            };
            let paths: Vec<TaskPath> =
                self.runs[&id].tasks.iter().filter(looks).map(|(path, _)| path.clone()).collect();
            for path in paths {
                let began = self.runs[&id].tasks[&path].free_at;
                let limit = self.own_limit(id, &path).filter(|limit| *limit > began);
                self.run(id).inst(&path).expires = limit;
            }
        }
    }

    /// After a restart nothing was observed yet: what is known of the time that others need is different.
    pub(super) fn expire_anew(&mut self) {
        for id in self.runs.keys().copied().collect::<Vec<_>>() {
            let run = &self.runs[&id];
            let has_time = |(path, inst): &(&TaskPath, &Inst)| {
                let is_over = inst.expires.is_none() && self.takes_last(id, path);
                inst.how().is_none() && !matches!(inst.state, State::Waiting | State::Asking(Step::Catch)) && !is_over
            };
            let paths: Vec<TaskPath> = run.tasks.iter().filter(has_time).map(|(path, _)| path.clone()).collect();
            paths.iter().for_each(|path| self.expires(id, path));
        }
    }

    /// True if something must be evaluated before this can begin.
    pub(super) fn asks_to_enter(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let task = run.task(path);
        let outermost = run.is_outermost(path);
        let input = match &task.work {
            Work::Call(call) => {
                run.is_wait(path) || run.is_call(path) && run.graph.expr(call.input).form != Form::Constant
            }
            Work::Group(_) => false,
        };
        let timed = matches!(task.not_before, Some(NotBefore::Expr(_)));
        (outermost && (task.condition.is_some() || timed)) || run.is_each(path) || input
    }

    fn ready_rule(&mut self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let inst = &run.tasks[path];
        // What was given before is taken by a record, and before all that a start waits for.
        let is_given = self.is_given(id, path) || self.is_given_now(id, path) || self.is_given_whole(id, path);
        if inst.start_at > self.now || is_given {
            return false;
        }
        // Held: only what begins without anybody's doing does.
        let by_itself = !inst.entered && !self.asks_to_enter(id, path) && inst.start_at <= inst.ready_at;
        if run.quarantined && !by_itself {
            return false;
        }
        if !inst.entered {
            if self.asks_to_enter(id, path) {
                return self.becomes(id, path, State::Asking(Step::Enter));
            }
            // A start that was waited for is decided upon, with a record.
            if inst.start_at > inst.ready_at {
                return false;
            }
            self.enter(id, path);
            return true;
        }
        if !run.is_call(path) || run.is_wait(path) {
            return false;
        }
        if run.paused {
            return self.becomes(id, path, State::Held);
        }
        !self.reopening && self.comes_to_share(id, path)
    }

    /// Begins: what is inside is opened, or a call is ready for its queue.
    pub(super) fn enter(&mut self, id: RunId, path: &TaskPath) {
        if self.runs[&id].is_wait(path) {
            return self.begins_to_wait(id, path);
        }
        let now = self.now;
        let run = self.run(id);
        let is_loop = run.is_loop(path);
        let inside = match &run.task(path).work {
            Work::Group(group) if !is_loop && !run.is_each(path) => group.tasks.clone(),
            _ => Vec::new(),
        };
        let ends = run.task(path).repeat.as_ref().and_then(|repeat| repeat.deadline).map(|span| now.after(span));
        let is_call = run.is_call(path);
        let inst = run.inst(path);
        inst.entered = true;
        if is_call {
            inst.state = State::Ready;
            return;
        }
        inst.state = State::Open;
        if is_loop {
            inst.rounds = Rounds { ends, ..Rounds::default() };
        }
        run.started = true;
        run.tasks.extend(inside.into_iter().map(|node| (path.child(Segment::Task(node)), Inst::new(node))));
    }

    /// `foreach`: as many items at once as its window holds; it ends with the last, or with one failure too many.
    fn each_rule(&mut self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let (node, foreach) = (run.tasks[path].node, run.task(path).foreach.expect("this is one"));
        let items = run.inside(path);
        let failed: Vec<&Inst> =
            items.iter().filter(|(_, item)| item.how() == Some(How::Failed)).map(|(_, item)| *item).collect();
        let last = failed.iter().max_by_key(|item| item.settled_as).and_then(|item| item.failure.clone());
        let count = run.tasks[path].items.unwrap_or(0);
        let (opened, live) = (items.len() as u32, items.iter().filter(|(_, item)| item.how().is_none()).count() as u32);
        if failed.len() as u32 > foreach.failures_max {
            self.settle(id, path, How::Failed, last);
        } else if opened == count && live == 0 {
            self.body_done(id, path);
        } else if opened < count && live < foreach.parallel_max {
            let item = path.child(Segment::Item(opened));
            self.run(id).tasks.insert(item.clone(), Inst::new(node));
            self.readies(id, &item);
        } else {
            return false;
        }
        true
    }

    /// `loop`: one round after the other; each is asked about when it has succeeded.
    fn loop_rule(&mut self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let (node, round) = (run.tasks[path].node, run.tasks[path].rounds.count);
        match run.inside(path).first().map(|(_, inst)| (inst.how(), inst.output.clone(), inst.failure.clone())) {
            None => {
                let next = path.child(Segment::Round(round + 1));
                self.run(id).inst(path).rounds.count += 1;
                self.run(id).tasks.insert(next.clone(), Inst::new(node));
                self.readies(id, &next);
            }
            Some((Some(How::Succeeded), output, _)) => {
                self.run(id).inst(path).rounds.last = output;
                self.becomes(id, path, State::Asking(Step::Round));
            }
            Some((Some(how), _, _)) if self.ran_out(id, path, how) => return false,
            Some((Some(_), _, failure)) => self.fails(id, path, failure),
            Some((None, ..)) => return false,
        }
        true
    }

    /// True if this is a race that has all the good results that it waits for, and takes back what has not settled.
    fn is_won(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let Some(Work::Group(group)) = run.tasks.get(path).map(|group| &run.graph.task(group.node).work) else {
            return false;
        };
        let good = run.inside(path).iter().filter(|(_, task)| task.how() == Some(How::Succeeded)).count();
        group.race.is_some_and(|race| race.cancel_rest && good >= race.first as usize)
    }

    /// A group ends with its last task, or with the first that fails; a race with its first good results, or when they cannot come.
    fn group_rule(&mut self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        let Work::Group(group) = &run.task(path).work else { return false };
        let tasks = run.inside(path);
        let good = tasks.iter().filter(|(_, task)| task.how() == Some(How::Succeeded)).count();
        let live = tasks.iter().filter(|(_, task)| task.how().is_none()).count();
        if let Some(race) = group.race {
            let first = race.first as usize;
            if good >= first && (race.cancel_rest || live == 0) {
                self.body_done(id, path);
            } else if good + live < first {
                self.fails(id, path, Some(Failure::new(Class::Permanent, "the race has no winner")));
            } else {
                return false;
            }
            return true;
        }
        let failed =
            |(_, task): &&(&TaskPath, &Inst)| task.how() == Some(How::Failed) && !run.graph.task(task.node).optional;
        if let Some((_, task)) = tasks.iter().find(failed) {
            let failure = task.failure.clone();
            self.fails(id, path, failure);
        } else if live == 0 {
            self.body_done(id, path);
        } else {
            return false;
        }
        true
    }

    /// A section ends with its last task; the main one also with the first that fails.
    fn section_rule(&mut self, id: RunId) -> bool {
        let run = &self.runs[&id];
        let (Phase::Main | Phase::Section(_)) = run.phase else { return false };
        let section = if let Phase::Section(section) = run.phase { section } else { Section::Main };
        let tasks = run.section(section);
        let failed =
            |(_, task): &&(&TaskPath, &Inst)| task.how() == Some(How::Failed) && !run.graph.task(task.node).optional;
        if run.phase == Phase::Main
            && let Some((path, task)) = tasks.iter().find(failed)
        {
            let class = task.failure.as_ref().map_or(Class::Permanent, |failure| failure.class);
            let labels = quoted(task.failure.as_ref());
            let path = (*path).clone();
            self.fail_run(id, Some(path), class, labels);
            return true;
        }
        if tasks.iter().any(|(_, task)| task.how().is_none()) {
            return false;
        }
        match section {
            Section::Main => self.run(id).phase = Phase::Composing,
            Section::After | Section::OnFailure => self.open_section(id, Section::Finally),
            Section::Finally => self.run(id).phase = Phase::Closing,
            Section::Compensation => return false,
        }
        true
    }

    pub(super) fn open_section(&mut self, id: RunId, section: Section) {
        let run = self.run(id);
        if section != Section::Main {
            run.phase = Phase::Section(section);
        }
        let escalations: Vec<NodeId> = run.graph.tasks.iter().filter_map(escalation).collect();
        for node in run.graph.section(section).to_vec() {
            let mut inst = Inst::new(node);
            // A loop that ran out may have asked for one of them; without one, those kept for that do not run.
            let passed_over = run.escalation.map_or_else(|| escalations.contains(&node), |wanted| wanted != node);
            let is_void = run.graph.task(node).replaced.is_some() || run.graph.task(node).ahead.is_some();
            if section == Section::OnFailure && passed_over || is_void {
                inst.state = State::Settled(How::Skipped);
            }
            run.tasks.insert(TaskPath::top(node), inst);
        }
    }

    /// The caller wants nothing more: of the run, or after its answer of the section that runs.
    pub(super) fn cancelled(&mut self, id: RunId) {
        let Phase::Section(section) = self.runs[&id].phase else {
            self.run(id).cancelled = true;
            return self.fail_run(id, None, Class::Cancelled, Labels::NONE);
        };
        self.run(id).paused = self.runs[&id].quarantined;
        let all: Vec<TaskPath> = self.runs[&id].section(section).into_iter().map(|(path, _)| path.clone()).collect();
        all.iter().for_each(|path| self.drop_task(id, path, How::Cancelled));
    }

    pub(super) fn fail_run(&mut self, id: RunId, task: Option<TaskPath>, class: Class, labels: Labels) {
        let run = self.run(id);
        run.failure.get_or_insert((task, class, labels));
        let main: Vec<TaskPath> = run.section(Section::Main).into_iter().map(|(path, _)| path.clone()).collect();
        run.phase = Phase::Failing;
        for path in main {
            self.drop_task(id, &path, How::Cancelled);
        }
    }

    /// All inside is well: the output is made if anybody reads it.
    fn body_done(&mut self, id: RunId, path: &TaskPath) {
        let losers: Vec<TaskPath> = self.runs[&id].inside(path).into_iter().map(|(path, _)| path.clone()).collect();
        for loser in losers {
            self.drop_task(id, &loser, How::Cancelled);
        }
        let run = &self.runs[&id];
        let task = run.task(path);
        let declares = matches!(&task.work, Work::Group(group) if group.output.is_some());
        let read = task.output_used || declares || task.fail_if.is_some() || is_round(path) || self.good_if(id, path);
        if read {
            self.becomes(id, path, State::Asking(Step::Compose));
        } else {
            self.judge_or_succeed(id, path);
        }
    }

    pub(super) fn good_if(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        if run.is_check(path) {
            return true;
        }
        let group = run.tasks.get(&parent(path)).filter(|_| matches!(path.0.last(), Some(Segment::Task(_))));
        let work = group.map(|group| &run.graph.task(group.node).work);
        matches!(work, Some(Work::Group(group)) if group.race.is_some_and(|race| race.good_if.is_some()))
    }

    pub(super) fn wants_judgement(&self, id: RunId, path: &TaskPath) -> bool {
        let run = &self.runs[&id];
        (run.is_judged(path) && run.task(path).fail_if.is_some()) || self.good_if(id, path) || self.adds_tasks(id, path)
    }

    pub(super) fn judge_or_succeed(&mut self, id: RunId, path: &TaskPath) {
        if self.wants_judgement(id, path) {
            self.becomes(id, path, State::Asking(Step::Judge));
        } else {
            self.settle(id, path, How::Succeeded, None);
        }
    }

    /// Something inside failed for good: an output of `catch` may take its place.
    pub(super) fn fails(&mut self, id: RunId, path: &TaskPath, failure: Option<Failure>) {
        let failure = failure.unwrap_or_else(|| Failure::new(Class::Permanent, "something inside failed"));
        match self.rung(id, path, failure.class, true) {
            Some(rung) => self.take_rung(id, path, rung, Some(failure)),
            None => self.settle(id, path, How::Failed, Some(failure)),
        }
    }

    pub(super) fn take_rung(&mut self, id: RunId, path: &TaskPath, rung: usize, failure: Option<Failure>) {
        let kind = self.runs[&id].task(path).catch[rung].rung.clone();
        let output = matches!(kind, Rung::Output(_));
        if output {
            self.drop_task(id, path, How::Failed);
        } else {
            self.leave(id, path);
        }
        let now = self.now;
        let inst = self.run(id).inst(path);
        (inst.free_at, inst.woken_at, inst.gives_way) = (now, None, false);
        inst.avoids.clear();
        inst.failure = failure.filter(|_| output || kind == Rung::Cached);
        inst.state = if output { State::Asking(Step::Catch) } else { State::Ready };
        (inst.rung, inst.tries, inst.failed_on, inst.degraded) = (rung + 1, 0, Vec::new(), true);
        if kind == Rung::Cached {
            // What its time is over was told.
            inst.expires = inst.expires.filter(|expires| *expires > now);
        }
    }
}

fn escalation(task: &agendum_types::graph::Task) -> Option<NodeId> {
    match task.repeat.as_ref()?.exhausted {
        Exhausted::Escalate(node) => Some(node),
        Exhausted::Fail | Exhausted::UseBest(_) | Exhausted::UseLast => None,
    }
}
