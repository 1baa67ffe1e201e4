//! Graphs from a terse text, for scenarios and generators.
//!
//! One task a line (or between `;`; behind ` + ` those that joined later): a name, then words, then `{` if tasks follow inside it, closed by `}`.
//!
//! ```text
//! a
//! b needs a,c if retry=2 catch=timeout:output within=5s effect=once class=large optional value=10
//! g loop=3 best { x; y needs x }
//! e foreach max=2 tolerate=1
//! r race=1 good { p; q }
//! p effect=once compensate=3; j needs p judges=p
//! h resources=gpu:1,sandbox:2
//! q adds; q made; z replaced; x ahead=q; x~q withdrawn=q
//! s reads=inputs; t reads=error
//! w wait=approval:boss+deputy reminder=10m; v wait=signal:paid; u wait=time:5s
//! after: s
//! run: deadline=5s budget=5c degrade
//! ```
//!
//! An expression reads the outputs of what its task needs. `input` forces an evaluation of the input; a task that needs something has
//! one anyway.

mod child;
mod composite;
mod reads;
mod undo;

use std::sync::Arc;

use agendum_types::graph::{
    Adds, Ahead, Budget, Cache, CacheScope, Call, Catch, DataRef, Expr, ExprId, Fields, Form, Group, Judges, Kind,
    NodeId, NotBefore, OnExceeded, OnUncertain, Priority, Requirement, Retry, Rung, Section, Task, Timeouts, Work,
};
use agendum_types::{
    Capability, Class, ClassSet, Duration, Effect, Graph, Hash, Labels, Money, Need, Principal, Timestamp, Wait,
    WaitFor,
};

/// Builds the graph of a script.
///
/// # Panics
///
/// If the script is not understood: it is part of a test.
#[must_use]
pub fn graph(text: &str) -> Graph {
    let mut builder = Builder { graph: empty(text), names: Vec::new() };
    for part in text.split(" + ") {
        let known = builder.graph.tasks.len();
        builder.tasks(&mut tokens(part), None, Section::Main);
        builder.resolve(known);
    }
    builder.graph
}

struct Builder {
    graph: Graph,
    /// Names that each task needs, until all are known.
    names: Vec<Vec<String>>,
}

fn empty(text: &str) -> Graph {
    // FNV-1a is enough to tell scripts apart: two with one hash would be one graph to the scheduler.
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&text.bytes().fold(0xcbf2_9ce4_8422_2325, fold).to_le_bytes());
    Graph {
        name: "script".into(),
        hash: Hash(hash),
        tasks: Vec::new(),
        exprs: Vec::new(),
        main: Vec::new(),
        after: Vec::new(),
        on_failure: Vec::new(),
        finally: Vec::new(),
        output: None,
        priority: Priority::Standard,
        deadline: None,
        budget: None,
        labels: Labels::NONE,
        concurrency: None,
    }
}

