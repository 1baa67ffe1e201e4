//! What a run takes over of a run before it: part of the record of its submission.

use agendum_types::graph::NodeId;
use agendum_types::{Hash, PayloadRef, RunId, Segment, TaskPath};

/// What a run takes over of a run before it, of the same graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The run before.
    pub run: RunId,
    /// The run from which its idempotency keys derive: of a retry, the first before it that took over none or is a fork; of a fork, itself.
    pub key_origin: RunId,
    /// Tasks at the top whose keys, and those inside them, derive from another run: of a retry, those whose effect was wanted again, with the
    /// run that did it again; of a fork, those that may have taken effect and must not do so twice, with the run whose keys they keep.
    pub keys: Vec<(NodeId, RunId)>,
    /// What tasks at the top gave, in the order of the graph.
    pub given: Vec<Given>,
}

/// What a task gave in a run before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Given {
    /// Which one.
    pub task: NodeId,
    /// Its output, if that was made.
    pub output: Option<PayloadRef>,
    /// It took a lower rung.
    pub degraded: bool,
    /// Its input.
    pub input: Option<Hash>,
    /// Of a group, a `foreach` or a `loop`: what all that it needs had given, in the order of its needs.
    pub needs: Vec<Option<Hash>>,
    /// It took effect, or something inside it did.
    pub effects: bool,
    /// Its own effect was to be taken back, and that failed: it is taken back with what this run has done, if it comes to that.
    pub left: bool,
    /// When that counts.
    pub reuse: Reuse,
}

/// When what a task gave in a run before is taken for what it gives. A group, a `foreach` and a `loop` ask nothing before they begin: their
/// input is what all that they need gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reuse {
    /// As soon as it is ready: nothing that it could read has changed.
    Always,
    /// If its input is the same again, and all that it needs was reused. Else it runs.
    Same,
    /// If its input is the same again. Else it fails: it took effect, and nobody said that it shall be done again.
    Done,
    /// Never, for it gave nothing: it may have taken effect. With the same input it is tried again under its key, else it fails.
    Tried,
}

impl Reuse {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Always, Self::Same, Self::Done, Self::Tried];

    /// Its word in the journal.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Same => "same",
            Self::Done => "done",
            Self::Tried => "tried",
        }
    }
}

impl Origin {
    /// What a task at the top gave.
    #[must_use]
    pub fn given(&self, task: NodeId) -> Option<&Given> {
        self.given.binary_search_by_key(&task, |given| given.task).ok().map(|place| &self.given[place])
    }

    /// The run from which the keys of a task derive.
    #[must_use]
    pub fn key_of(&self, path: &TaskPath) -> RunId {
        let top = path.segments().first();
        let own = self.keys.iter().find(|(node, _)| top == Some(&Segment::Task(*node)));
        own.map_or(self.key_origin, |(_, run)| *run)
    }
}
