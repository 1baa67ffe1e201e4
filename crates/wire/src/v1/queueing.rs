//! How a task that waits to be sent stands in the queue.

use agendum_core::record::Passed;
use agendum_types::snapshot::Queueing as Stands;
use agendum_types::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

use super::choice::{passed, ranked, seen_from};
use super::{instant, millis};

/// How a task that waits to be sent stands at this moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queueing {
    /// All of it in words.
    pub sentence: String,
    /// The policy in force: its name, and the beginning of its hash.
    pub policy: String,
    /// The rule that orders its run among those of its tenant.
    pub index: String,
    /// What the rule said, in microseconds: an instant since 1970, and smaller is sooner. Of what is risky the time that it takes on average.
    pub rank_us: u64,
    /// True if its run may be late, and so stands behind the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub risky: bool,
    /// Tasks for the same targets that went before it.
    pub ahead: u64,
    /// Tasks for the same targets that wait too.
    pub beside: u64,
    /// The targets that would do, the best first.
    pub targets: Vec<Prospect>,
    /// The target that it waits for alone, because that is worth it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_for: Option<String>,
    /// Until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<String>,
    /// The pool that has too few units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Lack>,
    /// How long an attempt is expected to take, where enough had been seen of its task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<f64>,
}

/// A target that would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prospect {
    /// Its name.
    pub target: String,
    /// Why it takes no attempt of this task now, in the word of a choice's `passed`; absent of one that would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What an attempt is thought to cost there, in microseconds, money counted as time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_us: Option<u64>,
}

/// Units of a pool that are not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lack {
    /// The pool.
    pub pool: String,
    /// How many an attempt asks for.
    pub units: u32,
}

/// In the API's words.
/// `now` is when it stands so.
pub(super) fn queueing(stands: &Stands, now: Timestamp) -> Queueing {
    let prospect = |of: &agendum_types::snapshot::Prospect| Prospect {
        target: of.target.to_string(),
        why: of.shut.map(str::to_owned),
        score_us: of.score.map(Duration::as_micros),
    };
    Queueing {
        sentence: sentence(stands, now),
        policy: stands.policy.to_string(),
        index: stands.index.word().to_owned(),
        rank_us: stands.rank,
        risky: stands.risky,
        ahead: stands.ahead,
        beside: stands.beside,
        targets: stands.targets.iter().map(prospect).collect(),
        held_for: stands.held.as_ref().map(|(target, _)| target.to_string()),
        held_until: stands.held.as_ref().map(|(_, until)| instant(*until)),
        lacks: stands.lacks.as_ref().map(|need| Lack { pool: need.pool.to_string(), units: need.units }),
        expected_ms: stands.expected.map(millis),
    }
}

fn sentence(stands: &Stands, now: Timestamp) -> String {
    let (ahead, beside) = (stands.ahead, stands.beside);
    let stood = if stands.risky {
        format!("behind the others, for its run may be late (it takes {} on average)", Duration(stands.rank))
    } else {
        ranked(stands.index, Timestamp(stands.rank), now)
    };
    let mut said = vec![format!(
        "{ahead} for just the same targets and units went first, {beside} wait too; it is put {stood}, by policy {}",
        stands.policy
    )];
    if let Some(need) = &stands.lacks {
        said.push(format!("pool {} has fewer units left than the {} that it asks for", need.pool, need.units));
    }
    if let Some((target, until)) = &stands.held {
        said.push(format!("until {} it waits for {target} alone, which is worth that", seen_from(*until, now)));
    }
    said.extend(stands.targets.iter().map(|of| {
        let score = of.score.map_or_else(String::new, |score| format!(" ({score})"));
        let why = of.shut.and_then(Passed::from_word).map_or("it has room", passed);
        format!("{}{score}: {why}", of.target)
    }));
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use agendum_types::policy::Index;
    use agendum_types::snapshot::{Prospect, Queueing};
    use agendum_types::{Duration, Need, Timestamp};

    use super::sentence;

    #[test]
    fn who_waits_is_told_for_what() {
        let target = |name: &str, shut, score: Option<u64>| Prospect {
            target: name.into(),
            shut,
            score: score.map(Duration::secs),
        };
        let stands = Queueing {
            policy: "balanced@01234567".into(),
            index: Index::Gittins,
            rank: 1_000_000,
            risky: false,
            ahead: 3,
            beside: 2,
            targets: vec![target("near", Some("full"), Some(2)), target("far", None, None)],
            held: Some(("near".into(), Timestamp(2_000_000))),
            lacks: Some(Need { pool: "gpu".into(), units: 2 }),
            expected: None,
        };
        insta::assert_snapshot!(sentence(&stands, Timestamp(1_500_000)).replace("; ", ";\n  "), @"
        3 for just the same targets and units went first, 2 wait too;
          it is put as if its run had come at 1970-01-01T00:00:01.000Z: the more it has still to take, the later (`gittins`), by policy balanced@01234567;
          pool gpu has fewer units left than the 2 that it asks for;
          until 1970-01-01T00:00:02.000Z (in 500ms) it waits for near alone, which is worth that;
          near (2s): it had as many attempts as it takes at once;
          far: it has room
        ");
    }
}
