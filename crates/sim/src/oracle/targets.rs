//! Another table of targets: what goes by it, and what is looked at anew.

use std::sync::Arc;

use agendum_types::{Target, Timestamp};

use super::Reference;
use super::state::State;

impl Reference {
    pub(super) fn targets_published(&mut self, targets: &[Target]) {
        self.version += 1;
        self.targets.iter_mut().for_each(|target| target.capabilities.clear());
        for target in targets {
            match self.targets.iter_mut().find(|known| known.name == target.name) {
                Some(known) => *known = target.clone(),
                None => {
                    self.targets.push(target.clone());
                    self.closed.push(Timestamp(0));
                }
            }
        }
        if std::mem::take(&mut self.reopening) {
            if std::mem::take(&mut self.crashed) {
                self.met = self.runs.keys().copied().filter(|run| self.is_at_work(*run)).collect();
            }
            for graph in self.runs.values().map(|run| Arc::clone(&run.graph)).collect::<Vec<_>>() {
                self.refresh(&graph);
            }
            self.expire_anew();
        }
        self.begs_anew();
        // Every queued task is looked at anew, one after the other.
        let queued: Vec<_> = self.queued().into_iter().map(|(id, path, ..)| (id, path.clone())).collect();
        for (id, path) in queued {
            self.run(id).inst(&path).state = State::Ready;
            // One that has its turn keeps it; one that had none may share now.
            let keeps_turn = self.runs[&id].tasks[&path].turn.is_some() && self.shares(id, &path).is_some();
            match self.eligible(id, &path) {
                Some(targets) if keeps_turn => self.queue(id, &path, targets),
                Some(_) => drop(self.comes_to_share(id, &path)),
                None => {}
            }
        }
    }
}
