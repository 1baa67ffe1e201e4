//! Attempts that were stopped for more urgent tasks.

use agendum_core::Preempted as Other;
use serde::{Deserialize, Serialize};

use super::millis;

/// The other of two tasks of which one gave way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preempted {
    /// All of it in words.
    pub sentence: String,
    /// Its run; absent where that is another tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Its path there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// How long the attempt had run that was stopped.
    pub lost_ms: f64,
}

fn named(other: &Other) -> String {
    if other.is_foreign {
        "a task of another tenant".to_owned()
    } else {
        format!("{} of run {}", other.task, other.run)
    }
}

/// What is told of an attempt that was stopped.
pub(super) fn gave_way(to: &Other) -> Preempted {
    told(to, format!("stopped after {} for {}, which would have missed its deadline", to.lost, named(to)))
}

/// What is told of the one that was sent in its place.
pub(super) fn preempted(other: &Other) -> Preempted {
    told(
        other,
        format!("{} was stopped for it after {}, for it would have missed its deadline", named(other), other.lost),
    )
}

fn told(other: &Other, sentence: String) -> Preempted {
    let own = Some(other).filter(|other| !other.is_foreign);
    Preempted {
        sentence,
        run: own.map(|own| own.run.to_string()),
        task: own.map(|own| own.task.to_string()),
        lost_ms: millis(other.lost),
    }
}
