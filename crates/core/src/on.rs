//! What each event leads to, one family in a file.

pub(crate) mod ahead;
mod compensate;
pub(crate) mod control;
mod crash;
mod doubt;
pub(crate) mod evaluated;
pub(crate) mod opened;
pub(crate) mod outcome;
mod planned;
mod raise;
mod ran_out;
pub(crate) mod signal;
pub(crate) mod submit;
pub(crate) mod timeout;
mod turn;
