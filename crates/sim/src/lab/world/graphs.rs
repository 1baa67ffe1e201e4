//! The graphs of the laboratory, checked like anybody's, and the targets that they meet.

use std::borrow::Cow;
use std::sync::Arc;

use agendum_spec::{NoFiles, Source};
use agendum_types::outcome::Price;
use agendum_types::pool::UNITS_MAX;
use agendum_types::target::Rate;
use agendum_types::{Capability, Duration, Graph, Limits, Money, Pool, Target};

use crate::lab::fleet::Fleet;
use crate::lab::workload::flows::{Flow, Step};
use crate::lab::workload::{Job, Workload};
use crate::lab::world::View;

/// An agent: a call, then its tools and whoever helps it, until it has enough.
const AGENT: &str = r#"
tasks:
  work:
    loop: { until: "${{ tasks.call.output.text == 'done' }}", max_iterations: 1000, on_exhausted: fail }
    tasks:
      call: { uses: chat, with: { prompt: next } }
      tool: { needs: [call], uses: exec, effect: none, with: { argv: [act] } }
      side:
        if: "${{ tasks.call.output.text == 'help' }}"
        loop: { until: "${{ tasks.ask.output.text == 'done' }}", max_iterations: 1000, on_exhausted: fail }
        tasks:
          ask: { uses: chat, with: { prompt: next } }
          act: { needs: [ask], uses: exec, effect: none, with: { argv: [act] } }
"#;

/// A single call.
const CALL: &str = r#"
inputs: { type: object, properties: { text: { type: string } } }
tasks:
  call: { uses: chat, with: { prompt: "${{ inputs.text }}" }, retry: { max_attempts: 100 } }
"#;

/// As always, but that a task may need all others: workflows do.
const LIMITS: Limits = Limits { needs_max: 10_000, ..Limits::STANDARD };

/// What holds for a core with that view.
pub(super) const fn limits(view: View) -> Limits {
    if view.plain { Limits { ranked_tasks_max: 0, ..LIMITS } } else { LIMITS }
}

/// What the calls of a run read.
const INPUTS: &str = "inputs: { type: object, properties: { text: { type: string } } }\n";

/// Input tokens count once among tenants and output tokens twice, at a price that is small change.
const TOKEN: Money = Money(100_000);

/// True if a job is more than one call.
fn is_chain(job: &Job) -> bool {
    job.rounds.len() > 1 || job.rounds.iter().any(|round| round.tools > Duration::ZERO || !round.side.is_empty())
}

/// What the runs of a kind look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One call.
    Call,
    /// So many calls, one after the other.
    Calls(usize),
    /// Calls and tools until it has enough.
    Agent,
    /// A workflow.
    Flow,
}

impl Shape {
    /// Of the runs of this kind, by its number.
    pub(super) fn of(workload: &Workload, class: usize, jobs: &[Job]) -> Self {
        if !workload.flows.is_empty() {
            return Self::Flow;
        }
        if !jobs.iter().any(is_chain) {
            return Self::Call;
        }
        let rounds = jobs.iter().find(|job| job.class as usize == class).map_or(1, |job| job.rounds.len());
        if workload.is_known { Self::Calls(rounds) } else { Self::Agent }
    }

    fn document(self, flow: Option<&Flow>) -> String {
        match self {
            Self::Call => CALL.to_owned(),
            Self::Calls(count) => {
                let call = |number: usize| {
                    let needs = if number == 0 { String::new() } else { format!("needs: [call{}], ", number - 1) };
                    format!("  call{number}: {{ {needs}uses: chat, with: {{ prompt: \"${{{{ inputs.text }}}}\" }} }}\n")
                };
                format!("{INPUTS}tasks:\n{}", (0..count).map(call).collect::<String>())
            }
            Self::Agent => AGENT.to_owned(),
            Self::Flow => format!("{INPUTS}tasks:\n{}", flow.map(programs).unwrap_or_default()),
        }
    }
}

/// The tasks of a workflow: programs by name, whose input is known when it is there.
fn programs(flow: &Flow) -> String {
    let task = |(number, step): (usize, &Step)| {
        let needs: Vec<String> = step.needs.iter().map(|need| format!("t{need}")).collect();
        let asks = |(pool, units): &(usize, u64)| format!("{}: {units}", flow.pool(*pool));
        let units: Vec<String> = step.units.iter().map(asks).collect();
        // What holds units is given nothing that would have to be made first: it is ready at once.
        let more = if flow.pools.is_empty() {
            ", stdin: \"${{ inputs.text }}\" }".to_owned()
        } else if units.is_empty() {
            " }".to_owned()
        } else {
            format!(" }}, resources: {{ {} }}", units.join(", "))
        };
        let (needs, kind) = (needs.join(", "), program(&step.kind));
        format!("  t{number}: {{ needs: [{needs}], uses: exec, effect: none, with: {{ argv: [{kind:?}]{more} }}\n")
    };
    flow.tasks.iter().enumerate().map(task).collect()
}

