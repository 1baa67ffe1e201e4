//! What the words of a failure may quote: all that an attempt was told, all that an evaluation has read, what another failure quotes. What the
//! scheduler says by itself quotes nothing.

use agendum_core::{Evaluate, Make, Next, Step};
use agendum_types::{Failure, Labels, Outcome, RunId, TaskPath};

use super::deeds::labels_of;
use super::records::Checked;
use super::{Asked, Reference, ensure};

/// What it quotes, if there is one.
pub(super) fn quoted(failure: Option<&Failure>) -> Labels {
    failure.map(|failure| failure.labels.clone()).unwrap_or_default()
}

/// The failure that follows, if one does.
fn said(next: &Next) -> Option<&Failure> {
    match next {
        Next::Rung { failure, .. } => failure.as_deref(),
        Next::Doubt(failure) | Next::Fail(failure) => Some(failure),
        Next::Judge | Next::Succeed | Next::Retry { .. } | Next::Back { .. } => None,
    }
}

impl Reference {
    /// What an attempt of this task is told.
    pub(super) fn told(&self, id: RunId, path: &TaskPath) -> Labels {
        self.runs[&id].labels(path)
    }

    /// What an evaluation reads besides what goes into its result.
    pub(super) fn sees(&self, asked: &Evaluate) -> Labels {
        let inst = self.runs[&asked.run].tasks.get(&asked.path);
        // A plan; and the list of which these are the items.
        let output = inst.and_then(|inst| inst.output.as_ref());
        let list = inst.and_then(|inst| inst.input.as_ref()).filter(|_| matches!(asked.make, Make::Collected { .. }));
        let own = super::deeds::joined(output.into_iter().chain(list));
        match &asked.make {
            Make::Values { bindings, .. } => {
                bindings.iter().fold(own, |labels, (_, bound)| labels.join(&labels_of(bound)))
            }
            Make::Merged(_) | Make::Object(_) | Make::List(_) | Make::Collected { .. } => own,
        }
    }

    /// What the failure of an evaluation may quote.
    pub(super) fn quoted_by(&self, asked: &Asked, next: &Next) -> Labels {
        let seen = self.runs[&asked.run].graph.labels.join(&asked.seen);
        // What has ended inside since it was asked for counts as read.
        let more = said(next).filter(|said| asked.step == Step::Compose && said.labels.join(&seen) == said.labels);
        more.map_or(seen, |said| said.labels.clone())
    }

    /// The failure that follows quotes what it may, and no less.
    pub(super) fn quotes(&self, next: &Next) -> Checked {
        said(next).map_or(Ok(()), |failure| self.says_so(failure))
    }

    /// The same of an outcome.
    pub(super) fn quotes_in(&self, outcome: &Outcome) -> Checked {
        match outcome {
            Outcome::Failed(failure) => self.says_so(failure),
            Outcome::Succeeded(_) => Ok(()),
        }
    }

    fn says_so(&self, failure: &Failure) -> Checked {
        let (said, mine) = (&failure.labels, &self.quoted);
        ensure(said == mine, &format!("the failure may quote what is labelled {mine:?}, and is labelled {said:?}"))
    }
}
