//! A world in which a scenario plays: every line is an event, every action a line of the trace.
//! A line that ends an attempt, makes durable or is a caller's word stands in the trace too (`> ok a`).
//!
//! ```text
//! targets t=2 small=1:class=small       names, concurrency, and what else is said of them
//! pools gpu=4 sandbox=1                 the pools that there are, and how many units of each; `view pools` says how they are used, `view targets` those
//! submit r1 a; b needs a                a run of a script (see testkit::script); `tenant=T`, `key=K`, `labels=L`, `strict`, `group=K,limit=2,join` before it
//! ok a | ok r1/a | fail a timeout       the oldest attempt of that task ends; of `r1/a!2` the second
//! drain 1s                              the oldest attempt ends after so long, and the next, until none is out
//! say p plan=SCRIPT | say p plan=refused WHY | stream p SCRIPT   what the output of a task that adds others is read as, or the first of it
//! say a if=false | say e items=5        how evaluations are answered from now on (true, 3 items, until=false, good=true …)
//! wait 200ms                            time passes; the scheduler is woken when it asked to be
//! disk slow | durable                   records become durable only when said
//! cancel r1 | pause r1 | resume r1 | add r1 SCRIPT | restart | view r1
//! records on | evaluations on | limit attempts_max=2   the trace has them too; a limit of the shard, which begins anew
//! purse                                 what the tenant has spent and holds
//! billed 40c                            a bill says that of what was lost in this hour so much was never spent
//! rebilled 40c                          a later bill says that of that so much was spent after all
//! policy standard=fifo deadline=edf     the rules by which is chosen from now on, in later lives too; what is not said is as in the built-in ones
//! windows hour=5c day_tokens=90 fail    what the tenant may spend; `wait` unless it says otherwise
//! attempts r1                           what each attempt of the run cost, and why it gave no result
//! queueing r1                           how its tasks that wait to be sent stand
//! signal r1 paid | webhook r1 paid 7 a signal comes; a webhook of that id; `by=NAME` behind it
//! approve r1 a | refuse r1      a person decides on that task, or on the only one; `by=NAME` behind it
//! raise r1 50c tokens=9 task=l | raise r1 refused | waits   a person raises a budget, or refuses; what waits for a person or a signal;
//! `waits r1` in that run and those inside it
//! reference a | reference a r2 | why r1 an attempt gives a reference; a child run its own; where the run's time went, and each task's
//! why r1 alone | why r1 e[1]            the same while no process works on it; the same of one task
//! again r2 r1 from=a do=b other reads=a runs a run again that is over: from a task on, the effects of one again, with other inputs, read in a; or `fork`
//! store slow | store answers | store fails | store works | store forgets   how kept results are looked up
//! stopping                              nothing more is sent
//! more on | more off                    the driver has another event at hand
//! checkpoint | checkpoint nonsense      what was learned so far is told to the lives that follow; the same, turned into nonsense
//! stop                                  the process stops in good order, until `restart`
//! plan 10s hedge=0 | plan withdrawn     for so long these words count besides the policy's, in this life and those after it; it is taken back
//! plan 10s of=other hedge=0             a plan for another policy
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_testkit::script;
use agendum_types::graph::DataRef;
use agendum_types::{
    AttemptId, Duration, Graph, Hash, Incarnation, Labels, Limits, MediaType, Outcome, PayloadRef, Plan, Policy, Pool,
    Prefix, RunId, Seq, SubmissionKey, Success, Target, Tenant, Timestamp, Usage,
};

use crate::{
    Action, Bound, Checkpoint, Deed, Entry, Evaluate, Evaluation, Event, Make, Purpose, Record, Scheduler, Submission,
};

mod again;
mod cache;
mod child;
mod group;
mod heard;
mod lives;
mod planned;
mod policy;
mod purse;
mod said;
mod target;
mod told;

use again::submission;
use said::{failed, labels_of};
use target::target;

/// Begins a line of the trace that is no action.
pub(super) const SAID: &str = "> ";

