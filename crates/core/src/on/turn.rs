//! Whose turn it is in a group of runs.

use std::sync::Arc;

use agendum_types::{OnNew, RunId};

use crate::event::Submission;
use crate::record::Record;
use crate::scheduler::Scheduler;
use crate::turns::Group;

impl Scheduler {
    /// The run that a submission joins. One that takes over another run is itself what its caller wants.
    pub(crate) fn joins(&self, submission: &Submission) -> Option<RunId> {
        let concurrency = submission.concurrency.as_ref().filter(|_| submission.origin.is_none())?;
        if concurrency.turns.on_new != OnNew::Join {
            return None;
        }
        let (graph, key) = (Arc::clone(&submission.graph.name), Arc::clone(&concurrency.key));
        let group = Arc::new(Group { tenant: submission.tenant.clone(), graph, key });
        self.board.to_join(&group, submission.graph.hash)
    }

    /// Cancels those that another run replaces, and lets those begin whose turn has come.
    pub(crate) fn turn(&mut self, group: &Arc<Group>) {
        while let Some((slot, by)) = self.board.replaced(group) {
            let run = self.board.run(slot).id;
            self.record_of(slot, Record::CancelRequested { run, replaced_by: Some(by) });
        }
        while let Some(slot) = self.board.next_turn(group, self.now) {
            let run = self.board.run(slot).id;
            self.record_of(slot, Record::Begun { run });
        }
    }
}
