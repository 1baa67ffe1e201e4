//! A checked graph: what shall be done, with every name resolved to an index.
//!
//! Made by `spec` from a document and by nobody else in production; it is immutable and shared by all of its runs. Dependencies lie
//! between siblings only: a reference from inside a group to a task outside is a dependency of the group. Expressions are kept as
//! source with the list of what they read, and evaluated by the driver (through `spec`), never by the core.

pub mod ahead;
pub mod child;
mod exprs;
pub mod judges;
pub mod modifier;
pub mod names;
pub mod order;

use std::sync::Arc;

pub use ahead::Ahead;
pub use child::Child;
pub use judges::{Fields, Judges};
pub use modifier::{
    Adds, Budget, Cache, CacheScope, Catch, Exhausted, Foreach, Loop, OnExceeded, OnUncertain, Priority, Race,
    Requirement, Retry, Rung, Timeouts,
};

use crate::class::Class;
use crate::concurrency::Turns;
use crate::effect::Effect;
use crate::path::{Segment, TaskPath};
use crate::payload::{Hash, Labels};
use crate::pool::Need;
use crate::target::Capability;
use crate::time::{Duration, Timestamp};

/// The place of a task in [`Graph::tasks`]. Stable while a live run grows: additions come at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// The place of an expression in [`Graph::exprs`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// A checked graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// The name in the document.
    pub name: Arc<str>,
    /// BLAKE3 of the normalised document with every file it names: the graph's identity.
    pub hash: Hash,
    /// All tasks, nested ones included; a group stands before its tasks.
    pub tasks: Vec<Task>,
    /// All expressions.
    pub exprs: Vec<Expr>,
    /// The tasks of the document's `tasks`, in its order.
    pub main: Vec<NodeId>,
    /// `after`: run once the answer is out.
    pub after: Vec<NodeId>,
    /// `on_failure`: run when the run has failed.
    pub on_failure: Vec<NodeId>,
    /// `finally`: run last, whatever happened.
    pub finally: Vec<NodeId>,
    /// The run's output; without it, an object of the outputs of the main tasks.
    pub output: Option<ExprId>,
    /// The priority where the submission names none.
    pub priority: Priority,
    /// From submission to answer.
    pub deadline: Option<Duration>,
    /// What a run may spend.
    pub budget: Option<Budget>,
    /// Labels of everything the run reads and makes.
    pub labels: Labels,
    /// `concurrency`: the key of a run's group, which reads nothing but the inputs, and how the runs of one stand to each other.
    pub concurrency: Option<(ExprId, Turns)>,
}

/// The word for what takes the effect of a task back, and the name of the task that does.
pub const COMPENSATE: &str = "compensate";

/// The argument of a `chat` that is a turn of an agent. No expression can name it, so that no prompt has a variable of that name.
pub const AGENT_TURN: &str = "agent-turn";

/// The argument of a `chat` that says why its last answer was refused. No expression can name it either.
pub const CHAT_REFUSED: &str = "chat-refused";

/// Bytes of a tool's result that go back to an agent's model, where the document does not say.
pub const RESULT_BYTES_MAX: u64 = 64 << 10;

/// Which part of the document a top-level task stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `tasks`.
    #[default]
    Main,
    /// `after`.
    After,
    /// `on_failure`.
    OnFailure,
    /// `finally`.
    Finally,
    /// `compensate` of a task: no section of the document, and in no section's list.
    Compensation,
}

impl Section {
    /// Every section of a document, in the order in which a run comes to them.
    pub const ALL: [Self; 4] = [Self::Main, Self::After, Self::OnFailure, Self::Finally];

