//! A hash map that cannot be iterated, so that no decision depends on the order of hashes.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Constant-time look-ups by key, and nothing else.
#[derive(Debug)]
pub(crate) struct Lookup<K, V>(FxHashMap<K, V>);

impl<K, V> Default for Lookup<K, V> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<K: Hash + Eq, V> Lookup<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    /// Keeps those of which that is true: nothing may hang on the order in which they are asked.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        self.0.retain(|key, value| keep(key, value));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
