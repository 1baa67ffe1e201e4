//! The Gittins index with age: the run goes first that gives most answers for the time that it will take.
//!
//! How much that is, is learned from the runs of a graph while they run, beginning with nothing: how many came to a number of calls, and how many
//! ended there. Whoever stands where many end soon goes before whoever has passed that (Gittins 1979; Scully, Grosof and Harchol-Balter 2020).
//! Calls are counted, and weighed with how long they take in this run and in others of its graph. A run stands as if it had come so much later, so that
//! nobody starves.
//!
//! Before enough runs of its graph were answered it stands where it came: what is thought of them then would be far off, and who came first would wait for
//! all that came once more was known. One that has had nothing yet stands there too if nobody knows how many calls there will be (the graph has a loop):
//! so all begin soon. Where the graph has none, or most of its runs take about as many calls, what it takes is known before it begins, and counts then too,
//! beside what runs of all graphs take. Of runs that are alike one that has begun stands before where it began, by what it has had: else each of them
//! would be passed by all that came a little later.

mod kept;

use agendum_types::Duration;

use super::{Rule, Seen, Served};

pub(super) struct Gittins;

impl Rule for Gittins {
    fn index(&self, seen: &Seen<'_>) -> u64 {
        if !seen.has_ends() {
            return seen.submitted.0;
        }
        if seen.served.calls == 0 {
            seen.later_by_graph()
        } else if seen.are_alike() {
            seen.later_by_graph().saturating_sub(seen.aged(seen.done()).as_micros())
        } else {
            seen.later(seen.to_come())
        }
    }
}

/// The calls with which each step begins.
const STEPS: [u32; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192];
const LAST: usize = STEPS.len() - 1;
/// Calls of the last step, as far as nothing shows it.
const LAST_WIDTH: u64 = 192;
/// Before anything was seen one of five ends in each step, as if one run had shown it.
const PRIOR_ENDS: u64 = MILLION / 5;
/// Of the last, three of ten at least.
const LAST_ENDS: u64 = 3 * MILLION / 10;
/// Runs after which the counts are halved: what was is forgotten little by little.
const RUNS_MAX: u64 = 1_024;
/// With each of so many runs what is to come is worked out anew, and then with every so-many-th.
const FIT_EACH: u64 = 64;
const FIT_EVERY: u64 = 16;
/// Shares and calls are told in millionths.
const MILLION: u64 = 1_000_000;

/// The time of a call is a mean over those of the run and so many of its graph,
const OF_GRAPH: u64 = 8;
/// that over those of the graph and so many of all,
const OF_ALL: u64 = 10;
/// and that begins with as many calls of so long.
const FIRST_CALL: Duration = Duration::secs(4);

/// What runs that were answered have taken, of all graphs, since the process began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answered {
    runs: u64,
    time: Duration,
}

impl Answered {
    /// One more.
    pub(crate) fn takes(&mut self, run: Served) {
        if run.calls > 0 {
            let (runs, time) = (self.runs + 1, self.time.plus(run.time));
            *self = if runs == RUNS_MAX {
                Self { runs: runs / 2, time: Duration(time.as_micros() / 2) }
            } else {
                Self { runs, time }
            };
        }
    }

    /// Their mean; `None` before so many.
    pub(crate) fn usual(&self, samples: u32) -> Option<Duration> {
        (self.runs >= u64::from(samples)).then(|| Duration(self.time.as_micros() / self.runs.max(1)))
    }
}

/// What the runs of a graph have taken.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    steps: [Step; STEPS.len()],
    calls: Served,
    /// Runs that were answered, since the counts were halved.
    ended: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// Runs that came to it.
    entered: u64,
    /// Of those that ended here.
    ended: u64,
    /// Calls that were made in it.
    calls: u64,
    /// Calls from here for each run that is answered, in millionths.
    to_come: u64,
    /// Calls from here until the answer on average, in millionths.
    to_answer: u64,
}

impl Default for Service {
    fn default() -> Self {
        let mut service = Self { steps: Default::default(), calls: Served::default(), ended: 0 };
        service.fit();
        service
    }
}

impl Service {
    /// How long it takes from there for each run that is answered. `all` is what runs of all graphs were served.
    pub(crate) fn to_come(&self, run: Served, all: Served) -> Duration {
        self.time_of(self.steps[step(run.calls)].to_come, run, all)
    }

    /// How long the calls take from there until the answer on average.
    pub(crate) fn to_answer(&self, run: Served, all: Served) -> Duration {
        self.time_of(self.steps[step(run.calls)].to_answer, run, all)
    }

    /// How long a run of the graph takes for each that is answered, as its calls have taken: here nothing is taken for more than was seen.
    pub(crate) fn whole(&self) -> Duration {
        let Served { calls, time } = self.calls;
        let time = u128::from(time.as_micros()) * u128::from(self.steps[0].to_come) / u128::from(MILLION);
        Duration(u64::try_from(time / u128::from(calls.max(1))).unwrap_or(u64::MAX))
    }

    /// How long a call takes, over all graphs.
    fn usual_call(all: Served) -> Duration {
        Duration(mean(all, OF_ALL, FIRST_CALL.as_micros()))
    }