    /// The word used in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Main => "tasks",
            Self::After => "after",
            Self::OnFailure => "on_failure",
            Self::Finally => "finally",
            Self::Compensation => COMPENSATE,
        }
    }
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The key in the document.
    pub name: Arc<str>,
    /// The group it stands in; of a compensation the task that it takes back.
    pub parent: Option<NodeId>,
    /// The section its outermost group stands in.
    pub section: Section,
    /// What it does.
    pub work: Work,
    /// Siblings that must settle first. No repeats, no cycles.
    pub needs: Vec<NodeId>,
    /// Siblings that wait for this one: the inverse of `needs`.
    pub needed_by: Vec<NodeId>,
    /// `if`: a false value skips the task.
    pub condition: Option<ExprId>,
    /// `foreach`: the task runs once for each item.
    pub foreach: Option<Foreach>,
    /// `loop`: the task runs again until it is good.
    pub repeat: Option<Loop>,
    /// `timeout`.
    pub timeouts: Timeouts,
    /// `retry`, with its defaults filled in.
    pub retry: Retry,
    /// `catch`: rungs in order, tried once the attempts are spent.
    pub catch: Vec<Catch>,
    /// `fail_if` and the class it fails with.
    pub fail_if: Option<(ExprId, Class)>,
    /// What an attempt does to the outside. The target may say otherwise where the document is silent (`effect_declared`).
    pub effect: Effect,
    /// True if the document itself named the effect.
    pub effect_declared: bool,
    /// `on_uncertain`: what happens when nobody knows whether an attempt took effect.
    pub on_uncertain: OnUncertain,
    /// `compensate`: the task that takes its effect back.
    pub compensate: Option<NodeId>,
    /// `optional`: a failure or the policy may drop it without failing the run.
    pub optional: bool,
    /// 0 to 100: among optional tasks the least value is dropped first. The greatest of those before the answer is what that is worth.
    pub value: u8,
    /// No catch, no cache, no degraded target.
    pub no_fallback: bool,
    /// The caller sees its text while it runs.
    pub live: bool,
    /// Its text is held back until these tasks (of the same section's top level) have succeeded.
    pub publish_after: Vec<NodeId>,
    /// Does not start before this instant, an RFC 3339 text given by an expression, or a constant.
    pub not_before: Option<NotBefore>,
    /// Starts this long after its dependencies have settled.
    pub delay: Option<Duration>,
    /// Must settle this long after its dependencies have settled, waiting and attempts included.
    pub within: Option<Duration>,
    /// `resources`: what an attempt holds beside its target, of different pools in the order of their names. Empty for a group.
    pub resources: Arc<[Need]>,
    /// `cache`: its result is kept, and may be one that was.
    pub cache: Option<Cache>,
    /// True if some expression reads its output, so that it must be made.
    pub output_used: bool,
    /// `judges`: its output says how good that of another task is.
    pub judges: Option<Box<Judges>>,
    /// `adds`: what it gives is read as further tasks of its run.
    pub adds: Option<Adds>,
    /// Who has replaced it in a live run before it started, as people are told: it is skipped.
    pub replaced: Option<Arc<str>>,
    /// It was added before the plan that it stands in was whole, and that plan has not taken it up.
    pub ahead: Option<Ahead>,
}

/// When a task may start at the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotBefore {
    /// Known in the document.
    At(Timestamp),
    /// Given by an expression.
    Expr(ExprId),
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// An attempt on a target.
    Call(Call),
    /// Tasks inside it.
    Group(Group),
}

/// `uses` and `with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is needed.
    pub capability: Capability,
    /// `with`: evaluates to the input payload.
    pub input: ExprId,
    /// Which targets will do, in what order.
    pub requirement: Requirement,
    /// `with.max_tokens`, where it is a constant.
    pub output_cap: Option<u32>,
    /// Of `uses: graph`: what a child run does.
    pub child: Option<Arc<Child>>,
    /// Which other calls it is like.
    pub kind: Option<Kind>,
}

/// Calls of one kind are expected to take alike, in whatever graph they stand: they have capability and requirement in common, and what the document says
/// of what is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u64);

/// Tasks inside a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// In the order of the document.
    pub tasks: Vec<NodeId>,
    /// `output` of the group; without it, the objects that its tasks give, merged in the order of the document.
    pub output: Option<ExprId>,
    /// `race`: the first good results count.
    pub race: Option<Race>,
}

/// A source text that the driver evaluates, and what it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// How to read `source`.
    pub form: Form,
    /// The text.
    pub source: Arc<str>,
    /// Everything it reads; the core resolves these to payloads. No repeats.
    pub reads: Vec<DataRef>,
}

/// How to read the source of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A MiniJinja expression, without delimiters. Keeps its type.
    Expression,
    /// A JSON text with templates in its strings. Evaluates to the same tree with the templates replaced.
    Tree,
    /// A JSON text without templates.
    Constant,
}

/// Something that an expression reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataRef {
    /// `inputs`.
    Inputs,
    /// `tasks.X.output` of a sibling, of the task itself (`fail_if`) or, as `outer.tasks.X`, of a task further out.
    Output(NodeId),
    /// `loop.previous.tasks.X.output`.
    Previous(NodeId),
    /// `loop.round`, from 1.
    Round,
    /// `item` of the innermost `foreach`.
    Item,
    /// `item_index`, from 0.
    ItemIndex,
    /// `output`: the result being judged, in `fail_if` and `good_if`.
    Candidate,
    /// `task.key`: the idempotency key.
    Key,
    /// `run.id`.
    RunId,
    /// `run.error`: class and message, in `on_failure` and `finally`.
    RunError,
    /// `run.partial_output`: the outputs of the main tasks that succeeded, in `on_failure` and `finally`.
    PartialOutput,
    /// `error`: class and message of what an output of `catch` takes the place of.
    Caught,
}

