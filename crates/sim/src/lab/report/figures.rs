//! What is measured: the order in which it is shown, its unit, its meaning, and whether more of it is better.

/// A figure that reports know.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// Its unit, as it is written behind the name.
    pub unit: &'static str,
    /// What it is, in a line.
    pub meaning: &'static str,
    /// Whether more of it is better.
    pub better: Better,
    /// Of which jobs it is.
    pub of: Of,
}

/// Whether more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is.
    Less,
    /// More is.
    More,
    /// It is no merit, or it is by the clock of a machine that does other things too: it counts in no front.
    Neither,
}

/// Of which jobs a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Of all that came: nothing is won in it by answering less.
    All,
    /// Of what was answered, or begun: whoever answers less may be ahead in it by that alone.
    Answered,
}

const fn known(name: &'static str, unit: &'static str, better: Better, of: Of, meaning: &'static str) -> Known {
    Known { name, unit, meaning, better, of }
}

/// What is known of all jobs: the share that was answered, in time where some have a deadline.
pub(crate) const ANSWERED: [&str; 2] = ["in time", "done"];

/// All figures, in the order in which they are shown.
pub const FIGURES: [Known; 48] = [
    known(
        "over reference",
        "%",
        Better::Less,
        Of::Answered,
        "longer than the shortest schedule that is known, the mean of all jobs",
    ),
    known("over reference p95", "%", Better::Less, Of::Answered, "the same of the job that is longer than 95 of 100"),
    known(
        "solved",
        "share",
        Better::More,
        Of::All,
        "jobs that take no longer than the shortest schedule that is known",
    ),
    known("thinking", "ms", Better::Neither, Of::Answered, "what the search took for a job, by the clock"),
    known(
        "over bound",
        "times",
        Better::Less,
        Of::Answered,
        "the longest way, or the work of each worker if that is more; the mean of all jobs",
    ),
    known("over bound p95", "times", Better::Less, Of::Answered, "the same of the job that is longer than 95 of 100"),
    known("mean", "s", Better::Less, Of::Answered, "from submission to answer"),
    known("p50", "s", Better::Less, Of::Answered, "half of the answered jobs take no longer"),
    known("p95", "s", Better::Less, Of::Answered, "95 of 100 answered jobs take no longer"),
    known("p99", "s", Better::Less, Of::Answered, "99 of 100 answered jobs take no longer"),
    known("p99.9", "s", Better::Less, Of::Answered, "999 of 1,000 answered jobs take no longer"),
    known(
        "slowdown",
        "times",
        Better::Less,
        Of::Answered,
        "how many times longer than alone, with nothing read before, on the mean",
    ),
    known("slowdown p99", "times", Better::Less, Of::Answered, "99 of 100 answered jobs are slowed down no more"),
    known("jain", "0 to 1", Better::More, Of::Answered, "evenness of the slowdowns, 1 is even"),
    known(
        "in time",
        "share",
        Better::More,
        Of::All,
        "jobs answered within the deadline; those without one count once they are answered",
    ),
    known("in time at once", "share", Better::More, Of::All, "the same of those that did not come again"),
    known(
        "urgent in time",
        "share",
        Better::More,
        Of::All,
        "of the jobs with a deadline those that were answered within it",
    ),
    known("others mean", "s", Better::Less, Of::Answered, "from submission to answer, of the jobs without a deadline"),
    known("others p95", "s", Better::Less, Of::Answered, "95 of 100 of those take no longer"),
    known("others/min", "jobs", Better::More, Of::All, "jobs without a deadline that were answered in a minute"),
    known("gave way", "attempts", Better::Less, Of::Answered, "stopped for more urgent ones"),
    known("lost", "s", Better::Less, Of::Answered, "for how long those had had a slot"),
    known("half shed", "share", Better::Less, Of::Answered, "jobs that were begun and not answered in time"),
    known(
        "wasted",
        "share",
        Better::Less,
        Of::Answered,
        "of the time of the slots what went to jobs that were not answered in time",
    ),
    known("done", "share", Better::More, Of::All, "jobs that were answered"),
    known(
        "refused",
        "submissions",
        Better::Less,
        Of::Answered,
        "that the scheduler did not take, of jobs that came again too",
    ),
    known("first wait", "s", Better::Less, Of::Answered, "from submission to the first call"),
    known("lighter half", "s", Better::Less, Of::Answered, "mean of the tenants that ask for less"),
    known("heavier half", "s", Better::Less, Of::Answered, "mean of the tenants that ask for more"),
    known("worst tenant", "s", Better::Less, Of::Answered, "mean of the tenant that waited most"),
    known(
        "difference",
        "tokens",
        Better::Less,
        Of::Answered,
        "greatest difference in service, by weight, of two tenants that both wait; output counts twice",
    ),
    known(
        "background",
        "share",
        Better::Neither,
        Of::Answered,
        "of what was served while background and other calls waited the part of the background",
    ),
    known("tokens/s", "tokens", Better::More, Of::All, "what was answered in a second; output counts twice"),
    known("makespan", "s", Better::Less, Of::Answered, "until the last answer"),
    known("quota used", "share", Better::More, Of::All, "of what the provider lets through"),
    known("429s", "calls", Better::Less, Of::Answered, "that the provider refused"),
    known("429s later", "calls", Better::Less, Of::Answered, "the same after the first window"),
    known("reused", "share", Better::More, Of::Answered, "of the blocks of inputs those that a backend remembered"),
    known("of bound", "share", Better::More, Of::Answered, "of the blocks that one memory without end would remember"),
    known("busiest", "times", Better::Less, Of::Answered, "of the mean, what the busiest backend had to do"),
    known("moved", "GB", Better::Less, Of::Answered, "bytes of inputs that were brought to workers far away"),
    known("again", "times", Better::Less, Of::All, "that clients came again who were not answered"),
    known("failed", "attempts", Better::Less, Of::Answered, "that outages and errors were to fail"),
    known("loads", "times", Better::Less, Of::Answered, "that a backend loaded its model"),
    known("dollars", "$", Better::Less, Of::Answered, "what all calls cost"),
    known(
        "extra",
        "for each call",
        Better::Less,
        Of::Answered,
        "further attempts: second ones, after failures, after being turned away",
    ),
    known(
        "ns/decision",
        "ns",
        Better::Neither,
        Of::Answered,
        "what the core itself takes for each attempt that it sends",
    ),
    known("ns/event p99", "ns", Better::Neither, Of::Answered, "99 of 100 events take the core no longer"),
];

/// The figure of this name.
#[must_use]
pub fn figure(name: &str) -> Option<&'static Known> {
    FIGURES.iter().find(|known| known.name == name)
}