/// Characters of a name of a program that a trace gives.
const PROGRAM_MAX: usize = 200;

/// A program as a document may name it: traces have lines for a shell, and worse. What is changed has a mark of what it was, so that others stay others.
fn program(kind: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " _./+-:,=@%".contains(letter);
    if kind.len() <= PROGRAM_MAX && kind.chars().all(is_plain) {
        return Cow::Borrowed(kind);
    }
    let plain = kind.chars().take(PROGRAM_MAX).map(|letter| if is_plain(letter) { letter } else { '-' });
    let mark = &blake3::hash(kind.as_bytes()).to_hex()[..8];
    Cow::Owned(format!("{}#{mark}", plain.collect::<String>()))
}

/// The pools of all workflows.
pub(super) fn pools(flows: &[Flow]) -> Vec<Pool> {
    let of = |flow: &Flow| -> Vec<Pool> {
        let pool = |(number, units): (usize, &u64)| Pool {
            name: flow.pool(number).into(),
            units: u32::try_from(*units).unwrap_or(UNITS_MAX),
        };
        flow.pools.iter().enumerate().map(pool).collect()
    };
    // Those that are shared are there once.
    let is_shared = flows.first().is_some_and(|flow| flow.is_shared);
    flows.iter().take(if is_shared { 1 } else { flows.len() }).flat_map(of).collect()
}

/// Characters of the name of a graph, behind the first of it.
const NAME_MAX: usize = 60;

/// The graph of a kind.
///
/// # Errors
///
/// If the core would not take it: names and counts come from the data.
pub(super) fn of(class: &str, shape: Shape, flow: Option<&Flow>) -> Result<Arc<Graph>, String> {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let name: String = class.chars().map(letter).take(NAME_MAX).collect();
    let text = format!("version: 1\nname: lab-{name}\n{}", shape.document(flow));
    let checked = agendum_spec::check(Source { name: "lab", text: &text }, &NoFiles, &LIMITS);
    let wrong = || checked.diagnostics.first().map(|diagnostic| diagnostic.message.to_string()).unwrap_or_default();
    let runnable =
        checked.runnable().ok_or_else(|| format!("kind {class:?} makes no document that can run: {}", wrong()))?;
    Ok(Arc::clone(&runnable.graph))
}

/// How many targets are models.
pub(super) const fn models(fleet: &Fleet) -> u32 {
    match fleet {
        Fleet::Backends(spec) => spec.count,
        Fleet::Regions(_) => 2,
        Fleet::Slots(_) | Fleet::Engine(_) | Fleet::Provider(_) | Fleet::Workers | Fleet::Pools(_) => 1,
    }
}

/// Models with so many slots, all together, and tools without end.
pub(super) fn targets(fleet: &Fleet, slots: u32, view: View) -> Vec<Target> {
    let price = Price { token_in: TOKEN, token_out: TOKEN.times(2), ..Price::FREE };
    let price = if matches!(fleet, Fleet::Engine(_)) { price } else { Price::FREE };
    if *fleet == Fleet::Workers {
        return vec![Target::free("workers", Capability::Exec, slots)];
    }
    if matches!(fleet, Fleet::Pools(_)) {
        return vec![Target::free("workers", Capability::Exec, u32::MAX)];
    }
    if let Some(regions) = fleet.regions() {
        let (near, far) = regions.split(slots);
        let bytes_per_s = Some(regions.bytes_per_s);
        let far = Target { bytes_per_s, ..Target::free("far", Capability::Exec, far) };
        return vec![Target::free("near", Capability::Exec, near), far];
    }
    let (rate, remembers) = match fleet {
        Fleet::Provider(quota) if !view.unpaced => (quota.rate(), 0),
        Fleet::Backends(spec) => (Rate::default(), spec.remembers),
        Fleet::Provider(_) | Fleet::Slots(_) | Fleet::Engine(_) => (Rate::default(), 0),
        Fleet::Workers | Fleet::Regions(_) | Fleet::Pools(_) => (Rate::default(), 0),
    };
    let count = models(fleet);
    let model = |number: u32| {
        let name = if count == 1 { "models".to_owned() } else { format!("model-{number}") };
        Target { price, rate, remembers, ..Target::free(&name, Capability::Chat, slots / count) }
    };
    let tools = Target::free("tools", Capability::Exec, u32::MAX);
    (0..count).map(model).chain([tools]).collect()
}
