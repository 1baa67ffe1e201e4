//! The real binary, as people use it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod again;
mod agents;
mod backup;
mod binary;
mod budgets;
mod cache;
mod check;
mod children;
mod compensation;
mod crash;
mod demo;
mod disk;
mod doubt;
mod explain;
mod faults;
mod hosting;
mod judges;
mod limits;
mod notices;
mod place;
mod planner;
mod plans;
mod policy;
mod provider;
mod raise;
mod replay;
mod support_answer;
mod targets;
mod turns;
mod waits;
mod watch;
