//! Greatest risk first (as in HexAGenT, arXiv 2605.16637): whose next attempt is most likely to take longer than its deadline leaves, by what attempts
//! that were given as much have taken.
//!
//! A risk counts as if the run were due sooner, by so much of `patience`: a sure one by all of it. Without a risk, without a deadline, or before enough was
//! seen, it stands as with `slack`; so nothing waits for ever. What would be late even if it were quick stands behind by all of `patience`: it is given
//! up when its turn comes. What has not begun and may be late steps aside under every index.

use agendum_types::Duration;

use super::{Rule, Seen};

pub(super) struct Risk;

impl Rule for Risk {
    fn index(&self, seen: &Seen<'_>) -> u64 {
        let slack = seen.due.before(seen.following());
        if !seen.is_timed {
            return slack.0;
        }
        if seen.expected().is_some_and(|expected| expected.quick > seen.due.since(seen.now)) {
            return slack.after(seen.patience).0;
        }
        slack.before(Duration(seen.patience.as_micros() / 1_000 * seen.late())).0
    }

    fn is_due(&self) -> bool {
        true
    }
}
