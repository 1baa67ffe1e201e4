//! For tests only: the conformance suite that every store must pass, and graphs from a terse text.
//!
//! A crate of its own so that nothing in it can reach a user's binary: only `[dev-dependencies]` may name it (`cargo xtask layers`).

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

pub mod script;
pub mod stores;