pub(super) struct World {
    core: Scheduler,
    limits: Limits,
    now: Timestamp,
    incarnation: u32,
    lines: Vec<String>,
    graphs: BTreeMap<RunId, Arc<Graph>>,
    learned: Vec<Arc<Graph>>,
    journal: Vec<Entry>,
    durable: Seq,
    slow: bool,
    records: bool,
    evaluations: bool,
    waiting: Vec<Action>,
    flying: Vec<AttemptId>,
    says: BTreeMap<(String, String), String>,
    targets: Vec<Target>,
    pools: Vec<Pool>,
    policy: Option<Arc<Policy>>,
    planned: Option<(Arc<Plan>, Timestamp)>,
    purse: purse::Purse,
    kept: cache::Kept,
    /// What was learned, as the next life is told.
    checkpoint: Option<Checkpoint>,
    /// Names in the order in which the core first heard them.
    names: Vec<String>,
}

impl Default for World {
    fn default() -> Self {
        let limits = Limits { clock_jump_max: Duration::secs(3_600), ..Limits::STANDARD };
        let mut world = Self {
            core: Scheduler::new(limits.clone()),
            limits,
            now: Timestamp(0),
            incarnation: 0,
            lines: Vec::new(),
            graphs: BTreeMap::new(),
            learned: Vec::new(),
            journal: Vec::new(),
            durable: Seq(0),
            slow: false,
            records: false,
            evaluations: false,
            waiting: Vec::new(),
            flying: Vec::new(),
            says: BTreeMap::new(),
            targets: vec![target("t", "8")],
            pools: Vec::new(),
            policy: None,
            planned: None,
            kept: cache::Kept::default(),
            checkpoint: None,
            names: Vec::new(),
            purse: purse::Purse::default(),
        };
        world.open();
        world
    }
}

impl World {
    pub(super) fn finish(self) -> String {
        self.lines.join("\n")
    }

    /// The task whose attempt is out since last.
    pub(super) fn sent_last(&self) -> Option<String> {
        self.flying.last().map(|attempt| self.name(attempt))
    }

    pub(super) fn step(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        // Without it what is done too early would stand in the same place.
        if matches!(
            word,
            "ok" | "fail"
                | "durable"
                | "cancel"
                | "pause"
                | "resume"
                | "tell"
                | "signal"
                | "webhook"
                | "approve"
                | "refuse"
                | "raise"
                | "store"
                | "policy"
                | "plan"
        ) {
            self.line(format!("{SAID}{line}"));
        }
        match word {
            "targets" | "pools" => self.tables(word, rest),
            "limit" => self.limit(rest),
            "policy" => self.govern(rest),
            "plan" => self.other_for_a_while(rest),
            "windows" | "purse" | "billed" | "rebilled" => self.of_the_purse(word, rest),
            "submit" => self.submit(rest),
            "again" => self.again(rest),
            "add" | "stream" => self.grow(word, rest),
            "ok" => rest.split("; ").for_each(|name| self.answer(name, None)),
            "fail" => self.answer(rest.split_once(' ').unwrap().0, Some(rest.split_once(' ').unwrap().1)),
            "drain" => self.drain_each(script::span(rest)),
            "say" => self.say(rest),
            "wait" => self.wait(script::span(rest)),
            "disk" => self.slow = rest == "slow",
            "durable" => self.make_durable(),
            "cancel" => self.event(Event::CancelRequested(run_id(rest))),
            "pause" => self.event(Event::PauseRequested(run_id(rest))),
            "resume" => self.event(Event::ResumeRequested(run_id(rest))),
            "tell" => self.tell(rest),
            "signal" | "webhook" | "approve" | "refuse" => self.signal(word, rest),
            "end" => self.end_child(rest),
            "raise" => self.raise(rest),
            "waits" => self.waits(rest),
            "reference" => self.reference(rest),
            "records" => self.records = rest == "on",
            "evaluations" => self.evaluations = rest == "on",
            "store" => self.store(rest),
            "restart" => self.restart(),
            "checkpoint" => self.take_checkpoint(rest),
            "more" => self.core.gather(rest == "on"),
            "stopping" => self.event(Event::Stopping),
            "stop" => self.stop(),
            "why" => self.why(rest),
            "attempts" => self.attempts(run_id(rest)),
            "queueing" => self.queueing(run_id(rest)),
            "view" if rest == "pools" => self.view_pools(),
            "view" if rest == "targets" => self.view_targets(),
            "view" => self.view(run_id(rest)),
            other => panic!("a scenario knows no word {other:?}"),
        }
    }

