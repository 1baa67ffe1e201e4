//! The deliberative tier: what the last hours say of the rules, and which others would have done better.
//!
//! A crate of its own because it carries a ban: it decides from what it is given, without IO, clock or runtime, as the core does, and the core knows
//! nothing of it. What it makes is a [`agendum_types::Plan`], which the core takes as an event and forgets when it runs out.
//!
//! [`propose`] searches: it takes a step of one parameter ([`moves`]) where that does better on the earlier part of the past, as often as that helps,
//! and lets the later part, which nothing was chosen on, say what came of it: that is what the plan expects, how sure it is, and what it risks.
//! Who plays the past is the caller's business ([`Bench`]); in the product it is the replay of the journal. [`lint`] says whether a plan may be
//! taken, whoever made it.
//!
//! Reading order: [`figures`], [`moves`], [`propose`], [`lint`].

pub mod figures;
pub mod lint;
pub mod moves;
pub mod propose;

pub use figures::{Course, Figure};
pub use lint::{Finding, Lint, lint};
pub use moves::{Move, moves};
pub use propose::{Asked, Bench, Outcome, Played, Proposal, Trial, propose};