impl Graph {
    /// The task at this place.
    ///
    /// # Panics
    ///
    /// If the id is of another graph.
    #[must_use]
    pub fn task(&self, node: NodeId) -> &Task {
        &self.tasks[node.0 as usize]
    }

    /// What the instance at this path takes back; `None` for the path of another task.
    #[must_use]
    pub fn undone_by(&self, path: &TaskPath) -> Option<TaskPath> {
        let (_, of) = path.segments().split_last().filter(|_| self.undoes(path))?;
        Some(TaskPath(of.into()))
    }

    /// True if the instance at this path takes back what another has done.
    #[must_use]
    pub fn undoes(&self, path: &TaskPath) -> bool {
        let Some(Segment::Task(node)) = path.segments().last() else { return false };
        self.tasks.get(node.0 as usize).is_some_and(Task::is_compensation)
    }

    /// True if the task is an agent: a loop whose rounds are turns of a model.
    #[must_use]
    pub fn is_agent(&self, node: NodeId) -> bool {
        let Work::Group(group) = &self.task(node).work else { return false };
        let word = format!("\"{AGENT_TURN}\":");
        let is_turn = |task: &NodeId| match &self.task(*task).work {
            Work::Call(call) => self.expr(call.input).source.contains(&word),
            Work::Group(_) => false,
        };
        group.tasks.iter().any(is_turn)
    }

    /// True if the task is a tool of an agent: it runs for the calls that name it, and is skipped for the others.
    #[must_use]
    pub fn is_tool(&self, node: NodeId) -> bool {
        let agent = self.task(node).parent.and_then(|calls| self.task(calls).parent);
        agent.is_some_and(|agent| self.is_agent(agent))
    }

    /// The expression at this place.
    ///
    /// # Panics
    ///
    /// If the id is of another graph.
    #[must_use]
    pub fn expr(&self, expr: ExprId) -> &Expr {
        &self.exprs[expr.0 as usize]
    }

    /// The top-level tasks of a section.
    #[must_use]
    pub fn section(&self, section: Section) -> &[NodeId] {
        match section {
            Section::Main => &self.main,
            Section::After => &self.after,
            Section::OnFailure => &self.on_failure,
            Section::Finally => &self.finally,
            Section::Compensation => &[],
        }
    }

    /// The tasks that stand beside each other in this group, or at the top of the section.
    #[must_use]
    pub fn siblings(&self, parent: Option<NodeId>, section: Section) -> &[NodeId] {
        match parent {
            None => self.section(section),
            Some(parent) => match &self.task(parent).work {
                Work::Group(group) => &group.tasks,
                Work::Call(_) => &[],
            },
        }
    }

    /// Task instances of one run that live at once at most: items of a `foreach` and the round of a `loop` are instances of their
    /// own, and so is all that stands inside each of them.
    #[must_use]
    pub fn live_tasks_max(&self) -> u64 {
        self.instances_max().fold(0, u64::saturating_add)
    }

    /// The same by task, each with the instances of itself only.
    pub fn instances_max(&self) -> impl Iterator<Item = u64> {
        // By task: how often what stands inside it is there. A group stands before its tasks.
        let mut inside: Vec<u64> = Vec::with_capacity(self.tasks.len());
        self.tasks.iter().map(move |task| {
            let times = task.parent.map_or(1, |parent| inside[parent.0 as usize]);
            let items = task.foreach.map(|foreach| times.saturating_mul(u64::from(foreach.parallel_max)));
            let within = items.unwrap_or(times);
            inside.push(within);
            let rounds = task.repeat.as_ref().map_or(0, |_| within);
            times.saturating_add(items.unwrap_or(0)).saturating_add(rounds)
        })
    }
}

impl Task {
    /// True if it takes back what another task has done.
    #[must_use]
    pub const fn is_compensation(&self) -> bool {
        matches!(self.section, Section::Compensation)
    }

    /// True if `retry` names this class: it is tried again as long as attempts are left.
    #[must_use]
    pub fn retries(&self, class: Class) -> bool {
        self.retry.on.contains(class)
    }
}
