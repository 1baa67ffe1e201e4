//! A target that turns an attempt away at once while it works on others has no room for it: neither the attempt nor the target is to blame.
//!
//! So it is with servers that bound what waits inside them, and with engines whose memory is full: what finds no room is answered with 503. The task is
//! queued anew at once, and that was no try. The target gets no more than it holds until one there has ended, and then one for one that has ended; whoever
//! stands first then is tried, so that order and shares count as if the target had been asked. As long as what was turned away for its size stands first,
//! it holds back what is smaller.
//!
//! Room also comes without an end, since attempts need less and less, and what comes free may be room for two: after a while one more is tried. That is a
//! short while where the last one so tried was not turned away, and twice as long each time that it was.
//!
//! A provider that refuses attempts for its limit (429) gets nothing until it said, and then one more, and others one by one, so that not all that waits is
//! spent on it. Each refusal of one that was so tried makes the next pause twice as long, whatever the provider said: up to a second where it has answered
//! somebody within the minute, since then it is at work, be it for others who use the same key, and that was no try; up to the pause of a broken target where
//! it has answered nobody. There tries count, so that a key without any quota fails, one run after the other.
//!
//! It is over when none was turned away for twenty seconds. Where a target turns one away that works on nothing, or asks for a pause for
//! another reason than a limit, that is another matter: pauses grow, and [`learned`](crate::learned) and [`breaker`](crate::breaker) look at it.
//! One that turns away all of many finds that out one by one.

use agendum_types::{Class, Duration, Outcome, TargetId, Timestamp};

use crate::inst::Flight;
use crate::scheduler::Scheduler;
use crate::timers::Timer;

/// So soon one more is tried after one that was not turned away.
const PATIENCE_MIN: Duration = Duration::millis(20);
/// So late at the latest.
const PATIENCE_MAX: Duration = Duration::secs(10);
/// So often that is looked at where nobody wants to be the next.
const UNUSED: Duration = Duration::secs(1);
/// For each so many tries of a task one end more is waited for before the next.
const TRIES_FOR_AN_END: u32 = 24;
/// So long after the last that was turned away as many are sent as before.
const REMEMBERED: Duration = Duration::secs(20);

/// So long a target that is at work, and refuses for its limit, gets nothing at most, but for what it says.
const PAUSE_MAX: Duration = Duration::secs(1);
/// So long after it has answered a target that refuses for its limit is at work: limits are by the minute.
pub(crate) const AT_WORK: Duration = Duration::secs(60);

/// A target that has turned one away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// So many at once.
    limit: u32,
    /// How many have to end before the next is tried.
    ends: u32,
    /// When one more is tried without that.
    next: Timestamp,
    /// How long after that another.
    patience: Duration,
    /// One more was so tried since one was last turned away.
    grows: bool,
    /// When that was, or when it takes calls again.
    turned_away: Timestamp,
    /// Of one that refuses for a limit: so long after one another is sent, unless that was answered.
    apart: Option<Duration>,
    /// One was answered since the last was so tried.
    is_answered: bool,
}

impl Room {
    /// One was turned away that was tried so often, while so many are out.
    fn turns_away(before: Option<Self>, (tries, running): (u32, u32), (now, most): (Timestamp, Duration)) -> Self {
        let ends = 1 + tries / TRIES_FOR_AN_END;
        let grown = |room: Self| if room.grows { twice(room.patience) } else { room.patience };
        let patience = before.map_or(PATIENCE_MIN, grown).min(Duration(most.as_micros() * u64::from(ends)));
        let next = now.after(patience);
        Self { limit: running, ends, next, patience, grows: false, turned_away: now, apart: None, is_answered: false }
    }

    /// It was refused for a limit by one that takes calls again at such an instant, and then another after so long.
    const fn reopens(at: Timestamp, after: Duration, patience: Duration) -> Self {
        let (next, apart) = (at.after(after), Some(after));
        Self { limit: 1, ends: 1, next, patience, grows: false, turned_away: at, apart, is_answered: false }
    }

    /// The pause after a refusal for a limit, of one that was sent then.
    fn pause(before: Option<Self>, sent: Timestamp, most: Duration) -> Duration {
        let of = |room: Self| if sent >= room.turned_away { twice(room.patience) } else { room.patience };
        before.map_or(PATIENCE_MIN, of).clamp(PATIENCE_MIN, most.max(PATIENCE_MIN))
    }

    /// One has ended, and so many are still out.
    fn frees(self, running: u32, now: Timestamp) -> Self {
        let ends = self.ends.saturating_sub(1);
        // One that is idle is never kept so.
        let limit = (running + u32::from(ends == 0)).max(1);
        Self { limit, ends, is_answered: self.is_answered || now >= self.turned_away, ..self }
    }

    /// One more may be tried, be it that the last was not turned away or not used; `None` if all is forgotten.
    fn grows(self, running: u32, now: Timestamp) -> Option<Self> {
        let is_unused = running < self.limit;
        let is_known = self.apart.is_none() || self.is_answered;
        if now >= self.turned_away.after(REMEMBERED) && (is_unused || self.grows && is_known) {
            return None;
        }
        if is_unused {
            return Some(Self { next: now.after(UNUSED), ..self });
        }
        // A provider's refusal may take as long as its answers.
        let apart = self.apart.filter(|_| !self.is_answered);
        let patience = if self.grows && apart.is_none() { PATIENCE_MIN } else { self.patience };
        let next = now.after(apart.unwrap_or(patience));
        Some(Self { limit: running + 1, ends: 0, next, patience, grows: true, is_answered: false, ..self })
    }