    fn open(&mut self) {
        self.incarnation += 1;
        self.names.clear();
        let (last, at) = self.journal.last().map_or_else(Default::default, |entry| (entry.seq, entry.at));
        let crashed = self.journal.last().is_some_and(|entry| entry.record != Record::Closed);
        let incarnation = Incarnation(self.incarnation);
        self.event(Event::Opened { incarnation, last, at, crashed, seed: 7 });
        self.event(Event::WindowsPublished(self.purse.windows));
        self.publish_policy();
        self.publish_plan();
        self.event(Event::PoolsPublished(self.pools.clone()));
        self.publish();
    }

    fn submit(&mut self, rest: &str) {
        let (name, text) = rest.split_once(' ').unwrap();
        let (tenant, text) = match text.strip_prefix("tenant=").and_then(|text| text.split_once(' ')) {
            Some((tenant, text)) => (Tenant(tenant.into()), text),
            None => (Tenant::default(), text),
        };
        let (key, text) = match text.strip_prefix("key=").and_then(|text| text.split_once(' ')) {
            Some((key, text)) => (Some(SubmissionKey { key: key.into(), parts: Vec::new() }), text),
            None => (None, text),
        };
        let (labels, text) = labels_of(text);
        let (parent, text) = child::parent(text);
        let (strict, text) = text.strip_prefix("strict ").map_or((false, text), |text| (true, text));
        let (concurrency, text) = group::of(text);
        let graph = Arc::new(script::graph(text));
        self.graphs.insert(run_id(name), Arc::clone(&graph));
        self.learned.push(Arc::clone(&graph));
        let of = submission(run_id(name), graph);
        let inputs = PayloadRef { labels, ..of.inputs };
        self.event(Event::RunSubmitted(Box::new(Submission {
            tenant,
            strict,
            key,
            concurrency,
            parent,
            inputs,
            ..of
        })));
    }

    pub(super) fn add(&mut self, rest: &str) {
        let (name, text) = rest.split_once(' ').unwrap();
        let graph = Arc::new(script::graph(text));
        self.learned.push(Arc::clone(&graph));
        let before = self.graphs.insert(run_id(name), Arc::clone(&graph));
        let live = self.core.view(run_id(name), self.now).is_some();
        self.event(Event::TasksAdded { run: run_id(name), graph, document: payload(0) });
        if let (Some(before), false) = (before, live) {
            self.graphs.insert(run_id(name), before);
        }
    }

    /// Ends the oldest attempt of a task: `a` or, of a given run, `r2/a`.
    fn answer(&mut self, name: &str, failure: Option<&str>) {
        let (name, usage) = name.split_once(' ').unwrap_or((name, ""));
        let numbered = |attempt: &AttemptId| format!("{}!{}", self.long_name(attempt), attempt.attempt);
        let is_it = |attempt: &AttemptId| {
            self.name(attempt) == name || self.long_name(attempt) == name || numbered(attempt) == name
        };
        let found = self.flying.iter().position(is_it);
        let index =
            found.unwrap_or_else(|| panic!("no attempt of {name} is out at {}: {:?}", self.now, self.lines.last()));
        let attempt = self.flying.remove(index);
        let usage = Usage {
            tokens_out: usage.strip_prefix("tokens=").map_or(0, |count| count.parse().unwrap()),
            ..Usage::default()
        };
        let outcome = match failure {
            None => Outcome::Succeeded(Success { output: payload(8), usage, raw_usage: None }),
            Some(text) => Outcome::Failed(failed(text)),
        };
        self.event(Event::AttemptFinished { attempt, outcome });
    }

