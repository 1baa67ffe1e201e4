//! Any text as an agent's plan.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| agendum_spec::fuzzing::plan(text));
