//! Documents that are right: needs, reads and places.

use std::fmt::Write as _;

use agendum_types::Limits;
use agendum_types::graph::NodeId;
use insta::assert_snapshot;
use proptest::prelude::*;

use super::checked;
use crate::{NoFiles, Resolver, Source, check, load};

/// Each task with what it needs.
fn needs(text: &str) -> String {
    let checked = checked(text);
    assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
    let accepted = checked.runnable().unwrap();
    assert_eq!(load(&accepted.document, &Limits::STANDARD).unwrap(), accepted.graph);
    let graph = &accepted.graph;
    let mut lines = String::new();
    for (index, task) in graph.tasks.iter().enumerate() {
        let names: Vec<&str> = task.needs.iter().map(|need| &*graph.task(*need).name).collect();
        let mut path = task.name.to_string();
        let mut parent = task.parent;
        while let Some(group) = parent {
            path = format!("{}/{path}", graph.task(group).name);
            parent = graph.task(group).parent;
        }
        for need in &task.needs {
            assert!(graph.task(*need).needed_by.contains(&NodeId(index as u32)));
            assert_eq!(graph.task(*need).parent, task.parent, "dependencies lie between siblings");
        }
        writeln!(lines, "{path} <- {}", names.join(", ")).unwrap();
    }
    lines
}

#[test]
fn a_reference_is_a_dependency() {
    assert_snapshot!(needs(r#"
        tasks:
          a: { uses: chat, with: { prompt: hi } }
          b: { uses: chat, if: "${{ tasks.a.output.text }}", with: { prompt: "{% for x in tasks.c.output %}${{ x }}{% endfor %}" } }
          c: { uses: chat, needs: a, with: { prompt: hi } }
        output: { text: "${{ tasks.b.output.text or tasks.c.output.text }}" }
    "#), @"
    a <- 
    b <- c, a
    c <- a
    ");
}

#[test]
fn a_reference_out_of_a_group_is_the_groups() {
    assert_snapshot!(needs(r#"
        tasks:
          a: { uses: chat, with: { prompt: hi } }
          g:
            loop: { until: "${{ tasks.y.output.score > 1 }}", max_iterations: 2, on_exhausted: { use: best, by: "${{ tasks.y.output.score }}" } }
            tasks:
              x: { uses: chat, with: { prompt: "${{ loop.previous.tasks.x.output.text or outer.tasks.a.output.text }}" } }
              y: { uses: chat, with: { prompt: "${{ tasks.x.output.text }} round ${{ loop.round }}", schema: { required: [score] } } }
          h: { uses: moderate, fail_if: "${{ not tasks.h.output.allowed }}", needs: [g], with: { text: hi } }
        after:
          s: { uses: chat, with: { prompt: "${{ tasks.h.output }}" }, deadline: 10m }
    "#), @"
    a <- 
    g <- a
    g/x <- 
    g/y <- x
    h <- g
    s <-
    ");
}

#[test]
fn prompts_see_the_other_arguments() {
    assert_snapshot!(needs(r#"
        tasks:
          a: { uses: chat, with: { prompt: hi } }
          b: { uses: chat, with: { prompt: "{% for p in passages %}${{ p.text }}{% endfor %} ${{ inputs.q }}", passages: "${{ tasks.a.output }}" } }
    "#), @"
    a <- 
    b <- a
    ");
}

struct Scene;

impl Resolver for Scene {
    fn read(&self, path: &str) -> Result<String, String> {
        Ok(format!("{path} is called ${{{{ tasks.title.output.text }}}}"))
    }
}

#[test]
fn what_a_program_reads_may_be_a_file() {
    let text = "{ version: 1, name: t, tasks: { title: { uses: chat, with: { prompt: x } }, draw: { uses: exec, with: { argv: [tee, notes.txt], stdin: scenes/sea.pov.j2 } } } }";
    let checked = check(Source { name: "x", text }, &Scene, &Limits::STANDARD);
    let accepted = checked.runnable().unwrap();
    assert!(accepted.document.to_string().contains("scenes/sea.pov.j2 is called ${{ tasks.title.output.text }}"));
    let draw = accepted.graph.tasks.iter().find(|task| &*task.name == "draw").unwrap();
    assert_eq!(&*accepted.graph.task(draw.needs[0]).name, "title", "what the file reads is a dependency");
    let checked = check(Source { name: "x", text }, &NoFiles, &Limits::STANDARD);
    assert!(checked.diagnostics.iter().any(|found| found.message.contains("came without files")));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[ -~\\n${}%:\\[\\]#&*]{0,200}") {
        let _any = check(Source { name: "x", text: &text }, &NoFiles, &Limits::STANDARD);
    }

    #[test]
    fn no_document_panics(uses in "[a-z]{0,8}", condition in "[ -~]{0,30}", key in "[a-z_]{1,12}") {
        let text = format!("version: 1\nname: t\ntasks:\n  a: {{ uses: {uses}, if: '${{{{ {} }}}}', {key}: 1 }}", condition.replace('\'', ""));
        let _any = check(Source { name: "x", text: &text }, &NoFiles, &Limits::STANDARD);
    }
}
