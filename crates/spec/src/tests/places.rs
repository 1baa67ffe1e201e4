//! Diagnostics point at the name inside the expression, however its text is written.

use std::cell::Cell;

use agendum_types::Limits;
use insta::assert_snapshot;

use super::{said, shown, with_head};
use crate::fix::fix;
use crate::{Diagnostic, File, NoFiles, Resolver, Source, check};

#[test]
fn inside_texts_of_every_style() {
    assert_snapshot!(said(r#"
        tasks:
          plain: { uses: chat, with: { prompt: "x" }, if: "${{ inputs.ok and tasks.no.output }}" }
          quoted: { uses: chat, with: { prompt: "say \"hi\" \u00e9 to ${{ tasks.no.output }}" } }
          single: { uses: chat, with: { prompt: 'it''s ${{ tasks.no.output }}' } }
          literal:
            uses: chat
            with:
              prompt: |
                The first line.
                  Then ${{ tasks.plain.output.text }},
                then ${{ tasks.no.output }}.
          folded:
            uses: chat
            with:
              prompt: >-
                A long line

                that is folded ${{ inputs.x
                  | nofilter }} and
                ends in ${{ 1 + }}
          several:
            uses: chat
            with:
              prompt: a text over
                two lines ${{ tasks.no.output }}
    "#), @r"
    4:76 unknown_task: there is no task `no`
        help: tasks here: quoted, single, literal, folded, several
    5:73 unknown_task: there is no task `no`
        help: tasks here: plain, single, literal, folded, several
    6:58 unknown_task: there is no task `no`
        help: tasks here: plain, quoted, literal, folded, several
    13:24 unknown_task: there is no task `no`
        help: tasks here: plain, quoted, single, folded, several
    22:25 bad_expression: this expression cannot be read: unexpected end of variable block
        help: expressions are MiniJinja between ${{ and }}
    27:29 unknown_task: there is no task `no`
        help: tasks here: plain, quoted, single, literal, folded
    ");
}

struct Prompt;

impl Resolver for Prompt {
    fn read(&self, path: &str) -> Result<String, String> {
        Ok(format!(
            "This is {path}.\n\nWork on ${{{{ subject }}}} for ${{{{ inputs.anybody }}}}:\n  ${{{{ tasks.nobody.output }}}}\n"
        ))
    }
}

#[test]
fn inside_files() {
    let text = with_head(
        r#"
        inputs: { type: object, properties: { q: {} } }
        tasks:
          a: { uses: chat, with: { prompt: prompts/a.md, subject: x }, if: "${{ tasks.x.output }}" }
          b: { uses: chat, with: { prompt: prompts/b.md } }
        output: ${{ tasks.y.output }}
    "#,
    );
    assert_snapshot!(shown(check(Source { name: "graph.yaml", text: &text }, &Prompt, &Limits::STANDARD)), @r"
    prompts/a.md:3:39 unknown_input: there is no input `anybody` among the `properties` of `inputs`
        help: inputs: q
    prompts/a.md:4:13 unknown_task: there is no task `nobody`
        help: tasks here: b
    5:79 unknown_task: there is no task `x`
        help: tasks here: b
    prompts/b.md:3:13 unknown_name: unknown name `subject`
        help: known: inputs, tasks.NAME.output, outer.tasks.NAME.output, item, item_index, loop, output, task.key, run
    prompts/b.md:3:39 unknown_input: there is no input `anybody` among the `properties` of `inputs`
        help: inputs: q
    prompts/b.md:4:13 unknown_task: there is no task `nobody`
        help: tasks here: a
    7:19 unknown_task: there is no task `y`
        help: tasks here: a, b
    ");
}

#[test]
fn what_is_put_in_the_place_of_a_file_is_shared() {
    let text = with_head(
        r#"
        tasks:
          a: { uses: chat, with: { prompt: prompts/a.md, subject: x }, if: "${{ tasks.x.output }}" }
          b: { uses: chat, with: { prompt: prompts/b.md } }
    "#,
    );
    let mut said = check(Source { name: "x", text: &text }, &Prompt, &Limits::STANDARD).diagnostics;
    let made = Cell::new(0);
    Diagnostic::map_files(&mut said, |file| {
        made.set(made.get() + 1);
        File { path: format!("in/{}", file.path), text: file.text.clone() }
    });
    let files: Vec<_> = said.iter().filter_map(|one| one.file.as_deref()).collect();
    let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    let [a, b] = ["in/prompts/a.md", "in/prompts/b.md"];
    assert_eq!((paths, made.get()), (vec![a, a, b, b, b], 2));
    assert!(files.windows(2).all(|two| (two[0].path == two[1].path) == std::ptr::eq(two[0], two[1])));
}

#[test]
fn what_stands_behind_a_character_that_yaml_does_not_know() {
    for character in ['\u{7f}', '\u{85}', '\u{2028}', '\u{feff}', '\u{ffff}', 'é'] {
        let text = format!(
            r#"{{"version":1,"name":"x","tasks":{{"a":{{"uses":"chat","description":"{character}{character}","with":{{"prompt":"{character} ${{{{ tasks.no }}}}"}}}},"b":{{"uses":"chta"}}}}}}"#
        );
        let checked = check(Source { name: "x", text: &text }, &NoFiles, &Limits::STANDARD);
        let found: Vec<&str> = checked.diagnostics.iter().map(|one| &text[one.span.clone()]).collect();
        assert_eq!(found, ["tasks.no", "\"chta\""], "behind {character:?}");
    }
}

#[test]
fn what_cannot_be_read_behind_such_a_character() {
    for characters in ["", "\u{7f}\u{7f}", "\u{feff}é"] {
        let text = format!(r#"{{"a":"{characters}","b":{}{}}}"#, "[".repeat(40), "]".repeat(40));
        let checked = check(Source { name: "x", text: &text }, &NoFiles, &Limits::STANDARD);
        let [found] = checked.diagnostics.as_slice() else { panic!("{:#?}", checked.diagnostics) };
        assert_eq!(found.code, "syntax");
        assert_eq!(text[..found.span.start].matches('[').count(), 31, "behind {characters:?}");
    }
}

#[test]
fn a_fix_leaves_such_a_character() {
    for said in ["é", "a\u{2028}b", "\u{7f}", "\u{feff}", "\\u2028"] {
        let text = format!(
            r#"{{"version":1,"name":"t","description":"{said}","tasks":{{"a":{{"uses":"chat","description":"{said}","with":{{"prompt":"${{{{ tasks.a.output }}}}"}}}}}}}}"#
        );
        let fixed = fix(Source { name: "x", text: &text }, &NoFiles, &Limits::STANDARD).unwrap().unwrap().text;
        assert_eq!(fixed.matches(&format!(r#""description":"{said}""#)).count(), 2, "{fixed}");
        assert!(fixed.contains("loop.previous.tasks.a.output"), "{fixed}");
    }
}
