//! THE SCHEDULER: `Event` in, `Action` out. Pure decisions: no IO, no clock, no runtime, no payloads.
//!
//! A crate of its own because it carries a ban: whatever takes time or can fail is an [`Action`], answered by an [`Event`]. So the
//! engine drives it with real clocks, the simulator in virtual time, and a test with a text.
//!
//! # The contract
//!
//! ```text
//! scheduler.remember(checkpoint);                              // what an earlier life had learned, if that is known
//! for record in journal { scheduler.apply(record) }            // restores: makes no choice, calls no policy, emits nothing
//! scheduler.handle(now, Event::Opened { .. });                 // decides what became of what was in flight
//! loop {
//!     while let Some(action) = scheduler.poll_action() { .. }  // drain before the next event
//!     let wake = scheduler.poll_timeout();                     // when to come back, and why
//!     scheduler.handle(now, event_or(Event::TimeReached))?;    // the only mutation; only submissions, additions and signals are refused
//! }
//! ```
//!
//! 1. `handle` = decide → record → apply. State of runs changes in `apply` alone, so a restart arrives where live handling was.
//! 2. Durability is decided here: an action with `after: Some(seq)` waits for [`Event::Durable`]. Work without outside effect runs
//!    ahead of the disk; answers, `idempotent`, `once` and paid attempts do not.
//! 3. Time and chance come in: `now` never goes back (it is clamped), the random numbers are seeded by [`Event::Opened`]. The same
//!    events give the same actions, byte for byte.
//!    A driver that has several events at hand may say so ([`Scheduler::gather`]): what is ready is then sent with the last of them.
//! 4. Outcomes are never refused: an attempt or an evaluation is asked for only within the credits of [`agendum_types::Limits`].
//! 5. The cost of an event is O(log n) for each action and for each thing it touches: a freed target touches the classes of ready tasks that can use it,
//!    units that come back the classes that sleep for no more of that pool than is left, money that comes free in a window the kinds of tasks that wait for
//!    it and each task that was lowered for want of it, a caller's wish the instances of its run,
//!    a new table of targets, other rules and a plan that begins or ends every queued task, other pools
//!    every class that lacks units, a target that closes the tasks that would rather wait for it than go elsewhere, a task with a deadline that comes up the
//!    first of its tenant's queue (`look` of a policy). Where expected times are derived anew, the tasks of that graph: with the first, second, fourth …
//!    task of which nothing was known, and then once for 64 ends or a quarter of its tasks. Where those ask for units of pools, are no groups and are
//!    `ranked_tasks_max` at most, each such time costs three list schedules of them as well: a look at all that would wait whenever one would end; a
//!    submission after other pools or something new was learned does so too. In larger graphs the way to the end alone decides.
//!
//! Reading order: [`event`], [`action`], [`record`], then `scheduler`.

pub mod action;
pub mod checkpoint;
pub mod event;
mod foresee;
pub mod project;
pub mod record;
pub mod thinking;

pub mod why;

mod afford;
mod ahead;
mod before;
mod bend;
mod bind;
mod board;
mod breaker;
mod cache;
mod child;
mod choice;
mod decide;
mod digest;
mod effects;
mod eligible;
mod flights;
mod hedge;
mod inst;
mod kinds;
mod labels;

mod knee;
mod lately;
mod learned;
mod ledger;
mod locality;
mod lookup;
mod on;
mod order;
mod outlast;
mod outlook;
mod overload;
mod pace;
mod place;
mod plan;
mod planned;
mod plea;
mod preempt;
mod purse;
mod queue;
mod queueing;
mod rank;
mod rejected;
mod remember;
mod retries;
mod reuse;
mod rng;
mod room;
mod run;
mod scheduler;
mod score;
mod share;
mod short;
mod sketch;
mod speed;
mod standing;
mod targets;
#[cfg(test)]
mod tests;
mod timers;
mod trouble;
mod turns;
mod usual;
mod view;
mod warm;
mod work;

pub use action::{
    Action, Answer, Bound, Deed, Dispatch, Entry, Evaluate, Keep, LookUp, Make, Purpose, RunFailure, Step,
};
pub use before::{Before, NotTaken, Wish};
pub use board::DOWNTIMES_MAX;
pub use checkpoint::Checkpoint;
pub use child::Inherited;
pub use event::{Addition, Addressee, Evaluation, Event, Raise, Signal, Submission};
pub use foresee::FORESEEN_MAX;
pub use kinds::KINDS_MAX;
pub use rejected::Rejected;
pub use scheduler::Scheduler;
pub use standing::{Held, Standing, Stopped};
pub use timers::Wake;
pub use why::{Heard, RanOut, Reason, Reasons, Seen};

/// What a result is told that `fail_if` refuses.
pub const REFUSED: &str = on::evaluated::REFUSED;

/// Why a run has no output that a caller cancelled.
pub const CALLED_OFF: &str = "cancelled by the caller";

pub use record::{
    Answered, Cached, Change, Choice, Compensated, Dispatched, End, Ended, Finished, Given, Next, NextRound, Origin,
    Passed, Preempted, Raised, Record, Resolved, Reuse, RunSubmitted, SignalKept, Unsent, Waited, Waits,
};
