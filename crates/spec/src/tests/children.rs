//! Graphs inside graphs: what is accepted, what is said of files, inputs and budgets.

use agendum_types::Limits;
use agendum_types::graph::{Child, Work};
use insta::assert_snapshot;
use serde_json::Value as Json;

use super::{said, shown, with_head};
use crate::{Checked, NormalDocument, Resolver, Source, check, load};

/// Files by name.
struct Files(&'static [(&'static str, &'static str)]);

impl Resolver for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    }
}

fn over(files: &'static [(&'static str, &'static str)], text: &str) -> Checked {
    let text = with_head(text);
    check(Source { name: "graph.yaml", text: &text }, &Files(files), &Limits::STANDARD)
}

const INNER: &str = "
version: 1
name: inner
budget: { usd: 1 }
inputs: { properties: { text: { type: string } }, required: [text] }
tasks: { a: { uses: chat, with: { prompt: say.md } } }
";

fn child(checked: &Checked) -> &Child {
    let accepted = checked.runnable().unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let Work::Call(call) = &accepted.graph.tasks[0].work else { panic!("a call") };
    call.child.as_deref().unwrap()
}

#[test]
fn a_file_becomes_a_part_of_the_document_with_the_files_that_it_names() {
    let text = "tasks: { b: { uses: graph, with: { file: sub/inner.yaml, inputs: { text: hi } } } }";
    let files = &[("sub/inner.yaml", INNER), ("sub/say.md", "Say ${{ inputs.text }}.")];
    let checked = over(files, text);
    let child = child(&checked);
    let document: Json = serde_json::from_str(&child.document).unwrap();
    assert_eq!(document["tasks"]["a"]["with"]["prompt"], "Say ${{ inputs.text }}.");
    // It is the graph that its document is, and that of the stored one.
    let alone = load(&NormalDocument(child.document.clone()), &Limits::STANDARD).unwrap();
    assert_eq!(*alone, *child.graph);
    let accepted = checked.runnable().unwrap();
    assert_eq!(*load(&accepted.document, &Limits::STANDARD).unwrap(), *accepted.graph);
    // What is inside is part of what it is.
    let other = over(&[("sub/inner.yaml", INNER), ("sub/say.md", "Shout ${{ inputs.text }}.")], text);
    assert_ne!(other.runnable().unwrap().graph.hash, accepted.graph.hash);
}

