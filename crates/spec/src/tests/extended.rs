//! Additions to a live run: behind everything that is there.

use agendum_types::{Graph, Limits};
use insta::assert_snapshot;

use super::checked;
use crate::{Accepted, Checked, Resolver, embedded, extend, load};

/// A run whose document has tasks in every section, a group and an output.
const BASE: &str = r#"
    tasks:
      a: { uses: chat, with: { prompt: "${{ inputs.q }}" } }
      g: { tasks: { x: { uses: chat, if: "${{ outer.tasks.a.output }}", with: { prompt: hi } } } }
    output: "${{ tasks.a.output.text }}"
    after: { s: { uses: chat, with: { prompt: "${{ tasks.a.output }}" } } }
    on_failure: { f: { uses: chat, with: { prompt: hi } } }
    finally: { z: { uses: chat, with: { prompt: "${{ run.id }}" } } }
"#;

fn base() -> Accepted {
    checked(BASE).runnable().unwrap().clone()
}

fn extended(base: &Accepted, addition: &str) -> Checked {
    let checked = extend(&base.document, addition, &Limits::STANDARD).unwrap();
    if let Some(accepted) = &checked.accepted {
        assert_eq!(
            load(&accepted.document, &Limits::STANDARD).unwrap(),
            accepted.graph,
            "a restart gives the same graph"
        );
        stands(&base.graph, &accepted.graph);
    }
    checked
}

/// Every task, expression and section of the run stands where it stood.
fn stands(before: &Graph, after: &Graph) {
    for (known, kept) in before.tasks.iter().zip(&after.tasks) {
        assert_eq!((&known.name, &known.needs, &known.work), (&kept.name, &kept.needs, &kept.work));
    }
    assert!(after.tasks.len() > before.tasks.len() && after.exprs.starts_with(&before.exprs));
    assert!(after.main.starts_with(&before.main));
    assert_eq!((&before.after, &before.on_failure, &before.finally), (&after.after, &after.on_failure, &after.finally));
}

