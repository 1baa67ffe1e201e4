//! The corpus of the fuzz targets, and shapes that are large: through the same functions as the fuzzer's.

use std::path::Path;

use crate::fuzzing;

/// Runs every file of a target's corpus; gives how many there were.
#[expect(clippy::disallowed_methods, reason = "the corpus is kept in files")]
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

/// Shapes whose cost would show if it grew faster than they do, though only the promises are asserted: each goes through everything
/// that a text can go through.
#[test]
fn large_shapes() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let tasks = |lines: String| format!("version: 1\nname: large\ntasks:\n{lines}");
    let with = |value: String| tasks(format!("  a: {{ uses: chat, with: {{ prompt: {value} }} }}\n"));
    for text in [
        many(10_000, &|at| format!("key{at}: 1\n")),
        tasks(many(1_999, &|at| format!("  t{at}: {{ uses: chat, with: {{ prompt: hi }} }}\n"))),
        tasks(many(2_001, &|at| format!("  t{at}: {{ uses: chat, with: {{ prompt: hi }} }}\n"))),
        tasks(many(500, &|at| format!("  t{at}: {{ uses: chat, if: '${{{{ tasks.u{at}.output }}}}' }}\n"))),
        tasks(many(500, &|at| format!("  t{at}: {{ uses: chat, needs: [t{}] }}\n", (at + 1) % 500))),
        tasks(many(500, &|at| format!("  t{at}: {{ uses: chat, needs: [t{}] }}\n", at ^ 1))),
        with(format!("{{ {} }}", many(5_000, &|at| format!("k{at}: x, ")))),
        with(format!("[{}]", "\"${{ inputs.x }}\", ".repeat(2_000))),
        with(format!("\"{}\"", "${{ inputs.x[:2] }}\\n".repeat(2_000))),
        with(format!("\"{}\"", "{% if 1 %}x{% endif %}\\n".repeat(2_000))),
        with(format!("\"{}\"", "${{".repeat(2_000))),
        with(format!("\"{}\"", "{#".repeat(2_000))),
        with(format!("\"{}\"", "a {{ inputs.x ".repeat(20_000))),
        with(format!("\"{}\"", "{{ inputs.x }} ".repeat(20_000))),
        with(format!("\"{}\"", "${{ inputs.x.y | nothing }}\\n".repeat(2_000))),
        "[".repeat(100_000),
        "{a: ".repeat(50_000),
        "- ".repeat(50_000),
    ] {
        fuzzing::document(&text);
    }
}