fn tokens(text: &str) -> std::vec::IntoIter<String> {
    let spaced = text.replace('{', " { ").replace('}', " } ").replace([';', '\n'], " ; ");
    spaced.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

impl Builder {
    fn tasks(&mut self, words: &mut std::vec::IntoIter<String>, parent: Option<NodeId>, section: Section) {
        let mut section = section;
        let mut current: Option<NodeId> = None;
        let mut of_run = false;
        while let Some(word) = words.next() {
            match (word.as_str(), current) {
                (";", _) => (current, of_run) = (None, false),
                ("}", _) => return,
                ("tasks:", _) => section = Section::Main,
                ("after:", _) => section = Section::After,
                ("on_failure:", _) => section = Section::OnFailure,
                ("finally:", _) => section = Section::Finally,
                ("run:", _) => of_run = true,
                (word, None) if of_run => self.run_word(word),
                ("{", Some(node)) => {
                    self.open(node);
                    self.tasks(words, Some(node), section);
                    current = None;
                }
                (word, Some(node)) => self.task_word(node, word, words),
                (name, None) => current = Some(self.add(name, parent, section)),
            }
        }
    }

    fn add(&mut self, name: &str, parent: Option<NodeId>, section: Section) -> NodeId {
        let node = NodeId(self.graph.tasks.len() as u32);
        let input = self.expr(Form::Constant, "null");
        let call = Call {
            capability: Capability::Chat,
            input,
            requirement: Requirement::default(),
            output_cap: None,
            child: None,
            kind: None,
        };
        self.graph.tasks.push(Task {
            name: name.into(),
            parent,
            section,
            work: Work::Call(call),
            needs: Vec::new(),
            needed_by: Vec::new(),
            condition: None,
            foreach: None,
            repeat: None,
            timeouts: Timeouts::default(),
            retry: Retry { jitter: false, ..Retry::NEVER },
            catch: Vec::new(),
            fail_if: None,
            effect: Effect::None,
            effect_declared: false,
            optional: false,
            value: 0,
            no_fallback: false,
            on_uncertain: OnUncertain::Fail,
            compensate: None,
            live: false,
            publish_after: Vec::new(),
            not_before: None,
            delay: None,
            within: None,
            resources: Default::default(),
            cache: None,
            output_used: true,
            judges: None,
            adds: None,
            replaced: None,
            ahead: None,
        });
        self.names.push(Vec::new());
        match (parent, section) {
            (Some(parent), _) => match &mut self.graph.tasks[parent.0 as usize].work {
                Work::Group(group) => group.tasks.push(node),
                Work::Call(_) => panic!("only a group holds tasks"),
            },
            (None, Section::Main) => self.graph.main.push(node),
            (None, Section::After) => self.graph.after.push(node),
            (None, Section::OnFailure) => self.graph.on_failure.push(node),
            (None, Section::Finally) => self.graph.finally.push(node),
            (None, Section::Compensation) => panic!("a compensation belongs to a task"),
        }
        node
    }

    fn open(&mut self, node: NodeId) {
        let task = &mut self.graph.tasks[node.0 as usize];
        if matches!(task.work, Work::Call(_)) {
            task.work = Work::Group(Group { tasks: Vec::new(), output: None, race: None });
        }
    }

    fn expr(&mut self, form: Form, source: &str) -> ExprId {
        self.graph.exprs.push(Expr { form, source: source.into(), reads: Vec::new() });
        ExprId(self.graph.exprs.len() as u32 - 1)
    }

    fn expression(&mut self, source: &str) -> ExprId {
        self.expr(Form::Expression, source)
    }

    fn run_word(&mut self, word: &str) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let graph = &mut self.graph;
        match key {
            "deadline" => graph.deadline = Some(span(value)),
            "budget" => graph.budget = Some(Budget { money: Some(cents(value)), ..graph.budget.unwrap_or(NO_BUDGET) }),
            "tokens" => graph.budget = Some(Budget { tokens: value.parse().ok(), ..graph.budget.unwrap_or(NO_BUDGET) }),
            "wait" | "degrade" | "ask" | "fail" => {
                let on_exceeded = OnExceeded::from_word(key).expect("one of the four");
                graph.budget = Some(Budget { on_exceeded, ..graph.budget.unwrap_or(NO_BUDGET) });
            }
            "interactive" | "standard" | "background" => {
                graph.priority = Priority::from_word(key).expect("one of the three");
            }
            "labels" => graph.labels = Labels::new(value.split(',')),
            "output" => {
                let output = self.expression("output");
                self.graph.output = Some(output);
            }
            other => panic!("a run knows no word {other:?}"),
        }
    }

    fn task_word(&mut self, node: NodeId, word: &str, words: &mut std::vec::IntoIter<String>) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let index = node.0 as usize;
        match key {
            "needs" => {
                let names = words.next().expect("`needs` names tasks");
                self.names[index] = names.split(',').map(str::to_owned).collect();
            }
            "if" => {
                let condition = self.expression("if");
                self.graph.tasks[index].condition = Some(condition);
            }
            "input" => self.dynamic_input(node),
            "reads" => self.reads(node, value),
            "wait" => self.wait(node, value),
            "reminder" => self.reminder(node, value),
            "foreach" | "max" | "tolerate" => self.foreach_word(index, key, value),
            "loop" | "best" | "last" | "same" | "loop_deadline" | "loop_tokens" | "loop_budget" | "escalate" => {
                self.loop_word(index, key, value)
            }
            "race" | "good" | "keep" => self.race_word(node, key, value),
            "catch" => self.catch_word(index, value),
            "fail_if" => {
                let expr = self.expression("fail_if");
                self.graph.exprs[expr.0 as usize].reads.push(DataRef::Candidate);
                let class = if value.is_empty() { Class::InvalidOutput } else { class(value) };
                self.graph.tasks[index].fail_if = Some((expr, class));
            }
            "doubt" => self.doubt_word(index, value),
            "compensate" => self.compensation(node, value),
            "compensate_timeout" => {
                let compensation = self.graph.tasks[index].compensate.expect("write `compensate` first");
                self.graph.tasks[compensation.0 as usize].timeouts.task = Some(span(value));
            }
            "child" => self.child(node, value),
            "publish_after" => self.names[index].push(format!("!{value}")),
            "judges" => {
                let parent = self.graph.tasks[index].parent;
                let task = self.graph.find(parent, value).expect("write the judged task first");
                self.graph.tasks[index].judges = Some(Box::new(Judges { task, fields: Fields::default() }));
            }
            "ahead" | "withdrawn" => {
                let planner = self.graph.find(None, value).expect("write the planner first");
                self.graph.tasks[index].ahead = Some(Ahead { planner, withdrawn: key == "withdrawn" });
            }
            _ => plain_word(&mut self.graph.tasks[index], key, value),
        }
    }

    fn doubt_word(&mut self, index: usize, value: &str) {
        let parent = self.graph.tasks[index].parent;
        self.graph.tasks[index].on_uncertain = match value.strip_prefix("check:") {
            Some(name) => {
                let task = self.graph.find(parent, name).expect("write the check first");
                let found = self.expression("found");
                self.graph.exprs[found.0 as usize].reads.push(DataRef::Candidate);
                OnUncertain::Check { task, found }
            }
            None => OnUncertain::Ask,
        };
    }

    /// What it waits for stands in the source of its input: [`wait`] reads it.
    fn wait(&mut self, node: NodeId, value: &str) {
        let source = self.expr(Form::Tree, value);
        with_call(&mut self.graph.tasks[node.0 as usize], |call| {
            (call.capability, call.input) = (Capability::Wait, source);
        });
    }

    fn reminder(&mut self, node: NodeId, value: &str) {
        let Work::Call(call) = &self.graph.tasks[node.0 as usize].work else { panic!("a group does not wait") };
        let expr = &mut self.graph.exprs[call.input.0 as usize];
        expr.source = format!("{} {value}", expr.source).into();
    }

    fn dynamic_input(&mut self, node: NodeId) {
        if matches!(&self.graph.tasks[node.0 as usize].work, Work::Call(call) if !call.capability.has_targets()) {
            return;
        }
        if self.reads_something(node) {
            return;
        }
        let input = self.expr(Form::Tree, "input");
        if let Work::Call(call) = &mut self.graph.tasks[node.0 as usize].work {
            call.input = input;
        }
    }

    fn catch_word(&mut self, index: usize, value: &str) {
        let (classes, rung) = value.split_once(':').expect("catch=CLASS,…:output or catch=CLASS,…:TARGET");
        let on = if classes == "any" { ClassSet::ANY } else { classes.split(',').map(class).collect() };
        let rung = match rung {
            "output" => {
                let expr = self.expression("catch");
                self.graph.exprs[expr.0 as usize].reads.push(DataRef::Caught);
                Rung::Output(expr)
            }
            "cached" => Rung::Cached,
            target => Rung::Target(target.into()),
        };
        self.graph.tasks[index].catch.push(Catch { on, rung });
    }

    /// Turns names into nodes, now that all are known.
    /// Of the tasks from this one on.
    fn resolve(&mut self, known: usize) {
        for index in known..self.graph.tasks.len() {
            let (parent, node) = (self.graph.tasks[index].parent, NodeId(index as u32));
            for name in std::mem::take(&mut self.names[index]) {
                if let Some(check) = name.strip_prefix('!') {
                    let check = self.graph.find(parent, check).expect("publish_after names a task");
                    self.graph.tasks[index].publish_after.push(check);
                    continue;
                }
                let need = self.graph.find(parent, &name).unwrap_or_else(|| panic!("no task {name:?} beside"));
                self.graph.tasks[index].needs.push(need);
                self.graph.tasks[need.0 as usize].needed_by.push(node);
            }
            if !self.graph.tasks[index].needs.is_empty() && matches!(self.graph.tasks[index].work, Work::Call(_)) {
                self.dynamic_input(node);
            }
            self.read_needs(index);
        }
    }

    /// Every expression of a task reads what the task needs; inside a `foreach` also the item.
    fn read_needs(&mut self, index: usize) {
        let task = &self.graph.tasks[index];
        let needs: Vec<DataRef> = task.needs.iter().map(|need| DataRef::Output(*need)).collect();
        let mut exprs: Vec<ExprId> = task.condition.into_iter().collect();
        exprs.extend(task.foreach.map(|foreach| foreach.items));
        let own_item = task.foreach.is_some();
        let undo = task.compensate.map(|undo| self.graph.task(undo).work.clone());
        if let Some(Work::Call(call)) = undo {
            let reads = &mut self.graph.exprs[call.input.0 as usize].reads;
            reads.extend(needs.iter().copied().chain([DataRef::Output(NodeId(index as u32)), DataRef::Key]));
            reads.extend(own_item.then_some(DataRef::Item));
        }
        let task = &self.graph.tasks[index];
        if let Work::Call(call) = &task.work {
            exprs.push(call.input);
        }
        for expr in exprs {
            let expr = &mut self.graph.exprs[expr.0 as usize];
            if expr.form != Form::Constant {
                expr.reads.extend(&needs);
                if own_item && expr.form == Form::Tree {
                    expr.reads.push(DataRef::Item);
                }
            }
        }
    }
}

