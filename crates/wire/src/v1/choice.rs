//! Why an attempt was sent when and where it was.

use agendum_core::record::{Choice as Chosen, Passed as Reason};
use agendum_types::policy::Index;
use agendum_types::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

use super::instant;

/// What decided when and where an attempt went, where something else could have been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// All of it in words.
    pub sentence: String,
    /// The policy in force: its name, and the beginning of its hash.
    pub policy: String,
    /// The rule that ordered its run among those of its tenant.
    pub index: String,
    /// What the rule said, in microseconds: an instant since 1970, and smaller is sooner. Of what is risky the time that it takes on average.
    pub rank_us: u64,
    /// True if its run might have been late, and so stood behind the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub risky: bool,
    /// True if it went in the place of the first, since a target that was free had read more of how its input begins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub near: bool,
    /// Tasks for the same targets that went before it.
    pub ahead: u64,
    /// Tasks for the same targets that waited on when it went.
    pub behind: u64,
    /// Targets that were passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<Passed>,
    /// The targets that were free, and what the attempt was thought to cost there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
}

/// A target that was free.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Its name.
    pub target: String,
    /// What the attempt was thought to cost there, in microseconds, money counted as time. The least was taken, but for what `passed` says and for targets of
    /// last resort.
    pub score_us: u64,
}

/// A target that was passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    /// Its name.
    pub target: String,
    /// `full`, `closed`, `paced`, `dear`, `uncleared`, `late` or `broken`.
    pub why: String,
}

/// In the API's words.
/// `at` is when it was chosen.
pub(super) fn choice(choice: &Chosen, at: Timestamp) -> Choice {
    let passed =
        choice.passed.iter().map(|(target, why)| Passed { target: target.to_string(), why: why.word().into() });
    let scores = choice.scores.iter();
    let scores = scores.map(|(target, score)| Score { target: target.to_string(), score_us: score.as_micros() });
    Choice {
        sentence: sentence(choice, at),
        policy: choice.policy.to_string(),
        index: choice.index.word().to_owned(),
        rank_us: choice.rank,
        risky: choice.risky,
        near: choice.near,
        ahead: choice.ahead,
        behind: choice.behind,
        passed: passed.collect(),
        scores: scores.collect(),
    }
}

fn sentence(choice: &Chosen, at: Timestamp) -> String {
    let mut said = Vec::new();
    if choice.ahead + choice.behind > 0 {
        let stood = if choice.risky {
            format!("behind the others, for its run might be late (it takes {} on average)", Duration(choice.rank))
        } else {
            ranked(choice.index, Timestamp(choice.rank), at)
        };
        let (ahead, behind) = (choice.ahead, choice.behind);
        said.push(format!(
            "{ahead} for just the same targets and units went first, {behind} waited on; it was put {stood}, by policy {}",
            choice.policy
        ));
    }
    if choice.near {
        said.push(
            "it went in the place of the first, since a target that was free had read more of how its input begins"
                .to_owned(),
        );
    }
    if !choice.scores.is_empty() {
        let scores: Vec<_> = choice.scores.iter().map(|(target, score)| format!("{score} at {target}")).collect();
        let by_score = choice.scores.is_sorted_by_key(|(_, score)| *score);
        let but = if by_score { "" } else { " (last is what would be late, has just failed, or is a last resort)" };
        said.push(format!("what it was thought to cost, money counted as time: {}{but}", scores.join(", ")));
    }
    said.extend(choice.passed.iter().map(|(target, why)| format!("not to {target}: {}", passed(*why))));
    said.join("; ")
}

/// What the rank of an index says, an instant; `now` tells whether that is still to come.
pub(super) fn ranked(index: Index, rank: Timestamp, now: Timestamp) -> String {
    let as_if = |the_more: &str| {
        let came = if rank > now { "came only" } else { "had come" };
        format!("as if its run {came} at {}: {the_more}, the later (`{}`)", seen_from(rank, now), index.word())
    };
    let by = |said: &str| format!("{said}: {}", seen_from(rank, now));
    match index {
        Index::Fifo => by("in the order in which runs came"),
        Index::CallFifo => by("in the order in which tasks were ready"),
        Index::Edf => by("in the order of deadlines"),
        Index::Slack => by("by when it had to end to be in time"),
        Index::AttainedService => as_if("the more it has been served"),
        Index::Gittins => as_if("the more it has still to take"),
        Index::VirtualFinish => by("by when its run would be answered if all shared alike"),
        Index::ValueDensity => as_if("the less it is worth for the time that it has still to take"),
        Index::Risk => by("by when it had to end to be in time, the sooner the greater the risk"),
    }
}

