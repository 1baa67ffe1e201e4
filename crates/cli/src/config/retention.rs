//! `[retention]`: how long what is done is kept.

use agendum_types::Duration;
use serde::Deserialize;

use super::Age;

/// How long feedback is kept unless the configuration says otherwise: more than a year, so that a year can be compared with the one before.
const FEEDBACK: Duration = Duration::secs(400 * 24 * 3_600);

/// `[retention]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// Runs, once they are done; for ever where absent.
    #[serde(default)]
    pub(crate) runs: Option<Age>,
    /// What was said of runs.
    #[serde(default)]
    feedback: Option<Age>,
}

impl Retention {
    /// How long what was said of runs is kept.
    pub(crate) fn feedback(&self) -> Duration {
        self.feedback.map_or(FEEDBACK, |age| age.0)
    }

    /// As people read it: what, and for how long.
    pub(crate) fn lines(&self) -> [(&'static str, String); 2] {
        let runs = self.runs.map_or_else(|| "for ever".to_owned(), |age| days(age.0));
        [("runs", runs), ("feedback", days(self.feedback()))]
    }
}

/// Whole days as such.
pub(super) fn days(age: Duration) -> String {
    const DAY: u64 = Duration::secs(24 * 3_600).0;
    if age.0.is_multiple_of(DAY) { format!("{}d", age.0 / DAY) } else { age.to_string() }
}