    /// So many at once.
    pub(crate) const fn limit(&self) -> u32 {
        self.limit
    }

    /// True if it was a limit for which it refused.
    pub(crate) const fn is_for_limit(&self) -> bool {
        self.apart.is_some()
    }
}

fn twice(span: Duration) -> Duration {
    Duration(span.as_micros().saturating_mul(2))
}

/// True if it had too much and did not ask for a pause.
fn says_no_more(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(failure) => failure.class == Class::Overloaded && failure.retry_after.is_none(),
        Outcome::Succeeded(_) => false,
    }
}

impl Scheduler {
    /// An attempt has ended there that was turned away or not, and was the so-manieth of its task: it was turned away for want of room, or has made some.
    /// True if nothing else is wrong: others are out there.
    pub(crate) fn makes_room(
        &mut self,
        target: TargetId,
        outcome: &Outcome,
        (turned_away, tries): (bool, u32),
    ) -> bool {
        let (now, row) = (self.now, self.targets.row(target));
        let (before, running) = (row.room, row.running);
        let is_full = turned_away && self.policy.limits.turned_away > 0 && says_no_more(outcome);
        let after = match before {
            // One by one, should it turn all away.
            _ if is_full && (running > 0 || before.is_some()) => {
                Some(Room::turns_away(before, (tries, running.max(1)), (now, self.patience(target))))
            }
            Some(room) if !turned_away => Some(room.frees(running, now)),
            Some(_) | None => None,
        };
        self.set_room(target, after);
        is_full && running > 0
    }

    /// Its provider may have refused it for its limit, and is closed then: true if that is at work, and gets one by one from then on. What goes to as many
    /// places as its inputs say, and what the policy has it so, is left to the tries of each task.
    pub(crate) fn meets_limit(&mut self, flight: Flight, outcome: &Outcome) -> bool {
        let (now, target, row) = (self.now, flight.target, self.targets.row(flight.target));
        if !matches!(outcome, Outcome::Failed(failure) if failure.class == Class::RateLimited) {
            return false;
        }
        if self.policy.limits.turned_away == 0 || !row.serves_models() {
            return false;
        }
        let is_at_work = row.is_at_work(now);
        let most = if is_at_work { PAUSE_MAX } else { self.policy.limits.pause_max };
        let pause = Room::pause(row.room, flight.sent, most);
        self.close_target(target, now.after(pause));
        let after = pause.max(self.patience(target));
        let room = Room::reopens(self.targets.row(target).closed_until, after, pause);
        self.set_room(target, Some(room));
        is_at_work
    }

    /// One more is tried there.
    pub(crate) fn tries_room(&mut self, target: TargetId) {
        let row = self.targets.row(target);
        let after = row.room.and_then(|room| room.grows(row.running, self.now));
        self.set_room(target, after);
        self.board.queue.wake(target, self.now);
    }

    /// Other rules count: it gets as many as before.
    pub(crate) fn forget_room(&mut self, target: TargetId) {
        if self.targets.row(target).room.is_some() {
            self.set_room(target, None);
            self.board.queue.wake(target, self.now);
        }
    }

    /// So long one more is not tried at most: half of the time from one end there to the next, about.
    fn patience(&self, target: TargetId) -> Duration {
        let row = self.targets.row(target);
        let answers = if row.learned.answers() == 0 { row.target.expected.as_micros() } else { row.learned.answers() };
        let between = answers / u64::from(row.running.max(1));
        Duration(between / 2).max(PATIENCE_MIN).min(PATIENCE_MAX)
    }

    fn set_room(&mut self, target: TargetId, after: Option<Room>) {
        let before = std::mem::replace(&mut self.targets.row_mut(target).room, after);
        let [before, after] = [before, after].map(|room| room.map(|room| room.next));
        if before != after {
            let timer = Timer::Room(target);
            before.into_iter().for_each(|at| self.board.timers.clear(at, timer));
            after.into_iter().for_each(|at| self.board.timers.set(at, timer));
        }
    }
}

#[cfg(test)]
mod tests {
    use agendum_types::{Duration, Timestamp};

    use super::Room;

    #[test]
    fn who_has_to_wait_for_many_ends_goes_where_nothing_is_out() {
        let room = Room::turns_away(None, (72, 2), (Timestamp(0), Duration::secs(1)));
        let of = |room: Room| (room.limit(), room.ends);
        let frees = |room: Room, running| room.frees(running, Timestamp(1));
        assert_eq!((of(room), of(frees(room, 1)), of(frees(frees(room, 1), 0))), ((2, 4), (1, 3), (1, 2)));
    }

    /// Answers and refusals take four seconds: nothing shows before that whether the one that was tried had room.
    #[test]
    fn who_refuses_for_a_limit_gets_more_once_it_has_answered() {
        let secs = |secs| Timestamp(0).after(Duration::secs(secs));
        let room = Room::reopens(secs(10), Duration::secs(2), Duration::millis(40));
        assert_eq!((room.limit(), room.next), (1, secs(12)));
        let more = room.grows(1, secs(12)).unwrap();
        assert_eq!((more.limit(), more.next), (2, secs(14)));
        let more = more.frees(1, secs(14)).grows(2, secs(14)).unwrap();
        assert_eq!((more.limit(), more.next), (3, secs(14).after(Duration::millis(20))));
        assert_eq!(more.grows(3, more.next).unwrap().next, more.next.after(Duration::secs(2)));
        assert_eq!(
            Room::pause(Some(room.grows(1, secs(12)).unwrap()), secs(13), Duration::secs(1)),
            Duration::millis(80)
        );
    }
}