    /// True if most runs take about as many calls: their number varies by less than half of the mean.
    pub(crate) fn are_alike(&self) -> bool {
        let (mut count, mut sum, mut squares) = (0_u128, 0_u128, 0_u128);
        for (index, Step { ended, .. }) in self.steps.iter().enumerate().filter(|(_, step)| step.ended > 0) {
            let from = u64::from(STEPS[index]);
            let to = STEPS.get(index + 1).map_or(from + LAST_WIDTH, |to| u64::from(*to));
            // Twice the middle of the step.
            let calls = from + to - 1;
            count += u128::from(*ended);
            sum += u128::from(ended * calls);
            squares += u128::from(ended * calls * calls);
        }
        // The variance is less than a quarter of the square of the mean.
        4 * squares * count <= 5 * sum * sum
    }

    /// Runs that were answered, as far as they count.
    pub(crate) const fn ended(&self) -> u64 {
        self.ended
    }

    /// How long so many millionths of a call take.
    fn time_of(&self, calls: u64, run: Served, all: Served) -> Duration {
        let of_graph = mean(self.calls, OF_ALL, Self::usual_call(all).as_micros());
        let call = mean(run, OF_GRAPH, of_graph);
        Duration(call.saturating_mul(calls) / MILLION)
    }

    /// A call of a run has ended, which has been served so much with it.
    pub(crate) fn goes_on(&mut self, run: Served, took: Duration) {
        self.calls.takes(took);
        let (before, after) = (step(run.calls.saturating_sub(1)), step(run.calls));
        if run.calls == 1 {
            self.steps[0].entered += 1;
        }
        self.steps[before].calls += 1;
        if before != after {
            self.steps[after].entered += 1;
        }
    }

    /// A run was answered that was served so much.
    pub(crate) fn ends(&mut self, run: Served) {
        self.steps[step(run.calls)].ended += 1;
        self.ended += 1;
        if self.ended == RUNS_MAX {
            self.ended /= 2;
            self.calls = Served { calls: self.calls.calls / 2, time: Duration(self.calls.time.as_micros() / 2) };
            for step in &mut self.steps {
                *step = Step { entered: step.entered / 2, ended: step.ended / 2, calls: step.calls / 2, ..*step };
            }
        }
        // What one run of many shows moves little.
        if self.ended <= FIT_EACH || self.ended.is_multiple_of(FIT_EVERY) {
            self.fit();
        }
    }

    /// From each step on, the least calls for an answer over all the ways to go on for a while and then to stop.
    fn fit(&mut self) {
        let mut shown = [(0, 0); STEPS.len()];
        for (index, shown) in shown.iter_mut().enumerate() {
            let Step { entered, ended, calls, .. } = self.steps[index];
            let is_last = index == LAST;
            let width = if is_last { LAST_WIDTH } else { u64::from(STEPS[index + 1] - STEPS[index]) };
            let risk = 1 + if is_last { entered } else { ended + self.steps[index + 1].entered };
            let ends = (ended * MILLION + PRIOR_ENDS) / risk;
            let usual = width * (MILLION - PRIOR_ENDS / 2);
            *shown =
                (ends.max(if is_last { LAST_ENDS } else { 0 }).min(MILLION), (calls * MILLION + usual) / (entered + 1));
        }
        for index in 0..STEPS.len() {
            // Of a million runs: those that are left, the calls of all (in millionths of a million), and those that were answered.
            let (mut left, mut calls, mut answered) = (MILLION, 0_u64, 0_u64);
            let ways = shown[index..].iter().map(|(ends, takes)| {
                let end = left * ends / MILLION;
                calls = calls.saturating_add(left.saturating_mul(*takes));
                (answered, left) = (answered + end, left - end);
                calls / answered.max(1)
            });
            self.steps[index].to_come = ways.min().unwrap_or(u64::MAX);
            self.steps[index].to_answer = calls / MILLION;
        }
    }
}

/// How long a call takes where so many were seen, and so many more are taken to be as usual.
fn mean(of: Served, prior: u64, usual: u64) -> u64 {
    let time = of.time.as_micros().saturating_add(usual.saturating_mul(prior));
    time / (u64::from(of.calls) + prior)
}

/// The step of a run that has had so many calls.
fn step(calls: u32) -> usize {
    STEPS.partition_point(|begin| *begin <= calls) - 1
}

#[cfg(test)]
mod tests {
    use super::{Duration, Served, Service};

    /// Half of the runs end with their second call, the others with their twentieth; a call takes 4 seconds.
    #[test]
    fn who_may_end_soon_goes_before_who_has_passed_that() {
        let mut service = Service::default();
        for number in 0..40 {
            let mut run = Served::default();
            for _ in 0..if number % 2 == 0 { 2 } else { 20 } {
                run.takes(Duration::secs(4));
                service.goes_on(run, Duration::secs(4));
            }
            service.ends(run);
        }
        let to_come = |calls: u32| {
            let run = Served { calls, time: Duration::secs(u64::from(calls) * 4) };
            service.to_come(run, Served::default()).as_micros() / 100_000
        };
        assert_eq!([1, 2, 3, 8, 12, 16].map(to_come), [121, 41, 688, 498, 336, 172], "tenths of a second");
    }
}
