//! A question answered, exit codes, kills, examples.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

use crate::place::{Place, Server, root, said};

impl Place {
    /// Writes `graph.yaml` of shell lines: name, line, and more of the task.
    pub(crate) fn shells(&self, tasks: &[(&str, &str, &str)]) {
        let mut text = "version: 1\nname: shell\ntasks:\n".to_owned();
        for (name, line, more) in tasks {
            text.push_str(&format!("  {name}: {{ uses: exec, with: {{ argv: [sh, -c, {line:?}] }}, {more} }}\n"));
        }
        self.write("graph.yaml", &text);
    }

    /// The files of an example, in a folder of this name.
    fn copy_example(&self, name: &str, files: &[&str], to: &str) {
        for file in files {
            let text = std::fs::read_to_string(root().join("examples").join(name).join(file)).unwrap();
            self.write(&format!("{to}/{file}"), &text);
        }
    }
}

#[test]
fn a_question_is_answered_from_the_pages_of_the_project() {
    let place = Place::new(&[]);
    let question = "question=How does Agendum survive a crash?";
    let mut command = place.agendum(&["run", "examples/support-answer/graph.yaml", "--input", question]);
    let (code, out, err) = said(&command.current_dir(root()).output().unwrap());
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("journal") && out.contains("docs/durability.md"), "{out}");
    assert!(err.contains("moderation") && err.contains("succeeded in"), "{err}");
    let why = place.json(&["why", "last"]);
    let sum: f64 = why["parts"].as_array().unwrap().iter().map(|part| part["ms"].as_f64().unwrap()).sum();
    assert!((sum - why["wall_ms"].as_f64().unwrap()).abs() < 0.01, "{why}");
    let runs = place.json(&["runs", "ls"]);
    assert_eq!((runs[0]["status"].as_str(), runs.as_array().unwrap().len()), (Some("succeeded"), 1));
}

#[test]
fn another_language_is_searched_in_english() {
    let place = Place::new(&[]);
    let question = "question=Wie überlebt Agendum einen Absturz?";
    let mut command = place.agendum(&["--json", "run", "examples/support-answer/graph.yaml", "--input", question]);
    let (code, out, err) = said(&command.current_dir(root()).output().unwrap());
    assert_eq!(code, 0, "{err}");
    let result: Json = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(result["run"]["output"]["note"].as_str().map(|note| note.contains("no neural network")), Some(true));
    assert!(out.lines().any(|line| line.contains("\"task.started\"") && line.contains("\"english\"")), "{out}");
}

#[test]
fn exit_codes_say_what_happened() {
    let place = Place::with_shell();
    let code = |tasks: &[(&str, &str, &str)], arguments: &[&str]| {
        place.shells(tasks);
        let (code, _, err) = place.run(&[&["run", "graph.yaml"], arguments].concat());
        (code, err)
    };
    assert_eq!(code(&[("fine", "exit 0", "effect: none")], &[]).0, 0);
    let (failed, err) = code(&[("broken", "echo oh >&2; exit 3", "effect: none")], &[]);
    assert_eq!(failed, 1, "{err}");
    assert!(err.contains("broken: permanent") && err.contains("hint: agendum why 0"), "{err}");
    let (late, err) = code(&[("slow", "sleep 30", "effect: none")], &["--deadline", "200ms"]);
    assert_eq!(late, 4, "{err}");
    assert!(!err.contains("after the answer") && err.matches("agendum why").count() == 1, "{err}");
    let (usage, err) = code(&[("fine", "exit 0", "efect: none")], &[]);
    assert_eq!(usage, 2, "{err}");
    assert!(err.contains("did you mean `effect`?") && err.contains("graph.yaml:4"), "{err}");
    assert_eq!(place.run(&["why", "nothing"]).0, 2);
}

