//! `run --watch` on the real binary: an edit takes the place of the run under way, and what cannot be run is waited out.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr};

use serde_json::Value as Json;

use crate::place::{Place, Server, signal};

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
        Self::run(place, &[&["two.yaml", "--watch"], arguments].concat())
    }

    fn run(place: &Place, arguments: &[&str]) -> Self {
        let mut child = place.agendum(&[&["run"], arguments].concat()).spawn().unwrap();
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

impl Watching {
    /// Ctrl-C when no run is under way.
    fn stop(mut self) {
        signal(&self.0, "-INT");
        std::io::copy(&mut self.1, &mut std::io::sink()).unwrap();
        assert_eq!(self.0.wait().unwrap().code(), Some(130));
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

#[test]
fn what_was_said_live_is_heard_by_who_comes_when_the_run_is_over() {
    let place = Place::with_shell();
    place.write("two.yaml", GRAPH);
    place.write("src/text", "first\n");
    place.write("go", "");
    let server = Server::start(&place, &[]);
    let run = place.json(&["run", "two.yaml"]);
    assert_eq!(run["run"]["done"], true, "{run}");
    let (code, _, err) = place.run(&["runs", "watch", "last"]);
    let lines = err.lines().map(str::trim_start);
    let lint: Vec<&str> = lines.filter(|line| line.contains("lint") || line.contains("first")).collect();
    assert!(code == 0 && lint.len() >= 3 && lint[0].starts_with("▸ lint"), "{code} {err}");
    assert!(lint[1..3].contains(&"│ first") || lint[1..3].contains(&"lint │ first"), "{err}");
    server.stop();
}

#[test]
fn what_each_run_writes_itself_does_not_begin_runs_for_ever() {
    let place = Place::with_shell();
    place.write("two.yaml", &GRAPH.replace("cat src/text", "date +%s%N >> src/log; cat src/text"));
    place.write("go", "");
    place.write("src/text", "first\n");
    // The graph may stand behind what is watched.
    let mut watching = Watching::run(&place, &["--watch", "src", "two.yaml"]);
    let told = watching.until("seem to write it");
    assert!(told.contains("src/log changed while each of the last "), "{told}");
    let begun = place.ends().len();
    // Three more, and on a machine that is too busy for them to be alike up to eight.
    assert!((4..=9).contains(&begun), "{told}");
    // What somebody else edits begins a run all the same.
    place.edit("src/text", "second\n");
    watching.until("second");
    watching.stop();
    assert!(place.ends().len() > begun);
}

#[test]
fn more_files_than_can_be_watched_end_it_with_what_to_do() {
    let place = Place::with_shell();
    place.write("two.yaml", GRAPH);
    for number in 0..10_001 {
        place.write(&format!("src/{number}"), "");
    }
    let (code, _, err) = place.run(&["run", "two.yaml", "--watch", "src"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("--watch names more than 10000 files") && err.contains("name the folders"), "{err}");
}