#[test]
fn what_is_wrong_with_a_file_names_it() {
    let files = &[
        (
            "sub/inner.yaml",
            "version: 1\nname: inner\ntasks:\n  a: { uses: chat, with: { promt: hi } }\n  b: { uses: graph, with: { file: deep.yml } }\n",
        ),
        ("sub/deep.yml", "version: 1\nname: deep\ntasks: { c: { uses: chat, with: { prompt: say.md } } }\n"),
        ("sub/say.md", "Say ${{ inputs.nothing }}.\n"),
    ];
    assert_snapshot!(shown(over(files, "tasks: { b: { uses: graph, with: { file: sub/inner.yaml } } }")), @"
    sub/inner.yaml:4:28 unknown_key: unknown key `promt` in `with` of `chat`
        help: did you mean `prompt`?
    sub/say.md:1:16 unknown_input: there is no input `nothing`: the document declares none
        help: add `inputs: { properties: { nothing: { type: string } } }`
    ");
}

#[test]
fn files_that_are_none() {
    assert_snapshot!(shown(over(&[], r#"
        version: 1
        name: test
        tasks:
          a: { uses: graph, with: { file: gone.yaml } }
          b: { uses: graph, with: { file: ../inner.yaml } }
          c: { uses: graph, with: { file: inner.toml } }
          d: { uses: graph, with: { file: "${{ inputs.which }}" } }
          e: { uses: graph, with: { inputs: {} } }
          f: { uses: graph }
          g: { uses: graph, with: { file: gone.yaml, graph: { version: 1, name: g, tasks: { a: { uses: chat, with: { prompt: hi } } } } } }
    "#)), @r#"
    4:35 file: cannot read the file "gone.yaml": no such file
    5:35 file_outside: the file "../inner.yaml" lies outside the document's folder
        help: name a file beside the document or below it
    6:35 no_file: "inner.toml" is no name of a document
        help: name a .yaml, .yml or .json file: letters, digits, `.`, `_`, `-` and `/`
    7:35 no_expression: which graph it is must be known before anything runs: this is no name of a file
        help: write the name, or one task with an `if` for each graph
    8:27 missing_key: `with` of `graph` lacks `file` or `graph`
    9:14 missing_key: `uses: graph` lacks `with`
        help: write `with: { file: … }`
    10:46 both: a child run has its graph from a `file` or as it stands
        help: leave one of them out
    "#);
}

#[test]
fn a_graph_does_not_contain_itself() {
    let files = &[
        ("one.yaml", "version: 1\nname: one\ntasks: { a: { uses: graph, with: { file: ./sub/two.yaml } } }\n"),
        ("sub/two.yaml", "version: 1\nname: two\ntasks: { a: { uses: graph, with: { file: three.yaml } } }\n"),
        ("sub/three.yaml", "version: 1\nname: three\ntasks: { a: { uses: graph, with: { file: two.yaml } } }\n"),
    ];
    assert_snapshot!(shown(over(files, "tasks: { a: { uses: graph, with: { file: one.yaml } } }")), @"
    ./sub/three.yaml:3:42 cycle: the graph contains itself: sub/two.yaml → sub/three.yaml → sub/two.yaml
        help: repeat with a `loop`, or leave it out
    ");
}

#[test]
fn graphs_have_a_greatest_depth() {
    let nested = |depth: usize| {
        let mut text = "{ version: 1, name: x, tasks: { a: { uses: chat, with: { prompt: hi } } } }".to_owned();
        for _ in 0..depth {
            text = format!("{{ version: 1, name: x, tasks: {{ a: {{ uses: graph, with: {{ graph: {text} }} }} }} }}");
        }
        text
    };
    // As they stand, the depth of the text is what bounds them.
    assert!(said(&nested(6)).is_empty(), "{}", said(&nested(6)));
    struct Endless;
    impl Resolver for Endless {
        fn read(&self, path: &str) -> Result<String, String> {
            let number: u32 = path.trim_matches(|other: char| !other.is_ascii_digit()).parse().map_err(|_| "none")?;
            let next = number + 1;
            Ok(format!(
                "version: 1\nname: n{number}\ntasks: {{ a: {{ uses: graph, with: {{ file: f{next}.yaml }} }} }}\n"
            ))
        }
    }
    let text = with_head("tasks: { a: { uses: graph, with: { file: f1.yaml } } }");
    let checked = check(Source { name: "graph.yaml", text: &text }, &Endless, &Limits::STANDARD);
    assert_snapshot!(shown(checked), @"
    f6.yaml:3:36 too_deep: graphs stand inside graphs more than 6 deep
        help: submit a run of its own instead
    ");
}

#[test]
fn inputs_that_do_not_fit_are_said_where_that_can_be_seen() {
    let files = &[("inner.yaml", INNER), ("say.md", "Say ${{ inputs.text }}.")];
    assert_snapshot!(shown(over(files, r#"
        inputs: { additionalProperties: true }
        tasks:
          a: { uses: graph, with: { file: inner.yaml, inputs: { txt: x } } }
          b: { uses: graph, with: { file: inner.yaml } }
          c: { uses: graph, with: { file: inner.yaml, inputs: "${{ inputs }}" } }
          d: { uses: graph, with: { file: inner.yaml, inputs: 5 } }
    "#)), @"
    5:55 missing_key: the graph needs the input `text`
        help: write `inputs: { text: … }`
    5:57 unknown_input: the graph has no input `txt`
        help: did you mean `text`?
    6:27 missing_key: the graph needs the input `text`
        help: write `inputs: { text: … }`
    8:55 wrong_type: `inputs` is a number; it must be a map or an expression
        help: write { name: … }, or ${{ … }} for a map that comes
    8:55 missing_key: the graph needs the input `text`
        help: write `inputs: { text: … }`
    ");
}

#[test]
fn what_limits_a_run_must_limit_its_children() {
    let free = "graph: { version: 1, name: inner, tasks: { a: { uses: chat, with: { prompt: hi } } } }";
    assert_snapshot!(said(&format!(r#"
        version: 1
        name: test
        budget: {{ usd: 2, tokens: 100 }}
        tasks:
          a: {{ uses: graph, with: {{ {free} }} }}
          b: {{ uses: graph, with: {{ {free}, budget: {{ usd: 1 }} }} }}
          c: {{ uses: graph, with: {{ {free}, budget: {{ usd: 1, tokens: 5 }} }} }}
        after:
          d: {{ uses: graph, with: {{ {free} }} }}
    "#)), @"
    5:14 no_budget: the run has a budget in usd, and graph `inner` says not how much of it is its own
        help: write `budget: { usd: … }` in `with`, or in the document of that graph
    6:14 no_budget: the run has a budget in tokens, and graph `inner` says not how much of it is its own
        help: write `budget: { tokens: … }` in `with`, or in the document of that graph
    ");
    assert_snapshot!(said(&format!(r#"
        version: 1
        name: test
        tasks:
          g:
            loop: {{ until: "${{{{ true }}}}", max_iterations: 2, on_exhausted: fail, budget: {{ usd: 1 }} }}
            tasks: {{ a: {{ uses: graph, with: {{ {free} }} }} }}
    "#)), @"
    6:25 no_budget: the loop `g` has a budget in usd, and graph `inner` says not how much of it is its own
        help: write `budget: { usd: … }` in `with`, or in the document of that graph
    ");
}

#[test]
fn words_that_say_nothing_of_a_child_run() {
    assert_snapshot!(said(r#"
        version: 1
        name: test
        tasks:
          a:
            uses: graph
            with: { graph: { version: 1, name: inner, concurrency: { key: x }, tasks: { a: { uses: chat, with: { prompt: hi } } } } }
            model: { class: small }
            live: true
            effect: none
            timeout: { idle: 5s }
            cache: { ttl: 1h }
            catch: [{ on: [any], target: t }]
    "#), @"
    6:11 child_concurrency: graph `inner` has a `concurrency`, which a child run cannot keep
        help: leave it out there, and write it in the outermost document
    7:12 call_only: `model` says nothing of a child run
        help: give it to the calls of that graph
    8:11 call_only: `live` says nothing of a child run
        help: give it to the calls of that graph
    9:13 call_only: `effect` says nothing of a child run
        help: give it to the calls of that graph
    10:22 call_only: `idle` says nothing of a child run: it gives its output at once
        help: write `attempt`, or `task`
    11:12 call_only: `cache` says nothing of a child run: it is run each time
        help: give it to the calls of that graph
    12:34 call_only: a child run has no target to change
        help: give an `output`
    ");
}

/// Its expressions are its own, and what is wrong with them stands where it is written.
#[test]
fn a_graph_as_it_stands_is_checked_in_its_place() {
    assert_snapshot!(said(r#"
        version: 1
        name: test
        tasks:
          z: { uses: chat, with: { prompt: hi } }
          a:
            uses: graph
            with:
              graph:
                version: 1
                name: inner
                tasks: { a: { uses: chat, with: { prompt: "${{ tasks.z.output.text }}", promt: x } }, b: { uses: chat } }
    "#), @"
    11:62 unknown_task: there is no task `z`
        help: tasks here: b
    11:81 unread (warning): nothing reads `promt`: the prompt does not name it
        help: did you mean `prompt`?
    11:106 missing_key: `uses: chat` lacks `with`
        help: write `with: { prompt: … }`
    ");
}

#[test]
fn what_a_child_takes_back_only_while_it_runs_is_warned_of() {
    let inner = "{ version: 1, name: inner, tasks: { pay: { uses: exec, with: { argv: [pay] }, compensate: { uses: exec, with: { argv: [back] } } } } }";
    let around = "{ version: 1, name: middle, tasks: { m: { uses: graph, with: { graph: INNER } } } }";
    let text = "
        version: 1
        name: test
        tasks:
          a: { uses: graph, with: { graph: INNER } }
          b: { uses: graph, with: { graph: INNER }, compensate: { uses: exec, with: { argv: [back] } } }
          c: { uses: graph, with: { graph: AROUND } }
        finally:
          d: { uses: graph, with: { graph: INNER } }";
    assert_snapshot!(said(&text.replace("AROUND", around).replace("INNER", inner)), @"
    4:14 not_taken_back (warning): graph `inner` takes back what `pay` did if it fails itself, and not if this one fails after it has succeeded
        help: write a `compensate` beside `uses`, which takes back all that the child run has done
    6:14 not_taken_back (warning): graph `middle` takes back what `pay` did if it fails itself, and not if this one fails after it has succeeded
        help: write a `compensate` beside `uses`, which takes back all that the child run has done
    6:84 not_taken_back (warning): graph `inner` takes back what `pay` did if it fails itself, and not if this one fails after it has succeeded
        help: write a `compensate` beside `uses`, which takes back all that the child run has done
    ");
}
