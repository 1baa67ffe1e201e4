//! What people see.

mod diagnostics;
mod progress;
mod tables;

pub(crate) use diagnostics::{diagnostic, diagnostics};
pub(crate) use progress::follow;
pub(crate) use tables::{detail, json, output, runs, timeline, why};
