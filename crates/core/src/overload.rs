//! When a run is refused because too much waits already. What was accepted waits for as long as it takes: it is never dropped for that.
//!
//! Two bounds, both by priority: a tenant has so many ready tasks that wait at most, and where those that are sent have stood in the queue for too long on
//! average, for some time, nothing comes in that has no deadline. Whoever has one is judged by it when it could be sent ([`crate::outlook`]). A child run
//! was let in with its parent.
//!
//! Whoever is refused is told when there will be room: when what waits of its priority and of more urgent ones has been sent, at as many attempts at once
//! as the targets take that it waits for, of the length of the latest there. At the beginning of a storm those that are sent have hardly stood; what
//! waits tells of it at once. It is never less than what those that were sent last had stood.

use agendum_types::graph::Priority;
use agendum_types::{Duration, Timestamp};

use crate::child;
use crate::event::Submission;
use crate::rejected::Rejected;
use crate::scheduler::Scheduler;
use crate::share::take_into;
use crate::targets::MILLION_SECONDS;

/// Whoever is refused is told to come back after so long at least, and at most: what comes then is another load.
const AGAIN: (Duration, Duration) = (Duration::secs(1), Duration::secs(3_600));

/// How long the tasks of a priority stand in the queue.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stood {
    /// Count and mean of about the last 32 that were sent.
    of_late: (u32, u64),
    /// Since when that mean is more than the policy has it.
    long_since: Option<Timestamp>,
}

impl Scheduler {
    /// A task was sent that had stood in the queue for so long.
    pub(crate) fn has_stood(&mut self, band: Priority, span: Duration) {
        let (most, now) = (self.policy.overload.stand, self.now);
        let Stood { of_late, long_since } = &mut self.stood[band as usize];
        take_into(of_late, span.as_micros());
        let is_long = most > Duration::ZERO && of_late.1 > most.as_micros();
        *long_since = is_long.then(|| long_since.unwrap_or(now));
    }

    /// Refuses a run where too much waits.
    ///
    /// # Errors
    ///
    /// With what is too much, and when to try again.
    pub(crate) fn has_room_for(&self, submission: &Submission) -> Result<(), Rejected> {
        if submission.parent.is_some() {
            return Ok(());
        }
        let (rules, graph) = (self.policy.overload, &submission.graph);
        let band = submission.priority.unwrap_or(graph.priority);
        let Stood { of_late, long_since } = self.stood[band as usize];
        let stood = Duration(of_late.1);
        let retry_after = || stood.max(self.room_in(band)).max(AGAIN.0).min(AGAIN.1);
        if self.board.queue.waiting_of(&submission.tenant, band) >= u64::from(rules.waiting) {
            return Err(Rejected::QueueFull { count: rules.waiting, retry_after: retry_after() });
        }
        let has_deadline = submission.deadline.or(graph.deadline).is_some();
        let is_long = long_since.is_some_and(|since| self.now.since(since) >= rules.interval);
        if rules.stand > Duration::ZERO && is_long && !has_deadline && self.board.queue.has_waiting(band) {
            return Err(Rejected::Overloaded { stood, retry_after: retry_after() });
        }
        Ok(())
    }

    /// How long what waits in this band and the more urgent ones takes to be sent; zero where nothing waits for a target, or no target takes any.
    fn room_in(&self, band: Priority) -> Duration {
        let wanted = self.targets.ids().filter(|target| self.board.queue.is_wanted(*target));
        let wanted = wanted.map(|target| self.targets.row(target)).filter(|row| !child::is_target(&row.target.name));
        let rate: u128 = wanted.map(|row| row.does_in_a_million_seconds()).sum();
        let waiting = u128::from(self.board.queue.waiting_down_to(band));
        let takes = (waiting * MILLION_SECONDS).checked_div(rate).unwrap_or_default();
        Duration(u64::try_from(takes).unwrap_or(u64::MAX))
    }
}
