//! What `check` and its neighbours say, as people see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;

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

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            let path = world.folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        world
    }

    fn agendum(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agendum"));
        command.current_dir(&self.folder).env_remove("AGENDUM_DATA").env_remove("AGENDUM_CONFIG");
        command.env("NO_COLOR", "1").env("NO_GRAPHICS", "1").arg("--data").arg(self.folder.path().join("data"));
        command
    }

    /// Exit code, output, errors.
    fn say(&self, arguments: &[&str]) -> String {
        let output = self.agendum().args(arguments).output().unwrap();
        let read = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let lines: Vec<String> = format!("{}{}", read(&output.stdout), read(&output.stderr))
            .lines()
            .map(|line| line.trim_end().to_owned())
            .filter(|line| !line.is_empty())
            .collect();
        format!("{}\n{}", output.status.code().unwrap(), lines.join("\n"))
    }
}

#[test]
fn errors_warnings_and_words_not_run_yet() {
    let world = World::new(&[
        ("one.yaml", "version: 1\nname: one\ntasks: { a: { uses: chta } }\n"),
        (
            "two.yaml",
            "version: 1\nname: two\ntasks: { a: { uses: agent }, b: { uses: chat, timeout: 5, with: { prompt: p.md, x: 1 } } }\n",
        ),
        ("p.md", "# A prompt\n\nSay ${{ inputs.x | uper }}.\n"),
    ]);
    assert_snapshot!(world.say(&["check", "one.yaml"]), @"
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
    assert_snapshot!(world.say(&["check", "two.yaml"]), @"
    2
    not yet: this release does not run `uses: agent`
        Diagnostic severity: error
    Begin snippet for two.yaml starting at line 2, column 1
    snippet line 2: name: two
    snippet line 3: tasks: { a: { uses: agent }, b: { uses: chat, timeout: 5, with: { prompt: p.md, x: 1 } } }
        label at line 3, columns 21 to 25
    diagnostic code: not_yet
    `timeout` is a number; it must be a text or a map
        Diagnostic severity: error
    Begin snippet for two.yaml starting at line 2, column 1
    snippet line 2: name: two
    snippet line 3: tasks: { a: { uses: agent }, b: { uses: chat, timeout: 5, with: { prompt: p.md, x: 1 } } }
        label at line 3, column 56
    diagnostic help: write `5s`
    diagnostic code: wrong_type
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
    snippet line 3: tasks: { a: { uses: agent }, b: { uses: chat, timeout: 5, with: { prompt: p.md, x: 1 } } }
        label at line 3, column 81
    diagnostic help: arguments: prompt, system, messages, schema, max_tokens, temperature, stop, tools
    diagnostic code: unread
    error: two.yaml: 2 errors, 1 not yet supported, 1 warning
    ");
}

#[test]
fn the_configuration_in_force_counts() {
    let text = "version: 1\nname: served\ntasks: { a: { uses: chat, with: { prompt: hi }, model: { class: quik } }, b: { uses: http, with: { url: x } } }\n";
    let world = World::new(&[("served.yaml", text), ("with/agendum.toml", CONFIG), ("with/served.yaml", text)]);
    assert_snapshot!(world.say(&["check", "served.yaml"]), @"
    0
    served.yaml: served with 2 tasks, 47fc0403d0b7
    next: agendum explain served.yaml
    ");
    assert_snapshot!(world.say(&["check", "with/served.yaml"]), @r#"
    0
    with/served.yaml: served with 2 tasks, 47fc0403d0b7, 2 warnings
    no target of class "quik" can chat: a run would be refused with this configuration
        Diagnostic severity: warning
    Begin snippet for with/served.yaml starting at line 2, column 1
    snippet line 2: name: served
    snippet line 3: tasks: { a: { uses: chat, with: { prompt: hi }, model: { class: quik } }, b: { uses: http, with: { url: x } } }
        label at line 3, columns 65 to 68
    diagnostic help: did you mean `quick`?
    diagnostic code: no_target
    no target can http: a run would be refused with this configuration
        Diagnostic severity: warning
    Begin snippet for with/served.yaml starting at line 2, column 1
    snippet line 2: name: served
    snippet line 3: tasks: { a: { uses: chat, with: { prompt: hi }, model: { class: quik } }, b: { uses: http, with: { url: x } } }
        label at line 3, columns 86 to 89
    diagnostic help: add a target with `kind = "http"` to agendum.toml
    diagnostic code: no_target
    next: agendum explain with/served.yaml
    "#);
}

#[test]
fn a_document_that_is_not_there_has_a_neighbour() {
    let text = "version: 1\nname: x\ntasks: { a: { uses: exec, with: { argv: [echo, 1] } } }\n";
    let world = World::new(&[("support/graph.yaml", text), ("other/notes.md", "")]);
    for path in ["support", "support/graph.yml", "support/graph", "other", "nothing.yaml"] {
        let said = world.say(&["run", path]);
        assert!(said.starts_with("2\nerror:"), "{said}")
    }
    assert_snapshot!(world.say(&["run", "support"]), @"
    2
    error: support is a folder
    hint: did you mean support/graph.yaml?
    ");
    assert_snapshot!(world.say(&["run", "support/graph.yml"]), @"
    2
    error: there is no file support/graph.yml
    hint: did you mean support/graph.yaml?
    ");
    assert_snapshot!(world.say(&["check", "other"]), @"
    2
    error: other is a folder
    hint: name the document inside it
    ");
    assert_snapshot!(world.say(&["check", "nothing.yaml"]), @"
    2
    error: there is no file nothing.yaml
    ");
    assert_snapshot!(world.say(&["run", "support/graph.yaml", "--deadline", "8"]), @"
    2
    error: --deadline 8 is no span of time
    hint: write 8s
    ");
    assert_snapshot!(world.say(&["run", "support/graph.yaml", "--deadline", "soon"]), @"
    2
    error: --deadline soon is no span of time
    hint: write it as 900ms, 8s, 1h30m
    ");
}

#[test]
fn what_looks_like_a_plan_is_refused_as_one() {
    let world = World::new(&[(
        "plan.json",
        r#"{"task_steps": ["think"], "task_nodes": [{"task": "a"}, {"task": "a"}], "task_links": [{"source": "a", "target": "b"}]}"#,
    )]);
    assert_snapshot!(world.say(&["check", "plan.json"]), @r#"
    2
    error: plan.json is an agent's plan that cannot be run:
      several nodes are called "a" and a link names it: give each an "id" of its own, and link the ids
      a link leads to "b", which is not among the nodes: add the node, or drop the link
    "#);
}

/// A server that ends with its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

#[test]
fn an_addition_is_said_in_its_own_text() {
    let world = World::new(&[
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
    let mut serve = world.agendum();
    let child = serve.args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut server = Server(child);
    let mut said = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.0.stderr.take().unwrap()), &mut said).unwrap();
    assert!(said.contains("agendum listens"), "{said}");
    let id =
        String::from_utf8(world.agendum().args(["run", "graph.yaml", "--detach"]).output().unwrap().stdout).unwrap();
    let id = id.trim();
    assert_snapshot!(world.say(&["runs", "add", id, "more.yaml"]), @"
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
    assert!(world.say(&["runs", "cancel", id]).starts_with('0'));
    assert_snapshot!(world.say(&["runs", "add", id, "more.yaml"]).replace(id, "RUN"), @"
    2
    error: the run is not live: run RUN is not live: it has ended, or never was
    ");
}
