//! Cyclic documents become loops: the difference, what is refused, and any cycles whatever.

use std::fmt::Write as _;

use agendum_types::Limits;
use insta::assert_snapshot;
use proptest::prelude::*;

use super::with_head;
use crate::fix::{Fixed, Unfixable, difference, fix};
use crate::{NoFiles, Severity, Source, check};

fn fixed(text: &str) -> Result<Option<Fixed>, Unfixable> {
    fix(Source { name: "graph.yaml", text }, &NoFiles, &Limits::STANDARD)
}

/// The difference that a fix makes; what it says of each loop.
fn shown(text: &str) -> String {
    let text = with_head(text);
    match fixed(&text) {
        Err(unfixable) => unfixable.to_string(),
        Ok(None) => "nothing to fix".to_owned(),
        Ok(Some(fixed)) => {
            let mut lines = difference("graph.yaml", &text, &fixed.text);
            for one in fixed.loops {
                let until = one.until.unwrap_or_else(|| "?".to_owned());
                writeln!(lines, "{}: {} until {until}", one.name, one.tasks.join(", ")).unwrap();
            }
            lines
        }
    }
}

#[test]
fn a_draft_and_its_review_become_a_loop() {
    assert_snapshot!(shown(r#"
        tasks:
          outline: { uses: chat, with: { prompt: hi } }   # first of all

          # Writes.
          draft:
            uses: chat
            needs: [outline, review]
            with:
              prompt: |
                Write about ${{ tasks.outline.output.text }}.

                Mind: ${{ tasks.review.output.notes }}
          # Judges.
          review:
            uses: chat
            with: { prompt: "Judge ${{ tasks.draft.output.text }}", schema: { type: object, properties: { score: { type: number, maximum: 10 } } } }

          # Sends.
          send: { uses: http, needs: [draft, review], with: { url: "https://x", body: "${{ tasks.draft.output.text }}" } }
        output: { text: "${{ tasks.draft.output.text or tasks.outline.output }}" }
        finally: { log: { uses: chat, with: { prompt: "${{ tasks.review.output }}" } } }
    "#), @r#"
    --- graph.yaml
    +++ graph.yaml
    @@ -3,21 +3,30 @@
     tasks:
       outline: { uses: chat, with: { prompt: hi } }   # first of all
     
    -  # Writes.
    -  draft:
    -    uses: chat
    -    needs: [outline, review]
    -    with:
    -      prompt: |
    -        Write about ${{ tasks.outline.output.text }}.
    +  draft_loop:
    +    needs: [outline]
    +    loop:
    +      until: ${{ tasks.review.output.score >= 8 }}
    +      max_iterations: 3
    +      on_exhausted: { use: best, by: "${{ tasks.review.output.score }}" }
    +    output:
    +      draft: ${{ tasks.draft.output }}
    +      review: ${{ tasks.review.output }}
    +    tasks:
    +      # Writes.
    +      draft:
    +        uses: chat
    +        with:
    +          prompt: |
    +            Write about ${{ outer.tasks.outline.output.text }}.
     
    -        Mind: ${{ tasks.review.output.notes }}
    -  # Judges.
    -  review:
    -    uses: chat
    -    with: { prompt: "Judge ${{ tasks.draft.output.text }}", schema: { type: object, properties: { score: { type: number, maximum: 10 } } } }
    +            Mind: ${{ loop.previous.tasks.review.output.notes }}
    +      # Judges.
    +      review:
    +        uses: chat
    +        with: { prompt: "Judge ${{ tasks.draft.output.text }}", schema: { type: object, properties: { score: { type: number, maximum: 10 } } } }
     
       # Sends.
    -  send: { uses: http, needs: [draft, review], with: { url: "https://x", body: "${{ tasks.draft.output.text }}" } }
    -output: { text: "${{ tasks.draft.output.text or tasks.outline.output }}" }
    -finally: { log: { uses: chat, with: { prompt: "${{ tasks.review.output }}" } } }
    +  send: { uses: http, needs: [draft_loop], with: { url: "https://x", body: "${{ tasks.draft_loop.output.draft.text }}" } }
    +output: { text: "${{ tasks.draft_loop.output.draft.text or tasks.outline.output }}" }
    +finally: { log: { uses: chat, with: { prompt: "${{ tasks.draft_loop.output.review }}" } } }
    draft_loop: draft, review until tasks.review.output.score >= 8
    "#);
}

#[test]
fn where_nothing_says_when_it_is_good_somebody_must() {
    assert_snapshot!(shown(r#"
        tasks:
          a: { uses: chat, needs: [c], with: { prompt: hi } }
          b: { uses: chat, needs: a, with: { prompt: hi } }
          c: { uses: chat, with: { prompt: "${{ tasks.b.output.text }}" } }
    "#), @r#"
    --- graph.yaml
    +++ graph.yaml
    @@ -1,6 +1,17 @@
     version: 1
     name: test
     tasks:
    -  a: { uses: chat, needs: [c], with: { prompt: hi } }
    -  b: { uses: chat, needs: a, with: { prompt: hi } }
    -  c: { uses: chat, with: { prompt: "${{ tasks.b.output.text }}" } }
    +  a_loop:
    +    loop:
    +      # Fill in when a round is good enough: until then it runs max_iterations.
    +      until: ${{ false }}
    +      max_iterations: 3
    +      on_exhausted: { use: last }
    +    output:
    +      a: ${{ tasks.a.output }}
    +      b: ${{ tasks.b.output }}
    +      c: ${{ tasks.c.output }}
    +    tasks:
    +      a: { uses: chat, with: { prompt: hi } }
    +      b: { uses: chat, needs: a, with: { prompt: hi } }
    +      c: { uses: chat, with: { prompt: "${{ tasks.b.output.text }}" } }
    a_loop: a, b, c until ?
    "#);
}

#[test]
fn json_stays_json() {
    assert_snapshot!(shown(r#"{
          "version": 1, "name": "t",
          "tasks": {
            "a": { "uses": "chat", "needs": ["z"], "with": { "prompt": "${{ tasks.b.output[\"text\"] }}" } },
            "z": { "uses": "chat", "with": { "prompt": "hi" } },
            "b": {
              "uses": "chat", "with": { "prompt": "${{ tasks.a.output.text }}", "schema": { "required": ["approved"] } }
            }
          },
          "output": "${{ tasks.b.output }}"
        }"#), @r#"
    --- graph.yaml
    +++ graph.yaml
    @@ -1,11 +1,21 @@
     {
               "version": 1, "name": "t",
               "tasks": {
    -            "a": { "uses": "chat", "needs": ["z"], "with": { "prompt": "${{ tasks.b.output[\"text\"] }}" } },
    -            "z": { "uses": "chat", "with": { "prompt": "hi" } },
    -            "b": {
    -              "uses": "chat", "with": { "prompt": "${{ tasks.a.output.text }}", "schema": { "required": ["approved"] } }
    -            }
    +            "a_loop": {
    +              "needs": ["z"],
    +              "loop": { "until": "${{ tasks.b.output.approved }}", "max_iterations": 3, "on_exhausted": { "use": "last" } },
    +              "output": {
    +                "a": "${{ tasks.a.output }}",
    +                "b": "${{ tasks.b.output }}"
    +              },
    +              "tasks": {
    +                "a": { "uses": "chat", "with": { "prompt": "${{ loop.previous.tasks.b.output[\"text\"] }}" } },
    +                "b": {
    +                  "uses": "chat", "with": { "prompt": "${{ tasks.a.output.text }}", "schema": { "required": ["approved"] } }
    +                }
    +              }
    +            },
    +            "z": { "uses": "chat", "with": { "prompt": "hi" } }
               },
    -          "output": "${{ tasks.b.output }}"
    +          "output": "${{ tasks.a_loop.output.b }}"
             }
    \ No newline at end of file
    a_loop: a, b until tasks.b.output.approved
    "#);
    let one_line = r#"{"version":1,"name":"t","tasks":{"a":{"uses":"chat","with":{"prompt":"x"},"needs":["b"]},"b":{"uses":"chat","with":{"prompt":"x"},"needs":["a"]}}}"#;
    assert_snapshot!(fixed(one_line).unwrap().unwrap().text, @r#"{"version":1,"name":"t","tasks":{"a_loop": { "loop": { "until": "${{ false }}", "max_iterations": 3, "on_exhausted": { "use": "last" } }, "output": { "a": "${{ tasks.a.output }}", "b": "${{ tasks.b.output }}" }, "tasks": { "a":{"uses":"chat","with":{"prompt":"x"}}, "b":{"uses":"chat","with":{"prompt":"x"},"needs":["a"]} } }}}"#);
}

#[test]
fn a_task_that_needs_itself_reads_its_last_round() {
    assert_snapshot!(shown(r#"
        tasks:
          a: { uses: moderate, with: { text: "${{ tasks.a.output.text or 'x' }}" }, fail_if: "${{ not tasks.a.output.allowed }}" }
          g:
            tasks:
              p: { uses: chat, if: "${{ not outer.tasks.g.output }}", with: { prompt: hi } }
    "#), @r#"
    --- graph.yaml
    +++ graph.yaml
    @@ -1,7 +1,24 @@
     version: 1
     name: test
     tasks:
    -  a: { uses: moderate, with: { text: "${{ tasks.a.output.text or 'x' }}" }, fail_if: "${{ not tasks.a.output.allowed }}" }
    -  g:
    +  a_loop:
    +    loop:
    +      until: ${{ tasks.a.output.allowed }}
    +      max_iterations: 3
    +      on_exhausted: { use: last }
    +    output:
    +      a: ${{ tasks.a.output }}
         tasks:
    -      p: { uses: chat, if: "${{ not outer.tasks.g.output }}", with: { prompt: hi } }
    +      a: { uses: moderate, with: { text: "${{ loop.previous.tasks.a.output.text or 'x' }}" }, fail_if: "${{ not tasks.a.output.allowed }}" }
    +  g_loop:
    +    loop:
    +      # Fill in when a round is good enough: until then it runs max_iterations.
    +      until: ${{ false }}
    +      max_iterations: 3
    +      on_exhausted: { use: last }
    +    output:
    +      g: ${{ tasks.g.output }}
    +    tasks:
    +      g:
    +        tasks:
    +          p: { uses: chat, if: "${{ not loop.previous.tasks.g.output }}", with: { prompt: hi } }
    a_loop: a until tasks.a.output.allowed
    g_loop: g until ?
    "#);
}

#[test]
fn cycles_in_groups_and_around_them() {
    assert_snapshot!(shown(r#"
        tasks:
          top: { uses: chat, with: { prompt: hi } }
          g:
            needs: [h]
            tasks:
              x: { uses: chat, if: "${{ outer.tasks.top.output and tasks.z.output and outer.tasks.h.output }}", needs: [y], with: { prompt: hi } }
              y: { uses: chat, needs: [x], with: { prompt: hi } }
              z: { uses: chat, with: { prompt: hi } }
          h: { uses: chat, with: { prompt: "${{ tasks.g.output }}" } }
          i: { uses: chat, needs: [h], with: { prompt: hi } }
    "#), @"the cycle cannot be rewritten as a loop: `x` stands in a loop inside the cycle and reads `h` of the round before");
}

#[test]
fn one_cycle_reads_another() {
    assert_snapshot!(shown(r#"
        tasks:
          a: { uses: chat, needs: [b], with: { prompt: hi } }
          b: { uses: chat, needs: [a], with: { prompt: hi } }
          c: { uses: chat, with: { prompt: "${{ tasks.a.output.text ~ tasks.d.output }} 'tasks.a.output'" }, needs: [b] }
          d: { uses: chat, needs: [c], with: { prompt: hi } }
    "#), @r#"
    --- graph.yaml
    +++ graph.yaml
    @@ -1,7 +1,28 @@
     version: 1
     name: test
     tasks:
    -  a: { uses: chat, needs: [b], with: { prompt: hi } }
    -  b: { uses: chat, needs: [a], with: { prompt: hi } }
    -  c: { uses: chat, with: { prompt: "${{ tasks.a.output.text ~ tasks.d.output }} 'tasks.a.output'" }, needs: [b] }
    -  d: { uses: chat, needs: [c], with: { prompt: hi } }
    +  a_loop:
    +    loop:
    +      # Fill in when a round is good enough: until then it runs max_iterations.
    +      until: ${{ false }}
    +      max_iterations: 3
    +      on_exhausted: { use: last }
    +    output:
    +      a: ${{ tasks.a.output }}
    +      b: ${{ tasks.b.output }}
    +    tasks:
    +      a: { uses: chat, with: { prompt: hi } }
    +      b: { uses: chat, needs: [a], with: { prompt: hi } }
    +  c_loop:
    +    needs: [a_loop]
    +    loop:
    +      # Fill in when a round is good enough: until then it runs max_iterations.
    +      until: ${{ false }}
    +      max_iterations: 3
    +      on_exhausted: { use: last }
    +    output:
    +      c: ${{ tasks.c.output }}
    +      d: ${{ tasks.d.output }}
    +    tasks:
    +      c: { uses: chat, with: { prompt: "${{ outer.tasks.a_loop.output.a.text ~ loop.previous.tasks.d.output }} 'tasks.a.output'" } }
    +      d: { uses: chat, needs: [c], with: { prompt: hi } }
    a_loop: a, b until ?
    c_loop: c, d until ?
    "#);
}

#[test]
fn what_has_no_loop_that_means_the_same_is_refused() {
    assert_snapshot!(shown(r#"
        tasks:
          a: { uses: chat, needs: [b], publish_after: [b], with: { prompt: hi } }
          b: { uses: chat, needs: [a], with: { prompt: hi } }
    "#), @"the cycle cannot be rewritten as a loop: `publish_after` of task `a` belongs to a task outside of any group");
    assert_snapshot!(shown(r#"
        tasks:
          l:
            loop: { until: "${{ tasks.a.output.ok }}", max_iterations: 2, on_exhausted: fail }
            tasks:
              a: { uses: chat, needs: [b], with: { prompt: "${{ loop.previous.tasks.a.output }}" } }
              b: { uses: chat, needs: [a], with: { prompt: hi } }
    "#), @"the cycle cannot be rewritten as a loop: task `a` reads `loop.previous.tasks.a.output` of a loop further out");
    assert_snapshot!(shown(r#"
        tasks:
          a: { loop: { until: true, max_iterations: 2, on_exhausted: fail }, tasks: { p: { uses: chat, if: "${{ outer.tasks.b.output }}", with: { prompt: hi } } } }
          b: { uses: chat, needs: [a], with: { prompt: hi } }
    "#), @"the cycle cannot be rewritten as a loop: `p` stands in a loop inside the cycle and reads `b` of the round before");
    assert_snapshot!(shown("tasks: { a: { uses: chat, needs: [a], retires: 1, with: { prompt: hi } } }"), @"the cycle cannot be rewritten as a loop: mend the other errors first: line 3: unknown key `retires` in `a`");
    assert_snapshot!(shown("tasks: { a: { uses: chat, needs: [a, b], with: { prompt: hi } } }"), @"the cycle cannot be rewritten as a loop: mend the other errors first: line 3: there is no task `b`");
    assert_snapshot!(shown("tasks: { a: { uses: chat, with: { prompt: hi } } }"), @"nothing to fix");
}

/// A task of a random document: its edges, and how each is written.
#[derive(Clone, Debug)]
struct Random {
    edges: Vec<(usize, u8)>,
    is_group: bool,
    is_long: bool,
}

fn random() -> impl Strategy<Value = Vec<Random>> {
    let edges = proptest::collection::vec((0..6_usize, 0..4_u8), 0..4);
    let task = (edges, any::<bool>(), any::<bool>());
    let task = task.prop_map(|(edges, is_group, is_long)| Random { edges, is_group, is_long });
    proptest::collection::vec(task, 2..6)
}

/// Writes the tasks, some in lines and some in braces; a group holds a cycle of its own and reads out of it.
fn written(tasks: &[Random]) -> String {
    let mut text = "version: 1\nname: random\ntasks:\n".to_owned();
    for (place, task) in tasks.iter().enumerate() {
        let of = |kind: u8| task.edges.iter().filter(move |(_, of)| *of == kind).map(|(to, _)| to % tasks.len());
        let needs: Vec<String> = of(0).map(|to| format!("t{to}")).collect();
        let reads: String = of(1).map(|to| format!("${{{{ tasks.t{to}.output.text }}}} ")).collect();
        let condition: Vec<String> = of(2).map(|to| format!("tasks.t{to}.output")).collect();
        let out: Vec<String> = of(3).map(|to| format!("outer.tasks.t{to}.output")).collect();
        let condition = if condition.is_empty() { "true".into() } else { condition.join(" or ") };
        let out = if out.is_empty() { "true".into() } else { out.join(" and ") };
        let line = |text: &mut String, line: &str| writeln!(text, "    {line}").unwrap();
        if task.is_group {
            writeln!(text, "  # group {place}\n  t{place}:").unwrap();
            line(&mut text, &format!("if: ${{{{ {condition} }}}}"));
            line(&mut text, "tasks:");
            line(
                &mut text,
                &format!(
                    "  x{place}: {{ uses: chat, needs: [y{place}], with: {{ prompt: hi }}, if: '${{{{ {out} }}}}' }}"
                ),
            );
            line(
                &mut text,
                &format!("  y{place}: {{ uses: chat, with: {{ prompt: '${{{{ tasks.x{place}.output }}}}' }} }}"),
            );
        } else if task.is_long {
            writeln!(text, "  t{place}:\n    uses: chat\n    with:\n      prompt: |\n        Say\n\n        {reads}x")
                .unwrap();
            line(&mut text, &format!("if: ${{{{ {condition} }}}}  # when"));
        } else {
            writeln!(
                text,
                "  t{place}: {{ uses: chat, if: '${{{{ {condition} }}}}', with: {{ prompt: \"{reads}x\" }} }}"
            )
            .unwrap();
        }
        if task.is_group || task.is_long {
            line(&mut text, &format!("needs: [{}]", needs.join(", ")));
        }
    }
    text.push_str("# the end\noutput: ${{ tasks.t0.output }}\n");
    text
}

/// The same as JSON.
fn as_json(text: &str) -> String {
    let mut diagnostics = crate::diagnostic::Diagnostics::new(text);
    let tree = crate::tree::parse(text, &Limits::STANDARD, &mut diagnostics).unwrap();
    serde_json::to_string_pretty(&crate::tree::to_json(&tree)).unwrap()
}

fn is_mended(text: &str) {
    let errors = |text: &str| {
        let checked = check(Source { name: "x", text }, &NoFiles, &Limits::STANDARD);
        checked.diagnostics.into_iter().filter(|found| found.severity == Severity::Error).collect::<Vec<_>>()
    };
    let before = errors(text);
    match fixed(text) {
        Ok(None) => assert!(before.is_empty(), "{before:#?}\n{text}"),
        Ok(Some(fixed)) => {
            assert!(!before.is_empty() && !fixed.loops.is_empty());
            assert_eq!(errors(&fixed.text), [], "{text}\n{}", fixed.text);
            assert_eq!(super::fixed::fixed(&fixed.text), Ok(None), "a fixed document has no cycle");
            assert_eq!(
                fixed.text.matches('#').count() - text.matches('#').count(),
                unknown(&fixed),
                "comments survive"
            );
        }
        // A group's task inside its own loop cannot read the last round of the loop around it.
        Err(Unfixable(why)) => assert!(why.contains("of the round before"), "{why}\n{text}"),
    }
}

/// Comments that ask for an end.
fn unknown(fixed: &Fixed) -> usize {
    fixed.text.matches("# Fill in when").count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cycle_is_mended(tasks in random()) {
        let text = written(&tasks);
        is_mended(&text);
        is_mended(&as_json(&text));
    }
}

#[test]
fn only_what_a_text_reads_is_changed() {
    assert_snapshot!(shown(r##"
        tasks:
          a:
            uses: chat
            with: { prompt: "{# ${{ tasks.b.output }} #}{% set b = tasks.b.output %}\u0024{{ tasks.b.output.text }}${{ 'tasks.b.output' }}" }
          b:
            uses: chat
            with: { prompt: "${{ tasks.a.output }}{% for tasks in [1] %}${{ tasks.a.output }}{% endfor %}" }
            fail_if: ${{ not output.text }}
        output: ${{ tasks . b . output }}
    "##), @r#"
    --- graph.yaml
    +++ graph.yaml
    @@ -1,11 +1,21 @@
     version: 1
     name: test
     tasks:
    -  a:
    -    uses: chat
    -    with: { prompt: "{# ${{ tasks.b.output }} #}{% set b = tasks.b.output %}\u0024{{ tasks.b.output.text }}${{ 'tasks.b.output' }}" }
    -  b:
    -    uses: chat
    -    with: { prompt: "${{ tasks.a.output }}{% for tasks in [1] %}${{ tasks.a.output }}{% endfor %}" }
    -    fail_if: ${{ not output.text }}
    -output: ${{ tasks . b . output }}
    +  a_loop:
    +    loop:
    +      # Fill in when a round is good enough: until then it runs max_iterations.
    +      until: ${{ false }}
    +      max_iterations: 3
    +      on_exhausted: { use: last }
    +    output:
    +      a: ${{ tasks.a.output }}
    +      b: ${{ tasks.b.output }}
    +    tasks:
    +      a:
    +        uses: chat
    +        with: { prompt: "{# ${{ tasks.b.output }} #}{% set b = loop.previous.tasks.b.output %}\u0024{{ loop.previous.tasks.b.output.text }}${{ 'tasks.b.output' }}" }
    +      b:
    +        uses: chat
    +        with: { prompt: "${{ tasks.a.output }}{% for tasks in [1] %}${{ tasks.a.output }}{% endfor %}" }
    +        fail_if: ${{ not output.text }}
    +output: ${{ tasks.a_loop.output.b }}
    a_loop: a, b until ?
    "#);
}

#[test]
fn two_loops_have_two_names() {
    let long = "a".repeat(50);
    let task = |name: &str, need: &str| {
        format!("  {long}_{name}: {{ uses: chat, needs: [{long}_{need}], with: {{ prompt: hi }} }}\n")
    };
    let text = [task("a", "b"), task("b", "a"), task("c", "d"), task("d", "c")].concat();
    let fixed = fixed(&with_head(&format!("tasks:\n{text}"))).unwrap().unwrap();
    let names: Vec<_> = fixed.loops.iter().map(|one| one.name.trim_start_matches('a')).collect();
    assert_eq!(names, ["_loop", "_loop_2"]);
}
