//! Tasks that wait for money of the windows, where the first that what is left covers is found without a look at the others.
//!
//! The tasks of one pocket differ in their rank, and in how many bytes they send. What an attempt may cost grows with those, on every
//! target, and hangs on nothing else: so a tree in the order of ranks, in which each node knows the least bytes of all below it, is gone
//! down once for the first that is covered, and not at all if none is.

use std::collections::{BTreeMap, BTreeSet};

use agendum_types::Tenant;
use agendum_types::graph::Priority;

use super::{ClassId, Rank, TenantNo};
use crate::afford::Ask;

/// What is the same for all tasks of a pocket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pocket {
    pub(crate) band: Priority,
    pub(crate) class: ClassId,
    pub(crate) tenant: Tenant,
    pub(crate) no: TenantNo,
    pub(crate) ask: Ask,
}

/// All pockets of a shard.
#[derive(Debug, Default)]
pub(crate) struct Pockets {
    by: [BTreeMap<Pocket, Ranked>; 3],
    /// Tasks in each band.
    lens: [u64; 3],
    /// No task is covered, and nothing that could change that has happened since this was found.
    is_quiet: bool,
    /// The same of when the turn of a window may help.
    is_armed: bool,
}

impl Pockets {
    pub(super) fn insert(&mut self, pocket: Pocket, rank: Rank, bytes: u64) {
        self.lens[pocket.band as usize] += 1;
        self.stir();
        self.by[pocket.band as usize].entry(pocket).or_default().insert(rank, bytes);
    }

    pub(super) fn remove(&mut self, pocket: &Pocket, rank: &Rank) {
        let by = &mut self.by[pocket.band as usize];
        let tasks = by.get_mut(pocket).expect("a task stands in a pocket that is there");
        assert!(tasks.remove(rank), "a task stands in its pocket once");
        if tasks.is_empty() {
            by.remove(pocket);
        }
        self.lens[pocket.band as usize] -= 1;
        // It may have been the first that a window's turn would help.
        self.stir();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by.iter().all(BTreeMap::is_empty)
    }

    pub(crate) const fn len(&self, band: Priority) -> u64 {
        self.lens[band as usize]
    }

    /// The classes of which a task waits.
    pub(crate) fn classes(&self) -> BTreeSet<ClassId> {
        self.iter().map(|(pocket, _)| pocket.class).collect()
    }

    /// The pockets in order, with their tasks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Pocket, &Ranked)> {
        self.by.iter().flatten()
    }

    /// Those of a band.
    pub(crate) fn of(&self, band: Priority) -> impl Iterator<Item = (&Pocket, &Ranked)> {
        self.by[band as usize].iter()
    }

    /// Every task, by pockets and ranks.
    pub(crate) fn ranks(&self) -> Vec<Rank> {
        self.iter().flat_map(|(_, tasks)| tasks.all()).map(|(rank, _)| rank).collect()
    }

    /// Money came free, or a target did, or is taken: some task may be covered now.
    pub(crate) const fn stir(&mut self) {
        (self.is_quiet, self.is_armed) = (false, false);
    }

    /// Nothing is covered.
    pub(crate) const fn quiet(&mut self) {
        self.is_quiet = true;
    }

    pub(crate) const fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// It is known when the turn of a window may help.
    pub(crate) const fn arm(&mut self) {
        self.is_armed = true;
    }

    pub(crate) const fn is_armed(&self) -> bool {
        self.is_armed
    }
}

/// No node.
const NIL: u32 = u32::MAX;

/// Tasks in the order of their ranks: a tree in heap order of numbers that look random, so that it is about as deep as the logarithm of their
/// count.
#[derive(Debug)]
pub(crate) struct Ranked {
    nodes: Vec<Node>,
    free: Vec<u32>,
    root: u32,
    made: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    rank: Rank,
    bytes: u64,
    /// The least bytes here and below.
    least: u64,
    height: u64,
    sides: [u32; 2],
}

impl Default for Ranked {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), root: NIL, made: 0 }
    }
}

