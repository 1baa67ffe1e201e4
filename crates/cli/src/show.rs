//! What people see.

mod progress;
mod tables;

pub(crate) use progress::follow;
pub(crate) use tables::{detail, json, output, runs, timeline, why};