const NO_BUDGET: Budget = Budget { money: None, tokens: None, on_exceeded: OnExceeded::Fail };

fn plain_word(task: &mut Task, key: &str, value: &str) {
    match key {
        "retry" => task.retry = Retry { attempts_max: number(value), jitter: false, ..Retry::STANDARD },
        "on" => task.retry.on = value.split(',').map(class).collect(),
        "jitter" => task.retry.jitter = true,
        "timeout" => task.timeouts.task = Some(span(value)),
        "attempt" => task.timeouts.attempt = Some(span(value)),
        "within" => task.within = Some(span(value)),
        "delay" => task.delay = Some(span(value)),
        "not_before" => task.not_before = Some(NotBefore::At(Timestamp(span(value).0))),
        "effect" => {
            task.effect = Effect::from_word(value).expect("none, idempotent or once");
            task.effect_declared = true;
        }
        "optional" => task.optional = true,
        "value" => task.value = u8::try_from(number(value)).expect("0 to 100"),
        "no_fallback" => task.no_fallback = true,
        "live" => task.live = true,
        "resources" => task.resources = resources(value),
        "class" => with_call(task, |call| call.requirement.class = Some(value.into())),
        "allow" => with_call(task, |call| call.requirement.allow = value.split(',').map(Arc::from).collect()),
        "cap" => with_call(task, |call| call.output_cap = Some(number(value))),
        "kind" => with_call(task, |call| call.kind = Some(Kind(number(value).into()))),
        "unread" => task.output_used = false,
        "adds" | "made" => {
            let uses = Capability::ALL.to_vec();
            task.adds =
                Some(Adds { uses, effects: true, tasks_max: Adds::TASKS, made: key == "made", while_streaming: true });
        }
        "replaced" => task.replaced = Some("an addition".into()),
        "cache" => {
            let (ttl, scope) = value.split_once(':').unwrap_or((value, "tenant"));
            let scope = CacheScope::from_word(scope).expect("run, user or tenant");
            task.cache = Some(Cache { ttl: span(ttl), scope, tags: vec!["tag".into()] });
        }
        other => panic!("a task knows no word {other:?}"),
    }
}

