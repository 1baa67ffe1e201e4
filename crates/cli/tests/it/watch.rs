//! `run --watch` on the real binary: an edit takes the place of the run under way, and what cannot be run is waited out.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr};

use serde_json::Value as Json;

use crate::place::{Place, signal};

/// A linter that is done at once, and tests that take until they are told.
const GRAPH: &str = "
version: 1
name: two
tasks:
  lint: { uses: exec, effect: none, live: true, with: { argv: [sh, -c, 'cat src/text'] } }
  test: { uses: exec, effect: none, with: { argv: [sh, -c, 'until [ -e go ]; do sleep 0.05; done'] } }
output: ${{ tasks.lint.output.stdout }}
";

/// A command that watches, and what it says.
struct Watching(Child, BufReader<ChildStderr>);

impl Watching {
    fn begin(place: &Place, arguments: &[&str]) -> Self {
        let mut child = place.agendum(&[&["run", "two.yaml", "--watch"], arguments].concat()).spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        Self(child, err)
    }

    /// What it says until a line has this.
    fn until(&mut self, what: &str) -> String {
        let (mut said, mut line) = (String::new(), String::new());
        while !line.contains(what) {
            line.clear();
            assert!(self.1.read_line(&mut line).unwrap() > 0, "{what:?} was not said:\n{said}");
            said.push_str(&line);
        }
        said
    }

    /// Ctrl-C; the exit code.
    fn interrupt(mut self) -> i32 {
        signal(&self.0, "-INT");
        self.until("cancelling");
        std::io::copy(&mut self.1, &mut std::io::sink()).unwrap();
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Place {
    /// As editors do it: the whole file at once.
    fn edit(&self, name: &str, text: &str) {
        self.write(".edited", text);
        std::fs::rename(self.path(".edited"), self.path(name)).unwrap();
    }

    /// How all runs ended, the first first.
    fn ends(&self) -> Vec<(String, bool)> {
        let runs = self.json(&["runs", "ls"]);
        let of = |run: &Json| (run["status"].as_str().unwrap().to_owned(), run["done"] == true);
        runs.as_array().unwrap().iter().rev().map(of).collect()
    }
}

fn ended(status: &str) -> (String, bool) {
    (status.to_owned(), true)
}

#[test]
fn an_edit_takes_the_place_of_the_run_and_the_linter_is_heard_before_the_tests_have_ended() {
    let place = Place::with_shell();
    place.write("two.yaml", GRAPH);
    place.write("src/text", "first\n");
    let mut watching = Watching::begin(&place, &["src"]);
    watching.until("first");
    place.edit("src/text", "second\n");
    watching.until("is replaced by");
    let told = watching.until("second");
    assert!(!told.contains("✓ test"), "{told}");
    place.write("go", "");
    watching.until("✓ test");
    watching.until("watching 2 files");
    std::fs::remove_file(place.path("go")).unwrap();
    place.edit("src/more", "third");
    watching.until("▸ test");
    assert_eq!(watching.interrupt(), 130);
    assert_eq!(place.ends(), [ended("cancelled"), ended("succeeded"), ended("cancelled")]);
    let replaced = place.json(&["runs", "ls"])[2]["id"].as_str().unwrap().to_owned();
    let (_, out, _) = place.run(&["why", &replaced]);
    assert!(out.contains("replaced by run"), "{out}");
}

#[test]
fn a_document_that_cannot_be_run_is_watched_until_it_is_mended() {
    let place = Place::with_shell();
    place.write("two.yaml", &GRAPH.replace("uses: exec, effect: none, live", "uses: exek, live"));
    place.write("src/text", "first\n");
    let mut watching = Watching::begin(&place, &[]);
    watching.until("did you mean `exec`?");
    watching.until("the next edit may mend it");
    place.edit("two.yaml", GRAPH);
    watching.until("first");
    // While it runs, what is wrong leaves it alone; what is right takes its place.
    place.edit("two.yaml", &GRAPH.replace("src/text", "${{ inputs.text }}"));
    watching.until("the next edit may mend it");
    place.edit("two.yaml", &GRAPH.replace("cat src/text", "echo mended"));
    watching.until("is replaced by");
    watching.until("mended");
    assert_eq!(watching.interrupt(), 130);
    assert_eq!(place.ends(), [ended("cancelled"), ended("cancelled")]);
}

#[test]
fn where_runs_wait_for_their_turn_an_edit_waits_for_the_end_of_the_one_under_way() {
    let place = Place::with_shell();
    place.write("two.yaml", &GRAPH.replace("tasks:\n", "concurrency: { key: x }\ntasks:\n"));
    place.write("src/text", "first\n");
    let mut watching = Watching::begin(&place, &["src"]);
    watching.until("first");
    place.edit("src/text", "second\n");
    place.write("go", "");
    let told = watching.until("second");
    assert!(told.contains("✓ test") && !told.contains("replaced"), "{told}");
    watching.until("watching 2 files");
    std::fs::remove_file(place.path("go")).unwrap();
    place.edit("src/text", "third\n");
    watching.until("third");
    assert_eq!(watching.interrupt(), 130);
    assert_eq!(place.ends(), [ended("succeeded"), ended("succeeded"), ended("cancelled")]);
}
