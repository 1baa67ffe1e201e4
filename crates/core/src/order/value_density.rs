//! Greatest value for the time that it still takes (as in Tempo, arXiv 2504.20068), among runs that can be in time. Age makes up for it.
//!
//! What an answer is worth is the greatest `value` of the tasks before it; 50 is usual. A run that would be late on average stands as if it
//! came when it is due: behind those that can make it, and it goes when there is room.

use agendum_types::Duration;

use super::{Rule, Seen};

/// The value of a task that says none.
const USUAL: u64 = 50;

pub(super) struct ValueDensity;

impl Rule for ValueDensity {
    fn index(&self, seen: &Seen<'_>) -> u64 {
        let (left, is_known) = seen.left();
        let weighed = Duration(left.as_micros().saturating_mul(USUAL) / seen.value());
        let is_late = seen.is_timed && is_known && seen.now.after(left) > seen.due;
        if is_late { seen.due.after(seen.aged(weighed)).0 } else { seen.later(weighed) }
    }
}
