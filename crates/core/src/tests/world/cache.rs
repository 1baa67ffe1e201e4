//! A store of kept results in a scenario: answers at once, unless it is told to take its time or to fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::{CachedCopy, Within};

use super::{World, run_name};
use crate::{Event, Keep, LookUp};

/// What is kept, and how the store is.
#[derive(Default)]
pub(super) struct Kept {
    copies: BTreeMap<String, CachedCopy>,
    /// It answers when told to.
    slow: bool,
    /// It finds nothing and keeps nothing.
    fails: bool,
    pending: Vec<Asked>,
}

enum Asked {
    LookUp(Box<LookUp>),
    Keep(Box<Keep>),
}

impl World {
    pub(super) fn store(&mut self, word: &str) {
        match word {
            "slow" => self.kept.slow = true,
            "quick" => self.kept.slow = false,
            "fails" => self.kept.fails = true,
            "works" => self.kept.fails = false,
            "forgets" => self.kept.copies.clear(),
            // One after the other, as they were asked.
            "answers" => {
                for asked in std::mem::take(&mut self.kept.pending) {
                    let event = self.answered(asked);
                    self.event(event);
                }
            }
            other => panic!("a store knows no word {other:?}"),
        }
    }

    /// The process has died: nobody waits for what was asked.
    pub(super) fn nobody_asks(&mut self) {
        self.kept.pending.clear();
    }

    pub(super) fn look_up(&mut self, asked: Box<LookUp>, answers: &mut Vec<Event>) {
        self.line(format!("look up {}/{}", run_name(asked.run), self.graphs[&asked.run].path_text(&asked.path)));
        self.ask(Asked::LookUp(asked), answers);
    }

    pub(super) fn keep(&mut self, keep: Box<Keep>, answers: &mut Vec<Event>) {
        let within = match &keep.key.within {
            Within::Run(run) => run_name(*run),
            Within::User(user) => user.to_string(),
            Within::Tenant => keep.key.tenant.0.to_string(),
        };
        let (run, cost) = (run_name(keep.copy.run), keep.copy.cost);
        self.line(format!(
            "keep for {within}: of {run}, {} gave it for {cost}, tags {:?}",
            keep.copy.target, keep.tags
        ));
        self.ask(Asked::Keep(keep), answers);
    }

    fn ask(&mut self, asked: Asked, answers: &mut Vec<Event>) {
        if self.kept.slow {
            self.kept.pending.push(asked);
        } else {
            answers.push(self.answered(asked));
        }
    }

    fn answered(&mut self, asked: Asked) -> Event {
        match asked {
            Asked::LookUp(asked) => {
                let LookUp { run, path, number, key } = *asked;
                let found = self.kept.copies.get(&format!("{key:?}")).filter(|_| !self.kept.fails);
                Event::LookedUp { run, path, number, found: found.cloned().map(Box::new) }
            }
            Asked::Keep(keep) => {
                if !self.kept.fails {
                    self.kept.copies.insert(format!("{:?}", keep.key), keep.copy.clone());
                }
                Event::Kept(Arc::clone(&keep.key))
            }
        }
    }
}
