//! The same core in virtual time: generated runs, faults, crashes, and checkers that stand outside.
//!
//! A crate of its own because of its ban: no clock, no runtime, no ports. A seed fixes everything: the documents (which go through
//! `spec` like anybody's), how evaluations and attempts end, when the disk is slow, when the process dies. [`play`] runs one seed and
//! gives what it saw; a violation names the seed, which is all that is needed to see it again ([`plans::shrink`] makes it small).
//!
//! Every decision is judged by a naive reference scheduler ([`oracle`]), every promise by a checker ([`check`]); [`cut_everywhere`]
//! lets the process die behind every record.

pub mod bench;
pub mod chance;
pub mod check;
pub mod corpus;
pub mod generate;
pub mod lab;
pub mod oracle;
pub mod plans;
pub mod replay;
mod trace;
pub mod world;

pub use world::{Faults, Planned, Played, cut_everywhere, play, show};

#[cfg(test)]
mod tests;
