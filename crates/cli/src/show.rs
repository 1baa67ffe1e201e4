//! What people see.

mod brief;
mod children;
mod column;
mod compensation;
mod diagnostics;
mod harmless;
mod outlet;
mod policies;
mod progress;
mod rewritten;
mod said;
mod streams;
mod tables;
mod waits;
mod why;

pub(crate) use brief::brief;
pub(crate) use diagnostics::{MORE, diagnostic, diagnostics};
pub(crate) use harmless::in_line;
pub(crate) use outlet::{Outlet, err, out, plain};
pub(crate) use policies::{Otherwise, differences, parameters};
pub(crate) use progress::Follower;
pub(crate) use rewritten::Rewritten;
pub(crate) use tables::{counted, detail, dollars, json, one_line, output, runs, timeline};
pub(crate) use waits::waits;
pub(crate) use why::why;
