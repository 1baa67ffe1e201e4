//! Sources as instructions, made once: the tasks of all runs of a graph evaluate the same few texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_types::Limits;
use agendum_types::graph::Form;
use minijinja::machinery::{CodeGenerator, Instructions};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use self_cell::self_cell;

use crate::expr::guard::{Tree, guard};
use crate::shape;

/// Sources that are kept, about.
const COUNT: usize = 2_000;
/// Bytes of the sources that are kept; their instructions take up to a hundred times as much.
const BYTES_MAX: u64 = 128 << 10;
/// A source that is longer is compiled whenever it is evaluated: its evaluation costs more than that.
const SOURCE_BYTES_MAX: usize = 4 << 10;

/// What a source does.
pub(super) struct Code<'source> {
    pub(super) instructions: Instructions<'source>,
    pub(super) blocks: BTreeMap<&'source str, Instructions<'source>>,
}

self_cell!(
    /// A source with what it does.
    pub(super) struct Compiled {
        owner: Box<str>,
        #[covariant]
        dependent: Code,
    }
);

/// The sources that are evaluated most, and of late.
#[derive(Debug)]
pub(super) struct Compilations(Cache<Key, Arc<Compiled>, Bytes>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    form: Form,
    source: Box<str>,
}

/// A key by reference; hashed as [`Key`] is.
#[derive(Hash)]
struct Asked<'a> {
    form: Form,
    source: &'a str,
}

#[derive(Clone, Debug)]
struct Bytes;

impl Compilations {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(COUNT, BYTES_MAX, Bytes))
    }

    /// What a source does, if it may be evaluated.
    pub(super) fn of(&self, source: &str, form: Form, limits: &Limits) -> Result<Arc<Compiled>, String> {
        if source.len() > SOURCE_BYTES_MAX {
            return compile(source, form, limits).map(Arc::new);
        }
        if let Some(compiled) = self.0.get(&Asked { form, source }) {
            return Ok(compiled);
        }
        let compiled = Arc::new(compile(source, form, limits)?);
        self.0.insert(Key { form, source: source.into() }, Arc::clone(&compiled));
        Ok(compiled)
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.form == key.form && *self.source == *key.source
    }
}

impl Weighter<Key, Arc<Compiled>> for Bytes {
    fn weight(&self, key: &Key, _compiled: &Arc<Compiled>) -> u64 {
        key.source.len() as u64
    }
}

fn compile(source: &str, form: Form, limits: &Limits) -> Result<Compiled, String> {
    shape::check(source, form, limits)?;
    Compiled::try_new(source.into(), |source| {
        let tree = guard(source, form)?;
        let mut generator = CodeGenerator::new("text", source);
        match &tree {
            Tree::Expression(tree) => generator.compile_expr(tree),
            Tree::Template(tree) => generator.compile_stmt(tree),
        }
        let (instructions, blocks) = generator.finish();
        Ok(Code { instructions, blocks })
    })
}