fn names(graph: &Graph) -> String {
    let line = |task: &agendum_types::graph::Task| {
        let needs: Vec<&str> = task.needs.iter().map(|need| &*graph.task(*need).name).collect();
        format!("{} <- {}", task.name, needs.join(", "))
    };
    graph.tasks.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn said(checked: &Checked) -> String {
    let lines = checked.diagnostics.iter().map(|found| {
        let help = found.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
        format!("{}:{} {}: {}{help}", found.line, found.column, found.code, found.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn additions_stand_behind_every_section() {
    let first =
        extended(&base(), "tasks:\n  b: { uses: chat, needs: [g], with: { prompt: '${{ tasks.a.output.text }}' } }\n");
    let first = first.runnable().unwrap();
    let second = extended(
        first,
        r#"{"tasks": {"c": {"uses": "chat", "with": {"prompt": "hi"}, "if": "${{ tasks.b.output }}"}, "h": {"tasks": {"y": {"uses": "chat", "with": {"prompt": "hi"}}}}}}"#,
    );
    let second = second.runnable().unwrap();
    assert_snapshot!(names(&second.graph), @"
    a <- 
    g <- a
    x <- 
    s <- 
    f <- 
    z <- 
    b <- a, g
    c <- b
    h <- 
    y <-
    ");
    assert_ne!(first.graph.hash, second.graph.hash);
}

#[test]
fn what_is_wrong_with_an_addition_is_said_in_its_own_text() {
    let said = |addition: &str| said(&extended(&base(), addition));
    assert_snapshot!(said("tasks:\n  a: { uses: chat, with: { prompt: hi } }"), @"2:3 duplicate_task: there is another task `a` (give one of them another name)");
    assert_snapshot!(said("tasks:\n  x: { uses: chat, with: { prompt: hi } }"), @"2:3 duplicate_task: task `x` is shadowed by the one inside `g` (give one of them another name)");
    assert_snapshot!(said("tasks:\n  b: { uses: chta }"), @"2:14 unknown_value: `uses` knows no `chta` (did you mean `chat`?)");
    assert_snapshot!(said("tasks:\n  b: { uses: chat, needs: [s], with: { prompt: hi } }"), @"
    2:28 wrong_section: task `s` runs in another section (only the tasks of `tasks` can be read from other sections)
    ");
    assert_snapshot!(said("tasks:\n  b: { uses: chat, needs: [c], with: { prompt: hi } }\n  c: { uses: chat, needs: [b], with: { prompt: hi } }"), @"2:3 cycle: the tasks need each other: b → c → b (a cycle can only be written as a `loop`: {until, max_iterations, on_exhausted}, with these tasks inside)");
    assert_snapshot!(said("tasks:\n  b: { uses: chat, with: { prompt: p.md } }"), @r#"2:36 file: cannot read the file "p.md": this document came without files: put the text inline"#);
    assert_snapshot!(said("after: { b: { uses: chat, with: { prompt: hi } } }"), @"
    1:1 unknown_key: `after` cannot be added to a live run (write `tasks` only)
    1:1 missing_key: the addition lacks `tasks` (write `tasks: { NAME: { uses: … } }`)
    ");
    assert_snapshot!(said("tasks: {}"), @"1:8 empty: `tasks` is empty (write at least one task)");
    assert_snapshot!(said("[]"), @"1:1 wrong_type: the addition is a list; it must be a map (write `tasks: { NAME: { uses: … } }`)");
}

#[test]
fn an_addition_takes_its_files_along() {
    struct One;
    impl Resolver for One {
        fn read(&self, path: &str) -> Result<String, String> {
            if path == "p.md" { Ok("Say \"${{ item }}\":\n\u{85}#x".to_owned()) } else { Err("not there".to_owned()) }
        }
    }
    let with = |prompt: &str| {
        let inside = "{ p: { uses: chat, with: { prompt: 'p.md' } } }";
        format!("tasks:\n  b: {{ uses: chat, with: {{ prompt: {prompt}, x: 1 }} }}\n  h:\n    tasks: {inside}\n")
    };
    let folded = "tasks:\n  b:\n    uses: chat\n    with:\n      prompt: >-\n        p.md\n";
    let cases =
        [&with("p.md"), &with("\"p.md\""), &with("p.txt"), &with("/p.md"), folded, "tasks: {", "[]"].map(|addition| {
            match embedded(addition, &One, &Limits::STANDARD) {
                Ok(text) => text.replace('\u{85}', "NEL"),
                Err(wrong) => wrong.iter().map(|one| format!("{}:{} {}", one.line, one.column, one.message)).collect(),
            }
        });
    assert_snapshot!(cases.join("\n"), @r#"
    tasks:
      b: { uses: chat, with: { prompt: "Say \"${{ item }}\":\nNEL#x", x: 1 } }
      h:
        tasks: { p: { uses: chat, with: { prompt: "Say \"${{ item }}\":\nNEL#x" } } }

    tasks:
      b: { uses: chat, with: { prompt: "Say \"${{ item }}\":\nNEL#x", x: 1 } }
      h:
        tasks: { p: { uses: chat, with: { prompt: "Say \"${{ item }}\":\nNEL#x" } } }

    2:36 cannot read the file "p.txt": not there
    2:36 the file "/p.md" lies outside the document's folder
    {"tasks":{"b":{"uses":"chat","with":{"prompt":"Say \"${{ item }}\":\nNEL#x"}}}}
    tasks: {
    []
    "#);
    assert_snapshot!(said(&extended(&base(), &with("p.md"))), @r#"
    2:36 file: cannot read the file "p.md": this document came without files: put the text inline
    4:47 file: cannot read the file "p.md": this document came without files: put the text inline
    "#);
}

#[test]
fn no_document_holds_additions_of_its_own() {
    assert_snapshot!(super::said("additions: [{ b: { uses: chat, with: { prompt: hi } } }]\ntasks: { a: { uses: chat, with: { prompt: hi } } }"), @"
    3:1 unknown_key: unknown key `additions` in the document
        help: known keys: $schema, version, name, description, inputs, priority, deadline, budget, labels, concurrency, tasks, output, after, on_failure, finally
    ");
}

#[test]
fn additions_together_have_a_size() {
    let limits = Limits { document_bytes_max: 200, ..Limits::STANDARD };
    let add = |base: &Accepted, name: &str| {
        extend(
            &base.document,
            &format!("tasks: {{ {name}: {{ uses: chat, with: {{ prompt: {} }} }} }}", "x".repeat(60)),
            &limits,
        )
        .unwrap()
    };
    let first = add(&base(), "b");
    let second = add(first.runnable().unwrap(), "c");
    assert_snapshot!(said(&second), @"1:8 too_large: the run's additions would have 207 bytes; 200 are allowed (submit a run of its own)");
}
