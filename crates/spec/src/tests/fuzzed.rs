//! The corpus of the fuzz targets, and shapes that are large: through the same functions as the fuzzer's.

use std::path::Path;

use crate::fuzzing;

/// Runs every file of a target's corpus; gives how many there were.
fn corpus(target: &str, run: fn(&str)) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in &files {
        // The target takes texts: libFuzzer skips what is none.
        if let Ok(text) = String::from_utf8(std::fs::read(file).unwrap()) {
            let outcome = std::panic::catch_unwind(|| run(&text));
            assert!(outcome.is_ok(), "{} breaks a promise", file.display());
        }
    }
    files.len()
}

#[test]
fn documents() {
    assert!(corpus("document", fuzzing::document) >= 50);
}

#[test]
fn expressions() {
    assert!(corpus("expression", fuzzing::expression) >= 50);
}

#[test]
fn plans() {
    assert!(corpus("plan", fuzzing::plan) >= 20);
}
