//! Full-text search over folders of Markdown, text and HTML: SQLite FTS5, ranked by BM25.
//!
//! A crate of its own to fence off a heavy dependency. An [`Index`] is one database file; [`Index::update`] brings it to the state of
//! its folders, reading only files whose size, time or content changed. Passages keep their file, lines and headings, so that an
//! answer can cite them. [`Retrieve`] serves the capability `retrieve` over the indexes of a configuration.

mod adapter;
mod chunk;
mod html;
mod index;
mod name;
mod search;

pub use adapter::{Retrieve, WHOLE};
pub use chunk::{Format, Passage, passages};
pub use index::{Index, IndexError, Update};
pub use name::{IndexName, NotAName};
pub use search::{Found, Results};

#[cfg(test)]
mod tests;
