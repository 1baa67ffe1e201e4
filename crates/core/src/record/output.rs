//! What a task gives, wherever a record says it.

use agendum_types::{Outcome, PayloadRef};

use crate::record::{Change, NextRound};

impl Change {
    /// The output that the task has with this change: an attempt's, one put together from others, or one in their place. A later one of the
    /// same task replaces it, and `fail_if` may still refuse it.
    #[must_use]
    pub fn output(&self) -> Option<&PayloadRef> {
        match self {
            Self::Finished(finished) => match &finished.outcome {
                Outcome::Succeeded(success) => Some(&success.output),
                Outcome::Failed(_) => None,
            },
            Self::Caught { output, .. }
            | Self::Composed { output }
            | Self::RoundJudged { next: NextRound::Use { output, .. }, .. } => Some(output),
            Self::Resolved(resolved) => resolved.output.as_ref().filter(|_| resolved.happened == Some(true)),
            Self::Reused { output, .. } => output.as_deref(),
            Self::Waited(waited) => Some(&waited.output),
            Self::Cached(cached) => Some(&cached.output),
            Self::Entered(_)
            | Self::Dispatched(_)
            | Self::Reminded
            | Self::Pleaded(_)
            | Self::Referenced { .. }
            | Self::Judged { .. }
            | Self::RoundJudged { .. }
            | Self::Ended(_)
            | Self::Abandoned { .. } => None,
        }
    }
}
