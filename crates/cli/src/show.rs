//! What people see.

mod brief;
mod diagnostics;
mod progress;
mod streams;
mod tables;

pub(crate) use brief::brief;
pub(crate) use diagnostics::{diagnostic, diagnostics};
pub(crate) use progress::Follower;
pub(crate) use tables::{detail, json, output, runs, timeline, why};
