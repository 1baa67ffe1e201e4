//! Any text as an expression and as a template.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| agendum_spec::fuzzing::expression(text));
