//! What `check` and its neighbours say, as people see it.

use insta::assert_snapshot;

use crate::place::{Place, Server, said};

const CONFIG: &str = r#"
[targets.tools]
kind = "exec"
allow = ["sleep", "echo"]

[targets."openai/mini"]
kind = "chat"
base_url = "https://api.openai.com/v1"
model = "mini"
key_env = "A_VARIABLE_THAT_IS_NOT_SET"
classes = ["quick"]
"#;

impl Place {
    /// Exit code, output, errors, without graphics.
    pub(crate) fn say(&self, arguments: &[&str]) -> String {
        let (code, out, err) = said(&self.agendum(arguments).env("NO_GRAPHICS", "1").output().unwrap());
        let lines: Vec<String> = format!("{out}{err}")
            .lines()
            .map(|line| line.trim_end().to_owned())
            .filter(|line| !line.is_empty())
            .collect();
        format!("{code}\n{}", lines.join("\n"))
    }
}

#[test]
fn errors_warnings_and_words_not_run_yet() {
    let place = Place::new(&[
        ("one.yaml", "version: 1\nname: one\ntasks: { a: { uses: chta } }\n"),
        (
            "two.yaml",
            "version: 1\nname: two\ntasks: { a: { uses: embed }, b: { uses: chat, timeout: 5, with: { prompt: p.md, x: 1 } } }\n",
        ),
        ("p.md", "# A prompt\n\nSay ${{ inputs.x | uper }}.\n"),
    ]);
    assert_snapshot!(place.say(&["check", "one.yaml"]), @"
    2
    `uses` knows no `chta`
        Diagnostic severity: error
    Begin snippet for one.yaml starting at line 2, column 1
    snippet line 2: name: one
    snippet line 3: tasks: { a: { uses: chta } }
        label at line 3, columns 21 to 24
    diagnostic help: did you mean `chat`?
    diagnostic code: unknown_value
    error: one.yaml: 1 error
    ");
    assert_snapshot!(place.say(&["check", "two.yaml"]), @r"
    2
    not yet: this release does not run `uses: embed`
        Diagnostic severity: error
    Begin snippet for two.yaml starting at line 2, column 1
    snippet line 2: name: two
    snippet line 3: tasks: { a: { uses: embed }, b: { uses: chat, timeout: 5, with: { prompt: p.md, x: 1 } } }
        label at line 3, columns 21 to 25
    diagnostic code: not_yet
    `timeout` is a number; it must be a text or a map
        Diagnostic severity: error
    Begin snippet for two.yaml starting at line 2, column 1
    snippet line 2: name: two
    snippet line 3: tasks: { a: { uses: embed }, b: { uses: chat, timeout: 5, with: { prompt: p.md, x: 1 } } }
        label at line 3, column 56
    diagnostic help: write `5s`
    diagnostic code: wrong_type
    there is no input `x`: the document declares none
        Diagnostic severity: error
    Begin snippet for p.md starting at line 2, column 1
    snippet line 2:
    snippet line 3: Say ${{ inputs.x | uper }}.
        label at line 3, column 16
    diagnostic help: add `inputs: { properties: { x: { type: string } } }`
    diagnostic code: unknown_input
    there is no filter `uper`
        Diagnostic severity: error
    Begin snippet for p.md starting at line 2, column 1
    snippet line 2:
    snippet line 3: Say ${{ inputs.x | uper }}.
        label at line 3, columns 20 to 23
    diagnostic help: did you mean `upper`?
    diagnostic code: unknown_filter
    nothing reads `x`: the prompt does not name it
        Diagnostic severity: warning
    Begin snippet for two.yaml starting at line 2, column 1
    snippet line 2: name: two
    snippet line 3: tasks: { a: { uses: embed }, b: { uses: chat, timeout: 5, with: { prompt: p.md, x: 1 } } }
        label at line 3, column 81
    diagnostic help: arguments: prompt, system, messages, schema, max_tokens, temperature, stop, tools, tool_choice
    diagnostic code: unread
    error: two.yaml: 3 errors, 1 not yet supported, 1 warning
    ");
}

#[test]
fn the_configuration_in_force_counts() {
    let text = "version: 1\nname: served\ntasks: { a: { uses: chat, with: { prompt: hi }, model: { class: quik } }, b: { uses: http, with: { url: \"https://x\" } } }\n";
    let place = Place::new(&[("served.yaml", text), ("with/agendum.toml", CONFIG), ("with/served.yaml", text)]);
    assert_snapshot!(place.say(&["check", "served.yaml"]), @"
    0
    served.yaml: served with 2 tasks, 12ae494506b8
    next: agendum explain served.yaml
    ");
    assert_snapshot!(place.say(&["check", "with/served.yaml"]), @r#"
    0
    with/served.yaml: served with 2 tasks, 12ae494506b8, 2 warnings
    no target of class "quik" can chat: a run would be refused with this configuration
        Diagnostic severity: warning
    Begin snippet for with/served.yaml starting at line 2, column 1
    snippet line 2: name: served
    snippet line 3: tasks: { a: { uses: chat, with: { prompt: hi }, model: { class: quik } }, b: { uses: http, with: { url: "https://x" } } }
        label at line 3, columns 65 to 68
    diagnostic help: did you mean `quick`?
    diagnostic code: no_target
    no target can http: a run would be refused with this configuration
        Diagnostic severity: warning
    Begin snippet for with/served.yaml starting at line 2, column 1
    snippet line 2: name: served
    snippet line 3: tasks: { a: { uses: chat, with: { prompt: hi }, model: { class: quik } }, b: { uses: http, with: { url: "https://x" } } }
        label at line 3, columns 86 to 89
    diagnostic help: add a target with `kind = "http"` to agendum.toml
    diagnostic code: no_target
    next: agendum explain with/served.yaml
    "#);
}

#[test]
fn a_document_that_is_not_there_has_a_neighbour() {
    let text = "version: 1\nname: x\ntasks: { a: { uses: exec, with: { argv: [echo, 1] } } }\n";
    let place = Place::new(&[("support/graph.yaml", text), ("other/notes.md", "")]);
    for path in ["support", "support/graph.yml", "support/graph", "other", "nothing.yaml"] {
        let said = place.say(&["run", path]);
        assert!(said.starts_with("2\nerror:"), "{said}")
    }
    assert_snapshot!(place.say(&["run", "support"]), @"
    2
    error: support is a folder
    hint: did you mean support/graph.yaml?
    ");
    assert_snapshot!(place.say(&["run", "support/graph.yml"]), @"
    2
    error: there is no file support/graph.yml
    hint: did you mean support/graph.yaml?
    ");
    assert_snapshot!(place.say(&["check", "other"]), @"
    2
    error: other is a folder
    hint: name the document inside it
    ");
    assert_snapshot!(place.say(&["check", "nothing.yaml"]), @"
    2
    error: there is no file nothing.yaml
    ");
    assert_snapshot!(place.say(&["run", "support/graph.yaml", "--deadline", "8"]), @r"
    2
    error: --deadline 8 is no span of time
    hint: write `8s`
    ");
    assert_snapshot!(place.say(&["run", "support/graph.yaml", "--deadline", "soon"]), @r"
    2
    error: --deadline soon is no span of time
    hint: write it as 900ms, 8s, 1h30m or ISO 8601 (PT8S)
    ");
}

#[test]
fn a_long_list_says_that_it_is_cut() {
    let tasks: String =
        (0..1_001).map(|n| format!("  t{n}: {{ uses: chat, x: 1, with: {{ prompt: hi }} }}\n")).collect();
    let place = Place::new(&[("many.yaml", &format!("version: 1\nname: many\ntasks:\n{tasks}"))]);
    let (_, _, err) = place.run(&["check", "many.yaml"]);
    assert_eq!(err.lines().last(), Some("error: many.yaml: 1000 errors; there are more than these"));
    let (_, _, err) = place.run(&["run", "many.yaml"]);
    assert_eq!(err.lines().last(), Some("there are more than these"));
    assert_eq!(place.json(&["check", "many.yaml"])["more"], true);
}

#[test]
fn what_looks_like_a_plan_is_refused_as_one() {
    let place = Place::new(&[(
        "plan.json",
        r#"{"task_steps": ["think"], "task_nodes": [{"task": "a"}, {"task": "a"}], "task_links": [{"source": "a", "target": "b"}]}"#,
    )]);
    assert_snapshot!(place.say(&["check", "plan.json"]), @r#"
    2
    error: plan.json is an agent's plan that cannot be run
      several nodes are called "a" and a link names it: give each an "id" of its own, and link the ids
      a link leads to "b", which is not among the nodes: add the node, or drop the link
    "#);
    let told = place.say(&["check", "--json", "plan.json"]);
    let told: serde_json::Value = serde_json::from_str(told.lines().nth(1).unwrap()).unwrap();
    let reasons = told["diagnostics"].as_array().unwrap();
    assert_eq!((reasons.len(), &reasons[0]["code"]), (2, &"plan".into()), "{told}");
}

#[test]
fn an_addition_is_checked_without_a_run() {
    let place = Place::new(&[
        ("graph.yaml", "version: 1\nname: x\ntasks: { a: { uses: chat, with: { prompt: x } } }\n"),
        ("more.yaml", "tasks: { b: { uses: chat, with: { prompt: \"${{ tasks.a.output }}\" } } }\n"),
        (
            "wrong.yaml",
            "tasks: { a: { uses: chat, with: { prompt: x } }, c: { uses: chat, needs: [d], with: { prompt: x } } }\n",
        ),
    ]);
    let said = place.say(&["check", "more.yaml", "--added-to", "graph.yaml"]);
    assert!(
        said.starts_with("0\nmore.yaml: x with 2 tasks, ") && said.contains("next: agendum runs add RUN more.yaml"),
        "{said}"
    );
    let said = place.say(&["check", "wrong.yaml", "--added-to", "graph.yaml"]);
    assert!(
        said.starts_with("2\n") && said.contains("duplicate_task") && said.contains("there is no task `d`"),
        "{said}"
    );
    let said = place.say(&["check", "more.yaml", "--added-to", "more.yaml"]);
    assert!(said.starts_with("2\n"), "no document to add to: {said}");
}

#[test]
fn an_addition_is_said_in_its_own_text() {
    let place = Place::new(&[
        ("agendum.toml", "[targets.tools]\nkind = \"exec\"\nallow = [\"sleep\"]\n"),
        (
            "graph.yaml",
            "version: 1\nname: x\ntasks: { nap: { uses: exec, effect: none, with: { argv: [sleep, 60] } } }\n",
        ),
        (
            "more.yaml",
            "tasks:\n  nap: { uses: exec, with: { argv: [sleep, 1] } }\n  b: { uses: chat, with: { promt: x } }\n",
        ),
    ]);
    let _server = Server::start(&place, &[]);
    let id = place.run(&["run", "graph.yaml", "--detach"]).1;
    let id = id.trim();
    assert_snapshot!(place.say(&["runs", "add", id, "more.yaml"]), @"
    2
    there is another task `nap`
        Diagnostic severity: error
    Begin snippet for more.yaml starting at line 1, column 1
    snippet line 1: tasks:
    snippet line 2:   nap: { uses: exec, with: { argv: [sleep, 1] } }
        label at line 2, columns 3 to 5
    snippet line 3:   b: { uses: chat, with: { promt: x } }
    diagnostic help: give one of them another name
    diagnostic code: duplicate_task
    unknown key `promt` in `with` of `chat`
        Diagnostic severity: error
    Begin snippet for more.yaml starting at line 2, column 1
    snippet line 2:   nap: { uses: exec, with: { argv: [sleep, 1] } }
    snippet line 3:   b: { uses: chat, with: { promt: x } }
        label at line 3, columns 28 to 32
    diagnostic help: did you mean `prompt`?
    diagnostic code: unknown_key
    error: no tasks were added
    ");
    assert!(place.say(&["runs", "cancel", id]).starts_with('0'));
    assert_snapshot!(place.say(&["runs", "add", id, "more.yaml"]).replace(id, "RUN"), @"
    2
    error: the run is not live: run RUN has ended: cancelled
    ");
}

const GREET: &str = "
version: 1
name: greet
inputs: { type: object, required: [name], properties: { name: { type: string } } }
tasks: { m: { uses: moderate, with: { text: \"${{ inputs.name }}\" } } }
output: ok
";

/// Commands, and what is said to each.
fn transcript(place: &Place, commands: &[&str]) -> String {
    let said = |command: &&str| place.say(&command.split(' ').collect::<Vec<_>>());
    commands.iter().map(|command| format!("$ agendum {command}\n{}\n\n", said(command))).collect()
}

#[test]
fn what_a_newcomer_may_do_is_answered_well() {
    let place = Place::new(&[("greet.yaml", GREET), ("page.md", "# Page\n\nWords.\n")]);
    let first = transcript(
        &place,
        &[
            "run greet.yaml",
            "run greet.yaml -i nme=Ada",
            "index add pages page.md",
            "index search pages nothing",
            "runs ls",
            "runs ls --limit 0",
            "--data page.md run greet.yaml -i name=Ada",
            "--data page.md index add pages page.md",
            "provider --listen 192.0.2.1:7421",
        ],
    );
    assert_eq!(place.run(&["run", "greet.yaml", "-i", "name=Ada"]).0, 0);
    let server = Server::start(&place, &[]);
    let (code, _, err) = place.run(&["serve"]);
    assert!(code == 2 && err.contains(&format!("kill {} stops it", server.id())), "{code} {err}");
    let then = transcript(&place, &["runs ls --status failed", "runs ls --graph other"]);
    assert_snapshot!(first + &then, @r#"
    $ agendum run greet.yaml
    2
    error: the inputs do not fit the graph: "name" is a required property
    hint: agendum run greet.yaml --input name=…

    $ agendum run greet.yaml -i nme=Ada
    2
    error: the inputs do not fit the graph: unknown input `nme` (did you mean `name`?); "name" is a required property
    hint: inputs of the graph: name string; a text that reads as JSON is quoted twice: -i name='"42"'

    $ agendum index add pages page.md
    0
    pages: 1 passage; files: 1 new, 0 changed, 0 unchanged, 0 gone, 0 skipped
    next: agendum index search pages WORDS

    $ agendum index search pages nothing
    0
    no passage of pages has these words

    $ agendum runs ls
    0
    no runs; start one: agendum demo

    $ agendum runs ls --limit 0
    2
    error: invalid value '0' for '--limit <N>': 0 is not in 1..=1000
    For more information, try '--help'.

    $ agendum --data page.md run greet.yaml -i name=Ada
    2
    error: cannot make the data directory page.md: File exists (os error 17)
    hint: name another with --data DIR

    $ agendum --data page.md index add pages page.md
    2
    error: cannot make the data directory page.md: File exists (os error 17)
    hint: name another with --data DIR

    $ agendum provider --listen 192.0.2.1:7421
    2
    error: 192.0.2.1:7421 is not a loopback address
    hint: this release speaks plain HTTP without tenants: put a proxy with TLS in front of 127.0.0.1

    $ agendum runs ls --status failed
    0
    no run is like that; agendum runs ls lists all

    $ agendum runs ls --graph other
    0
    no run is like that; agendum runs ls lists all
    "#);
}
