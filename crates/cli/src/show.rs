//! What people see.

mod progress;
mod streams;
mod tables;

pub(crate) use progress::Follower;
pub(crate) use tables::{detail, json, output, runs, timeline, why};
