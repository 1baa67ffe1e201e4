//! Any text as a graph document.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| agendum_spec::fuzzing::document(text));