/// An instant; of one that is still to come also in what time that is.
pub(super) fn seen_from(at: Timestamp, now: Timestamp) -> String {
    if at <= now || at == Timestamp::MAX {
        return instant(at);
    }
    format!("{} (in {})", instant(at), at.since(now))
}

pub(super) const fn passed(why: Reason) -> &'static str {
    match why {
        Reason::Full => "it had as many attempts as it takes at once",
        Reason::Closed => "it had asked for a pause",
        Reason::Paced => "its provider's minute was used up",
        Reason::Dear => "the budget did not cover it",
        Reason::Uncleared => "it may not see the labels of its data",
        Reason::Late => "it would have cost less, and taken too long for the deadline",
        Reason::Broken => "too many of its latest attempts had failed",
        Reason::Limited => "it turned some away, and had as many attempts as it held before",
        Reason::Crowded => {
            "it had as many attempts as it does most with: more at once take longer, and no more is done"
        }
        Reason::Failed => "an attempt before had failed there",
    }
}

#[cfg(test)]
mod tests {
    use agendum_core::record::{Choice, Passed};
    use agendum_types::policy::Index;
    use agendum_types::{Duration, Timestamp};

    use super::{ranked, sentence};

    #[test]
    fn a_choice_is_told_in_a_sentence() {
        let queued = Choice {
            policy: "balanced@01234567".into(),
            index: Index::Slack,
            rank: 1_000_000,
            risky: false,
            near: false,
            ahead: 3,
            behind: 2,
            passed: vec![("big".into(), Passed::Full), ("far".into(), Passed::Uncleared)],
            scores: Vec::new(),
        };
        let risky = Choice { risky: true, rank: 4_700_000, passed: Vec::new(), ..queued.clone() };
        let alone = Choice { ahead: 0, behind: 0, passed: vec![("big".into(), Passed::Dear)], ..queued.clone() };
        let scores = vec![("near".into(), Duration::millis(1_300)), ("other".into(), Duration::secs(2))];
        let weighed = Choice { passed: Vec::new(), scores, ..alone.clone() };
        let last = vec![("far".into(), Duration::secs(2)), ("built-in".into(), Duration::millis(5))];
        let last = Choice { scores: last, ..weighed.clone() };
        let near = Choice { near: true, ahead: 0, ..queued.clone() };
        let told = |choice| sentence(&choice, Timestamp(2_000_000)).replace("; ", ";\n  ");
        insta::assert_snapshot!([queued, risky, alone, weighed, last, near].map(told).join("\n"), @"
        3 for just the same targets and units went first, 2 waited on;
          it was put by when it had to end to be in time: 1970-01-01T00:00:01.000Z, by policy balanced@01234567;
          not to big: it had as many attempts as it takes at once;
          not to far: it may not see the labels of its data
        3 for just the same targets and units went first, 2 waited on;
          it was put behind the others, for its run might be late (it takes 4.7s on average), by policy balanced@01234567
        not to big: the budget did not cover it
        what it was thought to cost, money counted as time: 1.3s at near, 2s at other
        what it was thought to cost, money counted as time: 2s at far, 5ms at built-in (last is what would be late, has just failed, or is a last resort)
        0 for just the same targets and units went first, 2 waited on;
          it was put by when it had to end to be in time: 1970-01-01T00:00:01.000Z, by policy balanced@01234567;
          it went in the place of the first, since a target that was free had read more of how its input begins;
          not to big: it had as many attempts as it takes at once;
          not to far: it may not see the labels of its data
        ");
    }

    #[test]
    fn what_is_still_to_come_reads_so() {
        let now = Timestamp(2_000_000);
        let of = |index, rank| ranked(index, Timestamp(rank), now);
        let told = [
            of(Index::Gittins, 1_000_000),
            of(Index::Gittins, 5_000_000),
            of(Index::Edf, 64_000_000),
            of(Index::Fifo, 0),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        as if its run had come at 1970-01-01T00:00:01.000Z: the more it has still to take, the later (`gittins`)
        as if its run came only at 1970-01-01T00:00:05.000Z (in 3s): the more it has still to take, the later (`gittins`)
        in the order of deadlines: 1970-01-01T00:01:04.000Z (in 1m 02s)
        in the order in which runs came: 1970-01-01T00:00:00.000Z
        ");
    }
}