impl Ranked {
    pub(super) fn insert(&mut self, rank: Rank, bytes: u64) {
        self.made += 1;
        let node = Node { rank, bytes, least: bytes, height: mixed(self.made), sides: [NIL; 2] };
        let at = match self.free.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                u32::try_from(self.nodes.len() - 1).expect("the limit on live tasks is far below")
            }
        };
        let (before, after) = self.split(self.root, &rank);
        let before = self.merge(before, at);
        self.root = self.merge(before, after);
    }

    /// False if there is none of this rank.
    pub(super) fn remove(&mut self, rank: &Rank) -> bool {
        let (before, from) = self.split(self.root, rank);
        let (first, after) = self.pop_first(from);
        let is_it = first != NIL && self.nodes[first as usize].rank == *rank;
        if is_it {
            self.free.push(first);
            self.root = self.merge(before, after);
        } else {
            let from = self.merge(first, after);
            self.root = self.merge(before, from);
        }
        is_it
    }

    pub(super) fn is_empty(&self) -> bool {
        self.root == NIL
    }

    /// The first task of which this is true, where that is true of all bytes below some number.
    pub(crate) fn first(&self, fits: impl Fn(u64) -> bool) -> Option<Rank> {
        let mut at = self.root;
        loop {
            let node = self.nodes.get(at as usize).filter(|node| fits(node.least))?;
            let [before, after] = node.sides;
            if self.nodes.get(before as usize).is_some_and(|node| fits(node.least)) {
                at = before;
            } else if fits(node.bytes) {
                return Some(node.rank);
            } else {
                at = after;
            }
        }
    }

    /// The least bytes of all.
    pub(crate) fn least(&self) -> u64 {
        self.nodes.get(self.root as usize).map_or(0, |root| root.least)
    }

    /// Each, with its bytes.
    pub(crate) fn all(&self) -> Vec<(Rank, u64)> {
        let (mut all, mut path, mut at) = (Vec::new(), Vec::new(), self.root);
        while at != NIL || !path.is_empty() {
            while let Some(node) = self.nodes.get(at as usize) {
                path.push(at);
                at = node.sides[0];
            }
            if let Some(next) = path.pop() {
                let node = self.nodes[next as usize];
                all.push((node.rank, node.bytes));
                at = node.sides[1];
            }
        }
        all
    }

    /// The longest way down.
    #[cfg(test)]
    pub(super) fn depth(&self) -> usize {
        let (mut level, mut depth) = (vec![self.root], 0);
        while level.iter().any(|at| *at != NIL) {
            level = level.iter().filter_map(|at| self.nodes.get(*at as usize)).flat_map(|node| node.sides).collect();
            depth += 1;
        }
        depth
    }

    /// Those before a rank, and those from it on.
    fn split(&mut self, at: u32, rank: &Rank) -> (u32, u32) {
        if at == NIL {
            return (NIL, NIL);
        }
        let node = self.nodes[at as usize];
        if node.rank < *rank {
            let (before, after) = self.split(node.sides[1], rank);
            self.nodes[at as usize].sides[1] = before;
            self.refresh(at);
            (at, after)
        } else {
            let (before, after) = self.split(node.sides[0], rank);
            self.nodes[at as usize].sides[0] = after;
            self.refresh(at);
            (before, at)
        }
    }

    fn merge(&mut self, before: u32, after: u32) -> u32 {
        if before == NIL || after == NIL {
            return if before == NIL { after } else { before };
        }
        let (one, other) = (self.nodes[before as usize], self.nodes[after as usize]);
        if one.height > other.height {
            self.nodes[before as usize].sides[1] = self.merge(one.sides[1], after);
            self.refresh(before);
            before
        } else {
            self.nodes[after as usize].sides[0] = self.merge(before, other.sides[0]);
            self.refresh(after);
            after
        }
    }

    /// The first, and the rest.
    fn pop_first(&mut self, at: u32) -> (u32, u32) {
        let Some(node) = self.nodes.get(at as usize).copied() else { return (NIL, NIL) };
        if node.sides[0] == NIL {
            self.nodes[at as usize].sides[1] = NIL;
            self.refresh(at);
            return (at, node.sides[1]);
        }
        let (first, rest) = self.pop_first(node.sides[0]);
        self.nodes[at as usize].sides[0] = rest;
        self.refresh(at);
        (first, at)
    }

    fn refresh(&mut self, at: u32) {
        let node = self.nodes[at as usize];
        let below = node.sides.iter().filter_map(|side| self.nodes.get(*side as usize)).map(|node| node.least);
        self.nodes[at as usize].least = below.fold(node.bytes, u64::min);
    }
}

/// The finalizer of SplitMix64.
const fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
