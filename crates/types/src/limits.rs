//! A number for everything that could grow.

use crate::time::Duration;

/// The limits of a shard and of what it accepts. What exceeds one is refused with a reason, never cut in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a document with every file it names.
    pub document_bytes_max: usize,
    /// Tasks of a graph, nested ones included.
    pub graph_tasks_max: u32,
    /// Task instances of one run that its graph lets live at once: see [`crate::Graph::live_tasks_max`].
    pub run_tasks_max: u32,
    /// Dependencies of one task.
    pub needs_max: u32,
    /// Tasks of a graph that are ranked by the pools that they hold beside the way to the end; in larger graphs that way alone counts.
    pub ranked_tasks_max: u32,
    /// Groups inside groups.
    pub depth_max: u32,
    /// Items of one `foreach`.
    pub foreach_items_max: u32,
    /// Items of one `foreach` that run at once where the document names no `max_parallel`.
    pub foreach_parallel_default: u32,
    /// Rounds of a loop that nobody has bounded, as `check --fix` writes it: few, because each may call every model inside.
    pub loop_rounds_default: u32,
    /// Signals and webhooks that a run keeps for waits to come.
    pub signals_kept_max: u32,
    /// Webhooks of a run whose ids are remembered, so that one which is sent again acts once.
    pub webhooks_remembered_max: usize,
    /// Attempts of one task, all rungs together.
    pub attempts_max: u32,
    /// Crashes in a row in which a run was at work, after which it is held until somebody lets it go on.
    pub crashes_max: u32,
    /// Runs alive in one shard.
    pub live_runs_max: u32,
    /// Task instances alive in one shard.
    pub live_tasks_max: u32,
    /// Attempts in flight in one shard: the driver has this many outcome slots.
    pub attempt_credits: u32,
    /// Evaluations in flight in one shard.
    pub evaluation_credits: u32,
    /// Names, values and operators of an expression that no comma parts: its syntax tree is never deeper.
    pub expression_depth_max: u32,
    /// Brackets inside brackets of an expression.
    pub expression_brackets_max: u32,
    /// Blocks inside blocks of a template; each `elif` is one more.
    pub template_blocks_max: u32,
    /// Lists and maps inside each other in a value that an evaluation makes.
    pub value_depth_max: u32,
    /// Words of the schema of a run's inputs, with every `$ref` followed as often as the text of the schema leads to it.
    pub schema_words_max: u32,
    /// Evaluations and validations that run at the same time beside the shard's thread.
    pub evaluation_threads: u32,
    /// Evaluations and validations that may wait for such a thread.
    pub evaluations_waiting_max: u32,
    /// How long an evaluation may take before it counts as failed.
    pub evaluation_time_max: Duration,
    /// Instructions of one evaluation.
    pub evaluation_fuel: u64,
    /// Bytes that one evaluation may give.
    pub evaluation_bytes_max: usize,
    /// Bytes of one payload.
    pub payload_bytes_max: u64,
    /// Payloads up to this size travel inside their journal row.
    pub inline_payload_bytes_max: usize,
    /// Bytes that must be left on the disk for more work to be taken in; once they were not, twice as many.
    pub disk_reserve: u64,
    /// A jump of the clock forward over this much is recorded.
    pub clock_jump_max: Duration,
    /// Dearer results are committed before what depends on them is dispatched; pico-dollars.
    pub commit_above: crate::money::Money,
}

impl Limits {
    /// What Agendum ships with.
    pub const STANDARD: Self = Self {
        document_bytes_max: 1 << 20,
        graph_tasks_max: 10_000,
        run_tasks_max: 1_000_000,
        needs_max: 1_000,
        ranked_tasks_max: 256,
        depth_max: 8,
        foreach_items_max: 100_000,
        foreach_parallel_default: 8,
        loop_rounds_default: 3,
        signals_kept_max: 64,
        webhooks_remembered_max: 256,
        attempts_max: 100,
        crashes_max: 3,
        live_runs_max: 2_000_000,
        live_tasks_max: 20_000_000,
        attempt_credits: 4_096,
        evaluation_credits: 4_096,
        expression_depth_max: 128,
        expression_brackets_max: 16,
        template_blocks_max: 24,
        value_depth_max: 64,
        schema_words_max: 20_000,
        evaluation_threads: 2,
        evaluations_waiting_max: 8_192,
        evaluation_time_max: Duration::secs(10),
        evaluation_fuel: 2_000_000,
        evaluation_bytes_max: 8 << 20,
        payload_bytes_max: 256 << 20,
        inline_payload_bytes_max: 16 << 10,
        disk_reserve: 64 << 20,
        clock_jump_max: Duration::secs(300),
        commit_above: crate::money::Money(1_000_000_000),
    };
}
