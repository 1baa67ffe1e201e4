//! Least attained service first, in steps that double (as in Autellix, arXiv 2502.13965): nothing is predicted. Age makes up for it.

use agendum_types::Duration;

use super::{Rule, Seen};

pub(super) struct AttainedService;

impl Rule for AttainedService {
    fn index(&self, seen: &Seen<'_>) -> u64 {
        seen.later(Duration(seen.served.time.as_micros().checked_next_power_of_two().unwrap_or(u64::MAX)))
    }
}
