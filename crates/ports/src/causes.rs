//! An error and what caused it, as one line.

use std::error::Error;

/// The error and its causes, each that is not told already by the one before it.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let causes = std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
    for cause in causes.map(ToString::to_string) {
        if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::chain;
    use crate::{BlobError, StoreError};

    #[test]
    fn every_cause_is_told_once() {
        let io = BlobError::Io { doing: "write a blob", source: io::Error::other("no such device") };
        assert_eq!(chain(&io), "the blob store failed to write a blob: no such device");
        let inside = StoreError::Io { doing: "open the journal", source: Box::new(io::Error::other("locked")) };
        assert_eq!(chain(&io::Error::other(inside)), "the store failed to open the journal: locked");
    }
}