#[test]
fn a_step_of_a_plan_reads_what_another_printed() {
    let hard = "  <a> \\ \"b\" & 'c' ${{ x }} {% if %}\u{e9}";
    let plan = serde_json::json!([
        { "id": 1, "tool": "echo", "args": hard },
        { "id": 2, "tool": "echo", "args": ["$1", { "deep": "it was ${1}, not $$1" }], "dependencies": [1] },
    ]);
    let config = "[targets.tools]\nkind = \"exec\"\nallow = [\"echo\"]\n";
    let place = Place::new(&[("agendum.toml", config), ("plan.json", &plan.to_string())]);
    let output = place.json(&["run", "plan.json"])["run"]["output"].take();
    let printed = |step: &str| output[step]["stdout"].as_str().unwrap_or_else(|| panic!("{output}"));
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let first = printed("s0").trim_end();
    assert_eq!(json(first), hard);
    assert_eq!(json(printed("s1")), serde_json::json!([first, { "deep": format!("it was {first}, not $1") }]));
}

#[test]
fn a_plan_whose_programs_nothing_starts_is_told_so() {
    let place = Place::new(&[("plan.json", r#"[{ "id": 1, "tool": "echo", "args": "x" }]"#)]);
    let (code, _, err) = place.run(&["check", "plan.json"]);
    assert!(code == 0 && err.contains("no target can exec"), "{code} {err}");
    assert!(err.contains("add a target with `kind = \"exec\"` to agendum.toml"), "{err}");
}

#[test]
fn a_plan_with_a_cycle_is_refused_with_its_path() {
    let place = Place::new(&[("plan.json", r#"{"nodes":["a","b"],"links":[["a","b"],["b","a"]]}"#)]);
    let (code, _, err) = place.run(&["check", "plan.json"]);
    assert!(code == 2 && err.contains("the plan is a cycle: a → b → a"), "{code} {err}");
}

#[test]
fn a_cycle_is_fixed_where_it_stands() {
    let cyclic = "version: 1\nname: cyclic\ntasks:\n  # writes\n  a: { uses: chat, needs: [b], with: { prompt: hi } }\n  b: { uses: chat, needs: [a], with: { prompt: hi } }\n";
    let place = Place::new(&[("graph.yaml", cyclic)]);
    let check = |arguments: &[&str]| place.run(&[&["check"], arguments, &["graph.yaml"]].concat());
    let written = || std::fs::read_to_string(place.path("graph.yaml")).unwrap();
    let (code, _, err) = check(&[]);
    assert!(code == 2 && err.contains("a → b → a") && err.contains("check --fix"), "{err}");
    let (code, out, err) = check(&["--fix", "-n"]);
    assert!(code == 0 && out.contains("+  a_loop:") && err.contains("nothing is written"), "{out}{err}");
    assert_eq!(written(), cyclic);
    let (code, out, err) = check(&["--fix"]);
    assert!(code == 0 && out.contains("+      # writes") && err.contains("fill in its `until`"), "{out}{err}");
    assert_eq!(check(&[]).0, 0, "what was written is right");
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 1, "nothing is left beside it");

    let mut child = place.agendum(&["check", "--fix", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(cyclic.as_bytes()).unwrap();
    let (_, out, err) = said(&child.wait_with_output().unwrap());
    assert_eq!(out, written(), "{err}");
    assert!(err.contains("+  a_loop:"), "{err}");
}

#[test]
fn a_killed_server_loses_nothing() {
    let place = Place::with_shell();
    // Its start is durable before it leaves, and so is what came before it in the journal: the end of `before`.
    let caught =
        "needs: [before], effect: once, on_uncertain: fail, catch: [{ on: [uncertain], output: nobody knows }]";
    place.shells(&[
        ("before", "echo x >> before", "effect: none"),
        ("free", "echo x >> free; while [ ! -e go ]; do sleep 0.05; done", "needs: [before], effect: none"),
        ("once", "echo x >> once; sleep 60", caught),
    ]);
    let mut server = Server::start(&place, &[]);
    let id = place.json(&["run", "graph.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.wait_for("free");
    place.wait_for("once");
    server.kill();
    place.write("go", "");
    let _second = Server::start(&place, &[]);
    let detail = place.json(&["runs", "watch", &id]);
    assert_eq!(detail["run"]["output"]["once"], "nobody knows", "{detail}");
    let count = |name: &str| std::fs::read_to_string(place.path(name)).unwrap_or_default().lines().count();
    assert_eq!((count("before"), count("free"), count("once")), (1, 2, 1), "done, lost and run again, never again");
}

/// Whether a process is there and lives.
fn lives(id: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

#[test]
fn a_killed_server_leaves_no_program_behind() {
    let place = Place::with_shell();
    let said = |name: &str| std::fs::read_to_string(place.path(name)).unwrap_or_default();
    let line = |name: &str, start: &str| format!("{start} sh -c 'echo $$ > {name}; exec sleep 600'");
    let programs = format!("{} & {} & wait", line("child", ""), line("apart", "setsid"));
    place.shells(&[("long", &programs, "effect: none")]);
    let mut server = Server::start(&place, &[]);
    let (code, _, err) = place.run(&["run", "graph.yaml", "--detach"]);
    assert_eq!(code, 0, "{err}");
    while !said("child").ends_with('\n') || !said("apart").ends_with('\n') {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(lives(&said("child")) && lives(&said("apart")));
    server.kill();
    while lives(&said("child")) || lives(&said("apart")) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_missing_program_is_named_with_the_way_to_get_it() {
    let place = Place::new(&[]);
    place.copy_example("media", &["graph.yaml", "agendum.toml", "scenes/harbor.pov.j2"], "media");
    let bare = |arguments: &[&str]| said(&place.agendum(arguments).env("PATH", place.path("data")).output().unwrap());
    let (code, _, err) = bare(&["run", "media/graph.yaml"]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("permanent: \"tee\" is not installed") && err.contains("hint: agendum doctor media"), "{err}");
    let (code, out, err) = bare(&["doctor", "media"]);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("– flite") && out.contains("\napt-get install flite sox pocketsphinx "), "{out}");
}

#[test]
fn a_commit_is_reviewed_as_it_was() {
    let place = Place::new(&[]);
    place.copy_example("code-review", &["graph.yaml", "agendum.toml", "prompts/summary.md"], "examples/code-review");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]).args(arguments);
        assert!(command.current_dir(place.folder()).output().unwrap().status.success(), "git {arguments:?}");
    };
    let mark = concat!("// TO", "DO: more");
    git(&["init", "--quiet"]);
    place.write(".gitignore", "examples\ndata\n");
    place.write("a.rs", &format!("fn a() {{}} \n{mark}\n"));
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "a: begins"]);
    place.write("a.rs", "what is not committed yet\n");
    let lint = r#"lint=["git", "grep", "--no-index", "-c", "fn a", "--", "a.rs"]"#;
    let tests = r#"tests=["git", "no-such-command"]"#;
    let result = place.json(&["run", "examples/code-review/graph.yaml", "-i", lint, "-i", tests]);
    let said = &result["run"]["output"];
    assert_eq!(said["lint"], "clean", "it looks at the commit's files: {said}");
    assert!(said["tests"].as_str().unwrap().contains("no-such-command"), "{said}");
    assert!(said["whitespace"].as_str().unwrap().contains("a.rs:1: trailing whitespace"), "{said}");
    assert_eq!(said["marks"][0], format!("HEAD:a.rs:2:{mark}"), "{said}");
    assert!(said["summary"].as_str().unwrap().contains("which failed with code 1"), "{said}");
    assert_eq!(std::fs::read_to_string(place.path("a.rs")).unwrap(), "what is not committed yet\n");
}

#[test]
fn a_reader_that_goes_changes_nothing_about_the_end() {
    let place = Place::with_shell();
    place.shells(&[("broken", "sleep 0.2; echo oh >&2; exit 3", "effect: none")]);
    place.write("bad.yaml", "version: 1\nname: bad\ntasks: { a: { uses: chatt } }\n");
    for (arguments, code) in [
        (&["run", "graph.yaml"][..], 1),
        (&["run", "graph.yaml", "--json"], 1),
        (&["runs", "watch", "last"], 1),
        (&["check", "bad.yaml"], 2),
        (&["why", "nothing"], 2),
        (&["runs", "ls"], 0),
        (&["schema"], 0),
        (&["completions", "bash"], 0),
    ] {
        let mut child = place.agendum(arguments).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
    }
    let runs = place.json(&["runs", "ls"]);
    assert!(runs.as_array().unwrap().iter().all(|run| run["status"] == "failed"), "{runs}");
}

#[test]
fn policies_are_compared_and_written_as_a_page() {
    let place = Place::with_shell();
    place.write("rules.yaml", "version: 1\npolicy: rules\nfairness: { credit: 9 }\n");
    let asked = ["simulate", "e3", "--seeds", "1", "--report", "out.html", "--compare", "balanced", "./rules.yaml"];
    let (code, out, err) = place.run(&asked);
    assert!(code == 0 && out.contains("lighter half") && out.contains("./rules.yaml"), "{out} {err}");
    let page = std::fs::read_to_string(place.path("out.html")).unwrap();
    assert!(err.contains("out.html") && page.contains("Attempts out on models") && page.contains("url(#p"), "{err}");
    let (code, _, err) = place.run(&["simulate", "nothing"]);
    assert!(
        code == 2 && err.contains("shipped are e1, e2, e2-runs, e2-said, e2-noise, e2-outage, e2-storm, e2-urgent, e3, e3-ahead, e3-deep, e3-servegen, e3-weights, e4-j30, e4-j60, e4-j120, e4-online, e5, e5-regions, e9, e9-luck, e10, e10-cold, e10-tenants, quota"),
        "{err}"
    );
}

#[test]
fn what_a_program_printed_is_left_as_it_was() {
    let place = Place::with_shell();
    let text = "\u{1b}]52;c;eA==\u{7}\u{1b}[31mred\u{1b}[0m \u{9b}2J \r\u{7f}";
    place.write(
        "graph.yaml",
        "version: 1\nname: g\noutput: \"${{ tasks.a.output.stdout }}\"\ntasks:\n  a: { uses: exec, with: { argv: [sh, -c, cat text] }, effect: none }\n",
    );
    place.write("text", text);
    for arguments in [["run", "graph.yaml"], ["runs", "show"], ["runs", "watch"]] {
        let last = if arguments[0] == "runs" { &["last"][..] } else { &[] };
        let (code, out, err) = place.run(&[&arguments[..], last].concat());
        assert!(code == 0 && out.ends_with(&format!("{text}\n")), "{arguments:?} {out:?} {err}");
    }
}

#[test]
fn whoever_steers_is_told_in_one_object() {
    let place = Place::with_shell();
    place.shells(&[("nap", "sleep 60", "effect: none")]);
    place.write(
        "more/tasks.yaml",
        "tasks:\n  more: { uses: exec, effect: none, with: { argv: [sh, -c, exit], stdin: in.txt } }\n",
    );
    place.write("more/in.txt", "What a program reads.");
    place.write("page.md", "# Page\n\nWords.\n");
    let server = Server::start(&place, &[]);
    let id = place.json(&["run", "graph.yaml", "--detach"])["id"].as_str().unwrap().to_owned();
    place.json(&["index", "add", "pages", "page.md"]);
    for (arguments, answer) in [
        (&["runs", "pause", "last"][..], serde_json::json!({ "id": id, "command": "pause" })),
        (&["runs", "resume", "last"], serde_json::json!({ "id": id, "command": "resume" })),
        (&["runs", "add", "last", "more/tasks.yaml"], serde_json::json!({ "id": id, "tasks": 2 })),
        (&["runs", "cancel", "last"], serde_json::json!({ "id": id, "command": "cancel" })),
        (&["index", "rm", "pages"], serde_json::json!({ "removed": "pages" })),
    ] {
        let (code, out, err) = place.run(&[&["--json"], arguments].concat());
        let out: Json = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{arguments:?} {out:?}"));
        assert_eq!((code, out, err.as_str()), (0, answer, ""), "{arguments:?}");
    }
    server.stop();
}

#[test]
fn a_doctor_finds_what_no_command_can_open() {
    let doctor = |place: &Place, data: &str| {
        let (code, out, _) = place.run(&["--data", data, "doctor"]);
        let found = out.lines().filter(|line| line.starts_with('✗')).map(|line| line.replace(data, "DATA"));
        (code, found.collect::<Vec<_>>().join("\n"))
    };
    let place = Place::with_shell();
    assert_eq!(doctor(&place, "new/data"), (0, String::new()));
    assert!(!place.path("new").exists(), "it only looks");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::create_dir(place.path("open")).unwrap();
    std::fs::set_permissions(place.path("open"), open.clone()).unwrap();
    assert_eq!(doctor(&place, "open"), (0, String::new()));
    assert_eq!(std::fs::metadata(place.path("open")).unwrap().permissions().mode() & 0o777, open.mode());
    assert_eq!(std::fs::read_dir(place.path("open")).unwrap().count(), 0);
    let (code, found) = doctor(&place, "/proc");
    assert!(code == 1 && found.contains("cannot write in the data directory DATA"), "{code} {found}");
    place.shells(&[("a", "exit 0", "effect: none")]);
    for data in ["fine", "lost", "strange", "emptied"] {
        assert_eq!(place.run(&["--data", data, "run", "graph.yaml"]).0, 0);
    }
    std::fs::remove_file(place.path("lost/secret")).unwrap();
    for companion in ["strange/agendum.db-wal", "strange/agendum.db-shm"] {
        let _absent = std::fs::remove_file(place.path(companion));
    }
    std::fs::write(place.path("strange/agendum.db"), "what no release wrote").unwrap();
    std::fs::write(place.path("emptied/agendum.db"), "").unwrap();
    assert_eq!(doctor(&place, "fine"), (0, String::new()));
    let commands = [
        ("emptied", "runs ls"),
        ("emptied", "runs show last"),
        ("lost", "runs ls"),
        ("strange", "runs ls"),
        ("/proc/nope", "run graph.yaml"),
        ("graph.yaml/in/a/file", "run graph.yaml"),
    ];
    for (data, command) in commands {
        let (code, found) = doctor(&place, data);
        let command: Vec<&str> = command.split(' ').collect();
        let (_, _, error) = place.run(&[&["--data", data], &command[..]].concat());
        let said = found.strip_prefix("✗ data").unwrap_or_else(|| panic!("{data}: {found}")).trim().to_owned();
        assert!(code == 1 && error.replace(data, "DATA").contains(&said), "{data}: {said} — {error}");
    }
    place.write(
        "agendum.toml",
        "[targets.mine]\nkind = \"chat\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"x\"\n",
    );
    let (_, out, _) = place.run(&["doctor"]);
    assert!(out.contains("configured: mine") && !out.contains("set OPENAI_API_KEY"), "{out}");
}

#[test]
fn a_doctor_finds_an_owner_that_does_not_answer() {
    let place = Place::new(&[]);
    let server = Server::start(&place, &[]);
    let (code, out, _) = place.run(&["doctor"]);
    assert!(code == 0 && out.contains(&format!("process {} at 127.0.0.1:", server.id())), "{out}");
    server.signal("-STOP");
    let (code, out, _) = place.run(&["doctor"]);
    assert!(code == 1 && out.contains("✗ owner") && out.contains("does not answer at"), "{code} {out}");
}

#[test]
fn what_people_do_not_start_is_not_listed() {
    let place = Place::new(&[]);
    for arguments in [&[][..], &["--help"], &["exec-gard"], &["completions", "bash"]] {
        let (_, out, err) = place.run(arguments);
        assert!(!out.contains("exec-guard") && !err.contains("exec-guard"), "{arguments:?} {out} {err}");
    }
}

#[test]
fn a_retry_says_why() {
    let place = Place::with_shell();
    let judged = "effect: none, fail_if: \"${{ tasks.a.output.stdout != '' }}\", retry: { max_attempts: 2, initial_delay: 1ms, on: [any] }";
    place.shells(&[("a", "echo x; [ -e b ] && printf '<html>\n<p>\nno\n</p>' >&2; touch b", judged)]);
    let (code, _, err) = place.run(&["run", "graph.yaml"]);
    assert_eq!(code, 1, "{err}");
    let line = err.lines().find(|line| line.contains("will retry")).unwrap_or_else(|| panic!("{err}"));
    assert!(line.contains("invalid_output: its result fulfils `fail_if`, will retry"), "{err}");
}