    fn drain_each(&mut self, span: Duration) {
        while !self.flying.is_empty() {
            self.wait(span);
            let name = self.long_name(&self.flying[0]);
            self.answer(&name, None);
        }
    }

    fn say(&mut self, rest: &str) {
        let (path, answer) = rest.split_once(' ').unwrap();
        let (purpose, value) = answer.split_once('=').unwrap();
        self.says.insert((path.into(), purpose.into()), value.into());
    }

    fn wait(&mut self, span: Duration) {
        let until = self.now.after(span);
        while let Some((at, wake)) = self.core.poll_timeout().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.lines.push(format!("{:>6} woken: {wake}", clock(self.now)));
            self.event(Event::TimeReached);
        }
        self.now = until;
    }

    fn event(&mut self, event: Event) {
        match self.core.handle(self.now, event) {
            Ok(()) => {}
            Err(rejected) => self.line(format!("rejected: {rejected}")),
        }
        self.drain();
    }

    fn drain(&mut self) {
        let mut answers = Vec::new();
        while let Some(action) = self.core.poll_action() {
            match &action.deed {
                Deed::Append(entry) => {
                    self.record(entry);
                    self.journal.push(entry.clone());
                }
                _ => self.waiting.push(action),
            }
        }
        if !self.slow {
            self.durable = self.journal.last().map_or(Seq(0), |entry| entry.seq);
        }
        let (ready, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|action| action.after.is_none_or(|after| after <= self.durable));
        self.waiting = waiting;
        for action in ready {
            self.perform(action, &mut answers);
        }
        for event in answers {
            self.event(event);
        }
    }

    fn make_durable(&mut self) {
        self.durable = self.journal.last().map_or(Seq(0), |entry| entry.seq);
        self.event(Event::Durable(self.durable));
    }

    fn perform(&mut self, action: Action, answers: &mut Vec<Event>) {
        match action.deed {
            Deed::Append(_) => {}
            Deed::Evaluate(evaluate) => {
                self.asked(&evaluate);
                let plan = self.plan(&evaluate);
                answers.push(self.evaluate(*evaluate, plan));
            }
            Deed::LookUp(asked) => self.look_up(asked, answers),
            Deed::Keep(keep) => self.keep(keep, answers),
            Deed::Dispatch(dispatch) => {
                let target = &self.names[usize::from(dispatch.target.0)];
                let over = dispatch.child.as_ref().is_some_and(|child| child.is_over);
                let number =
                    dispatch.child.as_ref().map_or(String::new(), |child| format!(" as its try {}", child.number));
                let again = if over {
                    " only to be stopped"
                } else if dispatch.reattach.is_some() {
                    " again by reference"
                } else {
                    ""
                };
                let held = if dispatch.held_back { " held back" } else { "" };
                let own = dispatch.key_origin == dispatch.attempt.run;
                let key = if own { String::new() } else { format!(" key of {}", run_name(dispatch.key_origin)) };
                let cap = dispatch.output_cap.map_or(String::new(), |cap| format!(" cap={cap}"));
                let told = dispatch.refused.as_ref().map_or(String::new(), |told| format!(" told {told:?}"));
                let line = format!(
                    "dispatch {}#{} on {target}{cap}{key}{number}{again}{held}{told}",
                    self.long_name(&dispatch.attempt),
                    dispatch.attempt.attempt
                );
                self.line(line);
                self.flying.push(dispatch.attempt);
            }
            Deed::CancelAttempt(attempt) => self.line(format!("stop {}#{}", self.long_name(&attempt), attempt.attempt)),
            Deed::Publish { run, path } => {
                let name = self.graphs[&run].path_text(&path);
                self.line(format!("publish {}/{name}", run_name(run)));
            }
            Deed::Answer(answer) => self.replied(&answer),
            Deed::Close { run, .. } => self.line(format!("close {}", run_name(run))),
        }
    }

    /// Answers by what was said, else in the way that goes on.
    fn evaluate(&self, evaluate: Evaluate, plan: Evaluation) -> Event {
        let path = self.graphs[&evaluate.run].path_text(&evaluate.path);
        let bare = path.split(['[', '#']).next().unwrap_or_default().trim_end_matches("/loop").to_owned();
        let said = |purpose: &str| {
            let exact = self.says.get(&(path.clone(), purpose.to_owned()));
            exact.or_else(|| self.says.get(&(bare.clone(), purpose.to_owned()))).map(String::as_str)
        };
        let mut evaluation = plan;
        let mut error = None;
        if let Make::Values { exprs, bindings } = &evaluate.make {
            // An output of `catch` knows what it takes the place of, over restarts as well.
            let knows = |(read, bound): &(DataRef, Bound)| *read != DataRef::Caught || matches!(bound, Bound::Error(_));
            assert!(bindings.iter().all(knows), "{path} does not know what failed: {bindings:?}");
            // Nothing is good that is not there.
            let missing = bindings.contains(&(DataRef::Candidate, Bound::Undefined));
            for (purpose, expr) in exprs {
                match purpose {
                    Purpose::Wait => {
                        let source = &evaluate.graph.expr(*expr).source;
                        evaluation.wait = Some(Box::new(script::wait(source, evaluate.now)));
                        evaluation.payload = Some(payload(12));
                    }
                    Purpose::Condition => evaluation.truth = Some(said("if") != Some("false")),
                    Purpose::NotBefore => evaluation.time = Some(Timestamp(0)),
                    Purpose::Items => {
                        evaluation.count = Some(said("items").map_or(3, |count| count.parse().unwrap()));
                        evaluation.payload = Some(payload(20));
                    }
                    Purpose::Input => {
                        evaluation.payload = Some(payload(said("input").map_or(12, |size| size.parse().unwrap())));
                        // `begins=abc`: its blocks, each of one letter.
                        let blocks = said("begins").map(|letters| letters.bytes().map(u64::from).collect());
                        evaluation.prefix = blocks.map(|blocks| Arc::new(Prefix(blocks)));
                    }
                    Purpose::Output => evaluation.payload = Some(payload(12)),
                    Purpose::FailIf => evaluation.truth = Some(said("fail_if") == Some("true")),
                    Purpose::GoodIf => evaluation.good = Some(said("good") != Some("false") && !missing),
                    Purpose::Until => evaluation.truth = Some(said("until") == Some("true")),
                    Purpose::Same => {
                        evaluation.same = Some(Hash([said("same").map_or(0, |same| same.as_bytes()[0]); 32]))
                    }
                    Purpose::Score => evaluation.score = Some(said("score").map_or(0, |score| score.parse().unwrap())),
                }
                if evaluation.truth == Some(false) && *purpose == Purpose::Condition {
                    break;
                }
                if said("error").is_some() {
                    error = Some(Arc::from("division by zero"));
                }
            }
        } else {
            evaluation.payload = Some(payload(30));
        }
        let result = error.map_or(Ok(evaluation), Err);
        Event::Evaluated { run: evaluate.run, path: evaluate.path, step: evaluate.step, result }
    }

    /// The process says that it stops, and that is durable.
    fn stop(&mut self) {
        self.line("stop".into());
        self.event(Event::Closed);
    }

    /// The process dies with all that was not durable, and a new one opens the journal.
    fn line(&mut self, text: String) {
        self.lines.push(format!("{:>6} {text}", clock(self.now)));
    }

    fn name(&self, attempt: &AttemptId) -> String {
        self.graphs[&attempt.run].path_text(&attempt.path)
    }

    fn long_name(&self, attempt: &AttemptId) -> String {
        format!("{}/{}", run_name(attempt.run), self.name(attempt))
    }
}

fn clock(now: Timestamp) -> String {
    format!("{}ms", now.0 / 1_000)
}

fn run_id(name: &str) -> RunId {
    RunId(name.trim_start_matches('r').parse().unwrap())
}

fn run_name(run: RunId) -> String {
    format!("r{}", run.0)
}

fn payload(size: u64) -> PayloadRef {
    PayloadRef { hash: Hash([size as u8; 32]), size, media: MediaType::Json, labels: Labels::NONE }
}
