//! What is said of documents that a document names.

use std::ops::Range;
use std::sync::Arc;

use super::{Diagnostics, File};

impl Diagnostics {
    /// Takes over what is said of another document, which this one names there by this path.
    pub(crate) fn absorb(&mut self, place: &Range<usize>, path: &str, text: String, of: Self) {
        let folder = path.rfind('/').map_or("", |end| &path[..=end]);
        let (found, _) = of.finish();
        let document = Arc::new(File { path: path.to_owned(), text });
        for mut diagnostic in found {
            let severity = diagnostic.severity;
            if self.is_full_of(severity) {
                continue;
            }
            self.kept[severity as usize] += 1;
            diagnostic.file = Some(match diagnostic.file.take() {
                None => Arc::clone(&document),
                Some(file) => Arc::new(File { path: format!("{folder}{}", file.path), text: file.text.clone() }),
            });
            self.of_others.push((place.start, diagnostic));
        }
    }
}
