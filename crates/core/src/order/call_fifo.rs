//! Whose task was ready first: a queue of calls that knows of no runs. What better rules are compared with.

use super::{Rule, Seen};

pub(super) struct CallFifo;

impl Rule for CallFifo {
    fn index(&self, seen: &Seen<'_>) -> u64 {
        seen.ready.0
    }
}