/// Reads `gpu:1,sandbox:2`.
fn resources(text: &str) -> Arc<[Need]> {
    let need = |part: &str| {
        let (pool, units) = part.split_once(':').expect("resources=POOL:UNITS,…");
        Need { pool: pool.into(), units: number(units) }
    };
    let mut needs: Vec<Need> = text.split(',').map(need).collect();
    needs.sort_unstable();
    needs.into()
}

fn with_call(task: &mut Task, change: impl Fn(&mut Call)) {
    match &mut task.work {
        Work::Call(call) => change(call),
        Work::Group(_) => panic!("a group makes no call"),
    }
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn class(word: &str) -> Class {
    Class::from_word(word).unwrap_or_else(|| panic!("{word:?} is no class"))
}

/// Reads `approval:boss+deputy`, `signal:paid`, `webhook:paid`, `time:5s` (from now), each perhaps with the span of its reminder behind it.
///
/// # Panics
///
/// If the text is none of these.
#[must_use]
pub fn wait(text: &str, now: Timestamp) -> Wait {
    let (what, reminder) = text.split_once(' ').map_or((text, None), |(what, reminder)| (what, Some(reminder)));
    let (of, rest) = what.split_once(':').unwrap_or((what, ""));
    let of = WaitFor::from_word(of).unwrap_or_else(|| panic!("nobody waits for {of:?}"));
    let mut wait = Wait { reminder: reminder.map(span), ..Wait::new(of) };
    match of {
        WaitFor::Effect | WaitFor::Money => {}
        WaitFor::Approval => wait.who = rest.split('+').filter(|who| !who.is_empty()).map(Principal::new).collect(),
        WaitFor::Signal | WaitFor::Webhook => wait.name = Some(rest.into()),
        WaitFor::Time => wait.until = Some(now.after(span(rest))),
    }
    wait
}

/// Reads `250ms`, `5s`, `2m`.
///
/// # Panics
///
/// If the text is none of these.
#[must_use]
pub fn span(text: &str) -> Duration {
    let (digits, scale) = match text {
        _ if text.ends_with("ms") => (&text[..text.len() - 2], 1_000),
        _ if text.ends_with("us") => (&text[..text.len() - 2], 1),
        _ if text.ends_with('s') => (&text[..text.len() - 1], 1_000_000),
        _ if text.ends_with('m') => (&text[..text.len() - 1], 60_000_000),
        _ => panic!("{text:?} is no span: write 250ms, 5s or 2m"),
    };
    Duration(u64::from(number(digits)) * scale)
}

/// Reads `5c`: US cents.
///
/// # Panics
///
/// If the text is not that.
#[must_use]
pub fn cents(text: &str) -> Money {
    let digits = text.strip_suffix('c').unwrap_or_else(|| panic!("{text:?} is no money: write 5c"));
    Money(u64::from(number(digits)) * (Money::PER_DOLLAR / 100))
}
